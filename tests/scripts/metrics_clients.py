"""Clients that mean no good, for tests/scripts/metrics_clients.sh.

metrics_clients.py PID MOST [CASE]...   PID serves, at a port that is found. Whatever clients do: it lives, answers
                                        the next one with the figures it had, keeps no socket of those that are
                                        gone, and grows by at most MOST MiB.
"""
import os
import re
import socket
import struct
import sys
import time

PID, MOST = int(sys.argv[1]), int(sys.argv[2]) << 20
PATIENCE = 180  # seconds until something that must happen is given up


def links():
    for each in os.listdir(f"/proc/{PID}/fd"):
        try:
            yield os.readlink(f"/proc/{PID}/fd/{each}")
        except OSError:
            pass


def port():
    """Where it listens; 0: nowhere yet."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        lines = [line.split() for line in f][1:]
    own = set(links())
    for line in lines:
        if line[3] == "0A" and f"socket:[{line[9]}]" in own:
            return int(line[1].split(":")[1], 16)
    return 0


def until(what, holds):
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.1)


def connect():
    s = socket.create_connection(("127.0.0.1", PORT), timeout=PATIENCE)
    return s


def send(s, data):
    """What the server takes of it; it may have closed."""
    try:
        s.sendall(data)
    except OSError:
        pass


def read(s, most=1 << 30):
    data = b""
    try:
        while len(data) < most:
            got = s.recv(65536)
            if not got:
                break
            data += got
    except OSError:
        pass
    return data


def asked(request):
    with connect() as s:
        send(s, request)
        return read(s)


def page(answer):
    """The body of a whole answer."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0].endswith(b" 200 OK"), head
    length = int(re.search(rb"(?i)content-length: (\d+)", head).group(1))
    assert length == len(body), (length, len(body))
    return body.decode()


def figures():
    text = page(asked(b"GET /metrics HTTP/1.0\r\n\r\n"))
    assert text.startswith("# TYPE weir_") and text.endswith("\n"), text[-80:]
    return sorted(re.findall(r"^weir_(?:own_bytes|blocks)\{.*", text, re.M))


def sockets():
    return sum(each.startswith("socket:") for each in links())


def resident():
    with open(f"/proc/{PID}/status", encoding="ascii", errors="replace") as f:
        return int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1)) << 10


def status(answer):
    return answer.split(b"\r\n")[0]


# -- one kind each


def long_path():
    answer = asked(b"GET /" + b"a" * (4 << 20) + b" HTTP/1.1\r\n\r\n")
    assert b" 200 " not in status(answer), status(answer)


def long_query():
    answer = asked(b"GET /metrics?contexts=" + b"9" * 5000 + b" HTTP/1.0\r\n\r\n")
    assert page(answer)  # no number: as if nothing was said


def many_headers():
    answer = asked(b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 200000 + b"\r\n")
    assert b" 200 " not in status(answer), status(answer)


def long_header():
    answer = asked(b"GET /metrics HTTP/1.1\r\na: " + b"b" * (4 << 20) + b"\r\n\r\n")
    assert b" 200 " not in status(answer), status(answer)


def no_request():
    for text in b"\0" * 100000, b"\r\n" * 50000, b"\x16\x03\x01\x02\0\x01", b"GET\r\n\r\n", b"GET /metrics\r\n\r\n":
        with connect() as s:
            send(s, text)
            try:
                s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # libmicrohttpd 1.0 has gone by then
            read(s)


def bodies():
    answer = asked(b"POST /metrics HTTP/1.0\r\nContent-Length: 18446744073709551615\r\n\r\n" + b"x" * (1 << 20))
    assert b" 200 " not in status(answer), status(answer)
    answer = asked(b"POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n")
    assert b" 200 " not in status(answer), status(answer)
    answer = asked(b"GET /metrics HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")
    assert page(answer)


def half_closed():
    """Who has said all may close that half, and gets the answer; who has not gets none."""
    with connect() as s:
        send(s, b"GET /metrics HTTP/1.0\r\n\r\n")
        s.shutdown(socket.SHUT_WR)
        assert page(read(s))
    with connect() as s:
        send(s, b"GET /metrics HTT")
        s.shutdown(socket.SHUT_WR)
        assert b" 200 " not in status(read(s))


def gone():
    """Reset in the middle of the answer, or before it."""
    for n in 0, 1, 1000:
        for _ in range(50):
            s = connect()
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            send(s, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            read(s, n)
            s.close()


def pipelined():
    """Many requests at once, and not one answer read: they wait, one answer long."""
    clients = [connect() for _ in range(14)]
    for s in clients:
        s.settimeout(1)
        send(s, b"GET /metrics?contexts=100000 HTTP/1.1\r\nHost: x\r\n\r\n" * 300)
    # Who asks for less is served beside them.
    until("nobody is served", lambda: b" 200 OK" in status(asked(b"GET /metrics HTTP/1.0\r\n\r\n")))
    for s in clients:
        s.close()


def crowd():
    """More than have room, some of which say a byte now and then: the next one is served all the same."""
    clients = []
    request = b"GET /metrics HTTP/1.1\r\nX-" + b"a" * 100000
    at = served = 0
    for _ in range(24):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(("127.0.0.1", PORT))
        clients.append(s)
    end = time.monotonic() + PATIENCE
    while not served:
        assert time.monotonic() < end, "nobody is served beside slow clients"
        for s in clients:
            try:
                s.send(request[at : at + 1])
            except OSError:
                pass
        at += 1
        with socket.socket() as s:
            s.settimeout(1)
            try:
                s.connect(("127.0.0.1", PORT))
                s.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                served = b" 200 OK" in status(read(s))
            except OSError:
                pass
    for s in clients:
        s.close()


until(f"{PID} serves nowhere", port)
PORT = port()
wanted, before, memory = figures(), sockets(), resident()
assert wanted
cases = [long_path, long_query, many_headers, long_header, no_request, bodies, half_closed, gone, pipelined, crowd]
for case in cases:
    if len(sys.argv) > 3 and case.__name__ not in sys.argv[3:]:
        continue
    case()
    os.kill(PID, 0)
    # The last ones may not be gone yet, and their places not free.
    until(f"sockets after {case.__name__}: {sockets()}, {before} before", lambda: sockets() <= before)
    found = figures()
    assert found == wanted, (case.__name__, sorted(set(found) ^ set(wanted))[:20])
    grown = resident() - memory
    assert grown < MOST, (case.__name__, grown)
    print(f"{case.__name__}: {grown} bytes more than before")
