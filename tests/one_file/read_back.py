"""Reads what tsnap wrote to an HDF5 file with h5py and the tools of HDF5, and tsnap what those made of it:
read_back.py CASE ASK WRITE_ALL [LAUNCHER RANKS]

WRITE_ALL is the program of write_all.cc, ASK that of ask.cc. The values are computed here from the paths and the places
(tests/api/test_array.h says how), not read from anywhere. Exit code 77 skips a case that this machine cannot run.
"""

import json
import os
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

CASES = {}
SKIPPED = 77
PRIVATE, REPLICATED, SHARDED = 1, 2, 3
KINDS = {PRIVATE: "private", REPLICATED: "replicated", SHARDED: "sharded"}
# number: name, and what h5py makes of it; the floats that HDF5 has no name for come as the next larger that numpy has.
DTYPES = {1: ("bool", "?"), 2: ("int8", "i1"), 3: ("int16", "i2"), 4: ("int32", "i4"), 5: ("int64", "i8"), 6: ("uint8", "u1"),
          7: ("uint16", "u2"), 8: ("uint32", "u4"), 9: ("uint64", "u8"), 10: ("float8_e4m3", "V1"), 11: ("float8_e5m2", "f2"),
          12: ("float16", "f2"), 13: ("bfloat16", "f4"), 14: ("float32", "f4"), 15: ("float64", "f8"), 16: ("complex64", "c8"),
          17: ("complex128", "c16"), 18: ("opaque", "")}
ITEM_BYTES = {10: 1, 11: 1, 13: 2}
FILLS = {"sparse/filled": np.float32(-77).tobytes(), "sparse/large": np.float32(-77).tobytes(), "sparse/zeros": bytes(8),
         "sparse/opaque": b"\1\2\3", "sparse/complex": np.complex128(1.5 - 2.5j).tobytes()}
METADATA = "{\"what\": \"all\", \"text\": \"gr\u00fc\u00df Gott\\n\"}"


def case(function):
    CASES[function.__name__] = function
    return function


def mix(value):
    value = value + np.uint64(0x9e3779b97f4a7c15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xbf58476d1ce4e5b9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94d049bb133111eb)
    return value ^ (value >> np.uint64(31))


def seed_of(path, kind, rank):
    one = np.zeros(1, np.uint64)
    seed = mix(one + np.uint64(rank + 1)) if kind == PRIVATE else one
    for byte in path:
        seed = mix(seed ^ np.uint64(byte))
    return seed


def box_bytes(seed, dtype, item_bytes, shape, offset):
    """The bytes of the elements of a box, one row of item_bytes an element."""
    key = np.broadcast_to(mix(seed), shape).copy() if shape else mix(seed).reshape(())
    for axis, (extent, start) in enumerate(zip(shape, offset)):
        place = np.arange(start, start + extent, dtype=np.uint64) + np.uint64(0x51ed27f1)
        key = mix(key ^ place.reshape([-1 if i == axis else 1 for i in range(len(shape))]))
    key = np.asarray(key)
    out = np.empty(tuple(shape) + (item_bytes,), np.uint8)
    for i in range(item_bytes):
        if i % 8 == 0:
            key = mix(key)
        out[..., i] = (key >> np.uint64(8 * (i % 8))).astype(np.uint8)
    if dtype == 1:
        out[..., 0] &= 1
    return out


def decode_small_float(raw, exponent_bits, mantissa_bits):
    """What a number of these fields means, from IEEE 754 alone."""
    bias = 2 ** (exponent_bits - 1) - 1
    sign = np.where(raw >> (exponent_bits + mantissa_bits) & 1, -1.0, 1.0)
    exponent = (raw >> mantissa_bits & 2 ** exponent_bits - 1).astype(np.int64)
    mantissa = (raw & 2 ** mantissa_bits - 1).astype(np.float64) / 2 ** mantissa_bits
    finite = np.where(exponent == 0, np.ldexp(mantissa, 1 - bias), np.ldexp(1 + mantissa, exponent - bias))
    special = np.where(mantissa == 0, np.inf, np.nan)
    return sign * np.where(exponent == 2 ** exponent_bits - 1, special, finite)


class Stored:
    """One object as it must be: an array's bytes, row-major."""

    def __init__(self, path, kind, type_name):
        self.path, self.kind, self.type = path, kind, type_name
        self.rank, self.dtype, self.item_bytes, self.shape = -1, None, 1, ()
        self.bytes, self.orders, self.attributes = None, set(), {}

    def name(self):
        return b"%d/%s" % (self.rank, self.path) if self.kind == PRIVATE else self.path


class World:
    """One case: a folder of its own, the programs, and a snapshot in it."""

    def __init__(self, folder, ask, writer, launcher=None, ranks="1"):
        self.folder, self.ask_program, self.ranks = folder, ask, int(ranks)
        self.launch = [launcher, ranks] if launcher else []
        self.writer = writer
        self.url = str(folder / "all.h5")
        self.objects = {}

    def make(self):
        subprocess.run(self.launch + [self.writer, "take", self.url, str(self.folder / "manifest")], check=True)
        lines = [json.loads(line) for rank in range(self.ranks)
                 for line in (self.folder / f"manifest.{rank}").read_text().splitlines()]
        self.learn(lines)
        return self

    def restore(self, url):
        subprocess.run(self.launch + [self.writer, "restore", url], check=True)

    def ask(self, *arguments):
        done = subprocess.run([self.ask_program, *arguments], check=True, capture_output=True)
        lines = done.stdout.splitlines()
        return [lines[0].decode(), *lines[1:]], done.stderr

    def verify(self, url, *bad):
        answer, text = self.ask("verify", url)
        want = ["TSNAP_E_CORRUPT" if bad else "TSNAP_OK", *sorted(bad)]
        assert answer == want, f"{answer} instead of {want}: {text}"

    def learn(self, lines):
        for line in lines:
            line["path"] = bytes.fromhex(line["path"])
        globals_of = {line["path"]: tuple(line["shape"]) for line in lines if line["type"] == "global"}
        attributes = [line for line in lines if line["type"] == "attribute"]
        for line in lines:
            if line["type"] in ("global", "attribute") or line["kind"] == REPLICATED and line["rank"] > 0:
                continue
            self.learn_object(line, globals_of)
        for line in attributes:
            for found in self.objects.values():
                if found.path == line["path"] and (found.kind != PRIVATE or found.rank == line["rank"]):
                    found.attributes[bytes.fromhex(line["name"]).decode()] = bytes.fromhex(line["value"]).decode()

    def learn_object(self, line, globals_of):
        path, kind = line["path"], line["kind"]
        rank = line["rank"] if kind == PRIVATE else -1
        found = self.objects.setdefault((path, rank), Stored(path, kind, line["type"]))
        found.rank = rank
        if line["type"] == "array":
            self.learn_box(found, line, globals_of)
        elif line["type"] in ("string", "bytes"):
            found.bytes = bytes.fromhex(line["value"])
            found.shape, found.dtype = (len(found.bytes),), 6
        else:
            number = {"int64": lambda v: np.int64(v), "float64": lambda v: np.float64(v) / 3, "bool": lambda v: np.bool_(v % 2)}
            found.bytes = number[line["type"]](line["value"]).tobytes()
            found.dtype = {"int64": 5, "float64": 15, "bool": 1}[line["type"]]
            found.item_bytes = len(found.bytes)

    def learn_box(self, found, line, globals_of):
        dtype, item_bytes, offset = line["dtype"], line["item_bytes"], line["offset"]
        box = tuple(line["shape"])
        part = box_bytes(seed_of(found.path, found.kind, line["rank"]), dtype, item_bytes, box, offset)
        found.dtype, found.item_bytes = dtype, item_bytes
        found.orders.add((line["order"], box))
        if found.kind != SHARDED:
            found.shape, found.bytes = box, part.tobytes()
            return
        if found.bytes is None:
            found.shape = globals_of[found.path]
            fill = np.frombuffer(FILLS.get(found.path.decode(), b"\xee" * item_bytes), np.uint8)
            found.bytes = np.empty(found.shape + (item_bytes,), np.uint8)
            found.bytes[...] = fill
        found.bytes[tuple(slice(o, o + s) for o, s in zip(offset, box))] = part


def raw_of(found):
    return found.bytes if isinstance(found.bytes, bytes) else found.bytes.tobytes()


def datasets_of(file):
    """All datasets but the hidden ones, by what they say their path is, without recursion: some are deep."""
    by_path, stack = {}, [("/", file)]
    while stack:
        name, group = stack.pop()
        for key in group:
            if name == "/" and key == ".tsnap":
                continue
            item = group[key]
            if isinstance(item, h5py.Group):
                stack.append((f"{name}{key}/", item))
            else:
                by_path.setdefault(item.attrs["tsnap_path"], []).append((f"{name}{key}", item))
    return by_path


def check_values(dataset, want, dtype, item_bytes, what):
    """Whole contents of an array's dataset against bytes, row-major."""
    name, numpy_type = DTYPES[dtype]
    numpy_type = f"V{item_bytes}" if dtype == 18 else numpy_type
    assert dataset.dtype == np.dtype(numpy_type), f"{what}: {dataset.dtype} instead of {numpy_type}"
    values = np.ascontiguousarray(dataset[()])
    if dtype not in (11, 13):
        assert values.tobytes() == want, f"{what}: the values differ"
        return
    unit, fields = (np.uint8, (5, 2)) if dtype == 11 else (np.uint16, (8, 7))
    numbers = decode_small_float(np.frombuffer(want, unit).astype(np.int64), *fields).reshape(dataset.shape)
    same = (values.astype(np.float64) == numbers) | (np.isnan(values) & np.isnan(numbers))
    assert same.all(), f"{what}: {values[~same][:5]} instead of {numbers[~same][:5]}"


def check_common(dataset, one, what):
    attributes = dataset.attrs
    assert attributes["tsnap_path"] == one.path.decode(), what
    assert attributes["tsnap_kind"] == KINDS[one.kind] and attributes["tsnap_type"] == one.type, what
    assert attributes["tsnap_dtype"] == DTYPES[one.dtype][0], f"{what}: {attributes['tsnap_dtype']}"
    assert attributes["tsnap_format_version"] == 3, what
    for name, value in one.attributes.items():
        if not name.startswith(("tsnap_", "DIMENSION_L")):
            assert attributes[name] == value, f"{what}: {name} is {attributes[name]!r}"
    labels = one.attributes.get("dimension_names", "").split(",")
    if one.kind != PRIVATE and len(labels) == len(one.shape) and labels != [""]:
        assert [dim.label for dim in dataset.dims] == labels, what


def axes_of(order, shape):
    """From the slowest to the fastest; where those of length 1 are nobody can tell."""
    ndim = len(shape)
    axes = {"row-major": range(ndim), "column-major": range(ndim - 1, -1, -1)}.get(order) or map(int, order.split(","))
    return [axis for axis in axes if shape[axis] > 1]


def long_axes(order_and_box):
    box = order_and_box[1]
    return 0 if 0 in box else sum(extent > 1 for extent in box)


def check_shared(name, dataset, one):
    what = f"{name} ({one.path!r})"
    check_common(dataset, one, what)
    assert "tsnap_ranks" not in dataset.attrs, what
    if one.type == "string":
        if not one.bytes:
            # None at all; h5repack makes a compact one of one NUL of that.
            assert dataset.shape is None or dataset[()] == b"", what
            return
        info = h5py.check_string_dtype(dataset.dtype)
        assert dataset.shape == () and info.encoding == "utf-8" and info.length == len(one.bytes), what
        assert dataset[()] == one.bytes, f"{what}: {dataset[()]!r}"
        return
    assert dataset.shape == one.shape, f"{what}: {dataset.shape} instead of {one.shape}"
    check_values(dataset, raw_of(one), one.dtype, one.item_bytes, what)
    if len(one.shape) > 1:
        order = dataset.attrs["tsnap_memory_order"]
        telling = max(map(long_axes, one.orders))
        fits = [axes_of(order, each[1]) == axes_of(*each) for each in one.orders if long_axes(each) == telling]
        assert any(fits), f"{what}: {order} {one.orders}"


def check_private(file, path, datasets, owners):
    """The recipe of the format page: the rows of the table say which elements are whose."""
    left = {one.rank: one for one in owners}
    for name, dataset in datasets:
        table = file[dataset.attrs["tsnap_ranks"]][()]
        assert table.dtype.names == ("rank", "begin", "count", "ndim", "shape"), table.dtype
        at = 0
        for rank, begin, count, ndim, shape in table:
            one, what = left.pop(rank), f"{name} of rank {rank} ({path!r})"
            check_common(dataset, one, what)
            assert begin == at and tuple(shape[:ndim]) == one.shape and not shape[ndim:].any(), f"{what}: {table}"
            assert count * one.item_bytes == len(raw_of(one)), what
            at += count
        assert dataset.shape == (at,), f"{name}: {dataset.shape}, its table has {at}"
        want = b"".join(raw_of(one) for one in owners if one.rank in table["rank"])
        first = next(one for one in owners if one.rank in table["rank"])
        check_values(dataset, want, first.dtype, first.item_bytes, name)
    assert not left, f"{path!r}: nothing of ranks {sorted(left)}"


def check_file(world, url):
    with h5py.File(url, "r") as file:
        root = file.attrs
        assert root["tsnap_format_version"] == 3 and root["tsnap_world_size"] == world.ranks
        assert root["tsnap_metadata"] == METADATA and len(root["tsnap_id"]) == 32
        assert root["tsnap_library_version"] and root["tsnap_created_unix_seconds"] > 1.7e9
        by_path = datasets_of(file)
        paths = {}
        for one in world.objects.values():
            paths.setdefault(one.path, []).append(one)
        assert sorted(by_path) == sorted(path.decode() for path in paths)
        for path, owners in paths.items():
            datasets = by_path[path.decode()]
            if owners[0].kind == PRIVATE:
                check_private(file, path, datasets, sorted(owners, key=lambda one: one.rank))
            else:
                assert len(datasets) == 1 and len(owners) == 1
                check_shared(*datasets[0], owners[0])
        assert file["sharded/t15"].attrs["units"] == "m/s\u00b2"
        return sum(len(datasets) for datasets in by_path.values())


@case
def everything_is_read_by_h5py(world):
    world.make()
    print(check_file(world, world.url), "datasets")
    world.verify(world.url)
    world.restore(world.url)


def dumped_numbers(text):
    """What stands in the dataset's DATA, without the places at the beginnings of lines."""
    data = text[text.index("DATA {") + 6:]
    data = data[:data.index("}")]
    lines = [line.split("):", 1)[1] if "):" in line else line for line in data.splitlines()]
    return [part.strip() for part in " ".join(lines).split(",") if part.strip()]


def tool(name, *arguments):
    if shutil.which(name) is None:
        print(f"skipped: there is no {name}: install hdf5-tools")
        sys.exit(SKIPPED)
    done = subprocess.run([name, *arguments], capture_output=True)
    assert done.returncode == 0, f"{name} {arguments}: exit code {done.returncode}: {done.stderr[-2000:]}"
    return done.stdout


@case
def h5dump_prints_what_was_taken(world):
    world.make()
    tool("h5dump", world.url)
    tool("h5ls", "-r", "-v", world.url)
    for path, rank in (("replicated/t4", -1), ("sharded/t9", -1), ("blocks/a", -1), ("sharded/t3", -1), ("sparse/zeros", -1)):
        text = tool("h5dump", "-d", "/" + path, world.url).decode()
        one = world.objects[path.encode(), rank]
        want = np.frombuffer(raw_of(one), DTYPES[one.dtype][1])
        assert [int(n) for n in dumped_numbers(text)] == want.tolist(), path
        shape = ", ".join(map(str, one.shape))
        assert f"DATASPACE  SIMPLE {{ ( {shape} ) / ( {shape} ) }}" in text, text[:400]
        assert "ATTRIBUTE \"tsnap_kind\"" in text
    text = tool("h5dump", "-m", "%.17g", "-d", "/sharded/t15", world.url).decode()
    want = np.frombuffer(raw_of(world.objects[b"sharded/t15", -1]), "f8")
    assert np.array_equal([float(n) for n in dumped_numbers(text)], want, equal_nan=True), text[:2000]
    text = tool("h5dump", "-d", "/texts/plain", world.url).decode()
    assert "\"plain\"" in text, text
    text = tool("h5dump", "-d", "/values/step", world.url).decode()
    assert str(0x0123456789abcdef) in text, text
    text = tool("h5dump", "-d", "/.tsnap/ranks/private/t4", world.url).decode()
    counts = [(2 + rank) * 3 for rank in range(world.ranks)]
    assert all(f"{count}," in text for count in counts), text


@case
def compressed_datasets_are_read_by_h5py(world):
    """Deflate is the filter that every HDF5 has."""
    chunk_bytes = 4096
    os.environ.update(TSNAP_TEST_CODEC="3", TSNAP_HDF5_CHUNK_BYTES=str(chunk_bytes))
    world.make()
    check_file(world, world.url)
    world.verify(world.url)
    world.restore(world.url)
    compressed = smaller = 0
    with h5py.File(world.url, "r") as file:
        for datasets in datasets_of(file).values():
            for name, dataset in datasets:
                is_large = dataset.ndim > 0 and dataset.nbytes >= chunk_bytes // 16 and dataset.id.get_type().get_size() <= chunk_bytes
                assert (dataset.compression == "gzip") == is_large, f"{name}: {dataset}"
                assert dataset.shuffle == (is_large and dataset.id.get_type().get_size() > 1), name
                assert not is_large or np.prod(dataset.chunks) * dataset.id.get_type().get_size() <= chunk_bytes, name
                compressed += is_large
                smaller += is_large and dataset.id.get_storage_size() < dataset.nbytes
    assert compressed > 20 and smaller > 0, (compressed, smaller)
    tool("h5dump", world.url)
    url = str(world.folder / "plain.h5")
    tool("h5repack", "-f", "NONE", "-l", "CONTI", world.url, url)
    world.verify(url)
    with h5py.File(world.url, "r+") as file:
        file["large/columns"][7, 7] += 1
    world.verify(world.url, b"large/columns")


@case
def repacked_files_are_snapshots(world):
    """h5repack moves, chunks and compresses everything, the hidden group too."""
    world.make()
    # Without -m, h5repack fails over any contiguous dataset of no bytes when it is to filter.
    gzip = ["-f", "SHUF", "-f", "GZIP=4"]
    for number, options in enumerate(([], ["-f", "GZIP=4", "-m", "1"], [*gzip, "-l", "CHUNK=1000"], [*gzip, "-l", "CHUNK=30x70"],
                                      [*gzip, "-f", "FLET", "-l", "CHUNK=8x4x2"], ["-l", "COMPA"], ["-L"])):
        url = str(world.folder / f"repacked{number}.h5")
        tool("h5repack", *options, world.url, url)
        what = " ".join(["h5repack", *options])
        print(what)
        world.verify(url)
        world.restore(url)
        check_file(world, url)
        for path in (b"blocks/a", b"large/columns", b"replicated/t13"):
            one = world.objects[path, -1]
            answer, text = world.ask("read", url, path, str(world.folder / "values"))
            assert answer[0] == "TSNAP_OK", f"{what}: {answer} {text}"
            assert (world.folder / "values").read_bytes() == raw_of(one), f"{what}: {path}"
        with h5py.File(url, "r+") as file:
            file["large/columns"][7, 7] += 1
        world.verify(url, b"large/columns")


@case
def what_others_change_is_corrupt(world):
    """And nothing else is."""
    world.make()
    rank = world.ranks - 1
    changes = [(b"replicated/t15", "replicated/t15", (0, 0, 0)), (b"blocks/c", "blocks/c", (11, 9, 1)), (b"sharded/t9", "sharded/t9", (5, 4)),
               (b"large/columns", "large/columns", (599, 499)), (b"values/step", "values/step", ()), (b"odd/7", "odd/7", (2,)),
               (b"%d/large/own" % rank, "large/own", (-1,)), (b"%d/last rank's" % rank, "last rank's", (3,))]
    bad = []
    for name, dataset, place in changes:
        with h5py.File(world.url, "r+") as file:
            value = file[dataset][place]
            file[dataset][place] = value + 1 if np.isfinite(value) and value + 1 != value else 0
        bad.append(name)
        world.verify(world.url, *bad)
        if name != b"values/step":
            answer, text = world.ask("read", world.url, name, str(world.folder / "values"))
            assert answer[0] == "TSNAP_E_CORRUPT" and name in text, f"{name}: {answer} {text}"
    answer, text = world.ask("read", world.url, b"replicated/t14", str(world.folder / "values"))
    assert answer[0] == "TSNAP_OK", text


@case
def what_others_remove_is_corrupt(world):
    """Or rename, or make anew: everything else can be read as before."""
    world.make()
    with h5py.File(world.url, "r+") as file:
        del file["blocks/c"]
        file.move("sharded/t9", "moved")
        for path, dataset in (("odd/7", np.zeros(2, "u1")), ("sharded/t4", np.zeros((6, 5), "i8")), ("large/rows", np.zeros((600, 500), "f4"))):
            del file[path]
            file[path] = dataset
        file["new/one"] = 1
    bad = [b"blocks/c", b"sharded/t9", b"odd/7", b"sharded/t4", b"large/rows"]
    world.verify(world.url, *bad)
    for path in bad:
        answer, text = world.ask("read", world.url, path, str(world.folder / "values"))
        assert answer[0] == "TSNAP_E_CORRUPT", f"{path}: {answer} {text}"
    answer, text = world.ask("read", world.url, b"replicated/t14", str(world.folder / "values"))
    assert answer[0] == "TSNAP_OK", text
    answer, text = world.ask("restore_one", world.url, "values/step")
    assert answer[0] == "TSNAP_OK", text


def main():
    name, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        CASES[name](World(pathlib.Path(folder), *arguments))


if __name__ == "__main__":
    np.seterr(over="ignore", invalid="ignore")
    main()
