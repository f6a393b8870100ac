#!/bin/sh
# The mark "exit": where a recorded program comes to its exit by any way, before its own handlers
# and destructors; once a process; and not where it is ended.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_preload
top_builddir=$(cd "$top_builddir" && pwd) top_srcdir=$(cd "$top_srcdir" && pwd)
weir="${WEIR_RUNNER-} $top_builddir/weir"

cat >"$scratch/p.c" <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
static void *volatile block;
static void late(void) { free(block); block = malloc(777); free(block); }
static void *leave(void *unused) { (void)unused; exit(6); }
__attribute__((destructor)) static void latest(void) { free(block = malloc(778)); }
int main(int argc, char **argv)
{
    const char *way = argc > 1 ? argv[1] : "";
    pthread_t thread;
    atexit(late);
    at_quick_exit(late);
    block = malloc(1000);
    if (!strcmp(way, "exit")) exit(3);
    if (!strcmp(way, "quick")) quick_exit(4);
    if (!strcmp(way, "_exit")) _exit(5);
    if (!strcmp(way, "abort")) abort();
    if (!strcmp(way, "thread")) { pthread_create(&thread, NULL, leave, NULL); pthread_join(thread, NULL); }
    if (!strcmp(way, "fork")) { if (fork() == 0) exit(0); wait(NULL); }
    return 7;
}
END
# shellcheck disable=SC2086
$CC $SANITIZER_FLAGS -O1 -o "$scratch/p" "$scratch/p.c" -pthread || skip_all "no compiler"
cd "$scratch" || exit 99

# marked FILE EXPECTED: what the events are, in short: + and - blocks, ! the mark.
marked()
{
    $weir trace --events "$1" 2>/dev/null | sed -n \
        -e 's/^[0-9]* [^ ]* t[0-9]* allocate 0x[0-9a-f]* \(1000\|77[78]\) .*/+\1/p' \
        -e 's/.* free .*/-/p' -e 's/.* begin other exit$/!/p' | tr '\n' ' ' >got
    [ "$(cat got)" = "$2 " ] || complain "$1: $(cat got), not $2"
}

while read -r way status expected; do
    try "preloaded, by $way"
    rm -f r.wtr*
    $weir run --quiet --record r.wtr -- ./p "$way" >/dev/null 2>&1
    got=$?
    [ $got -eq "$status" ] || complain "status $got, not $status"
    marked r.wtr "$expected"
done <<'END'
return 7 +1000 ! - +777 - +778 -
exit 3 +1000 ! - +777 - +778 -
quick 4 +1000 ! - +777 -
_exit 5 +1000
abort 134 +1000
thread 6 +1000 ! - +777 - +778 -
fork 7 +1000 ! - +777 - +778 -
END
try "a child made by fork has its own"
marked "$(echo r.wtr.*)" "! - +777 - +778 -"

try "preloaded, recording by itself"
WEIR_RECORD=$scratch/own.wtr LD_PRELOAD=$top_builddir/.libs/libweir-malloc.so ./p exit
marked own.wtr "+1000 ! - +777 - +778 -"

try "not recorded, the status and the handlers are as before"
LD_PRELOAD=$top_builddir/.libs/libweir-malloc.so ./p exit
[ $? -eq 3 ] || complain "another status"

try "linked with libweir"
cat >linked.c <<'END'
#include <stdlib.h>
#include <weir/weir.h>
static void *block;
static void early(void) { weir_deallocate(weir_cpu_allocator(), block); }
int main(void)
{
    atexit(early);
    if (weir_trace_start("linked.wtr", NULL)) return 1;
    block = weir_allocate(weir_cpu_allocator(), 1000);
    return 0;
}
END
# shellcheck disable=SC2086
if $CC $SANITIZER_FLAGS -I"$top_srcdir/include" -I"$top_builddir/include" -o linked linked.c \
    -L"$top_builddir/.libs" -lweir -Wl,-rpath,"$(cd "$top_builddir/.libs" && pwd)"; then
    ./linked || complain "it cannot be recorded"
    marked linked.wtr "+1000 ! -"
else
    skip "cannot be linked here"
fi

# names FILE: how often a mark begins or ends there.
names() { $weir trace --events "$1" 2>/dev/null | grep -c ' \(begin\|end\) run load$'; }

try "a program that is not linked with libweir marks by a weak reference"
cat >weak.c <<'END'
#include <stdbool.h>
#include <stdlib.h>
extern int weir_trace_mark(int kind, const char *name, bool begin) __attribute__((weak));
int main(void)
{
    if (!weir_trace_mark) return 3;
    if (weir_trace_mark(1, "load", true)) return 4;
    free(malloc(1000));
    if (weir_trace_mark(1, "load", false)) return 5;
    return weir_trace_mark(99, "load", true) ? 0 : 6;
}
END
# shellcheck disable=SC2086
$CC $SANITIZER_FLAGS -fPIE -pie -O0 -o weak weak.c || complain "it does not compile"
./weak
[ $? -eq 3 ] || complain "alone it finds the name"
LD_PRELOAD=$top_builddir/.libs/libweir-malloc.so ./weak || complain "status $? where nothing is recorded"
$weir run --quiet --record weak.wtr -- ./weak || complain "status $?"
$weir trace --events weak.wtr 2>/dev/null |
    sed -n -e 's/.* begin run load$/begin/p' -e 's/.* allocate 0x[0-9a-f]* 1000 .*/+/p' \
        -e 's/.* end run load$/end/p' | tr '\n' ' ' >got
[ "$(cat got)" = "begin + end " ] || complain "its recording has: $(cat got)"

try "a program that is linked with libweir has its marks in both recordings"
cat >both.c <<'END'
#include <stdlib.h>
#include <weir/weir.h>
int main(void)
{
    if (weir_trace_start("own.wtr", NULL)) return 2;
    if (weir_trace_mark(WEIR_MARK_RUN, "load", true)) return 4;
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 2000));
    free(malloc(1000));
    return weir_trace_mark(WEIR_MARK_RUN, "load", false) || weir_trace_stop();
}
END
cat >late.c <<'END'
#include <dlfcn.h>
#include <stdlib.h>
int main(int argc, char **argv)
{
    void *plugin = dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL);
    int (*run)(void) = plugin ? (int (*)(void))dlsym(plugin, "plugin_run") : NULL;
    return run ? run() : 7;
}
END
# shellcheck disable=SC2086
if $CC $SANITIZER_FLAGS -O0 -I"$top_srcdir/include" -I"$top_builddir/include" -o both both.c \
    -L"$top_builddir/.libs" -lweir -Wl,-rpath,"$top_builddir/.libs" &&
    $CC $SANITIZER_FLAGS -O0 -shared -fPIC -Dmain=plugin_run -I"$top_srcdir/include" -I"$top_builddir/include" \
        -o plugin.so both.c -L"$top_builddir/.libs" -lweir -Wl,-rpath,"$top_builddir/.libs" &&
    $CC $SANITIZER_FLAGS -o late late.c -ldl; then
    for program in both late; do
        rm -f both.wtr* own.wtr
        $weir run --quiet --record both.wtr -- "./$program" ./plugin.so || complain "$program: status $?"
        for file in both.wtr own.wtr; do
            [ "$(names "$file")" -eq 2 ] || complain "$program: $(names "$file") marks in $file"
        done
    done
else
    skip "cannot be linked here"
fi
finish
