#!/bin/bash
# Ends the process groups that start.sh started below this folder, and nothing else.
#
#   stop.sh DATA
data=$(realpath -m "${1:?the folder}")
[ -s "$data/pids" ] || exit 0
while read -r pid conf; do
  tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$data/etc/$conf" || continue
  kill -TERM -- "-$pid" 2>/dev/null
  left=50
  while kill -0 -- "-$pid" 2>/dev/null; do
    left=$((left - 1))
    [ "$left" = 20 ] && kill -KILL -- "-$pid" 2>/dev/null
    [ "$left" -gt 0 ] || break
    sleep .1
  done
done <"$data/pids"
: >"$data/pids"
