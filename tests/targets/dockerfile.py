"""dockerfile.py CONTEXT ROOT: as root, without docker: CONTEXT/Dockerfile is followed, line by line, in ROOT, a
fresh root of the Debian that its FROM names; then it is run as docker would with --memory 512m, in namespaces of its
own, and what it serves is looked at. Run by tests/targets/check-deb. Fails with a traceback.

Of docker's own it has the image's dpkg settings (no documents), the working folder, the memory's control group, and
one loopback device; the network of RUN lines is the machine's.
"""
import fcntl
import json
import os
import re
import shlex
import shutil
import signal
import socket
import struct
import subprocess
import sys
import time
import urllib.request

LIMIT = 512 << 20
CONTEXT, ROOT = sys.argv[1:3]
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}


def lines():
    """(instruction, the rest), with continued lines joined."""
    with open(f"{CONTEXT}/Dockerfile", encoding="utf-8") as f:
        text = "".join(line for line in f if not line.lstrip().startswith("#"))
    for line in text.replace("\\\n", " ").split("\n"):
        if line.strip():
            instruction, _, rest = line.strip().partition(" ")
            yield instruction, rest.strip()


def image_make():
    """What of it is said about how it runs: user, command."""
    said = {"USER": "root", "CMD": "[]"}
    proxy = {k: v for k, v in os.environ.items() if k.lower().endswith("_proxy")}
    for instruction, rest in lines():
        print(f"# {instruction} {rest}", flush=True)
        if instruction == "COPY":
            *sources, to = shlex.split(rest)
            for source in sources:
                at = f"{CONTEXT}/{source}"
                if os.path.isdir(at):
                    shutil.copytree(at, ROOT + to, dirs_exist_ok=True)
                else:
                    into = ROOT + to + (os.path.basename(source) if to.endswith("/") else "")
                    os.makedirs(os.path.dirname(into), exist_ok=True)
                    shutil.copy(at, into)
        elif instruction == "RUN":
            subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "chroot", ROOT, "sh", "-c",
                            "mount -t proc proc /proc && exec /bin/sh -c \"$0\"", rest],
                           env={**ENVIRONMENT, **proxy, "DEBIAN_FRONTEND": "noninteractive"}, check=True)
        elif instruction in ("FROM", "USER", "EXPOSE", "ENTRYPOINT", "CMD"):
            said[instruction] = rest
        else:
            raise SystemExit(f"{instruction} is not known here")
    return said


# -- a run of it, in this process's namespaces


class Group:
    """The memory's control group of version 1 or 2, or none."""

    def __init__(self):
        self.path = ""
        for top, name in ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"), ("/sys/fs/cgroup", "memory.max"):
            path = f"{top}/weir-container-{os.getpid()}"
            try:
                os.mkdir(path)
            except OSError:
                continue
            if os.path.exists(f"{path}/{name}"):
                with open(f"{path}/{name}", "w", encoding="ascii") as f:
                    f.write(str(LIMIT))
                self.path = path
                return
            os.rmdir(path)

    def enter(self):
        if self.path:
            with open(f"{self.path}/cgroup.procs", "w", encoding="ascii") as f:
                f.write(str(os.getpid()))

    def remove(self):
        for _ in range(100):
            try:
                if self.path:
                    os.rmdir(self.path)
                return
            except OSError:
                time.sleep(0.1)


def loopback_up():
    with socket.socket() as s:
        request = struct.pack("16sh", b"lo", 1)  # IFF_UP
        fcntl.ioctl(s, 0x8914, request.ljust(40, b"\0"))  # SIOCSIFFLAGS


def asked(port, path="/", data=None):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data=data, timeout=60) as answer:
        return answer.read().decode()


def until(what, get):
    for _ in range(600):
        try:
            return get()
        except OSError:
            time.sleep(0.1)
    raise SystemExit(f"{what}: nothing within a minute")


def figure(page, name):
    found = [int(value) for value in re.findall(rf'^weir_{name}\{{[^}}]*program="python3[^}}]*\}} (\d+)', page, re.M)]
    assert len(found) == 1, (name, found, page)
    return found[0]


def service_look(has_limit):
    first = until("the service", lambda: asked(8000))
    assert first == "0 bytes held\n", first
    assert asked(8000, data=b"x" * 10_000_000) == "10000000 bytes held\n"
    page = until("the metrics", lambda: asked(9464, "/metrics"))
    own = figure(page, "own_bytes")
    assert 10_000_000 < own < 60_000_000, own
    assert figure(page, "peak_allocated_bytes") >= own
    limit = figure(page, "limit_bytes")
    print(f"ok - the service holds {own} bytes, of at most {limit}")
    if not has_limit:
        return
    assert abs(limit - LIMIT * 9 // 10) < 1 << 16, limit
    # More than it may have: Python says so, and the service lives.
    try:
        asked(8000, data=b"x" * 480_000_000)
        raise AssertionError("a limit is not kept")
    except OSError:
        pass
    assert asked(8000) == "10000000 bytes held\n"
    page = asked(9464, "/metrics")
    assert figure(page, "failures_total") > 0 and figure(page, "peak_allocated_bytes") <= limit, page
    print("ok - it outlives a request for more than its limit")


def image_run(said):
    words = json.loads(said["ENTRYPOINT"]) + json.loads(said["CMD"])
    loopback_up()
    subprocess.run(["mount", "-t", "proc", "proc", f"{ROOT}/proc"], check=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", f"{ROOT}/dev/shm"], check=True)
    subprocess.run(["mount", "--rbind", "/sys", f"{ROOT}/sys"], check=True)
    group = Group()
    with subprocess.Popen(["chroot", f"--userspec={said['USER']}", ROOT, *words], env=ENVIRONMENT,
                          preexec_fn=group.enter) as process:
        try:
            service_look(bool(group.path))
            process.send_signal(signal.SIGTERM)
            status = process.wait(timeout=60)
            # As the service did: by the signal, or with a shell's word for it.
            assert status in (-signal.SIGTERM, 128 + signal.SIGTERM), status
            print("ok - it ends by SIGTERM, as the service does")
        finally:
            process.kill()
    group.remove()
    print("ok - the control group's limit" if group.path else "ok # SKIP no control group for memory here")


if len(sys.argv) > 3:
    image_run(json.loads(sys.argv[3]))
else:
    # As debian:*-slim has it.
    with open(f"{ROOT}/etc/dpkg/dpkg.cfg.d/docker", "w", encoding="ascii") as config:
        config.write("path-exclude /usr/share/doc/*\npath-include /usr/share/doc/*/copyright\npath-exclude /usr/share/man/*\n")
    how = image_make()
    assert re.fullmatch(r"debian:\w+-slim", how["FROM"]), how["FROM"]
    subprocess.run(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", sys.executable, __file__, CONTEXT,
                    ROOT, json.dumps(how)], check=True)
