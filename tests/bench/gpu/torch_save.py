#!/usr/bin/env python3
"""What PyTorch needs for the same bytes as bench_gpu, where it is at hand: torch.save, torch.load and torch.distributed.checkpoint
(where this PyTorch has it) of tensors on the GPU. Each file is synced, and left the page cache before it is loaded; median of the
rounds.

    torch_save.py --mib 4096 --arrays 8 --rounds 5 --dir /scratch

--device cpu only tries the script; its numbers say nothing about a GPU. --paced: each round waits for a line on standard input and
prints its rows, for run.py.
"""

import argparse
import os
import shutil
import statistics
import sys
import time


def files_below(path):
    return [os.path.join(folder, name) for folder, _, names in os.walk(path) for name in names]


def sync_below(path):
    for name in files_below(path):
        file = os.open(name, os.O_RDONLY)
        os.fsync(file)
        os.close(file)


def forget_below(path):
    for name in files_below(path):
        file = os.open(name, os.O_RDONLY)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def distributed_checkpoint():
    """(save, load), or why there is none; the way of PyTorch 2.2 and of those before."""
    try:
        import torch.distributed.checkpoint as checkpoint
    except ImportError as error:
        return None, str(error)
    if hasattr(checkpoint, "save") and hasattr(checkpoint, "load"):
        return (lambda state, folder: checkpoint.save(state, checkpoint_id=folder),
                lambda state, folder: checkpoint.load(state, checkpoint_id=folder)), None
    return (lambda state, folder: checkpoint.save_state_dict(state, checkpoint.FileSystemWriter(folder), no_dist=True),
            lambda state, folder: checkpoint.load_state_dict(state, checkpoint.FileSystemReader(folder), no_dist=True)), None


class Bench:
    def __init__(self, torch, arguments):
        self.torch = torch
        self.on_gpu = arguments.device == "cuda"
        self.device = arguments.device
        self.bytes_each = arguments.mib * 2**20 // arguments.arrays
        self.total_bytes = self.bytes_each * arguments.arrays
        self.tensors = {f"a{i}": torch.zeros(self.bytes_each, dtype=torch.uint8, device=self.device) for i in range(arguments.arrays)}
        self.folder = os.path.join(arguments.dir, "torch_save")
        self.checkpoint, self.reason = distributed_checkpoint()

    def fill(self, value):
        for i, tensor in enumerate(self.tensors.values()):
            tensor.fill_((value + i) % 256 if value else 0)

    def check(self, tensors, value):
        for i, name in enumerate(self.tensors):
            if tensors[name].numel() != self.bytes_each or not bool((tensors[name] == (value + i) % 256).all()):
                raise SystemExit(f"torch_save.py: {name} has other bytes than were saved")

    def timed(self, run):
        if self.on_gpu:
            self.torch.cuda.synchronize()
        begin = time.monotonic()
        result = run()
        if self.on_gpu:
            self.torch.cuda.synchronize()
        return time.monotonic() - begin, result

    def begin_folder(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)

    def round(self, number):
        """[(name, seconds)]"""
        value = number % 250 + 1
        rows = []
        self.fill(value)
        self.begin_folder()
        path = os.path.join(self.folder, "file")
        rows.append(("torch.save", self.timed(lambda: (self.torch.save(self.tensors, path), sync_below(self.folder)))[0]))
        forget_below(self.folder)
        seconds, loaded = self.timed(lambda: self.torch.load(path, map_location=self.device))
        rows.append(("torch.load", seconds))
        self.check(loaded, value)
        del loaded
        if self.checkpoint is not None:
            save, load = self.checkpoint
            self.begin_folder()
            rows.append(("torch.distributed.checkpoint, save",
                         self.timed(lambda: (save(self.tensors, self.folder), sync_below(self.folder)))[0]))
            forget_below(self.folder)
            self.fill(0)
            rows.append(("torch.distributed.checkpoint, load", self.timed(lambda: load(self.tensors, self.folder))[0]))
            self.check(self.tensors, value)
        shutil.rmtree(self.folder, ignore_errors=True)
        return rows


def print_table(title, bench, rounds):
    seconds = {}
    for number in range(rounds):
        for name, one in bench.round(number):
            seconds.setdefault(name, []).append(one)
    print(f"{title}, median of {rounds} rounds")
    for name, all_seconds in seconds.items():
        median = statistics.median(all_seconds)
        print(f"  {name:52} {median:8.3f} s  {bench.total_bytes / median * 1e-9:7.2f} GB/s")


def answer_lines(title, bench):
    print(f"title\t{title}\ndone", flush=True)
    for number, _ in enumerate(sys.stdin):
        for name, seconds in bench.round(number):
            print(f"row\t{name}\t{seconds:.9f}\t{bench.total_bytes}\t-1")
        print("done", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=4096)
    parser.add_argument("--arrays", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default=".")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--paced", action="store_true")
    arguments = parser.parse_args()
    try:
        import torch
    except ImportError as error:
        print(f"PyTorch is not at hand: {error}", file=sys.stderr)
        return 77
    if arguments.device == "cuda" and not torch.cuda.is_available():
        print(f"PyTorch {torch.__version__} finds no GPU: nothing is measured (--device cpu tries the script)", file=sys.stderr)
        return 77
    bench = Bench(torch, arguments)
    title = f"{arguments.mib} MiB in {arguments.arrays} tensors, PyTorch {torch.__version__}"
    if arguments.device == "cpu":
        title += "; ON THE CPU: NO GPU WAS MEASURED"
    if bench.checkpoint is None:
        title += f"; without torch.distributed.checkpoint ({bench.reason})"
    if arguments.paced:
        answer_lines(title, bench)
    else:
        print_table(title, bench, arguments.rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
