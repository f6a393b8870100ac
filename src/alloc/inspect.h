/*
 * alloc/inspect.h - what the observing layer asks of the core beyond the public interface: separate
 * peaks, a hook on slow operations, the tree. Owns the hook. Knows nothing of what is done
 * with the figures. Any thread, no lock held. Nothing here is exported.
 */
#ifndef WEIR_ALLOC_INSPECT_H
#define WEIR_ALLOC_INSPECT_H

#include "alloc/heap.h"
#include "track/observer.h"
#include "track/reading.h"

/*
 * Its own peak: the true maximum of the allocator's total (descendants
 * included) since the observer was added. The caller owns the memory and removes
 * the observer before freeing it or destroying the allocator. Any thread.
 * weir__peak_observer_add: 0, or EINVAL.
 */
int weir__peak_observer_add(weir_allocator *a, struct weir__peak_observer *observer);
size_t weir__peak_observer_read(weir_allocator *a, struct weir__peak_observer *observer);
void weir__peak_observer_remove(weir_allocator *a, struct weir__peak_observer *observer);

/*
 * `hook` is called now and then on slow routes, on the thread that is there, with no
 * lock held; it may ask for figures. Set once, before there are threads.
 */
struct weir__window;
void weir__slow_hook_set(void (*hook)(const struct weir__window *own));

/*
 * True if the peak of `a` is above seen->peak: *seen is then the peak and how many blocks lived
 * at it (track/reading.h says how true that is). `own` (may be NULL) is the calling thread's
 * window: with it a call that finds nothing new costs no lock.
 */
bool weir__peak_rose(weir_allocator *a, const struct weir__window *own,
                     struct weir__peak_seen *seen);

/* Calls it, if there is one, for the calling thread's work with `a`. No lock held. */
extern void (*weir__slow_hook)(const struct weir__window *own);
WEIR__INLINE void weir__slow_hook_call(const weir_allocator *a)
{
    if (weir__unlikely(weir__own_get(weir__slow_hook) != NULL))
        weir__slow_hook(&weir__heap_cached(a)->window);
}

/*
 * Calls visit for `a` (depth 0) and then every descendant, parents before their
 * children, siblings oldest first, until it returns non-zero, which is returned. With
 * `a` NULL: for every allocator without a parent (the CPU's, each device's) and what is
 * below it.
 * None of them can be made or destroyed meanwhile, so the visitor may call
 * weir_stats_get, weir_allocator_name, weir_allocator_walk, weir__allocator_mark_old
 * and weir__meta_allocate, and nothing else of weir.
 */
typedef int weir__allocator_tree_visitor(weir_allocator *a, unsigned depth, void *user);
int weir__allocator_tree(weir_allocator *a, weir__allocator_tree_visitor *visit, void *user);

/* The number of the latest checkpoint that marked the allocator; 0: none since it was
 * made. Only from a visitor of weir__allocator_tree. */
uint64_t weir__allocator_checkpoint(const weir_allocator *a);
void weir__allocator_checkpoint_set(weir_allocator *a, uint64_t checkpoint);

#endif
