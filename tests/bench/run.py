#!/usr/bin/env python3
"""tsnap's benches: `run.py take|restore|small|replicated|plan|memory|async|hdf5|object|all`, tables on standard output.

The limit and every baseline are measured in the same run, interleaved with tsnap: each round runs every contender
once, after one round that is not counted. Programs compare every byte they read back; one that fails makes this exit
with 1. Speed never does: a star in the table marks what falls short. Only the standard library is used.
"""

import argparse
import datetime
import json
import os
import shutil
import sys
import tempfile

import benches
import measure
import table


def whole(text):
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("expects a whole number from 1 on")
    return value


def parse(arguments):
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__.splitlines()[0],
                                     formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("bench", choices=[*benches.ALL, "object", "all"], help="object wants a server: tests/servers/with_servers.py "
                        "ceph fault -- run.py object; it is not in all")
    parser.add_argument("--bin", default=os.environ.get("TSNAP_BENCH_BIN", "build/tests/bench"),
                        help="the folder of the built bench programs")
    parser.add_argument("--dir", default=".", help="a folder on the disk to measure; '' leaves the disk out")
    parser.add_argument("--shm", default="/dev/shm", help="a memory file system; '' leaves it out")
    parser.add_argument("--runs", type=whole, default=5, help="counted rounds")
    parser.add_argument("--ranks", type=whole, default=2)
    parser.add_argument("--mib", type=whole, default=1024, help="state of each rank (take, restore, replicated, async, hdf5)")
    parser.add_argument("--arrays", type=whole, default=8, help="arrays that it is cut into")
    parser.add_argument("--objects", type=whole, default=100_000, help="arrays of 1 KiB on each rank (small)")
    parser.add_argument("--memory-mib", type=whole, default=2048, help="state of all ranks (memory)")
    parser.add_argument("--budget-mib", type=whole, default=64, help="memory budget of a process (memory)")
    parser.add_argument("--chunk-mib", type=whole, default=16, help="chunk size (memory)")
    parser.add_argument("--virtual-ranks", type=whole, default=100_000, help="(plan)")
    parser.add_argument("--plan-objects", type=whole, default=100, help="objects of each virtual rank (plan)")
    parser.add_argument("--throttled-mib", type=whole, default=256, help="state of each rank, throttled store (async)")
    parser.add_argument("--throttled-mb-per-second", type=whole, default=100, help="what it takes from the node (async)")
    parser.add_argument("--grid", type=whole, default=2048, help="rows and columns of a rank's stencil (async)")
    parser.add_argument("--again-objects", type=whole, default=10_000, help="arrays of 1 KiB, taken twice (async)")
    parser.add_argument("--part-mib", type=whole, default=16, help="parts of an upload, as tsnap makes them (object)")
    parser.add_argument("--connections", type=whole, default=8, help="of all ranks together, as tsnap has them (object)")
    parser.add_argument("--settle-seconds", type=float, default=5, help="before a clock starts: the server frees what was removed (object)")
    parser.add_argument("--kind", choices=["private", "sharded", "both"], default="both", help="(take, restore)")
    parser.add_argument("--cut", choices=["rows", "columns", "small", "all"], default="all", help="which of its tables (hdf5)")
    parser.add_argument("--small-objects", type=whole, default=10_000, help="numbers, and arrays of each of 4 ranks (hdf5)")
    parser.add_argument("--small-baseline-objects", type=whole, default=2_000, help="those of the baselines, which take long (hdf5)")
    parser.add_argument("--page-aligned", action="store_true", help="arrays begin on pages, not where malloc says")
    parser.add_argument("--keep-caches", action="store_true",
                        help="only the bench's own files leave the page cache, not the whole machine's")
    parser.add_argument("--json", metavar="FILE", help="write every round's numbers too")
    settings = parser.parse_args(arguments)
    settings.kinds = ["private", "sharded"] if settings.kind == "both" else [settings.kind]
    settings.drop_caches = os.geteuid() == 0 and not settings.keep_caches
    if settings.mib * measure.MIB < settings.arrays * 8:
        parser.error("--mib is too small for so many arrays")
    if not settings.dir and not settings.shm:
        parser.error("--dir and --shm are both empty: nothing to measure")
    return settings


def run_all(settings):
    """Works in fresh folders below --dir and --shm, and removes them whatever happens."""
    made = []
    try:
        for name in ("dir", "shm"):
            if getattr(settings, name):
                made.append(tempfile.mkdtemp(prefix="tsnap-bench-", dir=getattr(settings, name)))
                setattr(settings, name, made[-1])
        tables = []
        for bench in (benches.ALL if settings.bench == "all" else [settings.bench]):
            for result in benches.run_bench(bench, settings):
                print(result.text(), flush=True)
                tables.append(result)
        return tables
    finally:
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)


def main(arguments):
    settings = parse(arguments)
    machine = measure.machine()
    print(f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']} GiB, Linux {machine['kernel']}, "
          f"{machine['mpi']}, {datetime.date.today()}\nrun.py {' '.join(arguments)}\n", flush=True)
    try:
        tables = run_all(settings)
    except (measure.Failed, OSError) as why:
        print(f"run.py: {settings.bench} cannot be measured: {why}", file=sys.stderr)
        return 1
    if settings.json:
        with open(settings.json, "w", encoding="utf-8") as out:
            json.dump({"machine": machine, "arguments": arguments, "tables": [t.json() for t in tables]}, out, indent=1)
    for result in tables:
        for data in result.data:
            if data["reason"]:
                table.note(f"run.py: bench/{result.bench}, {result.place}: {data['contender']}: {data['reason']}")
    return 1 if any(result.failed for result in tables) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
