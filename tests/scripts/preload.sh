#!/bin/sh
# libweir-malloc.so under small programs of our own: the C library's rules, a process's
# life, a C++ plugin, a budget, wrong pointers.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_preload


# expect WHAT STATUS COMMAND...: it ends with that status.
expect()
{
    try "$1"
    wanted=$2
    shift 2
    "$@" >"$scratch/log" 2>&1
    status=$?
    show "$scratch/log"
    [ $status -eq "$wanted" ] || complain "status $status, not $wanted: $*"
}

under() { LD_PRELOAD=$library "$@"; }
has() { grep -q "$1" "$scratch/log" || complain "it does not say \"$1\""; }

for name in calls life sandbox silent; do
    $CC -O1 -g -pthread -o "$scratch/$name" "$top_srcdir/tests/preload/$name.c" 2>"$scratch/log" ||
        failed "preload/$name.c compiles" "$scratch/log"
done

expect "the calls are the C library's (its own)" 0 "$scratch/calls"
expect "the calls are the C library's (ours)" 0 under "$scratch/calls"
for what in exit spawn threads leak forks; do
    expect "a process's life: $what" 0 under "$scratch/life" $what
    has 'destructor ran'
done

# Fails before: "preload: no membarrier in a sandbox".
for how in early beside late refused; do
    ! is_coverage_build || { skipped "in a sandbox" "libgcov opens files there"; break; }
    LD_PRELOAD=$library "$scratch/sandbox" $how >"$scratch/log" 2>&1
    [ $? -eq 77 ] && { skipped "in a sandbox" "no filters of system calls here"; break; }
    expect "in a sandbox: $how" 0 under "$scratch/sandbox" $how
    has alive
    expect "in a sandbox, reported: $how" 0 "$top_builddir/weir" run -- "$scratch/sandbox" $how
    has alive
done

# Fails before: "pool: a budget for free memory".
for size in 100 2000 20000 1000000 30000000; do
    for order in up down random; do
        expect "300 MB freed, then silence: $size bytes, $order" 0 under "$scratch/silent" $size $order
    done
done

if [ -n "${CXX:-}" ] && [ "$CXX" != no ]; then
    CXX="$CXX -fsized-deallocation" # clang before 19 has sized delete only then
    $CXX -O1 -std=gnu++17 -o "$scratch/plugin" "$top_srcdir/tests/preload/plugin.cc" -ldl \
        2>"$scratch/log" || failed "preload/plugin.cc compiles" "$scratch/log"
    $CXX -O1 -std=gnu++17 -DPLUGIN -fPIC -shared -o "$scratch/plugin.so" \
        "$top_srcdir/tests/preload/plugin.cc" 2>"$scratch/log" || failed "the plugin compiles" "$scratch/log"
    expect "new, delete and a plugin" 0 under "$scratch/plugin" "$scratch/plugin.so"
    $CXX -O1 -std=gnu++17 -static-libstdc++ -static-libgcc -o "$scratch/plugin" \
        "$top_srcdir/tests/preload/plugin.cc" -ldl 2>"$scratch/log" &&
        expect "with libstdc++ in the program" 0 under "$scratch/plugin" "$scratch/plugin.so"
fi

cat >"$scratch/crime.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
    static char mine[64] __attribute__((aligned(16)));
    char *block = malloc(100), *volatile keep = block;
    switch (argc > 1 ? *argv[1] : 0) {
    case 'd': free(block); free(keep); break;
    case 'i': free(keep + 16); break;
    case 'f': free(mine + 16); break;
    case 'b': /* to the budget and beyond, then all of it again */
        for (int round = 0; round < 3; round++) {
            void *blocks[4000];
            int n = 0;
            while (n < 4000 && (blocks[n] = malloc(10000)))
                n++;
            if (n == 4000 || n < 50)
                return 1;
            while (n)
                free(blocks[--n]);
        }
        void *large = malloc(30000000);
        return large != NULL;
    }
    return 0;
}
END
$CC -O0 -w -o "$scratch/crime" "$scratch/crime.c" || failed "crime.c compiles"
expect "a double free is told" 134 sh -c "LD_PRELOAD=$library $scratch/crime d"
has 'double free'
expect "an interior pointer is told" 134 sh -c "LD_PRELOAD=$library $scratch/crime i"
has 'interior pointer'
expect "a foreign pointer is told" 134 sh -c "LD_PRELOAD=$library $scratch/crime f"
has 'foreign pointer'
expect "a budget gives NULL, not a crash" 0 env WEIR_LIMIT=8M LD_PRELOAD="$library" "$scratch/crime" b
expect "without it there is enough" 1 under "$scratch/crime" b
expect "a budget that is none is told" 0 env WEIR_LIMIT=8X LD_PRELOAD="$library" "$scratch/crime"
has 'WEIR_LIMIT is not a size'
cat >"$scratch/burst.c" <<'END'
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Kilobytes in memory. */
static long resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*s %ld", &pages) != 1)
        exit(3);
    fclose(f);
    return pages * 4;
}

/* 256 MB, freed; 0 once at most a twentieth is left, though nobody allocates. */
int main(void)
{
    enum { COUNT = 1 << 12, SIZE = 1 << 16 };
    static void *blocks[COUNT];
    long before = resident();
    for (int i = 0; i < COUNT; i++)
        memset(blocks[i] = malloc(SIZE), 1, SIZE);
    for (int i = 0; i < COUNT; i++)
        free(blocks[i]);
    for (int i = 0; i < 2000; i++) {
        nanosleep(&(struct timespec){0, 100000000}, NULL);
        if (resident() - before < (COUNT / 1024 * SIZE) / 20)
            return 0;
    }
    return 1;
}
END
$CC -O1 -w -o "$scratch/burst" "$scratch/burst.c" || failed "burst.c compiles"
expect "a silent program's memory goes back" 0 env WEIR_BACKGROUND=100 LD_PRELOAD="$library" "$scratch/burst"
expect "a period that is none is told" 0 env WEIR_BACKGROUND=soon LD_PRELOAD="$library" "$scratch/crime"
has 'WEIR_BACKGROUND is no number'
expect "a line of report" 0 env WEIR_REPORT=- LD_PRELOAD="$library" "$scratch/crime"
has 'peak .* bytes, live'

# Nothing of weir's own is offered, but marks: a program that links libweir has that one apart.
try "no name of weir's is exported but weir_trace_mark"
$NM -D --defined-only "$library" | grep ' weir' | grep -v ' weir_trace_mark$' && complain "these are"

# It is loaded into every process: nothing but the C library may come with it.
try "it needs the C library alone"
readelf -d "$library" | grep NEEDED | grep -v 'libc\.so' &&
    complain "it needs more"
finish
