#!/bin/sh
# One take on N ranks, then a restore of it on each M: reshard.sh PROGRAM N M...
# The cases follow from a seed, which is printed; TSNAP_TEST_SEED repeats a run.

if [ $# -lt 3 ]; then
  echo "usage: reshard.sh PROGRAM N M..." >&2
  exit 2
fi
program=$1
takers=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
seed=${TSNAP_TEST_SEED:-$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')}
echo "seed: TSNAP_TEST_SEED=$seed"

folder=$(mktemp -d "${TSNAP_TEST_TMPDIR:-/tmp}/tsnap-reshard.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

sh "$here/launch.sh" "$takers" "$program" take "$folder" "$seed" || exit 1
failed=0
for restorers in "$@"; do
  if sh "$here/launch.sh" "$restorers" "$program" restore "$folder" "$seed" "$takers"; then
    echo "$takers -> $restorers ok"
  else
    echo "$takers -> $restorers FAILED: TSNAP_TEST_SEED=$seed"
    failed=1
  fi
done
exit $failed
