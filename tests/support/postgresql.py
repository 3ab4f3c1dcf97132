"""A PostgreSQL server of a test's own (Debian's package): on a socket in a temporary folder, with fsync on. Use as a
context; it ends with the test, however that ends."""
import ctypes
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

START_SECONDS = 60
PR_SET_PDEATHSIG = 1


class Trouble(Exception):
    """PostgreSQL is not installed or does not start."""


def programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        raise Trouble("PostgreSQL's server is not installed: tools/packages.txt")
    return found[-1].parent


class Server:
    def __init__(self, inside=None):
        self.programs = programs()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="corral-pg-", dir=inside))
        self.process = None
        # It refuses to run as root.
        self.account = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        if self.account:
            shutil.chown(self.folder, "postgres", "postgres")

    def __enter__(self):
        try:
            self.run("initdb", "--pgdata", self.folder / "data", "--username=corral", "--auth=trust", "--encoding=UTF8",
                     "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US", "--no-sync")
            self.start()
            return self
        except BaseException:
            self.__exit__()
            raise

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, name, *words):
        done = subprocess.run([self.programs / name, *words], cwd="/", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True, check=False, **self.account)
        if done.returncode != 0:
            raise Trouble(f"{name}: {done.stdout}")
        return done.stdout

    def start(self):
        libc = ctypes.CDLL(None)
        log = open(self.folder / "log", "ab")  # ours, given to it
        with log:
            self.process = subprocess.Popen(
                [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder, "-c", "listen_addresses=",
                 "-c", "max_connections=200", "-c", "shared_buffers=32MB"], cwd="/", stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True,
                preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGQUIT), **self.account)
        deadline = time.monotonic() + START_SECONDS
        while subprocess.run([self.programs / "pg_isready", "-q", "-h", self.folder], check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise Trouble("PostgreSQL does not start:\n" + (self.folder / "log").read_text(errors="replace"))
            time.sleep(0.02)

    def stop(self, how=signal.SIGINT):
        """SIGINT ends its sessions and shuts down; SIGQUIT crashes it."""
        if self.process:
            self.process.send_signal(how)
            self.process.wait()
            self.process = None

    def sql(self, text):
        return self.run("psql", "-X", "-q", "-t", "-A", "-h", self.folder, "-U", "corral", "-c", text, "postgres").strip()

    def url(self, name):
        """A database of its own for each name: a schema, which costs a tenth of what CREATE DATABASE does."""
        schema = "t" + hashlib.sha256(name.encode()).hexdigest()[:16]
        self.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        return f"postgresql://corral:unused-password@/postgres?host={self.folder}&options=-csearch_path%3D{schema}"
