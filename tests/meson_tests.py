"""What tests/run.sh asks about Meson's tests; it runs none itself.

meson_tests.py suites BUILD            prints the suites that BUILD has, one a line
meson_tests.py programs BUILD SUITE... prints the programs of BUILD that the tests of these suites run, one a line
meson_tests.py report BUILD COUNTS     prints what failed (with the end of its output) and what was skipped (with
                                       its reason) in the last `meson test`; writes "PASSED FAILED" to COUNTS
"""

import json
import pathlib
import sys

TAIL_LINES = 40


def suites(build):
    tests = json.loads((build / "meson-info" / "intro-tests.json").read_text())
    names = {suite.split(":", 1)[-1] for test in tests for suite in test["suite"]}
    print("\n".join(sorted(names)))


def programs(build, wanted):
    tests = json.loads((build / "meson-info" / "intro-tests.json").read_text())
    targets = json.loads((build / "meson-info" / "intro-targets.json").read_text())
    files = {target["id"]: target["filename"] for target in targets}
    found = set()
    for test in tests:
        if not wanted.intersection(suite.split(":", 1)[-1] for suite in test["suite"]):
            continue
        # What a test says it depends on is loaded while it runs.
        for word in [*test["cmd"], *(name for target in test.get("depends", []) for name in files.get(target, []))]:
            path = build.resolve() / word   # a program behind another one is named relative to the build folder
            if path.is_relative_to(build.resolve()):
                found.add(str(path.relative_to(build.resolve())))
    built = {name for target in targets for name in target["filename"]}
    print("\n".join(sorted(name for name in found if str(build.resolve() / name) in built)))


def output_of(test):
    return ((test.get("stdout") or "") + (test.get("stderr") or "")).rstrip().splitlines()


def report(build, counts):
    passed = failed = 0
    log = build / "meson-logs" / "testlog.json"
    for line in log.read_text(errors="replace").splitlines() if log.exists() else []:
        test = json.loads(line)
        result, output = test["result"], output_of(test)
        if result in ("OK", "EXPECTEDFAIL"):
            passed += 1
        elif result == "SKIP":
            print(f"  skipped {test['name']}: {output[-1] if output else 'no reason given'}")
        else:
            failed += 1
            print(f"  FAILED {test['name']} ({result}, {test['duration']:.1f} s); the end of its output:")
            print("\n".join("    | " + text for text in output[-TAIL_LINES:]))
    counts.write_text(f"{passed} {failed}\n")


if __name__ == "__main__":
    if sys.argv[1] == "suites":
        suites(pathlib.Path(sys.argv[2]))
    elif sys.argv[1] == "programs":
        programs(pathlib.Path(sys.argv[2]), set(sys.argv[3:]))
    else:
        report(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
