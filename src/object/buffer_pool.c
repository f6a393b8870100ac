/*
 * object/buffer_pool.c - blocks kept for re-use. Owns a record for each block it has
 * from the allocator, out or idle, found by address in a map; refuses to know what is
 * in them. One lock a pool; the allocator is never called under it.
 */
#include "object/buffer_pool.h"
#include "base/sized.h"

#include "alloc/allocate.h"
#include "alloc/allocator.h"
#include "base/error.h"
#include "base/handle.h"
#include "base/list.h"
#include "base/pointer_map.h"
#include "os/locks.h"
#include "os/memory_tool.h"

#include <errno.h>

/*
 * Bins. The capacity of bin i, in bytes: 64 (i + 1) up to 512, then eight equal steps to
 * each doubling, so that a block of the smallest bin that holds n > 512 bytes has less
 * than n / 8 to spare.
 */
#define BIN_GRAIN  64
#define BIN_STEPS  8
#define BIN_SHIFT  9 /* log2 of the end of the first bins, BIN_GRAIN * BIN_STEPS */
#define BIN_LEVELS (63 - BIN_SHIFT)
#define BINS       (BIN_STEPS + BIN_STEPS * BIN_LEVELS)

_Static_assert(BIN_GRAIN *BIN_STEPS == 1 << BIN_SHIFT, "the first doubling follows the grain");

/* One block. In exactly one state: out, or idle and then in two lists. */
struct pooled {
    char *block;
    size_t capacity, requested;
    struct weir__link of_bin;  /* LIFO: the first was given back last */
    struct weir__link of_idle; /* of all idle ones, the same */
    uint16_t bin;
    bool idle;
};

struct placed {
    char *block; /* the key */
    struct pooled *pooled;
};

/* All under the lock, but for what never changes: allocator. */
struct weir_buffer_pool {
    struct weir__handle handle; /* first */
    weir__lock lock;
    struct weir__lock_entry known;
    weir_allocator *allocator;
    struct weir__pointer_map blocks; /* of struct placed */
    struct weir__list idle;          /* by of_idle */
    weir_buffer_pool_stats figures;
    struct weir__list bins[BINS]; /* by of_bin */
};

_Static_assert(sizeof(struct weir_buffer_pool) <= WEIR__META_KEPT,
               "a dead one is known by its mark");

static unsigned bin_of(size_t size)
{
    if (size <= BIN_GRAIN)
        return 0;
    unsigned shift = weir__log2(size - 1);
    if (shift < BIN_SHIFT)
        return (unsigned)((size - 1) / BIN_GRAIN);
    return BIN_STEPS * (1 + shift - BIN_SHIFT) + (unsigned)((size - 1) >> (shift - 3) & 7);
}

static size_t bin_capacity(unsigned bin)
{
    if (bin < BIN_STEPS)
        return (size_t)BIN_GRAIN * (bin + 1);
    unsigned shift = BIN_SHIFT + bin / BIN_STEPS - 1;
    return (size_t)(BIN_STEPS + bin % BIN_STEPS + 1) << (shift - 3);
}

static struct pooled *pooled_find(const weir_buffer_pool *pool, const void *block)
{
    const struct placed *placed = weir__pointer_map_find(&pool->blocks, block);
    return placed ? placed->pooled : NULL;
}

/* False: no memory, nothing changed. */
static bool pooled_keep(weir_buffer_pool *pool, struct pooled *p)
{
    if (!weir__pointer_map_reserve(&pool->blocks, sizeof(struct placed), &weir__meta_map, NULL))
        return false;
    struct placed *placed = weir__pointer_map_put(&pool->blocks, p->block);
    placed->pooled = p;
    return true;
}

static void pooled_forget(weir_buffer_pool *pool, const struct pooled *p)
{
    weir__pointer_map_remove(&pool->blocks, weir__pointer_map_find(&pool->blocks, p->block));
}

/* -- idle blocks -------------------------------------------------------------------- */

/* A memory tool reports uses of idle blocks. */
static void idle_forbid(const weir_buffer_pool *pool, const struct pooled *p, bool forbidden)
{
    if (!weir__os_memory_tool() || !weir__allocator_host_accessible(pool->allocator))
        return;
    if (forbidden)
        weir__os_memory_forbid(p->block, p->capacity);
    else
        weir__os_memory_permit(p->block, p->capacity);
}

static void idle_add(weir_buffer_pool *pool, struct pooled *p)
{
    idle_forbid(pool, p, true);
    p->idle = true;
    weir__list_push(&pool->bins[p->bin], &p->of_bin);
    weir__list_push(&pool->idle, &p->of_idle);
    pool->figures.idle_bytes += p->capacity;
    pool->figures.idle_count++;
}

static void idle_remove(weir_buffer_pool *pool, struct pooled *p)
{
    idle_forbid(pool, p, false);
    p->idle = false;
    weir__list_remove(&pool->bins[p->bin], &p->of_bin);
    weir__list_remove(&pool->idle, &p->of_idle);
    pool->figures.idle_bytes -= p->capacity;
    pool->figures.idle_count--;
}

/* Takes the oldest out until at most `keep` bytes are idle; a list by of_idle. */
static struct weir__list idle_cut(weir_buffer_pool *pool, size_t keep)
{
    struct weir__list cut = {NULL};
    while (pool->figures.idle_bytes > keep) {
        struct pooled *p = weir__list_of(weir__list_last(&pool->idle), struct pooled, of_idle);
        idle_remove(pool, p);
        pooled_forget(pool, p);
        weir__list_push(&cut, &p->of_idle);
    }
    return cut;
}

/* Gives them to the allocator, without the lock; the bytes. */
static size_t cut_free(weir_buffer_pool *pool, struct weir__list cut)
{
    size_t bytes = 0;
    for (struct weir__link *at = cut.first, *next; at; at = next) {
        struct pooled *p = weir__list_of(at, struct pooled, of_idle);
        next = at->next;
        bytes += p->capacity;
        weir_deallocate(pool->allocator, p->block);
        weir__meta_free(p, sizeof *p);
    }
    return bytes;
}

static size_t idle_bound(const weir_buffer_pool *pool)
{
    return pool->figures.idle_limit ? pool->figures.idle_limit : SIZE_MAX;
}

/* -- acquiring ---------------------------------------------------------------------- */

static void figures_out(weir_buffer_pool *pool, struct pooled *p, size_t size)
{
    p->requested = size;
    pool->figures.out_bytes += p->capacity;
    pool->figures.out_requested += size;
    pool->figures.out_count++;
}

/* The block of a new record; NULL: no memory, nothing changed but failures. */
static void *pool_miss(weir_buffer_pool *pool, size_t size, bool zeroed)
{
    struct pooled *p = weir__meta_allocate(sizeof *p);
    if (!p)
        return weir__fail_null(ENOMEM, "no memory for a pool's book-keeping");
    p->bin = (uint16_t)bin_of(size);
    p->capacity = bin_capacity(p->bin);
    p->block = zeroed
                   ? weir__allocate_zeroed(pool->allocator, p->capacity, 1, WEIR_DEFAULT_ALIGNMENT)
                   : weir_allocate(pool->allocator, p->capacity);
    if (!p->block) {
        int saved = errno;
        weir__meta_free(p, sizeof *p);
        errno = saved;
        return NULL;
    }
    weir__lock_take(&pool->lock);
    bool kept = pooled_keep(pool, p);
    if (kept) {
        pool->figures.misses++;
        figures_out(pool, p, size);
    }
    weir__lock_drop(&pool->lock);
    if (kept)
        return p->block;
    weir_deallocate(pool->allocator, p->block);
    weir__meta_free(p, sizeof *p);
    return weir__fail_null(ENOMEM, "no memory for a pool's book-keeping");
}

static void *pool_hit(weir_buffer_pool *pool, size_t size)
{
    weir__lock_take(&pool->lock);
    struct pooled *p = weir__list_of(pool->bins[bin_of(size)].first, struct pooled, of_bin);
    if (p) {
        idle_remove(pool, p);
        pool->figures.hits++;
        figures_out(pool, p, size);
    }
    weir__lock_drop(&pool->lock);
    return p ? p->block : NULL;
}

static bool pool_admits(const weir_buffer_pool *pool, size_t size)
{
    if (!weir__handle_check(pool, WEIR__HANDLE_BUFFER_POOL))
        return false;
    if (size > PTRDIFF_MAX)
        weir__fail_null(ENOMEM, "a buffer of %zu bytes is impossibly large", size);
    return size <= PTRDIFF_MAX;
}

void *weir_buffer_pool_acquire(weir_buffer_pool *pool, size_t size)
{
    if (!pool_admits(pool, size))
        return NULL;
    void *block = pool_hit(pool, size);
    return block ? block : pool_miss(pool, size, false);
}

void *weir_buffer_pool_acquire_zeroed(weir_buffer_pool *pool, size_t size)
{
    if (!pool_admits(pool, size))
        return NULL;
    void *block = pool_hit(pool, size);
    if (!block)
        return pool_miss(pool, size, true);
    int error = weir__allocator_zero(pool->allocator, block, size);
    if (!error)
        return block;
    weir_buffer_pool_return(pool, block);
    errno = error;
    return NULL;
}

bool weir__buffer_pool_refit(weir_buffer_pool *pool, const void *block, size_t size)
{
    weir__lock_take(&pool->lock);
    struct pooled *p = pooled_find(pool, block);
    bool fits = p && !p->idle && p->bin == bin_of(size);
    if (fits) {
        pool->figures.out_requested += size - p->requested;
        p->requested = size;
    }
    weir__lock_drop(&pool->lock);
    return fits;
}

/* -- giving back -------------------------------------------------------------------- */

void weir_buffer_pool_return(weir_buffer_pool *pool, void *block)
{
    struct weir__list cut = {NULL};
    if (!block || !weir__handle_is_live(pool, WEIR__HANDLE_BUFFER_POOL))
        return;
    weir__lock_take(&pool->lock);
    struct pooled *p = pooled_find(pool, block);
    bool out = p && !p->idle;
    if (out) {
        pool->figures.out_bytes -= p->capacity;
        pool->figures.out_requested -= p->requested;
        pool->figures.out_count--;
        idle_add(pool, p);
        size_t before = pool->figures.idle_count;
        cut = idle_cut(pool, idle_bound(pool));
        pool->figures.evictions += before - pool->figures.idle_count;
    }
    weir__lock_drop(&pool->lock);
    if (!out)
        weir__misuse(p ? WEIR_MISUSE_DOUBLE_FREE : WEIR_MISUSE_FOREIGN_POINTER, block,
                     "pool of buffers");
    cut_free(pool, cut);
}

size_t weir_buffer_pool_trim(weir_buffer_pool *pool, size_t keep_bytes)
{
    if (!weir__handle_is_live(pool, WEIR__HANDLE_BUFFER_POOL))
        return 0;
    weir__lock_take(&pool->lock);
    struct weir__list cut = idle_cut(pool, keep_bytes);
    weir__lock_drop(&pool->lock);
    return cut_free(pool, cut);
}

int weir_buffer_pool_set_idle_limit(weir_buffer_pool *pool, size_t bytes)
{
    if (!weir__handle_check(pool, WEIR__HANDLE_BUFFER_POOL))
        return EINVAL;
    weir__lock_take(&pool->lock);
    pool->figures.idle_limit = bytes;
    size_t before = pool->figures.idle_count;
    struct weir__list cut = idle_cut(pool, idle_bound(pool));
    pool->figures.evictions += before - pool->figures.idle_count;
    weir__lock_drop(&pool->lock);
    cut_free(pool, cut);
    return 0;
}

/* -- making and asking -------------------------------------------------------------- */

weir_buffer_pool *weir_buffer_pool_create(const weir_buffer_pool_options *options)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_buffer_pool_options, idle_limit) };
    weir_buffer_pool_options o;
    if (!weir__options_take(&o, sizeof o, FIRST, options))
        return weir__fail_null(EINVAL, "options of a pool of buffers: no such struct");
    weir_buffer_pool *pool = weir__meta_allocate(sizeof *pool);
    if (!pool)
        return weir__fail_null(ENOMEM, "no memory for a pool of buffers");
    weir__handle_begin(&pool->handle, WEIR__HANDLE_BUFFER_POOL);
    weir__locks_make(WEIR__RANK_OBJECT, &pool->lock, &pool->known);
    pool->allocator = o.allocator ? o.allocator : weir_cpu_allocator();
    pool->figures.idle_limit = o.idle_limit;
    return pool;
}

int weir_buffer_pool_destroy(weir_buffer_pool *pool)
{
    if (!weir__handle_check(pool, WEIR__HANDLE_BUFFER_POOL))
        return EINVAL;
    weir__lock_take(&pool->lock);
    size_t out = pool->figures.out_count;
    struct weir__list cut = idle_cut(pool, out ? SIZE_MAX : 0);
    weir__lock_drop(&pool->lock);
    if (out)
        return weir__fail(EBUSY, "%zu buffers of the pool are out", out);
    if (!weir__handle_end(pool, WEIR__HANDLE_BUFFER_POOL))
        return weir__fail(EINVAL, "no live pool of buffers");
    cut_free(pool, cut);
    weir__pointer_map_clear(&pool->blocks);
    weir__locks_remove(WEIR__RANK_OBJECT, &pool->known);
    weir__meta_free(pool, sizeof *pool);
    return 0;
}

size_t weir_buffer_pool_capacity(weir_buffer_pool *pool, const void *block)
{
    if (!block || !weir__handle_is_live(pool, WEIR__HANDLE_BUFFER_POOL))
        return 0;
    weir__lock_take(&pool->lock);
    struct pooled *p = pooled_find(pool, block);
    size_t capacity = p && !p->idle ? p->capacity : 0;
    weir__lock_drop(&pool->lock);
    return capacity;
}

weir_allocator *weir_buffer_pool_allocator(const weir_buffer_pool *pool)
{
    return weir__handle_is_live(pool, WEIR__HANDLE_BUFFER_POOL) ? pool->allocator : NULL;
}

int weir_buffer_pool_stats_get(const weir_buffer_pool *pool, weir_buffer_pool_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_buffer_pool_stats, idle_limit) };
    if (!weir__handle_check(pool, WEIR__HANDLE_BUFFER_POOL))
        return EINVAL;
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "statistics of a pool of buffers: %s",
                          stats ? "no such struct" : "NULL was given");
    weir__lock *lock = (weir__lock *)(uintptr_t)&pool->lock;
    weir__lock_take(lock);
    weir_buffer_pool_stats made = pool->figures;
    weir__lock_drop(lock);
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}
