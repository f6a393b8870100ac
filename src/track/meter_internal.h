/*
 * track/meter_internal.h - what the files of the watermark share: the forest of meters
 * and its lock. meter.c has the tree and the slow operation, window.c opens, closes and
 * folds windows, shared.c is the SHARED mode, figures.c reads and sets what callers see.
 * For src/track alone. Everything is used with the meter lock held but for what says
 * otherwise.
 */
#ifndef WEIR_TRACK_METER_INTERNAL_H
#define WEIR_TRACK_METER_INTERNAL_H

#include "track/meter.h"

/* Of spells with closed windows; powers of two, these two. */
#define WEIR__BACKOFF_LEAST 64u /* powers of two, these two */
#define WEIR__BACKOFF_MOST  4096u

struct weir__meters {
    weir__lock lock;
    struct weir__meter *roots;
    unsigned constraints; /* limits and observers anywhere, and a fork: they rule SHARED out */
    unsigned backoff;     /* length of the next spell with closed windows */
    unsigned closed_for;  /* slow operations left in this spell */
};
extern struct weir__meters weir__meters __attribute__((visibility("hidden")));

/* The root that is traced, or NULL; written under the lock, read by anyone. */
extern const struct weir__meter *weir__meters_traced __attribute__((visibility("hidden")));

/* -- the tree (meter.c) ------------------------------------------------------------- */

/* Preorder walk of the subtree of `top` (NULL: the forest). */
WEIR__INLINE struct weir__meter *weir__meter_after(struct weir__meter *m,
                                                   const struct weir__meter *top)
{
    if (m->children)
        return m->children;
    while (m && m != top && !m->next)
        m = m->parent;
    return !m || m == top ? NULL : m->next;
}

/* Finds the ceiling anew. */
void weir__meter_watch(struct weir__meter *m);

/* The total was `live` at some moment: raises the peaks watched to it. */
void weir__meter_raise(struct weir__meter *m, int64_t live);

/* Takes the lock and makes everything below m exact (NULL: freezes nothing). True: it
 * was SHARED, to be told to weir__exact_end, which drops the lock. */
bool weir__exact_begin(struct weir__meter *m);
void weir__exact_end(bool shared);

WEIR__INLINE int64_t weir__limit_from(size_t limit)
{
    return limit && limit < (size_t)WEIR__NO_LIMIT ? (int64_t)limit : WEIR__NO_LIMIT;
}

/* -- windows (window.c) ------------------------------------------------------------- */

/* Of `used`, what the base does not hold yet. */
WEIR__INLINE int64_t weir__window_unfolded(const struct weir__window *w)
{
    return weir__window_used(w) - w->origin;
}

WEIR__INLINE uint64_t weir__window_operations(const struct weir__window *w)
{
    return weir__window_allocations(w) + weir__window_frees(w);
}

WEIR__INLINE void weir__window_counts(struct weir__window *w, unsigned allocated, unsigned freed)
{
    __atomic_store_n(&w->allocating, w->allocating + 2 * allocated, __ATOMIC_RELAXED);
    __atomic_store_n(&w->freeing, w->freeing + 2 * freed, __ATOMIC_RELAXED);
}

/* -- what others see (shown.c) ------------------------------------------------------ */

/* A slow operation of the window counted this. */
void weir__shown_slow(struct weir__window *w, int64_t delta, unsigned allocated, unsigned freed);

/* The window ends: its tally goes to `other`. */
void weir__shown_detach(struct weir__window *w);

/* A window has the total of m to itself from `used` on; and no longer. */
void weir__shown_solo_begin(struct weir__meter *m, const struct weir__window *w);
void weir__shown_solo_end(struct weir__meter *m);

void weir__shown_peak(struct weir__meter *m);                      /* m->peak rose */
void weir__shown_shared_peak(struct weir__meter *m, int64_t live); /* any thread */

/* May the window be opened? Not where its tally would be missed. */
WEIR__INLINE bool weir__shown_admits(const struct weir__window *w)
{
    return w->number || !w->meter->shown;
}

void weir__window_open(struct weir__window *w, int64_t grant, bool solo);
void weir__window_fold(struct weir__window *w);
void weir__window_await(struct weir__window *w);

struct weir__shutting {
    const void *self;
    bool fence;
    uint64_t others_ops; /* done by other threads' windows while open */
    uint64_t cost_ns;    /* of the fence and the waiting */
};

/* Closes every open window below `top`, and reopens them as they were. */
struct weir__shutting weir__windows_shut(struct weir__meter *top, const void *self);
void weir__windows_reopen(struct weir__meter *top);

/* Exact from here on: base(m) is live(m) for all of the subtree. */
struct weir__shutting weir__meter_freeze(struct weir__meter *top);

/* -- SHARED (shared.c) -------------------------------------------------------------- */

WEIR__INLINE bool weir__shared_is_allowed(void)
{
    return weir__meters.constraints == 0;
}

/* Turns the mode on, every window of the forest being closed and folded; and off, back to
 * bases: false, it was not on. */
void weir__shared_begin(void);
bool weir__shared_end(void);

#endif
