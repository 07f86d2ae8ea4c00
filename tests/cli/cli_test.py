"""The tsnap tool as people use it: cli_test.py CASE TOOL MAKE_SNAPSHOT SOURCES [SLOW_READS]

Runs one case. MAKE_SNAPSHOT takes the snapshot that is looked at (make_snapshot.c), SOURCES is the source tree,
SLOW_READS a library that makes reading slow. Exit code 77 skips a case that this machine cannot run.
"""

import itertools
import json
import math
import os
import pathlib
import pty
import re
import select
import shutil
import struct
import subprocess
import sys
import tempfile

CASES = {}
COMMANDS = ("ls", "info", "verify", "cat", "report", "cp", "rm", "gc")
SKIPPED = 77


def case(function):
    CASES[function.__name__] = function
    return function


class Skip(Exception):
    pass


class World:
    """One case: a folder of its own, the tool, and a snapshot in it."""

    def __init__(self, folder, tool, maker, sources, slow_reads=None):
        self.folder, self.tool, self.maker = folder, os.path.abspath(tool), os.path.abspath(maker)
        self.sources, self.slow_reads = pathlib.Path(sources), slow_reads
        self.url = str(folder / "snap shot")

    def make(self, *arguments):
        subprocess.run([self.maker, self.url, *arguments], check=True)
        return self

    def run(self, *arguments, text=True, **options):
        return subprocess.run([self.tool, *arguments], capture_output=True, text=text, timeout=120, **options)

    def out(self, *arguments, **options):
        done = self.run(*arguments, **options)
        assert done.returncode == 0, f"{arguments}: exit code {done.returncode}: {done.stderr}"
        assert not done.stderr, f"{arguments}: {done.stderr}"
        return done.stdout

    def cat(self, path, *options):
        return self.out("cat", self.url, path, *options)

    def cat_json(self, path, *options):
        return json.loads(self.cat(path, "--json", *options))

    def refused(self, exit_code, *arguments, says=""):
        done = self.run(*arguments)
        assert done.returncode == exit_code, f"{arguments}: exit code {done.returncode}, not {exit_code}: {done.stderr}"
        lines = done.stderr.splitlines()
        assert len(lines) == 1 and lines[0].startswith("tsnap: "), f"{arguments}: {done.stderr!r}"
        assert says in lines[0], f"{arguments}: {says!r} is not in {lines[0]!r}"
        return done

    def data_files(self):
        return sorted(p for p in pathlib.Path(self.url).rglob("*") if p.is_file() and "data" in p.parts)


def nested(shape, values):
    """Values in row-major order as nested lists."""
    if not shape:
        return next(values)
    return [nested(shape[1:], values) for _ in range(shape[0])]


def box_of(shape, *ranges):
    """The elements i (their row-major number) of a box, nested."""
    def pick(axis, base):
        if axis == len(shape):
            return base
        return [pick(axis + 1, base * shape[axis] + i) for i in ranges[axis]]
    return pick(0, 0)


@case
def ls_shows_a_tree_with_dtype_shape_kind_and_size(world):
    text = world.make().out("ls", world.url)
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()}
    assert rows["cube"] == ["int32", "2x3x4", "private", "96", "B"], rows["cube"]
    assert rows["plane"] == ["float64", "4x5", "sharded", "160", "B"], rows["plane"]
    assert rows["point"] == ["float64", "-", "replicated", "8", "B"], rows["point"]
    assert rows["empty"] == ["float32", "2x0x3", "replicated", "0", "B"], rows["empty"]
    assert rows["opaque"] == ["opaque:3", "2", "replicated", "6", "B"], rows["opaque"]
    assert rows["title"] == ["string", "-", "replicated", "13", "B"], rows["title"]
    lines = text.splitlines()
    assert lines[0] == "0/" and lines.index("  grid/") < lines.index("grid/"), lines
    assert lines[lines.index("  grid/") + 1].startswith("    cube "), lines
    assert "\x1b" not in text and "odd \\x1b[31m\\x0a" in text, text


@case
def ls_json_lists_every_object_once(world):
    objects = json.loads(world.make().out("ls", "--json", world.url))
    by_path = {o["path"]: o for o in objects}
    assert len(by_path) == len(objects) == json.loads(world.out("info", "--json", world.url))["object_count"]
    assert [o["path"] for o in objects] == sorted(by_path, key=str.encode)
    plane = by_path["grid/plane"]
    assert (plane["type"], plane["kind"], plane["dtype"], plane["shape"]) == ("array", "sharded", "float64", [4, 5])
    assert (plane["item_bytes"], plane["bytes"], plane["box_count"]) == (8, 160, 1)
    assert plane["attributes"] == {"long_name": "density", "units": "kg/m\u00b3"}
    assert by_path["0/grid/cube"]["rank"] == 0 and by_path["0/flag"]["type"] == "bool"
    assert by_path["title"]["type"] == "string" and "dtype" not in by_path["title"]
    assert "odd \x1b[31m\n" in by_path


@case
def ls_patterns_match_objects_and_folders(world):
    def paths(*arguments):
        return world.out("ls", "--paths", world.url, *arguments).splitlines()
    world.make()
    assert paths("grid") == ["grid/empty", "grid/plane", "grid/point"]
    assert paths("grid/p*") == ["grid/plane", "grid/point"]
    assert paths("*/grid") == ["0/grid/cube"]
    assert paths("**cube") == ["0/grid/cube"]
    assert paths("types/*int?") == ["types/int8", "types/uint8"]
    assert paths("s*p") == ["step"] and len(paths()) == 28
    world.refused(1, "ls", world.url, "gri", says="gri")
    world.refused(1, "ls", world.url, "*cube", says="cube")


@case
def info_tells_about_the_snapshot(world):
    info = json.loads(world.make().out("info", "--json", world.url))
    assert info["world_size"] == 1 and info["metadata"] == '{"case": "cli"}'
    assert info["object_count"] == 28 and info["bytes"] > 0 and info["url"] == world.url
    text = world.out("info", world.url)
    assert info["id"] in text and info["created"] in text and '{"case": "cli"}' in text
    assert info["library_version"] in text and info["library_version"] in world.out("--version")


@case
def cat_prints_every_dtype(world):
    world.make()
    expected = {
        "bool": ["false", "true"], "int8": ["-128", "127"], "int16": ["-32768", "32767"],
        "int32": ["-2147483648", "2147483647"], "int64": [str(-2**63), str(2**63 - 1)],
        "uint8": ["0", "255"], "uint16": ["0", "65535"], "uint32": ["0", "4294967295"],
        "uint64": ["0", str(2**64 - 1)], "complex64": ["1.5-2.5j"], "complex128": ["0.25+3.0j"],
        "opaque": ["deadbe", "0001ff"],
    }
    for name, lines in expected.items():
        found = world.cat("types/" + name).replace("3j", "3.0j").replace(".0.0", ".0").splitlines()
        assert found == lines, (name, found)
    floats = {
        "float8_e4m3": [1.0, 2.0**-9, 448.0, math.nan], "float8_e5m2": [1.0, 2.0**-16, 57344.0, -math.inf, math.nan],
        "float16": [1.0, 2.0**-24, 65504.0, -math.inf, math.nan], "bfloat16": [1.0, -3.140625, math.inf],
        "float32": [struct.unpack("f", struct.pack("f", 0.1))[0], struct.unpack("f", struct.pack("f", -3.0e38))[0]],
        "float64": [0.1, -1.7976931348623157e308],
    }
    in_json = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    for name, values in floats.items():
        single = name == "float32"
        for found in (world.cat("types/" + name).split(), [in_json.get(v, v) for v in world.cat_json("types/" + name)]):
            found = [float(v) for v in found]
            found = [struct.unpack("f", struct.pack("f", v))[0] for v in found] if single else found
            assert len(found) == len(values), (name, found)
            for f, v in zip(found, values):
                same = math.isnan(f) if math.isnan(v) else math.isclose(f, v, rel_tol=0 if name == "float64" else 1e-6)
                assert same, (name, found, values)
    assert world.cat_json("types/complex64") == [[1.5, -2.5]]
    assert world.cat_json("types/uint64") == [0, 2**64 - 1]
    assert world.cat_json("types/bool") == [False, True]
    assert world.cat_json("types/opaque") == ["deadbe", "0001ff"]


@case
def cat_prints_values_of_every_type(world):
    world.make()
    assert world.cat("step") == "-42\n" and world.cat("time") == "0.1\n" and world.cat("0/flag") == "true\n"
    title = "Heat \"2-D\"\n\u00e9"
    assert world.cat("title") == title and world.cat_json("title") == title
    blob = bytes(i * 7 % 256 for i in range(40))
    assert world.cat("0/blob") == blob[:32].hex() + "\n" + blob[32:].hex() + "\n"
    assert world.cat_json("0/blob") == blob.hex()
    assert world.out("cat", world.url, "0/blob", "--raw", text=False) == blob
    assert [world.cat_json(p) for p in ("step", "time", "0/flag", "grid/point")] == [-42, 0.1, True, 2.5]
    assert float(world.cat("grid/point")) == 2.5


@case
def cat_prints_any_box_of_an_array(world):
    world.make()
    assert world.cat("0/grid/cube", "--box", "0:2,1:3,2:4") == "6 7\n10 11\n\n18 19\n22 23\n"
    assert world.cat("0/grid/cube", "--box=1,2,3") == "23\n"
    assert world.cat_json("0/grid/cube") == nested([2, 3, 4], itertools.count())
    assert world.cat_json("0/grid/cube", "--box", ":,:2,1:") == box_of([2, 3, 4], range(2), range(2), range(1, 4))
    assert world.cat_json("grid/plane", "--box", "3,:") == box_of([4, 5], [3], range(5))
    assert world.cat_json("grid/empty") == [[], []] and world.cat("grid/empty") == ""
    assert world.cat_json("grid/plane", "--box", "2:2,:") == []
    raw = world.out("cat", world.url, "0/grid/cube", "--raw", "--box", "1,:,0:1", text=False)
    assert struct.unpack("=3i", raw) == (12, 16, 20)


@case
def cat_reads_a_large_array_piece_by_piece(world):
    world.make("large")
    raw = world.out("cat", world.url, "large", "--raw", text=False)
    assert raw == struct.pack("=1200000q", *(7 * i for i in range(1200000)))
    assert world.cat_json("large") == nested([3, 400, 1000], (7 * i for i in range(1200000)))
    assert world.cat_json("large", "--box", "1:3,399,998:") == [[[7 * (k * 400000 + 399 * 1000 + i) for i in (998, 999)]]
                                                                for k in (1, 2)]
    limited = world.out("cat", world.url, "large", "--raw", text=False,
                        env=dict(os.environ, TSNAP_MEMORY_BUDGET_BYTES="16M"))
    assert limited == raw


@case
def verify_says_ok_or_names_what_is_corrupt(world):
    assert world.make("large").out("verify", world.url).startswith("ok: 29 objects")
    largest = max(world.data_files(), key=lambda p: p.stat().st_size)
    with open(largest, "r+b") as data:
        data.seek(largest.stat().st_size // 2)
        byte = data.read(1)
        data.seek(-1, os.SEEK_CUR)
        data.write(bytes([byte[0] ^ 1]))
    done = world.refused(3, "verify", world.url)
    assert "corrupt: large\n" in done.stdout, done.stdout


@case
def verify_calls_a_damaged_record_or_index_corrupt(world):
    world.make()
    record = pathlib.Path(world.url) / "tsnap.json"
    whole = record.read_bytes()
    record.write_bytes(whole[:len(whole) // 2])
    world.refused(3, "verify", world.url)
    world.refused(1, "ls", world.url)
    record.write_bytes(whole)
    world.out("verify", world.url)
    part = next(p for p in pathlib.Path(world.url).rglob("index/*") if p.stat().st_size > 0)
    part.write_bytes(part.read_bytes()[:-1])
    world.refused(3, "verify", world.url)


@case
def rm_removes_the_snapshot_and_only_force_forgives_its_absence(world):
    world.make()
    assert world.out("rm", world.url) == "" and not world.data_files()
    world.refused(1, "info", world.url)
    world.refused(1, "rm", world.url)
    world.out("rm", "--force", world.url)
    world.out("rm", "-f", str(world.folder / "never was"))


@case
def gc_removes_only_takes_that_never_committed(world):
    world.make()
    kept = world.data_files()
    # A take that died before its commit: the files of one, at the same place, without a record.
    dead = World(world.folder, world.tool, world.maker, world.sources)
    dead.url = str(world.folder / "dead")
    dead.make()
    died = next(p for p in pathlib.Path(dead.url).iterdir() if p.is_dir())
    left = shutil.move(died, pathlib.Path(world.url) / died.name)
    for path in [pathlib.Path(left), *pathlib.Path(left).rglob("*")]:
        os.utime(path, (1, 1))
    marker = pathlib.Path(left) / "taking"
    if not marker.exists():
        marker.write_text("")
        os.utime(marker, (1, 1))

    text = world.out("gc", "--dry-run", world.url)
    assert "would remove " in text and "1 takes would be removed" in text and pathlib.Path(left).exists(), text
    text = world.out("gc", world.url)
    assert "removed " in text and "1 takes removed" in text and died.name in text, text
    assert not any(p.is_file() for p in pathlib.Path(left).rglob("*")), list(pathlib.Path(left).rglob("*"))
    assert world.data_files() == kept
    world.out("verify", world.url)
    assert "0 takes removed" in world.out("gc", world.url)


def same_files(one, other):
    """Whether two places hold the same files, but for locks."""
    def contents(place):
        root = pathlib.Path(place)
        return {p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file() and p.name != ".tsnap-lock"}
    return contents(one) == contents(other)


@case
def cp_copies_a_snapshot_and_says_what_it_did(world):
    world.make("large")
    to = str(world.folder / "copy")
    text = world.out("cp", world.url, to)
    assert text.startswith(f"{to}: ") and " copied" in text and "were there" not in text and same_files(world.url, to), text
    world.out("verify", to)
    text = world.out("cp", "--verify", world.url, to)
    assert ": 0 files, 0 B copied; " in text and text.endswith("were there; verified\n"), text
    # Into a folder, under its own name.
    world.out("cp", "--verify", world.url + "/", str(world.folder / "archive") + "/")
    assert same_files(world.url, world.folder / "archive" / "snap shot")
    world.out("cp", f"fs://{world.url}", f"fs://{world.folder}/other/")
    assert same_files(world.url, world.folder / "other" / "snap shot")
    assert json.loads(world.out("info", "--json", to))["id"] == json.loads(world.out("info", "--json", world.url))["id"]


@case
def cp_replaces_only_when_told_and_refuses_the_rest(world):
    world.make()
    other = World(world.folder, world.tool, world.maker, world.sources)
    other.url = str(world.folder / "other")
    other.make("large")
    world.refused(1, "cp", world.url, other.url, says=other.url)
    world.out("cp", "--overwrite", world.url, other.url)
    assert same_files(world.url, other.url)
    world.refused(1, "cp", world.url, world.url, says="same place")
    world.refused(1, "cp", str(world.folder / "nowhere"), str(world.folder / "new"), says="nowhere")
    assert not (world.folder / "new").exists()
    world.refused(2, "cp", "/", str(world.folder / "new") + "/")
    world.refused(2, "cp", "mem://", str(world.folder / "new") + "/")
    world.refused(2, "cp", world.url)
    largest = max(world.data_files(), key=lambda p: p.stat().st_size)
    data = largest.read_bytes()
    largest.write_bytes(bytes([data[0] ^ 1]) + data[1:])
    new = str(world.folder / "new")
    world.refused(1, "cp", "--verify", world.url, new, says="damaged")
    world.refused(1, "info", new)
    world.out("cp", world.url, new)
    world.refused(3, "verify", new)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


@case
def cp_goes_into_an_hdf5_file_and_out_of_it(world):
    if "TSNAP_HDF5_MODULE" not in os.environ:
        raise Skip("tsnap was built without HDF5")
    world.make("large")
    file, back = str(world.folder / "one.h5"), str(world.folder / "back")
    text = world.out("cp", world.url, file)
    assert text.startswith(f"{file}: 1 files, ") and text.endswith(" copied\n"), text
    assert world.out("verify", file).startswith("ok:")
    assert world.out("cp", "--verify", file, back).endswith(" copied; verified\n")
    assert world.out("verify", back).startswith("ok:")
    def described(place):
        objects = json.loads(world.out("ls", "--json", place))
        return [{key: value for key, value in one.items() if key != "stored_bytes"} for one in objects]
    assert described(world.url) == described(file) == described(back)
    for one in described(world.url):
        values = [world.out("cat", place, one["path"], "--json") for place in (world.url, file, back)]
        assert values[0] == values[1] == values[2], one["path"]
    # No HDF5 file holds bytes of the other order.
    shutil.copytree(world.url, world.folder / "swapped")
    record = world.folder / "swapped" / "tsnap.json"
    text = record.read_text().replace('"little"', '"LITTLE"').replace('"big"', '"little"').replace('"LITTLE"', '"big"')
    body = text[:text.rindex(',"crc32c"')]
    record.write_text(f'{body},"crc32c":"{crc32c(body.encode()):08x}"}}\n')
    world.refused(1, "cp", str(world.folder / "swapped"), str(world.folder / "swapped.h5"), says="-endian")
    shutil.rmtree(world.folder / "swapped")
    # Into a folder under its own name; what is there is only replaced when told.
    world.out("cp", file, str(world.folder / "archive") + "/")
    assert (world.folder / "archive" / "one.h5").is_file()
    world.refused(1, "cp", world.url, file, says="overwrite")
    world.out("cp", "--overwrite", "--verify", world.url, file)
    world.refused(1, "cp", file, f"hdf5://{file}", says="same place")
    world.refused(1, "cp", str(world.folder / "none.h5"), str(world.folder / "new"), says="none.h5")
    world.out("verify", file)
    assert sorted(p.name for p in world.folder.iterdir()) == ["archive", "back", "one.h5", "snap shot"]
    if world.slow_reads is not None:
        slow = dict(os.environ, LD_PRELOAD=world.slow_reads, SLOW_READS_MS="25", TSNAP_IO_CONCURRENCY="1",
                    TSNAP_MEMORY_BUDGET_BYTES=str(2 << 20))
        for source, to in (world.url, "slow.h5"), (file, "slow"):
            code, seen = on_terminal([world.tool, "cp", "--verify", source, str(world.folder / to)], slow)
            assert code == 0 and re.search(r"\rcopying \[#*\.*\] +\d+ % of ", seen), (code, seen)
            assert " copied; verified" in seen.rstrip().splitlines()[-1], seen


@case
def cp_tells_each_place_how_it_is_reached(world):
    # Two URLs that are alike are one place only where one server is asked.
    world.make()
    def run(**variables):
        return world.run("cp", world.url, world.url, env=dict(os.environ, **variables))
    assert "same place" in run().stderr
    assert "same place" in run(TSNAP_S3_ENDPOINT="http://a", TSNAP_FROM_S3_ENDPOINT="http://a").stderr
    for variables in ({"TSNAP_FROM_S3_ENDPOINT": "http://a"}, {"TSNAP_TO_S3_ENDPOINT": "http://a"},
                      {"TSNAP_S3_ENDPOINT": "http://a", "TSNAP_TO_S3_ENDPOINT": "http://b"}):
        done = run(**variables)
        assert done.returncode == 0 and "were there" in done.stdout, (variables, done)


@case
def wrong_usage_is_exit_code_2_and_one_line(world):
    world.make()
    for arguments in ([], ["dance"], ["ls"], ["cat", world.url], ["ls", world.url, "a", "b"], ["info", "--nope", world.url],
                      ["ls", "--json", "--paths", world.url], ["gc", "--min-age", "-1", world.url],
                      ["gc", "--min-age", "soon", world.url], ["cat", world.url, "grid/plane", "--box", "1"],
                      ["cat", world.url, "grid/plane", "--box", "0:1,0:1,0:1"],
                      ["cat", world.url, "grid/plane", "--box", "a:b,:"], ["cat", world.url, "step", "--box", "0"]):
        world.refused(2, *arguments)


@case
def failures_are_exit_code_1_and_name_the_object(world):
    world.make()
    world.refused(1, "ls", str(world.folder / "nowhere"), says="nowhere")
    world.refused(1, "cat", world.url, "grid/nothing", says="grid/nothing")
    world.refused(1, "cat", world.url, "grid/plane", "--box", "0:9,:", says="0:9")
    world.refused(1, "cat", world.url, "grid/plane", "--box", "3:1,:", says="3:1 begins after its end")
    world.refused(1, "gc", str(world.folder / "nowhere"), says="there is no such place")
    world.refused(1, "info", "warp://core", says="warp")


@case
def help_has_examples_for_every_command(world):
    text = world.out("--help")
    for command in COMMANDS:
        assert re.search(rf"^ +{command} ", text, re.MULTILINE), text
        help_text = world.out(command, "--help")
        assert "Examples:" in help_text and f"tsnap {command}" in help_text, help_text
    assert re.fullmatch(r"tsnap \d+\.\d+\.\d+\n", world.out("--version"))


@case
def a_reader_that_leaves_is_no_error_and_a_full_disk_is_one(world):
    world.make("large")
    for arguments in (["cat", world.url, "large"], ["ls", world.url], ["--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([world.tool, *arguments], stdout=writing, stderr=subprocess.PIPE, timeout=60)
        os.close(writing)
        assert done.stderr == b"" and done.returncode == 141, (arguments, done)
    with open("/dev/full", "wb") as full:
        done = subprocess.run([world.tool, "ls", world.url], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1 and done.stderr.startswith("tsnap: writing the output"), done


def on_terminal(command, env, stdout=None):
    """Runs a command with standard error on a terminal of its own; its exit code and what the terminal saw."""
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdout=stdout or slave, stderr=slave, stdin=subprocess.DEVNULL, env=env)
    os.close(slave)
    seen = b""
    while True:
        if select.select([master], [], [], 60)[0]:
            try:
                data = os.read(master, 4096)
            except OSError:
                data = b""
            seen += data
            if data:
                continue
        break
    os.close(master)
    return process.wait(60), seen.decode(errors="replace")


@case
def slow_operations_draw_a_progress_bar_on_a_terminal_only(world):
    if world.slow_reads is None:
        raise Skip("no library that slows down reading was built")
    world.make("large")
    def slow_by(milliseconds):
        return dict(os.environ, LD_PRELOAD=world.slow_reads, SLOW_READS_MS=str(milliseconds), TSNAP_IO_CONCURRENCY="1",
                    TSNAP_DIRECT_IO="off")
    # About 70, 12 and 40 reads: each command takes some seconds, and a bar is drawn after one.
    code, seen = on_terminal([world.tool, "verify", world.url], slow_by(40))
    assert code == 0 and re.search(r"\rverifying \[#*\.*\] +\d+ % of ", seen), (code, seen)
    assert seen.rstrip().splitlines()[-1].split("\033[K")[-1].startswith("ok:"), seen
    code, seen = on_terminal([world.tool, "cp", world.url, str(world.folder / "slow copy")], slow_by(250))
    assert code == 0 and re.search(r"\rcopying \[#*\.*\] +\d+ % of ", seen), (code, seen)
    with open(os.devnull, "wb") as nothing:
        code, seen = on_terminal([world.tool, "cat", "--raw", world.url, "large"], slow_by(70), stdout=nothing)
    assert code == 0 and "\rreading " in seen and seen.endswith("\r\033[K"), (code, seen)
    # Quick ones draw nothing, and neither does a slow one without a terminal.
    code, seen = on_terminal([world.tool, "verify", world.url], dict(os.environ))
    assert code == 0 and "verifying" not in seen, (code, seen)
    done = world.run("verify", world.url, env=slow_by(40))
    assert done.returncode == 0 and done.stderr == "", done


@case
def completions_parse_and_complete(world):
    world.make()
    completions = world.sources / "src" / "cli" / "completions"
    for shell, file in (("bash", "tsnap.bash"), ("zsh", "_tsnap"), ("fish", "tsnap.fish")):
        if shutil.which(shell):
            subprocess.run([shell, "-n", str(completions / file)], check=True, timeout=60)

    def complete(*words):
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tsnap; '
                  '[ ${#COMPREPLY[@]} = 0 ] || printf "%s\\n" "${COMPREPLY[@]}"')
        found = subprocess.run(["bash", "-c", script, "bash", str(completions / "tsnap.bash"), *words], check=True,
                               capture_output=True, text=True, timeout=60,
                               env=dict(os.environ, PATH=f"{pathlib.Path(world.tool).parent}:{os.environ['PATH']}"))
        return found.stdout.splitlines()

    assert complete("tsnap", "") == [*COMMANDS, "--help", "--version"]
    assert complete("tsnap", "v") == ["verify"]
    assert complete("tsnap", "cat", "--") == ["--help", "--box", "--json", "--raw"]
    assert complete("tsnap", "cat", world.url, "grid/p") == ["grid/plane", "grid/point"]
    assert complete("tsnap", "ls", str(world.folder) + "/sn") == [world.url]
    assert complete("tsnap", "cp", world.url, str(world.folder) + "/sn") == [world.url]
    (world.folder / "some.json").write_text("{}")
    for words in (["report"], ["report", "trace.json", "-o"], ["report", "--output"]):
        assert complete("tsnap", *words, str(world.folder) + "/so") == [f"{world.folder}/some.json"], words
    for command in COMMANDS:
        options = set(re.findall(r"--[a-z-]+", world.out(command, "--help").split("Examples:")[0]))
        for file in ("tsnap.bash", "_tsnap", "tsnap.fish"):
            text = (completions / file).read_text()
            for option in options - {"--help"}:
                assert (option if file != "tsnap.fish" else f"-l {option[2:]}") in text, (file, command, option)
        assert options - {"--help"} <= set(complete("tsnap", command, "--")), (command, options)


@case
def man_pages_have_no_warnings_and_every_option(world):
    pages = world.sources / "docs" / "man"
    page = (pages / "tsnap.1").read_text().replace("\\-", "-")
    for command in COMMANDS:
        assert f".SS tsnap {command}" in page, command
        for option in re.findall(r"--[a-z-]+", world.out(command, "--help").split("Examples:")[0]):
            assert option in page, (command, option)
    library = (pages / "tsnap.3").read_text()
    for header in (world.sources / "include" / "tsnap").glob("*.h"):
        for function in re.findall(r"TSNAP_API [\w *]*?(tsnap_\w+)\(", header.read_text()):
            assert f"{function}(" in library, function
    if not shutil.which("groff"):
        raise Skip("groff is not here to read the pages")
    for name in ("tsnap.1", "tsnap.3"):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-z", str(pages / name)], capture_output=True, text=True,
                              timeout=60)
        assert done.returncode == 0 and not done.stderr, done.stderr


def main(name, *arguments):
    with tempfile.TemporaryDirectory() as folder:
        try:
            CASES[name](World(pathlib.Path(folder), *arguments))
        except Skip as reason:
            print(reason)
            return SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
