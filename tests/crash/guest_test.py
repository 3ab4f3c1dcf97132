#!/usr/bin/env python3
"""guest_test.py --corral PROGRAM --make-guest SCRIPT --guest-folder FOLDER

The whole life of a real guest through the API of a real server, with every event of it in order, and nothing left.
"""
import pathlib
import secrets
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import corral  # noqa: E402
from corral import Refused, Server, until  # noqa: E402

MEMORY_MIB = 128
BOOT_WITHIN = 120  # a guest's first answer, without hardware virtualisation on a busy machine
SETTLED = {"stopped", "running", "paused", "suspended"}


def machine_events(messages, machine):
    """[(message, body)] of one machine, in the order in which they came."""
    return [(m["message"], m["body"]) for m in messages
            if m["event_type"] == "pdfm" and (m.get("body") or {}).get("vm_id") == machine]


def history(messages, machine):
    """Added, the settled states passed through, removed."""
    out = []
    for message, body in machine_events(messages, machine):
        if message in ("VM_ADDED", "VM_REMOVED"):
            out.append(message)
        elif message == "VM_STATE_CHANGED" and body["current_state"] in SETTLED:
            out.append(body["current_state"])
    return out


class Guest(unittest.TestCase):
    def setUp(self):
        self.server = Server(OPTIONS.corral, "libvirt")
        self.addCleanup(self.server.close)
        self.image = subprocess.run([OPTIONS.make_guest, OPTIONS.guest_folder], check=True, capture_output=True,
                                    text=True).stdout.strip()
        self.server.start()

    def status(self, machine):
        return self.server.call("GET", f"/machines/{machine}/status")["status"]

    def power(self, machine, verb, expected):
        self.server.call("PUT", f"/machines/{machine}/{verb}")
        self.assertEqual(self.status(machine), expected, f"read after {verb}")

    def refused(self, method, path, body=None):
        with self.assertRaises(Refused) as caught:
            self.server.call(method, path, body)
        self.assertEqual(caught.exception.status, 400)

    def test_a_guest_lives_from_push_to_delete_with_its_events_in_order_and_leaves_nothing(self):
        server = self.server
        events = corral.Events(server, "pdfm,job_manager")
        self.addCleanup(events.close)
        server.cli("push", self.image, "tiny:1.0")
        made = server.call("POST", "/machines", {
            "name": "first", "architecture": "x86_64",
            "catalog_manifest": {"catalog_id": "tiny", "version": "1.0",
                                 "specs": {"cpu": "1", "memory": str(MEMORY_MIB)}}})
        first = made["id"]
        self.assertEqual(self.status(first), "stopped")
        self.refused("PUT", f"/machines/{first}/execute", {"command": "true"})

        self.power("first", "start", "running")
        boot = server.execute(first, "cat /proc/sys/kernel/random/boot_id", BOOT_WITHIN)["stdout"]
        self.commands_keep_their_streams_and_exit_code(first)
        self.a_file_that_is_uploaded_reads_back(first)
        until(lambda: server.machine(first).get("internal_ip_address"), BOOT_WITHIN, "an address is known")

        self.power(first, "pause", "paused")
        self.refused("PUT", f"/machines/{first}/execute", {"command": "true"})
        self.power(first, "resume", "running")
        self.assertEqual(len(corral.qemu_processes(server.folder)), 1)
        self.power(first, "suspend", "suspended")
        self.assertEqual(corral.qemu_processes(server.folder), {}, "a suspended machine has no process")
        self.refused("PUT", f"/machines/{first}/start")  # on the wire it is resumed; the command line knows
        server.cli("vm", "start", "first")
        self.assertEqual(self.status(first), "running")
        self.assertEqual(server.execute(first, "cat /proc/sys/kernel/random/boot_id")["stdout"], boot,
                         "its memory came back")

        second = self.a_clone_is_a_machine_of_its_own(first)
        self.power(first, "stop", "stopped")
        for machine in (first, second):
            server.call("DELETE", f"/machines/{machine}?force=true")
            self.assertIsNone(server.machine(machine))
        seen = events.wait(lambda all_: history(all_, second)[-1:] == ["VM_REMOVED"], 30, "the last removal is told")
        self.events_tell_the_story(seen, first, second)
        self.nothing_is_left()

    def test_snapshots_take_a_guest_back_with_its_disk_and_its_memory(self):
        server = self.server
        server.cli("push", self.image, "tiny:1.0")
        server.call("POST", "/machines", {"name": "web", "catalog_manifest": {
            "catalog_id": "tiny", "version": "1.0", "specs": {"cpu": "1", "memory": str(MEMORY_MIB)}}})
        cold = server.call("POST", "/machines/web/snapshots", {"snapshot_name": "cold"})["snapshot_id"]
        self.power("web", "start", "running")
        inside = lambda line: server.execute("web", line, BOOT_WITHIN)["stdout"]  # noqa: E731
        inside("echo first >/root/file; sync; mkdir -p /dev/shm; (i=0; while :; do i=$((i+1)); echo $i >/dev/shm/count; "
               "usleep 100000 || sleep 1; done) </dev/null >/dev/null 2>&1 &")
        count = lambda: int(inside("cat /dev/shm/count") or 0)  # noqa: E731
        until(count, 30, "the counter counts")
        boot = inside("cat /proc/sys/kernel/random/boot_id")
        taken = server.cli("vm", "snapshot", "web", "--name", "warm").stdout.split()
        self.assertEqual(self.status("web"), "running", "it goes on")
        then = count()

        tree = server.cli("vm", "snapshots", "web").stdout.splitlines()
        self.assertEqual([line.split()[0] for line in tree], ["NAME", "cold", "warm"])
        self.assertTrue(tree[2].startswith("  warm"), "it stands below the one it was taken upon")

        inside("echo second >/root/file; sync")
        until(lambda: count() > then + 50, 60, "the counter goes on")
        server.cli("vm", "revert", "web", "warm")
        self.assertEqual(self.status("web"), "running")
        self.assertLess(count(), then + 50, "the memory is back")
        self.assertEqual(inside("cat /root/file"), "first", "the disk is back")
        self.assertEqual(inside("cat /proc/sys/kernel/random/boot_id"), boot)

        self.power("web", "stop?force=true", "stopped")  # and from a machine that is off
        server.call("POST", f"/machines/web/snapshots/{taken[0]}/revert", {"skip_resume": True})
        self.assertEqual(self.status("web"), "paused")
        self.power("web", "resume", "running")
        self.assertEqual(inside("cat /proc/sys/kernel/random/boot_id"), boot)

        server.call("POST", f"/machines/web/snapshots/{cold}/revert", {})
        self.assertEqual(self.status("web"), "stopped")
        self.assertEqual([(s["name"], s["current"]) for s in
                          server.call("GET", "/machines/web/snapshots")["snapshots"]], [("cold", True), ("warm", False)])
        server.call("PUT", "/machines/web/rename", {"new_name": "site"})
        server.cli("vm", "revert", "site", "cold")
        self.assertEqual(server.machine("site")["Name"], "site", "a name is not the snapshot's")
        server.call("PUT", "/machines/site/rename", {"new_name": "web"})
        server.cli("vm", "delete-snapshot", "web", "--all")
        self.power("web", "start", "running")
        self.assertNotEqual(inside("cat /proc/sys/kernel/random/boot_id"), boot, "it boots anew")
        self.assertEqual(inside("cat /root/file 2>/dev/null"), "", "from a disk of before the file")
        server.call("DELETE", "/machines/web?force=true")
        self.nothing_is_left()

    def commands_keep_their_streams_and_exit_code(self, machine):
        done = self.server.execute(machine, "echo to-out; echo to-err >&2; exit 3")
        self.assertEqual((done["exit_code"], done["stdout"], done["stderr"]), (3, "to-out", "to-err"))
        fine = self.server.execute(machine, "true")
        self.assertEqual((fine["exit_code"], fine["stdout"]), (0, ""))
        cli = self.server.cli("vm", "exec", machine, "echo to-out; echo to-err >&2; exit 3", check=False)
        self.assertEqual((cli.returncode, cli.stdout, cli.stderr), (3, "to-out\n", "to-err\n"))

    def a_file_that_is_uploaded_reads_back(self, machine):
        local = self.server.folder / "payload.bin"
        local.write_bytes(secrets.token_bytes(200_001))  # several of the agent's pieces, and a rest
        answer = self.server.call("POST", f"/machines/{machine}/upload",
                                  {"path": str(local), "remote_path": "/root/payload.bin"})
        self.assertEqual(answer["path"], "/root/payload.bin")
        read = self.server.execute(machine, "sha256sum </root/payload.bin; wc -c </root/payload.bin; sync")
        self.assertEqual(read["stdout"].split(), [corral.digest_of_file(local), "-", "200001"])

    def a_clone_is_a_machine_of_its_own(self, source):
        server = self.server
        clone = server.call("PUT", f"/machines/{source}/clone", {"clone_name": "second"})["id"]
        self.assertNotEqual(clone, source)
        self.assertEqual(self.status(clone), "stopped")
        self.assertEqual(self.status(source), "running", "the source goes on")
        self.power(clone, "start", "running")
        digest = "sha256sum </root/payload.bin"
        self.assertEqual(server.execute(clone, digest, BOOT_WITHIN)["stdout"], server.execute(source, digest)["stdout"])
        server.execute(clone, "echo mine >/root/payload.bin && sync")
        self.assertNotEqual(server.execute(clone, digest)["stdout"], server.execute(source, digest)["stdout"])
        return clone

    def events_tell_the_story(self, messages, first, second):
        numbers = [m["sequence"] for m in messages if m.get("sequence")]
        self.assertEqual(numbers, sorted(set(numbers)), "events come once each, in the order of their numbers")
        self.assertEqual(history(messages, first), ["VM_ADDED", "running", "paused", "running", "suspended", "running",
                                                    "stopped", "VM_REMOVED"])
        # The clone is deleted while it runs: whether its last stop is told before its removal is the hypervisor's pace.
        told = history(messages, second)
        self.assertEqual([t for t in told if t != "stopped"], ["VM_ADDED", "running", "VM_REMOVED"])
        for machine in (first, second):
            state = "stopped"
            for message, body in machine_events(messages, machine):
                if message == "VM_STATE_CHANGED":
                    self.assertEqual(body["previous_state"], state, "each change begins where the last one ended")
                    state = body["current_state"]
        ends = [m["body"]["job_operation"] for m in messages if m["message"] == "JOB_COMPLETED"]
        self.assertEqual(ends, ["create"])

    def nothing_is_left(self):
        server = self.server
        self.assertEqual(server.call("GET", "/machines"), [])
        self.assertEqual(corral.qemu_processes(server.folder), {})
        self.assertEqual(list(server.machines.iterdir()), [])
        server.stop()
        root = server.data / "hypervisor"
        described = [p for folder in ("etc/qemu", "run/qemu", "lib/qemu/save", "lib/qemu/snapshot")
                     for p in (root / folder).glob("**/*.xml")]
        self.assertEqual(described, [], "libvirt describes no machine any more")
        self.assertEqual(list((root / "s").iterdir()), [], "no socket of a machine is left")
        if shutil.which("virsh"):
            listed = subprocess.run(["virsh", "-q", "-c", f"qemu:///embed?root={root}", "list", "--all", "--name"],
                                    capture_output=True, text=True, timeout=60)
            self.assertEqual((listed.returncode, listed.stdout.split()), (0, []), listed.stderr)


if __name__ == "__main__":
    OPTIONS = corral.options("corral", "make-guest", "guest-folder")
    corral.main()
