#!/bin/sh
# A failure without ierr ends the program: stops.sh PROGRAM CASE TEXT [RANKS LAUNCH]. It must end with a status, say TEXT,
# do nothing more, and on several ranks end all of them itself.
log=$(mktemp "${TSNAP_TEST_TMPDIR:-/tmp}/tsnap-stops.XXXXXX") || exit 1
trap 'rm -f "$log"' EXIT
here=$(cd "$(dirname "$0")" && pwd)
program=$1 case=$2 text=$3 ranks=${4:-} launch=${5:-}
if [ -n "$ranks" ]; then set -- sh "$launch" "$ranks" "$program" "$case"; else set -- sh "$here/in_folder.sh" "$program" "$case"; fi
"$@" >"$log" 2>&1
status=$?
cat "$log"
[ "$status" != 0 ] || { echo "FAILED: the program ended with 0"; exit 1; }
# 139 is a segmentation fault: of a rank, which the launcher then says, or of Open MPI's launcher itself when it ends aborted jobs.
[ "$status" -lt 124 ] || { [ -n "$ranks" ] && [ "$status" = 139 ] && ! grep -q "exited on signal" "$log"; } ||
  { echo "FAILED: the program ended with $status: killed, or never by itself"; exit 1; }
grep -q "tsnap: $text" "$log" || { echo "FAILED: it does not say why"; exit 1; }
! grep -q "still running" "$log" || { echo "FAILED: it went on"; exit 1; }
# The launcher says who ended the job: a rank by MPI_Abort, or itself. (Of the former Open MPI loses the text now and then.)
[ -z "$ranks" ] || grep -qi "MPI_Abort" "$log" || ! grep -qiE "non-zero (status|exit code)|BAD TERMINATION" "$log" ||
  { echo "FAILED: ending the other ranks is left to the launcher"; exit 1; }
