/* alloc/context.c - see context.h. Knows blocks only by handing them back when their allocator
 * goes. */
#include "alloc/context.h"

#include "alloc/cpu.h"
#include "alloc/guarded.h"
#include "alloc/hardened.h"
#include "alloc/own_heap.h"
#include "alloc/provided.h"
#include "alloc/trace.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"
#include "os/locks.h"
#include "os/wait.h"
#include "pool/fenced.h"
#include "track/reading.h"
#include "track/sample.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct {
    struct weir__guard guard;
    unsigned depth;  /* how often its holder took it; the holder's, as the serial */
    uint64_t serial; /* allocators made */
} contexts WEIR__AT_START = {.guard = WEIR__GUARD(CONTEXTS)};

void weir__context_lock(void)
{
    if (!weir__guard_is_mine(&contexts.guard))
        weir__guard_take(&contexts.guard);
    contexts.depth++;
}

bool weir__context_try(void)
{
    if (!weir__guard_is_mine(&contexts.guard) && !weir__guard_try(&contexts.guard))
        return false;
    contexts.depth++;
    return true;
}

void weir__context_unlock(void)
{
    weir__assert(weir__context_is_mine() && contexts.depth > 0);
    if (--contexts.depth == 0)
        weir__guard_drop(&contexts.guard);
}

bool weir__context_is_mine(void)
{
    return weir__guard_is_mine(&contexts.guard);
}

/* A visitor, under the lock, may fork. */
static void guard_each(weir__lock_visitor *visit)
{
    visit(&contexts.guard.lock, weir__guard_holder(&contexts.guard));
}
WEIR__LOCKS_EACH(CONTEXTS, guard_each);

/* -- the tree ------------------------------------------------------------------------- */

static weir_allocator *handle_of(struct weir__meter *m)
{
    return m ? ((struct weir__body *)m)->handle : NULL;
}

weir_allocator *weir__context_after(const weir_allocator *a, const weir_allocator *top)
{
    weir__assert(!a || a->body);
    if (!a)
        return top ? (weir_allocator *)(uintptr_t)top : handle_of(weir__meter_first());
    return handle_of(weir__meter_after(&a->body->meter, top ? &top->body->meter : NULL));
}

weir_allocator *weir__context_parent(const weir_allocator *a)
{
    weir__assert(a->body);
    return handle_of(a->body->meter.parent);
}

weir_allocator *weir__context_child(const weir_allocator *a)
{
    weir__assert(a->body);
    return handle_of(weir__meter_of(a->body->meter.children.first));
}

weir_allocator *weir__context_sibling(const weir_allocator *a)
{
    weir__assert(a->body);
    return handle_of(weir__meter_of(a->body->meter.link.next));
}

/* -- making --------------------------------------------------------------------------- */

static int options_check(const weir_allocator_options *o)
{
    bool functions = o->source == WEIR_SOURCE_FUNCTIONS;
    if (o->source < WEIR_SOURCE_POOL || o->source > WEIR_SOURCE_OWN_POOL)
        return weir__fail(EINVAL, "allocator options: no source %d", (int)o->source);
    if (functions && (!o->functions || !o->functions->allocate || !o->functions->deallocate))
        return weir__fail(EINVAL, "allocator options: functions need allocate and deallocate");
    if (functions && !o->functions->zero != !o->functions->copy)
        return weir__fail(EINVAL, "allocator options: zero and copy come together");
    if (!functions && o->functions)
        return weir__fail(EINVAL, "allocator options: functions without WEIR_SOURCE_FUNCTIONS");
    if (o->pool && o->source != WEIR_SOURCE_POOL)
        return weir__fail(EINVAL, "allocator options: a pool without WEIR_SOURCE_POOL");
    if (o->pool && !weir__allocator_check(o->pool, NULL))
        return EINVAL;
    if (o->pool && !weir__body_pool(o->pool->body))
        return weir__fail(EINVAL, "allocator options: \"%s\" is on no pool", o->pool->name);
    return weir__own_heap_is_wanted(o) ? weir__own_heap_check(o) : 0;
}

/* Hardened and other blocks are on different pools. *apart: it has one of its own therefore. */
static WEIR__NOINLINE int hardened_check(weir_allocator_options *o, const weir_allocator *parent,
                                         bool *apart)
{
    int error = weir__hardened_check(o);
    if (error)
        return error;
    weir_hardened wish = o->hardened;
    o->hardened = weir__hardened_choose(o, parent);
    bool on = o->hardened != WEIR_HARDENED_OFF;
    *apart = !o->pool && weir__hardened_apart(o, parent, o->hardened);
    if (wish && o->pool && weir__body_pool(o->pool->body)->hardened != on)
        return weir__fail(EINVAL, "allocator options: the pool of \"%s\" is %shardened",
                          o->pool->name, on ? "not " : "");
    return 0;
}

/* "KIND-SERIAL", for an allocator without a name: snprintf would be half the cost of making it. */
static void name_make(weir_allocator *a, const char *kind)
{
    char digits[20], *first = digits + sizeof digits;
    for (uint64_t left = a->serial; left; left /= 10)
        *--first = (char)('0' + left % 10);
    size_t length = strlen(kind), count = (size_t)(digits + sizeof digits - first);
    weir__assert(length + 1 + count < sizeof a->name);
    memcpy(a->name, kind, length);
    a->name[length] = '-';
    memcpy(a->name + length + 1, first, count);
    a->name[length + 1 + count] = 0;
}

static void name_set(weir_allocator *a, const char *name, const char *kind)
{
    weir__assert(weir__context_is_mine());
    a->serial = ++contexts.serial;
    if (name)
        snprintf(a->name, sizeof a->name, "%s", name);
    else
        name_make(a, kind);
}

static weir_allocator *context_make_locked(const weir_allocator_options *options,
                                           weir_allocator *parent, struct weir__page_heap *own)
{
    weir__assert(weir__context_is_mine());
    struct weir__body *body = weir__meta_allocate(sizeof *body);
    weir_allocator *handle = body ? weir__handle_take(!parent) : NULL;
    if (!handle) {
        weir__meta_free(body, sizeof *body);
        return weir__fail_null(ENOMEM, "no memory for an allocator");
    }
    weir__body_source(body, options, parent ? parent->body : NULL, own);
    body->made_page_heap = own != NULL;
    name_set(handle, options->name, options->source == WEIR_SOURCE_OWN_POOL ? "pool" : "context");
    weir__body_begin(body, handle, parent ? parent->body : NULL, options->limit);
    return handle;
}

static weir_allocator *context_make(weir_allocator_options *options)
{
    weir_allocator *parent = options->parent == WEIR_NO_PARENT ? NULL
                             : options->parent                 ? options->parent
                                                               : &weir__cpu;
    int error = options_check(options);
    if (error) {
        errno = error;
        return NULL;
    }
    if (!weir__allocator_check(&weir__cpu, NULL) ||
        (parent && !weir__allocator_check(parent, NULL)))
        return NULL;
    struct weir__page_heap *own = NULL;
    bool apart = false;
    if (weir__unlikely(options->hardened || weir__relaxed_get(weir__hardened_any)))
        error = hardened_check(options, parent, &apart);
    if (!error && weir__unlikely(weir__own_heap_is_wanted(options) || apart))
        error = weir__own_heap_make(options, parent, &own);
    if (error) {
        errno = error;
        return NULL;
    }
    weir__context_lock();
    weir_allocator *a = context_make_locked(options, parent, own);
    weir__context_unlock();
    if (!a)
        weir__own_heap_destroy(own);
    return a;
}

weir_allocator *weir_allocator_create(const weir_allocator_options *options)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_allocator_options, hardened) };
    weir_allocator_options o;
    if (!weir__options_take(&o, sizeof o, FIRST, options))
        return weir__fail_null(EINVAL, "allocator options: no such struct");
    return context_make(&o);
}

/* -- unmaking ------------------------------------------------------------------------- */

static int span_free_owned(struct weir__span *span, void *a)
{
    weir__assert(span->state == WEIR__PAGE_SPAN);
    struct weir__page_heap *heap = ((weir_allocator *)a)->body->page_heap;
    if (weir__span_owner(span) == a && weir__span_is_fenced(span))
        weir__fenced_end_locked(heap, span);
    if (weir__span_owner(span) == a)
        weir__span_give_locked(heap, span);
    return 0;
}

/* Every block of `a` goes back to where it came from, live or free. */
static void blocks_release(weir_allocator *a)
{
    weir__assert(a->state == WEIR__STATE_DESTROYED);
    struct weir__body *body = a->body;
    if (!body->page_heap) {
        weir__provided_release_all(a);
        return;
    }
    for (struct weir__shard *shard = &body->shard; shard; shard = weir__shard_next(shard))
        weir__shard_unmake(shard);
    if (body->hardened)
        weir__fenced_release(body->page_heap, a);
    weir__lock_take(&body->page_heap->lock);
    if (body->span_bytes)
        weir__span_each_locked(body->page_heap, span_free_owned, a);
    weir__lock_drop(&body->page_heap->lock);
    weir__guarded_release(a);
    weir__page_heap_relieve(body->page_heap);
}

/* What lives in it is counted as freed before its memory has another owner. */
void weir__context_unmake(weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    struct weir__body *body = a->body;
    struct weir__meter_reading left;
    __atomic_store_n(&a->state, WEIR__STATE_DESTROYED, __ATOMIC_RELEASE);
    weir__heaps_release(a, false);
    weir__handle_displace(a);
    weir__meter_read(&body->meter, &left);
    uint64_t sequence = weir__meter_retire(&body->meter, left.total, left.count);
    if (sequence)
        weir__trace_destroyed(a, left.total, left.count, sequence);
    if (weir__unlikely(weir__relaxed_get(weir__sample_hooks) != NULL))
        weir__sample_told()->destroyed(a);
    blocks_release(a);
    weir__meter_destroy(&body->meter);
    if (body->functions.destroy)
        body->functions.destroy(body->user);
    a->body = NULL;
    if (body->borrows)
        weir__body_pool(body)->borrowers--;
    if (body->made_page_heap)
        weir__own_heap_destroy(body->page_heap);
    weir__body_free(body);
    weir__handle_retire(a);
}

/* Calls of its callbacks, which get it, go on in other threads. */
static bool callbacks_are_elsewhere(const weir_allocator *a)
{
    if (!a->body || !a->body->callbacks)
        return false;
    for (int kind = 0; kind < WEIR__CALLBACKS; kind++)
        if (weir__callback_is_elsewhere(&a->body->callbacks[kind]))
            return true;
    return false;
}

/* Waits, unless a visitor asks, who holds the lock that the calls end with. */
static void callbacks_await(const weir_allocator *a, bool visiting)
{
    for (unsigned attempt = 0; !visiting && callbacks_are_elsewhere(a); attempt++) {
        weir__context_unlock();
        weir__os_backoff(attempt);
        weir__context_lock();
    }
}

static int destroy_locked(weir_allocator *a)
{
    if (weir__context_child(a))
        return weir__fail(EBUSY, "allocator \"%s\" has child contexts", a->name);
    if (a->body->borrowers)
        return weir__fail(EBUSY, "other contexts are on the pool of \"%s\"", a->name);
    weir__context_unmake(a);
    return 0;
}

int weir_allocator_destroy(weir_allocator *a)
{
    if (!a || a == &weir__cpu)
        return weir__fail(EINVAL, "the %s cannot be destroyed",
                          a ? "CPU allocator" : "NULL allocator");
    if (!weir__allocator_check(a, NULL))
        return EINVAL;
    bool visiting = weir__context_is_mine();
    weir__context_lock();
    callbacks_await(a, visiting);
    bool there = weir__allocator_is_ready(a); /* else another thread was first */
    int error = there ? destroy_locked(a) : EINVAL;
    weir__context_unlock();
    if (!there)
        weir__allocator_check(a, NULL);
    return error;
}
