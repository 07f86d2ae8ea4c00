"""Callbacks of a part that describes itself: Python functions behind the C interface's tsnap_stateful.

No exception can pass through C. It is kept for the caller of take or restore, and C is told that the callback failed, so that
the call ends on all ranks with one status.
"""

from __future__ import annotations

from typing import Callable, Optional

from . import abi


class Registration:
    """One tsnap_stateful. What describe registered in its child stays alive until C releases it."""

    def __init__(self, make_child: Callable, describe: Callable, loaded: Optional[Callable], release: Optional[Callable],
                 failures: list):
        self._make_child, self._describe, self._loaded, self._release = make_child, describe, loaded, release
        self._failures = failures
        self._child = None
        # What the last call has released. After a timeout a thread of C may still use it (Context._call).
        self.released = None
        self.struct = abi.stateful(describe=abi.DESCRIBE_CALLBACK(self._on_describe), loaded=abi.LOADED_CALLBACK(self._on_loaded),
                                   release=abi.RELEASE_CALLBACK(self._on_release))

    def _on_describe(self, handle, _user):
        child = self._child = self._make_child(handle, self._failures)
        try:
            self._describe(child)
            return abi.OK
        except BaseException as error:  # kept for the caller
            self._failures.append(error)
            return abi.E_CALLBACK
        finally:
            child._handle = None

    def _on_loaded(self, _user):
        try:
            if self._loaded is not None:
                self._loaded()
            return abi.OK
        except BaseException as error:  # kept for the caller
            self._failures.append(error)
            return abi.E_CALLBACK

    def _on_release(self, _user):
        try:
            if self._release is not None:
                self._release()
        except BaseException as error:  # kept for the caller
            self._failures.append(error)
        finally:
            self.released, self._child = self._child, None
