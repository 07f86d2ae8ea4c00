"""Snapshots of C programs are read and restored in Python, and the other way round: exchange.py CASE [PROGRAM]"""

import hashlib
import os
import pathlib
import re
import subprocess
import sys

import numpy as np

import places
import ranks
import tsnap
from tsnap import dtypes

SOURCE = pathlib.Path(__file__).resolve().parents[3]
RECORD = np.dtype([("x", "f8"), ("id", "i4"), ("pad", "i4")])


def values(filled):
    """What values.c has: filled, or to be filled."""
    field, fortran = np.arange(24.0).reshape(4, 6) * filled, np.asfortranarray(np.arange(6, dtype="f4").reshape(2, 3) * filled)
    particles, bfloat = np.zeros(3, RECORD), np.array([0x3F80, 0xC000], "u2") * np.uint16(filled)
    if filled:
        particles["x"], particles["id"] = np.arange(3) + 0.5, np.arange(3) + 10
    return {"step": tsnap.Replicated(-123456789012345 * filled), "time": tsnap.Replicated(0.1 * filled), "done": bool(filled),
            "title": tsnap.Replicated("Grüße" * filled), "solver": {"blob": b"a\0b" * filled},
            "field": tsnap.Sharded(field, (4, 6), (0, 0)), "fortran": tsnap.Replicated(fortran), "particles": particles,
            "bfloat": tsnap.Replicated(bfloat.view(dtypes.BITS[dtypes.CODES["bfloat16"]]))}


def c_restores_what_python_took(program):
    for suffix in ("", ".h5"):
        url = places.fresh() + suffix
        tsnap.take(url, values(1), kind="private", attributes={"field": {"units": "K"}})
        subprocess.run([program, "restore", url], check=True)


def python_restores_what_c_took(program):
    for suffix in ("", ".h5"):
        url = places.fresh() + suffix
        subprocess.run([program, "take", url], check=True)
        state, expected = values(0), values(1)
        tsnap.restore(url, state)
        for name in ("step", "time", "title"):
            assert state[name].value == expected[name].value, name
        assert (state["done"], state["solver"]) == (expected["done"], expected["solver"])
        for name in ("fortran", "bfloat"):
            np.testing.assert_array_equal(state[name].value, expected[name].value)
        np.testing.assert_array_equal(state["field"].parts[0][0], expected["field"].parts[0][0])
        np.testing.assert_array_equal(state["particles"], expected["particles"])
        with tsnap.Snapshot(url) as snapshot:
            assert (snapshot["step"], snapshot["0/done"], snapshot["0/solver"]["blob"], snapshot["title"]) == (
                -123456789012345, True, b"a\0b", "Grüße")
            assert snapshot["field"].attrs == {"units": "K"}
            assert list(snapshot["fortran"][1, ::-1]) == [5, 4, 3]
            assert snapshot["0/particles"][1:].view(RECORD)["id"].tolist() == [11, 12]


def released_snapshots_are_read_as_the_format_page_says(_program):
    """Every object of the golden snapshots, and a reader that knows docs/format.md only."""
    folder, count = SOURCE / "tests/golden/v1/none", 0
    told = subprocess.run([sys.executable, str(SOURCE / "tests/golden/read_golden.py"), str(folder)], check=True, capture_output=True,
                          text=True).stdout
    with tsnap.Snapshot(folder) as snapshot:
        lines = {line.split("\t")[0]: line.split("\t")[-1] for line in told.splitlines()}
        for info in snapshot.objects():
            value = snapshot.read_value(info.path)
            if isinstance(value, (str, bytes)):
                stored = value.encode() if isinstance(value, str) else value
            else:
                stored = np.asarray(value, {"int64": "i8", "float64": "f8", "bool": "u1"}.get(info.type)).tobytes()
            assert hashlib.sha256(stored).hexdigest() == lines[info.path], info
            count += 1
        assert count == len(lines) > 10, (count, len(lines))


def heat_goes_on_in_the_other_language(program):
    """The example in both languages: one begins, the other goes on, on other numbers of ranks; the field is the same at the end."""
    here, python = pathlib.Path(os.environ["TSNAP_TEST_FOLDER"]), [sys.executable, SOURCE / "examples/heat2d.py"]
    run = ["--size", 48, "--steps", 40, "--every", 10]

    def heat(count, command, *options):
        said, status = ranks.launch(count, *command, *run, *options)
        assert status == 0, said
        return said, re.findall(r"fingerprint of the fields ([0-9a-f]{16})", said)
    expected = heat(1, [program], "--final", here / "c")[1]
    heat(3, python, "--snapshots", here / "from-python", "--stop-at", 25)
    said, field = heat(2, [program], "--snapshots", here / "from-python", "--final", here / "python-c")
    assert "taken by 3 ranks" in said and field == expected, said
    heat(2, [program], "--snapshots", here / "from-c", "--stop-at", 25)
    said, field = heat(4, python, "--snapshots", here / "from-c", "--final", here / "c-python", "--sync")
    assert "taken by 2 ranks" in said and field == expected, said
    said, field = heat(1, python, "--final", here / "python")
    assert field == expected, said
    for other in ("python-c", "c-python", "python"):
        with tsnap.Snapshot(here / "c") as one, tsnap.Snapshot(here / other) as two:
            for name in ("temperature", "peak", "diffusivity"):
                np.testing.assert_array_equal(one[f"plate/{name}"], two[f"plate/{name}"])


if __name__ == "__main__":
    globals()[sys.argv[1]](sys.argv[2] if len(sys.argv) > 2 else None)
    print(f"{sys.argv[1]}: passed")
