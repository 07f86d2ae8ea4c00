#!/bin/sh
# Sets the machine up, builds tsnap with warnings as errors, and runs every test there is. The last line is
# "N passed, M failed"; the exit status is not 0 when M is not 0.
tsnap_source=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$tsnap_source/tests/setup.sh"

usage() {
  cat <<'END'
usage: sh tests/run.sh [options]

Installs the packages that are missing, builds with warnings as errors, and runs: all Meson tests, those of
the core again under ASan+UBSan and under TSan, the fuzzers for a moment, programs built outside of the tree
against an installed tsnap, and examples/quickstart.sh.

  --quick         Meson tests and consumers only: no sanitizers, no fuzzers, no quickstart
  --long          property and fault tests draw many more cases; object stores on disk, and on Swift as well as on Ceph
  --kills N       how often the kill -9 test kills a job (100); over HDF5 files a quarter of it, over an object store a fifth
  --fuzz SECONDS  how long each fuzzer runs (15)
  --sanitize      every suite under ASan+UBSan, those with MPI as well; nothing else
  --mpich         builds with MPICH in a folder of its own and runs the tests with it; nothing else
  --bench         the benchmarks, after the tests
  --suite NAME    only this Meson suite, and nothing else
  --help          this text

Build folders lie under build/ of the repository; TSNAP_BUILD_ROOT names another place. TSNAP_SKIP_SETUP=1
installs nothing. ccache is used when it is there.
END
}

mode=all
bench=0
fuzz_seconds=15
suite=
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --quick) mode=quick ;;
    --sanitize) mode=sanitize ;;
    --mpich) mode=mpich ;;
    --bench) bench=1 ;;
    --long)
      TSNAP_TEST_LONG=1 TSNAP_SERVERS_STORE=${TSNAP_SERVERS_STORE:-bluestore}
      export TSNAP_TEST_LONG TSNAP_SERVERS_STORE ;;
    --kills | --fuzz | --suite)
      [ $# -ge 2 ] || fail "$1 wants a value; see --help"
      case $1$2 in --suite*) ;; *[!0-9]) fail "$1 wants a number, not \"$2\"" ;; esac
      case $1 in
        --kills) TSNAP_TEST_KILLS=$2; export TSNAP_TEST_KILLS ;;
        --fuzz) fuzz_seconds=$2 ;;
        *) mode=suite; suite=$2 ;;
      esac
      shift ;;
    *) usage >&2; fail "unknown option $1" ;;
  esac
  shift
done

TSNAP_TEST_KILLS=${TSNAP_TEST_KILLS:-100}
export TSNAP_TEST_KILLS

# Half of the tests wait for something half of the time: one more than there are cores, so that the cores do not. Many have several
# ranks, so not many more.
at_once=$(($(nproc) + 1))

passed=0
failed=0
started=$(now_seconds)

# step NAME COMMAND...: one test of its own; says how it went and how long it took.
step() {
  step_name=$1
  shift
  step_started=$(now_seconds)
  if "$@"; then
    passed=$((passed + 1))
    say "[ok]     $step_name ($(($(now_seconds) - step_started)) s)"
  else
    failed=$((failed + 1))
    say "[FAILED] $step_name ($(($(now_seconds) - step_started)) s)"
    return 1
  fi
}

# meson_tests BUILD NAME SUITE...: runs these suites (none named: all but the benchmarks) and counts each test.
meson_tests() {
  build=$1
  what=$2
  shift 2
  present=$(python3 "$tsnap_source/tests/meson_tests.py" suites "$build")
  chosen=
  for one in "$@"; do
    for there in $present; do
      [ "$one" = "$there" ] && chosen="$chosen --suite $one"
    done
  done
  if [ $# -gt 0 ] && [ -z "$chosen" ]; then
    failed=$((failed + 1))
    say "[FAILED] $what: none of these suites exists: $*"
    return 1
  fi
  tests_started=$(now_seconds)
  rm -f "$build/meson-logs/testlog.json"
  # Under an address space laid out at random, the thread sanitizer of g++ 12 cannot always start.
  fixed_addresses=
  case $build in
    *tsan) ! setarch "$(uname -m)" -R true 2>/dev/null || fixed_addresses="setarch $(uname -m) -R" ;;
  esac
  # shellcheck disable=SC2086  # lists of options
  $fixed_addresses meson test -C "$build" --no-rebuild --num-processes "$at_once" --timeout-multiplier 3 --no-suite bench $chosen \
    >"$build.tests.log" 2>&1 </dev/null
  status=$?
  python3 "$tsnap_source/tests/meson_tests.py" report "$build" "$build.counts" || return 1
  read -r good bad <"$build.counts"
  if [ $((good + bad)) = 0 ] || { [ "$status" != 0 ] && [ "$bad" = 0 ]; }; then
    tail -n 20 "$build.tests.log"
    bad=$((bad + 1))
  fi
  passed=$((passed + good))
  failed=$((failed + bad))
  verdict="[ok]    "
  [ "$bad" = 0 ] || verdict="[FAILED]"
  say "$verdict $what: $good passed, $bad failed ($(($(now_seconds) - tests_started)) s)"
}

# What the sanitizers look at in every run: the core without MPI. Criterion's own allocator does not start under the thread
# sanitizer, so there it is the suites of plain programs.
asan_suites="unit contract fault-core gpu"
tsan_suites="api"

# An optimiser takes twice as long over what sanitizers add: src/meson.build has it look at what runs often, and not at the tests.
configure_sanitized() { # configure_sanitized NAME SANITIZERS MESON_OPTION...
  which=$1
  sanitizers=$2
  shift 2
  ensure_configured "$root/$which" -Doptimization=0 -Ddebug=false -Dcpp_args=-g1 -Dc_args=-g1 -Dwerror=true -Dmpi=disabled \
    -Dcli=disabled -Dexamples=disabled -Dfortran=disabled -Db_sanitize="$sanitizers" -Db_lundef=false "$@"
}

programs_of() { # programs_of NAME SUITE...
  which=$1
  shift
  # A folder that was there may not know yet what has been added.
  ninja -C "$root/$which" build.ninja >/dev/null 2>&1
  python3 "$tsnap_source/tests/meson_tests.py" programs "$root/$which" "$@"
}

# The fuzzers need clang; it is also much faster than g++ at what these sanitizers add, so one folder has both.
build_asan() { # build_asan SUITE...
  CC=clang CXX=clang++
  if command -v ccache >/dev/null 2>&1; then CC="ccache clang" CXX="ccache clang++"; fi
  export CC CXX
  configure_sanitized asan address,undefined -Dfuzz=enabled || return 1
  # shellcheck disable=SC2046  # a list of programs
  build_targets "$root/asan" $(programs_of asan "$@") tests/fuzz/fuzz_record tests/fuzz/fuzz_index
}

build_tsan() { # build_tsan SUITE...
  configure_sanitized tsan thread -Dcuda=disabled || return 1   # a build that goes without it as well
  # shellcheck disable=SC2046  # a list of programs
  build_targets "$root/tsan" $(programs_of tsan "$@")
}

# Tests wait a lot; what they leave of the processors is enough to build the next folder meanwhile, and no more than that is taken.
builder=
build_meanwhile() { # build_meanwhile COMMAND...: one at a time; its status is that of `built`.
  (
    nicely="nice -n 19"
    "$@"
  ) &
  builder=$!
}

built() {
  wait "$builder"
  built_status=$?
  builder=
  return "$built_status"
}

end_builder() {
  [ -z "$builder" ] && return 0
  # shellcheck disable=SC2046  # Ninja is a child of it
  kill "$builder" $(ps -o pid= --ppid "$builder") 2>/dev/null
}

fuzz() { # fuzz SECONDS: every fuzzer, each from an empty corpus and what the sources bring along
  found=0
  find "$root/asan" -type f -perm -u+x -name 'fuzz_*' >"$root/fuzz.list"
  while read -r fuzzer; do
    found=1
    one=$(basename "$fuzzer")
    corpus=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-fuzz.XXXXXX") || return 1
    seeds=$tsnap_source/tests/fuzz/corpus/${one#fuzz_}
    [ -d "$seeds" ] || seeds=
    # shellcheck disable=SC2086  # absent when there are no seeds
    step "$one for $1 s" quietly "$root/$one.log" "$fuzzer" -max_total_time="$1" -timeout=10 \
      -rss_limit_mb=2048 -artifact_prefix="$root/" "$corpus" $seeds
    rm -rf "$corpus"
  done <"$root/fuzz.list"
  [ "$found" = 1 ] || step "fuzzers are there" false
}

quietly() { # quietly LOG COMMAND...: shows the end of its output only when it fails
  quiet_log=$1
  shift
  "$@" >"$quiet_log" 2>&1 </dev/null && return 0
  tail -n 40 "$quiet_log" | sed 's/^/    | /'
  return 1
}

# The quickstart again, small, by a user who owns nothing here: only a folder of his own.
as_user() {
  command -v setpriv >/dev/null || fail "setpriv is not there (package util-linux)"
  home=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-user.XXXXXX") || return 1
  user_status=1
  if mkdir "$home/tsnap" "$home/built" && cp -R "$tsnap_source/examples" "$tsnap_source/tests" "$home/tsnap" &&
    tar -C "$root/test" --exclude='*.p' --exclude='*.a' -cf "$home/built.tar" src examples && tar -C "$home/built" -xf "$home/built.tar" &&
    chown -R 65534:65534 "$home"; then
    (cd "$home" && setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$home" TMPDIR="$home" USER=nobody \
      sh "$home/tsnap/examples/quickstart.sh" --size 256 --prebuilt "$home/built")
    user_status=$?
  fi
  rm -rf "$home"
  return "$user_status"
}

finish() {
  say "$(($(now_seconds) - started)) s in all"
  say "$passed passed, $failed failed"
  [ "$failed" = 0 ]
  exit $?
}

case $mode in
  mpich) install_packages build test site servers mpich ;;
  *) install_packages build test site servers ;;
esac
[ "${TSNAP_TEST_LONG:-0}" = 0 ] || install_packages swift
[ "$bench" = 0 ] || install_packages bench
root=$(build_root) || fail "no place to build in: set TSNAP_BUILD_ROOT"
# The tests of all build folders share the servers of object stores, which are there for longer than it takes to come back to them.
# What was to be installed is not a reason to skip.
TSNAP_SERVERS_RUN=${TSNAP_SERVERS_RUN:-$root/servers} TSNAP_SERVERS_IDLE_SECONDS=${TSNAP_SERVERS_IDLE_SECONDS:-60}
export TSNAP_SERVERS_RUN TSNAP_SERVERS_IDLE_SECONDS
[ "${TSNAP_SKIP_SETUP:-0}" = 1 ] || { TSNAP_SERVERS_REQUIRED=1; export TSNAP_SERVERS_REQUIRED; }
trap 'end_builder; python3 "$tsnap_source/tests/servers/with_servers.py" --end' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
# A sanitizer's finding ends the test; what MPI and its helpers leak at exit is not ours.
ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1:abort_on_error=0:detect_stack_use_after_return=1}
UBSAN_OPTIONS=${UBSAN_OPTIONS:-halt_on_error=1:print_stacktrace=1}
TSAN_OPTIONS=${TSAN_OPTIONS:-halt_on_error=1:second_deadlock_stack=1}
LSAN_OPTIONS=${LSAN_OPTIONS:-suppressions=$tsnap_source/tests/leaks_of_others.txt:print_suppressions=0}
export ASAN_OPTIONS LSAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS
say "Building in $root; $(nproc) cores"

case $mode in
  sanitize)
    ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
    step "build with -fsanitize=address,undefined" ensure_build "$root/asan-all" -Doptimization=1 -Dwerror=true \
      -Db_sanitize=address,undefined -Db_lundef=false -Dexamples=disabled || finish
    meson_tests "$root/asan-all" "all tests under ASan and UBSan"
    finish ;;
  mpich)
    TSNAP_MPIRUN=${TSNAP_MPIRUN:-mpirun.mpich}
    export TSNAP_MPIRUN
    step "build with MPICH" ensure_build "$root/mpich" -Dwerror=true -Dmpi_impl=mpich || finish
    meson_tests "$root/mpich" "tests with MPICH"
    step "consumers with MPICH" quietly "$root/consumers-mpich.log" \
      sh "$tsnap_source/tests/consumers/run.sh" "$root/mpich"
    step "quickstart with MPICH" quietly "$root/quickstart-mpich.log" \
      sh "$tsnap_source/examples/quickstart.sh" --prebuilt "$root/mpich"
    finish ;;
esac

# One step of optimisation, no debug information: a third of the time to build, and all of the warnings that count.
step "build, warnings are errors" ensure_build "$root/test" -Doptimization=1 -Ddebug=false -Dwerror=true || finish
if [ "$mode" = suite ]; then
  meson_tests "$root/test" "suite $suite" "$suite"
  finish
fi
# shellcheck disable=SC2086  # a list of suites
[ "$mode" != all ] || build_meanwhile build_asan $asan_suites
meson_tests "$root/test" "Meson tests"
step "consumers outside of the tree" quietly "$root/consumers.log" \
  sh "$tsnap_source/tests/consumers/run.sh" "$root/test"
if [ "$mode" = all ]; then
  step "quickstart" quietly "$root/quickstart.log" \
    sh "$tsnap_source/examples/quickstart.sh" --prebuilt "$root/test"
  if [ "$(id -u)" = 0 ]; then step "quickstart as an ordinary user" quietly "$root/quickstart-user.log" as_user; fi
  step "build with clang, -fsanitize=address,undefined, and the fuzzers" built
  asan_built=$?
  # shellcheck disable=SC2086  # lists of suites
  build_meanwhile build_tsan $tsan_suites
  if [ "$asan_built" = 0 ]; then
    # shellcheck disable=SC2086
    meson_tests "$root/asan" "tests under ASan and UBSan" $asan_suites
    fuzz "$fuzz_seconds"
  fi
  # shellcheck disable=SC2086
  step "build with -fsanitize=thread" built && meson_tests "$root/tsan" "tests under TSan" $tsan_suites
fi
if [ "$bench" = 1 ]; then
  step "build the benchmarks" ensure_build "$root/bench" --buildtype=release -Dbench=enabled &&
    step "benchmarks" meson test -C "$root/bench" --no-rebuild --benchmark --verbose
fi
finish
