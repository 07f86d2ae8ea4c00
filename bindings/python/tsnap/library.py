"""Finds and loads libtsnap, and libtsnap_mpi once a communicator is given; turns statuses into exceptions.

It is looked for in this order: the file that the environment variable TSNAP_LIBRARY names; beside this package; where
`meson install` put it; where the system looks for libraries (LD_LIBRARY_PATH, ld.so.conf).
"""

from __future__ import annotations

import ctypes
import os
import threading

from . import abi, errors

SONAME, MPI_SONAME = f"libtsnap.so.{abi.VERSION_MAJOR}", f"libtsnap_mpi.so.{abi.VERSION_MAJOR}"
MADE_FOR = f"{abi.VERSION_MAJOR}.{abi.VERSION_MINOR}.{abi.VERSION_PATCH}"

_lock = threading.Lock()
_core = None
_mpi = None


def _installed_folder():
    """The libdir of the installation that this package is part of; written by Meson."""
    try:
        from .installed import LIBRARY_FOLDER
    except ImportError:
        return None
    return os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), LIBRARY_FOLDER))


def candidates() -> list:
    """The files to try, in order. A name without a folder is left to the system."""
    named = os.environ.get("TSNAP_LIBRARY")
    if named:
        return [named]
    folders = [os.path.dirname(os.path.abspath(__file__)), _installed_folder()]
    found = [os.path.join(folder, SONAME) for folder in folders if folder]
    return [file for file in found if os.path.exists(file)] + [SONAME]


def _open(files, what, hint):
    tried = []
    for file in files:
        try:
            return ctypes.CDLL(file), file
        except OSError as error:
            tried.append(f"{file} ({error})")
    raise errors.LibraryError(f"cannot load {what}: tried {'; '.join(tried)}. {hint}")


def check_version(have: str) -> None:
    """Same major version, and not older than what this binding was made for."""
    try:
        major, minor, patch = (int(part) for part in have.split(".")[:3])
    except ValueError:
        major, minor, patch = -1, 0, 0
    if major != abi.VERSION_MAJOR or (minor, patch) < (abi.VERSION_MINOR, abi.VERSION_PATCH):
        raise errors.LibraryError(
            f"libtsnap {have} was loaded, and this tsnap package was made for {MADE_FOR}: the major version must be the same, "
            "and the library not older. Install the two from one source, or let TSNAP_LIBRARY name the other library.")


def core():
    """libtsnap; loaded at the first call."""
    global _core
    if _core is None:
        with _lock:
            if _core is None:
                library, file = _open(candidates(), "libtsnap",
                                      "Install tsnap (meson install), or set TSNAP_LIBRARY to the file of libtsnap.so.")
                version = getattr(library, "tsnap_version", None)
                if version is None:
                    raise errors.LibraryError(f"{file} is not libtsnap: it has no tsnap_version. Mend TSNAP_LIBRARY.")
                version.restype = ctypes.c_char_p
                check_version(version().decode())
                try:
                    abi.declare(library, abi.CORE_FUNCTIONS)
                except AttributeError as error:
                    raise errors.LibraryError(f"{file} lacks a function of tsnap {MADE_FOR}: {error}. Install the library and "
                                              "the Python package from one source.") from None
                library.file = file
                _core = library
    return _core


def mpi(version_of_mpi4py: str):
    """libtsnap_mpi, which must be of the MPI that mpi4py runs on; loaded when the first communicator is given."""
    global _mpi
    library = core()
    with _lock:
        if _mpi is None:
            folder = os.path.dirname(library.file)
            beside = [os.path.join(folder, name) for name in (MPI_SONAME, "libtsnap_mpi.so")] if folder else []
            files = [file for file in beside if os.path.exists(file)] or [MPI_SONAME]
            loaded, file = _open(files, "libtsnap_mpi, which a communicator needs",
                                 "It lies beside libtsnap.so where tsnap was built with MPI (-Dmpi=enabled).")
            _check_mpi(loaded, file, version_of_mpi4py)
            abi.declare(loaded, abi.MPI_FUNCTIONS)
            _mpi = loaded
    return _mpi


def _check_mpi(loaded, file, version_of_mpi4py):
    text, length = ctypes.create_string_buffer(1 << 16), ctypes.c_int()
    if loaded.MPI_Get_library_version(text, ctypes.byref(length)) != 0:
        return
    ours, theirs = (version.strip(" \0\n") for version in (text.value.decode(errors="replace"), version_of_mpi4py))
    if ours != theirs:
        raise errors.LibraryError(f"{file} was built for {ours.splitlines()[0]}, and mpi4py runs on {theirs.splitlines()[0]}: "
                                  "build tsnap for mpi4py's MPI (-Dmpi_impl=...), or install mpi4py for that of tsnap.")


def last_error() -> str:
    return core().tsnap_last_error().decode("utf-8", "replace")


def check(status: int) -> None:
    """Raises the exception of a status that is not TSNAP_OK."""
    if status != abi.OK:
        raise errors.of_status(status, last_error())


def call(name: str, *arguments) -> None:
    """Calls a function of libtsnap that returns a status."""
    check(getattr(core(), name)(*arguments))


def settle(status: int, failures: list, function: str) -> None:
    """Raises what a call with callbacks failed with: an interrupt that came in one, the status, or what one raised."""
    text = last_error() if status != abi.OK else ""
    raised, failures[:] = list(failures), []
    for error in raised:
        if not isinstance(error, Exception):  # KeyboardInterrupt, SystemExit
            raise error
    if status == abi.E_CALLBACK and raised:
        text = f"{text}: {type(raised[0]).__name__}: {raised[0]}"
    if status != abi.OK:
        raise errors.of_status(status, text) from (raised[0] if raised else None)
    if raised:
        raise errors.CallbackError(f"{function} has done its work, and a callback raised {raised[0]!r}") from raised[0]


def version() -> str:
    """The version of the library that is loaded."""
    return core().tsnap_version().decode()


def encoded(text, what: str) -> bytes:
    """Text for C: UTF-8 without a NUL inside."""
    if isinstance(text, os.PathLike):
        text = os.fspath(text)
    if not isinstance(text, str):
        raise TypeError(f"{what} is a text, not {type(text).__name__}")
    if "\0" in text:
        raise ValueError(f"{what} has a NUL inside: {text!r}")
    return text.encode("utf-8", "surrogateescape" if what == "url" else "strict")
