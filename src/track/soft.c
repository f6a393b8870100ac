/* track/soft.c - see soft.h. */
#include "track/soft.h"

unsigned weir__soft_crossed;

void weir__soft_bound_update(struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    m->bound = m->limit;
    if (m->soft)
        m->bound = m->soft->over || m->limit < m->soft->limit ? m->limit : m->soft->limit;
}

/* A crossing that comes before the last one was told is told with it. */
static void soft_cross(struct weir__soft *soft, int64_t total)
{
    soft->crossings++;
    if (!__atomic_exchange_n(&soft->crossed, total, __ATOMIC_ACQ_REL))
        __atomic_add_fetch(&weir__soft_crossed, 1, __ATOMIC_RELAXED);
}

void weir__soft_look(struct weir__meter *m)
{
    weir__assert(weir__lock_is_mine(&weir__meters.lock));
    struct weir__soft *soft = m->soft;
    bool over = m->base > soft->limit;
    if (over == soft->over)
        return;
    weir__assert(!m->nopen);
    soft->over = over;
    weir__soft_bound_update(m);
    if (over)
        soft_cross(soft, m->base);
}

bool weir__soft_is_valid(const struct weir__meter *m)
{
    if (!m->soft)
        return m->bound == m->limit;
    if (m->soft->over)
        return !m->nopen && m->base > m->soft->limit && m->bound == m->limit;
    return m->base <= m->soft->limit && m->bound <= m->soft->limit;
}

void weir__soft_attach(struct weir__meter *m, struct weir__soft *soft)
{
    bool shared = weir__exact_begin(NULL);
    weir__assert(!m->soft);
    soft->limit = WEIR__NO_LIMIT;
    __atomic_store_n(&m->soft, soft, __ATOMIC_RELEASE);
    weir__exact_end(shared);
}

void weir__soft_set(struct weir__meter *m, size_t bytes)
{
    bool shared = weir__exact_begin(m);
    weir__meters.constraints -= weir__soft_is_set(m);
    weir__relaxed_set(m->soft->limit, weir__meter_limit_from(bytes));
    weir__meters.constraints += weir__soft_is_set(m);
    m->soft->over = m->base > m->soft->limit;
    weir__soft_bound_update(m);
    weir__soft_take(m);
    weir__exact_end(shared);
}

size_t weir__soft_limit(const struct weir__meter *m)
{
    const struct weir__soft *soft = __atomic_load_n(&m->soft, __ATOMIC_ACQUIRE);
    int64_t limit = soft ? weir__relaxed_get(soft->limit) : WEIR__NO_LIMIT;
    return limit == WEIR__NO_LIMIT ? 0 : (size_t)limit;
}

size_t weir__soft_take(struct weir__meter *m)
{
    struct weir__soft *soft = __atomic_load_n(&m->soft, __ATOMIC_ACQUIRE);
    if (!soft || !weir__relaxed_get(soft->crossed))
        return 0;
    size_t total = (size_t)__atomic_exchange_n(&soft->crossed, 0, __ATOMIC_ACQ_REL);
    if (total)
        __atomic_sub_fetch(&weir__soft_crossed, 1, __ATOMIC_RELAXED);
    return total;
}
