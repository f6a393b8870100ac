/*
 * os/lock.h - a lock of one word that needs no initialization, never allocates and survives
 * fork (os/locks.h). Owns the order in which locks are taken. Knows no lock of the layers
 * above but by its rank.
 *
 *   state: 0 free, 1 held, 2 held with sleepers; 3, 4: the same, held by fork
 *
 * While the process has one thread (glibc says so) taking it costs plain stores:
 * nobody can start a thread while this one is inside weir holding a lock. So a lock that is held
 * is its own, and only a signal handler or a child of one finds it so.
 *
 * The thread that forks holds every lock between its handlers, as nobody else is inside weir
 * then: a lock that fork holds lets it through, and stays as it is when it is dropped.
 */
#ifndef WEIR_OS_LOCK_H
#define WEIR_OS_LOCK_H

#include "os/thread.h"

#include <sys/single_threaded.h>

/*
 * Outermost first. A thread that holds a lock takes only locks of ranks further down, so at
 * most one of a rank; a second it may try (weir__lock_try). fork takes them all in this order.
 */
#define WEIR__LOCK_RANKS(RANK)                                                                     \
    RANK(CONTROL, "start and stop of the background thread")                                       \
    RANK(RECORDER, "recorder")        /* a recording's start, stop and figures */                  \
    RANK(DRIVER, "driver of devices") /* its loading */                                            \
    RANK(CONTEXTS, "contexts")        /* the tree of allocators, all lists of heaps */             \
    RANK(DEVICES, "devices")          /* the list of all device pools */                           \
    RANK(DEVICE, "device pool")       /* one; its table's functions run below it */                \
    RANK(THREAD, "thread")            /* a thread's pointers to its heaps */                       \
    RANK(HEAP, "heap")                /* a thread's cache */                                       \
    RANK(FAMILY, "family")            /* an allocator's centers, while slabs move */               \
    RANK(CLASS, "class")              /* one size class's slabs */                                 \
    RANK(PAGES, "page heap")          /* one pool's memory */                                      \
    RANK(TRAPS, "traps")              /* places for guarded blocks */                              \
    RANK(REGIONS, "regions")          /* tables that page heaps share */                           \
    RANK(REGISTRY, "registry")        /* one allocator's blocks from functions */                  \
    RANK(OBJECT, "object")            /* an arena, a pool of buffers, a recorded or run plan */    \
    RANK(TAGS, "tags")                                                                             \
    RANK(METER, "meter")         /* all figures */                                                 \
    RANK(SAMPLES, "samples")     /* blocks that are sampled, and their stacks */                   \
    RANK(STREAMS, "streams")     /* of events, of all threads */                                   \
    RANK(STACKS, "stacks")       /* their trie */                                                  \
    RANK(NODES, "nodes")         /* of it, that are not in the recording yet */                    \
    RANK(NAMES, "names")         /* known to the recording */                                      \
    RANK(RECORDING, "recording") /* its file, or its memory */                                     \
    RANK(UNWIND, "unwinder")     /* rules, modules */                                              \
    RANK(SIGNAL, "action of a signal")                                                             \
    RANK(LISTED, "list of device allocators or of memory for heaps")                               \
    RANK(META, "metadata")

enum weir__lock_rank {
    WEIR__RANK_NONE,
#define WEIR__LOCK_RANK(name, text) WEIR__RANK_##name,
    WEIR__LOCK_RANKS(WEIR__LOCK_RANK)
#undef WEIR__LOCK_RANK
        WEIR__RANKS
};

/* Ranks are checked from --enable-debug=2 on; below, a lock has none. */
#if defined(WEIR_DEBUG) && WEIR_DEBUG >= 2
#define WEIR__LOCK_RANKED 1
#endif

typedef struct weir__lock {
    uint32_t state;
#ifdef WEIR__LOCK_RANKED
    uint32_t rank;
#endif
} weir__lock;

/* The initial value of a lock of this rank; and for one in memory that is not static. */
#ifdef WEIR__LOCK_RANKED
#define WEIR__LOCK(name)                                                                           \
    {                                                                                              \
        0, WEIR__RANK_##name                                                                       \
    }
#else
#define WEIR__LOCK(name)                                                                           \
    {                                                                                              \
        0                                                                                          \
    }
#endif

WEIR__INLINE void weir__lock_init(weir__lock *lock, enum weir__lock_rank rank)
{
    lock->state = 0;
#ifdef WEIR__LOCK_RANKED
    lock->rank = rank;
#else
    (void)rank;
#endif
}

#define WEIR__LOCK_FREE 0u
#define WEIR__LOCK_HELD 1u
#define WEIR__LOCK_FORK 2u /* is added to the state of one that is held */

void weir__lock_wait(weir__lock *lock); /* out of line: contended, or held by fork */
void weir__lock_wake(weir__lock *lock);

/* What the calling thread holds. A rank that must not be taken now ends the process with
 * one line that names both. */
#ifdef WEIR__LOCK_RANKED
void weir__lock_may_take(const weir__lock *lock);
void weir__lock_taken(const weir__lock *lock);
void weir__lock_dropped(const weir__lock *lock);
#else
#define weir__lock_may_take(lock) ((void)0)
#define weir__lock_taken(lock)    ((void)0)
#define weir__lock_dropped(lock)  ((void)0)
#endif

/* Does the calling thread hold it? For asserts: from --enable-debug=2 on. */
bool weir__lock_is_mine(const weir__lock *lock);

/* Or any at all? */
bool weir__lock_any_is_mine(void);

WEIR__INLINE bool weir__lock_try_state(weir__lock *lock)
{
    uint32_t expected = WEIR__LOCK_FREE;
    return __atomic_compare_exchange_n(&lock->state, &expected, WEIR__LOCK_HELD, false,
                                       __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

/* Never waits, so any rank may be tried. */
WEIR__INLINE bool weir__lock_try(weir__lock *lock)
{
    bool taken = weir__lock_try_state(lock);
    if (taken)
        weir__lock_taken(lock);
    return taken;
}

WEIR__INLINE void weir__lock_take(weir__lock *lock)
{
    weir__lock_may_take(lock);
    if (__libc_single_threaded) {
        weir__relaxed_set(lock->state, WEIR__LOCK_HELD);
    } else if (weir__unlikely(!weir__lock_try_state(lock))) {
        weir__lock_wait(lock);
    }
    weir__lock_taken(lock);
}

WEIR__INLINE void weir__lock_drop(weir__lock *lock)
{
    uint32_t expected = WEIR__LOCK_HELD;
    weir__assert(weir__relaxed_get(lock->state) != WEIR__LOCK_FREE);
    weir__lock_dropped(lock);
    if (__libc_single_threaded)
        weir__relaxed_set(lock->state, WEIR__LOCK_FREE);
    else if (weir__unlikely(!__atomic_compare_exchange_n(&lock->state, &expected, WEIR__LOCK_FREE,
                                                         false, __ATOMIC_RELEASE,
                                                         __ATOMIC_RELAXED)))
        weir__lock_wake(lock);
}

WEIR__INLINE bool weir__lock_is_free(const weir__lock *lock)
{
    return weir__relaxed_get(lock->state) == WEIR__LOCK_FREE;
}

/* Free, whichever thread held it: in the child of a fork that weir was not told of. */
WEIR__INLINE void weir__lock_reset(weir__lock *lock)
{
    weir__relaxed_set(lock->state, WEIR__LOCK_FREE);
}

/* -- around fork (os/locks.c) ---------------------------------------------------------- */

/* Takes the lock for fork, waiting or not; drops what fork holds, and nothing else. */
void weir__lock_fork_take(weir__lock *lock);
bool weir__lock_fork_try(weir__lock *lock);
void weir__lock_fork_drop(weir__lock *lock);

/* From here on the calling thread passes locks that fork holds; and no longer. */
void weir__lock_fork_begin(void);
void weir__lock_fork_end(void);

/* -- a lock whose holder is known ------------------------------------------------------- */

/*
 * For a lock that is held while functions of others run (visitors, a device's driver): they
 * may fork, and then the thread has the lock already.
 */
struct weir__guard {
    weir__lock lock;
    const void *holder; /* the thread; the thread that holds the lock writes, atomic */
};

#define WEIR__GUARD(name)                                                                          \
    {                                                                                              \
        .lock = WEIR__LOCK(name)                                                                   \
    }

/* At this moment; NULL: nobody. */
WEIR__INLINE const void *weir__guard_holder(const struct weir__guard *guard)
{
    return weir__relaxed_get(guard->holder);
}

WEIR__INLINE bool weir__guard_is_mine(const struct weir__guard *guard)
{
    return weir__guard_holder(guard) == weir__thread_self();
}

WEIR__INLINE void weir__guard_take(struct weir__guard *guard)
{
    weir__lock_take(&guard->lock);
    weir__relaxed_set(guard->holder, weir__thread_self());
}

WEIR__INLINE bool weir__guard_try(struct weir__guard *guard)
{
    bool taken = weir__lock_try(&guard->lock);
    if (taken)
        weir__relaxed_set(guard->holder, weir__thread_self());
    return taken;
}

WEIR__INLINE void weir__guard_drop(struct weir__guard *guard)
{
    weir__relaxed_set(guard->holder, NULL);
    weir__lock_drop(&guard->lock);
}

#endif
