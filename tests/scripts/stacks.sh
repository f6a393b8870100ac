#!/bin/sh
# Stacks in recordings: who called, by name, of a program whose calls are known; which blocks have
# one; libraries that come and go; and programs that are killed at any moment: each event that is in
# the recording has its whole stack (tests/scripts/trace_reader.py, an independent reader).
set -u
. "$top_srcdir/tests/helpers/tap.sh"
weir="${WEIR_RUNNER-} $top_builddir/weir"
reader=$top_srcdir/tests/scripts/trace_reader.py
dir=$scratch
command -v python3 >/dev/null || skip_all "no python3"
need_preload
case $($CC -dumpmachine) in x86_64-* | aarch64-*) ;; *) skip_all "no stacks on this machine" ;; esac

cat >"$dir/p.c" <<'END'
#include <dlfcn.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
        void (*through)(void (*)(void)) = (void (*)(void (*)(void)))dlsym(
            library, strstr(argv[i], "first") ? "first_through" : "second_through");
        fprintf(stderr, "%lx\n", (unsigned long)((struct link_map *)library)->l_addr);
        through(back);
        dlclose(library);
    }
    return 0;
}
END
for name in first second; do
    echo "void ${name}_through(void (*back)(void)) { back(); __asm__ volatile(\"\" ::: \"memory\"); }" >"$dir/$name.c"
    $CC -O1 -fPIC -shared -o "$dir/$name.so" "$dir/$name.c" || skip_all "no compiler"
done
$CC -O2 -g -o "$dir/p" "$dir/p.c" -ldl || skip_all "no compiler"

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
    if module not in "pc":
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
    [ "$count" -eq "$2" ] || { complain "$count lines, not $2: $1"; show "$dir/names"; }
}

try "the calls by name, through libraries that come and go"
$weir run --quiet --record "$dir/a" -- "$dir/p" "$dir/first.so" "$dir/second.so" 2>"$dir/err" || complain "status $?"
stacks "$dir/a" >"$dir/names" || complain "reading"
has "1001 leaf one main libc" 4
has "1001 leaf two main libc" 4
has "1002 leaf deep deep deep deep main libc" 1
has "55 leaf order libc" 1
has "77 leaf back first.so main libc" 1
has "77 leaf back second.so main libc" 1
try "an address has the name of the library that lay there then"
# The second library lies where the first one lay, and once more the first, later.
$weir run --quiet --record "$dir/a" -- "$dir/p" "$dir/first.so" "$dir/second.so" "$dir/first.so" 2>"$dir/places" ||
    complain "status $?"
[ "$(sort -u "$dir/places" | wc -l)" -eq 1 ] || echo "# they lay apart: $(tr '\n' ' ' <"$dir/places")"
$weir trace --export folded - --at end "$dir/a" >"$dir/folded"
for each in "first_through;back;leaf 154" "second_through;back;leaf 77"; do
    grep -q ";main;$each\$" "$dir/folded" || complain "not $each: $(grep 'back;leaf' "$dir/folded")"
done
if command -v go >/dev/null; then
    $weir trace --export pprof "$dir/a.pb" --at end "$dir/a"
    go tool pprof -traces -sample_index=inuse_space "$dir/a.pb" >"$dir/traces" 2>&1
    for each in first_through second_through; do
        grep -q " $each\$" "$dir/traces" || { complain "pprof has no $each"; show "$dir/traces"; }
    done
fi

try "--stacks-from"
$weir run --quiet --record "$dir/b" --stacks-from 1002 -- "$dir/p" || complain "status $?"
stacks "$dir/b" >"$dir/names"
has '1001$' 8
has "1002 leaf deep deep deep deep main libc" 1

try "--no-stacks"
$weir run --quiet --record "$dir/c" --no-stacks -- "$dir/p" || complain "status $?"
stacks "$dir/c" >"$dir/names"
has '1001$' 8
has '1002$' 1
try "what --stacks-from does not take"
$weir run --record "$dir/d" --stacks-from some -- "$dir/p" 2>"$dir/err" && complain "a size that is none"
grep -q "takes a size" "$dir/err" || show "$dir/err"
$weir run --record "$dir/d" --stacks-from 1 --no-stacks -- "$dir/p" 2>"$dir/err" && complain "both"
grep -q "one or the other" "$dir/err" || show "$dir/err"

# A program that records itself, through the environment.
# recorded [VARIABLE=VALUE]...
recorded()
{
    rm -f "$dir"/e*
    env "$@" LD_PRELOAD="$top_builddir/.libs/libweir-malloc.so" WEIR_RECORD="$dir/e" "$dir/p" 2>"$dir/err" ||
        complain "status $?"
    stacks "$dir/e" >"$dir/names"
}
try "WEIR_RECORD, and WEIR_STACKS beside it"
recorded
has "1001 leaf one main libc" 4
recorded WEIR_STACKS=no
has '1001$' 8
has '1002$' 1
recorded WEIR_STACKS=1002
has '1001$' 8
has "1002 leaf deep deep deep deep main libc" 1
[ ! -s "$dir/err" ] || show "$dir/err"
recorded WEIR_STACKS=some
has "1001 leaf one main libc" 4
grep -q 'WEIR_STACKS is neither a size nor "no"' "$dir/err" || { complain "it is not said"; show "$dir/err"; }

try "code made at run time, by its map of names"
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
$CC -O1 -fno-omit-frame-pointer -o "$dir/j" "$dir/j.c" || skip_all "no compiler"
# made HOW PATTERN: the frame that called wanted().
made()
{
    rm -f $map $map.other
    $weir trace --export folded - --at end "$dir/j.trace" >"$dir/folded" || complain "reading"
    grep -q ";main;$2;wanted 4242\$" "$dir/folded" || complain "a map, $1: $(grep 4242 "$dir/folded")"
}
for how in new two old link; do
    map=$($weir run --quiet --record "$dir/j.trace" -- "$dir/j" $how) || complain "status $?"
    case $how in
    new) made $how "made script>.js:7" ;;
    two) made $how "grow x.py or made script>.js:7" ;;
    *) made $how "0x[0-9a-f]*" ;;
    esac
done
"$top_builddir/tests/loads/report_program" "$dir/j.trace" made >"$dir/out" || complain "status $?"
$weir trace --export folded - "$dir/j.trace" >"$dir/folded"
grep -q ";main;made;run x.js:7;made_wanted;.* 4242\$" "$dir/folded" || complain "a map of its own: $(cat "$dir/folded")"

# Callers that change under calls that stay the same, and come again: 3000 stacks of two, of which
# most are found whole, each held against who called.
cat >"$dir/c.c" <<'END'
#include <stdlib.h>
#define FAR __attribute__((noinline, noclone))
#define AGAIN __asm__ volatile("" ::: "memory")
FAR void leaf(size_t size) { void *volatile block = malloc(size); free(block); AGAIN; }
FAR void between(size_t size) { leaf(size); AGAIN; }
FAR void odd(size_t size) { between(size); AGAIN; }
FAR void even(size_t size) { between(size); __asm__ volatile("nop"); }
int main(void)
{
    unsigned x = 1;
    for (int i = 0; i < 3000; i++) {
        x = x * 1664525 + 1013904223;
        if (x >> 30 & 1) odd(2001); else even(2002);
    }
    return 0;
}
END
$CC -O2 -g -o "$dir/c" "$dir/c.c" || skip_all "no compiler"
try "code of a file that the program maps elsewhere, or moves"
# As node does with its builtins. Each function calls what it is given, so that it may lie anywhere.
cat >"$dir/moved.c" <<'END'
void *moved_through(void *(*make)(unsigned long), unsigned long size)
{
    void *made = make(size);
    __asm__ volatile("" ::: "memory");
    return made;
}
END
cat >"$dir/elsewhere.c" <<'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
typedef void *through_it(void *(*make)(size_t), size_t size);
void *volatile kept[2];
__attribute__((noinline, noclone)) void *mapped_through(void *(*make)(size_t), size_t size)
{
    void *made = make(size);
    __asm__ volatile("" ::: "memory");
    return made;
}
static uintptr_t first, bytes, offset;
static int look(struct dl_phdr_info *info, size_t size, void *unused)
{
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        if (part->p_type != PT_LOAD || !(part->p_flags & PF_X))
            continue;
        first = info->dlpi_addr + part->p_vaddr;
        bytes = part->p_memsz;
        offset = part->p_offset;
    }
    return 1; /* the program itself comes first */
}
int main(int argc, char **argv)
{
    int file = open("/proc/self/exe", O_RDONLY);
    void *library = dlopen(argv[1], RTLD_NOW);
    if (file < 0 || !library || !dl_iterate_phdr(look, 0))
        return 1;
    uintptr_t low = offset & -(uintptr_t)4096, from = first - (offset - low);
    char *there = mmap(0, bytes + (offset - low), PROT_READ | PROT_EXEC, MAP_PRIVATE, file, (off_t)low);
    if (there == MAP_FAILED)
        return 2;
    kept[0] = ((through_it *)(there + ((uintptr_t)mapped_through - from)))(malloc, 40001);
    char *code = dlsym(library, "moved_through"), *start = (char *)((uintptr_t)code & -(uintptr_t)4096);
    there = mremap(start, 4096, 4096, MREMAP_MAYMOVE | MREMAP_FIXED, mmap(0, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (there == MAP_FAILED)
        return 3;
    kept[1] = ((through_it *)(there + (code - start)))(malloc, 40002);
    return kept[0] && kept[1] ? 0 : 4;
}
END
if [ "$(getconf PAGESIZE)" != 4096 ]; then
    skip "pages are not of 4096 bytes"
else
    $CC -O1 -g0 -fno-omit-frame-pointer -fPIC -shared -nostdlib -nostartfiles -o "$dir/moved.so" "$dir/moved.c" &&
        $CC -O1 -fno-omit-frame-pointer -w -o "$dir/elsewhere" "$dir/elsewhere.c" -ldl || complain "no program"
    $weir run --quiet --record "$dir/e.trace" -- "$dir/elsewhere" "$dir/moved.so" || complain "it ended with $?"
    $weir trace --export folded "$dir/e.folded" "$dir/e.trace" || complain "no stacks"
    for name in mapped_through moved_through; do
        grep -q ";main;$name " "$dir/e.folded" || { complain "no $name"; show "$dir/e.folded"; }
    done
    python3 "$reader" "$dir/e.trace" >/dev/null || complain "another reader cannot read it"
fi

try "a changed caller with equal frames below"
$weir run --quiet --record "$dir/f" -- "$dir/c" || complain "status $?"
nm -S "$dir/c" | awk 'NF == 4 && $3 ~ /^[tT]$/ { print $1, $2, $4 }' >"$dir/symbols"
stacks "$dir/f" | sed 's/^\([0-9]*\) \(.*\) ?/\1 \2/' >"$dir/names"
awk '$1 == 2001 || $1 == 2002 { n++; if ($2 " " $3 " " $4 != ($1 == 2001 ? "leaf between odd" : "leaf between even")) print }
    END { if (n != 3000) print n " allocations" }' "$dir/names" >"$dir/wrong"
[ ! -s "$dir/wrong" ] || { complain "$(wc -l <"$dir/wrong") of another caller"; show "$dir/wrong"; }

try "killed at any moment"
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
$CC -O1 -o "$dir/k" "$dir/k.c" -lpthread || skip_all "no compiler"
killed=
for after in 0.02 0.03 0.05 0.08 0.13 0.21 0.5 1 2 4 8 16 32; do
    case $after in ? | ??) [ -z "$killed" ] || break ;; esac # later only where it had hardly begun
    $weir run --quiet --record "$dir/k.trace" -- timeout -s KILL $after "$dir/k" >/dev/null 2>&1
    for file in "$dir"/k.trace*; do
        python3 "$reader" "$file" >"$dir/json" 2>"$dir/err" || complain "killed after $after: $(cat "$dir/err")"
        cat "$dir/json" >>"$dir/killed"
    done
    rm -f "$dir"/k.trace*
    ! grep -q '"stacked": [0-9][0-9][0-9][0-9]' "$dir/killed" || killed=1
done
[ -n "$killed" ] || complain "nobody was killed in the middle: $(cat "$dir/killed")"
finish
