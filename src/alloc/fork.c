/*
 * alloc/fork.c - around fork: every lock is taken in rank order and every window
 * closed, so that the child finds whole structures and true figures. In the child the
 * heaps of the threads that are not there are emptied and freed.
 *
 * A block that another thread was in the middle of making or freeing a large block
 * may stay in use in the child without being counted: the child leaks it.
 */
#include "alloc/fork.h"

#include "alloc/background.h"
#include "alloc/context.h"
#include "alloc/tag.h"
#include "backing/meta.h"

#include <pthread.h>

static void centers_lock(struct weir__body *body, void (*each)(weir__lock *))
{
    struct weir__center *center;
    for (unsigned i = 0; (center = weir__body_center(body, i)); i++)
        each(&center->lock);
}

static void lock_take(weir__lock *lock)
{
    weir__lock_take(lock);
}

static void lock_drop(weir__lock *lock)
{
    weir__lock_drop(lock);
}

/* Ranks: all heaps, then all classes, then stores and registries. */
static void locks_each(void (*each)(weir__lock *))
{
    weir_allocator *a;
    for (a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL)) {
        each(&a->body->common.cache.lock);
        for (struct weir__link *at = a->body->heaps.first; at; at = at->next)
            each(&weir__heap_of(at)->cache.lock);
    }
    for (a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (a->body->page_heap)
            centers_lock(a->body, each);
    for (a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL)) {
        if (a->body->owns_page_heap)
            each(&a->body->page_heap->lock);
        if (!a->body->page_heap)
            each(&a->body->registry.lock);
    }
}

static bool locks_free;

static void lock_look(weir__lock *lock)
{
    if (__atomic_load_n(&lock->state, __ATOMIC_RELAXED))
        locks_free = false;
}

bool weir__core_is_quiet(void)
{
    if (weir__heaps_are_entered())
        return false;
    locks_free = weir__context_is_quiet() && weir__meter_is_quiet() && weir__meta_is_quiet();
    if (locks_free)
        locks_each(lock_look);
    return locks_free;
}

static void fork_prepare(void)
{
    weir__background_fork_prepare();
    weir__context_lock();
    weir__tags_lock();
    locks_each(lock_take);
    weir__meter_fork_prepare();
    weir__meta_lock();
}

static void fork_release(void)
{
    weir__meta_unlock();
    weir__meter_fork_done();
    locks_each(lock_drop);
    weir__tags_unlock();
    weir__context_unlock();
    weir__background_fork_done(false);
}

void (*weir__forked_first)(void);

static void fork_child(void)
{
    if (weir__forked_first)
        weir__forked_first();
    weir__meta_unlock();
    weir__meter_fork_done();
    locks_each(lock_drop);
    weir__tags_unlock();
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL)) {
        if (a->body->owns_page_heap)
            weir__page_heap_forked(a->body->page_heap);
        weir__heaps_orphaned(a);
    }
    weir__context_unlock();
    weir__background_fork_done(true);
}

void weir__fork_watch(void)
{
    pthread_atfork(fork_prepare, fork_release, fork_child);
}
