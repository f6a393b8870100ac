/* tools/report/runs.c - see runs.h. */
#include "tools/report/runs.h"
#include "tools/common/memory.h"

#include <stdlib.h>
#include <string.h>

enum { MARK_RUN = 1, MARK_STEP = 6 };

static const struct report_mark *mark_of(const struct report_data *d, const struct report_run *run)
{
    return &d->marks[run->mark];
}

/* -- the greatest total in a stretch: blocks of 512 changes, and what is left at both ends -------
 */

enum { STRIDE = 512 };

struct summits {
    const struct report_data *d;
    uint64_t *most; /* of each block */
};

static bool is_end(const struct report_data *d, size_t change)
{
    return change + 1 == d->nchanges || d->number[change + 1] != d->number[change];
}

static void summits_make(struct summits *s, const struct report_data *d)
{
    s->d = d;
    s->most = memory_zeroed(d->nchanges / STRIDE + 1, sizeof *s->most);
    for (size_t i = 0; i < d->nchanges; i++)
        if (is_end(d, i) && d->total[i] > s->most[i / STRIDE])
            s->most[i / STRIDE] = d->total[i];
}

static uint64_t summits_find(const struct summits *s, size_t from, size_t to)
{
    uint64_t most = 0;
    for (size_t i = from; i <= to;) {
        bool whole = i % STRIDE == 0 && i + STRIDE - 1 <= to;
        uint64_t total = whole ? s->most[i / STRIDE] : is_end(s->d, i) ? s->d->total[i] : 0;
        most = total > most ? total : most;
        i += whole ? STRIDE : 1;
    }
    return most;
}

/* -- the runs -----------------------------------------------------------------------------------
 */

static void runs_collect(struct report_runs *r, const struct report_data *d, uint32_t kind)
{
    for (uint32_t i = 0; i < d->nmarks; i++) {
        if (d->marks[i].kind != kind)
            continue;
        r->runs = memory_grow(r->runs, r->n, sizeof *r->runs);
        r->runs[r->n++] = (struct report_run){.mark = i, .next = REPORT_NONE};
    }
    r->kind = kind;
}

static int by_name(const void *left, const void *right, void *user)
{
    const struct report_data *d = ((const void **)user)[0];
    const struct report_runs *r = ((const void **)user)[1];
    uint32_t i = *(const uint32_t *)left, j = *(const uint32_t *)right;
    int order = strcmp(report_mark_name(d, mark_of(d, &r->runs[i])),
                       report_mark_name(d, mark_of(d, &r->runs[j])));
    return order ? order : i < j ? -1 : i > j;
}

/* Chains the runs of each name. */
static void runs_chain(struct report_runs *r, const struct report_data *d)
{
    uint32_t *order = memory_array(NULL, r->n, sizeof *order);
    const void *user[] = {d, r};
    for (uint32_t i = 0; i < r->n; i++)
        order[i] = i;
    qsort_r(order, r->n, sizeof *order, by_name, user);
    for (size_t i = 0; i + 1 < r->n; i++)
        if (strcmp(report_mark_name(d, mark_of(d, &r->runs[order[i]])),
                   report_mark_name(d, mark_of(d, &r->runs[order[i + 1]]))) == 0)
            r->runs[order[i]].next = order[i + 1];
    free(order);
}

static void runs_measure(struct report_runs *r, const struct report_data *d)
{
    struct summits s;
    summits_make(&s, d);
    for (size_t i = 0; i < r->n; i++) {
        const struct report_mark *mark = mark_of(d, &r->runs[i]);
        r->runs[i].before = d->total[mark->from_change];
        r->runs[i].after = d->total[mark->to_change];
        r->runs[i].peak = summits_find(&s, mark->from_change, mark->to_change);
    }
    free(s.most);
}

/* The latest run that had begun, of any thread; runs of one thread do not overlap. */
static uint32_t run_at(const struct report_runs *r, const struct report_data *d, uint32_t change)
{
    size_t low = 0, high = r->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (mark_of(d, &r->runs[middle])->from_change < change)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? (uint32_t)low - 1 : REPORT_NONE;
}

/* Where runs overlap, a few back. */
static uint32_t run_of(const struct report_runs *r, const struct report_data *d, uint32_t change,
                       uint32_t thread)
{
    uint32_t at = run_at(r, d, change), any = REPORT_NONE;
    for (unsigned back = 0; at != REPORT_NONE && back < 16;
         back++, at = at ? at - 1 : REPORT_NONE) {
        const struct report_mark *mark = mark_of(d, &r->runs[at]);
        if (mark->to_change < change)
            continue;
        if (mark->thread == thread)
            return at;
        any = any == REPORT_NONE ? at : any;
    }
    return any;
}

static void runs_count(struct report_runs *r, const struct report_data *d)
{
    for (size_t i = 0; i < d->nsegments; i++) {
        const struct report_segment *s = &d->segments[i];
        uint32_t at = s->stack < REPORT_REFUSED ? run_of(r, d, s->born, s->thread) : REPORT_NONE;
        if (at == REPORT_NONE)
            continue;
        struct report_run *run = &r->runs[at];
        uint32_t until = run->next == REPORT_NONE ? (uint32_t)d->nchanges - 1
                                                  : mark_of(d, &r->runs[run->next])->to_change;
        run->born += s->bytes;
        run->born_blocks++;
        if (s->died > until) {
            run->kept.bytes += s->bytes;
            run->kept.blocks++;
        }
    }
}

static int by_value(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void runs_judge(struct report_runs *r)
{
    int64_t *rises = memory_array(NULL, r->n, sizeof *rises);
    for (size_t i = 1; i < r->n; i++) {
        int64_t rise = (int64_t)(r->runs[i].before - r->runs[i - 1].before);
        rises[r->pairs++] = rise;
        r->rises += rise > 0;
    }
    qsort(rises, r->pairs, sizeof *rises, by_value);
    r->median_rise = r->pairs ? rises[r->pairs / 2] : 0;
    free(rises);
}

void report_runs_make(struct report_runs *r, const struct report_data *d)
{
    *r = (struct report_runs){0};
    runs_collect(r, d, MARK_RUN);
    if (!r->n)
        runs_collect(r, d, MARK_STEP);
    runs_chain(r, d);
    runs_measure(r, d);
    runs_count(r, d);
    runs_judge(r);
}

void report_runs_free(struct report_runs *r)
{
    free(r->runs);
}
