#!/bin/sh
# The main road of tsnap, from a bare machine to a restarted job: installs what is missing, builds, and
# runs a heat equation that is killed while it takes a snapshot and goes on with fewer ranks.
tsnap_source=$(cd "$(dirname "$0")/.." && pwd) || exit 1
. "$tsnap_source/tests/setup.sh"

usage() {
  cat <<'END'
usage: sh examples/quickstart.sh [options]

Installs the packages that are missing (apt-get, with sudo when you are not root), builds tsnap, and
  1. runs a 2-D heat equation on 4 ranks, never interrupted: the reference,
  2. runs it again with snapshots in the background, and kills all ranks with SIGKILL while one is pending,
  3. restarts it from the newest complete snapshot on 3 ranks, for a part of the way,
  4. restarts it again on 2 ranks, and lets it finish,
  5. compares the fields with the reference, bit for bit,
  6. draws the temperature at the restart and at the end, side by side, as a PNG.
Exit status 0 when the fields are equal.

  --size N       cells along each side of the plate (2048: snapshots of 96 MiB)
  --build DIR    build folder (build/quickstart in the repository, or in your cache if that is read-only)
  --prebuilt DIR a build folder to use as it is
  --output DIR   where snapshots and the picture go (a folder beside the build)
  --keep         keep the snapshots (else only the picture stays)
  --help         this text

TSNAP_SKIP_SETUP=1 in the environment installs nothing; TSNAP_MPIRUN names the MPI launcher.
END
}

size=2048
build=
prebuilt=0
output=
keep=0
while [ $# -gt 0 ]; do
  case $1 in
    --help | -h) usage; exit 0 ;;
    --keep) keep=1 ;;
    --size | --build | --prebuilt | --output)
      [ $# -ge 2 ] || fail "$1 wants a value; see --help"
      case $1 in
        --size) size=$2 ;;
        --build) build=$2 ;;
        --prebuilt) build=$2 prebuilt=1 ;;
        *) output=$2 ;;
      esac
      shift ;;
    *) usage >&2; fail "unknown option $1" ;;
  esac
  shift
done
case $size in *[!0-9]* | '') fail "--size wants a number, not \"$size\"" ;; esac

steps=240   # of the whole job; 20 between snapshots
kill_at=80
leave_at=160
started=$(now_seconds)

if [ "$prebuilt" = 0 ]; then
  install_packages build
  if [ -z "$build" ]; then
    build=$(build_root)/quickstart || fail "no place to build in: set TSNAP_BUILD_ROOT"
  fi
  say "Building in $build"
  ensure_build "$build" --buildtype=release -Dtests=disabled || fail "the build failed; see $build.log"
  say "  built in $(($(now_seconds) - started)) s"
fi

[ -n "$output" ] || output=$build.run
mkdir -p "$output" || fail "cannot create $output"
output=$(cd "$output" && pwd)
snapshots=$output/snapshots
log=$output/log
rm -rf "$snapshots" "$output/reference" "$output/final" "$output/heat2d.png"
leftovers=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-job.XXXXXX") || fail "cannot create a temporary folder" # what a killed mpirun cannot remove

job=
clean_up() {
  [ -z "$job" ] || kill_job
  rm -rf "$leftovers"
  [ "$keep" = 1 ] || rm -rf "$snapshots" "$output/reference" "$output/final"
}
trap 'clean_up' EXIT
trap 'exit 130' INT TERM

heat2d() { # heat2d RANKS OPTION...: runs it, and shows what it says
  ranks=$1
  shift
  if ! sh "$tsnap_source/tests/mpi/mpirun.sh" -n "$ranks" "$build/examples/heat2d" \
      --size "$size" --steps "$steps" "$@" >"$log" 2>&1; then
    cat "$log"
    fail "heat2d failed on $ranks ranks"
  fi
  cat "$log"
}

# The process id $1 and those of all its descendants: what mpirun started lives in process groups of its own.
family_of() {
  for status in /proc/[0-9]*/stat; do
    { read -r line <"$status"; } 2>/dev/null || continue
    after_name=${line##*) }           # "S 123 ...": state, parent
    after_state=${after_name#* }
    printf '%s %s\n' "${line%% *}" "${after_state%% *}"
  done | awk -v first="$1" '
    { parent[$1] = $2 }
    END {
      for (process in parent) {
        at = process
        while (at != first && at in parent) at = parent[at]
        if (at == first) print process
      }
    }'
}

kill_job() {
  # shellcheck disable=SC2046  # one argument a process
  kill -KILL $(family_of "$job") 2>/dev/null
  wait "$job" 2>/dev/null
  job=
}

completed_snapshots() {
  count=0
  for record in "$snapshots"/step-*/tsnap.json; do
    [ -e "$record" ] && count=$((count + 1))
  done
  printf '%s\n' "$count"
}

# Runs the job on 4 ranks with snapshots in the background, and kills every process of it while the one of step
# $1 is pending. heat2d holds that one: rank 0 goes on with its steps, all its bytes are written, and nothing can
# be committed before the signal comes.
run_and_kill() {
  victim=$snapshots/step-$(printf '%06d' "$1")
  TMPDIR=$leftovers sh "$tsnap_source/tests/mpi/mpirun.sh" -n 4 "$build/examples/heat2d" \
    --size "$size" --steps "$steps" --every 20 --snapshots "$snapshots" --hold-at "$1" >"$log" 2>&1 &
  job=$!
  until grep -q 'is pending, and held' "$log"; do
    kill -0 "$job" 2>/dev/null || { cat "$log"; fail "heat2d ended before it could be killed"; }
    sleep 0.05
  done
  ls "$victim"/*/taking >/dev/null 2>&1 || fail "there is no take in progress at $victim"
  [ ! -e "$victim/tsnap.json" ] || fail "the snapshot at $victim was committed while it was held"
  kill_job
  cat "$log"
  [ ! -e "$victim/tsnap.json" ] || fail "the killed job has committed the snapshot at $victim"
}

say "1. The reference: 4 ranks, never interrupted"
heat2d 4 --final "$output/reference"
expected=$(sed -n 's/.*fingerprint of the fields //p' "$log")

say "2. The job: 4 ranks, a snapshot every 20 steps in the background, SIGKILL while one is pending"
run_and_kill "$kill_at"
written=$(find "$victim" -type f -exec cat {} + | wc -c)
say "  killed all of its processes: $(completed_snapshots) snapshots are complete, and ${victim##*/} has" \
  "$((written / 1048576)) MiB of files, and no commit record"

say "3. Restart on 3 ranks, up to step $leave_at"
heat2d 3 --snapshots "$snapshots" --stop-at "$leave_at"
restarted_from=$(sed -n 's/.*: restored \(.*\): [0-9]* MiB in.*/\1/p' "$log")
[ -n "$restarted_from" ] || fail "the job did not restart from a snapshot"

say "4. Restart on 2 ranks, up to the end"
heat2d 2 --snapshots "$snapshots" --final "$output/final"
grep -q ': restored ' "$log" || fail "the job did not restart from a snapshot"
found=$(sed -n 's/.*fingerprint of the fields //p' "$log")

say "5. The same as the reference, bit for bit?"
say "  fingerprints: $expected (reference), $found"
same=1
[ -n "$expected" ] && [ "$expected" = "$found" ] || same=0
"$build/examples/same_field" "$output/reference" "$output/final" \
  plate/temperature plate/diffusivity plate/peak || same=0

say "6. The temperature at the restart and at the end"
"$build/examples/draw_field" "$output/heat2d.png" "$restarted_from" "$output/final" || same=0

[ "$same" = 1 ] || fail "the fields differ"
say "Equal, bit for bit. It took $(($(now_seconds) - started)) s; the picture is $output/heat2d.png"
