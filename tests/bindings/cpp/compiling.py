"""What the C++ headers promise to compilers: each compiles alone, all of them under every standard of g++ and clang++ without a
warning, and what would go wrong later does not compile at all, and says why.

    compiling.py {headers|standards|refusals} SOURCE_ROOT
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wsign-conversion", "-Wshadow", "-Wnon-virtual-dtor", "-Werror"]
STANDARDS = {"g++": ["c++17", "c++20", "c++23"], "clang++": ["c++17", "c++20", "c++2b"]}


def compile_file(compiler, standard, file, includes):
    command = [compiler, f"-std={standard}", "-fsyntax-only", *WARNINGS, *(f"-I{folder}" for folder in includes), str(file)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})


def all_good(jobs):
    """Runs (name, compiler, standard, file, includes), a few at a time."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda job: (job[0], compile_file(*job[1:])), jobs))
    for name, done in results:
        if done.returncode != 0:
            print(f"FAILED: {name}:\n{done.stderr[:3000]}")
    print(f"{len(results)} compilations")
    return bool(results) and all(done.returncode == 0 for _, done in results)


def check_headers(root, includes):
    folder = root / "bindings/cpp"
    headers = sorted(file for file in folder.rglob("*.hpp") if file.name != "tsnap_mpi.hpp")
    with tempfile.TemporaryDirectory() as work:
        jobs = []
        for header in headers:
            # Twice: the guard holds.
            name = header.relative_to(folder)
            file = pathlib.Path(work) / f"{header.stem}.cc"
            file.write_text(f"#include <{name}>\n#include <{name}>\n#ifdef MPI_VERSION\n#error mpi.h was included\n#endif\n")
            jobs.append((name, "g++", "c++17", file, includes))
        return len(jobs) > 5 and all_good(jobs)


def check_standards(includes):
    found = [compiler for compiler in STANDARDS if shutil.which(compiler)]
    print("compilers:", " ".join(found))
    return all_good([(f"{compiler} -std={standard}", compiler, standard, HERE / "standards.cc", includes)
                     for compiler in found for standard in STANDARDS[compiler]])


def check_refusals(root, includes):
    file = HERE / "refusals.cc"
    done = compile_file("g++", "c++17", file, includes)
    # Each error follows the lines that say where it was asked for; the line of refusals.cc is the last of them.
    said, line = {}, None
    for text in done.stderr.splitlines():
        if asked := re.search(r"refusals\.cc:(\d+):\d+:\s+required from here", text):
            line = int(asked[1])
        elif error := re.search(r"error: (?:static assertion failed: )?(.*)", text):
            said.setdefault(line, []).append(error[1])
    good, marks = True, 0
    for number, text in enumerate(file.read_text().splitlines(), 1):
        if mark := re.search(r"// refused: (.*)$", text):
            marks += 1
            if not any(mark[1] in one for one in said.get(number, [])):
                print(f"FAILED: refusals.cc:{number} was not refused with '{mark[1]}': {said.get(number)}")
                good = False
    # Headers of C of another major version.
    with tempfile.TemporaryDirectory() as work:
        (pathlib.Path(work) / "tsnap").mkdir()
        other = (root / "include/tsnap/version.h").read_text().replace("MAJOR 0", "MAJOR 1")
        (pathlib.Path(work) / "tsnap/version.h").write_text(other)
        include = pathlib.Path(work) / "other.cc"
        include.write_text("#include <tsnap.hpp>\n")
        done = compile_file("g++", "c++17", include, [work, *includes])
        if done.returncode == 0 or "made for the C headers of tsnap" not in done.stderr:
            print("FAILED: headers of another major version are accepted")
            good = False
    print(f"{marks} refusals")
    return good and marks > 10


def main():
    what, root = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    includes = [root / "bindings/cpp", root / "include"]
    if not shutil.which("g++"):
        print("there is no g++")
        return 77
    good = {"headers": lambda: check_headers(root, includes), "standards": lambda: check_standards(includes),
            "refusals": lambda: check_refusals(root, includes)}[what]()
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
