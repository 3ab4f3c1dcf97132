#!/usr/bin/env python3
"""Fails on an include between folders of src/ that tools/layers.txt does not allow, and on headers that only one layer may see."""
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
        home = owner(name, allowed)
        if not home:
            bad.append(f"{name}: no layer in tools/layers.txt")
            continue
        for include in INCLUDE.findall(file.read_text()):
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
