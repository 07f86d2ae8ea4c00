#!/usr/bin/env python3
"""Runs what the pages docs/start/ show in C++, Fortran and Python: programs are saved, commands run, as they stand.

    starts.py SOURCE_ROOT BUILD_ROOT LANGUAGE...       cpp, fortran, python

Blocks: "LANGUAGE complete file=NAME" is a program, "sh runnable" commands; any other block of the language is an error. The tsnap that is used is
that of BUILD_ROOT, with the bindings beside it. MPICXX and MPIFC name the wrappers of the compilers.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tidy"))
import readme_snippets  # noqa: E402  (blocks, and a folder that looks like an installed tsnap)


def python_with_packages():
    """Not every python3 has NumPy and mpi4py; Debian's does where they are installed."""
    for candidate in filter(None, (shutil.which("python3"), "/usr/bin/python3")):
        if subprocess.run([candidate, "-c", "import mpi4py, numpy"], capture_output=True, check=False).returncode == 0:
            return candidate
    return None


def tool(place, name, path):
    (place.folder / "prefix/bin" / name).symlink_to(path)


def add_cpp(place, source, _):
    include = place.folder / "prefix/include"
    include.unlink()
    (include / "tsnap").mkdir(parents=True)
    for top in (source / "include", source / "bindings/cpp"):
        for file in [*top.glob("*.h*"), *top.glob("tsnap/*.h"), *top.glob("tsnap/cpp")]:
            (include / file.relative_to(top)).symlink_to(file)
    if os.environ.get("MPICXX"):
        tool(place, "mpicxx", os.environ["MPICXX"])
    return True


def add_fortran(place, _, build):
    modules = place.folder / "prefix/lib/fortran/tsnap"
    modules.mkdir(parents=True)
    for file in (build / "bindings/fortran").glob("libtsnap_fortran*.so*"):
        if file.name.endswith(".p"):
            for module in file.glob("*.mod"):
                (modules / module.name).symlink_to(module)
        elif not file.name.endswith(".symbols"):
            (place.folder / "prefix/lib" / file.name).symlink_to(file)
    if os.environ.get("MPIFC"):
        tool(place, "mpifort", os.environ["MPIFC"])
    return True


def add_python(place, source, _):
    python = python_with_packages()
    if python is None:
        print("no Python here has NumPy and mpi4py")
        return False
    # A link would make Python look for its packages beside the link.
    shim = place.folder / "prefix/bin/python3"
    shim.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    shim.chmod(0o755)
    place.env["PYTHONPATH"] = str(source / "bindings/python")
    place.env["TSNAP_LIBRARY"] = str(place.folder / "prefix/lib/libtsnap.so.0")
    return True


ADD = {"cpp": add_cpp, "fortran": add_fortran, "python": add_python}


def page_works(source, language, place):
    name = f"docs/start/{language}.md"
    text = (source / name).read_text(encoding="utf-8")
    good, programs, commands = True, 0, 0
    for match in readme_snippets.BLOCK.finditer(text):
        where, words = f"{name}:{text.count(chr(10), 0, match.start()) + 2}", match[2].split()
        if match[1] == "sh" and words == ["runnable"]:
            commands += 1
            good = place.run("set -e\n" + match[3], where) and good
        elif match[1] == language and words[:1] == ["complete"]:
            programs += 1
            (place.work / words[1].removeprefix("file=")).write_text(match[3], encoding="utf-8")
        else:
            print(f"{where}: a block must be complete or runnable")
            good = False
    print(f"{name}: {programs} programs, {commands} blocks of commands")
    return good and programs > 0 and commands > 0


def main(source, build, languages):
    good, skipped = True, 0
    for language in languages:
        with tempfile.TemporaryDirectory(prefix="tsnap-start.") as folder:
            place = readme_snippets.Place(pathlib.Path(folder), source, build)
            if ADD[language](place, source, build):
                good = page_works(source, language, place) and good
            else:
                skipped += 1
    return 1 if not good else 77 if skipped == len(languages) else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3:]))
