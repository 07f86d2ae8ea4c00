"""The libraries export the symbols of the table and nothing else, each with its version, under the soname of the ABI; and
the public headers declare the same functions.

Usage: symbols.py INCLUDE_DIR SYMBOLS_TABLE LIBTSNAP [LIBTSNAP_MPI]
"""

import re
import subprocess
import sys

import public

ABI_MAJOR = 0


def expected_symbols(path):
    rows = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                library, symbol = line.split()
                rows.setdefault(library, set()).add(symbol)
    return rows


def exported_symbols(library):
    """name@VERSION of each defined dynamic symbol; the version definitions themselves are absolute (A)."""
    command = ["nm", "-D", "--defined-only", "--with-symbol-versions", library]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows = [line.split() for line in output.splitlines() if line.strip()]
    return {row[-1].replace("@@", "@") for row in rows if row[-2] != "A"}


def soname(library):
    output = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
    found = re.search(r"\(SONAME\).*\[(.*)\]", output)
    return found.group(1) if found else None


def needed(library):
    output = subprocess.run(["readelf", "-d", library], check=True, capture_output=True, text=True).stdout
    return re.findall(r"\(NEEDED\).*\[(.*)\]", output)


def check_library(name, library, expected):
    actual = exported_symbols(library)
    failures = [f"{name}: {symbol} is not exported" for symbol in sorted(expected - actual)]
    failures += [f"{name}: {symbol} is exported, but not in the table" for symbol in sorted(actual - expected)]
    if soname(library) != f"{name}.so.{ABI_MAJOR}":
        failures.append(f"{name}: the soname is {soname(library)}, not {name}.so.{ABI_MAJOR}")
    return failures


def check_headers(include_dir, expected):
    """What is declared is exported by the library that the header belongs to, and the other way round."""
    declared = {"libtsnap": set(), "libtsnap_mpi": set()}
    for header in public.headers(include_dir):
        library = "libtsnap_mpi" if public.include_name(header) == "tsnap/mpi.h" else "libtsnap"
        declared[library] |= set(public.functions(public.read(header)))
    failures = []
    for library, names in declared.items():
        exported = {symbol.split("@")[0] for symbol in expected[library] if not symbol.startswith("tsnap_private_")}
        failures += [f"{name} is declared, but not in the table" for name in sorted(names - exported)]
        failures += [f"{name} is in the table, but not declared" for name in sorted(exported - names)]
    return failures


def main():
    include_dir, table, *libraries = sys.argv[1:]
    expected = expected_symbols(table)
    failures = check_headers(include_dir, expected)
    for name, library in zip(("libtsnap", "libtsnap_mpi"), libraries):
        failures += check_library(name, library, expected[name])
    # The core serves programs without MPI, and nobody links HDF5 who does not ask for it.
    foreign = [lib for lib in needed(libraries[0]) if re.match(r"lib(mpi|mpich|hdf5)\b", lib)]
    failures += [f"libtsnap needs {lib}" for lib in foreign]
    for failure in failures:
        print("FAILED:", failure)
    print(f"symbols: {len(libraries)} libraries, {len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
