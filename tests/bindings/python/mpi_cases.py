"""Cases on several ranks: mpi_cases.py CASE, under launch.sh. A rank that fails aborts the job, so that none waits for it."""

import io
import os
import sys
import time
import traceback
from unittest import mock

import mpi4py

if len(sys.argv) > 2:
    mpi4py.rc.thread_level = sys.argv[2]

import numpy as np  # noqa: E402
from mpi4py import MPI  # noqa: E402

import tsnap  # noqa: E402
from tsnap import contexts  # noqa: E402

WORLD = MPI.COMM_WORLD
RANK, SIZE = WORLD.Get_rank(), WORLD.Get_size()
FOLDER = os.environ["TSNAP_TEST_FOLDER"]


def place(name):
    return os.path.join(FOLDER, f"{sys.argv[1]}-{name}")


def same(one, other):
    assert one == other, f"{one!r} is not {other!r}"


def raises(kind, function, *words):
    try:
        function()
    except kind as error:
        for word in words:
            assert word in str(error), f"{word!r} is not in {str(error)!r}"
        return error
    raise AssertionError(f"no {kind.__name__}")


def rows(comm, whole):
    """This rank's rows of an array, with a ghost layer around them that is none of tsnap's business."""
    first, last = (len(whole) * at // comm.Get_size() for at in (comm.Get_rank(), comm.Get_rank() + 1))
    local = np.full((last - first + 2, whole.shape[1] + 2), -1.0)
    return local, local[1:-1, 1:-1], first, last


def arrays_are_cut_anew():
    whole = np.arange(10.0 * 7).reshape(10, 7)
    _, inner, first, last = rows(WORLD, whole)
    inner[...] = whole[first:last]
    tsnap.take(place("u"), {"u": tsnap.Sharded(inner, whole.shape, (first, 0)), "n": tsnap.Replicated(7)}, comm=WORLD)
    for count in range(1, SIZE + 1):
        part = WORLD.Split(0 if RANK < count else MPI.UNDEFINED, RANK)
        if part == MPI.COMM_NULL:
            continue
        local, inner, first, last = rows(part, whole)
        state = tsnap.restore(place("u"), {"u": tsnap.Sharded(inner, whole.shape, (first, 0)), "n": 0}, comm=part)
        np.testing.assert_array_equal(inner, whole[first:last])
        same((state["n"], (local == -1).sum()), (7, local.size - inner.size))
        part.Free()
    own = np.full((RANK + 1, 3), RANK)
    joined = tsnap.Sharded.concatenated(own, WORLD)
    same(joined.global_shape, (SIZE * (SIZE + 1) // 2, 3))
    # Records, of which the last rank has none.
    records = np.zeros(2 * (RANK + 1 < SIZE), [("x", "f4"), ("id", "i4")])
    tsnap.take(place("joined"), {"v": joined, "r": tsnap.Sharded.concatenated(records, WORLD)}, comm=WORLD)
    with tsnap.Context(WORLD) as context, context.open(place("joined")) as snapshot:
        same(list(snapshot["v"][:, 0]), [rank for rank in range(SIZE) for _ in range(rank + 1)])


def kinds_and_policies():
    url = place("k")
    state = {"own": np.full(RANK + 1, RANK), "step": RANK, "name": f"rank {RANK}", "all": tsnap.Replicated({"x": 5, "t": "same"}),
             "part": Part({"list": [RANK, None], "grown": np.full(RANK, 1.0)})}
    two = WORLD.Split(RANK < 2, RANK)
    if RANK < 2:
        tsnap.take(url, state, comm=two)
        same(sorted(tsnap.Snapshot(url)), sorted([f"{rank}/{path}" for rank in (0, 1) for path in (
            "own", "step", "name", "part/.form", "part/list/0", "part/grown")] + ["all/x", "all/t"]))
    WORLD.Barrier()

    def blank(length):
        return {"own": np.full(length, -1), "step": -1, "name": "", "all": tsnap.Replicated({"x": 0, "t": ""}), "part": Part({"kept": 1})}
    raises(tsnap.Mismatch, lambda: tsnap.restore(url, blank(min(RANK, 1) + 1), comm=WORLD), "rank")
    new = tsnap.restore(url, blank(RANK + 1 if RANK < 2 else 1), comm=WORLD, new_ranks="copy_rank_0")
    of = RANK if RANK < 2 else 0
    same((list(new["own"]), new["step"], new["name"], new["all"].value), ([of] * (of + 1), of, f"rank {of}", {"x": 5, "t": "same"}))
    same((new["part"].contents["list"], len(new["part"].contents["grown"])), ([of, None], of))
    new = tsnap.restore(url, blank(RANK + 1), comm=WORLD, new_ranks="leave")
    same((new["step"], new["all"].value["x"]), (RANK if RANK < 2 else -1, 5))
    same(new["part"].contents, {"list": [RANK, None], "grown": new["part"].contents["grown"]} if RANK < 2 else {"kept": 1})
    alone = WORLD.Split(RANK, 0)
    if RANK == 0:
        raises(tsnap.Mismatch, lambda: tsnap.restore(url, blank(1), comm=alone), "rank")
        same(tsnap.restore(url, blank(1), comm=alone, lost_ranks="ignore")["name"], "rank 0")
    WORLD.Barrier()


class Part:
    def __init__(self, contents, fails=False):
        self.contents, self.fails = contents, fails

    def state_dict(self):
        if self.fails:
            raise RuntimeError(f"no state on {RANK}")
        return self.contents

    def load_state_dict(self, contents):
        self.contents = contents


def one_rank_that_fails_fails_all_alike():
    url = place("f")
    error = raises(tsnap.CallbackError, lambda: tsnap.take(url, {"part": Part({}, fails=RANK == 1)}, comm=WORLD), "part")
    same(type(error.__cause__), RuntimeError if RANK == 1 else type(None))
    # A state that cannot even be registered on one rank: that rank knows why, the others that it failed, and where.
    for bad, kind in ((None, TypeError), (2**70, OverflowError)):
        state = {"x": bad if RANK == 1 else 1}
        for act in (lambda: tsnap.take(url, state, comm=WORLD), lambda: tsnap.take_async(url, state, comm=WORLD)):
            raises(kind if RANK == 1 else tsnap.CallbackError, act, "x" if RANK == 1 else kind.__name__)
    raises(tsnap.NotFound, lambda: tsnap.Snapshot(url))
    tsnap.take(url, {"x": RANK}, comm=WORLD)
    raises(TypeError if RANK == 0 else tsnap.CallbackError, lambda: tsnap.restore(url, {"x": len if RANK == 0 else 0}, comm=WORLD))
    raises(tsnap.Mismatch, lambda: tsnap.take(place(f"f{RANK}"), {"x": 1}, comm=WORLD))
    raises(tsnap.Mismatch, lambda: tsnap.take(place("g"), {"x": 1}, comm=WORLD, codec="lz4" if RANK else None))
    raises(tsnap.NotFound, lambda: tsnap.restore(place("nowhere"), {"x": 1}, comm=WORLD))
    same(tsnap.restore(url, {"x": -1}, comm=WORLD)["x"], RANK)
    # Records that are others on one rank only.
    tsnap.take(place("r"), {"t": np.zeros(3, "M8[D]")}, comm=WORLD)
    raises(tsnap.Mismatch if RANK == 1 else tsnap.CallbackError,
           lambda: tsnap.restore(place("r"), {"t": np.zeros(3, "M8[s]" if RANK == 1 else "M8[D]")}, comm=WORLD), "Mismatch" if RANK != 1 else "M8")


class OnDevice:
    """An array that says that it lies on a GPU; nobody gets to look."""

    def __init__(self, stream):
        self.__cuda_array_interface__ = {"shape": (4,), "typestr": "<f8", "data": (4096, False), "version": 3, "stream": stream}


def what_one_rank_alone_cannot_ask_for_fails_all_alike():
    closed, full = tsnap.State(), tsnap.State()
    closed.close()
    full.add_int64("n", 1)
    odd = [(dict(state={"a": OnDevice(7), "b": OnDevice(8)}), ValueError), (dict(state=full, replicate="n"), TypeError),
           (dict(state=closed), tsnap.Invalid), (dict(metadata=object()), TypeError), (dict(progress=5), TypeError), (dict(url="a\0b"), ValueError),
           (dict(url=5), TypeError), (dict(codec="none such"), ValueError), (dict(chunk_bytes=-1), ValueError), (dict(kind=""), ValueError), (dict(nonsense=1), TypeError)]
    for number, (change, kind) in enumerate(odd):
        for act in (tsnap.take, tsnap.take_async):
            asked = {"url": place(f"o{number}"), "state": {"n": 1}, "comm": WORLD, **(change if RANK == 1 else {})}
            raises(kind if RANK == 1 else tsnap.CallbackError, lambda: act(**asked), "" if RANK == 1 else "rank 1")
    url = place("r")
    tsnap.take(url, {"n": RANK}, comm=WORLD)
    for change, kind in ((dict(state=closed), tsnap.Invalid), (dict(progress=5), TypeError), (dict(lost_ranks="x"), ValueError), (dict(new_ranks="x"), ValueError),
                         (dict(kind="x"), ValueError), (dict(state={"a": OnDevice(7), "b": OnDevice(8)}), ValueError)):
        asked = {"url": url, "state": {"n": 0}, "comm": WORLD, **(change if RANK == 1 else {})}
        raises(kind if RANK == 1 else tsnap.CallbackError, lambda: tsnap.restore(**asked), "" if RANK == 1 else "rank 1")
    with tsnap.Context(WORLD) as context:
        for act in (lambda: tsnap.restore("a\0b" if RANK == 1 else url, {"n": 0}, comm=WORLD), lambda: context.open("a\0b" if RANK == 1 else url)):
            raises(ValueError if RANK == 1 else tsnap.Error, act, "NUL" if RANK == 1 else "rank 1")
    same(tsnap.restore(url, {"n": -1}, comm=WORLD)["n"], RANK)


def a_rank_that_never_calls_is_a_timeout():
    context = tsnap.Context(WORLD, collective_timeout_seconds=1.0)
    if RANK != 0:
        raises(tsnap.Timeout, lambda: context.take(place("t"), {"x": 1}))
        raises(TimeoutError, lambda: context.take(place("t"), {"x": 1}))
        context.close()
    WORLD.Barrier()
    if RANK == 0:
        raises(tsnap.Timeout, lambda: context.take(place("t"), {"x": 1}))
        context.close()


def takes_go_on_in_the_background():
    value = np.full(100_000, float(RANK))
    request = tsnap.take_async(place("b"), {"v": value}, comm=WORLD)
    value[:] = -1
    while not request.test():
        time.sleep(0.001)
    request.wait()
    with tsnap.take_async(place("b"), {"v": value}, comm=WORLD, overwrite=True) as request:
        pass
    state = {"v": np.zeros(100_000)}
    tsnap.restore(place("b"), state, comm=WORLD)
    assert (state["v"] == -1).all()


def contexts_are_closed_in_time():
    copy = WORLD.Dup()
    tsnap.take(place("a"), {"x": 1}, comm=copy)
    context = contexts.of(copy)
    assert contexts.of(copy) is context and contexts.of(WORLD) is not context
    same((context.rank, context.size), (RANK, SIZE))
    copy.Free()
    assert not context._handle, "freeing the communicator closes its context"
    other = contexts.of(WORLD)
    tsnap.take_async(place("b"), {"x": 1}, comm=WORLD)
    MPI.Finalize()
    assert not other._handle, "MPI.Finalize closes the contexts first"
    tsnap.Snapshot(place("b")).verify()


def the_end_of_the_program_closes_contexts():
    # MPI is not finalised here: that is left to mpi4py, after the contexts.
    tsnap.take_async(place("kept"), {"x": RANK}, comm=WORLD)
    tsnap.take(place("alone") + str(RANK), {"x": RANK})


def an_unhandled_exception_ends_the_job():
    tsnap.take(place("x"), {"x": RANK}, comm=WORLD)
    if RANK == 0:
        WORLD.recv(source=1)  # which never comes
    sys.argv.append("unhandled")
    raise ZeroDivisionError("of mine")


def communicators_that_are_none_are_refused():
    raises(TypeError, lambda: tsnap.take(place("c"), {}, comm=5), "mpi4py", "int")
    raises(TypeError, lambda: tsnap.Context(5), "mpi4py", "int")
    raises(tsnap.Invalid, lambda: tsnap.Context(MPI.COMM_NULL))
    halves = WORLD.Split(RANK % 2, RANK)
    inter = halves.Create_intercomm(0, WORLD, 1 - RANK % 2)
    raises(tsnap.Invalid, lambda: tsnap.Context(inter), "intercommunicator")
    inter.Free()
    halves.Free()


def a_bar_is_drawn_by_rank_0_only():
    with mock.patch.object(sys, "stderr", io.StringIO()) as shown:
        tsnap.take(place("bar"), {"v": np.zeros(1 << 18)}, comm=WORLD, progress=True)
    same("take: 100%" in shown.getvalue(), RANK == 0)


def main():
    try:
        globals()[sys.argv[1]]()
    except BaseException:
        if "unhandled" in sys.argv:
            raise
        traceback.print_exc()
        sys.stderr.flush()
        WORLD.Abort(1)
    # Only the last to come here has seen all ranks pass.
    print(f"rank {RANK}: passed", flush=True)


if __name__ == "__main__":
    main()
