/* tools/report/analysis.c - the order in which things are computed; see analysis.h. */
#include "tools/report/analysis.h"
#include "tools/common/memory.h"

#include <stdlib.h>
#include <string.h>

#define FLOOR_RUNS 10 /* so many runs say more than tenths of the time */

/* -- samples --------------------------------------------------------------------------------------
 */

static int by_change(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

static uint32_t sample_find(const struct report_samples *s, uint32_t change)
{
    const uint32_t *found = bsearch(&change, s->changes, s->n, sizeof *s->changes, by_change);
    return found ? (uint32_t)(found - s->changes) : 0;
}

static void samples_sort(struct report_samples *s)
{
    size_t kept = 0;
    qsort(s->changes, s->n, sizeof *s->changes, by_change);
    for (size_t i = 0; i < s->n; i++)
        if (!kept || s->changes[kept - 1] != s->changes[i])
            s->changes[kept++] = s->changes[i];
    s->n = kept;
}

static void samples_make(struct report *r)
{
    struct report_samples *s = &r->samples;
    s->changes = memory_array(NULL, r->axes[0].n + r->axes[1].n, sizeof *s->changes);
    for (size_t a = 0; a < 2; a++)
        for (size_t i = 0; i < r->axes[a].n; i++)
            s->changes[s->n++] = r->axes[a].columns[i].most_change;
    samples_sort(s);
    for (size_t a = 0; a < 2; a++) {
        r->sample_of[a] = memory_array(NULL, r->axes[a].n, sizeof **r->sample_of);
        for (size_t i = 0; i < r->axes[a].n; i++)
            r->sample_of[a][i] = sample_find(s, r->axes[a].columns[i].most_change);
    }
}

/* -- floors ---------------------------------------------------------------------------------------
 */

static void floors_make(struct report *r)
{
    struct report_floors *f = &r->floors;
    if (r->runs.n < FLOOR_RUNS)
        return;
    f->points = memory_array(NULL, r->runs.n, sizeof *f->points);
    for (size_t i = 0; i < r->runs.n; i++)
        f->points[f->npoints++] = r->data.marks[r->runs.runs[i].mark].from_change;
}

/* -- sites ----------------------------------------------------------------------------------------
 */

static void sites_make(struct report *r, const struct report_options *options)
{
    const struct report_data *d = &r->data;
    size_t n = d->info->nstacks;
    unsigned char *used = memory_zeroed(n, 1);
    uint64_t *weight = memory_zeroed(n, sizeof *weight);
    for (size_t i = 0; i < d->nsegments; i++) {
        const struct report_segment *s = &d->segments[i];
        if (s->stack >= n)
            continue;
        used[s->stack] = s->stack != 0;
        if (report_lives(s, d->peak_change))
            weight[s->stack] += s->bytes;
    }
    for (size_t i = 0; i < d->nmappings; i++)
        if (d->mappings[i].stack && d->mappings[i].stack < n)
            used[d->mappings[i].stack] = 1;
    report_frames_make(&r->frames, d->info, options->namer, options->user);
    report_sites_make(&r->sites, &r->frames, used, weight, d->peak);
    r->has_sites = true;
    free(used);
    free(weight);
}

/* -- all of it ------------------------------------------------------------------------------------
 */

static void grouping_make(struct report *r, enum report_by by, const struct report_options *options)
{
    struct report_grouping *g = &r->groupings[r->ngroupings++];
    bool first = r->ngroupings == 1;
    report_grouping_make(g, &r->data, by, &r->sites);
    report_pass_run(g, &r->data, &r->samples, &r->floors);
    if (options->columns)
        report_levels_keep(g, &r->data, &r->samples, first ? REPORT_ROWS : 0);
    if (first)
        r->nladder = report_ladder(g, &r->data, r->ladder);
    if (!first) {
        free(g->of);
        g->of = NULL;
    }
}

static void groupings_make(struct report *r, const struct report_options *options)
{
    enum report_by first =
        options->by >= 0 ? (enum report_by)options->by : report_by_default(&r->data);
    if (report_by_is_there(&r->data, REPORT_BY_SITE))
        sites_make(r, options);
    grouping_make(r, first, options);
    for (int by = 0; by < REPORT_BYS && options->all; by++)
        if ((enum report_by)by != first && report_by_is_there(&r->data, (enum report_by)by))
            grouping_make(r, (enum report_by)by, options);
}

static void report_compute(struct report *r, const struct report_options *options)
{
    report_axis_make(&r->axes[1], &r->data, false);
    if (r->data.timed)
        report_axis_make(&r->axes[0], &r->data, true);
    samples_make(r);
    report_runs_make(&r->runs, &r->data);
    floors_make(r);
    groupings_make(r, options);
    report_mappings_make(&r->mappings, &r->data, r->has_sites ? &r->sites : NULL);
}

int report_make(struct report *r, struct trace_info *info, const char *path,
                const struct report_options *options)
{
    *r = (struct report){.problem = options->problem, .user = options->user};
    int error = report_data_read(&r->data, info, path);
    if (!error)
        report_compute(r, options);
    return error;
}

void report_make_text(struct report *r, const struct trace *trace, const char *path,
                      const struct report_options *options)
{
    *r = (struct report){0};
    report_data_of_text(&r->data, trace, path);
    report_compute(r, options);
}

void report_free(struct report *r)
{
    for (size_t i = 0; i < r->ngroupings; i++)
        report_grouping_free(&r->groupings[i]);
    if (r->has_sites) {
        report_sites_free(&r->sites);
        report_frames_free(&r->frames);
    }
    for (size_t a = 0; a < 2; a++) {
        report_axis_free(&r->axes[a]);
        free(r->sample_of[a]);
    }
    report_mappings_free(&r->mappings);
    free(r->samples.changes);
    free(r->floors.points);
    report_runs_free(&r->runs);
    report_data_free(&r->data);
}

/* -- answers --------------------------------------------------------------------------------------
 */

uint32_t report_best_without(const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    uint32_t best = REPORT_NONE;
    uint64_t least = r->data.peak;
    for (uint32_t i = 0; i < g->n; i++)
        if (g->holders[i].without < least) {
            least = g->holders[i].without;
            best = i;
        }
    return best;
}

size_t report_half(const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    uint64_t sum = 0;
    size_t n = 0;
    while (n < g->n && sum < r->data.peak - r->data.peak / 2)
        sum += g->holders[n++].peak.bytes;
    return n;
}

static uint64_t grew_of(const struct report_holder *h)
{
    return h->grew;
}

static uint64_t left_of(const struct report_holder *h)
{
    return h->left.bytes;
}

/* The greatest of a figure, sorted; ties in the order of the holders. */
static size_t greatest(const struct report *r, uint64_t (*of)(const struct report_holder *),
                       uint32_t *holders, size_t most)
{
    const struct report_grouping *g = &r->groupings[0];
    size_t n = 0, shown = 0;
    for (uint32_t i = 0; i < g->n; i++) {
        uint64_t value = of(&g->holders[i]);
        if (!value)
            continue;
        n++;
        size_t at = shown < most ? shown++ : shown;
        for (; at && of(&g->holders[holders[at - 1]]) < value; at--)
            if (at < most)
                holders[at] = holders[at - 1];
        if (at < most)
            holders[at] = i;
    }
    return n;
}

size_t report_grown(const struct report *r, uint32_t *holders, size_t most)
{
    return greatest(r, grew_of, holders, most);
}

bool report_is_worth(const struct report *r, uint64_t grew)
{
    return grew > r->data.peak / 50;
}

size_t report_leavers(const struct report *r, uint32_t *holders, size_t most)
{
    return greatest(r, left_of, holders, most);
}

static size_t marks_find(const struct report *r, uint64_t number, uint32_t thread, uint32_t *marks,
                         size_t most)
{
    const struct report_data *d = &r->data;
    size_t n = 0;
    for (uint32_t i = 0; i < d->nmarks && n < most && d->marks[i].from <= number; i++)
        if (d->marks[i].to >= number && (!thread || d->marks[i].thread == thread))
            marks[n++] = i;
    return n;
}

size_t report_marks_at(const struct report *r, uint32_t change, uint32_t *marks, size_t most)
{
    uint64_t number = r->data.number[change];
    size_t n = marks_find(r, number, r->data.thread[change], marks, most);
    return n ? n : marks_find(r, number, 0, marks, most);
}

const char *report_display(const struct report_holder *h)
{
    return h->brief ? h->brief : h->name;
}
