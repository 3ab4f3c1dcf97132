#!/usr/bin/env python3
"""Accounts under load: durable creates of claims by 32 clients beside bare SQLite, and a list of 10,000 users with a filter."""
import json
import pathlib
import sqlite3
import subprocess
import sys
import time
import urllib.request

from harness import Corral, Row, Wrong, cpu_seconds, parser, process_tree, report, say, scratch, slowdown_of_the_machine

CLIENTS = 32
USERS = 10_000


def create_claims(server, seconds, prefix):
    """32 connections that each make claims one after the other; all answered ones must be there afterwards."""
    script = pathlib.Path(__file__).with_name("create_claims.lua")
    done = subprocess.run(["wrk", "-t", "1", "-c", str(CLIENTS), "-d", f"{seconds}s", "--latency", "-s", script,
                           "-H", "Authorization: Bearer " + server.token, "-H", "Content-Type: application/json",
                           server.url + "/api/v1/auth/claims", "--", prefix], capture_output=True, text=True, check=True)
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    if seen["errors"]:
        raise Wrong(f"{seen['errors']} of {seen['requests']} creates failed")
    kept = sum(claim["name"].startswith(prefix) for claim in server.get("/auth/claims"))
    if kept < seen["requests"]:
        raise Wrong(f"{seen['requests']} claims were acknowledged, {kept} are there")
    return {"rate": seen["requests"] / seen["seconds"], **seen}


def bare_inserts(path, seconds):
    """What the embedded engine does when each insert is a commit of its own: WAL, synchronous=FULL, one writer."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE IF NOT EXISTS claims (id TEXT PRIMARY KEY, description TEXT NOT NULL)")
    count, begin = 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        database.execute("INSERT INTO claims VALUES (?, '')", (f"{begin}-{count}",))
        count += 1
    return count / (time.monotonic() - begin)


def fill_with_users(folder):
    """Copies one row ten thousand times: hashing as many passwords would take minutes and measure nothing."""
    database = sqlite3.connect(folder / "data" / "corral.db")
    columns = [row[1] for row in database.execute("PRAGMA table_info(users)")]
    changed = {"id": "printf('%064x', n.value)", "username": "'user' || n.value", "name": "'User ' || n.value",
               "email": "'user' || n.value || '@example.com'"}
    picked = ", ".join(changed.get(c, f"u.{c}") for c in columns)
    database.execute(f"WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < {USERS}) "
                     f"INSERT INTO users ({', '.join(columns)}) SELECT {picked} FROM users u, n WHERE u.username = 'root'")
    database.commit()
    database.close()


def list_users(server, headers):
    """Milliseconds by the clock and of processor for one list."""
    pids = process_tree(server.process.pid)
    request = urllib.request.Request(server.url + "/api/v1/auth/users",
                                     headers={"Authorization": "Bearer " + server.token, **headers})
    times, before, begin = 20, cpu_seconds(pids), time.monotonic()
    for _ in range(times):
        with urllib.request.urlopen(request, timeout=60) as answer:
            body = answer.read()
    return len(json.loads(body)), {"ms": (time.monotonic() - begin) / times * 1e3,
                                   "cpu": (cpu_seconds(pids) - before) / times * 1e3}


def measure(options, folder):
    settings = {"HYPERVISOR": "fake", "LOG_LEVEL": "warn"}
    rows, rates, bare, p99 = [], [], [], []
    say("identity: how steady the machine is")
    slowdown = slowdown_of_the_machine()
    # Apart from the list below: root holds every claim there is, and a token names them all.
    (folder / "claims").mkdir()
    with Corral(options.build, folder / "claims", **settings) as server:
        for n in range(options.rounds):
            say(f"identity: durable creates, round {n + 1} of {options.rounds}")
            seen = create_claims(server, options.seconds, f"ROUND{n}")
            rates.append(seen["rate"])
            p99.append(seen["p99_ms"])
            bare.append(bare_inserts(folder / "bare.db", options.seconds))
    rows.append(Row(f"claims made durably by {CLIENTS} clients", "creates/s", rates, bare, ">= 5000 ours",
                    "bare SQLite, a commit each"))
    rows.append(Row(f"claims made durably by {CLIENTS} clients", "ms p99", p99, [], "<= 10 ours"))
    rows.append(Row("a fixed piece of work on this machine, idle", "p99 / median", [slowdown], [], ""))
    (folder / "users").mkdir()
    with Corral(options.build, folder / "users", **settings):
        pass  # makes the tables
    fill_with_users(folder / "users")
    with Corral(options.build, folder / "users", **settings) as again:
        every, some = [], []
        for n in range(options.rounds):
            say(f"identity: list of users, round {n + 1} of {options.rounds}")
            found, took = list_users(again, {})
            if found != USERS + 1:
                raise Wrong(f"{found} users are listed, not {USERS + 1}")
            every.append(took)
            found, took = list_users(again, {"X-Filter": "username=^user4[0-9]2[0-9]$"})
            if found != 100:
                raise Wrong(f"The filter leaves {found} users, not 100")
            some.append(took)
        for key, unit in [("ms", "ms a list"), ("cpu", "ms CPU a list")]:
            rows.append(Row(f"{USERS:,} users, filter leaves 100 | whole list", unit, [s[key] for s in some],
                            [e[key] for e in every], ""))
    return rows


def main():
    arguments = parser(__doc__, 5)
    arguments.add_argument("--seconds", type=int, default=3, help="length of one half of a round (default 3)")
    options = arguments.parse_args()
    with scratch() as folder:
        report("identity", measure(options, folder), options.json)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"identity: {wrong}")
