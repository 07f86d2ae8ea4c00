#!/bin/sh
# Two programs take snapshots for each other: interop.sh FORTRAN C
folder=$(mktemp -d "${TSNAP_TEST_TMPDIR:-/tmp}/tsnap-fortran.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
"$1" write "$folder/of_fortran" && "$2" read "$folder/of_fortran" &&
  "$2" write "$folder/of_c" && "$1" read "$folder/of_c"
