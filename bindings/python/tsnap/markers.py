"""What a state may say about its values: sharded, replicated, private, a random number generator."""

from __future__ import annotations

from typing import Any, Sequence, Tuple

from . import abi, memory

COVERAGES = {"exact": abi.COVER_EXACT, "sparse": abi.COVER_SPARSE, "duplicates": abi.COVER_DUPLICATES}


class Sharded:
    """This rank's boxes of one global array.

    `Sharded(array, global_shape, offset)` is one box, which begins at `offset` in the whole array;
    `Sharded.boxes([(array, offset), ...], global_shape)` any number, also none. Over all ranks the boxes tile the global
    shape exactly, unless `coverage` is "sparse" (the rest reads as `fill`) or "duplicates" (equal values may be held twice).
    At a restore the boxes are what this rank asks for, cut in any way.
    """

    def __init__(self, array: Any, global_shape: Sequence[int], offset: Sequence[int], *, coverage: str = "exact",
                 fill: Any = None):
        self._set([(array, offset)], global_shape, coverage, fill)

    def _set(self, boxes, global_shape, coverage, fill):
        self.global_shape: Tuple[int, ...] = tuple(int(length) for length in global_shape)
        self.parts = [(array, tuple(int(start) for start in offset)) for array, offset in boxes]
        if coverage not in COVERAGES:
            raise ValueError(f'coverage is one of {", ".join(COVERAGES)}, not {coverage!r}')
        self.coverage, self.fill = coverage, fill
        for array, offset in self.parts:
            dimensions = len(memory.locate(array, "a box").shape)
            if not len(offset) == len(self.global_shape) == dimensions:
                raise ValueError(f"a box has {dimensions} dimensions, its offset {len(offset)}, the global shape "
                                 f"{len(self.global_shape)}: all must be equal")

    @classmethod
    def boxes(cls, boxes: Sequence[Tuple[Any, Sequence[int]]], global_shape: Sequence[int], *, coverage: str = "exact",
              fill: Any = None) -> "Sharded":
        """Any number of boxes of one global array, as (array, offset)."""
        made = cls.__new__(cls)
        made._set(boxes, global_shape, coverage, fill)
        return made

    @classmethod
    def concatenated(cls, array: Any, comm: Any, axis: int = 0) -> "Sharded":
        """The arrays of all ranks of an mpi4py communicator, one behind the other along an axis. Collective over comm."""
        shape = memory.locate(array, "the array").shape
        lengths = comm.allgather(shape[axis])
        offset = [0] * len(shape)
        offset[axis] = sum(lengths[:comm.Get_rank()])
        global_shape = list(shape)
        global_shape[axis] = sum(lengths)
        return cls(array, global_shape, offset)

    def __repr__(self):
        return f"tsnap.Sharded({len(self.parts)} boxes of {self.global_shape})"


class _Kind:
    def __init__(self, value: Any):
        self.value = value

    def __repr__(self):
        return f"tsnap.{type(self).__name__}({self.value!r})"


class Replicated(_Kind):
    """A value, or a whole part of a state, that is equal on all ranks: stored once, restored on every rank."""


class Private(_Kind):
    """A value, or a whole part of a state, of which each rank has its own."""


class Rng(_Kind):
    """A random number generator: Python's random (the module or a Random), NumPy's or PyTorch's.

    It is taken first and put back last, so that a take changes no number that is drawn after it.
    """
