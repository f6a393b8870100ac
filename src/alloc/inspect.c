/* alloc/inspect.c - see inspect.h. */
#include "alloc/inspect.h"

#include "alloc/context.h"
#include "track/count.h"

#include <errno.h>

void (*weir__slow_hook)(const struct weir__window *own);

void weir__slow_hook_set(void (*hook)(const struct weir__window *own))
{
    weir__relaxed_set(weir__window_records_blocks, hook != NULL);
    __atomic_store_n(&weir__slow_hook, hook, __ATOMIC_RELEASE);
}

int weir__peak_observer_add(weir_allocator *a, struct weir__peak_observer *observer)
{
    struct weir__body *body = weir__body_of(a);
    if (!body)
        return EINVAL;
    weir__meter_observe(&body->meter, observer);
    return 0;
}

size_t weir__peak_observer_read(weir_allocator *a, struct weir__peak_observer *observer)
{
    struct weir__body *body = weir__body_of(a);
    return body ? weir__meter_observed(&body->meter, observer) : 0;
}

void weir__peak_observer_remove(weir_allocator *a, struct weir__peak_observer *observer)
{
    struct weir__body *body = weir__body_of(a);
    if (body)
        weir__meter_forget(&body->meter, observer);
}

bool weir__peak_rose(weir_allocator *a, const struct weir__window *own,
                     struct weir__peak_seen *seen)
{
    return weir__meter_peak_rose(&a->body->meter, own, seen);
}

static unsigned context_depth(const weir_allocator *a, const weir_allocator *top)
{
    unsigned depth = 0;
    for (; a != top && weir__context_parent(a); a = weir__context_parent(a))
        depth++;
    return depth;
}

int weir__allocator_tree(weir_allocator *a, weir__allocator_tree_visitor *visit, void *user)
{
    if (a && !weir__allocator_check(a, NULL))
        return EINVAL;
    int stop = 0;
    weir__context_lock();
    for (weir_allocator *at = weir__context_after(NULL, a); at && !stop;
         at = weir__context_after(at, a))
        stop = visit(at, context_depth(at, a), user);
    weir__context_unlock();
    return stop;
}

uint64_t weir__allocator_checkpoint(const weir_allocator *a)
{
    return a->checkpoint;
}

void weir__allocator_checkpoint_set(weir_allocator *a, uint64_t checkpoint)
{
    a->checkpoint = checkpoint;
}
