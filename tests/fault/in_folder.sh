#!/bin/sh
# Runs cases of a fault program one after another, each as a job of its own, in one folder that is removed afterwards:
#   in_folder.sh LAUNCH RANKS PROGRAM CASE...
# Each case is called as PROGRAM CASE FOLDER.
if [ $# -lt 4 ]; then
  echo "usage: in_folder.sh LAUNCH RANKS PROGRAM CASE..." >&2
  exit 2
fi
launch=$1 ranks=$2 program=$3
shift 3
base=/dev/shm
[ -w "$base" ] || base=${TMPDIR:-/tmp}
folder=$(mktemp -d "$base/tsnap-fault.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
for case in "$@"; do
  if ! sh "$launch" "$ranks" "$program" "$case" "$folder"; then
    echo "in_folder.sh: $case failed" >&2
    exit 1
  fi
done
