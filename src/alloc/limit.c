/* alloc/limit.c - see limit.h and weir/allocator.h. */
#include "alloc/limit.h"

#include "alloc/body.h"
#include "alloc/handle.h"
#include "base/error.h"
#include "os/cgroup.h"

#include <errno.h>

/* Bytes, at least 1: a limit of 0 is none. No double of this size exceeds what it is a part of. */
static size_t fraction_bytes(uint64_t memory, double fraction)
{
    double bytes = (double)memory * fraction;
    if (bytes >= (double)PTRDIFF_MAX)
        return PTRDIFF_MAX;
    return bytes < 1 ? 1 : (size_t)bytes;
}

int weir__limit_set_fraction(weir_allocator *a, double fraction, const char *root)
{
    uint64_t memory;
    if (!(fraction > 0 && fraction <= 1))
        return weir__fail(EINVAL, "a limit cannot be %g of the memory: above 0, at most 1",
                          fraction);
    const struct weir__body *body = weir__body_of(a);
    if (!body)
        return EINVAL;
    if (body->functions.zero)
        return weir__fail(ENOTSUP, "allocator \"%s\": its memory is not the process's", a->name);
    if (!weir__cgroup_memory(root, &memory))
        return weir__fail(ENOTSUP, "the system does not tell how much memory there is");
    return weir_set_limit(a, fraction_bytes(memory, fraction));
}

int weir_set_limit_fraction(weir_allocator *a, double fraction)
{
    return weir__limit_set_fraction(a, fraction, "");
}
