#!/usr/bin/env python3
"""What PyTorch needs for the same bytes as bench_gpu, where it is at hand: torch.save and torch.distributed.checkpoint of tensors on
the GPU, each file synced, median of the rounds.

    torch_save.py --mib 4096 --arrays 8 --rounds 5 --dir /scratch
"""

import argparse
import os
import shutil
import statistics
import sys
import time


def sync_below(path):
    for folder, _, names in os.walk(path):
        for name in names:
            file = os.open(os.path.join(folder, name), os.O_RDONLY)
            os.fsync(file)
            os.close(file)


def timed(torch, run):
    torch.cuda.synchronize()
    begin = time.monotonic()
    run()
    torch.cuda.synchronize()
    return time.monotonic() - begin


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=4096)
    parser.add_argument("--arrays", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dir", default=".")
    arguments = parser.parse_args()
    try:
        import torch
        import torch.distributed.checkpoint as checkpoint
    except ImportError as error:
        print(f"PyTorch is not at hand: {error}")
        return 77
    if not torch.cuda.is_available():
        print("PyTorch finds no GPU")
        return 77
    count = arguments.mib * 2**20 // arguments.arrays
    tensors = {f"a{i}": torch.full((count,), i + 1, dtype=torch.uint8, device="cuda") for i in range(arguments.arrays)}
    folder = os.path.join(arguments.dir, "torch_save")
    contenders = {
        "torch.save": lambda: torch.save(tensors, os.path.join(folder, "file")),
        "torch.distributed.checkpoint": lambda: checkpoint.save(tensors, checkpoint_id=os.path.join(folder, "dcp")),
    }
    seconds = {name: [] for name in contenders}
    for _ in range(arguments.rounds):
        for name, save in contenders.items():
            shutil.rmtree(folder, ignore_errors=True)
            os.makedirs(folder)
            seconds[name].append(timed(torch, lambda save=save: (save(), sync_below(folder))))
    shutil.rmtree(folder, ignore_errors=True)
    print(f"{arguments.mib} MiB in {arguments.arrays} tensors, PyTorch {torch.__version__}, median of {arguments.rounds} rounds")
    for name, all_seconds in seconds.items():
        median = statistics.median(all_seconds)
        print(f"  {name:42} {median:8.3f} s  {arguments.mib * 2**20 / median * 1e-9:7.2f} GB/s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
