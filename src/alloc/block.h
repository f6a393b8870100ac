/*
 * alloc/block.h - the live block that starts at a pointer, or what is wrong with the pointer.
 * No state: reads the ledger, changes nothing but by weir__block_failed. Any thread; takes the
 * lock of a registry at most.
 */
#ifndef WEIR_ALLOC_BLOCK_H
#define WEIR_ALLOC_BLOCK_H

#include "alloc/handle.h"
#include "pool/place.h"
#include "track/registry.h"

enum weir__kind { WEIR__KIND_NONE = 0, WEIR__KIND_SMALL, WEIR__KIND_LARGE, WEIR__KIND_PROVIDED };

struct weir__found {
    enum weir__kind kind; /* NONE: `fault` says why */
    weir_misuse fault;
    struct weir__place place;   /* SMALL */
    struct weir__span *span;    /* LARGE */
    struct weir__foreign entry; /* PROVIDED: a copy */
    size_t requested, usable;
    size_t alignment; /* at least what was asked for */
    uint32_t tag;
    bool old;     /* allocated before the latest checkpoint */
    bool sampled; /* or guarded; not of SMALL (track/sample.h) */
    bool guarded; /* LARGE in a place of pool/trap.h, or of pool/fenced.h */
};

/* Finds the live block of `a` that starts at `pointer`, or says what is wrong. `a` is ready. */
struct weir__found weir__block_find(const weir_allocator *a, const void *pointer);

/* The same without searching: `place` is the pointer's. */
struct weir__found weir__block_at(const weir_allocator *a, const void *pointer,
                                  struct weir__place place);

/* Reports the fault that was found of a pointer that was passed to `a`. */
void weir__block_misuse(const weir_allocator *a, const void *pointer, weir_misuse fault);

/* Finds it, and reports the fault, also that of `a`. */
bool weir__block_expect(const weir_allocator *a, const void *pointer, struct weir__found *found);

/* Of any block (alloc/small.h has the quick way); 0, and misuse was reported but for NULL. */
size_t weir__usable_size_slow(const weir_allocator *a, const void *block);

/* What a request asks for, and how zeroed allocation learns what it need not clear. */
struct weir__request {
    size_t size;
    size_t alignment; /* 0, of one that resizes: the block's */
    bool *zeroed;     /* out, may be NULL: the block is known to be all zero */
    void *block;      /* to be resized; NULL: a new one */
    bool sampled;     /* one to be resized is sampled then (track/sample.h) */
    bool guarded;     /* it is to be, if there is a place (alloc/guarded.h) */
    /* By who refuses it: */
    const char *why;                 /* NULL: it was not */
    const struct weir__meter *limit; /* that refuses; NULL: there is no memory */
    int error;                       /* a cause other than memory or limit; 0: one of these */
    unsigned reasons;                /* the thread's, the latest of which says why; 0: `why` does */
};

/* It is refused for now (alloc/refusal.h says what comes then); NULL. */
WEIR__INLINE void *weir__request_refuse(struct weir__request *request, const char *why,
                                        const struct weir__meter *limit)
{
    request->why = why;
    request->limit = limit;
    return NULL;
}

/* The request failed: counted, errno ENOMEM, NULL. The second leaves the reason as it is. */
void *weir__block_failed(weir_allocator *a, const struct weir__request *request, const char *why);
void weir__block_failed_silently(weir_allocator *a, const struct weir__request *request);

#endif
