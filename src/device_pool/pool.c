/*
 * device_pool/pool.c - the way of an allocation and of a free, and the life of a pool. Best fit
 * with splitting and joining; when the device has no more, what is cached goes back and
 * the request is tried again, first without waiting for streams, then with.
 */
#include "device_pool/pool.h"

#include "backing/meta.h"
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

#define GROWTH_PERCENT      10
#define RECORDS_PER_REQUEST 6 /* pads before and after, a range, pieces of a void */

static struct {
    weir__lock lock;
    struct weir__list all;
    bool watching; /* fork */
} pools = {.lock = WEIR__LOCK(DEVICES)};
WEIR__LOCKS_KNOW(DEVICES, &pools.lock);

/* -- allocation --------------------------------------------------------------------------- */

/* Addresses of blocks are multiples of this. */
static size_t pool_alignment(const struct weir__device *d)
{
    return weir__min(d->table.alignment, WEIR__DEVICE_UNIT);
}

/* From the cache alone: unlisted, or NULL. */
static struct weir__device_block *cached_take(struct weir__device *d,
                                              struct weir__device_stream *stream, size_t size)
{
    struct weir__device_block *block = weir__device_find_usable(d, stream, size);
    if (block)
        weir__device_unlist(block);
    return block;
}

/* Growing can use up records. */
static int grow(struct weir__device *d, struct weir__device_stream *stream, size_t size,
                struct weir__device_block **block)
{
    int error = weir__device_ledger_reserve(d, RECORDS_PER_REQUEST) ? ENOBUFS : 0;
    if (!error)
        error = weir__device_grow(d, stream, size, block);
    return error ? error : weir__device_ledger_reserve(d, 2) ? ENOBUFS : 0;
}

/* The device has no more: give back, ask again. */
static int recover(struct weir__device *d, struct weir__device_stream *stream, size_t size,
                   struct weir__device_block **block)
{
    int error = ENOMEM;
    for (int wait = 0; wait < 2 && error == ENOMEM; wait++) {
        weir__device_settle(d, NULL, wait);
        if ((*block = cached_take(d, stream, size)))
            error = 0;
        else if (weir__device_release(d, SIZE_MAX) || wait)
            error = grow(d, stream, size, block);
    }
    if (!error)
        d->recoveries++;
    return error;
}

static WEIR__NOINLINE int obtain_slow(struct weir__device *d, struct weir__device_stream *stream,
                                      size_t size, struct weir__device_block **block)
{
    if (d->waiting.first || (d->streams.first && d->streams.first->next)) {
        weir__device_settle(d, stream, false);
        if ((*block = cached_take(d, stream, size)))
            return 0;
    }
    int error = grow(d, stream, size, block);
    return error == ENOMEM ? recover(d, stream, size, block) : error;
}

/* Cuts what is too much off both ends of a free, unlisted block; makes the rest live. */
static void block_begin(struct weir__device *d, struct weir__device_block **made, size_t size,
                        size_t alignment, struct weir__device_stream *stream)
{
    struct weir__device_block *block = *made;
    uintptr_t address = (uintptr_t)block->address;
    size_t pad = weir__round_up(address, alignment) - address;
    if (d->mode == WEIR_DEVICE_DRIVER) {
        block->address += pad; /* the range remembers its base */
    } else {
        if (pad) {
            struct weir__device_block *rest = weir__device_split(d, block, pad);
            weir__device_list(block);
            block = rest;
        }
        if (block->size > size)
            weir__device_list(weir__device_split(d, block, size));
    }
    block->state = WEIR__DEVICE_LIVE;
    block->stream = stream;
    weir__device_index_add(d, block);
    d->in_use += block->size;
    if (d->in_use > d->peak_in_use)
        d->peak_in_use = d->in_use;
    *made = block;
}

static void *allocate_locked(struct weir__device *d, size_t size, size_t alignment)
{
    if (weir__unlikely(d->dead))
        return weir__fail_null(ENODEV, "%s: not usable in a forked child", d->name);
    size_t least = pool_alignment(d), slack = alignment > least ? alignment - least : 0;
    size_t rounded = weir__round_up(size, WEIR__DEVICE_UNIT);
    struct weir__device_stream *stream = weir__device_stream_get(d, weir__device_here()->stream);
    if (weir__unlikely(!stream || weir__device_ledger_reserve(d, 3)))
        return weir__fail_null(ENOMEM, "%s: no host memory for book-keeping", d->name);
    struct weir__device_block *block = cached_take(d, stream, rounded + slack);
    int error = block ? 0 : obtain_slow(d, stream, rounded + slack, &block);
    if (weir__unlikely(error != 0)) {
        errno = weir__device_report_locked(d, size, error);
        return NULL;
    }
    block_begin(d, &block, rounded, alignment, stream);
    return block->address;
}

void *weir__device_allocate(struct weir__device *d, size_t size, size_t alignment)
{
    if (size > PTRDIFF_MAX - WEIR__DEVICE_UNIT || alignment > (size_t)1 << 40)
        return weir__fail_null(ENOMEM, "%s: %zu bytes: impossibly large", d->name, size);
    weir__guard_take(&d->guard);
    void *address = allocate_locked(d, size, alignment);
    weir__guard_drop(&d->guard);
    return address;
}

/* -- free --------------------------------------------------------------------------------- */

/* Where a free is ordered: as the caller said, else where the block was allocated. NULL: there
 * is no record of that stream, and it is not known to be over. */
static struct weir__device_stream *free_stream(struct weir__device *d,
                                               const struct weir__device_block *block)
{
    const struct weir__device_here *here = weir__device_here();
    if (!here->free_set || here->free_stream == block->stream->handle)
        return block->stream;
    struct weir__device_stream *stream = weir__device_stream_get(d, here->free_stream);
    if (stream)
        return stream;
    return d->table.stream_synchronize(d->table.user, here->free_stream) ? NULL : block->stream;
}

static bool free_locked(struct weir__device *d, void *address)
{
    struct weir__device_block *block = weir__device_index_find(d, address);
    if (weir__unlikely(!block))
        return false;
    if (weir__unlikely(d->dead))
        return true;
    struct weir__device_stream *stream = free_stream(d, block);
    weir__device_index_remove(d, address);
    d->in_use -= block->size;
    if (weir__unlikely(!stream))
        weir__device_lose(d, block);
    else if (d->mode == WEIR_DEVICE_DRIVER)
        weir__device_give_direct(d, block, stream);
    else if (weir__unlikely(block->uses != NULL))
        weir__device_defer(d, block, stream);
    else
        weir__device_free_block(d, block, stream);
    return true;
}

void weir__device_free(struct weir__device *d, void *address)
{
    weir__guard_take(&d->guard);
    bool known = free_locked(d, address);
    weir__guard_drop(&d->guard);
    if (!known)
        weir__misuse(WEIR_MISUSE_CORRUPTION, address, d->name);
}

/* -- requests ----------------------------------------------------------------------------- */

int weir__device_use_on(struct weir__device *d, void *address, void *handle)
{
    weir__guard_take(&d->guard);
    struct weir__device_block *block = weir__device_index_find(d, address);
    struct weir__device_stream *stream = block ? weir__device_stream_get(d, handle) : NULL;
    int error = !block ? EINVAL : !stream ? ENOMEM : weir__device_use_add(d, block, stream);
    weir__guard_drop(&d->guard);
    if (!error)
        return 0;
    return weir__fail(error, "%s: %p: %s", d->name, address,
                      error == EINVAL ? "not a live block" : "no host memory for book-keeping");
}

int weir__device_stream_forget(struct weir__device *d, void *handle)
{
    weir__guard_take(&d->guard);
    int error = d->dead ? 0 : weir__device_stream_drop(d, handle);
    weir__guard_drop(&d->guard);
    return error ? weir__device_failed(d, "waiting for a stream", error) : 0;
}

static int prewarm_locked(struct weir__device *d, size_t bytes)
{
    struct weir__device_stream *stream = weir__device_stream_get(d, weir__device_here()->stream);
    int error = stream ? 0 : ENOBUFS;
    size_t room = SIZE_MAX - d->in_use - d->waiting_bytes, wanted = d->wanted;
    d->wanted = weir__max(d->wanted, d->in_use + d->waiting_bytes + weir__min(bytes, room));
    while (!error && d->reserved - d->in_use - d->waiting_bytes < bytes) {
        struct weir__device_block *block;
        size_t cached = d->reserved - d->in_use - d->waiting_bytes;
        error = grow(d, stream, weir__max(bytes - cached, WEIR__DEVICE_UNIT), &block);
        if (!error)
            weir__device_join(d, block);
    }
    if (error) /* what was got is kept, and no more is waited for */
        d->wanted = weir__max(wanted, d->reserved);
    return error;
}

int weir__device_prewarm(struct weir__device *d, size_t bytes)
{
    weir__guard_take(&d->guard);
    int error = d->dead                         ? ENODEV
                : d->mode == WEIR_DEVICE_DRIVER ? ENOTSUP
                                                : prewarm_locked(d, bytes);
    if (error)
        error = weir__device_report_locked(d, bytes, error);
    weir__guard_drop(&d->guard);
    return error;
}

size_t weir__device_trim(struct weir__device *d)
{
    weir__guard_take(&d->guard);
    size_t released = 0;
    if (!d->dead) {
        weir__device_settle(d, NULL, true);
        d->wanted = 0;
        released = weir__device_release(d, SIZE_MAX);
    }
    weir__guard_drop(&d->guard);
    return released;
}

/* -- fork --------------------------------------------------------------------------------- */

static void pools_each(weir__lock_visitor *visit)
{
    for (struct weir__link *at = pools.all.first; at; at = at->next) {
        struct weir__device *d = weir__list_of(at, struct weir__device, link);
        visit(&d->guard.lock, weir__guard_holder(&d->guard));
    }
}
WEIR__LOCKS_EACH(DEVICE, pools_each);

/* A pool on a device that does not outlive a fork is lost. */
static void fork_child(void)
{
    for (struct weir__link *at = pools.all.first; at; at = at->next) {
        struct weir__device *d = weir__list_of(at, struct weir__device, link);
        d->dead |= d->table.flags & WEIR_DEVICE_NO_FORK;
    }
}

/* 0, or why the system cannot tell of forks. */
static int fork_watch_locked(void)
{
    int error = pools.watching ? 0 : pthread_atfork(NULL, NULL, fork_child);
    pools.watching = !error;
    return error;
}

static int pools_add(struct weir__device *d)
{
    weir__lock_take(&pools.lock);
    int error = fork_watch_locked();
    if (!error)
        weir__list_push(&pools.all, &d->link);
    weir__lock_drop(&pools.lock);
    return error;
}

static void pools_remove(struct weir__device *d)
{
    weir__lock_take(&pools.lock);
    weir__list_remove(&pools.all, &d->link);
    weir__lock_drop(&pools.lock);
}

/* -- life --------------------------------------------------------------------------------- */

static int table_check(const weir_device_table *t)
{
    if (!t || t->size != sizeof *t)
        return weir__fail(EINVAL, "device table: its size is not that of weir_device_table");
    if (!t->name || !t->allocate || !t->deallocate || !t->memory_info || !t->set || !t->copy_in ||
        !t->copy_out || !t->copy || !t->stream_create || !t->stream_destroy ||
        !t->stream_synchronize || !t->stream_wait || !t->event_create || !t->event_destroy ||
        !t->event_record || !t->event_query || !t->event_synchronize || !t->error_text)
        return weir__fail(EINVAL, "device table: a function that must be there is not");
    if (!weir__is_power_of_two(t->alignment) || t->alignment < 64)
        return weir__fail(EINVAL, "device table: alignment %zu", t->alignment);
    if (!t->allocate_on != !t->deallocate_on)
        return weir__fail(EINVAL, "device table: allocate_on and deallocate_on come together");
    bool paged = t->granularity != 0;
    if (paged != !!t->reserve || paged != !!t->unreserve || paged != !!t->map ||
        paged != !!t->unmap ||
        (paged && (!weir__is_power_of_two(t->granularity) || t->granularity < WEIR__DEVICE_UNIT)))
        return weir__fail(EINVAL, "device table: virtual memory is incomplete");
    return 0;
}

static int mode_choose(const weir_device_table *table, const weir_device_options *options,
                       weir_device_mode *mode)
{
    *mode = options->mode;
    if (*mode < WEIR_DEVICE_AUTO || *mode > WEIR_DEVICE_DRIVER)
        return weir__fail(EINVAL, "device options: no mode %d", (int)*mode);
    if (*mode == WEIR_DEVICE_EXPANDABLE && !table->granularity)
        return weir__fail(ENOTSUP, "%s: no virtual memory", table->name);
    if (*mode == WEIR_DEVICE_AUTO)
        *mode = table->granularity ? WEIR_DEVICE_EXPANDABLE : WEIR_DEVICE_SEGMENTS;
    return 0;
}

struct weir__device *weir__device_create(const weir_device_table *table,
                                         const weir_device_options *options)
{
    weir_device_mode mode = WEIR_DEVICE_AUTO;
    int error = table_check(table);
    if (!error)
        error = mode_choose(table, options, &mode);
    if (error) {
        errno = error;
        return NULL;
    }
    struct weir__device *d = weir__meta_allocate(sizeof *d);
    if (!d)
        return weir__fail_null(ENOMEM, "%s: no host memory for a device pool", table->name);
    d->metadata = sizeof *d;
    d->table = *table;
    strncpy(d->name, table->name, sizeof d->name - 1);
    d->table.name = d->name;
    d->mode = mode;
    d->reserve_limit = options->reserve_limit ? options->reserve_limit : SIZE_MAX;
    d->growth_percent = options->growth_percent;
    if (!d->growth_percent && mode == WEIR_DEVICE_EXPANDABLE)
        d->growth_percent = GROWTH_PERCENT;
    weir__lock_init(&d->guard.lock, WEIR__RANK_DEVICE);
    if (!pools_add(d))
        return d;
    weir__meta_free(d, sizeof *d);
    return weir__fail_null(ENOMEM, "%s: no memory to watch forks", table->name);
}

void weir__device_destroy(struct weir__device *d)
{
    pools_remove(d);
    if (!d->dead) {
        weir__device_settle(d, NULL, true);
        weir__device_ranges_destroy(d);
        weir__device_streams_destroy(d);
        weir__device_ledger_destroy(d);
        if (d->table.destroy)
            d->table.destroy(d->table.user);
    }
    weir__meta_free(d, sizeof *d);
}
