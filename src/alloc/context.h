/*
 * alloc/context.h - what an allocator is made of. A weir_allocator is a small handle
 * that is never unmapped, so that a stale handle can be told; everything else is its
 * body, which goes when it is destroyed.
 *
 *   handle -> body -> meter (its figures), shards of centres (its slabs, by class), store
 *                     (shared memory), or registry (blocks that functions provided)
 *   heap: one for each thread that uses the allocator: window + thread cache
 *
 * The context lock covers the tree of handles and every list of heaps. It is
 * outermost, and recursive, so that visitors may ask for figures; a thread inside an
 * operation on blocks never waits for it with another lock held.
 */
#ifndef WEIR_ALLOC_CONTEXT_H
#define WEIR_ALLOC_CONTEXT_H

#include "alloc/allocator.h"
#include "os/thread.h"
#include "pool/cache.h"
#include "pool/store.h"
#include "track/meter.h"
#include "track/registry.h"

#define WEIR__NAME_MAX 48

enum weir__state { WEIR__NEW = 0, WEIR__READY, WEIR__DESTROYED };

/* Centres for some of an allocator's threads; context lock. */
#define WEIR__SHARDS 16
struct weir__shard {
    struct weir__center centers[WEIR__CLASSES];
    unsigned nheaps;
};

struct weir__local;

/* A thread's part of an allocator. */
struct weir__heap {
    struct weir__window window;
    uint32_t word; /* weir__here.word of its thread; the owner writes */
    struct weir__cache cache;
    weir_allocator *owner;
    struct weir__shard *shard;
    struct weir__heap **slot;       /* the thread's pointer to this heap; NULL: common */
    struct weir__local *local;      /* which holds that pointer */
    struct weir__heap *next, *prev; /* of the allocator */
    uint64_t seen;                  /* operations when the scavenger last looked */
    unsigned slow;                  /* slow operations, to pace the scavenger; atomic */
    bool placed;                    /* its memory is of weir__heap_places */
};

struct weir__body {
    struct weir__meter meter;
    struct weir__store *store;                /* NULL: blocks come from functions */
    struct weir__shard *shards[WEIR__SHARDS]; /* grows with the number of threads */
    unsigned nshards;                         /* atomic; they stay until the end */
    size_t span_bytes;                        /* in live spans; under the store's lock */
    bool owns_store;                          /* the store's own figures are reported here */
    struct weir__registry registry;
    weir_allocator_functions functions;
    void *user;
    const char *backing;
    uint64_t looks_seen; /* by the background thread: operations at its last look */
    unsigned looks_idle; /* looks in a row without one; both under the context lock */
    struct weir__heap *heaps;
    struct weir__heap common; /* for threads that have none of their own; under its lock */
};

/* The i-th centre of all shards, class after class; NULL past the last. */
WEIR__INLINE struct weir__center *weir__body_center(const struct weir__body *body, unsigned i)
{
    if (i / WEIR__CLASSES >= __atomic_load_n(&body->nshards, __ATOMIC_ACQUIRE))
        return NULL;
    return &body->shards[i / WEIR__CLASSES]->centers[i % WEIR__CLASSES];
}

struct weir_allocator {
    ptrdiff_t heap_at; /* from the thread pointer to the thread's entry in weir__here.heaps */
    uint32_t state;    /* enum weir__state; atomic */
    struct weir__body *body;
    uint64_t checkpoint; /* the latest that covers it; 0: none since it was made; context lock */
    weir_allocator *parent, *children, *youngest, *next, *prev; /* children: oldest first */
    char name[WEIR__NAME_MAX];
};

/* Stands where a thread has no heap: its window is closed for good, its bins are empty.
 * Threads that meet it count themselves in and out of it for nothing (a tolerated race
 * on words that nobody reads). */
extern struct weir__heap weir__no_heap;

/* The calling thread's: its heaps for the first allocators of the process, and the
 * bits that the word of a block gets from it, state and tag. The last entry is always
 * the heap that is none. */
#define WEIR__HEAP_SLOTS 16
struct weir__local {
    struct weir__heap *heaps[WEIR__HEAP_SLOTS];
    uint32_t word;
    weir__lock lock; /* rank "threads": the pointers, while another thread may free a heap */
};
extern WEIR__TLS struct weir__local weir__here;

/* The CPU allocator itself: its address without a call. */
extern weir_allocator weir__cpu __attribute__((visibility("hidden")));

/* Never NULL. The handle holds the whole way from the thread pointer, so that this is
 * one load after the handle's own. */
WEIR__INLINE struct weir__heap *weir__heap_cached(const weir_allocator *a)
{
    return *(struct weir__heap **)((char *)__builtin_thread_pointer() + a->heap_at);
}

struct weir__heap *weir__heap_find(weir_allocator *a);

/* The calling thread's heap, made if need be; the allocator's common heap where it
 * cannot have one. Never NULL; `a` is ready. */
WEIR__INLINE struct weir__heap *weir__heap_get(weir_allocator *a)
{
    struct weir__heap *heap = weir__heap_cached(a);
    return weir__likely(heap != &weir__no_heap) ? heap : weir__heap_find(a);
}

/* A place in weir__here.heaps for a new allocator, as heap_at; that of no heap when all
 * are taken. Context lock held, as for the next three. */
ptrdiff_t weir__heap_slot_take(void);
void weir__heap_slot_give(ptrdiff_t heap_at);
ptrdiff_t weir__heap_slot_none(void);

void weir__heap_common_init(weir_allocator *a);

/* Another shard for `a`, in the memory given. */
void weir__shard_add(weir_allocator *a, struct weir__shard *shard);

/* Takes every thread's heap out of the allocator and frees it; with `flush` its free
 * blocks go back to the centres. */
void weir__heaps_release(weir_allocator *a, bool flush);

/* In a forked child: frees the heaps of the threads that are not there. */
void weir__heaps_orphaned(weir_allocator *a);

/* Empties the heaps of threads that did nothing since the last look (seconds ago). */
void weir__heaps_scavenge(void);

/* The same for every heap of `a`, busy or not. Bytes. */
size_t weir__heaps_flush(weir_allocator *a);

/* May `a` be used? Reports nothing. */
WEIR__INLINE bool weir__allocator_is_ready(const weir_allocator *a)
{
    return weir__likely(a && __atomic_load_n(&a->state, __ATOMIC_ACQUIRE) == WEIR__READY);
}

bool weir__allocator_check_slow(const weir_allocator *a, const void *pointer);

/* True if `a` may be used; else misuse was reported, or NULL was named and errno is
 * EINVAL. Readies the CPU allocator. */
WEIR__INLINE bool weir__allocator_check(const weir_allocator *a, const void *pointer)
{
    return weir__allocator_is_ready(a) || weir__allocator_check_slow(a, pointer);
}

/* The body, or NULL where the check fails. */
struct weir__body *weir__body_of(const weir_allocator *a);

void weir__context_lock(void);
void weir__context_unlock(void);

/* Preorder over `top` and its descendants (NULL: over all); a NULL starts. Context
 * lock held. */
weir_allocator *weir__context_after(weir_allocator *a, weir_allocator *top);

/* Is `a` `top` or below it? Context lock held. */
bool weir__context_is_within(const weir_allocator *a, const weir_allocator *top);

/* Makes an allocator of these options over `store` (NULL: as the options say). */
weir_allocator *weir__context_make(const weir_allocator_options *options, struct weir__store *store,
                                   const char *kind);

/* Takes out and frees one without children. Context lock held. */
void weir__context_unmake(weir_allocator *a);

/* The process-wide store under the CPU allocator. */
struct weir__store *weir__cpu_store(void);

/* The store of a weir_pool (alloc/pool.c). */
struct weir__store *weir__pool_store(weir_pool *pool);

/* Functions of WEIR_SOURCE_BACKING and WEIR_SOURCE_MALLOC; NULL: none. */
const weir_allocator_functions *weir__source_functions(weir_source source, const char **backing);

/* In a forked child: the background thread is not there. */
void weir__background_forked(void);

#endif
