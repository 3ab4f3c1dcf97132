#!/usr/bin/env python3
"""Durable single inserts by 32 clients through the database seam: on SQLite beside a bare loop, on PostgreSQL beside
pgbench, each with the same statement and a flush for what it answers."""
import json
import pathlib
import subprocess
import sys

from harness import DATA, ROOT, Row, Wrong, parser, report, say, scratch

sys.path.append(str(ROOT / "tests" / "support"))
import postgresql  # noqa: E402

from identity_bench import bare_inserts  # noqa: E402

CLIENTS = 32
INSERT = """\\set n random(1, 9000000000000000000)
INSERT INTO bare (id, description) VALUES (:client_id || '-' || :n, '');
"""


def ours(build, where, seconds):
    done = subprocess.run([build / "db_bench", where, str(CLIENTS), str(seconds)], capture_output=True, text=True)
    if done.returncode != 0:
        raise Wrong(f"db_bench: {done.stderr.strip()}")
    return json.loads(done.stdout)


def pgbench(server, folder, seconds):
    script = folder / "insert.sql"
    script.write_text(INSERT)
    done = subprocess.run([server.programs / "pgbench", "-n", "-c", str(CLIENTS), "-j", "2", "-M", "prepared", "-T",
                           str(seconds), "-f", script, "-h", server.folder, "-U", "corral", "postgres"],
                          capture_output=True, text=True)
    figures = {line.split(" = ")[0]: line.split(" = ")[1].split()[0] for line in done.stdout.splitlines() if " = " in line}
    if done.returncode != 0 or "tps" not in figures:
        raise Wrong(f"pgbench: {done.stderr.strip()}")
    return float(figures["tps"])


def main():
    arguments = parser(__doc__, rounds=5)
    arguments.add_argument("--seconds", type=int, default=5, help="length of each half of a pair")
    args = arguments.parse_args()
    embedded, bare, served, peer = [], [], [], []
    with scratch() as folder, postgresql.Server(DATA) as server:
        server.sql('CREATE TABLE bare (id TEXT COLLATE "C" PRIMARY KEY, description TEXT NOT NULL)')
        for i in range(args.rounds):
            say(f"round {i + 1} of {args.rounds}")
            embedded.append(ours(args.build, folder / "ours.db", args.seconds))
            bare.append(bare_inserts(folder / "bare.db", args.seconds))
            served.append(ours(args.build, server.url("bench"), args.seconds))
            peer.append(pgbench(server, folder, args.seconds))
    report("db", [
        Row("SQLite, durable inserts by 32 clients", "a second", [f["rate"] for f in embedded], bare, ">= 1", "one bare loop"),
        Row("of them the slowest hundredth", "ms", [f["p99_ms"] for f in embedded], [], ""),
        Row("PostgreSQL, durable inserts by 32 clients", "a second", [f["rate"] for f in served], peer, "", "pgbench -c 32"),
        Row("of them the slowest hundredth", "ms", [f["p99_ms"] for f in served], [], ""),
    ], args.json)


if __name__ == "__main__":
    main()
