"""Progress of takes, restores, reads and copies: a bar of tqdm, or any function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Union


@dataclass(frozen=True)
class Progress:
    """How far an operation is on this rank, in bytes. `staged_bytes` (takes and restores): copied out of, or into, the state."""

    done_bytes: int
    total_bytes: int
    staged_bytes: Optional[int] = None


# True is a bar; a function is called about ten times a second with a Progress.
Wish = Union[None, bool, Callable[[Progress], None]]


class Watch:
    """What is called with numbers while a C call runs, and keeps what a function raises for the caller of that call."""

    def __init__(self, wish: Wish, action: str, rank: int, failures: list):
        self._failures = failures
        self._bar = None
        self._function = None
        if wish is True:
            tqdm = _tqdm()  # on all ranks, so that none is left alone where it is missing
            self._bar = tqdm(desc=action, unit="B", unit_scale=True, unit_divisor=1024, total=0) if rank == 0 else None
        elif callable(wish):
            self._function = wish
        elif wish not in (None, False, True):
            raise TypeError(f"progress is True, or a function of one tsnap.Progress, not {wish!r}")

    @property
    def wanted(self) -> bool:
        return self._bar is not None or self._function is not None

    def done(self, done_bytes, total_bytes, _user):
        self._tell(Progress(done_bytes, total_bytes))

    def staged(self, staged_bytes, done_bytes, total_bytes, _user):
        self._tell(Progress(done_bytes, total_bytes, staged_bytes))

    def _tell(self, progress):
        try:
            if self._bar is not None:
                self._bar.total = progress.total_bytes
                self._bar.update(progress.done_bytes - self._bar.n)
            elif not self._failures:
                self._function(progress)
        except BaseException as error:  # no exception can pass through C: the call's end raises it
            self._failures.append(error)

    def close(self):
        if self._bar is not None:
            self._bar.close()


def _tqdm():
    try:
        from tqdm.auto import tqdm
    except ImportError:
        raise ImportError("progress=True draws a bar with tqdm, which is not installed: pip install tqdm, or pass a function "
                          "of one tsnap.Progress") from None
    return tqdm
