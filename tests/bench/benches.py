"""What each bench compares: its contenders, where they work, what ours is held against.

It refuses to know how a program is started (measure.py) and how numbers become text (table.py).
Every bench is a function of the settings that returns tables.
"""

import json
import os
import shutil

import background
import measure
import object_store
import one_file
from measure import MIB
from places import places
from table import Contender, Table, bandwidth_table, interleave, note

AT_LEAST_LIMIT = (">=", 0.8)  # what tsnap owes against the hardware's limit
FASTER = (">", 1.0)           # and against what programs do today


def slug(name):
    return "".join(c if c.isalnum() else "-" for c in name)


def writer(place, name, ranks, operation, keep_share=False):
    """A take: a fresh folder, the operation, and the folder is gone again."""
    folder = place.sub(slug(name))

    def once(round_number):
        measure.fresh_folder(folder)
        place.settle(folder)
        try:
            result = operation(folder, round_number, ranks)
            if keep_share:
                result["stored_bytes"] = measure.stored_bytes(folder)
            return result
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return once


def reader(place, name, ranks, prepare, operation):
    """A restore: what was written once by `prepare` is read in every round."""
    folder = place.sub(slug(name))

    def once(round_number):
        if not os.path.isdir(folder):
            measure.fresh_folder(folder)
            prepare(folder, 0, ranks)
        place.settle(folder)
        return operation(folder, 0, ranks)

    return once


def program(settings, name, op, array_count, array_bytes, **options):
    def operation(folder, round_number, ranks):
        return measure.mpi_program(settings.bin, name, ranks, op=op, dir=folder, seed=round_number + 1,
                                   arrays=array_count, array_bytes=array_bytes,
                                   page_aligned=int(settings.page_aligned), **options)
    return operation


def fio_operation(direction, mib_per_job, direct):
    def operation(folder, _round_number, ranks):
        return measure.fio(folder, direction, ranks, mib_per_job, direct)
    return operation


def sizes(settings):
    array_bytes = settings.mib * MIB // settings.arrays // 8 * 8
    return {"array_count": settings.arrays, "array_bytes": array_bytes}


def large_title(settings, place, bench, how):
    return (f"bench/{bench}, {place.describe()}: {settings.ranks} ranks x {settings.mib} MiB in {settings.arrays} "
            f"arrays, {how}, median of {settings.runs} interleaved rounds")


def take(settings):
    """2 ranks x 1 GiB, durable: against fio (or memcpy in memory), files, MPI-IO and HDF5."""
    tables = []
    for place in places(settings):
        measure.require_space(place.folder, settings.ranks * settings.mib * MIB * 5 // 4 + 16 * MIB)
        measure.require_memory(settings.ranks * settings.mib * MIB * (1 if place.cold else 2))
        ranks, size = settings.ranks, sizes(settings)

        def row(name, operation, target=None, ours=False, place=place, ranks=ranks):
            return Contender(name, writer(place, name, ranks, operation), target, ours)

        def write(name, **options):
            return program(settings, name, "write", **size, **options)

        rows = []
        if place.cold:
            rows.append(row("fio direct (limit)", fio_operation("write", settings.mib, True), AT_LEAST_LIMIT))
        else:
            rows.append(row("memcpy, fresh (limit)", write("baseline_memcpy"), AT_LEAST_LIMIT))
        usual = FASTER if place.cold else None
        rows.append(row("file a rank, fsync", write("baseline_file"), usual))
        rows.append(row("MPI_File_write_at_all", write("baseline_mpiio"), usual))
        rows.append(row("collective HDF5", write("baseline_hdf5"), usual))
        rows += [row(f"tsnap {kind}", write("tsnap_arrays", kind=kind), ours=True) for kind in settings.kinds]
        interleave(f"take, {place.name}", rows, settings.runs)
        title = large_title(settings, place, "take", "synced")
        tables.append(bandwidth_table("take", place.name, title, rows))
    return tables


def restore(settings):
    """The same read back: cold from the disk against fio's read, warm from memory against memcpy."""
    tables = []
    for place in places(settings):
        contenders = 5 + len(settings.kinds) if place.cold else 3 + len(settings.kinds)
        measure.require_space(place.folder, settings.ranks * settings.mib * MIB * contenders)
        measure.require_memory(settings.ranks * settings.mib * MIB * (1 if place.cold else contenders + 1))
        ranks, size = settings.ranks, sizes(settings)

        def row(name, prepare, operation, target=None, ours=False, place=place, ranks=ranks):
            return Contender(name, reader(place, name, ranks, prepare, operation), target, ours)

        def both(name, mode="", **options):
            return (program(settings, name, "write", **size, **options),
                    program(settings, name, "read", **size, **options, mode=mode))

        rows = []
        if place.cold:
            laid_out = fio_operation("write", settings.mib, True)
            rows.append(row("fio direct (limit)", laid_out, fio_operation("read", settings.mib, True),
                            AT_LEAST_LIMIT))
            rows.append(row("fio buffered", fio_operation("write", settings.mib, False),
                            fio_operation("read", settings.mib, False)))
        else:
            rows.append(row("memcpy (limit)", *both("baseline_memcpy"), AT_LEAST_LIMIT))
            rows.append(row("memcpy, mapped before", *both("baseline_memcpy", "mapped")))
        rows.append(row("file a rank, read()", *both("baseline_file"), FASTER if place.cold else None))
        if place.cold:
            rows.append(row("MPI_File_read_at_all", *both("baseline_mpiio"), FASTER))
            rows.append(row("collective HDF5", *both("baseline_hdf5"), FASTER))
        rows += [row(f"tsnap {kind}", *both("tsnap_arrays", kind=kind), ours=True) for kind in settings.kinds]
        interleave(f"restore, {place.name}", rows, settings.runs)
        title = large_title(settings, place, "restore", "cold cache" if place.cold else "warm")
        tables.append(bandwidth_table("restore", place.name, title, rows))
        tables[-1].notes += place.notes()
        clear(place)
    return tables


def clear(place):
    for name in os.listdir(place.folder):
        shutil.rmtree(place.sub(name), ignore_errors=True)


def small(settings):
    """Many little arrays: what an object costs. One file a rank, written array by array, is what bytes alone cost."""
    tables = []
    size = {"array_count": settings.objects, "array_bytes": 1024}
    for place in places(settings):
        measure.require_space(place.folder, settings.ranks * settings.objects * 1024 * 6)

        def write(name, place=place, program_name="tsnap_arrays"):
            operation = program(settings, program_name, "write", **size)
            return Contender(name, writer(place, name, settings.ranks, operation), ours="tsnap" in name)

        def read(name, place=place, program_name="tsnap_arrays"):
            prepare, operation = (program(settings, program_name, op, **size) for op in ("write", "read"))
            return Contender(name, reader(place, name, settings.ranks, prepare, operation), ours="tsnap" in name)

        rows = [write("file a rank, write() each, fsync", program_name="baseline_file"), write("tsnap take"),
                read("file a rank, read() each", program_name="baseline_file"), read("tsnap restore")]
        interleave(f"small, {place.name}", rows, settings.runs)
        tables.append(small_table(settings, place, rows))
        clear(place)
    return tables


def small_table(settings, place, rows):
    objects = settings.ranks * settings.objects
    table = Table("small", place.name,
                  f"bench/small, {place.describe()}: {settings.objects} arrays of 1 KiB on each of {settings.ranks} "
                  f"ranks, median of {settings.runs} interleaved rounds",
                  ["contender", "seconds", "min", "max", "us / object", "MB/s", "building the state, s"])

    def cells(row):
        seconds = [result["seconds"] for result in row.results]
        build = f"{row.median('build_seconds'):.3f}" if "build_seconds" in row.results[0] else "-"
        return [f"{row.median():.3f}", f"{min(seconds):.3f}", f"{max(seconds):.3f}",
                f"{row.median() / objects * 1e6:.2f}", f"{row.results[0]['bytes'] / row.median() / 1e6:.1f}", build]

    for row in rows:
        table.add(row, lambda row=row: cells(row))
    table.notes += place.notes()
    return table


def ranks_name(count):
    return "tsnap 1 rank" if count == 1 else f"tsnap {count} ranks"


def replicated(settings):
    """1 GiB that is equal on all ranks, on 1, 2 and 4 ranks, against rank 0 writing alone and all ranks reading."""
    place = places(settings)[0]
    measure.require_space(place.folder, settings.mib * MIB * 6)
    measure.require_memory(settings.mib * MIB * 4)
    size, tables = sizes(settings), []

    def write(name):
        return program(settings, name, "write", **size, kind="replicated")

    def read(name):
        return program(settings, name, "read", **size, kind="replicated")

    def title(bench):
        return (f"bench/replicated {bench}, {place.describe()}: {settings.mib} MiB equal on all ranks, "
                f"median of {settings.runs} interleaved rounds")

    rows = []
    for name, ranks, operation, ours in [
            ("fio direct, 1 job", 1, fio_operation("write", settings.mib, True), False),
            ("rank 0 alone, fsync", 2, write("baseline_file"), False),
            *((ranks_name(n), n, write("tsnap_arrays"), True) for n in (1, 2, 4))]:
        target = FASTER if name.startswith("rank 0") else None
        rows.append(Contender(name, writer(place, name, ranks, operation, keep_share=True), target, ours))
    interleave("replicated take", rows, settings.runs)
    tables.append(bandwidth_table("replicated", place.name, title("take"), rows))
    tables[0].notes += [f"{row.name}: {row.results[0]['stored_bytes'] / row.results[0]['bytes']:.4f} bytes on disk "
                        "for each byte of state" for row in rows if row.results]
    rows = [Contender("every rank reads all, 2 ranks",
                      reader(place, "every rank reads", 2, write("baseline_file"), read("baseline_file")), FASTER)]
    for n in (1, 2, 4):
        name = ranks_name(n)
        rows.append(Contender(name, reader(place, name, n, write("tsnap_arrays"), read("tsnap_arrays")), ours=True))
    interleave("replicated restore", rows, settings.runs)
    tables.append(bandwidth_table("replicated", place.name, title("restore, cold cache"), rows))
    tables[1].notes += ["bytes are those of the state, once, however many ranks receive them", *place.notes()]
    clear(place)
    return tables


MEMORY_CASES = [
    ("private, contiguous", {"kind": "private"}),
    ("private, ghost layers", {"kind": "private", "row_bytes": 4096, "row_used_bytes": 3968}),
    ("sharded, ghost layers", {"kind": "sharded", "row_bytes": 4096, "row_used_bytes": 3968}),
    ("replicated", {"kind": "replicated"}),
    ("private, zstd", {"kind": "private", "codec": 1}),
]


def memory(settings):
    """Peak resident growth of a take, a restore and a read against budget + one chunk + 16 MiB."""
    place = places(settings)[0]
    measure.require_space(place.folder, settings.memory_mib * MIB * 5 // 4 + 16 * MIB)
    measure.require_memory(settings.memory_mib * MIB)
    limit_mib = settings.budget_mib + settings.chunk_mib + 16
    table = Table("memory", place.name,
                  f"bench/memory, {place.describe()}: {settings.memory_mib} MiB of state on {settings.ranks} ranks, "
                  f"budget {settings.budget_mib} MiB, chunks of {settings.chunk_mib} MiB, {settings.runs} rounds: "
                  "peak growth of resident memory, worst rank, MiB",
                  ["state", "operation", "median", "max", "limit", "within", "seconds"])
    array_bytes = max(settings.memory_mib * MIB // settings.ranks // settings.arrays // 4096, 1) * 4096
    for name, options in MEMORY_CASES:
        folder = place.sub(slug(name))
        rows = [memory_contender(settings, folder, op, array_bytes, options) for op in ("take", "restore", "read")]
        for row in rows:
            row.name = f"{name}: {row.name}"
        # A round is a take and then what reads it, so the order is fixed here.
        for round_number in range(1, settings.runs + 1):
            for row in rows:
                interleave(f"memory, round {round_number}", [row], 1, warm_up=False)
        for row in rows:
            table.add(row, lambda row=row: memory_cells(row, limit_mib))
            if len(table.rows[-1]) == len(table.columns) - 1:
                state, operation = table.rows[-1][0].split(": ")
                table.rows[-1][0:1] = [state, operation]
        shutil.rmtree(folder, ignore_errors=True)
    return [table]


def memory_contender(settings, folder, op, array_bytes, options):
    operation = program(settings, "tsnap_memory", op, settings.arrays, array_bytes,
                        budget_bytes=settings.budget_mib * MIB, chunk_bytes=settings.chunk_mib * MIB, **options)

    def once(_round_number):
        if op == "take":
            measure.fresh_folder(folder)
        elif not os.path.isdir(folder):
            raise measure.NotMeasured("there is no snapshot to read")
        return operation(folder, 0, settings.ranks)

    return Contender(op, once, target=("<=", settings.budget_mib + settings.chunk_mib + 16), ours=True)


def memory_cells(row, limit_mib):
    growth = [result["growth_bytes"] / MIB for result in row.results]
    return [f"{row.median('growth_bytes') / MIB:.1f}", f"{max(growth):.1f}", str(limit_mib),
            "yes" if max(growth) <= limit_mib else "no", f"{row.median():.2f}"]


def plan(settings):
    """The planner alone: `plan --ranks N --objects M` prints one line of JSON, its numbers by name."""
    table = Table("plan", "processor", f"bench/plan: {settings.virtual_ranks} virtual ranks x "
                  f"{settings.plan_objects} objects, median of {settings.runs} rounds", ["measure", "median"])
    path = os.path.join(settings.bin, "plan")

    def once(_round_number):
        if not os.path.exists(path):
            raise measure.NotMeasured("plan was not built")
        done = measure.run_text([path, "--ranks", str(settings.virtual_ranks), "--objects",
                                 str(settings.plan_objects)])
        results = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0 or len(results) != 1:
            raise measure.Failed("plan: " + measure.first_error_line(done.stderr + done.stdout))
        return json.loads(results[0])

    contender = Contender("planner", once, ours=True)
    interleave("plan", [contender], settings.runs, warm_up=False)
    numeric = [key for key in (contender.results or [{}])[0]
               if isinstance(contender.results[0][key], (int, float))]
    for key in numeric:
        table.rows.append([key, f"{contender.median(key):.6g}"])
    if not numeric:
        table.add(contender, lambda: ["it printed no number"])
    table.data = [{"contender": "planner", "ours": True, "target": None, "measured": bool(numeric),
                   "reason": contender.reason, "rounds": contender.results}]
    table.failed = contender.failed
    return [table]


ALL = {"take": take, "restore": restore, "small": small, "replicated": replicated, "plan": plan, "memory": memory,
       "async": background.run, "hdf5": one_file.run}


def run_bench(name, settings):
    note(f"bench/{name}")
    return (object_store.run if name == "object" else ALL[name])(settings)
