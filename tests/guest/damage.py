#!/usr/bin/env python3
"""The cases of damage.sh: damage.py CASE, in a folder with the recordings `whole` and
`other`, of two programs. What a damaged file still has is known from docs/internals/trace-format.md:
records that are there with a right CRC."""
import json
import os
import re
import struct
import subprocess
import sys
import zlib

WEIR = os.environ["WEIR"]


def fail(*what):
    print("why:", *what)
    sys.exit(1)


def varints(data, n):
    values, at = [], 0
    for _ in range(n):
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                break
        values.append(value)
    return values


class Record:
    def __init__(self, kind, at, end, payload):
        self.kind, self.at, self.end = kind, at, end
        self.events = varints(payload, 5)[4] if kind == b"EVTS" else 0
        self.last = varints(payload, 1)[0] if kind == b"FOOT" else 0


def records(data):
    found, at = [], 16
    while len(data) - at >= 12:
        kind, length, crc = struct.unpack_from("<4sII", data, at)
        payload = data[at + 12:at + 12 + length]
        if len(payload) < length or zlib.crc32(payload, zlib.crc32(data[at:at + 8])) != crc:
            fail("the recording is not as docs/internals/trace-format.md says, at", at)
        found.append(Record(kind, at, at + 12 + length, payload))
        at += 12 + length
    return found


def read(name):
    with open(name, "rb") as f:
        data = f.read()
    found = records(data)
    total = sum(r.events for r in found)
    if not found or found[-1].kind != b"FOOT" and not any(r.kind == b"FOOT" for r in found):
        fail(name, "has no footer")
    if sum(r.kind == b"EVTS" for r in found) < 4:
        fail(name, "has too few records of events for this test")
    return data, found, total


def shown(data, what):
    """What weir says of that file: its text, its JSON or None."""
    with open("damaged", "wb") as f:
        f.write(data)
    said = []
    for words in ([], ["--json"], ["--events"]):
        try:
            done = subprocess.run([WEIR, "trace"] + words + ["damaged"], timeout=600,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired:
            fail(what, "- weir trace", *words, "hangs")
        if done.returncode not in (0, 1):
            fail(what, "- weir trace", *words, "ends with", done.returncode)
        said.append(done.stdout.decode("utf-8", "replace"))
        if "--json" not in words and done.stderr:
            said[-1] += done.stderr.decode("utf-8", "replace")
    text = re.sub(r"(?<=\d)[,'](?=\d{3}\b)", "", said[0])
    if re.search(r"(?<!not )(?<!in)\bcomplete\b", text.replace("never complete", "")):
        fail(what, "- it is called complete:", text.split("\n")[0])
    try:
        d = json.loads(said[1])
    except ValueError:
        return text, None
    if d["complete"]:
        fail(what, "- JSON: complete")
    return text, d


def keeps(data, good, total, what, exact=True):
    """That file has `good` events of `total` (None: it has not said how many there were)."""
    text, d = shown(data, what)
    first = " ".join(text.split())[:160]
    if d is None:
        fail(what, "- %d of %d events are good, nothing is shown: %s" % (good, total or -1, first))
    if d["events"] != good if exact else d["events"] < good:
        fail(what, "- %d events are good, %d are shown: %s" % (good, d["events"], first))
    if total is None:
        if re.search(r"\b0 (events )?(are )?missing", text):
            fail(what, "- it says that nothing is missing:", first)
        if not re.search(r"cut|missing|incomplete|not complete", text):
            fail(what, "- it does not say that it was cut:", first)
        return
    if total == good:
        return
    if d["missing"] != total - good:
        fail(what, "- %d of %d events are missing, JSON says %d" % (total - good, total, d["missing"]))
    if not re.search(r"missing", text) or not re.search(r"\b%d\b" % (total - good), text) or \
            not re.search(r"\b%d\b" % total, text):
        fail(what, "- it does not say that %d of %d are missing: %s" % (total - good, total, first))


def without(data, found, gone, fill=None):
    """The file with those records left out, or every byte of them as `fill`."""
    out = data[:16]
    for r in found:
        if r not in gone:
            out += data[r.at:r.end]
        elif fill is not None:
            out += bytes([fill]) * (r.end - r.at)
    return out


def flipped(data, at, mask=0xff):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def some(found, n):
    events = [r for r in found if r.kind == b"EVTS" and r.events]
    return events[::max(1, len(events) // n)]


def cut():
    data, found, total = read("whole")
    for r in found[1::max(1, len(found) // 25)]:
        good = sum(x.events for x in found if x.end <= r.at)
        for at in (r.at, r.at + 1, r.at + 11, (r.at + 12 + r.end) // 2, r.end - 1):
            keeps(data[:at], good, None if good < total else total, "cut at byte %d" % at)


def cut_footer():
    data, found, total = read("whole")
    foot = [r for r in found if r.kind == b"FOOT"][-1]
    for at in (foot.at, foot.at + 1, foot.end - 1):
        keeps(data[:at], sum(x.events for x in found if x.end <= at), total if
              foot is found[-1] else None, "footer cut at byte %d" % at)


def flip():
    data, found, total = read("whole")
    for r in some(found, 12):
        for at in (r.at + 12, (r.at + 12 + r.end) // 2, r.end - 1):
            keeps(flipped(data, at), total - r.events, total, "byte %d of events" % at)


def flip_head():
    data, found, total = read("whole")
    for r in some(found, 6):
        for i in range(12):
            keeps(flipped(data, r.at + i), total - r.events, total,
                  "byte %d of a record's head" % i)


def hole():
    data, found, total = read("whole")
    for r in some(found, 6):
        for size in (512, 4096, 65536):
            at = r.at + 20
            damaged = data[:at] + bytes(len(data[at:at + size])) + data[at + size:]
            good = sum(x.events for x in found if x.end <= at or x.at >= at + size)
            end = [x for x in found if x.kind == b"FOOT"][-1]
            keeps(damaged, good, total if end.at >= at + size else None,
                  "a hole of %d bytes at %d" % (size, at))


def lost():
    data, found, total = read("whole")
    for r in some(found, 8):
        keeps(without(data, found, [r]), total - r.events, total, "a record is lost")
        keeps(without(data, found, [r], 0xff), total - r.events, total, "a record of 0xff")
    half = [r for i, r in enumerate(found) if r.kind == b"EVTS" and i % 2]
    keeps(without(data, found, half), total - sum(r.events for r in half), total,
          "every other record is lost")


def twice():
    data, found, total = read("whole")
    for r in some(found, 4):
        shown(data[:r.end] + data[r.at:r.end] + data[r.end:], "a record comes twice")


def others():
    data, found, total = read("whole")
    more, others_found, _ = read("other")
    shown(data + more, "two recordings, one after the other")
    shown(data + more[16:], "the records of two")
    a, b = found[len(found) // 2].at, others_found[len(others_found) // 2].at
    shown(data[:a] + more[b:], "half of one, half of another")
    shown(more[:b] + data[a:], "half of one, half of another")
    shown(data[:a] + more, "half of one, all of another")
    start = len(data) * 2 // 3
    shown(more + data[len(more):] if len(more) < len(data) else data + more[len(data):],
          "one over the beginning of another")
    shown(data[:start] + more[:1000] + data[start + 1000:], "a piece of one in another")


def random():
    data, _, _ = read("whole")
    seed = 1
    for i in range(150):
        seed = (seed * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        at = 16 + (seed >> 20) % (len(data) - 16)
        shown(flipped(data, at, 1 << (seed >> 60) % 8), "bit of byte %d" % at)


def random_many():
    data, _, _ = read("whole")
    seed = 7
    for i in range(60):
        damaged = bytearray(data)
        for _ in range(1 + i * 3):
            seed = (seed * 6364136223846793005 + 1442695040888963407) % (1 << 64)
            damaged[16 + (seed >> 20) % (len(data) - 16)] ^= 1 + (seed >> 56) % 255
        if bytes(damaged) != data:
            shown(bytes(damaged), "%d bytes" % (1 + i * 3))


def refused():
    data, _, _ = read("whole")
    for what, content in (("an empty file", b""), ("eight bytes", data[:8]), ("text", b"text\n" * 99),
                          ("a wrong beginning", b"x" + data[1:]),
                          ("another major version", data[:8] + b"\x09\x00" + data[10:])):
        text, d = shown(content, what)
        if d is not None and d["events"]:
            fail(what, "is read")


if __name__ == "__main__":
    globals()[sys.argv[1]]()
