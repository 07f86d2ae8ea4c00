"""A snapshot that anyone opens, without MPI: what is in it, and any part of any array."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from html import escape
from typing import Any, Dict, Iterator, List, Optional, Tuple

from . import abi, display, dtypes, errors, library, memory, options, report
from .progress import Watch, Wish
from .stored import StoredArray

TYPES = {abi.OBJECT_ARRAY: "array", abi.OBJECT_INT64: "int64", abi.OBJECT_FLOAT64: "float64", abi.OBJECT_BOOL: "bool",
         abi.OBJECT_STRING: "string", abi.OBJECT_BYTES: "bytes"}
KINDS = {abi.PRIVATE: "private", abi.REPLICATED: "replicated", abi.SHARDED: "sharded"}


@dataclass(frozen=True)
class SnapshotInfo:
    """The whole snapshot."""

    id: str
    metadata: str
    library_version: str
    format: str
    created: datetime
    world_size: int
    object_count: int
    bytes: int
    stored_bytes: int


@dataclass(frozen=True)
class ObjectInfo:
    """One stored object. `type` is "array", "int64", ...; `kind` "private", "replicated", "sharded"; `rank` of a private one."""

    path: str
    type: str
    kind: str
    dtype: Optional[str]
    shape: Tuple[int, ...]
    rank: Optional[int]
    item_bytes: int
    bytes: int
    stored_bytes: int
    box_count: int


@dataclass(frozen=True)
class Extent:
    """Where some of an object's bytes rest: one box of it, in one run of bytes of one file."""

    file: str
    writer: int
    offset_bytes: int
    stored_bytes: int
    bytes: int
    codec: str
    box_offset: Tuple[int, ...]
    box_shape: Tuple[int, ...]


class _Objects(Mapping):
    """Objects by path: of a whole snapshot, or below a prefix. Arrays are read when they are indexed."""

    _snapshot: "Snapshot"
    _prefix = ""

    def _title(self) -> str:
        raise NotImplementedError  # what a tree of it is called

    def _bounds(self):
        return self._snapshot._range(self._prefix)

    def __len__(self) -> int:
        low, high = self._bounds()
        return high - low

    def __iter__(self) -> Iterator[str]:
        for info in self.objects():
            yield info.path[len(self._prefix):]

    def __getitem__(self, path: str) -> Any:
        """An array (to be indexed), a value, or, where the path leads to no object but to some below it, a Group."""
        if not isinstance(path, str):
            raise TypeError(f"a snapshot is indexed by paths, not by {path!r}; an array of it by numbers: snapshot['x'][{path!r}]")
        full = self._prefix + path
        try:
            info = self._snapshot.object(full)
        except errors.ObjectNotFound:
            low, high = self._snapshot._range(full + "/")
            if low == high:
                raise errors.ObjectNotFound(self._snapshot._nothing_at(full)) from None
            return Group(self._snapshot, full + "/")
        if info.type == "array":
            return StoredArray(self._snapshot, info)
        return self._snapshot.read_value(full)

    def __contains__(self, path: object) -> bool:
        if not isinstance(path, str):
            return False
        try:
            self._snapshot.object(self._prefix + path)
        except errors.ObjectNotFound:
            return False
        return True

    def objects(self) -> Iterator[ObjectInfo]:
        """All objects, in the order of paths."""
        for index in range(*self._bounds()):
            yield self._snapshot._at(index)

    def tree(self, depth: Optional[int] = None, limit: int = 1000) -> display.Tree:
        """The objects as a tree, to be printed or shown in a notebook; `depth` levels of it, at most `limit` lines."""
        return display.Tree(self._title(), self.objects(), len(self), len(self._prefix), depth, limit)

    def to_xarray(self) -> Any:
        """An xarray.Dataset whose variables are read when they are used. See tsnap.xarrays."""
        from . import xarrays
        return xarrays.dataset(self)

    def _repr_html_(self) -> str:
        if not self._snapshot._handle:
            return escape(repr(self))
        return self.tree(limit=200)._repr_html_()

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Group(_Objects):
    """The objects of a snapshot below a path, by what follows it."""

    def __init__(self, snapshot: "Snapshot", prefix: str):
        self._snapshot, self._prefix = snapshot, prefix

    def _title(self):
        return self._prefix

    def __repr__(self):
        what = f"{len(self)} objects" if self._snapshot._handle else "closed"
        return f"<tsnap.Group {self._prefix!r} of {self._snapshot.url!r}: {what}>"


class Snapshot(_Objects):
    """An open snapshot: a mapping of paths to arrays and values. Any number of threads may read it.

    The keyword arguments are the fields of tsnap.Config. Private objects are at "<rank>/<path>".
    """

    def __init__(self, url: Any, config: Optional[options.Config] = None, **fields: Any):
        handle = ctypes.c_void_p()
        self._failures: list = []
        config = options.config_of(config, fields)
        raw = options.c_config(config, self._failures)
        status = library.core().tsnap_snapshot_open(library.encoded(url, "url"), ctypes.byref(raw), ctypes.byref(handle))
        self._set(handle, os.fspath(url), config, raw)
        library.settle(status, self._failures, "tsnap_snapshot_open")

    @classmethod
    def _of_handle(cls, handle, url, config, keep) -> "Snapshot":
        made = cls.__new__(cls)
        made._failures = []
        made._set(handle, url, config, keep)
        return made

    def _set(self, handle, url, config, keep):
        self._snapshot = self
        self._handle, self.url, self._config, self._keep = handle, url, config, keep

    # ---- What is in it ----

    @property
    def info(self) -> SnapshotInfo:
        raw = abi.snapshot_info()
        self._call("tsnap_snapshot_info_get", ctypes.byref(raw))
        return SnapshotInfo(raw.id.decode(), raw.metadata.decode("utf-8", "replace"), raw.library_version.decode(), raw.format.decode(),
                            datetime.fromtimestamp(raw.created_unix_seconds, timezone.utc), raw.world_size, raw.object_count,
                            raw.bytes, raw.stored_bytes)

    @property
    def metadata(self) -> str:
        """The text that the take was given."""
        return self.info.metadata

    def object(self, path: str) -> ObjectInfo:
        """About the object with this path; ObjectNotFound if there is none."""
        raw = abi.object_info()
        self._find("tsnap_snapshot_find", library.encoded(path, "a path"), ctypes.byref(raw))
        return _object_info(raw)

    def attributes(self, path: str) -> Dict[str, str]:
        """All attributes of an object."""
        found: Dict[str, str] = {}
        self.object(path)
        while True:
            name, value = ctypes.c_char_p(), ctypes.c_char_p()
            try:
                self._call("tsnap_snapshot_attribute_at", library.encoded(path, "a path"), len(found), ctypes.byref(name),
                           ctypes.byref(value))
            except errors.NotFound:
                return found
            found[(name.value or b"").decode()] = (value.value or b"").decode()

    def attribute(self, path: str, name: str) -> str:
        """One attribute of an object; ObjectNotFound if there is none."""
        value = ctypes.c_char_p()
        self._find("tsnap_snapshot_attribute", library.encoded(path, "a path"), library.encoded(name, "an attribute's name"),
                   ctypes.byref(value))
        return (value.value or b"").decode()

    def extents(self, path: str) -> List[Extent]:
        """Where the bytes of an object rest."""
        self.object(path)
        found: List[Extent] = []
        while True:
            raw = abi.extent_info()
            try:
                self._call("tsnap_snapshot_extent", library.encoded(path, "a path"), len(found), ctypes.byref(raw))
            except errors.NotFound:
                return found
            found.append(Extent(os.fsdecode(raw.file), raw.writer, raw.offset_bytes, raw.stored_bytes, raw.bytes,
                                options.CODEC_NAMES.get(raw.codec, str(raw.codec)), tuple(raw.box_offset[:raw.ndim]),
                                tuple(raw.box_shape[:raw.ndim])))

    # ---- Reading ----

    def read_value(self, path: str) -> Any:
        """A number, truth value, text or byte block; of an array all of it."""
        info = self.object(path)
        key = library.encoded(path, "a path")
        if info.type == "array":
            return StoredArray(self, info)[...]
        if info.type in ("int64", "float64", "bool"):
            out: Any = {"int64": ctypes.c_int64, "float64": ctypes.c_double, "bool": ctypes.c_int32}[info.type]()
            self._call(f"tsnap_read_{info.type}", key, ctypes.byref(out))
            return bool(out.value) if info.type == "bool" else out.value
        size = ctypes.c_size_t()
        buffer = ctypes.create_string_buffer(info.bytes + 1)
        self._call(f"tsnap_read_{info.type}", key, buffer, info.bytes + 1, ctypes.byref(size))
        if info.type == "bytes":
            return ctypes.string_at(buffer, size.value)
        return buffer.value.decode("utf-8", "surrogateescape")

    def _read_box(self, path: str, described: abi.array, owner: Any, verify: bool, memory_budget_bytes: int,
                  stream: Optional[int]) -> None:
        raw = abi.read_options(verify=options.switch(verify), memory_budget_bytes=memory_budget_bytes)
        options.with_stream(raw, stream)
        try:
            self._call("tsnap_read", library.encoded(path, "a path"), ctypes.byref(described), ctypes.byref(raw))
        except errors.Timeout:
            memory.LEFT_BEHIND.append(owner)
            raise

    def verify(self, progress: Wish = None) -> None:
        """Reads and checks all stored bytes. Corrupt, whose `bad_paths` lists the damaged objects, when some are bad."""
        count, paths = ctypes.c_int64(), ctypes.POINTER(ctypes.c_char_p)()
        with self._watched(progress, "verify") as reader:
            try:
                reader._call("tsnap_snapshot_verify", ctypes.byref(count), ctypes.byref(paths))
            except errors.Corrupt as error:
                error.bad_paths = [paths[index].decode("utf-8", "surrogateescape") for index in range(count.value)]
                raise

    def copy_to(self, url: Any, *, config: Optional[options.Config] = None, **choices: Any) -> report.CopyResult:
        """Copies it to another place: see tsnap.copy."""
        from .verbs import copy
        return copy(self.url, url, from_config=self._config, to_config=config or self._config, **choices)

    # ---- The end ----

    def close(self) -> None:
        """Closes it; its arrays can be read no longer."""
        if self._handle:
            library.core().tsnap_snapshot_close(ctypes.byref(self._handle))

    def __enter__(self) -> "Snapshot":
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        if getattr(self, "_handle", None) and not sys.is_finalizing():
            self.close()

    def __repr__(self):
        if not self._handle:
            return f"<tsnap.Snapshot {self.url!r}: closed>"
        return f"<tsnap.Snapshot {self._title()}>"

    def _title(self):
        info = self.info
        return (f"{self.url!r}: {info.object_count} objects, {display.size_text(info.bytes)}, {info.world_size} ranks, "
                f"{info.created:%Y-%m-%d %H:%M:%S} UTC, {info.format}")

    # ---- Calls ----

    def _call(self, function, *arguments):
        if not self._handle:
            raise errors.Invalid(f"the snapshot at {self.url} is closed")
        status = getattr(library.core(), function)(self._handle, *arguments)
        library.settle(status, self._failures, function)

    def _find(self, function, *arguments):
        try:
            self._call(function, *arguments)
        except errors.NotFound as error:
            raise errors.ObjectNotFound(str(error)) from None

    def _at(self, index) -> ObjectInfo:
        raw = abi.object_info()
        self._call("tsnap_snapshot_object", index, ctypes.byref(raw))
        return _object_info(raw)

    def _range(self, prefix) -> Tuple[int, int]:
        """The indices of the objects whose path begins with prefix: "" or something that ends in "/"."""
        count = self.info.object_count
        if not prefix:
            return 0, count
        key = library.encoded(prefix, "a path")
        after = key[:-1] + b"0"  # "0" follows "/"
        return self._first(key, count), self._first(after, count)

    def _first(self, key, high):
        low = 0
        while low < high:
            middle = (low + high) // 2
            if self._at(middle).path.encode("utf-8", "surrogateescape") < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _nothing_at(self, path):
        for rank in (0, self.info.world_size - 1):
            if f"{rank}/{path}" in self:
                return f'nothing is at "{path}" of {self.url}; each rank has its own: "{rank}/{path}"'
        return f'nothing is at "{path}" of {self.url}; tree() shows what there is'

    def _watched(self, wish, action):
        return _Watching(self, wish, action)

    def _check_records(self, path, place):
        """C compares the size of records. What they are is NumPy's business: days would be read as seconds."""
        stored = self._record_dtype(path, place.code)
        if not dtypes.same_records(stored, place.record, place.item_bytes):
            raise errors.Mismatch(f"{path} holds records of {stored}, and the array is of {place.record}: tsnap converts none; read it "
                                  f"first: snapshot[{path!r}][...], then convert")

    def _record_dtype(self, path, code):
        """What the records of an opaque array are, where NumPy took them."""
        if code != abi.OPAQUE:
            return None
        try:
            return self.attribute(path, dtypes.RECORD_ATTRIBUTE)
        except errors.NotFound:
            return None


class _Watching:
    """Progress of the reads and verifications inside a `with` block, which gives the snapshot to call.

    A handle of C has one progress function, and it may be set only while no other thread reads. So who watches reads through a
    handle of its own: its numbers and what its function raises are those of this thread alone.
    """

    def __init__(self, snapshot, wish, action):
        self._snapshot, self._own = snapshot, None
        self._failures: list = []
        self._watch = Watch(wish, action, 0, self._failures)

    def __enter__(self):
        if not self._watch.wanted:
            return self._snapshot
        try:
            self._own = self._opened_again()
        except BaseException:
            self._watch.close()
            raise
        return self._own

    def _opened_again(self):
        expected = self._snapshot.info.id
        own = Snapshot(self._snapshot.url, self._snapshot._config)
        if own.info.id != expected:
            own.close()
            raise errors.NotFound(f"another snapshot was taken to {own.url} since this one was opened: open it anew to read it with "
                                  "progress")
        own._failures = self._failures
        # A thread that hangs in storage may still call it after a timeout: it is kept as memory is.
        own._keep = (own._keep, abi.DONE_CALLBACK(self._watch.done))
        own._call("tsnap_snapshot_set_progress", ctypes.cast(own._keep[1], ctypes.c_void_p), None)
        return own

    def __exit__(self, kind, *_):
        if self._own is not None:
            if kind is not None and issubclass(kind, errors.Timeout):
                memory.LEFT_BEHIND.append(self._own._keep)
            self._own.close()
        self._watch.close()


def _object_info(raw):
    is_array = raw.type == abi.OBJECT_ARRAY
    return ObjectInfo(raw.path.decode("utf-8", "surrogateescape"), TYPES.get(raw.type, str(raw.type)), KINDS.get(raw.kind, str(raw.kind)),
                      dtypes.NAMES.get(raw.dtype, str(raw.dtype)) if is_array else None, tuple(raw.shape[:raw.ndim]),
                      raw.rank if raw.kind == abi.PRIVATE else None, raw.item_bytes, raw.bytes, raw.stored_bytes, raw.box_count)
