"""NumPy's basic indexing, as boxes: which part of an array an index means, and what shape comes out."""

from __future__ import annotations

import operator
from typing import List, NamedTuple, Tuple

import numpy as np


class Pick(NamedTuple):
    """Of one axis: `many` elements from `start` on, `step` apart (never 0); `keep` is false for an integer."""

    start: int
    step: int
    many: int
    keep: bool


def picks(index, shape: Tuple[int, ...], path: str) -> List[Pick]:
    """One Pick for each axis. Integers, slices and an ellipsis; what needs another kind of reading is refused."""
    given = list(index) if isinstance(index, tuple) else [index]
    if sum(part is Ellipsis for part in given) > 1:
        raise IndexError(f"{path}: an index has at most one ellipsis")
    for part in given:
        if part is None:
            raise IndexError(f"{path}: new axes are for arrays in memory; read first: snapshot[{path!r}][...][numpy.newaxis]")
        if isinstance(part, (bool, np.bool_, list)) or (hasattr(part, "__array__") and np.ndim(part) > 0):
            raise IndexError(f"{path}: lists and masks cannot be read as a box; read the box around them, then index: "
                             f"snapshot[{path!r}][...][index]")
    axes = len(given) - (Ellipsis in [part for part in given if part is Ellipsis])
    if axes > len(shape):
        raise IndexError(f"{path} has {len(shape)} dimensions, and the index has {axes}")
    at = next((place for place, part in enumerate(given) if part is Ellipsis), None)
    fill = [slice(None)] * (len(shape) - axes)
    given = given + fill if at is None else given[:at] + fill + given[at + 1:]
    return [_pick(part, length, axis, path) for axis, (part, length) in enumerate(zip(given, shape))]


def _pick(part, length, axis, path):
    if isinstance(part, slice):
        start, stop, step = part.indices(length)
        return Pick(start, step, len(range(start, stop, step)), True)
    try:
        at = operator.index(part)
    except TypeError:
        raise IndexError(f"{path}: an index is made of integers, slices and an ellipsis, not {part!r}") from None
    if not -length <= at < length:
        raise IndexError(f"{path}: index {at} is out of range for axis {axis} with {length} elements")
    return Pick(at % length, 1, 1, False)


def box_of(chosen: List[Pick]) -> Tuple[Tuple[int, ...], Tuple[int, ...]]:
    """(offset, shape) of the smallest box that holds what is picked."""
    offset, shape = [], []
    for pick in chosen:
        last = pick.start + pick.step * (pick.many - 1)
        offset.append(min(pick.start, last) if pick.many else 0)
        shape.append(abs(last - pick.start) + 1 if pick.many else 0)
    return tuple(offset), tuple(shape)
