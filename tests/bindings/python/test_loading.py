"""Finding and checking libtsnap: by variable, beside the package, where it was installed, by the system; and saying what is wrong."""

import ast
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import typing
import unittest

import tsnap
from tsnap import abi, library

PACKAGE = pathlib.Path(tsnap.__file__).parent
FILE = os.environ["TSNAP_LIBRARY"]


def run(program, package=None, **variables):
    """A Python with these variables; output and errors together."""
    environment = {name: value for name, value in os.environ.items() if name not in ("TSNAP_LIBRARY", "LD_LIBRARY_PATH")}
    environment.update(variables)
    if package is not None:
        environment["PYTHONPATH"] = str(package)
    done = subprocess.run([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)
    return done.stdout


SHOW = "import tsnap; print(tsnap.library_version())"


class Loading(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())

    def tearDown(self):
        shutil.rmtree(self.folder)

    def test_the_variable_names_the_library(self):
        self.assertEqual(run(SHOW, TSNAP_LIBRARY=FILE).strip(), tsnap.__version__)

    def test_the_system_finds_it(self):
        self.assertEqual(run(SHOW, LD_LIBRARY_PATH=os.path.dirname(FILE)).strip(), tsnap.__version__)

    def test_it_may_lie_beside_the_package_or_where_it_was_installed(self):
        shutil.copytree(PACKAGE, self.folder / "tsnap", ignore=shutil.ignore_patterns("__pycache__"))
        (self.folder / "tsnap" / library.SONAME).symlink_to(FILE)
        self.assertEqual(run(SHOW, package=self.folder).strip(), tsnap.__version__)
        (self.folder / "tsnap" / library.SONAME).unlink()
        (self.folder / "lib").mkdir()
        (self.folder / "lib" / library.SONAME).symlink_to(FILE)
        (self.folder / "tsnap/installed.py").write_text('LIBRARY_FOLDER = "../lib"\n')
        self.assertEqual(run(SHOW, package=self.folder).strip(), tsnap.__version__)

    def test_importing_needs_no_library_and_the_first_call_says_what_is_missing(self):
        missing = str(self.folder / "libtsnap.so")
        said = run("import tsnap\nprint('imported')\ntsnap.library_version()", TSNAP_LIBRARY=missing)
        self.assertIn("imported\n", said)
        for words in ("LibraryError", missing, "meson install", "TSNAP_LIBRARY"):
            self.assertIn(words, said)

    def test_another_library_is_not_taken_for_it(self):
        said = run(SHOW, TSNAP_LIBRARY="libc.so.6")
        self.assertIn("is not libtsnap", said)

    def test_a_version_that_does_not_fit_is_refused_with_both_versions(self):
        self.assertIsNone(library.check_version(library.MADE_FOR))
        self.assertIsNone(library.check_version(f"{abi.VERSION_MAJOR}.{abi.VERSION_MINOR + 1}.0"))
        for have in (f"{abi.VERSION_MAJOR + 1}.0.0", f"{abi.VERSION_MAJOR}.{abi.VERSION_MINOR - 1}.9", "what"):
            with self.assertRaises(tsnap.LibraryError) as caught:
                library.check_version(have)
            self.assertIn(have, str(caught.exception))
            self.assertIn(library.MADE_FOR, str(caught.exception))
            self.assertIsInstance(caught.exception, ImportError)
        source = self.folder / "old.c"
        source.write_text('const char *tsnap_version(void) { return "7.8.9"; }\n')
        subprocess.run([*os.environ.get("CC", "cc").split(), "-shared", "-fPIC", source, "-o", self.folder / "libtsnap.so"], check=True)
        said = run(SHOW, TSNAP_LIBRARY=str(self.folder / "libtsnap.so"))
        self.assertIn("7.8.9", said)
        self.assertIn(library.MADE_FOR, said)

    def test_a_library_that_lacks_a_function_is_refused(self):
        source = self.folder / "part.c"
        source.write_text(f'const char *tsnap_version(void) {{ return "{library.MADE_FOR}"; }}\n')
        subprocess.run([*os.environ.get("CC", "cc").split(), "-shared", "-fPIC", source, "-o", self.folder / "libtsnap.so"], check=True)
        self.assertIn("lacks a function", run(SHOW, TSNAP_LIBRARY=str(self.folder / "libtsnap.so")))

    def test_a_communicator_needs_the_library_of_its_mpi(self):
        library_alone = self.folder / "libtsnap.so"
        library_alone.symlink_to(os.path.realpath(FILE))
        said = run("import tsnap.library as l; l.mpi('x')", TSNAP_LIBRARY=str(library_alone), LD_LIBRARY_PATH=str(self.folder))
        self.assertRegex(said, "LibraryError: cannot load libtsnap_mpi.*-Dmpi=enabled")
        if os.path.exists(os.path.join(os.path.dirname(FILE), library.MPI_SONAME)):
            said = run("import tsnap.library as l; l.mpi('Some MPI 7')", TSNAP_LIBRARY=FILE)
            self.assertRegex(said, "LibraryError.*was built for .*, and mpi4py runs on Some MPI 7")

    def test_sources_are_those_of_the_oldest_python(self):
        for file in PACKAGE.glob("*.py"):
            ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 9))

    def test_all_that_is_public_has_type_hints_and_a_text(self):
        self.assertTrue((PACKAGE / "py.typed").exists())
        for name in tsnap.__all__:
            found = getattr(tsnap, name)
            if not callable(found):
                continue
            self.assertTrue(found.__doc__, name)
            functions = [found] if not isinstance(found, type) else [
                value.fget if isinstance(value, property) else value for key, value in vars(found).items()
                if not key.startswith("_") and (callable(value) or isinstance(value, property))]
            for function in functions:
                if not isinstance(function, type):
                    self.assertIn("return", typing.get_type_hints(function), f"{name}: {function}")


if __name__ == "__main__":
    unittest.main()
