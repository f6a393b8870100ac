/*
 * device_pool/pool.h - memory of one device, pooled: its structures and what the files of
 * this folder do for each other. Book-keeping lies in host memory (backing/meta.h); the
 * device's own is never touched but through the table.
 *
 *   range   one piece of device addresses: a segment (all of it memory), or a reserved
 *           stretch of addresses where memory is put behind granules as needed
 *   block   part of a range: live, free, waiting, or void (addresses without memory).
 *           The blocks of a range lie side by side and fill it.
 *   stream  a list of free blocks for each stream that freed some, and one ("any")
 *           for those that every stream may use
 *
 * Invariants, under the lock:
 *   reserved = in_use + waiting + cached = sum of blocks that are not void
 *   two neighbors that are void, or free on the same list, do not exist
 *   a free block on stream s may be used by s at once, and by others once
 *   sequence(block) <= done(s): an event recorded after its free is completed
 *
 * One lock a pool, of rank "device pool", held across calls to the table.
 */
#ifndef WEIR_DEVICE_POOL_H
#define WEIR_DEVICE_POOL_H

#include "base/pointer_map.h"
#include "device_pool/bins.h"
#include "os/locks.h"

#include <weir/device.h>

/* What is small lies apart from what is large, so that a small block never pins a large
 * segment. Expandable ranges have no third kind. */
enum weir__device_kind {
    WEIR__DEVICE_SMALL,
    WEIR__DEVICE_LARGE,
    WEIR__DEVICE_HUGE,
    WEIR__DEVICE_KINDS
};

enum weir__device_state {
    WEIR__DEVICE_LIVE,
    WEIR__DEVICE_FREE,
    WEIR__DEVICE_WAITING, /* freed; its uses are not over */
    WEIR__DEVICE_VOID
};

struct weir__device_range {
    char *base;
    size_t size;
    uint8_t kind;
    bool expandable;
    struct weir__device_block *first; /* by address */
    struct weir__link link;           /* of the pool's */
};

/* An event recorded on a stream: all of its frees up to `upto` are over when it is. */
struct weir__device_event {
    void *handle;
    uint64_t upto;
    struct weir__link link; /* of its stream's, or of the spare ones */
};

/* Work on its own stream that a block must wait for. */
struct weir__device_use {
    struct weir__device_stream *stream;
    struct weir__device_event *event; /* NULL until the block is freed and one was recorded */
    struct weir__device_use *next;
};

struct weir__device_stream {
    void *handle;
    uint64_t freed;           /* frees so far: the latest one's sequence */
    uint64_t marked;          /* the latest recorded event covers these */
    uint64_t done;            /* these are over */
    struct weir__list events; /* recorded and not completed, the oldest first */
    size_t nfree;
    bool gone; /* destroyed: what was given to it is over */
    struct weir__device_bins bins[WEIR__DEVICE_KINDS];
    struct weir__link link; /* of the pool's */
};

struct weir__device_block {
    char *address;
    size_t size;
    struct weir__device_block *prev, *next; /* in the range, by address */
    struct weir__link link;                 /* free: of its bin; void, waiting: of that list */
    struct weir__device_range *range;
    struct weir__device_stream *stream; /* live: where it was allocated; free: where it is listed */
    uint64_t sequence;                  /* free: of its latest free on `stream` */
    struct weir__device_use *uses;
    uint16_t bin;
    uint8_t state; /* enum weir__device_state */
    bool lost;     /* waiting, until the pool goes: nothing tells when its uses are over */
};

struct weir__device {
    struct weir__guard guard; /* the table's functions run under it */
    bool dead;                /* in a forked child that cannot use it */
    weir_device_mode mode;
    weir_device_table table;
    char name[48];
    size_t reserve_limit; /* SIZE_MAX: none */
    unsigned growth_percent;
    size_t wanted; /* prewarmed: to be held whatever the growth; until a trim */

    struct weir__pointer_map index;   /* live blocks by address */
    struct weir__device_block *spare; /* unused records, by `next` */
    size_t nspare;
    struct weir__device_block *chunks; /* that records come from */
    struct weir__list spare_events;    /* with a handle */
    struct weir__list ranges;          /* latest first */
    struct weir__list voids[WEIR__DEVICE_KINDS];
    struct weir__list waiting;      /* latest first */
    struct weir__device_stream any; /* blocks that every stream may use */
    struct weir__list streams;      /* looked up last first */

    size_t in_use, peak_in_use, waiting_bytes, reserved, peak_reserved;
    size_t nranges, nstreams, driver_allocations, driver_frees, recoveries, metadata;
    struct weir__link link; /* of all pools */
};

/* The object of a link; NULL for NULL. */
WEIR__INLINE struct weir__device_block *weir__device_block_of(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__device_block, link);
}

WEIR__INLINE struct weir__device_range *weir__device_range_of(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__device_range, link);
}

WEIR__INLINE struct weir__device_stream *weir__device_stream_of(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__device_stream, link);
}

/* -- pool.c: what the layer above calls --------------------------------------------------- */

/* NULL with errno as weir_device_allocator_create says. */
struct weir__device *weir__device_create(const weir_device_table *table,
                                         const weir_device_options *options);

/* Everything goes, live or not, and the table is destroyed. */
void weir__device_destroy(struct weir__device *d);

/* On the calling thread's stream. NULL with errno ENOMEM, EIO or ENODEV and a reason. */
void *weir__device_allocate(struct weir__device *d, size_t size, size_t alignment);
void weir__device_free(struct weir__device *d, void *address);

int weir__device_use_on(struct weir__device *d, void *address, void *handle);
int weir__device_stream_forget(struct weir__device *d, void *handle);
int weir__device_prewarm(struct weir__device *d, size_t bytes);
size_t weir__device_trim(struct weir__device *d);

/* -- figures.c ---------------------------------------------------------------------------- */

void weir__device_stats(struct weir__device *d, weir_device_stats *stats);
void weir__device_reset_peaks(struct weir__device *d);
void weir__device_figures(struct weir__device *d, size_t *in_use, size_t *cached, size_t *reserved,
                          size_t *metadata);

/* The one report of a request that cannot be met; lock held. Returns `code`. */
int weir__device_report_locked(struct weir__device *d, size_t size, int code);

/* The invariants above, over the whole pool. */
bool weir__device_is_valid(struct weir__device *d);

/* -- contents.c: through the table, on the calling thread's stream ------------------------ */

/* A table's failure as ours: sets the reason, returns the code. */
int weir__device_failed(const struct weir__device *d, const char *what, int code);

int weir__device_zero(struct weir__device *d, void *block, size_t size);
int weir__device_move(struct weir__device *d, void *to, const void *from, size_t size);

/* -- ledger.c: records and the index; lock held ------------------------------------------- */

/* At least `n` spare records and room for one more live block. ENOMEM: nothing changed. */
int weir__device_ledger_reserve(struct weir__device *d, size_t n);
struct weir__device_block *weir__device_record(struct weir__device *d); /* a reserved one, zeroed */
void weir__device_record_free(struct weir__device *d, struct weir__device_block *block);
void weir__device_index_add(struct weir__device *d, struct weir__device_block *block);
struct weir__device_block *weir__device_index_find(struct weir__device *d, const void *address);
void weir__device_index_remove(struct weir__device *d, const void *address);
void *weir__device_meta(struct weir__device *d, size_t size); /* counted */
void weir__device_meta_free(struct weir__device *d, void *object, size_t size);
void weir__device_ledger_destroy(struct weir__device *d);

/* -- block.c: free blocks, split and joined; lock held ------------------------------------ */

void weir__device_list(struct weir__device_block *block); /* free: into its bin */
void weir__device_unlist(struct weir__device_block *block);
void weir__device_void_list(struct weir__device *d, struct weir__device_block *block);
void weir__device_void_unlist(struct weir__device *d, struct weir__device_block *block);

/* Cuts `block` at `size`; the rest, of the same state, is returned and on no list. */
struct weir__device_block *weir__device_split(struct weir__device *d,
                                              struct weir__device_block *block, size_t size);

/* `low` swallows `high`, its neighbor above; neither is on a list. */
void weir__device_merge(struct weir__device *d, struct weir__device_block *low,
                        struct weir__device_block *high);

/* Joins a free, unlisted block with the neighbors that its stream may use, and lists
 * the result there. */
struct weir__device_block *weir__device_join(struct weir__device *d,
                                             struct weir__device_block *block);

/* The best fit that a request on `stream` may use now, or NULL; stays listed. */
struct weir__device_block *weir__device_find_usable(const struct weir__device *d,
                                                    const struct weir__device_stream *stream,
                                                    size_t size);

/* May a request on `stream` use this block now? NULL: no. */
bool weir__device_usable(const struct weir__device *d, const struct weir__device_block *block,
                         const struct weir__device_stream *stream);

/* -- stream.c; lock held unless said ------------------------------------------------------ */

/* The calling thread's: what a request is on, what a free is on (set: instead of the
 * block's own). No lock. */
struct weir__device_here {
    void *stream, *free_stream;
    bool free_set;
};
struct weir__device_here *weir__device_here(void);

/* The record of a stream, made at first sight; NULL: no memory. */
struct weir__device_stream *weir__device_stream_get(struct weir__device *d, void *handle);

/* Waits for the stream. False: the device failed, and what it does there is not known. */
bool weir__device_stream_is_over(struct weir__device *d, const struct weir__device_stream *stream);

/* Looks which frees are over and puts their blocks on the list for all; of `but` no event
 * is recorded (NULL: of every stream one is). With `wait` it waits for them. */
void weir__device_settle(struct weir__device *d, const struct weir__device_stream *but, bool wait);

/* The stream is to be no more. 0 or the device's error. */
int weir__device_stream_drop(struct weir__device *d, void *handle);

/* Freed with uses of other streams: it waits for them, and is free on `stream` then. */
void weir__device_defer(struct weir__device *d, struct weir__device_block *block,
                        struct weir__device_stream *stream);

/* Freed, and nothing will tell when its uses are over: it is never used again. */
void weir__device_lose(struct weir__device *d, struct weir__device_block *block);

/* Free at once on `stream`. */
void weir__device_free_block(struct weir__device *d, struct weir__device_block *block,
                             struct weir__device_stream *stream);

int weir__device_use_add(struct weir__device *d, struct weir__device_block *block,
                         struct weir__device_stream *stream);
void weir__device_uses_drop(struct weir__device *d, struct weir__device_block *block);

void weir__device_streams_destroy(struct weir__device *d);

/* -- space.c: memory taken from the device and given back; lock held ---------------------- */

enum weir__device_kind weir__device_kind_of(const struct weir__device *d, size_t size);

/* Longest range that may serve a request of `size`, so that it does not pin much more. */
size_t weir__device_range_max(const struct weir__device *d, size_t size);

/* More memory, for a request of `size` on `stream`: a free block, on no list, of at
 * least that. 0, ENOMEM, or the device's error. Three records are reserved. */
int weir__device_grow(struct weir__device *d, struct weir__device_stream *stream, size_t size,
                      struct weir__device_block **block);

/* The mode without a pool: the end of a block, which has its own range. */
void weir__device_give_direct(struct weir__device *d, struct weir__device_block *block,
                              struct weir__device_stream *stream);

/* Gives back what is free for all, `bytes` or a little more (SIZE_MAX: all of it);
 * returns how much it was. */
size_t weir__device_release(struct weir__device *d, size_t bytes);

void weir__device_ranges_destroy(struct weir__device *d);

/* -- host.c, cuda.c: tables --------------------------------------------------------------- */

enum weir__cuda_memory { WEIR__CUDA_DEVICE, WEIR__CUDA_HOST, WEIR__CUDA_MANAGED };

/* A table for this memory; its destroy calls `gone` (may be NULL) and frees it. NULL with
 * ENODEV or ENOMEM. */
const weir_device_table *weir__cuda_table(int device, enum weir__cuda_memory memory,
                                          void (*gone)(const weir_device_table *table));

#endif
