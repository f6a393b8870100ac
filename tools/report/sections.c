/* tools/report/sections.c - see sections.h. */
#include "tools/report/sections.h"
#include "tools/common/markup.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/report/bill.h"
#include "tools/report/strip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define STAYED_ROWS   15
#define RUN_BARS      120
#define RUN_ROWS      200
#define TREE_LINES    120
#define EVENTS_BEFORE 40
#define EVENTS_AFTER  20
#define AGAINST_ROWS  25

static void cell_name(FILE *to, const struct report_holder *h)
{
    fputs("<td class=\"name\" title=\"", to);
    markup_text(to, h->name);
    fputs("\">", to);
    markup_name(to, report_display(h));
    if (*h->module) {
        fputs(" <span class=\"dim\">", to);
        markup_text(to, h->module);
        fputs("</span>", to);
    }
    fputs("</td>", to);
}

static void cell_bytes(FILE *to, uint64_t bytes)
{
    fputs("<td class=\"n\">", to);
    if (bytes)
        markup_bytes(to, bytes);
    else
        fputs("\xe2\x80\x93", to);
    fputs("</td>", to);
}

static void cell_count(FILE *to, uint64_t count)
{
    fprintf(to, "<td class=\"n\">%s</td>", count ? markup_count(count) : "\xe2\x80\x93");
}

/* -- who called for it
 * -------------------------------------------------------------------------------- */

/* Where the tree branches, and where it ends: a line each. */
static void tree_write(FILE *to, const struct report *r, const struct icicle *icicle)
{
    unsigned lines = 0;
    uint64_t least = r->data.peak / 50;
    uint32_t *parents = memory_zeroed(icicle->n, sizeof *parents); /* children that are shown */
    unsigned *depths = memory_zeroed(icicle->n, sizeof *depths);
    for (size_t i = 1; i < icicle->n; i++)
        if (icicle->nodes[i].weight[ICICLE_PEAK] >= least && icicle->nodes[i].weight[ICICLE_PEAK])
            parents[icicle->nodes[i].parent]++;
    /* A child's index is above its parent's, but children of others lie between: by walking from
     * each shown node down. */
    uint32_t *stack = memory_array(NULL, icicle->n, sizeof *stack);
    size_t n = 0;
    stack[n++] = 0;
    fputs("<pre class=\"tree\">", to);
    while (n && lines < TREE_LINES) {
        uint32_t node = stack[--n];
        const struct icicle_node *at = &icicle->nodes[node];
        bool shown = node && parents[node] != 1;
        if (shown) {
            fprintf(to, "%10s  %*s", markup_size(at->weight[ICICLE_PEAK]), (int)(2 * depths[node]),
                    "");
            markup_text(to, r->frames.functions[at->function].name);
            putc('\n', to);
            lines++;
        }
        for (size_t child = icicle->n; child-- > node + 1;)
            if (icicle->nodes[child].parent == node && icicle->nodes[child].weight[ICICLE_PEAK] &&
                icicle->nodes[child].weight[ICICLE_PEAK] >= least) {
                depths[child] = depths[node] + shown;
                stack[n++] = (uint32_t)child;
            }
    }
    fputs("</pre>", to);
    free(parents);
    free(depths);
    free(stack);
}

void section_callers(FILE *to, const struct report *r, const struct icicle *icicle)
{
    fputs("<section id=\"callers\"><h2>Who called for it</h2>\n<div class=\"controls\" "
          "id=\"iccontrols\" "
          "hidden><span class=\"set\" role=\"group\" aria-label=\"width is\">width is "
          "<button data-measure=\"0\" aria-pressed=\"true\">at the peak</button>"
          "<button data-measure=\"1\" aria-pressed=\"false\">left</button>"
          "<button data-measure=\"2\" aria-pressed=\"false\">bytes in all</button>"
          "<button data-measure=\"3\" aria-pressed=\"false\">blocks in all</button></span>\n"
          "<input id=\"find\" type=\"search\" placeholder=\"find a function\" "
          "aria-label=\"find a function\"><span id=\"path\"></span></div>\n"
          "<p id=\"modules\" class=\"modules\" hidden></p>\n"
          "<canvas id=\"icicle\" tabindex=\"0\" role=\"img\" hidden aria-label=\"Functions on the "
          "way to "
          "the allocations, root above. Arrow keys move, Enter zooms in, Escape out.\"></canvas>\n"
          "<p id=\"frame\" class=\"note\" aria-live=\"polite\"></p>\n"
          "<details id=\"tree\"><summary>As a list: where at least 2 % of the peak branches "
          "off</summary>\n",
          to);
    tree_write(to, r, icicle);
    fputs("</details></section>\n", to);
}

/* -- what stayed, what was left
 * ------------------------------------------------------------------------ */

static const char *verdict(const struct report_holder *h, const struct report *r)
{
    if (h->grew)
        return NULL;
    if (h->left.bytes && h->last_born != 0 && h->most && h->floor[1] != UINT64_MAX &&
        h->floor[1] >= h->left.bytes - h->left.bytes / 10)
        return "there from the start";
    (void)r;
    return h->left.bytes ? "left" : "freed";
}

static void stayed_row(FILE *to, const struct report *r, const struct report_holder *h)
{
    fputs("<tr>", to);
    cell_name(to, h);
    cell_bytes(to, h->left.bytes);
    cell_count(to, h->left.blocks);
    fprintf(
        to, "<td class=\"n\">%s</td><td class=\"wide\">",
        markup_share(h->left.bytes, h->made.bytes > h->left.bytes ? h->made.bytes : h->left.bytes));
    strip_floors_write(to, h);
    fputs("</td><td>", to);
    if (h->grew && report_is_worth(r, h->grew))
        fprintf(to,
                "<strong class=\"bad\">grew by %s</strong> <span class=\"dim\">in %u of 8 "
                "steps</span>",
                markup_size(h->grew), h->rises);
    else if (h->grew)
        fprintf(to, "grew by %s <span class=\"dim\">in %u of 8 steps</span>", markup_size(h->grew),
                h->rises);
    else
        fputs(verdict(h, r), to);
    fputs("</td></tr>\n", to);
}

/* Holders that grew come first, then those that left most. */
void section_stayed(FILE *to, const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    uint32_t grown[STAYED_ROWS], left[STAYED_ROWS];
    size_t ngrown = report_grown(r, grown, STAYED_ROWS),
           nleft = report_leavers(r, left, STAYED_ROWS);
    size_t shown = 0;
    fprintf(to, "<section id=\"stayed\"><h2>What stayed, and what was left: %s</h2>\n",
            markup_size(r->data.end.total));
    if (!ngrown && !nleft) {
        fputs("<p class=\"note\">Nothing grew, and nothing was left.</p></section>\n", to);
        return;
    }
    fprintf(to,
            "<p class=\"note\">A holder that grows is one whose floor, the least it held %s, keeps "
            "rising; it may still free everything at exit. Left is what was live when the "
            "recording ended.</p>\n<div class=\"scroll\"><table><thead><tr><th>%s</th>"
            "<th class=\"n\">left</th><th class=\"n\">blocks</th><th class=\"n\">of all it "
            "allocated</th><th class=\"wide\">floor in each tenth</th><th>so</th></tr></thead>"
            "<tbody>\n",
            r->floors.npoints ? "before the runs of each tenth"
                              : "in each tenth of the time since its first block",
            report_by_heading(g->by));
    for (size_t i = 0; i < ngrown && i < STAYED_ROWS; i++, shown++)
        stayed_row(to, r, &g->holders[grown[i]]);
    for (size_t i = 0; i < nleft && i < STAYED_ROWS && shown < STAYED_ROWS; i++)
        if (!g->holders[left[i]].grew) {
            stayed_row(to, r, &g->holders[left[i]]);
            shown++;
        }
    fputs("</tbody></table></div></section>\n", to);
}

/* -- run by run
 * ------------------------------------------------------------------------------------------ */

struct scale {
    uint64_t least, most;
};

static unsigned height(const struct scale *s, uint64_t bytes)
{
    return s->most > s->least
               ? (unsigned)((unsigned __int128)(bytes - s->least) * 140 / (s->most - s->least))
               : 0;
}

static void runs_picture(FILE *to, const struct report *r)
{
    const struct report_runs *runs = &r->runs;
    size_t n = runs->n < RUN_BARS ? runs->n : RUN_BARS, wide = n < 30 ? 24 : 8;
    struct scale s = {UINT64_MAX, 0};
    for (size_t i = 0; i < n; i++) {
        s.least = runs->runs[i].before < s.least ? runs->runs[i].before : s.least;
        s.most = runs->runs[i].peak > s.most ? runs->runs[i].peak : s.most;
    }
    s.least = s.least > (s.most - s.least) / 4 ? s.least - (s.most - s.least) / 10 : 0;
    fprintf(
        to,
        "<svg class=\"runs\" viewBox=\"0 0 %zu 150\" preserveAspectRatio=\"none\" role=\"img\" "
        "aria-label=\"Each run from the level before it to its peak\"><path class=\"bars\" d=\"",
        n * wide);
    for (size_t i = 0; i < n; i++) {
        unsigned low = height(&s, runs->runs[i].before), high = height(&s, runs->runs[i].peak);
        fprintf(to, "M%zu %uV%uh%zuV%uz", i * wide + wide / 6, 145 - low, 145 - high - 1,
                wide - wide / 3, 145 - low);
    }
    fputs("\"/><path class=\"line\" d=\"", to);
    for (size_t i = 0; i < n; i++)
        fprintf(to, "%c%zu %u", i ? 'L' : 'M', i * wide + wide / 2,
                145 - height(&s, runs->runs[i].after > s.least ? runs->runs[i].after : s.least));
    fprintf(to, "\"/></svg><p class=\"note\">The axis begins at %s, and ends at %s.%s</p>\n",
            markup_size(s.least), markup_size(s.most),
            n < runs->n ? " Only the first runs are drawn." : "");
}

static void run_row(FILE *to, const struct report *r, size_t i)
{
    const struct report_run *run = &r->runs.runs[i];
    fprintf(to, "<tr><td class=\"n\">%zu</td><td>", i + 1);
    markup_text(to, report_mark_name(&r->data, &r->data.marks[run->mark]));
    fputs("</td>", to);
    cell_bytes(to, run->before);
    cell_bytes(to, run->peak);
    cell_bytes(to, run->after);
    cell_bytes(to, run->born);
    cell_bytes(to, run->kept.bytes);
    cell_count(to, run->kept.blocks);
    fputs("</tr>\n", to);
}

void section_runs(FILE *to, const struct report *r)
{
    size_t n = r->runs.n;
    if (!n)
        return;
    fputs(
        "<section id=\"runs\"><h2>Run by run</h2>\n<p class=\"note\">Each bar stands on the level "
        "before the run and reaches the run's peak; the line joins the levels after each run. What "
        "a run leaves behind that the next one still holds is growth.</p>\n",
        to);
    runs_picture(to, r);
    fputs(
        "<details><summary>As a table</summary><div class=\"scroll\"><table><thead><tr>"
        "<th class=\"n\">#</th><th>run</th><th class=\"n\">before</th><th class=\"n\">peak</th>"
        "<th class=\"n\">after</th><th class=\"n\">allocated in it</th><th class=\"n\">kept beyond "
        "the next</th><th class=\"n\">blocks</th></tr></thead><tbody>\n",
        to);
    for (size_t i = 0; i < n && i < RUN_ROWS; i++)
        run_row(to, r, i);
    if (n > RUN_ROWS)
        fprintf(
            to,
            "<tr class=\"rest\"><td></td><td colspan=\"7\">%s; weir trace --runs has all</td></tr>",
            markup_of(n - RUN_ROWS, "more runs"));
    fputs("</tbody></table></div></details></section>\n", to);
}

/* -- sizes, threads, temporary
 * ---------------------------------------------------------------------------- */

struct bucket {
    uint64_t bytes, blocks, rounding, made;
};

static unsigned bucket_of(uint64_t bytes)
{
    unsigned i = 0;
    while (i < 57 && UINT64_C(64) << i < bytes)
        i++;
    return i;
}

static void sizes_write(FILE *to, const struct report *r)
{
    const struct report_data *d = &r->data;
    struct bucket buckets[58] = {{0}};
    for (size_t i = 0; i < d->nsegments; i++) {
        const struct report_segment *s = &d->segments[i];
        if (s->stack >= REPORT_REFUSED)
            continue;
        struct bucket *b = &buckets[bucket_of(s->bytes)];
        b->made += !s->resized;
        if (!report_lives(s, d->peak_change))
            continue;
        b->bytes += s->bytes;
        b->rounding += s->rounding;
        b->blocks++;
    }
    fputs(
        "<div><h3>By size of block</h3><table><thead><tr><th>size</th><th class=\"n\">at the peak"
        "</th><th class=\"n\">rounding</th><th class=\"n\">blocks made</th></tr></thead><tbody>\n",
        to);
    for (unsigned i = 0; i < 58; i++) {
        const struct bucket *b = &buckets[i];
        if (!b->made && !b->blocks)
            continue;
        fprintf(to, "<tr><td>\xe2\x89\xa4 %s</td>", text_size((double)(UINT64_C(64) << i)));
        cell_bytes(to, b->bytes);
        fprintf(to, "<td class=\"n\">%s</td>",
                b->bytes ? markup_share(b->rounding, b->bytes) : "\xe2\x80\x93");
        cell_count(to, b->made);
        fputs("</tr>\n", to);
    }
    fputs("</tbody></table></div>\n", to);
}

struct thread {
    uint64_t peak, made, blocks, elsewhere;
};

static void threads_write(FILE *to, const struct report *r)
{
    const struct report_data *d = &r->data;
    struct report_keys keys = {0};
    struct thread *threads = NULL;
    for (size_t i = 0; i < d->nsegments; i++) {
        const struct report_segment *s = &d->segments[i];
        if (s->stack >= REPORT_REFUSED)
            continue;
        size_t before = keys.n;
        uint32_t at = report_keys_add(&keys, s->thread);
        if (!threads || keys.n > before) {
            threads = memory_grow(threads, at, sizeof *threads);
            threads[at] = (struct thread){0};
        }
        struct thread *t = &threads[at];
        t->peak += report_lives(s, d->peak_change) ? s->bytes : 0;
        t->made += s->resized ? 0 : s->bytes;
        t->blocks += !s->resized;
        t->elsewhere += s->died != REPORT_NONE && d->begun[s->died] == REPORT_NONE &&
                        d->thread[s->died] != s->thread;
    }
    fputs("<div><h3>By thread</h3><table><thead><tr><th>thread</th><th class=\"n\">at the peak</th>"
          "<th class=\"n\">bytes made</th><th class=\"n\">blocks made</th><th class=\"n\">freed by "
          "others</th></tr></thead><tbody>\n",
          to);
    for (uint32_t i = 0; i < keys.n && i < 20; i++) {
        fputs("<tr><td>", to);
        markup_text(to, keys.keys[i] ? report_thread_name(d, (uint32_t)keys.keys[i])
                                     : "before the recording");
        fputs("</td>", to);
        cell_bytes(to, threads[i].peak);
        cell_bytes(to, threads[i].made);
        cell_count(to, threads[i].blocks);
        cell_count(to, threads[i].elsewhere);
        fputs("</tr>\n", to);
    }
    if (keys.n > 20)
        fprintf(to, "<tr class=\"rest\"><td colspan=\"5\">and %s</td></tr>\n",
                markup_of(keys.n - 20, "more threads"));
    fputs("</tbody></table></div>\n", to);
    report_keys_free(&keys);
    free(threads);
}

static int by_temporary(const void *left, const void *right, void *user)
{
    const struct report_holder *holders = user;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (holders[a].temporary.blocks != holders[b].temporary.blocks)
        return holders[a].temporary.blocks > holders[b].temporary.blocks ? -1 : 1;
    return a < b ? -1 : a > b;
}

static void temporary_write(FILE *to, const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    uint32_t *order = memory_array(NULL, g->n, sizeof *order);
    for (uint32_t i = 0; i < g->n; i++)
        order[i] = i;
    qsort_r(order, g->n, sizeof *order, by_temporary, g->holders);
    fprintf(to,
            "<div><h3>Temporary</h3><p class=\"note\">%s of %s (%s) were freed by the very next "
            "thing their thread did.</p>",
            markup_count(r->data.temporary), markup_of(r->data.end.allocations, "blocks"),
            markup_share(r->data.temporary, r->data.end.allocations));
    if (r->data.temporary)
        fprintf(to,
                "<table><thead><tr><th>%s</th><th class=\"n\">blocks</th><th class=\"n\">bytes</th>"
                "</tr></thead><tbody>\n",
                report_by_heading(g->by));
    for (size_t i = 0; i < g->n && i < 10 && g->holders[order[i]].temporary.blocks; i++) {
        const struct report_holder *h = &g->holders[order[i]];
        fputs("<tr>", to);
        cell_name(to, h);
        cell_count(to, h->temporary.blocks);
        cell_bytes(to, h->temporary.bytes);
        fputs("</tr>\n", to);
    }
    if (r->data.temporary)
        fputs("</tbody></table>", to);
    fputs("</div>\n", to);
    free(order);
}

void section_kinds(FILE *to, const struct report *r)
{
    fputs("<section><h2>Sizes, threads, temporary blocks</h2><div class=\"three\">\n", to);
    sizes_write(to, r);
    threads_write(to, r);
    temporary_write(to, r);
    fputs("</div></section>\n", to);
}

/* -- event by event
 * ----------------------------------------------------------------------------------------- */

static void event_row(FILE *to, const struct report *r, uint32_t change)
{
    const struct report_data *d = &r->data;
    const struct report_grouping *g = &r->groupings[0];
    uint32_t ended = d->ended[change], begun = d->begun[change];
    uint32_t segment = begun != REPORT_NONE ? begun : ended;
    uint64_t was = ended != REPORT_NONE ? d->segments[ended].bytes : 0;
    uint64_t is = begun != REPORT_NONE ? d->segments[begun].bytes : 0;
    fprintf(
        to,
        "<tr%s><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">%u</td><td>%s</td>",
        change == d->peak_change ? " class=\"peak\"" : "", markup_count(d->number[change]),
        d->timed ? markup_seconds(report_seconds(d, d->ticks[change])) : "", d->thread[change],
        segment == REPORT_NONE ? "start"
        : ended == REPORT_NONE ? "allocate"
        : begun == REPORT_NONE ? "free"
                               : "resize");
    fprintf(to, "<td class=\"n\">%s%s</td><td class=\"n\">%s</td>",
            is >= was ? "+" : "\xe2\x88\x92", markup_count(is >= was ? is - was : was - is),
            markup_count(d->total[change]));
    if (segment != REPORT_NONE)
        cell_name(to, &g->holders[g->of[segment]]);
    else
        fputs("<td></td>", to);
    fputs("</tr>\n", to);
}

void section_events(FILE *to, const struct report *r)
{
    size_t peak = r->data.peak_change, from = peak > EVENTS_BEFORE ? peak - EVENTS_BEFORE : 0;
    size_t end =
        peak + EVENTS_AFTER + 1 < r->data.nchanges ? peak + EVENTS_AFTER + 1 : r->data.nchanges;
    fprintf(to,
            "<section><h2>Event by event</h2><details><summary>The %zu events up to the peak, and "
            "%zu behind it</summary><div class=\"scroll\"><table class=\"events\"><thead><tr>"
            "<th class=\"n\">event</th><th class=\"n\">at</th><th class=\"n\">thread</th><th>what"
            "</th><th class=\"n\">bytes</th><th class=\"n\">total</th><th>%s</th></tr></thead>"
            "<tbody>\n",
            peak + 1 - from, end - peak - 1, report_by_heading(r->groupings[0].by));
    for (size_t i = from; i < end; i++)
        event_row(to, r, (uint32_t)i);
    fputs("</tbody></table></div></details></section>\n", to);
}

/* -- against
 * -------------------------------------------------------------------------------------------------
 */

static const char *signed_size(int64_t value)
{
    return value < 0 ? text_made("\xe2\x88\x92%s", markup_size(0 - (uint64_t)value))
                     : text_made("+%s", markup_size((uint64_t)value));
}

static void against_row(FILE *to, const struct report_against_row *row, double scale)
{
    int64_t change = report_against_change(row);
    double wide = (double)(change < 0 ? -change : change) * scale;
    fputs("<tr><td class=\"name\" title=\"", to);
    markup_text(to, row->name);
    fputs("\">", to);
    markup_name(to, row->display);
    fputs(!row->present[1]   ? " <span class=\"dim\">new</span></td>"
          : !row->present[0] ? " <span class=\"dim\">gone</span></td>"
                             : "</td>",
          to);
    cell_bytes(to, row->peak[0].bytes);
    cell_bytes(to, row->peak[1].bytes);
    fprintf(to,
            "<td class=\"n\">%s</td><td class=\"wide\"><span class=\"both\"><i class=\"%s\" "
            "style=\"width:%.2f%%\"></i></span></td>",
            signed_size(change), change < 0 ? "less" : "more", wide);
    cell_bytes(to, row->left[0].bytes);
    cell_bytes(to, row->left[1].bytes);
    fputs("</tr>\n", to);
}

void section_against(FILE *to, const struct report_against *a)
{
    int64_t most = a->n ? report_against_change(&a->rows[0]) : 0;
    double scale = most ? 50.0 / (double)(most < 0 ? -most : most) : 0;
    fputs("<section id=\"against\"><h2>Against another recording</h2>\n<p>This one's peak is <b>",
          to);
    markup_bytes(to, a->here->data.peak);
    fputs("</b>, that of ", to);
    markup_name(to, text_file_name(a->there->data.path));
    fputs(" <b>", to);
    markup_bytes(to, a->there->data.peak);
    fprintf(to, "</b>: %s. %s new, %s gone.</p>\n",
            signed_size((int64_t)(a->here->data.peak - a->there->data.peak)),
            markup_of(a->fresh, "holders"), markup_of(a->gone, "holders"));
    fprintf(to,
            "<div class=\"scroll\"><table><thead><tr><th>%s</th><th class=\"n\">here</th>"
            "<th class=\"n\">there</th><th class=\"n\">change</th><th class=\"wide\">less \xc2\xb7 "
            "more</th><th class=\"n\">left here</th><th class=\"n\">left there</th></tr></thead>"
            "<tbody>\n",
            report_by_heading(a->here->groupings[0].by));
    size_t shown = 0;
    for (; shown < a->n && shown < AGAINST_ROWS; shown++)
        against_row(to, &a->rows[shown], scale);
    if (shown < a->n)
        fprintf(to, "<tr class=\"rest\"><td colspan=\"7\">%s</td></tr>",
                markup_of(a->n - shown, "more holders"));
    fputs("</tbody></table></div></section>\n", to);
}
