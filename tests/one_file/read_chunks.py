"""Reads compressed datasets that HDF5 was only told of, with h5py and the tools of HDF5: read_chunks.py CASE WRITE_CHUNKS

WRITE_CHUNKS is the program of write_chunks.cc; tests/unit/hdf5_chunk_file.h says what its file has, and the values are computed
here from that. zstd and lz4 are read where this HDF5 has their plugins. Exit code 77 skips a case that this machine cannot run.
"""

import ctypes
import ctypes.util
import pathlib
import shutil
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError:
    print("skipped: this Python has no h5py: install python3-h5py")
    sys.exit(77)
try:
    import hdf5plugin  # noqa: F401: it registers filters
except ImportError:
    pass

CASES = {}
SKIPPED = 77
# name: element type, chunk's shape
ARRAYS = {"line": ("f8", (700,)), "plane": ("i4", (16, 13)), "space": ("u2", (8, 20, 6)), "bytes": ("u1", (1024,)),
          "filled": ("i4", (20, 10)), "records": ("V24", (64,)), "large": ("i8", (131072,)), "one": ("i8", (1000,))}
SHAPES = {"line": (10000,), "plane": (40, 50), "space": (19, 20, 21), "bytes": (5000,), "filled": (300, 10), "records": (500,),
          "large": (500000,), "one": (1000,)}
FILTERS = {"deflate": 1, "zstd": 32015, "lz4": 32004}
SHUFFLE = 2


def case(function):
    CASES[function.__name__] = function
    return function


def tool(name, *arguments):
    if shutil.which(name) is None:
        print(f"skipped: there is no {name}: install hdf5-tools")
        sys.exit(SKIPPED)
    done = subprocess.run([name, *map(str, arguments)], capture_output=True)
    assert done.returncode == 0, f"{name} {arguments}: exit code {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout.decode()


def grid_of(name):
    return tuple(-(-all_ // one) for all_, one in zip(SHAPES[name], ARRAYS[name][1]))


def expected(name):
    dtype, chunk = ARRAYS[name]
    shape = SHAPES[name]
    linear = np.arange(np.prod(shape)).reshape(shape)
    values = linear % (251 if dtype == "u1" else 1000)
    numbers = np.ravel_multi_index([at // one for at, one in zip(np.indices(shape), chunk)], grid_of(name))
    values[numbers % 7 == 3] = -77 if name == "filled" else 0
    if dtype != "V24":
        return values.astype(dtype)
    records = np.zeros(shape + (3,), "i8")
    records[..., 0] = values
    return records.view("V24").reshape(shape)


def written(path):
    with h5py.File(path, "r") as file:
        return [group for group in FILTERS if group in file]


def readable(path):
    """The groups whose filters are there."""
    groups = [group for group in written(path) if h5py.h5z.filter_avail(FILTERS[group])]
    for group in set(FILTERS) - set(groups):
        print(f"{group} is not read: this HDF5 has no plugin for it, or tsnap was built without it")
    assert "deflate" in groups
    return groups


def check(path, groups):
    with h5py.File(path, "r") as file:
        for group in groups:
            for name in ARRAYS:
                assert np.array_equal(file[group][name][...], expected(name)), f"{path}: {group}/{name}"


def make(writer, folder):
    path = folder / "chunks.h5"
    done = subprocess.run([writer, path], capture_output=True)
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [line.split() for line in done.stdout.decode().splitlines()]
    return path, [(name, *map(int, rest)) for name, *rest in lines]


@case
def h5py_reads_them_where_they_lie(writer, folder):
    path, chunks = make(writer, folder)
    check(path, readable(path))
    with h5py.File(path, "r") as file:
        for group in written(path):
            number = FILTERS[group]
            for name, (dtype, chunk_shape) in ARRAYS.items():
                dataset = file[group][name]
                filters = [dataset.id.get_create_plist().get_filter(i)[0] for i in range(dataset.id.get_create_plist().get_nfilters())]
                assert filters == ([] if dtype == "u1" else [SHUFFLE]) + [number], f"{group}/{name}: {filters}"
                assert dataset.chunks == chunk_shape and dataset.attrs["unit"] == "kg"
                told = sorted(entry[1:] for entry in chunks if entry[0] == dataset.name)
                assert dataset.id.get_num_chunks() == len(told)
                for number_of_chunk, address, stored, as_it_is in told:
                    at = tuple(i * one for i, one in zip(np.unravel_index(number_of_chunk, grid_of(name)), chunk_shape))
                    info = dataset.id.get_chunk_info_by_coord(at)
                    mask = 2 ** len(filters) - 1 if as_it_is else 0
                    assert (info.byte_offset, info.size, info.filter_mask) == (address, stored, mask), f"{group}/{name}: {info}"


@case
def zstd_chunks_are_frames_of_shuffled_elements(writer, folder):
    """What the plugin of filter 32015 does, by its library alone: few machines have the plugin."""
    name = ctypes.util.find_library("zstd")
    if name is None:
        print("skipped: there is no libzstd: install libzstd-dev")
        sys.exit(SKIPPED)
    library = ctypes.CDLL(name)
    library.ZSTD_getFrameContentSize.restype = ctypes.c_ulonglong
    library.ZSTD_decompress.restype = ctypes.c_size_t
    path, chunks = make(writer, folder)
    if "zstd" not in written(path):
        print("skipped: tsnap was built without zstd")
        sys.exit(SKIPPED)
    checked = 0
    for path_of, number, address, stored, as_it_is in chunks:
        group, name = path_of[1:].split("/")
        if group != "zstd" or as_it_is:
            continue
        with open(path, "rb") as file:
            file.seek(address)
            frame = file.read(stored)
        dtype, shape = np.dtype(ARRAYS[name][0]), ARRAYS[name][1]
        size = int(np.prod(shape)) * dtype.itemsize
        assert library.ZSTD_getFrameContentSize(frame, ctypes.c_size_t(stored)) == size
        out = ctypes.create_string_buffer(size)
        assert library.ZSTD_decompress(out, ctypes.c_size_t(size), frame, ctypes.c_size_t(stored)) == size
        elements = np.frombuffer(out.raw, "u1").reshape(dtype.itemsize, -1).T.copy().view(dtype).reshape(shape)
        at = np.unravel_index(number, grid_of(name))
        there = expected(name)[tuple(slice(i * one, (i + 1) * one) for i, one in zip(at, shape))]
        assert np.array_equal(elements[tuple(slice(n) for n in there.shape)], there), f"{path_of}, chunk {number}"
        checked += 1
    assert checked > 40, checked


@case
def tools_of_hdf5_read_them(writer, folder):
    path, _ = make(writer, folder)
    text = tool("h5dump", "-y", "-d", "/deflate/plane", path).split("DATA {")[1].split("}")[0]
    assert [int(value) for value in text.replace("\n", " ").split(",")] == expected("plane").ravel().tolist()
    text = tool("h5dump", "-p", "-H", "-d", "/deflate/filled", path)
    assert "SHUFFLE" in text and "DEFLATE" in text and "-77" in text, text
    text = tool("h5ls", "-v", f"{path}/deflate/large")
    assert "Chunks:    {131072}" in text and "deflate" in text, text
    tool("h5dump", "-H", path)


@case
def repacked_files_are_the_same(writer, folder):
    path, _ = make(writer, folder)
    groups = readable(path)
    # What it has no filter for it cannot repack: that is left out.
    part = folder / "part.h5"
    with h5py.File(path, "r") as source, h5py.File(part, "w") as target:
        for group in groups:
            source.copy(group, target)
    check(part, groups)
    for number, options in enumerate((["-f", "NONE"], ["-f", "SHUF", "-f", "GZIP=6"], ["-l", "CONTI"], [])):
        repacked = folder / f"repacked{number}.h5"
        tool("h5repack", *options, part, repacked)
        check(repacked, groups)


@case
def edited_files_keep_the_rest(writer, folder):
    """What is written later gets room that nothing else has."""
    path, _ = make(writer, folder)
    groups = readable(path)
    with h5py.File(path, "r+") as file:
        for i in range(50):
            file[f"new/{i}"] = np.full(1000, i)
        file["deflate/plane"][...] = np.random.default_rng(1).integers(0, 2**31, SHAPES["plane"])
        file["deflate/plane"][...] = expected("plane")
        file["deflate/line"][2100:2800] = 5.0   # one that was left out
    with h5py.File(path, "r") as file:
        assert all((file[f"new/{i}"][...] == i).all() for i in range(50))
        line = expected("line")
        line[2100:2800] = 5.0
        assert np.array_equal(file["deflate/line"][...], line)
    with h5py.File(path, "r+") as file:
        file["deflate/line"][2100:2800] = 0
    check(path, groups)


def main():
    name, writer = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        CASES[name](writer, pathlib.Path(folder))


if __name__ == "__main__":
    main()
