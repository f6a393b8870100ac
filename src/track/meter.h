/*
 * track/meter.h - exact total, peak, count and limit of an allocator and its
 * descendants, without shared writes in the steady state.
 *
 * One meter an allocator, in a tree: a meter's figures include its children's, because each
 * operation counts at every meter up to the root. It is the allocators' tree as well
 * (alloc/context.h). Owns the forest and the one meter lock, which
 * covers every meter and window of the process but for what window.h says the owners write. It is
 * one because a slow operation changes all meters up to a root, and SHARED those of all roots;
 * docs/internals/watermark.md says what that costs.
 * Bytes are signed 64-bit here. Invariants, under the lock, outside SHARED:
 *
 *   live(m)  = base(m) + sum over its windows w of (used(w) - origin(w))
 *   level(m) = base(m) + sum over its open windows w of (granted(w) - origin(w))
 *   level(m) <= bound(m): its limit, and its soft limit while live(m) is not above that
 *   live(m) is above its soft limit: no window is open
 *   level(m) <= ceiling(m), or solo(m) is its only open window
 *
 * of each meter by itself;
 *
 * so as long as no slow operation runs, live(m) <= level(m) <= ceiling(m) = the least
 * of the peaks watched, and none of them can move; or one thread alone moves live(m)
 * and notes its own maximum. docs/internals/watermark.md argues it, docs/models checks it.
 *
 * SHARED: several threads work at the peak and no limit or second peak is watched:
 * all windows stay closed and operations go to shared atomics.
 */
#ifndef WEIR_TRACK_METER_H
#define WEIR_TRACK_METER_H

#include "os/lock.h"
#include "track/window.h"

struct weir__peak_observer;

/* How its several threads were let work (track/phase.h). */
struct weir__trial {
    uint16_t in;   /* occasions until it is tried again; 0: it is in use */
    uint16_t next; /* occasions that the last failure cost */
};

struct weir__phases {
    struct weir__trial credit;       /* each has its part below the peak */
    struct weir__trial turns;        /* each has everything for a while */
    uint16_t spell_next, spell_left; /* slow operations of the next spell with closed windows, 0:
                                      * the least; and left in this one, 0: there is none */
    uint64_t counted_at;             /* when its threads were counted last */
};

struct weir__meter {
    /* All are written under the meter lock; peak and solo atomically, for weir__meter_peak_rose
     * reads them without it. */
    struct weir__meter *parent;
    struct weir__list children; /* oldest first; by both the meter and the context lock */
    struct weir__link link;     /* of the parent, or of the roots */
    int64_t base, level, limit, ceiling, peak;
    int64_t soft, bound; /* WEIR__NO_LIMIT: none (track/soft.h) */
    bool over;           /* the total is above `soft` */
    struct weir__peak_observer *observers;
    struct weir__list windows; /* opened latest first */
    struct weir__window *solo;
    unsigned nopen; /* open windows */
    unsigned crowd; /* threads that were active at the last freeze */
    struct weir__phases phases;
    unsigned shares; /* parts that the credit is to be divided into; 0: unknown */
    uint64_t gone_allocations, gone_frees; /* in no window: it is gone, or there was none; atomic */
    uint64_t gone_bytes;                   /* ever allocated, the same */
    uint64_t slow_operations;              /* atomic */
    uint64_t spell; /* the last one that it took part in (track/spell.h); 0: none */
    struct weir__link spell_link;
    uint64_t failures;         /* atomic */
    uint64_t crossings;        /* of `soft` from below */
    int64_t crossed;           /* the total after one that was not told yet, or 0; atomic */
    struct weir__shown *shown; /* its figures for another process; NULL: nobody reads */
    /* Any thread that takes part, while SHARED. */
    int64_t shared_live __attribute__((aligned(WEIR__LINE)));
    int64_t shared_peak;
    /* Seldom written, so that they may lie there. */
    uint64_t fork_allocations, fork_frees, fork_bytes; /* of all there were when a fork began */
    uint64_t refusals_asked, refusals_averted;         /* by alloc/refusal.c; atomic */
} __attribute__((aligned(WEIR__LINE)));

/* The forest and its lock. */
struct weir__meters {
    weir__lock lock;
    struct weir__list roots; /* oldest first */
    unsigned constraints;    /* limits, soft ones too, and observers anywhere: no SHARED then */
    uint64_t spell;          /* number of the latest */
    struct weir__list spell_windows, spell_meters; /* that take part in it, latest first */
};
extern struct weir__meters weir__meters __attribute__((visibility("hidden")));

#define WEIR__NO_LIMIT ((int64_t)1 << 61)

/* Bytes of a request: more is refused before anything is counted, so that what is live and one
 * request more are within int64_t. */
#define WEIR__REQUEST_MAX ((size_t)1 << 61)

/* -- walks: with the meter lock held; along the tree alone also with the context lock -------- */

WEIR__INLINE struct weir__meter *weir__meter_of(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__meter, link);
}

WEIR__INLINE struct weir__meter *weir__meter_first(void)
{
    return weir__meter_of(weir__meters.roots.first);
}

/* Preorder walk of the subtree of `top` (NULL: the forest). */
WEIR__INLINE struct weir__meter *weir__meter_after(struct weir__meter *m,
                                                   const struct weir__meter *top)
{
    if (m->children.first)
        return weir__meter_of(m->children.first);
    while (m && m != top && !m->link.next)
        m = m->parent;
    return !m || m == top ? NULL : weir__meter_of(m->link.next);
}

/* Counts blocks that are in no window, negative ones too; by any thread. */
WEIR__INLINE void weir__meter_counts(struct weir__meter *m, uint64_t allocated, uint64_t freed)
{
    __atomic_add_fetch(&m->gone_allocations, allocated, __ATOMIC_RELAXED);
    __atomic_add_fetch(&m->gone_frees, freed, __ATOMIC_RELAXED);
}

/* Its windows, one after the other. */
WEIR__INLINE struct weir__window *weir__meter_window(const struct weir__meter *m)
{
    return weir__list_of(m->windows.first, struct weir__window, link);
}

WEIR__INLINE struct weir__window *weir__window_next(const struct weir__window *w)
{
    return weir__list_of(w->link.next, struct weir__window, link);
}

/* -- by any thread, no lock of the meters' held ------------------------------------------- */

/* `m` is zero. parent NULL: a root. */
void weir__meter_init(struct weir__meter *m, struct weir__meter *parent, size_t limit);

/*
 * In two steps, so that what lives in it can be given back between them: weir__meter_retire
 * counts `live_bytes` and `live_blocks`, all that lives in it, as freed, and gives the number
 * of that in a trace, or 0; weir__meter_destroy takes the meter out of the tree. Its windows
 * were detached, it has no children.
 */
uint64_t weir__meter_retire(struct weir__meter *m, size_t live_bytes, size_t live_blocks);
void weir__meter_destroy(struct weir__meter *m);

/*
 * The slow operation: counts `delta` bytes and the blocks, if every limit up the
 * tree allows. False: a limit refuses, nothing changed. By the window's owner,
 * outside an operation.
 */
bool weir__meter_change(struct weir__window *w, int64_t delta, int allocated, int freed);

/*
 * What a change waits for: it is taken once no limit refuses the change, and before anybody can see
 * it. It may fail: then nothing was counted, and no peak rose. With the meter lock held, so it
 * is short and takes no lock but those of metadata.
 */
struct weir__step {
    bool (*take)(struct weir__step *step);
    bool tried; /* set by who takes it */
};
WEIR__INLINE bool weir__step_take(struct weir__step *step)
{
    step->tried = true;
    return step->take(step);
}

/* The slow operation of a change that waits for a step. False: a limit refuses, or the step was
 * tried and failed; nothing changed. */
bool weir__meter_change_after(struct weir__window *w, int64_t delta, struct weir__step *step);

/* The meter whose limit refused the calling thread's latest operation that was. */
extern WEIR__TLS const struct weir__meter *weir__meter_refused;

/* Takes back one free of `delta` bytes that was counted twice, whatever the limits say. */
void weir__meter_mend(struct weir__window *w, int64_t delta);

/* Would `size` more bytes exceed a limit even with nothing else live? */
bool weir__meter_never_fits(const struct weir__meter *m, size_t size);

/* Counts a refused or failed request. */
void weir__meter_failed(struct weir__meter *m);

void weir__meter_reset_peak(struct weir__meter *m);

/* False: more is live than that. 0: no limit. */
bool weir__meter_set_limit(struct weir__meter *m, size_t limit);
size_t weir__meter_limit(struct weir__meter *m);

/* Around fork, the lock held: every window is closed and folded, and SHARED stays off. */
void weir__meter_fork_prepare(void);
void weir__meter_fork_done(void);

/* The invariants above, over the whole forest. */
bool weir__meter_is_valid(void);

/* -- for this layer, with the meter lock held ----------------------------------------------- */

/* Takes the lock and makes m exact (NULL: freezes nothing). True: it was SHARED, to be told to
 * weir__exact_end, which drops the lock. */
bool weir__exact_begin(struct weir__meter *m);
void weir__exact_end(bool shared);

/* Exact from here on: base(m) is live(m), and nothing below it counts before its thread has had the
 * lock. */
struct weir__shutting weir__meter_freeze(struct weir__meter *m);

/* Freezes all, and folds every window. */
void weir__meters_freeze(void);

/* Of a limit as programs say it, where 0 is none. */
int64_t weir__meter_limit_from(size_t limit);

/* Finds the ceiling anew. */
void weir__meter_ceiling_update(struct weir__meter *m);

/* The total was `live` at some moment: raises the peaks watched to it. */
void weir__meter_raise(struct weir__meter *m, int64_t live);

/* Freezes the meters up the tree that a slow operation of `delta` bytes could not be counted at
 * as they are, and counts it at all of them if their limits allow, after `step` (may be NULL).
 * `was_shared`: SHARED was left for it. */
bool weir__meter_apply(struct weir__window *w, int64_t delta, int allocated, int freed,
                       struct weir__step *step, bool was_shared);

/* The greatest grant that keeps level <= bound. */
WEIR__INLINE int64_t weir__meter_headroom(const struct weir__meter *m)
{
    return m->bound - m->level;
}

/* The least of ceiling and bound, less the level. */
WEIR__INLINE int64_t weir__meter_room(const struct weir__meter *m)
{
    int64_t bound = m->ceiling < m->bound ? m->ceiling : m->bound;
    return bound - m->level;
}

#endif
