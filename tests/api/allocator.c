/* The calls on blocks keep what allocator.h says of them, one by one. */
#include "../helpers/context.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <weir/weir.h>

/* The call failed: only `failures` moved, by one, and there is a reason. */
#define EXPECT_REFUSED(call, code)                                                                 \
    do {                                                                                           \
        weir_stats before_ = stats_of(cpu()), after_;                                              \
        errno = 0;                                                                                 \
        cr_expect_null(call, #call);                                                               \
        cr_expect_eq(errno, code, #call ": errno %d", errno);                                      \
        cr_expect_str_neq(weir_last_error(), "", #call);                                           \
        after_ = stats_of(cpu());                                                                  \
        cr_expect_eq(after_.failures, before_.failures + ((code) == ENOMEM), #call);               \
        cr_expect_eq(after_.total_allocated, before_.total_allocated, #call);                      \
        cr_expect_eq(after_.peak_allocated, before_.peak_allocated, #call);                        \
        cr_expect_eq(after_.allocation_count, before_.allocation_count, #call);                    \
        cr_expect_eq(after_.allocations, before_.allocations, #call);                              \
        cr_expect_eq(after_.deallocations, before_.deallocations, #call);                          \
        cr_expect_eq(after_.in_use, before_.in_use, #call);                                        \
    } while (0)

Test(allocate, a_block_is_counted_by_what_was_requested)
{
    size_t sum = 0;
    for (size_t size = 0; size < 5000; size += 7) {
        void *block = weir_allocate(cpu(), size);
        cr_assert_not_null(block);
        cr_assert_eq(weir_requested_size(cpu(), block), size);
        sum += size;
        cr_assert_eq(weir_total_allocated(cpu()), sum);
    }
}

Test(allocate, is_64_byte_aligned_unless_told_otherwise)
{
    for (size_t size = 0; size < 300000; size += 1 + size / 16) {
        cr_assert_eq((uintptr_t)weir_allocate(cpu(), size) % 64, 0, "%zu bytes", size);
        cr_assert_eq((uintptr_t)weir_allocate_zeroed(cpu(), 1, size) % 64, 0, "%zu bytes", size);
    }
}

Test(allocate, every_power_of_two_is_an_alignment)
{
    for (size_t alignment = 1; alignment <= 256 * MIB; alignment *= 2)
        for (size_t size = 1; size <= 2 * MIB; size = size * 5 + 3) {
            char *block = weir_allocate_aligned(cpu(), size, alignment);
            cr_assert_not_null(block, "%zu bytes at %zu", size, alignment);
            cr_assert_eq((uintptr_t)block % alignment, 0, "%zu bytes at %zu", size, alignment);
            cr_assert_geq(weir_usable_size(cpu(), block), size);
            block[0] = block[size - 1] = 1;
            char *zeroed = weir_allocate_zeroed_aligned(cpu(), 1, size, alignment);
            cr_assert_eq((uintptr_t)zeroed % alignment, 0);
            cr_assert(is_all_zero(zeroed, size));
            weir_deallocate(cpu(), zeroed);
            weir_deallocate(cpu(), block);
        }
    cr_assert_eq(weir_total_allocated(cpu()), 0);
}

Test(allocate, an_alignment_that_is_no_power_of_two_is_refused)
{
    static const size_t bad[] = {0, 3, 6, 24, 65, 100, SIZE_MAX, SIZE_MAX - 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        EXPECT_REFUSED(weir_allocate_aligned(cpu(), 10, bad[i]), EINVAL);
        EXPECT_REFUSED(weir_allocate_aligned(cpu(), MIB, bad[i]), EINVAL);
        EXPECT_REFUSED(weir_allocate_zeroed_aligned(cpu(), 1, 10, bad[i]), EINVAL);
    }
}

Test(allocate, impossible_sizes_are_refused)
{
    void *small = weir_allocate(cpu(), 10), *large = weir_allocate(cpu(), MIB);
    static const size_t bad[] = {
        SIZE_MAX,    SIZE_MAX - 63,      SIZE_MAX / 2,    (size_t)PTRDIFF_MAX + 1,
        PTRDIFF_MAX, PTRDIFF_MAX - 4096, (size_t)1 << 60, (size_t)1 << 47};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        EXPECT_REFUSED(weir_allocate(cpu(), bad[i]), ENOMEM);
        EXPECT_REFUSED(weir_allocate_aligned(cpu(), bad[i], 4096), ENOMEM);
        EXPECT_REFUSED(weir_allocate_zeroed(cpu(), bad[i], 1), ENOMEM);
        EXPECT_REFUSED(weir_allocate_zeroed(cpu(), bad[i], 2), ENOMEM);
        EXPECT_REFUSED(weir_allocate_zeroed(cpu(), 7, bad[i]), ENOMEM);
        EXPECT_REFUSED(weir_reallocate(cpu(), small, bad[i]), ENOMEM);
        EXPECT_REFUSED(weir_reallocate(cpu(), large, bad[i]), ENOMEM);
    }
    EXPECT_REFUSED(weir_allocate_aligned(cpu(), 10, (size_t)1 << 63), ENOMEM);
    EXPECT_REFUSED(weir_allocate_aligned(cpu(), 10, (size_t)1 << 62), ENOMEM);
    EXPECT_REFUSED(weir_allocate_zeroed(cpu(), (size_t)1 << 32, (size_t)1 << 32), ENOMEM);
}

Test(allocate, zero_bytes_are_a_block_of_their_own)
{
    void *blocks[100];
    for (int i = 0; i < 100; i++) {
        blocks[i] = i % 2 ? weir_allocate(cpu(), 0) : weir_allocate_zeroed(cpu(), 0, 8);
        cr_assert_not_null(blocks[i]);
        for (int j = 0; j < i; j++)
            cr_assert_neq(blocks[j], blocks[i]);
    }
    cr_assert_eq(weir_total_allocated(cpu()), 0);
    cr_assert_eq(weir_peak_allocated(cpu()), 0);
    cr_assert_eq(weir_allocation_count(cpu()), 100);
    for (int i = 0; i < 100; i++)
        weir_deallocate(cpu(), blocks[i]);
    cr_assert_eq(weir_allocation_count(cpu()), 0);
}

Test(allocate, zeroed_is_zero_over_memory_that_was_used)
{
    static const size_t sizes[] = {1, 48, 64, 1000, 4096, 16384, 16385, 100000, MIB, 9 * MIB};
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
            unsigned char *block = weir_allocate(cpu(), sizes[i]);
            memset(block, 0xff, sizes[i]);
            weir_deallocate(cpu(), block);
            if (round % 5 == 4)
                weir_trim(cpu());
            block = weir_allocate_zeroed(cpu(), 1, sizes[i]);
            cr_assert(is_all_zero(block, sizes[i]), "%zu bytes, round %d", sizes[i], round);
            memset(block, 0xff, sizes[i]);
            weir_deallocate(cpu(), block);
        }
}

/* In the opposite order: what comes out of a slab or a hole that was zero once. */
Test(allocate, zeroed_is_zero_beside_blocks_that_are_not)
{
    enum { N = 20000 };
    static unsigned char *blocks[N];
    static size_t sizes[N];
    uint64_t random = 11;
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++) {
            sizes[i] = random_size(&random, 30000);
            bool zeroed = random_below(&random, 2);
            blocks[i] = zeroed ? weir_allocate_zeroed_aligned(cpu(), sizes[i], 1, i % 2 ? 16 : 64)
                               : weir_allocate(cpu(), sizes[i]);
            cr_assert(!zeroed || is_all_zero(blocks[i], sizes[i]), "%zu bytes", sizes[i]);
            memset(blocks[i], 0xa5, weir_usable_size(cpu(), blocks[i]));
        }
        for (int i = 0; i < N; i++)
            weir_deallocate(cpu(), blocks[i]);
        weir_trim(cpu());
    }
}

Test(deallocate, null_does_nothing)
{
    errno = 7;
    weir_deallocate(cpu(), NULL);
    weir_deallocate_sized(cpu(), NULL, 5);
    cr_assert_eq(errno, 7);
    cr_assert_eq(weir_usable_size(cpu(), NULL), 0);
    cr_assert_eq(weir_requested_size(cpu(), NULL), 0);
    cr_assert_eq(stats_of(cpu()).deallocations, 0);
}

Test(deallocate, keeps_errno)
{
    for (size_t size = 1; size < 64 * MIB; size = size * 3) {
        void *blocks[70];
        for (int i = 0; i < 70; i++)
            blocks[i] = weir_allocate(cpu(), size);
        errno = 7;
        for (int i = 0; i < 70; i++)
            weir_deallocate(cpu(), blocks[i]);
        cr_assert_eq(errno, 7, "%zu bytes", size);
    }
}

Test(reallocate, grows_and_shrinks_with_its_contents)
{
    static const size_t sizes[] = {0,     1,     63,    64,  65,      100,      1000,
                                   16384, 16385, 50000, MIB, 3 * MIB, 200 * MIB};
    enum { N = sizeof sizes / sizeof *sizes };
    for (int from = 0; from < N; from++)
        for (int to = 0; to < N; to++) {
            unsigned char *block = weir_allocate(cpu(), sizes[from]);
            pattern_write(block, sizes[from], 9);
            block = weir_reallocate(cpu(), block, sizes[to]);
            cr_assert_not_null(block);
            size_t kept = sizes[from] < sizes[to] ? sizes[from] : sizes[to];
            cr_assert(pattern_holds(block, kept, sizes[from], 9), "%zu to %zu", sizes[from],
                      sizes[to]);
            cr_assert_eq(weir_total_allocated(cpu()), sizes[to]);
            cr_assert_eq(weir_requested_size(cpu(), block), sizes[to]);
            cr_assert_eq(weir_allocation_count(cpu()), 1);
            weir_deallocate(cpu(), block);
        }
}

Test(reallocate, null_allocates)
{
    void *block = weir_reallocate(cpu(), NULL, 77);
    cr_assert_eq(weir_total_allocated(cpu()), 77);
    cr_assert_eq(weir_reallocate(cpu(), block, 78), block);
    cr_assert_eq(weir_total_allocated(cpu()), 78);
}

Test(reallocate, keeps_the_alignment)
{
    static const size_t alignments[] = {1, 16, 64, 256, 1024, 4096, 65536, 2 * MIB};
    uint64_t random = 3;
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++) {
        char *block = weir_allocate_aligned(cpu(), 10, alignments[i]);
        for (int round = 0; round < 300; round++) {
            block = weir_reallocate(cpu(), block, random_size(&random, MIB));
            cr_assert_eq((uintptr_t)block % alignments[i], 0, "alignment %zu", alignments[i]);
        }
        weir_deallocate(cpu(), block);
    }
}

Test(reallocate, in_place_never_shows_both_sizes)
{
    char *block = weir_allocate(cpu(), 20 * MIB);
    weir_reset_peak(cpu());
    for (size_t size = 20 * MIB; size > 17 * MIB; size -= 4096) {
        cr_assert_eq(weir_reallocate(cpu(), block, size), block);
        cr_assert_eq(weir_total_allocated(cpu()), size);
    }
    cr_assert_eq(weir_peak_allocated(cpu()), 20 * MIB);
}

Test(statistics, the_peak_is_that_of_the_total)
{
    void *a = weir_allocate(cpu(), 1000), *b = weir_allocate(cpu(), 500);
    weir_deallocate(cpu(), a);
    void *c = weir_allocate(cpu(), 700);
    cr_assert_eq(weir_peak_allocated(cpu()), 1500);
    weir_reset_peak(cpu());
    cr_assert_eq(weir_peak_allocated(cpu()), 1200);
    weir_deallocate(cpu(), b);
    weir_deallocate(cpu(), c);
    cr_assert_eq(weir_peak_allocated(cpu()), 1200);
    weir_reset_peak(cpu());
    cr_assert_eq(weir_peak_allocated(cpu()), 0);
}

static void *allocate_one(void *size)
{
    return weir_allocate(cpu(), (size_t)(uintptr_t)size);
}

Test(threads, one_may_free_what_another_made_and_left)
{
    void *blocks[64];
    for (int i = 0; i < 64; i++) {
        pthread_t thread;
        cr_assert_eq(pthread_create(&thread, NULL, allocate_one, (void *)(uintptr_t)(i * 1000)), 0);
        pthread_join(thread, &blocks[i]);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq(weir_allocation_count(cpu()), i + 1);
    }
    for (int i = 0; i < 64; i++)
        weir_deallocate(cpu(), blocks[i]);
    cr_assert_eq(weir_total_allocated(cpu()), 0);
    cr_assert_eq(stats_of(cpu()).in_use, 0);
}

Test(allocator, null_is_refused_by_every_call)
{
    static void *(*const resize)(weir_allocator *, void *, size_t) = weir_reallocate;
    void *small = weir_allocate(weir_cpu_allocator(), 100);
    void *large = weir_allocate(weir_cpu_allocator(), 1 << 20);
    void *got[] = {weir_allocate(NULL, 10),
                   weir_allocate_aligned(NULL, 10, 64),
                   weir_allocate_zeroed(NULL, 1, 10),
                   weir_allocate_zeroed_aligned(NULL, 1, 10, 64),
                   weir_allocate(NULL, 0),
                   weir_allocate(NULL, 1 << 20),
                   resize(NULL, NULL, 10)};
    for (size_t i = 0; i < sizeof got / sizeof *got; i++)
        cr_assert_null(got[i], "call %zu", i);
    errno = 0;
    cr_assert_null(weir_allocate(NULL, 10));
    cr_assert_eq(errno, EINVAL);
    for (int i = 0; i < 2; i++) {
        void *block = i ? large : small;
        errno = 0;
        cr_assert_null(resize(NULL, block, 90));
        cr_assert_eq(errno, EINVAL);
        weir_deallocate(NULL, block);
        weir_deallocate_sized(NULL, block, 100);
        cr_assert_not(weir_owns(NULL, block));
        cr_assert_eq(weir_usable_size(NULL, block), 0);
        cr_assert_eq(weir_requested_size(NULL, block), 0);
        cr_assert_eq(weir_block_tag(NULL, block), 0);
        cr_assert(weir_owns(weir_cpu_allocator(), block), "nothing was carried out");
        weir_deallocate(weir_cpu_allocator(), block);
        weir_deallocate(NULL, block); /* where the block's slot has no owner any more */
    }
    weir_deallocate(NULL, NULL);
    weir_deallocate_sized(NULL, NULL, 1);
    cr_assert_eq(weir_total_allocated(NULL), 0);
    cr_assert_eq(weir_peak_allocated(NULL), 0);
    cr_assert_eq(weir_allocation_count(NULL), 0);
    weir_reset_peak(NULL);
    weir_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_stats_get(NULL, &stats), EINVAL);
    cr_assert_eq(weir_allocator_destroy(NULL), EINVAL);
    cr_assert_eq(weir_set_limit(NULL, 1), EINVAL);
    cr_assert_eq(weir_trim(NULL), 0);
    cr_assert_str_empty(weir_allocator_name(NULL));
    cr_assert_null(weir_allocator_parent(NULL));
}

/* The quick way from a block to where it lies knows the 256 GiB around the first memory. */
Test(deallocate, knows_blocks_far_from_the_first)
{
    enum { BLOCKS = 3000 };
    static void *blocks[BLOCKS];
    size_t between = (size_t)300 << 30, total = weir_total_allocated(cpu());
    blocks[0] = weir_allocate(cpu(), 100);
    void *hole = mmap(NULL, between, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (hole == MAP_FAILED)
        cr_skip_test("no 300 GiB of address space");
    for (size_t i = 1; i < BLOCKS; i++)
        blocks[i] = weir_allocate(cpu(), 15000);
    char *large = weir_allocate(cpu(), 100 * MIB), *last = blocks[BLOCKS - 1];
    cr_assert((char *)hole - last > 0 || last - (char *)hole >= (ptrdiff_t)between);
    cr_assert_eq(weir_usable_size(cpu(), large), 100 * MIB);
    cr_assert_eq(weir_requested_size(cpu(), last), 15000);
    blocks[1] = weir_reallocate(cpu(), blocks[1], 16000);
    large = weir_reallocate(cpu(), large, 300 * MIB);
    weir_deallocate(cpu(), large);
    for (size_t i = 0; i < BLOCKS; i++)
        weir_deallocate(cpu(), blocks[i]);
    cr_assert_eq(weir_total_allocated(cpu()), total);
    munmap(hole, between);
}
