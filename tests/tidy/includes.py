#!/usr/bin/env python3
"""The rooms of src/ and the arrows between them: fails on an include that points upward, on a third-party header outside of
its home, and on a room that has no arrows yet.

    includes.py SOURCE_ROOT

It reads #include lines only and builds nothing. docs/architecture.md draws the same arrows for people.
"""

import pathlib
import re
import sys

# A room, and what it may include besides itself. "public" is include/tsnap.
ARROWS = {
    "base": set(),
    "catalog": {"base"},
    "plan": {"base", "catalog"},
    "store": {"base"},
    "stage": {"base", "catalog"},  # the values that say where an array lies: box, array_view
    "comm": {"base", "public"},  # public: only the seam between the two libraries, comm/private_open.h
    "comm/mpi": {"base", "comm", "public"},
    "format": {"base", "catalog", "store"},
    "hdf5": {"base", "catalog", "format"},  # format: the interface that the module implements, format/one_file/library.h
    "engine": {"base", "catalog", "plan", "format", "stage", "store"},
    "core": {"base", "catalog", "plan", "format", "stage", "store", "comm", "engine"},
    "capi": {"base", "catalog", "plan", "format", "stage", "store", "comm", "engine", "core", "public"},
    "cli": {"public"},
    "examples": {"public"},
    "bindings": {"public"},
    "public": set(),
}

# In these rooms each folder is a driver of its own, which does not see the others; but for what is there for all of them.
DRIVER_ROOMS = ("store", "format")
SHARED_BY_DRIVERS = ("store/http", "store/object", "format/native")

# A third-party header and where it may be included.
HOMES = [
    (r"mpi\.h", ("src/comm/mpi/", "include/tsnap/mpi.h", "examples/")),
    (r"isa-l", ("src/base/", "src/format/one_file/")),
    (r"xxhash", ("src/base/",)),
    (r"(zstd|lz4)", ("src/engine/", "src/format/one_file/")),
    (r"(flatbuffers/|.*_generated\.h)", ("src/format/",)),
    (r"nlohmann/", ("src/format/", "src/cli/", "src/store/http/")),
    (r"pugixml", ("src/store/object/", "src/store/s3/")),
    (r"CLI/", ("src/cli/",)),
    (r"fmt/", ("src/",)),
    (r"png\.h", ("examples/",)),
    (r"(curl|openssl)/", ("src/store/http/",)),
    (r"hdf5\.h", ("src/hdf5/", "tests/")),
    (r"petsc", ("examples/",)),
    (r"cuda", ()),
]

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]', re.M)
SEAM = "src/comm/private_open.h"


def room_of(path):
    """The room of a file of the repository; None when it is in none."""
    parts = path.split("/")
    if parts[0] == "include":
        return "public"
    if parts[0] in ("examples", "bindings"):
        return parts[0]
    if parts[0] != "src" or len(parts) < 3:
        return None
    return "comm/mpi" if parts[1:3] == ["comm", "mpi"] else parts[1]


def target_of(header, room):
    """The room that an included header is in; None for the system's and third parties'."""
    first = header.split("/")[0]
    if header == "tsnap.h" or first == "tsnap":
        return "public"
    if header.startswith("comm/mpi/"):
        return "comm/mpi"
    if first in ARROWS and "/" in header:
        return first
    return room if "/" not in header and header.endswith(".h") and room in ("examples", "bindings") else None


def driver_of(path, room):
    inner = path.removeprefix("src/").split("/")
    return inner[1] if room in DRIVER_ROOMS and len(inner) > 2 else None


def check_include(path, quote, header):
    """What is wrong with one include line, or None."""
    room = room_of(path)
    if room not in ARROWS:
        return f"the room {room} has no arrows: add it to tests/tidy/includes.py and to docs/architecture.md"
    for pattern, homes in HOMES:
        if re.match(pattern, header) and not path.startswith(homes):
            return f"<{header}> is at home in {' and '.join(homes) or 'no room yet'}"
    target = target_of(header, room)
    if target is None:
        if quote == '"' and not re.match(HOMES[4][0], header) and not header.startswith("format/"):
            return f'"{header}" is no header of a room: third-party and system headers go in <>'
        return None
    if target != room and target not in ARROWS[room]:
        return f"{room} must not see {target} ({header})"
    if room == "comm" and target == "public" and path != SEAM:
        return f"in comm only {SEAM} names the public headers"
    if target == room and driver_of(path, room):
        other = driver_of("src/" + header, room)
        if other and other != driver_of(path, room) and f"{room}/{other}" not in SHARED_BY_DRIVERS:
            return f"{path.rsplit('/', 1)[0]} must not see {room}/{other}"
    return None


def includes_of(text):
    # An include in a comment is none.
    code = re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)
    return INCLUDE.findall(code)


def check_the_checker():
    """A checker that finds nothing would always pass."""
    wrong = [
        ("src/base/a.cc", '"', "catalog/box.h"), ("src/plan/a.cc", '"', "store/store.h"),
        ("src/store/a.cc", '"', "comm/comm.h"), ("src/stage/a.cc", '"', "store/store.h"),
        ("src/comm/a.h", '"', "catalog/box.h"), ("src/comm/a.h", '"', "tsnap/mpi.h"),
        ("src/engine/a.cc", '"', "comm/comm.h"), ("src/engine/a.cc", '"', "core/take.h"),
        ("src/core/a.cc", '"', "capi/guard.h"), ("src/core/a.cc", '"', "comm/mpi/mpi_comm.h"),
        ("src/core/a.cc", "<", "tsnap.h"), ("src/cli/a.cc", '"', "base/status.h"),
        ("src/core/a.cc", "<", "mpi.h"), ("src/format/one_file/a.cc", "<", "hdf5.h"), ("src/stage/a.cc", "<", "cuda.h"),
        ("src/hdf5/a.cc", '"', "core/take.h"), ("src/format/one_file/a.cc", '"', "hdf5/scope.h"), ("src/stage/a.cc", "<", "xxhash.h"), ("src/core/a.cc", "<", "zstd.h"),
        ("src/capi/a.cc", "<", "nlohmann/json.hpp"), ("include/tsnap/a.h", "<", "mpi.h"),
        ("include/tsnap/a.h", "<", "fmt/format.h"), ("examples/a.c", '"', "core/take.h"),
        ("src/store/posix/a.cc", '"', "store/memory/memory_store.h"), ("src/store/http/a.cc", '"', "store/s3/a.h"),
        ("src/core/a.cc", "<", "pugixml.hpp"), ("src/attic/a.cc", "<", "vector"),
        ("src/core/a.cc", '"', "vector"),
    ]
    missed = [case for case in wrong if check_include(*case) is None]
    right = [
        ("src/core/a.cc", '"', "comm/comm.h"), ("src/format/native/a.cc", '"', "format/native/names.h"),
        ("src/format/native/a.cc", '"', "format/index_part_generated.h"), ("src/store/open.cc", '"', "store/posix/files.h"),
        ("src/cli/a.cc", "<", "CLI/CLI.hpp"), ("examples/a.c", "<", "mpi.h"), (SEAM, '"', "tsnap/config.h"),
        ("src/store/s3/a.cc", '"', "store/http/client.h"), ("src/base/a.cc", "<", "vector"), ("src/hdf5/a.cc", "<", "hdf5.h"),
        ("src/hdf5/a.cc", '"', "format/one_file/library.h"), ("src/format/one_file/a.cc", '"', "format/native/names.h"),
        ("src/engine/codec.cc", "<", "lz4frame.h"),
    ]
    missed += [case for case in right if check_include(*case) is not None]
    if includes_of('// #include "core/take.h"\n/* #include <mpi.h> */\n#include <a.h>\n') != [("<", "a.h")]:
        missed.append("includes in comments")
    if missed:
        sys.exit(f"includes.py does not see what it must: {missed}")


def main(root):
    check_the_checker()
    files = count = 0
    wrong = []
    for top in ("include", "src", "examples", "bindings"):
        for file in sorted((root / top).rglob("*")):
            if file.suffix not in (".h", ".cc", ".c", ".hpp", ".cpp"):
                continue
            files += 1
            path = file.relative_to(root).as_posix()
            for quote, header in includes_of(file.read_text()):
                count += 1
                if what := check_include(path, quote, header):
                    wrong.append(f"{path}: {what}")
    print("\n".join(wrong))
    if count < 100:
        sys.exit(f"only {count} includes were found below {root}: is that the source tree?")
    print(f"{files} files, {count} includes, {len(wrong)} that point where they must not")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
