/*
 * alloc/block.h - the routes of a block, shared by the files of this layer:
 * small (slab), large (span), foreign (functions).
 */
#ifndef WEIR_ALLOC_BLOCK_H
#define WEIR_ALLOC_BLOCK_H

#include "alloc/context.h"
#include "base/error.h"

/* What is known of a pointer that claims to be a block of `a`. */
enum weir__kind { WEIR__BAD = 0, WEIR__SMALL, WEIR__LARGE, WEIR__OTHER };

struct weir__found {
    enum weir__kind kind; /* BAD: `fault` says why */
    weir_misuse fault;
    struct weir__slab *slab;      /* SMALL */
    uint32_t *entry;              /* SMALL */
    struct weir__span *span;      /* LARGE */
    struct weir__foreign foreign; /* OTHER: a copy */
    size_t requested, usable;
    size_t alignment; /* at least what was asked for */
    uint32_t tag;
};

/* Finds the live block of `a` that starts at `pointer`, or says what is wrong. */
struct weir__found weir__block_find(const weir_allocator *a, const void *pointer);

/* The same, and reports the fault. */
bool weir__block_expect(const weir_allocator *a, const void *pointer, struct weir__found *found);

/* How zeroed allocation learns what it need not clear. */
struct weir__request {
    size_t size;
    size_t alignment;
    bool *zeroed; /* out, may be NULL: the block is known to be all zero */
};

/* The slow way of every allocation; NULL with errno. */
void *weir__allocate_slow(weir_allocator *a, const struct weir__request *request);

/* The slow way of every free of a non-NULL pointer. */
void weir__deallocate_slow(weir_allocator *a, void *block);

/* weir_reallocate for callers that need no more than `alignment` afterwards, whatever
 * the block has now; it is not NULL. */
void *weir__reallocate_as(weir_allocator *a, void *block, size_t size, size_t alignment);

/* Blocks from functions (alloc/foreign.c). */
void *weir__foreign_allocate(weir_allocator *a, const struct weir__request *request);
void weir__foreign_free(weir_allocator *a, void *block);
void weir__foreign_release_all(weir_allocator *a);

/* Counts within the window, by its owner outside an operation. False: the window does not
 * admit it, nothing happened. */
WEIR__INLINE bool weir__window_count(struct weir__window *w, int64_t delta, unsigned allocated,
                                     unsigned freed)
{
#ifdef WEIR_NO_ACCOUNTING
    (void)w, (void)delta, (void)allocated, (void)freed;
    return true;
#else
    weir__window_enter(&w->allocating);
    int64_t step = -1;
    int64_t to = weir__own_get(w->taken) - weir__own_get(w->given) + delta;
    bool admitted = weir__window_admits(w, to);
    if (weir__likely(admitted)) {
        weir__window_note(w, to, 2 * (int64_t)allocated - 2 * (int64_t)freed - 1);
        weir__own_set(w->freeing, weir__own_get(w->freeing) + 2 * freed);
        if (delta > 0)
            weir__own_set(w->taken, weir__own_get(w->taken) + delta);
        else
            weir__own_set(w->given, weir__own_get(w->given) - delta);
        step += 2 * (int64_t)allocated;
    }
    weir__window_leave(&w->allocating, step);
    return admitted;
#endif
}

/* Counts through the window if it lets, else the slow way; the heap's lock is held,
 * or it is the calling thread's own and nothing of its bins is touched. False: a
 * limit refuses, nothing changed. */
bool weir__heap_count(struct weir__heap *heap, int64_t delta, unsigned allocated, unsigned freed);

/* Counts for the calling thread, whatever heap it has. *sequence: its number in a
 * trace, or left alone. */
bool weir__account(weir_allocator *a, int64_t delta, unsigned allocated, unsigned freed,
                   uint64_t *sequence);

/* The request failed: counted, errno ENOMEM, NULL. */
void *weir__allocate_failed(weir_allocator *a, const struct weir__request *request,
                            const char *why);

/* The system refused memory: what is free in every pool goes back to it, what threads have cached
 * and unused addresses, too, so that it may be asked once more. No lock held. */
void weir__reclaim(void);

/* Paces the emptying of idle threads' caches: called on slow routes, no lock held. */
void weir__scavenge_now_and_then(struct weir__heap *heap);

/* Calls who watches slow routes (alloc/observe.h); no lock held. */
extern void (*weir__slow_watcher)(const struct weir__window *own);
WEIR__INLINE void weir__watch_call(const struct weir__heap *heap)
{
    if (weir__unlikely(weir__own_get(weir__slow_watcher) != NULL))
        weir__slow_watcher(&heap->window);
}

/* The number of the operation just counted, 0 without a trace; taken once. */
WEIR__INLINE uint64_t weir__heap_sequence(struct weir__heap *heap)
{
    uint64_t sequence = heap->window.sequence;
    if (weir__unlikely(sequence != 0))
        heap->window.sequence = 0;
    return sequence;
}

#endif
