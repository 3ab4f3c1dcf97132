#!/usr/bin/env python3
"""kill_test.py --corral PROGRAM --make-guest SCRIPT --guest-folder FOLDER [--seed N]

kill -9 of the server at random moments, while clients push, pull, create, clone and delete: what was acknowledged is
there, jobs end, nothing is left over; and running machines go on. CORRAL_LONG=1: the long counts.
"""
import pathlib
import random
import subprocess
import sys
import threading
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "support")]
import corral  # noqa: E402
from corral import CHUNK, Lost, Refused, Server, until  # noqa: E402
from ledger import Disk, Worker, homes_allowed  # noqa: E402

KILLS = 200 if corral.long_run() else 30
KILLS_WITH_GUESTS = 30 if corral.long_run() else 6
WORKERS = 4
JOBS_END_WITHIN = 60
GUEST_WITHIN = 120
SETTLED = {"stopped", "running", "paused", "suspended"}


def make_disks(folder, rng, count=10):
    """Small sparse disks that share many of their chunks, so that removing one leaves packs half needed."""
    pool = [rng.randbytes(CHUNK) for _ in range(48)]
    out = []
    for number in range(count):
        path = folder / f"disk-{number}.raw"
        places = rng.sample(range(256), rng.randint(12, 40))
        out.append(Disk(str(path), corral.make_disk(path, 16 << 20, {p: rng.choice(pool) for p in places})))
    return out


class Killing(unittest.TestCase):
    """A server, its workers, and rounds of work that end with a kill."""

    hypervisor = None

    def open(self, workers):
        self.rng = random.Random(f"{SEED}/{type(self).__name__}")
        self.server = Server(OPTIONS.corral, self.hypervisor)
        self.addCleanup(self.server.close)
        self.disks = make_disks(self.server.folder, self.rng)
        self.workers = [Worker(n, self.server, self.disks, SEED) for n in range(workers)]
        self.server.start()

    def round(self, longest):
        """Work, a kill at a random moment, a restart; sometimes the restart is killed too. Number of kills."""
        stop = threading.Event()
        for worker in self.workers:
            worker.begin(stop)
        time.sleep(self.rng.uniform(0.05, longest))  # the random moment
        self.server.kill(self.rng.random() < 0.5)
        stop.set()
        kills = 1
        for worker in self.workers:
            worker.thread.join(180)
            self.assertFalse(worker.thread.is_alive(), f"worker {worker.number} got no answer and no end")
        while self.rng.random() < 0.25:
            self.server.launch()
            time.sleep(self.rng.uniform(0, 0.6))  # within recovery, or behind it
            self.server.kill(self.rng.random() < 0.5)
            kills += 1
        self.server.start()
        return kills

    def check(self):
        """Everything that was acknowledged is there and everything that is there was asked for."""
        wrong = [f for w in self.workers for f in w.failures]
        jobs = self.server.jobs_end(JOBS_END_WITHIN)
        images = self.server.images()
        machines = self.server.machine_names()
        for worker in self.workers:
            wrong += worker.settle(jobs, images, machines)
        wrong += self.files_match(machines)
        for worker in self.workers:
            worker.forget_the_absent()
        self.assertEqual(wrong, [], f"seed {SEED}\n{self.server.complaints()}")

    def files_match(self, machines):
        wrong = []
        for name, machine in machines.items():
            disk = machine["Hardware"]["hdd0"]["image"]
            while disk:
                if not pathlib.Path(disk).exists():
                    wrong.append(f"{name} stands on {disk}, which is not there")
                    break
                disk = corral.backing_of(disk)
        extra = {p.name for p in self.server.machines.iterdir()} - homes_allowed(self.workers)
        wrong += [f"{home} belongs to no machine" for home in sorted(extra)]
        known = [i for w in self.workers for i in w.images]
        pointers = {p.parent.name for p in self.server.store.glob("*/*.pdpack")}
        pointers |= {p.parent.name for p in self.server.store.glob("*/*.meta")}
        for image in known:
            if image.state == "present" and image.folder not in pointers:
                wrong.append(f"the files of {image.name} are not in the store")
            if image.state == "absent" and image.folder in pointers:
                wrong.append(f"{image.name} was removed and its files are in the store")
        return wrong

    def everything_reads_back(self):
        """Each image comes whole out of the store, not out of the cache."""
        for worker in self.workers:
            for machine in worker.having(worker.machines):
                self.assertEqual(corral.digest_of_disk(self.disk_of(machine.name), self.server.folder),
                                 machine.disk.digest, machine.name)
                self.server.call("DELETE", f"/machines/{machine.name}?force=true")
        self.server.stop()
        for entry in self.server.cache.iterdir():
            subprocess.run(["rm", "-rf", str(entry)], check=True)
        self.server.start()
        read = 0
        for image in (i for w in self.workers for i in w.having(w.images)):
            self.server.call("POST", "/machines", self.workers[0].create_request("reader", image))
            self.assertEqual(corral.digest_of_disk(self.disk_of("reader"), self.server.folder), image.disk.digest,
                             f"{image.name} reads back (seed {SEED})")
            self.server.call("DELETE", "/machines/reader")
            read += 1
        self.assertGreater(read, 0)

    def disk_of(self, name):
        return self.server.machine(name)["Hardware"]["hdd0"]["image"]

    def nothing_is_left(self):
        """When all is removed, the next start leaves no file behind that anything could miss."""
        for image in (i for w in self.workers for i in w.having(w.images)):
            self.server.call("DELETE", f"/catalog/{image.name}/1")
        self.assertEqual((self.server.call("GET", "/machines"), self.server.call("GET", "/catalog")), ([], []))
        self.server.stop()
        self.server.start()
        left = lambda: {name: files for name in ("machines", "cache", "store", "work")  # noqa: E731
                        if (files := self.leftovers(name))}
        until(lambda: not left(), 30, lambda: f"no file is left: {left()} (seed {SEED})")

    def leftovers(self, name):
        files = corral.files_below(self.server.data / name)
        if name != "work":
            return files
        # An upload that its client gave up may be taken up again for a day; it holds no more than was sent.
        return [f for f in files if not f.endswith(".pack")]


class ManyMachines(Killing):
    hypervisor = "fake"

    def test_what_was_acknowledged_survives_kills_and_nothing_else_does(self):
        self.open(WORKERS)
        kills, rounds = 0, 0
        while kills < KILLS:
            kills += self.round(longest=1.5)
            rounds += 1
            self.check()
        acknowledged = sum(w.acknowledged for w in self.workers)
        print(f"{kills} kills in {rounds} rounds; {acknowledged} acknowledged operations", flush=True)
        self.assertGreater(acknowledged, 2 * rounds)
        self.everything_reads_back()
        self.nothing_is_left()


class RunningGuests(Killing):
    hypervisor = "libvirt"

    def test_running_machines_go_on_over_kills_and_are_found_again(self):
        image = subprocess.run([OPTIONS.make_guest, OPTIONS.guest_folder], check=True, capture_output=True,
                               text=True).stdout.strip()
        self.open(1)
        self.server.cli("push", image, "TINY:1")
        for name in ("steady", "restless"):
            self.server.call("POST", "/machines", {"name": name, "start_on_create": name == "steady",
                                                   "catalog_manifest": {"catalog_id": "tiny", "version": "1",
                                                                        "specs": {"cpu": "1", "memory": "128"}}})
        self.snapshots = set()
        first = self.look_inside("steady")
        kills = 0
        while kills < KILLS_WITH_GUESTS:
            restless = threading.Thread(target=self.change_power_until_lost)
            restless.start()
            kills += self.round(longest=3)
            restless.join(180)
            self.assertFalse(restless.is_alive())
            self.check()
            now = self.look_inside("steady")
            self.assertEqual((now["pid"], now["boot"]), (first["pid"], first["boot"]), "the guest was left alone")
            self.assertGreater(now["up"], first["up"])
            self.assertGreaterEqual(now["shown"], int(now["up"]) - 5, "the uptime shown was not begun anew")
            first = now
            self.states_are_true()
            self.snapshots_are_there()
            self.restless_obeys()
        print(f"{kills} kills under a running guest", flush=True)
        for name in ("steady", "restless"):
            self.server.call("DELETE", f"/machines/{name}?force=true")
        self.server.call("DELETE", "/catalog/TINY/1")
        # Those too that libvirt asked what they can do when a kill came.
        until(lambda: not self.server.qemu_processes(), 30,
              lambda: f"no QEMU is left: {self.server.qemu_processes()} (seed {SEED})")
        self.everything_reads_back()
        self.nothing_is_left()
        self.assertEqual(list((self.server.data / "hypervisor/etc/qemu").glob("*.xml")), [])

    def look_inside(self, name):
        until(lambda: self.server.machine(name)["State"] == "running", 30, f"{name} is seen running")
        words = self.server.execute(name, "cat /proc/sys/kernel/random/boot_id; cut -d' ' -f1 /proc/uptime",
                                    GUEST_WITHIN)["stdout"].split()
        machine = self.server.machine(name)
        pids = [pid for pid, words_ in corral.qemu_processes(self.server.folder).items()
                if any(machine["ID"] in w for w in words_)]
        self.assertEqual(len(pids), 1, f"{name} has one process")
        return {"pid": pids[0], "boot": words[0], "up": float(words[1]), "shown": int(machine["Uptime"])}

    def change_power_until_lost(self):
        """Power verbs and snapshots on a machine of its own until the server is gone; refusals are fine, it is left in
        any state."""
        rng = random.Random(self.rng.random())
        verbs = ["start", "stop?force=true", "pause", "resume", "suspend"]
        while True:
            try:
                if rng.random() < 0.3:
                    self.snapshot_something(rng)
                else:
                    self.server.call("PUT", f"/machines/restless/{rng.choice(verbs)}")
            except Refused as refused:
                if refused.status >= 500:
                    self.workers[0].failures.append(f"power: {refused}")
            except (Lost, OSError):
                return

    def snapshot_something(self, rng):
        """What was acknowledged is in self.snapshots until its removal is asked for."""
        path = "/machines/restless/snapshots"
        known = sorted(self.snapshots)
        if len(known) < 2 or rng.random() < 0.5:
            self.snapshots.add(self.server.call("POST", path, {})["snapshot_id"])
        elif rng.random() < 0.5:
            self.server.call("POST", f"{path}/{rng.choice(known)}/revert", {})
        else:
            gone = rng.choice(known)
            self.snapshots.discard(gone)
            self.server.call("DELETE", f"{path}/{gone}")

    def snapshots_are_there(self):
        listed = {s["id"] for s in self.server.call("GET", "/machines/restless/snapshots").get("snapshots", [])}
        self.assertEqual(self.snapshots - listed, set(), f"acknowledged snapshots are there (seed {SEED})")
        self.snapshots = listed

    def states_are_true(self):
        """Every machine is in a settled state: with a process exactly when it is on, with saved memory exactly when it
        is suspended."""
        def true():
            ids = {}
            for machine in self.server.call("GET", "/machines"):
                ids.setdefault(machine["State"], set()).add(machine["ID"])
            processes = corral.qemu_processes(self.server.folder).values()
            on = {i for i in set().union(*ids.values()) for words in processes if any(i in w for w in words)}
            saved = {p.stem for p in (self.server.data / "hypervisor/lib/qemu/save").glob("*.save")}
            return (ids.keys() <= SETTLED and on == ids.get("running", set()) | ids.get("paused", set())
                    and len(on) == len(processes) and saved == ids.get("suspended", set()))
        until(true, 30, lambda: "states are true: " + str(
            ([(m["ID"], m["State"]) for m in self.server.call("GET", "/machines")],
             corral.qemu_processes(self.server.folder),
             list((self.server.data / "hypervisor/lib/qemu/save").iterdir()))) + f" (seed {SEED})")

    def restless_obeys(self):
        """No half-done verb of before the kill holds up the next. Now and then it stays as it is for the next kill."""
        if self.rng.random() < 0.5:
            self.server.call("PUT", "/machines/restless/stop?force=true")
            self.assertEqual(self.server.machine("restless")["State"], "stopped")

    def files_match(self, machines):
        return [w for w in super().files_match(machines) if not w.startswith(("steady.qemu", "restless.qemu"))]


if __name__ == "__main__":
    OPTIONS = corral.options("corral", "make-guest", "guest-folder")
    SEED = corral.seed_from(OPTIONS.seed)
    corral.main()
