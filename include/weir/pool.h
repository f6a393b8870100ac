/*
 * pool.h - a pool of memory of its own: size classes over slabs, thread caches,
 * large spans kept for re-use. The CPU allocator stands on one; a program makes
 * more to keep one model's memory apart from another's.
 */
#ifndef WEIR_POOL_H
#define WEIR_POOL_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

typedef struct weir_pool_options {
    const char *name;       /* copied, cut at 47 bytes; NULL: "pool-N" */
    weir_allocator *parent; /* of the pool's allocator; NULL: the CPU allocator */
    size_t limit;           /* of the pool's allocator, bytes live; 0: none */
} weir_pool_options;

/* Destroys the pool with everything in it: live blocks and contexts made on it
 * too. 0, or EINVAL. Must be the last call on it. */
WEIR_API int weir_pool_destroy(weir_pool *pool) WEIR_NOEXCEPT;

/* NULL options: defaults. NULL with ENOMEM or EINVAL. */
WEIR_API weir_pool *weir_pool_create(const weir_pool_options *options) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_pool_destroy, 1);

/* The allocator whose blocks come from this pool. Owned by the pool. */
WEIR_API weir_allocator *weir_pool_allocator(weir_pool *pool) WEIR_NOEXCEPT;

/* Figures of the pool's allocator and of its memory; as weir_stats_get. */
WEIR_API int weir_pool_stats(const weir_pool *pool, weir_stats *stats) WEIR_NOEXCEPT;

/* Bytes given back to the system. */
WEIR_API size_t weir_pool_trim(weir_pool *pool) WEIR_NOEXCEPT;

/*
 * Memory goes back to the system as running threads use weir: what nobody re-used for
 * ten seconds decays, and the caches of threads that do nothing are emptied. When all
 * of them fall silent nothing happens, unless the program lets weir have a thread of its
 * own: it looks every `period_ms`, and an allocator without a parent that nobody used
 * in two looks is trimmed. One for the process; starting it again changes the period. It blocks
 * all signals; a forked child has none. Any thread. start: 0, EINVAL for 0, or what
 * pthread_create says. stop: returns when the thread has ended.
 */
WEIR_API int weir_background_start(unsigned period_ms) WEIR_NOEXCEPT WEIR_NODISCARD;
WEIR_API void weir_background_stop(void) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
