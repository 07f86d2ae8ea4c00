#!/bin/sh
# Runs a program with a folder of its own, which is removed afterwards: in_folder.sh PROGRAM CASE
folder=$(mktemp -d "${TSNAP_TEST_TMPDIR:-/tmp}/tsnap-fortran.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP
"$1" "$2" "$folder"
