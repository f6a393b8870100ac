/* alloc/callback.c - see callback.h. */
#include "alloc/callback.h"

#include "alloc/context.h"
#include "os/thread.h"
#include "os/wait.h"

static struct weir__list calls; /* latest first; context lock */

/* Bits of the kinds that the calling thread is in a call of. */
static WEIR__TLS unsigned kinds_here;

static struct weir__call *call_of(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__call, link);
}

bool weir__callback_is_elsewhere(const struct weir__callback *callback)
{
    weir__assert(weir__context_is_mine());
    for (const struct weir__call *call = call_of(calls.first); call;
         call = call_of(call->link.next))
        if (call->of == callback && call->thread != weir__thread_self())
            return true;
    return false;
}

void weir__callback_set_locked(struct weir__callback *callback, void (*function)(void), void *user)
{
    weir__assert(weir__context_is_mine());
    callback->user = user;
    weir__relaxed_set(callback->function, function);
}

void weir__callback_await(const struct weir__callback *callback)
{
    if (weir__context_is_mine())
        return;
    weir__context_lock();
    for (unsigned attempt = 0; weir__callback_is_elsewhere(callback); attempt++) {
        weir__context_unlock();
        weir__os_backoff(attempt);
        weir__context_lock();
    }
    weir__context_unlock();
}

bool weir__callback_is_set(const struct weir__callback *callback)
{
    return callback && weir__relaxed_get(callback->function) != NULL;
}

bool weir__callback_is_under_way(enum weir__callback_kind kind)
{
    return kinds_here >> kind & 1;
}

bool weir__callback_begin_locked(const struct weir__callback *callback,
                                 enum weir__callback_kind kind, struct weir__call *call)
{
    weir__assert(weir__context_is_mine() && !weir__callback_is_under_way(kind));
    if (!callback || !callback->function)
        return false;
    *call = (struct weir__call){
        .kind = kind, .of = callback, .to = *callback, .thread = weir__thread_self()};
    weir__list_push(&calls, &call->link);
    kinds_here |= 1u << kind;
    return true;
}

bool weir__callback_begin(const struct weir__callback *callback, enum weir__callback_kind kind,
                          struct weir__call *call)
{
    if (!weir__callback_is_set(callback) || weir__callback_is_under_way(kind) ||
        weir__context_is_mine())
        return false;
    weir__context_lock();
    bool begun = weir__callback_begin_locked(callback, kind, call);
    weir__context_unlock();
    return begun;
}

void weir__callback_end(struct weir__call *call)
{
    weir__assert(call->thread == weir__thread_self());
    weir__context_lock();
    weir__list_remove(&calls, &call->link);
    weir__context_unlock();
    kinds_here &= ~(1u << call->kind);
}

void weir__callbacks_forked(void)
{
    for (struct weir__link *at = calls.first, *next; at; at = next) {
        next = at->next;
        if (call_of(at)->thread != weir__thread_self())
            weir__list_remove(&calls, at);
    }
}
