/* alloc/count.c - see count.h. */
#include "alloc/count.h"

#include "alloc/soft_limit.h"
#include "alloc/trace.h"
#include "track/meter.h"
#include "track/shared.h"
#include "track/traced.h"

bool weir__count_locked(struct weir__heap *heap, int64_t delta, int allocated, int freed)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    return weir__window_count(&heap->window, delta, allocated, freed) ||
           (weir__sample_is_on() && weir__sampled_count(&heap->window, delta, allocated, freed)) ||
           (heap->window.sequence = weir__numbered_count(&heap->window, delta, allocated, freed)) ||
           weir__meter_change(&heap->window, delta, allocated, freed);
}

/* While SHARED the thread's own window needs no lock. */
bool weir__count_slow(weir_allocator *a, int64_t delta, int allocated, int freed,
                      uint64_t *sequence)
{
    weir__assert(allocated >= 0 && freed >= 0);
    struct weir__heap *own = weir__heap_own(a);
    if (weir__sample_is_on() && own && weir__sampled_count(&own->window, delta, allocated, freed))
        return true;
    if (own && weir__shared_change(&own->window, delta, allocated, freed))
        return true;
    uint64_t alone = own ? weir__numbered_count(&own->window, delta, allocated, freed) : 0;
    if (alone) {
        *sequence = alone;
        return true;
    }
    struct weir__heap *heap = weir__heap_take(a);
    bool counted = weir__count_locked(heap, delta, allocated, freed);
    uint64_t number = weir__count_sequence(heap);
    weir__heap_drop(heap);
    if (number)
        *sequence = number;
    weir__soft_limits_look(a);
    return counted;
}

bool weir__count_after(weir_allocator *a, int64_t delta, struct weir__step *step,
                       uint64_t *sequence)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)a, (void)delta, (void)sequence;
    return weir__step_take(step);
#endif
    struct weir__heap *heap = weir__heap_take(a);
    bool counted = weir__meter_change_after(&heap->window, delta, step);
    uint64_t number = weir__count_sequence(heap);
    weir__heap_drop(heap);
    if (number)
        *sequence = number;
    weir__soft_limits_look(a);
    return counted;
}

void weir__count_mend(weir_allocator *a, size_t bytes)
{
    struct weir__heap *heap = weir__heap_take(a);
    weir__meter_mend(&heap->window, (int64_t)bytes);
    uint64_t number = weir__count_sequence(heap);
    weir__heap_drop(heap);
    if (number)
        weir__trace_adjusted(number, (ptrdiff_t)bytes, 1);
    weir__soft_limits_look(a);
}
