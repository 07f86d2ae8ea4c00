"""Options: Python's words for them, and the structs of the C interface."""

from __future__ import annotations

import ctypes
import json
import os
from dataclasses import dataclass, fields
from typing import Any, Callable, Mapping, Optional

from . import abi, library

CODECS = {None: abi.CODEC_NONE, "none": abi.CODEC_NONE, "zstd": abi.CODEC_ZSTD, "lz4": abi.CODEC_LZ4, "deflate": abi.CODEC_DEFLATE}
CODEC_NAMES = {code: name for name, code in CODECS.items() if name}
CHECKS = {"shape": abi.REPLICATED_CHECK_SHAPE, "none": abi.REPLICATED_CHECK_NONE, "content": abi.REPLICATED_CHECK_CONTENT}
NEW_RANKS = {"error": abi.NEW_RANKS_ERROR, "copy_rank_0": abi.NEW_RANKS_COPY_RANK_0, "leave": abi.NEW_RANKS_LEAVE}
LOST_RANKS = {"error": abi.LOST_RANKS_ERROR, "ignore": abi.LOST_RANKS_IGNORE}
LOG_LEVELS = {"error": abi.LOG_ERROR, "warning": abi.LOG_WARNING, "info": abi.LOG_INFO, "debug": abi.LOG_DEBUG}
KINDS = {"private": abi.PRIVATE, "replicated": abi.REPLICATED}
OPERATIONS = {abi.OPERATION_TAKE: "take", abi.OPERATION_TAKE_ASYNC: "take_async", abi.OPERATION_RESTORE: "restore"}


def choice(table: Mapping, value: Any, what: str) -> int:
    """The number of a word; ValueError with all words for another one."""
    if not isinstance(value, (str, type(None))) or value not in table:
        raise ValueError(f"{what} is one of {', '.join(repr(word) for word in table)}; not {value!r}")
    return table[value]


def switch(value: Optional[bool]) -> int:
    return 0 if value is None else abi.ON if value else abi.OFF


@dataclass
class Config:
    """What a context or an opened snapshot may use: memory, threads, time, credentials (tsnap/config.h).

    A field that is left alone is taken from the environment variable of its name (TSNAP_MEMORY_BUDGET_BYTES), or has its default.
    """

    memory_budget_bytes: int = 0
    io_concurrency: int = 0
    staging_threads: int = 0
    collective_timeout_seconds: float = 0.0
    io_timeout_seconds: float = 0.0
    direct_io: Optional[bool] = None
    log_level: Optional[str] = None
    log: Optional[Callable[[str, str], None]] = None
    s3_endpoint: Optional[str] = None
    s3_region: Optional[str] = None
    s3_access_key: Optional[str] = None
    s3_secret_key: Optional[str] = None
    s3_session_token: Optional[str] = None
    ca_file: Optional[str] = None
    staging_prefault_bytes: int = 0
    trace: Optional[str] = None
    event: Optional[Callable[["Event"], None]] = None

    def __repr__(self):
        shown = [f"{field.name}={getattr(self, field.name)!r}" for field in fields(self)
                 if getattr(self, field.name) != field.default and "key" not in field.name and "token" not in field.name]
        return f"Config({', '.join(shown)})"


@dataclass(frozen=True)
class Event:
    """The begin or the end of a phase of a take or restore on this rank; `phase` is None for the whole operation."""

    operation_number: int
    operation: str
    phase: Optional[str]
    is_end: bool
    status: int
    unix_nanoseconds: int
    seconds: float
    bytes: int


def config_of(config: Optional[Config], given: Mapping[str, Any]) -> Config:
    """A config, or one of keyword arguments; not both."""
    if config is not None and given:
        raise TypeError("give a Config or its fields as keyword arguments, not both")
    if config is not None and not isinstance(config, Config):
        raise TypeError(f"config is a tsnap.Config, not {type(config).__name__}")
    return config if config is not None else Config(**given)


def c_config(config: Config, failures: list) -> abi.config:
    """The struct; what its callbacks raise is kept in `failures`. It must live as long as the handle that is given it."""
    out = abi.config()
    for field in ("memory_budget_bytes", "io_concurrency", "staging_threads", "collective_timeout_seconds", "io_timeout_seconds",
                  "staging_prefault_bytes"):
        value = getattr(config, field)
        _check_number(value, field, dict(abi.config._fields_)[field])
        setattr(out, field, value)
    out.direct_io = switch(config.direct_io)
    out.log_level = choice(LOG_LEVELS, config.log_level, "log_level") if config.log_level is not None else 0
    for field in ("s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key", "s3_session_token", "ca_file", "trace"):
        value = getattr(config, field)
        setattr(out, field, None if value is None else library.encoded(os.fspath(value), field))
    levels = {number: word for word, number in LOG_LEVELS.items()}
    if config.log is not None:
        out.log = abi.LOG_CALLBACK(lambda level, message, _: _kept(
            failures, config.log, lambda: (levels.get(level, str(level)), message.decode("utf-8", "replace"))))
    if config.event is not None:
        out.event = abi.EVENT_CALLBACK(lambda event, _: _kept(failures, config.event, lambda: (_event(event),)))
    return out


def _check_number(value, what, ctype):
    """ctypes would cut a number that does not fit."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what} is a number, not {value!r}")
    if ctype is not abi.c_double and (not isinstance(value, int) or ctype(value).value != value):
        raise ValueError(f"{what} is out of range: {value!r}")


def _kept(failures, function, arguments):
    try:
        function(*arguments())
    except BaseException as error:  # no exception can pass through C: the next call of the context raises it
        failures.append(error)


def _event(address):
    raw = abi.event.from_address(address)
    return Event(raw.operation_number, OPERATIONS.get(raw.operation, str(raw.operation)), phase_name(raw.phase) if raw.phase else None,
                 bool(raw.is_end), raw.status, raw.unix_nanoseconds, raw.seconds, raw.bytes)


def phase_name(phase: int) -> str:
    return library.core().tsnap_phase_name(phase).decode()


def with_stream(raw: ctypes.Structure, stream: Optional[int]) -> None:
    """Orders the call with a CUDA stream."""
    if stream is not None:
        raw.cuda_stream = stream


def c_take_options(*, overwrite=False, codec=None, verify_replicated="shape", sync=True, chunk_bytes=0, slab_bytes=0,
                   metadata=None, device_staging=False) -> abi.take_options:
    for what, value in (("chunk_bytes", chunk_bytes), ("slab_bytes", slab_bytes)):
        _check_number(value, what, abi.c_uint64)
    if metadata is not None and not isinstance(metadata, str):
        metadata = json.dumps(metadata)
    return abi.take_options(
        overwrite=switch(overwrite), codec=choice(CODECS, codec, "codec"),
        verify_replicated=choice(CHECKS, verify_replicated, "verify_replicated"), sync=switch(sync), chunk_bytes=chunk_bytes,
        slab_bytes=slab_bytes, device_staging=switch(device_staging), metadata=None if metadata is None else library.encoded(metadata, "metadata"))


def c_restore_options(*, strict=True, new_ranks="error", lost_ranks="error", verify=True) -> abi.restore_options:
    return abi.restore_options(strict=switch(strict), new_ranks=choice(NEW_RANKS, new_ranks, "new_ranks"),
                               lost_ranks=choice(LOST_RANKS, lost_ranks, "lost_ranks"), verify=switch(verify))
