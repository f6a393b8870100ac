/* tools/report/columns.c - see columns.h. */
#include "tools/report/columns.h"
#include "tools/common/memory.h"

#include <stdlib.h>

#define EVEN                                                                                       \
    (REPORT_COLUMNS - 2) /* of one width; the peak's own and what is behind it are more            \
                          */

struct maker {
    const struct report_data *data;
    struct report_axis *axis;
    uint64_t width_of; /* length + 1, which EVEN columns share */
    uint64_t cell;     /* of the open column */
    bool open;
};

static uint64_t position(const struct maker *m, size_t change)
{
    const struct report_data *d = m->data;
    return m->axis->timed ? d->ticks[change] - d->ticks[0] : d->number[change];
}

static uint64_t cells(const struct maker *m)
{
    return m->width_of < EVEN ? m->width_of : EVEN;
}

static uint64_t cell_of(const struct maker *m, uint64_t at)
{
    return (uint64_t)((unsigned __int128)at * cells(m) / m->width_of);
}

/* The least position in a cell. */
static uint64_t cell_begin(const struct maker *m, uint64_t cell)
{
    unsigned __int128 n = cells(m);
    return (uint64_t)(((unsigned __int128)cell * m->width_of + n - 1) / n);
}

static struct report_column *column_add(struct maker *m, uint64_t from)
{
    m->axis->columns[m->axis->n].from = from;
    return &m->axis->columns[m->axis->n++];
}

static void column_empty(struct maker *m, uint64_t from)
{
    const struct report_column *before = &m->axis->columns[m->axis->n - 1];
    uint64_t level = before->last;
    uint32_t change = before->last_change;
    struct report_column *c = column_add(m, from);
    c->least = c->most = c->last = level;
    c->most_change = c->last_change = change;
    c->empty = true;
}

/* The stretch from the open column's cell to `cell` has no events. */
static void gap_close(struct maker *m, uint64_t cell)
{
    if (m->axis->n && cell > m->cell + 1)
        column_empty(m, cell_begin(m, m->cell + 1));
}

static void event_add(struct maker *m, uint32_t change)
{
    uint64_t at = position(m, change), cell = cell_of(m, at), total = m->data->total[change];
    bool peak = change == m->data->peak_change;
    if (!m->axis->n || !m->open || peak || cell != m->cell) {
        gap_close(m, cell);
        struct report_column *c =
            column_add(m, !peak && cell != m->cell ? cell_begin(m, cell) : at);
        c->least = c->most = total;
        c->most_change = change;
    }
    struct report_column *c = &m->axis->columns[m->axis->n - 1];
    c->least = total < c->least ? total : c->least;
    if (total > c->most) {
        c->most = total;
        c->most_change = change;
    }
    c->last = total;
    c->last_change = change;
    m->open = !peak;
    m->cell = cell;
    if (peak)
        m->axis->peak = m->axis->n - 1;
}

void report_axis_make(struct report_axis *axis, const struct report_data *d, bool timed)
{
    *axis = (struct report_axis){.timed = timed};
    uint64_t last = d->nchanges - 1;
    axis->length = timed ? d->last_ticks - d->ticks[0] : d->last_number;
    if (timed && d->last_ticks < d->ticks[last])
        axis->length = d->ticks[last] - d->ticks[0];
    if (!timed && d->number[last] > axis->length)
        axis->length = d->number[last];
    axis->columns = memory_zeroed(REPORT_COLUMNS + 1, sizeof *axis->columns);
    struct maker m = {.data = d, .axis = axis, .width_of = axis->length + 1};
    for (size_t i = 0; i < d->nchanges; i++) {
        i = report_event_end(d, i);
        event_add(&m, (uint32_t)i);
    }
    if (m.cell + 1 < cells(&m))
        column_empty(&m, cell_begin(&m, m.cell + 1));
}

void report_axis_free(struct report_axis *axis)
{
    free(axis->columns);
}
