/* Arenas: alignment, marks against a model, growth, fixed memory, the allocator over one. */
#include "../helpers/object.h"

static weir_arena_stats figures(weir_arena *arena)
{
    weir_arena_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_arena_stats_get(arena, &stats), 0);
    return stats;
}

Test(arena, blocks_are_aligned_and_apart)
{
    weir_arena *arena = weir_arena_create(NULL);
    unsigned char *blocks[500];
    cr_assert_not_null(arena);
    expect_live(weir_cpu_allocator(), 0, 0);
    for (size_t i = 0; i < 500; i++) {
        size_t alignment = (size_t)1 << i % 17;
        blocks[i] = weir_arena_allocate_aligned(arena, i, alignment);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % alignment, 0);
        memset(blocks[i], (int)(i & 255), i);
    }
    for (size_t i = 1; i < 500; i++)
        cr_assert(blocks[i][0] == (i & 255) && memcmp(blocks[i], blocks[i] + 1, i - 1) == 0);
    cr_expect_eq((uintptr_t)weir_arena_allocate(arena, 1) % 64, 0);
    weir_arena_stats s = figures(arena);
    cr_expect_eq(s.requested, 500 * 499 / 2 + 1);
    cr_expect_eq(s.allocations, 501);
    cr_expect_geq(s.used, s.requested);
    expect_live(weir_cpu_allocator(), s.reserved, s.chunks);
    expect_null(weir_arena_allocate_aligned(arena, 1, 3), EINVAL);
    expect_null(weir_arena_allocate_aligned(arena, 1, 0), EINVAL);
    expect_null(weir_arena_allocate(NULL, 1), EINVAL);
    expect_null(weir_arena_allocate(arena, SIZE_MAX), ENOMEM);
    expect_null(weir_arena_allocate(arena, PTRDIFF_MAX), ENOMEM);
    expect_null(weir_arena_allocate_aligned(arena, 1, (size_t)1 << 63), ENOMEM);
    cr_expect_eq(figures(arena).allocations, 501);
    cr_expect_eq(weir_arena_destroy(arena), 0);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(arena, rewinding_gives_the_same_memory_again)
{
    weir_arena *arena = weir_arena_create(&(weir_arena_options){.chunk_size = 4096});
    weir_arena_mark start = weir_arena_mark_get(arena);
    cr_assert_neq(start, 0);
    void *first = weir_arena_allocate(arena, 100);
    weir_arena_mark middle = weir_arena_mark_get(arena);
    cr_expect_neq(middle, start);
    cr_expect_eq(weir_arena_mark_get(arena), middle);
    void *second = weir_arena_allocate(arena, 10000);
    weir_arena_mark end = weir_arena_mark_get(arena);
    size_t reserved = figures(arena).reserved;
    cr_expect_eq(weir_arena_rewind(arena, end), 0);
    for (int round = 0; round < 3; round++) {
        cr_expect_eq(weir_arena_rewind(arena, middle), 0);
        cr_expect_eq(weir_arena_allocate(arena, 10000), second);
    }
    cr_expect_eq(weir_arena_rewind(arena, end), EINVAL);
    cr_expect_eq(weir_arena_rewind(arena, start), 0);
    cr_expect_eq(weir_arena_rewind(arena, middle), EINVAL);
    cr_expect_eq(weir_arena_allocate(arena, 100), first);
    cr_expect_eq(weir_arena_reset(arena), 0);
    cr_expect_eq(weir_arena_rewind(arena, start), EINVAL);
    cr_expect_neq(weir_last_error()[0], 0);
    weir_arena_stats s = figures(arena);
    cr_expect_eq(s.used, 0);
    cr_expect_eq(s.requested, 0);
    cr_expect_eq(s.allocations, 0);
    cr_expect_eq(s.reserved, reserved);
    cr_expect_geq(s.peak, 10100);
    cr_expect_eq(weir_arena_trim(arena), reserved);
    expect_live(weir_cpu_allocator(), 0, 0);
    cr_expect_not_null(weir_arena_allocate(arena, 1));
    cr_expect_eq(weir_arena_destroy(arena), 0);
}

/* Padding counts, a rewind lowers `used` alone, and a second chunk starts at 0. */
Test(arena, the_peak_is_the_greatest_use_there_was)
{
    weir_arena *arena = weir_arena_create(&(weir_arena_options){.chunk_size = 4096});
    weir_arena_mark start = weir_arena_mark_get(arena);
    cr_expect_not_null(weir_arena_allocate_aligned(arena, 1, 1));
    cr_expect_not_null(weir_arena_allocate_aligned(arena, 100, 256));
    weir_arena_stats s = figures(arena);
    cr_expect_eq(s.requested, 101);
    cr_expect_gt(s.used, s.requested);
    cr_expect_eq(s.peak, s.used);
    size_t first = s.used;
    cr_expect_not_null(weir_arena_allocate_aligned(arena, 4000, 1)); /* another chunk */
    s = figures(arena);
    cr_expect_eq(s.used, first + 4000);
    cr_expect_eq(s.peak, first + 4000);
    cr_expect_eq(weir_arena_rewind(arena, start), 0);
    cr_expect_eq(figures(arena).peak, first + 4000);
    cr_expect_not_null(weir_arena_allocate_aligned(arena, 8, 1));
    s = figures(arena);
    cr_expect_eq(s.used, 8);
    cr_expect_eq(s.peak, first + 4000);
    cr_expect_eq(weir_arena_destroy(arena), 0);
}

Test(arena, marks_of_others_are_refused)
{
    weir_arena *a = weir_arena_create(NULL), *b = weir_arena_create(NULL);
    weir_arena_mark of_a = weir_arena_mark_get(a), of_b = weir_arena_mark_get(b);
    cr_expect_eq(weir_arena_rewind(a, of_b), EINVAL);
    cr_expect_eq(weir_arena_rewind(b, of_a), EINVAL);
    cr_expect_eq(weir_arena_rewind(a, 0), EINVAL);
    cr_expect_eq(weir_arena_rewind(a, UINT64_MAX), EINVAL);
    cr_expect_eq(weir_arena_rewind(NULL, of_a), EINVAL);
    cr_expect_eq(weir_arena_reset(NULL), EINVAL);
    cr_expect_eq(weir_arena_destroy(NULL), EINVAL);
    errno = 0;
    cr_expect_eq(weir_arena_mark_get(NULL), 0);
    cr_expect_eq(errno, EINVAL);
    weir_arena_destroy(a);
    weir_arena_destroy(b);
}

/* A stack of what should be there; contents survive exactly until they are rewound. */
Test(arena, random_use_agrees_with_a_model)
{
    enum { MOST = 4000 };
    static struct {
        unsigned char *block;
        size_t size;
        weir_arena_mark mark; /* 0: a block */
    } stack[MOST];
    size_t depth = 0, requested = 0, blocks = 0;
    weir_arena *arena = weir_arena_create(&(weir_arena_options){.chunk_size = 1000});
    srand(5);
    for (int step = 0; step < 300000; step++) {
        unsigned dice = (unsigned)rand() % 1000;
        if (depth == MOST || dice == 0) {
            cr_assert_eq(weir_arena_reset(arena), 0);
            depth = requested = blocks = 0;
        } else if (dice < 40) {
            stack[depth].mark = weir_arena_mark_get(arena);
            cr_assert_neq(stack[depth].mark, 0);
            depth++;
        } else if (dice < 80 && depth) {
            size_t to = (size_t)rand() % depth;
            if (!stack[to].mark)
                continue;
            cr_assert_eq(weir_arena_rewind(arena, stack[to].mark), 0);
            for (; depth > to + 1; depth--)
                if (!stack[depth - 1].mark) {
                    requested -= stack[depth - 1].size;
                    blocks--;
                }
        } else if (dice == 999) {
            weir_arena_trim(arena);
        } else {
            size_t size = (size_t)rand() % 700, alignment = (size_t)1 << rand() % 9;
            unsigned char *block = weir_arena_allocate_aligned(arena, size, alignment);
            cr_assert(block && (uintptr_t)block % alignment == 0);
            memset(block, (int)(depth * 7 & 255), size);
            stack[depth].block = block;
            stack[depth].size = size;
            stack[depth++].mark = 0;
            requested += size;
            blocks++;
        }
        size_t look = depth ? (size_t)rand() % depth : 0;
        if (depth && !stack[look].mark)
            for (size_t i = 0; i < stack[look].size; i++)
                cr_assert_eq(stack[look].block[i], (look * 7 & 255), "step %d", step);
        if (step % 100 == 0) {
            weir_arena_stats s = figures(arena);
            cr_assert_eq(s.requested, requested);
            cr_assert_eq(s.allocations, blocks);
            expect_live(weir_cpu_allocator(), s.reserved, s.chunks);
        }
    }
    cr_expect_eq(weir_arena_destroy(arena), 0);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(arena, the_callers_memory_is_all_there_is)
{
    static char memory[1000] __attribute__((aligned(64)));
    weir_arena *arena =
        weir_arena_create(&(weir_arena_options){.memory = memory + 1, .memory_size = 999});
    cr_assert_not_null(arena);
    char *first = weir_arena_allocate_aligned(arena, 10, 1);
    cr_expect_eq(first, memory + 1);
    cr_expect_eq(weir_arena_allocate(arena, 10), memory + 64);
    expect_null(weir_arena_allocate(arena, 1000), ENOMEM);
    cr_expect_str_eq(weir_last_error(), "the arena's memory of 999 bytes is used up");
    cr_expect_not_null(weir_arena_allocate_aligned(arena, 1000 - 74, 1));
    expect_null(weir_arena_allocate_aligned(arena, 1, 1), ENOMEM);
    cr_expect_eq(figures(arena).used, 999);
    cr_expect_eq(weir_arena_trim(arena), 0);
    cr_expect_eq(weir_arena_reset(arena), 0);
    cr_expect_eq(weir_arena_allocate_aligned(arena, 999, 1), memory + 1);
    expect_live(weir_cpu_allocator(), 0, 0);
    cr_expect_eq(weir_arena_destroy(arena), 0);
    expect_null(weir_arena_create(&(weir_arena_options){.memory_size = 1}), EINVAL);
    expect_null(weir_arena_create(&(weir_arena_options){.memory = memory, .chunk_size = 1}),
                EINVAL);
    expect_null(weir_arena_create(
                    &(weir_arena_options){.memory = memory, .allocator = weir_cpu_allocator()}),
                EINVAL);
    expect_null(weir_arena_create(&(weir_arena_options){.chunk_size = SIZE_MAX}), EINVAL);
}

Test(arena, a_limit_is_used_to_the_last_byte)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 10000});
    weir_arena *arena =
        weir_arena_create(&(weir_arena_options){.allocator = a, .chunk_size = 6000});
    cr_expect_not_null(weir_arena_allocate(arena, 6000));
    cr_expect_not_null(weir_arena_allocate(arena, 4000)); /* doubling would not fit */
    expect_live(a, 10000, 2);
    weir_arena_stats before = figures(arena);
    expect_null(weir_arena_allocate(arena, 1), ENOMEM);
    weir_arena_stats after = figures(arena);
    cr_expect_eq(memcmp(&before, &after, sizeof before), 0);
    cr_expect_eq(weir_arena_destroy(arena), 0);
    expect_live(a, 0, 0);
    weir_allocator_destroy(a);
}

Test(arena, device_memory_is_handed_out_untouched)
{
    struct device d;
    device_make(&d);
    weir_arena *arena = weir_arena_create(&(weir_arena_options){.allocator = d.allocator});
    weir_arena_mark mark = weir_arena_mark_get(arena);
    void *block = weir_arena_allocate(arena, 5000);
    device_fill(block, 5000, 1);
    cr_expect_eq(weir_arena_rewind(arena, mark), 0);
    cr_expect_eq(weir_arena_allocate(arena, 5000), block);
    cr_expect(device_holds(block, 5000, 1));
    expect_null(weir_arena_allocator(arena), ENOTSUP);
    cr_expect_eq(weir_arena_destroy(arena), 0);
    expect_live(d.allocator, 0, 0);
    weir_allocator_destroy(d.allocator);
}

/* -- as a weir_allocator ------------------------------------------------------------ */

Test(arena_allocator, has_figures_of_its_own)
{
    weir_arena *arena = weir_arena_create(NULL);
    weir_allocator *a = weir_arena_allocator(arena);
    cr_assert_not_null(a);
    cr_expect_eq(weir_arena_allocator(arena), a);
    weir_tensor *t = weir_tensor_create_in(a, ARRAY(10, 10), 2, WEIR_FLOAT32);
    cr_assert_not_null(t);
    expect_live(a, 400, 1);
    expect_live(weir_cpu_allocator(), figures(arena).reserved, 1);
    cr_expect_eq(weir_arena_reset(arena), EBUSY);
    weir_tensor_release(t);
    expect_live(a, 0, 0);
    cr_expect_eq(weir_arena_reset(arena), 0);
    char *left = weir_allocate(a, 77);
    cr_expect_not_null(left);
    cr_expect_eq(weir_arena_destroy(arena), 0); /* with what is left */
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(arena_allocator, the_latest_block_makes_room)
{
    weir_arena *arena = weir_arena_create(NULL);
    weir_allocator *a = weir_arena_allocator(arena);
    char *x = weir_allocate(a, 100), *y = weir_allocate(a, 100);
    weir_deallocate(a, y);
    cr_expect_eq(weir_allocate(a, 50), y);
    weir_deallocate(a, x); /* not the latest */
    cr_expect_neq(weir_allocate(a, 100), x);
    weir_arena_mark mark = weir_arena_mark_get(arena);
    char *z = weir_allocate(a, 10);
    weir_arena_mark above = weir_arena_mark_get(arena);
    cr_expect_eq(weir_arena_rewind(arena, mark), EBUSY);
    weir_deallocate(a, z); /* stays: a mark is above it */
    cr_expect_eq(weir_arena_rewind(arena, above), 0);
    cr_expect_eq(weir_arena_rewind(arena, mark), 0);
    cr_expect_eq(weir_allocate(a, 10), z);
    weir_arena_destroy(arena);
}

/* Rewinding is refused exactly while a block above the mark is live. */
Test(arena_allocator, live_blocks_hold_the_marks_below_them)
{
    enum { N = 200 };
    weir_arena *arena = weir_arena_create(&(weir_arena_options){.chunk_size = 500});
    weir_allocator *a = weir_arena_allocator(arena);
    weir_arena_mark marks[N];
    void *blocks[N];
    srand(2);
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < N; i++) {
            marks[i] = weir_arena_mark_get(arena);
            blocks[i] = weir_allocate(a, (size_t)rand() % 300);
            cr_assert_not_null(blocks[i]);
        }
        for (int left = N; left > 0; left--) {
            int i = rand() % N;
            while (!blocks[i])
                i = (i + 1) % N;
            weir_deallocate(a, blocks[i]);
            blocks[i] = NULL;
            int highest = N - 1;
            while (highest >= 0 && !blocks[highest])
                highest--;
            if (highest >= 0)
                cr_assert_eq(weir_arena_rewind(arena, marks[highest]), EBUSY);
            if (highest + 1 < N)
                cr_assert_eq(weir_arena_rewind(arena, marks[highest + 1]), 0);
        }
        cr_assert_eq(weir_arena_reset(arena), 0);
    }
    weir_arena_destroy(arena);
    expect_live(weir_cpu_allocator(), 0, 0);
}
