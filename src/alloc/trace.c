/* alloc/trace.c - see trace.h. */
#include "alloc/trace.h"

#include "alloc/context.h"
#include "base/error.h"
#include "pool/region.h"
#include "track/traced.h"

#include <errno.h>

/* -- events: an operation that has a number (weir__trace_stamp) has seen a table -------------- */

void weir__trace_resized(weir_allocator *a, uint64_t sequence, const void *former,
                         const struct weir__trace_block *b)
{
    weir__assert(sequence && former && b->block);
    weir__trace_hooks_latest()->resized(
        &(struct weir__trace_event){.allocator = a,
                                    .block = b->block,
                                    .old_block = former,
                                    .requested = b->requested,
                                    .old_requested = b->old_requested,
                                    .usable = b->usable,
                                    .tag = b->tag,
                                    .sequence = sequence});
}

void weir__trace_failed(weir_allocator *a, size_t requested, size_t alignment, int error)
{
    const struct weir__trace_hooks *hooks = weir__trace_hooks();
    if (hooks && weir__meter_is_traced(&a->body->meter))
        hooks->failed(&(struct weir__trace_event){.allocator = a,
                                                  .requested = requested,
                                                  .alignment = alignment,
                                                  .tag = weir__entry_tag(weir__here.live),
                                                  .error = error,
                                                  .sequence = weir__trace_stamp_neutral()});
}

void weir__trace_adjusted(uint64_t sequence, ptrdiff_t bytes, int blocks)
{
    weir__assert(sequence && blocks >= -1 && blocks <= 1);
    weir__trace_hooks_latest()->adjusted(bytes, blocks, sequence);
}

void weir__trace_destroyed(weir_allocator *a, size_t bytes, size_t blocks, uint64_t sequence)
{
    weir__trace_hooks_latest()->context_destroyed(a, bytes, blocks, sequence);
}

/* -- beginning and end ------------------------------------------------------------------------ */

static void reading_into(const struct weir__meter_reading *reading, weir_stats *stats)
{
    stats->total_allocated = reading->total;
    stats->peak_allocated = reading->peak;
    stats->allocation_count = reading->count;
    stats->allocations = reading->allocations;
    stats->deallocations = reading->frees;
    stats->failures = reading->failures;
    stats->slow_operations = reading->slow_operations;
}

/* Operations on small blocks count and mark their block under the lock of a heap: those
 * that counted before now have marked it when this returns. */
static void heaps_barrier(weir_allocator *root)
{
    weir__context_lock();
    for (weir_allocator *a = root; a; a = weir__context_after(a, root))
        weir__heaps_barrier(a);
    weir__context_unlock();
}

int weir__allocator_trace_begin(weir_allocator *root, const struct weir__trace_hooks *hooks,
                                weir_stats *at)
{
    struct weir__meter_reading reading;
    struct weir__body *body = weir__body_of(root);
    if (!body || weir__context_parent(root))
        return weir__fail(EINVAL, "only an allocator without a parent can be traced");
    __atomic_store_n(&weir__region_hook, weir__trace_region, __ATOMIC_RELEASE);
    at->size = sizeof *at;
    weir_stats_get(root, at);
    int error = weir__traced_begin(&body->meter, hooks, &reading);
    if (error)
        return weir__fail(error, "a trace is being recorded already");
    heaps_barrier(root);
    reading_into(&reading, at);
    return 0;
}

void weir__allocator_trace_end(weir_allocator *root, weir_stats *at)
{
    struct weir__meter_reading reading;
    struct weir__body *body = weir__body_of(root);
    if (!body)
        return;
    at->size = sizeof *at;
    weir_stats_get(root, at);
    weir__traced_end(&body->meter, &reading);
    reading_into(&reading, at);
}
