#!/usr/bin/env python3
"""Pushing an image and its successor into a chunk store and pulling it out, beside casync and `tar -S | zstd -3 -T2`."""
import json
import shlex
import shutil
import stat
import subprocess
import sys
import time

from harness import Row, Wrong, parser, report, say, scratch
from image_pair import image_pair

CHUNK = 64 << 10
STEPS = ["push v1", "push v2", "pull v2"]


def timed(command):
    """Runs a command under time(1); its standard output, and seconds, processor seconds and peak memory in MB."""
    begin = time.monotonic()
    done = subprocess.run(["/usr/bin/time", "-f", "%U %S %M", *map(str, command)], capture_output=True, text=True)
    seconds = time.monotonic() - begin
    if done.returncode != 0:
        raise Wrong(f"{' '.join(map(str, command))}: {done.stderr.strip()[-2000:]}")
    user, system, kib = done.stderr.strip().splitlines()[-1].split()
    return done.stdout, {"seconds": seconds, "cpu": float(user) + float(system), "rss": int(kib) * 1024 / 1e6}


class Size:
    """What the paths take so far: bytes of the files; with their folders, as `du -sb`; and blocks of the disk, as `du`."""

    def __init__(self, *paths):
        found = [info for p in paths if p.exists() for info in [p.stat(), *(f.stat() for f in p.rglob("*"))]]
        self.content = sum(info.st_size for info in found if stat.S_ISREG(info.st_mode))
        self.bytes = sum(info.st_size for info in found)
        self.disk = sum(info.st_blocks * 512 for info in found)

    def more_than(self, before):
        return {key: getattr(self, key) - getattr(before, key) for key in ("content", "bytes", "disk")}


def same(path, image):
    if subprocess.run(["cmp", "-s", path, image]).returncode != 0:
        raise Wrong(f"{path} is not what was pushed")


class Ours:
    name = "ours"

    def __init__(self, program):
        self.program = program

    def round(self, folder, first, second):
        store = folder / "store"
        out = []
        for image in (first, second):
            before = Size(store)
            said, push = timed([self.program, "push", image, store])
            out.append({**push, **Size(store).more_than(before)})
        _, pull = timed([self.program, "pull", json.loads(said)["digest"], store, folder / "out"])
        same(folder / "out" / "disk.raw", second)
        return dict(zip(STEPS, [*out, pull]))


class Casync:
    name = "casync"

    def round(self, folder, first, second):
        store, out = folder / "store", []
        for image in (first, second):
            index = folder / f"{image.stem}.caibx"
            before = Size(store, index)
            _, made = timed(["casync", "make", f"--store={store}", f"--chunk-size={CHUNK}", index, image])
            out.append({**made, **Size(store, index).more_than(before)})
        _, pull = timed(["casync", "extract", f"--store={store}", index, folder / "out.raw"])
        same(folder / "out.raw", second)
        return dict(zip(STEPS, [*out, pull]))


class Tar:
    name = "tar -S | zstd -3 -T2"

    def round(self, folder, first, second):
        out = []
        for image in (first, second):
            pack = folder / f"{image.stem}.tar.zst"
            _, made = timed(["sh", "-c", f"tar -C {shlex.quote(str(image.parent))} -S -cf - {image.name} | "
                                         f"zstd -q -3 -T2 -o {shlex.quote(str(pack))}"])
            out.append({**made, **Size(pack).more_than(Size())})
        _, pull = timed(["sh", "-c", f"zstd -q -dc {shlex.quote(str(pack))} | tar -C {shlex.quote(str(folder))} -xf -"])
        same(folder / second.name, second)
        return dict(zip(STEPS, [*out, pull]))


def rows_of(results):
    rows = []

    def add(step, key, unit, peer, target, scale=1.0):
        take = lambda who: [r[step][key] / scale for r in results[who]]
        rows.append(Row(step, unit, take("ours"), take(peer) if peer else [], target, peer or ""))

    for peer, push, pull, more in [(Casync.name, "<= 0.2", "<= 0.5", "<= 0.95"), (Tar.name, "", "", "")]:
        add("push v1", "seconds", "s", peer, push)
        add("push v2", "seconds", "s", peer, push)
        add("pull v2", "seconds", "s", peer, pull)
        add("push v1", "disk", "MB on disk", peer, "", 1e6)
        add("push v2", "disk", "MB more on disk", peer, "", 1e6)
        add("push v2", "bytes", "MB more by du -sb", peer, more, 1e6)
        add("push v1", "content", "MB of content", peer, "", 1e6)
        add("push v2", "content", "MB more of content", peer, "", 1e6)
    for step in STEPS:
        add(step, "cpu", "s CPU", Casync.name, "")
    for step in STEPS:
        add(step, "rss", "MB memory", Casync.name, "<= 128 ours")
    return rows


def main():
    options = parser(__doc__, 5).parse_args()
    first, second = image_pair()
    ways = [Ours(options.build / "chunks_bench"), Casync(), Tar()]
    results = {way.name: [] for way in ways}
    for image in (first, second):
        subprocess.run(["cat", image], stdout=subprocess.DEVNULL, check=True)  # everybody reads from memory
    with scratch() as folder:
        for n in range(options.rounds):
            for way in ways if n % 2 == 0 else reversed(ways):
                say(f"chunks: {way.name}, round {n + 1} of {options.rounds}")
                place = folder / "round"
                place.mkdir()
                results[way.name].append(way.round(place, first, second))
                shutil.rmtree(place)
    report("chunks", rows_of(results), options.json)


if __name__ == "__main__":
    try:
        main()
    except Wrong as wrong:
        sys.exit(f"chunks: {wrong}")
