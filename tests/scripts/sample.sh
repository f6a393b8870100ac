#!/bin/sh
# WEIR_SAMPLE on a preloaded program: who holds what is live, and a double free with the stacks of its block; and a
# profile that pprof reads.
set -u
. "$top_srcdir/tests/helpers/tap.sh"
library=$top_builddir/.libs/libweir-malloc.so
[ -e "$library" ] || skip_all "no libweir-malloc.so"
[ -z "$SANITIZER_FLAGS" ] || skip_all "a sanitizer has a malloc of its own"
grep -q 'define WEIR_NO_ACCOUNTING' "$top_builddir/config.h" && skip_all "no accounting, and so no samples"
case $($CC -dumpmachine) in x86_64-* | aarch64-*) ;; *) skip_all "no stacks here" ;; esac

cat >"$scratch/program.c" <<'END'
#include <stdlib.h>
#include <string.h>
void *volatile kept[1000];
__attribute__((noinline)) void *make_small(void) { void *p = malloc(1000); __asm__ volatile("" : : "r"(p)); return p; }
__attribute__((noinline)) void *make_large(void) { void *p = malloc(100000); __asm__ volatile("" : : "r"(p)); return p; }
__attribute__((noinline)) void end_it(void *p) { free(p); __asm__ volatile(""); }
int main(int n, char **words)
{
    for (int i = 0; i < 1000; i++)
        kept[i] = i % 100 ? make_small() : make_large();
    if (n > 1) {
        void *p = make_small();
        end_it(p);
        end_it(p);
    }
    return 0;
}
END
# What the loader knows is what a program exports.
$CC -O1 -w -rdynamic "$scratch/program.c" -o "$scratch/program" || skip_all "no compiler"

try "the report says who holds what is live"
WEIR_SAMPLE=1 WEIR_REPORT=- LD_PRELOAD=$library "$scratch/program" 2>"$scratch/out" || complain "it failed"
grep -q '^profile, one in 1 bytes sampled: ~' "$scratch/out" || complain "no profile"
awk '/~1000000 bytes \+- [01] in ~10 blocks \(10 sampled\)/ { getline; large = /make_large\+0x/ }
     /~990000 bytes \+- [01] in ~990 blocks \(990 sampled\)/ { getline; small = /make_small\+0x/ }
     END { exit !(large && small) }' "$scratch/out" || { complain "not its two places"; show "$scratch/out"; }

try "estimates of a larger mean are near what is live"
WEIR_SAMPLE=10000 WEIR_REPORT=- LD_PRELOAD=$library "$scratch/program" 2>"$scratch/out" || complain "it failed"
# 10 blocks that are surely sampled, 990 of which one in ten is: 990000 +- 94000.
sed -n 's/^profile.*: ~\([0-9]*\) bytes +- \([0-9]*\) live.*/\1 \2/p' "$scratch/out" >"$scratch/sums"
awk '$1 > 1990000 - 600000 && $1 < 1990000 + 600000 && $2 > 40000 && $2 < 200000 { ok = 1 } END { exit !ok }' \
    "$scratch/sums" || { complain "not within six errors"; show "$scratch/out"; }

try "without it there is none"
WEIR_REPORT=- LD_PRELOAD=$library "$scratch/program" 2>"$scratch/out"
[ "$(wc -l <"$scratch/out")" = 1 ] || { complain "more than a line"; show "$scratch/out"; }

try "a wrong mean is one line"
WEIR_SAMPLE=1.5x LD_PRELOAD=$library "$scratch/program" 2>"$scratch/out" || complain "it failed"
[ "$(cat "$scratch/out")" = 'weir: WEIR_SAMPLE is not a size: "1.5x"' ] || show "$scratch/out"
[ "$(wc -l <"$scratch/out")" = 1 ] || complain "more than a line"

try "a double free says where the block was allocated and freed"
(WEIR_SAMPLE=1 LD_PRELOAD=$library "$scratch/program" twice) 2>"$scratch/out" && complain "it was let go on"
awk '/^weir: double free: 0x/ { line = 1 }
     /^  a block of 1000 bytes$/ { size = line }
     /^  allocated by:$/ { getline; made = size && /^    make_small\+0x[0-9a-f]* \(program\+0x[0-9a-f]*\)$/ }
     /^  freed by:$/ { getline; freed = made && /^    end_it\+0x/ }
     /^  found in:$/ { getline; found = freed && /^    end_it\+0x/; getline; found = found && /^    main\+0x/ }
     END { exit !found }' "$scratch/out" || { complain "it does not"; show "$scratch/out"; }

try "the same while it is recorded; a recording alone says how"
WEIR_RUNNER=${WEIR_RUNNER-} # it may be unset
(WEIR_SAMPLE=1 $WEIR_RUNNER "$top_builddir/weir" run --quiet --record "$scratch/trace" -- "$scratch/program" twice) 2>"$scratch/out"
awk '/^  allocated by:$/ { getline; made = /^    make_small\+0x/ }
     /^  freed by:$/ { getline; freed = made && /^    end_it\+0x/ } END { exit !freed }' "$scratch/out" ||
    { complain "it does not"; show "$scratch/out"; }
($WEIR_RUNNER "$top_builddir/weir" run --quiet --record "$scratch/trace" -- "$scratch/program" twice) 2>"$scratch/out"
grep -q '^  WEIR_SAMPLE=1 says where it was allocated and freed$' "$scratch/out" || complain "not how"
awk '/^  found in:$/ { getline; found = /^    end_it\+0x/; getline; found = found && /^    main\+0x/ } END { exit !found }' \
    "$scratch/out" || { complain "not where it was found"; show "$scratch/out"; }

try "of one that was not sampled it says so"
(WEIR_SAMPLE=1000G LD_PRELOAD=$library "$scratch/program" twice) 2>"$scratch/out"
grep -q '^  it was not sampled: WEIR_SAMPLE=1 samples every block$' "$scratch/out" || complain "it does not"
grep -q '^    end_it+0x' "$scratch/out" || complain "not where it was found"

try "without samples it is one line"
(LD_PRELOAD=$library "$scratch/program" twice) 2>"$scratch/out"
grep -v -i abort "$scratch/out" >"$scratch/lines"
[ "$(wc -l <"$scratch/lines")" = 1 ] || { complain "it is not"; show "$scratch/out"; }

try "a program that is linked with weir: the same, and of an address that is no block"
cat >"$scratch/linked.c" <<'END'
#include <weir/weir.h>
__attribute__((noinline)) void *make_it(void) { void *p = weir_allocate(weir_cpu_allocator(), 777); __asm__ volatile("" : : "r"(p)); return p; }
__attribute__((noinline)) void end_it(void *p) { weir_deallocate(weir_cpu_allocator(), p); __asm__ volatile(""); }
int main(int n, char **words)
{
    static char nothing[100];
    if (n > 2 ? weir_trace_start(words[2], NULL) : weir_profile_sample(1))
        return 0;
    void *p = make_it();
    if (words[1][0] == 't')
        end_it(p);
    end_it(words[1][0] == 't' ? p : nothing);
    return 0;
}
END
"$top_builddir/libtool" --silent --mode=link "$CC" -O1 -w -rdynamic -I"$top_srcdir/include" -I"$top_builddir/include" \
    "$scratch/linked.c" -o "$scratch/linked" "$top_builddir/libweir.la" 2>"$scratch/log" || { show "$scratch/log"; complain "no program"; }
("$scratch/linked" twice) 2>"$scratch/out" && complain "it was let go on"
awk '/^  a block of 777 bytes$/ { size = 1 }
     /^  allocated by:$/ { getline; made = size && /^    make_it\+0x/ }
     /^  freed by:$/ { getline; freed = made && /^    end_it\+0x/ }
     /^  found in:$/ { getline; found = freed && /^    end_it\+0x/; getline; found = found && /^    main\+0x/ }
     END { exit !found }' "$scratch/out" || { complain "it does not"; show "$scratch/out"; }
("$scratch/linked" foreign) 2>"$scratch/out" && complain "it was let go on"
awk '/^weir: / { line = 1 } /^  found in:$/ { getline; found = line && /^    end_it\+0x/; getline; found = found && /^    main\+0x/ }
     END { exit !found }' "$scratch/out" || { complain "of a foreign address it does not"; show "$scratch/out"; }
("$scratch/linked" twice "$scratch/trace") 2>"$scratch/out"
grep -q '^  WEIR_SAMPLE=1 says where it was allocated and freed$' "$scratch/out" || { complain "recorded: not how"; show "$scratch/out"; }

try "a profile is one of pprof's, and its sum is the estimate"
cat >"$scratch/write.c" <<'END'
#include <stdio.h>
#include <weir/weir.h>
__attribute__((noinline)) void *hold(size_t n) { void *p = weir_allocate(weir_cpu_allocator(), n); __asm__ volatile("" : : "r"(p)); return p; }
int main(int n, char **words)
{
    weir_profile_stats held = WEIR_PROFILE_STATS_INIT;
    if (weir_profile_sample(5000))
        return 1;
    for (int i = 0; i < 1000; i++)
        hold(3000);
    if (weir_profile_write(words[1]) || weir_profile_stats_get(&held))
        return 1;
    printf("%.0f\n", held.bytes);
    return 0;
}
END
if ! command -v go >/dev/null; then
    skip "no go, whose pprof reads profiles"
    finish
fi
"$top_builddir/libtool" --silent --mode=link "$CC" -O1 -w -rdynamic -I"$top_srcdir/include" -I"$top_builddir/include" \
    "$scratch/write.c" -o "$scratch/write" "$top_builddir/libweir.la" 2>"$scratch/log" || { show "$scratch/log"; complain "no program"; }
sum=$("$scratch/write" "$scratch/heap.pb") || complain "it failed"
HOME=$scratch go tool pprof -raw "$scratch/heap.pb" >"$scratch/raw" 2>&1 || show "$scratch/raw"
# 1000 blocks of one place, whose weights are rounded once for all.
shown=$(awk '/^Samples:/ { on = 1; next } /^Locations/ { on = 0 } on && $2 ~ /^[0-9]+:$/ { s += $2 } END { printf "%d", s }' "$scratch/raw")
[ "$shown" = "$sum" ] || { complain "its sum is $shown, not $sum"; show "$scratch/raw"; }
grep -q 'hold' "$scratch/raw" || complain "no name of a function"
finish
