/*
 * tests/helpers/calls_blocks.h - the public functions of allocators, blocks, buffers, pools of
 * buffers and arenas, each called in a scene.
 */
#ifndef WEIR_TESTS_CALLS_BLOCKS_H
#define WEIR_TESTS_CALLS_BLOCKS_H

#include "scene.h"

#include <weir/background.h>
#include <weir/placement.h>

/* Does a sure call say what it must? */
static inline int right(bool condition)
{
    return condition ? 0 : EPROTO;
}

/* -- blocks --------------------------------------------------------------------------------------
 */

CALL(weir_allocate)
{
    return scene_block(s, s->a, weir_allocate(s->a, 70000));
}
CALL_AS(weir_allocate, small)
{
    return scene_block(s, s->a, weir_allocate(s->a, 2500));
}
CALL_AS(weir_allocate, first_small)
{
    return scene_block(s, s->fresh, weir_allocate(s->fresh, 40));
}
CALL_AS(weir_allocate, first_large)
{
    return scene_block(s, s->fresh, weir_allocate(s->fresh, LARGE));
}
CALL_AS(weir_allocate, huge)
{
    return scene_block(s, s->a, weir_allocate(s->a, 300 * MIB));
}
CALL_AS(weir_allocate, on_device)
{
    return scene_block(s, s->device, weir_allocate(s->device, 9 * MIB));
}
CALL(weir_allocate_aligned)
{
    return scene_block(s, s->fresh, weir_allocate_aligned(s->fresh, 70000, 2 * MIB));
}
CALL(weir_allocate_zeroed)
{
    unsigned char *block = weir_allocate_zeroed(s->fresh, 700, 100);
    EXPECT(!block || is_all_zero(block, 70000), "a block is not zero");
    return scene_block(s, s->fresh, block);
}
CALL(weir_allocate_zeroed_aligned)
{
    unsigned char *block = weir_allocate_zeroed_aligned(s->fresh, 700, 100, 4096);
    EXPECT(!block || is_all_zero(block, 70000), "a block is not zero");
    return scene_block(s, s->fresh, block);
}

/* What was grown keeps its bytes; what could not be is whole. */
static int regrown(struct scene *s, unsigned char **block, unsigned char *moved)
{
    if (!moved)
        return errno;
    *block = NULL;
    return scene_block(s, s->a, moved);
}

CALL(weir_reallocate)
{
    unsigned char *moved = weir_reallocate(s->a, s->held, 80000);
    for (size_t i = 0; moved && i < HELD; i++)
        EXPECT(moved[i] == 7, "byte %zu was lost", i);
    return regrown(s, &s->held, moved);
}
CALL_AS(weir_reallocate, large)
{
    unsigned char *moved = weir_reallocate(s->a, s->large, 300 * MIB);
    EXPECT(!moved || pattern_holds(moved, LARGE - 64, LARGE, 5), "bytes were lost");
    return regrown(s, &s->large, moved);
}
CALL_AS(weir_reallocate, smaller)
{
    unsigned char *moved = weir_reallocate(s->a, s->large, 100000);
    EXPECT(!moved || pattern_holds(moved, 100000, LARGE, 5), "bytes were lost");
    return regrown(s, &s->large, moved);
}
CALL(weir_reallocate_aligned)
{
    unsigned char *moved = weir_reallocate_aligned(s->a, s->large, 2 * (size_t)LARGE, 4096);
    EXPECT(!moved || pattern_holds(moved, LARGE - 64, LARGE, 5), "bytes were lost");
    return regrown(s, &s->large, moved);
}

CALL(weir_deallocate)
{
    weir_deallocate(s->a, s->held);
    s->held = NULL;
    weir_deallocate(s->a, s->large);
    s->large = NULL;
    return 0;
}
CALL(weir_deallocate_sized)
{
    weir_deallocate_sized(s->a, s->large, LARGE);
    s->large = NULL;
    return 0;
}
CALL(weir_usable_size)
{
    return right(weir_usable_size(s->a, s->held) >= HELD);
}
CALL(weir_requested_size)
{
    return right(weir_requested_size(s->a, s->large) == LARGE);
}
CALL(weir_owns)
{
    return right(weir_owns(s->a, s->held) && !weir_owns(s->fresh, s->held));
}
CALL(weir_allocator_of)
{
    return right(weir_allocator_of(s->large) == s->a);
}
CALL(weir_block_tag)
{
    return right(weir_block_tag(s->a, s->held) == 0);
}

/* -- allocators ----------------------------------------------------------------------------------
 */

CALL(weir_cpu_allocator)
{
    return right(weir_cpu_allocator() == weir_allocator_parent(s->a));
}
CALL(weir_allocator_create)
{
    weir_allocator_options options = {.name = "made", .parent = s->a, .limit = 1000};
    return scene_allocator(s, weir_allocator_create(&options));
}
CALL_AS(weir_allocator_create, own_pool)
{
    weir_allocator_options options = {.source = WEIR_SOURCE_OWN_POOL};
    return scene_allocator(s, weir_allocator_create(&options));
}
CALL_AS(weir_allocator_create, huge_pages)
{
    weir_allocator_options options = {.huge_pages = WEIR_HUGE_PAGES_ASKED};
    return scene_allocator(s, weir_allocator_create(&options));
}
CALL(weir_allocator_destroy)
{
    weir_allocator *fresh = s->fresh;
    s->fresh = NULL;
    return weir_allocator_destroy(fresh);
}
CALL(weir_allocator_find)
{
    return right(weir_allocator_find("tried") == s->a);
}
CALL(weir_allocator_is_host_accessible)
{
    return right(weir_allocator_is_host_accessible(s->a));
}
CALL(weir_allocator_name)
{
    return right(strcmp(weir_allocator_name(s->a), "tried") == 0);
}
CALL(weir_allocator_parent)
{
    return right(weir_allocator_parent(s->fresh) == weir_cpu_allocator());
}
CALL(weir_total_allocated)
{
    return right(weir_total_allocated(s->fresh) == 0 && weir_total_allocated(s->a) > LARGE);
}
CALL(weir_peak_allocated)
{
    return right(weir_peak_allocated(s->a) == weir_total_allocated(s->a));
}
CALL(weir_allocation_count)
{
    return right(weir_allocation_count(s->fresh) == 0);
}
CALL(weir_reset_peak)
{
    weir_reset_peak(s->a);
    return right(weir_peak_allocated(s->a) == weir_total_allocated(s->a));
}
CALL(weir_stats_get)
{
    weir_stats stats = WEIR_STATS_INIT;
    int status = weir_stats_get(s->a, &stats);
    return status ? status : right(stats.total_allocated == weir_total_allocated(s->a));
}
CALL(weir_placement_stats_get)
{
    weir_placement_stats stats = {.size = sizeof stats};
    return weir_placement_stats_get(s->a, &stats);
}
CALL(weir_set_limit)
{
    return weir_set_limit(s->fresh, 1000);
}
CALL(weir_set_limit_fraction)
{
    return weir_set_limit_fraction(s->fresh, 0.5);
}
CALL(weir_check)
{
    return weir_check(s->a) ? EILSEQ : 0;
}
CALL(weir_trim)
{
    weir_deallocate(s->a, s->large);
    s->large = NULL;
    weir_trim(s->a);
    return 0;
}

static bool see_block(const weir_block *block, void *seen)
{
    *(size_t *)seen += block->requested;
    return false;
}
CALL(weir_allocator_walk)
{
    size_t seen = 0;
    int status = weir_allocator_walk(s->a, see_block, &seen);
    return status ? status : right(seen == weir_total_allocated(s->a));
}
static bool see_allocator(weir_allocator *child, void *seen)
{
    (void)child;
    ++*(size_t *)seen;
    return false;
}
CALL(weir_allocator_walk_children)
{
    size_t seen = 0;
    int status = weir_allocator_walk_children(weir_cpu_allocator(), see_allocator, &seen);
    return status ? status : right(seen >= 2);
}
CALL(weir_allocator_walk_roots)
{
    size_t seen = 0;
    int status = weir_allocator_walk_roots(see_allocator, &seen);
    return status ? status : right(seen >= 2);
}

static bool no_more(const weir_refusal *refusal, void *user)
{
    (void)refusal, (void)user;
    return false;
}
CALL(weir_set_refusal_callback)
{
    return weir_set_refusal_callback(s->fresh, no_more, NULL);
}
static void crossed(weir_allocator *a, size_t total, void *user)
{
    (void)a, (void)total, (void)user;
}
CALL(weir_set_soft_limit)
{
    return weir_set_soft_limit(s->fresh, 100, crossed, NULL);
}

/* -- tags ----------------------------------------------------------------------------------------
 */

/* A name that is new, so that there is something to be made. */
CALL(weir_tag_intern)
{
    static unsigned number;
    char name[32];
    snprintf(name, sizeof name, "tag %u", number++);
    weir_tag tag = weir_tag_intern(name);
    return tag ? right(weir_tag_intern(name) == tag && strcmp(weir_tag_name(tag), name) == 0)
               : errno;
}
CALL(weir_tag_name)
{
    return right(*weir_tag_name(0) == 0);
}
CALL(weir_tag_set)
{
    weir_tag before = weir_tag_set(0);
    return right(weir_tag_set(before) == 0);
}
CALL(weir_tag_class)
{
    return weir_tag_class(weir_tag_intern("known"), WEIR_CLASS_KV);
}
CALL(weir_class_of_tag)
{
    return right(weir_class_of_tag(0) == WEIR_CLASS_NONE);
}

/* -- buffers -------------------------------------------------------------------------------------
 */

static void undo_buffer(void *what)
{
    weir_buffer_release(what);
    free(what);
}

/* The buffer that was made, or the reason why not. */
static int buffer_made(struct scene *s, weir_buffer *b, int status)
{
    EXPECT(!status == !!weir_buffer_data(b), "a buffer that could not be made holds something");
    weir_buffer *kept = malloc(sizeof *kept);
    EXPECT(kept, "no memory");
    weir_buffer_move(kept, b);
    scene_undo_by(s, kept, undo_buffer);
    return status;
}

CALL(weir_buffer_init)
{
    weir_buffer b;
    int status = weir_buffer_init(&b, s->fresh, 70000, 1);
    return buffer_made(s, &b, status);
}
CALL(weir_buffer_init_pooled)
{
    weir_buffer b;
    int status = weir_buffer_init_pooled(&b, s->pool, 70000, 1);
    return buffer_made(s, &b, status);
}
CALL(weir_buffer_init_pooled_undefined)
{
    weir_buffer b;
    int status = weir_buffer_init_pooled_undefined(&b, s->pool, 70000, 1);
    return buffer_made(s, &b, status);
}
CALL(weir_buffer_make)
{
    errno = 0;
    weir_buffer b = weir_buffer_make(s->fresh, 70000, 1);
    return buffer_made(s, &b, weir_buffer_data(&b) ? 0 : errno);
}
CALL(weir_buffer_resize)
{
    int status = weir_buffer_resize(&s->buffer, 70000);
    EXPECT(weir_buffer_count(&s->buffer) == (status ? 500 : 70000), "neither old nor new");
    return status;
}
CALL(weir_buffer_move)
{
    weir_buffer b = WEIR_BUFFER_EMPTY;
    weir_buffer_move(&b, &s->buffer);
    weir_buffer_move(&s->buffer, &b);
    return right(weir_buffer_count(&s->buffer) == 500 && !weir_buffer_data(&b));
}
CALL(weir_buffer_release)
{
    weir_buffer_release(&s->buffer);
    weir_buffer_release(&s->pooled);
    return right(!weir_buffer_data(&s->buffer));
}
CALL(weir_buffer_data)
{
    return right(*(unsigned char *)weir_buffer_data(&s->buffer) == 3);
}
CALL(weir_buffer_count)
{
    return right(weir_buffer_count(&s->pooled) == 500);
}
CALL(weir_buffer_element_size)
{
    return right(weir_buffer_element_size(&s->buffer) == 1);
}
CALL(weir_buffer_size_in_bytes)
{
    return right(weir_buffer_size_in_bytes(&s->buffer) == 500);
}
CALL(weir_buffer_allocator)
{
    return right(weir_buffer_allocator(&s->buffer) == s->a);
}

/* -- pools of buffers ----------------------------------------------------------------------------
 */

static void undo_pool(void *what)
{
    EXPECT(weir_buffer_pool_destroy(what) == 0, "a pool is kept");
}
CALL(weir_buffer_pool_create)
{
    return scene_undo_by(s, weir_buffer_pool_create(NULL), undo_pool);
}
CALL(weir_buffer_pool_destroy)
{
    return right(weir_buffer_pool_destroy(s->pool) == EBUSY); /* two are out */
}

/* Of a pool of its own, whose block goes back with it. */
static int pool_acquired(struct scene *s, void *(*acquire)(weir_buffer_pool *, size_t))
{
    void *block = acquire(s->pool, 80000);
    if (!block)
        return errno;
    weir_buffer_pool_return(s->pool, s->out);
    s->out = block;
    return 0;
}
CALL(weir_buffer_pool_acquire)
{
    return pool_acquired(s, weir_buffer_pool_acquire);
}
CALL(weir_buffer_pool_acquire_zeroed)
{
    return pool_acquired(s, weir_buffer_pool_acquire_zeroed);
}
CALL(weir_buffer_pool_return)
{
    weir_buffer_pool_return(s->pool, s->out);
    s->out = NULL;
    return 0;
}
CALL(weir_buffer_pool_capacity)
{
    return right(weir_buffer_pool_capacity(s->pool, s->out) >= 100);
}
CALL(weir_buffer_pool_set_idle_limit)
{
    return weir_buffer_pool_set_idle_limit(s->pool, 10000);
}
CALL(weir_buffer_pool_trim)
{
    weir_buffer_pool_return(s->pool, s->out);
    s->out = NULL;
    return right(weir_buffer_pool_trim(s->pool, 0) >= 100);
}
CALL(weir_buffer_pool_allocator)
{
    return right(weir_buffer_pool_allocator(s->pool) == s->a);
}
CALL(weir_buffer_pool_stats_get)
{
    weir_buffer_pool_stats stats = {.size = sizeof stats};
    int status = weir_buffer_pool_stats_get(s->pool, &stats);
    return status ? status : right(stats.out_count == 2 && stats.out_requested == 600);
}

/* -- arenas --------------------------------------------------------------------------------------
 */

static void undo_arena(void *what)
{
    EXPECT(weir_arena_destroy(what) == 0, "an arena is kept");
}
CALL(weir_arena_create)
{
    return scene_undo_by(s, weir_arena_create(NULL), undo_arena);
}
CALL(weir_arena_destroy)
{
    weir_arena *arena = s->arena;
    s->arena = NULL;
    return weir_arena_destroy(arena);
}
CALL(weir_arena_allocate)
{
    return scene_lent(s, weir_arena_allocate(s->arena, 70000));
}
CALL(weir_arena_allocate_aligned)
{
    return scene_lent(s, weir_arena_allocate_aligned(s->arena, 70000, 4096));
}
CALL(weir_arena_mark_get)
{
    for (int i = 0; i < 40; i++) /* one within the room that there is, and one that needs more */
        if (!weir_arena_mark_get(s->arena))
            return errno;
    return 0;
}
CALL(weir_arena_rewind)
{
    return weir_arena_rewind(s->arena, s->mark);
}
CALL(weir_arena_reset)
{
    return weir_arena_reset(s->arena);
}
CALL(weir_arena_trim)
{
    weir_arena_trim(s->arena);
    return 0;
}
CALL(weir_arena_allocator)
{
    return scene_lent(s, weir_arena_allocator(s->arena));
}
CALL(weir_arena_stats_get)
{
    weir_arena_stats stats = {.size = sizeof stats};
    int status = weir_arena_stats_get(s->arena, &stats);
    return status ? status : right(stats.requested == 10);
}

static const struct call calls_of_blocks[] = {
    MAY(weir_allocate),
    MAY_AS(weir_allocate, small),
    MAY_AS(weir_allocate, first_small),
    MAY_AS(weir_allocate, first_large),
    MAY_AS(weir_allocate, huge),
    MAY_AS(weir_allocate, on_device),
    MAY(weir_allocate_aligned),
    MAY(weir_allocate_zeroed),
    MAY(weir_allocate_zeroed_aligned),
    MAY(weir_reallocate),
    MAY_AS(weir_reallocate, large),
    MAY_AS(weir_reallocate, smaller),
    MAY(weir_reallocate_aligned),
    SURE(weir_deallocate),
    SURE(weir_deallocate_sized),
    SURE(weir_usable_size),
    SURE(weir_requested_size),
    SURE(weir_owns),
    SURE(weir_allocator_of),
    SURE(weir_block_tag),
    SURE(weir_cpu_allocator),
    MAY(weir_allocator_create),
    MAY_AS(weir_allocator_create, own_pool),
    MAY_AS(weir_allocator_create, huge_pages),
    SURE(weir_allocator_destroy),
    SURE(weir_allocator_find),
    SURE(weir_allocator_is_host_accessible),
    SURE(weir_allocator_name),
    SURE(weir_allocator_parent),
    SURE(weir_total_allocated),
    SURE(weir_peak_allocated),
    SURE(weir_allocation_count),
    SURE(weir_reset_peak),
    SURE(weir_stats_get),
    MAY(weir_placement_stats_get),
    SURE(weir_set_limit),
    SURE(weir_set_limit_fraction),
    SURE(weir_check),
    SURE(weir_trim),
    MAY(weir_allocator_walk),
    MAY(weir_allocator_walk_children),
    MAY(weir_allocator_walk_roots),
    MAY(weir_set_refusal_callback),
    MAY(weir_set_soft_limit),
    MAY(weir_tag_intern),
    SURE(weir_tag_name),
    SURE(weir_tag_set),
    MAY(weir_tag_class),
    SURE(weir_class_of_tag),
    MAY(weir_buffer_init),
    MAY(weir_buffer_init_pooled),
    MAY(weir_buffer_init_pooled_undefined),
    MAY(weir_buffer_make),
    MAY(weir_buffer_resize),
    SURE(weir_buffer_move),
    SURE(weir_buffer_release),
    SURE(weir_buffer_data),
    SURE(weir_buffer_count),
    SURE(weir_buffer_element_size),
    SURE(weir_buffer_size_in_bytes),
    SURE(weir_buffer_allocator),
    MAY(weir_buffer_pool_create),
    SURE(weir_buffer_pool_destroy),
    MAY(weir_buffer_pool_acquire),
    MAY(weir_buffer_pool_acquire_zeroed),
    SURE(weir_buffer_pool_return),
    SURE(weir_buffer_pool_capacity),
    SURE(weir_buffer_pool_set_idle_limit),
    SURE(weir_buffer_pool_trim),
    SURE(weir_buffer_pool_allocator),
    SURE(weir_buffer_pool_stats_get),
    MAY(weir_arena_create),
    SURE(weir_arena_destroy),
    MAY(weir_arena_allocate),
    MAY(weir_arena_allocate_aligned),
    MAY(weir_arena_mark_get),
    SURE(weir_arena_rewind),
    SURE(weir_arena_reset),
    SURE(weir_arena_trim),
    MAY(weir_arena_allocator),
    SURE(weir_arena_stats_get),
};

#endif
