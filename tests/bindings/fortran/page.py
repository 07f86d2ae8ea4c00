"""Runs what docs/fortran.md shows: programs, snippets and commands are taken out of the page and must work as they stand.

    page.py SOURCE_ROOT BUILD_ROOT {mpi|core} PAGE

Blocks, by what stands after the three backquotes:
    fortran complete file=NAME   a whole program: saved as NAME (the commands compile and run it)
    fortran file                 a module: stands before every later snippet, which uses it
    fortran run                  the body of a program that has opened context and created state; compiled and run
    fortran run roundtrip        the same, then takes and restores the state
    sh runnable                  commands, run one block after the other in one folder
Any other block is only shown; a "fortran" block without a word after it is an error. The tsnap that is used is that of
BUILD_ROOT, seen through its own pkg-config files. FC and MPIFC name the compilers.
"""

import os
import pathlib
import re
import sys
import tempfile

source, build = (pathlib.Path(name).resolve() for name in sys.argv[1:3])
sys.path.insert(0, str(source / "tests/tidy"))
import readme_snippets  # noqa: E402

PROGRAM = """
program snippet
  use, intrinsic :: iso_fortran_env
  use tsnap_core
%(uses)s  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  call context%%open_self()
  call state%%create()
  block
%(body)s
%(after)s
  end block
  call context%%close()
  call state%%destroy()
end program
"""

ROUNDTRIP = """
call context%take('roundtrip', state, tsnap_take_options(overwrite=TSNAP_ON))
call context%restore('roundtrip', state)
"""


def prepare(folder):
    """A folder that looks like an installed tsnap, with the binding."""
    place = readme_snippets.Place(folder, source, build)
    prefix = folder / "prefix"
    modules = prefix / "lib/fortran/tsnap"
    modules.mkdir(parents=True)
    for library in (build / "bindings/fortran").glob("libtsnap_fortran*.so*"):
        if library.name.endswith(".p"):
            for module in library.glob("*.mod"):
                (modules / module.name).symlink_to(module)
        elif not library.name.endswith(".symbols"):
            (prefix / "lib" / library.name).symlink_to(library)
    if os.environ.get("MPIFC"):
        (prefix / "bin/mpifort").symlink_to(os.environ["MPIFC"])
    return place


def snippet(place, modules, body, roundtrip, where):
    uses = "".join(f"  use {name}\n" for name in re.findall(r"^module (\w+)", modules, re.M))
    text = modules + PROGRAM % {"uses": uses, "body": body, "after": ROUNDTRIP if roundtrip else ""}
    (place.work / "snippet.f90").write_text(text)
    compiler = os.environ.get("FC", "gfortran").split()
    # What the compiler would copy is an error on a page that tells how to avoid it.
    options = ["-std=f2018", "-Wall", "-Wno-unused-dummy-argument", "-Wno-compare-reals", "-Warray-temporaries", "-Werror"]
    return place.run([*compiler, *options, "-o", "snippet", "snippet.f90", *place.flags("tsnap-fortran-core")],
                     where + ", compiling") and place.run(["./snippet"], where)


def main():
    with_mpi, page = sys.argv[3] == "mpi", source / sys.argv[4]
    counts = {"snippets": 0, "programs": 0, "commands": 0}
    good, modules = True, ""
    text = page.read_text()
    with tempfile.TemporaryDirectory(prefix="tsnap-page.") as folder:
        place = prepare(pathlib.Path(folder))
        for match in readme_snippets.BLOCK.finditer(text):
            language, words, body = match[1], match[2].split(), match[3]
            where = f"{sys.argv[4]}:{text.count(chr(10), 0, match.start()) + 2}"
            if language == "sh" and "runnable" in words:
                counts["commands"] += 1
                good = (not with_mpi or place.run("set -e\n" + body, where)) and good
            elif language == "fortran" and words[:1] == ["complete"]:
                counts["programs"] += 1
                (place.work / words[1].removeprefix("file=")).write_text(body)
            elif language == "fortran" and words[:1] == ["file"]:
                modules += body
            elif language == "fortran" and words[:1] == ["run"]:
                counts["snippets"] += 1
                good = snippet(place, modules, body, "roundtrip" in words, where) and good
            elif language == "fortran":
                print(f"{where}: a Fortran block must say what it is: complete, file or run")
                good = False
    print(", ".join(f"{count} {what}" for what, count in counts.items()))
    return 0 if good and all(counts.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
