#!/usr/bin/env python3
"""run_programs.py - real programs alone, under `weir run` and under `weir run --record`.

Runs each program in the three ways in turn, round after round, so that what else the machine
does falls on all alike; prints a table of medians, of the ratios to the time alone, and of the
bytes of recording an event. The output of every run must be the same as alone. The programs are
those of program_loads.py that need no server, and some whose time goes into malloc.

usage: run_programs.py [--rounds N] [--only NAME,...] [--work DIR] [--cpu] WEIR
"""
import json
import os
import sys

sys.dont_write_bytecode = True
import program_loads as loads  # noqa: E402
from programs import geometric_mean, median, parser_make, spread, work_folder  # noqa: E402

PYTHON = r"""
import json
d = {str(i): [i] * 5 for i in range(50000)}
for _ in range(3):
    e = json.loads(json.dumps(d))
w = ' '.join(str(i) for i in range(300000)).split()
w.sort()
print(len(e), len(w))
"""

AWK = r"""BEGIN {
    for (i = 0; i < 600000; i++) a[i % 50000] = a[i % 50000] "x"
    for (i = 0; i < 300000; i++) { k = "key" (i * 7919 % 65537); n[k]++; s = s % 1000 length(k i) }
    print length(a[7]), length(n), s
}"""


def loop(name, steps):
    """A loop of tests/preload/pairs.c, beside weir; None where it was not built."""
    return lambda folder: [LOOPS, name, str(steps)] if LOOPS and os.path.exists(LOOPS) else None


LOOPS = None
# Every object of this Python's is a block of malloc's.
BOUND = {"python malloc": loads.program("env", "work.py", PYTHON, "PYTHONMALLOC=malloc", loads.PYTHON3, "work.py"),
         "mawk": loads.program("mawk", "work.awk", AWK, "-f", "work.awk"),
         "gawk": loads.program("gawk", "work.awk", AWK, "-f", "work.awk"),
         "loop: pairs": loop("pair", 4000000), "loop: mixed": loop("mixed", 3000000)}


def trace_rate(folder):
    """(events, bytes) of all recordings of the latest run in `folder`, which are taken away."""
    size = 0
    for name in os.listdir(folder):
        if name.startswith("run.trace"):
            size += os.path.getsize(os.path.join(folder, name))
            os.unlink(os.path.join(folder, name))
    if not os.path.exists(os.path.join(folder, "run.json")):
        return 0, size
    with open(os.path.join(folder, "run.json")) as file:
        said = json.load(file)
    recordings = [image["recording"] for image in [said["program"]] + said["others"] if image]
    return sum(r["events"] for r in recordings if r), size


def measure(weir, command, rounds, work):
    ways = {"alone": command, "run": [weir, "run", "--quiet", "--"] + command,
            "record": [weir, "run", "--json", "-o", os.path.join(work, "run.json"),
                       "--record", os.path.join(work, "run.trace"), "--"] + command}
    results = {way: [] for way in ways}
    for _ in range(rounds):
        for way, line in ways.items():
            trace_rate(work)
            results[way].append(loads.run(line, None, work))
    wanted = results["alone"][0].digest
    for way, runs in results.items():
        if any(r.digest != wanted for r in runs):
            sys.exit(f"run_programs.py: {' '.join(command)}: another output with {way}")
    return results


def report(weir, options, work):
    everything = {**loads.PROGRAMS, **BOUND}
    names = options.only.split(",") if options.only else list(everything)
    field = "cpu" if options.cpu else "wall"
    ratios = {"run": [], "record": []}
    print(f"medians of {options.rounds} alternating runs, {'processor' if options.cpu else 'clock'} seconds, "
          "and their spread (distance of the quartiles over the median)")
    print(f"{'':14}{'alone':>13}{'run':>13}{'record':>13}{'run/alone':>11}{'record/alone':>14}{'record/run':>12}"
          f"{'events':>11}{'bytes each':>12}")
    for name in names:
        command = everything[name](work)
        if command is None:
            print(f"{name:14} is not here")
            continue
        results = measure(weir, command, options.rounds, work)
        times = {way: median(runs, field) for way, runs in results.items()}
        for way, all_ratios in ratios.items():
            all_ratios.append(times[way] / times["alone"])
        events, size = trace_rate(work)
        each = f"{size / events:12.2f}" if events else f"{'':12}"
        print(f"{name:14}" + "".join(f"{times[way]:9.3f}{100 * (spread(results[way], field) or 0):3.0f}%"
                                            for way in ("alone", "run", "record")) +
              f"{ratios['run'][-1]:11.3f}{ratios['record'][-1]:14.3f}{times['record'] / times['run']:12.3f}"
              f"{events:11}{each}", flush=True)
    print(f"geometric means: run {geometric_mean(ratios['run']):.3f}, record {geometric_mean(ratios['record']):.3f} "
          f"of alone; worst {max(ratios['run'], default=0):.3f}, {max(ratios['record'], default=0):.3f}")


def main():
    global LOOPS
    parser = parser_make()
    parser.add_argument("--loops", help="tests/preload/pairs, as built")
    parser.add_argument("weir")
    options = parser.parse_args()
    LOOPS = options.loops and os.path.abspath(options.loops)
    with work_folder(options) as work:
        report(os.path.abspath(options.weir), options, work)


if __name__ == "__main__":
    main()
