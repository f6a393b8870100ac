/* track/spell.c - see spell.h. */
#include "track/spell.h"

#include "track/level.h"

void weir__spell_begin(void)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__meters.spell++;
    weir__meters.spell_windows.first = weir__meters.spell_meters.first = NULL;
}

/* The windows of the root are closed, so that nobody is inside. */
static void meter_join(struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    weir__windows_fold_quiet(m);
    m->spell = weir__meters.spell;
    weir__list_push(&weir__meters.spell_meters, &m->spell_link);
    weir__relaxed_set(m->shared_peak, m->peak);
    weir__relaxed_set(m->shared_live, m->base);
}

static void window_join(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    w->spell = weir__meters.spell;
    weir__list_push(&weir__meters.spell_windows, &w->spell_link);
}

void weir__spell_join(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (struct weir__level at = weir__level_of(w); at.meter; at = weir__level_above(at)) {
        if (!weir__spell_has_meter(at.meter))
            meter_join(at.meter);
        if (at.window && at.window->spell != weir__meters.spell)
            window_join(at.window);
    }
}

void weir__spell_forget(struct weir__window *w)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (w->spell == weir__meters.spell)
        weir__list_remove(&weir__meters.spell_windows, &w->spell_link);
    w->spell = 0;
}

void weir__spell_forget_meter(struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    if (weir__spell_has_meter(m))
        weir__list_remove(&weir__meters.spell_meters, &m->spell_link);
    m->spell = 0;
}

static bool window_is_below(const struct weir__window *w, const struct weir__meter *top)
{
    const struct weir__meter *m = w->meter;
    while (m && m != top)
        m = m->parent;
    return m == top;
}

void weir__spell_await(const struct weir__meter *top)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    for (struct weir__link *at = weir__meters.spell_windows.first; at; at = at->next)
        if (window_is_below(weir__spell_window(at), top))
            weir__window_await(weir__spell_window(at));
}
