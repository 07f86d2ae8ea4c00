"""The C++ headers cover all of C's: every function, every constant, and every member of every struct is used by them. What is added to
the C headers is reported here until the C++ headers have it.

    drift.py SOURCE_ROOT
"""

import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "abi"))
import public  # noqa: E402  (the C headers, read as text)

# C's way of something that C++ has otherwise.
NOT_WANTED = {
    "tsnap_context_open_f": "for Fortran",
    "TSNAP_COVER_EXACT": "what a sharded array is without a word about it",
}
# Filled or read as a whole, or always as the initialiser has it.
MEMBERS_NOT_WANTED = {"struct_size", "reserved"}


def code_of(root):
    """The headers without comments, one text each."""
    return [re.sub(r"//[^\n]*", "", file.read_text()) for file in sorted((root / "bindings/cpp").rglob("*.hpp"))]


def uses_member(code, struct, member):
    """Whether a variable of this struct is asked for the member, in one file; `options` is any options struct where progress is put into it."""
    names = set(re.findall(rf"\b{struct}\s*[*&]?\s*(\w+)\b(?!\()", code))
    if struct.endswith("_options") and member.startswith("progress"):
        names.add("options")
    return any(re.search(rf"\b{name}(?:\.|->){member}\b", code) for name in names)


def missing(headers, code):
    """What of the C headers (texts) the code (texts) does not use, as lines."""
    found = 0
    for text in headers:
        for name in [*public.functions(text), *public.enumerators(text)]:
            found += 1
            if name not in NOT_WANTED and not any(re.search(rf"\b{name}\b", file) for file in code):
                yield f"{name} is in the C headers, and nothing in bindings/cpp uses it"
        for struct in public.structs(text):
            for member in struct.members:
                found += 1
                if member not in MEMBERS_NOT_WANTED and not any(uses_member(file, struct.name, member) for file in code):
                    yield f"{struct.name}.{member} is in the C headers, and nothing in bindings/cpp uses it: add it where {struct.name} is filled"
    if found < 200:
        yield f"only {found} names were found in the C headers"


def check_the_checker(headers, code):
    """Something new in the C headers, and something that C++ lost, are seen."""
    joined = "\n".join(headers)
    cases = [
        (joined.replace("\n} tsnap_take_options;", "\n  void *novelty;\n} tsnap_take_options;"), code, "tsnap_take_options.novelty"),
        (joined.replace("TSNAP_E_BUSY = -17,", "TSNAP_E_BUSY = -17, TSNAP_E_NEW = -18,"), code, "TSNAP_E_NEW"),
        (joined + "\nTSNAP_API int32_t tsnap_new(void);\n", code, "tsnap_new"),
        (joined, [file.replace("tsnap_gc(", "gc_(") for file in code], "tsnap_gc"),
        (joined, [file.replace("c.codec", "codec") for file in code], "tsnap_take_options.codec"),
    ]
    for text, binding, expected in cases:
        if not any(line.startswith(expected) for line in missing([text], binding)):
            sys.exit(f"drift.py does not see what it must: {expected}")


def main(root):
    headers = [public.read(header) for header in public.headers(str(root / "include"))]
    code = code_of(root)
    check_the_checker(headers, code)
    findings = list(missing(headers, code))
    print("\n".join(findings))
    print(f"{len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve()))
