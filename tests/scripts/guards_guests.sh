#!/bin/sh
# Programs that have a handler of SIGSEGV because faults are part of how they work: Go (a nil pointer is recovered from),
# the JVM (implicit null checks), node (WebAssembly's bounds), python's faulthandler. Each under `weir run`, with one call
# in ten guarded and with each: what they print and how they end is as without weir.
set -u
. "$top_srcdir/tests/helpers/expect.sh"
need_preload
need_no_runner "it starts runtimes"
[ -x "$top_builddir/weir" ] || skip_all "no weir was built"
[ "$(getconf PAGESIZE)" = 4096 ] || skip_all "pages are not 4 KiB"
unset LD_PRELOAD WEIR_GUARDS 2>/dev/null
# shellcheck disable=SC3045 # dash and bash have it
ulimit -c 0
weir=$(cd "$top_builddir" && pwd)/weir

# same COMMAND...: its output (but for addresses) and status are those of a run without weir. Of SIGSEGV's end a shell says 139.
same()
{
    timeout 200 "$@" >"$scratch/plain" 2>"$scratch/plain.err"
    plain=$?
    for rate in 10 1; do
        WEIR_GUARDS=$rate timeout 200 "$weir" run -o /dev/null -- "$@" >"$scratch/out" 2>"$scratch/err"
        got=$?
        [ $got -eq $plain ] || complain "rate $rate: status $got, plain $plain"
        sed 's/0x[0-9a-f]*/0x/g' "$scratch/out" >"$scratch/out.same"
        sed 's/0x[0-9a-f]*/0x/g' "$scratch/plain" | cmp -s "$scratch/out.same" - || { complain "rate $rate: it prints"; show "$scratch/out"; }
        ! grep '^weir: [a-z]*flow\|^weir: use after' "$scratch/err" || complain "rate $rate: a report"
    done 2>/dev/null
}

try "Go recovers from nil pointers"
cat >"$scratch/nil.go" <<'X'
package main

// #include <stdlib.h>
import "C"
import "fmt"

type node struct{ far [64]int; next *node }

func try(n *node) (caught bool) {
	defer func() { caught = recover() != nil }()
	return n.next.far[3] == 1
}

func main() {
	caught := 0
	for i := 0; i < 2000; i++ {
		block := C.malloc(C.size_t(16 + i%500))
		if try(&node{}) {
			caught++
		}
		C.free(block)
	}
	fmt.Println("caught", caught)
}
X
if ! command -v go >/dev/null; then
    skip "no go here"
elif (cd "$scratch" && GOCACHE=$scratch/go GOFLAGS=-mod=mod HOME=$scratch timeout 250 go build -o nil nil.go) \
    >"$scratch/err" 2>&1; then
    same "$scratch/nil"
    grep -q "caught 2000" "$scratch/plain" || complain "without weir it catches none"
else
    skip "go builds no program with C here: $(head -n 1 "$scratch/err")"
fi

try "the JVM has its implicit null checks"
cat >"$scratch/Nil.java" <<'X'
class Nil {
    int[] far = new int[8];
    Nil next;
    static int at(Nil n) { return n.next.far[3]; }
    public static void main(String[] args) {
        Nil full = new Nil(), empty = new Nil();
        full.next = full;
        int caught = 0, sum = 0;
        for (int i = 0; i < 300000; i++)
            try { sum += at(i % 100 == 99 ? empty : full); } catch (NullPointerException e) { caught++; }
        System.out.println("caught " + caught + " sum " + sum);
    }
}
X
if ! command -v javac >/dev/null || ! command -v java >/dev/null; then
    skip "no JDK here"
elif (cd "$scratch" && timeout 250 javac Nil.java) >"$scratch/err" 2>&1; then
    same java -XX:+UseSerialGC -Xmx64m -XX:-UsePerfData -cp "$scratch" Nil
    grep -q "caught 3000" "$scratch/plain" || complain "without weir it catches none"
else
    skip "javac compiles nothing here"
fi

# A module of one page whose function loads from an address.
try "node has WebAssembly's bounds"
cat >"$scratch/bounds.js" <<'X'
const bytes = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1,
    7, 5, 1, 1, 102, 0, 0, 10, 9, 1, 7, 0, 32, 0, 40, 2, 0, 11]);
const f = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports.f;
let caught = 0;
for (let i = 0; i < 3000; i++)
    try { f(i % 3 ? 0 : 1 << 20); } catch (e) { caught += e instanceof WebAssembly.RuntimeError; }
console.log('caught', caught);
X
if ! command -v node >/dev/null; then
    skip "no node here"
else
    same node "$scratch/bounds.js"
    grep -q "caught 1000" "$scratch/plain" || complain "without weir it catches none"
fi

try "python's faulthandler prints a real fault"
cat >"$scratch/fault.py" <<'X'
import ctypes, faulthandler, sys
faulthandler.enable(sys.stdout)
def reads_nothing():
    ctypes.string_at(8)
reads_nothing()
X
python=$(command -v /usr/bin/python3 || command -v python3 || :)
if [ -z "$python" ] || ! "$python" -c 'import ctypes, faulthandler' 2>/dev/null; then
    skip "no python3 here"
else
    same "$python" "$scratch/fault.py"
    grep -q "in reads_nothing" "$scratch/plain" || complain "without weir it prints nothing"
fi

try "and one of a guarded block, after the block's own report"
cat >"$scratch/freed.py" <<'X'
import ctypes, faulthandler, sys
faulthandler.enable(sys.stdout)
c = ctypes.CDLL(None)
c.malloc.restype = ctypes.c_void_p
def reads_freed():
    block = c.malloc(ctypes.c_size_t(100))
    c.free(ctypes.c_void_p(block))
    ctypes.string_at(block, 1)
for i in range(5000):
    reads_freed()
X
if [ -z "$python" ] || ! "$python" -c 'import ctypes, faulthandler' 2>/dev/null; then
    skip "no python3 here"
else
    # Of each 200: a place is held as long as its block lives, and Python keeps more than 64 of each 20.
    { WEIR_GUARDS=200 timeout 200 "$weir" run -o /dev/null -- "$python" "$scratch/freed.py" >"$scratch/out" 2>"$scratch/err"; } 2>/dev/null
    said '^weir: use after free: read at 0x[0-9a-f]*, 0 bytes into a block of 100 bytes'
    printed '^Fatal Python error: Segmentation fault'
    printed 'in reads_freed'
fi
finish
