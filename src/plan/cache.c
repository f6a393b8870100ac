/*
 * plan/cache.c - solved plans by key, for programs whose shapes change: at most so many,
 * the one used longest ago goes first. A list is searched: a handful of shapes is the rule,
 * and comparing keys costs nothing compared with an inference. One thread at a time.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"
#include "plan/plan.h"

#include <errno.h>
#include <string.h>

struct cache_entry {
    weir_plan *plan;
    void *key;
    size_t key_size;
};

/* entries[0 .. count): used last first. */
struct weir_plan_cache {
    struct weir__handle handle; /* first */
    struct cache_entry *entries;
    size_t count, most;
    weir_plan_options options;
    weir_plan_maker *make;
    void *user;
    size_t hits, misses, evictions;
};

weir_plan_cache *weir_plan_cache_create(size_t most, const weir_plan_options *options,
                                        weir_plan_maker *make, void *user)
{
    weir_plan_options o;
    if (!most || !make || most > SIZE_MAX / sizeof(struct cache_entry) ||
        !weir__plan_options_take(&o, options))
        return weir__fail_null(EINVAL, "a cache of no plans, or without a maker");
    weir_plan_cache *cache = weir__meta_allocate(sizeof *cache);
    if (!cache)
        return weir__fail_null(ENOMEM, "no memory for a cache of plans");
    cache->entries = weir__meta_allocate(most * sizeof *cache->entries);
    if (!cache->entries) {
        weir__meta_free(cache, sizeof *cache);
        return weir__fail_null(ENOMEM, "no memory for a cache of %zu plans", most);
    }
    weir__handle_begin(&cache->handle, WEIR__HANDLE_PLAN_CACHE);
    cache->most = most;
    cache->make = make;
    cache->user = user;
    cache->options = o;
    return cache;
}

static void cache_drop(struct cache_entry *entry)
{
    weir_plan_destroy(entry->plan);
    weir__meta_free(entry->key, entry->key_size + 1);
    *entry = (struct cache_entry){0};
}

/* Moves entry `at` to the front. */
static const weir_plan *cache_use(weir_plan_cache *cache, size_t at)
{
    struct cache_entry used = cache->entries[at];
    memmove(cache->entries + 1, cache->entries, at * sizeof used);
    cache->entries[0] = used;
    return used.plan;
}

static int cache_make(weir_plan_cache *cache, const void *key, size_t key_size,
                      struct cache_entry *entry)
{
    *entry = (struct cache_entry){weir_plan_create(), weir__meta_allocate(key_size + 1), key_size};
    if (!entry->plan || !entry->key)
        return ENOMEM;
    if (key_size)
        memcpy(entry->key, key, key_size);
    int error = cache->make(entry->plan, key, key_size, cache->user);
    return error ? error : weir_plan_solve(entry->plan, &cache->options);
}

const weir_plan *weir_plan_cache_get(weir_plan_cache *cache, const void *key, size_t key_size)
{
    if (!weir__handle_check(cache, WEIR__HANDLE_PLAN_CACHE))
        return NULL;
    if ((!key && key_size) || key_size == SIZE_MAX)
        return weir__fail_null(EINVAL, "no key of a plan");
    for (size_t i = 0; i < cache->count; i++)
        if (cache->entries[i].key_size == key_size &&
            (!key_size || memcmp(cache->entries[i].key, key, key_size) == 0)) {
            cache->hits++;
            return cache_use(cache, i);
        }
    cache->misses++;
    struct cache_entry made;
    int error = cache_make(cache, key, key_size, &made);
    if (error) {
        cache_drop(&made);
        errno = error;
        return NULL;
    }
    if (cache->count == cache->most) {
        cache_drop(&cache->entries[--cache->count]);
        cache->evictions++;
    }
    cache->entries[cache->count] = made;
    return cache_use(cache, cache->count++);
}

int weir_plan_cache_stats_get(const weir_plan_cache *cache, weir_plan_cache_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_plan_cache_stats, evictions) };
    if (!weir__handle_check(cache, WEIR__HANDLE_PLAN_CACHE))
        return EINVAL;
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "no statistics, or of no known size");
    weir_plan_cache_stats made = {
        .hits = cache->hits, .misses = cache->misses, .evictions = cache->evictions};
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}

void weir_plan_cache_destroy(weir_plan_cache *cache)
{
    if (!weir__handle_end(cache, WEIR__HANDLE_PLAN_CACHE))
        return;
    while (cache->count > 0)
        cache_drop(&cache->entries[--cache->count]);
    weir__meta_free(cache->entries, cache->most * sizeof *cache->entries);
    weir__meta_free(cache, sizeof *cache);
}
