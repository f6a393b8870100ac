/*
 * Zeroed memory is zero, whoever had it before, and costs no memory until it is written: a sparse
 * table that is taken, freed and taken again stays sparse. (tests/scripts/platform.sh asks the same
 * of each backing.)
 */
#include "../helpers/promise.h"
#include "../helpers/self.h"

#include <unistd.h>
#include <weir/weir.h>

/* A word every `step` bytes; each was zero. */
static void write_sparsely(unsigned char *table, size_t size, size_t step, const char *what)
{
    size_t dirty = 0;
    for (size_t at = 0; at < size; at += step) {
        dirty += table[at] != 0;
        table[at] = 0xA5;
    }
    cr_assert_eq(dirty, 0, "%s: %zu of %zu bytes looked at were not zero", what, dirty,
                 size / step + 1);
}

/* How a table is taken and given back. */
struct way {
    const char *what;
    unsigned char *(*take)(size_t size);
    void (*give)(unsigned char *table);
};

static unsigned char *take_zeroed(size_t size)
{
    return weir_allocate_zeroed(cpu(), size, 1);
}

static unsigned char *take_aligned(size_t size)
{
    return weir_allocate_zeroed_aligned(cpu(), size / 64, 64, 1 << 16);
}

static void give_block(unsigned char *table)
{
    weir_deallocate(cpu(), table);
}

static weir_tensor *tensor;
static unsigned char *take_tensor(size_t size)
{
    tensor = weir_tensor_create_zeroed_in(cpu(), (int64_t[]){(int64_t)size}, 1, WEIR_UINT8);
    return weir_tensor_data(tensor);
}

static void give_tensor(unsigned char *table)
{
    (void)table;
    weir_tensor_release(tensor);
}

static weir_buffer buffer;
static unsigned char *take_buffer(size_t size)
{
    cr_assert_eq(weir_buffer_init(&buffer, cpu(), size, 1), 0);
    return weir_buffer_data(&buffer);
}

static void give_buffer(unsigned char *table)
{
    (void)table;
    weir_buffer_release(&buffer);
}

static const struct way ways[] = {{"weir_allocate_zeroed", take_zeroed, give_block},
                                  {"weir_allocate_zeroed_aligned", take_aligned, give_block},
                                  {"a zeroed tensor", take_tensor, give_tensor},
                                  {"a buffer", take_buffer, give_buffer}};

/* Four jobs, each with the table of the one before. */
static void stay_sparse(const struct way *way, size_t size)
{
    size_t before = self_memory(SELF_RESIDENT);
    for (int job = 0; job < 4; job++) {
        unsigned char *table = way->take(size);
        cr_assert_not_null(table, "%s", way->what);
        write_sparsely(table, size, size / 16, way->what);
        size_t now = self_memory(SELF_RESIDENT);
        cr_expect_lt(now, before + 48 * MIB, "%s of %zu MiB, job %d: %zu MiB resident", way->what,
                     size / MIB, job, now / MIB);
        way->give(table);
    }
}

Test(zeroed, tables_stay_sparse, .timeout = 60)
{
    for (int i = 0; i < 4; i++)
        for (size_t size = 96 * MIB; size <= 768 * MIB; size *= 2)
            stay_sparse(&ways[i], size);
}

/* Freed, trimmed, cut into others, taken again: zero. */
Test(zeroed, large_memory_is_zero_whoever_had_it, .timeout = 60)
{
    uint64_t random = 11;
    for (int round = 0; round < 60; round++) {
        size_t size = 64 * KIB + random_below(&random, 24 * MIB);
        unsigned char *block = weir_allocate(cpu(), size), *zeroed;
        memset(block, 0xFF, size);
        weir_deallocate(cpu(), block);
        if (round % 3 == 0)
            weir_trim(cpu());
        size = round % 2 ? size : random_below(&random, 2 * size);
        zeroed = weir_allocate_zeroed(cpu(), size, 1);
        cr_assert_not_null(zeroed);
        cr_assert(is_all_zero(zeroed, size), "round %d: %zu bytes are not all zero", round, size);
        memset(zeroed, 0xEE, size);
        weir_deallocate(cpu(), zeroed);
    }
}

Test(zeroed, small_memory_is_zero_whoever_had_it, .timeout = 60)
{
    enum { HELD = 500 };
    static unsigned char *held[HELD];
    static size_t sizes[HELD];
    uint64_t random = 12;
    for (int step = 0; step < 60000; step++) {
        size_t at = random_below(&random, HELD);
        weir_deallocate(cpu(), held[at]);
        sizes[at] = random_size(&random, 60000);
        held[at] = weir_allocate_zeroed(cpu(), 1, sizes[at]);
        cr_assert(is_all_zero(held[at], sizes[at]), "step %d: %zu bytes are not all zero", step,
                  sizes[at]);
        memset(held[at], 0xEE, sizes[at]);
        if (step % 5000 == 0)
            weir_trim(cpu());
    }
    for (int i = 0; i < HELD; i++)
        weir_deallocate(cpu(), held[i]);
}

/* Huge ones, written in every page, then sparse ones: what was written is gone. */
Test(zeroed, huge_memory_is_zero_after_it_was_written, .timeout = 60)
{
    for (int round = 0; round < 3; round++) {
        size_t size = 200 * MIB, dirty = 0;
        unsigned char *table = weir_allocate_zeroed(cpu(), size, 1);
        cr_assert_not_null(table);
        for (size_t at = (size_t)round * 7; at < size; at += 4096) {
            dirty += table[at] != 0;
            table[at] = 1;
        }
        cr_assert_eq(dirty, 0, "round %d: %zu pages are not zero", round, dirty);
        weir_deallocate(cpu(), table);
        unsigned char *half = weir_allocate_zeroed(cpu(), size / 2 + 4096, 1);
        cr_assert(is_all_zero(half, size / 2 + 4096), "round %d: half of it is not zero", round);
        weir_deallocate(cpu(), half);
    }
}
