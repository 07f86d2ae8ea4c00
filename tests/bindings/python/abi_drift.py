"""The Python package knows the C interface as the headers have it: struct layouts, constants, and the types of all functions.

    abi_drift.py INCLUDE_DIR ABI_TESTS_DIR

A field that the headers have added at the end of a struct is reported with the line that bindings/python/tsnap/abi.py lacks.
"""

import ctypes
import inspect
import re
import sys

sys.path.insert(0, sys.argv[2])
import layout  # noqa: E402  (tests/abi: it compiles a program that prints what the headers say)
import public  # noqa: E402

import tsnap  # noqa: E402
from tsnap import abi, options  # noqa: E402

SCALARS = {"int32_t": "i", "int64_t": "l", "size_t": "z", "void": "v"}


def compare_structs(facts):
    ours = {kind.__name__: kind for kind in abi.STRUCTS}
    theirs = {fact[1] for fact in facts if fact[0] == "S"}
    yield from (f"{name} is no struct of the headers" for name in sorted(set(ours) - theirs))
    yield from (f"the struct {name} is not in abi.py" for name in sorted(theirs - set(ours)))
    for fact in facts:
        if fact[0] == "S" and fact[1] in ours and ctypes.sizeof(ours[fact[1]]) != int(fact[2]):
            yield f"{fact[1]} has {fact[2]} bytes, and {ctypes.sizeof(ours[fact[1]])} in abi.py"
        if fact[0] != "M" or fact[1] not in ours:
            continue
        _, struct, member, offset, size = fact
        field = getattr(ours[struct], member, None)
        if field is None:
            yield (f'{struct} has a new member {member}, {size} bytes at {offset}: add ("{member}", ...) at the end of its '
                   "fields in bindings/python/tsnap/abi.py")
        elif (field.offset, field.size) != (int(offset), int(size)):
            yield f"{struct}.{member} is {size} bytes at {offset}, and {field.size} at {field.offset} in abi.py"
    members = {(fact[1], fact[2]) for fact in facts if fact[0] == "M"}
    for name, kind in ours.items():
        yield from (f"{name}.{member} is no member in the headers" for member, _ in kind._fields_
                    if name in theirs and (name, member) not in members)


def compare_constants(facts, include_dir):
    theirs = {fact[1][len("TSNAP_"):]: int(fact[2]) for fact in facts if fact[0] == "E"}
    for header in public.headers(include_dir):
        for name, value in re.findall(r"#define TSNAP_(\w+) (\d+)\n", public.read(header)):
            if not name.startswith("VERSION_"):
                theirs[name] = int(value)
    ours = {name: value for name, value in vars(abi).items() if isinstance(value, int) and name.isupper() and name[0] != "_"}
    for name in ("VERSION_MAJOR", "VERSION_MINOR", "VERSION_PATCH"):
        ours.pop(name)
    for name in sorted(set(ours) | set(theirs)):
        if ours.get(name) != theirs.get(name):
            yield f"TSNAP_{name} is {theirs.get(name)} in the headers and {ours.get(name)} in abi.py"


def declared(include_dir):
    """Functions of the headers, with their types as letters of abi.LETTERS."""
    for header in public.headers(include_dir):
        text = " ".join(public.without_comments(public.read(header)).split())
        for result, name, arguments in re.findall(r"TSNAP_API ([\w ]+\*?) ?(tsnap_\w+)\((.*?)\);", text):
            arguments = re.sub(r"\(\*\w+\)\(.*?\)", "*", arguments)  # a function pointer
            letters = "" if arguments == "void" else "".join(letter_of(argument) for argument in arguments.split(","))
            yield name, (letter_of(result + " x" if "*" not in result else result + "x"), letters)


def letter_of(declaration):
    kind = " ".join(declaration.replace("*", " * ").split())
    if "*" not in kind:
        return SCALARS.get(kind.split()[0], "?")
    return "s" if re.fullmatch(r"const char \* \w+", kind) else "p"


def compare_functions(include_dir):
    ours = {**abi.CORE_FUNCTIONS, **abi.MPI_FUNCTIONS}
    theirs = dict(declared(include_dir))
    for name in sorted(set(ours) | set(theirs)):
        if name in abi.NOT_BOUND and name in theirs and name not in ours:
            continue
        if ours.get(name) != theirs.get(name):
            yield f"{name} is {theirs.get(name)} in the headers and {ours.get(name)} in abi.py (result, arguments)"


# Members that no user sets or reads by their names: sizes, callbacks' user pointers, and what the package sets itself.
OWN = {"struct_size", "reserved", "progress_user", "log_user", "event_user", "removed_user", "cuda_stream"}


def compare_options():
    """What is in a struct has a word in Python."""
    def parameters(function):
        return set(inspect.signature(function).parameters)
    for struct, words in (
            (abi.take_options, parameters(options.c_take_options) | {"progress"}), (abi.restore_options, parameters(options.c_restore_options) | {"progress"}),
            (abi.read_options, parameters(tsnap.StoredArray.read)), (abi.copy_options, parameters(tsnap.copy)), (abi.gc_options, parameters(tsnap.gc)),
            (abi.config, set(tsnap.Config.__dataclass_fields__)), (abi.statistics, set(tsnap.Statistics.__dataclass_fields__)),
            (abi.event, set(tsnap.Event.__dataclass_fields__)), (abi.copy_result, set(tsnap.CopyResult.__dataclass_fields__)),
            (abi.gc_result, set(tsnap.GcResult.__dataclass_fields__))):
        for member, _ in struct._fields_:
            if member not in words | OWN:
                yield f"{struct.__name__}.{member} has no word in Python"


def compare_version(include_dir):
    text = public.read(f"{include_dir}/tsnap/version.h")
    for name in ("MAJOR", "MINOR", "PATCH"):
        value = int(re.search(rf"#define TSNAP_VERSION_{name} (\d+)", text)[1])
        if value != getattr(abi, f"VERSION_{name}"):
            yield f"TSNAP_VERSION_{name} is {value} in the headers and {getattr(abi, f'VERSION_{name}')} in abi.py"


def check_the_checker(include_dir, facts):
    """A checker that finds nothing would always pass."""
    grown = facts + [["M", "tsnap_take_options", "new_member", "72", "8"], ["S", "tsnap_new", "8"], ["E", "TSNAP_E_NEW", "-50"]]
    found = " ".join([*compare_structs(grown), *compare_constants(grown, include_dir)])
    moved = [fact if fact[1:3] != ["tsnap_array", "data"] else [*fact[:3], "152", "8"] for fact in facts]
    found += " ".join(compare_structs(moved))
    if not all(word in found for word in ("new_member", "tsnap_new", "E_NEW", "tsnap_array.data")):
        sys.exit("abi_drift.py does not see what it must")
    if len(dict(declared(include_dir))) < 50:
        sys.exit("abi_drift.py finds too few functions in the headers")


def main():
    include_dir = sys.argv[1]
    facts = layout.probe(include_dir)
    check_the_checker(include_dir, facts)
    findings = [*compare_structs(facts), *compare_constants(facts, include_dir), *compare_functions(include_dir), *compare_options(), *compare_version(include_dir)]
    print("\n".join(findings))
    print(f"{len(facts)} facts of the headers, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
