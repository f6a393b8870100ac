/* track/soft.c - see soft.h. */
#include "track/soft.h"

unsigned weir__soft_crossed;

void weir__soft_bound_update(struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    m->bound = m->over || m->limit < m->soft ? m->limit : m->soft;
}

/* A crossing that comes before the last one was told is told with it. */
static void soft_cross(struct weir__meter *m)
{
    m->crossings++;
    if (!__atomic_exchange_n(&m->crossed, m->base, __ATOMIC_ACQ_REL))
        __atomic_add_fetch(&weir__soft_crossed, 1, __ATOMIC_RELAXED);
}

void weir__soft_look(struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    bool over = m->base > m->soft;
    if (over == m->over)
        return;
    weir__assert(!m->nopen);
    m->over = over;
    weir__soft_bound_update(m);
    if (over)
        soft_cross(m);
}

bool weir__soft_is_valid(const struct weir__meter *m)
{
    if (m->over)
        return !m->nopen && m->base > m->soft && m->bound == m->limit;
    return m->base <= m->soft && m->bound <= m->soft;
}

void weir__soft_set(struct weir__meter *m, size_t bytes)
{
    bool shared = weir__exact_begin(m);
    weir__meters.constraints -= (m->soft != WEIR__NO_LIMIT);
    weir__relaxed_set(m->soft, weir__meter_limit_from(bytes));
    weir__meters.constraints += (m->soft != WEIR__NO_LIMIT);
    m->over = m->base > m->soft;
    weir__soft_bound_update(m);
    weir__soft_take(m);
    weir__exact_end(shared);
}

size_t weir__soft_limit(const struct weir__meter *m)
{
    int64_t soft = weir__relaxed_get(m->soft);
    return soft == WEIR__NO_LIMIT ? 0 : (size_t)soft;
}

size_t weir__soft_take(struct weir__meter *m)
{
    if (!weir__relaxed_get(m->crossed))
        return 0;
    size_t total = (size_t)__atomic_exchange_n(&m->crossed, 0, __ATOMIC_ACQ_REL);
    if (total)
        __atomic_sub_fetch(&weir__soft_crossed, 1, __ATOMIC_RELAXED);
    return total;
}
