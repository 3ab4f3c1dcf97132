#!/usr/bin/env python3
"""Fails on an include between folders of src/ that tools/layers.txt does not allow, on a module's private header outside
of it, and on foreign headers and words (SQL, getenv) that only some files may hold."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
SRC = ROOT / "src"
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]', re.M)
# Foreign headers and the only folders that may include them.
ONLY = {
    r"boost/(asio|beast)": ("platform/net",),
    r"spdlog/": ("base",),
    r"(soci/|sqlite3\.h|libpq)": ("platform/db",),
    r"libvirt/": ("drivers/hypervisor/libvirt",),
    r"curl/": ("platform/net",),
    r"CLI/": ("app",),
    r"libssh/": ("platform/ssh",),
    r"prometheus/": ("platform/metrics",),
}

# Words that belong to a few files only, wherever the rest of a module may be.
WORDS = {
    r"\bgetenv\s*\(": r"app/server/config\.cpp|app/cli/session\.cpp|platform/process/process\.cpp",
    r'"\s*(SELECT .*|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)\b': r".*/(store|migrations)\.[ch]pp|platform/db/.*",
    r"\bsystem_clock::now\b": r"base/.*",
}


def rules():
    allowed = {}
    for line in (ROOT / "tools/layers.txt").read_text().splitlines():
        line = line.split("#")[0].strip()
        if line:
            folder, targets = line.split(":", 1)
            allowed[folder.strip()] = targets.split()
    return allowed


def owner(path, folders):
    best = ""
    for folder in folders:
        if (path == folder or path.startswith(folder + "/")) and len(folder) > len(best):
            best = folder
    return best


def main():
    allowed, bad = rules(), []
    for file in sorted(SRC.rglob("*.[ch]pp")):
        name = file.relative_to(SRC).as_posix()
        if name.endswith("_test.cpp"):
            continue  # tests may reach for what they compare with
        text = file.read_text()
        for pattern, places in WORDS.items():
            if re.search(pattern, text) and not re.fullmatch(places, name):
                bad.append(f"{name}: {pattern} belongs to {places}")
        home = owner(name, allowed)
        if not home:
            bad.append(f"{name}: no layer in tools/layers.txt")
            continue
        for include in INCLUDE.findall(text):
            # A module's store and routes are its own; the wiring asks for the tables of rows and of migrations.
            private = re.fullmatch(r"(\w+)/(?:.*/)?(store|routes)\.hpp", include)
            if private and not name.startswith(private[1] + "/") and not (private[2] == "routes" and home == "app"):
                bad.append(f"{name}: includes {include}, which is private to {private[1]}")
            for pattern, places in ONLY.items():
                if re.match(pattern, include) and not any(name.startswith(p) for p in places):
                    bad.append(f"{name}: {include} belongs to {', '.join(places)}")
            if not (SRC / include).exists():
                continue
            target = owner(include, allowed)
            if target == home or "*" in allowed[home] or include.startswith(home + "/"):
                continue
            if not any(include == t or include.startswith(t + "/") for t in allowed[home]):
                bad.append(f"{name}: includes {include}, which {home} may not")
    for line in bad:
        print(line)
    print(f"layers: {len(bad)} violations")
    return 1 if bad else 0


sys.exit(main())
