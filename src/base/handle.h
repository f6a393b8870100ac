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

/* Does it? If not, misuse was reported. */
bool weir__handle_is_live(const struct weir__handle *handle, enum weir__handle_kind kind);

/* It lives no more. False: it did not before, or another thread was first; misuse was
 * reported. */
bool weir__handle_end(struct weir__handle *handle, enum weir__handle_kind kind);

#endif
