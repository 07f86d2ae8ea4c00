#!/bin/sh
# One job, run in turn by examples/heat2d.f90 and examples/heat2d.c on other numbers of ranks: heat2d.sh LAUNCH FORTRAN C
# SAME_FIELD. It must end with the fields of a run that nobody interrupted, bit for bit.
launch=$1 fortran=$2 c=$3 same_field=$4
folder=$(mktemp -d "${TSNAP_TEST_TMPDIR:-/tmp}/tsnap-heat2d.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

fail() { echo "FAILED: $*"; exit 1; }

# heat RANKS PROGRAM OPTION...: sets $fingerprint
heat() {
  ranks=$1 program=$2
  shift 2
  echo "$(basename "$program") on $ranks ranks: $*"
  sh "$launch" "$ranks" "$program" --size 48 --steps 40 --every 10 "$@" >"$folder/log" 2>&1 ||
    { cat "$folder/log"; fail "it did not end well"; }
  cat "$folder/log"
  fingerprint=$(sed -n 's/.*fingerprint of the fields //p' "$folder/log")
}

said() { grep -q "$1" "$folder/log" || fail "it did not say \"$1\""; }

same() { # same A B
  "$same_field" "$1" "$2" plate/temperature plate/peak plate/diffusivity || fail "the fields differ"
}

heat 1 "$c" --final "$folder/reference"
heat 3 "$fortran" --final "$folder/whole"
reference=$fingerprint
[ -n "$reference" ] || fail "no fingerprint"
same "$folder/reference" "$folder/whole"

heat 2 "$fortran" --stop-at 20 --snapshots "$folder/run"
[ "$fingerprint" != "$reference" ] || fail "20 steps have the fingerprint of 40"
heat 3 "$c" --stop-at 30 --snapshots "$folder/run"
said "newest snapshot: step 20, taken by 2 ranks"
heat 4 "$fortran" --snapshots "$folder/run" --sync --final "$folder/final"
said "newest snapshot: step 30, taken by 3 ranks"
[ "$fingerprint" = "$reference" ] || fail "fingerprint $fingerprint instead of $reference"
same "$folder/reference" "$folder/final"

# The other way round: the C program begins.
heat 3 "$c" --stop-at 10 --snapshots "$folder/other"
heat 2 "$fortran" --snapshots "$folder/other" --final "$folder/other_final"
said "steps 10 to 40 on 2 ranks"
same "$folder/reference" "$folder/other_final"

# What it does not understand it does not run.
if sh "$launch" 1 "$fortran" --steps none >"$folder/log" 2>&1; then fail "it took \"none\" for a number"; fi
said "wants a whole number"
