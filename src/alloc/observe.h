/*
 * alloc/observe.h - what the observing layer asks of the core beyond the public
 * interface. Implemented by the core; nothing here is exported.
 */
#ifndef WEIR_ALLOC_OBSERVE_H
#define WEIR_ALLOC_OBSERVE_H

#include "track/meter.h"
#include "track/trace_hook.h"

#include <weir/allocator.h>

/*
 * A peak of its own: the true maximum of the allocator's total (descendants
 * included) since the observer was added. The caller owns the memory and removes
 * the observer before freeing it or destroying the allocator. Any thread.
 * weir__peak_observer_add: 0, or EINVAL.
 */
int weir__peak_observer_add(weir_allocator *a, struct weir__peak_observer *observer);
size_t weir__peak_observer_read(weir_allocator *a, struct weir__peak_observer *observer);
void weir__peak_observer_remove(weir_allocator *a, struct weir__peak_observer *observer);

/*
 * `watch` is called now and then on slow routes, on the thread that is there, with no
 * lock held; it may ask for figures. Set once, before there are threads.
 */
struct weir__window;
void weir__slow_watch(void (*watch)(const struct weir__window *own));

/*
 * Notes the peak of `a` if it rose since the last note, and how many blocks lived then
 * (track/meter.h says how true that is): true if so. `own` (may be NULL) is the calling thread's
 * window: with it a call that finds nothing new costs no lock.
 */
bool weir__peak_note(weir_allocator *a, const struct weir__window *own,
                     struct weir__meter_note *note);

/*
 * Memory for the heaps of the CPU allocator's threads whose first line (track/shown.h)
 * another process can read. `take` gives zeroed memory and the tally's number, or NULL;
 * `give` takes it back when what the tally said has moved on.
 */
struct weir__heap_places {
    void *(*take)(size_t size, uint32_t *number);
    void (*give)(void *heap, size_t size);
};

/* From here on the CPU allocator's figures are in *shown and in the tallies of the heaps
 * that are made. Once, while the process has one thread. */
void weir__heaps_show(const struct weir__heap_places *places, struct weir__shown *shown);

/*
 * In a forked child, from weir__forked_first: the tallies are the parent's. `place` puts a
 * zero tally in front of each heap (`own`: of the thread that lives) and changes its number;
 * the figures go on in *shown (NULL: nobody reads).
 */
void weir__heaps_place_again(void (*place)(void *heap, size_t size, bool own, uint32_t *number),
                             struct weir__shown *shown);

/* Nobody reads the figures any more; what the tallies say stays. */
void weir__heaps_place_apart(void (*place)(void *heap, size_t size, bool own, uint32_t *number));

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

/*
 * Tracing of everything under `root`, an allocator without a parent, as
 * track/trace_hook.h says. At one instant of the total: the account starts from what
 * is live, its figures go to *at (size set by the callee), the table is installed.
 * 0; EINVAL where `root` has a parent, EBUSY while a table is installed.
 *
 * A walk after it sees every block that was live at that instant and is still, but for
 * blocks of functions that are being freed; and may see a large block whose free was
 * counted before.
 */
int weir__allocator_trace_begin(weir_allocator *root, const struct weir__trace_hooks *hooks,
                                weir_stats *at);

/* At one instant: the table is taken away; *at as before. Operations that already
 * have a number may still call the table's functions for a moment. */
void weir__allocator_trace_end(weir_allocator *root, weir_stats *at);

#endif
