"""What the public headers say: structs, enumerators, exported functions. Reads them as text; knows no expected value."""

import collections
import os
import re

Struct = collections.namedtuple("Struct", "name members")


def headers(include_dir):
    folder = os.path.join(include_dir, "tsnap")
    found = [os.path.join(folder, name) for name in sorted(os.listdir(folder)) if name.endswith(".h")]
    return [os.path.join(include_dir, "tsnap.h"), *found]


def include_name(header):
    return "tsnap.h" if os.path.basename(header) == "tsnap.h" else "tsnap/" + os.path.basename(header)


def read(header):
    with open(header, encoding="utf-8") as file:
        return file.read()


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL)


def structs(text):
    """The structs with a body, in order; the members by name, in order."""
    for match in re.finditer(r"typedef struct (\w+) \{(.*?)\} (\w+);", without_comments(text), re.DOTALL):
        members = []
        for declaration in match.group(2).split(";"):
            declaration = " ".join(declaration.split())
            if not declaration:
                continue
            function = re.search(r"\(\*(\w+)\)", declaration)
            name = function.group(1) if function else re.sub(r"\[.*\]$", "", declaration).split("*")[-1].split()[-1]
            if not function and "," in declaration:
                raise SystemExit(f"{match.group(1)}: one member a line, not '{declaration}'")
            members.append(name)
        yield Struct(match.group(3), members)


def init_macro(struct_name):
    return struct_name.upper() + "_INIT"


def init_members(text, struct_name):
    """The members that the initialiser names, in its comments; struct_size is its first value."""
    macro = re.search(r"#define " + init_macro(struct_name) + r"\b((?:.*\\\n)*.*)", text)
    return re.findall(r"/\* (\w+) \*/", macro.group(1)) if macro else None


def enumerators(text):
    text = without_comments(text)
    for match in re.finditer(r"enum \{(.*?)\}", text, re.DOTALL):
        for part in match.group(1).split(","):
            if part.strip():
                yield part.split("=")[0].strip()
    if re.search(r"#define TSNAP_MAX_DIMS\b", text):
        yield "TSNAP_MAX_DIMS"


FUNCTION = r"TSNAP_API\s+(?:const\s+)?\w+\s+\**(tsnap_\w+)\("


def functions(text):
    return re.findall(FUNCTION, without_comments(text))


def documented_functions(text):
    """Pairs of an exported function and the comment right above it ("" without one)."""
    for match in re.finditer(r"^" + FUNCTION, text, re.MULTILINE):
        before = text[: match.start()].rstrip()
        yield match.group(1), before[before.rfind("/*"):] if before.endswith("*/") else ""
