/* Both providers keep the contract of backing.h, and the right one is chosen. */
#include "backing/backing.h"
#include "../helpers/core.h"
#include "../helpers/self.h"
#include "../helpers/suite.h"
#include "os/memory_tool.h"
#include "os/pages.h"
#include "os/residence.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <weir/weir.h>

/* The providers this build has, started. */
static size_t providers(const struct weir__backing *list[2])
{
    size_t n = 0;
    list[n++] = &weir__backing_system;
#if WEIR_WITH_JEMALLOC
    cr_assert(weir_backing_jemalloc.start());
    list[n++] = &weir_backing_jemalloc;
#endif
    return n;
}

#define FOR_EACH_PROVIDER(p)                                                                       \
    const struct weir__backing *list_[2], *p;                                                      \
    for (size_t i_ = 0, n_ = providers(list_); i_ < n_ && (p = list_[i_]); i_++)

static bool all_bytes_are(const unsigned char *p, size_t n, unsigned char value)
{
    return n == 0 || (p[0] == value && memcmp(p, p + 1, n - 1) == 0);
}

static size_t resident_of(const void *region, size_t size)
{
    size_t bytes = 0;
    cr_assert(weir__os_resident(region, size, &bytes));
    return bytes;
}

Test(backing, regions_are_aligned_as_asked)
{
    FOR_EACH_PROVIDER(p)
    {
        for (size_t alignment = 1; alignment <= GIB; alignment *= 2) {
            size_t size = 3 * weir__os_page_size();
            char *region = p->take(size, alignment);
            cr_assert_not_null(region, "%s: alignment %zu", p->name, alignment);
            size_t expected = alignment < weir__os_page_size() ? weir__os_page_size() : alignment;
            cr_assert_eq((uintptr_t)region % expected, 0, "%s: alignment %zu", p->name, alignment);
            memset(region, 0x5a, size);
            p->give(region, size, alignment);
        }
    }
}

Test(backing, a_size_within_a_page_takes_the_page)
{
    FOR_EACH_PROVIDER(p)
    {
        char *region = p->take(1, 1);
        cr_assert_not_null(region);
        memset(region, 1, weir__os_page_size());
        p->give(region, 1, 1);
    }
}

Test(backing, what_is_taken_is_zero_also_when_it_is_taken_again)
{
    FOR_EACH_PROVIDER(p)
    {
        for (int round = 0; round < 200; round++) {
            size_t size = (size_t)(1 + round * 37 % 300) * weir__os_page_size();
            size_t alignment = round % 3 ? weir__os_page_size() : 2 * MIB;
            unsigned char *region = p->take(size, alignment);
            cr_assert_not_null(region);
            cr_assert(all_bytes_are(region, size, 0), "%s: round %d", p->name, round);
            memset(region, 0xff, size);
            if (round % 4)
                p->give(region, size, alignment);
        }
    }
}

/* Failed when a region that was given back was cleared by hand the second time. */
Test(backing, to_be_zero_again_makes_nothing_resident)
{
    FOR_EACH_PROVIDER(p)
    {
        for (int round = 0; round < 3; round++) {
            char *region = p->take(256 * MIB, 2 * MIB);
            cr_assert_not_null(region);
            region[100 * MIB] = 1;
            p->purge(region, 256 * MIB);
            cr_assert_lt(resident_of(region, 256 * MIB), 4 * MIB, "%s: purged by hand", p->name);
            p->give(region, 256 * MIB, 2 * MIB);
            region = p->take(256 * MIB, 2 * MIB);
            cr_assert_eq(region[100 * MIB], 0);
            cr_assert_lt(resident_of(region, 256 * MIB), 4 * MIB, "%s: cleared by hand", p->name);
            p->give(region, 256 * MIB, 2 * MIB);
        }
    }
}

Test(backing, purged_parts_read_as_zero_and_the_rest_stays)
{
    FOR_EACH_PROVIDER(p)
    {
        size_t page = weir__os_page_size(), size = 64 * page;
        unsigned char *region = p->take(size, 2 * MIB);
        memset(region, 0xab, size);
        errno = 7;
        p->purge(region + 16 * page, 32 * page);
        cr_assert_eq(errno, 7);
        cr_assert(all_bytes_are(region, 16 * page, 0xab), "%s", p->name);
        cr_assert(all_bytes_are(region + 16 * page, 32 * page, 0), "%s", p->name);
        cr_assert(all_bytes_are(region + 48 * page, 16 * page, 0xab), "%s", p->name);
        memset(region, 0xcd, size); /* still ours to write */
        p->give(region, size, 2 * MIB);
    }
}

/* What is in use beside a part that ends within a page stays. */
Test(backing, purge_stays_within_its_part)
{
    FOR_EACH_PROVIDER(p)
    {
        size_t page = weir__os_page_size(), size = 8 * page, start = page / 4,
               end = 5 * page + page / 2;
        unsigned char *region = p->take(size, 2 * MIB);
        memset(region, 0xab, size);
        cr_assert_eq(p->purge(region + start, end - start), 4 * page);
        cr_assert(all_bytes_are(region, start, 0xab), "%s", p->name);
        cr_assert(all_bytes_are(region + start, end - start, 0), "%s", p->name);
        cr_assert(all_bytes_are(region + end, size - end, 0xab), "%s", p->name);
        memset(region, 0xcd, size);
        cr_assert_eq(p->purge(region + 1, page), 0, "no whole page");
        cr_assert(all_bytes_are(region + 1, page, 0), "%s", p->name);
        cr_assert(region[0] == 0xcd && all_bytes_are(region + 1 + page, size - 1 - page, 0xcd),
                  "%s", p->name);
        p->give(region, size, 2 * MIB);
    }
}

Test(backing, purge_lowers_resident_memory)
{
    FOR_EACH_PROVIDER(p)
    {
        size_t size = 64 * MIB;
        unsigned char vector[64], *region = p->take(size, 2 * MIB);
        memset(region, 1, size);
        p->purge(region, size);
        cr_assert_eq(mincore(region, 64 * weir__os_page_size(), vector), 0);
        for (size_t i = 0; i < 64; i++)
            cr_assert_eq(vector[i] & 1, 0, "%s: page %zu is still there", p->name, i);
        p->give(region, size, 2 * MIB);
    }
}

Test(backing, what_is_given_goes_to_the_machine)
{
    FOR_EACH_PROVIDER(p)
    {
        unsigned char vector[16];
        char *region = p->take(32 * MIB, 2 * MIB);
        memset(region, 1, 32 * MIB);
        p->give(region, 32 * MIB, 2 * MIB);
        if (mincore(region, 16 * weir__os_page_size(), vector) == 0)
            for (size_t i = 0; i < 16; i++)
                cr_assert_eq(vector[i] & 1, 0, "%s: page %zu", p->name, i);
    }
}

/* Failed when jemalloc took 8 MiB of addresses for each: five fit then, of eleven. Valgrind takes
 * some for itself. */
Test(backing, chunks_take_no_more_addresses_than_they_are)
{
    FOR_EACH_PROVIDER(p)
    {
        pid_t child = fork();
        if (child == 0) {
            p->take(4 * MIB, 4 * MIB);
            size_t most = self_memory(SELF_ADDRESSES) + 45 * MIB;
            struct rlimit limit = {most, most};
            setrlimit(RLIMIT_AS, &limit);
            int got = 0;
            while (got < 20 && p->take(4 * MIB, 4 * MIB))
                got++;
            _exit(got);
        }
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_geq(WEXITSTATUS(status), 8, "%s: %d chunks", p->name, WEXITSTATUS(status));
    }
}

Test(backing, impossible_sizes_are_refused)
{
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 4096, PTRDIFF_MAX, PTRDIFF_MAX - 4096,
                                   (size_t)1 << 60};
    FOR_EACH_PROVIDER(p)
    {
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t alignment = 64; alignment <= GIB; alignment *= 4096) {
                errno = 0;
                cr_assert_null(p->take(sizes[i], alignment), "%s: %zu", p->name, sizes[i]);
                cr_assert_eq(errno, ENOMEM);
            }
    }
}

Test(backing, the_system_unmaps_what_is_given)
{
    unsigned char vector;
    char *region = weir__backing_system.take(MIB, MIB);
    weir__backing_system.give(region, MIB, MIB);
    cr_assert_eq(mincore(region, weir__os_page_size(), &vector), -1);
    cr_assert_eq(errno, ENOMEM);
}

Test(backing, an_address_space_limit_is_a_clean_failure)
{
    SKIP_UNDER_EMULATOR("its addresses and limits are not the program's");
    FOR_EACH_PROVIDER(p)
    {
        pid_t child = fork();
        if (child == 0) {
            struct rlimit limit = {4 * GIB, 4 * GIB};
            setrlimit(RLIMIT_AS, &limit);
            _exit(p->take(8 * GIB, 2 * MIB) == NULL && errno == ENOMEM ? 0 : 1);
        }
        int status;
        cr_assert_eq(waitpid(child, &status, 0), child);
        cr_assert_eq(status, 0, "%s: status %d", p->name, status);
    }
}

/* -- jemalloc's own promises -------------------------------------------------------- */

#if WEIR_WITH_JEMALLOC

Test(backing_jemalloc, raw_blocks_are_aligned_and_sized)
{
    const struct weir__backing *p = &weir_backing_jemalloc;
    cr_assert(p->start());
    for (size_t alignment = 1; alignment <= 4 * MIB; alignment *= 2)
        for (size_t size = 1; size <= 3 * MIB; size = size * 3 + 1) {
            char *block = p->raw_allocate(size, alignment);
            cr_assert_not_null(block);
            cr_assert_eq((uintptr_t)block % alignment, 0);
            memset(block, 3, size);
            p->raw_free(block);
        }
    errno = 0;
    cr_assert_null(p->raw_allocate(PTRDIFF_MAX, 64));
    cr_assert_eq(errno, ENOMEM);
    cr_assert_null(p->raw_allocate(SIZE_MAX, 64));
}

Test(backing_jemalloc, serves_a_program_that_brings_it)
{
    setenv("WEIR_BACKING", "pool", 1); /* whatever tool watches this test */
    cr_assert_eq(weir__backing_get(), &weir_backing_jemalloc);
}

static atomic_bool stop_taking;

static void *keep_taking(void *unused)
{
    const struct weir__backing *p = weir__backing_get();
    while (!atomic_load(&stop_taking)) {
        void *region = p->take(MIB, MIB);
        if (region)
            p->give(region, MIB, MIB);
    }
    return unused;
}

Test(backing_jemalloc, a_child_forked_while_threads_take_can_take)
{
    const struct weir__backing *p = weir__backing_get();
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, keep_taking, NULL), 0);
    for (int round = 0; round < 50; round++) {
        pid_t child = fork();
        if (child == 0) {
            void *region = p->take(MIB, MIB);
            if (region)
                memset(region, 1, MIB);
            _exit(region ? 0 : 1);
        }
        int status;
        waitpid(child, &status, 0);
        cr_assert_eq(status, 0);
    }
    atomic_store(&stop_taking, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
}

#endif

/* -- the choice ------------------------------------------------------------------------ */

Test(backing_choice, the_environment_can_ask_for_the_system)
{
    setenv("WEIR_BACKING", "system", 1);
    cr_assert_eq(weir__backing_get(), &weir__backing_system);
}

Test(backing_choice, the_environment_can_ask_for_malloc)
{
    setenv("WEIR_BACKING", "malloc", 1);
    cr_assert_eq(weir__backing_get(), &weir__backing_malloc);
    cr_assert(weir__backing_is_malloc());
}

Test(backing_choice, without_a_wish_malloc_serves_where_a_tool_watches_it)
{
    unsetenv("WEIR_BACKING");
    cr_assert_eq(weir__backing_is_malloc(), weir__os_memory_tool());
}

Test(backing_malloc, blocks_are_aligned_and_too_large_ones_are_refused)
{
    const struct weir__backing *p = &weir__backing_malloc;
    for (size_t alignment = 1; alignment <= 4 * MIB; alignment *= 2)
        for (size_t size = 1; size <= 3 * MIB; size = size * 3 + 1) {
            char *block = p->raw_allocate(size, alignment);
            cr_assert_not_null(block);
            cr_assert_eq((uintptr_t)block % alignment, 0);
            memset(block, 3, size);
            p->raw_free(block);
        }
    errno = 0;
    cr_assert_null(p->raw_allocate(PTRDIFF_MAX, 64));
    cr_assert_eq(errno, ENOMEM);
}

Test(backing_choice, is_made_once)
{
    const struct weir__backing *first = weir__backing_get();
    setenv("WEIR_BACKING", strcmp(first->name, "system") ? "system" : "jemalloc", 1);
    cr_assert_eq(weir__backing_get(), first);
}

Test(backing_choice, an_unknown_wish_is_said_and_not_fatal)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        setenv("WEIR_BACKING", "granite", 1);
        _exit(weir__backing_get() ? 0 : 1);
    }
    close(ends[1]);
    char line[200] = "";
    ssize_t length = read(ends[0], line, sizeof line - 1);
    cr_assert_gt(length, 0);
    cr_assert_not_null(strstr(line, "WEIR_BACKING=granite cannot be had here"), "%s", line);
    int status;
    waitpid(child, &status, 0);
    cr_assert_eq(status, 0);
}

static pthread_barrier_t start_line;

static void *first_caller(void *unused)
{
    (void)unused;
    pthread_barrier_wait(&start_line);
    return (void *)weir__backing_get();
}

Test(backing_choice, threads_that_come_first_together_agree)
{
    enum { THREADS = 8 };
    pthread_t threads[THREADS];
    pthread_barrier_init(&start_line, NULL, THREADS);
    for (int i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, first_caller, NULL), 0);
    for (int i = 0; i < THREADS; i++) {
        void *provider;
        pthread_join(threads[i], &provider);
        cr_assert_eq(provider, weir__backing_get());
    }
}
