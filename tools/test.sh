#!/usr/bin/env bash
# Runs every test: checks, clang-tidy on what changed, unit and API tests under ASan and UBSan, then all tests of the
# plain build: unit, contract, API, wire, crash and real guests.
#   --fast   without clang-tidy, the sanitizer build and fuzzing     --long   long counts and TSan, ten minutes of each
#   fuzz target     anything else goes to ctest
# CORRAL_FUZZ_SECONDS: of each fuzz target (20, two at a time: under two minutes in all); 0 for none.
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
[ -z "$long" ] || export CORRAL_LONG=1 CORRAL_FUZZ_SECONDS=${CORRAL_FUZZ_SECONDS:-600} CORRAL_PROPERTIES_SECONDS=300

under() { # preset: unit and API tests of a sanitizer build
    cmake --preset "$1" >/dev/null
    cmake --build "build/$1" --target unit_tests api_tests
    ctest --test-dir "build/$1" -L 'unit|api' -LE 'guest|postgresql' -j2 --output-on-failure --no-tests=error
    # Of the other engine the code that is its own; the rest of it ran just now on SQLite.
    ctest --test-dir "build/$1" -R '^db_postgresql$' --output-on-failure --no-tests=error
}

python3 tools/check_layers.py
python3 tools/check_budgets.py
git ls-files '*.cpp' '*.hpp' | xargs clang-format-19 --dry-run --Werror

cmake --preset dev >/dev/null
cmake --build build/dev
if [ -z "$fast" ]; then
    tools/tidy.sh
    under asan
    if [ "${CORRAL_FUZZ_SECONDS:-20}" != 0 ]; then
        cmake --preset fuzz >/dev/null
        cmake --build build/fuzz --target fuzz_targets
        ctest --test-dir build/fuzz -L fuzz -j2 --output-on-failure --no-tests=error
    fi
fi
if [ -n "$long" ]; then
    export TSAN_OPTIONS="suppressions=$PWD/tools/tsan.supp"
    under tsan
fi
# Last, so that its closing line is the run's.
exec ctest --test-dir build/dev -j2 --output-on-failure --no-tests=error ${args+"${args[@]}"}
