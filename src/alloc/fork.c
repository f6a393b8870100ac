/*
 * alloc/fork.c - around fork: every lock is taken in rank order and every window closed, so that
 * the child finds whole structures and true figures. In the child the heaps of the threads that
 * are not there are emptied and freed. Knows the locks of contexts; those of other layers enter
 * themselves (os/locks.h).
 *
 * Between the handlers the thread that forks may use weir, for the handlers of libraries that
 * registered theirs earlier run then: locks let it through, and it counts as at any other time,
 * but the SHARED mode stays off.
 *
 * If fork falls between another thread's taking (or returning) a large block and its counting it,
 * the child keeps that block in use but uncounted: it leaks there.
 */
#include "alloc/fork.h"

#include "alloc/background.h"
#include "alloc/body.h"
#include "alloc/callback.h"
#include "alloc/context.h"
#include "alloc/heap.h"
#include "alloc/pressure.h"
#include "base/message.h"
#include "os/locks.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* -- the locks of contexts, whose tree the context lock covers ----------------------------- */

static weir_allocator *context_next(weir_allocator *a)
{
    return weir__context_after(a, NULL);
}

static void heaps_each(weir__lock_visitor *visit)
{
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a))
        for (struct weir__link *at = a->body->heaps.first; at; at = at->next)
            visit(&weir__heap_of(at)->cache.lock, NULL);
}
WEIR__LOCKS_EACH(HEAP, heaps_each);

static void families_each(weir__lock_visitor *visit)
{
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a))
        visit(&a->body->family.lock, NULL);
}
WEIR__LOCKS_EACH(FAMILY, families_each);

static int center_visit(struct weir__center *center, void *visit)
{
    (*(weir__lock_visitor **)visit)(&center->lock, NULL);
    return 0;
}

static void centers_each(weir__lock_visitor *visit)
{
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a))
        weir__body_each_center(a->body, center_visit, &visit);
}
WEIR__LOCKS_EACH(CLASS, centers_each);

static void page_heaps_each(weir__lock_visitor *visit)
{
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a))
        if (a->body->owns_page_heap)
            visit(&a->body->page_heap->lock, NULL);
}
WEIR__LOCKS_EACH(PAGES, page_heaps_each);

static void registries_each(weir__lock_visitor *visit)
{
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a))
        if (!a->body->page_heap)
            visit(&a->body->registry.lock, NULL);
}
WEIR__LOCKS_EACH(REGISTRY, registries_each);

/* Another thread's own holds up nobody in the child, and nobody in the parent for long. */
static void thread_each(weir__lock_visitor *visit)
{
    visit(&weir__here.lock, NULL);
}
WEIR__LOCKS_EACH(THREAD, thread_each);

/* -- are they free? ------------------------------------------------------------------------ */

bool weir__core_is_quiet(void)
{
    return !weir__heaps_are_entered() && weir__locks_are_free();
}

/* -- fork ---------------------------------------------------------------------------------- */

void (*weir__forked_first)(void);

static void fork_prepare(void)
{
    weir__locks_fork_take();
    weir__meter_fork_prepare();
}

static void fork_parent(void)
{
    weir__meter_fork_done();
    weir__locks_fork_drop();
}

static void fork_child(void)
{
    if (weir__forked_first)
        weir__forked_first();
    weir__meter_fork_done();
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a)) {
        if (a->body->owns_page_heap)
            weir__page_heap_forked(a->body->page_heap);
        weir__heaps_orphaned(a);
    }
    weir__callbacks_forked();
    weir__background_forked();
    weir__pressure_forked();
    weir__locks_fork_drop();
}

void weir__fork_register(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    if (pthread_atfork(prepare, parent, child) == 0)
        return;
    weir__message_print("weir: no memory to register what must happen around fork");
    abort();
}

void weir__fork_handlers_install(void)
{
    weir__fork_register(fork_prepare, fork_parent, fork_child);
}
