"""Traces as TSNAP_TRACE writes them, for the tests of tsnap report: sample_trace.py FILE [RANKS [OPERATIONS [SEED]]]

The times are made up from a printed-on-request seed; the same arguments give the same file. One rank is slow on purpose, the
last operation of three or more fails, and the state has sharded, replicated and private objects.
"""

import json
import random
import sys

MIB = 1 << 20


class Clock:
    """One rank's time, in microseconds."""

    def __init__(self, events, rank, now):
        self.events, self.rank, self.now = events, rank, now

    def span(self, cat, name, begin, end, tid, **args):
        self.events.append({"ph": "X", "cat": cat, "name": name, "pid": self.rank, "tid": tid, "ts": round(begin, 3),
                            "dur": round(end - begin, 3), "args": args})

    def phase(self, operation, name, length, tid=0, moved=0, wait=None):
        begin, self.now = self.now, self.now + length
        self.span("phase", name, begin, self.now, tid, operation=operation, bytes=moved)
        if wait:
            self.span("wait", wait, begin + 0.1 * length, begin + 0.95 * length, tid, operation=operation)
        return begin, self.now

    def transfers(self, operation, name, begin, end, tids, count, moved, rng):
        """Pieces of moved bytes, dealt out to some threads."""
        each = -(-count // len(tids))
        for tid in tids:
            at, step = begin, (end - begin) / each
            for _ in range(each):
                self.span("transfer", name, at, at + step * rng.uniform(0.7, 0.98), tid, operation=operation,
                          bytes=moved // (each * len(tids)))
                at += step


def metadata(rank, transfers):
    rows = [("process_name", 0, {"name": f"rank {rank}"}), ("process_sort_index", 0, {"sort_index": rank}),
            ("thread_name", 0, {"name": "calls"}), ("thread_name", 1, {"name": "background"})]
    rows += [("thread_name", 2 + i, {"name": f"transfers {i + 1}"}) for i in range(transfers)]
    return [{"ph": "M", "name": name, "pid": rank, "tid": tid, "args": args} for name, tid, args in rows]


def take(clock, number, rng, slow, moved, pieces, status):
    """An asynchronous take: staging holds the caller, the rest goes on in the background."""
    begin = clock.now
    clock.phase(number, "describe", rng.uniform(150, 250), moved=moved)
    clock.phase(number, "open", 400)
    clock.phase(number, "agree", rng.uniform(300, 2500), wait="ranks")
    if number == 1:
        clock.phase(number, "plan", rng.uniform(800, 1200))
    stage = clock.phase(number, "stage", 9000 * slow * rng.uniform(0.9, 1.1), moved=moved)
    clock.transfers(number, "stage", *stage, (2, 3), pieces, moved, rng)
    returned = clock.now
    write = clock.phase(number, "write", 52000 * slow * rng.uniform(0.93, 1.07), tid=1, moved=moved)
    clock.transfers(number, "write", write[0] + 300, write[1], (2, 3, 4, 5), pieces, moved, rng)
    clock.span("wait", "memory", stage[0] + 2000, stage[0] + 2600, 0, operation=number)
    clock.phase(number, "index", max(1500, begin + 78000 - clock.now), tid=1, wait="ranks")
    if status == "TSNAP_OK":
        clock.phase(number, "sync", 3000, tid=1, wait="ranks")
        clock.phase(number, "commit", 1800, tid=1, wait="ranks")
    clock.phase(number, "clean", 500, tid=1)
    clock.span("operation", "take_async", begin, clock.now, 0, number=number, url=f"run/step-{100 * number:06d}", status=status,
               bytes=moved, stored_bytes=int(0.64 * moved))
    return returned


def restore(clock, number, rng, slow, moved, pieces):
    begin = clock.now
    clock.phase(number, "describe", 200, moved=moved)
    clock.phase(number, "agree", rng.uniform(300, 1500), wait="ranks")
    clock.phase(number, "open", 900)
    clock.phase(number, "resolve", rng.uniform(2000, 2600), wait="ranks")
    read = clock.phase(number, "read", 24000 * slow * rng.uniform(0.95, 1.05), moved=moved)
    clock.transfers(number, "read", *read, (2, 3), pieces, moved, rng)
    clock.transfers(number, "verify", *read, (4,), pieces, moved, rng)
    clock.phase(number, "loaded", 350)
    clock.span("operation", "restore", begin, clock.now, 0, number=number, url="run/step-000000", status="TSNAP_OK", bytes=moved,
               stored_bytes=int(0.64 * moved))


def objects(rank, number, moved, ts):
    listed = [("fluid/density", moved // 2), ("fluid/velocity", moved // 4), ("mesh/nodes", moved // 8),
              (f"{rank}/particles/position", moved // 16), (f"{rank}/rng", 2500)]
    return {"ph": "i", "cat": "objects", "name": "largest objects", "pid": rank, "tid": 0, "ts": round(ts, 3), "s": "p",
            "args": {"operation": number, "objects": [{"path": path, "bytes": size} for path, size in listed]}}


def sample(ranks=4, operations=3, seed=1, pieces=8, compute=40000):
    rng = random.Random(seed)
    events = []
    for rank in range(ranks):
        events += metadata(rank, 4)
        clock = Clock(events, rank, 0.0)
        slow = 1.3 if rank == ranks // 2 and ranks > 1 else 1.0
        for number in range(1, operations + 1):
            moved = int(96 * MIB * (1 + 0.15 * (rank % 4)))
            clock.now = (number - 1) * (90000 + compute) + rng.uniform(0, 200)
            if number == 1 and operations > 1:
                restore(clock, number, rng, slow, moved, pieces)
            else:
                failed = number == operations and operations >= 3
                take(clock, number, rng, slow, moved, pieces, "TSNAP_E_NO_SPACE" if failed else "TSNAP_OK")
            events.append(objects(rank, number, moved, clock.now))
    return {"displayTimeUnit": "ms", "otherData": {"tool": "tsnap", "version": "0.1.0", "ranks": ranks, "dropped_spans": 0},
            "traceEvents": events}


def write(path, trace):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(trace, file, separators=(",", ":"))


if __name__ == "__main__":
    write(sys.argv[1], sample(*(int(argument) for argument in sys.argv[2:])))
