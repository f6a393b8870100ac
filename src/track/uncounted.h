/*
 * track/uncounted.h - track/count.h for a build that counts nothing, to measure what counting
 * costs: every window is always open and no figure changes. Trimming while threads run
 * is not safe in such a build, for no window keeps a thread out of its bins. No state, no lock.
 */
#ifndef WEIR_TRACK_UNCOUNTED_H
#define WEIR_TRACK_UNCOUNTED_H

#include "track/window.h"

WEIR__INLINE bool weir__allocating_enter(struct weir__window *w, enum weir__reach reach,
                                         int64_t size, int64_t *to)
{
    (void)w, (void)reach, (void)size;
    *to = 0;
    return true;
}

WEIR__INLINE bool weir__allocating_enter_any(struct weir__window *w, enum weir__reach reach,
                                             int64_t size, int64_t *to)
{
    return weir__allocating_enter(w, reach, size, to);
}

WEIR__INLINE void weir__allocating_leave(struct weir__window *w, enum weir__reach reach,
                                         int64_t size, int64_t to)
{
    (void)w, (void)reach, (void)size, (void)to;
}

WEIR__INLINE void weir__allocating_undo(struct weir__window *w, enum weir__reach reach,
                                        int64_t size)
{
    (void)w, (void)reach, (void)size;
}

WEIR__INLINE void weir__allocating_undo_passed(struct weir__window *w, enum weir__reach reach)
{
    (void)w, (void)reach;
}

WEIR__INLINE void weir__resizing_leave(struct weir__window *w, enum weir__reach reach,
                                       int64_t delta, int64_t to)
{
    (void)w, (void)reach, (void)delta, (void)to;
}

WEIR__INLINE bool weir__freeing_enter(struct weir__window *w, enum weir__reach reach)
{
    (void)w, (void)reach;
    return true;
}

WEIR__INLINE void weir__freeing_leave(struct weir__window *w, enum weir__reach reach, int64_t size)
{
    (void)w, (void)reach, (void)size;
}

WEIR__INLINE void weir__freeing_undo(struct weir__window *w, enum weir__reach reach)
{
    (void)w, (void)reach;
}

WEIR__INLINE void weir__counting_leave(struct weir__window *w, enum weir__reach reach,
                                       int64_t delta, int64_t to, int allocated, int freed)
{
    (void)w, (void)reach, (void)delta, (void)to, (void)allocated, (void)freed;
}

WEIR__INLINE bool weir__window_count(struct weir__window *w, int64_t delta, int allocated,
                                     int freed)
{
    (void)w, (void)delta, (void)allocated, (void)freed;
    return true;
}

/* Nobody is known to be idle. */
WEIR__INLINE bool weir__window_is_idle(const struct weir__window *w, uint64_t *seen)
{
    (void)w, (void)seen;
    return false;
}

#endif
