"""Runs what docs/python.md shows, as it stands: page.py, from built.py.

    python run   one after the other, in one process and one folder
    python mpi   a program of its own, on 3 ranks
    sh run       commands, in a copy of the tree's bindings; pip installs into a folder

A block of Python or of commands without such a word is an error, so that none is forgotten.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys

import ranks

SOURCE = pathlib.Path(__file__).resolve().parents[3]
PAGE = SOURCE / "docs/python.md"
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)


def blocks():
    text = PAGE.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        yield match[1], match[2].split(), match[3], text.count("\n", 0, match.start()) + 2


def run_commands(body, folder):
    """pip without the network, into a folder; and the package that it has put there."""
    shutil.copytree(SOURCE / "bindings/python", folder / "bindings/python", ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    tools = folder / "bin"
    tools.mkdir()
    (tools / "pip").write_text(f'#!/bin/sh\nexec {sys.executable} -m pip "$@"\n', encoding="utf-8")
    (tools / "pip").chmod(0o755)
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "PIP_TARGET": str(folder / "site"), "PIP_NO_DEPS": "1",
                   "PIP_NO_BUILD_ISOLATION": "0", "PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "HOME": str(folder)}
    done = subprocess.run(["sh", "-ec", body], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert (folder / "site/tsnap/__init__.py").exists()


def main():
    folder = pathlib.Path(os.environ["TSNAP_TEST_FOLDER"])
    program, counts = [], {"python": 0, "mpi": 0, "sh": 0}
    for language, words, body, line in blocks():
        if language not in ("python", "sh"):
            continue
        kind = words[0] if words else ""
        if (language, kind) == ("python", "run"):
            program.append((line, body))
            counts["python"] += 1
        elif (language, kind) == ("python", "mpi"):
            file = folder / f"line{line}.py"
            file.write_text(body, encoding="utf-8")
            (folder / "mpi").mkdir(exist_ok=True)
            os.chdir(folder / "mpi")
            said, status = ranks.launch(3, sys.executable, file)
            assert status == 0, f"{PAGE.name}:{line} on 3 ranks:\n{said}"
            counts["mpi"] += 1
        elif (language, kind) == ("sh", "run"):
            run_commands(body, folder / "shell")
            counts["sh"] += 1
        else:
            sys.exit(f"{PAGE.name}:{line}: a block of {language} must say how it is run")
    (folder / "page").mkdir()
    os.chdir(folder / "page")
    shared = {"__name__": "__page__"}
    for line, body in program:
        exec(compile("\n" * (line - 1) + body, PAGE.name, "exec"), shared)
    assert min(counts.values()) > 0, counts
    print(f"{PAGE.name}: {counts}")


if __name__ == "__main__":
    main()
