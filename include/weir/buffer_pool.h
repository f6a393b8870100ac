/*
 * buffer_pool.h - temporary buffers that are used again: those given back are kept and
 * handed out for the next request of about their size, so that an operator's scratch
 * memory is neither freed nor faulted in between two runs.
 *
 * Waste. Blocks are kept in bins, eight to each power of two: a block handed out for n
 * bytes has at most n / 8 + 64 bytes more than was asked for. An idle block serves its
 * own bin only, so the bound holds for hits and misses alike.
 *
 * Idle blocks stay live in the allocator they came from, whose figures are the truth
 * about memory; weir_buffer_pool_stats says how much of that is idle. Trim before
 * looking for leaks.
 *
 * Thread rule: every function may be called from any thread, except
 * weir_buffer_pool_destroy, which must be the last call. A call on a pool that was destroyed is
 * misuse (error.h); with a handler it does nothing and fails with EINVAL.
 */
#ifndef WEIR_BUFFER_POOL_H
#define WEIR_BUFFER_POOL_H

#include <weir/buffer.h>

WEIR_BEGIN_DECLS

typedef struct weir_buffer_pool_options {
    size_t size; /* of this struct: WEIR_BUFFER_POOL_OPTIONS_INIT sets it; 0: the first release's */
    weir_allocator *allocator; /* NULL: the CPU allocator */
    size_t idle_limit;         /* bytes kept idle at most; 0: no limit */
} weir_buffer_pool_options;
#define WEIR_BUFFER_POOL_OPTIONS_INIT WEIR_STRUCT_INIT(weir_buffer_pool_options)

/* NULL options: defaults. NULL with ENOMEM. */
WEIR_API weir_buffer_pool *
weir_buffer_pool_create(const weir_buffer_pool_options *options) WEIR_NOEXCEPT WEIR_MALLOC;

/* Frees the idle blocks and the pool. 0; EINVAL for NULL; EBUSY, and nothing is
 * done, while blocks are out. */
WEIR_API int weir_buffer_pool_destroy(weir_buffer_pool *pool) WEIR_NOEXCEPT;

/*
 * Gives a block back, to be used again; where that makes more idle bytes than the limit,
 * those idle the longest are freed. NULL does nothing; errno is kept. A block that is idle
 * already (double free) and a pointer that the pool did not hand out (foreign pointer) are
 * misuse (error.h).
 */
WEIR_API void weir_buffer_pool_return(weir_buffer_pool *pool, void *block) WEIR_NOEXCEPT;

/* A block of at least `size` bytes (0 is valid), 64-byte aligned, contents undefined. The
 * caller owns it until weir_buffer_pool_return. NULL with ENOMEM or EINVAL. */
WEIR_API void *weir_buffer_pool_acquire(weir_buffer_pool *pool,
                                        size_t size) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_buffer_pool_return, 2);

/* The same with its first `size` bytes zero; errors also of the allocator's zero. */
WEIR_API void *weir_buffer_pool_acquire_zeroed(weir_buffer_pool *pool,
                                               size_t size) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_buffer_pool_return, 2);

/* Bytes that may be used at a block that is out; 0 for any other pointer. */
WEIR_API size_t weir_buffer_pool_capacity(weir_buffer_pool *pool, const void *block) WEIR_NOEXCEPT;

/* 0: no limit. Frees what is idle beyond it. 0, or EINVAL. */
WEIR_API int weir_buffer_pool_set_idle_limit(weir_buffer_pool *pool, size_t bytes) WEIR_NOEXCEPT;

/* Frees idle blocks, those idle the longest first, until at most keep_bytes are
 * idle; the bytes that went back to the allocator. */
WEIR_API size_t weir_buffer_pool_trim(weir_buffer_pool *pool, size_t keep_bytes) WEIR_NOEXCEPT;

WEIR_API weir_allocator *weir_buffer_pool_allocator(const weir_buffer_pool *pool) WEIR_NOEXCEPT;

typedef struct weir_buffer_pool_stats {
    size_t size;   /* of this struct: WEIR_BUFFER_POOL_STATS_INIT sets it; 0: the first release's */
    size_t hits;   /* acquisitions that an idle block served */
    size_t misses; /* that took memory from the allocator; failures are not counted */
    size_t evictions;     /* idle blocks freed because of the limit */
    size_t idle_bytes;    /* kept for re-use now */
    size_t idle_count;    /* blocks */
    size_t out_bytes;     /* handed out now, in whole blocks */
    size_t out_requested; /* of these, asked for */
    size_t out_count;     /* blocks */
    size_t idle_limit;    /* 0: none */
} weir_buffer_pool_stats;
#define WEIR_BUFFER_POOL_STATS_INIT WEIR_STRUCT_INIT(weir_buffer_pool_stats)

/* One consistent snapshot. The caller sets `size` to sizeof(weir_buffer_pool_stats).
 * 0; EINVAL for NULL or a size of no known struct. */
WEIR_API int weir_buffer_pool_stats_get(const weir_buffer_pool *pool,
                                        weir_buffer_pool_stats *stats) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
