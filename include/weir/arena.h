/*
 * arena.h - memory that is given back all at once: allocation moves a pointer, a mark
 * remembers where it stood, rewinding to the mark frees everything since.
 *
 * An arena takes chunks from any weir_allocator as it grows, or lives in memory that the
 * caller supplies and then never grows. The allocator's figures count the chunks; the
 * arena's own (weir_arena_stats) what was asked of it.
 *
 * Thread rule: every function may be called from any thread, except weir_arena_destroy,
 * which must be the last call; marks are of use to one thread at a time. A call on an arena that
 * was destroyed is misuse (error.h); with a handler it does nothing and fails with EINVAL.
 */
#ifndef WEIR_ARENA_H
#define WEIR_ARENA_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

typedef struct weir_arena weir_arena;

typedef struct weir_arena_options {
    size_t size; /* of this struct: WEIR_ARENA_OPTIONS_INIT sets it; 0: the first release's */
    weir_allocator *allocator; /* of the chunks; NULL: the CPU allocator */
    size_t chunk_size;         /* bytes of the first; later ones grow with the arena; 0: 64 KiB */
    void *memory;              /* the caller's; the arena lives in it and never grows */
    size_t memory_size;        /* bytes there */
} weir_arena_options;
#define WEIR_ARENA_OPTIONS_INIT WEIR_STRUCT_INIT(weir_arena_options)

/* Gives every chunk back, with what weir_arena_allocator made. 0, or EINVAL for NULL. */
WEIR_API int weir_arena_destroy(weir_arena *arena) WEIR_NOEXCEPT;

/* NULL options: defaults. Takes no chunk yet. NULL with ENOMEM or EINVAL (an allocator
 * or a chunk size together with memory, a size without memory). */
WEIR_API weir_arena *weir_arena_create(const weir_arena_options *options) WEIR_NOEXCEPT WEIR_MALLOC
    WEIR_FREED_BY(weir_arena_destroy, 1);

/* `size` bytes (0 is valid), 64-byte aligned, contents undefined, that live until the
 * arena is rewound past them, reset or destroyed. NULL with ENOMEM: the arena is as it
 * was. */
WEIR_API void *weir_arena_allocate(weir_arena *arena, size_t size) WEIR_NOEXCEPT
    WEIR_ALLOC_SIZE(2) WEIR_NODISCARD;

/* The same, aligned to any power of two; NULL with EINVAL for another value. */
WEIR_API void *weir_arena_allocate_aligned(weir_arena *arena, size_t size,
                                           size_t alignment) WEIR_NOEXCEPT WEIR_ALLOC_SIZE(2)
    WEIR_ALLOC_ALIGN(3) WEIR_NODISCARD;

/* A place to rewind to; never 0, which with errno ENOMEM or EINVAL says that none could be
 * made. Marks nest; one that is never rewound to costs 64 to 128 bytes until the arena is
 * rewound or reset below it. */
typedef uint64_t weir_arena_mark;
WEIR_API weir_arena_mark weir_arena_mark_get(weir_arena *arena) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * Frees everything allocated since the mark, which stays valid; marks made after it are not
 * any more. Chunks are kept for re-use. 0; EINVAL for a mark that is not this arena's or no
 * longer valid; EBUSY while a block of weir_arena_allocator allocated since the mark is live.
 */
WEIR_API int weir_arena_rewind(weir_arena *arena,
                               weir_arena_mark mark) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Frees everything; no mark is valid afterwards. Errors as above. */
WEIR_API int weir_arena_reset(weir_arena *arena) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Gives chunks that hold nothing back; the bytes. */
WEIR_API size_t weir_arena_trim(weir_arena *arena) WEIR_NOEXCEPT;

/*
 * A weir_allocator that takes from the arena, with separate figures (without a parent:
 * the chunks are counted already). Freeing its latest block makes room again; others wait for
 * the arena. Owned by the arena: do not destroy it. NULL with ENOMEM, or ENOTSUP where
 * the host cannot touch the memory.
 */
WEIR_API weir_allocator *weir_arena_allocator(weir_arena *arena) WEIR_NOEXCEPT;

typedef struct weir_arena_stats {
    size_t size;        /* of this struct: WEIR_ARENA_STATS_INIT sets it; 0: the first release's */
    size_t requested;   /* bytes asked for and not rewound */
    size_t used;        /* the same with what alignment cost */
    size_t peak;        /* greatest `used` since creation */
    size_t allocations; /* not rewound */
    size_t reserved;    /* bytes of all chunks */
    size_t chunks;
} weir_arena_stats;
#define WEIR_ARENA_STATS_INIT WEIR_STRUCT_INIT(weir_arena_stats)

/* One consistent snapshot; 0, or EINVAL for NULL or a size of no known struct. */
WEIR_API int weir_arena_stats_get(const weir_arena *arena, weir_arena_stats *stats) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
