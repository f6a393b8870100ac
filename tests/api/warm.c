/*
 * Large blocks of hardened contexts that are freed faster than there is time to close them
 * (pool/warm.h): they keep their pages, and what is promised of them holds: the page behind a live
 * one is closed, whatever place it has; what is written to the ends of a freed one is found; zeroed
 * ones are zero; figures are exact; a trim closes all.
 */
#include "../helpers/core.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/weir.h>

/* So large that to close one is dear beside a turn of the loop, on a busy machine, too: what is
 * dear is judged by its pages, and time passes while others run. */
enum { SIZE = 2 << 20, ENOUGH = 200000 };

static weir_allocator *hardened_make(weir_allocator *parent)
{
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.size = sizeof(weir_allocator_options),
                                                        .name = "h",
                                                        .parent = parent,
                                                        .hardened = WEIR_HARDENED_ON});
    cr_assert_not_null(a, "%s", weir_last_error());
    return a;
}

/* May a byte there be read? The kernel says. */
static bool is_open(const void *byte)
{
    static int pipe_ends[2] = {-1, -1};
    char back;
    if (pipe_ends[0] < 0)
        cr_assert_eq(pipe(pipe_ends), 0);
    if (write(pipe_ends[1], byte, 1) != 1) {
        cr_assert_eq(errno, EFAULT);
        return false;
    }
    return read(pipe_ends[0], &back, 1) == 1;
}

static const char *behind(const char *block, size_t size)
{
    return block + (size + 63) / 64 * 64;
}

/* Frees so fast that blocks keep their pages. The latest of them. */
static char *hurry(weir_allocator *a)
{
    for (int i = 0; i < ENOUGH; i++) {
        char *block = weir_allocate(a, SIZE);
        block[0] = block[SIZE - 1] = 1;
        weir_deallocate(a, block);
        if (is_open(block))
            return block;
    }
    cr_assert_fail("no block keeps its pages");
    return NULL;
}

/* -- what a handler hears ------------------------------------------------------------------ */

static size_t heard;
static char heard_line[256];

static void hear(weir_misuse what, const void *pointer, const char *line, void *unused)
{
    (void)what;
    (void)pointer;
    (void)unused;
    heard++;
    snprintf(heard_line, sizeof heard_line, "%s", line);
}

static void heard_expect(const char *block, int byte)
{
    char line[256];
    snprintf(
        line, sizeof line,
        "weir: write after free: %p (allocator \"h\"): byte %d was written of what was a block "
        "of %d bytes",
        (const void *)block, byte, SIZE);
    cr_assert_eq(heard, 1);
    cr_assert_str_eq(heard_line, line);
    heard = 0;
}

Test(warm, the_first_are_closed_at_once_and_then_some_keep_their_pages)
{
    weir_allocator *a = hardened_make(NULL);
    char *block = weir_allocate(a, SIZE);
    weir_deallocate(a, block);
    cr_assert_not(is_open(block));
    block = hurry(a);
    cr_assert(is_all_zero((unsigned char *)block, 256));
    cr_assert(is_all_zero((unsigned char *)block + SIZE - 256, 256));
    cr_assert_not(is_open(behind(block, SIZE)));
    cr_assert_eq(weir_check(a), 0);
    weir_trim(a);
    cr_assert_not(is_open(block));
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(warm, what_is_written_to_the_ends_is_found)
{
    static const int offsets[] = {0, 100, 255, SIZE - 256, SIZE - 1};
    weir_set_misuse_handler(hear, NULL);
    weir_allocator *a = hardened_make(NULL);
    for (size_t i = 0; i < sizeof offsets / sizeof *offsets; i++) {
        char *block = hurry(a);
        heard = 0;
        block[offsets[i]] = 1;
        cr_assert_eq(weir_check(a), 1);
        heard_expect(block, offsets[i]);
        weir_trim(a);
        heard_expect(block, offsets[i]);
        cr_assert_not(is_open(block));
    }
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(warm, a_damaged_one_is_told_and_goes_to_nobody)
{
    weir_set_misuse_handler(hear, NULL);
    weir_allocator *a = hardened_make(NULL);
    char *block = hurry(a);
    block[9] = 1;
    for (int i = 0; i < ENOUGH && !heard; i++)
        weir_deallocate(a, weir_allocate(a, SIZE));
    heard_expect(block, 9);
    cr_assert_not(is_open(block));
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* -- of all sizes ---------------------------------------------------------------------------- */

enum { SLOTS = 64, ROUNDS = 40000 };

struct slot {
    char *block;
    size_t size;
    weir_allocator *a;
};

static void slot_fill(struct slot *slot, weir_allocator *a, uint64_t *random)
{
    size_t size = 20000 + random_next(random) % (random_next(random) % 8 ? 200000 : 3000000);
    bool zeroed = random_next(random) % 4 == 0;
    *slot =
        (struct slot){zeroed ? weir_allocate_zeroed(a, 1, size) : weir_allocate(a, size), size, a};
    cr_assert_not_null(slot->block);
    cr_assert(!zeroed || is_all_zero((unsigned char *)slot->block, size));
    cr_assert_eq((uintptr_t)slot->block % WEIR_DEFAULT_ALIGNMENT, 0);
    memset(slot->block, 0x5a, size);
}

static void slot_empty(struct slot *slot)
{
    if (slot->block)
        weir_deallocate(slot->a, slot->block);
    slot->block = NULL;
}

static size_t slots_total(const struct slot *slots, const weir_allocator *a, size_t *count)
{
    size_t total = 0;
    *count = 0;
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].block && (!a || slots[i].a == a)) {
            total += slots[i].size;
            ++*count;
        }
    return total;
}

static void slots_expect(const struct slot *slots, const weir_allocator *a)
{
    size_t count, total = slots_total(slots, a, &count);
    cr_assert_eq(weir_total_allocated(a), total);
    cr_assert_eq(weir_allocation_count(a), count);
    cr_assert_eq(weir_check(a), 0);
}

Test(warm, blocks_of_any_size_end_at_a_closed_page_and_figures_are_exact)
{
    struct slot slots[SLOTS] = {{NULL, 0, NULL}};
    weir_allocator *parent = hardened_make(NULL), *child = hardened_make(parent);
    uint64_t random = 17;
    hurry(parent);
    for (int round = 0; round < (int)scaled(ROUNDS); round++) {
        struct slot *slot = &slots[random_next(&random) % SLOTS];
        slot_empty(slot);
        if (random_next(&random) % 4)
            slot_fill(slot, random_next(&random) % 2 ? parent : child, &random);
        if (slot->block && round % 16 == 0)
            cr_assert_not(is_open(behind(slot->block, slot->size)));
        if (round % 1000)
            continue;
        slots_expect(slots, child);
        size_t count;
        cr_assert_eq(weir_total_allocated(parent), slots_total(slots, NULL, &count));
    }
    size_t count;
    cr_assert_eq(weir_allocator_destroy(child), 0); /* with its blocks, among those of the other */
    cr_assert_eq(weir_total_allocated(parent), slots_total(slots, parent, &count));
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].a == parent)
            slot_empty(&slots[i]);
    cr_assert_eq(weir_total_allocated(parent), 0);
    for (int i = 0; i < 1000; i++)
        weir_deallocate(parent, weir_allocate(parent, 20000 + (size_t)i * 3000));
    cr_assert_eq(weir_check(parent), 0);
    cr_assert_eq(weir_allocator_destroy(parent), 0);
}
