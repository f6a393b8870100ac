/*
 * backing/meta.c - owns the memory of weir's own objects: free lists by size, multiples of a cache
 * line up to META_FINE and powers of two above, over mapped chunks; large objects mapped one by
 * one. Knows nothing of pools,
 * whose metadata it holds. One lock, innermost of all.
 *
 * Freed objects are kept for re-use by size and never unmapped, except mapped
 * ones: an object's memory stays readable, which the handles of destroyed
 * allocators rely on.
 */
#include "backing/meta.h"

#include "backing/backing.h"
#include "base/bits.h"
#include "base/fault.h"
#include "os/locks.h"
#include "os/memory_tool.h"
#include "os/pages.h"

#include <errno.h>
#include <string.h>

#define META_FINE                                                                                  \
    1024u /* sizes up to here: of whole cache lines, so that objects never share                   \
           * one */
#define META_MOST  WEIR__META_KEPT /* larger objects are mapped by themselves */
#define META_CHUNK (256 * WEIR__KIB)

/* Lists: one for each multiple of a line up to META_FINE, then one for each power of two. */
#define META_FINE_LISTS (META_FINE / WEIR__LINE)
#define META_LISTS      (META_FINE_LISTS + 6)

_Static_assert(META_FINE << 6 == META_MOST, "six powers of two");

struct meta_free {
    struct meta_free *next;
};

/* All under the lock. Lists are LIFO; [bump, bump_end) was never handed out. */
static struct {
    weir__lock lock;
    struct meta_free *free[META_LISTS]; /* by meta_list */
    char *bump, *bump_end;
    size_t in_use; /* bytes of objects */
} meta = {.lock = WEIR__LOCK(META)};
WEIR__LOCKS_KNOW(META, &meta.lock);

/* What an object of that size takes: up to META_MOST. */
static size_t meta_size(size_t size)
{
    weir__assert(size <= META_MOST);
    if (size <= META_FINE)
        return weir__round_up(weir__max(size, 1), WEIR__LINE);
    return (size_t)2 << weir__log2(size - 1);
}

static unsigned meta_list(size_t size)
{
    weir__assert(size == meta_size(size));
    if (size <= META_FINE)
        return (unsigned)(size / WEIR__LINE - 1);
    return META_FINE_LISTS + weir__log2(size / META_FINE) - 1;
}

static void *meta_take_locked(size_t size)
{
    weir__assert(weir__lock_is_mine(&meta.lock));
    struct meta_free **list = &meta.free[meta_list(size)], *object = *list;
    if (object) {
        *list = object->next;
        memset(object, 0, size);
        return object;
    }
    if ((size_t)(meta.bump_end - meta.bump) < size) {
        char *chunk = weir__os_map_apart(META_CHUNK);
        if (!chunk)
            return NULL;
        meta.bump = chunk;
        meta.bump_end = chunk + META_CHUNK;
    }
    object = (struct meta_free *)meta.bump;
    meta.bump += size;
    return object;
}

static bool handles_are_watched(void)
{
    return weir__unlikely(weir__os_memory_tool()) && weir__backing_is_malloc();
}

static bool all_are_watched(void)
{
    return handles_are_watched() && weir__os_memory_tool_is_strict();
}

static void meta_count(size_t more, size_t less)
{
    weir__lock_take(&meta.lock);
    meta.in_use += more - less;
    weir__lock_drop(&meta.lock);
}

static void *watched_allocate(size_t size)
{
    void *object = weir__fault_now()
                       ? NULL
                       : weir__backing_malloc.raw_allocate(weir__max(size, 1), WEIR__LINE);
    if (object) {
        memset(object, 0, size);
        meta_count(size, 0);
    } else {
        errno = ENOMEM;
    }
    return object;
}

static void watched_free(void *block, size_t size)
{
    weir__assert(block && weir__backing_is_malloc());
    meta_count(0, size);
    weir__backing_malloc.raw_free(block);
}

void *weir__meta_allocate(size_t size)
{
    if (all_are_watched())
        return watched_allocate(size);
    bool mapped = size > META_MOST;
    size_t taken = mapped ? 0 : meta_size(size);
    if (weir__fault_now() || (mapped && !weir__os_page_round(size, &taken))) {
        errno = ENOMEM;
        return NULL;
    }
    void *object = mapped ? weir__os_map_apart(taken) : NULL;
    weir__lock_take(&meta.lock);
    if (!mapped)
        object = meta_take_locked(taken);
    if (object)
        meta.in_use += taken;
    weir__lock_drop(&meta.lock);
    if (!object)
        errno = ENOMEM;
    return object;
}

void weir__meta_free(void *block, size_t size)
{
    if (!block)
        return;
    if (all_are_watched()) {
        watched_free(block, size);
        return;
    }
    bool mapped = size > META_MOST;
    size_t taken = mapped ? 0 : meta_size(size);
    if (mapped)
        weir__os_page_round(size, &taken);
    weir__lock_take(&meta.lock);
    meta.in_use -= taken;
    if (!mapped) {
        struct meta_free *object = block;
        struct meta_free **list = &meta.free[meta_list(taken)];
        object->next = *list;
        *list = object;
    }
    weir__lock_drop(&meta.lock);
    if (mapped)
        weir__os_unmap_apart(block, taken);
}

static void *map_allocate(void *user, size_t size)
{
    (void)user;
    return weir__meta_allocate(size);
}

static void map_free(void *user, void *table, size_t size)
{
    (void)user;
    weir__meta_free(table, size);
}

const struct weir__map_memory weir__meta_map = {map_allocate, map_free};

void *weir__meta_allocate_handle(size_t size)
{
    if (!handles_are_watched() || all_are_watched())
        return weir__meta_allocate(size);
    return watched_allocate(size);
}

void weir__meta_free_handle(void *block, size_t size)
{
    if (!block || !handles_are_watched() || all_are_watched())
        weir__meta_free(block, size);
    else
        watched_free(block, size);
}

size_t weir__meta_in_use(void)
{
    weir__lock_take(&meta.lock);
    size_t bytes = meta.in_use;
    weir__lock_drop(&meta.lock);
    return bytes;
}
