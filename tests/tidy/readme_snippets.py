#!/usr/bin/env python3
"""Runs what the pages show: programs, snippets and commands are taken out of the Markdown and must work as they stand.

    readme_snippets.py SOURCE_ROOT BUILD_ROOT {mpi|core} PAGE...
    readme_snippets.py SOURCE_ROOT BUILD_ROOT {mpi|core} --all-but PAGE...     every other page under docs/ that has code

Blocks, by what stands after the three backquotes:
    c complete file=NAME   a whole program: saved as NAME, compiled with warnings as errors (the commands run it)
    c prelude              file scope: stands before every later snippet of the page
    c file                 file scope: stands before the next snippet
    c run                  the body of a function; compiled and run; it gets ctx, state and url
    c run roundtrip        the same, then takes and restores the state
    c compile              the same, only compiled: it needs what the machine may lack. A comment <!-- given: DECLARATIONS -->
                           right before the block declares what it does not show
    sh runnable            commands, run one block after the other in one folder
    python run             run in that folder, after what earlier blocks of the page have defined; needs h5py
Any other block is only shown; a block of C or Python without a word after it is an error, so that none is forgotten.
The tsnap that is used is that of BUILD_ROOT, seen through its own tsnap.pc. Exit status 77 (skipped) when there is no compiler.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)
GIVEN = re.compile(r"<!-- given: (.*?) -->\n\Z", re.S)
HAS_CODE = re.compile(r"^```(?:c|python)\b", re.M)
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]

HARNESS = """
int main(int argc, char **argv) {
  const char *const url = argc > 1 ? argv[1] : "snapshot";
  tsnap_context *ctx = NULL;
  tsnap_state *state = NULL;
  must(tsnap_context_open_self(NULL, &ctx));
  must(tsnap_state_create(&state));
  {
%(given)s
#line %(line)d "%(page)s"
%(body)s
#line 1 "harness"
%(after)s
  }
  must(tsnap_context_close(&ctx));
  tsnap_state_destroy(&state);
  return url == NULL;
}
"""

# What snippets see on a page that has no prelude of its own.
PRELUDE = """
#include <stdio.h>
#include <stdlib.h>
#include <tsnap.h>
static void must(int32_t status) {
  if (status == TSNAP_OK) return;
  fprintf(stderr, "%s: %s\\n", tsnap_status_name(status), tsnap_last_error());
  exit(1);
}
"""

ROUNDTRIP = """
  must(tsnap_take(ctx, "roundtrip", state, NULL));
  must(tsnap_restore(ctx, "roundtrip", state, NULL));
"""


class Place:
    """A folder with a prefix that looks like an installed tsnap, and an environment that finds it."""

    def __init__(self, folder, source, build):
        self.folder = folder
        prefix = folder / "prefix"
        for name in ("lib/pkgconfig", "bin", "work"):
            (prefix / name if name != "work" else folder / name).mkdir(parents=True)
        self.work = folder / "work"
        (prefix / "include").symlink_to(source / "include")
        for library in [*build.glob("src/libtsnap.so*"), *build.glob("src/comm/mpi/libtsnap_mpi.so*"), *build.glob("src/hdf5/libtsnap_hdf5.so")]:
            if not library.name.endswith((".p", ".symbols")):
                (prefix / "lib" / library.name).symlink_to(library)
        for pc in (build / "meson-private").glob("tsnap*.pc"):
            text = re.sub(r"^prefix=.*$", f"prefix={prefix}", pc.read_text(), flags=re.M)
            text = re.sub(r"^libdir=.*$", "libdir=${prefix}/lib", text, flags=re.M)
            text = re.sub(r"^includedir=.*$", "includedir=${prefix}/include", text, flags=re.M)
            (prefix / "lib/pkgconfig" / pc.name).write_text(text)
        for tool in build.glob("src/cli/tsnap"):
            (prefix / "bin/tsnap").symlink_to(tool)
        # The launcher's flags for one small machine are mpirun.sh's matter; the pages show none.
        launcher = os.environ.get("TSNAP_MPIRUN") or shutil.which("mpirun") or "mpirun"
        shim = prefix / "bin/mpirun"
        shim.write_text(f'#!/bin/sh\nTSNAP_MPIRUN={launcher} exec sh {source}/tests/mpi/mpirun.sh "$@"\n')
        shim.chmod(0o755)
        if os.environ.get("MPICC"):
            (prefix / "bin/mpicc").symlink_to(os.environ["MPICC"])
        self.env = {key: value for key, value in os.environ.items() if not key.startswith("TSNAP_")}
        self.env["PATH"] = f"{prefix}/bin:{os.environ['PATH']}"
        self.env["PKG_CONFIG_PATH"] = f"{prefix}/lib/pkgconfig"
        self.env["LD_LIBRARY_PATH"] = f"{prefix}/lib:{os.environ.get('LD_LIBRARY_PATH', '')}"
        self.env["TMPDIR"] = str(folder)

    def run(self, command, name):
        """The command's success; says why not."""
        done = subprocess.run(command, cwd=self.work, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=120, shell=isinstance(command, str), check=False)
        if done.returncode == 0:
            return True
        print(f"{name} failed with {done.returncode}:\n{done.stdout}{done.stderr}", flush=True)
        return False

    def succeeds(self, command):
        return subprocess.run(command, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0

    def flags(self, package):
        return subprocess.run(["pkg-config", "--cflags", "--libs", package], env=self.env, capture_output=True, text=True,
                              check=True).stdout.split()


class Page:
    def __init__(self, path, root, place, with_mpi):
        self.name = path.relative_to(root).as_posix()
        self.text = path.read_text()
        self.place, self.with_mpi = place, with_mpi
        self.python = ""
        self.prelude, self.before = "" if "```c prelude" in self.text else PRELUDE, ""
        self.counts = {"snippets": 0, "programs": 0, "commands": 0}

    def check(self):
        good = True
        for match in BLOCK.finditer(self.text):
            line = self.text.count("\n", 0, match.start()) + 2
            given = GIVEN.search(self.text, 0, match.start())
            good = self.block(match[1], match[2].split(), match[3], line, given[1] if given else "") and good
        return good

    def block(self, language, words, body, line, given):
        where = f"{self.name}:{line}"
        if language == "sh" and "runnable" in words:
            self.counts["commands"] += 1
            return not self.with_mpi or self.place.run("set -e\n" + body, where)
        if language == "python":
            return self.run_python(body, words, where, given)
        if language != "c":
            return True
        kind = words[0] if words else ""
        located = f'#line {line} "{self.name}"\n{body}'
        if kind == "prelude":
            self.prelude += located
        elif kind == "file":
            self.before += located
        elif kind == "run":
            return self.snippet(body, ROUNDTRIP if "roundtrip" in words else "", line, where)
        elif kind == "compile":
            return self.snippet(body, None, line, where, given)
        elif kind == "complete":
            return self.program(body, words, where)
        else:
            print(f"{where}: a C block must say what it is: complete, prelude, file, run or compile")
            return False
        return True

    def snippet(self, body, after, line, where, given=""):
        """A body between `given` and `after`; it is not run when there is no `after`."""
        self.counts["snippets"] += 1
        code = self.prelude + self.before + HARNESS % {
            "given": given, "line": line, "page": self.name, "body": body, "after": after or ""}
        self.before = ""
        for old in self.place.work.iterdir():
            shutil.rmtree(old) if old.is_dir() else old.unlink()
        (self.place.work / "snippet.c").write_text(code)
        # A snippet shows one thing: what it declares and leaves alone is no mistake.
        command = ["cc", *WARNINGS, "-Wno-unused", "-o", "snippet", "snippet.c", *self.place.flags("tsnap-core")]
        return self.place.run(command, f"compiling {where}") and (
            after is None or self.place.run(["./snippet", "snapshot"], f"running {where}"))

    def run_python(self, body, words, where, given):
        if words != ["run"]:
            print(f"{where}: a Python block must say that it is run")
            return False
        self.counts["snippets"] += 1
        if not self.with_mpi:
            return True
        python = next((name for name in ("python3", "/usr/bin/python3") if shutil.which(name) and self.place.succeeds([name, "-c", "import h5py"])), None)
        if python is None:
            print(f"{where}: no Python here has h5py (Debian: python3-h5py)")
            return False
        self.python += f"{given}\n{body}"
        return self.place.run([python, "-c", self.python], where)

    def program(self, body, words, where):
        self.counts["programs"] += 1
        if not self.with_mpi:
            return True
        name = dict(word.split("=", 1) for word in words if "=" in word)["file"]
        (self.place.work / name).write_text(body)
        command = ["cc", *WARNINGS, "-o", "program", name, *self.place.flags("tsnap")]
        return self.place.run(command, f"compiling {where}")


def chosen(source, pages):
    if pages[0] != "--all-but":
        return pages
    others = sorted(page.relative_to(source).as_posix() for page in (source / "docs").rglob("*.md"))
    return [path for path in others if path not in pages and HAS_CODE.search((source / path).read_text())] or sys.exit("there are none")


def main(source, build, mpi, pages):
    if not shutil.which("cc") or not shutil.which("pkg-config"):
        print("cc and pkg-config are needed")
        return 77
    good = True
    with tempfile.TemporaryDirectory(prefix="tsnap-pages.") as folder:
        for number, path in enumerate(chosen(source, pages)):
            place = pathlib.Path(folder) / str(number)
            page = Page(source / path, source, Place(place, source, build), mpi == "mpi")
            good = page.check() and good
            print(f"{path}: " + ", ".join(f"{count} {what}" for what, count in page.counts.items()))
            if sum(page.counts.values()) == 0:
                print(f"{path}: there is nothing to run on this page")
                good = False
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3], sys.argv[4:]))
