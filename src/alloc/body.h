/*
 * alloc/body.h - what a live allocator is made of. Owns the making of bodies; knows nothing of
 * blocks. Fields say which lock they are under.
 *
 *   handle -> body -> meter (its figures), shards of centers (its slabs, by class), page heap
 *                     (shared memory), or registry (blocks that functions provided)
 *   heap: one for each thread that uses the allocator (alloc/heap.h)
 */
#ifndef WEIR_ALLOC_BODY_H
#define WEIR_ALLOC_BODY_H

#include "alloc/callback.h"
#include "alloc/heap.h"
#include "pool/page_heap.h"
#include "track/meter.h"
#include "track/registry.h"

#define WEIR__SHARDS 16

struct weir__body {
    struct weir__meter meter;          /* first: the meter's address is the body's */
    weir_allocator *handle;            /* never changes, as all that says nothing */
    struct weir__page_heap *page_heap; /* NULL: blocks come from functions */
    struct weir__family family;        /* of all centers */
    unsigned looks_idle;               /* by the background thread: looks in a row without an
                                        * operation; context lock */
    struct weir__shard shard;          /* over a page heap: the first. More are made, up to
                                        * WEIR__SHARDS, while more threads use it, and stay */
    size_t span_bytes;                 /* in live spans; under the page heap's lock */
    uint32_t borrowers;                /* others on its pool by options.pool; context lock */
    bool owns_page_heap : 1;           /* the page heap's own figures are reported here */
    bool borrows : 1;    /* is it on another's pool by options.pool? Neither changes */
    bool hardened : 1;   /* as its page heap is */
    bool moves : 1;      /* hardened: what grows moves. Neither changes */
    bool made_page_heap; /* and it goes with the body (alloc/own_heap.h) */
    bool filled;         /* functions: their blocks have patterns (pool/fill.h); set
                          * before any block */
    uint8_t shifts_from; /* functions: they gave addresses not aligned to 1 << this;
                          * 0: never. Relaxed; written by who meets one */
    struct weir__registry registry;
    weir_allocator_functions functions;
    void *user;
    const char *backing;
    struct weir__callback *callbacks; /* by kind; NULL: none was ever set. Atomic, made under the
                                       * context lock */
    uint64_t looks_seen;              /* operations at the last look; context lock */
    struct weir__list heaps;          /* of struct weir__heap; context lock */
    struct weir__heap *common;        /* for threads that have none, in the list as well;
                                       * NULL: nobody wanted it. Atomic, written under the context lock */
};

/* Whose pool it is on: its own, or that of one which stays for as long; NULL: on none. */
struct weir__body *weir__body_pool(const struct weir__body *body);

/* Its shards, one after the other; any thread. */
WEIR__INLINE struct weir__shard *weir__body_shard(struct weir__body *body)
{
    return body->page_heap ? &body->shard : NULL;
}

/* Calls it for every center, until it returns non-zero, which is returned; any thread. */
typedef int weir__center_visitor(struct weir__center *center, void *user);
int weir__body_each_center(struct weir__body *body, weir__center_visitor *visit, void *user);

/* Its callback of that kind, which may have no function; NULL: neither has it. Any thread. */
WEIR__INLINE struct weir__callback *weir__body_callback(const struct weir__body *body,
                                                        enum weir__callback_kind kind)
{
    struct weir__callback *callbacks = __atomic_load_n(&body->callbacks, __ATOMIC_ACQUIRE);
    return callbacks ? &callbacks[kind] : NULL;
}

/* The same, made if it is not there; NULL: no memory. Context lock held. */
struct weir__callback *weir__body_callback_make(struct weir__body *body,
                                                enum weir__callback_kind kind);

/* A shard that no thread uses if there may be one, else the least used; NULL where there are none.
 * Context lock held, as for what follows. */
struct weir__shard *weir__body_shard_choose(struct weir__body *body);

/* Where the blocks of a new allocator come from: its own `page_heap` (NULL where the host's
 * malloc serves in place of it), or as the options say. */
void weir__body_source(struct weir__body *body, const weir_allocator_options *options,
                       const struct weir__body *parent, struct weir__page_heap *page_heap);

/* Joins handle and body, in the tree below `parent` (NULL: a root); ready from here on. */
void weir__body_begin(struct weir__body *body, weir_allocator *handle, struct weir__body *parent,
                      size_t limit);

/* Bytes of the body and its shards. */
size_t weir__body_bytes(const struct weir__body *body);

void weir__body_free(struct weir__body *body);

#endif
