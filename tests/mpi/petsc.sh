#!/bin/sh
# A solver of PETSc's goes on from its snapshots on other numbers of ranks, each with another cut of its grid, and ends where an
# uninterrupted run does: petsc.sh PETSC_VECTOR
set -eu
program=$1
launch=$(dirname "$0")/launch.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/tsnap-petsc.XXXXXX")
trap 'rm -rf "$work"' EXIT

run() { # run RANKS OPTION...: prints what it says, and keeps it in $work/said
  ranks=$1
  shift
  sh "$launch" "$ranks" "$program" -da_grid_x 40 -da_grid_y 30 -ksp_rtol 1e-10 -snes_rtol 1e-12 "$@" >"$work/said" 2>&1 ||
    { cat "$work/said"; exit 1; }
  cat "$work/said"
}

says() { # says TEXT: the last run said this
  grep -q "$1" "$work/said" || { echo "it did not say: $1"; exit 1; }
}

differs() { # differs BELOW|ABOVE|BY NUMBER: how far the last run was from the one that it was compared with
  awk -v how="$1" -v bound="$2" '/differs from the other run by/ { seen = 1; value = $NF + 0 }
    END { exit !(seen && (how == "BY" ? value == bound : how == "BELOW" ? value < bound : value > bound)) }' "$work/said" ||
    { echo "the difference is not $1 $2"; exit 1; }
}

# Implicit steps, by Newton and Krylov: sums over ranks are rounded otherwise on each number of them. Explicit steps have no such sums.
for method in cn rk; do
  how="BELOW 1e-8"
  [ "$method" = cn ] || how="BY 0"
  run 1 -ts_type $method -final "$work/$method"
  summed=$(sed -n 's/.*v summed over all steps //p' "$work/said")
  run 2 -ts_type $method -compare "$work/$method"
  differs $how
  run 4 -ts_type $method -snapshot "$work/$method-run" -stop_at 15 -compare "$work/$method"
  differs ABOVE 1e-3
  run 3 -ts_type $method -snapshot "$work/$method-run" -stop_at 38
  says "goes on from step 10"
  run 1 -ts_type $method -snapshot "$work/$method-run" -stop_at 44
  says "goes on from step 30"
  run 2 -ts_type $method -snapshot "$work/$method-run" -compare "$work/$method"
  says "goes on from step 40"
  says "is at step 60, on 2 ranks; v summed over all steps $summed"
  differs $how
done

# A vector of another grid is refused, and says why.
if sh "$launch" 2 "$program" -da_grid_x 41 -da_grid_y 30 -snapshot "$work/rk-run" >"$work/said" 2>&1; then
  echo "a grid of another size was restored"
  exit 1
fi
says 'TSNAP_E_MISMATCH: .*"solution/values"'
