/*
 * A block that moves inside weir_reallocate is one change of the figures, from the old size to the
 * new: never both at once, whoever looks (the peak, a profiler, a recording, a limit, other
 * threads). What the block is stays: contents, alignment, tag and generation.
 */
#include "../helpers/promise.h"
#include "../helpers/scratch.h"

#include <weir/weir.h>

static const struct move {
    const char *what;
    size_t from, to, alignment;
} moves[] = {{"small to small", 100, 3000, 64},
             {"small to a little less small", 64, 65, 64},
             {"small to large", 200, 900 * KIB, 64},
             {"small to very large", 200, 40 * MIB, 64},
             {"large to large", 300 * KIB, 9 * MIB, 64},
             {"large to very large", 9 * MIB, 80 * MIB, 64},
             {"large to small", 700 * KIB, 300, 64},
             {"very large to small", 80 * MIB, 3000, 64},
             {"very large to large", 80 * MIB, 2 * MIB, 64},
             {"small to smaller", 14000, 20, 64},
             {"nothing to something", 0, 5000, 64},
             {"something to nothing", 5000, 0, 64},
             {"aligned, small", 100, 9000, 4096},
             {"aligned, to large", 3000, 2 * MIB, 16384},
             {"aligned, large", 400 * KIB, 3 * MIB, 1 << 21}};
enum { MOVES = sizeof moves / sizeof moves[0] };

/* Something that lies behind the block, so that it cannot grow where it is, and the block. */
struct place {
    weir_allocator *allocator;
    unsigned char *block;
    void *behind[3];
    bool host; /* the host may touch it */
};

static void place_open(struct place *p, weir_allocator *a, const struct move *m)
{
    *p = (struct place){.allocator = a, .host = strcmp(weir_device_name(a), "cpu") == 0};
    p->block = weir_allocate_aligned(a, m->from, m->alignment);
    cr_assert_not_null(p->block, "%s", m->what);
    for (int i = 0; i < 3; i++)
        p->behind[i] = weir_allocate_aligned(a, m->from, m->alignment);
    if (p->host)
        pattern_write(p->block, m->from, 5);
}

static void place_close(struct place *p)
{
    weir_deallocate(p->allocator, p->block);
    for (int i = 0; i < 3; i++)
        weir_deallocate(p->allocator, p->behind[i]);
}

static void move_block(struct place *p, const struct move *m, const char *where)
{
    size_t keep = m->from < m->to ? m->from : m->to;
    unsigned char *moved = weir_reallocate(p->allocator, p->block, m->to);
    cr_assert_not_null(moved, "%s, %s: refused, errno %d", where, m->what, errno);
    p->block = moved;
    cr_expect_eq((uintptr_t)moved % m->alignment, 0, "%s, %s: %p", where, m->what, (void *)moved);
    cr_expect_eq(weir_requested_size(p->allocator, moved), m->to, "%s, %s", where, m->what);
    if (p->host)
        cr_expect(pattern_holds(moved, keep, m->from, 5), "%s, %s: contents", where, m->what);
}

/* -- figures ---------------------------------------------------------------------------- */

/* Each of a block's allocators: what it must say after the move. */
static void expect_one_change(const weir_allocator *a, const weir_stats *before,
                              const struct move *m, const char *where)
{
    weir_stats after = stats_of(a);
    size_t total = before->total_allocated - m->from + m->to;
    size_t peak = m->to > m->from ? total : before->total_allocated;
    cr_expect_eq(after.total_allocated, total, "%s, %s, %s: total %zu, not %zu", where, m->what,
                 weir_allocator_name(a), after.total_allocated, total);
    cr_expect_eq(after.peak_allocated, peak, "%s, %s, %s: peak %zu, not %zu (%zu + %zu?)", where,
                 m->what, weir_allocator_name(a), after.peak_allocated, peak, m->from, m->to);
    cr_expect_eq(after.allocation_count, before->allocation_count, "%s, %s, %s: count", where,
                 m->what, weir_allocator_name(a));
    cr_expect_eq(after.allocations, before->allocations, "%s, %s, %s: counted as an allocation",
                 where, m->what, weir_allocator_name(a));
    cr_expect_eq(after.deallocations, before->deallocations, "%s, %s, %s: counted as a free", where,
                 m->what, weir_allocator_name(a));
}

static void move_and_look(weir_allocator *a, const struct move *m, const char *where)
{
    struct place place;
    weir_stats before[8] = {{0}};
    weir_profiler profiler;
    weir_profiler_stats profile = WEIR_PROFILER_STATS_INIT;
    int level = 0;
    place_open(&place, a, m);
    for (weir_allocator *up = a; up && level < 8; up = weir_allocator_parent(up), level++) {
        weir_reset_peak(up);
        before[level] = stats_of(up);
    }
    cr_assert_eq(weir_profiler_start(&profiler, a), 0);
    move_block(&place, m, where);
    cr_assert_eq(weir_profiler_stats_get(&profiler, &profile), 0);
    weir_profiler_stop(&profiler);
    level = 0;
    for (weir_allocator *up = a; up && level < 8; up = weir_allocator_parent(up), level++)
        expect_one_change(up, &before[level], m, where);
    size_t most = before[0].total_allocated + (m->to > m->from ? m->to - m->from : 0);
    cr_expect_eq(profile.peak, most, "%s, %s: a profiler saw a peak of %zu, not %zu", where,
                 m->what, profile.peak, most);
    place_close(&place);
}

static void move_everything(weir_allocator *a, const char *where)
{
    for (int i = 0; i < MOVES; i++)
        move_and_look(a, &moves[i], where);
    expect_empty(a, where);
}

Test(moves, are_one_change_of_the_figures_of_all_above)
{
    weir_allocator *a = cpu();
    move_everything(a, "cpu");
    for (int depth = 1; depth <= 3; depth++) {
        a = weir_allocator_create(&(weir_allocator_options){.parent = a});
        cr_assert_not_null(a);
    }
    move_everything(a, "a context three deep");
}

Test(moves, are_one_change_whatever_the_source)
{
    static const weir_source sources[] = {WEIR_SOURCE_BACKING, WEIR_SOURCE_MALLOC};
    static const char *const names[] = {"backing", "malloc"};
    for (int i = 0; i < 2; i++) {
        weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.source = sources[i]});
        if (!a && errno == ENOTSUP)
            continue;
        cr_assert_not_null(a);
        move_everything(a, names[i]);
        weir_allocator_destroy(a);
    }
}

Test(moves, are_one_change_in_a_pool)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    cr_assert_not_null(pool);
    move_everything(pool, "a pool");
    cr_expect_eq(weir_allocator_destroy(pool), 0);
}

Test(moves, are_one_change_for_a_users_functions)
{
    struct provider provider;
    provider_make(&provider, NULL);
    move_everything(provider.allocator, "a user's functions");
    cr_expect_eq(atomic_load(&provider.live), 0);
    weir_allocator_destroy(provider.allocator);
}

Test(moves, are_one_change_on_a_device)
{
    static const weir_device_mode modes[] = {WEIR_DEVICE_EXPANDABLE, WEIR_DEVICE_SEGMENTS};
    for (int i = 0; i < 2; i++) {
        weir_allocator *a =
            weir_device_allocator_create(weir_device_host_table_create("d", 2048 * MIB),
                                         &(weir_device_options){.mode = modes[i]});
        cr_assert_not_null(a);
        move_everything(a, "a device");
        cr_expect_eq(weir_allocator_destroy(a), 0);
    }
}

/* Bins and an open window: then a move takes no lock. */
static weir_stats cache_warm(weir_allocator *a, const struct move *m)
{
    void *blocks[] = {weir_allocate(a, m->from), weir_allocate(a, m->to)};
    for (int i = 0; i < 2; i++)
        weir_deallocate(a, blocks[i]);
    weir_reset_peak(a);
    for (int i = 0; i < 4; i++)
        weir_deallocate(a, weir_allocate(a, 1));
    return stats_of(a);
}

static void move_in_cache(weir_allocator *a, const struct move *m)
{
    struct place place;
    place_open(&place, a, m);
    weir_stats before = cache_warm(a, m);
    move_block(&place, m, "in a cache");
    weir_stats after = stats_of(a);
    size_t total = before.total_allocated - m->from + m->to;
    size_t peak = total > before.peak_allocated ? total : before.peak_allocated;
    cr_expect_eq(after.slow_operations, before.slow_operations, "%s: took the lock", m->what);
    cr_expect_eq(after.total_allocated, total, "%s: total %zu, not %zu", m->what,
                 after.total_allocated, total);
    cr_expect_eq(after.peak_allocated, peak, "%s: peak %zu, not %zu", m->what, after.peak_allocated,
                 peak);
    cr_expect_eq(after.allocations, before.allocations, "%s: an allocation", m->what);
    cr_expect_eq(after.deallocations, before.deallocations, "%s: a free", m->what);
    place_close(&place);
}

static void move_all_in_cache(weir_allocator *a)
{
    static const struct move small[] = {{"to more", 100, 3000, 64},
                                        {"to a little more", 64, 65, 64},
                                        {"where it stands", 70, 100, 64},
                                        {"where it stands, to less", 100, 70, 64},
                                        {"to less", 14000, 20, 64}};
    for (size_t i = 0; i < sizeof small / sizeof *small; i++)
        move_in_cache(a, &small[i]);
}

Test(moves, within_a_threads_cache_are_one_change)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocator *below = weir_allocator_create(&(weir_allocator_options){.parent = a});
    move_all_in_cache(below);
    expect_empty(below, "in a cache, below two");
    move_all_in_cache(a);
    expect_empty(a, "in a cache");
}

/* A root has a way of its own, with no window above to ask. */
Test(moves, within_a_threads_cache_of_a_root_are_one_change)
{
    move_all_in_cache(cpu());
}

/* -- limits ----------------------------------------------------------------------------- */

/* A limit that the greater of both sizes just fits, on the allocator and above it. */
static void move_under_limits(weir_allocator *a, const struct move *m, const char *where)
{
    for (weir_allocator *up = a; up; up = weir_allocator_parent(up)) {
        struct place place;
        place_open(&place, a, m);
        size_t most = weir_total_allocated(up) + (m->to > m->from ? m->to - m->from : 0);
        cr_assert_eq(weir_set_limit(up, most ? most : 1), 0);
        move_block(&place, m, where);
        cr_expect_leq(weir_peak_allocated(a), weir_peak_allocated(cpu()));
        place_close(&place);
        cr_assert_eq(weir_set_limit(up, 0), 0);
    }
}

Test(moves, need_no_more_of_a_limit_than_the_new_size)
{
    weir_allocator *above = weir_allocator_create(NULL);
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.parent = above});
    struct provider provider;
    provider_make(&provider, above);
    for (int i = 0; i < MOVES; i++) {
        move_under_limits(a, &moves[i], "a limit");
        move_under_limits(provider.allocator, &moves[i], "a user's functions, a limit");
    }
}

Test(moves, beyond_the_limit_are_refused_and_leave_the_block)
{
    weir_allocator *a = weir_allocator_create(NULL);
    const struct move *m = &moves[4];
    struct place place;
    place_open(&place, a, m);
    size_t total = weir_total_allocated(a);
    cr_assert_eq(weir_set_limit(a, total - m->from + m->to - 1), 0);
    weir_stats before = stats_of(a);
    errno = 0;
    cr_expect_null(weir_reallocate(a, place.block, m->to), "one byte beyond the limit");
    cr_expect_eq(errno, ENOMEM);
    weir_stats after = stats_of(a);
    expect_unchanged(&before, &after, "a move beyond the limit");
    cr_expect(pattern_holds(place.block, m->from, m->from, 5));
    place_close(&place);
}

/* Three threads have a third of the limit each and use it up, again and again. */
enum { MOVERS = 3 };
static const size_t mover_sizes[] = {200, 300 * KIB, 5000, 300 * KIB - 100, 100 * KIB};
static struct {
    weir_allocator *allocator;
    atomic_ulong refused, moves;
    double until;
} movers;

static void *mover_run(void *seed)
{
    void *block = weir_allocate(movers.allocator, 100);
    for (unsigned i = (unsigned)(uintptr_t)seed; seconds_now() < movers.until; i++) {
        void *moved = weir_reallocate(movers.allocator, block, mover_sizes[i % 5]);
        atomic_fetch_add(&movers.refused, moved == NULL);
        atomic_fetch_add(&movers.moves, 1);
        block = moved ? moved : block;
    }
    weir_deallocate(movers.allocator, block);
    return NULL;
}

Test(moves, beside_one_another_are_never_refused_what_fits)
{
    pthread_t threads[MOVERS];
    size_t limit = MOVERS * 300 * KIB;
    movers.allocator = weir_allocator_create(&(weir_allocator_options){.limit = limit});
    movers.until = seconds_now() + 1.5;
    for (uintptr_t i = 0; i < MOVERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, mover_run, (void *)i), 0);
    for (int i = 0; i < MOVERS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(atomic_load(&movers.refused), 0, "%lu of %lu moves refused that would have fitted",
                 atomic_load(&movers.refused), atomic_load(&movers.moves));
    cr_expect_leq(weir_peak_allocated(movers.allocator), limit);
    expect_empty(movers.allocator, "at the end");
}

/* -- what the block is ------------------------------------------------------------------ */

static bool note_generation(const weir_block *block, void *user)
{
    *(bool *)user |= block->since_checkpoint;
    return false;
}

static void move_tagged(weir_allocator *a, const struct move *m)
{
    struct place place;
    weir_tag first = weir_tag_intern("first"), second = weir_tag_intern("second");
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    bool newer = false;
    weir_tag_set(first);
    place_open(&place, a, m);
    weir_tag_set(second);
    uint64_t checkpoint = weir_checkpoint(a);
    move_block(&place, m, "tagged");
    cr_expect_eq(weir_block_tag(a, place.block), first, "%s: the tag is \"%s\", not \"first\"",
                 m->what, weir_tag_name(weir_block_tag(a, place.block)));
    cr_assert_eq(weir_leaks_stats_get(a, checkpoint, &leaks), 0);
    cr_expect_eq(leaks.count, 0, "%s: a block from before the checkpoint leaked", m->what);
    weir_allocator_walk(a, note_generation, &newer);
    cr_expect_not(newer, "%s: a block from before the checkpoint is newer than it", m->what);
    weir_tag_set(0);
    place_close(&place);
}

Test(moves, keep_the_tag_and_the_generation)
{
    struct provider provider;
    weir_allocator *context = weir_allocator_create(NULL);
    provider_make(&provider, NULL);
    for (int i = 0; i < MOVES; i++) {
        move_tagged(context, &moves[i]);
        move_tagged(provider.allocator, &moves[i]);
    }
}

/* And a block that is newer stays newer. */
Test(moves, keep_the_newer_generation)
{
    weir_allocator *a = weir_allocator_create(NULL);
    for (int i = 0; i < MOVES; i++) {
        uint64_t checkpoint = weir_checkpoint(a);
        struct place place;
        weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
        place_open(&place, a, &moves[i]);
        move_block(&place, &moves[i], "newer");
        cr_assert_eq(weir_leaks_stats_get(a, checkpoint, &leaks), 0);
        cr_expect_eq(leaks.count, 4, "%s: %zu of 4 new blocks", moves[i].what, leaks.count);
        place_close(&place);
    }
}

/* -- a recording ------------------------------------------------------------------------ */

/* Two arrays that double in turn: neither can grow where it is. */
Test(moves, are_one_change_in_a_recording)
{
    char path[SCRATCH_PATH_MAX];
    weir_trace_stats status = WEIR_TRACE_STATS_INIT;
    void *array[2] = {NULL, NULL};
    scratch_path(path, "moves.trace");
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
    for (size_t size = 1 * KIB; size <= 16 * MIB; size *= 2)
        for (int i = 0; i < 2; i++)
            cr_assert_not_null(array[i] = weir_reallocate(cpu(), array[i], size));
    cr_assert_eq(weir_trace_stats_get(&status), 0);
    weir_deallocate(cpu(), array[0]);
    weir_deallocate(cpu(), array[1]);
    cr_assert_eq(weir_trace_stop(), 0);
    unlink(path);
    cr_expect_eq(status.peak, 32 * MIB, "the recording's peak is %llu, not %zu",
                 (unsigned long long)status.peak, 32 * MIB);
    cr_expect_eq(weir_peak_allocated(cpu()), 32 * MIB, "the peak is %zu, not %zu",
                 weir_peak_allocated(cpu()), 32 * MIB);
}

/* -- to another alignment -------------------------------------------------------------------- */

static void expect_alignments(weir_allocator *a)
{
    uint64_t random = 11;
    size_t size = 500;
    char *block = weir_reallocate_aligned(a, NULL, size, 16);
    cr_assert_not_null(block);
    pattern_write(block, size, 0);
    for (uint64_t n = 1; n < scaled(2000); n++) {
        size_t to = random_size(&random, 300000),
               alignment = (size_t)1 << random_below(&random, 15);
        char *moved = weir_reallocate_aligned(a, block, to, alignment);
        cr_assert_not_null(moved);
        cr_assert_eq((uintptr_t)moved % alignment, 0, "%zu bytes at %zu", to, alignment);
        cr_assert(pattern_holds(moved, to < size ? to : size, size, n - 1));
        cr_assert_eq(weir_requested_size(a, moved), to);
        size = random_size(&random, 300000);
        pattern_write(moved, to, n);
        block = weir_reallocate(a, moved, size); /* which keeps it */
        cr_assert_eq((uintptr_t)block % alignment, 0, "%zu bytes at %zu, kept", size, alignment);
        cr_assert(pattern_holds(block, to < size ? to : size, to, n));
        pattern_write(block, size, n);
        cr_assert_eq(weir_total_allocated(a), size);
        cr_assert_eq(weir_allocation_count(a), 1);
    }
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(a, &s), 0);
    cr_assert_eq(s.allocations, 1);
    weir_deallocate(a, block);
}

Test(aligned_moves, have_what_was_asked_for_and_keep_it)
{
    static const weir_source sources[] = {WEIR_SOURCE_POOL, WEIR_SOURCE_MALLOC,
                                          WEIR_SOURCE_BACKING};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
        expect_alignments(weir_allocator_create(&(weir_allocator_options){.source = sources[i]}));
}

Test(aligned_moves, impossible_ones_leave_the_block)
{
    static const size_t bad[] = {0, 3, 48, SIZE_MAX};
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 5000});
    char *block = weir_allocate(a, 100);
    memset(block, 7, 100);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        errno = 0;
        cr_assert_null(weir_reallocate_aligned(a, block, 200, bad[i]));
        cr_assert_eq(errno, EINVAL);
    }
    errno = 0;
    cr_assert_null(weir_reallocate_aligned(a, block, 5001, 4096));
    cr_assert_eq(errno, ENOMEM);
    cr_assert_null(weir_reallocate_aligned(a, block, 100, (size_t)1 << 63));
    cr_assert_eq(errno, ENOMEM);
    errno = 0;
    cr_assert_null(weir_reallocate_aligned(NULL, block, 100, 64));
    cr_assert_eq(errno, EINVAL);
    cr_assert(block[0] == 7 && block[99] == 7 && weir_total_allocated(a) == 100);
    block = weir_reallocate_aligned(a, block, 100, 4096);
    cr_assert(block && (uintptr_t)block % 4096 == 0 && block[0] == 7 && block[99] == 7);
    weir_deallocate(a, block);
}
