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
 * A block that another thread was in the middle of making or freeing a large block
 * may stay in use in the child without being counted: the child leaks it.
 */
#include "alloc/fork.h"

#include "alloc/context.h"
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
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a)) {
        visit(&a->body->common.cache.lock, NULL);
        for (struct weir__heap *heap = a->body->heaps; heap; heap = heap->next)
            visit(&heap->cache.lock, NULL);
    }
}
WEIR__LOCKS_EACH(HEAP, heaps_each);

static void centers_each(weir__lock_visitor *visit)
{
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a)) {
        struct weir__center *center;
        for (unsigned i = 0; (center = weir__body_center(a->body, i)); i++)
            visit(&center->lock, NULL);
    }
}
WEIR__LOCKS_EACH(CLASS, centers_each);

static void stores_each(weir__lock_visitor *visit)
{
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a))
        if (a->body->owns_store)
            visit(&a->body->store->lock, NULL);
}
WEIR__LOCKS_EACH(STORE, stores_each);

static void registries_each(weir__lock_visitor *visit)
{
    for (weir_allocator *a = context_next(NULL); a; a = context_next(a))
        if (!a->body->store)
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

/* Is the calling thread in the middle of counting? Then another may hold the meter lock and
 * wait for it. */
static bool thread_is_inside(void)
{
    for (unsigned i = 0; i < WEIR__HEAP_SLOTS - 1; i++)
        if (weir__here.heaps[i] != &weir__no_heap &&
            weir__window_is_inside(&weir__here.heaps[i]->window))
            return true;
    return false;
}

bool weir__core_is_quiet(void)
{
    return !thread_is_inside() && weir__locks_are_free();
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
        if (a->body->owns_store)
            weir__store_forked(a->body->store);
        weir__heaps_orphaned(a);
    }
    weir__background_forked();
    weir__locks_fork_drop();
}

void weir__fork_register(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    static const char line[] = "weir: no memory to register what must happen around fork\n";
    if (pthread_atfork(prepare, parent, child) == 0)
        return;
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written;
    abort();
}

void weir__fork_watch(void)
{
    weir__fork_register(fork_prepare, fork_parent, fork_child);
}
