/*
 * alloc/callback.h - functions of the program that an allocator calls: one of a kind each. Owns
 * the list of calls under way, so that taking a function out waits for them. Knows nothing of what
 * they are called for. The functions and the list are under the context lock, which a call does
 * not hold.
 */
#ifndef WEIR_ALLOC_CALLBACK_H
#define WEIR_ALLOC_CALLBACK_H

#include "base/list.h"

enum weir__callback_kind { WEIR__CALLBACK_REFUSAL, WEIR__CALLBACK_SOFT_LIMIT, WEIR__CALLBACKS };

/* Of a body, one of each kind. */
struct weir__callback {
    void (*function)(
        void); /* NULL: none. Also read without the lock, to see whether there is one */
    void *user;
};

/* A call under way, on the stack of its thread. Set by weir__callback_begin. */
struct weir__call {
    struct weir__link link;
    enum weir__callback_kind kind;
    const struct weir__callback *of;
    struct weir__callback to; /* a copy */
    const void *thread;
};

/* Installs it (function NULL: none). Context lock held. */
void weir__callback_set_locked(struct weir__callback *callback, void (*function)(void), void *user);

/* Is another thread in a call of one that was installed there? Context lock held. */
bool weir__callback_is_elsewhere(const struct weir__callback *callback);

/* Returns when no other thread is in a call of one that was installed there before; at once where
 * the calling thread holds the context lock, as visitors do. */
void weir__callback_await(const struct weir__callback *callback);

/* Has it a function? A moment's answer, without a lock. NULL has none, here and below. */
bool weir__callback_is_set(const struct weir__callback *callback);

/* True: call->to is to be called now, and then weir__callback_end. False: there is none, or the
 * calling thread is in a call of that kind, or holds the context lock. No other lock is held. */
bool weir__callback_begin(const struct weir__callback *callback, enum weir__callback_kind kind,
                          struct weir__call *call);
void weir__callback_end(struct weir__call *call);

/* The same with the context lock held, once, and no other: what it is part of stays until the end
 * of the call. The caller drops the lock before it calls. */
bool weir__callback_begin_locked(const struct weir__callback *callback,
                                 enum weir__callback_kind kind, struct weir__call *call);

/* Is the calling thread in a call of that kind? */
bool weir__callback_is_under_way(enum weir__callback_kind kind);

/* In a forked child, with the context lock held: calls of threads that are not there are none. */
void weir__callbacks_forked(void);

#endif
