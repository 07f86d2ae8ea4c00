#!/bin/sh
# A short libFuzzer run: run_fuzz.sh TARGET SEEDS SCRATCH [libFuzzer options]. What it finds stays in SCRATCH, the seeds are
# only read.
target=$1 seeds=$2 scratch=$3
shift 3
mkdir -p "$scratch" || exit 1
exec "$target" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -print_final_stats=1 \
  -artifact_prefix="$scratch/" "$@" "$scratch" "$seeds"
