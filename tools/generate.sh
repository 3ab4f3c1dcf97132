#!/usr/bin/env bash
# generate.sh CORRAL [--check]   writes the generated references below docs/reference, or fails when they differ.
set -euo pipefail
corral=$(readlink -f "$1")
cd "$(dirname "$0")/.."
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$corral" reference openapi >"$fresh/openapi.json"
"$corral" reference authorization >"$fresh/authorization.md"
"$corral" reference configuration >"$fresh/configuration.md"
"$corral" reference commands >"$fresh/commands.md"
if [ "${2:-}" = --check ]; then
    diff -ru docs/reference "$fresh" || { echo "generate: docs/reference is not what the code says; run ./dev generate" >&2; exit 1; }
else
    mkdir -p docs/reference
    cp "$fresh"/* docs/reference/
fi
