/*
 * object/buffer.c - weir_buffer: one block, its element count, and where it goes back
 * to. Owns no memory; one thread at a time for each buffer.
 */
#include "alloc/allocator.h"
#include "alloc/guarded.h"
#include "alloc/reallocate.h"
#include "base/bits.h"
#include "base/error.h"
#include "base/handle.h"
#include "object/buffer_pool.h"

#include <errno.h>
#include <string.h>

/* A buffer is live iff this is its mark. */
#define BUFFER_LIVE UINT64_C(0x6275666665727772)

static bool buffer_is_live(const weir_buffer *b)
{
    return b && b->mark == BUFFER_LIVE;
}

/* *bytes of count elements; 0, EINVAL or ENOMEM. */
static int buffer_bytes(size_t count, size_t element_size, size_t *bytes)
{
    if (element_size == 0)
        return weir__fail(EINVAL, "a buffer of elements of 0 bytes");
    if (__builtin_mul_overflow(count, element_size, bytes) || *bytes > PTRDIFF_MAX)
        return weir__fail(ENOMEM, "a buffer of %zu times %zu bytes", count, element_size);
    return 0;
}

/* A block of so many bytes from wherever the buffer's come from. */
typedef void *block_maker(weir_allocator *a, weir_buffer_pool *pool, size_t bytes);

static void *block_zeroed(weir_allocator *a, weir_buffer_pool *pool, size_t bytes)
{
    return pool ? weir_buffer_pool_acquire_zeroed(pool, bytes)
                : weir__guarded_object(a, bytes, true);
}

static void *block_undefined(weir_allocator *a, weir_buffer_pool *pool, size_t bytes)
{
    (void)a;
    return weir_buffer_pool_acquire(pool, bytes);
}

static int buffer_fill(weir_buffer *b, weir_allocator *a, weir_buffer_pool *pool, size_t count,
                       size_t element_size, block_maker *make)
{
    size_t bytes = 0;
    if (!b)
        return weir__fail(EINVAL, "no buffer: NULL was given");
    *b = (weir_buffer)WEIR_BUFFER_EMPTY;
    if (!a)
        return weir__fail(EINVAL, "no allocator: NULL was given");
    int error = buffer_bytes(count, element_size, &bytes);
    if (error)
        return error;
    void *data = make(a, pool, bytes);
    if (!data)
        return errno;
    *b = (weir_buffer){data, count, element_size, a, pool, BUFFER_LIVE};
    return 0;
}

static int buffer_fill_pooled(weir_buffer *b, weir_buffer_pool *pool, size_t count,
                              size_t element_size, block_maker *make)
{
    if (weir__handle_check(pool, WEIR__HANDLE_BUFFER_POOL))
        return buffer_fill(b, weir_buffer_pool_allocator(pool), pool, count, element_size, make);
    if (b)
        *b = (weir_buffer)WEIR_BUFFER_EMPTY;
    return EINVAL;
}

int weir_buffer_init(weir_buffer *b, weir_allocator *a, size_t count, size_t element_size)
{
    return buffer_fill(b, a, NULL, count, element_size, block_zeroed);
}

int weir_buffer_init_pooled(weir_buffer *b, weir_buffer_pool *pool, size_t count,
                            size_t element_size)
{
    return buffer_fill_pooled(b, pool, count, element_size, block_zeroed);
}

int weir_buffer_init_pooled_undefined(weir_buffer *b, weir_buffer_pool *pool, size_t count,
                                      size_t element_size)
{
    return buffer_fill_pooled(b, pool, count, element_size, block_undefined);
}

weir_buffer weir_buffer_make(weir_allocator *a, size_t count, size_t element_size)
{
    weir_buffer b;
    int error = weir_buffer_init(&b, a, count, element_size);
    if (error)
        errno = error;
    return b;
}

static void block_release(const weir_buffer *b, void *block)
{
    if (b->pool)
        weir_buffer_pool_return(b->pool, block);
    else
        weir_deallocate(b->allocator, block);
}

void weir_buffer_release(weir_buffer *b)
{
    if (!buffer_is_live(b))
        return;
    weir_buffer held = *b;
    *b = (weir_buffer)WEIR_BUFFER_EMPTY;
    block_release(&held, held.data);
}

void weir_buffer_move(weir_buffer *to, weir_buffer *from)
{
    if (!to || !from || to == from)
        return;
    weir_buffer_release(to);
    *to = buffer_is_live(from) ? *from : (weir_buffer)WEIR_BUFFER_EMPTY;
    *from = (weir_buffer)WEIR_BUFFER_EMPTY;
}

/* -- resizing ----------------------------------------------------------------------- */

/* Another block, zero beyond the old contents. For memory that only the allocator's functions
 * touch: nothing has changed yet when one of them fails. */
static int block_replace(weir_buffer *b, size_t bytes, size_t kept)
{
    void *block = block_zeroed(b->allocator, b->pool, bytes);
    if (!block)
        return errno;
    int error = weir__allocator_copy(b->allocator, block, b->data, kept);
    block_release(b, error ? block : b->data);
    if (!error)
        b->data = block;
    return error;
}

/* The allocator resizes it, if it can where it stands. */
static int block_resize(weir_buffer *b, size_t bytes, size_t kept)
{
    void *block = weir__reallocate(b->allocator, b->data, bytes);
    if (!block)
        return errno;
    memset((char *)block + kept, 0, bytes - kept);
    b->data = block;
    return 0;
}

int weir_buffer_resize(weir_buffer *b, size_t count)
{
    size_t bytes = 0;
    if (!buffer_is_live(b))
        return weir__fail(EINVAL, "an empty buffer cannot be resized");
    if (b->pool && !weir__handle_check(b->pool, WEIR__HANDLE_BUFFER_POOL))
        return EINVAL;
    int error = buffer_bytes(count, b->element_size, &bytes);
    if (error)
        return error;
    size_t old = weir_buffer_size_in_bytes(b), kept = weir__min(old, bytes);
    bool host = weir__allocator_host_accessible(b->allocator);
    if (host && b->pool && weir__buffer_pool_refit(b->pool, b->data, bytes))
        memset((char *)b->data + kept, 0, bytes - kept);
    else if (host && !b->pool)
        error = block_resize(b, bytes, kept);
    else
        error = block_replace(b, bytes, kept);
    if (!error)
        b->count = count;
    return error;
}

/* -- questions ---------------------------------------------------------------------- */

void *weir_buffer_data(const weir_buffer *b)
{
    return buffer_is_live(b) ? b->data : NULL;
}

size_t weir_buffer_count(const weir_buffer *b)
{
    return buffer_is_live(b) ? b->count : 0;
}

size_t weir_buffer_element_size(const weir_buffer *b)
{
    return buffer_is_live(b) ? b->element_size : 0;
}

size_t weir_buffer_size_in_bytes(const weir_buffer *b)
{
    return buffer_is_live(b) ? b->count * b->element_size : 0;
}

weir_allocator *weir_buffer_allocator(const weir_buffer *b)
{
    return buffer_is_live(b) ? b->allocator : NULL;
}
