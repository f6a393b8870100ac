#!/bin/sh
# libweir's heap in a program under `weir run`: figures of a heap next to the program's malloc, exact to the byte
# at the end; of a program that was started by exec in its process, that starts another, that forks, that is killed.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_runner "weir run is for this machine alone"
need_no_sanitizer "weir run brings a malloc of its own"
need_preload
need_python
top_builddir=$(cd "$top_builddir" && pwd) top_srcdir=$(cd "$top_srcdir" && pwd)

cat >"$scratch/own.c" <<'END'
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

/* `n` blocks of 1000 bytes live at once, of which one stays. */
static void work(int n)
{
    void *block[100];
    for (int i = 0; i < n; i++)
        block[i] = weir_allocate(weir_cpu_allocator(), 1000);
    for (int i = 1; i < n; i++)
        weir_deallocate(weir_cpu_allocator(), block[i]);
}

/* Long enough that figures are written now and then. */
static void linger(void)
{
    for (int i = 0; i < 30; i++) {
        nanosleep(&(struct timespec){0, 10000000}, NULL);
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 3 << 20));
        weir_trim(weir_cpu_allocator());
    }
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    work(argc > 2 ? atoi(argv[2]) : 40);
    if (!strcmp(what, "again"))
        return execl(argv[0], argv[0], "end", "7", (char *)NULL);
    if (!strcmp(what, "fork")) {
        if (fork() == 0) {
            work(60);
            return 0;
        }
        wait(NULL);
    }
    if (!strcmp(what, "killed")) {
        linger();
        raise(SIGKILL);
    }
    if (!strcmp(what, "left"))
        _exit(3);
    return 0;
}
END
$CC -I"$top_builddir/include" -I"$top_srcdir/include" -O1 -o "$scratch/own" "$scratch/own.c" -L"$top_builddir/.libs" -lweir \
    -Wl,-rpath,"$top_builddir/.libs" 2>"$scratch/err" || {
    show "$scratch/err"
    skip_all "it does not compile"
}
cd "$scratch" || exit 99

cat >look.py <<'END'
"""look.py REPORT: a line for each of libweir's heaps, in the order in which they began."""
import json
import sys

with open(sys.argv[1], encoding="utf-8") as f:
    report = json.load(f)
heaps = [report["largest"], report["program"], *report["others"]]
lines = {}
for heap in heaps:
    if heap and heap["heap"] == "libweir":
        lines[heap["started_seconds"]] = (
            f'{"child" if heap["forked"] else "program"}: {heap["ending"]}, '
            f'{"exact" if heap["exact"] else "as of then"}, '
            f'peak {heap["peak_bytes"]} in {heap["peak_blocks"]}, live {heap["live_bytes"]} in {heap["live_blocks"]}, '
            f'{heap["allocations"]} allocated, {heap["frees"]} freed')
for _, line in sorted(lines.items()):
    print(line)
END

# heaps EXPECTED COMMAND...: what is said of libweir's.
heaps()
{
    printf '%s\n' "$1" >expected
    shift
    "$top_builddir/weir" run --quiet --json --output report -- "$@" >out 2>&1
    "$python" look.py report >got || complain "no report"
    diff expected got >differs || { complain "not the heaps that were expected"; show differs; }
}

forty="exact, peak 40000 in 40, live 1000 in 1, 40 allocated, 39 freed"
seven="exact, peak 7000 in 7, live 1000 in 1, 7 allocated, 6 freed"
try "a program that ends"
heaps "program: exited, $forty" ./own

try "a program that a shell became"
heaps "program: exited, $forty" sh -c 'exec ./own'
heaps "program: exited, $seven" sh -c 'exec sh -c "exec ./own end 7"'

try "a program that becomes another"
heaps "program: became another program, as of then, peak 1000 in 1, live 1000 in 1, 1 allocated, 0 freed
program: exited, $seven" ./own again

try "a child by fork begins with its parent's blocks"
heaps "program: exited, $forty
child: exited, exact, peak 61000 in 61, live 2000 in 2, 60 allocated, 59 freed" ./own fork

try "a program that is killed: as of the last time that was written"
printf '' >expected
"$top_builddir/weir" run --quiet --json --output report -- ./own killed >out 2>&1
"$python" look.py report >got
grep -q '^program: killed, as of then, peak 3146728 in 2, ' got || complain "$(cat got)"

try "a program that leaves by _exit: the same"
"$top_builddir/weir" run --quiet --json --output report -- ./own left >out 2>&1
"$python" look.py report >got
grep -q '^program: [a-z ]*, as of then, peak ' got || complain "$(cat got)"

finish
