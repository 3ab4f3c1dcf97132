#!/usr/bin/env bash
# Copies the tester to a folder and installs its packages there, unless they are those of package-lock.json already.
#   setup.sh FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cp "$here"/*.mjs "$here"/*.json "$1"
cd "$1"
if ! cmp -s package-lock.json node_modules/.installed; then
    npm ci --no-audit --no-fund --ignore-scripts
    cp package-lock.json node_modules/.installed
fi
