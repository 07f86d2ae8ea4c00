#!/usr/bin/env python3
"""smoke_test.py BENCH_GPU FOLDER kernels|no-kernels: run.py prints one table with all of bench_gpu's rows, measured, and with kernels
also those of GPUDirect Storage; without a PyTorch it says so, and where there is one its rows are in the table too, on the CPU.
Speed is not looked at.
"""

import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
LIMITS = ["one pinned copy to the host (limit)", "one pageable copy to the host", "a file: write, fsync (limit)",
          "a file: read (limit)", "one pinned copy to the device (limit)"]
ASYNC = "tsnap_take_async, the call"
TSNAP = [name + way for way in ("", ", pageable") for name in ("tsnap_take", ASYNC, "tsnap_restore")]
TSNAP += [f"{ASYNC}, spare memory", f"{ASYNC}, pageable, spare memory"]
DIRECT = ["tsnap_take, GPUDirect Storage", "tsnap_restore, GPUDirect Storage"]
TORCH = ["torch.save", "torch.load"]
ROW = re.compile(r"^  (\S.*?) +([\d.]+) s +([\d.]+) GB/s(  peak \d+ MiB)?$")


def run(bench, folder, *more, modules=""):
    command = [sys.executable, os.path.join(HERE, "run.py"), bench, "--mib", "16", "--arrays", "2", "--rounds", "2",
               "--budget-mib", "16", "--dir", folder, *more]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, env={**os.environ, "PYTHONPATH": modules})
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}")
    rows = {found[1]: found for found in map(ROW.match, done.stdout.splitlines()) if found}
    return done.stdout, rows


def check_rows(output, rows, expected):
    missing = set(expected) ^ set(rows)
    if missing:
        raise SystemExit(f"rows that are missing, or not expected: {sorted(missing)}\n{output}")
    peaks = {name for name, row in rows.items() if row[4] is not None}
    if not peaks <= {*TSNAP, *DIRECT} or (peaks and peaks != set(rows) - {*LIMITS, *TORCH}):
        raise SystemExit(f"peaks of memory in some rows only, or in others' rows: {sorted(peaks)}\n{output}")


def torch_is_at_hand():
    return subprocess.run([sys.executable, "-c", "import torch"], stderr=subprocess.DEVNULL, check=False).returncode == 0


def main():
    bench, base, kernels = sys.argv[1:]
    direct = kernels == "kernels"
    with tempfile.TemporaryDirectory(dir=base) as folder, tempfile.TemporaryDirectory() as modules:
        with open(os.path.join(modules, "torch.py"), "w", encoding="utf-8") as hidden:
            hidden.write('raise ImportError("hidden by the test")\n')
        output, rows = run(bench, folder, "--torch-device", "cpu")
        torch_rows = [name for name in rows if name.startswith("torch.")]
        if torch_is_at_hand() and not set(TORCH) <= set(torch_rows):
            raise SystemExit(f"PyTorch's rows are missing\n{output}")
        check_rows(output, {name: row for name, row in rows.items() if name not in torch_rows}, [*LIMITS, *TSNAP])
        output, rows = run(bench, folder, *(["--direct"] if direct else []), modules=modules)
        if "PyTorch is left out" not in output:
            raise SystemExit(f"nothing says that PyTorch is left out\n{output}")
        check_rows(output, rows, [*LIMITS, *TSNAP, *(DIRECT if direct else [])])
        left = os.listdir(folder)
        if left:
            raise SystemExit(f"left behind: {left}")


if __name__ == "__main__":
    main()
