#!/bin/sh
# The two heat equations, in C and in C++, go on from each other's snapshots on other numbers of ranks, and all end in the same
# field: heat.sh HEAT2D_CPP HEAT2D_C
set -eu
in_cpp=$1
in_c=$2
launch=$(dirname "$0")/../../mpi/launch.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-heat.XXXXXX")
trap 'rm -rf "$work"' EXIT

run() { # run RANKS PROGRAM OPTION...: prints what it says, and leaves its fingerprint in $fingerprint
  ranks=$1
  shift
  sh "$launch" "$ranks" "$@" --size 96 --steps 60 --every 10 >"$work/said" || { cat "$work/said"; exit 1; }
  cat "$work/said"
  fingerprint=$(sed -n 's/.*fingerprint of the fields //p' "$work/said")
  [ -n "$fingerprint" ] || { echo "there is no fingerprint"; exit 1; }
}

same() { # same WHAT: the fingerprint is that of the uninterrupted run
  [ "$fingerprint" = "$reference" ] || { echo "$1 ended in $fingerprint, not in $reference"; exit 1; }
}

went_on() { # went_on STEP: the run did not begin anew
  grep -q "newest snapshot: step $1," "$work/said" || { echo "it did not go on from step $1"; exit 1; }
}

run 2 "$in_c"
reference=$fingerprint
run 4 "$in_cpp"
same "C++ on 4 ranks"

run 3 "$in_cpp" --snapshots "$work/a" --stop-at 25
[ "$fingerprint" != "$reference" ] || { echo "a run that stopped early has the fields of the end"; exit 1; }
mkdir "$work/a/step-000030"  # a take that was cut short
run 2 "$in_c" --snapshots "$work/a" --stop-at 45
went_on 20
run 4 "$in_cpp" --snapshots "$work/a" --final "$work/final"
went_on 40
same "C++ after C after C++"

run 1 "$in_cpp" --snapshots "$work/a" --final "$work/final"
went_on 60
same "what was at its end already"

# What the program is told wrongly ends it, with a text.
for wrong in "--size 0" "--steps ten" "--nothing 5"; do
  # shellcheck disable=SC2086  # two words
  if sh "$launch" 1 "$in_cpp" $wrong 2>"$work/said"; then echo "$wrong was accepted"; exit 1; fi
  grep -q "heat2d_cpp: rank 0: " "$work/said" || { cat "$work/said"; exit 1; }
done
