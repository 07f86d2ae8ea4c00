"""take, take_async, restore, and what is done to whole snapshots: for programs that need no context of their own."""

from __future__ import annotations

import ctypes
import os
from typing import Any, Callable, Optional

from . import abi, contexts, library, options, report
from .progress import Watch, Wish
from .request import Request


def take(url: Any, state: Any, *, comm: Any = None, **choices: Any) -> None:
    """Takes a snapshot of `state` at `url`; when this returns, it exists on all ranks. Collective over `comm`.

    state       a dict of named values, or a tsnap.State. Values are arrays (NumPy, PyTorch, DLPack, CUDA), numbers, texts,
                bytes, dicts and lists of these, objects with state_dict() and load_state_dict(), and tsnap.Sharded,
                Replicated, Private, Rng around them
    comm        an mpi4py communicator, or a tsnap.Context; None for this process alone
    kind        what values are that do not say: "private" (each rank its own; the default with comm) or "replicated"
                (equal on all ranks, stored once; the default without)
    attributes  {path: {name: text}}
    replicate   globs of private arrays and numbers to be stored once
    overwrite   replace a snapshot that is there (else Exists)
    codec       "zstd", "lz4", "deflate" (HDF5 files) or None
    metadata    a text kept with the snapshot; anything else is stored as JSON
    sync        durable when this returns (the default)
    verify_replicated  "shape", "content" (compares what replicated values hold) or "none"
    chunk_bytes, slab_bytes  how stored bytes are cut; 0 is by store
    device_staging           take_async copies GPU arrays within their GPU first, where it has room, and returns sooner
    progress    True for a bar (tqdm), or a function of one tsnap.Progress
    """
    contexts.of(comm).take(url, state, **choices)


def take_async(url: Any, state: Any, *, comm: Any = None, **choices: Any) -> Request:
    """Begins a take and returns as soon as `state` may change: see take for the arguments, Request for how it ends."""
    return contexts.of(comm).take_async(url, state, **choices)


def restore(url: Any, state: Any, *, comm: Any = None, **choices: Any) -> Any:
    """Fills `state` from the snapshot at `url`, on any number of ranks, and returns it. Collective over `comm`.

    Arrays are filled in place; numbers and texts are put into their dict or list; objects with load_state_dict are given
    what they had. Success means that every byte was read and verified; Mismatch has a `report` of what did not fit.

    strict      every value of state is stored, and every stored object of this rank is asked for (the default)
    new_ranks   what ranks get that the snapshot lacks, of private values: "error", "copy_rank_0", "leave"
    lost_ranks  private values of ranks that are gone: "error", "ignore"
    kind        what values are that do not say: "private" finds both, "replicated" only what was stored once
    verify      check the checksums (the default)
    progress    as in take
    """
    return contexts.of(comm).restore(url, state, **choices)


def copy(from_url: Any, to_url: Any, *, overwrite: bool = False, verify: bool = False, from_config: Optional[options.Config] = None,
         to_config: Optional[options.Config] = None, progress: Wish = None) -> report.CopyResult:
    """Copies a snapshot to another place, in any two stores, also into an HDF5 file and out of it. An interrupted copy goes on."""
    failures: list = []
    raw, out = abi.copy_options(overwrite=options.switch(overwrite), verify=options.switch(verify)), abi.copy_result()
    watch = Watch(progress, "copy", 0, failures)
    if watch.wanted:
        raw.progress = abi.DONE_CALLBACK(watch.done)
    source, target = (options.c_config(config or options.Config(), failures) for config in (from_config, to_config))
    try:
        status = library.core().tsnap_copy(library.encoded(from_url, "url"), ctypes.byref(source), library.encoded(to_url, "url"),
                                           ctypes.byref(target), ctypes.byref(raw), ctypes.byref(out))
        library.settle(status, failures, "tsnap_copy")
    finally:
        watch.close()
    return report.copy_result_of(out)


def remove(url: Any, config: Optional[options.Config] = None) -> None:
    """Removes a snapshot: its commit record first, so that it is whole or does not exist."""
    failures: list = []
    raw = options.c_config(config or options.Config(), failures)
    library.settle(library.core().tsnap_remove(library.encoded(url, "url"), ctypes.byref(raw)), failures, "tsnap_remove")


def gc(url: Any, *, min_age_seconds: float = 0.0, dry_run: bool = False, removed: Optional[Callable[[str, int], None]] = None,
       config: Optional[options.Config] = None) -> report.GcResult:
    """Removes what takes left at `url` that never committed and are silent for `min_age_seconds` (0 is a day).

    `removed(key, bytes)` is told of each file or stored object.
    """
    failures: list = []
    raw, out = abi.gc_options(min_age_seconds=min_age_seconds, dry_run=options.switch(dry_run)), abi.gc_result()
    if removed is not None:
        def tell(key, size, _user):
            try:
                removed(os.fsdecode(key), size)
            except BaseException as error:  # kept for the end of the call
                failures.append(error)
        raw.removed = abi.REMOVED_CALLBACK(tell)
    config_ = options.c_config(config or options.Config(), failures)
    library.settle(library.core().tsnap_gc(library.encoded(url, "url"), ctypes.byref(config_), ctypes.byref(raw), ctypes.byref(out)),
           failures, "tsnap_gc")
    return report.gc_result_of(out)
