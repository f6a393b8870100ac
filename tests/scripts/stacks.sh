#!/bin/sh
# Stacks in recordings: who called, by name, of a program whose calls are known; which blocks have
# one; libraries that come and go; and programs that are killed at any moment: each event that is in
# the recording has its whole stack (tests/scripts/trace_reader.py, an independent reader).
set -u
weir="${WEIR_RUNNER-} $top_builddir/weir"
reader=$top_srcdir/tests/scripts/trace_reader.py
dir=$(mktemp -d) || exit 99
trap 'rm -rf "$dir"' EXIT
failed=0

skip()
{
    echo "skipped: $1"
    exit 77
}
fail()
{
    echo "stacks.sh: $*" >&2
    failed=1
}
command -v python3 >/dev/null || skip "no python3"
[ -e "$top_builddir/.libs/libweir-malloc.so" ] || skip "no libweir-malloc.so"
case $($CC -dumpmachine) in x86_64-* | aarch64-*) ;; *) skip "no stacks on this machine" ;; esac

cat >"$dir/p.c" <<'END'
#include <dlfcn.h>
#include <stdlib.h>
#define KEEP __asm__ volatile("" ::: "memory")
#define FAR __attribute__((noinline, noclone))
void *volatile kept[64];
static int n;
FAR void leaf(size_t size) { kept[n++] = malloc(size); KEEP; }
FAR void one(size_t size) { leaf(size); KEEP; }
FAR void two(size_t size) { leaf(size); __asm__ volatile("nop"); }
FAR void deep(int left, size_t size) { if (left) deep(left - 1, size); else leaf(size); KEEP; }
FAR void back(void) { leaf(77); KEEP; }
static int order(const void *a, const void *b) { leaf(55); return *(const int *)a - *(const int *)b; }
int main(int argc, char **argv)
{
    int numbers[2] = {2, 1};
    for (int i = 0; i < 4; i++) { one(1001); two(1001); }
    deep(3, 1002);
    qsort(numbers, 2, sizeof *numbers, order);
    for (int i = 1; i < argc; i++) {
        void *library = dlopen(argv[i], RTLD_NOW);
        if (!library) return 1;
        void (*through)(void (*)(void)) = (void (*)(void (*)(void)))dlsym(library, "through");
        through(back);
        dlclose(library);
    }
    return 0;
}
END
for name in first second; do
    echo "void through(void (*back)(void)) { back(); __asm__ volatile(\"\" ::: \"memory\"); }" >"$dir/$name.c"
    $CC -O1 -fPIC -shared -o "$dir/$name.so" "$dir/$name.c" || skip "no compiler"
done
$CC -O2 -g -o "$dir/p" "$dir/p.c" -ldl || skip "no compiler"

# stacks FILE: one line an allocation: its size, and names of the program's functions, leaf first;
# of other modules the module.
nm -S "$dir/p" | awk 'NF == 4 && $3 ~ /^[tT]$/ { print $1, $2, $4 }' >"$dir/symbols"
stacks()
{
    python3 "$reader" --stacks "$1" | python3 -c '
import sys
symbols = [(int(a, 16), int(n, 16), name) for a, n, name in (line.split() for line in open(sys.argv[1]))]
def name(place):
    module, at = place.rsplit("+", 1)
    if module != "p":
        return module
    return next((s for a, n, s in symbols if a <= int(at, 16) < a + n), "?")
for line in sys.stdin:
    words = line.split()
    print(words[1], *map(name, words[2:]))' "$dir/symbols"
}
# has WHAT COUNT: so many lines begin with WHAT.
has()
{
    count=$(grep -c "^$1" "$dir/names")
    [ "$count" -eq "$2" ] || { fail "$count lines, not $2: $1"; cat "$dir/names" >&2; }
}

$weir run --quiet --record "$dir/a" --stacks -- "$dir/p" "$dir/first.so" "$dir/second.so" || fail "status $?"
stacks "$dir/a" >"$dir/names" || fail "reading"
has "1001 leaf one main libc" 4
has "1001 leaf two main libc" 4
has "1002 leaf deep deep deep deep main libc" 1
has "55 leaf order libc" 1
has "77 leaf back first.so main libc" 1
has "77 leaf back second.so main libc" 1
# The report has one name an address, and two libraries lay at this one: it has none.
$weir trace --export folded - --at end "$dir/a" | grep ' 154$' >"$dir/folded" || fail "77 twice is nowhere"
grep -q ';main;0x[0-9a-f]*;back;leaf' "$dir/folded" || fail "a library that had gone gives a name: $(cat "$dir/folded")"

$weir run --quiet --record "$dir/b" --stacks-from 1002 -- "$dir/p" || fail "status $?"
stacks "$dir/b" >"$dir/names"
has '1001$' 8
has "1002 leaf deep deep deep deep main libc" 1

$weir run --quiet --record "$dir/c" -- "$dir/p" || fail "status $?"
stacks "$dir/c" >"$dir/names"
has '1001$' 8
has '1002$' 1
$weir run --record "$dir/d" --stacks-from some -- "$dir/p" 2>"$dir/err" && fail "a size that is none"
grep -q "takes a size" "$dir/err" || fail "$(cat "$dir/err")"

# A program that records itself, through the environment.
LD_PRELOAD=$top_builddir/.libs/libweir-malloc.so WEIR_RECORD=$dir/e "$dir/p" || fail "status $?"
stacks "$dir/e" >"$dir/names"
has '1001$' 8

# Code made at run time, and the map of its names: found when the process is over, or at the end of
# what it records itself; a link and what was written long before are not believed.
cat >"$dir/j.c" <<'END'
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
void *volatile kept;
__attribute__((noinline, optimize("no-omit-frame-pointer"))) static void wanted(void) { kept = malloc(4242); __asm__ volatile("" ::: "memory"); }
int main(int argc, char **argv)
{
#if defined(__x86_64__)
    static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
#else
    static const unsigned code[] = {0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd, 0xd65f03c0};
#endif
    char path[64], other[80];
    const char *how = argc > 1 ? argv[1] : "";
    char *room = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(room, code, sizeof code);
    mprotect(room, 4096, PROT_READ | PROT_EXEC);
    __builtin___clear_cache(room, room + 4096);
    snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
    snprintf(other, sizeof other, "%s.other", path);
    FILE *map = fopen(path, "w");
    fprintf(map, "no line\n%lx 20 JS:~made /srv/</script>.js:7:1\n", (unsigned long)room);
    if (!strcmp(how, "two")) fprintf(map, "%lx 20 py::grow:/srv/x.py\n", (unsigned long)room);
    fclose(map);
    const struct timespec old[2] = {{1000, 0}, {1000, 0}};
    if (!strcmp(how, "old")) utimensat(AT_FDCWD, path, old, 0);
    if (!strcmp(how, "link") && (rename(path, other) || symlink(other, path))) return 1;
    printf("%s\n", path);
    ((void (*)(void (*)(void)))room)(wanted);
    return 0;
}
END
$CC -O1 -fno-omit-frame-pointer -o "$dir/j" "$dir/j.c" || skip "no compiler"
# made HOW PATTERN: the frame that called wanted().
made()
{
    rm -f $map $map.other
    $weir trace --export folded - --at end "$dir/j.trace" >"$dir/folded" || fail "reading"
    grep -q ";main;$2;wanted 4242\$" "$dir/folded" || fail "a map, $1: $(grep 4242 "$dir/folded")"
}
for how in new two old link; do
    map=$($weir run --quiet --record "$dir/j.trace" --stacks -- "$dir/j" $how) || fail "status $?"
    case $how in
    new) made $how "made script>.js:7" ;;
    two) made $how "grow x.py or made script>.js:7" ;;
    *) made $how "0x[0-9a-f]*" ;;
    esac
done
"$top_builddir/tests/loads/report_program" "$dir/j.trace" made >"$dir/out" || fail "status $?"
$weir trace --export folded - "$dir/j.trace" >"$dir/folded"
grep -q ";main;made;run x.js:7;made_wanted;.* 4242\$" "$dir/folded" || fail "a map of its own: $(cat "$dir/folded")"

# Killed: threads that go up and down, so that new nodes come all the time.
cat >"$dir/k.c" <<'END'
#include <pthread.h>
#include <stdlib.h>
#define FAR __attribute__((noinline, noclone))
FAR void a(unsigned w); FAR void b(unsigned w); FAR void c(unsigned w);
FAR void end(unsigned w) { void *p = malloc(16 + w % 500); __asm__ volatile("" :: "r"(p) : "memory"); free(p); }
#define GO(w) do { unsigned v = (w) / 4; if (!v) end(w); else if ((w) % 4 == 0) a(v); \
    else if ((w) % 4 == 1) b(v); else if ((w) % 4 == 2) c(v); else end(v); __asm__ volatile("" ::: "memory"); } while (0)
FAR void a(unsigned w) { GO(w); }
FAR void b(unsigned w) { GO(w); }
FAR void c(unsigned w) { GO(w); }
static void *run(void *seed) { unsigned x = (unsigned)(size_t)seed; for (;;) { x = x * 1664525 + 1013904223; a(x >> 2); } }
int main(void) { pthread_t t; pthread_create(&t, 0, run, (void *)1); run((void *)2); }
END
$CC -O1 -o "$dir/k" "$dir/k.c" -lpthread || skip "no compiler"
for after in 0.02 0.03 0.05 0.08 0.13 0.21; do
    $weir run --quiet --record "$dir/k.trace" --stacks -- timeout -s KILL $after "$dir/k" >/dev/null 2>&1
    for file in "$dir"/k.trace*; do
        python3 "$reader" "$file" >"$dir/json" 2>"$dir/err" || fail "killed after $after: $(cat "$dir/err")"
        cat "$dir/json" >>"$dir/killed"
    done
    rm -f "$dir"/k.trace*
done
grep -q '"stacked": [0-9][0-9][0-9][0-9]' "$dir/killed" || fail "nobody was killed in the middle: $(cat "$dir/killed")"
exit $failed
