/*
 * tools/report/pass.c - a holder's level changes at few events. Between two of them the greatest
 * total less its level is the greatest total less one number; so only the totals' greatest since
 * any event is kept, as a stack of totals that fall from its bottom to its top.
 */
#include "tools/report/pass.h"
#include "tools/common/memory.h"

#include <stdlib.h>
#include <string.h>

#define LIFE_LEAST 4 /* of the whole: a holder that lives for less has no tenths */

/* -- the greatest total since
 * ---------------------------------------------------------------------- */

struct since {
    struct summit {
        uint64_t total;
        uint32_t change;
    } * summits;
    size_t n;
};

static void since_add(struct since *s, uint32_t change, uint64_t total)
{
    while (s->n && s->summits[s->n - 1].total < total)
        s->n--;
    s->summits = memory_grow(s->summits, s->n, sizeof *s->summits);
    s->summits[s->n++] = (struct summit){total, change};
}

/* From `change` on, up to the latest that was added. */
static const struct summit *since_find(const struct since *s, uint32_t change)
{
    size_t low = 0, high = s->n - 1;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->summits[middle].change < change)
            low = middle + 1;
        else
            high = middle;
    }
    return &s->summits[low];
}

/* -- the pass
 * -------------------------------------------------------------------------------------- */

struct state { /* of a holder */
    uint64_t level, best;
    uint64_t from;  /* its tenths begin here: ticks, or the event's number */
    uint32_t since; /* the last change of the latest event that changed it */
    uint32_t sample, point;
    uint8_t tenth;
    bool bound; /* `best` is set */
};

struct pass {
    struct report_grouping *g;
    const struct report_data *d;
    const struct report_samples *samples;
    const struct report_floors *floors;
    struct state *states;
    struct since since;
    size_t sample, point; /* that lie before the event */
    uint64_t now, last;   /* when the event is, and the end: ticks, or numbers of events */
    bool timed;
};

static void floor_take(struct report_holder *h, size_t from, size_t to, uint64_t level)
{
    for (size_t i = from; i <= to && i < REPORT_TENTHS; i++)
        h->floor[i] = level < h->floor[i] ? level : h->floor[i];
}

/* Of the time that is the holder's, the tenth that now lies in. */
static unsigned tenth_of(const struct pass *p, const struct state *s)
{
    uint64_t length = p->last - s->from;
    return p->now > s->from && length
               ? (unsigned)((unsigned __int128)(p->now - s->from) * REPORT_TENTHS / (length + 1))
               : 0;
}

/* The level was as it is from state->since to just before the event. */
static void holder_account(struct pass *p, uint32_t holder)
{
    struct state *s = &p->states[holder];
    struct report_holder *h = &p->g->holders[holder];
    const struct summit *top = since_find(&p->since, s->since);
    if (!s->bound || top->total - s->level > h->without) {
        h->without = top->total - s->level;
        h->without_change = top->change;
        s->bound = true;
    }
    h->most = s->level > h->most ? s->level : h->most;
    h->area += s->level * (p->sample - s->sample);
    if (!p->floors->npoints)
        floor_take(h, s->tenth, tenth_of(p, s), s->level);
    else if (p->point > s->point)
        floor_take(h, s->point * REPORT_TENTHS / p->floors->npoints,
                   (p->point - 1) * REPORT_TENTHS / p->floors->npoints, s->level);
}

static void holder_touch(struct pass *p, uint32_t holder, uint32_t event)
{
    struct state *s = &p->states[holder];
    if (s->since == event)
        return;
    holder_account(p, holder);
    s->since = event;
    s->sample = (uint32_t)p->sample;
    s->point = (uint32_t)p->point;
    s->tenth = (uint8_t)tenth_of(p, s);
}

static uint64_t moment(const struct pass *p, size_t change)
{
    return p->timed ? p->d->ticks[change] : p->d->number[change];
}

/* A holder's time begins with its first block, if that leaves a part worth tenths: what began to
 * grow late would else show in few of them. */
static void lives_begin(struct pass *p)
{
    uint64_t start = p->timed ? p->d->ticks[0] : 0;
    uint64_t latest = p->last - (p->last - start) / LIFE_LEAST;
    for (size_t i = 0; i < p->g->n; i++)
        p->states[i].from = UINT64_MAX;
    for (size_t i = 0; i < p->d->nsegments; i++) {
        struct state *s = &p->states[p->g->of[i]];
        uint64_t born = moment(p, p->d->segments[i].born);
        s->from = born < s->from ? born : s->from;
    }
    for (size_t i = 0; i < p->g->n; i++) {
        struct state *s = &p->states[i];
        s->from = s->from < start || s->from > latest ? start : s->from;
        p->g->holders[i].late = s->from > start + (p->last - start) / REPORT_TENTHS;
    }
}

/* What lies before the event whose changes begin here. */
static void moments_pass(struct pass *p, size_t change)
{
    while (p->sample < p->samples->n && p->samples->changes[p->sample] < change)
        p->sample++;
    while (p->point < p->floors->npoints && p->floors->points[p->point] < change)
        p->point++;
}

static void event_levels(struct pass *p, size_t from, size_t to, bool touch)
{
    const struct report_data *d = p->d;
    for (size_t i = from; i <= to; i++) {
        uint32_t ended = d->ended[i], begun = d->begun[i];
        if (ended != REPORT_NONE) {
            if (touch)
                holder_touch(p, p->g->of[ended], (uint32_t)to);
            p->states[p->g->of[ended]].level -= d->segments[ended].bytes;
        }
        if (begun != REPORT_NONE) {
            if (touch)
                holder_touch(p, p->g->of[begun], (uint32_t)to);
            p->states[p->g->of[begun]].level += d->segments[begun].bytes;
        }
    }
}

static void all_account(struct pass *p)
{
    moments_pass(p, p->d->nchanges);
    p->now = p->last;
    for (uint32_t i = 0; i < p->g->n; i++)
        holder_account(p, i);
}

/* The floor rose, and had not only risen at the start. */
static void holder_judge(struct report_holder *h)
{
    h->rises = 0;
    for (unsigned i = 0; i < 8; i++)
        h->rises += h->floor[i + 1] > h->floor[i];
    h->grew = h->rises >= 5 && h->floor[8] > h->floor[1] ? h->floor[8] - h->floor[1] : 0;
}

void report_pass_run(struct report_grouping *g, const struct report_data *d,
                     const struct report_samples *samples, const struct report_floors *floors)
{
    struct pass p = {.g = g,
                     .d = d,
                     .samples = samples,
                     .floors = floors,
                     .timed = d->timed,
                     .last = d->timed ? d->last_ticks : d->last_number};
    p.states = memory_zeroed(g->n, sizeof *p.states);
    lives_begin(&p);
    for (size_t i = 0; i < g->n; i++)
        memset(g->holders[i].floor, 0xff, sizeof g->holders[i].floor);
    size_t end = report_event_end(d, 0);
    event_levels(&p, 0, end, false);
    for (size_t i = 0; i < g->n; i++)
        p.states[i].since = (uint32_t)end;
    since_add(&p.since, (uint32_t)end, d->total[end]);
    for (size_t i = end + 1; i < d->nchanges; i = end + 1) {
        end = report_event_end(d, i);
        moments_pass(&p, i);
        p.now = moment(&p, i);
        event_levels(&p, i, end, true);
        since_add(&p.since, (uint32_t)end, d->total[end]);
    }
    all_account(&p);
    for (size_t i = 0; i < g->n; i++)
        holder_judge(&g->holders[i]);
    free(p.states);
    free(p.since.summits);
}

/* -- levels
 * ---------------------------------------------------------------------------------------- */

struct ranked {
    uint32_t holder;
    double score;
};

static int by_score(const void *left, const void *right)
{
    const struct ranked *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->holder < b->holder ? -1 : a->holder > b->holder;
}

/* By what is seen of it: its area, and its part in the peak. */
static void strip_choose(struct report_grouping *g, const struct report_samples *samples)
{
    struct ranked *ranked = memory_array(NULL, g->n, sizeof *ranked);
    for (uint32_t i = 0; i < g->n; i++)
        ranked[i] =
            (struct ranked){i, (double)g->holders[i].area +
                                   (double)g->holders[i].peak.bytes * (double)samples->n / 2};
    qsort(ranked, g->n, sizeof *ranked, by_score);
    g->nstrip = 0;
    while (g->nstrip < g->n && g->nstrip < sizeof g->strip / sizeof *g->strip &&
           ranked[g->nstrip].score > 0) {
        g->strip[g->nstrip] = ranked[g->nstrip].holder;
        g->nstrip++;
    }
    free(ranked);
}

static void keep(struct report_grouping *g, uint32_t holder)
{
    for (size_t i = 0; i < g->nkept; i++)
        if (g->kept[i] == holder)
            return;
    g->kept[g->nkept++] = holder;
}

static void kept_choose(struct report_grouping *g, size_t rows)
{
    g->kept = memory_array(NULL, g->nstrip + rows, sizeof *g->kept);
    g->nkept = 0;
    for (size_t i = 0; i < g->nstrip; i++)
        keep(g, g->strip[i]);
    for (uint32_t i = 0; i < rows && i < g->n; i++)
        keep(g, i);
}

/* Kept holders' levels now. */
static void sample_take(struct report_grouping *g, const uint64_t *levels, size_t sample, size_t n)
{
    for (size_t i = 0; i < g->nkept; i++)
        g->levels[i * n + sample] = levels[g->kept[i]];
}

static void levels_fill(struct report_grouping *g, const struct report_data *d,
                        const struct report_samples *samples)
{
    uint64_t *levels = memory_zeroed(g->n, sizeof *levels);
    g->levels = memory_zeroed(g->nkept * samples->n, sizeof *g->levels);
    size_t sample = 0;
    for (size_t i = 0; i < d->nchanges && sample < samples->n; i++) {
        if (d->ended[i] != REPORT_NONE)
            levels[g->of[d->ended[i]]] -= d->segments[d->ended[i]].bytes;
        if (d->begun[i] != REPORT_NONE)
            levels[g->of[d->begun[i]]] += d->segments[d->begun[i]].bytes;
        if (samples->changes[sample] == i)
            sample_take(g, levels, sample++, samples->n);
    }
    free(levels);
}

const uint64_t *report_levels_of(const struct report_grouping *g,
                                 const struct report_samples *samples, uint32_t holder)
{
    for (size_t i = 0; i < g->nkept; i++)
        if (g->kept[i] == holder)
            return &g->levels[i * samples->n];
    return NULL;
}

/* How much it changes, against its mean: 0 is steady. */
static double unsteadiness(const uint64_t *levels, size_t n)
{
    double sum = 0, moved = 0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)levels[i];
        if (i)
            moved += levels[i] > levels[i - 1] ? (double)(levels[i] - levels[i - 1])
                                               : (double)(levels[i - 1] - levels[i]);
    }
    return sum > 0 ? moved * (double)n / sum : 0;
}

static void strip_sort(struct report_grouping *g, const struct report_samples *samples)
{
    struct ranked ranked[sizeof g->strip / sizeof *g->strip] = {{0, 0}};
    for (size_t i = 0; i < g->nstrip; i++)
        ranked[i] = (struct ranked){
            g->strip[i], -unsteadiness(report_levels_of(g, samples, g->strip[i]), samples->n)};
    qsort(ranked, g->nstrip, sizeof *ranked, by_score);
    for (size_t i = 0; i < g->nstrip; i++)
        g->strip[i] = ranked[i].holder;
}

void report_levels_keep(struct report_grouping *g, const struct report_data *d,
                        const struct report_samples *samples, size_t rows)
{
    strip_choose(g, samples);
    kept_choose(g, rows);
    levels_fill(g, d, samples);
    strip_sort(g, samples);
}

/* -- the ladder
 * ------------------------------------------------------------------------------------ */

struct ladder {
    const struct report_grouping *g;
    const struct report_data *d;
    bool *away; /* by holder */
};

static uint64_t ladder_bytes(const struct ladder *l, uint32_t segment)
{
    return segment == REPORT_NONE || l->away[l->g->of[segment]] ? 0 : l->d->segments[segment].bytes;
}

static void ladder_find(const struct ladder *l, struct report_step *step)
{
    uint64_t total = 0;
    bool first = true;
    for (size_t i = 0; i < l->d->nchanges; i++) {
        total += ladder_bytes(l, l->d->begun[i]) - ladder_bytes(l, l->d->ended[i]);
        bool end = i + 1 == l->d->nchanges || l->d->number[i + 1] != l->d->number[i];
        if (!end || (!first && total <= step->most))
            continue;
        step->most = total;
        step->change = (uint32_t)i;
        first = false;
    }
}

/* Of those that are left, at the moment that binds. REPORT_NONE: none holds anything. */
static uint32_t ladder_greatest(const struct ladder *l, uint32_t change,
                                struct report_amount *amounts)
{
    uint32_t greatest = REPORT_NONE;
    report_grouping_at(l->g, l->d, change, amounts);
    for (uint32_t i = 0; i < l->g->n; i++)
        if (!l->away[i] && amounts[i].bytes &&
            (greatest == REPORT_NONE || amounts[i].bytes > amounts[greatest].bytes))
            greatest = i;
    return greatest;
}

size_t report_ladder(const struct report_grouping *g, const struct report_data *d,
                     struct report_step *steps)
{
    struct ladder l = {g, d, memory_zeroed(g->n, sizeof *l.away)};
    struct report_amount *amounts = memory_array(NULL, g->n, sizeof *amounts);
    uint32_t change = d->peak_change;
    uint64_t most = d->peak;
    size_t n = 0;
    while (n < REPORT_STEPS && most > d->peak / 100) {
        uint32_t holder = ladder_greatest(&l, change, amounts);
        if (holder == REPORT_NONE)
            break;
        l.away[holder] = true;
        steps[n].holder = holder;
        ladder_find(&l, &steps[n]);
        most = steps[n].most;
        change = steps[n].change;
        n++;
    }
    free(l.away);
    free(amounts);
    return n;
}
