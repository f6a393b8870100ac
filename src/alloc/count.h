/*
 * alloc/count.h - counting for the calling thread: within its window (track/count.h), which is
 * nearly always open, else the slow way, in which shared atomics, traces, limits and common
 * heaps are cases. Owns nothing.
 *
 * Bytes and blocks are what a block adds (a free: takes away). A number in *sequence is that of
 * the change in a trace; it is left alone where none is recorded.
 */
#ifndef WEIR_ALLOC_COUNT_H
#define WEIR_ALLOC_COUNT_H

#include "alloc/heap.h"
#include "track/count.h"

bool weir__count_slow(weir_allocator *a, int64_t delta, int allocated, int freed,
                      uint64_t *sequence);

/* False: a limit refuses, nothing changed. No lock held. */
WEIR__INLINE bool weir__count(weir_allocator *a, int64_t delta, int allocated, int freed,
                              uint64_t *sequence)
{
    return weir__likely(
               weir__window_count(&weir__heap_cached(a)->window, delta, allocated, freed)) ||
           weir__count_slow(a, delta, allocated, freed, sequence);
}

/* The same with the heap's lock held. */
bool weir__count_locked(struct weir__heap *heap, int64_t delta, int allocated, int freed);

/* Bytes alone, once the step succeeded (track/meter.h). No lock held. */
struct weir__step;
bool weir__count_after(weir_allocator *a, int64_t delta, struct weir__step *step,
                       uint64_t *sequence);

/* What was counted off twice is counted again, whatever the limits say. No lock held. */
void weir__count_mend(weir_allocator *a, size_t bytes);

/* The number of what was just counted with the heap's lock held, 0 without a trace; taken
 * once. */
WEIR__INLINE uint64_t weir__count_sequence(struct weir__heap *heap)
{
    uint64_t sequence = heap->window.sequence;
    if (weir__unlikely(sequence != 0))
        heap->window.sequence = 0;
    return sequence;
}

#endif
