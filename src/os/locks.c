/* os/locks.c - see locks.h. */
#include "os/locks.h"

/* Latest first; written under the lock. */
static struct {
    weir__lock lock;
    struct weir__list entries;
} ranks[WEIR__RANKS] WEIR__AT_START = {
#define WEIR__LOCK_RANK(name, text) [WEIR__RANK_##name] = {.lock = WEIR__LOCK(name)},
    WEIR__LOCK_RANKS(WEIR__LOCK_RANK)
#undef WEIR__LOCK_RANK
};

void weir__locks_add(enum weir__lock_rank rank, struct weir__lock_entry *entry)
{
    weir__lock_take(&ranks[rank].lock);
    weir__list_push(&ranks[rank].entries, &entry->link);
    weir__lock_drop(&ranks[rank].lock);
}

void weir__locks_make(enum weir__lock_rank rank, weir__lock *lock, struct weir__lock_entry *entry)
{
    weir__lock_init(lock, rank);
    entry->lock = lock;
    weir__locks_add(rank, entry);
}

void weir__locks_remove(enum weir__lock_rank rank, struct weir__lock_entry *entry)
{
    weir__lock_take(&ranks[rank].lock);
    weir__list_remove(&ranks[rank].entries, &entry->link);
    weir__lock_drop(&ranks[rank].lock);
}

/* The list's lock is held. */
static void entries_each(unsigned rank, weir__lock_visitor *visit)
{
    for (struct weir__link *link = ranks[rank].entries.first; link; link = link->next) {
        const struct weir__lock_entry *entry = weir__list_of(link, struct weir__lock_entry, link);
        if (entry->each)
            entry->each(visit);
        else
            visit(entry->lock, NULL);
    }
}

static void lock_take(weir__lock *lock, const void *holder)
{
    if (holder != weir__thread_self())
        weir__lock_fork_take(lock);
}

static void lock_drop(weir__lock *lock, const void *holder)
{
    (void)holder;
    weir__lock_fork_drop(lock);
}

/* Innermost first: a list is read under the lock that covers it. */
static void ranks_drop(unsigned innermost)
{
    for (unsigned rank = innermost; rank > WEIR__RANK_NONE; rank--) {
        entries_each(rank, lock_drop);
        weir__lock_fork_drop(&ranks[rank].lock);
    }
}

void weir__locks_fork_take(void)
{
    for (unsigned rank = WEIR__RANK_NONE + 1; rank < WEIR__RANKS; rank++) {
        weir__lock_fork_take(&ranks[rank].lock);
        entries_each(rank, lock_take);
    }
    weir__lock_fork_begin();
}

void weir__locks_fork_drop(void)
{
    weir__lock_fork_end();
    ranks_drop(WEIR__RANKS - 1);
}

/* -- are they free? ----------------------------------------------------------------------- */

static bool all_free; /* under the outermost list's lock */

static void lock_try(weir__lock *lock, const void *holder)
{
    (void)holder;
    all_free = all_free && weir__lock_fork_try(lock);
}

/* No list is read without its lock. */
bool weir__locks_are_free(void)
{
    unsigned rank = WEIR__RANK_NONE;
    bool free = true;
    while (free && rank + 1 < WEIR__RANKS && (free = weir__lock_fork_try(&ranks[rank + 1].lock))) {
        all_free = true;
        entries_each(++rank, lock_try);
        free = all_free;
    }
    ranks_drop(rank);
    return free;
}
