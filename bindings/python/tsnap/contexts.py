"""The contexts behind tsnap.take and its like: one for each communicator, opened at the first call and closed in time.

In time is: when the communicator is freed, before MPI.Finalize does its work, and at the end of the interpreter, in the order
in which they were opened, which is the same on all ranks. After an unhandled exception those of several ranks are left open:
closing would wait for ranks that will not come.
"""

from __future__ import annotations

import atexit
import os
import sys
from typing import Any

from . import context
from .context import Context

_alone = None
_opened: list = []
_keyval = None


def of(comm: Any) -> Context:
    """The context of a communicator; collective over it the first time. None: that of this process alone."""
    global _alone
    if isinstance(comm, Context):
        return comm
    if comm is None:
        if _alone is None or not _alone._handle:
            _alone = Context()
            _opened.append(_alone)
        return _alone
    context.check_communicator(comm)
    keyval = _comm_keyval()
    found = comm.Get_attr(keyval)
    if found is None:
        found = Context(comm)
        _opened.append(found)
        comm.Set_attr(keyval, found)
        _close_before_finalize(keyval)
    return found


def close_all() -> None:
    """Closes the contexts that module functions have opened. Collective where they are."""
    failed = sys.exc_info()[0] is not None or getattr(sys, "last_value", None) is not None
    for one in list(_opened):
        _opened.remove(one)
        if one.size == 1 or not failed:
            one.close()


def _comm_keyval():
    global _keyval
    if _keyval is None:
        from mpi4py import MPI
        _keyval = MPI.Comm.Create_keyval(delete_fn=_on_delete)
    return _keyval


def _on_delete(_comm, _key, value):
    if value is _opened:
        close_all()
    elif value in _opened:
        _opened.remove(value)
        value.close()


def _close_before_finalize(keyval):
    """MPI.Finalize deletes the attributes of COMM_SELF before anything else, while MPI still works."""
    from mpi4py import MPI
    if MPI.COMM_SELF.Get_attr(keyval) is None:
        MPI.COMM_SELF.Set_attr(keyval, _opened)


def _forget():
    """In the child of a fork, where handles of the parent are of no use."""
    global _alone
    _alone = None
    _opened.clear()


atexit.register(context.close_those_of_one_process)
atexit.register(close_all)
os.register_at_fork(after_in_child=_forget)
