#!/usr/bin/env python3
"""smoke_test.py BIN hdf5|no-hdf5 BENCH: run.py works at tiny sizes and each table has all its rows, all measured.

BENCH wrong-data: a bench program that reads other bytes than were written ends with an error. Speed is not looked at.
Only what this machine may lack is forgiven: fio or direct I/O, rclone and aws, and HDF5 when it was not built.
"""

import glob
import json
import os
import subprocess
import sys
import tempfile

import background
import benches
import measure

HERE = os.path.dirname(os.path.abspath(__file__))
KINDS = ["tsnap private", "tsnap sharded"]
BASELINES = ["file a rank", "MPI_File", "collective HDF5"]
COPIES = ["rclone copy", "aws s3 cp"]
TSNAP_RANKS = ["tsnap 1 rank", "tsnap 2 ranks", "tsnap 4 ranks"]
MEMORY_ROWS = [f"{case}: {op}" for case, _ in benches.MEMORY_CASES for op in ("take", "restore", "read")]
BLOCKED_ROWS = [row[0] for row in background.BLOCKED_ROWS]
THROTTLED_ROWS = ["memcpy", "take_async, second", "take"]
BESIDE_ROWS = ["take_async, MPI_THREAD_MULTIPLE", "take_async, driven"]
# bench -> the tables in order: (place, the beginnings of its rows' names)
EXPECTED = {
    "take": [("disk", ["fio direct", *BASELINES, *KINDS]), ("memory", ["memcpy", *BASELINES, *KINDS])],
    "restore": [("disk", ["fio direct", "fio buffered", *BASELINES, *KINDS]),
                ("memory", ["memcpy (limit)", "memcpy, mapped", "file a rank", *KINDS])],
    "small": [(place, ["file a rank, write", "tsnap take", "file a rank, read", "tsnap restore"])
              for place in ("disk", "memory")],
    "replicated": [("disk", ["fio direct", "rank 0 alone", *TSNAP_RANKS]),
                   ("disk", ["every rank reads", *TSNAP_RANKS])],
    "plan": [("processor", ["planner"])],
    "memory": [("disk", MEMORY_ROWS)],
    "async": [(place, names) for place in ("disk", "memory") for names in (BLOCKED_ROWS, BLOCKED_ROWS, BESIDE_ROWS)]
             + [("disk", THROTTLED_ROWS), ("disk", ["first take", "second take"])],
    "object": [("server", ["curl, payload not signed", "curl, payload signed", *COPIES, "tsnap"]), ("server", ["curl (limit)", *COPIES, "tsnap"]),
               ("server", ["tsnap cat"])],
}
LARGE_HDF5_ROWS = ["tsnap, HDF5 file", "tsnap, native", "HDF5 collective, OMPIO", "HDF5 collective, ROMIO", "HDF5 independent"]
SMALL_HDF5_ROWS = ["tsnap, HDF5 file", "tsnap, native", "HDF5 collective", "HDF5 collective, tuned"]
EXPECTED["hdf5"] = [(place, rows) for place in ("disk", "memory") for rows in [LARGE_HDF5_ROWS] * 6 + [SMALL_HDF5_ROWS] * 2]
TINY = ["--runs", "2", "--mib", "4", "--arrays", "4", "--objects", "300", "--memory-mib", "16", "--budget-mib", "8",
        "--chunk-mib", "1", "--virtual-ranks", "200", "--plan-objects", "5", "--throttled-mib", "2", "--grid", "64",
        "--again-objects", "300", "--small-objects", "50", "--small-baseline-objects", "20", "--keep-caches", "--part-mib", "4", "--settle-seconds", "0"]


def expect(condition, text):
    if not condition:
        sys.exit(f"smoke_test.py: {text}")


def check_row(expected_name, row, hdf5):
    expect(row["contender"].startswith(expected_name), f"row {row['contender']!r} where {expected_name!r} belongs")
    if not row["measured"]:
        forgiven = expected_name.startswith("fio") or (expected_name.startswith(("collective HDF5", "HDF5")) and not hdf5) or (
            expected_name in COPIES and "is not installed" in row["reason"])
        expect(forgiven, f"{row['contender']}: {row['reason']}")
        return
    expect(len(row["rounds"]) == 2, f"{row['contender']}: {len(row['rounds'])} rounds instead of 2")
    for result in row["rounds"]:
        expect(result["seconds"] > 0, f"{row['contender']}: a round took no time: {result}")
        expect(expected_name == "planner" or result["bytes"] > 0, f"{row['contender']}: moved no bytes: {result}")


def check_tables(bench, bin_dir, hdf5, folder):
    out = os.path.join(folder, "tables.json")
    shm = "/dev/shm" if os.path.isdir("/dev/shm") else ""
    command = [sys.executable, os.path.join(HERE, "run.py"), bench, "--bin", bin_dir, "--dir", folder, "--shm", shm,
               "--json", out, *TINY]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    expect(done.returncode == 0, f"run.py {bench} ended with {done.returncode}:\n{done.stdout}")
    with open(out, encoding="utf-8") as text:
        tables = json.load(text)["tables"]
    expected = [entry for entry in EXPECTED[bench] if shm or entry[0] != "memory"]
    expect([table["place"] for table in tables] == [place for place, _ in expected], "other tables than expected")
    for table, (_, names) in zip(tables, expected):
        expect(table["title"] in done.stdout, f"the table was not printed: {table['title']}")
        expect(len(table["data"]) == len(names), f"{len(table['data'])} rows instead of {len(names)}")
        for name, row in zip(names, table["data"]):
            check_row(name, row, hdf5)
        for row in table["rows"]:
            expect(len(row) == len(table["columns"]) or "not measured" in row[-1], f"an incomplete row: {row}")
    expect(os.listdir(folder) == ["tables.json"], f"run.py left files behind: {os.listdir(folder)}")


def flip_a_byte(path):
    with open(path, "r+b") as data:
        data.seek(os.path.getsize(path) // 2)
        byte = data.read(1)[0]
        data.seek(-1, os.SEEK_CUR)
        data.write(bytes([byte ^ 1]))


def check_wrong_data(bin_dir, folder):
    """One flipped bit must end the baseline by its own check, and a wrong seed must end tsnap's program too."""
    size = {"array_count": 2, "array_bytes": 65536}
    common = {"dir": folder, "arrays": size["array_count"], "array_bytes": size["array_bytes"]}
    measure.mpi_program(bin_dir, "baseline_file", 2, op="write", seed=1, **common)
    measure.mpi_program(bin_dir, "baseline_file", 2, op="read", seed=1, **common)
    flip_a_byte(glob.glob(os.path.join(folder, "rank_1.bin"))[0])
    measure.mpi_program(bin_dir, "tsnap_arrays", 2, op="write", seed=1, **common)
    measure.mpi_program(bin_dir, "tsnap_arrays", 2, op="read", seed=1, **common)
    for program, seed in (("baseline_file", 1), ("tsnap_arrays", 2)):
        try:
            measure.mpi_program(bin_dir, program, 2, op="read", seed=seed, **common)
        except measure.Failed as why:
            expect("lost data" in str(why), f"{program} failed for another reason: {why}")
        else:
            sys.exit(f"smoke_test.py: {program} accepted wrong data")


def main(bin_dir, hdf5, bench):
    with tempfile.TemporaryDirectory(dir=bin_dir) as folder:
        try:
            if bench == "wrong-data":
                check_wrong_data(bin_dir, folder)
            else:
                check_tables(bench, bin_dir, hdf5 == "hdf5", folder)
        except (measure.Failed, measure.NotMeasured) as why:
            sys.exit(f"smoke_test.py: {why}")


if __name__ == "__main__":
    main(*sys.argv[1:])
