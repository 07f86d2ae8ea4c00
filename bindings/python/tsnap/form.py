"""The form of a state_dict as text (JSON): its containers, and of each leaf what is needed to make room for it.

It is stored beside the leaves, as the string `<path>/.form`, so that a fresh optimizer, whose state_dict is empty, is given
back what the old one had. No code is in it and none is run: a form from a file is checked as it is read.
"""

from __future__ import annotations

import copy
import json
import sys
from typing import Any, NamedTuple

import numpy as np

from . import dtypes, memory

FILE = ".form"
MISSING = object()


class Room(NamedTuple):
    """A text or byte block that is still to be read."""

    text: bool
    size: int
    mutable: bool = False


class Parts:
    """Names of a dict's keys within a path: any text or integer, each its own part."""

    def __init__(self):
        self._used = set()

    def of(self, key) -> str:
        part = str(key).replace("/", "%2F")
        part = {"": "%", ".": "%2E", "..": "%2E%2E", FILE: "%2Eform"}.get(part, part)
        while part in self._used:
            part += "%"
        self._used.add(part)
        return part


def of_array(place: memory.Memory, tensor: bool) -> list:
    return ["tensor" if tensor else "array", list(place.shape), dtypes.NAMES[place.code], place.item_bytes, place.record]


def dump(node: list) -> str:
    return json.dumps(node, separators=(",", ":"))


def parse(text: str, path: str) -> list:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}/{FILE} in the snapshot cannot be read: {error}") from None


def merge(node: list, current: Any, path: str) -> Any:
    """The value that a restore fills: of the stored form, with the memory that the current one has where it fits."""
    try:
        return _merge(node, current, path)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        if isinstance(error, _Odd):
            raise ValueError(str(error)) from None
        raise ValueError(f"{path}/{FILE} in the snapshot is no form of a state_dict: {error}") from error


class _Odd(ValueError):
    pass


def _merge(node, current, path):
    what = node[0]
    if what == "dict":
        base = copy.copy(current) if isinstance(current, dict) else {}
        before = dict(base)
        base.clear()
        for key, inner in node[1]:
            base[key] = _merge(inner, before.get(key, MISSING), f"{path}/{key}")
        return base
    if what in ("list", "tuple"):
        before = list(current) if isinstance(current, (list, tuple)) else []
        items = [_merge(inner, before[index] if index < len(before) else MISSING, f"{path}/{index}")
                 for index, inner in enumerate(node[1])]
        if what == "list":
            return items
        return type(current)._make(items) if hasattr(current, "_make") and len(before) == len(items) else tuple(items)
    if what in ("array", "tensor"):
        return _array(node, current, path)
    if what == "scalar":
        return np.zeros((), _dtype(*node[1:]))[()]
    if what in ("str", "bytes", "bytearray"):
        return Room(what == "str", int(node[1]), what == "bytearray")
    if what == "sharded":
        if current is MISSING:
            raise _Odd(f"{path} is sharded in the snapshot, and state_dict() does not say which boxes of it this rank wants")
        return current
    simple = {"none": None, "bool": False, "int": 0, "float": 0.0, "complex": 0j}
    return int(node[1]) if what == "big" else simple[what]


def _dtype(name, item_bytes, record):
    return dtypes.to_numpy(dtypes.CODES[name], int(item_bytes), record)


def _array(node, current, path):
    what, shape, name, item_bytes, record = node
    if current is not MISSING and memory.is_array(current):
        place = memory.locate(current, path)
        if (place.writable and (list(place.shape), dtypes.NAMES[place.code], place.item_bytes) == (shape, name, item_bytes)
                and dtypes.same_records(record, place.record, item_bytes)):
            return current
    if what == "tensor" and "torch" in sys.modules:
        return sys.modules["torch"].empty(shape, dtype=dtypes.to_torch(dtypes.CODES[name], path))
    return np.empty(shape, _dtype(name, item_bytes, record))
