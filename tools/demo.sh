#!/usr/bin/env bash
# demo.sh CORRAL   the main job for real: serve, push a guest image, pull it as a machine, run a command in it, stop.
# What it keeps (image, catalog) stands in build/demo, so that a second run pushes nothing.
set -euo pipefail
corral=$(readlink -f "$1")
cd "$(dirname "$0")/.."
folder=$PWD/build/demo
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock -n 9 || { echo "demo: another demo is running" >&2; exit 1; }

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
step() { say "$*"; "$@"; }
corral() { "$corral" "$@"; }

image=$(tests/guest/make-guest.sh "$folder/guest")

ROOT_PASSWORD=$(head -c 18 /dev/urandom | base64)
export ROOT_PASSWORD CORRAL_PASSWORD=$ROOT_PASSWORD
export DATABASE_FOLDER=$folder/data API_ADDRESS=127.0.0.1 API_PORT=${API_PORT:-0} XDG_CONFIG_HOME=$folder/config
log=$folder/server.log
: >"$log"
say "corral serve"
"$corral" serve >"$log" 2>&1 9>&- &
server=$!
finish() {
    local code=$?
    corral vm delete demo --force >/dev/null 2>&1 || true
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    if [ $code != 0 ]; then tail -n 30 "$log" >&2; fi
    exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

port=
until [ -n "$port" ]; do
    kill -0 "$server" 2>/dev/null || { echo "demo: the server did not start" >&2; exit 1; }
    port=$(sed -n 's/.*Corral is ready.* port=\([0-9]*\).*/\1/p' "$log")
    [ -n "$port" ] || sleep 0.05
done
url=http://127.0.0.1:$port
echo "Ready at $url (log: $log)"

step corral login "$url"
corral vm delete demo --force >/dev/null 2>&1 || true # of a run that was killed
step corral push "$image" demo:1.0
step corral list
step corral pull demo:1.0 --name demo --start
step corral vm list
step corral vm exec demo uname -a
step corral vm delete demo --force

cat <<TEXT

That was a real virtual machine. To look around, start a server of your own:

    ROOT_PASSWORD=choose-one ./dev run      # then open http://127.0.0.1:3080/swagger/index.html
    build/release/corral login              # and: build/release/corral --help
TEXT
