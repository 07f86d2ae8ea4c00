"""Errors: one class for each status code of the C interface.

Where Python has a builtin for the same thing it is a base as well, so that `except FileNotFoundError` means what it says.
"""

from __future__ import annotations

from typing import Optional, Sequence

from . import abi
from .report import Report


_NAMES = {value: f"TSNAP_{name}" for name, value in vars(abi).items() if name.startswith("E_")}


class Error(Exception):
    """A tsnap call failed. `code` is the TSNAP_E_... number, `status_name` what C calls it, the text says what happened and what to do."""

    code = abi.E_INTERNAL

    def __init__(self, text: str = "", code: Optional[int] = None):
        super().__init__(text)
        if code is not None:
            self.code = code

    @property
    def status_name(self) -> str:
        """The name of the code in C, such as "TSNAP_E_NOT_FOUND"."""
        return _NAMES.get(self.code, f"unknown status {self.code}")

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""

    def __reduce__(self):
        return type(self), (str(self), self.code)


class Invalid(Error, ValueError):
    """A bad argument, URL, environment variable, or a closed handle."""

    code = abi.E_INVALID


class NoMemory(Error, MemoryError):
    """An allocation failed, or the memory budget is too small."""

    code = abi.E_NO_MEMORY


class NotFound(Error, FileNotFoundError):
    """No such snapshot, object or attribute."""

    code = abi.E_NOT_FOUND


class ObjectNotFound(NotFound, KeyError):
    """The snapshot is there, and has no such object or attribute."""


class Exists(Error, FileExistsError):
    """The place holds a snapshot already, or the path an object."""

    code = abi.E_EXISTS


class IoError(Error, OSError):
    """The storage failed to read, write or sync."""

    code = abi.E_IO


class NoSpace(Error, OSError):
    """The storage or a quota is full."""

    code = abi.E_NO_SPACE


class Corrupt(Error):
    """A checksum or the format is wrong. After Snapshot.verify, `bad_paths` lists the damaged objects."""

    code = abi.E_CORRUPT
    bad_paths: Sequence[str] = ()


class Mismatch(Error):
    """State and snapshot, or the ranks, do not agree. After a restore, `report` lists what."""

    code = abi.E_MISMATCH
    report: Optional[Report] = None


class Unsupported(Error, NotImplementedError):
    """Not built into this library, or of a newer format."""

    code = abi.E_UNSUPPORTED


class AuthError(Error, PermissionError):
    """The storage refuses permission."""

    code = abi.E_AUTH


class NetworkError(Error, ConnectionError):
    """The storage cannot be reached."""

    code = abi.E_NETWORK


class Timeout(Error, TimeoutError):
    """Another rank or the storage did not answer in time; the context can only be closed."""

    code = abi.E_TIMEOUT


class Cancelled(Error):
    """The take was cancelled."""

    code = abi.E_CANCELLED


class CallbackError(Error):
    """A callback of the application raised. `__cause__` is the exception, on the rank where it was raised."""

    code = abi.E_CALLBACK


class DeviceError(Error):
    """An accelerator failed."""

    code = abi.E_DEVICE


class MpiError(Error):
    """An MPI call failed; the context can only be closed."""

    code = abi.E_MPI


class Busy(Error):
    """The handle is in use: called from inside its own callback."""

    code = abi.E_BUSY


class Internal(Error):
    """A mistake in tsnap: report it with its text."""

    code = abi.E_INTERNAL


class LibraryError(Error, ImportError):
    """libtsnap was not found, or is of another version."""

    code = abi.E_UNSUPPORTED


BY_CODE = {kind.code: kind for kind in (
    Invalid, NoMemory, NotFound, Exists, IoError, NoSpace, Corrupt, Mismatch, Unsupported, AuthError, NetworkError, Timeout,
    Cancelled, CallbackError, DeviceError, MpiError, Busy, Internal)}


def of_status(code: int, text: str) -> Error:
    """The exception for a status; codes that this binding does not know are plain errors."""
    return BY_CODE.get(code, Error)(text, code)
