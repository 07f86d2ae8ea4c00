"""Runs what docs/cpp.md shows: the programs, snippets and commands are taken out of the page and must work as they stand.

    page.py SOURCE_ROOT BUILD_ROOT {mpi|core}

Blocks, by what stands after the three backquotes:
    cpp complete file=NAME   a whole program, for the commands that follow
    cpp prelude              stands before everything
    cpp file                 file scope, before the next snippet
    cpp run                  the body of a function that gets context, state and url; it returns 0
    cpp run roundtrip        the same, then takes and restores the state
    sh runnable              commands, in the folder with the programs
All snippets are one program, each of them a function that is run by itself. A "cpp" block without a word after it is an error.
"""

import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tidy"))
import readme_snippets  # noqa: E402  (blocks, and a folder that looks like an installed tsnap)

PAGE = "docs/cpp.md"
FLAGS = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused"]
MAIN = """
int main(int, char** argv) {
  const int which = std::stoi(argv[1]);
  const std::string url = argv[2];
  tsnap::Context context = tsnap::Context::self();
  tsnap::State state;
  try {
    const int status = kSnippets[which](context, state, url);
    context.close();
    return status;
  } catch (const std::exception& error) {
    std::cerr << error.what() << std::endl;
    return 1;
  }
}
"""
ROUNDTRIP = """
  context.take("roundtrip", state);
  context.restore("roundtrip", state);
"""


def place_with_cpp(folder, source, build):
    """The folder of readme_snippets, with the headers of C++ beside those of C."""
    place = readme_snippets.Place(folder, source, build)
    include = folder / "prefix/include"
    include.unlink()
    (include / "tsnap").mkdir(parents=True)
    for top in (source / "include", source / "bindings/cpp"):
        for file in [*top.glob("*.h*"), *top.glob("tsnap/*.h"), *top.glob("tsnap/cpp")]:
            (include / file.relative_to(top)).symlink_to(file)
    if os.environ.get("MPICXX"):
        (folder / "prefix/bin/mpicxx").symlink_to(os.environ["MPICXX"])
    return place


def main(source, build, mpi):
    text = (source / PAGE).read_text()
    snippets, prelude, before, code, good, programs, commands = [], "", "", "", True, 0, 0
    with tempfile.TemporaryDirectory(prefix="tsnap-page.") as folder:
        place = place_with_cpp(pathlib.Path(folder), source, build)
        for match in readme_snippets.BLOCK.finditer(text):
            line, words = text.count("\n", 0, match.start()) + 2, match[2].split()
            located = f'#line {line} "{PAGE}"\n{match[3]}'
            if match[1] == "sh" and "runnable" in words:
                commands += 1
                good = (mpi != "mpi" or place.run("set -e\n" + match[3], f"{PAGE}:{line}")) and good
            elif match[1] == "cpp" and words[:1] == ["complete"]:
                programs += 1
                (place.work / words[1].split("=")[1]).write_text(match[3])
            elif match[1] == "cpp" and words == ["prelude"]:
                prelude += located
            elif match[1] == "cpp" and words == ["file"]:
                before += located
            elif match[1] == "cpp" and words[:1] == ["run"]:
                after = ROUNDTRIP if "roundtrip" in words else ""
                code += (f"{before}\nstatic int Snippet{len(snippets)}(tsnap::Context& context, tsnap::State& state, "
                         f"const std::string& url) {{\n{{\n{located}{after}}}\n(void)context, (void)state, (void)url;\nreturn 0;\n}}\n")
                snippets.append(line)
                before = ""
            elif match[1] == "cpp":
                print(f"{PAGE}:{line}: a C++ block must say what it is: complete, prelude, file or run")
                good = False
        table = "static int (*const kSnippets[])(tsnap::Context&, tsnap::State&, const std::string&) = {%s};\n" % ", ".join(
            f"Snippet{i}" for i in range(len(snippets)))
        (place.work / "snippets.cc").write_text(prelude + code + table + MAIN)
        command = ["c++", *FLAGS, "-o", "snippets", "snippets.cc", *place.flags("tsnap-core")]
        if place.run(command, f"compiling the snippets of {PAGE}"):
            for number, line in enumerate(snippets):
                good = place.run(["./snippets", str(number), f"snapshot{number}"], f"running {PAGE}:{line}") and good
                good = place.run(["rm", "-rf", "roundtrip"], "rm") and good
        else:
            good = False
    print(f"{len(snippets)} snippets, {programs} programs, {commands} commands")
    return 0 if good and len(snippets) > 10 and programs and commands else 1


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), sys.argv[3]))
