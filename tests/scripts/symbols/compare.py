"""What tests/loads/symbols_look says of addresses, against binutils.

compare.py names LOOK FILE [DEBUG]   nm and readelf: which symbol has the address, which function
                                     by .eh_frame, else none
compare.py lines LOOK FILE [DEBUG]   addr2line -i: places, inlined functions first
DEBUG: the folder of debug files, and behind it the file that binutils read. In the environment: NM,
ADDR2LINE, DEMANGLED (empty: names are mangled).
"""
import bisect
import os
import random
import re
import subprocess
import sys

COUNT = 4000


def output(*command, stdin=None):
    return subprocess.run(command, input=stdin, capture_output=True, text=True,
                          errors="surrogateescape", env={**os.environ, "LC_ALL": "C"}).stdout


def look(program, path, debug, addresses, *options):
    """{address: fields}, and the module's line."""
    command = [program, *options, *(["-d", debug] if debug else ["-d", "/none"]), path]
    lines = output(*command, stdin="\n".join("%x" % a for a in addresses)).splitlines()
    rows = [line.split("\t") for line in lines]
    if len(rows) != len(addresses) + 1:
        sys.exit("%s: %d lines for %d addresses" % (path, len(rows), len(addresses)))
    return {int(row[0], 16): row[1:] for row in rows[:-1]}, rows[-1]


def code(path):
    """Parts of the file that run."""
    found = re.findall(r"LOAD +0x\w+ 0x(\w+) 0x\w+ 0x\w+ 0x(\w+) [R ][W ]E",
                       output("readelf", "-lW", path))
    return [(int(a, 16), int(a, 16) + int(n, 16)) for a, n in found]


def symbols(path):
    """{(start, size): names} of code, as nm has them."""
    found = {}
    parts = code(path)
    for options in ["-S"], ["-S", "-D"]:
        demangle = ["-C"] if os.environ.get("DEMANGLED") else []
        for line in output(*os.environ.get("NM", "nm").split(), *options, *demangle, path).splitlines():
            m = re.match(r"(\w{16}) (?:(\w{16}) )?([tTwWiuV]) (.*)", line)
            if not m:
                continue
            start, size = int(m[1], 16), int(m[2] or "0", 16)
            if any(a <= start < b for a, b in parts):
                name = re.sub(r"@.*", "", m[4]) if m[4][0] != "@" else m[4]
                found.setdefault((start, size), set()).add(name)
    return found


def frames(path):
    found = re.findall(r" FDE cie=\w+ pc=(\w+)\.\.(\w+)", output("readelf", "-wF", path))
    return sorted((int(a, 16), int(b, 16)) for a, b in found if a != b)


def expected(address, table, starts, begin, fdes):
    """(kind, start, names)"""
    best = None
    for start, size in table:
        if start <= address < start + size and (best is None or start > best[0]):
            best = (start, size)
    if best:
        names = set().union(*(table[k] for k in table
                              if k[0] == best[0] and address < k[0] + k[1]))
        return "named", best[0], names
    i = bisect.bisect_right(begin, address) - 1
    if i >= 0 and address < fdes[i][1]:
        if fdes[i][0] in starts:
            return "named", fdes[i][0], starts[fdes[i][0]]
        return "function", fdes[i][0], {"fn:0x%x" % fdes[i][0]}
    return "address", address, None


def sample(path, table):
    """Any, and those where symbols begin and end."""
    chosen = random.Random(1)
    parts = code(path)
    addresses = {chosen.randrange(*chosen.choice(parts)) for _ in range(COUNT)}
    for start, size in chosen.sample(sorted(table), min(len(table), COUNT // 4)):
        addresses |= {start, start + size, start + size - 1} if size else {start, start + 1}
    return sorted(a for a in addresses if any(b <= a < e for b, e in parts))


def compare_names(program, path, debug, names_of):
    table = symbols(names_of)
    for key, names in symbols(path).items():
        table.setdefault(key, set()).update(names)
    starts = {}
    for (start, _), names in table.items():
        starts.setdefault(start, set()).update(names)
    fdes = frames(path)
    begin = [f[0] for f in fdes]
    addresses = sample(path, table)
    # Of 60,000 symbols those near an address are looked at.
    keys = sorted(table)
    first = [k[0] for k in keys]
    longest = max([k[1] for k in keys], default=0)
    answers, module = look(program, path, debug, addresses)
    wrong, kinds = 0, {}
    for a in addresses:
        near = keys[bisect.bisect_left(first, a - longest):bisect.bisect_right(first, a)]
        kind, start, names = expected(a, {k: table[k] for k in near}, starts, begin, fdes)
        got = answers[a]
        kinds[kind] = kinds.get(kind, 0) + 1
        if got[0] != kind or int(got[1], 16) != start or (names and got[3] not in names):
            wrong += 1
            if wrong <= 5:
                print("  %x: %s, not %s %x %s" % (a, got, kind, start, names))
    print("%s: %d addresses, %s, %d wrong; %s" % (
        os.path.basename(path), len(addresses),
        ", ".join("%d %s" % (n, k) for k, n in sorted(kinds.items())), wrong, module[1:]))
    return wrong == 0 and kinds.get("named", 0) + kinds.get("function", 0) > len(addresses) // 4


def places(fields):
    return [re.sub(r"(.*/)?([^/]*):(\d+)$", r"\2:\3", f.split(" ")[-1]) for f in fields]


def numbers(found):
    return [place.split(":")[-1] for place in found]


def compare_lines(program, path, debug, lines_of):
    addresses = sample(path, symbols(lines_of))[::5]
    text = output(*os.environ.get("ADDR2LINE", "addr2line").split(), "-a", "-i", "-e", lines_of,
                  stdin="\n".join("0x%x" % a for a in addresses) + "\n")
    wanted, current = {}, None
    for line in text.splitlines():
        if line.startswith("0x"):
            current = wanted.setdefault(int(line, 16), [])
        elif not line.startswith("?"):
            current.append(re.sub(r"^.*/| \(discriminator.*", "", line).replace(":?", ":0"))
    answers, _ = look(program, path, debug, addresses, "-l")
    # Between functions, where they are aligned, binutils has the line of the one before.
    known = [a for a in addresses if wanted[a] and not wanted[a][-1].endswith(":0") and
             answers[a][0] != "address"]
    wrong = [a for a in known if numbers(places(answers[a][4:])) != numbers(wanted[a])]
    files = sum(places(answers[a][4:]) != wanted[a] for a in known)
    invented = [a for a in addresses if not wanted[a] and set(places(answers[a][4:])) - {"?:0"}]
    for a in wrong[:5]:
        print("  %x: %s, not %s" % (a, places(answers[a][4:]), wanted[a]))
    for a in invented[:5]:
        print("  %x: %s, where addr2line has none" % (a, places(answers[a][4:])))
    print("%s: %d addresses, %d with lines, %d with inlined functions, %d otherwise, "
          "%d in another file" % (
        os.path.basename(path), len(addresses), len(known),
        sum(len(wanted[a]) > 1 for a in known), len(wrong), files - len(wrong)))
    # binutils 2.40 sometimes names the unit's file for one that it includes (the line being that one's).
    # Where a line table has several lines for one address, both are right.
    return (len(known) > 20 and len(wrong) * 100 <= len(known) and files * 10 <= len(known) and
            not invented)


if __name__ == "__main__":
    what, program, path = sys.argv[1:4]
    debug = sys.argv[4] if len(sys.argv) > 4 else None
    of = sys.argv[5] if len(sys.argv) > 5 else path
    run = compare_names if what == "names" else compare_lines
    sys.exit(0 if run(program, path, debug, of) else 1)
