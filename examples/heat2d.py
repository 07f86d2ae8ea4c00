#!/usr/bin/env python3
"""A plate heated by a moving torch: the 2-D heat equation under MPI, with snapshots by tsnap, in Python.

    mpirun -n 4 python3 heat2d.py --snapshots FOLDER   a run that takes a snapshot every 20 steps, in the background
    mpirun -n 3 python3 heat2d.py --snapshots FOLDER   the job goes on from the newest one, on 3 ranks

It is examples/heat2d.c once more: the same fields under the same names, the same numbers bit for bit. So either program goes
on from the other's snapshots. What to look at, if you want the same for your own code:

    Plate.state      the whole state as a dict: boxes of global arrays, numbers that are equal on all ranks, one that is not
    find_newest      which snapshot is the newest complete one: ask, from the newest folder down
    Snapshots        takes that go on in the background while the next steps are computed
    restart          the way back

The rest is an ordinary stencil code, and knows nothing of tsnap. It calls sin and exp of the math module, not NumPy's, which
round differently on some processors: the field is the same on any number of ranks, and in both languages.
"""

import argparse
import math
import os
import re
import sys
import time

import numpy as np
from mpi4py import MPI

import tsnap

AMBIENT = 300.0      # kelvin; also the plate's rim
TIME_STEP = 0.2      # seconds; cells are 1 wide, diffusivities at most 1
LOOP_SECONDS = 48.0  # the torch is back where it began after this time
TORCH_POWER = 900.0  # kelvin per second under its centre
TWO_PI = 6.283185307179586
FIELDS = ("temperature", "diffusivity", "peak")
exp = np.frompyfunc(math.exp, 1, 1)


class Plate:
    """This rank's box of the plate, with a ghost layer of one cell all around."""

    def __init__(self, side):
        ranks = MPI.COMM_WORLD.Get_size()
        dims = MPI.Compute_dims(ranks, 2)
        self.grid = MPI.COMM_WORLD.Create_cart(dims, periods=[False, False], reorder=False)
        place = self.grid.Get_coords(self.grid.Get_rank())
        if side < max(dims):
            raise SystemExit("heat2d: --size is smaller than the grid of ranks")
        self.side = side
        self.first = [side * at // count for at, count in zip(place, dims)]
        self.shape = [side * (at + 1) // count - first for at, count, first in zip(place, dims, self.first)]
        whole = [length + 2 for length in self.shape]
        self.temperature, self.next, self.peak = (np.full(whole, AMBIENT) for _ in range(3))
        rows, columns = ([(first + at) / side for at in range(-1, length + 1)] for first, length in zip(self.first, self.shape))
        wave_x = np.array([0.4 * math.sin(6.0 * TWO_PI * x) for x in columns])
        wave_y = np.array([math.sin(6.0 * TWO_PI * y) for y in rows])
        self.diffusivity = 0.6 + wave_x[np.newaxis, :] * wave_y[:, np.newaxis]
        self.step, self.seconds, self.cell_updates = 0, 0.0, 0

    def state(self):
        """Everything that a restart needs. The views step over the ghosts; a restore fills them in place."""
        fields = {name: tsnap.Sharded(getattr(self, name)[1:-1, 1:-1], (self.side, self.side), self.first) for name in FIELDS}
        return {"plate": fields, "step": tsnap.Replicated(self.step), "seconds": tsnap.Replicated(self.seconds),
                "cell_updates": self.cell_updates}

    def exchange_halo(self, field):
        for axis, (low, high) in enumerate(self.grid.Shift(axis, 1) for axis in (0, 1)):
            inner = (slice(1, -1),)
            def line(at):
                return (at,) + inner if axis == 0 else inner + (at,)
            for send, receive, to, source in ((1, -1, low, high), (-2, 0, high, low)):
                buffer = np.empty_like(field[line(receive)])
                self.grid.Sendrecv(np.ascontiguousarray(field[line(send)]), to, recvbuf=buffer, source=source)
                if source != MPI.PROC_NULL:
                    field[line(receive)] = buffer

    def heat_by_torch(self, field):
        """What the torch adds in this step; its spot follows a figure of eight."""
        radius = self.side / 50.0
        angle = TWO_PI * self.seconds / LOOP_SECONDS
        spot = (self.side * (0.5 + 0.3 * math.sin(2.0 * angle)), self.side * (0.5 + 0.4 * math.sin(angle)))
        near = []
        for first, length, centre in zip(self.first, self.shape, spot):
            distance = np.arange(first, first + length, dtype=float) - centre
            near.append((np.abs(distance) <= 4.0 * radius, distance))
        (rows, dy), (columns, dx) = near
        dy, dx = dy[rows][:, np.newaxis], dx[columns][np.newaxis, :]
        if dy.size and dx.size:
            heat = exp(-(dx * dx + dy * dy) / (radius * radius)).astype(float)
            field[1:-1, 1:-1][np.ix_(rows, columns)] += TIME_STEP * TORCH_POWER * heat

    def advance(self):
        self.exchange_halo(self.temperature)
        t, k, here = self.temperature, self.diffusivity, (slice(1, -1), slice(1, -1))

        def flow_from(rows, columns):
            there = (slice(1 + rows, t.shape[0] - 1 + rows), slice(1 + columns, t.shape[1] - 1 + columns))
            return 0.5 * (k[here] + k[there]) * (t[there] - t[here])
        flow = ((flow_from(-1, 0) + flow_from(1, 0)) + flow_from(0, -1)) + flow_from(0, 1)
        self.next[here] = t[here] + TIME_STEP * flow
        self.heat_by_torch(self.next)
        np.maximum(self.next[here], self.peak[here], out=self.peak[here])
        self.temperature, self.next = self.next, self.temperature
        self.step += 1
        self.seconds += TIME_STEP
        self.cell_updates += self.shape[0] * self.shape[1]

    def fingerprint(self):
        """Of the fields as they lie in memory, the same wherever the plate is cut: integer sums wrap."""
        total = np.zeros(1, np.uint64)
        rows, columns = (np.arange(first, first + length, dtype=np.uint64) for first, length in zip(self.first, self.shape))
        cell = rows[:, np.newaxis] * np.uint64(self.side) + columns[np.newaxis, :]
        for number, name in enumerate(("temperature", "peak")):
            bits = np.ascontiguousarray(getattr(self, name)[1:-1, 1:-1]).view(np.uint64)
            bits = bits ^ (cell * np.uint64(2) + np.uint64(number)) * np.uint64(0x9E3779B97F4A7C15)
            bits *= np.uint64(0xD6E8FEB86659FD93)
            total += np.sum((bits ^ (bits >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93), dtype=np.uint64)
        self.grid.Allreduce(MPI.IN_PLACE, total, MPI.SUM)
        return int(total[0])


class Snapshots:
    """Takes in the background, one at a time."""

    def __init__(self, plate, context):
        self.plate, self.context = plate, context
        self.pending = None

    def begin(self, url):
        """From here on the fields may change: what is stored is what they are at this call."""
        self.end()
        self.pending = self.context.take_async(url, self.plate.state(), metadata="heat2d: a plate heated by a moving torch")

    def go_on(self):
        """Once in every step: below MPI_THREAD_MULTIPLE a pending take talks to the other ranks in here only."""
        if self.pending is not None and self.pending.test():
            self.end()

    def end(self):
        """Waits for the pending take, if there is one: when this returns, its snapshot exists."""
        if self.pending is not None:
            self.pending.wait()
            self.tell("took", self.pending.url)
            self.pending = None

    def take(self, url, overwrite=False):
        """The way of --sync, and of the last state: the snapshot exists when this returns."""
        self.end()
        self.context.take(url, self.plate.state(), overwrite=overwrite, metadata="heat2d: a plate heated by a moving torch")
        self.tell("took", url)

    def tell(self, what, url):
        if self.context.rank == 0:
            cost = self.context.statistics
            print(f"  {what} {url} in {cost.seconds:.3f} s; the steps were held for {cost.blocked_seconds:.3f} s", flush=True)


def find_newest(plate, folder):
    """The URL of the newest complete snapshot in `folder`, or None. A take that was cut short leaves a folder, but no snapshot:
    opening it is how one learns that. One rank looks, and tells the others."""
    newest = None
    if plate.grid.Get_rank() == 0:
        steps = sorted((name for name in os.listdir(folder) if re.fullmatch(r"step-\d+", name)), reverse=True)
        for name in steps:
            try:
                with tsnap.Snapshot(os.path.join(folder, name)) as snapshot:
                    print(f"  newest snapshot: {name}, taken by {snapshot.info.world_size} ranks", flush=True)
                newest = os.path.join(folder, name)
                break
            except tsnap.NotFound:
                print(f"  {name} was never completed: trying an older one", flush=True)
    return plate.grid.bcast(newest)


def restart(plate, context, url):
    """The fields are cut anew by themselves. What each rank has its own of needs a decision: a rank that is new has done no work
    yet (left alone, cell_updates stays 0), and the count of a rank that is gone may go with it."""
    state = context.restore(url, plate.state(), new_ranks="leave", lost_ranks="ignore")
    plate.step, plate.seconds = state["step"].value, state["seconds"].value
    plate.cell_updates = state["cell_updates"]


def parse():
    parser = argparse.ArgumentParser(prog="heat2d.py", description="the 2-D heat equation under MPI, with snapshots")
    parser.add_argument("--size", type=int, default=2048, help="cells along each side of the whole plate (2048)")
    parser.add_argument("--steps", type=int, default=240, help="steps of the whole job (240)")
    parser.add_argument("--snapshots", help="take snapshots in this folder; go on from the newest one that is there")
    parser.add_argument("--every", type=int, default=20, help="steps between snapshots (20)")
    parser.add_argument("--sync", action="store_true", help="the steps wait until each snapshot is committed")
    parser.add_argument("--stop-at", type=int, default=sys.maxsize, help="leave after this step, as if the time limit had come")
    parser.add_argument("--final", help="the URL where the last state goes, as a snapshot")
    return parser.parse_args()


def run(arguments):
    plate = Plate(arguments.size)
    first = plate.grid.Get_rank() == 0
    with tsnap.Context(plate.grid) as context:
        snapshots = Snapshots(plate, context)
        if arguments.snapshots:
            if first:
                os.makedirs(arguments.snapshots, exist_ok=True)
            newest = find_newest(plate, arguments.snapshots)
            if newest is not None:
                restart(plate, context, newest)
        plate.exchange_halo(plate.diffusivity)  # ghosts are not part of the state

        first_step, started = plate.step, time.monotonic()
        while plate.step < min(arguments.steps, arguments.stop_at):
            plate.advance()
            snapshots.go_on()
            if arguments.snapshots and plate.step % arguments.every == 0:
                url = os.path.join(arguments.snapshots, f"step-{plate.step:06d}")
                if arguments.sync:
                    snapshots.take(url)
                else:
                    snapshots.begin(url)
        snapshots.end()  # a job that leaves without it may leave its last snapshot unfinished
        seconds = time.monotonic() - started
        if arguments.final and plate.step == arguments.steps:
            snapshots.take(arguments.final, overwrite=True)
        fingerprint = plate.fingerprint()
        if first:
            print(f"  steps {first_step} to {plate.step} on {plate.grid.Get_size()} ranks in {seconds:.1f} s; "
                  f"fingerprint of the fields {fingerprint:016x}", flush=True)


if __name__ == "__main__":
    run(parse())
