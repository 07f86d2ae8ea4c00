"""The Fortran binding is that of the headers: constants, structs, members, functions and their arguments.

Usage: drift.py INCLUDE_DIR BINDING_DIR ABI_TESTS_DIR

A C program and a Fortran program, both made here, print values, sizes and offsets; what differs is said by name, with what
is to be written where. Functions are compared as text. CC and FC name the compilers.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

include_dir, binding_dir, abi_dir = (os.path.abspath(name) for name in sys.argv[1:4])
sys.path.insert(0, abi_dir)
import public  # noqa: E402

# Members that Fortran users never set by name; all others of an option or result struct are in the type of that name.
BEHIND_THE_SCENES = {"struct_size", "reserved"}
CALLBACKS = re.compile(r"^(progress|log|event|removed)(_user)?$")
VALUES = {"int32_t": "integer(c_int32_t)", "int64_t": "integer(c_int64_t)", "size_t": "integer(c_size_t)"}

failures = []


def fail(text):
    failures.append(text)


def source(name):
    with open(os.path.join(binding_dir, name), encoding="utf-8") as file:
        return file.read()


def without_remarks(text):
    """Fortran without comments, continued lines joined."""
    text = re.sub(r"!.*", "", text)
    return re.sub(r"&\s*\n\s*", " ", text)


def header_text():
    return "\n".join(public.read(header) for header in public.headers(include_dir))


def fortran_types(text):
    """Name -> members of the derived types with a body."""
    types = {}
    for name, body in re.findall(r"^  type(?:, [^:\n]*)? :: (\w+)\n(.*?)^  end type", without_remarks(text), re.M | re.S):
        members = []
        for line in body.split("\n"):
            if "contains" in line:
                break
            if "::" in line:
                names = re.sub(r"\([^)]*\)", "", line.split("::")[1])
                members += [part.split("=")[0].strip() for part in names.split(",")]
        types[name] = members
    return types


def run(command, **options):
    return subprocess.run(command, check=True, **options)


def printed_by(command):
    return [line.split() for line in run(command, capture_output=True, text=True).stdout.splitlines()]


def compile_and_print(folder, name, text, command):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    program = path + ".program"
    run([*command, path, "-o", program], cwd=folder)
    return printed_by([program])


def of_headers(folder, text):
    """{('E', name): [value], ('S', struct): [size], ('M', struct, member): [offset, size]}"""
    lines = ["#include <tsnap.h>", "#include <stdio.h>", "int main(void) {"]
    for struct in public.structs(text):
        lines.append(f'  printf("S {struct.name} %zu\\n", sizeof({struct.name}));')
        for member in struct.members:
            size = f"sizeof((({struct.name} *)0)->{member})"
            lines.append(f'  printf("M {struct.name} {member} %zu %zu\\n", offsetof({struct.name}, {member}), {size});')
    for name in [*public.enumerators(text), "TSNAP_PHASE_LIMIT"]:
        lines.append(f'  printf("E {name} %d\\n", (int){name});')
    return compile_and_print(folder, "headers.c", "\n".join([*lines, "  return 0;", "}"]) + "\n",
                             [*os.environ.get("CC", "cc").split(), "-std=c99", "-DTSNAP_NO_MPI", "-I", include_dir])


def of_binding(folder, constants, structs):
    lines = ["program binding", "  use tsnap_interface", "  use tsnap_constants", "  implicit none"]
    lines += [f"  type(c_{name}), target :: v_{name}" for name in structs]
    for name, members in structs.items():
        lines.append(f"  write (*, '(a, i0)') 'S {name} ', c_sizeof(v_{name})")
        for member in members:
            at = f"v_{name}%{member}"
            lines.append(f"  call tell('{name} {member}', c_loc(v_{name}), c_loc({at}), &")
            lines.append(f"    storage_size({at}), shape({at}))")
    lines += [f"  write (*, '(a, i0)') 'E {name} ', {name}" for name in constants]
    lines += ["contains", "  subroutine tell(name, start, at, bits, sizes)", "    character(len=*), intent(in) :: name",
              "    type(c_ptr), intent(in) :: start, at", "    integer, intent(in) :: bits, sizes(:)",
              "    write (*, '(3a, i0, a, i0)') 'M ', name, ' ', transfer(at, 0_c_intptr_t) - &",
              "      transfer(start, 0_c_intptr_t), ' ', bits / 8 * product(sizes)", "  end subroutine", "end program"]
    modules = [os.path.join(binding_dir, name) for name in ("tsnap_constants.f90", "tsnap_interface.f90")]
    fortran = [*os.environ.get("FC", "gfortran").split(), "-std=f2018", "-ffree-line-length-none", "-w"]
    run([*fortran, "-c", *modules], cwd=folder)
    # The interfaces are called by nobody here, so nothing is to be linked.
    return compile_and_print(folder, "binding.f90", "\n".join(lines) + "\n", fortran)


def compare_values(text, interface, constants_text):
    constants = re.findall(r"parameter :: (TSNAP_\w+)", constants_text)
    mirrors = {name[2:]: members for name, members in fortran_types(interface).items() if name.startswith("c_tsnap_")}
    with tempfile.TemporaryDirectory() as folder:
        expected = of_headers(folder, text)
        known = {struct.name: struct.members for struct in public.structs(text)}
        for name in sorted(mirrors.keys() - known.keys()):
            fail(f"tsnap_interface.f90 has the type c_{name}, and the headers no struct {name}")
        for name in sorted(known.keys() - mirrors.keys()):
            fail(f"tsnap_interface.f90 lacks the type c_{name}")
        for name in sorted(known.keys() & mirrors.keys()):
            ours, theirs = mirrors[name], known[name]
            for member in theirs:
                if member not in ours:
                    fail(f"tsnap_interface.f90: the type c_{name} lacks {member}, which the header has "
                         f"{'at the end' if theirs.index(member) >= len(ours) else 'before its end'}: add it there")
            for member in ours:
                if member not in theirs:
                    fail(f"tsnap_interface.f90: the type c_{name} has {member}, the header has not")
        actual = of_binding(folder, constants, {name: mirrors[name] for name in mirrors.keys() & known.keys()})
    keys = {"S": 2, "M": 3, "E": 2}
    theirs = {tuple(fact[:keys[fact[0]]]): fact[keys[fact[0]]:] for fact in expected}
    ours = {tuple(fact[:keys[fact[0]]]): fact[keys[fact[0]]:] for fact in actual}
    for key, value in theirs.items():
        if key[0] == "E" and key not in ours:
            fail(f"tsnap_constants.f90 lacks {key[1]} = {value[0]}")
        elif key in ours and ours[key] != value:
            what = {"S": "the size of", "M": "offset and size of", "E": "the value of"}[key[0]]
            fail(f"{what} {'.'.join(key[1:])} is {' '.join(value)} in the headers and {' '.join(ours[key])} in the binding")
    for key in ours:
        if key[0] == "E" and key not in theirs:
            fail(f"tsnap_constants.f90 has {key[1]}, the headers have not")
    return len(theirs)


def compare_user_types(text, sources):
    """Each member of a struct that users fill or read is in the type of the same name, and some procedure passes it on."""
    types = fortran_types(sources)
    procedures = re.sub(r"^  type(?:, [^:\n]*)? :: \w+\n.*?^  end type", "", without_remarks(sources), flags=re.M | re.S)
    compared = 0
    for struct in public.structs(text):
        if struct.name in ("tsnap_array", "tsnap_stateful"):  # tsnap_box, and procedures of a type
            continue
        if struct.name not in types:
            fail(f"there is no type {struct.name} for Fortran programs")
            continue
        for member in struct.members:
            compared += 1
            if member in BEHIND_THE_SCENES or member.endswith("_count") and struct.name == "tsnap_report":
                continue
            wanted = "watcher" if CALLBACKS.match(member) and member not in types[struct.name] else member
            if wanted not in types[struct.name]:
                fail(f"the type {struct.name} of Fortran programs lacks {member}")
            elif not re.search(rf"%{member}\b", procedures):
                fail(f"{struct.name}: {member} is passed on by no procedure")
    return compared


def c_functions(text):
    """Name -> (result, [(type, name)]) of the exported functions."""
    functions = {}
    flat = re.sub(r"void \(\*(\w+)\)\([^)]*\)", r"callback \1", public.without_comments(text))
    for result, name, arguments in re.findall(r"TSNAP_API\s+((?:const\s+)?\w+\s+\**)(tsnap_\w+)\((.*?)\);", flat, re.S):
        pairs = []
        for argument in " ".join(arguments.split()).split(", "):
            if argument != "void":
                named = re.match(r"(.*?)(\w+)$", argument)
                pairs.append((named[1].strip(), named[2]))
        functions[name] = (result.strip(), pairs)
    return functions


def interfaces(text):
    """C name -> (result type or None, {argument: declaration}) of the bind(C) interfaces."""
    found = {}
    pattern = r"(?:function|subroutine) (\w+)\(([^()]*)\)\s+bind\(C,\s+name=\"(\w+)\"\)(.*?)\n(.*?)^    end (?:function|subroutine)"
    for _, arguments, name, rest, body in re.findall(pattern, without_remarks(text), re.M | re.S):
        declared = {}
        for line in body.split("\n"):
            if "::" in line:
                kind, names = line.split("::")
                for part in re.sub(r"\([^)]*\)", "", names).split(","):
                    declared[part.strip()] = kind.strip()
        result = re.search(r"result\((\w+)\)", rest)
        order = [part.strip() for part in arguments.split(",") if part.strip()]
        found[name] = (declared.get(result[1]) if result else None, [(a, declared.get(a, "nothing")) for a in order])
    return found


def expected_of(c_type):
    """What a declaration must have in it for an argument of this C type, and must not."""
    if c_type in VALUES:
        return [VALUES[c_type], "value"], []
    if c_type == "callback":
        return ["type(c_funptr)", "value"], []
    if c_type == "const MPI_Fint *":
        return ["integer(c_int)"], ["value"]
    if c_type == "const char *":
        return ["character(kind=c_char)"], ["value"]
    if c_type.endswith("**"):
        return ["type(c_ptr)"], ["value"]
    if c_type.rstrip(" *") in VALUES:
        return [VALUES[c_type.rstrip(" *")]], ["value"]
    struct = re.match(r"(const )?(tsnap_\w+) \*$", c_type)
    if struct and not struct[1] and struct[2].endswith(("_info", "_result", "_statistics", "_report")):
        return [f"type(c_{struct[2]})"], ["value"]
    return ["type(c_ptr)", "value"], []


def compare_functions(text, interface, c_sources):
    functions = c_functions(text)
    bound = interfaces(interface)
    called = set(re.findall(r"\b(tsnap_\w+)\(", c_sources))
    for name in sorted(bound.keys() - functions.keys()):
        if not name.startswith("tsnap_fortran_"):
            fail(f"the binding calls {name}, and the headers have no such function")
    for name in sorted(functions.keys() - bound.keys() - called):
        if name != "tsnap_context_open":  # its twin tsnap_context_open_f is for Fortran
            fail(f"the binding never calls {name}: Fortran programs cannot do that")
    for name in sorted(functions.keys() & bound.keys()):
        (result, arguments), (bound_result, declared) = functions[name], bound[name]
        expected_result = {"void": None, "int32_t": "integer(c_int32_t)"}.get(result, "type(c_ptr)")
        if bound_result != expected_result:
            fail(f"{name} returns {result}, its interface {bound_result}")
        if [a for _, a in arguments] != [a for a, _ in declared]:
            fail(f"{name} has the arguments {[a for _, a in arguments]}, its interface {[a for a, _ in declared]}")
            continue
        for (c_type, argument), (_, declaration) in zip(arguments, declared):
            must, must_not = expected_of(c_type)
            words = re.split(r", ", declaration)
            if any(word not in words for word in must) or any(word in words for word in must_not):
                fail(f"{name}: {argument} is {c_type} in the header and {declaration} in the interface")
    return len(functions)


def check_the_checker():
    """A checker that finds nothing would always pass: headers that have gone on are to be found."""
    changes = [
        ("take.h", "} tsnap_take_options;", "  int64_t later;\n} tsnap_take_options;",
         ["the type c_tsnap_take_options lacks later", "the size of tsnap_take_options",
          "the type tsnap_take_options of Fortran programs lacks later"]),
        ("take.h", "TSNAP_CODEC_LZ4 = 2", "TSNAP_CODEC_LZ4 = 5, TSNAP_CODEC_NEW = 9",
         ["the value of TSNAP_CODEC_LZ4 is 5", "lacks TSNAP_CODEC_NEW = 9"]),
        ("request.h", "tsnap_request_wait(tsnap_request *request)", "tsnap_request_wait(tsnap_request *request, int32_t how)",
         ["tsnap_request_wait has the arguments"]),
        ("version.h", "TSNAP_API const char *tsnap_version(void);",
         "TSNAP_API const char *tsnap_version(void);\nTSNAP_API int32_t tsnap_brand_new(void);",
         ["never calls tsnap_brand_new"]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        spoiled = os.path.join(folder, "include")
        shutil.copytree(include_dir, spoiled)
        for name, before, after, _ in changes:
            path = os.path.join(spoiled, "tsnap", name)
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if before not in text:
                fail(f"the check of this check needs \"{before}\" in {name}")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text.replace(before, after))
        found = subprocess.run([sys.executable, __file__, spoiled, binding_dir, abi_dir, "--once"], check=False,
                               capture_output=True, text=True)
    for *_, told in changes:
        for text in told:
            if text not in found.stdout:
                fail(f"spoiled headers are not found out: nothing said \"{text}\"")


def main():
    names = sorted(os.listdir(binding_dir))
    text = header_text()
    fortran = "\n".join(source(name) for name in names if name.endswith(".f90"))
    facts = compare_values(text, source("tsnap_interface.f90"), source("tsnap_constants.f90"))
    facts += compare_user_types(text, fortran)
    facts += compare_functions(text, fortran, "\n".join(source(name) for name in names if name.endswith(".c")))
    if "--once" not in sys.argv:
        check_the_checker()
    for failure in failures:
        print("FAILED:", failure)
    print(f"drift: {facts} facts, {len(failures)} failures")
    return 1 if failures or not facts else 0


if __name__ == "__main__":
    sys.exit(main())
