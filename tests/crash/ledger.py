"""What clients of a server that is killed know: what they asked for, what was acknowledged, what they may expect.

A worker asks for one thing at a time and owns what it makes, so after a kill at most one of its things is in doubt.
"""
import dataclasses
import random
import threading
import time

from corral import Lost, Refused

PRESENT, ABSENT, DOUBT = "present", "absent", "in doubt"


@dataclasses.dataclass
class Disk:
    path: str
    digest: str  # SHA-256 of its raw bytes


@dataclasses.dataclass
class Image:
    name: str  # as the catalog shows it: in capitals
    disk: Disk
    state: str = DOUBT
    removing: bool = False

    @property
    def folder(self):
        return self.name.lower()


@dataclasses.dataclass
class Machine:
    name: str
    disk: Disk
    source: "Machine | None" = None  # it is a clone of
    state: str = DOUBT

    @property
    def home(self):
        return self.name + ".qemu"


class Worker:
    """One client: makes and removes images and machines at random until it is told to stop or the server is gone."""

    def __init__(self, number, server, disks, seed):
        self.number, self.server, self.disks = number, server, disks
        self.rng = random.Random(f"{seed}/{number}")
        self.images, self.machines = [], []
        self.made = 0
        self.job = None  # acknowledged and not yet seen to end
        self.failures = []
        self.acknowledged = 0
        self.thread = None

    def begin(self, stop):
        self.thread = threading.Thread(target=self._work, args=(stop,))
        self.thread.start()

    def _work(self, stop):
        try:
            while not stop.is_set():
                self.step()
        except Lost:
            pass
        except Exception as error:  # what a client must never see; told by the test
            self.failures.append(f"worker {self.number}: {error!r}")

    def having(self, things, state=PRESENT):
        return [t for t in things if t.state == state]

    def step(self):
        images, machines = self.having(self.images), self.having(self.machines)
        can = [(self.push_by_command, 2), (self.push_by_path, 2), (self.push_as_job, 2)] if len(images) < 4 else []
        if images and len(machines) < 6:
            can += [(self.create, 2), (self.create_as_job, 3), (self.pull_as_job, 1)]
        if machines:
            can += [(self.delete_machine, 2)]
            if len(machines) < 6:
                can += [(self.clone, 1)]
        if images:
            can += [(self.delete_image, 2)]
        self.rng.choices([c for c, _ in can], [w for _, w in can])[0]()
        self.acknowledged += 1

    def next_name(self, kind):
        self.made += 1
        return f"{kind}-{self.number}-{self.made}"

    # -- images

    def new_image(self):
        image = Image(self.next_name("I"), self.rng.choice(self.disks))
        self.images.append(image)
        return image

    def push_by_command(self):
        image = self.new_image()
        self.server.cli("push", image.disk.path, f"{image.name}:1")
        image.state = PRESENT

    def push_request(self, image):
        return {"catalog_id": image.name, "version": "1", "local_path": image.disk.path,
                "connection": f"provider=local-storage;catalog_path={self.server.store}"}

    def push_by_path(self):
        image = self.new_image()
        self.server.call("POST", "/catalog/push", self.push_request(image))
        image.state = PRESENT

    def push_as_job(self):
        image = self.new_image()
        self.follow(self.server.call("POST", "/catalog/push/async", self.push_request(image)), image)

    def delete_image(self):
        image = self.rng.choice(self.having(self.images))
        image.state, image.removing = DOUBT, True
        self.server.call("DELETE", f"/catalog/{image.name}/1")
        image.state = ABSENT

    # -- machines

    def new_machine(self, disk, source=None):
        machine = Machine(self.next_name("m"), disk, source)
        self.machines.append(machine)
        return machine

    def create_request(self, name, image):
        return {"name": name, "catalog_manifest": {"catalog_id": image.name, "version": "1",
                                                   "specs": {"cpu": "1", "memory": "128"}}}

    def create(self):
        image = self.rng.choice(self.having(self.images))
        machine = self.new_machine(image.disk)
        self.server.call("POST", "/machines", self.create_request(machine.name, image))
        machine.state = PRESENT

    def create_as_job(self):
        image = self.rng.choice(self.having(self.images))
        machine = self.new_machine(image.disk)
        self.follow(self.server.call("POST", "/machines/async", self.create_request(machine.name, image)), machine)

    def pull_as_job(self):
        image = self.rng.choice(self.having(self.images))
        machine = self.new_machine(image.disk)
        request = {"catalog_id": image.name, "version": "1", "machine_name": machine.name}
        self.follow(self.server.call("PUT", "/catalog/pull/async", request), machine)

    def clone(self):
        source = self.rng.choice(self.having(self.machines))
        machine = self.new_machine(source.disk, source)
        self.server.call("PUT", f"/machines/{source.name}/clone", {"clone_name": machine.name})
        machine.state = PRESENT

    def delete_machine(self):
        machine = self.rng.choice(self.having(self.machines))
        machine.state = DOUBT
        self.server.call("DELETE", f"/machines/{machine.name}")
        machine.state = ABSENT

    # -- jobs

    def follow(self, job, thing):
        """An accepted job is a promise: it ends, and well, whatever happens to the server meanwhile."""
        self.job = (job["id"], thing)
        while job["state"] not in ("completed", "failed"):
            time.sleep(0.02)
            job = self.server.call("GET", f"/jobs/{job['id']}")
        self.job = None
        if job["state"] == "failed":
            raise Refused(job["state"], job.get("error"))
        thing.state = PRESENT

    # -- after a restart

    def settle(self, jobs, images, machines):
        """Compares what is there with what must be; doubts become certain. What is wrong, as sentences."""
        wrong = []
        if self.job:
            identity, thing = self.job
            self.job = None
            end = jobs.get(identity)
            if end is None:
                wrong.append(f"job {identity} for {thing.name} was accepted and is gone")
            elif end["state"] != "completed":
                wrong.append(f"job {identity} for {thing.name} did not go on: {end.get('error')}")
            else:
                thing.state = PRESENT
        for image in self.images:
            wrong += self._settle_image(image, (image.name, "1") in images)
        for machine in self.machines:
            wrong += self._settle(machine, machine.name in machines)
        return wrong

    def _settle_image(self, image, there):
        """Clients ask again for what they got no answer to, until they get one."""
        if image.state == DOUBT and image.removing and there:
            self.server.call("DELETE", f"/catalog/{image.name}/1")
            image.state, there = ABSENT, False
        if image.state == DOUBT and not image.removing and not there:
            self.server.call("POST", "/catalog/push", self.push_request(image))
            image.state, there = PRESENT, True
        return self._settle(image, there)

    def _settle(self, thing, there):
        if thing.state == DOUBT:
            thing.state = PRESENT if there else ABSENT
        elif there != (thing.state == PRESENT):
            return [f"{thing.name} was acknowledged as {thing.state} and is {'there' if there else 'not there'}"]
        return []

    def forget_the_absent(self):
        self.images = self.having(self.images)
        living = self.having(self.machines)
        bases = set()
        for machine in living:
            while machine := machine.source:
                bases.add(machine.name)
        self.machines = [m for m in self.machines if m.state == PRESENT or m.name in bases]


def homes_allowed(workers):
    """Folders that may stand among the machines: of those present, and of removed ones whose disks carry clones."""
    out = set()
    for worker in workers:
        for machine in worker.having(worker.machines):
            while machine:
                out.add(machine.home)
                machine = machine.source
    return out
