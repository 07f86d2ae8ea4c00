"""The layout of the public structs and the values of the constants are those of the checked-in tables, no struct has
implicit padding, and each initialiser names every member and sets nothing but struct_size.

Usage: layout.py INCLUDE_DIR OFFSETS_TABLE ENUMS_TABLE [--print]
--print writes the tables of the headers as they are; a row is only ever added, within one major version.
"""

import os
import subprocess
import sys
import tempfile

import public


def probe_source(include_dir):
    lines = ["#include <tsnap.h>", "#include <stdio.h>", "#include <string.h>", "int main(void) {"]
    for header in public.headers(include_dir):
        text = public.read(header)
        for struct in public.structs(text):
            name = struct.name
            lines.append(f'  printf("S {name} %zu\\n", sizeof({name}));')
            for member in struct.members:
                size = f"sizeof((({name} *)0)->{member})"
                lines.append(f'  printf("M {name} {member} %zu %zu\\n", offsetof({name}, {member}), {size});')
            lines.append(f"  {{ {name} made = {public.init_macro(name)}; {name} zero; memset(&zero, 0, sizeof(zero));")
            lines.append("    zero.struct_size = sizeof(zero);")
            lines.append(f'    printf("I {name} %d\\n", memcmp(&made, &zero, sizeof(zero)) == 0); }}')
        for name in public.enumerators(text):
            lines.append(f'  printf("E {name} %d\\n", (int){name});')
    return "\n".join([*lines, "  return 0;", "}"]) + "\n"


def probe(include_dir):
    with tempfile.TemporaryDirectory() as folder:
        source, program = os.path.join(folder, "probe.c"), os.path.join(folder, "probe")
        with open(source, "w", encoding="utf-8") as file:
            file.write(probe_source(include_dir))
        compiler = os.environ.get("CC", "cc").split()
        subprocess.run([*compiler, "-std=c99", "-DTSNAP_NO_MPI", "-I", include_dir, source, "-o", program], check=True)
        output = subprocess.run([program], check=True, capture_output=True, text=True).stdout
    return [line.split() for line in output.splitlines()]


def offset_rows(facts):
    return [" ".join(f[1:]) if f[0] == "M" else f"{f[1]} sizeof {f[2]}" for f in facts if f[0] in "SM"]


def enum_rows(facts):
    return [" ".join(f[1:]) for f in facts if f[0] == "E"]


def table(path):
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip() and not line.startswith("#")]


def compare(path, actual):
    expected = table(path)
    name = os.path.basename(path)
    gone = [f"{name} has '{row}', the headers do not" for row in expected if row not in actual]
    return gone + [f"{name} lacks '{row}'" for row in actual if row not in expected]


def check_padding(facts):
    failures, end = [], {}
    for fact in facts:
        if fact[0] != "M":
            continue
        struct, member, offset, size = fact[1], fact[2], int(fact[3]), int(fact[4])
        if offset != end.get(struct, 0):
            failures.append(f"{struct}: {offset - end.get(struct, 0)} bytes of padding before {member}")
        if struct not in end and member != "struct_size":
            failures.append(f"{struct}: begins with {member}, not with struct_size")
        end[struct] = offset + size
    for fact in facts:
        if fact[0] == "S" and int(fact[2]) != end[fact[1]]:
            failures.append(f"{fact[1]}: {int(fact[2]) - end[fact[1]]} bytes of padding at the end")
    return failures


def check_initialisers(include_dir, facts):
    failures = [f"{f[1]}: its initialiser sets more than struct_size" for f in facts if f[0] == "I" and f[2] != "1"]
    for header in public.headers(include_dir):
        text = public.read(header)
        for struct in public.structs(text):
            named = public.init_members(text, struct.name)
            if named != struct.members[1:]:
                failures.append(f"{public.init_macro(struct.name)} names {named}, the struct has {struct.members[1:]}")
    return failures


def main():
    include_dir, offsets, enums = sys.argv[1:4]
    facts = probe(include_dir)
    if "--print" in sys.argv[4:]:
        print("\n".join(["[offsets]", *offset_rows(facts), "[enums]", *enum_rows(facts)]))
        return 0
    failures = compare(offsets, offset_rows(facts)) + compare(enums, enum_rows(facts))
    failures += check_padding(facts) + check_initialisers(include_dir, facts)
    for failure in failures:
        print("FAILED:", failure)
    print(f"layout: {len(facts)} facts, {len(failures)} failures")
    return 1 if failures or not facts else 0


if __name__ == "__main__":
    sys.exit(main())
