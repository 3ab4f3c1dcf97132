#!/usr/bin/env python3
"""Small GETs: processor time a request beside nginx serving a static file of the same size, and a minute without errors."""
import contextlib
import json
import pathlib
import subprocess
import sys
import urllib.request

from harness import Corral, Row, Wrong, cpu_seconds, end, free_port, parser, process_tree, report, say, scratch, until

CONNECTIONS = 32
MINUTE_CONNECTIONS = (32, 256)
NGINX = """\
worker_processes 2;
daemon off;
user root;
pid {folder}/nginx.pid;
error_log {folder}/error.log crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 1000000000;
    default_type application/json;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


@contextlib.contextmanager
def nginx(folder, files):
    port = free_port()
    (folder / "www").mkdir(parents=True)
    for name, body in files.items():
        (folder / "www" / name).write_bytes(body)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    process = subprocess.Popen(["nginx", "-p", folder, "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    url = f"http://127.0.0.1:{port}"

    def up():
        with contextlib.suppress(OSError):
            return fetch(url + "/" + next(iter(files)))

    try:
        until(up, "nginx answers")
        yield url, process.pid
    finally:
        end(process)


def fetch(url, token=""):
    request = urllib.request.Request(url, headers={"Authorization": "Bearer " + token} if token else {})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return answer.read()


def load(url, pid, seconds, token, paths, connections=CONNECTIONS):
    """Presses for some seconds; what wrk saw, and what the server's processes used."""
    pids = process_tree(pid)
    before = cpu_seconds(pids)
    headers = ["-H", "Authorization: Bearer " + token] if token else []
    script = pathlib.Path(__file__).with_name("wrk.lua")
    done = subprocess.run(["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--latency", *headers,
                           "-s", script, url, "--", *paths], capture_output=True, text=True, check=True)
    used = cpu_seconds(pids) - before
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    if seen["errors"]:
        raise Wrong(f"{seen['errors']} of {seen['requests']} requests of {paths} at {url} failed")
    return {"cpu": used / seen["requests"] * 1e6, "rate": seen["requests"] / seen["seconds"], **seen}


def machine_with_status(server, folder):
    """A machine of the fake hypervisor, so that its status can be polled as clients do."""
    (folder / "disk.raw").write_bytes(b"corral" * 20_000)
    server.cli("login", server.url)
    server.cli("push", str(folder / "disk.raw"), "bench:1.0")
    made = server.post("/machines", {"name": "polled", "start_on_create": True,
                                     "catalog_manifest": {"catalog_id": "bench", "version": "1.0"}})
    path = f"/api/v1/machines/{made['id']}/status"
    body = fetch(server.url + path, server.token)
    if json.loads(body)["status"] != "running":
        raise Wrong(f"The machine does not run: {body}")
    return path, body


def measure(options, folder):
    settings = {"HYPERVISOR": "fake", "LOG_LEVEL": "warn"}
    with Corral(options.build, folder, **settings) as server:
        status_path, status = machine_with_status(server, folder)
        probe_path = "/api/health/probe"
        probe = fetch(server.url + probe_path)
        kinds = [("health probe", probe_path, "", "probe", "<= 1.3"),
                 ("machine status, signed in", status_path, server.token, "status", "<= 2.0")]
        rows = []
        with nginx(folder / "nginx", {"probe": probe, "status": status}) as (peer_url, peer_pid):
            for title, path, token, file, target in kinds:
                ours, peer = [], []
                for n in range(options.rounds):
                    say(f"http: {title}, round {n + 1} of {options.rounds}")
                    turns = [(ours, server.url, server.process.pid, token, path), (peer, peer_url, peer_pid, token, "/" + file)]
                    for into, url, pid, sent, what in turns if n % 2 == 0 else reversed(turns):
                        into.append(load(url, pid, options.seconds, sent, [what]))
                for key, unit, limit in [("cpu", "us CPU a request", target), ("rate", "requests/s", ""), ("p99_ms", "ms p99", "")]:
                    rows.append(Row(title, unit, [o[key] for o in ours], [p[key] for p in peer], limit, "nginx static"))
        for connections in MINUTE_CONNECTIONS if options.minute else ():
            say(f"http: both paths in turn for {options.minute} s, {connections} connections")
            long = load(server.url, server.process.pid, options.minute, server.token, [probe_path, status_path], connections)
            title = f"{options.minute} s of both, {connections} connections"
            rows.append(Row(title, "failed requests", [long["errors"]], [], "<= 0 ours"))
            rows.append(Row(title, "requests/s", [long["rate"]], [], ""))
            rows.append(Row(title, "ms p99", [long["p99_ms"]], [], ""))
    return rows


def main():
    arguments = parser(__doc__, 7)
    arguments.add_argument("--seconds", type=int, default=3, help="length of one half of a round (default 3)")
    arguments.add_argument("--minute", type=int, default=60, help="length of the last phases, 0 to leave it out (default 60)")
    options = arguments.parse_args()
    with scratch() as folder:
        report("http", measure(options, folder), options.json)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"http: {wrong}")
