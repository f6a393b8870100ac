#!/usr/bin/env python3
"""programs.py - real programs under glibc, jemalloc, mimalloc and weir.

Runs each program on each allocator in turn, round after round, so that what else the
machine does falls on all alike; prints a table of medians of the time and the peak
resident memory (the greatest of the program and the processes it waited for), then the
geometric means. The output of every run must be the same as on glibc.

usage: programs.py [--rounds N] [--only NAME,...] [--with NAME,...] [--work DIR] [--cpu]
                   WEIR_LIBRARY
"""
import argparse
import glob
import hashlib
import math
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

LIBRARY_FOLDERS = ("/usr/lib/*-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib")


def library(pattern):
    """The first library of that name on this machine, or None."""
    for folder in LIBRARY_FOLDERS:
        found = sorted(glob.glob(os.path.join(folder, pattern)))
        if found:
            return found[0]
    return None


def environment(preload):
    """The caller's, with only `preload` (None: nothing) loaded first."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "MALLOC_"))}
    env.update(LC_ALL="C", PYTHONHASHSEED="0", TZ="UTC", GIT_CONFIG_NOSYSTEM="1", HOME="/nonexistent")
    env.pop("LD_PRELOAD", None)
    if preload:
        env["LD_PRELOAD"] = preload
    return env


class Result:
    """One run: seconds by the clock and of processor time, peak KiB, hash of the output."""

    def __init__(self, wall, cpu, peak, digest):
        self.wall, self.cpu, self.peak, self.digest = wall, cpu, peak, digest


def run(command, preload, cwd):
    start = time.monotonic()
    child = subprocess.Popen(command, cwd=cwd, env=environment(preload), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE)
    digest = hashlib.sha256()
    while chunk := child.stdout.read(1 << 20):
        digest.update(chunk)
    child.stdout.close()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - start
    if child.returncode:
        sys.exit(f"programs.py: {' '.join(command)}: status {child.returncode} with {preload}")
    return Result(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, digest.hexdigest())


# -- the programs: each a function that prepares DIR and returns a command, or None ------

PYTHON = r"""
import json, random, re, collections
import numpy as np
random.seed(1)
rows = [{"id": i, "name": "row%d" % i, "tags": [str(j) for j in range(i % 7)]} for i in range(60000)]
text = json.dumps(rows)
back = json.loads(text)
words = collections.Counter(re.findall(r"[a-z]+[0-9]+", text))
tree = {}
for i in range(200000):
    tree.setdefault(random.randrange(5000), []).append("%x" % i)
a = np.arange(1000000, dtype=np.float64)
total = 0.0
for k in range(40):
    b = np.sqrt(a * k + 1)
    total += float((b[::2] - b[1::2]).sum())
small = [np.full(50, k) for k in range(60000)]
m = np.array([[(i * j) % 97 for j in range(120)] for i in range(120)], dtype=np.float64)
print(len(back), len(words), sum(len(v) for v in tree.values()), round(total, 6),
      int(sum(s[0] for s in small)), round(float(np.linalg.norm(m @ m)), 6))
"""


def python_numpy(folder):
    for python in ("/usr/bin/python3", shutil.which("python3")):
        if python and subprocess.run([python, "-c", "import numpy"], stderr=subprocess.DEVNULL).returncode == 0:
            with open(os.path.join(folder, "rows.py"), "w") as to:
                to.write(PYTHON)
            return [python, "rows.py"]
    return None


SQL = """
create table t(id integer primary key, a text, b real, c integer);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 150000)
  insert into t select x, printf('name-%06d', (x * 7919) % 150000), x / 3.0, x % 1000 from n;
create index t_a on t(a);
create index t_c on t(c, b);
select c, count(*), round(sum(b), 3), max(a), group_concat(substr(a, 6, 2)) from t
  where id % 3 = 0 group by c order by 3 desc limit 20;
select count(*) from t x join t y on x.a = printf('name-%06d', y.id) where y.c < 300;
update t set a = a || '-' || c where c > 500;
delete from t where id % 5 = 0;
select count(distinct a), sum(length(a)) from t;
"""


def sqlite(folder):
    if not shutil.which("sqlite3"):
        return None
    with open(os.path.join(folder, "t.sql"), "w") as to:
        to.write(SQL)
    return ["sqlite3", ":memory:", ".read t.sql"]


def git_stream(to):
    """A history of 400 commits over 1500 files, for git fast-import."""
    def blob(n, version):
        return "".join(f"line {i} of file {n}, version {version if i % 40 == version % 40 else 0}\n"
                       for i in range(120)).encode()

    for commit in range(400):
        message = f"commit {commit}\n".encode()
        to.write(b"commit refs/heads/main\ncommitter A <a@b> %d +0000\ndata %d\n%s" %
                 (1600000000 + commit * 60, len(message), message))
        for n in range(1500) if commit == 0 else range(commit % 13, 1500, 97):
            data = blob(n, commit)
            to.write(b"M 100644 inline d%d/f%d.txt\ndata %d\n%s\n" % (n % 37, n, len(data), data))
        to.write(b"\n")


def git(folder):
    if not shutil.which("git"):
        return None
    repository = os.path.join(folder, "repository")
    if not os.path.exists(repository):
        subprocess.run(["git", "init", "-q", "--bare", repository], check=True, env=environment(None))
        load = subprocess.Popen(["git", "-C", repository, "fast-import", "--quiet"],
                                stdin=subprocess.PIPE, env=environment(None))
        git_stream(load.stdin)
        load.stdin.close()
        if load.wait():
            sys.exit("programs.py: git fast-import failed")
    return ["sh", "-c", "cd repository && git log -p -M --stat main | sha256sum && "
            "git rev-list --objects --all | sha256sum && "
            "git pack-objects --all --stdout -q --threads=1 --no-reuse-delta </dev/null | wc -c"]


def gcc_source(folder):
    name = os.path.join(folder, "large.c")
    with open(name, "w") as to:
        to.write("#include <stdio.h>\n#include <string.h>\n#include <stdlib.h>\n")
        for i in range(500):
            to.write(f"""
struct s{i} {{ int a[{i % 17 + 3}]; double d; struct s{i} *next; char name[{i % 29 + 8}]; }};
static int work{i}(struct s{i} *s, int n)
{{
    int sum = {i};
    for (int k = 0; k < n; k++) {{
        switch ((k ^ sum) % {i % 5 + 3}) {{
        case 0: sum += s->a[k % {i % 17 + 3}]; break;
        case 1: s->d *= sum + k; if (s->next) s = s->next; break;
        case 2: snprintf(s->name, sizeof s->name, "%d", sum); break;
        default: sum ^= (int)strlen(s->name) << {i % 7};
        }}
    }}
    return sum;
}}
int entry{i}(void *p, int n) {{ return work{i}(p, n) + {f'entry{i - 1}(p, n - 1)' if i else '0'}; }}
""")
    return name


def gcc(folder):
    if not shutil.which("gcc"):
        return None
    gcc_source(folder)
    return ["sh", "-c", "gcc -O2 -S -o - large.c | sha256sum"]


CXX = """
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>
template <int N> struct deep { std::map<int, std::vector<std::string>> m; deep<N - 1> d;
  int go(std::string s) { m[N].push_back(s); std::regex r("(a|b)*" + s);
    return std::regex_match(s, r) + d.go(s + "x"); } };
template <> struct deep<0> { int go(std::string s) { return (int)s.size(); } };
int main() { deep<25> d; std::cout << d.go("abc") << std::endl; }
"""


def gxx(folder):
    if not shutil.which("g++"):
        return None
    with open(os.path.join(folder, "deep.cc"), "w") as to:
        to.write(CXX)
    return ["sh", "-c", "g++ -O1 -S -o - deep.cc | sha256sum"]


NODE = """
const zlib = require('zlib'), crypto = require('crypto');
let rows = [];
for (let i = 0; i < 60000; i++)
    rows.push({id: i, text: 'row ' + i, list: Array.from({length: i % 9}, (_, k) => k * i)});
const text = JSON.stringify(rows);
let size = 0;
for (let i = 0; i < 12; i++) {
    const packed = zlib.deflateSync(Buffer.from(text.slice(i * 1000)), {level: 3});
    size += zlib.inflateSync(packed).length;
}
const map = new Map();
for (let i = 0; i < 300000; i++) map.set('k' + (i * 7919) % 100003, Buffer.alloc(40, i & 255));
const hash = crypto.createHash('sha256');
for (const [k, v] of map) { hash.update(k); hash.update(v); }
console.log(size, map.size, hash.digest('hex'));
"""


def node(folder):
    if not shutil.which("node"):
        return None
    with open(os.path.join(folder, "run.js"), "w") as to:
        to.write(NODE)
    return ["node", "run.js"]


PERL = r"""
my (%h, @l);
srand(1);
for my $i (1 .. 250000) { my $k = "key" . ($i * 7919 % 65537); push @{$h{$k}}, "value $i" x ($i % 5 + 1); }
for my $k (sort keys %h) { push @l, join(",", map { substr($_, 0, 9) } @{$h{$k}}); }
my $text = join("\n", @l);
my %count; $count{$1}++ while $text =~ /(\d+)/g;
my @words = split /[,\n]/, $text;
print scalar(@l), " ", length($text), " ", scalar(keys %count), " ", scalar(@words), "\n";
"""


def perl(folder):
    if not shutil.which("perl"):
        return None
    with open(os.path.join(folder, "run.pl"), "w") as to:
        to.write(PERL)
    return ["perl", "run.pl"]


def data_file(folder):
    """12 MB of text that compresses, the same every time."""
    name = os.path.join(folder, "data")
    if not os.path.exists(name):
        state = 12345
        with open(name, "w") as to:
            for i in range(300000):
                state = (state * 1103515245 + 12345) & 0x7FFFFFFF
                to.write(f"{i} {state:x} the quick brown fox {state % 1000}\n")
    return name


def xz(folder):
    data_file(folder)
    return ["xz", "-3", "-T2", "--block-size=2MiB", "-c", "data"] if shutil.which("xz") else None


def pigz(folder):
    data_file(folder)
    return ["sh", "-c", "for i in 1 2 3; do pigz -n -p2 -c data; done"] if shutil.which("pigz") else None


PROGRAMS = {"python-numpy": python_numpy, "sqlite3": sqlite, "git": git, "gcc": gcc, "g++": gxx,
            "node": node, "perl": perl, "xz -T2": xz, "pigz": pigz}


# -- redis: a server under the allocator, its benchmark outside ---------------------------

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def redis_digest(port):
    say = ["redis-cli", "-p", str(port)]
    out = subprocess.run(say + ["dbsize"], stdout=subprocess.PIPE, check=True).stdout
    return hashlib.sha256(out).hexdigest()


def redis_wait(port):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    sys.exit("programs.py: redis-server does not answer")


def redis_run(preload, folder):
    port = free_port()
    settings = os.path.join(folder, "redis.conf")
    with open(settings, "w") as to:
        to.write(f'port {port}\nbind 127.0.0.1\nsave ""\nappendonly no\ndir {folder}\n')
    server = subprocess.Popen(["redis-server", settings], env=environment(preload),
                              stdout=subprocess.DEVNULL)
    redis_wait(port)
    bench = ["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-q", "-c", "20", "-P", "16", "-r", "100000"]
    start = time.monotonic()
    for tests, count, size in (("set,get", 300000, 100), ("lpush,lpop,sadd,hset", 150000, 24),
                               ("set", 20000, 3000), ("zadd", 100000, 10)):
        subprocess.run(bench + ["-t", tests, "-n", str(count), "-d", str(size)], check=True,
                       stdout=subprocess.DEVNULL)
    wall = time.monotonic() - start
    digest = "redis"
    subprocess.run(["redis-cli", "-p", str(port), "shutdown", "nosave"], stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(server.pid, 0)
    server.returncode = 0
    return Result(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, digest)


# -- measuring -----------------------------------------------------------------------------

def measure(name, allocators, rounds, work):
    """{allocator: [Result]} or None where the program is not here."""
    if name == "redis":
        if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
            return None
        once = lambda preload: redis_run(preload, work)
    else:
        command = PROGRAMS[name](work)
        if not command:
            return None
        once = lambda preload: run(command, preload, work)
    results = {a: [] for a in allocators}
    for _ in range(rounds):
        for allocator, preload in allocators.items():
            results[allocator].append(once(preload))
    wanted = results["glibc"][0].digest
    for allocator, runs in results.items():
        if any(r.digest != wanted for r in runs):
            sys.exit(f"programs.py: {name}: another output with {allocator}")
    return results


def median(runs, field):
    return statistics.median(getattr(r, field) for r in runs)


def geometric_mean(ratios):
    return math.exp(sum(map(math.log, ratios)) / len(ratios)) if ratios else float("nan")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="programs, separated by commas")
    parser.add_argument("--with", dest="peers", default="jemalloc,mimalloc")
    parser.add_argument("--work", help="folder for the inputs, kept; default: a temporary one")
    parser.add_argument("--cpu", action="store_true", help="processor time instead of the clock's")
    parser.add_argument("library")
    options = parser.parse_args()
    peers = {"jemalloc": "libjemalloc.so.2", "mimalloc": "libmimalloc.so.2*", "tcmalloc": "libtcmalloc_minimal.so.4"}
    allocators = {"glibc": None}
    for peer in filter(None, options.peers.split(",")):
        found = library(peers[peer])
        if found:
            allocators[peer] = found
        else:
            print(f"{peer} is not here")
    allocators["weir"] = os.path.abspath(options.library)
    names = options.only.split(",") if options.only else list(PROGRAMS) + ["redis"]
    work = options.work or tempfile.mkdtemp(prefix="weir-programs-")
    os.makedirs(work, exist_ok=True)
    field = "cpu" if options.cpu else "wall"
    try:
        report(names, allocators, options.rounds, work, field)
    finally:
        if not options.work:
            shutil.rmtree(work, ignore_errors=True)


def report(names, allocators, rounds, work, field):
    others = [a for a in allocators if a != "weir"]
    ratios = {"glibc": [], "best": []}
    peaks = []
    print(f"medians of {rounds} alternating runs; {'processor' if field == 'cpu' else 'clock'} seconds"
          " and peak resident MiB")
    print(f"{'':13}" + "".join(f"{a:>18}" for a in allocators) + f"{'time/glibc':>12}{'time/best':>11}{'peak/best':>11}")
    for name in names:
        results = measure(name, allocators, rounds, work)
        if results is None:
            print(f"{name:13} is not here")
            continue
        times = {a: median(r, field) for a, r in results.items()}
        peak = {a: median(r, "peak") / 1024 for a, r in results.items()}
        best_time = min(times[a] for a in others if a != "glibc") if len(others) > 1 else times["glibc"]
        ratios["glibc"].append(times["weir"] / times["glibc"])
        ratios["best"].append(times["weir"] / best_time)
        peaks.append(peak["weir"] / min(peak[a] for a in others))
        print(f"{name:13}" + "".join(f"{times[a]:9.3f} {peak[a]:8.1f}" for a in allocators) +
              f"{ratios['glibc'][-1]:12.3f}{ratios['best'][-1]:11.3f}{peaks[-1]:11.3f}", flush=True)
    print(f"geometric mean of time: {geometric_mean(ratios['glibc']):.3f} of glibc, "
          f"{geometric_mean(ratios['best']):.3f} of the best of {', '.join(others[1:])}")
    print(f"peak resident against the best: geometric mean {geometric_mean(peaks):.3f}, "
          f"worst {max(peaks, default=float('nan')):.3f}")


if __name__ == "__main__":
    main()
