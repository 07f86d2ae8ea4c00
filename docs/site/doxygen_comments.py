#!/usr/bin/env python3
"""Doxygen's input filter: the public headers have plain comments, which people read in the file; this makes Doxygen's of them.

    doxygen_comments.py HEADER

A comment above a declaration is the declaration's, one behind it on the line as well, the first one is the file's. Nothing in them is markup.
It knows the manner of include/tsnap/ and no other C.
"""

import re
import sys
import textwrap

COMMENT = re.compile(r"/\*(.*?)\*/", re.S)
SPECIAL = re.compile(r"([\\@<>#%&$])")


def marked_up(text):
    """Paragraphs stay paragraphs; what is indented further is code."""
    first, *others = [re.sub(r"^\s*\*(?: |$)", "", line) for line in text.split("\n")]
    lines = [first.strip(), *textwrap.dedent("\n".join(others)).split("\n")]
    out, code = [], False
    for line in lines:
        if line.startswith("    ") != code and line.strip():
            code = not code
            out.append("@verbatim" if code else "@endverbatim")
        out.append(line if code else SPECIAL.sub(r"\\\1", line))
    return "\n".join(out + ["@endverbatim"] * code).strip()


def filtered(text, name):
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
            about = re.sub(r"^[\w.]+ - ", "", marked_up(found[1]))
            out.append(f"/** @file {name}\n{about[:1].upper()}{about[1:]} */")
        elif before[-1].strip():
            out.append(f"/**< {marked_up(found[1])} */")
        else:
            out.append(f"/** {marked_up(found[1])} */")
    out.append(text[at:])
    text = "".join(out)
    # What is the same everywhere is said nowhere in the headers.
    text = re.sub(r"^#define TSNAP_(\w+)_INIT\b", r"/** An initializer: struct_size is set, all else is 0 or NULL. */\n\g<0>", text, flags=re.M)
    return text.replace("  size_t struct_size;\n", "  size_t struct_size; /**< set by the initializer */\n")


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as header:
        sys.stdout.write(filtered(header.read(), sys.argv[1].rpartition("/")[2]))
