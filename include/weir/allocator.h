/*
 * allocator.h - the one interface: allocate, free, and exact statistics.
 *
 * A weir_allocator is the process-wide CPU allocator, a context with its own
 * figures and limit, one with its own pool, an arena's, a device's, or
 * a user's own table of functions: the same calls for all of them.
 *
 * Statistics contract. *Requested* bytes are counted: weir_allocate(a, 100) adds
 * exactly 100, a zero-byte block adds 0 bytes and 1 block. total, peak and count
 * are exact at every moment one thread can observe and under any interleaving;
 * the peak is the true maximum of the total over the order in which allocations
 * and frees took effect. A failed call changes nothing but `failures`. A free
 * credits the allocator that made the block, whichever thread frees it. A NULL
 * allocator is refused: NULL or 0 with EINVAL, and nothing is freed.
 *
 * Thread rule: every function here may be called from any thread at any time,
 * except weir_allocator_destroy, which must be the last call on its allocator.
 */
#ifndef WEIR_ALLOCATOR_H
#define WEIR_ALLOCATOR_H

#include <weir/error.h>
#include <weir/export.h>

WEIR_BEGIN_DECLS

typedef struct weir_allocator weir_allocator;
typedef struct weir_tensor weir_tensor;

/* Alignment of every block that asks for none, in bytes. */
#define WEIR_DEFAULT_ALIGNMENT 64

/* The process-wide CPU allocator. Never NULL, never destroyed; any thread, from
 * the first instruction of the process on. */
WEIR_API weir_allocator *weir_cpu_allocator(void) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL;

/* -- blocks ------------------------------------------------------------------ */

/* What gives a block back, described below and in device.h. */
WEIR_API void weir_deallocate(weir_allocator *a, void *block) WEIR_NOEXCEPT;
WEIR_API void weir_deallocate_sized(weir_allocator *a, void *block, size_t size) WEIR_NOEXCEPT;
WEIR_API void weir_device_deallocate_on(weir_allocator *a, void *block, void *stream) WEIR_NOEXCEPT;
#define WEIR_BLOCK                                                                                 \
    WEIR_NODISCARD                                                                                 \
    WEIR_FREED_BY(weir_deallocate, 2)                                                              \
    WEIR_FREED_BY(weir_deallocate_sized, 2) WEIR_FREED_BY(weir_device_deallocate_on, 2)

/*
 * A block of at least `size` bytes (0 is valid: a unique pointer that must be
 * freed, and where a pool serves, nothing can be read or written there), aligned to 64 bytes,
 * contents undefined. The caller owns it until weir_deallocate. NULL with ENOMEM when memory or the
 * limit (of `a` or of an ancestor) does not suffice or `size` exceeds PTRDIFF_MAX.
 */
WEIR_API void *weir_allocate(weir_allocator *a, size_t size) WEIR_NOEXCEPT WEIR_MALLOC WEIR_BLOCK
    WEIR_ALLOC_SIZE(2);

/* The same with an alignment: any power of two (below 64 saves memory, above
 * costs some). NULL with EINVAL if `alignment` is not a power of two. */
WEIR_API void *weir_allocate_aligned(weir_allocator *a, size_t size,
                                     size_t alignment) WEIR_NOEXCEPT WEIR_MALLOC WEIR_BLOCK
    WEIR_ALLOC_SIZE(2) WEIR_ALLOC_ALIGN(3);

/* count * size bytes, all zero, 64-byte aligned. NULL with ENOMEM also when the
 * product overflows. Costs no memset where the memory is known to be zero. */
WEIR_API void *weir_allocate_zeroed(weir_allocator *a, size_t count,
                                    size_t size) WEIR_NOEXCEPT WEIR_MALLOC WEIR_BLOCK
    WEIR_ALLOC_SIZE(2, 3);

/* count * size bytes, all zero, aligned as asked; errors as above. */
WEIR_API void *weir_allocate_zeroed_aligned(weir_allocator *a, size_t count, size_t size,
                                            size_t alignment) WEIR_NOEXCEPT WEIR_MALLOC WEIR_BLOCK
    WEIR_ALLOC_SIZE(2, 3) WEIR_ALLOC_ALIGN(4);

/*
 * Resizes a block, moving it if it must; the contents up to the smaller size and
 * the block's alignment are kept. block == NULL allocates. Size 0 is a valid
 * size, not a free. NULL with ENOMEM leaves the block as it was. In place or moved, it
 * is one change of the figures: the total goes from the old size to the new in one step,
 * a limit admits what the new size adds, nothing is counted as an allocation or a free,
 * and the block keeps its tag and its generation (weir_checkpoint).
 */
WEIR_API void *weir_reallocate(weir_allocator *a, void *block, size_t size) WEIR_NOEXCEPT WEIR_BLOCK
    WEIR_ALLOC_SIZE(3);

/* The same, and from here on the block has this alignment, any power of two, instead of the one it
 * had: moved if it must be. NULL with EINVAL if it is not a power of two; the block is as it was.
 */
WEIR_API void *weir_reallocate_aligned(weir_allocator *a, void *block, size_t size,
                                       size_t alignment) WEIR_NOEXCEPT WEIR_BLOCK WEIR_ALLOC_SIZE(3)
    WEIR_ALLOC_ALIGN(4);

/* Frees a block of `a`. NULL does nothing; any thread may free. errno is kept.
 * A bad pointer is misuse (error.h): always found, never carried out. One to a block
 * that was freed and is live again for another owner is not a bad pointer to weir. Two
 * threads that free one small block at the same instant: see error.h. */
WEIR_API void weir_deallocate(weir_allocator *a, void *block) WEIR_NOEXCEPT;

/* The same, and checks that `size` is what was requested (a mismatch is misuse). */
WEIR_API void weir_deallocate_sized(weir_allocator *a, void *block, size_t size) WEIR_NOEXCEPT;

/* Bytes that may be used at `block`: at least what was requested. NULL: 0. */
WEIR_API size_t weir_usable_size(const weir_allocator *a, const void *block) WEIR_NOEXCEPT;

/* Bytes requested for `block`, exactly. NULL: 0. */
WEIR_API size_t weir_requested_size(const weir_allocator *a, const void *block) WEIR_NOEXCEPT;

/* Is this the start of a live block of `a`? Never misuse, whatever the pointer. */
WEIR_API bool weir_owns(const weir_allocator *a, const void *pointer) WEIR_NOEXCEPT;

/*
 * The allocator of the live block that starts at `pointer`; NULL: there is none. Where allocators
 * make their blocks of others' (arenas, a user's functions), and both begin there, the one that was
 * made last. Never misuse, whatever the pointer; errno is kept. The answer is of a moment: it stays
 * true while the block stays live. Takes a lock, and looks at each allocator over functions.
 */
WEIR_API weir_allocator *weir_allocator_of(const void *pointer) WEIR_NOEXCEPT;

/* -- statistics -------------------------------------------------------------- */

WEIR_API size_t weir_total_allocated(const weir_allocator *a)
    WEIR_NOEXCEPT; /* requested bytes live now */
WEIR_API size_t weir_peak_allocated(const weir_allocator *a)
    WEIR_NOEXCEPT; /* greatest that ever was */
WEIR_API size_t weir_allocation_count(const weir_allocator *a) WEIR_NOEXCEPT; /* live blocks */
WEIR_API void weir_reset_peak(weir_allocator *a) WEIR_NOEXCEPT;               /* peak := total */

/*
 * One consistent snapshot. The caller sets `size` to sizeof(weir_stats) (0 means
 * the first release's struct), so that the struct can grow. Bytes throughout; a
 * context's figures include those of its descendants. A figure that is
 * not available is WEIR_UNSUPPORTED.
 */
typedef struct weir_stats {
    size_t size;             /* of this struct: WEIR_STATS_INIT sets it; 0: the first release's */
    size_t total_allocated;  /* requested bytes live now */
    size_t peak_allocated;   /* greatest total since creation or weir_reset_peak */
    size_t allocation_count; /* live blocks */
    size_t allocations;      /* blocks ever handed out */
    size_t deallocations;    /* blocks ever taken back */
    size_t failures;         /* calls that returned NULL because of memory or a limit */
    size_t in_use;           /* live bytes rounded to blocks */
    size_t cached;           /* free bytes kept for re-use, in blocks once used */
    size_t reserved;         /* bytes taken from the backing */
    size_t limit;            /* 0: none */
    size_t slow_operations;  /* accounting steps that took the lock or a shared atomic */
    size_t metadata;         /* bytes of book-keeping, within `reserved` and outside */
    const char *backing;     /* who supplies the memory: "jemalloc", "system", ... */
    size_t refusals_asked;   /* requests about which a refusal callback was asked (callbacks.h) */
    size_t refusals_averted; /* and of them those that went well in the end */
    size_t soft_limit;       /* 0: none (callbacks.h) */
    size_t soft_limit_crossings; /* how often the total came to be above it */
    size_t bytes_allocated; /* ever: requested by allocations, and what blocks grew by; less the
                             * total it is what was freed, and what blocks shrank by */
} weir_stats;
#define WEIR_STATS_INIT WEIR_STRUCT_INIT(weir_stats)

/* 0, or EINVAL for a NULL argument or a size of no known struct. */
WEIR_API int weir_stats_get(const weir_allocator *a, weir_stats *stats) WEIR_NOEXCEPT;

/* -- contexts ---------------------------------------------------------------- */

/*
 * A user-written allocator: weir tracks, these provide. `user` is passed through.
 * allocate returns `size` (> 0) bytes aligned to `alignment` (a power of two) or
 * NULL; deallocate gets exactly what was asked for. What is not aligned so is given back
 * at once, and size + alignment bytes are asked for, in which the block is put. Every function
 * may be called from any thread at once, and all but the first two may be NULL. weir writes
 * nothing into a block, nor next to it, but zeros where they are asked for and what a copy
 * copies. Memory that the host cannot touch (a device's) must bring zero and copy, both;
 * weir then never dereferences a block.
 */
typedef struct weir_allocator_functions {
    void *(*allocate)(void *user, size_t size, size_t alignment);
    void (*deallocate)(void *user, void *block, size_t size, size_t alignment);
    size_t (*trim)(void *user);  /* NULL: nothing to give back */
    void (*destroy)(void *user); /* last call, after every live block was freed */
    int (*zero)(void *user, void *block, size_t size); /* NULL: memset; 0 or an errno value */
    int (*copy)(void *user, void *to, const void *from,
                size_t n); /* NULL: memcpy; 0 or an errno value */
    void (*stats)(void *user,
                  weir_stats *stats); /* sets in_use, cached, reserved, metadata if known */
} weir_allocator_functions;

typedef enum weir_source {
    WEIR_SOURCE_POOL = 0,  /* the pool that `options.pool` is on, else the parent */
    WEIR_SOURCE_BACKING,   /* no pool: each block straight from the backing provider */
    WEIR_SOURCE_MALLOC,    /* no pool: each block from the C library's allocator */
    WEIR_SOURCE_FUNCTIONS, /* options.functions */
    WEIR_SOURCE_OWN_POOL   /* its own pool, as the CPU allocator has one: size classes over
                            * slabs, thread caches, large blocks kept for re-use. Its children are
                            * on it, too. It keeps a model's memory apart from another's, and all
                            * of it goes back with the context */
} weir_source;

/* Which pages the kernel is to give a context. */
typedef enum weir_huge_pages {
    WEIR_HUGE_PAGES_DEFAULT = 0, /* as for all: for large blocks, where it has some */
    WEIR_HUGE_PAGES_ASKED,       /* huge ones for all blocks, where it has some */
    WEIR_HUGE_PAGES_REQUIRED,    /* nothing but huge ones: it has none, and the request is refused
                                  * with ENOMEM. Memory is in use from when it is taken, and goes
                                  * back by weir_trim alone, where all of 4 MiB is free */
    WEIR_HUGE_PAGES_NEVER
} weir_huge_pages;

/*
 * A hardened context catches what programs do to memory, for more time and memory
 * (docs/guide/hardened.md): each block has a canary behind it and something known below it,
 * compared when it is freed or resized and by weir_check; freed blocks are cleared, wait before
 * they are used again, and are looked at then; large ones lie between closed pages and lose theirs
 * when they are freed; where a block lies is left to chance. Only what was requested is usable
 * (weir_usable_size). What is found is misuse of kind WEIR_MISUSE_CORRUPTION; where a handler goes
 * on, the block is set aside. Its blocks are on another pool than those of contexts that are not
 * hardened.
 */
typedef enum weir_hardened {
    WEIR_HARDENED_DEFAULT = 0, /* as the context whose pool it is on; the CPU allocator: as
                                * WEIR_HARDENED says, or else the build (--enable-hardened) */
    WEIR_HARDENED_ON,
    WEIR_HARDENED_MOVES, /* and weir_reallocate moves whatever grows */
    WEIR_HARDENED_OFF
} weir_hardened;

/* In options.numa_node: this one, counted from 0. */
#define WEIR_NUMA_NODE(node) ((node) + 1u)

/* In options.parent: none, not even the CPU allocator (device memory, say). */
#ifdef __cplusplus
#define WEIR_NO_PARENT (reinterpret_cast<weir_allocator *>(UINTPTR_MAX))
#else
#define WEIR_NO_PARENT ((weir_allocator *)-1)
#endif

typedef struct weir_allocator_options {
    size_t size; /* of this struct: WEIR_ALLOCATOR_OPTIONS_INIT sets it; 0: the first release's */
    const char *name;       /* copied, cut at 47 bytes; NULL: "context-N", "pool-N" */
    weir_allocator *parent; /* NULL: the CPU allocator; its figures include ours */
    size_t limit;           /* bytes live at once, as of weir_set_limit; 0: none; the ancestors'
                               hold too */
    weir_source source;
    weir_allocator *pool; /* one that is on a pool; that cannot be destroyed meanwhile. NULL: the
                           * parent */
    const weir_allocator_functions *functions; /* copied */
    void *user;
    const char *backing; /* what weir_stats.backing says for functions; NULL: "user" */
    /* With one of these the context has its own pool, which its children are on, too:
     * WEIR_SOURCE_OWN_POOL, or WEIR_SOURCE_POOL without `pool`. placement.h says what it was really
     * given. */
    weir_huge_pages huge_pages;
    unsigned numa_node;     /* WEIR_NUMA_NODE(n): on that node while it has memory; 0: anywhere */
    weir_hardened hardened; /* of pools, neither of huge pages nor of a node; on another context's
                             * pool, only what that is */
} weir_allocator_options;
#define WEIR_ALLOCATOR_OPTIONS_INIT WEIR_STRUCT_INIT(weir_allocator_options)

/* A context. NULL options: all defaults. NULL with EINVAL (impossible options; no node of that
 * number that the process may use), ENOTSUP (this provider has no such source; this system has no
 * nodes, lets the process choose none, or cannot tell that a page is huge) or ENOMEM (also: huge
 * pages are required and there is none). */
WEIR_API weir_allocator *
weir_allocator_create(const weir_allocator_options *options) WEIR_NOEXCEPT WEIR_MALLOC;

/*
 * Frees whatever is still live in it, then the context. 0; EINVAL for NULL or
 * the CPU allocator; EBUSY while it has child contexts, or others are on its
 * pool. A later use of the handle is misuse and is found.
 */
WEIR_API int weir_allocator_destroy(weir_allocator *a) WEIR_NOEXCEPT;

/* 0: no limit. EINVAL for NULL, EBUSY (nothing changed) below what is live. From 1 << 61 on a limit
 * means no limit, as no sum of blocks comes near it, and weir_stats.limit is 0. */
WEIR_API int weir_set_limit(weir_allocator *a, size_t bytes) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * A limit that is a part, above 0 and at most 1, of what the process may have: of the limit of
 * its control group (memory.max, memory.limit_in_bytes; the least of those of the groups above
 * that can be seen, too) or, where that is less or there is none, of the machine's memory. Read
 * at this call: a limit of the group that changes later is not followed. 0; EINVAL for NULL or
 * another fraction; EBUSY (nothing changed) below what is live; ENOTSUP for memory that the host
 * cannot touch, and where the system does not tell.
 */
WEIR_API int weir_set_limit_fraction(weir_allocator *a,
                                     double fraction) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * Looks at all that `a` has, without its children: entries of its small blocks, and of a hardened
 * context what lies around each live block and whether what is free is still zero. How many faults
 * there are; each is reported as misuse, so that without a handler the process ends at the first.
 * More than 1000 are counted and not all reported. Any thread, while others allocate and free; as
 * slow as the memory is large. 0 for NULL, with EINVAL, and for contexts on no pool.
 */
WEIR_API size_t weir_check(const weir_allocator *a) WEIR_NOEXCEPT;

/* Bytes given back to the system: caches of every thread, empty slabs, free
 * spans. Safe while other threads run. */
WEIR_API size_t weir_trim(weir_allocator *a) WEIR_NOEXCEPT;

WEIR_API const char *
weir_allocator_name(const weir_allocator *a) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL;
WEIR_API weir_allocator *
weir_allocator_parent(const weir_allocator *a) WEIR_NOEXCEPT; /* NULL: none */

/*
 * The allocator of this name, the oldest if there are several; what is beyond 47 bytes is not
 * looked at. NULL with ENOENT, or EINVAL for NULL. It is the caller's to know that nobody destroys
 * it meanwhile.
 */
WEIR_API weir_allocator *weir_allocator_find(const char *name) WEIR_NOEXCEPT;
/* May the host read and write the blocks of `a`? False for a device's that it cannot touch, for
 * functions that bring `zero`, and, with EINVAL, for NULL. */
WEIR_API bool weir_allocator_is_host_accessible(const weir_allocator *a) WEIR_NOEXCEPT;

/* -- attribution ------------------------------------------------------------- */

/* A tag names what a block is for ("layer1/conv"); 0 is "no tag". At most 8191. */
typedef uint32_t weir_tag;

/* The tag of this name, made on first use. 0 with errno ENOSPC or ENOMEM when
 * none can be made. Any thread; the name is copied. */
WEIR_API weir_tag weir_tag_intern(const char *name) WEIR_NOEXCEPT;
WEIR_API const char *
weir_tag_name(weir_tag tag) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL; /* "" for 0 or an unknown tag */

/* Blocks that this thread allocates from now on carry `tag`; returns the former. */
WEIR_API weir_tag weir_tag_set(weir_tag tag) WEIR_NOEXCEPT;

/*
 * The same until the end of the enclosing block, however it is left but by longjmp; then what was
 * before is set again:
 *
 *     WEIR_TAG_SCOPE(weir_tag_intern("layer1/conv"));
 *
 * is a declaration, one a line.
 */
#define WEIR_TAG_SCOPE(tag)          WEIR_TAG_SCOPE_AT(tag, __LINE__)
#define WEIR_TAG_SCOPE_AT(tag, line) WEIR_TAG_SCOPE_NAMED(tag, line)
#define WEIR_TAG_SCOPE_NAMED(tag, line)                                                            \
    __attribute__((cleanup(weir_tag_restore))) const weir_tag weir_tag_before_##line =             \
        weir_tag_set(tag)
static inline void weir_tag_restore(const weir_tag *before)
{
    weir_tag_set(*before);
}

/* What the memory of a tag is used for, so that reports can group tags. */
typedef enum weir_class {
    WEIR_CLASS_NONE,
    WEIR_CLASS_WEIGHT,
    WEIR_CLASS_KV,
    WEIR_CLASS_ACTIVATION,
    WEIR_CLASS_SCRATCH,
    WEIR_CLASS_STAGING,
    WEIR_CLASS_OTHER
} weir_class;

/* From here on the tag is of this class, whatever it was before; recordings say so of its blocks,
 * of all that they have. 0; EINVAL (no such tag, tag 0, no such class). Any thread. */
WEIR_API int weir_tag_class(weir_tag tag, weir_class use) WEIR_NOEXCEPT;
/* WEIR_CLASS_NONE where none was set or there is no such tag. */
WEIR_API weir_class weir_class_of_tag(weir_tag tag) WEIR_NOEXCEPT;

/* Tag of a live block of `a` (0 for none). */
WEIR_API weir_tag weir_block_tag(const weir_allocator *a, const void *block) WEIR_NOEXCEPT;

/* -- walking ----------------------------------------------------------------- */

typedef struct weir_block {
    const void *address;
    size_t requested;
    size_t usable;
    weir_tag tag;
    bool since_checkpoint; /* allocated after the latest weir_checkpoint */
} weir_block;

/*
 * Calls visit once for every live block of `a` itself (not its descendants),
 * in address order within a slab, until it returns true. 0 or EINVAL. Blocks allocated or freed
 * meanwhile by other threads may or may not be seen. The visitor runs with a lock held that several
 * allocators may share: it must not allocate or free on any allocator, nor cause it (where weir is
 * the program's malloc, printf may); of weir it may call weir_tag_name and weir_last_error alone.
 * To do more, note the blocks and do it after the walk.
 */
typedef bool weir_block_visitor(const weir_block *block, void *user); /* true: enough */
WEIR_API int weir_allocator_walk(weir_allocator *a, weir_block_visitor *visit,
                                 void *user) WEIR_NOEXCEPT;

/*
 * Calls visit for every direct child context, oldest first, until it returns true. 0, or EINVAL for
 * NULL. No other thread makes or destroys an allocator meanwhile, so that all that are visited
 * live; the visitor may do both: one that it destroyed is not visited any more, one that it made
 * is.
 */
typedef bool weir_allocator_visitor(weir_allocator *child, void *user); /* true: enough */
WEIR_API int weir_allocator_walk_children(weir_allocator *a, weir_allocator_visitor *visit,
                                          void *user) WEIR_NOEXCEPT;

/* The same for every allocator without a parent: the CPU allocator, which is the first, devices,
 * those of arenas, recorders and replays, and whatever was made with WEIR_NO_PARENT. */
WEIR_API int weir_allocator_walk_roots(weir_allocator_visitor *visit, void *user) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
