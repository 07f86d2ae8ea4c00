#!/bin/sh
# A failure without ierr ends the program: stops.sh PROGRAM [RANKS LAUNCH]. It must end with a status, say why, and
# do nothing more.
log=$(mktemp "${TSNAP_TEST_TMPDIR:-/tmp}/tsnap-stops.XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT
here=$(cd "$(dirname "$0")" && pwd)
if [ $# -gt 1 ]; then set -- sh "$3" "$2" "$1" stops; else set -- sh "$here/in_folder.sh" "$1" stops; fi
"$@" >"$log" 2>&1
status=$?
cat "$log"
[ "$status" != 0 ] || { echo "FAILED: the program ended with 0"; exit 1; }
[ "$status" -lt 124 ] || { echo "FAILED: the program ended with $status: killed, or never by itself"; exit 1; }
grep -q "tsnap: TSNAP_E_NOT_FOUND: .*there is no snapshot at " "$log" || { echo "FAILED: it does not say why"; exit 1; }
! grep -q "still running" "$log" || { echo "FAILED: it went on"; exit 1; }
