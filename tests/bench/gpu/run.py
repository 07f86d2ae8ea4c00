#!/usr/bin/env python3
"""bench_gpu and torch_save.py in one run: each holds its arrays on the GPU, their rounds take turns, and one table has the medians.

    run.py build/tests/bench/gpu/bench_gpu --mib 4096 --arrays 8 --rounds 5 --dir /scratch [--budget-mib N] [--direct]

A first round of each is not counted. Without PyTorch, or where it finds no GPU, a line says so and the table is tsnap's alone.
--torch-python names the interpreter that has it; --torch-device cpu only tries the script.
"""

import argparse
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SKIPPED = 77


class Contender:
    """A program that runs a round for each line that it is given."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def answer(self):
        """The fields of each line up to "done"; None when the program has nothing to measure with."""
        lines = []
        for line in self.process.stdout:
            line = line.rstrip("\n")
            if line == "done":
                return lines
            lines.append(line.split("\t"))
        code = self.process.wait()
        if code == SKIPPED and not lines:
            return None
        raise SystemExit(f"run.py: {self.name} ended with {code}")

    def round(self):
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass   # answer() says how it ended
        return self.answer()

    def close(self):
        self.process.stdin.close()
        if self.process.wait() != 0:
            raise SystemExit(f"run.py: {self.name} ended with {self.process.returncode}")


def print_table(rows):
    for name, measured in rows.items():
        seconds = statistics.median(one[0] for one in measured)
        size, peak = measured[-1][1:]
        text = f"  {name:52} {seconds:8.3f} s  {size / seconds * 1e-9:7.2f} GB/s"
        print(text + (f"  peak {peak / 2**20:.0f} MiB" if peak >= 0 else ""))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("bench_gpu")
    parser.add_argument("--mib", type=int, default=4096)
    parser.add_argument("--arrays", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget-mib", type=int, default=1024)
    parser.add_argument("--dir", default=".")
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--torch-python", default=sys.executable)
    parser.add_argument("--torch-device", choices=("cuda", "cpu"), default="cuda")
    arguments = parser.parse_args()
    same = ["--mib", str(arguments.mib), "--arrays", str(arguments.arrays), "--dir", arguments.dir]
    tsnap = Contender("bench_gpu", [arguments.bench_gpu, *same, "--budget-mib", str(arguments.budget_mib), "--paced", "on",
                                    "--direct", "on" if arguments.direct else "off"])
    title = tsnap.answer()
    if title is None:
        return SKIPPED   # it has said why
    torch = Contender("torch_save.py", [arguments.torch_python, os.path.join(HERE, "torch_save.py"), *same,
                                        "--device", arguments.torch_device, "--paced"])
    torch_title = torch.answer()
    contenders = [tsnap] if torch_title is None else [tsnap, torch]

    rows = {}
    for number in range(arguments.rounds + 1):
        order = contenders if number % 2 == 0 else contenders[::-1]
        for contender in order:
            for _, name, seconds, size, peak in contender.round():
                measured = rows.setdefault(name, [])
                if number > 0:
                    measured.append((float(seconds), int(size), float(peak)))
    for contender in contenders:
        contender.close()

    print(f"{title[0][1]}, median of {arguments.rounds} rounds")
    print("PyTorch is left out: it is not at hand, or finds no GPU" if torch_title is None else torch_title[0][1])
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
