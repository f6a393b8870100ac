/*
 * Allocators over a user's functions, as weir/allocator.h has it: whatever addresses the functions
 * give, blocks are aligned as asked for, functions get back what they gave, and weir writes
 * nothing into a block that the host cannot touch, nor beside it.
 */
#include "../helpers/core.h"
#include "../helpers/object.h"

/* Gives addresses that are `odd` bytes past a page's start, out of a window of its own, and knows
 * what is out. */
#define MOST_OUT 64

struct giver {
    size_t odd;
    size_t asked[MOST_OUT], alignments[MOST_OUT];
    char *out[MOST_OUT];
    size_t nout, calls;
    size_t refuse_above; /* bytes; 0: none */
    weir_allocator *allocator;
};

#define PAGE ((size_t)4096)

static void *giver_allocate(void *user, size_t size, size_t alignment)
{
    struct giver *g = user;
    g->calls++;
    cr_assert_lt(g->nout, MOST_OUT);
    if (g->refuse_above && size > g->refuse_above)
        return NULL;
    char *start = aligned_alloc(PAGE, (size + 2 * PAGE - 1) & ~(PAGE - 1));
    cr_assert_not_null(start);
    memset(start, 0x77, g->odd);
    g->asked[g->nout] = size;
    g->alignments[g->nout] = alignment;
    return g->out[g->nout++] = start + g->odd;
}

static void giver_free(void *user, void *block, size_t size, size_t alignment)
{
    struct giver *g = user;
    size_t i = 0;
    while (i < g->nout && g->out[i] != block)
        i++;
    cr_assert_lt(i, g->nout, "a pointer that was not given");
    cr_expect_eq(size, g->asked[i]);
    cr_expect_eq(alignment, g->alignments[i]);
    for (char *before = g->out[i] - g->odd; before < g->out[i]; before++)
        cr_expect_eq(*before, 0x77, "written before the block");
    free(g->out[i] - g->odd);
    g->nout--;
    g->out[i] = g->out[g->nout];
    g->asked[i] = g->asked[g->nout];
    g->alignments[i] = g->alignments[g->nout];
}

static void giver_make(struct giver *g, size_t odd)
{
    static const weir_allocator_functions functions = {.allocate = giver_allocate,
                                                       .deallocate = giver_free};
    *g = (struct giver){.odd = odd};
    g->allocator = weir_allocator_create(&(weir_allocator_options){.name = "giver",
                                                                   .parent = WEIR_NO_PARENT,
                                                                   .source = WEIR_SOURCE_FUNCTIONS,
                                                                   .functions = &functions,
                                                                   .user = g});
    cr_assert_not_null(g->allocator);
}

static void giver_end(struct giver *g)
{
    cr_expect_eq(weir_allocator_destroy(g->allocator), 0);
    cr_expect_eq(g->nout, 0, "%zu not given back", g->nout);
}

static bool is_aligned(const void *block, size_t alignment)
{
    return (uintptr_t)block % alignment == 0;
}

Test(provided, what_is_aligned_is_taken_as_it_is)
{
    struct giver g;
    giver_make(&g, 0);
    for (size_t alignment = 1; alignment <= PAGE; alignment *= 2) {
        void *block = weir_allocate_aligned(g.allocator, 1000, alignment);
        cr_assert_eq(block, g.out[0]);
        cr_expect_eq(g.asked[0], 1000);
        cr_expect_eq(g.alignments[0], alignment);
        weir_deallocate(g.allocator, block);
    }
    cr_expect_eq(g.calls, 13);
    giver_end(&g);
}

Test(provided, what_is_not_aligned_is_put_into_more)
{
    static const size_t odds[] = {1, 8, 16, 24, 48, 64, 2048, 4095};
    for (size_t i = 0; i < sizeof odds / sizeof *odds; i++) {
        struct giver g;
        giver_make(&g, odds[i]);
        for (size_t alignment = 1; alignment <= (size_t)1 << 21; alignment *= 2) {
            void *block = weir_allocate_aligned(g.allocator, 1000, alignment);
            cr_assert(block && is_aligned(block, alignment), "%zu past, aligned %zu", odds[i],
                      alignment);
            cr_expect_eq(g.nout, 1);
            bool fits = odds[i] % alignment == 0;
            cr_expect_eq(g.asked[0], fits ? 1000 : 1000 + alignment);
            cr_expect((char *)block >= g.out[0] && (char *)block + 1000 <= g.out[0] + g.asked[0]);
            memset(block, 0x55, 1000);
            expect_live(g.allocator, 1000, 1);
            cr_expect_eq(weir_usable_size(g.allocator, block), 1000);
            cr_expect_eq(weir_requested_size(g.allocator, block), 1000);
            cr_expect(weir_owns(g.allocator, block));
            weir_deallocate_sized(g.allocator, block, 1000);
            cr_expect_eq(g.nout, 0);
        }
        giver_end(&g);
    }
}

/* One address tells: the next request is made with room at once, and one for no more than that
 * without. */
Test(provided, what_a_provider_does_not_align_is_learnt)
{
    struct giver g;
    giver_make(&g, 16);
    weir_deallocate(g.allocator, weir_allocate(g.allocator, 100));
    cr_expect_eq(g.calls, 2);
    weir_deallocate(g.allocator, weir_allocate(g.allocator, 100));
    cr_expect_eq(g.calls, 3);
    void *plain = weir_allocate_aligned(g.allocator, 100, 16);
    cr_expect_eq(g.calls, 4);
    cr_expect_eq(plain, g.out[0]);
    cr_expect_eq(g.asked[0], 100);
    giver_end(&g);
}

Test(provided, shifted_blocks_move_clear_and_end_as_others_do)
{
    struct giver g;
    giver_make(&g, 8);
    unsigned char *block = weir_allocate_zeroed(g.allocator, 100, 1);
    cr_assert(block && is_aligned(block, 64));
    for (size_t i = 0; i < 100; i++)
        cr_expect_eq(block[i], 0);
    pattern_write(block, 100, 7);
    block = weir_reallocate(g.allocator, block, 5000);
    cr_assert(block && is_aligned(block, 64));
    cr_expect_eq(g.nout, 1);
    expect_live(g.allocator, 5000, 1);
    void *empty = weir_allocate(g.allocator, 0);
    cr_assert(empty && is_aligned(empty, 64));
    expect_live(g.allocator, 5000, 2);
    giver_end(&g); /* both go with it */
}

Test(provided, no_room_for_a_shift_is_no_memory)
{
    struct giver g;
    giver_make(&g, 8);
    g.refuse_above = 150;
    weir_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    cr_assert_eq(weir_stats_get(g.allocator, &before), 0);
    expect_null(weir_allocate(g.allocator, 100), ENOMEM);
    expect_null(weir_allocate_aligned(g.allocator, 100, (size_t)1 << 62), ENOMEM);
    cr_assert_eq(weir_stats_get(g.allocator, &after), 0);
    cr_expect_eq(g.nout, 0);
    cr_expect_eq(after.failures, before.failures + 2);
    cr_expect_eq(after.peak_allocated, 0);
    void *block = weir_allocate(g.allocator, 80);
    cr_assert(block && is_aligned(block, 64));
    giver_end(&g);
}

Test(provided, misuse_of_a_shifted_block_is_found)
{
    struct giver g;
    giver_make(&g, 8);
    char *block = weir_allocate(g.allocator, 100);
    weir_set_misuse_handler(hear, NULL);
    heard = 0;
    weir_deallocate(g.allocator, g.out[0]); /* where the functions' memory begins */
    cr_expect_neq(heard, 0);
    cr_expect_eq(g.nout, 1);
    heard = 0;
    weir_deallocate(g.allocator, block);
    cr_expect_eq(heard, 0);
    weir_deallocate(g.allocator, block);
    cr_expect_neq(heard, 0);
    weir_set_misuse_handler(NULL, NULL);
    giver_end(&g);
}

/* -- memory that the host cannot touch ----------------------------------------------------- */

Test(provided, who_may_touch_memory_is_said)
{
    struct device d;
    struct giver g;
    device_make(&d);
    giver_make(&g, 0);
    cr_expect(weir_allocator_is_host_accessible(weir_cpu_allocator()));
    cr_expect(weir_allocator_is_host_accessible(g.allocator));
    cr_expect_not(weir_allocator_is_host_accessible(d.allocator));
    weir_allocator *child = weir_allocator_create(&(weir_allocator_options){.parent = d.allocator});
    cr_expect_not(weir_allocator_is_host_accessible(child));
    weir_allocator *host =
        weir_device_allocator_create(weir_device_host_table_create(NULL, 1 << 20), NULL);
    cr_expect(weir_allocator_is_host_accessible(host) ==
              !!(weir_device_table_of(host)->flags & WEIR_DEVICE_HOST_ACCESSIBLE));
    errno = 0;
    cr_expect_not(weir_allocator_is_host_accessible(NULL));
    cr_expect_eq(errno, EINVAL);
    cr_assert_eq(weir_allocator_destroy(host), 0);
    cr_assert_eq(weir_allocator_destroy(child), 0);
    cr_assert_eq(weir_allocator_destroy(d.allocator), 0);
    giver_end(&g);
}

/* The functions bring neither zero nor copy, and are not asked to: nothing of a block is read or
 * written, in debug builds neither, between taking it and giving it back. */
Test(provided, a_block_is_not_touched_unasked)
{
    static const weir_allocator_functions functions = {.allocate = device_allocate,
                                                       .deallocate = device_deallocate};
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){
        .parent = WEIR_NO_PARENT, .source = WEIR_SOURCE_FUNCTIONS, .functions = &functions});
    cr_assert_not_null(a);
    weir_tensor *t = weir_tensor_create_in(a, ARRAY(1000), 1, WEIR_FLOAT32);
    cr_assert_not_null(t);
    weir_tensor_release(weir_tensor_view(t));
    void *block = weir_allocate_aligned(a, 10, 1024), *empty = weir_allocate(a, 0);
    cr_assert(block && empty);
    expect_live(a, 4010, 3);
    weir_tensor_release(t);
    weir_deallocate(a, block);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* An allocator of the planner's over such memory clears and copies by the memory's own functions.
 */
Test(provided, recorders_and_replays_pass_on_who_may_touch_memory)
{
    struct device d;
    device_make(&d);
    weir_plan_recorder *r = weir_plan_recorder_create(d.allocator);
    weir_allocator *through = weir_plan_recorder_allocator(r);
    cr_expect_not(weir_allocator_is_host_accessible(through));
    void *block = weir_allocate_zeroed(through, 100, 1);
    cr_assert_not_null(block);
    cr_expect_eq(d.zeros, 1);
    block = weir_reallocate(through, block, 9000);
    cr_assert_not_null(block);
    cr_expect_eq(d.copies, 1);
    weir_deallocate(through, block);
    weir_plan *plan = weir_plan_recorder_plan(r);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    weir_plan_replay *replay = weir_plan_replay_create(plan, d.allocator);
    cr_assert_not_null(replay);
    through = weir_plan_replay_allocator(replay);
    cr_expect_not(weir_allocator_is_host_accessible(through));
    weir_plan_replay_begin(replay);
    block = weir_allocate_zeroed(through, 100, 1);
    cr_assert_not_null(block);
    cr_expect_eq(d.zeros, 2);
    cr_expect(device_holds(block, 100, 0));
    cr_assert_not_null(weir_reallocate(through, block, 9000));
    cr_expect_eq(d.copies, 2);
    weir_plan_replay_destroy(replay);
    weir_plan_destroy(plan);
    weir_plan_recorder_destroy(r);
    cr_assert_eq(weir_allocator_destroy(d.allocator), 0);
}

/* Not even the sum with what is live is a number; the functions are not asked. */
Test(provided, what_no_limit_admits_is_not_asked_for)
{
    static const weir_allocator_functions functions = {.allocate = giver_allocate,
                                                       .deallocate = giver_free};
    struct giver g = {0};
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){
        .source = WEIR_SOURCE_FUNCTIONS, .functions = &functions, .user = &g, .limit = 100000});
    cr_assert_not_null(a);
    void *live = weir_allocate(a, 5000);
    cr_assert_not_null(live);
    size_t calls = g.calls;
    g.refuse_above = 100000;
    for (size_t size = (size_t)PTRDIFF_MAX - 6000; size <= PTRDIFF_MAX; size += 1000) {
        cr_expect_null(weir_allocate(a, size));
        cr_expect_eq(errno, ENOMEM);
        cr_expect_null(weir_reallocate(a, live, size));
        cr_expect_eq(errno, ENOMEM);
    }
    cr_expect_eq(g.calls, calls);
    cr_expect_eq(weir_total_allocated(a), 5000);
    cr_expect_eq(weir_peak_allocated(a), 5000);
    weir_deallocate(a, live);
    cr_expect_eq(weir_allocator_destroy(a), 0);
}
