#!/usr/bin/env bash
# tidy.sh [BASE | --all]   clang-tidy on the sources that changed since BASE, or on all of them.
# BASE, when not given: where this branch left its upstream, else the commit before the last one. A changed header is
# looked at through the source of its name. Needs a configured build/dev.
set -euo pipefail
cd "$(dirname "$0")/.."
base=${1:-}
if [ -z "$base" ]; then
    base=$(git merge-base HEAD '@{upstream}' 2>/dev/null) || base=
    if [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ]; then base=$(git rev-parse -q --verify HEAD~1 || git rev-parse HEAD); fi
fi
if [ "$base" = --all ]; then
    changed=$(git ls-files 'src/*.cpp' 'tests/*.cpp' 'bench/*.cpp')
else
    changed=$({ git diff --name-only --diff-filter=d "$base"; git ls-files -o --exclude-standard; } | grep -E '\.[ch]pp$' || true)
fi
sources=()
for file in $(sed 's/\.hpp$/.cpp/' <<<"$changed" | sort -u); do
    if [ -f "$file" ] && grep -qF "/$file\"" build/dev/compile_commands.json; then sources+=("$file"); fi
done
if [ ${#sources[@]} = 0 ]; then
    echo "tidy: no changed sources"
    exit 0
fi
echo "tidy: ${#sources[@]} sources"
look_at() { # file
    # Tests look at optionals right behind the assertion that they are set, and do not care for a reallocation.
    local relaxed=
    case $1 in *_test.cpp | tests/* | bench/*) relaxed=--checks=-bugprone-unchecked-optional-access,-performance-inefficient-vector-operation ;; esac
    clang-tidy-19 -p build/dev --quiet ${relaxed:+"$relaxed"} "$1"
}
export -f look_at
printf '%s\0' "${sources[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'look_at "$1"' _ 2> >(grep -v 'warnings generated\|^Suppressed\|^Use -header' >&2)
