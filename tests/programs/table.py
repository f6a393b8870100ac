"""table.py - the programs that check-programs runs, one entry each, and the data they work on.

An entry says what is run (a command without shell characters is run as it stands, any
other by /bin/sh -c), what it needs, how its folder is made, and what of its output is
not the same each time. Commands run in a copy of their folder; $DATA is the folder that
make_data fills, $PORT a free port of this machine.
"""
import json
import math
import os
import random
import re
import struct


class Program:
    def __init__(self, name, command, packages="", needs=None, modules="", setup="", files=None, stdin=None,
                 status=0, watch=None, ignore=(), normalise=(), unordered=False, env=None, timeout=120,
                 differs=None, refused=None):
        self.name, self.command, self.packages = name, command, packages
        self.needs = first_word(command) if needs is None else needs  # commands, or patterns of paths
        self.modules = modules  # of Python, that /usr/bin/python3 has to find
        self.setup, self.files = setup, files or {}  # a shell script; name: text
        self.stdin = stdin  # a file of the folder
        self.status = status  # of a plain run; a negative number: the signal
        self.watch = watch  # the image whose peak is compared; None: the greatest
        self.ignore = tuple(ignore)  # patterns of files that are not compared
        self.normalise = tuple(normalise)  # (pattern, replacement) for all text
        self.unordered = unordered  # lines come in any order
        self.env, self.timeout = env or {}, timeout
        # {"status", "stdout", "stderr", "files", "left" or "peak": "FILE.md#heading"}, each
        # with "weir " or "record " before it if only one of the two differs
        self.differs = differs or {}
        self.refused = refused  # the same, where weir run may say that it does not start it, with 126


def first_word(command):
    return command.split()[0] if isinstance(command, str) and not re.search(r"[|&;<>()$`]", command) else ""


PROGRAMS = []

NO_LIBRARY = "programs.md#programs-that-take-no-library"


def add(name, command, packages="", **rest):
    PROGRAMS.append(Program(name, command, packages, **rest))


# -- data --------------------------------------------------------------------------------------------------


def make_data(folder):
    """The same at every run."""
    chance = random.Random(7)
    letters = "etaoinshrdlucmfw"

    def put(name, content):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())

    words = ["".join(chance.choice(letters) for _ in range(chance.randrange(2, 11))) for _ in range(30000)]
    put("words.txt", "\n".join(words) + "\n")
    put("text.txt", "\n".join(" ".join(words[i:i + 12]) for i in range(0, len(words) - 12, 7)) + "\n")
    put("table.csv", "id,name,value,group\n" + "".join(
        f"{i},{words[i % 30000]},{chance.random() * 1000:.4f},g{i % 37}\n" for i in range(20000)))
    put("rows.json", json.dumps([{"id": i, "name": words[i], "tags": words[i:i + i % 5], "n": {"v": i * 1.5}}
                                 for i in range(6000)]))
    put("page.xml", "<?xml version='1.0'?>\n<list>" + "".join(
        f"<item id='{i}'><name>{words[i]}</name><v>{i % 91}</v></item>\n" for i in range(4000)) + "</list>\n")
    put("page.html", "<html><head><title>words</title></head><body>" + "".join(
        f"<p>{' '.join(words[i:i + 9])}</p>\n" for i in range(0, 2000, 9)) + "</body></html>\n")
    put("page.md", "# Words\n\n" + "".join(
        f"## {words[i]}\n\n*{words[i + 1]}* {' '.join(words[i:i + 30])}\n\n- {words[i + 2]}\n- `{words[i + 3]}`\n\n"
        for i in range(0, 6000, 31)))
    put("image.ppm", b"P6 320 240 255\n" + bytes(
        (x * y // 7 + c * 50) & 255 for y in range(240) for x in range(320) for c in range(3)))
    tone = b"".join(struct.pack("<h", int(9000 * math.sin(i / 12) + 3000 * math.sin(i / 3.7)))
                    for i in range(44100 * 2))
    put("tone.wav", b"RIFF" + struct.pack("<I", 36 + len(tone)) + b"WAVEfmt " +
        struct.pack("<IHHIIHH", 16, 1, 1, 44100, 88200, 2, 16) + b"data" + struct.pack("<I", len(tone)) + tone)
    tree = os.path.join(folder, "tree")
    for i in range(60):
        os.makedirs(os.path.join(tree, f"d{i % 7}", f"e{i % 3}"), exist_ok=True)
        put(os.path.join("tree", f"d{i % 7}", f"e{i % 3}", f"f{i}.txt"), " ".join(words[i * 100:i * 100 + 300]) + "\n")
    for above, _, names in os.walk(folder):
        for path in [above] + [os.path.join(above, name) for name in names]:
            os.utime(path, (1600000000, 1600000000))


C_SOURCE = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
struct node { struct node *left, *right; char *word; int count; };
static struct node *put(struct node *at, const char *word)
{
    if (!at) { at = calloc(1, sizeof *at); at->word = strdup(word); at->count = 1; return at; }
    int way = strcmp(word, at->word);
    if (way < 0) at->left = put(at->left, word);
    else if (way > 0) at->right = put(at->right, word);
    else at->count++;
    return at;
}
static long walk(struct node *at) { return at ? walk(at->left) * 31 + at->count + walk(at->right) * 7 : 0; }
int main(void)
{
    char word[64];
    struct node *top = NULL;
    long n = 0;
    while (scanf("%63s", word) == 1) { top = put(top, word); n++; }
    printf("%ld %ld\n", n, walk(top));
    return 0;
}
"""

CXX_SOURCE = r"""
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>
template <int N> struct tower { std::map<int, std::vector<std::string>> m; tower<N - 1> below;
    void fill() { for (int i = 0; i < N * 9; i++) m[i % 17].push_back(std::string(i + 20, 'a' + N)); below.fill(); }
    size_t sum() const { size_t s = below.sum(); for (auto &p : m) for (auto &t : p.second) s += t.size(); return s; } };
template <> struct tower<0> { void fill() {} size_t sum() const { return 0; } };
int main()
{
    auto t = std::make_unique<tower<6>>();
    t->fill();
    std::regex r("([a-z]+)([0-9]+)");
    std::vector<std::function<size_t()>> f;
    for (int i = 0; i < 50; i++) f.push_back([&t, i] { return t->sum() + i; });
    size_t n = 0;
    for (auto &g : f) n += g();
    std::cout << n << " " << std::regex_replace(std::string("abc123 d4"), r, "$2$1") << "\n";
    try { throw std::runtime_error("thrown"); } catch (std::exception &e) { std::cout << e.what() << "\n"; }
}
"""

# Waits until something listens at $1, some seconds at most.
WAIT = r"""#!/bin/sh
for i in $(seq 80); do
    if [ -S "$1" ] || /usr/bin/python3 -S -c '
import socket, sys
s = socket.socket()
sys.exit(s.connect_ex(("127.0.0.1", int(sys.argv[1]))))' "$1" 2>/dev/null; then exit 0; fi
    sleep 0.05
done
echo "nothing listens at $1" >&2
exit 1
"""

ADDRESS = (r"0x[0-9a-f]{6,}", "0xADDRESS")

# -- core utilities -----------------------------------------------------------------------------------------

add("true", "true")
add("sort", ["sort", "-u", "--parallel=1", "-o", "out", "words"], setup="cp $DATA/words.txt words")
add("sort-merge", "sort -S 64k -T tmp --parallel=1 $DATA/words.txt $DATA/text.txt | uniq -c | sort -rn | head -50")
add("sort-threads", "for i in 1 2 3 4 5 6; do cat $DATA/words.txt; done | sort --parallel=2 -S 10M | md5sum",
    watch="sort")
add("grep", ["grep", "-rnE", "(ta|in)+[^ ]*(sh|rd|t){1,3}", "tree"], setup="cp -r $DATA/tree tree")
add("grep-perl", "grep -Po '(?<=a)[st]+(?=e)' $DATA/text.txt | sort | uniq -c", watch="grep")
add("sed", "sed -E 's/([aeiou])([a-z])/\\2\\1/g; /^t/{N;P;D}; $!{h;d}' $DATA/text.txt")
add("sed-in-place", ["sed", "-i", "-e", "s/a/b/g", "words"], setup="cp $DATA/words.txt words")
add("mawk", "mawk '{ n[length($1)]++; s[$1] = s[$1] NR } END { for (i = 1; i < 12; i++) print i, n[i] }' "
    "$DATA/words.txt", "mawk", needs="mawk")
add("gawk", "gawk -F, 'NR > 1 { s[$4] += $3; a[$2][$1] = 1 } END { n = asorti(s, k); for (i = 1; i <= n; i++) "
    "printf \"%s %.3f\\n\", k[i], s[k[i]]; print length(a) }' $DATA/table.csv", "gawk", needs="gawk")
add("original-awk", "original-awk '{ c[$1]++ } END { for (w in c) if (c[w] > 3) print w, c[w] | \"sort\" }' "
    "$DATA/words.txt", "original-awk", needs="original-awk", watch="original-awk")
add("tar", "tar --sort=name -cf a.tar -C $DATA tree && tar -tvf a.tar && mkdir x && tar -xf a.tar -C x && ls -R x")
add("tar-gzip", "tar -czf a.tgz -C $DATA tree && tar -xzf a.tgz && ls -R tree", ignore=["^a.tgz$"])
add("cpio", "cd $DATA && find tree | sort | cpio -o --reproducible -H newc >$HOME/a.cpio && cpio -it <$HOME/a.cpio",
    "cpio", needs="cpio", watch="cpio")
add("gzip", "gzip -9 -n -k words && gzip -dc words.gz | md5sum", setup="cp $DATA/words.txt words", watch="gzip")
add("bzip2", "bzip2 -k words && bzip2 -dc words.bz2 | md5sum", "bzip2", needs="bzip2", setup="cp $DATA/words.txt words")
add("xz", "xz -k -T1 -6 words && xz -dc -T1 words.xz | md5sum", "xz-utils", needs="xz",
    setup="cp $DATA/words.txt words")
add("xz-threads", "cat $DATA/*.txt $DATA/*.csv | xz -T2 --block-size=200KiB | xz -dc -T2 | md5sum", "xz-utils",
    needs="xz", watch="xz")
add("zstd", "zstd -q -k -19 --single-thread words && zstd -q -dc words.zst | md5sum", "zstd", needs="zstd",
    setup="cp $DATA/words.txt words")
add("zstd-threads", "zstd -q -T2 -3 -c $DATA/table.csv | zstd -q -dc | md5sum", "zstd", needs="zstd", watch="zstd")
add("lz4", "lz4 -q -9 -k words && lz4 -q -dc words.lz4 | md5sum", "lz4", needs="lz4",
    setup="cp $DATA/words.txt words")
add("brotli", "brotli -k -q 9 words && brotli -dc words.br | md5sum", "brotli", needs="brotli",
    setup="cp $DATA/words.txt words")
add("pigz", "pigz -p 2 -n -k words && pigz -dc words.gz | md5sum", "pigz", needs="pigz",
    setup="cp $DATA/words.txt words")
add("zip", "zip -X -r -q a.zip tree && unzip -l a.zip && unzip -q a.zip -d x && diff -r tree x/tree", "zip unzip",
    needs="zip unzip", setup="cp -a $DATA/tree tree")
add("7z", "7z a -mx=5 -mmt=1 -bd a.7z words && 7z x -y -ox a.7z && cmp words x/words", "p7zip-full", needs="7z",
    setup="cp $DATA/words.txt words", normalise=[(r"^p7zip.*|.*CPU.*", "")])
add("find-exec", "find tree -name '*.txt' -exec md5sum {} + | sort -k 2; find tree -size +1 -exec sh -c 'wc -c <$0' {} \\;",
    setup="cp -r $DATA/tree tree", watch="find")
add("xargs-parallel", "find $DATA/tree -type f | xargs -P 3 -n 5 cat | wc; seq 20 | xargs -P 4 -I@ sh -c 'echo @' | sort -n",
    watch="xargs")
add("diff", "diff -u $DATA/words.txt other; diff -r $DATA/tree tree; echo $?", setup="""
    sed '100~50s/^/x/' $DATA/words.txt >other; cp -r $DATA/tree tree; rm tree/d1/e1/f1.txt; echo more >>tree/d2/e2/f2.txt""",
    normalise=[(r"20[0-9-]+ [0-9:.]+ \+0000", "TIME")])
add("patch", "patch -p0 <change && md5sum words", needs="patch", packages="patch", setup="""
    cp $DATA/words.txt words; sed '100~50s/^/x/' words >other; diff -u words other >change || true; rm other""")
add("coreutils", """cut -d, -f2,4 $DATA/table.csv | paste -d- - - | head -40; tr a-z A-Z <$DATA/words.txt | fold -w 11 | tail -9
    head -c 5000 $DATA/words.txt | od -An -tx1 | tail -5; comm -12 a b | wc; join a b | wc; nl a | tac | head -20
    split -n 5 a part.; sha512sum part.*; seq -f %.3f 1 0.37 9 | shuf --random-source=$DATA/words.txt; factor 123456789012
    ls -lnR --time-style=+x $DATA/tree; du -b $DATA/tree | sort; stat -c '%n %s' a; printf '%q\\n' 'a b'; expr 6 '*' 7
    numfmt --to=iec 123456789; tsort b2; csplit -s a 5 10; cat xx0*; install -m 600 a c; ln -s a d; readlink -f d""",
    setup="sort -u $DATA/words.txt >a; sed -n '1~3p' a >b; yes x y | head -1 >b2", watch="sort")
add("busybox", """busybox sh -c 'for a in 1 2 3; do echo $a; done; busybox sort $DATA/words.txt | busybox uniq -c |
    busybox awk "{ s += \\$1 } END { print s }"; busybox find $DATA/tree -type f | busybox sort | busybox xargs busybox md5sum |
    busybox tail -3; busybox seq 5 | busybox dc -e "1 2 + p"'""", "busybox", needs="busybox")
add("bc", "echo 'scale=400; 4*a(1); 2^2000; define f(n) { if (n < 2) return 1; return n*f(n-1); }; f(300)' | bc -l",
    "bc", needs="bc")
add("dc", ["dc", "-e", "300 k 2 v p 3 500 ^ p [la 1 + sa la 2000 >x] sx 0 sa lxx la p"], "dc", needs="dc")
add("m4", "m4 in", "m4", needs="m4", files={"in": """define(`loop', `ifelse($1, 0, `', `$1 loop(decr($1))')')dnl
loop(200)
define(`x', `translit($1, a-z, A-Z)')x(hello) format(`%08d', eval(2**20)) esyscmd(echo from the shell)
forloop undivert(1) len(`abc') index(hello, lo) substr(hello, 1, 3)
divert(-1) define(`f', `ifelse(eval($1 < 2), 1, 1, `eval(f(decr($1)) + f(eval($1 - 2)))')') divert(0) f(14)
"""})
add("jq", "jq -c 'group_by(.tags | length) | map({n: length, v: (map(.n.v) | add), w: (map(.name) | sort | .[0:3])})' "
    "$DATA/rows.json", "jq", needs="jq")
add("xmllint", "xmllint --format --xpath '//item[v=7]/name/text()' $DATA/page.xml", "libxml2-utils", needs="xmllint")
add("xsltproc", "xsltproc s.xsl $DATA/page.xml", "xsltproc", needs="xsltproc", files={"s.xsl": """<?xml version="1.0"?>
<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:output method="text"/>
<xsl:template match="/"><xsl:for-each select="//item[v &gt; 80]"><xsl:sort select="name"/>
<xsl:value-of select="concat(@id, ' ', name, '&#10;')"/></xsl:for-each></xsl:template></xsl:stylesheet>
"""})
add("file", "file -b $DATA/* /bin/ls | sort", "file", needs="file")
add("rsync", "rsync -a --delete $DATA/tree/ to/ && rsync -ain $DATA/tree/ to/ && ls -R to", "rsync", needs="rsync",
    watch="rsync")

# -- shells ---------------------------------------------------------------------------------------------------

SHELL_SCRIPT = r"""
i=0
list=
while [ $i -lt 3000 ]; do
    list="$list $i"
    i=$((i + 1))
done
f() { echo "$# arguments, first $1"; }
f $list
for word in $(head -200 $DATA/words.txt); do case $word in t*) echo $word ;; esac; done | sort -u | head -9
(trap 'echo trapped' EXIT; exit 3); echo "status $?"
echo one >&2; cat <<END
here $((6 * 7)) ${HOME##*/}
END
sleep 0.05 & wait $!; echo waited $?
exec 3>three; echo to three >&3; exec 3>&-; cat three
sh -c 'kill -TERM $$'; echo "killed $?"
exit 7
"""
for shell, package in (("dash", "dash"), ("bash", "bash"), ("zsh", "zsh"), ("ksh93", "ksh93u+m"), ("mksh", "mksh")):
    add(shell, [shell, "script"], package, watch=shell, needs=shell, files={"script": SHELL_SCRIPT}, status=7,
        normalise=[(r"^script.*Terminated.*\n", "TERMINATED\n"), (r"\b[0-9]{3,7} (Terminated)", r"\1")])
add("bash-more", ["bash", "script"], files={"script": r"""
declare -A map; while read -r w; do map[$w]=$((${map[$w]:-0} + 1)); done < <(head -3000 $DATA/words.txt)
echo ${#map[@]}; mapfile -t lines <$DATA/text.txt; echo ${#lines[@]} ${lines[17]^^}
[[ ${lines[3]} =~ ([a-z]+)\ ([a-z]+) ]] && echo ${BASH_REMATCH[2]}; printf '%s\n' {a..e}{1..3} | tail -3
coproc { read x; echo got $x; }; echo hi >&${COPROC[1]}; read y <&${COPROC[0]}; echo $y; wait
shopt -s globstar; echo $DATA/tree/**/*.txt | wc -w; for ((i = 0; i < 40; i++)); do (exit $((i % 7))) || s=$((s + $?)); done; echo $s
"""})
add("fish", ["fish", "script"], "fish", needs="fish", files={"script": """
set -l n 0
for w in (head -500 $DATA/words.txt)
    string match -q 't*' $w; and set n (math $n + 1)
end
echo $n; seq 5 | string replace -r '(\\d)' 'n$1'; exit 4
"""}, status=4, ignore=[r"\.(config|local|cache)"])
add("pipeline", "cat $DATA/text.txt | tr ' ' '\\n' | grep -v '^$' | sort | uniq -c | sort -k1,1nr -k2 | head -20; exit 5", status=5)

# -- interpreters ---------------------------------------------------------------------------------------------

PYTHON_WORK = r"""
import collections, csv, json, os, re, sys, zlib
rows = json.load(open(os.environ["DATA"] + "/rows.json"))
words = collections.Counter(re.findall(r"[a-z]+", json.dumps(rows)))
table = list(csv.DictReader(open(os.environ["DATA"] + "/table.csv")))
print(len(rows), words.most_common(3), len(table), zlib.crc32(zlib.compress(json.dumps(rows).encode())))
tree = {}
for i in range(40000):
    tree.setdefault(i % 977, []).append("%x" % i)
print(sum(len(v) for v in tree.values()))
"""
add("python", "python3 work.py", "python3", files={"work.py": PYTHON_WORK})
add("python-malloc", "python3 work.py", "python3", files={"work.py": PYTHON_WORK}, env={"PYTHONMALLOC": "malloc"})
add("python-debug", "python3 work.py", "python3", files={"work.py": PYTHON_WORK}, env={"PYTHONMALLOC": "debug"})
add("python-fork", "python3 work.py", "python3", files={"work.py": r"""
import os, subprocess
big = [bytes(1000) for _ in range(3000)]
for n in range(8):
    pid = os.fork()
    if pid == 0:
        mine = [bytes(2000 + n) for _ in range(500 * n)]
        os._exit(len(mine) % 251)
    print(n, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(subprocess.run("echo a child; exit 3", shell=True, capture_output=True))
print(subprocess.run(["tr", "a", "b"], input=b"banana", stdout=subprocess.PIPE).stdout)
"""})
add("python-spawn", "python3 work.py", "python3", files={"work.py": r"""
import multiprocessing as m
def work(n):
    return sum(len(str(i)) for i in range(n * 1000))
if __name__ == "__main__":
    for way in ("spawn", "fork", "forkserver"):
        with m.get_context(way).Pool(2) as pool:
            print(way, pool.map(work, range(12)))
    q = m.get_context("spawn").Queue()
    p = m.get_context("fork").Process(target=q.put, args=("x" * 100000,)); p.start(); print(len(q.get())); p.join()
"""})
add("python-threads", "python3 work.py", "python3", files={"work.py": r"""
import concurrent.futures as f, threading, json
def work(n):
    return len(json.dumps([{"i": i, "s": "x" * (i % 50)} for i in range(n)]))
with f.ThreadPoolExecutor(4) as pool:
    print(sum(pool.map(work, range(0, 4000, 100))))
for n in range(30):
    t = threading.Thread(target=work, args=(200,)); t.start(); t.join()
"""})
add("python-asyncio", "python3 work.py", "python3", files={"work.py": r"""
import asyncio
async def echo(r, w):
    while line := await r.readline():
        w.write(line.upper()); await w.drain()
    w.close()
async def main():
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async def client(n):
        r, w = await asyncio.open_connection("127.0.0.1", port)
        w.write(b"hello %d\n" % n); out = await r.readline(); w.close(); return out
    print(sum(len(x) for x in await asyncio.gather(*(client(n) for n in range(100)))))
    p = await asyncio.create_subprocess_exec("echo", "sub", stdout=-1); print(await p.communicate())
asyncio.run(main())
"""})
add("python-crash", "python3 work.py", "python3", status=-11, files={"work.py": r"""
import os, signal
keep = [bytes(100000) for _ in range(400)]
print("about to crash", flush=True)
more = [bytes(90000) for _ in range(600)]
os.kill(os.getpid(), signal.SIGSEGV)
"""})
add("python-abort", "python3 -X faulthandler work.py", "python3", status=-6, files={"work.py": """
import os
keep = bytes(5000000)
os.abort()
"""})
add("python-memoryerror", "python3 work.py", "python3", files={"work.py": r"""
import resource
resource.setrlimit(resource.RLIMIT_DATA, (200 << 20, 200 << 20))
keep = []
try:
    while True: keep.append(bytes(1 << 20))
except MemoryError:
    n = len(keep); del keep
    print("MemoryError", 150 < n < 200)
"""})
add("python-ctypes", "python3 work.py", "python3", files={"work.py": r"""
import ctypes
c = ctypes.CDLL(None); c.malloc.restype = ctypes.c_void_p
p = [c.malloc(ctypes.c_size_t(n * 97)) for n in range(1, 300)]
for q in p: c.free(ctypes.c_void_p(q))
back = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
a = (ctypes.c_int * 1000)(*[(i * 7919) % 1009 for i in range(1000)])
get = lambda q: ctypes.cast(q, ctypes.POINTER(ctypes.c_int))[0]
c.qsort(a, 1000, 4, back(lambda x, y: get(x) - get(y))); print(list(a)[:9])
"""})
add("python-http", "python3 work.py", "python3", files={"work.py": r"""
import http.server, threading, urllib.request
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.path.encode() * 500
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers(); self.wfile.write(body)
    def log_message(self, *a): pass
s = http.server.ThreadingHTTPServer(("127.0.0.1", 0), H)
threading.Thread(target=s.serve_forever, daemon=True).start()
print(sum(len(urllib.request.urlopen("http://127.0.0.1:%d/%d" % (s.server_port, n)).read()) for n in range(60)))
s.shutdown()
"""})
add("python-sqlite", "python3 work.py", "python3", files={"work.py": r"""
import sqlite3
d = sqlite3.connect("a.db"); d.execute("create table t(a, b)")
d.executemany("insert into t values(?, ?)", ((i, "x" * (i % 90)) for i in range(20000))); d.commit()
print(d.execute("select count(*), sum(length(b)) from t").fetchall(), d.execute("pragma integrity_check").fetchall())
"""})
add("numpy", "python3 work.py", "python3-numpy", modules="numpy", files={"work.py": r"""
import numpy as np
a = np.arange(300000.0).reshape(600, 500)
m = a @ a.T
print(float(m.trace()), np.sort(a.ravel()[::-7])[:4].tolist(), float(np.linalg.norm(np.fft.fft(a[0]))))
r = np.random.default_rng(5); print(float(r.normal(size=200000).sum()), np.linalg.svd(r.normal(size=(60, 60)))[1][:3].round(6))
"""})
add("numpy-one-thread", "python3 work.py", "python3-numpy", modules="numpy", env={"OPENBLAS_NUM_THREADS": "1"},
    files={"work.py": "import numpy as np\na = np.arange(1e5)\nfor k in range(50): b = np.sqrt(a * k)[::2]\n"
           "print(float(b.sum()), len(np.unique((a % 977).astype(int))))\n"})
add("perl", "perl work.pl", "perl", files={"work.pl": r"""
use strict; my (%n, @l);
open my $f, "<", "$ENV{DATA}/text.txt" or die; while (<$f>) { push @l, $_; $n{$_}++ for split; }
print scalar(keys %n), " ", scalar(@l), "\n"; my @s = sort { $n{$b} <=> $n{$a} || $a cmp $b } keys %n; print "$_ $n{$_}\n" for @s[0..9];
my $t = join "", @l; my $c = () = $t =~ /(?:th|sh)[aeiou]+(\w+)/g; print "$c\n"; (my $u = $t) =~ s/(\w+)/ucfirst $1/ge; print length $u, "\n";
my $p = fork; if (!$p) { my @m = map { "x" x $_ } 1..2000; exit 5 } waitpid $p, 0; print $? >> 8, " ", `echo sub`;
"""})
add("perl-die", ["perl", "-e", "my @a = (1) x 100000; local $SIG{ALRM} = sub { die qq{alarm\n} }; alarm 1; select undef, undef, undef, 5"],
    "perl", status=4)
add("ruby", "ruby work.rb", "ruby", files={"work.rb": r"""
require "json"; require "set"
rows = JSON.parse(File.read(ENV["DATA"] + "/rows.json")); puts rows.size, rows.map { |r| r["tags"].size }.sum
h = Hash.new(0); File.foreach(ENV["DATA"] + "/words.txt") { |w| h[w.chomp] += 1 }; p h.sort_by { |k, v| [-v, k] }.first(4)
puts (1..300).inject(:*).to_s.size, (0...20000).map { |i| i.to_s * 3 }.to_set.size; GC.start
pid = fork { a = (0...5000).map { |i| "y" * i }; exit 6 }; Process.wait pid; p $?.exitstatus; puts `echo sub`
Thread.new { puts "thread" }.join; begin; raise "x"; rescue => e; p e; end
"""})
add("lua", "lua5.4 work.lua", "lua5.4", files={"work.lua": r"""
local t, n = {}, {}
for line in io.lines(os.getenv("DATA") .. "/words.txt") do t[#t + 1] = line; n[line] = (n[line] or 0) + 1 end
table.sort(t); print(#t, t[1], t[#t]); local s = table.concat(t, ","); print(#s, select(2, s:gsub("t[aeiou]+", "")))
for i = 1, 200000 do t[i] = {i} end; collectgarbage(); print(#t, pcall(error, "x"))
"""})
add("tcl", "tclsh work.tcl", "tcl", needs="tclsh", files={"work.tcl": r"""
set f [open $env(DATA)/words.txt]; set words [split [string trim [read $f]] \n]; close $f
foreach w $words { incr n($w) }; puts [array size n]; puts [lrange [lsort -unique $words] 0 5]
set d [dict create]; for {set i 0} {$i < 20000} {incr i} { dict set d k$i [string repeat x [expr {$i % 50}]] }
puts [dict size $d]; puts [exec echo sub]; puts [catch {error bad} m]$m; puts [regsub -all {t([aeiou])} [lindex $words 5] {\1t}]
"""})
add("guile", "guile --no-auto-compile -s work.scm", "guile-3.0", needs="guile", files={"work.scm": r"""
(define (f n) (if (< n 2) n (+ (f (- n 1)) (f (- n 2)))))
(display (f 18)) (newline)
(define h (make-hash-table)) (do ((i 0 (+ i 1))) ((= i 20000)) (hash-set! h i (make-string (modulo i 40) #\x)))
(display (hash-count (const #t) h)) (newline) (display (string-length (number->string (expt 7 2000)))) (newline) (exit 3)
"""}, status=3)
add("node", "node work.js", "nodejs", needs="node", files={"work.js": r"""
const fs = require("fs"), zlib = require("zlib"), cp = require("child_process"), { Worker } = require("worker_threads");
const rows = JSON.parse(fs.readFileSync(process.env.DATA + "/rows.json")); console.log(rows.length);
const z = zlib.gzipSync(JSON.stringify(rows)); console.log(zlib.gunzipSync(z).length);
const m = new Map(); for (let i = 0; i < 100000; i++) m.set("k" + i, Buffer.alloc(i % 99)); console.log(m.size);
console.log(cp.execSync("echo sub").toString()); let n = 0;
const w = new Worker("require('worker_threads').parentPort.postMessage('w'.repeat(1000))", { eval: true });
w.on("message", t => console.log(t.length)); w.on("exit", c => { console.log("worker", c); process.exitCode = 9; });
"""}, status=9)
add("java", "java -Xmx128m -XX:+UseSerialGC -Xshare:off Work.java", "default-jdk-headless", needs="java", files={"Work.java": r"""
import java.util.*;
public class Work { public static void main(String[] a) throws Exception {
    Map<String, List<Integer>> m = new TreeMap<>(); for (int i = 0; i < 100000; i++) m.computeIfAbsent("k" + i % 997, k -> new ArrayList<>()).add(i);
    System.out.println(m.size()); Thread t = new Thread(() -> System.out.println("thread")); t.start(); t.join();
    System.out.println(new String(new ProcessBuilder("echo", "sub").start().getInputStream().readAllBytes())); System.exit(6); } }
"""}, status=6, ignore=["hsperfdata"])
add("ocaml", "ocaml work.ml", "ocaml-nox", needs="ocaml", files={"work.ml": r"""
let rec f n = if n < 2 then n else f (n - 1) + f (n - 2);;
let h = Hashtbl.create 10;; for i = 0 to 50000 do Hashtbl.replace h i (String.make (i mod 30) 'x') done;;
Printf.printf "%d %d\n" (f 22) (Hashtbl.length h);; module S = Set.Make(String);;
print_int (S.cardinal (List.fold_left (fun s i -> S.add (string_of_int i) s) S.empty (List.init 5000 Fun.id)));; exit 2
"""}, status=2)
add("ocamlopt", "ocamlopt -o work work.ml && ./work", "ocaml-nox", needs="ocamlopt", files={"work.ml":
    "let () = let l = List.init 100000 (fun i -> string_of_int i) in print_int (List.length (List.sort compare l))\n"})
add("php", "php work.php", "php-cli", needs="php", files={"work.php": r"""<?php
$n = []; foreach (file(getenv("DATA") . "/words.txt") as $w) { $w = trim($w); $n[$w] = ($n[$w] ?? 0) + 1; }
arsort($n); ksort($n); echo count($n), " ", array_key_first($n), "\n"; $rows = json_decode(file_get_contents(getenv("DATA") . "/rows.json"), true);
echo count($rows), " ", strlen(serialize($rows)), " ", md5(preg_replace('/t([aeiou])/', '$1t', implode(",", array_keys($n)))), "\n";
try { throw new Exception("x"); } catch (Exception $e) { echo get_class($e), "\n"; } echo shell_exec("echo sub"); exit(3);
"""}, status=3)
add("php-modules", "php -m", "php-cli")
add("php-usezend0", "php work.php", "php-cli", env={"USE_ZEND_ALLOC": "0"}, files={"work.php":
    '<?php $a = []; for ($i = 0; $i < 20000; $i++) $a["k$i"] = str_repeat("x", $i % 70); echo count($a), "\\n";'})
add("sqlite3", "sqlite3 a.db '.read work.sql'", "sqlite3", needs="sqlite3", files={"work.sql": """
create table t(id integer primary key, a text, b real, c integer);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 40000)
  insert into t select x, printf('name-%06d', (x * 7919) % 40000), x / 3.0, x % 1000 from n;
create index t_a on t(a); create index t_c on t(c, b);
select c, count(*), round(sum(b), 3), max(a), group_concat(substr(a, 6, 2)) from t where id % 3 = 0 group by c order by 3 desc limit 20;
update t set a = a || '-' || c where c > 500; delete from t where id % 5 = 0; vacuum;
select count(distinct a), sum(length(a)) from t; pragma integrity_check;
"""})
add("sqlite3-bail", ["sqlite3", "-bail", ":memory:", "create table t(a); insert into t values(zeroblob(3000000)); select nothing;"],
    "sqlite3", status=1)

# -- compilers and builds ---------------------------------------------------------------------------------------

SOURCES = {"word.c": C_SOURCE, "tower.cc": CXX_SOURCE}
add("gcc", "gcc -O2 -g -Wall -o word word.c && ./word <$DATA/words.txt", "gcc", needs="gcc", files=SOURCES, watch="cc1")
add("gcc-error", "gcc -c bad.c", "gcc", files={"bad.c": "int main(void) { return nothing(; }\n"}, status=1, watch="cc1")
add("gcc-lto", "gcc -flto=2 -O2 -o two a.c b.c && ./two", "gcc", needs="gcc", watch="lto1", files={
    "a.c": "#include <stdio.h>\nint g(int);\nint main(void) { printf(\"%d\\n\", g(7)); return 0; }\n",
    "b.c": "static int h(int x) { return x < 2 ? 1 : x * h(x - 1); }\nint g(int x) { return h(x) + 1; }\n"})
add("g++", "g++ -std=c++17 -O1 -o tower tower.cc && ./tower", "g++", needs="g++", files=SOURCES, watch="cc1plus")
add("c++-binary", "./tower", "g++", needs="g++", files=SOURCES, setup="g++ -std=c++17 -O1 -o tower tower.cc")
add("c-binary", ["./word"], "gcc", needs="gcc", files=SOURCES, setup="gcc -O2 -o word word.c; cp $DATA/words.txt .", stdin="words.txt")
add("clang", "clang -O2 -g -o word word.c && ./word <$DATA/words.txt", "clang", needs="clang", files=SOURCES, watch="clang")
add("clang++", "clang++ -std=c++17 -O1 -o tower tower.cc && ./tower", "clang", needs="clang++", files=SOURCES, watch="clang")
add("binutils", "as -o w.o w.s && nm w.o && objdump -d w.o | head -60 && ar rcsD w.a w.o && ar t w.a && strip -o s w.o && readelf -S w.o && "
    "size w.o && ld -r -o r.o w.o && strings -n 6 /bin/ls | md5sum && objcopy -O binary w.o w.bin", "binutils", needs="as ld objdump",
    files=SOURCES, setup="gcc -S -O1 -o w.s word.c", watch="objdump")
add("rustc", "$RUSTC -O -o r r.rs && ./r", needs="/root/.rustup/toolchains/stable-*/bin/rustc", setup="", env={
    "RUSTC": "/root/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/bin/rustc"}, files={"r.rs": r"""
use std::collections::HashMap;
fn main() { let mut m = HashMap::new(); for i in 0..50000u32 { m.insert(i, vec![i; (i % 9) as usize]); }
    let t = std::thread::spawn(|| vec![1u8; 1 << 20].len()); println!("{} {}", m.values().map(|v| v.len()).sum::<usize>(), t.join().unwrap()); std::process::exit(4) }
"""}, status=4, timeout=120)
add("rust-binary", "./r", needs="/root/.rustup/toolchains/stable-*/bin/rustc", setup="""
    /root/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/bin/rustc -O -o r r.rs""", files={"r.rs": r"""
fn main() { let mut v: Vec<String> = (0..60000).map(|i| format!("{}", (i * 7919) % 60013)).collect(); v.sort(); v.dedup();
    println!("{} {}", v.len(), v[777]); let b: Box<[u8]> = vec![7; 3 << 20].into(); println!("{}", b.len()); panic!("as told"); }
"""}, status=101)
add("go-build", "go build -p 2 -o g . && ./g", "golang-go", needs="go", files={"go.mod": "module g\n\ngo 1.19\n", "g.go": r"""
package main
import ("fmt"; "os"; "os/exec"; "sort"; "strings")
func main() {
	m := map[string]int{}
	for i := 0; i < 100000; i++ { m[strings.Repeat("x", i%50)+fmt.Sprint(i%777)] += i }
	k := []string{}
	for s := range m { k = append(k, s) }
	sort.Strings(k)
	c := make(chan int)
	for i := 0; i < 8; i++ { go func(n int) { c <- len(make([]byte, n*100000)) }(i) }
	s := 0
	for i := 0; i < 8; i++ { s += <-c }
	o, _ := exec.Command("echo", "sub").Output()
	fmt.Println(len(k), s, string(o))
	os.Exit(6)
}
"""}, status=6, timeout=180, ignore=[r"^(\.cache|\.config|go|tmp)(/|$)", "^g$"], setup="GOFLAGS=-mod=mod go build -o /dev/null . || true")
add("go-binary", "./g", "golang-go", needs="go", files={"go.mod": "module g\n\ngo 1.19\n", "g.go":
    'package main\nimport ("fmt"; "net")\nfunc main() { a, e := net.LookupHost("localhost"); fmt.Println(len(a) > 0, e); panic("as told") }\n'},
    setup="go build -o g .; rm -rf .cache", status=2, timeout=60, normalise=[(r"0x[0-9a-f]+", "X")])
add("go-vet", "gofmt -d g.go; go vet ./... && go version && go env GOARCH", "golang-go", needs="go", files={
    "go.mod": "module g\n\ngo 1.19\n", "g.go": "package main\n\nfunc main() { println(1)\n}\n"},
    ignore=[r"^(\.cache|\.config|go|tmp)(/|$)"], timeout=120, watch="go")
PARTS = {f"f{i}.c": f"int f{i}(int x) {{ return x * {i} + 1; }}\n" for i in range(12)}
PARTS["main.c"] = "#include <stdio.h>\n" + "".join(f"int f{i}(int);\n" for i in range(12)) + \
    "int main(void) { printf(\"%d\\n\", " + " + ".join(f"f{i}({i})" for i in range(12)) + "); return 0; }\n"
PARTS["Makefile"] = "O = main.o " + " ".join(f"f{i}.o" for i in range(12)) + \
    "\nall: $(O)\n\tgcc -o all $(O)\n%.o: %.c\n\tgcc -O1 -c $<\n"
add("make-parallel", "make -j2 && ./all", "make gcc", needs="make gcc", watch="cc1", unordered=True, files=PARTS)
add("make-error", "make", "make", files={"Makefile": "all: a b\na:\n\t@echo a\nb:\n\t@exit 3\n"}, status=2)
add("cmake", "cmake -S . -B b -DCMAKE_BUILD_TYPE=Release && cmake --build b && ./b/word <$DATA/words.txt", "cmake make gcc",
    needs="cmake make gcc", watch="cmake", files={**SOURCES, "CMakeLists.txt": "cmake_minimum_required(VERSION 3.10)\nproject(w C)\nadd_executable(word word.c)\n"},
    ignore=["^b/CMakeFiles/(CMakeOutput|CMakeConfigureLog|CMakeTmp|CMakeScratch|.*internal)", "CMakeError"], timeout=180)
add("ninja", "ninja -j2 && ./word <$DATA/words.txt", "ninja-build gcc", needs="ninja gcc", files={**SOURCES, "build.ninja":
    "rule cc\n command = gcc -O1 -o $out $in\nbuild word: cc word.c\nrule cxx\n command = g++ -o $out $in\nbuild tower: cxx tower.cc\n"},
    watch="ninja", ignore=[r"^\.ninja_(log|deps)$"], unordered=True)
add("autoconf", "autoconf && ./configure -q && cat Makefile", "autoconf gcc", needs="autoconf gcc", watch="m4", files={
    "configure.ac": "AC_INIT([x], [1])\nAC_PROG_CC\nAC_CHECK_HEADERS([stdlib.h])\nAC_CHECK_FUNCS([mmap nothing])\nAC_CONFIG_FILES([Makefile])\nAC_OUTPUT\n",
    "Makefile.in": "CC = @CC@\nall:\n"}, ignore=["autom4te.cache", "config.log", "config.status"], timeout=120)
add("bison-flex", "bison -o p.c p.y && flex -o l.c l.l && gcc -w -o calc p.c l.c && echo '1+2*3' | ./calc", "bison flex gcc", needs="bison flex gcc",
    watch="bison", files={"p.y": "%{\n#include <stdio.h>\nint yylex(void); void yyerror(const char *s) { puts(s); }\n%}\n%token N\n%left '+'\n%left '*'\n%%\n"
    "l: e { printf(\"%d\\n\", $1); };\ne: N | e '+' e { $$ = $1 + $3; } | e '*' e { $$ = $1 * $3; };\n%%\nint main(void) { return yyparse(); }\n",
    "l.l": "%{\nextern int yylval;\n%}\n%option noyywrap\n%%\n[0-9]+ { yylval = atoi(yytext); return 258; }\n[ \\n] ;\n. return *yytext;\n%%\n"})
add("ccache", "ccache gcc -c word.c && ccache gcc -c word.c && ccache -s | grep -i hit | head -3", "ccache gcc", needs="ccache gcc", files=SOURCES,
    watch="ccache", ignore=[r"^\.c", r"^\.cache"], env={"CCACHE_NOHASHDIR": "1"})
add("cppcheck", "cppcheck -q --enable=all --suppress=missingIncludeSystem word.c bad.c", "cppcheck", files={**SOURCES,
    "bad.c": "int f(int *p) { int a[2]; a[2] = 1; if (p == 0) return *p; return a[0]; }\n"})
add("gdb", ["gdb", "-q", "-batch", "-nx", "-ex", "break walk", "-ex", "run < words.txt", "-ex", "bt", "-ex", "print *at", "-ex", "delete", "-ex", "continue", "./word"],
    "gdb gcc", needs="gdb gcc", files=SOURCES, setup="gcc -g -O0 -o word word.c; head -500 $DATA/words.txt >words.txt", watch="gdb",
    normalise=[ADDRESS, (r"process [0-9]+", "process N")])
add("strace", "strace -f -o /dev/null -e trace=none sh -c 'echo traced; ls | wc -l'", "strace", needs="strace")
add("valgrind", "valgrind -q --error-exitcode=0 ./word < words.txt", "valgrind gcc", needs="valgrind gcc", files=SOURCES,
    setup="gcc -g -O1 -o word word.c; head -2000 $DATA/words.txt >words.txt", normalise=[(r"==[0-9]+==", "==N==")])

# -- databases and servers ------------------------------------------------------------------------------------------

POSTGRES = r"""
set -e
bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
cd "$HOME"; mkdir -p pg; chown postgres pg tmp
as() { setpriv --reuid postgres --regid postgres --clear-groups env LD_PRELOAD="$LD_PRELOAD" "$@"; }
as $bin/initdb -D pg/d -A trust --no-sync >log.init 2>&1
printf "listen_addresses=''\nunix_socket_directories='%s/pg'\nport=5499\nfsync=off\nautovacuum=off\n" "$HOME" >>pg/d/postgresql.conf
as $bin/pg_ctl -D pg/d -l pg/log -w start >/dev/null
q() { as $bin/psql -h "$HOME/pg" -p 5499 -At postgres "$@"; }
q -c "create table t as select i, md5(i::text) m from generate_series(1, 20000) i" -c "create index on t(m)"
q -c "select count(*), max(m) from t where m like 'a%'"
victim=$(q -c "select pid from pg_stat_activity where backend_type = 'checkpointer'")
kill -9 $victim
until grep -q 'was terminated by signal 9' pg/log; do sleep 0.05; done
for i in $(seq 100); do [ $(grep -c 'ready to accept' pg/log) -ge 2 ] && break; sleep 0.05; done
q -c "select count(*), max(m) from t where m like 'a%'"
q -c "insert into t select 0, 'new'" -c "select count(*) from t"
as $bin/pg_dump -h "$HOME/pg" -p 5499 postgres | grep -v -e '^--' -e restrict | md5sum
as $bin/pg_ctl -D pg/d -w -m fast stop >/dev/null
grep -c 'was terminated by signal 9' pg/log; grep -c 'database system was interrupted\|recovery' pg/log >/dev/null && echo recovered
"""
add("postgres", ["sh", "scenario.sh"], "postgresql", needs="/usr/lib/postgresql/*/bin/postgres setpriv", files={"scenario.sh": POSTGRES}, timeout=120,
    watch="postgres", ignore=["^pg/", "^log", "^tmp"])
add("redis", ["sh", "scenario.sh"], "redis-server redis-tools", needs="redis-server redis-cli", watch="redis-server", files={"wait": WAIT, "scenario.sh": r"""
redis-server --port $PORT --save '' --dir . --logfile log --daemonize no --bind 127.0.0.1 & server=$!
./wait $PORT; c="redis-cli -p $PORT"
for i in $(seq 400); do echo "SET key:$i $(printf %0500d $i)"; echo "RPUSH list $i"; done | $c >/dev/null
$c DBSIZE; $c LLEN list; $c BGSAVE; for i in $(seq 100); do [ "$($c --raw INFO persistence | grep -c bgsave_in_progress:0)" = 1 ] && break; sleep 0.05; done
$c --raw INFO persistence | grep last_bgsave_status; ls dump.rdb; $c SAVE; $c FLUSHALL; $c DEBUG RELOAD >/dev/null; $c DBSIZE
kill -TERM $server; wait $server; echo server $?
"""}, ignore=["^log$", "dump.rdb"], normalise=[(r"^\[?[0-9]+:[A-Z] .*\n", "")])
add("memcached", ["sh", "scenario.sh"], "memcached", needs="memcached python3", watch="memcached", files={"wait": WAIT, "scenario.sh": r"""
memcached -u root -l 127.0.0.1 -p $PORT -m 32 -t 2 & server=$!
./wait $PORT; python3 -S client.py; kill -TERM $server; wait $server; echo server $?
""", "client.py": r"""
import os, socket
f = socket.create_connection(("127.0.0.1", int(os.environ["PORT"]))).makefile("rwb")
for i in range(300):
    v = b"x" * (i * 10); f.write(b"set k%d 0 0 %d\r\n%s\r\n" % (i, len(v), v)); f.flush(); f.readline()
n = 0
for i in range(300):
    f.write(b"get k%d\r\n" % i); f.flush(); head = f.readline().split(); n += len(f.readline()); f.readline()
print(n)
"""}, normalise=[(r"^Signal handled.*\n", "Signal handled\n")])
NGINX = r"""
mkdir -p www tmp; cp -r $DATA/*.txt $DATA/*.html www/; chmod 755 . www
printf 'daemon off; master_process on; worker_processes 2; error_log %s/error.log; pid %s/pid; user root;
events { worker_connections 64; } http { access_log off; gzip on; gzip_types text/plain; gzip_min_length 1; client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
server { listen 127.0.0.1:%s; root %s/www; location /gone { return 410; } } }\n' "$HOME" "$HOME" $PORT "$HOME" >conf
nginx -p "$HOME" -c "$HOME/conf" & server=$!
./wait $PORT
for i in 1 2 3; do curl -s --compressed http://127.0.0.1:$PORT/words.txt | md5sum; curl -s http://127.0.0.1:$PORT/page.html | md5sum; done
curl -s -o /dev/null -w '%{http_code}\n' http://127.0.0.1:$PORT/gone; curl -sI http://127.0.0.1:$PORT/none | head -1
seq 60 | xargs -P 4 -I@ curl -s http://127.0.0.1:$PORT/text.txt | wc -c
kill -HUP $server; sleep 0.3; curl -s http://127.0.0.1:$PORT/words.txt | md5sum
kill -QUIT $server; wait $server; echo server $?
"""
add("nginx", ["sh", "scenario.sh"], "nginx-light curl", needs="nginx curl python3", files={"wait": WAIT, "scenario.sh": NGINX}, watch="nginx", ignore=["^tmp", "error.log"])
add("lighttpd", ["sh", "scenario.sh"], "lighttpd curl", needs="lighttpd curl python3", watch="lighttpd", files={"wait": WAIT, "scenario.sh": r"""
mkdir www; cp $DATA/*.txt www/
printf 'server.document-root = "%s/www"\nserver.port = %s\nserver.bind = "127.0.0.1"\nserver.errorlog = "%s/log"\nmimetype.assign = (".txt" => "text/plain")\n' "$HOME" $PORT "$HOME" >conf
lighttpd -D -f conf & server=$!
./wait $PORT; for i in 1 2 3; do curl -s http://127.0.0.1:$PORT/words.txt | md5sum; done; curl -sI http://127.0.0.1:$PORT/none | head -1
kill -TERM $server; wait $server; echo server $?
"""}, ignore=["^log$"])
add("python-http-server", ["sh", "scenario.sh"], "python3 curl", needs="python3 curl", watch="python3.11", files={"wait": WAIT, "scenario.sh": r"""
mkdir www; cp $DATA/*.txt www/; exec 2>/dev/null
python3 -m http.server -b 127.0.0.1 -d www $PORT >/dev/null & server=$!
./wait $PORT; for i in 1 2 3 4; do curl -s http://127.0.0.1:$PORT/words.txt | md5sum; done; kill -TERM $server; wait $server; echo server $?
"""})
add("curl", "curl -s file://$DATA/words.txt -o w && curl -sS file:///none; echo $?; curl -s file://$DATA/page.html | md5sum; curl -V | head -1", "curl", needs="curl")
add("openssl", """openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out cert -subj /CN=x -days 9 2>/dev/null; openssl x509 -in cert -noout -subject
    openssl dgst -sha256 $DATA/words.txt; openssl enc -aes-256-cbc -pbkdf2 -k secret -S 0011223344556677 -in $DATA/words.txt | openssl dgst -sha1
    openssl s_server -quiet -accept 127.0.0.1:$PORT -cert cert -key key -naccept 1 -www >/dev/null 2>&1 & ./wait $PORT; openssl rand -base64 30 | wc -c
    openssl ecparam -genkey -name prime256v1 | openssl ec -text -noout 2>/dev/null | head -1; openssl verify -CAfile cert cert; wait""", "openssl", needs="openssl", files={"wait": WAIT},
    ignore=["^(key|cert)$"])
add("ssh-keygen", "ssh-keygen -q -t ed25519 -N '' -C c -f k && ssh-keygen -y -f k | wc -w && ssh-keygen -q -t rsa -b 2048 -N x -C c -f r && ssh-keygen -l -f r.pub | cut -d' ' -f1,3,4",
    "openssh-client", needs="ssh-keygen", ignore=["^[kr]"], watch="ssh-keygen")
add("gpg", "gpg --batch --quiet --passphrase '' --quick-gen-key a@b ed25519 sign never; gpg --batch -q --sign -o s $DATA/words.txt && gpg -q --verify s; "
    "gpg --batch --quiet --passphrase x --pinentry-mode loopback -c -o c $DATA/words.txt && gpg -q --batch --passphrase x --pinentry-mode loopback -d c | md5sum; gpgconf --kill all",
    "gnupg", needs="gpg", env={"GNUPGHOME": "gnupg"}, setup="mkdir -m 700 gnupg", ignore=["^gnupg", "^[sc]$"], watch="gpg",
    normalise=[(r"[0-9A-F]{16,40}", "KEY"), (r"(Signature made|using|created|revocation).*", r"\1")])

# -- git -------------------------------------------------------------------------------------------------------------

GIT_ENV = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@b",
           "GIT_AUTHOR_DATE": "1600000000 +0000", "GIT_COMMITTER_DATE": "1600000000 +0000"}
GIT_SETUP = """git init -q -b main r; cd r; cp -r $DATA/tree .; git add .; git commit -qm first
for i in $(seq 25); do echo "$i $(sed -n ${i}p $DATA/words.txt)" >>tree/d$((i % 7))/e0/new.txt; git add .; git commit -qm "commit $i"; done
git config gc.auto 0; git config pack.threads 1; git config gc.autodetach false"""
GIT_IGNORE = ["(^|/)index$", r"\.git/(logs|objects/pack)", r"objects/info", "commit-graph"]
add("git-log", ["git", "-C", "r", "--no-pager", "log", "-p", "--stat", "-M"], "git", setup=GIT_SETUP, env=GIT_ENV, ignore=GIT_IGNORE)
add("git-clone", "git clone -q r c && git -C c log --oneline | wc -l && git -C c fsck && git -C c rev-parse HEAD", "git", needs="git", setup=GIT_SETUP, env=GIT_ENV,
    ignore=GIT_IGNORE, watch="git")
add("git-gc", "cd r && git gc -q --prune=now && git fsck --full && git count-objects -v | grep -v size && git rev-list --objects --all | sha1sum", "git", needs="git",
    setup=GIT_SETUP, env=GIT_ENV, ignore=GIT_IGNORE, watch="git")
add("git-work", "cd r && git checkout -q -b side HEAD~9 && echo s >s && git add s && git commit -qm s && git merge -q -m m main && git rebase -q HEAD~3; git blame tree/d1/e0/new.txt; "
    "git grep -c ta | head; git diff --stat HEAD~5; git stash list; git tag v1; git describe; git archive HEAD | md5sum", "git", needs="git", setup=GIT_SETUP, env=GIT_ENV,
    ignore=GIT_IGNORE + [r"\.git/"], watch="git")

# -- text, pictures, sound ----------------------------------------------------------------------------------------------

add("imagemagick", "/usr/bin/convert $DATA/image.ppm -resize 50% -rotate 30 -blur 0x2 -strip o.png && /usr/bin/identify -format '%w %h %k\\n' o.png && /usr/bin/convert o.png ppm:- | md5sum",
    "imagemagick", needs="/usr/bin/convert-im6*", ignore=["o.png"], env={"MAGICK_THREAD_LIMIT": "1"}, watch="convert-im6.q16")
add("ffmpeg", "ffmpeg -v error -nostdin -threads 1 -i $DATA/tone.wav -c:a flac -bitexact -y o.flac && ffmpeg -v error -nostdin -i o.flac -f md5 - && "
    "ffmpeg -v error -nostdin -f lavfi -i testsrc=d=1:s=160x120:r=10 -c:v mpeg4 -threads 1 -bitexact o.avi && ffprobe -v error -show_entries stream=codec_name,width o.avi",
    "ffmpeg", needs="ffmpeg", watch="ffmpeg")
add("sox", "sox $DATA/tone.wav -n stat && sox $DATA/tone.wav o.wav reverse gain -3 rate 22050 && md5sum o.wav", "sox", needs="sox")
add("ghostscript", "gs -q -dNOPAUSE -dBATCH -sDEVICE=ppmraw -r50 -o o.ppm in.ps && md5sum o.ppm", "ghostscript", needs="gs", files={"in.ps":
    "%!PS\n/Times-Roman findfont 40 scalefont setfont 1 1 200 { dup 3 mul 100 add moveto (hello) show } for showpage\n"}, watch="gs")
add("graphviz", "dot -Tsvg in.dot | md5sum && dot -Tplain in.dot | head -20", "graphviz", needs="dot", files={"in.dot":
    "digraph g {" + "".join(f"n{i} -> n{i * 7 % 40}; n{i} -> n{i * 3 % 40};" for i in range(40)) + "}\n"}, watch="dot")
add("gnuplot", "gnuplot in.gp && md5sum o.svg", "gnuplot-nox", needs="gnuplot", files={"in.gp": "set terminal svg\nset output 'o.svg'\nplot sin(x), cos(x)*x\n"})
add("pandoc", "pandoc -f markdown -t html $DATA/page.md | md5sum && pandoc -t latex $DATA/page.md | tail -5", "pandoc", needs="pandoc", timeout=180)
add("groff", "groff -Tascii -ms in.ms && groff -Tps -ms in.ms | grep -v Date | wc -l", "groff", needs="groff /usr/share/groff/*/tmac/s.tmac", files={"in.ms":
    ".TL\nA title\n.AB\nabstract\n.AE\n" + ".PP\nsome words of a paragraph that goes on and on\n" * 60}, watch="troff")
add("vim", ["vim", "-u", "NONE", "-es", "-c", "%s/a/b/g", "-c", "sort u", "-c", "w! out", "-c", "qa!", "words"], "vim", needs="vim", setup="cp $DATA/words.txt words",
    ignore=["viminfo"])
add("emacs", ["emacs", "-Q", "--batch", "--eval", "(progn (find-file \"words\") (sort-lines nil (point-min) (point-max)) (while (search-forward \"ta\" nil t) (replace-match \"TA\")) (write-file \"out\") (princ (buffer-size)))"],
    "emacs-nox", needs="emacs", setup="cp $DATA/words.txt words", ignore=[r"\.emacs", "~$"], timeout=180)

# -- terminals and daemons --------------------------------------------------------------------------------------------------

add("tmux", "tmux -L w$PORT -f /dev/null new-session -d -x 80 -y 24 'echo inside; tmux -L w'$PORT' wait-for -S shown; sleep 5' && tmux -L w$PORT wait-for shown && tmux -L w$PORT capture-pane -p | head -4; tmux -L w$PORT kill-server; sleep 0.2",
    "tmux", needs="tmux", watch="tmux", ignore=["^tmp"], env={"TERM": "xterm"})
add("screen", "screen -dmS w$PORT sh -c 'echo inside >out; sleep 0.2'; until [ -s out ]; do sleep 0.05; done; sleep 0.5; cat out", "screen", needs="screen", watch="screen", ignore=["^tmp", r"\.screen"], env={"TERM": "xterm"})
add("expect", "expect work.exp", "expect", files={"work.exp": 'log_user 0\nspawn sh\nexpect -re {[$#] $}\nsend "echo 4\\$((1+1))\\r"\nexpect -re "42" {puts found}\nsend "exit 3\\r"\nexpect eof\nputs [lindex [wait] 3]\n'})
add("script", "script -q -e -c 'tty >/dev/null && echo terminal; exit 4' /dev/null; echo $?", "bsdutils", needs="script")
add("daemon", "./d; until [ -s out ]; do sleep 0.05; done; cat out", "gcc", needs="gcc", setup="gcc -O1 -o d d.c", files={"d.c": """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) { if (daemon(1, 0)) return 1; memset(malloc(3000000), 1, 3000000); FILE *f = fopen("out", "w"); fputs("from the daemon\\n", f); fclose(f); return 0; }
"""}, watch="d")
add("socat", "socat -u FILE:$DATA/words.txt SYSTEM:'md5sum' && echo hi | socat - EXEC:cat,pty,setsid,ctty,raw,echo=0", "socat", needs="socat", watch="socat")
add("parallel", "seq 12 | parallel --will-cite -k -j2 'echo job {}; seq {} | wc -l'", "parallel", needs="parallel", watch="perl", ignore=[r"\.parallel", "^tmp"])

# -- programs that run programs -----------------------------------------------------------------------------------------------

BIG_PYTHON = "import sys\nkeep = [bytes(10000) for _ in range(900)]\nprint('inside', len(keep))\nsys.exit(8)\n"
add("timeout-kills", ["timeout", "2", "python3", "work.py"], "python3", needs="timeout python3", status=124, watch="python3.11", files={"work.py":
    "import time\nkeep = [bytes(50000) for _ in range(1200)]\nprint('waiting', flush=True)\ntime.sleep(30)\n"})
add("kill-server", "python3 work.py & until [ -e ready ]; do sleep 0.05; done; kill -9 $!; wait $!; echo $?", "python3", needs="python3", watch="python3.11", files={"work.py":
    "import time\nkeep = [bytes(50000) for _ in range(900)]\nprint('waiting', flush=True)\nmore = [bytes(70000) for _ in range(300)]\nopen('ready', 'w')\ntime.sleep(30)\n"})
add("env", "env", needs="env", unordered=True, normalise=[(r"^(LD_PRELOAD|WEIR_[A-Z_]+|MEMORY_ORACLE)=.*\n", "")])
add("env-i", ["env", "-i", "PATH=/usr/bin", "python3", "work.py"], "python3", needs="env python3", status=8, files={"work.py": BIG_PYTHON})
add("nice", ["nice", "-n", "1", "setsid", "-w", "python3", "work.py"], "python3", needs="nice setsid python3", status=8, files={"work.py": BIG_PYTHON})
add("setpriv", ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "python3", "work.py"], "python3", needs="setpriv python3", status=8, files={"work.py": BIG_PYTHON})
add("unshare", ["unshare", "-fpm", "--mount-proc", "python3", "work.py"], "python3", needs="unshare python3", status=8, files={"work.py": BIG_PYTHON})
add("chroot", ["chroot", "/", "/usr/bin/python3", "-c", "print(len([bytes(9999) for _ in range(99)]))"], "python3", needs="chroot python3")
add("bwrap", ["bwrap", "--dev-bind", "/", "/", "--unshare-pid", "python3", "work.py"], "bubblewrap python3", needs="bwrap python3", status=8, files={"work.py": BIG_PYTHON})
add("bwrap-usr", ["bwrap", "--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev",
     "python3", "-c", "print(6 * 7)"], "bubblewrap python3", needs="bwrap python3")
add("sudo", ["sudo", "-u", "nobody", "id", "-un"], "sudo", needs="sudo", status=0)
add("prlimit", ["prlimit", "--data=120000000", "--nofile=40", "python3", "work.py"], "python3", needs="prlimit python3", status=8, files={"work.py": BIG_PYTHON})
add("prlimit-as", ["prlimit", "--as=400000000", "python3", "work.py"], "python3", needs="prlimit python3", status=8, files={"work.py": BIG_PYTHON})
add("fakeroot", "fakeroot sh -c 'touch a; chown 5:6 a; stat -c %u:%g a'", "fakeroot", needs="fakeroot", watch="sh")
add("flock", "flock lock sh -c 'echo held; exit 6'", needs="flock", status=6)
add("stdbuf", "stdbuf -oL sh -c 'echo a; echo b >&2'", needs="stdbuf")
add("static", "./s", "gcc", needs="gcc", setup="gcc -static -o s s.c", files={"s.c": "#include <stdio.h>\nint main(void) { puts(\"static\"); return 3; }\n"}, status=3,
    refused=NO_LIBRARY)
add("static-child", "./s; echo $?", "gcc", needs="gcc", setup="gcc -static -o s s.c", files={"s.c": "#include <stdio.h>\nint main(void) { puts(\"static\"); return 3; }\n"})
add("tcmalloc", "./t", "gcc libgoogle-perftools-dev", needs="gcc /usr/lib/*/libtcmalloc_minimal.so", setup="gcc -O1 -o t t.c -Wl,--no-as-needed -ltcmalloc_minimal", files={"t.c":
    "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\nint main(void) { char *p = malloc(5000000); memset(p, 1, 5000000); puts(p ? \"ok\" : \"no\"); free(p); return 0; }\n"})
add("chromium", "chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync "
    "--disable-dev-shm-usage --disable-extensions --user-data-dir=$HOME/profile --dump-dom file://$HOME/page.html 2>/dev/null | md5sum", "chromium", needs="chromium",
    setup="cp $DATA/page.html page.html", ignore=["^profile", "^tmp", r"^\.(config|cache|local|pki)"], timeout=120, watch="chromium")

# -- what takes no library, or brings a malloc -----------------------------------------------------------------------------------

STATUS_3 = "#include <stdio.h>\nint main(void) { puts(\"ran\"); return 3; }\n"
add("m32", "./s", "gcc-multilib", needs="gcc /usr/lib32/libc.so.6", setup="gcc -m32 -o s s.c", files={"s.c": STATUS_3}, status=3, refused=NO_LIBRARY)
add("m32-child", "./s; echo $?", "gcc-multilib", needs="gcc /usr/lib32/libc.so.6", setup="gcc -m32 -o s s.c", files={"s.c": STATUS_3})
add("musl", "./s", "musl-tools", needs="musl-gcc", setup="musl-gcc -o s s.c", files={"s.c": STATUS_3}, status=3, refused=NO_LIBRARY)
add("musl-child", "./s; echo $?", "musl-tools", needs="musl-gcc", setup="musl-gcc -o s s.c", files={"s.c": STATUS_3})
add("setuid-child", ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups", "sh", "-c", "mount | wc -l >/dev/null; ./s; echo $?"], "gcc",
    needs="gcc setpriv", setup="gcc -o s s.c; chmod u+s s; chmod 755 .", files={"s.c": STATUS_3})
add("asan", "./s", "gcc", needs="gcc", setup="gcc -fsanitize=address -g -o s s.c", files={"s.c":
    "#include <stdlib.h>\n#include <stdio.h>\nint main(void) { char *p = malloc(100); free(p); puts(\"ran\"); return 3; }\n"}, status=3, refused=NO_LIBRARY)
add("ubsan", "./s", "gcc", needs="gcc", setup="gcc -fsanitize=undefined -o s s.c", files={"s.c": STATUS_3}, status=3)
add("jemalloc-linked", "./t", "gcc libjemalloc-dev", needs="gcc /usr/lib/*/libjemalloc.so", setup="gcc -O1 -o t t.c -Wl,--no-as-needed -ljemalloc", files={"t.c":
    "#include <stdio.h>\n#include <stdlib.h>\nint main(void) { void *volatile p[500]; for (int i = 0; i < 500; i++) p[i] = malloc(i * 99); for (int i = 0; i < 500; i++) free(p[i]); puts(\"ok\"); return 0; }\n"})
add("plugin-deepbind", "./t", "gcc", needs="gcc", setup="gcc -shared -fPIC -O1 -o p.so p.c; gcc -O1 -o t t.c", files={
    "p.c": "#include <stdlib.h>\n#include <string.h>\nchar *make(void) { return strdup(\"made by the plugin\"); }\nvoid gone(void *p) { free(p); }\n",
    "t.c": "#include <dlfcn.h>\n#include <stdio.h>\n#include <stdlib.h>\nint main(void) { void *l = dlopen(\"./p.so\", RTLD_NOW | RTLD_DEEPBIND); char *(*make)(void) = dlsym(l, \"make\");\n"
           "void (*gone)(void *) = dlsym(l, \"gone\"); char *s = make(); puts(s); free(s); gone(malloc(99)); dlclose(l); return 0; }\n"})
add("seccomp", "./t", "gcc", needs="gcc", setup="gcc -O1 -o t t.c", status=7, files={"t.c": r"""
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
int main(void)
{
    static const int allowed[] = {SYS_write, SYS_mmap, SYS_munmap, SYS_mremap, SYS_brk, SYS_madvise, SYS_mprotect, SYS_exit_group, SYS_exit, SYS_futex, SYS_clock_gettime, SYS_getrandom};
    enum { N = sizeof allowed / sizeof *allowed };
    struct sock_filter f[N + 3] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    for (int i = 0; i < N; i++) f[i + 1] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, allowed[i], N - i, 0);
    f[N + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    f[N + 2] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog p = {N + 3, f};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p)) return 1;
    for (int k = 0; k < 300; k++) { void *volatile b[1000]; for (int i = 0; i < 1000; i++) b[i] = malloc(i * 5); for (int i = 0; i < 1000; i++) free(b[i]); }
    write(1, "alive\n", 6);
    _exit(7);
}
"""})

# -- ends, signals, descriptors ------------------------------------------------------------------------------------------------------

C_MAIN = "#define _GNU_SOURCE\n#include <fcntl.h>\n#include <signal.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <sys/syscall.h>\n#include <sys/wait.h>\n#include <unistd.h>\nint main(int argc, char **argv)\n{\n%s\n}\n"
FILL = "void *volatile b[3000]; for (int i = 0; i < 3000; i++) b[i] = malloc(i % 500 + 1);\n"
ENDS = {"segv": ("raise(SIGSEGV); return 0;", -11), "kill": ("kill(getpid(), SIGKILL); return 0;", -9), "term": ("raise(SIGTERM); return 0;", -15),
        "abort": ("abort();", -6), "quick-exit": ("quick_exit(5);", 5), "exit-group": ("syscall(SYS_exit_group, 6); return 0;", 6),
        "sigpipe": ("signal(SIGPIPE, SIG_DFL); int p[2]; if (pipe(p)) return 1; close(p[0]); write(p[1], \"x\", 1); return 0;", -13),
        "failed-exec": ("execl(\"/nonexistent\", \"x\", (char *)NULL); void *volatile more = malloc(1000000); return more == NULL;", 0),
        "exec-self": ("if (argc == 1) execl(\"/proc/self/exe\", argv[0], \"again\", (char *)NULL); return 4;", 4)}
for its, (end, status) in ENDS.items():
    add("end-" + its, "./x", "gcc", needs="gcc", setup="gcc -O0 -w -o x x.c", status=status, files={"x.c": C_MAIN % (FILL + end)})
add("closes-descriptors", ["./x"], "gcc", needs="gcc", setup="gcc -O0 -w -o x x.c", watch="x", files={"x.c": C_MAIN % (
    "closefrom(3); int fd = open(\"mine\", O_RDWR | O_CREAT | O_TRUNC, 0644);\n" + FILL +
    "for (int k = 0; k < 200; k++) { for (int i = 0; i < 3000; i++) { free(b[i]); b[i] = malloc(k + i % 90); } }\nwrite(fd, \"my own words\\n\", 13); return 0;")})
add("shell-descriptors", "exec 3>mine 4>&1 5<>data; for i in $(seq 2000); do x=$x$i; echo $i >&3; done; echo over >&4; read line <&5; echo $line; cat mine | md5sum; cat data",
    files={"data": "some data\nmore\n"}, watch="dash")
add("closed-output", "sort $DATA/words.txt | head -1 >&2; echo a >&-; (exec >&- 2>&-; sort $DATA/words.txt -o sorted); md5sum sorted", watch="sort",
    normalise=[("^/bin/sh: .*", "SH")])
add("sigchld-ignored", ["python3", "-c", "import signal, os; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.system('echo sub'); os.execvp('sh', ['sh', '-c', 'echo more; exit 3'])"],
    "python3", needs="python3", status=3, watch="python3.11")
add("chdir-exec", "mkdir d; cd d; sh -c 'cd /; exec true'; exec sh -c 'echo $PWD | grep -c work; exec ls'")

# -- more of the same kinds ---------------------------------------------------------------------------------------------------------------

add("cargo", "$BIN/cargo build --offline -q && ./target/debug/c", needs="/root/.rustup/toolchains/stable-*/bin/cargo", env={
    "BIN": "/root/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/bin", "RUSTC": "/root/.rustup/toolchains/stable-x86_64-unknown-linux-gnu/bin/rustc"},
    files={"Cargo.toml": "[package]\nname = \"c\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", "src/main.rs": "fn main() { println!(\"{}\", (1..=20u64).product::<u64>()); }\n"},
    ignore=["^target", r"^\.cargo"], timeout=120, watch="cargo")
add("clang-format", "clang-format word.c tower.cc | md5sum", "clang-format", needs="clang-format", files=SOURCES, watch="clang-format")
add("dpkg-query", "dpkg-query -W | wc -l; dpkg -L coreutils | md5sum; dpkg -s bash | head -3", "dpkg", needs="dpkg-query", watch="dpkg-query")
add("apt-cache", "apt-cache show bash | grep -m1 Package; apt-cache rdepends --installed dash | wc -l", "apt", needs="apt-cache", watch="apt-cache", ignore=["^tmp"])
add("less", "less -FX $DATA/words.txt | tail -1", "less", needs="less", ignore=["lesshst"])
add("perl-threads", ["perl", "-Mthreads", "-e", "my @t = map { my $n = $_; threads->create(sub { my @l = map { 'x' x $_ } 1..$n * 300; scalar @l }) } 1..4; print join(' ', map { $_->join } @t), \"\\n\""], "perl")
add("perl-modules", ["perl", "-MData::Dumper", "-MStorable", "-MDigest::SHA", "-MEncode", "-e", "$Data::Dumper::Sortkeys = 1; my %h = map { $_ => [1..$_ % 9] } 1..900; print length Dumper(Storable::dclone(\\%h)), Digest::SHA::sha256_hex(Encode::encode('UTF-8', chr(233) x 999)), \"\\n\""], "perl")
add("python-pip-list", "python3 -m json.tool $DATA/rows.json | md5sum; python3 -m zipfile -c a.zip $DATA/words.txt; python3 -m zipfile -l a.zip | tail -1 | cut -c1-20; python3 -m timeit -n 1 -r 1 -u sec pass | cut -c1-10",
    "python3", needs="python3", ignore=["a.zip"], watch="python3.11")
add("python-interactive", "printf 'x = [str(i) for i in range(5000)]\\nprint(len(x))\\nimport sys; sys.exit(4)\\n' | python3 -q -i; echo $?", "python3", needs="python3", watch="python3.11",
    ignore=["python_history"])
add("bash-interactive", "printf 'echo $((6*7))\\nls /nonexistent\\nexit 3\\n' | script -q -e -c 'bash --norc -i' /dev/null | grep -c 42", "bash", needs="script bash", watch="bash", ignore=["bash_history"])
add("node-cluster", "node work.js", "nodejs", needs="node", watch="node", files={"work.js": r"""
const cluster = require("cluster"), http = require("http");
if (cluster.isPrimary) { let n = 0; for (let i = 0; i < 2; i++) cluster.fork(); cluster.on("listening", () => { if (++n < 2) return; let left = 20, sum = 0;
  for (let i = 0; i < 20; i++) http.get({ port: +process.env.PORT, host: "127.0.0.1" }, r => { r.on("data", d => sum += d.length); r.on("end", () => { if (--left == 0) { console.log(sum); for (const w of Object.values(cluster.workers)) w.kill(); } }); }); });
} else http.createServer((q, s) => s.end("x".repeat(5000))).listen(+process.env.PORT, "127.0.0.1");
"""})
add("php-server", ["sh", "scenario.sh"], "php-cli curl", needs="php curl python3", watch="php8.2", files={"wait": WAIT, "i.php": "<?php echo md5(str_repeat($_GET['n'], 10000)), \"\\n\";", "scenario.sh": r"""
php -q -S 127.0.0.1:$PORT >/dev/null 2>&1 & server=$!
./wait $PORT; for i in 1 2 3; do curl -s "http://127.0.0.1:$PORT/i.php?n=$i"; done; kill -INT $server; wait $server; echo ended
"""})
add("git-bundle", "cd r && git bundle create -q ../b main && git clone -q -b main ../b ../c && git -C ../c format-patch -q -3 -o ../p && ls ../p && git -C ../c log --format=%H | sha1sum && git -C ../c bisect start -q HEAD HEAD~9 && git -C ../c bisect run sh -c 'test $(wc -l <tree/d1/e0/new.txt) -lt 4' | tail -3 | cut -c1-40",
    "git", needs="git", setup=GIT_SETUP, env=GIT_ENV, ignore=GIT_IGNORE + [r"\.git/", "^b$"], watch="git")
add("sqlite3-wal", "for n in 1 2 3; do sqlite3 -cmd '.timeout 9000' a.db \"insert into t select value from generate_series(1, 3000)\" & done; wait; sqlite3 a.db 'select count(*), sum(x) from t'; ls a.db*", "sqlite3", needs="sqlite3",
    setup="sqlite3 a.db 'pragma journal_mode=wal; create table t(x)'", watch="sqlite3", ignore=["a.db"])
add("tar-xz", "tar -cJf a.txz -C $DATA tree && tar -tJf a.txz | sort | md5sum", "tar xz-utils", needs="tar xz", ignore=["a.txz"], watch="xz")
add("man", "man -P cat -l x.1 | head -30", "man-db", needs="man", files={"x.1": ".TH X 1 2020-01-01\n.SH NAME\nx \\- a page\n.SH DESCRIPTION\n" + "words and more words\n" * 40}, watch="groff")
add("octal-dump", "xxd $DATA/words.txt | tail -2; hexdump -C $DATA/words.txt | tail -2; base64 $DATA/words.txt | tail -1; cksum $DATA/words.txt; iconv -f latin1 -t utf-16 $DATA/words.txt | md5sum", "xxd bsdextrautils", needs="xxd hexdump", watch="iconv")
add("locale", "locale -a | head -2; LC_ALL=C.UTF-8 sort $DATA/words.txt | md5sum; getent passwd root; date -u -d @1600000000; id -u; getconf PAGESIZE", watch="sort")
add("ldd", "ldd /bin/ls | grep -c '=>'; ldd /bin/ls | wc -l; python3 -c 'print(open(\"/proc/self/maps\").read().count(\"libweir\") > 0)'", "libc-bin python3", needs="ldd python3", watch="python3.11",
    differs={"stdout": "programs.md#what-a-program-can-see"})
add("make-recursive", "make -s -j3 -C top", "make", needs="make", unordered=True, watch="make", files={"top/Makefile": "all: a b c\na b c:\n\t@$(MAKE) -s -C ../sub N=$@\n",
    "sub/Makefile": "all: $(addprefix x,$(shell seq 20))\nx%:\n\t@echo $(N) $@ $$(echo $(N)$@ | md5sum | cut -c1-4)\n"})
add("pdf", "gs -q -dNOPAUSE -dBATCH -sDEVICE=pdfwrite -sOutputFile=o.pdf in.ps && pdftotext o.pdf - && pdfinfo o.pdf | grep Pages", "ghostscript poppler-utils", needs="gs pdftotext",
    files={"in.ps": "%!PS\n/Times-Roman findfont 30 scalefont setfont 90 500 moveto (some words) show showpage\n"}, ignore=["o.pdf"], watch="gs")

# -- C programs with known figures, for tests/scripts/programs.sh ------------------------------------------------------------------------

EXACT = {
    "exact-blocks": r"""
    void *volatile b[1000];
    for (int i = 0; i < 1000; i++) b[i] = malloc((size_t)i * 7 + 1);
    for (int i = 0; i < 1000; i += 2) free(b[i]);
    void *volatile big = calloc(1000, 3333); free(big);
    for (int i = 1; i < 1000; i += 2) free(b[i]);""",
    "exact-aligned": r"""
    void *p = NULL, *volatile q;
    for (size_t a = 16; a <= 65536; a *= 2) { if (posix_memalign(&p, a, 12345)) return 1; free(p); q = aligned_alloc(a, a * 3); free(q); }
    q = memalign(256, 777777); free(q); q = valloc(1000001); free(q); q = reallocarray(NULL, 1000, 1234); free(q);""",
    "exact-fork": r"""
    void *volatile kept = malloc(2000000);
    fflush(stdout);
    if (fork() == 0) { void *volatile more = malloc(500000); free(more); free(kept); _exit(0); }
    wait(NULL); free(kept);""",
    "exact-exit": r"""
    void *volatile kept = malloc(3456789);
    puts("about to end"); fflush(stdout); if (kept) _exit(9);""",
    "exact-new": r"""
    for (int i = 0; i < 300; i++) strs[i] = strdup("some text that is copied");
    for (int i = 0; i < 300; i++) free(strs[i]);
    void *volatile p = malloc(100); p = realloc(p, 50); p = realloc(p, 60); free(p);""",
}
for its, body in EXACT.items():
    add(its, "./x", "gcc", needs="cc", setup="cc -O0 -w -o x x.c", status=9 if its == "exact-exit" else 0, files={"x.c": f"""
#define _GNU_SOURCE
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
char *strs[300];
int main(void)
{{{body}
    puts("ended");
    return 0;
}}
"""})
