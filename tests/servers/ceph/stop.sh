#!/bin/bash
# Ends what start.sh started below this folder, and nothing else: a process is its own when its command line names the folder.
#
#   stop.sh DATA
data=$(realpath -m "${1:?the folder}")
[ -s "$data/pids" ] || exit 0
mine() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -qF "$data/ceph.conf"; }
# A store in memory has nothing to save; one on disk is asked first.
signal=TERM
grep -q '^osd objectstore = memstore' "$data/ceph.conf" && signal=KILL
for name in rgw osd mon; do
  while read -r pid what; do
    [ "$what" = "$name" ] && mine "$pid" || continue
    kill -"$signal" "$pid"
    left=200
    while mine "$pid"; do
      left=$((left - 1))
      [ "$left" = 0 ] && kill -KILL "$pid"
      [ "$left" -gt -50 ] || break
      sleep .1
    done
  done <"$data/pids"
done
: >"$data/pids"
