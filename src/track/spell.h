/*
 * track/spell.h - who takes part in a spell of SHARED: a time in which windows stay closed and
 * operations go to shared atomics. What begins and ends a spell looks at these
 * alone, so that it costs by who works and not by how many contexts there are. Owns the lists
 * of them in weir__meters. With the meter lock held.
 */
#ifndef WEIR_TRACK_SPELL_H
#define WEIR_TRACK_SPELL_H

#include "track/meter.h"

/* A new one, in which nobody takes part yet. */
void weir__spell_begin(void);

/* The window takes part, with its meters and the windows above it. The meters'
 * windows are folded, their shared totals and peaks begin with what they are. */
void weir__spell_join(struct weir__window *w);

/* They end: nobody may find them in a list any more. */
void weir__spell_forget(struct weir__window *w);
void weir__spell_forget_meter(struct weir__meter *m);

WEIR__INLINE bool weir__spell_has_meter(const struct weir__meter *m)
{
    return m->spell == weir__meters.spell;
}

/* Waits for the threads of those below `top` (NULL: of all). */
void weir__spell_await(const struct weir__meter *top);

/* In a walk: the first, and the one after. */
WEIR__INLINE struct weir__window *weir__spell_window(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__window, spell_link);
}

WEIR__INLINE struct weir__meter *weir__spell_meter(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__meter, spell_link);
}

#endif
