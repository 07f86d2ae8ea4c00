"""Holds the library against the reader that was written from docs/format.md alone: compare.py GOLDEN SNAPSHOT

GOLDEN is the program of golden.cc. Every object of the snapshot must have the same name and the same values in both.
"""

import pathlib
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))
import read_golden  # noqa: E402


def main():
    program, place = sys.argv[1:]
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
