/*
 * buffer.h - a scoped, zeroed, move-only array on any allocator.
 *
 *     WEIR_BUFFER(float, scratch, 1024);          // zeroed; gone at the end of the scope
 *     float *data = weir_buffer_data(&scratch);   // NULL: no memory, errno says why
 *
 * Thread rule: a buffer belongs to one thread at a time. Its block may be read and
 * written by any.
 */
#ifndef WEIR_BUFFER_H
#define WEIR_BUFFER_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

typedef struct weir_buffer_pool weir_buffer_pool;

/*
 * The fields are for weir_buffer_ functions alone. A buffer that holds nothing is all
 * zero. Do not copy a live one: both copies would free the block (which is then found
 * as misuse); weir_buffer_move hands it on.
 */
typedef struct weir_buffer {
    void *data;
    size_t count, element_size;
    weir_allocator *allocator;
    weir_buffer_pool *pool; /* where the block goes back to; NULL: to the allocator */
    uint64_t mark;          /* tells a live buffer from memory that was never set */
} weir_buffer;

#define WEIR_BUFFER_EMPTY                                                                          \
    {                                                                                              \
        NULL, 0, 0, NULL, NULL, 0                                                                  \
    }

/*
 * Makes *b a buffer of count elements, all zero, 64-byte aligned; what *b held before is
 * neither looked at nor freed. 0; ENOMEM (memory, the limit, or count * element_size
 * overflows); EINVAL (NULL, element_size 0): then *b is empty and may be released.
 * Memory that the host cannot touch is cleared by the allocator's own function. A count
 * of 0 is valid: a unique pointer to nothing.
 */
WEIR_API int weir_buffer_init(weir_buffer *b, weir_allocator *a, size_t count,
                              size_t element_size) WEIR_NOEXCEPT WEIR_NODISCARD;

/* The same, from a pool of buffers, to which weir_buffer_release gives it back. */
WEIR_API int weir_buffer_init_pooled(weir_buffer *b, weir_buffer_pool *pool, size_t count,
                                     size_t element_size) WEIR_NOEXCEPT WEIR_NODISCARD;

/* The same with its contents undefined: for scratch memory that is written before it is read.
 * What weir_buffer_resize adds is zero. */
WEIR_API int weir_buffer_init_pooled_undefined(weir_buffer *b, weir_buffer_pool *pool, size_t count,
                                               size_t element_size) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * Makes it count elements long: the contents up to the shorter length are kept, what is
 * new is zero; the data may move. 0; ENOMEM, EINVAL (empty buffer), or what the
 * allocator's copy or zero said: the buffer is then as it was.
 */
WEIR_API int weir_buffer_resize(weir_buffer *b, size_t count) WEIR_NOEXCEPT WEIR_NODISCARD;

/* What `to` held is freed, then it holds what `from` held; `from` is left empty. `to`
 * must be live, empty, or never set. */
WEIR_API void weir_buffer_move(weir_buffer *to, weir_buffer *from) WEIR_NOEXCEPT;

/* Frees what it holds and leaves it empty; an empty one stays so. errno is kept. */
WEIR_API void weir_buffer_release(weir_buffer *b) WEIR_NOEXCEPT;

/* NULL and 0 for an empty buffer. */
WEIR_API void *weir_buffer_data(const weir_buffer *b) WEIR_NOEXCEPT;
WEIR_API size_t weir_buffer_count(const weir_buffer *b) WEIR_NOEXCEPT;        /* elements */
WEIR_API size_t weir_buffer_element_size(const weir_buffer *b) WEIR_NOEXCEPT; /* bytes */
WEIR_API size_t weir_buffer_size_in_bytes(const weir_buffer *b)
    WEIR_NOEXCEPT; /* count * element_size */
WEIR_API weir_allocator *
weir_buffer_allocator(const weir_buffer *b) WEIR_NOEXCEPT; /* a pool's: the pool's */

/* What WEIR_BUFFER expands to; empty when weir_buffer_init fails. */
WEIR_API weir_buffer weir_buffer_make(weir_allocator *a, size_t count,
                                      size_t element_size) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Declares `name`, a weir_buffer of count elements of `type` on the CPU allocator (or on
 * the one given), zeroed, that is released when it goes out of scope. */
#define WEIR_BUFFER(type, name, count) WEIR_BUFFER_IN(weir_cpu_allocator(), type, name, count)
#define WEIR_BUFFER_IN(allocator, type, name, count)                                               \
    __attribute__((cleanup(weir_buffer_release))) weir_buffer name =                               \
        weir_buffer_make((allocator), (count), sizeof(type))

WEIR_END_DECLS
#endif
