/* tools/report/lines.c - see lines.h. */
#include "tools/report/lines.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MOST 110 /* bytes of a name in a line */

/* -- words ----------------------------------------------------------------------------------------
 */

const char *report_share(uint64_t part, uint64_t whole)
{
    double percent = whole ? 100.0 * (double)part / (double)whole : 0;
    return !part            ? "0%"
           : percent < 0.95 ? "<1%"
           : percent < 9.95 ? text_made("%.1f%%", percent)
                            : text_made("%.0f%%", percent);
}

const char *report_when(const struct report *r, uint32_t change)
{
    const struct report_data *d = &r->data;
    return d->timed ? text_made("%.6f s", report_seconds(d, d->ticks[change]))
                    : text_made("event %s", text_count(d->number[change]));
}

const char *report_where(const struct report *r, uint32_t change)
{
    static char text[400];
    uint32_t marks[6];
    size_t n = report_marks_at(r, change, marks, 6), length = 0;
    text[0] = '\0';
    for (size_t i = 0; i < n && length < sizeof text; i++) {
        const struct report_mark *mark = &r->data.marks[marks[i]];
        int more = snprintf(text + length, sizeof text - length, "%s%s %.60s", i ? ", " : "in ",
                            report_mark_kind(mark->kind), report_mark_name(&r->data, mark));
        length += more > 0 ? (size_t)more : 0;
    }
    return text;
}

static const char *name_of(const struct report *r, uint32_t holder)
{
    return r->groupings[0].holders[holder].name;
}

static void line_end(FILE *to, const char *name)
{
    text_plain(to, name, NAME_MOST);
    putc('\n', to);
}

/* -- the peak ---------------------------------------------------------------------------------- */

static void why_print(FILE *to, const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    const char *where = report_where(r, r->data.peak_change);
    size_t half = report_half(r);
    if (*where) {
        fputs("  ", to);
        line_end(to, where);
    }
    if (g->n < 2 || !r->data.peak)
        return;
    fprintf(to, "  %s of %s %s half of it\n", text_count(half),
            text_of(g->n, g->by == REPORT_BY_SIZE      ? "sizes of blocks"
                          : g->by == REPORT_BY_SITE    ? "call sites"
                          : g->by == REPORT_BY_CONTEXT ? "contexts"
                          : g->by == REPORT_BY_CLASS   ? "classes"
                          : g->by == REPORT_BY_TAG     ? "tags"
                                                       : "threads"),
            half == 1 ? "has" : "have");
}

static const char *bound_at(const struct report *r, uint32_t change)
{
    return change == r->data.peak_change ? "same moment" : report_when(r, change);
}

static void bill_row(FILE *to, const struct report *r, const struct report_holder *h)
{
    fprintf(to, "  %17s %5s %11s  %17s  %-13s ", text_count(h->peak.bytes),
            report_share(h->peak.bytes, r->data.peak), text_count(h->peak.blocks),
            text_count(h->without), bound_at(r, h->without_change));
    line_end(to, h->name);
}

static size_t rows_of(size_t n, size_t top)
{
    return top && top < n ? top : n;
}

/* Holders with bytes at the peak. */
static size_t holders_at_peak(const struct report_grouping *g)
{
    size_t n = 0;
    while (n < g->n && g->holders[n].peak.bytes)
        n++;
    return n;
}

static void bill_print(FILE *to, const struct report *r, size_t top)
{
    const struct report_grouping *g = &r->groupings[0];
    size_t n = holders_at_peak(g), shown = rows_of(n, top);
    struct report_amount rest = {0, 0};
    if (n)
        fprintf(to, "  %17s %5s %11s  %17s  %-13s %s\n", "bytes", "share", "blocks",
                "peak without it", "bound then at", report_by_heading(g->by));
    for (size_t i = 0; i < shown; i++)
        bill_row(to, r, &g->holders[i]);
    for (size_t i = shown; i < g->n; i++) {
        rest.bytes += g->holders[i].peak.bytes;
        rest.blocks += g->holders[i].peak.blocks;
    }
    if (shown < n)
        fprintf(to, "  %17s %5s %11s  %33s(%s more)\n", text_count(rest.bytes),
                report_share(rest.bytes, r->data.peak), text_count(rest.blocks), "",
                text_count(n - shown));
}

static void ladder_print(FILE *to, const struct report *r)
{
    size_t n = r->nladder < 3 ? r->nladder : 3;
    if (r->groupings[0].n < 2)
        return;
    for (size_t i = 0; i < n; i++) {
        fprintf(to, "%s %s (%s): without ", i ? "          then" : "lower it: to",
                text_bytes(r->ladder[i].most), bound_at(r, r->ladder[i].change));
        line_end(to, name_of(r, r->ladder[i].holder));
    }
}

static void grown_print(FILE *to, const struct report *r)
{
    uint32_t holders[3];
    size_t n = report_grown(r, holders, 3), shown = n < 3 ? n : 3;
    for (size_t i = 0; i < shown; i++) {
        const struct report_holder *h = &r->groupings[0].holders[holders[i]];
        fprintf(to,
                "%s by %s (rose in %u of 8 steps): ", i ? "     " : "grew:", text_bytes(h->grew),
                h->rises);
        line_end(to, h->name);
    }
    if (n > shown)
        fprintf(to, "      and %s more\n", text_of(n - shown, "holders"));
}

static void runs_print(FILE *to, const struct report *r)
{
    const struct report_runs *runs = &r->runs;
    if (!runs->n)
        return;
    const struct report_run *first = &runs->runs[0], *last = &runs->runs[runs->n - 1];
    fprintf(to, "%s: %s before the first, %s after the last",
            text_of(runs->n, runs->kind == 1 ? "runs" : "steps"), text_scaled(first->before),
            text_scaled(last->after));
    if (runs->pairs)
        fprintf(to, "; the level before rose %s of %s, by %s%s in the median",
                text_count(runs->rises), text_of(runs->pairs, "times"),
                runs->median_rise < 0 ? "-" : "",
                text_scaled(
                    (uint64_t)(runs->median_rise < 0 ? -runs->median_rise : runs->median_rise)));
    putc('\n', to);
}

void report_lines_peak(FILE *to, const struct report *r, size_t top)
{
    why_print(to, r);
    bill_print(to, r, top);
    ladder_print(to, r);
    grown_print(to, r);
    runs_print(to, r);
}

/* -- elsewhere ----------------------------------------------------------------------------------
 */

void report_lines_left(FILE *to, const struct report *r, size_t top)
{
    const struct report_grouping *g = &r->groupings[0];
    uint32_t *holders = memory_array(NULL, g->n, sizeof *holders);
    size_t n = report_leavers(r, holders, g->n), shown = rows_of(n, top);
    for (size_t i = 0; i < shown; i++) {
        const struct report_holder *h = &g->holders[holders[i]];
        fprintf(to, "  %17s %5s %11s  ", text_count(h->left.bytes),
                report_share(h->left.bytes, r->data.end.total), text_count(h->left.blocks));
        line_end(to, h->name);
    }
    if (shown < n)
        fprintf(to, "  %37s(%s more)\n", "", text_count(n - shown));
    free(holders);
    const char *hint = r->has_sites ? report_frames_hint(&r->frames) : NULL;
    if (hint)
        fprintf(to, "%s\n", hint);
}

static int by_bytes(const void *left, const void *right, void *user)
{
    const struct report_amount *amounts = user;
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    if (amounts[a].bytes != amounts[b].bytes)
        return amounts[a].bytes > amounts[b].bytes ? -1 : 1;
    return a < b ? -1 : a > b;
}

void report_lines_at(FILE *to, const struct report *r, uint32_t change, size_t top)
{
    const struct report_grouping *g = &r->groupings[0];
    struct report_amount *amounts = memory_array(NULL, g->n, sizeof *amounts), sum = {0, 0};
    uint32_t *order = memory_array(NULL, g->n, sizeof *order);
    size_t n = 0;
    report_grouping_at(g, &r->data, change, amounts);
    for (uint32_t i = 0; i < g->n; i++) {
        sum.bytes += amounts[i].bytes;
        sum.blocks += amounts[i].blocks;
        if (amounts[i].bytes || amounts[i].blocks)
            order[n++] = i;
    }
    qsort_r(order, n, sizeof *order, by_bytes, amounts);
    fprintf(to, "after event %s, %s: %s in %s %s\n", text_count(r->data.number[change]),
            report_when(r, change), text_bytes(sum.bytes), text_of(sum.blocks, "blocks"),
            report_where(r, change));
    size_t shown = rows_of(n, top);
    for (size_t i = 0; i < shown; i++) {
        fprintf(to, "  %17s %5s %11s  ", text_count(amounts[order[i]].bytes),
                report_share(amounts[order[i]].bytes, sum.bytes),
                text_count(amounts[order[i]].blocks));
        line_end(to, g->holders[order[i]].name);
    }
    if (shown < n)
        fprintf(to, "  %37s(%s more)\n", "", text_count(n - shown));
    free(amounts);
    free(order);
}

void report_lines_runs(FILE *to, const struct report *r)
{
    fprintf(to, "  %5s %15s %15s %15s %15s %15s  %s\n", "run", "before", "peak", "after", "born",
            "kept", "name");
    for (size_t i = 0; i < r->runs.n; i++) {
        const struct report_run *run = &r->runs.runs[i];
        fprintf(to, "  %5zu %15s %15s %15s %15s %15s  ", i + 1, text_count(run->before),
                text_count(run->peak), text_count(run->after), text_count(run->born),
                text_count(run->kept.bytes));
        line_end(to, report_mark_name(&r->data, &r->data.marks[run->mark]));
    }
}

static const char *signed_count(int64_t value)
{
    return value < 0 ? text_made("-%s", text_count(0 - (uint64_t)value))
                     : text_made("+%s", text_count((uint64_t)value));
}

void report_lines_against(FILE *to, const struct report_against *a, size_t top)
{
    size_t shown = 0;
    fprintf(to, "against ");
    text_plain(to, a->there->data.path, NAME_MOST);
    fprintf(to, ": peak %s here, %s there: %s bytes\n", text_bytes(a->here->data.peak),
            text_bytes(a->there->data.peak),
            signed_count((int64_t)(a->here->data.peak - a->there->data.peak)));
    fprintf(to, "  %17s %17s %17s  %s\n", "change", "here", "there",
            report_by_heading(a->here->groupings[0].by));
    for (; shown < rows_of(a->n, top) && report_against_change(&a->rows[shown]); shown++) {
        const struct report_against_row *row = &a->rows[shown];
        fprintf(to, "  %17s %17s %17s  ", signed_count(report_against_change(row)),
                text_count(row->peak[0].bytes), text_count(row->peak[1].bytes));
        line_end(to, row->name);
    }
    fprintf(to, "  live at the end: %s here, %s there; %s new, %s gone\n",
            text_scaled(a->here->data.end.total), text_scaled(a->there->data.end.total),
            text_count(a->fresh), text_count(a->gone));
}

/* -- JSON -------------------------------------------------------------------------------------- */

static void moment_json(struct json *j, const struct report *r, uint32_t change)
{
    json_count(j, "event", r->data.number[change]);
    json_real(j, "seconds", report_seconds(&r->data, r->data.ticks[change]));
}

static void holder_json(struct json *j, const struct report *r, const struct report_holder *h)
{
    json_line(j);
    json_object(j, NULL);
    json_text(j, "name", h->name);
    json_text(j, "module", h->module);
    json_count(j, "bytes", h->peak.bytes);
    json_count(j, "blocks", h->peak.blocks);
    json_count(j, "rounding", h->rounding);
    json_count(j, "without", h->without);
    json_object(j, "bound");
    moment_json(j, r, h->without_change);
    json_end(j);
    json_count(j, "most", h->most);
    json_count(j, "left", h->left.bytes);
    json_count(j, "left_blocks", h->left.blocks);
    json_count(j, "made", h->made.bytes);
    json_count(j, "made_blocks", h->made.blocks);
    json_count(j, "temporary", h->temporary.blocks);
    json_count(j, "grew", h->grew);
    json_array(j, "floor");
    for (size_t i = 0; i < REPORT_TENTHS; i++)
        json_count(j, NULL, h->floor[i] == UINT64_MAX ? 0 : h->floor[i]);
    json_end(j);
    json_end(j);
}

static void ladder_json(struct json *j, const struct report *r)
{
    json_array(j, "ladder");
    for (size_t i = 0; i < r->nladder; i++) {
        json_object(j, NULL);
        json_text(j, "without", name_of(r, r->ladder[i].holder));
        json_count(j, "bytes", r->ladder[i].most);
        moment_json(j, r, r->ladder[i].change);
        json_end(j);
    }
    json_end(j);
}

static void runs_json(struct json *j, const struct report *r)
{
    json_array(j, "runs");
    for (size_t i = 0; i < r->runs.n; i++) {
        const struct report_run *run = &r->runs.runs[i];
        json_line(j);
        json_object(j, NULL);
        json_text(j, "name", report_mark_name(&r->data, &r->data.marks[run->mark]));
        json_count(j, "before", run->before);
        json_count(j, "peak", run->peak);
        json_count(j, "after", run->after);
        json_count(j, "born", run->born);
        json_count(j, "kept", run->kept.bytes);
        json_end(j);
    }
    json_end(j);
}

void report_json(struct json *j, const struct report *r, size_t top)
{
    const struct report_grouping *g = &r->groupings[0];
    size_t shown = rows_of(g->n, top);
    json_text(j, "by", report_by_word(g->by));
    json_count(j, "nholders", g->n);
    json_array(j, "holders");
    for (size_t i = 0; i < shown; i++)
        holder_json(j, r, &g->holders[i]);
    json_end(j);
    ladder_json(j, r);
    runs_json(j, r);
    json_count(j, "temporary", r->data.temporary);
}

void report_json_against(struct json *j, const struct report_against *a, size_t top)
{
    json_object(j, "against");
    json_text(j, "path", a->there->data.path);
    json_count(j, "peak", a->there->data.peak);
    json_count(j, "left", a->there->data.end.total);
    json_array(j, "changes");
    for (size_t i = 0; i < rows_of(a->n, top) && report_against_change(&a->rows[i]); i++) {
        json_object(j, NULL);
        json_text(j, "name", a->rows[i].name);
        json_signed(j, "change", report_against_change(&a->rows[i]));
        json_count(j, "here", a->rows[i].peak[0].bytes);
        json_count(j, "there", a->rows[i].peak[1].bytes);
        json_end(j);
    }
    json_end(j);
    json_end(j);
}
