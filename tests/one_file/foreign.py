"""HDF5 files that tsnap has not written, and files that are no HDF5: foreign.py CASE ASK TOOL WRITE_ALL

h5py writes what a simulation would, and more; TOOL is the tsnap tool, ASK the program of ask.cc, WRITE_ALL that of write_all.cc.
Exit code 77 skips a case that this machine cannot run.
"""

import hashlib
import json
import os
import pathlib
import random
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


def case(function):
    CASES[function.__name__] = function
    return function


class World:
    """One case: a folder of its own, and the programs."""

    def __init__(self, folder, ask, tool, writer):
        self.folder, self.ask_program, self.tool, self.writer = folder, ask, tool, writer
        self.url = str(folder / "run.h5")

    def ask(self, *arguments):
        done = subprocess.run([self.ask_program, *map(str, arguments)], check=True, capture_output=True, timeout=100)
        return done.stdout.decode().splitlines(), done.stderr.decode()

    def expect(self, status, *arguments, says=""):
        answer, text = self.ask(*arguments)
        assert answer[0] == status and says in text, f"{arguments}: {answer[0]}, not {status}: {text}"
        return text

    def read(self, path, *box):
        values = self.folder / "values"
        answer, text = self.ask("read", self.url, path, values, *box)
        assert answer[0] == "TSNAP_OK", f"{path}: {answer} {text}"
        return values.read_bytes(), int(answer[1] or 0)

    def run(self, *arguments):
        return subprocess.run([self.tool, *map(str, arguments)], capture_output=True, text=True, timeout=100)

    def out(self, *arguments):
        done = self.run(*arguments)
        assert done.returncode == 0, f"{arguments}: exit code {done.returncode}: {done.stderr}"
        return done.stdout

    def refused(self, exit_code, *arguments, says=""):
        done = self.run(*arguments)
        assert done.returncode == exit_code, f"{arguments}: exit code {done.returncode}, not {exit_code}: {done.stderr}"
        lines = [line for line in done.stderr.splitlines() if not line.startswith("corrupt")]
        assert len(lines) == 1 and lines[0].startswith("tsnap: ") and says in lines[0], f"{arguments}: {done.stderr!r}"

    def left(self):
        return sorted(path.name for path in self.folder.iterdir() if path.name != "values")


def digest(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class Simulation:
    """What is written: for each dataset that tsnap can read, its dtype's name there and its values in native order."""

    def __init__(self, file, elsewhere):
        self.file, self.readable, self.strings, self.unreadable = file, {}, {}, []
        self.numbers = np.random.default_rng(7)
        self.add_fields()
        self.add_types()
        self.add_texts()
        self.add_odd_shapes()
        self.add_names()
        self.add_links(elsewhere)
        self.add_unreadable(elsewhere)
        self.add_attributes()

    def put(self, path, dtype, values, stored=None, **how):
        """`values` as tsnap is to give them; `stored`: the type in the file where it is another."""
        dataset = self.file.create_dataset(path, data=values if stored is None else values.astype(stored), **how)
        self.readable[path] = (dtype, np.asarray(values))
        return dataset

    def some(self, shape, dtype):
        values = self.numbers.integers(-100, 100, shape)
        return (values / 4 if np.dtype(dtype).kind == "f" else values).astype(dtype)

    def add_fields(self):
        gzip = dict(compression="gzip", compression_opts=4, shuffle=True)
        self.put("fluid/density", "float32", self.some((40, 30, 20), "f4"), chunks=(16, 8, 8), **gzip)
        self.put("fluid/velocity/x", "float64", self.some((40, 30), "f8"), stored=">f8", chunks=(7, 7), fletcher32=True, **gzip)
        self.put("fluid/velocity/y", "float64", self.some((40, 30), "f8"))
        self.put("fluid/growing", "int32", self.some((25, 3), "i4"), maxshape=(None, 3), chunks=(10, 3))
        self.put("particles/id", "uint64", self.some(1000, "u8"), stored=">u8")
        self.put("particles/big float", "float32", self.some(100, "f4"), stored=">f4")
        self.put("particles/z", "complex64", self.some(50, "f4") + np.complex64(2j))
        self.put("particles/zz", "complex128", self.some((5, 6), "f8") - 3j, stored=">c16")
        never = self.file.create_dataset("fluid/never written", (30, 4), "i2", chunks=(8, 4), fillvalue=-5)
        self.readable["fluid/never written"] = ("int16", np.full((30, 4), -5, "i2"))
        assert never.id.get_storage_size() == 0
        partly = self.file.create_dataset("fluid/partly written", (30, 4), "i2", chunks=(8, 4), fillvalue=9)
        partly[3:5, 1] = 7
        values = np.full((30, 4), 9, "i2")
        values[3:5, 1] = 7
        self.readable["fluid/partly written"] = ("int16", values)

    def add_types(self):
        for name in ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64"):
            values = self.some((3, 5), name)
            self.put(f"types/{name}", name, values)
            self.put(f"types/big {name}", name, values, stored=np.dtype(name).newbyteorder(">"))
        self.put("types/flags", "bool", self.some(17, "i4") > 0)
        colors = h5py.enum_dtype({"RED": 1, "GREEN": 5}, basetype=">i2")
        self.file.create_dataset("types/colors", data=np.array([1, 5, 1], ">i2"), dtype=colors)
        self.readable["types/colors"] = ("int16", np.array([1, 5, 1], "i2"))
        record = np.dtype([("a", "i4"), ("b", "f8"), ("c", "S3")])
        self.put("types/record", "opaque:15", np.array([(1, 2.5, b"xyz"), (-7, 0.5, b"")], record))
        self.put("types/void", "opaque:5", np.array([b"abcde", b"12345"], "V5"))
        self.put("types/vectors", "opaque:12", np.zeros(4, np.dtype(("f4", 3))).view("V12").reshape(4))
        del self.file["types/vectors"]
        kind = h5py.h5t.array_create(h5py.h5t.NATIVE_FLOAT, (3,))
        dataset = h5py.Dataset(h5py.h5d.create(self.file["types"].id, b"vectors", kind, h5py.h5s.create_simple((4,))))
        dataset[...] = self.some((4, 3), "f4")
        self.readable["types/vectors"] = ("opaque:12", dataset[...])
        self.file["named type"] = np.dtype("f8")

    def add_texts(self):
        self.strings["text/one"] = "gr\u00fc\u00df Gott"
        self.file["text/one"] = self.strings["text/one"]
        self.strings["text/fixed"] = "fixed"
        self.file.create_dataset("text/fixed", data=np.array(b"fixed", "S20"))
        self.strings["text/empty"] = ""
        self.file["text/empty"] = ""
        self.put("text/list", "opaque:6", np.array([b"one", b"eleven"], "S6"))
        self.file.create_dataset("text/words", data=["a", "bcd"], dtype=h5py.string_dtype())
        self.unreadable.append("text/words")

    def add_odd_shapes(self):
        self.put("scalar", "float64", np.float64(-2.5))
        self.put("scalar big", "int32", np.int32(-2), stored=">i4")
        self.put("empty/rows", "float32", np.zeros((4, 0, 2), "f4"))
        self.put("empty/growing", "int8", np.zeros((0, 3), "i1"), maxshape=(None, 3))
        self.file["empty/null"] = h5py.Empty("f4")
        self.readable["empty/null"] = ("float32", np.zeros(0, "f4"))
        self.put("eight", "int8", self.some((2, 1, 2, 1, 2, 3, 1, 2), "i1"))
        self.file["nine"] = np.zeros((1,) * 9)
        self.unreadable.append("nine")
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        dataset = h5py.Dataset(h5py.h5d.create(self.file.id, b"compact", h5py.h5t.NATIVE_INT16, h5py.h5s.create_simple((5,)), compact))
        dataset[...] = np.arange(5)
        self.readable["compact"] = ("int16", np.arange(5, dtype="i2"))

    def add_names(self):
        self.put("0/x", "int32", self.some(4, "i4"))
        self.put("12/z/w", "int32", self.some(4, "i4"))
        self.file["007/y"] = np.arange(3)   # of no rank that tsnap would write so
        self.unreadable.append("007/y")
        self.put("a b/%41/x:y", "uint8", self.some(4, "u1"))
        self.put("odd/\u65e5\u672c", "uint8", self.some(4, "u1"))
        self.put(".hidden/x", "uint8", self.some(4, "u1"))
        self.put("odd/line\nfeed", "uint8", self.some(4, "u1"))
        self.file["odd"].create_dataset("..", data=1)
        self.unreadable.append("odd/..")

    def add_links(self, elsewhere):
        """Only names of this file count; a second name of what is listed is not another dataset."""
        self.file["links/soft"] = h5py.SoftLink("/fluid/density")
        self.file["links/dangling"] = h5py.SoftLink("/nowhere")
        self.file["links/outside"] = h5py.ExternalLink(elsewhere, "/secret")
        self.file["links/gone"] = h5py.ExternalLink("gone.h5", "/x")
        self.file["links/circle"] = self.file["links"]
        self.file["zz second name"] = self.file["scalar"]

    def add_unreadable(self, elsewhere):
        lists = self.file.create_dataset("bad/lists", (2,), h5py.vlen_dtype("i4"))
        lists[0] = [1, 2, 3]
        references = self.file.create_dataset("bad/references", (1,), h5py.ref_dtype)
        references[0] = self.file["scalar"].ref
        self.file.create_dataset("bad/lzf", data=np.arange(100), chunks=(10,), compression="lzf")
        layout = h5py.VirtualLayout((3,), "i4")
        layout[...] = h5py.VirtualSource(elsewhere, "secret", (3,))
        self.file.create_virtual_dataset("bad/virtual", layout)
        self.unreadable += ["bad/lists", "bad/references", "bad/lzf", "bad/virtual"]

    def add_attributes(self):
        attributes = self.file["fluid/density"].attrs
        attributes["units"] = "kg/m\u00b3"
        attributes["fixed"] = np.bytes_(b"fixed")
        attributes["number"] = np.int32(-7)
        attributes["half"] = 0.5
        attributes["list"] = np.array([1, 2, 3], ">i2")
        attributes["words"] = ["a", "b"]
        attributes["flag"] = np.bool_(True)
        attributes["none"] = h5py.Empty("f4")
        self.file["fluid/density"].dims[0].label = "z"


def write(url, elsewhere, **how):
    with h5py.File(elsewhere, "w") as other:
        other["secret"] = np.arange(3, dtype="i4")
    with h5py.File(url, "w", **how) as file:
        return Simulation(file, elsewhere)


def dtype_of(row):
    return f"opaque:{row['item_bytes']}" if row["dtype"] == "opaque" else row["dtype"]


def check_tool(world, simulation):
    done = world.run("ls", "--json", world.url)
    assert done.returncode == 0, done.stderr
    rows = {row["path"]: row for row in json.loads(done.stdout)}
    wanted = set(simulation.readable) | set(simulation.strings)
    assert set(rows) == wanted, f"{set(rows) ^ wanted}"
    for path, (dtype, values) in simulation.readable.items():
        row = rows[path]
        assert dtype_of(row) == dtype and row["type"] == "array", f"{path}: {row}"
        assert path == "types/vectors" or tuple(row["shape"]) == values.shape, f"{path}: {row}"
        rank = int(path.split("/")[0]) if path[0] in "01" else None
        assert (row["kind"], row.get("rank")) == (("replicated", None) if rank is None else ("private", rank)), row
    attributes = rows["fluid/density"]["attributes"]
    assert attributes == {"units": "kg/m\u00b3", "fixed": "fixed", "number": "-7", "half": "0.5", "list": "1, 2, 3", "words": "a, b",
                          "flag": "1", "none": "", "DIMENSION_LABELS": "z, , "}, attributes
    info = json.loads(world.out("info", "--json", world.url))
    assert info["format"] == "hdf5" and info["world_size"] == 1 and info["object_count"] == len(wanted), info
    assert "not written" in world.out("verify", world.url)
    for path in ("fluid/density", "fluid/velocity/x", "types/big int64", "scalar", "scalar big", "0/x", "eight", "types/flags", "empty/rows"):
        values = json.loads(world.out("cat", world.url, path, "--json"))
        assert values == simulation.readable[path][1].tolist(), f"{path}: {values}"
    for path, text in simulation.strings.items():
        assert json.loads(world.out("cat", world.url, path, "--json")) == text, path
    for path in (*simulation.unreadable, "links/soft", "links/outside", "links/dangling", "secret", "named type"):
        world.refused(1, "cat", world.url, path, says=path.split("/")[-1])


def boxes_of(shape, count, dice):
    for _ in range(count):
        offset = [dice.randrange(extent) for extent in shape]
        yield offset, [dice.randint(1, extent - start) for extent, start in zip(shape, offset)]


def check_reads(world, simulation):
    dice = random.Random(5)
    for path, (dtype, values) in simulation.readable.items():
        assert world.read(path)[0] == values.tobytes(), path
        if values.size < 2 or path == "types/vectors":
            continue
        for offset, shape in boxes_of(values.shape, 4 if values.size > 50 else 1, dice):
            want = values[tuple(slice(o, o + s) for o, s in zip(offset, shape))]
            assert world.read(path, *offset, *shape)[0] == want.tobytes(), f"{path} {offset} {shape}"
    for path, text in simulation.strings.items():
        assert world.read(path)[0] == text.encode(), path
    for path in simulation.unreadable:
        world.expect("TSNAP_E_NOT_FOUND", "read", world.url, path, world.folder / "values")


@case
def files_of_others_are_read(world):
    simulation = write(world.url, str(world.folder / "elsewhere.h5"))
    check_tool(world, simulation)
    check_reads(world, simulation)


@case
def files_of_the_latest_format_are_read(world):
    simulation = write(world.url, str(world.folder / "elsewhere.h5"), libver="latest", userblock_size=1024, track_order=True)
    check_tool(world, simulation)
    check_reads(world, simulation)


@case
def files_of_others_are_left_alone(world):
    write(world.url, str(world.folder / "elsewhere.h5"))
    before, names = digest(world.url), world.left()
    world.refused(1, "rm", world.url, says="tsnap has not written")
    world.refused(1, "rm", "--force", world.url, says="tsnap has not written")
    world.expect("TSNAP_E_INVALID", "remove", world.url, says="tsnap has not written")
    for what in ("take", "replace"):
        world.expect("TSNAP_E_EXISTS", what, world.url, says="tsnap has not written")
        world.expect("TSNAP_E_EXISTS", what, "hdf5://" + world.url, says="tsnap has not written")
    world.expect("TSNAP_OK", "gc", world.url)
    world.expect("TSNAP_E_MISMATCH", "restore", world.url, says="value")
    assert digest(world.url) == before and world.left() == names, world.left()


@case
def a_box_is_read_without_the_rest(world):
    values = np.random.default_rng(3).integers(0, 1 << 30, (64, 512, 512), "i4")
    with h5py.File(world.url, "w") as file:
        file.create_dataset("chunked", data=values, chunks=(8, 64, 64), compression="gzip", compression_opts=1)
        file.create_dataset("big endian", data=values[:32], dtype=">i4")
        file.create_dataset("plain", data=values[:32])
    small = (30, 200, 300, 2, 5, 7)
    for path, most in (("chunked", 4 << 20), ("big endian", 4 << 20), ("plain", 4 << 20)):
        offset, shape = small[:3], small[3:]
        if path != "chunked":
            offset = (20, *offset[1:])
        data, count = world.read(path, *offset, *shape)
        want = values[tuple(slice(o, o + s) for o, s in zip(offset, shape))]
        assert data == want.tobytes(), path
        assert count < most, f"{path}: {count} bytes were read for a box of {len(data)}"
        print(path, count)
    text = world.out("cat", world.url, "chunked", "--json", "--box", "30:32,200:205,300:307")
    assert json.loads(text) == values[30:32, 200:205, 300:307].tolist()


@case
def large_files_of_others_are_copied_value_by_value(world):
    dice = np.random.default_rng(4)
    values = {"chunked": dice.integers(0, 1 << 30, (2048, 2304), "i4"), "plain": dice.random((3000, 1100)),
              "big": dice.integers(0, 1 << 30, (6, 1100, 1000), "i4")}
    with h5py.File(world.url, "w") as file:
        file.create_dataset("chunked", data=values["chunked"], chunks=(300, 500), compression="gzip", compression_opts=1)
        file.create_dataset("plain", data=values["plain"])
        file.create_dataset("big", data=values["big"], dtype=">i4")
    folder = pathlib.Path(world.url).parent
    copies = [str(folder / name) for name in ("copy.h5", "native", "back.h5")]
    for source, target in zip([world.url, world.url, copies[1]], copies):
        world.out("cp", source, target)
    for copy in (copies[0], copies[2]):
        with h5py.File(copy) as file:
            for name, want in values.items():
                assert np.array_equal(file[name][()], want), f"{copy}: {name}"


@case
def what_others_claim_is_not_believed(world):
    with h5py.File(world.url, "w") as file:
        file.create_dataset("huge", shape=(1 << 50,), dtype="u1", chunks=(1 << 20,))
        file.create_dataset("small", data=np.arange(5))
        space, text = h5py.h5s.create(h5py.h5s.SCALAR), h5py.h5t.NATIVE_INT32
        for name in (b"\xe9", b"\xe8"):
            h5py.h5a.create(file["small"].id, name, text, space).write(np.array(1, "i4"))
    listed = world.out("ls", world.url)
    assert "small" in listed and "huge" not in listed, listed
    world.out("verify", world.url)
    assert json.loads(world.out("cat", world.url, "small", "--json")) == [0, 1, 2, 3, 4]


ENTRIES = ("open", "verify", "restore")
COMMANDS = ("ls", "info", "verify")


def check_damaged(world, url, *, says, foreign):
    """Every way in says that it is corrupt; what may not be tsnap's is neither replaced nor removed."""
    for entry in ENTRIES:
        world.expect("TSNAP_E_CORRUPT", entry, url, says=says)
    world.expect("TSNAP_E_CORRUPT", "read", url, "x", world.folder / "values", says=says)
    world.expect("TSNAP_E_CORRUPT", "copy", url, world.folder / "copy.h5", says=says)
    for command in COMMANDS:
        world.refused(3, command, url, says=says) if command == "verify" else world.refused(1, command, url, says=says)
    world.refused(1, "cat", url, "x", says=says)
    world.refused(1, "cp", url, world.folder / "copy.h5", says=says)
    world.expect("TSNAP_E_EXISTS", "take", url)
    if foreign:
        world.expect("TSNAP_E_EXISTS", "replace", url, says="tsnap has not written")
        world.expect("TSNAP_E_INVALID", "remove", url, says="tsnap has not written")
        world.refused(1, "rm", url, says="tsnap has not written")
        world.refused(1, "rm", "--force", url, says="tsnap has not written")
        return
    kept = pathlib.Path(url).read_bytes()
    world.expect("TSNAP_OK", "replace", url)
    world.expect("TSNAP_OK", "verify", url)
    pathlib.Path(url).write_bytes(kept)
    world.expect("TSNAP_OK", "remove", url)
    assert not os.path.exists(url)
    pathlib.Path(url).write_bytes(kept)
    world.out("rm", url)
    assert not os.path.exists(url)


@case
def what_is_no_snapshot_is_said_clearly(world):
    whole = str(world.folder / "whole.h5")
    write(whole, str(world.folder / "elsewhere.h5"))
    contents = pathlib.Path(whole).read_bytes()
    for size in (100, 2000, len(contents) // 2, len(contents) - 1):
        pathlib.Path(world.url).write_bytes(contents[:size])
        check_damaged(world, world.url, says="run.h5", foreign=True)
        assert pathlib.Path(world.url).read_bytes() == contents[:size]
    pathlib.Path(world.url).write_text("A letter, and no HDF5.\n" * 100)
    check_damaged(world, world.url, says="run.h5", foreign=True)
    assert pathlib.Path(world.url).read_text().startswith("A letter")
    os.remove(world.url)
    os.mkdir(world.url)
    (pathlib.Path(world.url) / "kept").write_text("kept")
    check_damaged(world, world.url, says="not a file", foreign=True)
    assert (pathlib.Path(world.url) / "kept").exists()
    shutil.rmtree(world.url)
    pathlib.Path(world.url).write_bytes(b"")   # as a crash of the machine may leave one
    check_damaged(world, world.url, says="run.h5", foreign=False)
    assert world.left() == ["elsewhere.h5", "whole.h5"], world.left()


@case
def a_missing_file_is_not_found(world):
    for entry in (*ENTRIES, "remove", "gc"):
        world.expect("TSNAP_E_NOT_FOUND", entry, world.url, says="run.h5")
    world.expect("TSNAP_E_NOT_FOUND", "read", world.url, "x", world.folder / "values")
    world.expect("TSNAP_E_NOT_FOUND", "copy", world.url, world.folder / "copy.h5")
    for command in (*COMMANDS, "rm"):
        world.refused(1, command, world.url, says="run.h5")
    world.out("rm", "--force", world.url)
    world.expect("TSNAP_E_NOT_FOUND", "open", world.folder / "no folder" / "run.h5")
    world.expect("TSNAP_OK", "take", world.url)
    world.expect("TSNAP_E_NOT_FOUND", "open", world.url + "/below.h5")
    world.expect("TSNAP_E_NOT_FOUND", "read", world.url, "no such", world.folder / "values", says="no such")
    assert world.left() == ["run.h5"], world.left()


@case
def damaged_compressed_snapshots_are_replaced_only_when_told(world):
    """Their structure is behind the chunks, and goes first."""
    environment = {**os.environ, "TSNAP_TEST_CODEC": "3", "TSNAP_HDF5_CHUNK_BYTES": "4096"}
    subprocess.run([world.writer, "take", world.url, str(world.folder / "manifest")], check=True, env=environment)
    contents = pathlib.Path(world.url).read_bytes()
    assert b"tsnap_path" not in contents[:1 << 20] and len(contents) > 2 << 20, len(contents)
    for damaged in (contents[:len(contents) // 2], bytes(8) + contents[8:]):
        pathlib.Path(world.url).write_bytes(damaged)
        check_damaged(world, world.url, says="run.h5", foreign=False)


@case
def damaged_snapshots_are_replaced_only_when_told(world):
    subprocess.run([world.writer, "take", world.url, str(world.folder / "manifest")], check=True)
    contents = pathlib.Path(world.url).read_bytes()
    for size in (len(contents) // 2, len(contents) - 1):
        pathlib.Path(world.url).write_bytes(contents[:size])
        check_damaged(world, world.url, says="run.h5", foreign=False)
    # As a take leaves it that never ended: everything but the commit record.
    pathlib.Path(world.url).write_bytes(contents)
    with h5py.File(world.url, "r+") as file:
        record = file[".tsnap/record"]
        record[()] = np.zeros((), record.dtype)
    check_damaged(world, world.url, says="never ended", foreign=False)
    for damage in (b" ", b"{}", b'{"format":"tsnap","format_version":3}'):
        pathlib.Path(world.url).write_bytes(contents)
        with h5py.File(world.url, "r+") as file:
            record = file[".tsnap/record"]
            record[()] = np.array(damage, record.dtype)
        check_damaged(world, world.url, says="run.h5", foreign=False)
    # Without its hidden group it is a file as of anybody: nothing is verified any more.
    pathlib.Path(world.url).write_bytes(contents)
    with h5py.File(world.url, "r+") as file:
        del file[".tsnap"]
    assert json.loads(world.out("info", "--json", world.url))["format"] == "hdf5"
    assert json.loads(world.out("cat", world.url, "values/step", "--json")) == 0x0123456789abcdef
    # Without its index it is corrupt, and opens.
    pathlib.Path(world.url).write_bytes(contents)
    with h5py.File(world.url, "r+") as file:
        del file[".tsnap/index"]
    world.expect("TSNAP_E_CORRUPT", "verify", world.url)
    world.expect("TSNAP_E_CORRUPT", "restore", world.url)


def main():
    name, *arguments = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        CASES[name](World(pathlib.Path(folder), *arguments))


if __name__ == "__main__":
    main()
