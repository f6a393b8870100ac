#!/usr/bin/env python3
"""programs.py - real programs under glibc, weir and other allocators.

Runs each program (program_loads.py) on each allocator in turn, round after round, so that what else
the machine does falls on all alike; prints a table of medians of the time, with the spread of
the rounds, and of the peak resident memory (the greatest of the program and the processes it waited
for), then of each allocator the geometric mean over the best of each program. The output of every
run must be the same as on glibc; an allocator that fails in a program loses that program only.

usage: programs.py [--rounds N] [--only NAME,...] [--with NAME,...] [--peers-from DIR]
                   [--work DIR] [--cpu] [--json FILE] WEIR_LIBRARY

Exit status: 0; 1 where a program failed under an allocator; 2 for wrong usage.
"""
import argparse
import contextlib
import glob
import json
import math
import os
import shutil
import statistics
import sys
import tempfile

sys.dont_write_bytecode = True
import program_loads as loads  # noqa: E402

LIBRARY_FOLDERS = ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")
KNOWN = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2*",
         "tcmalloc": "libtcmalloc_minimal.so.4", "tbbmalloc": "libtbbmalloc_proxy.so.2"}


def library(pattern):
    """The first library of that name on this machine, or None."""
    for folder in LIBRARY_FOLDERS:
        found = sorted(glob.glob(os.path.join(folder, pattern)))
        if found:
            return found[0]
    return None


def folder_peers(folder):
    """{name: path} of every *.so in it."""
    try:
        files = sorted(f for f in os.listdir(folder) if f.endswith(".so") and len(f) > 3)
    except OSError as error:
        raise SystemExit(wrong(f"--peers-from {folder}: {error.strerror}")) from None
    if not files:
        raise SystemExit(wrong(f"--peers-from {folder}: no *.so in this folder"))
    return {f[:-3].removeprefix("lib"): os.path.abspath(os.path.join(folder, f)) for f in files}


def wrong(what):
    print(f"programs.py: {what}", file=sys.stderr)
    return 2


def allocators_of(options):
    """{name: library to preload}, glibc first, weir last."""
    allocators = {"glibc": None}
    folder = folder_peers(options.folder) if options.folder else {}
    peers = list(filter(None, options.peers.split(",")))
    for peer in peers:
        if peer not in KNOWN:
            raise SystemExit(wrong(f"--with knows {', '.join(KNOWN)}, not {peer}"))
    for peer in peers:
        found = library(KNOWN[peer])
        if found:
            allocators[peer] = found
        else:
            print(f"{peer} is not here")
    allocators.update(folder)
    allocators["weir"] = os.path.abspath(options.library)
    return allocators


# -- measuring -----------------------------------------------------------------------------

def once_of(name, work):
    """A function of the library to preload that runs the program once, or None."""
    if name == "redis":
        if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
            return None
        return lambda preload: loads.redis_run(preload, work)
    command = loads.PROGRAMS[name](work)
    return command and (lambda preload: loads.run(command, preload, work))


def measure(name, allocators, rounds, work):
    """({allocator: [Result]}, {allocator: why it failed}), or None where the program is not here."""
    once = once_of(name, work)
    if not once:
        return None
    results, failed = {a: [] for a in allocators}, {}
    for _ in range(rounds):
        for allocator, preload in allocators.items():
            if allocator in failed:
                continue
            try:
                results[allocator].append(once(preload))
                if results[allocator][-1].digest != results["glibc"][0].digest:
                    raise loads.Failed("another output than on glibc")
            except loads.Failed as why:
                if allocator == "glibc":
                    raise SystemExit(wrong(f"{name}: {why}, on glibc")) from None
                failed[allocator] = str(why)
                del results[allocator]
    return results, failed


def median(runs, field):
    return statistics.median(getattr(r, field) for r in runs)


def spread(runs, field):
    """The distance of the quartiles over the median; None of one run."""
    values = [getattr(r, field) for r in runs]
    if len(values) < 2:
        return None
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return (high - low) / statistics.median(values)


def geometric_mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else float("nan")


def rows_of(names, allocators, rounds, work, field, show):
    """A row a program and allocator; `show` is called with those of each program."""
    rows = []
    for name in names:
        measured = measure(name, allocators, rounds, work)
        if measured is None:
            print(f"{name:13} is not here")
            continue
        results, failed = measured
        these = [{"program": name, "allocator": a, "seconds": median(r, field),
                  "spread": spread(r, field), "peak_kib": median(r, "peak"), "runs": len(r)}
                 for a, r in results.items()]
        these += [{"program": name, "allocator": a, "error": why} for a, why in failed.items()]
        show(name, these)
        rows += these
    return rows


def means_of(rows, allocators, figure):
    """{allocator: (geometric mean over the best of each program, number of programs)}"""
    good = [row for row in rows if "error" not in row]
    best = {}
    for row in good:
        best[row["program"]] = min(row[figure], best.get(row["program"], math.inf))
    ratios = {a: [row[figure] / best[row["program"]] for row in good if row["allocator"] == a]
              for a in allocators}
    return {a: (geometric_mean(r), len(r)) for a, r in ratios.items()}


def worst_of(rows, figure):
    """weir's greatest figure over the best of a program, and which program."""
    good = [row for row in rows if "error" not in row]
    ratios = {}
    for row in good:
        if row["allocator"] == "weir":
            best = min(r[figure] for r in good if r["program"] == row["program"])
            ratios[row["program"]] = row[figure] / best
    return max(((ratio, name) for name, ratio in ratios.items()), default=(float("nan"), "none"))


# -- what is shown ---------------------------------------------------------------------------

WIDTH = 22


def line_show(name, these, allocators):
    cells = {row["allocator"]: row for row in these}
    text = f"{name:13}"
    for allocator in allocators:
        row = cells[allocator]
        if "error" in row:
            text += f"{'-':>{WIDTH}}"
            continue
        percent = "" if row["spread"] is None else f"{100 * row['spread']:3.0f}%"
        text += f"{row['seconds']:.3f}{percent:4} {row['peak_kib'] / 1024:8.1f}".rjust(WIDTH)
    print(text, flush=True)


def means_show(rows, allocators):
    times, peaks = means_of(rows, allocators, "seconds"), means_of(rows, allocators, "peak_kib")
    count = len({row["program"] for row in rows})
    print("-" * (13 + WIDTH * len(allocators)))
    text = f"{'over the best':13}"
    for a in allocators:
        mark = "" if times[a][1] == count else "*"
        text += f"{times[a][0]:.3f}x{mark:3} {peaks[a][0]:7.3f}x".rjust(WIDTH)
    print(text)


def closing_show(rows, allocators):
    count = len({row["program"] for row in rows})
    for row in rows:
        if "error" in row:
            print(f"{row['allocator']}: {row['program']}: {row['error']}")
    for figure, word in (("seconds", "time"), ("peak_kib", "peak")):
        means = means_of(rows, allocators, figure)
        lowest = min((a for a in allocators if means[a][1] == count), key=lambda a: means[a][0])
        worst, program = worst_of(rows, figure)
        print(f"{word}: lowest geometric mean {lowest}, {means[lowest][0]:.3f}; weir {means['weir'][0]:.3f}, "
              f"{means['weir'][0] / means['glibc'][0]:.3f} of glibc's; its worst {worst:.3f} ({program})")


def json_write(path, rows, allocators, options):
    figures = {"rounds": options.rounds, "time": "processor" if options.cpu else "clock",
               "allocators": allocators, "rows": rows, "summary": {}}
    for figure in ("seconds", "peak_kib"):
        worst, program = worst_of(rows, figure)
        figures["summary"][figure] = {
            "means": {a: {"mean": mean, "programs": n}
                      for a, (mean, n) in means_of(rows, allocators, figure).items() if n},
            "worst": worst, "worst_program": program}
    with open(path, "w") as to:
        json.dump(figures, to, indent=1)
        to.write("\n")


def report(names, allocators, options, work):
    field = "cpu" if options.cpu else "wall"
    print(f"medians of {options.rounds} alternating runs: {'processor' if options.cpu else 'clock'} seconds, their "
          "spread (distance of the quartiles over the median), and peak resident MiB")
    print(f"{'':13}" + "".join(f"{a:>{WIDTH}}" for a in allocators))
    rows = rows_of(names, allocators, options.rounds, work, field,
                   lambda name, these: line_show(name, these, allocators))
    if rows:
        means_show(rows, allocators)
        closing_show(rows, allocators)
        if options.json:
            json_write(options.json, rows, allocators, options)
    return 1 if any("error" in row for row in rows) else 0


def parser_make():
    """With the options that run_programs.py has, too."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="programs, separated by commas")
    parser.add_argument("--work", help="folder for the inputs, kept; default: a temporary one")
    parser.add_argument("--cpu", action="store_true", help="processor time instead of the clock's")
    return parser


@contextlib.contextmanager
def work_folder(options):
    """The folder of the inputs; one that nobody named goes at the end."""
    work = options.work or tempfile.mkdtemp(prefix="weir-programs-")
    os.makedirs(work, exist_ok=True)
    try:
        yield work
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)


def main():
    parser = parser_make()
    parser.add_argument("--with", dest="peers", default="jemalloc,mimalloc")
    parser.add_argument("--peers-from", dest="folder", help="every NAME.so in it, too")
    parser.add_argument("--json", help="all figures, to this file")
    parser.add_argument("library")
    options = parser.parse_args()
    known = list(loads.PROGRAMS) + ["redis"]
    names = options.only.split(",") if options.only else known
    if not set(names) <= set(known):
        return wrong(f"--only knows {', '.join(known)}")
    allocators = allocators_of(options)
    with work_folder(options) as work:
        return report(names, allocators, options, work)


if __name__ == "__main__":
    sys.exit(main())
