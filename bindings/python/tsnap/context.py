"""A context: one application's use of tsnap, with its ranks, threads and buffers; takes and restores."""

from __future__ import annotations

import ctypes
import os
import sys
import warnings
import weakref
from collections.abc import Mapping
from typing import Any, Optional

from . import abi, errors, library, memory, options
from .peek import Peek
from .progress import Watch, Wish
from .report import Report, Statistics, report_of, statistics_of
from .request import Request
from .snapshot import Snapshot
from .state import State, kind_code
from .tree import Registrar


_alive: "weakref.WeakSet[Context]" = weakref.WeakSet()


def check_communicator(comm: Any) -> Any:
    """mpi4py's module MPI, if `comm` is one of its communicators."""
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise ImportError(f"comm is a communicator of mpi4py, which cannot be imported: {error}") from None
    if not isinstance(comm, MPI.Comm):
        raise TypeError(f"comm is a communicator of mpi4py, not {type(comm).__name__}")
    return MPI


class Context:
    """Keeps threads, buffers and connections between takes. `comm` is an mpi4py intracommunicator; without it, one process.

    The other arguments are the fields of tsnap.Config. Opening and closing are collective over comm; close it before
    MPI.Finalize (a `with` block does).
    """

    def __init__(self, comm: Any = None, config: Optional[options.Config] = None, **fields: Any):
        self._handle = ctypes.c_void_p()
        self._process = os.getpid()
        self._failures: list = []
        self._requests: list = []
        self.config = options.config_of(config, fields)
        # The callbacks in it live as long as the handle.
        self._config = options.c_config(self.config, self._failures)
        self.rank, self.size, self._alone = 0, 1, comm is None
        self._frees_alone = True
        _alive.add(self)
        if comm is None:
            library.call("tsnap_context_open_self", ctypes.byref(self._config), ctypes.byref(self._handle))
            return
        MPI = check_communicator(comm)
        mpi = library.mpi(MPI.Get_library_version())
        fortran = ctypes.c_int(comm.py2f())
        library.check(mpi.tsnap_context_open_f(ctypes.byref(fortran), ctypes.byref(self._config), ctypes.byref(self._handle)))
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        # Below that level to free a request is collective, and whether it has ended may differ.
        self._frees_alone = self.size == 1 or MPI.Query_thread() == MPI.THREAD_MULTIPLE

    # ---- Takes ----

    def take(self, url: Any, state: Any, *, kind: Optional[str] = None, attributes: Optional[Mapping] = None,
             replicate: Any = (), progress: Wish = None, **choices: Any) -> None:
        """Takes a snapshot of `state`; when this returns, it exists. See tsnap.take. Collective."""
        failures: list = []
        self._end_ended()
        with self._prepared("take", url, options.c_take_options, choices, progress, failures,
                            lambda: self._registered(state, kind, attributes, replicate)) as given:
            self._call(given.made, failures, "tsnap_take", self._handle, given.url, given.made._handle, ctypes.byref(given.raw))

    def take_async(self, url: Any, state: Any, *, kind: Optional[str] = None, attributes: Optional[Mapping] = None,
                   replicate: Any = (), progress: Wish = None, **choices: Any) -> Request:
        """Begins a take and returns when `state` may change; the rest goes on in the background. Collective."""
        failures: list = []
        handle = ctypes.c_void_p()
        self._end_ended()
        given = self._prepared("take", url, options.c_take_options, choices, progress, failures,
                               lambda: self._registered(state, kind, attributes, replicate))
        try:
            with given.made:
                # What a progress function raises is told when the request has ended.
                self._call(given.made, [], "tsnap_take_async", self._handle, given.url, given.made._handle, ctypes.byref(given.raw),
                           ctypes.byref(handle))
        except BaseException:
            if handle:
                library.core().tsnap_request_free(ctypes.byref(handle))
            given.watch.close()
            raise
        request = Request(self, os.fspath(url), handle, (given.raw,), given.watch, failures)
        self._requests.append(request)
        return request

    # ---- Restores ----

    def restore(self, url: Any, state: Any, *, kind: str = "private", progress: Wish = None, new_ranks: str = "error",
                **choices: Any) -> Any:
        """Fills `state` from the snapshot at `url` and returns it. See tsnap.restore. Collective."""
        failures: list = []
        with self._open_all(url) as snapshot, \
                self._prepared("restore", url, options.c_restore_options, {"new_ranks": new_ranks, **choices}, progress, failures,
                               lambda: self._registered(state, kind, None, (), Peek(snapshot, self.rank, new_ranks == "copy_rank_0"))) as given:
            try:
                self._call(given.made, failures, "tsnap_restore", self._handle, given.url, given.made._handle, ctypes.byref(given.raw))
            except errors.Mismatch as error:
                if given.made.poison is None:
                    error.report = self.report
                raise
            if given.made.node is not None:
                given.made.node.collect()
        return state

    @property
    def report(self) -> Report:
        """What the last restore, failed or not, found on this rank."""
        raw = abi.report()
        library.call("tsnap_restore_report", self._handle, ctypes.byref(raw))
        return report_of(raw)

    @property
    def statistics(self) -> Statistics:
        """How long the last take or restore took on this rank, and where the time went."""
        raw = abi.statistics()
        library.call("tsnap_context_statistics", self._handle, ctypes.byref(raw))
        return statistics_of(raw)

    def open(self, url: Any) -> Snapshot:
        """Opens a snapshot on all ranks: its record is read once. Reading is not collective. Close it before the context."""
        return self._open_all(url)

    def _open_all(self, url):
        handle, refused = ctypes.c_void_p(), None
        try:
            key = _url(url)
        except Exception as error:
            if self.size == 1:
                raise
            key, refused = None, error  # NULL, which C refuses on all ranks alike: none waits
        try:
            self._call(None, [], "tsnap_snapshot_open_all", self._handle, key, ctypes.byref(handle))
        except errors.Error:
            if refused is not None:
                raise refused from None
            raise
        return Snapshot._of_handle(handle, os.fspath(url), self.config, keep=self)

    # ---- The end ----

    def close(self) -> None:
        """Waits for what is pending, and frees all. Collective, except after a Timeout."""
        if not self._handle:
            return
        for request in list(self._requests):
            request._end()
            request._warn()
        self._call(None, [], "tsnap_context_close", ctypes.byref(self._handle))

    def __enter__(self) -> "Context":
        return self

    def __exit__(self, *_):
        self.close()

    def __del__(self):
        # Closing among ranks is collective, and the collector's time is not: only one process can close by itself. What a fork has
        # inherited belongs to the parent.
        if getattr(self, "_handle", None) and not sys.is_finalizing() and os.getpid() == self._process:
            if self.size == 1:
                self.close()
            else:
                warnings.warn("a tsnap.Context of several ranks was dropped without close(): its threads and buffers stay",
                              ResourceWarning, stacklevel=2)

    def __repr__(self):
        return f"<tsnap.Context: rank {self.rank} of {self.size}{'' if self._handle else ', closed'}>"

    def _end_ended(self):
        """Frees what earlier takes hold that are over; programs that never wait would pile them up."""
        if not self._frees_alone:
            return
        for request in list(self._requests):
            try:
                if request.test():
                    request._end()
            except errors.Error:
                continue  # the call that comes, or close, tells what is wrong with the context

    def _forget(self, request):
        if request in self._requests:
            self._requests.remove(request)

    # ---- Calls ----

    def _call(self, made, failures, function, *arguments):
        """Calls C, and raises what it or a callback inside of it failed with."""
        if not self._handle:
            raise errors.Invalid("this tsnap.Context is closed")
        status = getattr(library.core(), function)(*arguments)
        if made is not None:
            made._let_go(status)
        raised = []
        for kept in (made._failures if made is not None else [], failures, self._failures):
            raised += kept
            kept.clear()
        if made is not None and made.poison is not None:
            raise made.poison
        library.settle(status, raised, function)

    def _prepared(self, action, url, make_options, choices, progress, failures, make_state):
        """What a collective call is given. What fails here fails on this rank alone, while the others are calling already: so the
        call is made all the same, with a state that makes it fail everywhere."""
        watch = made = None
        key, raw = b"", make_options()  # stand-ins, where the call fails anyway
        try:
            key = _url(url)
            raw = make_options(**choices)
            watch, made = Watch(progress, action, self.rank, failures), make_state()
            options.with_stream(raw, made._stream())
            if watch.wanted:
                raw.progress = abi.PROGRESS_CALLBACK(watch.staged)
            return _Prepared(made, raw, key, watch)
        except Exception as error:
            if made is not None:
                made.__exit__()
            if watch is not None:
                watch.close()
            if self.size == 1:
                raise
            raw.progress = type(raw.progress)()
            return _Prepared(_poisoned(error), raw, key, Watch(None, action, self.rank, failures))

    def _registered(self, state, kind, attributes, replicate, peek=None):
        if isinstance(state, State):
            if kind not in (None, "private") or attributes or replicate:
                raise TypeError("kind, attributes and replicate are for dicts; a tsnap.State has methods for them")
            made = _Borrowed(state)
        else:
            made = _Made()
        try:
            made._fill(peek is not None, peek)
            if isinstance(made, _Made):
                if kind is None:
                    kind = "replicated" if self._alone else "private"
                made.node = Registrar(made, peek).add_root(state, kind_code(kind))
                made.set_attributes(attributes or {})
                for glob in [replicate] if isinstance(replicate, str) else replicate:
                    made.replicate(glob)
        except BaseException:
            made.__exit__()
            raise
        return made


def close_those_of_one_process() -> None:
    """At the end of the interpreter: what is pending would be lost."""
    for context in list(_alive):
        if context.size == 1 and context._handle and os.getpid() == context._process:
            context.close()


class _Made(State):
    """A state that was made for one call."""

    def __init__(self):
        super().__init__()
        self.node = None
        self.poison = None


class _Borrowed:
    """A state of the user's, in the place of one that was made."""

    node = poison = None

    def __init__(self, state):
        if not state._handle:
            raise errors.Invalid("this tsnap.State is closed")
        self._handle, self._failures = state._handle, state._failures
        self._stream, self._let_go, self._fill = state._stream, state._let_go, state._fill

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._fill(False)


def _poisoned(error):
    """A state that makes the call fail on all ranks, so that none waits for this one, whose own could not be built."""
    made = _Made()
    made.poison = error

    def describe(_child):
        raise error
    made.add_stateful(f"(no state on this rank: {type(error).__name__})", describe)
    return made


class _Prepared:
    """State, options, URL and progress of one call."""

    def __init__(self, made, raw, url, watch):
        self.made, self.raw, self.url, self.watch = made, raw, url, watch

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.made.__exit__()
        self.watch.close()


def _url(url) -> bytes:
    return library.encoded(url, "url")
