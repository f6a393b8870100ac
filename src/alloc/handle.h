/*
 * alloc/handle.h - a weir_allocator: a small handle that is never unmapped, so that a stale one
 * can be told. Everything else is its body (alloc/body.h), which goes when the allocator is
 * destroyed. Owns the memory of handles and the quarantine of destroyed ones. Knows nothing of
 * blocks. Fields say which lock they are under.
 *
 * Handles of near allocators (alloc/local.h) lie at odd multiples of WEIR__HANDLE_NEAR, those of
 * far ones at even multiples; so is NULL.
 */
#ifndef WEIR_ALLOC_HANDLE_H
#define WEIR_ALLOC_HANDLE_H

#include "base/list.h"

#include <weir/allocator.h>

#define WEIR__NAME_MAX 48

enum weir__state { WEIR__STATE_NEW = 0, WEIR__STATE_READY, WEIR__STATE_DESTROYED };

struct weir__body;

struct weir_allocator {
    ptrdiff_t heap_at;       /* near: from the thread pointer to the thread's entry in
                              * weir__here.heaps. A live allocator's does not change */
    uint32_t state;          /* enum weir__state; atomic, written under the context lock */
    uint32_t number;         /* far: of the thread's entry in weir__here.far; the same */
    struct weir__body *body; /* NULL once destroyed; context lock */
    uint64_t checkpoint;    /* the latest that covers it; 0: none since it was made; context lock */
    uint64_t serial;        /* how many were made before; never changes while it lives */
    struct weir__link link; /* in the quarantine; context lock */
    char name[WEIR__NAME_MAX];
};

#define WEIR__HANDLE_NEAR ((size_t)64)

/* Any handle, or NULL, which is not. */
WEIR__INLINE bool weir__allocator_is_near(const weir_allocator *a)
{
    return (uintptr_t)a & WEIR__HANDLE_NEAR;
}

/* May `a` be used? Reports nothing. */
WEIR__INLINE bool weir__allocator_is_ready(const weir_allocator *a)
{
    return weir__likely(a && __atomic_load_n(&a->state, __ATOMIC_ACQUIRE) == WEIR__STATE_READY);
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

/* Out of the quarantine, or a new one, with a place in the tables of threads: that of a root is
 * near while there are slots. NULL with ENOMEM. Context lock held, as for what follows. */
weir_allocator *weir__handle_take(bool root);

/* No thread has a heap of it in a table: the place is another's from here on. */
void weir__handle_displace(weir_allocator *a);

/* It was displaced. */
void weir__handle_retire(weir_allocator *a);

#endif
