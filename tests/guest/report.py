#!/usr/bin/env python3
"""What the scripts of this folder ask of a report (weir run --json) or of a recording
(weir trace --json): the only place that knows the keys.

    report.py REPORT EXPRESSION           exit 0 if it holds, else 1 and what is there
    report.py --print REPORT EXPRESSION   prints its value
    report.py --trace FILE EXPRESSION     (WEIR: the program) and --print-trace
    report.py --status COMMAND...         prints "exit N" or "signal N"

Names in a report: name, pid, ending, peak, blocks, live, live_blocks (of the program that
was started), program (all of it, or None), others (the other processes, each with the same
names), everyone, command, raw. In a recording: pid, command, events, allocations, frees,
missing, dropped, complete, peak, peak_blocks, start, start_blocks, end, end_blocks, raw.
"""
import json
import os
import subprocess
import sys


class Process:
    def __init__(self, d):
        self.raw = d
        self.name, self.pid, self.ending = d["program"], d["pid"], d["ending"]
        self.peak, self.blocks = d["peak_bytes"], d["peak_blocks"]
        self.live, self.live_blocks = d["live_bytes"], d["live_blocks"]

    def __repr__(self):
        return "%s(pid %d, %s, peak %d in %d, live %d in %d)" % (
            self.name, self.pid, self.ending, self.peak, self.blocks, self.live,
            self.live_blocks)


def read_report(path):
    with open(path, "rb") as f:
        text = f.read()
    d = json.loads(text.decode("utf-8", "strict"))
    program = Process(d["program"]) if d.get("program") else None
    others = [Process(o) for o in d.get("others") or []]
    names = {"program": program, "others": others, "command": d.get("command"), "raw": d,
             "everyone": ([program] if program else []) + others, "text": text}
    for key in ("name", "pid", "ending", "peak", "blocks", "live", "live_blocks"):
        names[key] = getattr(program, key, None)
    return names


def read_trace(path):
    weir = os.environ.get("WEIR") or os.environ["top_builddir"] + "/weir"
    done = subprocess.run([weir, "trace", "--json", path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    try:
        d = json.loads(done.stdout.decode("utf-8", "strict"))
    except ValueError as error:
        raise SystemExit("weir trace --json %s: %s %s" % (
            path, error, done.stderr.decode("utf-8", "replace").strip()))
    return {"pid": d["pid"], "command": d["command"], "events": d["events"],
            "allocations": d["allocations"], "frees": d["frees"], "missing": d["missing"],
            "dropped": d["dropped"], "complete": d["complete"],
            "peak": d["peak"]["bytes"], "peak_blocks": d["peak"]["blocks"],
            "start": d["start"]["bytes"], "start_blocks": d["start"]["blocks"],
            "end": d["end"]["bytes"], "end_blocks": d["end"]["blocks"], "raw": d,
            "status": done.returncode}


def shown(names):
    return " ".join("%s=%r" % (k, v) for k, v in names.items()
                    if k not in ("raw", "text", "everyone", "command", "name", "pid", "ending",
                                 "peak", "blocks", "live", "live_blocks")
                    or (k != "command" and "events" in names and k not in ("raw",)))


def status_of(command):
    code = subprocess.run(command).returncode
    return "exit %d" % code if code >= 0 else "signal %d" % -code


def main():
    words = sys.argv[1:]
    if words[0] == "--status":
        print(status_of(words[1:]))
        return
    how = words.pop(0) if words[0].startswith("--") else "--report"
    path, expression = words
    try:
        names = read_trace(path) if "trace" in how else read_report(path)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit("%s: %s: %s" % (path, type(error).__name__, error))
    value = eval(expression, {**names, "__builtins__": __builtins__})
    if "print" in how:
        print(value)
    elif not value:
        raise SystemExit("%s: not %s: %s" % (os.path.basename(path), expression, shown(names)[:2000]))


if __name__ == "__main__":
    main()
