#!/usr/bin/env python3
"""pull_kill_test.py --corral PROGRAM [--seed N]

A pull that is killed goes on where it was; a damaged store is refused by name. CORRAL_LONG=1: the long counts.
"""
import json
import pathlib
import random
import re
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
import corral  # noqa: E402
from corral import CHUNK, Refused, Server, until  # noqa: E402

KILLS = 50 if corral.long_run() else 10
IN_FLIGHT = 2 * 64  # chunks that two workers may have asked for and not yet written


def fields(line):
    return dict(re.findall(r'(\w+)=("[^"]*"|\S+)', line))


class PullKills(unittest.TestCase):
    SIZE, DATA = 160 << 20, 1024  # bytes of the disk, chunks of it that hold data

    def setUp(self):
        self.rng = random.Random(f"{SEED}/pulls")
        self.server = Server(OPTIONS.corral, "fake", LOG_LEVEL="debug")
        self.addCleanup(self.server.close)
        places = sorted(self.rng.sample(range(self.SIZE // CHUNK), self.DATA))
        self.content = {place: self.rng.randbytes(CHUNK) for place in places}
        self.disk = self.server.folder / "disk.raw"
        self.asked = 0

    def push(self, version):
        """A version that differs in one chunk from all others: cheap to push, an image of its own to pull."""
        self.content[min(self.content)] = self.rng.randbytes(CHUNK)
        self.digest = corral.make_disk(self.disk, self.SIZE, self.content)
        self.image = re.search(r"sha256:([0-9a-f]{64})", self.server.cli("push", self.disk, f"BIG:{version}").stdout)[1]

    def partial(self):
        return self.server.cache / (self.image + ".partial") / "disk.raw"

    def kill_when_written(self, share):
        """Kills the server when this share of the image is on disk. Whole chunks there; None: the pull was faster."""
        done = self.server.cache / self.image

        def written():
            try:
                return self.partial().stat().st_blocks * 512
            except FileNotFoundError:
                return 0
        goal = int(share * self.DATA * CHUNK)
        until(lambda: done.exists() or written() >= goal, 60, "the pull goes on", poll=0.0005)
        self.server.kill()
        self.asked += sum(int(fields(line)["chunks"]) for line in self.server.log().splitlines()
                          if "Chunks are asked for" in line)
        if done.exists():
            return None
        whole = 0
        with open(self.partial(), "rb") as file:
            for place, content in self.content.items():
                file.seek(place * CHUNK)
                whole += file.read(CHUNK) == content
        return whole

    def test_a_killed_pull_goes_on_and_fetches_again_at_most_what_was_in_flight(self):
        server = self.server
        server.start()
        kills, version, again = 0, 0, 0
        while kills < KILLS:
            version += 1
            self.assertLess(version, 4 * KILLS, "the pulls are too fast to be killed")
            self.push(version)
            server.mark_log()
            self.asked = 0
            job = server.call("PUT", "/catalog/pull/async", {"catalog_id": "BIG", "version": str(version),
                                                             "machine_name": "puller"})
            here, share = 0, 0
            for _ in range(self.rng.randint(1, 3)):
                share = self.rng.uniform(share, 1)
                found = self.kill_when_written(share)
                here = self.DATA if found is None else found
                kills += found is not None
                server.start()
                if found is None:
                    break
            end = server.jobs_end(60)[job["id"]]
            self.assertEqual(end["state"], "completed", end.get("error"))
            fetched = [fields(line) for line in server.log().splitlines() if "An image was fetched" in line]
            if here < self.DATA:
                self.assertEqual([(int(f["found_chunks"]), int(f["fetched_chunks"])) for f in fetched],
                                 [(here, self.DATA - here)], f"all that was on disk is used (seed {SEED})")
                again += self.asked - here
            self.assertEqual(corral.digest_of_disk(server.machine("puller")["Hardware"]["hdd0"]["image"],
                                                   server.folder), self.digest)
            server.call("DELETE", "/machines/puller")
            server.call("DELETE", f"/catalog/BIG/{version}")
        print(f"{kills} kills in {version} pulls of {self.DATA} chunks; {again} chunks fetched again", flush=True)
        self.assertLessEqual(again, kills * IN_FLIGHT)


class Damage(unittest.TestCase):
    """One flipped byte anywhere in the store: never delivered, refused with the object's name in answer or log."""

    def setUp(self):
        self.rng = random.Random(f"{SEED}/damage")
        self.server = Server(OPTIONS.corral, "fake")
        self.addCleanup(self.server.close)
        content = {place: self.rng.randbytes(CHUNK) for place in self.rng.sample(range(1024 * 3), 40)}
        self.disk = self.server.folder / "disk.raw"
        self.digest = corral.make_disk(self.disk, 3 * 1024 * CHUNK, content)
        self.server.start()
        self.server.cli("push", self.disk, "WHOLE:1")

    def create(self):
        return self.server.call("POST", "/machines", {"name": "reader", "catalog_manifest": {"catalog_id": "WHOLE",
                                                                                             "version": "1"}})

    def objects(self, kind):
        return sorted(p for p in (self.server.store / "corral" / kind).rglob("*") if p.is_file())

    def refused(self, path, offset, while_running):
        """Flips a byte, tries to make a machine, and puts the byte back."""
        good = path.read_bytes()
        if not while_running:
            self.server.stop()
        with open(path, "r+b") as file:
            file.seek(offset)
            file.write(bytes([good[offset] ^ (1 << self.rng.randrange(8))]))
        if not while_running:
            self.server.start()
        name = str(path.relative_to(self.server.store))
        with self.assertRaises(Refused, msg=f"{name} at {offset} (seed {SEED})") as caught:
            self.create()
        self.assertEqual(caught.exception.status, 502, caught.exception.body)
        told = json.dumps(caught.exception.body) + self.server.complaints()
        self.assertIn(name, told, f"offset {offset} (seed {SEED})")
        self.assertIsNone(self.server.machine("reader"))
        self.assertFalse([p for p in self.server.cache.iterdir() if not p.name.endswith(".partial")])
        with open(path, "r+b") as file:
            file.write(good)

    def offsets(self, path):
        """Of a pack: one in each of its parts. Of other objects: some."""
        size = path.stat().st_size
        if path.suffix != ".pack":
            return self.rng.sample(range(size), 2)
        index = int.from_bytes(path.read_bytes()[-24:-16], "little")
        frame_head = 8 + self.rng.randrange(20 + 4 * 36)
        return [self.rng.randrange(8), frame_head, self.rng.randrange(8 + 200, index),
                self.rng.randrange(index, size - 24), self.rng.randrange(size - 24, size)]

    def test_a_flipped_byte_is_refused_by_name_and_never_delivered(self):
        for kind in ("packs", "segments", "images"):
            for path in self.objects(kind)[:2]:
                for offset in self.offsets(path):
                    self.refused(path, offset, while_running=False)
        self.whole_again()

    def test_a_byte_that_flips_under_a_running_server_is_refused_by_name(self):
        pack = self.objects("packs")[0]
        index = int.from_bytes(pack.read_bytes()[-24:-16], "little")
        for offset in self.rng.sample(range(8, index), 8):
            self.refused(pack, offset, while_running=True)
        for kind in ("segments", "images"):
            path = self.objects(kind)[0]
            self.refused(path, self.rng.randrange(path.stat().st_size), while_running=True)
        self.whole_again()

    def test_an_image_whose_files_stay_in_the_store_stays_with_them(self):
        server = self.server
        server.call("DELETE", "/catalog/WHOLE/1?clean_remote=false")
        other = server.folder / "other.raw"
        corral.make_disk(other, 64 * CHUNK, {1: self.rng.randbytes(CHUNK)})
        server.cli("push", other, "OTHER:1")
        server.call("DELETE", "/catalog/OTHER/1")  # garbage is collected
        server.stop()
        server.start()  # and again
        self.assertIn(" 0 new chunks", server.cli("push", self.disk, "WHOLE:1").stdout)
        self.whole_again()

    def whole_again(self):
        """With the bytes back in place the same pull works: nothing of the damage was kept."""
        self.server.stop()
        self.server.start()
        self.create()
        disk = self.server.machine("reader")["Hardware"]["hdd0"]["image"]
        self.assertEqual(corral.digest_of_disk(disk, self.server.folder), self.digest)


if __name__ == "__main__":
    OPTIONS = corral.options("corral")
    SEED = corral.seed_from(OPTIONS.seed)
    corral.main()
