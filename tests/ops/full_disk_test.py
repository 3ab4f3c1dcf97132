#!/usr/bin/env python3
"""A disk without room, under the database and under the log: nothing that was acknowledged is lost, nobody crashes, who
cannot be served is told so, and when there is room again the service goes on by itself.

The disks are small tmpfs mounts, so only root runs this. What fails inside a commit, write by write, is the business of
src/platform/db/faults_test.cpp."""
import os
import pathlib
import subprocess
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import corral  # noqa: E402: after the path is known

MIB = 1 << 20


class SmallDisk:
    def __init__(self, path, mebibytes):
        self.path, self.ballast = path, path / "ballast"
        path.mkdir(parents=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={mebibytes}m,mode=700", "tmpfs", path], check=True)

    def fill(self):
        with open(self.ballast, "ab", buffering=0) as file:
            for size in (MIB, 4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    continue  # no room for so much: smaller pieces

    def free(self):
        self.ballast.unlink()

    def unmount(self):
        subprocess.run(["umount", "--lazy", self.path], check=True)


def can_mount():
    return os.geteuid() == 0 and subprocess.run(["unshare", "--mount", "true"], capture_output=True).returncode == 0


@unittest.skipUnless(can_mount(), "only root can mount a disk of its own")
class FullDisk(unittest.TestCase):
    def server_with(self, folder, **settings):
        server = corral.Server(OPTIONS.corral, "fake", **settings)
        self.addCleanup(server.close)
        disk = SmallDisk(server.folder / folder, 24)
        self.addCleanup(disk.unmount)
        return server, disk

    def make_claim(self, server, name):
        return server.request("POST", "/auth/claims", {"name": name})

    def claims(self, server):
        return {claim["name"] for claim in server.call("GET", "/auth/claims")}

    def test_the_database_without_room_loses_nothing_and_goes_on_when_there_is_some(self):
        server, disk = self.server_with("data")
        server.start()
        kept, refused = set(), set()

        def make(name):
            status, answer = self.make_claim(server, name)
            if status == 201:
                kept.add(name)
            else:
                self.assertIn(status, (500, 503, 507), answer)
                self.assertTrue(answer["message"] if "message" in answer else answer, answer)
                refused.add(name)
            return status

        for n in range(20):
            self.assertEqual(make(f"BEFORE_{n}"), 201)
        disk.fill()
        # What fits into the room that the log of the database still has is kept; then the refusals begin.
        corral.until(lambda: make(f"FULL_{len(kept) + len(refused)}") != 201, 60, "a create is refused")
        for n in range(20):
            make(f"STILL_FULL_{n}")
        self.assertEqual(server.request("GET", "/health/probe")[0], 200)
        self.assertTrue(kept <= self.claims(server), "what was acknowledged can be read, full or not")
        self.assertFalse(refused & self.claims(server), "what was refused did not happen")
        self.assertIsNone(server.process.poll(), server.complaints())
        disk.free()
        corral.until(lambda: make(f"AFTER_{len(kept) + len(refused)}") == 201, 60, "creates go on by themselves")
        disk.fill()
        server.kill()
        disk.free()
        server.start()
        self.assertTrue(kept <= self.claims(server), kept - self.claims(server))
        self.assertFalse(refused & self.claims(server))

    def test_the_log_without_room_stops_nobody_and_goes_on_when_there_is_some(self):
        server, disk = self.server_with("logs", LOG_TO_FILE="true")
        server.environment["LOG_FILE_PATH"] = str(disk.path)
        server.start()
        disk.fill()
        for n in range(50):
            self.assertEqual(self.make_claim(server, f"UNLOGGED_{n}")[0], 201)
        self.assertIsNone(server.process.poll(), server.complaints())
        disk.free()
        log = disk.path / "corral.log"
        size = log.stat().st_size

        def written():
            self.claims(server)
            return log.stat().st_size > size
        corral.until(written, 60, "the log goes on")
        server.stop()


if __name__ == "__main__":
    OPTIONS = corral.options("corral")
    corral.main()
