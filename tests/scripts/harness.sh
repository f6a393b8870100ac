#!/bin/sh
# The harness of tests/helpers/harness.h, where the ordinary run does not use it: a program with a case of each
# ending, and what is said of it. And tests/helpers/run-tap: what fails is told as a comment, what hangs is
# stopped.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
need_no_runner "built for this machine alone"
helpers=$top_srcdir/tests/helpers

cat >"$scratch/cases.c" <<'END_OF_C'
#include "harness.h"
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static int made;
static void make(void) { made += 1; }
static void unmake(void) { puts("unmade"); }
static void again(void) { made += 10; }
static void *asserts(void *unused)
{
    cr_assert(!"in a thread");
    return unused;
}

TestSuite(made, .init = make, .fini = unmake);
Test(made, passes) { cr_assert_eq(made, 1); }
Test(made, has_both, .init = again) { cr_assert_eq(made, 11); }
Test(made, fails) { cr_assert_eq(made, 2, "it is %d", made); puts("not reached"); }
Test(says, every_failed_expectation)
{
    size_t seven = 7;
    cr_expect_lt(seven, 3);
    cr_expect_str_eq("a", "b", "letters");
    cr_expect_arr_eq("abc", "abd", 3);
    cr_expect_float_eq(1.0, 2.0, 0.5);
    cr_expect_null(&seven);
}
Test(ends, by_the_signal, .signal = SIGABRT) { abort(); }
Test(ends, by_another, .signal = SIGABRT) { raise(SIGSEGV); }
Test(ends, by_none, .signal = SIGABRT) {}
Test(ends, by_the_status, .exit_code = 4) { exit(4); }
Test(ends, by_itself) { _exit(0); }
Test(ends, never, .timeout = 5)
{
    if (fork() == 0)
        puts("a child");
    fflush(stdout);
    for (;;)
        pause();
}
Test(ends, in_a_thread)
{
    pthread_t thread;
    pthread_create(&thread, NULL, asserts, NULL);
    pthread_join(thread, NULL);
}
Test(ends, in_a_child)
{
    if (fork() == 0) {
        cr_expect(false, "of a child");
        _exit(0);
    }
    wait(NULL);
}
Test(ends, skipped) { cr_skip("no %s", "reason"); }
END_OF_C
# shellcheck disable=SC2086
$CC $SANITIZER_FLAGS -std=gnu11 -D_GNU_SOURCE -Wall -Wno-sign-compare -I"$helpers" -o "$scratch/cases" "$scratch/cases.c" \
    "$helpers/harness.c" -lm -lpthread >"$scratch/log" 2>&1
passed_or_failed $? "a program of cases compiles" "$scratch/log"

(unset WEIR_TEST_SLOW WEIR_TEST_TIMEOUT; "$scratch/cases") >"$scratch/out" 2>&1
status=$?
try "the results"
[ $status -eq 1 ] || complain "status $status"
cat >"$scratch/expected" <<'END'
1..13
ok 1 - made::passes
ok 2 - made::has_both
not ok 3 - made::fails: 1 failed
not ok 4 - says::every_failed_expectation: 5 failed
ok 5 - ends::by_the_signal
not ok 6 - ends::by_another: killed by signal 11 (Segmentation fault)
not ok 7 - ends::by_none: was to be killed by signal 6
ok 8 - ends::by_the_status
not ok 9 - ends::by_itself: ended itself
not ok 10 - ends::never: hangs: not done after 5 s
not ok 11 - ends::in_a_thread: 1 failed
not ok 12 - ends::in_a_child: 1 failed
ok 13 - ends::skipped # SKIP no reason
END
# A sanitizer has its own way with SIGSEGV.
[ -z "$SANITIZER_FLAGS" ] || sed -i '/by_another/d' "$scratch/expected" "$scratch/out"
grep -v '^[# ]\|^TAP' "$scratch/out" | diff "$scratch/expected" - || complain "< expected, > told"

try "values and reasons"
for said in 'made == 2: 1, 2: it is 1$' 'seven < 3: 7, 3$' '"a" == "b": "a", "b": letters$' 'differs from "abd" 3: 2, 3$' \
    '1.0 == 2.0: 1, 2$' '&seven is NULL$' '^# a child$' 'in a thread' 'of a child$' '^# unmade$'; do
    grep -q -e "$said" "$scratch/out" || complain "not said: $said"
done
! grep -q 'not reached' "$scratch/out" || complain "a failed assertion does not end the case"
show "$scratch/out"

try "only some"
"$scratch/cases" --only 'made/pa' >"$scratch/out" 2>&1 || complain "status $?"
[ "$(grep -c '^ok' "$scratch/out")" -eq 1 ] || complain "not one case"
[ "$("$scratch/cases" --list | wc -l)" -eq 13 ] || complain "not all are listed"
"$scratch/cases" --here --only says >"$scratch/out" 2>&1 && complain "--here: a failure has status 0"
"$scratch/cases" --nonsense >"$scratch/out" 2>&1
[ $? -eq 2 ] || complain "a bad command line"

# through SCRIPT [SECONDS]: what run-tap makes of it.
through()
{
    printf '%s\n' "$1" >"$scratch/it.sh"
    (export WEIR_TEST_TIMEOUT="${2-60}"; unset WEIR_TEST_SLOW; sh "$helpers/run-tap" "$scratch/it.sh") >"$scratch/out" 2>&1
    show "$scratch/out"
}
told() { grep -qx -e "$1" "$scratch/out" || complain "not told: $1"; }

try "run-tap: what a failing case printed is a comment, what a good one printed is not"
through 'echo good; echo "ok 1 - a"; echo bad; echo "not ok 2 - b"; echo 1..2; exit 1'
told '| good'
told '# bad'
told '1\.\.2'
try "run-tap: a script that speaks no TAP is one case by its status"
through 'echo because; exit 3'
told '# because'
told 'not ok 1 - it.sh: status 3'
through 'echo "none here"; exit 77'
told 'ok 1 - it.sh # SKIP none here'
try "run-tap: an early end is no success"
# shellcheck disable=SC2016
through '. "$top_srcdir/tests/helpers/tap.sh"; passed a; exit 0'
told 'Bail out! the script ended early, with status 0'
try "run-tap: what hangs is stopped, with its children"
through 'sleep 1000 & echo $! >"'"$scratch"'/child"; echo waiting; wait' 1
told '# waiting'
told 'not ok 1 - it.sh: hangs: not done after 6 s'
child=$(cat "$scratch/child")
for i in $(seq 100); do # it may be dead and not yet waited for
    grep -q '^State:[[:space:]]*[^Z]' "/proc/$child/status" 2>/dev/null || break
    sleep 0.1
done
! grep '^State:[[:space:]]*[^Z]' "/proc/$child/status" 2>/dev/null || complain "its child lives"
finish
