/* Addresses are reserved, opened, closed and moved as os/pages.h says. */
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "os/pages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A figure of /proc/self/status, in bytes. */
static size_t status_of(const char *key)
{
    char line[200];
    unsigned long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    cr_assert_not_null(file);
    while (fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0 && sscanf(line + strlen(key), ": %lu", &kib) == 1)
            break;
    fclose(file);
    return kib * 1024;
}

static bool can_be_read(const char *address)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    bool can = write(ends[1], address, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return can;
}

static int ended(pid_t child)
{
    int status = -1;
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

Test(os_pages, a_reservation_is_aligned_and_closed)
{
    for (size_t alignment = 1; alignment <= GIB; alignment *= 2) {
        size_t size = 3 * weir__os_page_size();
        char *range = weir__os_reserve(size, alignment);
        cr_assert_not_null(range, "alignment %zu", alignment);
        cr_assert_eq((uintptr_t)range % alignment, 0);
        cr_assert_eq((uintptr_t)range % weir__os_page_size(), 0);
        cr_assert_not(can_be_read(range));
        weir__os_unmap(range, size);
    }
}

Test(os_pages, impossible_reservations_are_refused)
{
    static const size_t sizes[] = {SIZE_MAX, PTRDIFF_MAX, (size_t)1 << 60};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t alignment = 1; alignment; alignment *= 2) {
            errno = 0;
            cr_assert_null(weir__os_reserve(sizes[i], alignment));
            cr_assert_eq(errno, ENOMEM);
        }
    cr_assert_null(weir__os_reserve(1, (size_t)1 << 63));
}

Test(os_pages, only_what_is_opened_counts_as_data)
{
    SKIP_UNDER_EMULATOR("its addresses and limits are not the program's");
    size_t before = status_of("VmData");
    char *range = weir__os_reserve(256 * MIB, 4 * MIB);
    cr_assert_lt(status_of("VmData") - before, MIB, "reserving counts");
    cr_assert(weir__os_open(range + 64 * MIB, 4 * MIB));
    range[64 * MIB] = range[68 * MIB - 1] = 1;
    cr_assert_not(can_be_read(range + 64 * MIB - 1));
    cr_assert_not(can_be_read(range + 68 * MIB));
    size_t opened = status_of("VmData") - before;
    cr_assert_geq(opened, 4 * MIB);
    cr_assert_lt(opened, 5 * MIB);
    weir__os_close(range + 64 * MIB, 4 * MIB);
    cr_assert_not(can_be_read(range + 64 * MIB));
    cr_assert_lt(status_of("VmData") - before, MIB, "closing does not uncount");
    cr_assert(weir__os_open(range + 64 * MIB, 4 * MIB));
    cr_assert_eq(range[64 * MIB], 0, "contents outlive closing");
    weir__os_unmap(range, 256 * MIB);
}

Test(os_pages, locked_processes_do_not_populate_what_is_reserved)
{
    pid_t child = fork();
    if (child == 0) {
        if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
            _exit(0); /* not allowed here */
        size_t before = status_of("VmRSS");
        char *range = weir__os_reserve(256 * MIB, 4 * MIB);
        bool good = range && weir__os_open(range, 4 * MIB);
        size_t grown = status_of("VmRSS") - before;
        _exit(good && grown < 8 * MIB ? 0 : 1);
    }
    cr_assert_eq(ended(child), 0);
}

/* The surplus for an alignment is not taken where there is an aligned place at hand. */
Test(os_pages, an_alignment_fits_into_what_is_left_of_the_addresses)
{
    pid_t child = fork();
    if (child == 0) {
        size_t now = status_of("VmSize");
        struct rlimit limit = {now + 33 * MIB, now + 33 * MIB};
        setrlimit(RLIMIT_AS, &limit);
        int got = 0;
        while (got < 8 && weir__os_reserve(4 * MIB, 4 * MIB))
            got++;
        _exit(got);
    }
    cr_assert_eq(ended(child), 8 << 8);
}

Test(os_pages, opening_is_refused_at_the_data_limit)
{
    SKIP_UNDER_EMULATOR("its addresses and limits are not the program's");
    pid_t child = fork();
    if (child == 0) {
        size_t now = status_of("VmData");
        struct rlimit limit = {now + 16 * MIB, now + 16 * MIB};
        setrlimit(RLIMIT_DATA, &limit);
        char *range = weir__os_reserve(256 * MIB, 4 * MIB);
        errno = 7;
        bool good = range && weir__os_open(range, 8 * MIB) &&
                    !weir__os_open(range + 8 * MIB, 16 * MIB) && errno == 7 &&
                    !can_be_read(range + 8 * MIB);
        range[8 * MIB - 1] = 1;
        _exit(good ? 0 : 1);
    }
    cr_assert_eq(ended(child), 0);
}

static char *filled(size_t size, size_t alignment)
{
    char *range = weir__os_reserve(size, alignment);
    cr_assert(range && weir__os_open(range, size));
    for (size_t at = 0; at < size; at += 4096)
        memcpy(range + at, &at, sizeof at);
    return range;
}

static bool is_filled(const char *range, size_t size)
{
    for (size_t at = 0; at < size; at += 4096)
        if (memcmp(range + at, &at, sizeof at) != 0)
            return false;
    return true;
}

Test(os_pages, a_mapping_moves_with_its_contents_and_its_memory)
{
    char *range = filled(32 * MIB, 4 * MIB);
    for (size_t size = 32 * MIB; size < 256 * MIB; size += 16 * MIB) {
        void *wall = mmap(range + size, 4096, PROT_NONE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        size_t before = status_of("VmHWM");
        char *moved = weir__os_remap(range, size, size + 16 * MIB, 4 * MIB);
        cr_assert_not_null(moved, "at %zu MiB", size / MIB);
        cr_assert_eq((uintptr_t)moved % (4 * MIB), 0);
        cr_assert(is_filled(moved, size));
        cr_assert_eq(moved[size], 0);
        cr_assert_eq(moved[size + 16 * MIB - 1], 0);
        cr_assert_lt(status_of("VmHWM"), before + 4 * MIB, "copied");
        for (size_t at = size; at < size + 16 * MIB; at += 4096)
            memcpy(moved + at, &at, sizeof at);
        if (wall != MAP_FAILED)
            munmap(wall, 4096);
        range = moved;
    }
    weir__os_unmap(range, 256 * MIB);
}

Test(os_pages, a_mapping_grows_where_it_stands_if_there_is_room)
{
    char *range = filled(64 * MIB, 4 * MIB);
    munmap(range + 8 * MIB, 56 * MIB);
    cr_assert_eq(weir__os_remap(range, 8 * MIB, 32 * MIB, 4 * MIB), range);
    cr_assert(is_filled(range, 8 * MIB));
    cr_assert_eq(weir__os_remap(range, 32 * MIB, 4 * MIB, 4 * MIB), range);
    cr_assert_not(can_be_read(range + 4 * MIB));
    weir__os_unmap(range, 4 * MIB);
}

Test(os_pages, what_cannot_move_stays_and_costs_no_addresses)
{
    SKIP_UNDER_EMULATOR("its addresses and limits are not the program's");
    pid_t child = fork();
    if (child == 0) {
        char *range = filled(32 * MIB, 4 * MIB);
        (void)mmap(range + 32 * MIB, 4096, PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
        size_t now = status_of("VmSize"), data = status_of("VmData");
        struct rlimit addresses = {now + 128 * MIB, now + 128 * MIB};
        struct rlimit limit = {data + 8 * MIB, data + 8 * MIB};
        setrlimit(RLIMIT_AS, &addresses);
        setrlimit(RLIMIT_DATA, &limit);
        errno = 7;
        bool good = true;
        for (int i = 0; i < 10; i++)
            good &= weir__os_remap(range, 32 * MIB, 64 * MIB, 4 * MIB) == NULL && errno == 7;
        _exit(good && is_filled(range, 32 * MIB) && status_of("VmSize") <= now ? 0 : 1);
    }
    cr_assert_eq(ended(child), 0);
}

/* -- purging ---------------------------------------------------------------------------- */

enum { PURGED_PAGES = 5 };

static char *dirtied(void)
{
    size_t size = PURGED_PAGES * weir__os_page_size();
    char *memory = weir__os_map(size);
    cr_assert_not_null(memory);
    memset(memory, 0x5a, size);
    return memory;
}

/* Bytes of [from, to) that are not `wanted`. */
static size_t bytes_unlike(const char *memory, size_t from, size_t to, char wanted)
{
    size_t count = 0;
    for (size_t at = from; at < to; at++)
        count += memory[at] != wanted;
    return count;
}

static void purge_and_look(size_t from, size_t to)
{
    size_t page = weir__os_page_size(), size = PURGED_PAGES * page;
    size_t first = (from + page - 1) / page * page, last = to / page * page;
    size_t whole = last > first ? last - first : 0;
    char *memory = dirtied();
    cr_expect_eq(weir__os_purge(memory + from, to - from), whole, "[%zu, %zu)", from, to);
    cr_expect_eq(bytes_unlike(memory, 0, from, 0x5a), 0, "[%zu, %zu): before it", from, to);
    cr_expect_eq(bytes_unlike(memory, from, to, 0), 0, "[%zu, %zu)", from, to);
    cr_expect_eq(bytes_unlike(memory, to, size, 0x5a), 0, "[%zu, %zu): behind it", from, to);
    weir__os_unmap(memory, size);
}

/* Wherever its ends lie, as on machines of larger pages than a granule's. */
Test(os_pages, a_purge_clears_its_part_and_nothing_beside_it)
{
    size_t page = weir__os_page_size();
    const size_t ends[] = {0, 1, 64, page - 1, page};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
            for (size_t pages = 1; pages < PURGED_PAGES; pages++)
                if (ends[i] <= (pages - 1) * page + ends[k])
                    purge_and_look(ends[i], (pages - 1) * page + ends[k]);
}
