"""What operations tell afterwards: the report of a restore, statistics, results of copies and clean-ups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple


@dataclass(frozen=True)
class Report:
    """What the last restore found on this rank; lists of paths (tsnap/restore.h)."""

    missing: Tuple[str, ...] = ()
    unexpected: Tuple[str, ...] = ()
    mismatched: Tuple[str, ...] = ()
    not_restored: Tuple[str, ...] = ()


@dataclass(frozen=True)
class Statistics:
    """How long the last take or restore of a context took on this rank, and where the time went (tsnap/statistics.h)."""

    operation_number: int
    operation: Optional[str]
    status: int
    plan_reused: bool
    seconds: float
    blocked_seconds: float
    budget_wait_seconds: float
    rank_wait_seconds: float
    bytes: int
    stored_bytes: int
    over_budget_bytes: int
    peak_buffer_bytes: int
    phase_seconds: Dict[str, float]
    phase_bytes: Dict[str, int]


@dataclass(frozen=True)
class CopyResult:
    """What a copy moved: files or stored objects, and bytes; `server_side`: the service copied, nothing passed through here."""

    objects_copied: int
    objects_skipped: int
    bytes_copied: int
    bytes_skipped: int
    server_side: bool


@dataclass(frozen=True)
class GcResult:
    """What gc removed, or would remove."""

    takes_removed: int
    takes_kept: int
    bytes_removed: int


def report_of(raw: Any) -> Report:
    lists = {}
    for name in ("missing", "unexpected", "mismatched", "not_restored"):
        paths, count = getattr(raw, name), getattr(raw, f"{name}_count")
        lists[name] = tuple(paths[index].decode("utf-8", "surrogateescape") for index in range(count))
    return Report(**lists)


def statistics_of(raw: Any) -> Statistics:
    from . import options  # which needs the errors, which need the Report
    values = {name: getattr(raw, name) for name, _ in raw._fields_ if name not in ("struct_size", "reserved")}
    values["operation"] = options.OPERATIONS.get(raw.operation)
    values["plan_reused"] = bool(raw.plan_reused)
    for name in ("phase_seconds", "phase_bytes"):
        values[name] = {options.phase_name(phase): amount for phase, amount in enumerate(values[name]) if phase and amount}
    return Statistics(**{name: values[name] for name in Statistics.__dataclass_fields__})


def copy_result_of(raw: Any) -> CopyResult:
    return CopyResult(raw.objects_copied, raw.objects_skipped, raw.bytes_copied, raw.bytes_skipped, bool(raw.server_side))


def gc_result_of(raw: Any) -> GcResult:
    return GcResult(raw.takes_removed, raw.takes_kept, raw.bytes_removed)
