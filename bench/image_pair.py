"""Makes the pair of disk images that the chunk benchmark pushes and pulls, from Debian packages; kept below build/bench-data.

v1 is a minimal Debian with a kernel, a compiler and the like on ext4 in a 2 GiB raw file, about 460 MB of it data. v2 is
the same file system after an upgrade: packages and noise laid into v1 in place. debugfs(8) writes them, which needs
neither mounts nor loop devices; the blocks that v2 does not touch are v1's.
"""
import hashlib
import os
import pathlib
import random
import shutil
import subprocess

from harness import DATA, Wrong, say

SIZE = "2G"
FIRST = ["cpp-12", "vim-runtime", "libicu72", "perl-modules-5.36"]  # and the kernel
SECOND = ["gcc-12", "git", "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "libgcc-12-dev",
          "binutils-x86-64-linux-gnu"]
NOISE_FILES, NOISE_BYTES, SEED = 20, 1 << 20, 3
SBIN = {**os.environ, "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}


def run(*command, **options):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, env=SBIN, **options)
    if done.returncode != 0:
        raise Wrong(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


def remove(folder):
    """Removes a work folder, unless something is mounted below it: that is not ours to empty."""
    mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    below = [m for m in mounts if pathlib.Path(m).is_relative_to(folder)]
    if below:
        raise Wrong(f"Still mounted: {', '.join(below)}; unmount it, then remove {folder}")
    shutil.rmtree(folder, ignore_errors=True)


def unpack(packages, debs, target):
    """Downloads each package once and lays its files into `target`; no scripts are run."""
    debs.mkdir(exist_ok=True)
    for name in packages:
        if not list(debs.glob(f"{name}_*.deb")):
            run("apt-get", "download", "-qq", name, cwd=debs)
        run("dpkg-deb", "-x", next(debs.glob(f"{name}_*.deb")), target)


def kernel():
    depends = run("apt-cache", "depends", "linux-image-cloud-amd64")
    return next(line.split()[-1] for line in depends.splitlines() if "Depends: linux-image" in line)


def make_first(image, work, debs):
    root = work / "root"
    # In a mount namespace of its own: the /proc it mounts must not get into the image, nor stay behind.
    run("unshare", "--mount", "debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv",
        "bookworm", root, mirror())
    for left in (root / "var/cache/apt/archives").glob("*.deb"):
        left.unlink()
    unpack([kernel(), *FIRST], debs, root)
    run("mke2fs", "-q", "-F", "-t", "ext4", "-d", root, image, SIZE)


def mirror():
    """Where apt gets this release from, so that a machine with a mirror of its own uses it."""
    for line in run("apt-get", "indextargets", "--format", "$(SITE) $(RELEASE) $(CREATED_BY)", "Codename: bookworm").splitlines():
        site, _, kind = line.split()
        if kind == "Packages" and "security" not in site:
            return site
    return "http://deb.debian.org/debian"


def debugfs_script(tree):
    """Lays every folder, file and link of `tree` into a file system; what is there already is written anew."""
    lines = []
    for folder, folders, names in os.walk(tree):
        folders.sort()
        inside = "/" + str(pathlib.Path(folder).relative_to(tree)).removeprefix(".")
        for name in [f for f in folders if (pathlib.Path(folder) / f).is_symlink()] + sorted(names):
            source = pathlib.Path(folder) / name
            if source.is_symlink():
                lines += [f'cd "{inside}"', f'symlink "{name}" "{os.readlink(source)}"']
            else:
                lines += [f'cd "{inside}"', f'rm "{name}"', f'write "{source}" "{name}"']
        lines += [f'mkdir "{inside.rstrip("/")}/{f}"' for f in folders if not (pathlib.Path(folder) / f).is_symlink()]
    return "\n".join(lines) + "\n"


def make_second(first, image, work, debs):
    tree = work / "upgrade"
    tree.mkdir()
    unpack(SECOND, debs, tree)
    noise = random.Random(SEED)
    (tree / "srv").mkdir()
    for n in range(NOISE_FILES):
        (tree / "srv" / f"noise-{n:02}").write_bytes(noise.randbytes(NOISE_BYTES))
    run("cp", "--sparse=always", first, image)
    script = work / "debugfs.commands"
    script.write_text(debugfs_script(tree))
    run("debugfs", "-w", "-f", script, image)
    run("e2fsck", "-f", "-n", image)


def image_pair():
    """Paths of v1 and v2, made when they are missing or this recipe has changed."""
    folder = DATA / "images"
    folder.mkdir(parents=True, exist_ok=True)
    first, second, stamp = folder / "v1.raw", folder / "v2.raw", folder / "recipe"
    recipe = hashlib.sha256(pathlib.Path(__file__).read_bytes()).hexdigest()
    if first.exists() and second.exists() and stamp.exists() and stamp.read_text() == recipe:
        return first, second
    say("making the pair of images (once; a minute or two)")
    work = folder / "work"
    remove(work)
    work.mkdir()
    try:
        stamp.unlink(missing_ok=True)
        make_first(first, work, folder / "debs")
        make_second(first, second, work, folder / "debs")
        stamp.write_text(recipe)
    finally:
        remove(work)
    return first, second
