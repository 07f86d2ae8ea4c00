"""An array of a snapshot: it knows its shape and type, and reads just the part that is asked for."""

from __future__ import annotations

import math
from typing import Any, Dict, Iterator, List, Optional, Tuple

import numpy as np

from . import display, dtypes, errors, indexing, memory
from .progress import Wish

# A read with steps takes the box around what it wants and picks from that; a larger one is read piece by piece.
MOST_BOX_BYTES = 64 << 20
# Of a box that is too large, what lies further apart than this is read by itself: the box would be nearly all gaps.
MOST_GAP_BYTES = 1 << 20


class StoredArray:
    """`array[10:20, :]` reads that box, and nothing else, into a NumPy array. Indexed as NumPy does: integers, slices with any
    step, an ellipsis. numpy.asarray(array) reads all of it."""

    def __init__(self, snapshot, info):
        self._snapshot, self.info = snapshot, info
        self._code = dtypes.CODES[info.dtype]

    @property
    def path(self) -> str:
        return self.info.path

    @property
    def shape(self) -> Tuple[int, ...]:
        return self.info.shape

    @property
    def dtype(self) -> np.dtype:
        return dtypes.to_numpy(self._code, self.info.item_bytes, self._snapshot._record_dtype(self.path, self._code))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        return self.info.item_bytes

    @property
    def nbytes(self) -> int:
        return self.size * self.itemsize

    @property
    def kind(self) -> str:
        return self.info.kind

    @property
    def attrs(self) -> Dict[str, str]:
        """Its attributes."""
        return self._snapshot.attributes(self.path)

    @property
    def extents(self) -> List[Any]:
        """Where its bytes rest."""
        return self._snapshot.extents(self.path)

    def __getitem__(self, index: Any) -> Any:
        out = self.read(index)
        scalar = out.ndim == 0 and not any(part is Ellipsis for part in (index if isinstance(index, tuple) else (index,)))
        return out[()] if scalar else out

    def read(self, index: Any = (), out: Any = None, *, verify: bool = True, memory_budget_bytes: int = 0,
             progress: Wish = None) -> Any:
        """Reads `array[index]`, into `out` if it is given: any array of that shape and type, with any strides."""
        chosen = indexing.picks(index, self.shape, self.path)
        shape = tuple(pick.many for pick in chosen if pick.keep)
        if out is None:
            out = np.empty(shape, self.dtype)
        place = memory.locate(out, "out")
        if not place.writable:
            raise ValueError("out is read-only")
        if place.shape != shape:
            raise ValueError(f"out has the shape {place.shape}, and {self.path}[index] has {shape}")
        if (place.code, place.item_bytes) != (self._code, self.itemsize):
            raise errors.Mismatch(f"out has elements of {dtypes.NAMES[place.code]} ({place.item_bytes} bytes), and {self.path} of "
                                  f"{self.info.dtype} ({self.itemsize} bytes): tsnap converts none")
        self._snapshot._check_records(self.path, place)
        strides = iter(place.strides_bytes)
        place = place._replace(shape=tuple(pick.many for pick in chosen),
                               strides_bytes=tuple(next(strides) if pick.keep else self.itemsize for pick in chosen))
        with self._snapshot._watched(progress, f"read {self.path}") as reader:
            place, chosen = _forwards(place, chosen)
            self._fill(reader, place, chosen, (verify, memory_budget_bytes, memory.stream_of([place]) if place.on_device else None))
        return out

    def _fill(self, reader, place, chosen, how):
        stepped = [axis for axis, pick in enumerate(chosen) if pick.step > 1 and pick.many > 1]
        offset, shape = indexing.box_of(chosen)
        box_bytes = math.prod(shape) * self.itemsize
        if not stepped or 0 in place.shape:
            reader._read_box(self.path, memory.describe(place, self.path, offset), place.owner, *how)
        elif place.on_device:
            # No box of ours lies on the device: a piece is what has no steps left.
            self._fill_pieces(reader, place, chosen, how, stepped[0], 1)
        elif box_bytes <= MOST_BOX_BYTES:
            box = np.empty(shape, (np.void, self.itemsize))
            read = memory.Memory(box.__array_interface__["data"][0], self._code, self.itemsize, box.shape, box.strides, box)
            reader._read_box(self.path, memory.describe(read, self.path, offset), box, *how)
            memory.bytes_at(place)[...] = box[tuple(slice(None, None, pick.step) for pick in chosen)]
        else:
            # Along the outermost axis, where a piece lies in one run of the stored bytes.
            axis = next(axis for axis, pick in enumerate(chosen) if pick.many > 1)
            row_bytes, step = box_bytes // shape[axis], chosen[axis].step
            near = step == 1 or (step - 1) * row_bytes <= MOST_GAP_BYTES
            many = max(0, MOST_BOX_BYTES // row_bytes - 1) // step + 1 if near else 1
            self._fill_pieces(reader, place, chosen, how, axis, many)

    def _fill_pieces(self, reader, place, chosen, how, axis, most):
        pick, stride = chosen[axis], place.strides_bytes[axis]
        for at in range(0, pick.many, most):
            many = min(most, pick.many - at)
            piece = list(chosen)
            piece[axis] = indexing.Pick(pick.start + at * pick.step, pick.step if many > 1 else 1, many, True)
            self._fill(reader, place._replace(address=place.address + at * stride, shape=place.shape[:axis] + (many,) + place.shape[axis + 1:]),
                       piece, how)

    def to_torch(self, index: Any = (), **choices: Any) -> Any:
        """Reads `array[index]` into a PyTorch tensor."""
        import torch
        chosen = indexing.picks(index, self.shape, self.path)
        tensor = torch.empty([pick.many for pick in chosen if pick.keep], dtype=dtypes.to_torch(self._code, self.path))
        return self.read(index, tensor, **choices)

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        if copy is False:
            raise ValueError(f"{self.path} lies in a snapshot: reading it makes a copy")
        whole = self.read()
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("an array without axes has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        for at in range(len(self)):
            yield self[at]

    def __repr__(self):
        return f"<tsnap.StoredArray {self.path!r}: {display.array_text(self.info)}>"

    def _repr_html_(self) -> str:
        return display.array_html(self)


def _forwards(place, chosen):
    """The same read with all steps positive: where one is negative, the memory is filled from its end."""
    address, strides, forwards = place.address, list(place.strides_bytes), list(chosen)
    for axis, pick in enumerate(chosen):
        if pick.step < 0:
            if pick.many:
                address += (pick.many - 1) * strides[axis]
            strides[axis] = -strides[axis]
            forwards[axis] = indexing.Pick(pick.start + pick.step * (pick.many - 1) if pick.many else 0, -pick.step, pick.many, True)
    return place._replace(address=address, strides_bytes=tuple(strides)), forwards
