/* alloc/allocator.c - questions to an allocator; see allocator.h and weir/allocator.h. */
#include "alloc/allocator.h"

#include "alloc/context.h"
#include "alloc/cpu.h"
#include "base/error.h"

#include <errno.h>
#include <string.h>

int weir_set_limit(weir_allocator *a, size_t bytes)
{
    struct weir__body *body = weir__body_of(a);
    if (!body)
        return EINVAL;
    if (weir__meter_set_limit(&body->meter, bytes))
        return 0;
    return weir__fail(EBUSY, "allocator \"%s\": more than %zu bytes are live", a->name, bytes);
}

const char *weir_allocator_name(const weir_allocator *a)
{
    return weir__allocator_check(a, NULL) ? a->name : "";
}

weir_allocator *weir_allocator_parent(const weir_allocator *a)
{
    return weir__allocator_check(a, NULL) ? weir__context_parent(a) : NULL;
}

/* -- visiting ---------------------------------------------------------------------------- */

/* The oldest child; of NULL, the oldest root. */
static weir_allocator *child_first(const weir_allocator *a)
{
    return a ? weir__context_child(a) : weir__context_after(NULL, NULL);
}

/* Is `a` a child of `parent` still? Handles are never unmapped. */
static bool is_child(const weir_allocator *a, const weir_allocator *parent)
{
    return weir__allocator_is_ready(a) && weir__context_parent(a) == parent;
}

/* The visitor may destroy any of them: the next is the one after the latest visited that is
 * still there, or the first that is younger. The CPU allocator's serial is 0. */
static void children_visit(const weir_allocator *a, weir_allocator_visitor *visit, void *user)
{
    bool stop = false;
    uint64_t seen = 0;
    weir__context_lock();
    for (weir_allocator *child = child_first(a); child && !stop;) {
        seen = child->serial;
        stop = visit(child, user);
        if (a && !weir__allocator_is_ready(a))
            break;
        child = is_child(child, a) ? weir__context_sibling(child) : child_first(a);
        while (child && child->serial <= seen)
            child = weir__context_sibling(child);
    }
    weir__context_unlock();
}

int weir_allocator_walk_children(weir_allocator *a, weir_allocator_visitor *visit, void *user)
{
    if (!visit)
        return weir__fail(EINVAL, "no visitor: NULL was given");
    if (!weir__allocator_check(a, NULL))
        return EINVAL;
    children_visit(a, visit, user);
    return 0;
}

int weir_allocator_walk_roots(weir_allocator_visitor *visit, void *user)
{
    if (!visit)
        return weir__fail(EINVAL, "no visitor: NULL was given");
    weir__allocator_check(&weir__cpu, NULL);
    children_visit(NULL, visit, user);
    return 0;
}

weir_allocator *weir_allocator_find(const char *name)
{
    if (!name)
        return weir__fail_null(EINVAL, "no name: NULL was given");
    weir_allocator *oldest = NULL;
    weir__allocator_check(&weir__cpu, NULL);
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (strncmp(a->name, name, sizeof a->name - 1) == 0 &&
            (!oldest || a->serial < oldest->serial))
            oldest = a;
    weir__context_unlock();
    return oldest ? oldest : weir__fail_null(ENOENT, "no allocator \"%s\"", name);
}

/* -- for the layers above ---------------------------------------------------------------- */

void *weir__allocator_user(const weir_allocator *a, void *(*allocate)(void *, size_t, size_t))
{
    const struct weir__body *body = weir__body_of(a);
    return body && !body->page_heap && body->functions.allocate == allocate ? body->user : NULL;
}

bool weir__allocator_is_there(const weir_allocator *a)
{
    return weir__body_of(a) != NULL;
}

const char *weir__allocator_backing(const weir_allocator *a)
{
    const struct weir__body *body = weir__body_of(a);
    return body ? body->backing : "";
}

bool weir__allocator_host_accessible(const weir_allocator *a)
{
    const struct weir__body *body = weir__body_of(a);
    return body && !body->functions.zero;
}

bool weir_allocator_is_host_accessible(const weir_allocator *a)
{
    return weir__allocator_host_accessible(a);
}

weir_allocator *weir__allocator_fill(weir_allocator *a)
{
    if (a)
        a->body->filled = true;
    return a;
}

int weir__allocator_zero(const weir_allocator *a, void *block, size_t size)
{
    const struct weir__body *body = weir__body_of(a);
    int error = 0;
    if (!body)
        return EINVAL;
    if (body->functions.zero)
        error = body->functions.zero(body->user, block, size);
    else if (size)
        memset(block, 0, size);
    return error ? weir__fail(error, "allocator \"%s\": memory cannot be cleared", a->name) : 0;
}

int weir__allocator_copy(const weir_allocator *a, void *to, const void *from, size_t size)
{
    const struct weir__body *body = weir__body_of(a);
    int error = 0;
    if (!body)
        return EINVAL;
    if (body->functions.copy)
        error = body->functions.copy(body->user, to, from, size);
    else if (size)
        memcpy(to, from, size);
    return error ? weir__fail(error, "allocator \"%s\": memory cannot be copied", a->name) : 0;
}
