"""A take that goes on in the background."""

from __future__ import annotations

import ctypes
import sys
import time
import warnings

from . import abi, errors, library


class Request:
    """Ended by `wait()` or the end of a `with` block; `test()` says whether it has ended.

    Below MPI_THREAD_MULTIPLE it goes on only inside tsnap calls: call `test()` now and then on every rank.
    """

    def __init__(self, context, url: str, handle: ctypes.c_void_p, kept: tuple, watch, failures: list):
        # C keeps neither state nor options; the callbacks must live as long as the request.
        self._context, self.url, self._handle, self._kept = context, url, handle, kept
        self._watch, self._failures = watch, failures
        self._error = None
        self._ended = self._asked = False

    def test(self) -> bool:
        """Whether it has ended, well or not; `wait` tells which. Waits for nobody."""
        if self._ended:
            return True
        done = ctypes.c_int32()
        library.call("tsnap_request_test", self._handle, ctypes.byref(done))
        return bool(done.value)

    def wait(self) -> None:
        """Waits until the snapshot exists, or raises why not. Later calls do the same at once. Ctrl-C ends the wait, not the take."""
        self._asked = True
        pause = 1e-4
        while not self.test():  # and not in C: there a signal would have to wait as well
            time.sleep(pause)
            pause = min(2 * pause, 0.01)
        self._end()
        if self._error is not None:
            raise self._error

    def cancel(self) -> None:
        """Ends it early: nothing is committed, and `wait` raises Cancelled; or it was committed already. Collective."""
        if not self._ended:
            library.call("tsnap_request_cancel", self._handle)

    def close(self) -> None:
        """Waits and frees, without telling how it ended; after `wait` there is nothing left to do."""
        self._asked = True
        self._end()

    def _warn(self):
        """Of a failure that nobody has asked for."""
        if self._error is not None and not self._asked:
            self._asked = True
            warnings.warn(f"the take to {self.url} failed, and nobody waited for it: {self._error}", RuntimeWarning, stacklevel=3)

    def __del__(self):
        # One that has ended is not kept by its context: with the last of its owners goes the last who could ask.
        if getattr(self, "_ended", False) and not sys.is_finalizing():
            self._warn()

    def _end(self):
        if self._ended:
            return
        try:
            library.call("tsnap_request_free", ctypes.byref(self._handle))
        except errors.Busy:
            raise
        except errors.Error as error:
            self._error = error.with_traceback(None)  # whose frames would hold this request
        if self._failures and self._error is None:
            self._error = errors.CallbackError(f"the snapshot at {self.url} was taken, and its progress function raised "
                                               f"{self._failures[0]!r}")
        if self._failures:
            self._error.__cause__ = self._failures[0]
        self._ended, self._kept = True, ()
        self._watch.close()
        self._context._forget(self)

    def __enter__(self) -> "Request":
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.wait()
        else:
            self.close()

    def __repr__(self):
        return f"<tsnap.Request {self.url!r}: {'ended' if self._ended else 'going on'}>"
