#!/bin/sh
# What a program maps by calls of its own is in its recording, with who called; what weir, the C
# library and the loader map is not; the peak is as without; errors and results are the system's.
. "$(dirname "$0")/lib.sh"

cat >"$scratch/maps.c" <<'END'
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>
#define FAR __attribute__((noinline, noclone))
#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
static char *volatile first, *volatile space, *volatile early;
static void *volatile block;
static int failed;
static void must(int holds) { if (!holds) failed = 1; }
/* Before any constructor of the library, as far as the loader lets anybody be. */
__attribute__((constructor)) static void start(void) { early = mmap(0, 4096, RW, ANON, -1, 0); early[0] = 1; }
FAR void map_much(void) { first = mmap(0, 64 << 20, RW, ANON, -1, 0); must(first != MAP_FAILED); }
FAR void reserve(void) { space = mmap64(0, 1 << 30, PROT_NONE, ANON | MAP_NORESERVE, -1, 0); must(space != MAP_FAILED); }
static void handler(int signal) { (void)signal; munmap(mmap(0, 4096, RW, ANON, -1, 0), 4096); }
static void *thread(void *unused)
{
    for (int i = 0; i < 2000; i++) {
        char *p = mmap(0, 3 * 4096, RW, ANON, -1, 0);
        p[8192] = 1;
        free((block = malloc(1000)));
        must(munmap(p, 3 * 4096) == 0);
    }
    return unused;
}
int main(void)
{
    pthread_t threads[4];
    map_much();
    reserve();
    must(mprotect(space + (1 << 20), 8 << 20, RW) == 0);
    space[1 << 20] = 1;
    must(munmap(first + (1 << 20), 32 << 20) == 0);
    first = mremap(first, 1 << 20, 2 << 20, MREMAP_MAYMOVE);
    must(first != MAP_FAILED);
    errno = 0;
    must(mmap(0, 0, RW, ANON, -1, 0) == MAP_FAILED && errno == EINVAL);
    must(munmap((void *)1, 4096) == -1 && errno == EINVAL);
    must(mprotect((void *)4096, 4096, RW) == -1 && errno == ENOMEM);
    must(mremap(first, 2 << 20, 1, 0, 0) == first && mremap(first, 4096, 2 << 20, 0) != NULL);
    errno = 5;
    munmap(mmap(0, 4096, RW, ANON, -1, 0), 4096);
    must(errno == 5);
    block = malloc(5000000); /* weir maps for that */
    signal(SIGUSR1, handler);
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], 0, thread, 0);
    for (int i = 0; i < 200; i++) raise(SIGUSR1);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], 0);
    return failed;
}
END
$CC -O1 -g -pthread -o "$bin/maps" "$scratch/maps.c" || exit 99

recorded()
{
    "$bin/maps" || fail "alone: status $?"
    "$weir" run -o report --json --record maps.wtr -- "$bin/maps" || fail "status $?"
    "$weir" trace --json maps.wtr >json || fail "weir trace: $?"
    "$python" - <<'END' || exit 1
import json
said = json.load(open("json"))
report = json.load(open("report"))["program"]
def must(holds, what):
    if not holds:
        print("why:", what)
        raise SystemExit(1)
must(said["complete"] and said["verified"], "not all of it is there")
must(said["peak"]["bytes"] == report["peak_bytes"], "the peak")
mapped = said["mapped"]
names = {row["name"]: row["bytes"] for row in mapped["by_site"]}
# 64 MiB and 8 of the reserved; what threads map comes to less than what went before
must(72 << 20 <= mapped["most"] <= (72 << 20) + 8192, mapped)
must(any("map_much" in n and b == 64 << 20 for n, b in names.items()), names)
must(any("reserve" in n and b == 8 << 20 for n, b in names.items()), names)
must(mapped["of_files"] == 0, "files: those of the loader")
END
}
check "what a program maps" recorded

plain()
{
    "$weir" run -o report -- "$bin/maps" || fail "status $?"
    LD_PRELOAD=$library "$bin/maps" || fail "preloaded: status $?"
}
check "not recorded" plain

shown()
{
    "$weir" run -o report --record maps.wtr -- "$bin/maps" || fail "status $?"
    "$weir" trace maps.wtr >text || fail "weir trace"
    grep -q "^mapped by the program itself, outside malloc: 72.0 MiB " text || fail "$(grep ^mapped text)"
    "$weir" trace --html page maps.wtr || fail "--html"
    grep -q 'Mapped outside malloc' page || fail "not on the page"
    "$weir" trace --events maps.wtr >events || fail "--events"
    for event in 'map 0x[0-9a-f]* 67108864 rw-$' 'map 0x[0-9a-f]* 1073741824 ---$' \
        'protect 0x[0-9a-f]* 8388608 rw-$' 'unmap 0x[0-9a-f]* 33554432$' 'remap 0x[0-9a-f]* 2097152 '; do
        grep -q " $event" events || fail "no event $event"
    done
    "$weir" trace --pack maps.wtz maps.wtr && "$weir" trace --events maps.wtz | cmp - events || fail "packed"
}
check "as text, on the page, packed" shown
finish
