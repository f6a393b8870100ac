/*
 * Hardened contexts: what is found, word for word; that a block that was damaged is set aside and
 * the figures are those of the calls that were made; where blocks lie; what comes back when such a
 * context goes. tests/api/oracle.c has two of them among its models.
 */
#include "../helpers/core.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

static const size_t sizes[] = {1,    8,    24,    64,    100,   500,   1024,
                               4096, 8000, 16000, 16384, 65536, 300000};
#define SIZES (sizeof sizes / sizeof *sizes)

static weir_allocator *hardened_make(const char *name, weir_hardened hardened)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){
        .size = sizeof(weir_allocator_options), .name = name, .hardened = hardened});
    cr_assert_not_null(a, "%s", weir_last_error());
    return a;
}

static void change(volatile unsigned char *from, ptrdiff_t count)
{
    for (ptrdiff_t i = 0; i < count; i++)
        from[i] ^= 0xff;
}

/* -- what a handler hears ------------------------------------------------------------------ */

static struct {
    size_t count;
    weir_misuse what;
    const void *pointer;
    char line[256];
} heard;

static void hear(weir_misuse what, const void *pointer, const char *line, void *unused)
{
    (void)unused;
    heard.count++;
    heard.what = what;
    heard.pointer = pointer;
    snprintf(heard.line, sizeof heard.line, "%s", line);
}

static void heard_expect(size_t count, const void *block, const char *format, const char *rest)
{
    char line[256];
    snprintf(line, sizeof line, "weir: %s: %p (allocator \"h\"): %s", format, block, rest);
    cr_assert_eq(heard.count, count, "heard %zu: %s", heard.count, heard.line);
    cr_assert_eq(heard.what, WEIR_MISUSE_CORRUPTION);
    cr_assert_eq(heard.pointer, block);
    cr_assert_str_eq(heard.line, line);
    heard.count = 0;
}

static void figures_expect(const weir_allocator *a, size_t total, size_t count)
{
    cr_assert_eq(weir_total_allocated(a), total);
    cr_assert_eq(weir_allocation_count(a), count);
}

Test(hardened, finds_a_byte_behind_a_block_of_any_size)
{
    weir_set_misuse_handler(hear, NULL);
    weir_allocator *a = hardened_make("h", WEIR_HARDENED_ON);
    size_t total = 0, count = 0;
    for (size_t i = 0; i < SIZES; i++) {
        char rest[128];
        unsigned char *block = weir_allocate_aligned(a, sizes[i], 16);
        if (sizes[i] > 16376 && sizes[i] % 16 == 0) {
            weir_deallocate(a, block);
            continue; /* the next byte is a closed page's */
        }
        snprintf(rest, sizeof rest, "byte 1 behind a block of %zu byte%s was written", sizes[i],
                 sizes[i] == 1 ? "" : "s");
        change(block + sizes[i], 1);
        weir_deallocate(a, block);
        heard_expect(1, block, "overflow", rest);
        total += sizes[i];
        count++;
        figures_expect(a, total, count);
        cr_assert_null(weir_reallocate(a, block, sizes[i] + 40));
        cr_assert_eq(errno, EINVAL);
        heard_expect(1, block, "overflow", rest);
        figures_expect(a, total, count);
        cr_assert_eq(weir_check(a), count);
        heard.count = 0;
    }
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(hardened, names_the_tag_and_finds_what_lies_below)
{
    weir_set_misuse_handler(hear, NULL);
    weir_allocator *a = hardened_make("h", WEIR_HARDENED_ON);
    weir_tag before = weir_tag_set(weir_tag_intern("layer1"));
    for (ptrdiff_t below = 1; below <= 32; below += 31) {
        unsigned char *block = weir_allocate(a, 200);
        change(block - below, below);
        weir_deallocate(a, block);
        heard_expect(1, block, "underflow",
                     "what lies below a block of 200 bytes, tag \"layer1\" was written");
        change(block - below, below);
        weir_deallocate(a, block);
        cr_assert_eq(heard.count, 0);
    }
    unsigned char *large = weir_allocate(a, 100000);
    change(large - 1, 1);
    weir_deallocate(a, large);
    heard_expect(1, large, "underflow",
                 "what lies below a block of 100000 bytes, tag \"layer1\" was written");
    weir_tag_set(before);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(hardened, finds_writes_after_the_free)
{
    weir_set_misuse_handler(hear, NULL);
    weir_allocator *a = hardened_make("h", WEIR_HARDENED_ON);
    weir_tag before = weir_tag_set(weir_tag_intern("scratch"));
    unsigned char *block = weir_allocate(a, 100);
    weir_deallocate(a, block);
    cr_assert(is_all_zero(block, 100));
    block[7] = 1;
    cr_assert_eq(weir_check(a), 1);
    heard_expect(1, block, "write after free",
                 "byte 7 was written of what was a block of 100 bytes, tag \"scratch\"");
    for (int i = 0; i < 100000; i++) { /* it leaves the quarantine, and nobody gets it */
        void *other = weir_allocate(a, 100);
        cr_assert_neq(other, block);
        weir_deallocate(a, other);
    }
    heard_expect(1, block, "write after free",
                 "byte 7 was written of what was a block of 100 bytes, tag \"scratch\"");
    figures_expect(a, 0, 0);
    cr_assert_eq(weir_check(a), 0);
    weir_tag_set(before);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* -- without a handler: a child each ---------------------------------------------------------- */

struct crime {
    void (*commit)(weir_allocator *a, unsigned char *block, size_t size);
    size_t size;
    int signal;
    const char *kind, *rest; /* NULL: nothing is printed */
};

static void over_free(weir_allocator *a, unsigned char *block, size_t size)
{
    change(block + size, 32);
    weir_deallocate(a, block);
}

static void over_check(weir_allocator *a, unsigned char *block, size_t size)
{
    change(block + size, 8);
    weir_check(a);
}

static void over_far(weir_allocator *a, unsigned char *block, size_t size)
{
    (void)a;
    change(block + size, (ptrdiff_t)MIB);
}

static void late_write(weir_allocator *a, unsigned char *block, size_t size)
{
    weir_deallocate(a, block);
    change(block, (ptrdiff_t)size);
    weir_check(a);
}

static void late_read(weir_allocator *a, unsigned char *block, size_t size)
{
    weir_deallocate(a, block);
    _exit(((volatile unsigned char *)block)[size / 2]);
}

static void twice(weir_allocator *a, unsigned char *block, size_t size)
{
    (void)size;
    weir_deallocate(a, block);
    weir_deallocate(a, block);
}

static void inside(weir_allocator *a, unsigned char *block, size_t size)
{
    (void)size;
    weir_deallocate(a, block + 1);
}

static void other_size(weir_allocator *a, unsigned char *block, size_t size)
{
    weir_deallocate_sized(a, block, size - 1);
}

/* What the child printed first; *status: how it ended. */
static void crime_run(const struct crime *crime, char line[512], unsigned char **block, int *status)
{
    int ends[2];
    unsigned char **shared =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)shared, MAP_FAILED);
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        weir_set_misuse_handler(NULL, NULL);
        signal(SIGABRT, SIG_DFL);
        signal(SIGSEGV, SIG_DFL);
        weir_allocator *a = hardened_make("h", WEIR_HARDENED_ON);
        *shared = weir_allocate(a, crime->size);
        crime->commit(a, *shared, crime->size);
        _exit(0);
    }
    close(ends[1]);
    size_t got = 0;
    for (ssize_t part; got < 511 && (part = read(ends[0], line + got, 511 - got)) > 0;)
        got += (size_t)part;
    line[got] = 0;
    line[strcspn(line, "\n")] = 0;
    close(ends[0]);
    cr_assert_eq(waitpid(child, status, 0), child);
    *block = *shared;
    munmap((void *)shared, 4096);
}

Test(hardened, ends_the_process_with_a_line_and_a_signal)
{
    static const char over[] = "byte 1 behind a block of 24 bytes was written";
    static const struct crime crimes[] = {
        {over_free, 64, SIGABRT, "overflow", "byte 1 behind a block of 64 bytes was written"},
        {over_free, 4096, SIGABRT, "overflow", "byte 1 behind a block of 4096 bytes was written"},
        {over_free, 65536, SIGSEGV, NULL, NULL},
        {over_check, 24, SIGABRT, "overflow", over},
        {over_far, 8, SIGSEGV, NULL, NULL},
        {over_far, 4096, SIGSEGV, NULL, NULL},
        {over_far, 300000, SIGSEGV, NULL, NULL},
        {late_write, 64, SIGABRT, "write after free",
         "byte 0 was written of what was a block of 64 bytes"},
        {late_write, 65536, SIGSEGV, NULL, NULL},
        {late_read, 65536, SIGSEGV, NULL, NULL},
        {late_read, 64, 0, NULL, NULL},
        {twice, 64, SIGABRT, "double free", NULL},
        {twice, 65536, SIGABRT, "double free", NULL},
        {inside, 64, SIGABRT, "interior pointer", NULL},
        {inside, 65536, SIGABRT, "interior pointer", NULL},
        {other_size, 64, SIGABRT, "size mismatch", NULL},
        {other_size, 65536, SIGABRT, "size mismatch", NULL},
    };
    for (size_t i = 0; i < sizeof crimes / sizeof *crimes; i++) {
        char line[512], expected[512] = "";
        unsigned char *block;
        int status;
        const void *told;
        crime_run(&crimes[i], line, &block, &status);
        told = crimes[i].commit == inside ? block + 1 : block;
        if (crimes[i].rest)
            snprintf(expected, sizeof expected, "weir: %s: %p (allocator \"h\"): %s",
                     crimes[i].kind, told, crimes[i].rest);
        else if (crimes[i].kind)
            snprintf(expected, sizeof expected, "weir: %s: %p (allocator \"h\")", crimes[i].kind,
                     told);
        cr_assert_str_eq(line, expected, "crime %zu: %s", i, line);
        cr_assert_eq(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status), crimes[i].signal,
                     "crime %zu: status %x", i, (unsigned)status);
    }
}

/* -- where blocks lie --------------------------------------------------------------------- */

Test(hardened, blocks_have_what_was_requested_and_others_are_zero)
{
    weir_allocator *a = hardened_make("h", WEIR_HARDENED_ON);
    for (size_t i = 0; i < SIZES; i++) {
        unsigned char *block = weir_allocate(a, sizes[i]);
        cr_assert_eq(weir_usable_size(a, block), sizes[i]);
        cr_assert_eq((uintptr_t)block % WEIR_DEFAULT_ALIGNMENT, 0);
        cr_assert(is_all_zero(block, sizes[i]));
        memset(block, 0xa7, sizes[i]);
        weir_deallocate(a, block);
        unsigned char *next = weir_allocate(a, sizes[i]);
        cr_assert_neq(next, block, "%zu bytes: the same address at once", sizes[i]);
        cr_assert(is_all_zero(next, sizes[i]));
        weir_deallocate(a, next);
    }
    cr_assert_eq(weir_check(a), 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* The order of addresses is another each time. */
Test(hardened, blocks_follow_each_other_by_chance)
{
    enum { BLOCKS = 64 };
    int descents[2] = {0, 0}, differ = 0;
    ptrdiff_t steps[2][BLOCKS];
    for (int time = 0; time < 2; time++) {
        weir_allocator *a = hardened_make("h", WEIR_HARDENED_ON);
        const char *last = weir_allocate(a, 48);
        for (int i = 0; i < BLOCKS; i++) {
            const char *next = weir_allocate(a, 48);
            steps[time][i] = next - last;
            descents[time] += next < last;
            last = next;
        }
        cr_assert_eq(weir_allocator_destroy(a), 0);
        cr_assert_gt(descents[time], BLOCKS / 8);
    }
    for (int i = 0; i < BLOCKS; i++)
        differ += steps[0][i] != steps[1][i];
    cr_assert_gt(differ, BLOCKS / 2);
}

Test(hardened, moves_what_grows_where_asked_to)
{
    weir_allocator *on = hardened_make("h", WEIR_HARDENED_ON);
    weir_allocator *moves = hardened_make("h", WEIR_HARDENED_MOVES);
    unsigned char *stays = weir_allocate(on, 10), *goes = weir_allocate(moves, 10);
    pattern_write(stays, 10, 1);
    pattern_write(goes, 10, 1);
    cr_assert_eq(weir_reallocate(on, stays, 20), stays);
    unsigned char *to = weir_reallocate(moves, goes, 20);
    cr_assert_neq(to, goes);
    cr_assert(pattern_holds(to, 10, 10, 1) && pattern_holds(stays, 10, 10, 1));
    cr_assert_eq(weir_reallocate(moves, to, 12), to);
    figures_expect(on, 20, 1);
    figures_expect(moves, 12, 1);
    cr_assert_eq(weir_check(on) + weir_check(moves), 0);
    cr_assert_eq(weir_allocator_destroy(on), 0);
    cr_assert_eq(weir_allocator_destroy(moves), 0);
}

/* -- options --------------------------------------------------------------------------------- */

static bool is_hardened(weir_allocator *a)
{
    void *block = weir_allocate(a, 10);
    bool exact = weir_usable_size(a, block) == 10;
    weir_deallocate(a, block);
    return exact;
}

Test(hardened, children_are_as_their_parents_unless_they_say_otherwise)
{
    weir_allocator *parent = hardened_make("h", WEIR_HARDENED_ON);
    weir_allocator *child = weir_allocator_create(
        &(weir_allocator_options){.size = sizeof(weir_allocator_options), .parent = parent});
    weir_allocator *off = weir_allocator_create(&(weir_allocator_options){
        .size = sizeof(weir_allocator_options), .parent = parent, .hardened = WEIR_HARDENED_OFF});
    weir_allocator *plain = hardened_make("p", WEIR_HARDENED_OFF);
    cr_assert(is_hardened(parent) && is_hardened(child) && !is_hardened(off) &&
              !is_hardened(plain));
    cr_assert_eq(is_hardened(weir_cpu_allocator()), getenv("WEIR_HARDENED") != NULL);
    void *block = weir_allocate(off, 100);
    figures_expect(parent, 100, 1);
    weir_deallocate(off, block);
    weir_allocator *on_pool = weir_allocator_create(&(weir_allocator_options){
        .size = sizeof(weir_allocator_options), .pool = parent, .parent = plain});
    cr_assert(is_hardened(on_pool));
    cr_assert_eq(weir_allocator_destroy(on_pool), 0);
    cr_assert_eq(weir_allocator_destroy(child), 0);
    cr_assert_eq(weir_allocator_destroy(off), 0);
    cr_assert_eq(weir_allocator_destroy(plain), 0);
    cr_assert_eq(weir_allocator_destroy(parent), 0);
}

Test(hardened, options_without_a_size_are_heard)
{
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.hardened = WEIR_HARDENED_ON});
    cr_assert(a && is_hardened(a));
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(hardened, impossible_options_are_refused)
{
    weir_allocator *plain = hardened_make("p", WEIR_HARDENED_OFF);
#define SIZED .size = sizeof(weir_allocator_options)
    const weir_allocator_options bad[] = {
        {SIZED, .hardened = (weir_hardened)17},
        {SIZED, .hardened = WEIR_HARDENED_ON, .source = WEIR_SOURCE_MALLOC},
        {SIZED, .hardened = WEIR_HARDENED_ON, .huge_pages = WEIR_HUGE_PAGES_ASKED},
        {SIZED, .hardened = WEIR_HARDENED_MOVES, .pool = plain},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        cr_assert_null(weir_allocator_create(&bad[i]), "options %zu", i);
        cr_assert_eq(errno, EINVAL);
    }
    cr_assert_eq(weir_allocator_destroy(plain), 0);
}

/* -- all of it together ------------------------------------------------------------------------ */

static bool count_block(const weir_block *block, void *user)
{
    size_t *sums = user;
    sums[0]++;
    sums[1] += block->requested;
    return false;
}

Test(hardened, walks_limits_and_trims_are_exact)
{
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.size = sizeof(weir_allocator_options),
                                                        .name = "h",
                                                        .limit = 400000,
                                                        .hardened = WEIR_HARDENED_ON});
    void *blocks[SIZES];
    size_t total = 0, count = 0, sums[2] = {0, 0};
    for (size_t i = 0; i < SIZES; i++)
        if ((blocks[i] = weir_allocate(a, sizes[i]))) {
            total += sizes[i];
            count++;
        }
    cr_assert_null(blocks[SIZES - 1]);
    figures_expect(a, total, count);
    cr_assert_eq(weir_allocator_walk(a, count_block, sums), 0);
    cr_assert_eq(sums[0], count);
    cr_assert_eq(sums[1], total);
    for (size_t i = 0; i < SIZES; i++)
        weir_deallocate(a, blocks[i]);
    figures_expect(a, 0, 0);
    cr_assert_gt(weir_trim(a), 0);
    weir_stats stats = WEIR_STATS_INIT;
    weir_stats_get(a, &stats);
    cr_assert_eq(stats.cached, 0);
    cr_assert_eq(stats.in_use, 0);
    cr_assert_eq(weir_peak_allocated(a), total);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* The addresses of the process, in bytes. */
static size_t addresses(void)
{
    size_t pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    cr_assert(file && fscanf(file, "%zu", &pages) == 1);
    fclose(file);
    return pages * 4096;
}

Test(hardened, gives_everything_back_when_it_goes)
{
    size_t before = 0;
    for (int i = 0; i < 40; i++) {
        weir_allocator *a = hardened_make("h", WEIR_HARDENED_ON);
        for (size_t k = 0; k < 400; k++)
            cr_assert_not_null(weir_allocate(a, sizes[k % SIZES]));
        void *gone = weir_allocate(a, 300000);
        weir_deallocate(a, gone);
        cr_assert_eq(weir_allocator_destroy(a), 0);
        if (i == 5)
            before = addresses();
    }
    cr_assert_leq(addresses(), before + 32 * MIB);
}

enum { THREADS = 4, SLOTS = 512 };
static struct {
    weir_allocator *a;
    void *slots[SLOTS]; /* atomic; the first word of a block is its size */
    size_t operations;
    bool done; /* atomic */
} shared;

static void *swap_blocks(void *seed)
{
    uint64_t random = (uint64_t)(uintptr_t)seed;
    for (size_t i = 0; i < shared.operations; i++) {
        size_t size = 8 + random_size(&random, 40000), former;
        size_t *block = weir_allocate(shared.a, size);
        if (!block || !is_all_zero(block, size < 64 ? size : 64))
            abort();
        *block = size;
        if (i % 5 == 0) {
            size_t other = 8 + random_size(&random, 40000);
            if (!(block = weir_reallocate(shared.a, block, other)) || *block != size)
                abort();
            *block = other;
        }
        size_t *old = __atomic_exchange_n(&shared.slots[random_below(&random, SLOTS)], block,
                                          __ATOMIC_ACQ_REL);
        if (!old)
            continue;
        former = *old;
        if (weir_requested_size(shared.a, old) != former)
            abort();
        weir_deallocate_sized(shared.a, old, former);
    }
    return NULL;
}

static void *check_all(void *unused)
{
    (void)unused;
    while (!__atomic_load_n(&shared.done, __ATOMIC_ACQUIRE))
        if (weir_check(shared.a))
            abort();
    return NULL;
}

Test(hardened, many_threads_are_checked_while_they_work)
{
    pthread_t threads[THREADS], checker;
    shared.a = hardened_make("h", WEIR_HARDENED_ON);
    shared.operations = scaled(40000);
    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, swap_blocks, (void *)(i + 1)), 0);
    cr_assert_eq(pthread_create(&checker, NULL, check_all, NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    __atomic_store_n(&shared.done, true, __ATOMIC_RELEASE);
    pthread_join(checker, NULL);
    size_t total = 0, count = 0;
    for (size_t i = 0; i < SLOTS; i++)
        if (shared.slots[i]) {
            total += *(size_t *)shared.slots[i];
            count++;
        }
    figures_expect(shared.a, total, count);
    for (size_t i = 0; i < SLOTS; i++)
        weir_deallocate(shared.a, shared.slots[i]);
    figures_expect(shared.a, 0, 0);
    cr_assert_eq(weir_check(shared.a), 0);
    cr_assert_eq(weir_allocator_destroy(shared.a), 0);
}
