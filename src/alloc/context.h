/*
 * alloc/context.h - what an allocator is made of. A weir_allocator is a small handle
 * that is never unmapped, so that a stale handle can be told; everything else is its
 * body, which goes when it is destroyed.
 *
 *   handle -> body -> meter (its figures), centres (its slabs, by class), store (shared
 *                     memory), or registry (blocks that functions provided)
 *   heap: one for each thread that uses the allocator: window + thread cache
 *
 * The context lock covers the tree of handles and every list of heaps. It is
 * outermost; a thread inside an operation never holds it.
 */
#ifndef WEIR_ALLOC_CONTEXT_H
#define WEIR_ALLOC_CONTEXT_H

#include "alloc/allocator.h"
#include "base/thread.h"
#include "pool/cache.h"
#include "pool/store.h"
#include "track/meter.h"
#include "track/registry.h"

#define WEIR__NAME_MAX 48

enum weir__state { WEIR__NEW = 0, WEIR__READY, WEIR__DESTROYED };

/* A thread's part of an allocator. */
struct weir__heap {
    struct weir__window window;
    struct weir__cache cache;
    struct weir_allocator *owner;
    struct weir__heap **slot;          /* the thread's pointer to this heap, or NULL */
    struct weir__heap *next_of_thread; /* head: heap_list of the thread */
    struct weir__heap **thread_list;
    struct weir__heap *next, *prev;    /* of the allocator */
    uint64_t ops_seen;                 /* by the scavenger, to find idle heaps */
};

struct weir__body {
    struct weir__meter meter;
    struct weir__store *store; /* NULL: blocks come from functions */
    struct weir__center *centers;
    size_t span_bytes; /* in live spans; under the store's lock */
    struct weir__registry registry;
    weir_allocator_functions functions;
    void *user;
    const char *backing;
    struct weir__heap *heaps;
    struct weir__heap common; /* for threads that could get no heap; always under its lock */
};

struct weir_allocator {
    uint32_t slot_offset; /* bytes into weir__heaps; the last entry is always NULL */
    uint32_t state;       /* enum weir__state; atomic */
    struct weir__body *body;
    struct weir_allocator *parent, *first_child, *last_child, *next, *prev;
    char name[WEIR__NAME_MAX];
};

/* The heaps of the calling thread for the first allocators of the process. */
#define WEIR__HEAP_SLOTS 16
extern WEIR__TLS struct weir__heap *weir__heaps[WEIR__HEAP_SLOTS];

WEIR__INLINE struct weir__heap *weir__heap_cached(const weir_allocator *a)
{
    return *(struct weir__heap **)((char *)weir__heaps + a->slot_offset);
}

/* The calling thread's heap, made if need be; the allocator's common heap where
 * there is no memory for one. Never NULL; `a` is ready. */
struct weir__heap *weir__heap_get(weir_allocator *a);

/* Takes heaps out of the allocator and frees them (context lock held). */
void weir__heaps_release(weir_allocator *a);

/* Tag that this thread's heaps put on blocks. */
extern WEIR__TLS uint32_t weir__thread_tag;

/* True if `a` may be used; else misuse was reported. Readies the CPU allocator. */
bool weir__allocator_check(const weir_allocator *a, const void *pointer);

struct weir__body *weir__body_of(const weir_allocator *a);

void weir__context_lock(void);
void weir__context_unlock(void);

/* Preorder over `top` and its descendants, context lock held. */
weir_allocator *weir__context_after(weir_allocator *a, const weir_allocator *top);

/* Makes an allocator over this store, or over functions where it is NULL. */
weir_allocator *weir__context_make(const weir_allocator_options *options, struct weir__store *store);

/* The process-wide store under the CPU allocator. */
struct weir__store *weir__cpu_store(void);

/* The store of a weir_pool (alloc/pool.c). */
struct weir__store *weir__pool_store(weir_pool *pool);

/* Provider functions of WEIR_SOURCE_BACKING and WEIR_SOURCE_MALLOC; NULL: none. */
const weir_allocator_functions *weir__source_functions(weir_source source, const char **backing);

#endif
