"""What a snapshot that is about to be restored holds: sizes of texts, forms of state_dicts, and what records are."""

from __future__ import annotations

from typing import Optional

from . import abi, errors


class Peek:
    """Looks for objects as a restore on this rank will: its own, or the shared one of that path."""

    def __init__(self, snapshot, rank: int, copies_rank_0: bool):
        self._snapshot = snapshot
        self._rank = 0 if copies_rank_0 and rank >= snapshot.info.world_size else rank

    def _find(self, path, kind, types):
        for stored in ([path] if kind == abi.REPLICATED else [f"{self._rank}/{path}", path]):
            try:
                found = self._snapshot.object(stored)
            except errors.ObjectNotFound:
                continue
            return found if found.type in types else None
        return None

    def size_of(self, path: str, kind: int) -> Optional[int]:
        """Bytes of a text or byte block; None when there is none."""
        found = self._find(path, kind, ("string", "bytes"))
        return None if found is None else found.bytes

    def text_of(self, path: str, kind: int) -> Optional[str]:
        found = self._find(path, kind, ("string",))
        return None if found is None else self._snapshot.read_value(found.path)

    def check_records(self, path: str, kind: int, place) -> None:
        """Mismatch, if the records of an array are others than the stored ones."""
        if place.record is None:
            return
        found = self._find(path, kind, ("array",))
        if found is not None and (found.dtype, found.item_bytes) == ("opaque", place.item_bytes):
            self._snapshot._check_records(found.path, place)
