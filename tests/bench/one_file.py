"""The bench `hdf5`: takes to one HDF5 file, against programs that call parallel HDF5 themselves, and many small objects.

It refuses to know how a program is started (measure.py) and how numbers become text (table.py).
"""

import shutil

import measure
from measure import MIB
from places import places
from table import Contender, Table, bandwidth_table, interleave

FASTER = (">", 1.0)
# What a rank has of each row of the file where the arrays are cut into columns.
NARROW, WIDE = 2048, 32768
# How it is cut -> bytes of a row for each rank, 4 KiB rows altogether where they are cut into rows.
CUTS = [("rows", "rows", 4096), (f"columns of {NARROW // 1024} KiB", "columns", NARROW),
        (f"columns of {WIDE // 1024} KiB", "columns", WIDE)]
ROMIO = {"OMPI_MCA_io": "romio321"}
BASELINES = [("HDF5 collective, OMPIO", "", {}), ("HDF5 collective, ROMIO", "", ROMIO),
             ("HDF5 independent", "independent", {})]
SMALL_RANKS, SMALL_BYTES = 4, 64


def program(settings, name, op, seed, folder, environment=None, ranks=None, **options):
    return measure.mpi_program(settings.bin, name, ranks or settings.ranks, environment, op=op, dir=folder, seed=seed,
                               **options)


def writer(place, operation):
    folder = place.sub("taken")

    def once(round_number):
        measure.fresh_folder(folder)
        place.settle(folder)
        try:
            return operation("write", round_number + 1, folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    return once


def reader(place, operation, shared, prepared):
    """What has the same name `shared` reads the same files, which the first of them writes."""
    folder = place.sub("kept-" + shared)

    def once(_round_number):
        if folder not in prepared:
            measure.fresh_folder(folder)
            operation("write", 1, folder)
            prepared.add(folder)
        place.settle(folder)
        return operation("read", 1, folder)

    return once


def operations(settings, cut, row_bytes):
    """(name, files it reads, ours, operation) of each contender."""
    size = {"arrays": 1, "array_bytes": max(settings.mib * MIB // row_bytes, 1) * row_bytes, "cut": cut,
            "file_row_bytes": row_bytes * (settings.ranks if cut == "columns" else 1), "kind": "sharded",
            "page_aligned": int(settings.page_aligned)}

    def started(name, mode, environment):
        def operation(op, seed, folder):
            return program(settings, name, op, seed, folder, environment, mode=mode, **size)
        return operation

    rows = [("tsnap, HDF5 file", "h5", True, started("tsnap_arrays", "h5", {})),
            ("tsnap, native", "native", True, started("tsnap_arrays", "", {}))]
    return rows + [(name, "hdf5", False, started("baseline_hdf5", mode, environment))
                   for name, mode, environment in BASELINES]


def large(settings, place, cut_name, cut, row_bytes):
    measure.require_space(place.folder, settings.ranks * settings.mib * MIB * 7 // 2)
    measure.require_memory(settings.ranks * settings.mib * MIB * (2 if place.cold else 5))
    tables, prepared = [], set()
    for bench in ("take", "restore"):
        rows = [Contender(name, writer(place, operation) if bench == "take" else
                          reader(place, operation, shared, prepared), None if ours else FASTER, ours)
                for name, shared, ours, operation in operations(settings, cut, row_bytes)]
        interleave(f"hdf5 {bench}, {cut_name}, {place.name}", rows, settings.runs)
        how = "synced" if bench == "take" else "cold cache" if place.cold else "warm"
        title = (f"bench/hdf5 {bench}, {place.describe()}: {settings.ranks} ranks x {settings.mib} MiB of one array in "
                 f"{cut_name}, {how}, median of {settings.runs} interleaved rounds")
        tables.append(bandwidth_table("hdf5", place.name, title, rows))
        if bench == "restore":
            tables[-1].notes += place.notes()
    clear(place, prepared)
    return tables


def clear(place, prepared):
    for folder in prepared:
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(place.sub("taken"), ignore_errors=True)


def small(settings, place):
    """Numbers equal on all ranks, and as many arrays of each rank's own: what an object costs."""
    ours, theirs = settings.small_objects, settings.small_baseline_objects
    tables, prepared = [], set()
    choices = [("tsnap, HDF5 file", "h5", "tsnap_small", "h5", ours), ("tsnap, native", "native", "tsnap_small", "", ours),
               ("HDF5 collective", "hdf5", "baseline_hdf5_small", "", theirs),
               ("HDF5 collective, tuned", "hdf5", "baseline_hdf5_small", "tuned", theirs)]
    for bench in ("take", "restore"):
        table = Table("hdf5", place.name,
                      f"bench/hdf5 small {bench}, {place.describe()}: numbers equal on all of {SMALL_RANKS} ranks and as many arrays "
                      f"of {SMALL_BYTES} bytes of each rank, median of {settings.runs} interleaved rounds",
                      ["contender", "of each", "seconds", "min", "max", "us / object", "collectives / rank",
                       "messages / rank", "bytes / rank"])
        rows = []
        for name, shared, binary, mode, count in choices:
            def operation(op, seed, folder, binary=binary, mode=mode, count=count):
                return program(settings, binary, op, seed, folder, ranks=SMALL_RANKS, mode=mode, arrays=count,
                               array_bytes=SMALL_BYTES)
            once = writer(place, operation) if bench == "take" else reader(place, operation, shared, prepared)
            rows.append((Contender(name, once, ours=name.startswith("tsnap")), count))
        interleave(f"hdf5 small {bench}, {place.name}", [row for row, _ in rows], settings.runs)
        for row, count in rows:
            table.add(row, lambda row=row, count=count: small_cells(row, count))
        tables.append(table)
    clear(place, prepared)
    return tables


def small_cells(row, count):
    seconds = [result["seconds"] for result in row.results]
    calls = [f"{row.median(key):.0f}" if key in row.results[0] else "-"
             for key in ("mpi_collectives", "mpi_messages", "mpi_bytes")]
    return [str(count), f"{row.median():.3f}", f"{min(seconds):.3f}", f"{max(seconds):.3f}",
            f"{row.median() / (2 * count) * 1e6:.1f}", *calls]


def run(settings):
    """Yields each pair of tables when it is there: the whole bench takes an hour."""
    for place in places(settings):
        for cut_name, cut, row_bytes in CUTS:
            if settings.cut in ("all", cut):
                yield from large(settings, place, cut_name, cut, row_bytes)
        if settings.cut in ("all", "small"):
            yield from small(settings, place)
