/*
 * os/locks.h - every lock of the process, by rank, so that fork can take them all. Owns the
 * lists; knows no owner of a lock.
 *
 * The list of a rank has a lock of that rank: it is taken just before the locks in it, and by
 * the thread that adds or removes one. So who does that holds no lock of that rank or of one
 * further in.
 */
#ifndef WEIR_OS_LOCKS_H
#define WEIR_OS_LOCKS_H

#include "base/list.h"
#include "os/lock.h"

/* `holder`: of a guard, who holds it at this moment; else NULL. */
typedef void weir__lock_visitor(weir__lock *lock, const void *holder);

/* One lock, or all that `each` visits: those of objects that are in a list anyway, which a lock
 * further out covers. The thread that adds it owns it; the link is the list's. */
struct weir__lock_entry {
    struct weir__link link;
    weir__lock *lock; /* or NULL: */
    void (*each)(weir__lock_visitor *visit);
};

/* In the list of the rank from here on; and no longer. */
void weir__locks_add(enum weir__lock_rank rank, struct weir__lock_entry *entry);
void weir__locks_remove(enum weir__lock_rank rank, struct weir__lock_entry *entry);

/* The same for the lock of an object, which is made with it. */
void weir__locks_make(enum weir__lock_rank rank, weir__lock *lock, struct weir__lock_entry *entry);

/* At file scope: the lock in `place`, which stays for as long as the process; or those that the
 * function `each` visits. */
#define WEIR__LOCKS_KNOW(rank, place)         WEIR__LOCKS_ENTER(rank, .lock = (place))
#define WEIR__LOCKS_EACH(rank, function)      WEIR__LOCKS_ENTER(rank, .each = (function))
#define WEIR__LOCKS_ENTER(rank, ...)          WEIR__LOCKS_ENTER_AS(rank, __LINE__, __VA_ARGS__)
#define WEIR__LOCKS_ENTER_AS(rank, line, ...) WEIR__LOCKS_ENTER_NAMED(rank, line, __VA_ARGS__)
#define WEIR__LOCKS_ENTER_NAMED(rank, line, ...)                                                   \
    __attribute__((constructor)) static void locks_enter_##line(void)                              \
    {                                                                                              \
        static struct weir__lock_entry entry = {__VA_ARGS__};                                      \
        weir__locks_add(WEIR__RANK_##rank, &entry);                                                \
    }                                                                                              \
    _Static_assert(1, "a semicolon follows")

/* Is every lock free at this moment? Waits for none. */
bool weir__locks_are_free(void);

/* Before a fork: takes every lock. Between the two the calling thread may use weir; it finds
 * each lock open. */
void weir__locks_fork_take(void);

/* After it, in the parent or in the child: drops what fork holds. */
void weir__locks_fork_drop(void);

#endif
