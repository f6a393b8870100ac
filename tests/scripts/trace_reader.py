#!/usr/bin/env python3
"""An independent reader of weir's binary traces, written from docs/internals/trace-format.md alone.

usage: trace_reader.py FILE          checks the file, prints its figures as JSON
       trace_reader.py --events FILE also prints one line an event, in order of number
       trace_reader.py --stacks FILE prints one line an allocation instead: its number, its size,
                                     and module+offset of each call, the leaf first

Exit status 1 and one line on standard error when the file is damaged, or when its footer
is not what a replay gives.
"""
import json
import struct
import sys
import zlib

MAGIC = b"\x89WEIR\r\n\x1a"
M64 = (1 << 64) - 1


class Damaged(Exception):
    pass


class Bytes:
    """A payload, read from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def byte(self):
        if self.at >= len(self.data):
            raise Damaged("a payload ends early")
        self.at += 1
        return self.data[self.at - 1]

    def take(self, n):
        if n > len(self.data) - self.at:
            raise Damaged("a payload ends early")
        self.at += n
        return self.data[self.at - n:self.at]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                break
            if shift >= 70:
                raise Damaged("a varint is too long")
        if value > M64:
            raise Damaged("a varint is too large")
        return value

    def svarint(self):
        value = self.varint()
        return value >> 1 if not value & 1 else -(value >> 1) - 1

    def string(self):
        return self.take(self.varint())


def records(data):
    """Yields (type, payload); the file may have been cut short."""
    if len(data) < 16 or data[:8] != MAGIC:
        raise Damaged("not a weir trace")
    if struct.unpack_from("<H", data, 8)[0] != 1:
        raise Damaged("an unknown major version")
    if struct.unpack_from("<H", data, 10)[0] > 5:
        print("trace_reader.py: version 1.%d of the format: 1.5 is read" %
              struct.unpack_from("<H", data, 10)[0], file=sys.stderr)
    at = 16
    while len(data) - at >= 12:
        kind, length, crc = struct.unpack_from("<4sII", data, at)
        if length > 1 << 24:
            raise Damaged("a record of %d bytes" % length)
        if length > len(data) - at - 12:
            return
        payload = data[at + 12:at + 12 + length]
        if zlib.crc32(payload, zlib.crc32(data[at:at + 8])) != crc:
            raise Damaged("a wrong CRC at %d" % at)
        yield kind.decode("latin-1"), payload
        at += 12 + length


def slot(address):
    return ((address >> 4) * 0x9E3779B97F4A7C15 & M64) >> 56


def chunk_events(payload):
    """Yields (number, ticks, thread, kind, fields) of one EVTS."""
    b = Bytes(payload)
    thread, tid, number, ticks, count = (b.varint() for _ in range(5))
    slots, shapes, address, stacks = [0] * 256, [None] * 128, 0, [0] * 128
    for _ in range(count):
        head, before, stack = b.byte(), None, None
        while head & 7 == 0 and head >> 3 >= 16:
            note = Bytes(b.string())
            if head >> 3 == 17:
                before = note.varint()
            if head >> 3 == 16:
                stack = note.varint()
            head = b.byte()
        kind = head & 7
        if kind == 0:
            number = number + 1 + b.svarint() & M64
            ticks = ticks + b.varint() & M64
            yield number, ticks, thread, 16 + (head >> 3), Bytes(b.string())
            continue
        if kind > 4:
            raise Damaged("an event of kind %d" % kind)
        number = number + 1 + (b.svarint() if head & 8 else 0) & M64
        if head & 16:
            ticks = ticks + b.varint() & M64
        if head & 64:
            address = address + b.svarint() * (1 if head & 128 else 16) & M64
        else:
            address = slots[b.byte()]
        slots[slot(address)] = address
        fields = {"address": address}
        if before is not None:
            fields["before"] = before
        if kind in (1, 3, 4):
            index = b.byte()
            if index >= 128:
                raise Damaged("shape %d" % index)
            if head & 32:
                requested = b.varint()
                shapes[index] = (requested, requested + b.varint(), b.varint(), b.varint(),
                                 b.varint())
            if shapes[index] is None:
                raise Damaged("shape %d is unset" % index)
            fields["shape"] = shapes[index]
            if kind == 1:
                stacks[index] = stacks[index] if stack is None else stack
                fields["stack"] = stacks[index]
            if kind == 4:
                fields["from"] = address + b.svarint() & M64
        elif head & 32:
            fields["size"] = b.varint()
        yield number, ticks, thread, kind, fields


class Replay:
    def __init__(self):
        self.live = {}  # address -> (requested, context, tag, from the base)
        self.total = self.count = self.peak = self.peak_number = 0
        self.allocations = self.frees = self.failed = self.marks = 0

    def start(self, total, count):
        self.total = self.peak = total
        self.count = count

    def move(self, number, size, blocks):
        self.total += size
        self.count += blocks
        if self.total > self.peak:
            self.peak, self.peak_number = self.total, number

    def apply(self, number, kind, f):
        if kind == 1:
            requested, _, _, context, tag = f["shape"]
            before = self.live.get(f["address"])
            if before and not before[3]:
                raise Damaged("event %d: a live block is allocated" % number)
            self.live[f["address"]] = (requested, context, tag, False)
            self.allocations += 1
            self.move(number, requested, 1)
        elif kind == 2:
            block = self.live.pop(f["address"], None)
            size = f.get("size", block and block[0])
            if size is None:
                raise Damaged("event %d: an unknown block is freed" % number)
            if block and not block[3] and size != block[0]:
                raise Damaged("event %d: a free of another size" % number)
            self.frees += 1
            self.move(number, -size, -1)
        elif kind in (3, 4):
            block = self.live.pop(f.get("from", f["address"]), None)
            size = f.get("before", block and block[0])
            if size is None:
                raise Damaged("event %d: an unknown block is resized" % number)
            if block and not block[3] and size != block[0]:
                raise Damaged("event %d: a resize from another size" % number)
            requested, _, _, context, tag = f["shape"]
            if f["address"] in self.live and not self.live[f["address"]][3]:
                raise Damaged("event %d: a block moves to a live one" % number)
            self.live[f["address"]] = (requested, context, tag, kind == 3 and bool(block and block[3]))
            self.move(number, requested - size, 0)
        elif kind == 16 + 1:
            self.failed += 1
        elif kind == 16 + 2:
            size, blocks = f.svarint(), f.svarint()
            self.move(number, size, blocks)
            if blocks > 0:
                self.allocations += blocks
            else:
                self.frees -= blocks
        elif kind == 16 + 3:
            context, size, blocks = f.varint(), f.varint(), f.varint()
            gone = [a for a, b in self.live.items() if context and b[1] == context]
            if context and (len(gone) != blocks or sum(self.live[a][0] for a in gone) != size):
                raise Damaged("event %d: context %d held %d blocks, not %d" %
                              (number, context, len(gone), blocks))
            for address in gone:
                del self.live[address]
            self.frees += blocks
            self.move(number, -size, -blocks)
        elif kind in (16 + 4, 16 + 5):
            self.marks += 1


def place(address, number, spans):
    for base, _, gone, path, first, size in spans:
        if 0 <= address - first < size and (not gone or number <= gone):
            return "%s+%x" % (path.rsplit("/", 1)[-1], address - base)
    return "?+%x" % address


def main():
    show = sys.argv[1:2] == ["--events"]
    with open(sys.argv[-1], "rb") as f:
        data = f.read()
    replay, foot, events, threads, base = Replay(), None, [], set(), {}
    names = {"TAGN": {}, "CTXN": {}, "NAME": {}}
    start, samples, modules, first, nodes = (0, 0), 0, [], None, {0: (0, 0)}
    spans = [] # of modules: base, bytes, the number at which it had gone, path
    for kind, payload in records(data):
        b = Bytes(payload)
        first = first or kind
        if kind == "STRT":
            start = b.varint(), b.varint()
        elif kind == "BASE":
            address = 0
            for _ in range(b.varint()):
                address = address + b.svarint() & M64
                requested, _, context, tag = (b.varint() for _ in range(4))
                base[address] = (requested, context, tag, True)
        elif kind in names:
            number = b.varint()
            if kind == "CTXN":
                b.varint(), b.varint()
            names[kind][number] = b.string().decode("utf-8", "replace")
        elif kind == "EVTS":
            events.extend(chunk_events(payload))
        elif kind == "EVTZ":
            for _ in range(5):
                b.varint()
            front, size = b.at, b.varint()
            try:
                inflated = zlib.decompress(payload[b.at:])
            except zlib.error as error:
                raise Damaged("a packed record: %s" % error)
            if len(inflated) != size:
                raise Damaged("a packed record of another length")
            events.extend(chunk_events(payload[:front] + inflated))
        elif kind == "SAMP":
            samples += 1
            _, _, _, resident, _ = (b.varint() for _ in range(5))
            if b.at < len(payload) and b.varint() > resident:
                raise Damaged("pages of files that are not among the resident")
        elif kind == "MODL":
            spans.append([b.varint(), b.varint(), 0, ""])
            modules.append((b.string().decode("utf-8", "replace"), b.string().hex()))
            spans[-1][3] = modules[-1][0]
            spans[-1][4:] = (b.varint(), b.varint()) if b.at < len(payload) else spans[-1][:2]
        elif kind == "MODU":
            base_address, number = b.varint(), b.varint()
            for span in spans:
                if span[0] == base_address and not span[2]:
                    span[2] = max(number, 1)
                    break
        elif kind == "STKN":
            count, node, address = b.varint(), b.varint(), 0
            for node in range(node, node + count):
                parent = node - b.varint()
                address += b.svarint()
                if node in nodes or not 0 <= parent < node:
                    raise Damaged("node %d" % node)
                nodes[node] = (parent, address)
        elif kind == "FOOT":
            foot = dict(zip(("events", "allocations", "frees", "total", "count", "peak",
                             "peak_number", "dropped", "error", "ticks", "ns", "reserved"),
                            (b.varint() for _ in range(12))))
            for key in ("under_way", "cut", "nodes"):
                foot[key] = b.varint() if b.at < len(payload) else 0
    if first != "HEAD":
        raise Damaged("no HEAD")
    unlisted = not base and start[1] > 0
    replay.live = base
    replay.start(*start)
    events.sort(key=lambda event: event[0])
    missing = 0
    for i, (number, ticks, thread, kind, fields) in enumerate(events):
        expected = events[i - 1][0] + 1 if i else 1
        if number < expected:
            raise Damaged("number %d comes twice" % number)
        missing += number - expected
        threads.add(thread)
        if show:
            print(number, thread, kind, fields if isinstance(fields, dict) else "")
        if missing == 0:
            replay.apply(number, kind, fields)
    stacked = 0
    for event in events:
        node = event[4].get("stack", 0) if event[3] == 1 else 0
        stacked += node > 0
        while node:
            if node not in nodes:
                raise Damaged("event %d: node %d is not defined" % (event[0], node))
            node = nodes[node][0]
    for block in replay.live.values():
        for number, kind in ((block[1], "CTXN"), (block[2], "TAGN")):
            if number and number not in names[kind]:
                raise Damaged("%s %d is not defined" % (kind, number))
    result = {"events": len(events), "threads": len(threads), "missing": missing,
              "allocations": replay.allocations, "frees": replay.frees, "total": replay.total,
              "count": replay.count, "peak": replay.peak, "peak_number": replay.peak_number,
              "failed": replay.failed, "marks": replay.marks, "samples": samples,
              "stacked": stacked, "nodes": len(nodes) - 1, "modules": len(modules), "build_ids": sum(bool(m[1]) for m in modules),
              "complete": foot is not None and foot["dropped"] == foot["under_way"] and
              foot["events"] - len(events) == foot["dropped"], "bytes": len(data),
              "start": start, "base": [len(base), 0], "contexts": sorted(names["CTXN"].values()),
              "tags": sorted(names["TAGN"].values()), "names": sorted(names["NAME"].values()),
              "foot": foot}
    if sys.argv[1:2] == ["--stacks"]:
        for number, _, _, kind, fields in events:
            if kind == 1:
                calls, node = [], fields["stack"]
                while node:
                    calls.append(place(nodes[node][1] - 1, number, spans))
                    node = nodes[node][0]
                print(number, fields["shape"][0], *calls)
    else:
        print(json.dumps(result, sort_keys=True))
    if foot and not foot["dropped"]:
        if missing or foot["events"] != len(events):
            raise Damaged("%d events, the footer says %d" % (len(events), foot["events"]))
        if foot["nodes"] != len(nodes) - 1:
            raise Damaged("%d nodes, the footer says %d" % (len(nodes) - 1, foot["nodes"]))
        for key in ("allocations", "frees", "total", "count", "peak", "peak_number"):
            if foot[key] != result[key]:
                raise Damaged("%s is %d, the footer says %d" % (key, result[key], foot[key]))
        if unlisted: # of a child made by fork: what it inherited is known in sum alone
            return
        if len(replay.live) != replay.count:
            raise Damaged("%d blocks live, counted %d" % (len(replay.live), replay.count))
        if sum(b[0] for b in replay.live.values()) != replay.total:
            raise Damaged("live blocks do not add up to the total")


try:
    main()
except (Damaged, OSError, struct.error) as error:
    print("trace_reader.py: %s: %s" % (sys.argv[-1], error), file=sys.stderr)
    sys.exit(1)
