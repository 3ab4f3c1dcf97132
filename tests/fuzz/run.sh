#!/usr/bin/env bash
# One fuzz target for CORRAL_FUZZ_SECONDS (20) under libFuzzer. What it learns goes to build/fuzz/corpus/, where the next
# run goes on; a finding is left beside it, and its input becomes a seed and a unit test.
#   run.sh PROGRAM SEEDS
set -euo pipefail
program=$1 seeds=$2
name=$(basename "$program")
corpus=$(dirname "$program")/corpus/$name
mkdir -p "$corpus"
exec "$program" -max_total_time="${CORRAL_FUZZ_SECONDS:-20}" -timeout=10 -rss_limit_mb=2048 -max_len=8192 \
    -print_final_stats=1 -verbosity=0 -artifact_prefix="$corpus/../$name-finding-" "$corpus" "$seeds"
