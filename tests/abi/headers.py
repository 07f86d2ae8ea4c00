"""Each public header compiles alone, as C99 and as C++11, with every compiler that is there, and documents what it
declares.

Usage: headers.py INCLUDE_DIR [--no-mpi]
The MPI compiler wrapper is $MPICC, or mpicc; with --no-mpi nothing of MPI is compiled.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

import public

WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Werror"]


def languages():
    for c_compiler, cxx_compiler in (("gcc", "g++"), ("clang", "clang++")):
        if shutil.which(c_compiler):
            yield [c_compiler, "-std=c99"], "c"
        if shutil.which(cxx_compiler):
            yield [cxx_compiler, "-std=c++11"], "cc"


def mpi_flags():
    """The include and define flags of the MPI compiler wrapper; Open MPI and MPICH print them differently."""
    wrapper = os.environ.get("MPICC", "mpicc")
    for option in ("--showme:compile", "-show"):
        shown = subprocess.run([wrapper, option], capture_output=True, text=True)
        if shown.returncode == 0:
            flags = [word for word in shown.stdout.split() if word[:2] in ("-I", "-D")]
            # The warnings of MPI's own header are not ours.
            return [part for f in flags for part in (["-isystem", f[2:]] if f[:2] == "-I" else [f])]
    raise SystemExit(f"headers: {wrapper} does not say its flags; set MPICC, or pass --no-mpi")


def source(header):
    """Includes one header alone, and uses each initialiser that it defines."""
    text = public.read(header)
    lines = [f"#include <{public.include_name(header)}>", f"#include <{public.include_name(header)}>"]
    for struct in public.structs(text):
        name = struct.name
        lines.append(f"{name} make_{name}(void);")
        lines.append(f"{name} make_{name}(void) {{ {name} made = {public.init_macro(name)}; return made; }}")
    lines.append("int used_so_that_the_file_is_not_empty(void);")
    return "\n".join(lines) + "\n"


def compile_all(include_dir, with_mpi):
    failures, compiled = [], 0
    mpi = mpi_flags() if with_mpi else []
    with tempfile.TemporaryDirectory() as folder:
        for header in public.headers(include_dir):
            needs_mpi = public.include_name(header) == "tsnap/mpi.h"
            umbrella = public.include_name(header) == "tsnap.h"
            variants = [["-DTSNAP_NO_MPI"]] if not needs_mpi else []
            if with_mpi and (needs_mpi or umbrella):
                variants.append(mpi)
            elif not needs_mpi:
                variants.append(["-DTSNAP_NO_MPI", "-Wpadded"])
            for compiler, suffix in languages():
                path = os.path.join(folder, "alone." + suffix)
                with open(path, "w", encoding="utf-8") as file:
                    file.write(source(header))
                for variant in variants:
                    command = [*compiler, *WARNINGS, *variant, "-I", include_dir, "-c", path, "-o", os.devnull]
                    result = subprocess.run(command, capture_output=True, text=True)
                    compiled += 1
                    if result.returncode != 0:
                        failures.append(" ".join(command) + "\n" + source(header) + result.stderr)
    if compiled == 0:
        failures.append("no compiler found")
    return failures, compiled


def check_manual(include_dir):
    """Each exported function has a comment whose last paragraph says: collective or not; threads; errors."""
    failures = []
    for header in public.headers(include_dir):
        for name, comment in public.documented_functions(public.read(header)):
            last = re.split(r"\n \*\s*\n", comment.strip().removesuffix("*/"))[-1]
            last = " ".join(last.replace(" * ", " ").split())
            if not re.match(r"(/\* )?(\* )?(Collective|Not collective)\b", last):
                failures.append(f"{name}: the last paragraph of its comment does not begin with "
                                f"'Collective' or 'Not collective': {last!r}")
            if "thread" not in last or not ("errors:" in last or "never fails" in last):
                failures.append(f"{name}: the comment does not end with thread use and errors: {last!r}")
    return failures


def main():
    include_dir = sys.argv[1]
    failures, compiled = compile_all(include_dir, "--no-mpi" not in sys.argv[2:])
    failures += check_manual(include_dir)
    for failure in failures:
        print("FAILED:", failure)
    print(f"headers: {compiled} compilations, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
