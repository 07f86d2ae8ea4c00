#!/bin/sh
# examples/random_walk.c across processes and numbers of ranks: random_walk.sh PROGRAM. Each walk is compared by the fingerprint
# and the streams that it prints.
program=$1
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d "${TSNAP_TEST_TMPDIR:-/tmp}/tsnap-walk.XXXXXX") || exit 1
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT TERM HUP

# walk RANKS OPTION...: runs it, and shows what it says; sets $fingerprint and $streams.
walk() {
  ranks=$1
  shift
  echo "random_walk on $ranks ranks: $*"
  if ! sh "$here/launch.sh" "$ranks" "$program" --particles 500 --steps 60 "$@" >"$folder/log" 2>&1; then
    cat "$folder/log"
    echo "random_walk failed"
    exit 1
  fi
  cat "$folder/log"
  fingerprint=$(sed -n 's/.*fingerprint of the particles //p' "$folder/log")
  streams=$(sed -n 's/^ *streams //p' "$folder/log")
}

expect() { # expect WHAT ACTUAL EXPECTED
  [ -n "$2" ] && [ "$2" = "$3" ] && return 0
  echo "$1: \"$2\" instead of \"$3\""
  exit 1
}

differs() { # differs WHAT ACTUAL OTHER
  [ -n "$2" ] && [ "$2" != "$3" ] && return 0
  echo "$1: \"$2\" twice"
  exit 1
}

walk 3
reference=$fingerprint
expect "streams of a new walk" "$streams" "0 1 2, next 3"

walk 3 --take "$folder/of3"
grep -q "step 60: the same once more" "$folder/log" || expect "the second half" "" "the same once more"
expect "a walk that takes a snapshot" "$fingerprint" "$reference"

walk 3 --from "$folder/of3"
expect "a walk that another process ends" "$fingerprint" "$reference"

# More ranks: the old ones keep their streams, the new ones get the next. Twice, and with a snapshot of it.
walk 5 --from "$folder/of3"
on5=$fingerprint
expect "streams of three ranks and two more" "$streams" "0 1 2 3 4, next 5"
differs "a walk on other ranks" "$on5" "$reference"
walk 5 --from "$folder/of3" --take "$folder/of5"
grep -q "step 60: the same once more" "$folder/log" || expect "the second half" "" "the same once more"
expect "a walk on other ranks, repeated" "$fingerprint" "$on5"

# Fewer, and more again: streams of ranks that are gone are not taken up.
walk 2 --from "$folder/of5" --take "$folder/of2"
expect "streams of the first two ranks" "$streams" "0 1, next 5"
walk 4 --from "$folder/of2"
expect "streams of two ranks and two more" "$streams" "0 1 5 6, next 7"
