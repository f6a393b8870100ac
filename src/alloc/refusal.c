/* alloc/refusal.c - see refusal.h and weir/callbacks.h. */
#include "alloc/refusal.h"

#include "alloc/allocate.h"
#include "alloc/body.h"
#include "alloc/context.h"
#include "alloc/reallocate.h"
#include "alloc/trace.h"
#include "base/error.h"

#include <errno.h>
#include <weir/callbacks.h>

int weir_set_refusal_callback(weir_allocator *a, weir_refusal_callback *callback, void *user)
{
    struct weir__body *body = weir__body_of(a);
    if (!body)
        return EINVAL;
    weir__context_lock();
    struct weir__callback *to = weir__body_callback_make(body, WEIR__CALLBACK_REFUSAL);
    if (to)
        weir__callback_set_locked(to, (void (*)(void))callback, user);
    weir__context_unlock();
    if (!to)
        return weir__fail(ENOMEM, "no memory for a callback");
    weir__callback_await(to);
    return 0;
}

static weir_allocator *handle_of(const struct weir__meter *m)
{
    return m ? ((const struct weir__body *)m)->handle : NULL;
}

/* -- asking ------------------------------------------------------------------------------ */

static bool body_ask(const struct weir__body *body, const weir_refusal *refusal, bool *asked)
{
    struct weir__call call;
    if (!weir__callback_begin(weir__body_callback(body, WEIR__CALLBACK_REFUSAL),
                              WEIR__CALLBACK_REFUSAL, &call))
        return false;
    *asked = true;
    bool again = ((weir_refusal_callback *)call.to.function)(refusal, call.to.user);
    weir__callback_end(&call);
    return again;
}

/* From the request's allocator up to the one whose limit refuses, or to the root. A callback may
 * have destroyed the allocator, against the rules: then nobody else is asked. */
static bool path_ask(const weir_refusal *refusal, bool *asked)
{
    for (weir_allocator *a = refusal->allocator; a; a = weir__context_parent(a)) {
        if (body_ask(a->body, refusal, asked))
            return true;
        if (a == refusal->limit_of || !weir__allocator_is_ready(refusal->allocator))
            return false;
    }
    return false;
}

/* Is there anybody to be asked? */
static bool path_has_callback(const weir_allocator *a, const weir_allocator *last)
{
    for (; a; a = a == last ? NULL : weir__context_parent(a))
        if (weir__callback_is_set(weir__body_callback(a->body, WEIR__CALLBACK_REFUSAL)))
            return true;
    return false;
}

/* Could giving something back make it fit? */
static bool request_may_fit(const weir_allocator *a, const struct weir__request *request)
{
    return !request->error && !weir__meter_never_fits(&a->body->meter, request->size);
}

enum { ASKED, AVERTED };

/* Counted at each up to the root, as failures are. */
static void path_count(const weir_allocator *a, int what)
{
    for (; a; a = weir__context_parent(a))
        __atomic_add_fetch(what == ASKED ? &a->body->meter.refusals_asked
                                         : &a->body->meter.refusals_averted,
                           1, __ATOMIC_RELAXED);
}

static bool request_ask(weir_allocator *a, const struct weir__request *request, size_t tries)
{
    weir_allocator *limit_of = handle_of(request->limit);
    if (!path_has_callback(a, limit_of) || !request_may_fit(a, request) ||
        weir__callback_is_under_way(WEIR__CALLBACK_REFUSAL) || weir__context_is_mine())
        return false;
    bool asked = false, again = path_ask(&(weir_refusal){.allocator = a,
                                                         .limit_of = limit_of,
                                                         .size = request->size,
                                                         .alignment = request->alignment,
                                                         .tries = tries},
                                         &asked);
    if (asked && tries == 1 && weir__allocator_is_ready(a))
        path_count(a, ASKED);
    return again;
}

/* -- asking all of them ------------------------------------------------------------------- */

/* The call of the next callback after that of the allocator with serial *seen (SIZE_MAX: the
 * first), whose allocator stays until its end; NULL: there is none. */
static weir_allocator *next_begin(uint64_t *seen, struct weir__call *call)
{
    weir_allocator *next = NULL;
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (weir__callback_is_set(weir__body_callback(a->body, WEIR__CALLBACK_REFUSAL)) &&
            a->serial + 1 > *seen + 1 && (!next || a->serial < next->serial))
            next = a;
    if (next &&
        !weir__callback_begin_locked(weir__body_callback(next->body, WEIR__CALLBACK_REFUSAL),
                                     WEIR__CALLBACK_REFUSAL, call))
        next = NULL;
    weir__context_unlock();
    if (next)
        *seen = next->serial;
    return next;
}

size_t weir__refusals_ask(void)
{
    size_t asked = 0;
    uint64_t seen = UINT64_MAX;
    weir_allocator *a;
    struct weir__call call;
    if (weir__callback_is_under_way(WEIR__CALLBACK_REFUSAL) || weir__context_is_mine())
        return 0;
    for (; (a = next_begin(&seen, &call)); asked++) {
        weir_refusal refusal = {.allocator = a, .alignment = 1};
        ((weir_refusal_callback *)call.to.function)(&refusal, call.to.user);
        weir__callback_end(&call);
    }
    return asked;
}

/* -- trying again ------------------------------------------------------------------------- */

static void *request_try(weir_allocator *a, struct weir__request *request)
{
    request->why = NULL;
    request->limit = NULL;
    request->error = 0;
    request->reasons = 0;
    return request->block ? weir__reallocate_once(a, request) : weir__allocate_once(a, request);
}

/* The reason of a provider that gave one is kept, unless another came since. */
static void *request_fail(weir_allocator *a, const struct weir__request *request)
{
    if (!request->reasons || request->reasons != weir__fail_count())
        weir__block_failed(a, request, request->why);
    else
        weir__block_failed_silently(a, request);
    errno = request->error ? request->error : ENOMEM;
    return NULL;
}

/* Without `why` the try did not end in a refusal: misuse was reported. */
void *weir__refused(weir_allocator *a, struct weir__request *request)
{
    void *block = NULL;
    for (size_t tries = 1; !block && request->why && request_ask(a, request, tries); tries++) {
        if (!weir__allocator_check(a, request->block))
            return NULL;
        block = request_try(a, request);
        if (block)
            path_count(a, AVERTED);
    }
    if (block || !request->why)
        return block;
    return weir__allocator_check(a, request->block) ? request_fail(a, request) : NULL;
}
