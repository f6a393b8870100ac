#!/usr/bin/env python3
"""Which part of a plan keeps it above its lower bound: one table, planned without each part of its time.

usage: plan_parts.py WEIR TABLE [PARTS [BUDGET]]

The time falls into sections, the greatest sets of buffers that live together. For each of PARTS (10)
runs of sections, the buffers that live nowhere else are left out and the rest is planned, with up to
three seeds and BUDGET for each. 1.0000 means: no argument that leaves this part out can prove that
the whole plan needs more than its bound.
"""
import csv
import json
import os
import subprocess
import sys
import tempfile


def sections(rows):
    """A moment of each section: its last start. Ends come before starts at one time."""
    events = sorted([(first, 1) for first, _, _ in rows] + [(last, 0) for _, last, _ in rows])
    found, start = [], None
    for time, is_start in events:
        if is_start:
            start = time
        elif start is not None:
            found.append(start)
            start = None
    return found


def plan(weir, path, seed, budget):
    command = [weir, "plan", "--json", "--seed", str(seed), "--budget", budget, path]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    weir, table = sys.argv[1:3]
    parts = int(sys.argv[3]) if len(sys.argv) > 3 else 10
    budget = sys.argv[4] if len(sys.argv) > 4 else "1000"
    with open(table, newline="", encoding="utf-8") as file:
        rows = [(int(r["lower"]), int(r["upper"]), int(r["size"])) for r in csv.DictReader(file)]
    moments = sections(rows)
    sums = [sum(size for first, last, size in rows if first <= t < last) for t in moments]
    bound, count = max(sums), len(moments)
    near = sum(s >= 0.98 * bound for s in sums)
    print(f"{count} sections, {near} within 2% of the bound {bound}")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "part.csv")
        for part in range(parts):
            begin, end = count * part // parts, count * (part + 1) // parts
            kept = moments[:begin] + moments[end:]
            with open(path, "w", encoding="utf-8") as file:
                file.write("id,lower,upper,size\n")
                for name, (first, last, size) in enumerate(rows):
                    lives = [at for at, t in enumerate(kept) if first <= t < last]
                    if lives:
                        file.write(f"{name},{lives[0]},{lives[-1] + 1},{size}\n")
            best = None
            for seed in range(3):
                made = plan(weir, path, seed, budget)
                best = min(best or made["arena"], made["arena"])
                if made["optimal"]:
                    break
            print(f"without {begin:3} to {end - 1:3}: {best / bound:.4f}", flush=True)


if __name__ == "__main__":
    main()
