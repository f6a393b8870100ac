/*
 * device/allocator.c - a device's pool as a weir_allocator, and what device.h does
 * with one: streams, contents, figures. The pool knows nothing of allocators, the core
 * nothing of devices; they meet here.
 */
#include "device/allocator.h"
#include "alloc/allocator.h"
#include "base/error.h"
#include "base/sized.h"

#include <errno.h>
#include <string.h>

#define STAGE (4 * WEIR__MIB) /* between two devices, a piece at a time */

/* -- the allocator ------------------------------------------------------------------------ */

static void *provider_allocate(void *user, size_t size, size_t alignment)
{
    return weir__device_allocate(user, size, alignment);
}

static void provider_free(void *user, void *block, size_t size, size_t alignment)
{
    (void)size, (void)alignment;
    weir__device_free(user, block);
}

static size_t provider_trim(void *user)
{
    return weir__device_trim(user);
}

static void provider_destroy(void *user)
{
    weir__device_destroy(user);
}

static int provider_zero(void *user, void *block, size_t size)
{
    return weir__device_zero(user, block, size);
}

static int provider_copy(void *user, void *to, const void *from, size_t n)
{
    return weir__device_move(user, to, from, n);
}

static void provider_stats(void *user, weir_stats *stats)
{
    weir__device_figures(user, &stats->in_use, &stats->cached, &stats->reserved, &stats->metadata);
}

struct weir__device *weir__device_behind(const weir_allocator *a)
{
    return a ? weir__allocator_user(a, provider_allocate) : NULL;
}

static struct weir__device *device_expect(const weir_allocator *a)
{
    if (!weir__allocator_is_there(a))
        return NULL;
    struct weir__device *d = weir__device_behind(a);
    if (!d)
        weir__fail_null(EINVAL, "allocator \"%s\" is no device's", weir_allocator_name(a));
    return d;
}

weir_allocator *weir_device_allocator_create(const weir_device_table *table,
                                             const weir_device_options *options)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_device_options, growth_percent) };
    weir_device_options o;
    if (!weir__options_take(&o, sizeof o, FIRST, options))
        return weir__fail_null(EINVAL, "device options: no such struct");
    struct weir__device *d = weir__device_create(table, &o);
    if (!d)
        return NULL;
    bool host = table->flags & WEIR_DEVICE_HOST_ACCESSIBLE;
    weir_allocator_functions functions = {.allocate = provider_allocate,
                                          .deallocate = provider_free,
                                          .trim = provider_trim,
                                          .destroy = provider_destroy,
                                          .zero = host ? NULL : provider_zero,
                                          .copy = host ? NULL : provider_copy,
                                          .stats = provider_stats};
    weir_allocator_options made = {
        .name = table->name,
        .parent = WEIR_NO_PARENT,
        .source = WEIR_SOURCE_FUNCTIONS,
        .functions = &functions,
        .user = d,
        .backing = d->name,
    };
    weir_allocator *a = weir__allocator_fill(weir_allocator_create(&made));
    if (!a) {
        d->table.destroy = NULL; /* still the caller's */
        weir__device_destroy(d);
        errno = ENOMEM;
    }
    return a;
}

const weir_device_table *weir_device_table_of(const weir_allocator *a)
{
    struct weir__device *d = weir__device_behind(a);
    return d ? &d->table : NULL;
}

const char *weir_device_name(const weir_allocator *a)
{
    const struct weir__device *d = weir__device_behind(a);
    return d ? d->name : "cpu";
}

/* -- streams ------------------------------------------------------------------------------ */

void *weir_device_stream_set(void *stream)
{
    struct weir__device_here *here = weir__device_here();
    void *former = here->stream;
    here->stream = stream;
    return former;
}

void *weir_device_allocate_on(weir_allocator *a, size_t size, void *stream)
{
    if (!device_expect(a))
        return NULL;
    void *former = weir_device_stream_set(stream);
    void *block = weir_allocate(a, size);
    weir_device_stream_set(former);
    return block;
}

void weir_device_deallocate_on(weir_allocator *a, void *block, void *stream)
{
    struct weir__device_here *here = weir__device_here(), former = *here;
    here->free_set = true;
    here->free_stream = stream;
    weir_deallocate(a, block);
    here->free_set = former.free_set;
    here->free_stream = former.free_stream;
}

int weir_device_record_stream(weir_allocator *a, void *block, void *stream)
{
    struct weir__device *d = device_expect(a);
    if (!d)
        return EINVAL;
    if (!weir_owns(a, block))
        return weir__fail(EINVAL, "%p is no live block of \"%s\"", block, weir_allocator_name(a));
    return weir__device_use_on(d, block, stream);
}

void *weir_device_stream_create(weir_allocator *a)
{
    void *stream = NULL;
    struct weir__device *d = device_expect(a);
    if (!d)
        return NULL;
    int error = d->table.stream_create(d->table.user, &stream);
    if (error)
        errno = weir__device_failed(d, "making a stream", error);
    return error ? NULL : stream;
}

int weir_device_stream_forget(weir_allocator *a, void *stream)
{
    struct weir__device *d = device_expect(a);
    return d ? weir__device_stream_forget(d, stream) : EINVAL;
}

int weir_device_stream_destroy(weir_allocator *a, void *stream)
{
    struct weir__device *d = device_expect(a);
    if (!d)
        return EINVAL;
    if (!stream)
        return weir__fail(EINVAL, "%s: the default stream stays", d->name);
    int error = weir__device_stream_forget(d, stream);
    if (error)
        return error;
    error = d->table.stream_destroy(d->table.user, stream);
    return error ? weir__device_failed(d, "destroying a stream", error) : 0;
}

int weir_device_synchronize(weir_allocator *a, void *stream)
{
    struct weir__device *d = device_expect(a);
    if (!d)
        return EINVAL;
    int error = d->table.stream_synchronize(d->table.user, stream);
    return error ? weir__device_failed(d, "waiting for a stream", error) : 0;
}

/* -- contents ----------------------------------------------------------------------------- */

/* Memory of `a` (NULL: the program's own) that must be reached through a table; *apart NULL: the
 * host's. 0; EINVAL: it was destroyed; ENOTSUP: neither the host nor a table reaches it. */
static int reach(const weir_allocator *a, struct weir__device **apart)
{
    *apart = NULL;
    if (a && !weir__allocator_is_there(a))
        return EINVAL;
    if (!a || weir__allocator_host_accessible(a))
        return 0;
    *apart = weir__device_behind(a);
    if (*apart)
        return 0;
    return weir__fail(ENOTSUP, "memory of \"%s\" is reached by its own functions alone",
                      weir_allocator_name(a));
}

/* Ends a step: waits for it and names what went wrong. */
static int step_end(struct weir__device *d, const char *what, int error)
{
    if (!error)
        error = d->table.stream_synchronize(d->table.user, weir__device_here()->stream);
    return error ? weir__device_failed(d, what, error) : 0;
}

static int copy_staged(struct weir__device *to_d, char *to, struct weir__device *from_d,
                       const char *from, size_t n)
{
    void *stream = weir__device_here()->stream;
    size_t stage = weir__min(n, STAGE);
    char *host = weir_allocate(weir_cpu_allocator(), stage);
    int error = host ? 0 : ENOMEM;
    for (size_t at = 0; at < n && !error; at += stage) {
        size_t piece = weir__min(stage, n - at);
        error =
            step_end(from_d, "copying to the host",
                     from_d->table.copy_out(from_d->table.user, host, from + at, piece, stream));
        if (!error)
            error = step_end(to_d, "copying from the host",
                             to_d->table.copy_in(to_d->table.user, to + at, host, piece, stream));
    }
    weir_deallocate(weir_cpu_allocator(), host);
    return error;
}

int weir_device_copy(weir_allocator *to_a, void *to, weir_allocator *from_a, const void *from,
                     size_t n)
{
    struct weir__device *to_d, *from_d;
    void *stream = weir__device_here()->stream;
    if (n && (!to || !from))
        return weir__fail(EINVAL, "copying %zu bytes: NULL was given", n);
    int error = reach(to_a, &to_d);
    if (!error)
        error = reach(from_a, &from_d);
    if (error || !n)
        return error;
    if (!to_d && !from_d) {
        memmove(to, from, n);
        return 0;
    }
    if (!from_d)
        return step_end(to_d, "copying from the host",
                        to_d->table.copy_in(to_d->table.user, to, from, n, stream));
    if (!to_d)
        return step_end(from_d, "copying to the host",
                        from_d->table.copy_out(from_d->table.user, to, from, n, stream));
    if (to_d == from_d)
        return step_end(to_d, "copying", to_d->table.copy(to_d->table.user, to, from, n, stream));
    return copy_staged(to_d, to, from_d, from, n);
}

int weir_device_set(weir_allocator *a, void *to, int byte, size_t n)
{
    struct weir__device *d;
    if (n && !to)
        return weir__fail(EINVAL, "setting %zu bytes: NULL was given", n);
    int error = reach(a, &d);
    if (error || !n)
        return error;
    if (d)
        return step_end(d, "setting bytes",
                        d->table.set(d->table.user, to, byte, n, weir__device_here()->stream));
    memset(to, byte, n);
    return 0;
}

/* -- the pool ----------------------------------------------------------------------------- */

int weir_device_stats_get(const weir_allocator *a, weir_device_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_device_stats, mode) };
    struct weir__device *d = device_expect(a);
    if (!d)
        return EINVAL;
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "statistics of a device: %s",
                          stats ? "no such struct" : "NULL was given");
    weir_device_stats made;
    weir__device_stats(d, &made);
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}

int weir_device_reset_peaks(weir_allocator *a)
{
    struct weir__device *d = device_expect(a);
    if (!d)
        return EINVAL;
    weir__device_reset_peaks(d);
    return 0;
}

int weir_device_prewarm(weir_allocator *a, size_t bytes)
{
    struct weir__device *d = device_expect(a);
    return d ? weir__device_prewarm(d, bytes) : EINVAL;
}
