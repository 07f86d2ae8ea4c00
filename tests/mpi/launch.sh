#!/bin/sh
# Runs an MPI program and leaves nothing behind: launch.sh N PROGRAM [ARGUMENT...]
# Exit code: the program's; 124 when it was still running after TSNAP_LAUNCH_TIMEOUT_SECONDS (default 120).
# Which launcher and which flags is mpirun.sh's matter.

if [ $# -lt 2 ]; then
  echo "usage: launch.sh N PROGRAM [ARGUMENT...]" >&2
  exit 2
fi
ranks=$1
shift
here=$(cd "$(dirname "$0")" && pwd)

# Session files and shared memory of the launcher go in here. Short: sockets have short names.
TMPDIR=$(mktemp -d /tmp/tsnap.XXXXXX) || exit 1
export TMPDIR
job=
# A launcher that is ended may leave its ranks: whatever of this job still runs has our TMPDIR in its environment.
clean() {
  for file in $(grep -lsF "TMPDIR=$TMPDIR" /proc/[0-9]*/environ 2>/dev/null); do
    pid=${file#/proc/}
    kill -KILL "${pid%/environ}" 2>/dev/null
  done
  rm -rf "$TMPDIR"
}
trap clean EXIT
trap '[ -n "$job" ] && kill -TERM "$job"; exit 130' INT TERM HUP

timeout -k 10 "${TSNAP_LAUNCH_TIMEOUT_SECONDS:-120}" sh "$here/mpirun.sh" -n "$ranks" "$@" &
job=$!
wait "$job"
code=$?
if [ "$code" = 124 ] || [ "$code" = 137 ]; then
  echo "launch.sh: $1 on $ranks ranks was ended: it did not finish in time" >&2
  code=124
fi
exit "$code"
