/*
 * On a machine with pages of 16 or 64 KiB (aarch64) blocks keep their contents and zeroed
 * ones are zero, whatever is purged beside them. The machine is made up: this program's own
 * madvise, munmap, mprotect, mmap and sysconf do what such a kernel does. Each page size in a
 * process of its own, for weir asks once.
 *
 * Fails before: "backing: purge within pages of the machine".
 */
#include "../helpers/core.h"
#include "../helpers/self.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

static size_t page;         /* 0: not asked for yet */
static unsigned long asked; /* purges */

extern long __sysconf(int name);

NOT_SANITIZED long sysconf(int name)
{
    return name == _SC_PAGESIZE && page ? (long)page : __sysconf(name);
}

NOT_SANITIZED static size_t whole(size_t size)
{
    return page ? (size + page - 1) & ~(page - 1) : size;
}

NOT_SANITIZED static bool is_aligned(const void *at)
{
    if (page && (uintptr_t)at & (page - 1)) {
        errno = EINVAL;
        return false;
    }
    return true;
}

NOT_SANITIZED int madvise(void *at, size_t size, int advice)
{
    asked += advice == MADV_DONTNEED;
    return is_aligned(at) ? (int)syscall(SYS_madvise, at, whole(size), advice) : -1;
}

NOT_SANITIZED int munmap(void *at, size_t size)
{
    return is_aligned(at) ? (int)syscall(SYS_munmap, at, whole(size)) : -1;
}

NOT_SANITIZED int mprotect(void *at, size_t size, int protection)
{
    return is_aligned(at) ? (int)syscall(SYS_mprotect, at, whole(size), protection) : -1;
}

NOT_SANITIZED void *mmap(void *at, size_t size, int protection, int flags, int file, off_t offset)
{
    size_t more = page && !(flags & MAP_FIXED) ? page : 0;
    char *made = (char *)syscall(SYS_mmap, at, whole(size) + more, protection, flags, file, offset);
    if (made == MAP_FAILED || !more)
        return made;
    size_t head = -(uintptr_t)made & (page - 1);
    if (head)
        syscall(SYS_munmap, made, head);
    syscall(SYS_munmap, made + head + whole(size), more - head);
    return made + head;
}

#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "page %zu: ", page);                                                   \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

enum { BLOCKS = 400, ROUNDS = 20 };

static struct {
    void *block;
    size_t size;
} held[BLOCKS];

static void block_make(weir_allocator *a, unsigned i, uint64_t *random)
{
    held[i].size = 17 * 1024 + random_below(random, i % 8 ? 40000 : 3000000);
    if (i % 2) {
        held[i].block = weir_allocate_zeroed(a, 1, held[i].size);
        EXPECT(held[i].block && is_all_zero(held[i].block, held[i].size), "block %u not zero", i);
    } else {
        held[i].block = weir_allocate(a, held[i].size);
    }
    EXPECT(held[i].block, "no memory");
    pattern_write(held[i].block, held[i].size, i);
}

static void block_end(weir_allocator *a, unsigned i)
{
    EXPECT(pattern_holds(held[i].block, held[i].size, held[i].size, i), "block %u lost bytes", i);
    weir_deallocate(a, held[i].block);
    held[i].block = NULL;
}

static void blocks_come_and_go(weir_allocator *a)
{
    uint64_t random = page;
    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < BLOCKS; i++)
            if (!held[i].block)
                block_make(a, i, &random);
        for (unsigned i = 0; i < BLOCKS; i++)
            if (random_below(&random, 2))
                block_end(a, i);
        weir_trim(a);
        for (unsigned i = 0; i < BLOCKS; i++)
            EXPECT(!held[i].block || pattern_holds(held[i].block, held[i].size, held[i].size, i),
                   "block %u lost bytes beside a trim", i);
    }
    for (unsigned i = 0; i < BLOCKS; i++)
        if (held[i].block)
            block_end(a, i);
}

/* Free pieces of a little more than the system is asked to purge at a time: what is left for the
 * last time lies in no whole page of the machine, or ends in a part of one. */
static void rests_are_cleared(weir_allocator *pool)
{
    enum { MEBIBYTES = 16, GRANULE = 4096 };
    size_t mib = (size_t)1 << 20, room = 64; /* a span's label */
    void *block[MEBIBYTES + 1], *kept = weir_allocate(pool, 5 * GRANULE - room);
    for (size_t rest = 1; rest <= 17; rest++)
        for (int round = 0; round < 2; round++) {
            for (int i = 0; i <= MEBIBYTES; i++) {
                size_t size = (i < MEBIBYTES ? mib : rest * GRANULE) - room;
                block[i] = weir_allocate_zeroed(pool, 1, size);
                EXPECT(block[i] && is_all_zero(block[i], size), "rest %zu: block %d is not zero",
                       rest, i);
                memset(block[i], 0x5a, size);
            }
            for (int i = 0; i <= MEBIBYTES; i++)
                weir_deallocate(pool, block[i]);
            weir_trim(pool);
        }
    weir_deallocate(pool, kept);
}

/* Before weir and its jemalloc ask: both may in their constructors. */
__attribute__((constructor(101))) static void start(int argc, char **argv)
{
    page = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
}

static int run(void)
{
    weir_allocator *a = weir_cpu_allocator();
    blocks_come_and_go(a);
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    EXPECT(pool, "no pool");
    blocks_come_and_go(pool);
    rests_are_cleared(pool);
    EXPECT(weir_allocator_destroy(pool) == 0, "not destroyed");
    EXPECT(asked > 0, "nothing was purged");
    return 0;
}

int main(int argc, char **argv)
{
    static const char *const sizes[] = {"4096", "16384", "65536"};
    int failed = 0;
    if (argc > 1)
        return run();
    for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        pid_t child = fork();
        if (child == 0) {
            self_exec((char *[]){argv[0], (char *)(uintptr_t)sizes[i], NULL});
            _exit(98);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            failed = 1;
    }
    return failed;
}
