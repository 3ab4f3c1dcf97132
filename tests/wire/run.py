#!/usr/bin/env python3
"""Run the recorded scenarios against `corral serve`.

    run.py CORRAL                   all of them
    run.py CORRAL rest machines/03  a folder, or those whose names begin so
    run.py -v CORRAL rest/04        every failing step, of scenarios on the list too, and the server's log
    run.py --planted CORRAL         also looks for secrets wherever none may be seen (planted.py)
    run.py --database postgresql CORRAL   on a PostgreSQL server that the suite starts, a database for each server

A scenario holds with all its steps or stands in not-served.txt; one that does both is an error too. Servers are
started as the scenarios need them, on free ports, with all their state in one temporary folder; nothing is left.
"""
import argparse
import contextlib
import dataclasses
import http.client
import io
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "support"))
sys.dont_write_bytecode = True
import planted  # noqa: E402: after the line above, to leave no __pycache__
import postgresql  # noqa: E402
import replay  # noqa: E402

SCENARIOS = HERE / "scenarios"
LIST = HERE / "not-served.txt"
START_SECONDS = STOP_SECONDS = 60
PATIENCE = 2  # seconds that a scenario of the list gets where it repeats a request until it fits
FRESH = ("a server of its own", "no host is registered")  # such scenarios share their server with no other


class Trouble(Exception):
    """The suite itself cannot go on: a bad list, a server that does not start or does not stop."""


@dataclasses.dataclass
class Scenario:
    name: str
    path: pathlib.Path
    needs: dict

    @property
    def fixtures(self):
        return self.needs.get("fixtures", [])

    def server(self):
        """What distinguishes the server that this scenario needs."""
        alone = self.name if any(f.startswith(FRESH) for f in self.fixtures) else ""
        return json.dumps([self.needs.get("env", {}), self.needs.get("modules", []), alone])


def load_scenarios():
    found = {}
    for path in sorted(SCENARIOS.rglob("*.json")):
        name = path.relative_to(SCENARIOS).with_suffix("").as_posix()
        found[name] = Scenario(name, path, json.loads(path.read_text(encoding="utf-8")).get("needs", {}))
    return found


def load_list(known):
    """{scenario: reason} of not-served.txt."""
    listed = {}
    for number, line in enumerate(LIST.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, reason = line.partition(" ")
        for wrong, why in ((name not in known, "is no scenario"), (name in listed, "stands there twice"),
                           (not reason.strip(), "has no reason")):
            if wrong:
                raise Trouble(f"{LIST.name}:{number}: {name} {why}")
        listed[name] = reason.strip()
    return listed


def choose(known, wanted):
    chosen = {}
    for word in wanted or [""]:
        word = word.removesuffix(".json").split("scenarios/")[-1].rstrip("/")
        hits = [s for n, s in known.items() if not word or n.startswith(word if "/" in word else word + "/")]
        if not hits:
            raise Trouble(f"no scenario is called {word}")
        chosen.update((s.name, s) for s in hits)
    return [chosen[name] for name in sorted(chosen)]


class Server:
    """`corral serve` with what some scenarios need. Use as a context; stops it and says so when it ended badly."""

    def __init__(self, corral, folder, needs, fixtures, watch=None, database=None):
        self.folder = folder
        self.watch = watch
        self.password = "Aa1!" + secrets.token_hex(12)
        self.log = folder / "server.log"
        self.variables = {"scratch": str(folder / "scratch")}
        (folder / "scratch").mkdir()
        (folder / "config.yaml").write_text("environment: {}\n")  # not the one of a service installed here
        modules = list(needs.get("modules", []))
        self.with_base = "golden-base" in fixtures
        if self.with_base:
            modules = list(dict.fromkeys(modules + ["host", "catalog"]))  # the machine is made of an image
        if any("reference-store" in fixture for fixture in fixtures):
            shutil.copytree(HERE / "fixtures" / "reference-store", folder / "store")
            self.variables["store"] = str(folder / "store")
        env = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "TMPDIR") or k.endswith("SAN_OPTIONS")}
        env |= {"HOME": str(folder), "DATABASE_FOLDER": str(folder / "data"), "HYPERVISOR": "fake",
                "API_ADDRESS": "127.0.0.1", "API_PORT": "0", "ROOT_PASSWORD": self.password}
        if modules:
            env["ENABLED_MODULES"] = ",".join(modules)
        if database:
            env["DATABASE_URL"] = database.url(folder.name)
        env |= (watch.settings if watch else {}) | needs.get("env", {})
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([corral, "serve", "--config=" + str(folder / "config.yaml")], env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)

    def __enter__(self):
        try:
            self.base = f"http://127.0.0.1:{self.wait_for_port()}"
            if self.with_base:
                self.make_golden_base()
            return self
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind, *_):
        ended = self.stop()
        if ended and kind is None:
            raise Trouble(f"{ended}\n{self.log_tail()}")

    def wait_for_port(self):
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            ready = re.search(r"Corral is ready.* port=(\d+)", self.log.read_text(errors="replace"))
            if ready:
                return int(ready.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        raise Trouble(f"the server did not start\n{self.log_tail()}")

    def stop(self):
        """Stops the server. None, or what was wrong with its end."""
        wrong = None
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
            if code != 0:
                wrong = f"the server ended with {code}"
        except subprocess.TimeoutExpired:
            wrong = "the server did not stop"
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
            wrong = wrong or "the server left a process"
        self.process.wait()
        return wrong

    def log_tail(self):
        return "".join(f"    | {line}\n" for line in self.log.read_text(errors="replace").splitlines()[-30:])

    def runner(self):
        settings = argparse.Namespace(base=self.base, password=self.password, record=None, reference=False,
                                      verbose=False, set=[f"{k}={v}" for k, v in self.variables.items()])
        attempt = Attempt(settings)
        attempt.watch = self.watch
        return attempt

    def make_golden_base(self):
        """The stopped machine that scenarios clone, made of an image that is taken out of the catalog again."""
        disk = self.folder / "scratch" / "golden-base.img"
        disk.write_bytes(bytes(range(256)) * 4096)
        image = {"catalog_id": "golden-base", "version": "1.0", "architecture": "x86_64",
                 "connection": f"provider=local-storage;catalog_path={self.folder}/base-store"}
        call = self.runner().call
        call("POST", "/api/v1/catalog/push", {**image, "local_path": str(disk)})
        call("POST", "/api/v1/machines", {"name": "golden-base", "architecture": "x86_64", "catalog_manifest": {
            **image, "specs": {"cpu": "2", "memory": "2048"}}})
        call("DELETE", "/api/v1/catalog/golden-base")
        disk.unlink()


class Attempt(replay.Runner):
    """One scenario at a server; a listed one ends at its first failing step, as nobody waits for the others."""

    class Enough(Exception):
        pass

    to_first_failure = False
    watch = None

    def http(self, method, path, headers, body, timeout=60, base=None):
        if not self.watch or base:
            return super().http(method, path, headers, body, timeout, base)
        self.watch.request(body)
        status, fields, raw = super().http(method, path, headers, body, timeout, base)
        self.watch.answer(method, path, status, raw)
        return status, fields, raw

    def step(self, step, record):
        if self.to_first_failure:
            if self.failures:
                raise self.Enough
            if step.get("until"):
                step["within"] = min(PATIENCE, step.get("within", PATIENCE))
        return super().step(step, record)

    def call(self, method, path, body=None):
        headers = self.auth("root") | {"Content-Type": "application/json"}
        status, _, answer = self.http(method, path, headers, json.dumps(body).encode() if body else None)
        if status >= 300:
            raise Trouble(f"{method} {path} answered {status} {answer[:300]!r}")

    def attempt(self, path):
        """What replay printed; `failures` and `passed` count the steps."""
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said):
                self.run(path)
        except self.Enough:
            for socket in self.sockets.values():
                socket.sock.close()
        except (SystemExit, OSError, http.client.HTTPException) as e:  # cannot log in, or nobody is there
            self.failures += 1
            said.write(f"{e}\n")
        return said.getvalue()


class Suite:
    def __init__(self, corral, listed, verbose, planted_too, database=None):
        self.corral, self.listed, self.verbose = corral, listed, verbose
        self.planted_too, self.database = planted_too, database
        self.served = self.unserved = self.wrong = 0

    def run(self, scenarios):
        groups = {}
        for scenario in scenarios:
            groups.setdefault(scenario.server(), []).append(scenario)
        with tempfile.TemporaryDirectory(prefix="corral-wire-") as top:
            for number, group in enumerate(groups.values()):
                folder = pathlib.Path(top) / str(number)
                folder.mkdir()
                # Scenarios of the list break off in the middle: what they leave must not disturb the others.
                self.run_group(sorted(group, key=lambda s: s.name in self.listed), folder)
                shutil.rmtree(folder)

    def run_group(self, group, folder):
        fixtures = {fixture for scenario in group for fixture in scenario.fixtures}
        failed = self.wrong
        watch = planted.Watch() if self.planted_too else None
        with Server(self.corral, folder, group[0].needs, fixtures, watch, self.database) as server:
            token = {}
            if watch and "API_PREFIX" not in group[0].needs.get("env", {}):
                runner = server.runner()
                watch.follow(server, runner)
                token = {"root_token": runner.root_token()}
            for scenario in group:
                runner = server.runner()
                runner.variables |= token
                self.run_scenario(scenario, runner)
                token = {k: v for k, v in runner.variables.items() if k == "root_token"}
        for finding in watch.stop(server) if watch else ():
            self.wrong += 1
            print(f"SECRET      {finding}", flush=True)
        if self.verbose and self.wrong > failed:
            print(server.log_tail(), end="")

    def run_scenario(self, scenario, runner):
        listed = scenario.name in self.listed
        runner.to_first_failure = listed and not self.verbose
        began = time.monotonic()
        said = runner.attempt(scenario.path)
        took = time.monotonic() - began
        if runner.failures and listed:
            self.unserved += 1
            print(f"not served  {scenario.name}: {self.listed[scenario.name]}", flush=True)
        elif runner.failures:
            self.wrong += 1
            print(f"FAILS       {scenario.name}", flush=True)
        elif listed:
            self.wrong += 1
            print(f"HOLDS NOW   {scenario.name}: take it off {LIST.name}", flush=True)
        else:
            self.served += 1
            print(f"holds       {scenario.name}: {runner.passed} steps, {took:.1f} s", flush=True)
        if runner.failures and (self.verbose or not listed):
            print("".join(f"    {line}\n" for line in said.splitlines()), end="", flush=True)


def program(path):
    if not os.access(path, os.X_OK):
        raise argparse.ArgumentTypeError(f"{path} is no program")
    return os.path.abspath(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corral", metavar="CORRAL", type=program, help="the program to test")
    parser.add_argument("names", nargs="*", metavar="NAME", help="folders or scenarios; none: all")
    parser.add_argument("-v", "--verbose", action="store_true", help="every failing step and the server's log")
    parser.add_argument("--planted", action="store_true", help="look for secrets where none may be seen")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite", help="what is behind it")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that servers are stopped
    began = time.monotonic()
    try:
        known = load_scenarios()
        if args.planted:
            planted.check_the_watch()
        with postgresql.Server() if args.database == "postgresql" else contextlib.nullcontext() as database:
            suite = Suite(args.corral, load_list(known), args.verbose, args.planted, database)
            suite.run(choose(known, args.names))
    except (Trouble, postgresql.Trouble) as trouble:
        sys.exit(f"run.py: {trouble}")
    except KeyboardInterrupt:
        sys.exit("run.py: interrupted")
    print(f"{suite.served} served, {suite.unserved} not served yet, {suite.wrong} wrong;"
          f" {time.monotonic() - began:.0f} s")
    sys.exit(1 if suite.wrong else 0)


if __name__ == "__main__":
    main()
