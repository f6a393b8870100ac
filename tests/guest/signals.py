#!/usr/bin/env python3
"""The cases of signals.sh: signals.py CASE. Each does the same to the program without
weir and to one under `weir run --record`; what is seen must be the same, and as said here."""
import contextlib
import os
import re
import select
import signal
import subprocess
import sys
import time

import report

WEIR, BIN = os.environ["WEIR"], os.environ["bin"]
COUNT, ACT = BIN + "/count", BIN + "/act"
ALL = [s for s in range(1, signal.SIGRTMAX) if s not in (signal.SIGKILL, signal.SIGSTOP, 32, 33)]
WATCHED = [WEIR, "run", "--json", "-o", "report", "--record", "F", "--"]
WAYS = (("plain", []), ("watched", [WEIR, "run", "-o", "/dev/null", "--"]), ("recorded", WATCHED))


def fail(*what):
    print("why:", *what)
    sys.exit(1)


def wants(what, wanted, got):
    if wanted != got:
        fail("%s: wanted %r, got %r" % (what, wanted, got))


def name(s):
    return signal.Signals(s).name if s in list(signal.Signals) else "signal %d" % s


class Started:
    """A program in a process group of its own, what it says read line by line."""

    def __init__(self, words, **more):
        self.p = subprocess.Popen(words, stdout=subprocess.PIPE, process_group=0, **more)
        self.pid, self.text = self.p.pid, b""

    def line(self, start, seconds=200, must=True):
        """The next line that begins so. None at the end, or when the program that was started
        has ended and says no more."""
        until = time.monotonic() + seconds
        while True:
            while b"\n" in self.text:
                one, self.text = self.text.split(b"\n", 1)
                if one.decode().startswith(start):
                    return one.decode()
            left = until - time.monotonic()
            if not select.select([self.p.stdout], [], [], 0.25)[0]:
                if left > 0 and self.p.poll() is None:
                    continue
                if not must or left > 0:
                    return None
                self.kill()
                fail("it did not say %r in %d s" % (start, seconds))
            more = os.read(self.p.stdout.fileno(), 65536)
            if not more:
                return None
            self.text += more

    def kill(self):
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except OSError:
            pass

    def wait(self, seconds=200):
        try:
            return self.p.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            fail("it did not end in %d s" % seconds)


def end_guest(one, guest):
    """Ends what weir run started, if it is still there: it may end by itself at any moment."""
    if guest != one.pid:
        try:
            os.kill(guest, signal.SIGKILL)
        except ProcessLookupError:
            return False
    return guest != one.pid


WINCH = int(signal.SIGWINCH)


def counted(words, s, send):
    """The counts of a program to which `send` sent s, and then a higher one to its process."""
    last = WINCH if s < WINCH else signal.SIGRTMAX
    one = Started(words + [COUNT, str(int(last))])
    ready = one.line("ready")
    if not ready:
        return "did not start"
    guest = int(ready.split()[1])
    send(one.pid)
    try:
        os.kill(one.pid, last)
    except ProcessLookupError:
        pass
    counts = one.line("counts", must=False)
    if counts is not None:
        return counts + " status %d" % one.wait()
    code = one.p.poll()
    if code is None:
        one.kill()
        return "%s, sent after it, does not arrive" % name(last)
    if end_guest(one, guest):
        return "ends what was started (%d), the program is left running" % code
    return "ends it (%d)" % code


def got_of(one, s, until):
    """How often s came before `until` comes; None if that does not come."""
    n = 0
    while True:
        line = one.line("", must=False)
        if line is None:
            return None
        n += line == "got %d" % s
        if line == "got %d" % until:
            return n


def once(one, kill, s):
    """Sends s, and when it was there a higher one to the process: what it sends on comes first."""
    kill(one.pid, s)
    if got_of(one, s, s) is None:
        return "does not reach the program"
    if one.p.poll() is not None:
        return "ends weir run, the program is left running"
    flush = WINCH if s < WINCH else int(signal.SIGRTMAX) - 1
    if s < flush:
        os.kill(one.pid, flush)
        more = got_of(one, s, flush)
        if more is None:
            return "is there, but %s after it is not" % name(flush)
        if more:
            return "arrives %d times" % (1 + more)
    return None


def each(kill, how):
    """One after the other to one process; a new one after each that ends it."""
    wrong = {}
    for way, words in WAYS:
        left = list(ALL)
        while left:
            one = Started(words + [COUNT, str(int(signal.SIGRTMAX))])
            guest = int(one.line("ready").split()[1])
            while left and one.p.poll() is None:
                s = left.pop(0)
                why = once(one, kill, s)
                if why:
                    wrong.setdefault(s, "%s: %s %s" % (way, name(s), why))
            if one.p.poll() is None:
                os.kill(one.pid, signal.SIGRTMAX)
                if one.line("counts", must=False) is None:
                    wrong.setdefault(64, "%s: SIGRTMAX does not reach the program" % way)
            end_guest(one, guest)
            one.kill()
            one.p.wait()
    if wrong:
        print("\n".join(wrong.values()))
        fail("%d of %d kinds %s: %s" % (len(wrong), len(ALL) + 1, how, list(wrong.values())[0]))


def directed():
    each(os.kill, "sent to the process")


def group():
    each(os.killpg, "sent to the group")


def queued():
    s = signal.SIGRTMIN + 3
    for kill in (os.kill, os.killpg):
        for way, words in WAYS:
            got = counted(words, s, lambda pid: [kill(pid, s) for _ in range(5)])
            wants("%s, %s" % (way, kill.__name__), "counts %d:5. status 0" % s, got)


def as_timeout():
    """What timeout does: its child, then the group. Real-time signals do not merge."""
    s = signal.SIGRTMIN + 1
    for way, words in WAYS:
        wants(way, "counts %d:2. status 0" % s,
              counted(words, s, lambda pid: (os.kill(pid, s), os.killpg(pid, s))))


def timeout():
    for way, words in WAYS:
        code = subprocess.run(["timeout", "0.7"] + words + [ACT, "sleep", "60000"]).returncode
        wants(way, 124, code)
        none_left("60000")


def words_of(pid):
    """The command line of any process of the machine: whatever bytes."""
    with open("/proc/%s/cmdline" % pid, "rb") as f:
        return f.read().decode("utf-8", "replace").split("\0")


def none_left(word):
    left = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = words_of(pid)
        except OSError:
            continue
        if word in words and words[0] == ACT:
            left.append(int(pid))
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    if left:
        fail("%d programs were left running" % len(left))


def early():
    """SIGTERM at every moment of the start."""
    for i in range(60):
        p = subprocess.Popen(WATCHED + [ACT, "sleep", "61000"])
        time.sleep(i * 0.001)
        p.terminate()
        try:
            code = p.wait(200)
        except subprocess.TimeoutExpired:
            p.kill()
            fail("after %d ms: hangs" % i)
        if code != -signal.SIGTERM:
            fail("after %d ms: status %d" % (i, code))
        none_left("61000")


def ignores():
    """The program ignores SIGTERM: nothing else ends it."""
    for way, words in WAYS:
        one = Started(words + [COUNT, str(WINCH)])
        one.line("ready")
        for _ in range(3):
            os.kill(one.pid, signal.SIGTERM)
            one.line("got 15")
        os.kill(one.pid, WINCH)
        wants(way, "counts 15:3.", one.line("counts"))
        wants(way, 0, one.wait())


def child_ignored():
    def ignore():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for way, words in WAYS:
        p = subprocess.Popen(words + [ACT, "a", "10", "10", "end", "exit", "3"], preexec_fn=ignore)
        try:
            wants(way, 3, p.wait(200))
        except subprocess.TimeoutExpired:
            p.kill()
            fail("%s: hangs" % way)


def inherited():
    """Dispositions and mask of the start are the program's, no handler is in it."""
    def default():
        pass

    def nohup():
        for s in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGCHLD, signal.SIGPIPE,
                  signal.SIGRTMIN + 2):
            signal.signal(s, signal.SIG_IGN)

    def blocked():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGUSR1, signal.SIGCHLD,
                                                  signal.SIGRTMIN, signal.SIGALRM})

    def fill():
        signal.pthread_sigmask(signal.SIG_BLOCK, set(range(1, 65)) - {32, 33})
    def see(way, words, before):
        """What it says, but not in the moment in which the C library blocks everything to make
        the thread."""
        for attempt in range(20):
            try:
                said = subprocess.run(words + [ACT, "signals", "fork", "{", "signals", "}",
                                               "thread", "{", "signals", "}"],
                                      stdout=subprocess.PIPE, timeout=200,
                                      preexec_fn=before).stdout.decode()
            except subprocess.TimeoutExpired:
                fail("%s, %s: hangs" % (before.__name__, way))
            if before is fill or "SigBlk:\tfffffff" not in said:
                break
        return said
    for before in default, blocked, fill, nohup:
        plain = see("plain", WAYS[0][1], before)
        for way, words in WAYS[1:]:
            wants("%s, %s" % (before.__name__, way), plain, see(way, words, before))


def states(pid):
    with open("/proc/%d/stat" % pid) as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def await_state(pid, wanted, what):
    until = time.monotonic() + 200
    while (states(pid) == "T") != wanted:
        if time.monotonic() > until:
            fail("%s is %s" % (what, "not stopped" if wanted else "still stopped"))
        time.sleep(0.01)


def stop(kill, s):
    for way, words in WAYS:
        one = Started(words + [COUNT, str(WINCH), "20", "21", "22"])
        guest = int(one.line("ready").split()[1])
        for round in range(3):
            kill(one.pid, s)
            await_state(one.pid, True, "%s: what was started" % way)
            await_state(guest, True, "%s: the program" % way)
            if not os.WIFSTOPPED(os.waitpid(one.pid, os.WUNTRACED)[1]):
                fail(way, "the caller is not told that it stopped")
            kill(one.pid, signal.SIGCONT)
            one.line("got 18")
            await_state(one.pid, False, "%s: what was started" % way)
            await_state(guest, False, "%s: the program" % way)
        os.kill(one.pid, WINCH)
        wants(way, "counts 18:3.", one.line("counts"))
        wants(way, 0, one.wait())


def stop_directed():
    stop(os.kill, signal.SIGTSTP)


def stop_group():
    stop(os.killpg, signal.SIGTSTP)


def stop_hard():
    stop(os.killpg, signal.SIGSTOP)


def weirs(group):
    """Processes that run `weir` itself, of that process group or begun by one of it."""
    found, real = [], os.path.realpath(WEIR)
    names = {real}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink("/proc/%s/exe" % pid) in names and "F" in words_of(pid) and \
                    os.readlink("/proc/%s/cwd" % pid) == os.getcwd():
                found.append(int(pid))
        except OSError:
            pass
    return found


def at_work(words, more):
    """A recorded program that is ready and waits for `go`."""
    one = Started(words + [ACT, "a", "1000", "100", "say", "ready", "await", "go"] + more)
    one.line("ready")
    return one


def await_file(path, seconds, what):
    until = time.monotonic() + seconds
    while not os.path.exists(path):
        if time.monotonic() > until:
            fail(what)
        time.sleep(0.01)


EVENTS = 3000000
WORK = ["t", str(EVENTS), "50", "touch", "done", "end", "exit", "0"]


def account(text):
    """All events are in the recording, or counted and told."""
    t = report.read_trace("F")
    lost = max(t["missing"], t["dropped"])
    if t["allocations"] + t["frees"] + lost < 2 * EVENTS + 1000:
        fail("%d events, %d missing or dropped, of %d" % (t["events"], lost, 2 * EVENTS + 1000))
    if lost and not re.search(r"missing|dropped|lost", text):
        fail("%d events are missing, the report does not say it" % lost)
    return lost


def weir_stopped():
    one = at_work([WEIR, "run", "-o", "report", "--record", "F", "--"], WORK)
    for pid in weirs(one.pid):
        os.kill(pid, signal.SIGSTOP)
    open("go", "w").close()
    await_file("done", 200, "the program waits for a weir run that is stopped")
    for pid in weirs(one.pid):
        os.kill(pid, signal.SIGCONT)
    wants("status", True, one.wait() in (0, 123))
    account(open("report").read())


def weir_slow():
    one = at_work([WEIR, "run", "-o", "report", "--record", "F", "--"], WORK)
    pids = weirs(one.pid)
    open("go", "w").close()
    while not os.path.exists("done"):
        for number, pause in ((signal.SIGSTOP, 0.05), (signal.SIGCONT, 0.002)):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):  # the witness may have ended
                    os.kill(pid, number)
            time.sleep(pause)
        if one.p.poll() is not None:
            break
    wants("status", True, one.wait() in (0, 123))
    account(open("report").read())


def weir_killed():
    def shared():
        return [f for f in sorted(os.listdir("/dev/shm")) if "weir" in f.lower()]
    before = shared()
    one = at_work(WATCHED, ["fork", "{", "t", "300000", "50", "}", "t", "1000000", "50", "exec", ACT,
                            "t", "300000", "50", "touch", "done", "end", "exit", "0"])
    for pid in weirs(one.pid):
        with contextlib.suppress(ProcessLookupError):  # the one goes with the other
            os.kill(pid, signal.SIGKILL)
    open("go", "w").close()
    await_file("done", 200, "the program did not go on after its weir run was killed")
    until = time.monotonic() + 200
    while shared() != before and time.monotonic() < until:
        time.sleep(0.01)
    wants("/dev/shm", before, shared())
    wants("files", {"F", "done", "go"} | {f for f in os.listdir(".") if f.startswith("F.")},
          set(os.listdir(".")) - {"report"})
    t = report.read_trace("F")
    if t["complete"] and t["allocations"] < 1001000:
        fail("a recording with %d of 1001000 blocks is called complete" % t["allocations"])


def weir_killed_at_once():
    """Killed while the guest allocates, 10 times."""
    for i in range(10):
        for f in ("go", "done"):
            if os.path.exists(f):
                os.unlink(f)
        one = at_work(WATCHED, ["t", "1000000", "50", "touch", "done", "end", "exit", "0"])
        pids = weirs(one.pid)
        open("go", "w").close()
        time.sleep(0.002 * i)
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except OSError:
                pass
        await_file("done", 200, "round %d: the program did not go on" % i)
        one.p.wait()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
