/*
 * track/trace_hook.h - how the core tells a recorder what happens. Owns the table of
 * functions that is installed (or none) and the account that numbers the events.
 * Knows nothing of files or formats.
 *
 * While a table is installed the core lets no operation under the traced root take
 * its fast route, and for each of them
 *
 *   1. calls weir__trace_stamp at the moment the operation takes effect on the total,
 *      with the lock held under which totals change, so that numbers and totals have
 *      one and the same order;
 *   2. later, with no lock held (but context_destroyed: the context lock) and before
 *      it returns to the program, calls one function of the table with that number,
 *      even if the table was taken away meanwhile.
 *
 * So each number reaches the recorder once, in any order between threads, and a
 * reader that replays the events in order of their numbers gets the true peak. A
 * request that was counted and then failed gives two `adjusted` (up, down) and one
 * `failed`. An allocator that is destroyed with live blocks gives one
 * `context_destroyed` for all of them. A block that moves on reallocation is one
 * `resized` that names where it was, `old_block`. Its number is given before the old
 * place can become another block's.
 *
 * The functions of a table never call back into an allocator and keep errno.
 */
#ifndef WEIR_TRACK_TRACE_HOOK_H
#define WEIR_TRACK_TRACE_HOOK_H

#include "base/bits.h"

#include <sys/single_threaded.h>
#include <weir/allocator.h>

/* One operation. Fields that an event does not name are 0. */
struct weir__trace_event {
    weir_allocator *allocator; /* whose block it is (not the caller's idea of it) */
    const void *block;
    const void *old_block; /* `resized`: where it was; NULL or `block`: it did not move */
    size_t requested;      /* bytes asked for; of `resized` the new size */
    size_t old_requested;  /* `resized`: before */
    size_t usable;         /* allocated, resized */
    size_t alignment;      /* allocated, failed: as asked for */
    weir_tag tag;          /* allocated, resized, failed */
    int error;             /* failed: the errno value */
    uint64_t sequence;     /* what weir__trace_stamp gave; 0: stamped on arrival, which
                              is exact only while one thread runs */
};

struct weir__trace_hooks {
    void (*allocated)(const struct weir__trace_event *event);
    void (*freed)(const struct weir__trace_event *event);   /* names `requested` too */
    void (*resized)(const struct weir__trace_event *event); /* in place or moved */
    void (*failed)(const struct weir__trace_event *event);
    void (*adjusted)(ptrdiff_t bytes, int blocks, uint64_t sequence);
    /* What was live in it (and in no child) was counted off by `sequence`. */
    void (*context_destroyed)(weir_allocator *allocator, size_t bytes, size_t blocks,
                              uint64_t sequence);
    /* The pool took memory from the backing (true) or gave it back. No sequence; locks
     * of the pool are held. */
    void (*region)(const void *address, size_t size, bool taken);
    void (*tag_classed)(weir_tag tag); /* its class changed; no lock held; NULL: nobody asks */
};

extern const struct weir__trace_hooks *weir__trace_installed;

/* The table installed last. An operation that has a number is told to it even if the table was
 * taken away meanwhile. Tables are never freed. */
extern const struct weir__trace_hooks *weir__trace_latest;

/* Called when a thread that used an allocator ends, after its last event unless it uses
 * one again; NULL: nobody asked. Set once. */
extern void (*weir__trace_thread_exited)(void);

/* The table, or NULL: the core's test on its slow routes. */
static inline const struct weir__trace_hooks *weir__trace_hooks(void)
{
    return __atomic_load_n(&weir__trace_installed, __ATOMIC_ACQUIRE);
}

static inline const struct weir__trace_hooks *weir__trace_hooks_latest(void)
{
    return __atomic_load_n(&weir__trace_latest, __ATOMIC_ACQUIRE);
}

static inline void weir__trace_region(const void *address, size_t size, bool taken)
{
    const struct weir__trace_hooks *hooks = weir__trace_hooks();
    if (hooks)
        hooks->region(address, size, taken);
}

/* For track/traced.c alone. */
void weir__trace_install(const struct weir__trace_hooks *hooks);

/* A byte that is 0 in a process whose memory is a copy and which was told nothing: neither its
 * numbers nor its events are the other's. NULL: none. */
extern const char *weir__trace_sentinel;

static inline bool weir__trace_is_copy(void)
{
    const char *sentinel = weir__own_get(weir__trace_sentinel);
    return weir__unlikely(sentinel && !*sentinel);
}

/* What the numbers and the total came to. `sequence` is the last number given out;
 * the rest is written only under the lock that orders the total. `peak` is atomic:
 * weir_trace_stats_get reads it at any time. */
struct weir__trace_account {
    uint64_t sequence;
    uint64_t total, count;        /* bytes and blocks live */
    uint64_t peak, peak_sequence; /* greatest total since the start and its number */
    uint64_t allocations, frees;
    uint64_t missed; /* numbers whose event the recorder could not keep; atomic, any thread */
    uint64_t stacks_cut, stack_nodes; /* of allocations' stacks: not whole; calls; the same */
};

/* A place of this library's, or one that another process reads; never NULL. */
extern struct weir__trace_account *weir__trace_account;

/* The library's own place: what the account was kept in is another's from here on. */
void weir__trace_account_leave(void);

/* Numbers start at 1; the account starts from what is live. */
void weir__trace_account_start(size_t total, size_t count);

/*
 * The number of an operation that changes the total by `bytes` and the live blocks
 * by `blocks` (0 and 0 for one that does not). The former must be called under the
 * lock that orders the total, or by the thread that has it to itself (track/traced.h);
 * the latter any thread may, for markers.
 */
WEIR__INLINE uint64_t weir__trace_stamp_neutral(void)
{
    if (__libc_single_threaded) { /* as os/lock.h has it */
        uint64_t next = weir__relaxed_get(weir__trace_account->sequence) + 1;
        weir__relaxed_set(weir__trace_account->sequence, next);
        return next;
    }
    return __atomic_add_fetch(&weir__trace_account->sequence, 1, __ATOMIC_RELAXED);
}

WEIR__INLINE uint64_t weir__trace_stamp(int64_t bytes, int blocks)
{
    struct weir__trace_account *a = weir__trace_account;
    uint64_t sequence = weir__trace_stamp_neutral();
    a->total += (uint64_t)bytes;
    a->count += (uint64_t)(int64_t)blocks;
    if (blocks > 0)
        a->allocations += (uint64_t)blocks;
    else
        a->frees += (uint64_t) - (int64_t)blocks;
    if (weir__unlikely(a->total > a->peak)) {
        weir__relaxed_set(a->peak, a->total);
        a->peak_sequence = sequence;
    }
    return sequence;
}

#endif
