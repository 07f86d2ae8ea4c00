"""Holds the library against the reader that was written from docs/format.md alone: compare.py GOLDEN SNAPSHOT [MAKER...]

GOLDEN is the program of golden.cc. Every object of the snapshot must have the same name and the same values in both. With a MAKER,
the snapshot is made first: SNAPSHOT is its name then, and MAKER gets the folder as its last argument. Exit code 77: no h5py.
"""

import importlib.util
import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import read_golden  # noqa: E402


def main():
    program, place, *maker = sys.argv[1:]
    if place.endswith(".h5") and importlib.util.find_spec("h5py") is None:
        print("skipped: this Python has no h5py: install python3-h5py")
        sys.exit(77)
    if not maker:
        compare(program, place)
        return
    with tempfile.TemporaryDirectory(suffix="h5") as folder:
        subprocess.run([*maker, folder], check=True)
        compare(program, folder + "/" + place)


def compare(program, place):
    snapshot = read_golden.Snapshot(place)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([program, "dump", place, folder], check=True)
        names = (pathlib.Path(folder) / "names").read_bytes().decode("utf-8").splitlines()
        if sorted(names) != sorted(snapshot.objects):
            sys.exit(f"the objects differ: {sorted(set(names) ^ set(snapshot.objects))}")
        for number, name in enumerate(names):
            values = snapshot.values(snapshot.objects[name])[0]
            if values != (pathlib.Path(folder) / str(number)).read_bytes():
                sys.exit(f"the values of {name} differ")
    print(f"{len(names)} objects are the same")


if __name__ == "__main__":
    main()
