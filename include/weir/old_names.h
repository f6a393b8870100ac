/*
 * old_names.h - what functions and types were called before 0.2: a program that uses such a name
 * compiles, and the compiler tells the new one. weir.h includes it unless WEIR_NO_OLD_NAMES is
 * defined. ChangeLog has the table. 1.0 will not have this file.
 *
 * Visitors return bool now. Figures that had no size get it here.
 */
#ifndef WEIR_OLD_NAMES_H
#define WEIR_OLD_NAMES_H

#include <weir/buffer_pool.h>
#include <weir/cuda.h>
#include <weir/plan.h>
#include <weir/profile.h>
#include <weir/stats.h>
#include <weir/trace.h>

#define WEIR_OLD_NAME(new_name) static inline __attribute__((deprecated(new_name), unused))
#define WEIR_OLD_TYPE(new_name) __attribute__((deprecated(new_name)))

WEIR_BEGIN_DECLS

typedef weir_plan_memory weir_plan_arena WEIR_OLD_TYPE("weir_plan_memory");
typedef weir_plan_stats weir_plan_report WEIR_OLD_TYPE("weir_plan_stats");
typedef weir_plan_profile_stats weir_plan_profile_report WEIR_OLD_TYPE("weir_plan_profile_stats");
typedef weir_profiler_stats weir_profile WEIR_OLD_TYPE("weir_profiler_stats");
typedef weir_trace_stats weir_trace_status WEIR_OLD_TYPE("weir_trace_stats");
typedef weir_leaks_stats weir_leaks WEIR_OLD_TYPE("weir_leaks_stats");

WEIR_OLD_NAME("weir_plan_memory_create")
weir_plan_memory *weir_plan_arena_create(const weir_plan *plan, weir_allocator *a) WEIR_NOEXCEPT
{
    return weir_plan_memory_create(plan, a);
}
WEIR_OLD_NAME("weir_plan_memory_retain")
weir_plan_memory *weir_plan_arena_retain(weir_plan_memory *memory) WEIR_NOEXCEPT
{
    return weir_plan_memory_retain(memory);
}
WEIR_OLD_NAME("weir_plan_memory_release")
void weir_plan_arena_release(weir_plan_memory *memory) WEIR_NOEXCEPT
{
    weir_plan_memory_release(memory);
}
WEIR_OLD_NAME("weir_plan_memory_buffer")
void *weir_plan_arena_slot(const weir_plan_memory *memory, size_t index) WEIR_NOEXCEPT
{
    return weir_plan_memory_buffer(memory, index);
}
WEIR_OLD_NAME("weir_plan_memory_data")
void *weir_plan_arena_data(const weir_plan_memory *memory) WEIR_NOEXCEPT
{
    return weir_plan_memory_data(memory);
}
WEIR_OLD_NAME("weir_plan_memory_size_in_bytes")
size_t weir_plan_arena_bytes(const weir_plan_memory *memory) WEIR_NOEXCEPT
{
    return weir_plan_memory_size_in_bytes(memory);
}
WEIR_OLD_NAME("weir_plan_memory_tensor")
weir_tensor *weir_tensor_bind(weir_plan_memory *memory, size_t index, const int64_t *shape,
                              size_t ndim, weir_dtype dtype) WEIR_NOEXCEPT
{
    return weir_plan_memory_tensor(memory, index, shape, ndim, dtype);
}
WEIR_OLD_NAME("weir_plan_recorder_plan")
weir_plan *weir_plan_record(weir_plan_recorder *recorder) WEIR_NOEXCEPT
{
    return weir_plan_recorder_plan(recorder);
}
WEIR_OLD_NAME("weir_plan_stats_get")
int weir_plan_report_get(const weir_plan *plan, weir_plan_stats *stats) WEIR_NOEXCEPT
{
    return weir_plan_stats_get(plan, stats);
}
WEIR_OLD_NAME("weir_plan_profile_stats_get")
int weir_plan_profile_get(const weir_plan *plan, size_t profile,
                          weir_plan_profile_stats *stats) WEIR_NOEXCEPT
{
    return weir_plan_profile_stats_get(plan, profile, stats);
}
WEIR_OLD_NAME("weir_profiler_stats_get")
int weir_profiler_read(const weir_profiler *profiler, weir_profiler_stats *stats) WEIR_NOEXCEPT
{
    if (stats)
        stats->size = sizeof *stats;
    return weir_profiler_stats_get(profiler, stats);
}
WEIR_OLD_NAME("weir_profiler_print")
int weir_profiler_report_to(const weir_profiler *profiler, const char *label,
                            FILE *to) WEIR_NOEXCEPT
{
    return weir_profiler_print(to, profiler, label);
}
WEIR_OLD_NAME("weir_profiler_print")
int weir_profiler_report(const weir_profiler *profiler, const char *label) WEIR_NOEXCEPT
{
    return weir_profiler_print(stdout, profiler, label);
}
WEIR_OLD_NAME("weir_trace_stats_get") int weir_trace_read(weir_trace_stats *stats) WEIR_NOEXCEPT
{
    if (stats)
        stats->size = sizeof *stats;
    return weir_trace_stats_get(stats);
}
WEIR_OLD_NAME("weir_allocator_walk_children")
int weir_allocator_children(weir_allocator *a, weir_allocator_visitor *visit,
                            void *user) WEIR_NOEXCEPT
{
    return weir_allocator_walk_children(a, visit, user);
}
WEIR_OLD_NAME("weir_allocator_walk_tags")
int weir_tag_stats_each(weir_allocator *a, weir_tag_stats_visitor *visit, void *user) WEIR_NOEXCEPT
{
    return weir_allocator_walk_tags(a, visit, user);
}
WEIR_OLD_NAME("weir_device_allocator_create")
weir_allocator *weir_device_allocator(const weir_device_table *table,
                                      const weir_device_options *options) WEIR_NOEXCEPT
{
    return weir_device_allocator_create(table, options);
}
WEIR_OLD_NAME("weir_device_host_table_create")
const weir_device_table *weir_device_host_table(const char *name, size_t capacity) WEIR_NOEXCEPT
{
    return weir_device_host_table_create(name, capacity);
}
WEIR_OLD_NAME("weir_cuda_table_create")
const weir_device_table *weir_cuda_table(int device) WEIR_NOEXCEPT
{
    return weir_cuda_table_create(device);
}
WEIR_OLD_NAME("weir_device_name") const char *weir_device_of(const weir_allocator *a) WEIR_NOEXCEPT
{
    return weir_device_name(a);
}
WEIR_OLD_NAME("weir_device_deallocate_on")
void weir_device_free_on(weir_allocator *a, void *block, void *stream) WEIR_NOEXCEPT
{
    weir_device_deallocate_on(a, block, stream);
}
WEIR_OLD_NAME("weir_device_record_stream")
int weir_device_use_on(weir_allocator *a, void *block, void *stream) WEIR_NOEXCEPT
{
    return weir_device_record_stream(a, block, stream);
}
WEIR_OLD_NAME("weir_buffer_pool_return")
void weir_buffer_pool_release(weir_buffer_pool *pool, void *block) WEIR_NOEXCEPT
{
    weir_buffer_pool_return(pool, block);
}

/* Any pointer may be NULL. */
WEIR_OLD_NAME("weir_plan_cache_stats_get")
void weir_plan_cache_counts(const weir_plan_cache *cache, size_t *hits, size_t *misses,
                            size_t *evictions) WEIR_NOEXCEPT
{
    weir_plan_cache_stats stats = WEIR_PLAN_CACHE_STATS_INIT;
    if (weir_plan_cache_stats_get(cache, &stats))
        stats.hits = stats.misses = stats.evictions = 0;
    if (hits)
        *hits = stats.hits;
    if (misses)
        *misses = stats.misses;
    if (evictions)
        *evictions = stats.evictions;
}

/* `leaks` or `visit` may be NULL. */
WEIR_OLD_NAME("weir_leaks_stats_get, weir_leaks_walk")
int weir_leaks_since(weir_allocator *a, uint64_t checkpoint, weir_leaks_stats *leaks,
                     weir_leak_visitor *visit, void *user) WEIR_NOEXCEPT
{
    if (leaks)
        leaks->size = sizeof *leaks;
    int error = leaks ? weir_leaks_stats_get(a, checkpoint, leaks) : 0;
    return !error && visit ? weir_leaks_walk(a, checkpoint, visit, user) : error;
}

/* A pool is an allocator (WEIR_SOURCE_OWN_POOL). Contexts on it are destroyed before it is. */
typedef weir_allocator weir_pool WEIR_OLD_TYPE("weir_allocator");
typedef struct weir_pool_options {
    const char *name;
    weir_allocator *parent;
    size_t limit;
} weir_pool_options WEIR_OLD_TYPE("weir_allocator_options");
WEIR_OLD_NAME("weir_allocator_create, WEIR_SOURCE_OWN_POOL")
weir_allocator *weir_pool_create(const struct weir_pool_options *options) WEIR_NOEXCEPT
{
    weir_allocator_options own = WEIR_ALLOCATOR_OPTIONS_INIT;
    own.source = WEIR_SOURCE_OWN_POOL;
    if (options) {
        own.name = options->name;
        own.parent = options->parent;
        own.limit = options->limit;
    }
    return weir_allocator_create(&own);
}
WEIR_OLD_NAME("weir_allocator_destroy") int weir_pool_destroy(weir_allocator *pool) WEIR_NOEXCEPT
{
    return weir_allocator_destroy(pool);
}
WEIR_OLD_NAME("the pool itself")
weir_allocator *weir_pool_allocator(weir_allocator *pool) WEIR_NOEXCEPT
{
    return pool;
}
WEIR_OLD_NAME("weir_stats_get")
int weir_pool_stats(const weir_allocator *pool, weir_stats *stats) WEIR_NOEXCEPT
{
    return weir_stats_get(pool, stats);
}
WEIR_OLD_NAME("weir_trim") size_t weir_pool_trim(weir_allocator *pool) WEIR_NOEXCEPT
{
    return pool ? weir_trim(pool) : 0;
}

WEIR_END_DECLS
#endif
