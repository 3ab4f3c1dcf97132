"""Secrets that must not be seen: marked ones are put into the server's configuration, those that the scenarios use are
learnt on the way, and then everything that leaves the service is searched for them: answers, events, log lines, the
database's files, and the argument lists of its processes. `run.py --planted` uses it."""
import base64
import json
import os
import pathlib
import secrets
import threading

import replay

SHORTEST = 10  # shorter ones are words that stand everywhere
NAMES = ("password", "secret", "token", "api_key", "new_password", "client_secret", "refresh_token")
TYPES = "global,pdfm,system,system_logs,health,orchestrator,stats,reverse_proxy,catalog_cache,job_manager,auth"


def members(document):
    """(name, text) of every member that is a text, at any depth."""
    if isinstance(document, dict):
        for name, value in document.items():
            if isinstance(value, str):
                yield name, value
            else:
                yield from members(value)
    elif isinstance(document, list):
        for item in document:
            yield from members(item)


def shown_on_purpose(method, path, status):
    """Answers whose business it is to show a secret, once: a login its token, a new API key its key."""
    path = path.split("?")[0].replace("/v1", "", 1).rstrip("/")
    return status < 300 and method == "POST" and path in ("/api/auth/token", "/api/auth/api_keys")


def check_the_watch():
    """That nothing is found has to mean something."""
    watch = Watch()
    watch.request(b'{"user": {"password": "a-password-of-mine"}}')
    watch.answer("POST", "/api/v1/auth/token", 200, b'{"token": "a-token-of-mine"}')
    watch.answer("GET", "/api/v1/auth/users", 200, b'[{"hash": "of a-password-of-mine"}]')
    watch.search("Bearer a-token-of-mine", "the log")
    watch.search(watch.settings["METRICS_TOKEN"], "a process list")
    assert set(watch.seen) == {("password", "the answer to GET /api/v1/auth/users"), ("token", "the log"),
                               ("METRICS_TOKEN", "a process list")}, watch.seen


class Watch:
    """One server's secrets, and where they were seen. Any thread."""

    def __init__(self):
        marked = "planted" + secrets.token_hex(8)
        self.settings = {"JWT_HMACS_SECRET": marked + "-jwt-secret", "METRICS_TOKEN": marked + "-metrics-token",
                         "OTEL_EXPORTER_OTLP_HEADERS": "X-Key=" + marked + "-otlp-key", "LOG_LEVEL": "debug"}
        self.lock = threading.Lock()
        self.known = {}  # secret: what it is
        self.seen = {}   # (what, where): an excerpt
        for name, value in self.settings.items():
            if name != "LOG_LEVEL":
                self.learn(value.removeprefix("X-Key="), name)
        self.over = threading.Event()
        self.threads = []

    def learn(self, secret, what):
        if len(secret) >= SHORTEST:
            with self.lock:
                self.known.setdefault(secret, what)
                # How a client writes a key and its secret into one header.
                try:
                    plain = base64.b64decode(secret, validate=True).decode()
                except ValueError:
                    return
                if ":" in plain and len(plain.partition(":")[2]) >= SHORTEST:
                    self.known.setdefault(plain.partition(":")[2], what + ", decoded")

    def learn_from(self, raw):
        try:
            document = json.loads(raw or b"null")
        except ValueError:
            return
        for name, value in members(document):
            if name in NAMES and not set(value) <= {"*"}:
                self.learn(value, name)

    def search(self, text, where):
        with self.lock:
            for secret, what in self.known.items():
                at = text.find(secret)
                if at >= 0:
                    self.seen.setdefault((what, where), text[max(0, at - 60):at].replace("\n", " | ") + "«" + what + "»")

    def request(self, raw):
        if isinstance(raw, (bytes, str)):  # not a body that is made while it is sent
            self.learn_from(raw)

    def answer(self, method, path, status, raw):
        if shown_on_purpose(method, path, status):
            self.learn_from(raw)
        else:
            self.search(raw.decode(errors="replace"), f"the answer to {method} {path.split('?')[0]}")

    def follow(self, server, runner):
        """Listens to every event and looks at the process list until stop()."""
        socket = replay.WebSocket(server.base, "/api/v1/ws/subscribe?event_types=" + TYPES, runner.auth("root"))

        def events():
            while not self.over.is_set():
                text = socket.receive(0.2)
                if text is not None:
                    self.search(text, "an event")
            socket.sock.close()

        def processes():
            while not self.over.wait(0.02):
                for entry in os.scandir("/proc"):
                    if not entry.name.isdigit():
                        continue
                    try:
                        if os.getsid(int(entry.name)) == server.process.pid:
                            self.search(pathlib.Path(entry.path, "cmdline").read_bytes().decode(errors="replace"),
                                        "a process list")
                    except OSError:
                        continue  # ended meanwhile
        for work in (events, processes):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self.threads.append(thread)

    def stop(self, server):
        """Ends listening and reads what the server left on disk; the findings."""
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.learn(server.password, "ROOT_PASSWORD")
        self.search(server.log.read_text(errors="replace"), "the log")
        data = server.folder / "data"
        for path in [*data.glob("corral.*"), *data.glob("logs/*")]:
            if path.is_file():
                self.search(path.read_bytes().decode(errors="replace"), f"the file {path.name}")
        return [f"{what} is seen in {where}: {excerpt}" for (what, where), excerpt in sorted(self.seen.items())]
