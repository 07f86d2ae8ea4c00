"""`pip install` from the tree, without a compiler and without the network, and used outside of it."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[3]
USE = """
import pathlib, sys
import numpy, tsnap
assert pathlib.Path(tsnap.__file__).is_relative_to(sys.argv[1]), tsnap.__file__
tsnap.take("place", {"a": numpy.arange(5)})
print(int(tsnap.Snapshot("place")["a"][3]))
"""


class Install(unittest.TestCase):
    def test_meson_installs_all_of_it(self):
        folder = SOURCE / "bindings/python"
        named = set(re.findall(r"'tsnap/([\w.]+)'", (folder / "meson.build").read_text()))
        self.assertEqual(named, {path.name for path in (folder / "tsnap").iterdir() if path.suffix == ".py"} | {"py.typed"})

    def test_pip_installs_all_of_it(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            # setuptools builds in the source's folder; a copy keeps the tree clean.
            shutil.copytree(SOURCE / "bindings/python", folder / "source", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
            done = subprocess.run([sys.executable, "-m", "pip", "install", "--no-build-isolation", "--no-deps", "--no-index", "--quiet",
                                   "--disable-pip-version-check", "--target", folder / "site", folder / "source"], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False, env={**os.environ, "HOME": str(folder)})
            self.assertEqual(done.returncode, 0, done.stdout)
            have = {path.name for path in (SOURCE / "bindings/python/tsnap").iterdir() if path.suffix == ".py"} | {"py.typed"}
            self.assertEqual({path.name for path in (folder / "site/tsnap").iterdir()} - {"__pycache__"}, have)
            environment = {**os.environ, "PYTHONPATH": str(folder / "site")}
            used = subprocess.run([sys.executable, "-c", USE, str(folder)], cwd=folder, env=environment, capture_output=True, text=True, check=False)
            self.assertEqual(used.stdout, "3\n", used.stderr)


if __name__ == "__main__":
    unittest.main()
