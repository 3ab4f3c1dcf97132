"""What the tests of whole servers share: a server to start, kill and stop, its API and events, disks, and waiting.

Python 3 standard library only. Nothing here sleeps to wait for a result: until() polls a real condition.
"""
import argparse
import base64
import hashlib
import http.client
import json
import os
import pathlib
import random
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

CHUNK = 64 << 10  # what the chunk store cuts disks into
POLL = 0.01


class Lost(Exception):
    """The server went away before it answered: the request may have been carried out or not."""


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


def until(condition, within, what, poll=POLL):
    """The first true value of condition(); AssertionError when there is none in time."""
    deadline = time.monotonic() + within
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what() if callable(what) else what}")
        time.sleep(poll)


# ---- processes

def processes():
    """(pid, parent, argument vector) of every process."""
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")[:-1]
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue  # ended meanwhile
        yield int(entry.name), parent, [w.decode(errors="replace") for w in words]


def qemu_processes(folder):
    """{pid: argument vector} of the QEMU machines whose disks lie below folder."""
    return {pid: words for pid, _, words in processes()
            if words and "qemu-system" in words[0] and any(str(folder) in w for w in words)}


def _kill(how, pid):
    try:
        how(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # it was faster


# ---- disks

def make_disk(path, size, chunks):
    """A sparse raw disk with these contents ({chunk number: bytes}); its SHA-256."""
    with open(path, "wb") as file:
        file.truncate(size)
        for number, content in chunks.items():
            file.seek(number * CHUNK)
            file.write(content)
    return digest_of_file(path)


def digest_of_file(path):
    out = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            out.update(block)
    return out.hexdigest()


def digest_of_disk(image, scratch):
    """SHA-256 of the raw bytes that a guest would see on a disk image of any format."""
    raw = pathlib.Path(scratch) / f"{secrets.token_hex(8)}.raw"
    try:
        subprocess.run(["qemu-img", "convert", "-O", "raw", image, raw], check=True, capture_output=True)
        return digest_of_file(raw)
    finally:
        raw.unlink(missing_ok=True)


def backing_of(image):
    """The file that a qcow2 image stands on, None when it stands on none (or is raw)."""
    with open(image, "rb") as file:
        head = file.read(20)
        if head[:4] != b"QFI\xfb":
            return None
        offset, size = struct.unpack(">QI", head[8:20])
        if offset == 0:
            return None
        file.seek(offset)
        return file.read(size).decode()


def files_below(folder):
    folder = pathlib.Path(folder)
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if not p.is_dir() or p.is_symlink())


# ---- the server

class Server:
    """One `corral serve` with a data folder of its own, which outlives any number of its processes."""

    def __init__(self, binary, hypervisor, **settings):
        self.binary = os.path.realpath(binary)
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corral-test-"))
        self.data = self.folder / "data"
        self.machines, self.cache, self.work = (self.data / name for name in ("machines", "cache", "work"))
        self.store = self.data / "store"
        self.log_path = self.folder / "server.log"
        self.port, self.process, self.token = None, None, None
        self.password = secrets.token_urlsafe(24)
        own = ("CORRAL_", "LIBVIRT_", "ROOT_", "DATABASE_", "CATALOG_", "API_", "TLS_")
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(own)}
        self.environment.update(
            HYPERVISOR=hypervisor, DATABASE_FOLDER=str(self.data), API_ADDRESS="127.0.0.1", API_PORT="0",
            ROOT_PASSWORD=self.password, JWT_DURATION="24h", CATALOG_CACHE_KEEP_FREE_DISK_SPACE="0",
            XDG_CONFIG_HOME=str(self.folder / "config"), **settings)

    # -- its life

    def launch(self):
        """Starts the process and does not wait until it is ready."""
        assert self.process is None, "the server runs already"
        self.mark_log()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([self.binary, "serve"], env=self.environment, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, start_new_session=True)

    def start(self, within=60):
        self.launch()

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.complaints()}")
            return re.search(r"Corral is ready .*\bport=(\d+)", self.log())
        self.port = int(until(ready, within, "the server is ready").group(1))
        if self.token is None:
            self.token = self.call("POST", "/auth/token", {"email": "root@localhost", "password": self.password},
                                   sign=False)["token"]

    def complaints(self):
        """What this process has logged besides requests, shortened: for messages of failed tests."""
        return "\n".join(line for line in self.log().splitlines() if " info request " not in line)[-6000:]

    def mark_log(self):
        self.mark = self.log_path.stat().st_size if self.log_path.exists() else 0

    def log(self):
        """What was logged since the start, or since mark_log()."""
        with open(self.log_path, "rb") as file:
            file.seek(self.mark)
            return file.read().decode(errors="replace")

    def service(self):
        """The process that does the work: the one we started is the reaper above it. None before it was made."""
        for pid, parent, words in processes():
            if parent == self.process.pid and words[:2] == [self.binary, "serve"]:
                return pid
        return None

    def kill(self, whole_group=False):
        """kill -9: of the service alone, or of everything that was started with it."""
        if whole_group:
            _kill(os.killpg, self.process.pid)
        else:
            service = until(lambda: self.service() or self.process.poll() is not None, 10, "there is a service")
            if service is not True:
                _kill(os.kill, service)
        self.process.wait(30)
        until(lambda: not any(words[:2] == [self.binary, "serve"] and self._is_ours(pid)
                              for pid, _, words in processes()), 30, "no process of the server is left")
        self.process = None

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self.process = None
        assert code == 0, f"the server ended with {code} after SIGTERM:\n{self.complaints()}"

    def _is_ours(self, pid):
        try:
            return f"DATABASE_FOLDER={self.data}\0".encode() in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            return False

    def _run_links(self):
        """The short names of its hypervisor's folder."""
        runs = pathlib.Path("/run/corral" if os.geteuid() == 0 else f"/tmp/corral-{os.geteuid()}")
        return [link for link in (runs.iterdir() if runs.is_dir() else ())
                if link.is_symlink() and os.readlink(link) == os.path.realpath(self.data / "hypervisor")]

    def qemu_processes(self):
        """{pid: argument vector} of all its QEMUs, with a machine or without."""
        return {pid: words for place in (self.folder, *self._run_links())
                for pid, words in qemu_processes(place).items()}

    def close(self, keep=False):
        """Ends what is left and removes everything, whatever happened before."""
        if self.process is not None:
            _kill(os.killpg, self.process.pid)
            self.process.wait()
            self.process = None
        for pid in self.qemu_processes():
            _kill(os.kill, pid)
        for link in self._run_links():
            link.unlink()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # -- its API

    def request(self, method, path, body=None, timeout=120, sign=True):
        """Status and decoded body. Lost when the server went away first."""
        headers = {"Authorization": "Bearer " + self.token} if sign else {}
        data = None
        if body is not None:
            data = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, "/api/v1" + path, body=data, headers=headers)
            answer = connection.getresponse()
            raw = answer.read()
        except (ConnectionError, http.client.HTTPException) as error:
            raise Lost(repr(error)) from error
        finally:
            connection.close()
        return answer.status, json.loads(raw) if raw else None

    def call(self, method, path, body=None, timeout=120, sign=True):
        """The decoded body of a 2xx answer; Refused for any other."""
        status, answer = self.request(method, path, body, timeout, sign)
        if not 200 <= status <= 299:
            refused = Refused(status, answer)
            if status >= 500:
                refused.add_note(self.complaints())
            raise refused
        return answer

    def cli(self, *words, timeout=120, check=True):
        environment = {**self.environment, "CORRAL_URL": f"http://127.0.0.1:{self.port}", "CORRAL_TOKEN": self.token}
        done = subprocess.run([self.binary, *words], env=environment, capture_output=True, text=True, timeout=timeout)
        if done.returncode != 0 and "cannot be reached" in done.stderr:
            raise Lost(done.stderr)
        if check and done.returncode != 0:
            raise AssertionError(f"corral {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def machine(self, name):
        """The machine's document, None when there is none."""
        status, answer = self.request("GET", f"/machines/{name}")
        assert status in (200, 404), (status, answer)
        return answer if status == 200 else None

    def machine_names(self):
        return {m["Name"]: m for m in self.call("GET", "/machines")}

    def images(self):
        """{(catalog id, version): record}"""
        return {(record["catalog_id"], record["version"]): record
                for group in self.call("GET", "/catalog") for records in group.values() for record in records}

    def execute(self, machine, command, timeout=240):
        return self.call("PUT", f"/machines/{machine}/execute?stderr=always", {"command": command}, timeout)

    def open_jobs(self):
        return [j for j in self.call("GET", "/jobs") if j["state"] not in ("completed", "failed")]

    def jobs_end(self, within):
        """Waits until every job has reached an end state; all of them by id."""
        until(lambda: not self.open_jobs(), within, lambda: f"every job ends: {self.open_jobs()}", poll=0.05)
        return {j["id"]: j for j in self.call("GET", "/jobs")}


class Events:
    """A WebSocket that collects the server's events as they come."""

    def __init__(self, server, types):
        self.messages, self.changed = [], threading.Condition()
        self.socket = socket.create_connection(("127.0.0.1", server.port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET /api/v1/ws/subscribe?since=0&event_types={types} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                             f"Authorization: Bearer {server.token}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n").encode())
        self.stream = self.socket.makefile("rb")
        status = self.stream.readline().split(b" ")[1]
        assert status == b"101", status
        while self.stream.readline().strip():
            pass
        self.socket.settimeout(None)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            text = b""
            while True:
                first, second = self.stream.read(2)
                size = second & 0x7F
                if size > 125:
                    size = struct.unpack(">H" if size == 126 else ">Q", self.stream.read(2 if size == 126 else 8))[0]
                data = self.stream.read(size)
                kind = first & 0x0F
                if kind == 8:
                    return
                if kind == 9:
                    mask = os.urandom(4)
                    self.socket.sendall(bytes([0x8A, 0x80 | len(data)]) + mask
                                        + bytes(b ^ mask[i % 4] for i, b in enumerate(data)))
                elif kind in (0, 1):
                    text += data
                    if first & 0x80:
                        with self.changed:
                            self.messages.append(json.loads(text))
                            self.changed.notify_all()
                        text = b""
        except (OSError, ValueError):
            return  # closed

    def wait(self, reached, within, what):
        """Waits until reached(messages so far) is true; a copy of them."""
        with self.changed:
            if not self.changed.wait_for(lambda: reached(self.messages), within):
                raise AssertionError(f"not within {within} s: {what}; events: "
                                     + json.dumps([(m.get("message"), m.get("sequence")) for m in self.messages]))
            return list(self.messages)

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the server was faster
        self.socket.close()


def seed_from(text):
    """The seed of a run: given, or made and printed so that the run can be repeated."""
    seed = int(text) if text else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    return seed


def long_run():
    return os.environ.get("CORRAL_LONG") == "1"


def options(*names):
    """--NAME VALUE for each name, all needed, and --seed N; taken out of the command line."""
    parser = argparse.ArgumentParser()
    for name in names:
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--seed")
    found, rest = parser.parse_known_args()
    sys.argv[1:] = rest
    return found


def main():
    unittest.main(verbosity=2)
