"""Element types: tsnap's, NumPy's and PyTorch's.

NumPy has no bfloat16 and no 8-bit floats. Where the package ml_dtypes has been imported its types are used; else such an
element is a record of one unsigned integer that bears the type's name, so that nothing is mistaken for a number:
`array["bfloat16"]` are the bits.
"""

from __future__ import annotations

import ast
import sys

import numpy as np

from . import abi

NAMES = {
    abi.BOOL: "bool", abi.INT8: "int8", abi.INT16: "int16", abi.INT32: "int32", abi.INT64: "int64",
    abi.UINT8: "uint8", abi.UINT16: "uint16", abi.UINT32: "uint32", abi.UINT64: "uint64",
    abi.FLOAT8_E4M3: "float8_e4m3fn", abi.FLOAT8_E5M2: "float8_e5m2", abi.FLOAT16: "float16", abi.BFLOAT16: "bfloat16",
    abi.FLOAT32: "float32", abi.FLOAT64: "float64", abi.COMPLEX64: "complex64", abi.COMPLEX128: "complex128",
    abi.OPAQUE: "opaque"}
CODES = {name: code for code, name in NAMES.items()}
BITS = {abi.FLOAT8_E4M3: np.dtype([("float8_e4m3fn", "u1")]), abi.FLOAT8_E5M2: np.dtype([("float8_e5m2", "u1")]),
        abi.BFLOAT16: np.dtype([("bfloat16", "u2")])}
# The attribute that says which NumPy dtype the records of an opaque array are.
RECORD_ATTRIBUTE = "numpy.dtype"


def from_numpy(dtype: np.dtype, path: str) -> tuple:
    """(code, item_bytes) of a NumPy dtype. What C does not know is kept as records, byte for byte."""
    if dtype.hasobject:
        raise TypeError(f"{path}: an array of Python objects ({dtype}) cannot be stored; give it a dtype of fixed size")
    for code, bits in BITS.items():
        if dtype == bits:
            return code, dtype.itemsize
    known = CODES.get(dtype.name, abi.OPAQUE)
    if known == abi.OPAQUE or dtype.kind in "SUMm":
        if dtype.itemsize == 0:
            raise TypeError(f"{path}: elements of dtype {dtype!r} have no bytes")
        return abi.OPAQUE, dtype.itemsize
    if not dtype.isnative:
        raise TypeError(f"{path}: elements of dtype {dtype.str} have the other byte order than this machine; "
                        "pass array.astype(array.dtype.newbyteorder('='))")
    return known, dtype.itemsize


def to_numpy(code: int, item_bytes: int, record: str | None = None) -> np.dtype:
    """The NumPy dtype of stored elements; `record` is the text of RECORD_ATTRIBUTE, if there is one."""
    if code in BITS:
        module = sys.modules.get("ml_dtypes")
        return np.dtype(getattr(module, NAMES[code])) if module is not None else BITS[code]
    if code != abi.OPAQUE:
        return np.dtype(NAMES[code])
    return _record(record, item_bytes) or np.dtype((np.void, item_bytes))


def record_text(dtype: np.dtype) -> str | None:
    """What RECORD_ATTRIBUTE says of a dtype that is stored as records; None where records are all there is to say."""
    if dtype.kind == "V" and dtype.names is None:
        return None
    return repr(np.lib.format.dtype_to_descr(dtype))


def _record(text, item_bytes):
    """A dtype from its text. The text is from a file: anything odd makes plain records of it."""
    if not text:
        return None
    try:
        dtype = np.lib.format.descr_to_dtype(ast.literal_eval(text))
    except (ValueError, TypeError, SyntaxError, KeyError, IndexError, MemoryError, RecursionError):
        return None
    return dtype if dtype.itemsize == item_bytes and not dtype.hasobject else None


def same_records(stored: str | None, given: str | None, item_bytes: int) -> bool:
    """Whether records mean what the stored ones do, by their texts. Where one side says nothing they are bytes, which fit."""
    one, other = _record(stored, item_bytes), _record(given, item_bytes)
    return one is None or other is None or one == other


def from_torch(dtype, path: str) -> int:
    """The code of a torch.dtype."""
    code = CODES.get(str(dtype).rpartition(".")[2])
    if code is None or code == abi.OPAQUE:
        raise TypeError(f"{path}: tensors of {dtype} cannot be stored")
    return code


def to_torch(code: int, path: str):
    """The torch.dtype of stored elements."""
    torch = sys.modules["torch"]
    dtype = getattr(torch, NAMES[code], None)
    if dtype is None:
        raise TypeError(f"{path}: this PyTorch has no dtype for {NAMES[code]}")
    return dtype
