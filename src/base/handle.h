/*
 * base/handle.h - the mark of an object of the program's that lies in weir's own memory
 * (backing/meta.h): it tells a live object from one that was destroyed. The object's memory
 * stays readable, so a dead one is known until the memory is another object's. Each such struct
 * begins with it. Owns the marks alone: they are atomic, any thread; the object's own lock rules
 * say who may use the rest.
 */
#ifndef WEIR_BASE_HANDLE_H
#define WEIR_BASE_HANDLE_H

#include "base/bits.h"

enum weir__handle_kind { /* values of `mark` while the object lives */
                         WEIR__HANDLE_ARENA = 0x7e450b02,
                         WEIR__HANDLE_BUFFER_POOL,
                         WEIR__HANDLE_PLAN,
                         WEIR__HANDLE_PLAN_MEMORY,
                         WEIR__HANDLE_PLAN_RECORDER,
                         WEIR__HANDLE_PLAN_REPLAY,
                         WEIR__HANDLE_PLAN_CACHE
};

struct weir__handle {
    void *free;    /* where backing/meta.c links its free objects: never used here */
    uint32_t mark; /* a kind, or what a destroyed one has instead */
};

/* The object lives. */
void weir__handle_begin(struct weir__handle *handle, enum weir__handle_kind kind);

/* What is asked for below is the address of an object that begins with its handle, or NULL. */

bool weir__handle_is_live_slow(const void *object, enum weir__handle_kind kind);

/* Does it live? If not, misuse was reported; NULL does not, and nothing is said. */
WEIR__INLINE bool weir__handle_is_live(const void *object, enum weir__handle_kind kind)
{
    const struct weir__handle *handle = object;
    return weir__likely(handle && weir__relaxed_get(handle->mark) == (uint32_t)kind) ||
           weir__handle_is_live_slow(object, kind);
}

bool weir__handle_check_slow(const void *object, enum weir__handle_kind kind);

/* The same; if not, errno is EINVAL, and weir_last_error names what there was none of. */
WEIR__INLINE bool weir__handle_check(const void *object, enum weir__handle_kind kind)
{
    const struct weir__handle *handle = object;
    return weir__likely(handle && weir__relaxed_get(handle->mark) == (uint32_t)kind) ||
           weir__handle_check_slow(object, kind);
}

/* It lives no more. False: it did not before, or another thread was first, and misuse was
 * reported; or it is NULL. */
bool weir__handle_end(void *object, enum weir__handle_kind kind);

#endif
