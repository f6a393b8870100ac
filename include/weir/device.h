/*
 * device.h - memory of a device (a GPU's, say) behind the same calls: weir_allocate,
 * exact statistics, limits, contexts, checkpoints, the profiler.
 *
 * A weir_device_table says how to reach a device. weir_device_allocator_create puts a pool on
 * it whose book-keeping lies in host memory and never touches the device, and gives a
 * tracked weir_allocator. weir never dereferences a block of a device: zeroing, moving
 * and copying go through the table. Buffers and tensors may lie there, and their bytes are not
 * the host's; weir_arena_allocator, which touches its memory, is refused there.
 *
 * Streams. A stream is the table's opaque handle; NULL is the device's default stream.
 * A block belongs to the stream it was allocated on. Once freed it serves requests on
 * the stream it was freed on at once, because work there is in order, and requests on
 * another stream only after an event recorded on the former has completed. Where the device
 * fails when it is asked or waited for, the work is not taken for completed.
 *
 * Thread rule: every function may be called from any thread at any time, except that
 * weir_allocator_destroy must be the last call on its allocator. The pool has one lock,
 * held across calls to the table, whose functions must not use weir. A forked child may go on
 * with the pool, whatever other threads were at, unless the table says WEIR_DEVICE_NO_FORK.
 */
#ifndef WEIR_DEVICE_H
#define WEIR_DEVICE_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

/* -- the table ---------------------------------------------------------------------------- */

typedef enum weir_device_flags {
    WEIR_DEVICE_HOST_ACCESSIBLE = 1, /* the host may read and write the blocks */
    WEIR_DEVICE_NO_FORK = 2          /* unusable in a forked child: requests fail there */
} weir_device_flags;

/*
 * How to reach a device. `user` is the first argument of every function. Functions
 * return 0 or a positive errno value; ENOMEM alone means that the device has no room,
 * and makes the pool give back what it has cached and ask again. A function that fails
 * has changed nothing. Any thread may call any of them at any time. Sizes are in bytes.
 *
 * set and the copies are ordered on `stream` and may return before they are done; the
 * host memory of a copy must stay as it is until the stream was synchronized.
 *
 * Groups that may be NULL, all of a group or none: allocate_on and deallocate_on; the five of
 * virtual memory. The rest must be there.
 */
typedef struct weir_device_table {
    size_t size;      /* sizeof(weir_device_table) */
    const char *name; /* "cuda:0": names the allocator; weir_stats.backing too; cut at 47 bytes */
    void *user;
    unsigned flags;     /* weir_device_flags */
    size_t alignment;   /* of every address that allocate gives: a power of two, >= 64 */
    size_t granularity; /* unit of virtual memory, a power of two; 0: none */

    int (*allocate)(void *user, size_t size, void **address);
    int (*deallocate)(void *user, void *address, size_t size);
    int (*memory_info)(void *user, size_t *free_bytes, size_t *total_bytes);

    int (*set)(void *user, void *to, int byte, size_t size, void *stream);
    int (*copy_in)(void *user, void *to, const void *host, size_t size, void *stream);
    int (*copy_out)(void *user, void *host, const void *from, size_t size, void *stream);
    int (*copy)(void *user, void *to, const void *from, size_t size, void *stream);

    int (*stream_create)(void *user, void **stream);
    int (*stream_destroy)(void *user, void *stream);
    int (*stream_synchronize)(void *user, void *stream);       /* waits for all work given to it */
    int (*stream_wait)(void *user, void *stream, void *event); /* later work waits for it */
    int (*event_create)(void *user, void **event);
    int (*event_destroy)(void *user, void *event);
    int (*event_record)(void *user, void *event, void *stream);
    int (*event_query)(void *user, void *event); /* 0: completed; EAGAIN: not yet */
    int (*event_synchronize)(void *user, void *event);

    /* Text of the calling thread's last failure here ("CUDA_ERROR_...: ..."), never NULL. */
    const char *(*error_text)(void *user);

    /* The device's stream-ordered allocator (cuMemAllocAsync). */
    int (*allocate_on)(void *user, size_t size, void *stream, void **address);
    int (*deallocate_on)(void *user, void *address, size_t size, void *stream);

    /* Virtual memory, in whole units of `granularity`: addresses without memory, memory
     * put behind any run of units, and taken away one unit at a time. */
    int (*reserve)(void *user, size_t size, void **address);
    int (*unreserve)(void *user, void *address, size_t size);
    int (*map)(void *user, void *address, size_t size);
    int (*unmap)(void *user, void *address, size_t size);

    void (*destroy)(void *user); /* NULL: nothing to do; the last call */
} weir_device_table;

/*
 * A device made of host memory, for tests and for machines without a GPU: `capacity`
 * bytes that are committed on first touch, virtual memory, streams whose work is done
 * at once. Give the table to weir_device_allocator_create, which destroys it with the
 * allocator. NULL name: "host"; cut at 47 bytes. NULL with EINVAL (a capacity above PTRDIFF_MAX)
 * or ENOMEM.
 */
WEIR_API const weir_device_table *
weir_device_host_table_create(const char *name, size_t capacity) WEIR_NOEXCEPT WEIR_NODISCARD;

/* -- the allocator ------------------------------------------------------------------------ */

typedef enum weir_device_mode {
    WEIR_DEVICE_AUTO = 0,   /* expandable where the table has virtual memory, else segments */
    WEIR_DEVICE_EXPANDABLE, /* one range of addresses that grows and shrinks by `granularity` */
    WEIR_DEVICE_SEGMENTS,   /* 2 MiB for small blocks, 20 MiB and up for large ones */
    WEIR_DEVICE_DRIVER      /* no pool: each block from the table's own allocator */
} weir_device_mode;

typedef struct weir_device_options {
    size_t size; /* of this struct: WEIR_DEVICE_OPTIONS_INIT sets it; 0: the first release's */
    weir_device_mode mode;
    size_t reserve_limit; /* bytes taken from the device at most; 0: what it has */
    /* The pool gives idle memory back before it takes more than this much above the greatest
     * use so far. 0: 10 where it is expandable, else it gives nothing back before it must. */
    unsigned growth_percent;
} weir_device_options;
#define WEIR_DEVICE_OPTIONS_INIT WEIR_STRUCT_INIT(weir_device_options)

/*
 * A tracked, pooled allocator on the device; a root, named as the table.
 * The table is copied, its `user` kept. NULL options: defaults. The caller owns it:
 * weir_allocator_destroy frees what is live, gives all memory back and calls
 * table->destroy. NULL with EINVAL (a bad table, said by weir_last_error), ENOTSUP (a
 * mode the table has no functions for) or ENOMEM; the table is not destroyed then.
 */
WEIR_API weir_allocator *
weir_device_allocator_create(const weir_device_table *table,
                             const weir_device_options *options) WEIR_NOEXCEPT WEIR_MALLOC;

/* Where the blocks of `a` live: "cpu", or the device's name. Valid while `a` is. */
WEIR_API const char *weir_device_name(const weir_allocator *a) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL;

/* The table behind `a`; NULL for the host's own memory. Valid while `a` is. */
WEIR_API const weir_device_table *weir_device_table_of(const weir_allocator *a) WEIR_NOEXCEPT;

/* -- streams ------------------------------------------------------------------------------ */

/* The stream of what this thread allocates, zeroes and moves from now on, on every
 * device; returns the former. NULL at first. */
WEIR_API void *weir_device_stream_set(void *stream) WEIR_NOEXCEPT;

/* weir_allocate on this stream. NULL as there; EINVAL where `a` is not a device's. */
WEIR_API void *weir_device_allocate_on(weir_allocator *a, size_t size,
                                       void *stream) WEIR_NOEXCEPT WEIR_MALLOC WEIR_BLOCK
    WEIR_ALLOC_SIZE(2);

/* weir_deallocate on this stream: all work on the block so far is before this point of
 * it. weir_deallocate itself takes the stream the block was allocated on. NULL does nothing; a
 * block of host memory is freed. */
WEIR_API void weir_device_deallocate_on(weir_allocator *a, void *block, void *stream) WEIR_NOEXCEPT;

/* The block is used by work on this stream too: after its free it is not re-used before
 * that work is done. 0, EINVAL (not a live block of a device), ENOMEM. */
WEIR_API int weir_device_record_stream(weir_allocator *a, void *block,
                                       void *stream) WEIR_NOEXCEPT WEIR_NODISCARD;

/* A new stream of the device of `a`. NULL with EINVAL or the device's error. */
WEIR_API void *weir_device_stream_create(weir_allocator *a) WEIR_NOEXCEPT WEIR_MALLOC;

/* Waits for the stream's work, makes its freed blocks free for all, destroys it. 0, EINVAL (no
 * device's, or NULL: the default stream) or the device's error. */
WEIR_API int weir_device_stream_destroy(weir_allocator *a, void *stream) WEIR_NOEXCEPT;

/* The same without destroying it: for streams made elsewhere, before they are. NULL is allowed. */
WEIR_API int weir_device_stream_forget(weir_allocator *a, void *stream) WEIR_NOEXCEPT;

/* Waits for all work given to the stream. 0, EINVAL or the device's error. */
WEIR_API int weir_device_synchronize(weir_allocator *a, void *stream) WEIR_NOEXCEPT WEIR_NODISCARD;

/* -- contents ----------------------------------------------------------------------------- */

/*
 * Copies n bytes from memory of `from_a` to memory of `to_a`: either may be the host's
 * (any allocator of host memory, or NULL for memory of the program's own) or a device's; between
 * two devices in steps through the host. Done on return, ordered after earlier work of the thread's
 * stream. 0; EINVAL for NULL; ENOTSUP where only a user's own functions reach the memory; or the
 * device's error with its text behind weir_last_error.
 */
WEIR_API int weir_device_copy(weir_allocator *to_a, void *to, weir_allocator *from_a,
                              const void *from, size_t n) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Sets n bytes, on the host or a device; done on return. Errors as above. */
WEIR_API int weir_device_set(weir_allocator *a, void *to, int byte,
                             size_t n) WEIR_NOEXCEPT WEIR_NODISCARD;

/* A tensor of `a` with the shape, type and elements of `t`, wherever either lives, row-major,
 * the caller's to release. NULL with ENOMEM, ENOTSUP (memory that only a user's own functions
 * reach) or the device's error. */
WEIR_API weir_tensor *weir_tensor_to(const weir_tensor *t,
                                     weir_allocator *a) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Where a tensor's elements live, as weir_device_name. */
WEIR_API const char *weir_tensor_device(const weir_tensor *t) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL;

/* -- the pool ----------------------------------------------------------------------------- */

/* Bytes, but for the counts. */
typedef struct weir_device_stats {
    size_t size;   /* of this struct: WEIR_DEVICE_STATS_INIT sets it; 0: the first release's */
    size_t in_use; /* in live blocks, rounded as the pool rounds */
    size_t peak_in_use;
    size_t reserved; /* taken from the device */
    size_t peak_reserved;
    size_t cached;       /* free, kept for re-use */
    size_t waiting;      /* freed, and work of another stream may still use them */
    size_t largest_free; /* largest free block */
    size_t segments;     /* pieces of device memory */
    size_t streams;      /* streams that have been used */
    size_t device_free;  /* as the device itself says; WEIR_UNSUPPORTED: it does not */
    size_t device_total;
    size_t driver_allocations; /* calls that took memory from the device */
    size_t driver_frees;       /* calls that gave some back */
    size_t recoveries;         /* requests that succeeded after giving back cached memory */
    double fragmentation;      /* 1 - largest_free / cached; 0 with nothing cached */
    weir_device_mode mode;
} weir_device_stats;
#define WEIR_DEVICE_STATS_INIT WEIR_STRUCT_INIT(weir_device_stats)

/* 0, or EINVAL: NULL, a size of no known struct, or `a` is not a device's. */
WEIR_API int weir_device_stats_get(const weir_allocator *a, weir_device_stats *stats) WEIR_NOEXCEPT;

/* peak_in_use := in_use, peak_reserved := reserved. 0 or EINVAL. */
WEIR_API int weir_device_reset_peaks(weir_allocator *a) WEIR_NOEXCEPT;

/* Takes memory from the device ahead of need, until at least this much is cached. 0; EINVAL;
 * ENOMEM or the device's error (with what was got kept); ENOTSUP with WEIR_DEVICE_DRIVER, which
 * keeps nothing; ENODEV in a forked child that cannot use the device. */
WEIR_API int weir_device_prewarm(weir_allocator *a, size_t bytes) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
