/*
 * device_pool/contents.c - zeroing and moving blocks for the allocator, through the table, in
 * order with the streams that use them.
 */
#include "device_pool/pool.h"

#include "base/error.h"

#include <errno.h>

int weir__device_failed(const struct weir__device *d, const char *what, int code)
{
    return weir__fail(code, "%s: %s: %s", d->name, what, d->table.error_text(d->table.user));
}

static int dead(const struct weir__device *d)
{
    return weir__fail(ENODEV, "%s: not usable in a forked child", d->name);
}

/* On the default stream it is done on return, because the host's own order counts there. */
int weir__device_zero(struct weir__device *d, void *block, size_t size)
{
    void *stream = weir__device_here()->stream;
    if (d->dead)
        return dead(d);
    int error = d->table.set(d->table.user, block, 0, size, stream);
    if (!error && !stream)
        error = d->table.stream_synchronize(d->table.user, stream);
    return error ? weir__device_failed(d, "zeroing", error) : 0;
}

/* The stream of a live block; false: there is none. */
static bool block_stream(struct weir__device *d, const void *block, void **stream)
{
    weir__guard_take(&d->guard);
    struct weir__device_block *found = weir__device_index_find(d, block);
    bool known = found && !found->stream->gone;
    if (known)
        *stream = found->stream->handle;
    weir__guard_drop(&d->guard);
    return known;
}

/* After this `from` is freed on its own stream: then the copy must be over. */
int weir__device_move(struct weir__device *d, void *to, const void *from, size_t size)
{
    void *stream = weir__device_here()->stream, *other = stream;
    if (d->dead)
        return dead(d);
    block_stream(d, from, &other);
    int error = 0;
    if (other != stream)
        error = d->table.stream_synchronize(d->table.user, other);
    if (!error)
        error = d->table.copy(d->table.user, to, from, size, stream);
    if (!error && (!stream || other != stream))
        error = d->table.stream_synchronize(d->table.user, stream);
    return error ? weir__device_failed(d, "copying", error) : 0;
}
