"""The bench `async`: takes that go on in the background. What they cost their caller, and what a program beside them.

It refuses to know how a program is started (measure.py) and how numbers become text (table.py). Its programs
interleave what they compare themselves, in rounds of their own, so each is started once for each table.
"""

import os

import measure
from measure import MIB
from places import places
from table import Contender, Table, note

MOST_OF_MEMCPY = 1.25  # the blocked time of a take whose staging memory is warm, against memcpy
MOST_OF_SYNC = 0.15    # and on a slow store, against the take that is not asynchronous
GHOST_ROW, GHOST_USED = 4096, 3968
LAYOUTS = {"contiguous": {}, "ghost layers": {"row_bytes": GHOST_ROW, "row_used_bytes": GHOST_USED}}
# Row of the tables of blocked time: (name, key of its seconds, of the library's own, of the time to the commit)
BLOCKED_ROWS = [
    ("memcpy, warm", "memcpy", None, None),
    ("memcpy, warm, huge pages", "memcpy_huge", None, None),
    ("take_async, second and later", "later", "later_statistics", "later_total"),
    ("take_async, first, prefaulted", "prefaulted", "prefaulted_statistics", "prefaulted_total"),
    ("take_async, first", "first", "first_statistics", "first_total"),
    ("take", "sync", None, "sync"),
]
THREADS = {"multiple": "MPI_THREAD_MULTIPLE", "funneled": "driven by tsnap_request_test"}
AGAIN_PHASES = ("describe", "open", "agree", "plan", "stage")


def array_bytes(mib, arrays):
    """Whole rows of every layout, at least one."""
    return max(mib * MIB // arrays // GHOST_ROW, 1) * GHOST_ROW


def rounds_of(settings, place, program, **options):
    """Starts the program once, in a folder of its own; gives a list of its rounds, or raises."""
    folder = measure.fresh_folder(place.sub("async"))
    place.settle(folder)
    result = measure.mpi_program(settings.bin, program, settings.ranks, dir=folder, rounds=settings.runs,
                                 page_aligned=int(settings.page_aligned), **options)
    lists = {key: value for key, value in result.items() if isinstance(value, list)}
    return [{"bytes": result["bytes"], **{key: value[i] for key, value in lists.items()}}
            for i in range(settings.runs)]


def contenders(names, measured):
    """One for each name; `measured()` gives the rounds of all, as a list of lists in the order of the names."""
    rows = [Contender(name, None, ours="take" in name) for name in names]
    try:
        for row, results in zip(rows, measured()):
            row.results = results
    except (measure.NotMeasured, measure.Failed) as why:
        for row in rows:
            row.reason = str(why)
            row.failed = isinstance(why, measure.Failed)
    return rows


def picked(rounds, seconds, **others):
    """What one row shows of the rounds: its seconds and bytes, and others by name."""
    return [{"seconds": values[seconds], "bytes": values["bytes"],
             **{name: values[key] for name, key in others.items() if key}} for values in rounds]


def spread(row):
    seconds = [result["seconds"] for result in row.results]
    return [f"{row.median():.3f}", f"{min(seconds):.3f}", f"{max(seconds):.3f}"]


def median_or_dash(row, key):
    return f"{row.median(key):.3f}" if key in row.results[0] else "-"


def starred(ratio, most):
    return f"{ratio:.2f}" + ("*" if most is not None and ratio > most else " ")


def star_note(table):
    if any(cell.endswith("*") for row in table.rows for cell in row[1:]):
        table.notes.append("* short of the aim")
    return table


def blocked(settings, place, layout):
    ranks, size = settings.ranks, array_bytes(settings.mib, settings.arrays)
    rows = contenders([row[0] for row in BLOCKED_ROWS], lambda: blocked_results(settings, place, layout, size))
    table = Table("async", place.name,
                  f"bench/async, {place.describe()}: how long the caller is held, {ranks} ranks x {settings.mib} MiB in "
                  f"{settings.arrays} arrays, {layout}, synced, median of {settings.runs} interleaved rounds",
                  ["contender", "seconds", "min", "max", "GB/s", "/ memcpy", "aim", "statistics", "committed after, s"])
    copy = rows[0]

    def cells(row):
        later = row is rows[2]
        return [*spread(row), f"{row.results[0]['bytes'] / row.median() / 1e9:.2f}",
                starred(row.median() / copy.median(), MOST_OF_MEMCPY if later else None),
                f"<= {MOST_OF_MEMCPY}" if later else "", median_or_dash(row, "statistics"),
                median_or_dash(row, "committed")]

    for row in rows:
        table.add(row, lambda row=row: cells(row))
    if rows[2].results:
        table.notes.append(f"of the later takes' time, {rows[2].median('stage'):.3f} s were the copying; opening the "
                           f"context with the memory touched took {rows[3].median('open'):.3f} s")
    return star_note(table)


def blocked_results(settings, place, layout, size):
    rounds = rounds_of(settings, place, "tsnap_async", op="blocked", threads="multiple", arrays=settings.arrays,
                       array_bytes=size, **LAYOUTS[layout])
    more = {"later": {"stage": "later_stage"}, "prefaulted": {"open": "open_prefaulted"}}
    return [picked(rounds, seconds, statistics=own, committed=total, **more.get(seconds, {}))
            for _, seconds, own, total in BLOCKED_ROWS]


def throttled(settings, place):
    """A store that takes 100 MB/s from the node: the caller must not feel it."""
    per_second = settings.throttled_mb_per_second * 1e6
    chosen = [row for row in BLOCKED_ROWS if row[1] in ("memcpy", "later", "sync")]
    size = array_bytes(settings.throttled_mib, settings.arrays)
    environment = {"LD_PRELOAD": os.path.join(os.path.abspath(settings.bin), "libthrottle.so"),
                   "TSNAP_BENCH_THROTTLE_DIR": os.path.realpath(place.folder),
                   "TSNAP_BENCH_THROTTLE_BYTES_PER_SECOND": f"{per_second / settings.ranks:.0f}"}

    def results():
        rounds = rounds_of(settings, place, "tsnap_async", environment=environment, op="throttled", mode="throttled",
                           threads="multiple", arrays=settings.arrays, array_bytes=size)
        return [picked(rounds, seconds, statistics=own, committed=total) for _, seconds, own, total in chosen]

    rows = contenders([row[0] for row in chosen], results)
    table = Table("async", place.name,
                  f"bench/async, {place.describe()}, throttled to {settings.throttled_mb_per_second} MB/s: how long the "
                  f"caller is held, {settings.ranks} ranks x {settings.throttled_mib} MiB, synced, median of "
                  f"{settings.runs} interleaved rounds",
                  ["contender", "seconds", "min", "max", "/ take", "aim", "statistics", "committed after, s"])

    def cells(row):
        later = row is rows[1]
        return [*spread(row), starred(row.median() / rows[-1].median(), MOST_OF_SYNC if later else None),
                f"<= {MOST_OF_SYNC}" if later else "", median_or_dash(row, "statistics"),
                median_or_dash(row, "committed")]

    for row in rows:
        table.add(row, lambda row=row: cells(row))
    return star_note(table)


def beside(settings, place):
    """A stencil beside a take: what a step costs meanwhile, and what the program loses in all."""
    size = array_bytes(settings.mib, settings.arrays)
    table = Table("async", place.name,
                  f"bench/async, {place.describe()}: a stencil of {settings.grid} x {settings.grid} on each of "
                  f"{settings.ranks} ranks beside a take of {settings.mib} MiB a rank, median of {settings.runs} rounds",
                  ["take_async", "committed after, s", "step alone, ms", "beside, ms", "slower by", "steps", "held, s",
                   "lost in all, s", "of the sync take", "take, s", "processor, s"])

    def measured(threads):
        rounds = rounds_of(settings, place, "tsnap_beside", op="beside", threads=threads, grid=settings.grid,
                           arrays=settings.arrays, array_bytes=size)
        return [[{"seconds": values["total"], **values} for values in rounds]]

    def cells(row):
        alone, with_take = row.median("alone_step"), row.median("beside_step")
        return [f"{row.median():.2f}", f"{alone * 1e3:.2f}", f"{with_take * 1e3:.2f}", f"{with_take / alone:.2f}",
                f"{row.median('steps'):.0f}", f"{row.median('blocked'):.3f}", f"{row.median('lost'):.2f}",
                f"{row.median('lost') / row.median('sync'):.2f}", f"{row.median('sync'):.2f}",
                f"{row.median('processor'):.2f}"]

    for threads, name in THREADS.items():
        row, = contenders([f"take_async, {name}"], lambda threads=threads: measured(threads))
        table.add(row, lambda row=row: cells(row))
    table.notes.append("processor: what the library's threads used of it on the rank that used most")
    return table


def again(settings, place):
    """The second take of a structure is not planned: phases of the call, and what it gives to MPI."""
    table = Table("async", place.name,
                  f"bench/async, {place.describe()}: first and second take of {settings.again_objects} arrays of 1 KiB on "
                  f"each of {settings.ranks} ranks, slowest rank, median of {settings.runs} contexts",
                  ["take", "held, ms", *(f"{phase}, ms" for phase in AGAIN_PHASES), "MPI calls", "MPI bytes a rank",
                   "planned"])

    def measured():
        rounds = rounds_of(settings, place, "tsnap_again", op="again", arrays=settings.again_objects, array_bytes=1024)
        keys = [*AGAIN_PHASES, "mpi_calls", "mpi_bytes", "reused"]
        return [picked(rounds, f"{name}_seconds", **{key: f"{name}_{key}" for key in keys})
                for name in ("first", "second")]

    def cells(row):
        return [f"{row.median() * 1e3:.2f}", *(f"{row.median(phase) * 1e3:.2f}" for phase in AGAIN_PHASES),
                f"{row.median('mpi_calls'):.0f}", f"{row.median('mpi_bytes'):.0f}",
                "no" if row.median("reused") else "yes"]

    for row in contenders(["first take", "second take"], measured):
        table.add(row, lambda row=row: cells(row))
    return table


def run(settings):
    """All tables of the bench: blocked time in each place and layout, then the rest on the first place."""
    tables = []
    for place in places(settings):
        state = settings.ranks * settings.mib * MIB
        measure.require_space(place.folder, state * 5 // 4 + 16 * MIB)
        measure.require_memory(state * (5 if place.cold else 6))  # arrays, memcpy's blocks, two contexts
        for layout in LAYOUTS:
            note(f"async, {place.name}: blocked, {layout}")
            tables.append(blocked(settings, place, layout))
        note(f"async, {place.name}: beside a stencil")
        tables.append(beside(settings, place))
    place = places(settings)[0]
    for table in (throttled, again):
        note(f"async, {place.name}: {table.__name__}")
        tables.append(table(settings, place))
    return tables
