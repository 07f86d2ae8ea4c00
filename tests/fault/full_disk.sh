#!/bin/sh
# Gives full_disk a small file system in a mount namespace of its own: full_disk.sh LAUNCH RANKS PROGRAM
# Exit code 77 (skipped) where mounting is not permitted: the faults of every_io stand in for it there.
launch=$1 ranks=$2 program=$3
folder=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-fault.XXXXXX") || exit 1
trap 'rmdir "$folder"' EXIT
trap 'exit 130' INT TERM HUP
user=
[ "$(id -u)" = 0 ] || user=--map-root-user
if ! unshare $user --mount sh -c 'mount -t tmpfs -o size=64k none "$0"' "$folder" 2>/dev/null; then
  echo "mounting a small file system is not permitted here" >&2
  exit 77
fi
unshare $user --mount sh -c 'mount -t tmpfs -o size=3800k none "$0" && exec sh "$1" "$2" "$3" "$0"' \
  "$folder" "$launch" "$ranks" "$program"
