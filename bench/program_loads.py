"""program_loads.py - the programs that programs.py measures: each a function that prepares a folder and
returns a command, or None where it is not on this machine; and how one run is measured.
"""
import collections
import hashlib
import json
import os
import shutil
import socket
import subprocess
import time


def environment(preload):
    """The caller's, with only `preload` (None: nothing) loaded first."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("WEIR_", "MALLOC_"))}
    env.update(LC_ALL="C", PYTHONHASHSEED="0", TZ="UTC", GIT_CONFIG_NOSYSTEM="1", HOME="/nonexistent")
    env.pop("LD_PRELOAD", None)
    if preload:
        env["LD_PRELOAD"] = preload
    return env


class Failed(Exception):
    """A program that does not run under an allocator: why."""


# One run: seconds by the clock and of processor time, peak KiB, hash of the output.
Result = collections.namedtuple("Result", "wall cpu peak digest")


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
        raise Failed(f"status {child.returncode}")
    return Result(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, digest.hexdigest())


# -- the programs: each a function that prepares DIR and returns a command, or None ------

PYTHON3 = "/usr/bin/python3" if os.path.exists("/usr/bin/python3") else shutil.which("python3")


def program(name, file, text, *command):
    """One that reads `text`, or what it yields, from a file of that name."""
    def prepare(folder):
        if not name or not shutil.which(name):
            return None
        with open(os.path.join(folder, file), "w") as to:
            to.writelines(text() if callable(text) else [text])
        return [name, *command]
    return prepare


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
    for python in (PYTHON3, shutil.which("python3")):
        if python and subprocess.run([python, "-c", "import numpy"], stderr=subprocess.DEVNULL).returncode == 0:
            return program(python, "rows.py", PYTHON, "rows.py")(folder)
    return None


PYTHON_PLAIN = PYTHON.replace("import numpy as np\n", "").partition("a = np.")[0] + r"""
small = [bytearray(k % 300) for k in range(300000)]
print(len(back), len(words), sum(len(v) for v in tree.values()), sum(map(len, small)))
"""


RUBY = r"""
srand(1)
h = Hash.new { |all, k| all[k] = [] }
250000.times { |i| h["key#{i * 7919 % 65537}"] << "value #{i}" * (i % 5 + 1) }
lines = h.sort.map { |k, v| v.map { |x| x[0, 9] }.join(",") }
text = lines.join("\n")
puts lines.size, text.size, text.scan(/\d+/).uniq.size, (1..200000).map(&:to_s).join.size
"""


ROWS = json.dumps([{"id": i, "name": f"row{i * 7919 % 65537}", "tags": [str(k) for k in range(i % 7)]}
                   for i in range(60000)])
JQ = """group_by(.id % 97)
  | map({n: length, tags: (map(.tags | length) | add), last: (map(.name) | sort | last)})"""


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
            raise Failed("git fast-import failed")
    return ["sh", "-c", "cd repository && git log -p -M --stat main | sha256sum && "
            "git rev-list --objects --all | sha256sum && "
            "git pack-objects --all --stdout -q --threads=1 --no-reuse-delta </dev/null | wc -c"]


LARGE_C = "#include <stdio.h>\n#include <string.h>\n#include <stdlib.h>\n" + "".join(f"""
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
""" for i in range(500))

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


def data():
    """12 MB of text that compresses, the same every time."""
    state = 12345
    for i in range(300000):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        yield f"{i} {state:x} the quick brown fox {state % 1000}\n"


PROGRAMS = {
    "python-numpy": python_numpy,
    "python": program(PYTHON3, "plain.py", PYTHON_PLAIN, "plain.py"),
    "ruby": program("ruby", "run.rb", RUBY, "run.rb"),
    "jq": program("jq", "rows.json", ROWS, "-c", JQ, "rows.json"),
    "sqlite3": program("sqlite3", "t.sql", SQL, ":memory:", ".read t.sql"),
    "git": git,
    "gcc": program("gcc", "large.c", LARGE_C, "-O2", "-S", "-o", "-", "large.c"),
    "g++": program("g++", "deep.cc", CXX, "-O1", "-S", "-o", "-", "deep.cc"),
    "node": program("node", "run.js", NODE, "run.js"),
    "perl": program("perl", "run.pl", PERL, "run.pl"),
    "xz -T2": program("xz", "data", data, "-3", "-T2", "--block-size=2MiB", "-c", "data"),
    "pigz": program("pigz", "data", data, "-n", "-p2", "-c", "data", "data", "data"),
}


# -- redis: a server under the allocator, its benchmark outside ---------------------------

def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def redis_wait(port):
    for _ in range(200):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise Failed("redis-server does not answer")


def redis_run(preload, folder):
    port = free_port()
    settings = os.path.join(folder, "redis.conf")
    with open(settings, "w") as to:
        to.write(f'port {port}\nbind 127.0.0.1\nsave ""\nappendonly no\ndir {folder}\n')
    server = subprocess.Popen(["redis-server", settings], env=environment(preload),
                              stdout=subprocess.DEVNULL)
    try:
        redis_wait(port)
    except Failed:
        server.kill()
        server.wait()
        raise
    bench = ["redis-benchmark", "-h", "127.0.0.1", "-p", str(port), "-q", "-c", "20", "-P", "16", "-r", "100000"]
    start = time.monotonic()
    for tests, count, size in (("set,get", 300000, 100), ("lpush,lpop,sadd,hset", 150000, 24),
                               ("set", 20000, 3000), ("zadd", 100000, 10)):
        subprocess.run(bench + ["-t", tests, "-n", str(count), "-d", str(size)], check=True,
                       stdout=subprocess.DEVNULL)
    wall = time.monotonic() - start
    subprocess.run(["redis-cli", "-p", str(port), "shutdown", "nosave"], stdout=subprocess.DEVNULL)
    _, _, usage = os.wait4(server.pid, 0)
    server.returncode = 0
    return Result(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss, "redis")
