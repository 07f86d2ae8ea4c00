#!/usr/bin/env python3
"""The house rules that a program can check: how files begin and how long they are, words and paths that have no place in
them, names of tests, links of the pages, and that what users can set and call is documented.

    style.py SOURCE_ROOT

It reads text files only and builds nothing; each finding is a line on standard output. includes.py has the arrows.
"""

import pathlib
import re
import sys

SOURCES = (".h", ".cc", ".c", ".hpp", ".cpp")
TEXTS = SOURCES + (".f90", ".py", ".sh", ".md", ".build", ".in", ".map", ".txt", ".fbs", ".1", ".3", ".bash", ".fish")
TOPS = ("include", "src", "tests", "examples", "bindings", "docs", ".ci")
MOST_LINES = 800

# Spelled in pieces, so that this file keeps the rules too.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b|\b(?i:st" r"ubs?|not implement" r"ed|place" r"holder)\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}])/(?:wo" r"rk|fa" r"rm|ho" r"me|ro" r"ot|Use" r"rs)/|/tmp/bui" r"ld-")

CRITERION = re.compile(r"^\s*(?:Test|ParameterizedTest|Theory)\((\w+),\s*(\w+)(?![^\n]*\\$)", re.M)  # no macro's body
MESON_TEST = re.compile(r"^\s*test\(\s*'([^']*)'", re.M)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
NAMED_FILE = re.compile(r"`((?:src|tests|docs|include|examples|bindings)/[\w./-]+\.\w+)`")
HEADING = re.compile(r"^#+\s+(.*?)\s*$", re.M)


def begins_with_comment(path, text):
    """A C++ file that implements a header of its own name has its comment there."""
    if path.endswith(SOURCES):
        own = re.match(r'#include "(?:\w+/)*(\w+)\.h"', text)
        name = pathlib.PurePath(path).stem
        return text.startswith(("//", "/*")) or (path.endswith(".cc") and own is not None and own[1] == name)
    if path.endswith(".f90"):
        return text.startswith("!")
    if path.endswith(".py"):
        return re.match(r'(#![^\n]*\n)?("""|#)', text) is not None
    if path.endswith((".sh", ".bash", ".fish")):
        return text.startswith("#")
    if pathlib.PurePath(path).name == "meson.build" and path != "meson.build":
        # A page of two lines needs no introduction when it only lists files.
        return text.startswith("#") or len(text.splitlines()) <= 15
    return True


def check_file(path, text):
    """What is wrong with one file, as (line or None, what)."""
    lines = text.split("\n")
    if not begins_with_comment(path, text):
        yield None, "begins without a comment that says what the file is for"
    if path.startswith(("src/", "include/")) and len(lines) > MOST_LINES:
        yield None, f"has {len(lines)} lines; split it (at most {MOST_LINES})"
    if text and not text.endswith("\n"):
        yield len(lines), "ends without a newline"
    for number, line in enumerate(lines, 1):
        if "\t" in line and not path.endswith((".fish", ".bash")):
            yield number, "has a tab"
        if line.endswith((" ", "\r")):
            yield number, "ends in white space"
        if path.endswith(SOURCES) or path.endswith((".f90", ".py", ".sh", ".build")):
            if found := UNFINISHED.search(line):
                yield number, f'says "{found[0]}": finish it, or leave it out'
        if found := MACHINE_PATH.search(line):
            yield number, f'names a place of one machine: "{found[0]}"'
    if path.startswith("tests/"):
        for pattern in (CRITERION, MESON_TEST):
            for found in pattern.finditer(text):
                name = found[found.lastindex]
                if not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*_?", name):
                    yield text.count("\n", 0, found.start()) + 1, f"test {name}: names are words joined by _"
                elif pattern is CRITERION and name.count("_") < 2:
                    yield text.count("\n", 0, found.start()) + 1, f"test {name}: a name says what is promised, in a few words"


def anchors(text):
    """The fragments that a page's headings can be reached by, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def check_page(root, path, text):
    shown = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    for target in LINK.findall(shown):
        if re.match(r"\w+:", target):
            continue
        name, _, fragment = target.partition("#")
        file = (root / path).parent / name if name else root / path
        if not file.exists():
            yield None, f"links to {target}, which is not there"
        elif fragment and file.suffix == ".md" and fragment not in anchors(file.read_text()):
            yield None, f"links to {target}, and there is no such heading"
    for name in NAMED_FILE.findall(shown):
        if not (root / name).exists():
            yield None, f"names {name}, which is not there"


def undocumented_variables(knobs, page):
    return sorted(set(re.findall(r'"(TSNAP_[A-Z0-9_]+)"', knobs)) - set(re.findall(r"`(TSNAP_[A-Z0-9_]+)`", page)))


def undocumented_symbols(linker_maps, headers):
    """Exported functions that no public header declares right below a comment."""
    exported = set(re.findall(r"\b(tsnap_\w+);", linker_maps)) - set(re.findall(r"\b(tsnap_private_\w+);", linker_maps))
    declared = set()
    for comment, declaration in re.findall(r"(\*/)?\nTSNAP_API ([^;]*);", headers):
        found = re.search(r"(tsnap_\w+)\(", declaration)
        if comment and found:
            declared.add(found[1])
    return exported, sorted(exported - declared)


def undocumented_codes(header, page):
    codes = set(re.findall(r"\b(TSNAP_(?:OK|E_\w+)) = ", header))
    return codes, sorted(code for code in codes if not re.search(rf"^\| `{code}` ", page, re.M))


def check_the_checker(root):
    """A checker that finds nothing would always pass."""
    wrong = [
        ("src/a/a.cc", "#include <vector>\n"), ("src/a/a.h", "#pragma once\n"), ("tests/a.py", "import os\n"),
        ("examples/a.f90", "program a\n"),
        ("tests/a.sh", "echo\n"), ("src/a/a.h", "// A.\n" * 900), ("src/a/a.h", "// A.\n\tint a;\n"), ("src/a/a.h", "// A."),
        ("src/a/a.h", "// TO" "DO\n"), ("src/a/a.h", "// a st" "ub\n"), ("docs/a.md", "see /wo" "rk/main\n"),
        ("tests/a.sh", "# A.\ncd /tmp/bui" "ld-x\n"), ("docs/a.md", "trailing \n"),
        ("tests/a.cc", "// A.\nTest(suite, works) {\n"), ("tests/a.cc", "// A.\nTest(suite, NotLikeThis) {\n"),
        ("tests/meson.build", "# A.\ntest('Not like this', a)\n"),
    ]
    missed = [case for case in wrong if not list(check_file(*case))]
    right = [("src/a/a.cc", '#include "a/a.h"\n'), ("src/a/a.h", "// A network file system.\n"),
             ("tests/a.cc", "// A.\nTest(suite, says_what_it_promises) {\n"), ("tests/a.sh", '# A.\n"$here/work/x"\n')]
    missed += [case for case in right if list(check_file(*case))]
    if len(list(check_page(root, "README.md", "[a](no/such.md) [b](#no-such) `src/no/such.cc`\n# A\n"))) != 3:
        missed.append("links")
    if undocumented_variables('"TSNAP_A" "TSNAP_B"', "`TSNAP_A`") != ["TSNAP_B"]:
        missed.append("variables")
    if undocumented_symbols("tsnap_a; tsnap_b; tsnap_private_c;", "*/\nTSNAP_API int tsnap_a(void);\n\nTSNAP_API int tsnap_b(void);\n"
                            )[1] != ["tsnap_b"]:
        missed.append("symbols")
    if undocumented_codes("TSNAP_OK = 0, TSNAP_E_A = -1", "| `TSNAP_OK` 0 |\n")[1] != ["TSNAP_E_A"]:
        missed.append("codes")
    if missed:
        sys.exit(f"style.py does not see what it must: {missed}")


def files_of(root):
    for file in [*root.glob("*"), *(file for top in TOPS for file in (root / top).rglob("*"))]:
        path = file.relative_to(root).as_posix()
        if file.is_file() and "__pycache__" not in path and (file.suffix in TEXTS or path.startswith(".ci/")):
            yield path, file.read_text(errors="replace")


def main(root):
    check_the_checker(root)
    findings, count = [], 0
    for path, text in sorted(files_of(root)):
        count += 1
        found = list(check_file(path, text))
        # Pages that only the site has lie elsewhere in it: tests/docs/site.py follows their links.
        if path.endswith(".md") and not path.startswith("docs/site/pages/"):
            found += check_page(root, path, text)
        findings += [f"{path}{f':{line}' if line else ''}: {what}" for line, what in found]
    page = (root / "docs/c-api.md").read_text()
    for name in undocumented_variables((root / "src/base/knobs.cc").read_text(), page):
        findings.append(f"docs/c-api.md: the environment variable {name} is not explained")
    exported, missing = undocumented_symbols("".join(file.read_text() for file in sorted((root / "src").glob("*.map"))),
                                             "\n".join(file.read_text() for file in sorted((root / "include").rglob("*.h"))))
    findings += [f"include: {name} is exported, and no public header documents it" for name in missing]
    codes, missing = undocumented_codes((root / "include/tsnap/status.h").read_text(), page)
    findings += [f"docs/c-api.md: {name} has no row in the table of errors" for name in missing]
    print("\n".join(findings))
    if count < 100 or len(exported) < 30 or len(codes) < 19:
        sys.exit(f"{count} files, {len(exported)} symbols, {len(codes)} codes below {root}: is that the source tree?")
    print(f"{count} files, {len(exported)} exported functions, {len(codes)} status codes, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
