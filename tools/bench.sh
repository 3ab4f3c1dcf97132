#!/usr/bin/env bash
# bench.sh [name…] [options]   builds an optimised Corral and runs benchmarks of bench/ beside their peers: all of them
# without a name. Options go to each benchmark (--rounds N, --json; bench/README.md). Fails when a benchmark could not run
# or a result was wrong, never on a time.
set -euo pipefail
cd "$(dirname "$0")/.."
names=()
options=()
for word in "$@"; do
    if [ -f "bench/${word}_bench.py" ]; then names+=("$word"); else options+=("$word"); fi
done
[ ${#names[@]} -gt 0 ] || names=(http identity logins events db chunks machines)

cmake --preset release >/dev/null
cmake --build build/release --target corral benchmarks >&2
export PYTHONDONTWRITEBYTECODE=1
failed=0
for name in "${names[@]}"; do
    python3 "bench/${name}_bench.py" ${options[@]+"${options[@]}"} || failed=1
done
exit $failed
