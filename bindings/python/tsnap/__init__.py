"""tsnap: snapshots (checkpoints) of running programs, under MPI or alone, and their restore on any number of ranks.

    tsnap.take("run/step-000100", {"fluid": {"density": density}, "step": 100}, comm=MPI.COMM_WORLD)
    tsnap.restore("run/step-000100", state, comm=MPI.COMM_WORLD)
    tsnap.Snapshot("run/step-000100")["0/fluid/density"][10:20, :]

docs/python.md is the manual; libtsnap, which this package calls, is found as tsnap.library says.
"""

from . import abi as _abi
from .context import Context
from .errors import (AuthError, Busy, CallbackError, Cancelled, Corrupt, DeviceError, Error, Exists, Internal, Invalid, IoError,
                     LibraryError, Mismatch, MpiError, NetworkError, NoMemory, NoSpace, NotFound, ObjectNotFound, Timeout,
                     Unsupported)
from .library import version as library_version
from .markers import Private, Replicated, Rng, Sharded
from .options import Config, Event
from .progress import Progress
from .report import CopyResult, GcResult, Report, Statistics
from .request import Request
from .snapshot import Extent, Group, ObjectInfo, Snapshot, SnapshotInfo
from .state import State, Value
from .stored import StoredArray
from .verbs import copy, gc, remove, restore, take, take_async

__version__ = f"{_abi.VERSION_MAJOR}.{_abi.VERSION_MINOR}.{_abi.VERSION_PATCH}"

__all__ = [
    "AuthError", "Busy", "CallbackError", "Cancelled", "Config", "Context", "CopyResult", "Corrupt", "DeviceError", "Error", "Event",
    "Exists", "Extent", "GcResult", "Group", "Internal", "Invalid", "IoError", "LibraryError", "Mismatch", "MpiError", "NetworkError",
    "NoMemory", "NoSpace", "NotFound", "ObjectInfo", "ObjectNotFound", "Private", "Progress", "Replicated", "Report", "Request", "Rng",
    "Sharded", "Snapshot", "SnapshotInfo", "State", "Statistics", "StoredArray", "Timeout", "Unsupported", "Value", "__version__",
    "copy", "gc", "library_version", "remove", "restore", "take", "take_async"]
