#!/usr/bin/env python3
"""Telling who asks: processor time of a check, and what other requests notice of a flood of logins."""
import json
import pathlib
import subprocess
import sys
import threading

from harness import Corral, Row, Wrong, parser, report, say, scratch

FLOOD = 64  # connections that log in without a pause
OTHERS = 2  # connections that ask for something else meanwhile


def checks(build):
    return json.loads(subprocess.run([build / "auth_bench"], capture_output=True, text=True, check=True).stdout)


def wrk(url, script, seconds, connections, words, headers=()):
    """What the script's last line says."""
    sent = [part for header in headers for part in ("-H", header)]
    done = subprocess.run(["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "--latency", *sent, "-s",
                           pathlib.Path(__file__).with_name(script), url, "--", *words],
                          capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    if seen["errors"]:
        raise Wrong(f"{seen['errors']} requests of {script} failed: {seen}")
    return seen


def under_flood(server, seconds):
    """Logins a second, and the 99th percentile of a list of machines meanwhile and without them."""
    token = ["Authorization: Bearer " + server.token]
    path = ["/api/v1/machines"]
    calm = wrk(server.url, "wrk.lua", seconds, OTHERS, path, token)
    flood = {}

    def press():
        try:
            flood.update(wrk(server.url + "/api/v1/auth/token", "login_flood.lua", seconds + 2, FLOOD, [server.password]))
        except Exception as error:  # for the other thread
            flood["error"] = error
    thread = threading.Thread(target=press)
    thread.start()
    busy = wrk(server.url, "wrk.lua", seconds, OTHERS, path, token)
    thread.join()
    if "error" in flood:
        raise flood["error"]
    if not flood["good"]:
        raise Wrong(f"Nobody could sign in: {flood}")
    return calm["p99_ms"], busy["p99_ms"], flood["good"] / flood["seconds"], flood["busy"] / flood["seconds"]


def measure(options, folder):
    say("logins: checks")
    figures = [checks(options.build) for _ in range(options.rounds)]
    rows = [Row("check of an API key", "us CPU", [f["key"] for f in figures], [f["hmac"] for f in figures], "<= 5 ours",
                "its HMAC alone"),
            Row("check of a token", "us CPU", [f["token"] for f in figures], [f["token_hmac"] for f in figures], "",
                "its HMAC alone")]
    with Corral(options.build, folder, HYPERVISOR="fake", LOG_LEVEL="warn") as server:
        seen = []
        for n in range(options.rounds):
            say(f"logins: flood, round {n + 1} of {options.rounds}")
            seen.append(under_flood(server, options.seconds))
    calm, busy, good, refused = zip(*seen)
    rows.append(Row(f"list of machines while {FLOOD} connections log in", "ms p99", busy, calm, "<= 10 ours", "without them"))
    rows.append(Row("logins that are served meanwhile", "logins/s", good, [], ""))
    rows.append(Row("logins that are told to come back", "logins/s", refused, [], ""))
    return rows


def main():
    arguments = parser(__doc__, 5)
    arguments.add_argument("--seconds", type=int, default=4, help="length of a phase (default 4)")
    options = arguments.parse_args()
    with scratch() as folder:
        report("logins", measure(options, folder), options.json)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"logins: {wrong}")
