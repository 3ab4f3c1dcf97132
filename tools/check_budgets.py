#!/usr/bin/env python3
"""Fails when a file, a folder or a spread of includes outgrows its budget (docs/adr/0010)."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FILE_LINES, P95_LINES, FOLDER_FILES, INCLUDES_P95 = 600, 450, 30, 22
TABLES = {"src/identity/seed_claims.cpp"}  # exempt by name: rows, no logic


def main():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "src", "tests", "tools", "bench"], cwd=ROOT,
                            capture_output=True, text=True, check=True).stdout.split("\n")
    code = [p for p in listed if re.search(r"\.(cpp|hpp|py|sh|ts|mjs)$", p) and (ROOT / p).exists()]
    bad = []
    lengths, includes, folders = [], [], {}
    for path in code:
        text = (ROOT / path).read_text()
        lines = text.count("\n")
        if lines > FILE_LINES and path not in TABLES:
            bad.append(f"{path}: {lines} lines, budget {FILE_LINES}")
        if path.startswith("src/"):
            lengths.append(lines)
            folders.setdefault(str(pathlib.Path(path).parent), []).append(path)
            if path.endswith(".cpp"):
                includes.append(len(re.findall(r"^\s*#\s*include", text, re.M)))
    for folder, files in folders.items():
        if len(files) > FOLDER_FILES:
            bad.append(f"{folder}: {len(files)} files, budget {FOLDER_FILES}")
    p95 = lambda v: sorted(v)[int(len(v) * 0.95)] if v else 0
    if p95(lengths) > P95_LINES:
        bad.append(f"95 % of the files of src/ have up to {p95(lengths)} lines, budget {P95_LINES}")
    if p95(includes) > INCLUDES_P95:
        bad.append(f"95 % of the sources have up to {p95(includes)} includes, budget {INCLUDES_P95}")
    for line in bad:
        print(line)
    print(f"budgets: {len(bad)} exceeded; files of src/: {len(lengths)}, 95 % within {p95(lengths)} lines")
    return 1 if bad else 0


sys.exit(main())
