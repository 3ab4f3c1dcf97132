#!/usr/bin/env bash
# Runs every test: checks, unit and contract tests, the wire suite, crash tests; then unit tests under ASan and UBSan.
#   --fast   without the sanitizer build     --long   long counts and TSan     anything else goes to ctest
set -euo pipefail
cd "$(dirname "$0")/.."
fast= long=
args=()
for a in "$@"; do
    case $a in
    --fast) fast=1 ;;
    --long) long=1 ;;
    *) args+=("$a") ;;
    esac
done
[ -z "$long" ] || export CORRAL_LONG=1

python3 tools/check_layers.py
python3 tools/check_budgets.py
git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 --dry-run --Werror

cmake --preset dev >/dev/null
cmake --build build/dev
if [ -z "$fast" ]; then
    cmake --preset asan >/dev/null
    cmake --build build/asan --target unit_tests
    ctest --test-dir build/asan -L unit -LE guest -j2 --output-on-failure --no-tests=error
fi
if [ -n "$long" ]; then
    cmake --preset tsan >/dev/null
    cmake --build build/tsan --target unit_tests
    TSAN_OPTIONS="suppressions=$PWD/tools/tsan.supp" ctest --test-dir build/tsan -L unit -LE guest -j2 --output-on-failure --no-tests=error
fi
# Last, so that its closing line is the run's.
exec ctest --test-dir build/dev -j2 --output-on-failure --no-tests=error ${args+"${args[@]}"}
