/* tools/report/page_data.c - see page_data.h. */
#include "tools/report/page_data.h"
#include "tools/common/markup.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/report/packed.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define RESIDENT_MOST 600 /* samples of resident memory */
#define LANES         4   /* kinds of marks */

uint64_t page_ns(const struct report *r, uint64_t ticks)
{
    double seconds = report_seconds(&r->data, ticks);
    return seconds > 0 ? (uint64_t)(seconds * 1e9 + 0.5) : 0;
}

static uint64_t number_of(const struct report *r, size_t sample)
{
    return r->data.number[r->samples.changes[sample]];
}

static uint64_t ns_of(const struct report *r, size_t sample)
{
    return page_ns(r, r->data.ticks[r->samples.changes[sample]]);
}

static void key_write(FILE *to, const char *key)
{
    fprintf(to, ",\"%s\":", key);
}

/* -- the total ----------------------------------------------------------------------------------
 */

static uint64_t from_of(const struct report *r, const struct report_axis *axis, size_t column)
{
    uint64_t from = axis->columns[column].from;
    return axis->timed ? page_ns(r, r->data.ticks[0] + from) : from;
}

static void axis_write(FILE *to, const struct report *r, size_t a)
{
    const struct report_axis *axis = &r->axes[a];
    struct packed from = {0}, least = {0}, most = {0}, last = {0}, at = {0};
    for (size_t i = 0; i < axis->n; i++) {
        const struct report_column *c = &axis->columns[i];
        packed_add(&from, from_of(r, axis, i));
        packed_add(&least, c->most - c->least);
        packed_add(&most, c->most);
        packed_add(&last, c->most - c->last);
        packed_add(&at, r->sample_of[a][i]);
    }
    uint64_t length = axis->timed ? page_ns(r, r->data.ticks[0] + axis->length) : axis->length;
    fprintf(to, "{\"timed\":%s,\"n\":%zu,\"peak\":%zu,\"length\":%" PRIu64 ",\"from\":",
            axis->timed ? "true" : "false", axis->n, axis->peak, length);
    packed_write(&from, to);
    key_write(to, "least");
    packed_write(&least, to);
    key_write(to, "most");
    packed_write(&most, to);
    key_write(to, "last");
    packed_write(&last, to);
    key_write(to, "at");
    packed_write(&at, to);
    putc('}', to);
}

static void axes_write(FILE *to, const struct report *r)
{
    struct packed number = {0}, ns = {0};
    fputs(",\"axes\":[", to);
    if (r->data.timed) {
        axis_write(to, r, 0);
        putc(',', to);
    }
    axis_write(to, r, 1);
    for (size_t i = 0; i < r->samples.n; i++) {
        packed_add(&number, number_of(r, i));
        packed_add(&ns, r->data.timed ? ns_of(r, i) : 0);
    }
    fputs("]", to);
    key_write(to, "number");
    packed_write(&number, to);
    key_write(to, "ns");
    packed_write(&ns, to);
}

/* -- holders ------------------------------------------------------------------------------------
 */

static void grouping_write(FILE *to, const struct report *r, const struct report_grouping *g)
{
    fputs("{\"by\":", to);
    markup_json(to, report_by_word(g->by));
    key_write(to, "heading");
    markup_json(to, report_by_heading(g->by));
    fprintf(to, ",\"holders\":%zu,\"strip\":[", g->n);
    for (size_t i = 0; i < g->nstrip; i++) {
        const struct report_holder *h = &g->holders[g->strip[i]];
        const uint64_t *levels = report_levels_of(g, &r->samples, g->strip[i]);
        struct packed packed = {0};
        fprintf(to, "%s{\"row\":%u,\"name\":", i ? "," : "", g->strip[i]);
        markup_json(to, report_display(h));
        key_write(to, "full");
        markup_json(to, h->name);
        for (size_t s = 0; s < r->samples.n; s++)
            packed_add(&packed, levels[s]);
        key_write(to, "levels");
        packed_write(&packed, to);
        putc('}', to);
    }
    fputs("]}", to);
}

/* -- marks --------------------------------------------------------------------------------------
 */

struct marks {
    const struct report_data *d;
    uint32_t *order; /* marks that are shown, in the order in which they began */
    size_t n;
    uint32_t lanes[LANES]; /* their kinds */
    size_t nlanes;
};

static int by_length(const void *left, const void *right, void *user)
{
    const struct report_mark *marks = user;
    uint32_t i = *(const uint32_t *)left, j = *(const uint32_t *)right;
    uint64_t a = marks[i].to - marks[i].from, b = marks[j].to - marks[j].from;
    if (a != b)
        return a > b ? -1 : 1;
    return i < j ? -1 : i > j;
}

static int by_index(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a < b ? -1 : a > b;
}

/* Kinds in the order in which they lie in each other: by the least depth. */
static void lanes_choose(struct marks *m)
{
    static const uint32_t order[] = {2, 1, 6, 3, 4, 5};
    for (size_t k = 0; k < sizeof order / sizeof *order; k++) {
        bool found = false;
        for (size_t i = 0; i < m->d->nmarks && !found; i++)
            found = m->d->marks[i].kind == order[k];
        if (found && m->nlanes < LANES)
            m->lanes[m->nlanes++] = order[k];
    }
}

static size_t lane_of(const struct marks *m, uint32_t kind)
{
    for (size_t i = 0; i < m->nlanes; i++)
        if (m->lanes[i] == kind)
            return i;
    return LANES;
}

static void marks_choose(struct marks *m)
{
    m->order = memory_array(NULL, m->d->nmarks, sizeof *m->order);
    for (uint32_t i = 0; i < m->d->nmarks; i++)
        if (lane_of(m, m->d->marks[i].kind) < LANES)
            m->order[m->n++] = i;
    if (m->n > PAGE_MARKS) {
        qsort_r(m->order, m->n, sizeof *m->order, by_length, m->d->marks);
        m->n = PAGE_MARKS;
        qsort(m->order, m->n, sizeof *m->order, by_index);
    }
}

/* Names of the marks that are shown, each once; their numbers in `packed`. */
static void mark_names_write(FILE *to, const struct marks *m, struct packed *packed)
{
    struct report_keys names = {0};
    fputs(",\"names\":[", to);
    for (size_t i = 0; i < m->n; i++) {
        const struct report_mark *mark = &m->d->marks[m->order[i]];
        size_t before = names.n;
        packed_add(packed, report_keys_add(&names, mark->name));
        if (names.n == before)
            continue;
        if (before)
            putc(',', to);
        markup_json(to, report_mark_name(m->d, mark));
    }
    putc(']', to);
    report_keys_free(&names);
}

static void marks_write(FILE *to, struct page_data *data)
{
    struct marks m = {.d = &data->report->data};
    struct packed lane = {0}, name = {0}, from = {0}, to_number = {0}, ns = {0}, to_ns = {0};
    lanes_choose(&m);
    marks_choose(&m);
    data->marks_left_out = m.d->nmarks - m.n;
    fputs(",\"marks\":{\"lanes\":[", to);
    for (size_t i = 0; i < m.nlanes; i++)
        fprintf(to, "%s\"%s\"", i ? "," : "", report_mark_kind(m.lanes[i]));
    putc(']', to);
    mark_names_write(to, &m, &name);
    for (size_t i = 0; i < m.n; i++) {
        const struct report_mark *mark = &m.d->marks[m.order[i]];
        packed_add(&lane, lane_of(&m, mark->kind));
        packed_add(&from, mark->from);
        packed_add(&to_number, mark->to - mark->from);
        packed_add(&ns, page_ns(data->report, mark->from_ticks));
        packed_add(&to_ns,
                   page_ns(data->report, mark->to_ticks) - page_ns(data->report, mark->from_ticks));
    }
    static const char *const keys[] = {"lane", "name", "from", "events", "ns", "length"};
    struct packed *const all[] = {&lane, &name, &from, &to_number, &ns, &to_ns};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        key_write(to, keys[i]);
        packed_write(all[i], to);
    }
    fputs("}", to);
    free(m.order);
}

/* -- resident memory ------------------------------------------------------------------------------
 */

static void resident_write(FILE *to, const struct report *r)
{
    const struct trace_info *info = r->data.info;
    struct packed ns = {0}, number = {0}, resident = {0};
    size_t n = info ? info->nsamples : 0, step = n / RESIDENT_MOST + 1;
    for (size_t i = 0; i < n; i += step) {
        uint64_t most = 0; /* of those that are passed over, too */
        for (size_t j = i; j < i + step && j < n; j++)
            most = info->samples[j].resident > most ? info->samples[j].resident : most;
        packed_add(&ns, page_ns(r, info->samples[i].ticks));
        packed_add(&number, info->samples[i].number);
        packed_add(&resident, most);
    }
    fputs(",\"resident\":{\"ns\":", to);
    packed_write(&ns, to);
    key_write(to, "number");
    packed_write(&number, to);
    key_write(to, "bytes");
    packed_write(&resident, to);
    putc('}', to);
}

/* -- the icicle
 * ------------------------------------------------------------------------------------ */

static void functions_write(FILE *to, const struct report *r, const struct report_keys *functions)
{
    struct packed modules = {0};
    const struct report_frames *f = &r->frames;
    fputs(",\"functions\":[", to);
    for (size_t i = 0; i < functions->n; i++) {
        const struct report_function *function = &f->functions[functions->keys[i]];
        if (i)
            putc(',', to);
        markup_json(to, function->name);
        packed_add(&modules, function->module);
    }
    fputs("],\"modules\":[\"\"", to);
    const struct trace_info *info = r->data.info;
    for (size_t i = 0; info && i < info->nmodules; i++) {
        putc(',', to);
        markup_json(to, text_file_name(info->modules[i].path));
    }
    putc(']', to);
    key_write(to, "module");
    packed_write(&modules, to);
}

static void icicle_write(FILE *to, const struct report *r, const struct icicle *icicle)
{
    struct report_keys functions = {0};
    struct packed parent = {0}, function = {0}, weights[ICICLE_MEASURES] = {0};
    for (size_t i = 0; i < icicle->n; i++) {
        const struct icicle_node *node = &icicle->nodes[i];
        packed_add(&parent, i - node->parent);
        packed_add(&function, report_keys_add(&functions, node->function));
        for (size_t w = 0; w < ICICLE_MEASURES; w++)
            packed_add(&weights[w], i ? icicle->nodes[node->parent].weight[w] - node->weight[w]
                                      : node->weight[w]);
    }
    fprintf(to, ",\"icicle\":{\"n\":%zu", icicle->n);
    functions_write(to, r, &functions);
    key_write(to, "parent");
    packed_write(&parent, to);
    key_write(to, "function");
    packed_write(&function, to);
    fputs(",\"weights\":[", to);
    for (size_t w = 0; w < ICICLE_MEASURES; w++) {
        if (w)
            putc(',', to);
        packed_write(&weights[w], to);
    }
    fputs("]}", to);
    report_keys_free(&functions);
}

/* -- all of it ------------------------------------------------------------------------------------
 */

void page_data_write(FILE *to, struct page_data *data)
{
    const struct report *r = data->report;
    fprintf(to, "{\"peak\":%" PRIu64 ",\"event\":%" PRIu64 ",\"events\":%" PRIu64, r->data.peak,
            r->data.number[r->data.peak_change], r->data.events);
    if (r->data.info && r->data.info->foot.present && r->data.end.verified)
        fprintf(to, ",\"foot\":[%" PRIu64 ",%" PRIu64 "]", r->data.info->foot.peak,
                r->data.info->foot.peak_number);
    axes_write(to, r);
    fputs(",\"by\":[", to);
    for (size_t i = 0; i < r->ngroupings; i++) {
        if (i)
            putc(',', to);
        grouping_write(to, r, &r->groupings[i]);
    }
    putc(']', to);
    marks_write(to, data);
    resident_write(to, r);
    if (data->icicle)
        icicle_write(to, r, data->icicle);
    putc('}', to);
}
