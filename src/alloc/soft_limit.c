/* alloc/soft_limit.c - see soft_limit.h. */
#include "alloc/soft_limit.h"

#include "alloc/body.h"
#include "alloc/context.h"
#include "base/error.h"

#include <errno.h>
#include <weir/callbacks.h>

int weir_set_soft_limit(weir_allocator *a, size_t bytes, weir_soft_limit_callback *callback,
                        void *user)
{
    struct weir__body *body = weir__body_of(a);
    if (!body)
        return EINVAL;
    if (bytes && !callback)
        return weir__fail(EINVAL, "allocator \"%s\": a soft limit without a callback", a->name);
    weir__context_lock();
    struct weir__callback *to = weir__body_callback_make(body, WEIR__CALLBACK_SOFT_LIMIT);
    if (to) {
        weir__callback_set_locked(to, bytes ? (void (*)(void))callback : NULL, user);
        weir__soft_set(&body->meter, bytes);
    }
    weir__context_unlock();
    if (!to)
        return weir__fail(ENOMEM, "no memory for a callback");
    weir__callback_await(to);
    return 0;
}

static void body_tell(struct weir__body *body)
{
    size_t total = weir__soft_take(&body->meter);
    struct weir__call call;
    if (!total || !weir__callback_begin(weir__body_callback(body, WEIR__CALLBACK_SOFT_LIMIT),
                                        WEIR__CALLBACK_SOFT_LIMIT, &call))
        return;
    ((weir_soft_limit_callback *)call.to.function)(body->handle, total, call.to.user);
    weir__callback_end(&call);
}

/* What cannot be reported now is reported after a later operation. The innermost first. */
void weir__soft_limits_tell(weir_allocator *a)
{
    int saved = errno;
    if (weir__callback_is_under_way(WEIR__CALLBACK_SOFT_LIMIT) || weir__context_is_mine())
        return;
    for (weir_allocator *at = a; at && weir__allocator_is_ready(a); at = weir__context_parent(at))
        body_tell(at->body);
    errno = saved;
}
