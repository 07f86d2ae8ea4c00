#!/bin/sh
# Two jobs of two ranks each that take to the same places at once: race.sh LAUNCH PROGRAM one_wins|both_overwrite
# While both overwrite, a third process reads.
launch=$1 program=$2 case=$3
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
folder=$(mktemp -d "$base/tsnap-fault.XXXXXX") || exit 1
jobs=
trap 'rm -rf "$folder"' EXIT
trap 'for job in $jobs; do kill "$job" 2>/dev/null; done; exit 130' INT TERM HUP

sh "$launch" 2 "$program" 0 "$folder" "$case" &
jobs="$jobs $!"
sh "$launch" 2 "$program" 1 "$folder" "$case" &
jobs="$jobs $!"
if [ "$case" = both_overwrite ]; then
  timeout "${TSNAP_LAUNCH_TIMEOUT_SECONDS:-120}" "$program" reader "$folder" "$case" &
  jobs="$jobs $!"
fi
failed=0
for job in $jobs; do
  wait "$job" || failed=1
done
exit "$failed"
