#!/usr/bin/env python3
"""The cases of signals.sh with a terminal: terminal.py CASE. An interactive shell on a
pseudo-terminal; what is seen without weir, and what under `weir run --record`."""
import os
import pty
import re
import select
import signal
import sys
import time

WEIR, BIN = os.environ["WEIR"], os.environ["bin"]
SHELL = ["bash", "--norc", "--noprofile", "-i"]


def fail(*what):
    print("why:", *what)
    sys.exit(1)


class Terminal:
    def __init__(self, way):
        self.way, self.text = way, ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(PS1="", PS2="", TERM="dumb", HISTFILE="/dev/null")
            os.execvp(SHELL[0], SHELL)
        self.type("stty -echo; bind 'set enable-bracketed-paste off'; PS1=; run() { %s\"$@\"; }\n" %
                  ("" if way == "plain" else WEIR + " run -o /dev/null --record F.%p -- "))
        self.type("echo begin$((40 + 2))\n")
        self.expect("begin42")

    def type(self, text):
        os.write(self.fd, text.encode())

    def expect(self, pattern, seconds=200):
        until = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text)
            if found:
                self.text = self.text[found.end():]
                return found
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                fail("%s: no %r on the terminal, but %r" % (self.way, pattern, self.text[-300:]))
            try:
                more = os.read(self.fd, 65536)
            except OSError:
                fail("%s: the terminal was closed before %r" % (self.way, pattern))
            self.text += more.decode("utf-8", "replace").replace("\r", "")

    def status(self):
        self.type("echo status=$?.\n")
        return self.expect(r"status=(\d+)\.").group(1)

    def count(self, *leave):
        self.type("run %s/count %s\n" % (BIN, " ".join(map(str, (28,) + leave))))
        guest = int(self.expect(r"ready (\d+)\n").group(1))
        return guest

    def finish_count(self, guest, wanted):
        os.kill(os.getpgid(guest), signal.SIGWINCH)
        got = self.expect(r"counts([ \d:]*)\.").group(1)
        if got.strip() != wanted:
            fail("%s: wanted counts %r, got %r" % (self.way, wanted, got))

    def close(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def wants(t, what, wanted, got):
    if wanted != got:
        fail("%s: %s: wanted %r, got %r" % (t.way, what, wanted, got))


def keys(t):
    guest = t.count(20, 21, 22)
    for key, s in (("\x03", 2), ("\x1c", 3)):
        t.type(key)
        t.expect("got %d\n" % s)
    t.finish_count(guest, "2:1 3:1")
    wants(t, "status", "0", t.status())


def stopped(t):
    guest = t.count(20, 21, 22)
    for round in range(3):
        t.type("\x1a")
        t.expect("Stopped")
        wants(t, "status", "148", t.status())
        t.type("jobs -s | wc -l\n")
        t.expect(r"\b1\n")
        t.type("fg >/dev/null\n")
        t.expect("got 18\n")
    t.type("\x03")
    t.expect("got 2\n")
    t.finish_count(guest, "2:1 18:3")
    wants(t, "status", "0", t.status())


def background(t):
    guest = t.count(20, 21, 22)
    t.type("\x1a")
    t.expect("Stopped")
    t.type("bg >/dev/null\n")
    t.expect("got 18\n")
    t.type("kill -TERM %%\n")
    t.expect("got 15\n")
    t.type("kill -STOP %%; until jobs | grep -q Stopped; do sleep 0.1; done; echo is$((4))\n")
    t.expect("is4")
    t.type("kill -CONT %%\n")
    t.expect("got 18\n")
    os.kill(os.getpgid(guest), signal.SIGWINCH)
    wants(t, "counts", "15:1 18:2", t.expect(r"counts([ \d:]*)\.").group(1).strip())
    t.type("wait; echo status=$?.\n")
    t.expect(r"status=0\.")


def interrupted(t):
    for key, status in (("\x03", "130"), ("\x1c", "131")):
        t.type("run %s/act say begun sleep 60000\n" % BIN)
        t.expect("begun\n")
        t.type(key)
        wants(t, "status", status, t.status())


def reads(t):
    t.type("run cat\n")
    t.type("typed here\n")
    t.expect("typed here\n")
    t.type("\x04")
    wants(t, "status", "0", t.status())
    t.type("run cat & until jobs | grep -q Stopped; do sleep 0.1; done; echo is$((3))\n")
    t.expect("is3")
    t.type("fg >/dev/null\n")
    t.type("typed again\n")
    t.expect("typed again\n")
    t.type("\x04")
    wants(t, "status", "0", t.status())


def owner(t):
    t.type("run /usr/bin/python3 -c 'import os; print(\"own\", os.isatty(0), "
           "os.tcgetpgrp(0) == os.getpgrp(), os.getsid(0) == os.getsid(os.getppid()), \".\")'\n")
    wants(t, "of the terminal", "True True True", t.expect(r"own (.*?) \.\n").group(1))


def pipeline(t):
    t.type("run %s/act on CONT { say continued } say one sleep 60000 | run cat\n" % BIN)
    t.expect("one\n")
    t.type("\x1a")
    t.expect("Stopped")
    t.type("fg >/dev/null\n")
    t.expect("continued\n")
    t.type("\x03")
    wants(t, "status", "130", t.status())


def inner(t):
    t.type("run bash --norc --noprofile -i\n")
    t.type("PS1=; echo inner$((1 + 1))\n")
    t.expect("inner2")
    t.type("%s/count 28 20 21 22\n" % BIN)
    guest = int(t.expect(r"ready (\d+)\n").group(1))
    t.type("\x1a")
    t.expect("Stopped")
    t.type("fg >/dev/null\n")
    t.expect("got 18\n")
    t.type("\x03")
    t.expect("got 2\n")
    t.finish_count(guest, "2:1 18:1")
    t.type("echo inside$((2 + 2)); exit 5\n")
    t.expect("inside4")
    wants(t, "status", "5", t.status())


def hangup(t):
    guest = t.count(2)
    os.close(t.fd)
    until = time.monotonic() + 200
    try:
        while True:
            os.kill(guest, 0)
            with open("/proc/%d/stat" % guest) as f:
                if f.read().rsplit(")", 1)[1].split()[0] in "ZX":
                    break
            if time.monotonic() > until:
                os.kill(guest, signal.SIGKILL)
                fail("%s: the program lives on after its terminal is gone" % t.way)
            time.sleep(0.01)
    except (ProcessLookupError, FileNotFoundError):
        pass
    os.waitpid(t.pid, 0)


if __name__ == "__main__":
    for way in "plain", "recorded":
        t = Terminal(way)
        globals()[sys.argv[1]](t)
        if sys.argv[1] != "hangup":
            t.close()
