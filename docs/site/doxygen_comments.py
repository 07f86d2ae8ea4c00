#!/usr/bin/env python3
"""Doxygen's input filter: the public headers have plain comments, which people read in the file; this makes Doxygen's of them.

    doxygen_comments.py HEADER

A comment above a declaration is the declaration's, one behind it on the line as well, the first one is the file's. Nothing in them is markup, except
`words` of code; names of the interface become links.
It knows the manner of include/tsnap/ and no other C.
"""

import pathlib
import re
import sys
import textwrap

COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
SPECIAL = re.compile(r"([\\@<>#%&$\"])")
DECLARED = re.compile(r"^TSNAP_API [^;(]*?(tsnap_\w+)\(|^typedef struct (tsnap_\w+)|^\s*(TSNAP_\w+) = |(?<=[{,] )(TSNAP_\w+) = ", re.M)


def names_of(headers):
    """What the headers declare: functions, structs, constants."""
    return {name for header in headers for found in DECLARED.finditer(header.read_text(encoding="utf-8")) for name in found.groups() if name}


def marked_up(text, names):
    """Paragraphs stay paragraphs; what is indented further is code."""
    first, *others = [re.sub(r"^\s*\*(?: |$)", "", line) for line in text.split("\n")]
    lines = [first.strip(), *textwrap.dedent("\n".join(others)).split("\n")]
    out, code = [], False
    for line in lines:
        if line.startswith("    ") != code and line.strip():
            code = not code
            out.append("@verbatim" if code else "@endverbatim")
        if not code:
            line = re.sub(r"`(\w+)`", r"<tt>\1</tt>", SPECIAL.sub(r"\\\1", line))
            line = re.sub(r"\b(?:tsnap|TSNAP)_\w+", lambda found: f'@ref {found[0]} "{found[0]}"' if found[0] in names else found[0], line)
        out.append(line)
    return "\n".join(out + ["@endverbatim"] * code).strip()


def filtered(text, name, names):
    out, at = [], 0
    for number, found in enumerate(COMMENT.finditer(text)):
        out.append(text[at:found.start()])
        at = found.end()
        before = text[:found.start()].split("\n")
        if "clang-format" in found[1]:
            continue
        if text[at:].split("\n", 1)[0].endswith("\\") or (len(before) > 1 and before[-2].endswith("\\")):
            continue   # inside a macro
        if number == 0:
            about = re.sub(r"^[\w.]+ - ", "", marked_up(found[1], names))
            out.append(f"/** @file {name}\n{about[:1].upper()}{about[1:]} */")
        elif before[-1].strip():
            out.append(f"/**< {marked_up(found[1], names)} */")
        else:
            out.append(f"/** {marked_up(found[1], names)} */")
    out.append(text[at:])
    text = "".join(out)
    # What is the same everywhere is said nowhere in the headers.
    text = re.sub(r"^#define TSNAP_(\w+)_INIT\b", r"/** An initializer: struct_size is set, all else is 0 or NULL. */\n\g<0>", text, flags=re.M)
    return text.replace("  size_t struct_size;\n", "  size_t struct_size; /**< set by the initializer */\n")


if __name__ == "__main__":
    path = pathlib.Path(sys.argv[1])
    sys.stdout.write(filtered(path.read_text(encoding="utf-8"), path.name, names_of(path.parent.rglob("*.h"))))
