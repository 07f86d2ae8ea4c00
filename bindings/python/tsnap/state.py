"""A state, registered once and used for every take and restore: the C interface's tsnap_state.

Most programs hand a dict to tsnap.take and never see this. It is for those that keep their buffers: arrays are registered by
where they lie, and numbers and texts get a `Value` whose `.value` is taken and restored.
"""

from __future__ import annotations

import ctypes
import math
import sys
from typing import Any, Callable, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from . import abi, dtypes, generators, library, memory, options
from .markers import COVERAGES
from .stateful import Registration


class Value:
    """A number, truth value, text or byte block of a state; `.value` reads and sets it."""

    def __init__(self, path: str, buffer: Any, size: Optional[ctypes.c_size_t], get: Callable, put: Callable):
        self.path, self._buffer, self._size, self._get, self._put = path, buffer, size, get, put

    @property
    def value(self) -> Any:
        return self._get()

    @value.setter
    def value(self, value: Any) -> None:
        self._put(value)

    def __repr__(self):
        return f"<tsnap.Value {self.path!r}: {self.value!r}>"


class State:
    """Named objects that are taken and restored. It keeps the arrays alive; each rank builds its own."""

    def __init__(self):
        self._handle = ctypes.c_void_p()
        self._owned = True
        self._kept: dict = {}
        self._failures: list = []
        self._kinds: dict = {}
        self._prefix = ""
        # Shared with the children: whether a restore is going on, which fills arrays, and of what.
        self._mode = {"filling": False, "peek": None}
        library.call("tsnap_state_create", ctypes.byref(self._handle))

    @classmethod
    def _child(cls, handle, failures, mode, prefix) -> "State":
        """The state that a describe callback is given: its handle is borrowed."""
        made = cls.__new__(cls)
        made._handle, made._owned, made._kept, made._failures, made._mode = ctypes.c_void_p(handle), False, {}, failures, mode
        made._kinds, made._prefix = {}, prefix
        return made

    def close(self) -> None:
        """Destroys the state; the arrays stay."""
        if self._owned and self._handle:
            library.core().tsnap_state_destroy(ctypes.byref(self._handle))
            self._kept.clear()

    __enter__ = lambda self: self  # noqa: E731

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None) and not sys.is_finalizing():
            self.close()

    def _add(self, function, path, *arguments, keep):
        library.call(function, self._handle, library.encoded(path, "a path"), *arguments)
        self._kept[path] = keep

    def add_private(self, path: str, array: Any) -> None:
        """An array that each rank has its own of."""
        self._add_array("tsnap_state_add_private", path, array, abi.PRIVATE)

    def add_replicated(self, path: str, array: Any) -> None:
        """An array that is equal on all ranks; it is stored once, and restored on every rank."""
        self._add_array("tsnap_state_add_replicated", path, array, abi.REPLICATED)

    def _add_array(self, function, path, array, kind):
        place = self._locate(array, path, kind)
        self._add(function, path, ctypes.byref(memory.describe(place, path)), keep=place)
        self._kinds[path] = kind
        if place.record:
            self.set_attribute(path, dtypes.RECORD_ATTRIBUTE, place.record)

    def _locate(self, array, path, kind):
        place = memory.locate(array, path)
        if self._mode["filling"]:
            self._check_fillable(place, path, kind)
        return place

    def _check_fillable(self, place, path, kind):
        if not place.writable and 0 not in place.shape:
            raise ValueError(f"{path}: the array is read-only, and a restore fills it in place")
        if self._mode["peek"] is not None:
            self._mode["peek"].check_records(self._prefix + path, kind, place)

    def add_sharded(self, path: str, global_shape: Sequence[int], boxes: Sequence[Tuple[Any, Sequence[int]]], *,
                    coverage: str = "exact", fill: Any = None) -> None:
        """This rank's boxes of a global array, as (array, offset); none is fine. See tsnap.Sharded for coverage and fill."""
        places = [self._locate(array, path, abi.REPLICATED) for array, _ in boxes]
        described = (abi.array * len(boxes))(*(
            memory.describe(place, path, offset) for place, (_, offset) in zip(places, boxes)))
        shape = (ctypes.c_int64 * max(len(global_shape), 1))(*global_shape)
        self._add("tsnap_state_add_sharded", path, shape, described, len(boxes), keep=places)
        if places and places[0].record:
            self.set_attribute(path, dtypes.RECORD_ATTRIBUTE, places[0].record)
        if coverage != "exact" or fill is not None:
            self.set_coverage(path, coverage, fill)

    def set_coverage(self, path: str, coverage: str, fill: Any = None) -> None:
        """How the boxes of a sharded array cover it: "exact", "sparse" (the rest reads as `fill`) or "duplicates"."""
        item = None
        places = self._kept.get(path)
        if fill is not None and isinstance(places, list) and places:
            dtype = dtypes.to_numpy(places[0].code, places[0].item_bytes, places[0].record)
            item = np.array(fill, dtype=dtype).tobytes()
        library.call("tsnap_state_set_coverage", self._handle, library.encoded(path, "a path"),
                     options.choice(COVERAGES, coverage, "coverage"), item)

    def add_int64(self, path: str, value: int = 0, kind: str = "private") -> Value:
        """An integer of 64 bits."""
        return self._add_number("tsnap_state_add_int64", path, ctypes.c_int64, whole(path), int, value, kind)

    def add_float64(self, path: str, value: float = 0.0, kind: str = "private") -> Value:
        """A floating-point number, kept bit for bit."""
        return self._add_number("tsnap_state_add_float64", path, ctypes.c_double, float, float, value, kind)

    def add_bool(self, path: str, value: bool = False, kind: str = "private") -> Value:
        """A truth value."""
        return self._add_number("tsnap_state_add_bool", path, ctypes.c_int32, bool, bool, value, kind)

    def _add_number(self, function, path, ctype, accept, give, value, kind):
        buffer = ctype(accept(value))

        def put(new):
            buffer.value = accept(new)
        self._add(function, path, kind_code(kind), ctypes.byref(buffer), keep=buffer)
        return Value(path, buffer, None, lambda: give(buffer.value), put)

    def add_string(self, path: str, value: str = "", kind: str = "private", capacity: Optional[int] = None) -> Value:
        """A text. A restored one needs room: `capacity` is the most bytes of UTF-8, else 4096 or what `value` has."""
        room = max(len(library.encoded(value, path)) if capacity is None else capacity, 4096 if capacity is None else 0) + 1
        buffer = ctypes.create_string_buffer(room)

        def put(new):
            text = library.encoded(new, path)
            _check_room(path, len(text), room - 1)
            buffer.value = text
        put(value)
        self._add("tsnap_state_add_string", path, kind_code(kind), buffer, room, keep=buffer)
        return Value(path, buffer, None, lambda: buffer.value.decode("utf-8", "surrogateescape"), put)

    def add_bytes(self, path: str, value: bytes = b"", kind: str = "private", capacity: Optional[int] = None) -> Value:
        """A block of bytes. A restored one needs room: `capacity`, else 4096 or what `value` has."""
        room = max(len(value) if capacity is None else capacity, 4096 if capacity is None else 0)
        buffer, size = ctypes.create_string_buffer(max(room, 1)), ctypes.c_size_t()

        def put(new):
            _check_room(path, len(new), room)
            ctypes.memmove(buffer, bytes(new), len(new))
            size.value = len(new)
        put(value)
        self._add("tsnap_state_add_bytes", path, kind_code(kind), buffer, room, ctypes.byref(size), keep=(buffer, size))
        return Value(path, buffer, size, lambda: ctypes.string_at(buffer, size.value), put)

    def set_attribute(self, path: str, name: str, value: str) -> None:
        """A text about an object, such as its units; stored with it."""
        library.call("tsnap_state_set_attribute", self._handle, library.encoded(path, "a path"),
                     library.encoded(name, "an attribute's name"), library.encoded(value, f"attribute {name} of {path}"))

    def set_attributes(self, attributes: Mapping[str, Mapping[str, str]]) -> None:
        """Attributes of many objects: {path: {name: text}}."""
        for path, texts in attributes.items():
            for name, value in texts.items():
                self.set_attribute(path, name, value)

    def replicate(self, glob: str) -> None:
        """Takes private arrays and numbers whose path matches as replicated; "*" within a part, "**" across parts."""
        library.call("tsnap_state_replicate", self._handle, library.encoded(glob, "a glob"))

    def add_stateful(self, path: str, describe: Callable[["State"], None], loaded: Optional[Callable[[], None]] = None,
                     release: Optional[Callable[[], None]] = None) -> None:
        """A part that describes itself at each take and restore: `describe(child)` registers its objects in `child`.

        `loaded()` is called after they are restored, `release()` when what describe registered is no longer needed.
        """
        self._register("tsnap_state_add_stateful", path, describe, loaded, release)

    def add_rng(self, path: str, generator: Any = None, kind: Union[str, int] = "private", *, describe: Optional[Callable] = None,
                loaded: Optional[Callable] = None, release: Optional[Callable] = None) -> None:
        """A random number generator (see tsnap.Rng), or callbacks for one that tsnap does not know."""
        if generator is not None:
            number = kind_code(kind)
            describe, loaded = _generator_callbacks(generator, path, number)
        if describe is None:
            raise TypeError("add_rng wants a generator, or describe and loaded")
        self._register("tsnap_state_add_rng", path, describe, loaded, release)

    def _register(self, function, path, describe, loaded, release):
        mode, prefix = self._mode, f"{self._prefix}{path}/"
        registration = Registration(lambda handle, failures: State._child(handle, failures, mode, prefix), describe, loaded, release,
                                    self._failures)
        self._add(function, path, ctypes.byref(registration.struct), keep=registration)

    def _fill(self, filling, peek=None):
        """Before and after a restore: from here on arrays must be writable, and of what `peek` sees; those that are registered are
        looked at now."""
        self._mode.update(filling=filling, peek=peek)
        for path, kept in self._kept.items() if filling else ():
            for place in kept if isinstance(kept, list) else [kept]:
                if isinstance(place, memory.Memory):
                    # The boxes of a sharded array lie at their own path, as what was stored once does.
                    self._check_fillable(place, path, self._kinds.get(path, abi.REPLICATED))

    def _let_go(self, status):
        """After a call: what statefuls have released may go, except when a thread of C may still use it."""
        if status == abi.E_TIMEOUT:
            memory.LEFT_BEHIND.append((dict(self._kept), [kept.released for kept in self._kept.values() if isinstance(kept, Registration)]))
        for kept in self._kept.values():
            if isinstance(kept, Registration):
                kept.released = None

    def _stream(self):
        # What a part will register is not known before the call, which may be late: then all streams are waited for.
        if any(isinstance(kept, Registration) for kept in self._kept.values()):
            return None
        places = [place for kept in self._kept.values() for place in (kept if isinstance(kept, list) else [kept])]
        return memory.stream_of(place for place in places if isinstance(place, memory.Memory))

    def remove(self, path: str) -> None:
        """Removes an object or stateful; its memory is left alone."""
        library.call("tsnap_state_remove", self._handle, library.encoded(path, "a path"))
        self._kept.pop(path, None)
        self._kinds.pop(path, None)


def kind_code(kind: Union[str, int]) -> int:
    return kind if kind in options.KINDS.values() and not isinstance(kind, str) else options.choice(options.KINDS, kind, "kind")


def whole(path):
    """What makes an int64 of a number, or says why not."""
    def accept(value):
        number = int(value)
        if number != value or not -2**63 <= number < 2**63:
            raise OverflowError(f"{path}: {value!r} is no integer of 64 bits")
        return number
    return accept


def _check_room(path, size, room):
    if size > room:
        raise ValueError(f"{path}: {size} bytes do not fit into its capacity of {room}; give add_... a larger one")


def _generator_callbacks(generator, path, kind):
    kept = {}

    def describe(child):
        text = generators.capture(generator, path)
        # Room for the longer digits that a stored state may have.
        room = max(2 * len(text), 1 << 16)
        kept["state"] = child.add_string("state", text, kind, capacity=1 << math.ceil(math.log2(room)))

    def loaded():
        generators.put_back(generator, kept["state"].value, path)
    return describe, loaded
