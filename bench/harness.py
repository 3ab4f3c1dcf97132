"""What the benchmarks share: a Corral server, processor time of a process tree, paired rounds and their table."""
import argparse
import base64
import contextlib
import dataclasses
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "build" / "bench-data"  # what is kept between runs


class Wrong(Exception):
    """A result that is not what it must be: the benchmark fails, whatever the times."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def parser(text, rounds):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers, machines and folders go as well
    out = argparse.ArgumentParser(description=text)
    out.add_argument("--rounds", type=int, default=rounds, help=f"paired rounds (default {rounds})")
    out.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    out.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "release",
                     help="folder of an optimised build (default build/release)")
    return out


@contextlib.contextmanager
def scratch():
    """A folder below build/bench-data (on the disk that is measured, never on tmpfs), removed afterwards."""
    DATA.mkdir(parents=True, exist_ok=True)
    path = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=DATA))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


# ---- paired rounds

@dataclasses.dataclass
class Row:
    what: str
    unit: str
    ours: list
    peer: list
    target: str  # "<= 1.3" (of the ratio), "<= 128 ours", "<= +150 diff" or "" for a row that only informs
    peer_name: str = ""

    def figures(self):
        ours = statistics.median(self.ours)
        peer = statistics.median(self.peer) if self.peer else None
        # Of each pair, because both halves of it met the same load; the medians may come from different rounds.
        ratio = statistics.median(o / p for o, p in zip(self.ours, self.peer)) if self.peer else None
        diff = statistics.median(o - p for o, p in zip(self.ours, self.peer)) if self.peer else None
        met = None
        if self.target:
            limit = float(re.search(r"[\d.]+", self.target).group())
            of = ours if "ours" in self.target else diff if "diff" in self.target else ratio
            met = of <= limit if self.target.startswith("<=") else of >= limit
        return {"what": self.what, "peer_name": self.peer_name, "unit": self.unit, "ours": ours, "peer": peer,
                "ratio": ratio, "difference": diff, "rounds": len(self.ours), "target": self.target, "met": met}


def number(value):
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"


def report(title, rows, as_json):
    figures = [row.figures() for row in rows]
    if as_json:
        print(json.dumps({"benchmark": title, "rows": figures}, indent=2))
        return
    print(f"\n{title} (medians of {max(f['rounds'] for f in figures)} paired rounds)")
    cells = [("", "ours", "peer", "ours/peer", "difference", "target", "")]
    for f in figures:
        name = f["what"] + (f" | {f['peer_name']}" if f["peer_name"] else "") + f", {f['unit']}"
        verdict = {True: "met", False: "MISSED", None: ""}[f["met"]]
        cells.append((name, number(f["ours"]), number(f["peer"]), number(f["ratio"]), number(f["difference"]),
                      f["target"], verdict))
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    for line in cells:
        print("  ".join(c.ljust(w) if i in (0, 5, 6) else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))))
    sys.stdout.flush()


# ---- processes

def slowdown_of_the_machine(seconds=5):
    """How much longer a fixed piece of work takes at its 99th percentile than at its median, by this thread's processor
    time and with nothing else running: near 1 on a machine of its own, more where a host shares its processors out. No
    99th percentile below can be steadier than the machine."""
    took, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        before = time.thread_time()
        sum(range(50_000))
        took.append(time.thread_time() - before)
    took.sort()
    return took[len(took) * 99 // 100] / took[len(took) // 2]


def process_tree(root):
    """Process ids of `root` and everything below it."""
    children = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # ended meanwhile
        children.setdefault(int(fields[1]), []).append(int(entry.parent.name))
    out, wave = [], [root]
    while wave:
        out += wave
        wave = [child for pid in wave for child in children.get(pid, [])]
    return out


def cpu_seconds(pids):
    """User and system time of the processes so far, from /proc/PID/stat."""
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def end(process, seconds=20):
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def until(condition, what, seconds=30, step=0.02):
    """Polls a real condition; what it returned when it held."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(step)
    raise Wrong(f"Waited {seconds} s in vain: {what}")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Corral:
    """A server of ours with a folder of its own, and a client for it."""

    def __init__(self, build, folder, **settings):
        self.program = build / "corral"
        self.folder = folder
        self.password = base64.b64encode(secrets.token_bytes(18)).decode()
        self.env = {**os.environ, "ROOT_PASSWORD": self.password, "CORRAL_PASSWORD": self.password,
                    "DATABASE_FOLDER": str(folder / "data"), "XDG_CONFIG_HOME": str(folder / "config"),
                    "API_ADDRESS": "127.0.0.1", "API_PORT": str(free_port()), "JWT_DURATION": "12h", **settings}
        self.url = f"http://127.0.0.1:{self.env['API_PORT']}"
        self.token = ""

    def __enter__(self):
        self.log = open(self.folder / "server.log", "wb")
        self.process = subprocess.Popen([self.program, "serve"], env=self.env, stdout=self.log, stderr=self.log)
        try:
            until(self._up, "the server answers")
            self.token = self.post("/auth/token", {"email": "root", "password": self.password})["token"]
        except BaseException:
            self.__exit__()
            say((self.folder / "server.log").read_text()[-2000:])
            raise
        return self

    def __exit__(self, *_):
        end(self.process)
        self.log.close()

    def _up(self):
        if self.process.poll() is not None:
            raise Wrong(f"The server ended with status {self.process.returncode}")
        try:
            return self.get("/health/probe")["status"] == "OK"
        except (OSError, urllib.error.URLError):
            return False

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.url + "/api/v1" + path, method=method,
                                         data=None if body is None else json.dumps(body).encode())
        request.add_header("Content-Type", "application/json")
        if self.token:
            request.add_header("Authorization", "Bearer " + self.token)
        with urllib.request.urlopen(request, timeout=600) as answer:
            text = answer.read()
        return json.loads(text) if text.strip() else None

    def get(self, path):
        return self.call("GET", path)

    def post(self, path, body):
        return self.call("POST", path, body)

    def cli(self, *words):
        done = subprocess.run([self.program, *words], env=self.env, capture_output=True, text=True)
        if done.returncode != 0:
            raise Wrong(f"corral {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout
