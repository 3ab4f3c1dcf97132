#!/usr/bin/env python3
"""From "make a machine of this image" to the answer of its first command, beside qemu-img, virsh and the guest's agent."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
import xml.etree.ElementTree as ET

from harness import ROOT, Corral, Row, Wrong, parser, report, say, scratch, until

ANSWER = "first-answer"
AGENT_POLL = 0.01  # seconds between two tries of the peer: closer than people write it


class Ours:
    def __init__(self, server):
        self.server = server

    def create(self, name):
        made = self.server.post("/machines", {
            "name": name, "start_on_create": True,
            "catalog_manifest": {"catalog_id": "bench", "version": "1.0", "specs": {"cpu": "1", "memory": "128"}}})
        return made["id"]

    def execute(self, machine):
        done = self.server.call("PUT", f"/machines/{machine}/execute", {"command": f"echo {ANSWER}"})
        if (done["stdout"], done["exit_code"]) != (ANSWER, 0):
            raise Wrong(f"The guest answered {done}")

    def remove(self, machine):
        self.server.call("DELETE", f"/machines/{machine}?force=true")


class Virsh:
    """One virsh that stays open on an embedded libvirt of its own, so that no command pays for opening it."""

    def __init__(self, folder, server_root):
        # Sockets of the machine have short paths only when their folder has one.
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="cb", dir="/tmp"))
        (self.root / "etc").mkdir()
        shutil.copy(server_root / "etc" / "qemu.conf", self.root / "etc" / "qemu.conf")
        self.folder = folder
        self.turn = 0
        self.process = subprocess.Popen(["virsh", "-q", "-c", f"qemu:///embed?root={self.root}"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        shutil.rmtree(self.root, ignore_errors=True)

    def run(self, command):
        """What the command printed, with its errors."""
        self.turn += 1
        mark = f"end-of-command-{self.turn}"
        self.process.stdin.write(f"{command}\necho {mark}\n".encode())
        self.process.stdin.flush()
        said = b""
        while f"\n{mark}virsh # ".encode() not in said:  # virsh repeats what it reads behind its prompt
            piece = os.read(self.process.stdout.fileno(), 1 << 16)
            if not piece:
                raise Wrong(f"virsh ended: {said.decode()}")
            said += piece
        return "\n".join(line for line in said.decode().splitlines() if not line.startswith("virsh # ") and mark not in line)

    def use(self, xml, base):
        """Takes a machine of ours as the pattern, and its disk's base."""
        self.pattern, self.base = xml, base

    def xml_for(self, name, disk):
        domain = ET.fromstring(self.pattern)
        identity = str(uuid.uuid4())
        old = domain.find("name").text
        domain.find("uuid").text = identity
        domain.find("name").text = name
        domain.find("title").text = name
        domain.find("devices/disk/source").set("file", str(disk))
        for element in domain.iter():
            for key, value in element.attrib.items():
                if old in value and element.tag in ("source", "listen", "graphics"):
                    element.set(key, f"{self.root}/{name}{pathlib.Path(value).suffix}")
                elif element.tag == "log":
                    element.set(key, str(self.folder / f"{name}.log") if key == "file" else value)
        for mac in domain.iterfind("devices/interface/mac"):
            mac.set("address", "52:54:00:" + ":".join(re.findall("..", identity[:6])))
        return ET.tostring(domain, encoding="unicode")

    def create(self, name):
        disk = self.folder / f"{name}.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", self.base, "-F", "raw", disk], check=True)
        description = self.folder / f"{name}.xml"
        description.write_text(self.xml_for(name, disk))
        said = self.run(f"define {description}") + self.run(f"start {name}")
        if "error:" in said:
            raise Wrong(f"virsh: {said}")
        return name

    def ask(self, machine, command, arguments):
        said = self.run(f"qemu-agent-command {machine} '{json.dumps({'execute': command, 'arguments': arguments})}'")
        answer = re.search(r'^\{"return".*$', said, re.M)
        return json.loads(answer.group())["return"] if answer else None

    def execute(self, machine):
        program = {"path": "/bin/sh", "arg": ["-c", f"echo {ANSWER}"], "capture-output": True}
        begun = until(lambda: self.ask(machine, "guest-exec", program), "the guest's agent answers", 60, AGENT_POLL)

        def ended():
            status = self.ask(machine, "guest-exec-status", {"pid": begun["pid"]})
            return status if status and status["exited"] else None

        status = until(ended, "the command ends", 20, AGENT_POLL)
        if status["exitcode"] != 0:
            raise Wrong(f"The guest answered {status}")

    def remove(self, machine):
        self.run(f"destroy {machine}")
        self.run(f"undefine {machine}")
        (self.folder / f"{machine}.qcow2").unlink()


def timed(way, name):
    begin = time.monotonic()
    machine = way.create(name)
    created = time.monotonic()
    way.execute(machine)
    done = time.monotonic()
    way.remove(machine)
    return {"create": (created - begin) * 1e3, "first command": (done - created) * 1e3, "both": (done - begin) * 1e3}


def pattern_of(server):
    """The description libvirt keeps of a machine of ours, and the base of its disk; the machine is removed again."""
    made = server.post("/machines", {"name": "pattern", "catalog_manifest": {
        "catalog_id": "bench", "version": "1.0", "specs": {"cpu": "1", "memory": "128"}}})
    root = pathlib.Path(server.env["DATABASE_FOLDER"]) / "hypervisor"
    xml = next((root / "etc" / "qemu").glob(f"{made['id']}.xml")).read_text()
    disk = ET.fromstring(xml).find("devices/disk/source").get("file")
    info = json.loads(subprocess.run(["qemu-img", "info", "--output=json", disk], capture_output=True, check=True).stdout)
    server.call("DELETE", f"/machines/{made['id']}?force=true")
    return root, xml, info["full-backing-filename"]


def measure(options, folder):
    guest = subprocess.run([ROOT / "tests/guest/make-guest.sh", ROOT / "build/bench-data/guest"], stdout=subprocess.PIPE,
                           text=True, check=True).stdout.strip()
    results = {"ours": [], "virsh": []}
    with Corral(options.build, folder, HYPERVISOR="libvirt", LOG_LEVEL="warn") as server:
        server.cli("login", server.url)
        server.cli("push", guest, "bench:1.0")
        root, xml, base = pattern_of(server)
        virsh = Virsh(folder, root)
        try:
            virsh.use(xml, base)
            ways = [("ours", Ours(server)), ("virsh", virsh)]
            for n in range(options.rounds + 1):  # the first fills libvirt's caches on both sides
                for name, way in ways if n % 2 == 0 else reversed(ways):
                    say(f"machines: {name}, round {n} of {options.rounds}")
                    figures = timed(way, f"{name}-{n}")
                    if n > 0:
                        results[name].append(figures)
        finally:
            virsh.close()
    rows = []
    for what, target in [("both", "<= +150 diff"), ("create", ""), ("first command", "")]:
        title = {"both": "create to first answer", "create": "of it: create and start"}.get(what, "of it: boot and " + what)
        rows.append(Row(title, "ms", [r[what] for r in results["ours"]], [r[what] for r in results["virsh"]], target, "virsh"))
    return rows


def main():
    options = parser(__doc__, 9).parse_args()
    with scratch() as folder:
        report("machines", measure(options, folder), options.json)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"machines: {wrong}")
