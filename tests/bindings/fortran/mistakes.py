"""What would go wrong at run time is refused when a program is compiled: mistakes.py MODULE_FOLDER

A state keeps addresses, so what has none (expressions, constants, sections with vector subscripts) must not be registered;
and an integer in the place of options is an ierr that lacks its name. FC names the compiler.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

PROGRAM = """
program mistake
  use tsnap_core
  implicit none
  type(tsnap_context) :: context
  type(tsnap_state) :: state
  type(tsnap_request) :: request
  type(tsnap_snapshot) :: snapshot
  integer, target :: a(10), box(2, 2)
  integer, parameter :: constant = 1
  integer :: ierr
  ierr = 0
  call use_it(a)
contains
  subroutine use_it(read_only)
    integer, intent(in) :: read_only(:)
    {}
  end subroutine
end program
"""

RIGHT = [
    "call state%add('a', a, TSNAP_PRIVATE, ierr)",
    "call state%add('a', a(10:1:-3), TSNAP_PRIVATE)",
    "call context%take('url', state, ierr=ierr)",
    "call state%add_box('a', tsnap_box(a(2:3)), TSNAP_PRIVATE)",
    "if (size(read_only) > 0) call request%free(ierr)",
]
WRONG = [
    "call state%add('a', a + 1, TSNAP_PRIVATE)",
    "call state%add('a', constant, TSNAP_PRIVATE)",
    "call state%add('a', 5, TSNAP_PRIVATE)",
    "call state%add('a', a([1, 5, 7]), TSNAP_PRIVATE)",
    "call state%add('a', (a), TSNAP_PRIVATE)",
    "call state%add('a', read_only, TSNAP_PRIVATE)",
    "call state%add('a', a)",
    "call state%add_sharded('a', a([1, 5, 7]), [10], [1])",
    "call state%add_sharded('a', a, 10, 1)",
    "call state%add_box('a', tsnap_box(a([1, 5])), TSNAP_PRIVATE)",
    "call state%add_box('a', tsnap_box(a * 2), TSNAP_PRIVATE)",
    "call snapshot%read('a', a + 1)",
    "call snapshot%read('a', a, ierr)",
    "call context%take('url', state, ierr)",
    "call context%take_async('url', state, request, ierr)",
    "call context%restore('url', state, ierr)",
    "call context%take('url', context)",
]


def compiles(line):
    with tempfile.TemporaryDirectory() as folder:
        (pathlib.Path(folder) / "mistake.f90").write_text(PROGRAM.format(line))
        command = [*os.environ.get("FC", "gfortran").split(), "-std=f2018", "-fsyntax-only", "-I", str(pathlib.Path(sys.argv[1]).resolve()), "mistake.f90"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        return done.returncode == 0, done.stderr


def main():
    failures = 0
    for line in RIGHT:
        good, said = compiles(line)
        if not good:
            print(f"FAILED: it does not compile: {line}\n{said}")
            failures += 1
    for line in WRONG:
        if compiles(line)[0]:
            print(f"FAILED: it compiles: {line}")
            failures += 1
    print(f"{len(RIGHT) + len(WRONG)} lines, {failures} failures")
    return failures > 0


if __name__ == "__main__":
    sys.exit(main())
