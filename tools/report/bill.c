/* tools/report/bill.c - see bill.h. */
#include "tools/report/bill.h"
#include "tools/common/markup.h"
#include "tools/common/text.h"
#include "tools/report/lines.h"
#include "tools/report/strip.h"

#include <inttypes.h>

#define FRAMES_SHOWN 40 /* of a stack */
#define OTHER_ROWS   15 /* of the bills by other things */

const char *bill_when(const struct report *r, uint32_t change)
{
    const struct report_data *d = &r->data;
    return d->timed ? markup_seconds(report_seconds(d, d->ticks[change]))
                    : text_made("event %s", markup_count(d->number[change]));
}

void bill_bound_write(FILE *to, const struct report *r, uint32_t change)
{
    if (change == r->data.peak_change) {
        fputs("<span class=\"dim firm\">same moment</span>", to);
        return;
    }
    const char *where = report_where(r, change);
    fputs(change <= report_event_end(&r->data, 0) ? "the start" : bill_when(r, change), to);
    if (!*where)
        return;
    fputs(" <span class=\"dim\">", to);
    markup_text(to, where);
    fputs("</span>", to);
}

/* -- a holder, opened
 * -------------------------------------------------------------------------------- */

static void stack_write(FILE *to, const struct report *r, uint32_t stack)
{
    const struct trace_info *info = r->data.info;
    if (!r->has_sites || !stack || stack >= info->nstacks)
        return;
    fputs("<ol class=\"stack\">", to);
    unsigned shown = 0;
    for (uint32_t node = stack; node && shown < FRAMES_SHOWN; node = info->stacks[node].parent) {
        uint32_t function = r->frames.of[node];
        const struct report_function *f = &r->frames.functions[function];
        fprintf(to, "<li%s title=\"", f->allocator ? " class=\"dim\"" : "");
        markup_text(to, f->full ? f->full : f->name);
        fputs("\">", to);
        markup_name(to, f->name);
        fputs(" <span class=\"dim\">", to);
        markup_text(to, report_frames_module(&r->frames, function));
        fputs("</span></li>", to);
        shown++;
    }
    fputs("</ol>", to);
}

static void facts_write(FILE *to, const struct report *r, const struct report_holder *h)
{
    const struct report_data *d = &r->data;
    fprintf(to, "<p>Exactly %s bytes at the peak, %s at most.", markup_count(h->peak.bytes),
            markup_count(h->most));
    if (h->rounding)
        fprintf(to, " Rounding adds %s.", markup_size(h->rounding));
    if (h->largest_segment != REPORT_NONE) {
        const struct report_segment *s = &d->segments[h->largest_segment];
        fprintf(to, " The largest block has %s, born %s", markup_size(h->largest),
                s->thread ? bill_when(r, s->born) : "before the recording");
        if (s->died != REPORT_NONE)
            fprintf(to, ", freed %s.", bill_when(r, s->died));
        else
            fputs(", never freed.", to);
    }
    fprintf(to, " In all %s in %s were allocated", markup_size(h->made.bytes),
            markup_of(h->made.blocks, "blocks"));
    fprintf(to, h->left.blocks ? "; %s in %s left.</p>" : "; nothing left.</p>",
            markup_size(h->left.bytes), markup_of(h->left.blocks, "blocks"));
    if (h->largest_segment != REPORT_NONE)
        stack_write(to, r, d->segments[h->largest_segment].stack);
}

static void name_write(FILE *to, const struct report_holder *h)
{
    markup_name(to, report_display(h));
    if (*h->module) {
        fputs(" <span class=\"dim\">", to);
        markup_text(to, h->module);
        fputs("</span>", to);
    }
}

/* -- rows
 * --------------------------------------------------------------------------------------------- */

/* The part that lowers the peak is solid; for the rest another moment binds. */
static void bar_write(FILE *to, const struct report *r, const struct report_holder *h)
{
    double scale = r->groupings[0].holders[0].peak.bytes
                       ? 100.0 / (double)r->groupings[0].holders[0].peak.bytes
                       : 0;
    uint64_t lowers = r->data.peak - h->without;
    fprintf(to,
            "<span class=\"bar\" title=\"without it the peak is %s bytes lower\">"
            "<i style=\"width:%.2f%%\"></i><b style=\"width:%.2f%%\"></b></span>",
            markup_count(lowers), (double)lowers * scale, (double)(h->peak.bytes - lowers) * scale);
}

static void row_write(FILE *to, const struct report *r, uint32_t i)
{
    const struct report_holder *h = &r->groupings[0].holders[i];
    fprintf(to, "<tr data-bytes=\"%" PRIu64 "\"><td class=\"n rank\">%u</td><td class=\"name\">",
            h->peak.bytes, i + 1);
    fprintf(to, "<details><summary><i class=\"sw c%u\"></i>", strip_color(r, i));
    name_write(to, h);
    fputs("</summary><div class=\"facts\">", to);
    if (h->brief) {
        fputs("<p>", to);
        markup_name(to, h->name);
        fputs("</p>", to);
    }
    facts_write(to, r, h);
    fputs("</div></details></td><td class=\"n\">", to);
    markup_bytes(to, h->peak.bytes);
    fprintf(to, "</td><td class=\"n\">%s</td><td class=\"wide\">",
            markup_share(h->peak.bytes, r->data.peak));
    bar_write(to, r, h);
    fprintf(to, "</td><td class=\"n\">%s</td><td class=\"n\">", markup_count(h->peak.blocks));
    markup_bytes(to, h->without);
    fputs("</td><td>", to);
    bill_bound_write(to, r, h->without_change);
    fputs("</td><td class=\"wide\">", to);
    strip_small_write(to, r, i);
    fputs("</td></tr>\n", to);
}

static void rest_write(FILE *to, const struct report *r, size_t shown)
{
    const struct report_grouping *g = &r->groupings[0];
    struct report_amount rest = {0, 0};
    size_t n = 0;
    for (size_t i = shown; i < g->n; i++) {
        rest.bytes += g->holders[i].peak.bytes;
        rest.blocks += g->holders[i].peak.blocks;
        n += g->holders[i].peak.bytes > 0;
    }
    if (n)
        fprintf(to,
                "<tr class=\"rest\" data-bytes=\"%" PRIu64 "\"><td></td><td>%s</td>"
                "<td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"wide\"></td>"
                "<td class=\"n\">%s</td><td></td><td></td><td class=\"wide\"></td></tr>\n",
                rest.bytes, markup_of(n, "others"), markup_size(rest.bytes),
                markup_share(rest.bytes, r->data.peak), markup_count(rest.blocks));
}

static void table_write(FILE *to, const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    size_t shown = 0;
    fprintf(to,
            "<div class=\"scroll\"><table id=\"bill\"><thead><tr><th class=\"n\">#</th><th>%s</th>"
            "<th class=\"n\">at the peak</th><th class=\"n\">share</th><th class=\"wide\">"
            "<span class=\"bar key\"><i></i></span> lowers the peak "
            "<span class=\"bar key\"><b></b></span> does not: another moment binds</th>"
            "<th class=\"n\">blocks</th><th class=\"n\">peak without it</th>"
            "<th>then bound at</th><th class=\"wide\">over time</th></tr></thead><tbody>\n",
            report_by_heading(g->by));
    for (; shown < g->n && shown < REPORT_ROWS && g->holders[shown].peak.bytes; shown++)
        row_write(to, r, (uint32_t)shown);
    rest_write(to, r, shown);
    fprintf(to,
            "</tbody><tfoot><tr><td></td><td>the peak</td><td class=\"n\">%s</td>"
            "<td class=\"n\">100 %%</td><td class=\"wide\"></td><td class=\"n\">%s</td>"
            "<td></td><td></td><td class=\"wide\"></td></tr></tfoot></table></div>\n",
            markup_size(r->data.peak), markup_count(r->data.count));
}

/* -- the ladder
 * --------------------------------------------------------------------------------------- */

static void step_write(FILE *to, const struct report *r, uint64_t bytes, const char *name,
                       uint32_t change)
{
    fputs("<tr><td class=\"n\">", to);
    markup_bytes(to, bytes);
    fprintf(to,
            "</td><td class=\"wide\"><span class=\"bar\"><i style=\"width:%.2f%%\"></i></span>"
            "</td><td>",
            r->data.peak ? 100.0 * (double)bytes / (double)r->data.peak : 0);
    if (!name) {
        fputs("the peak</td></tr>\n", to);
        return;
    }
    fputs("without ", to);
    markup_name(to, name);
    if (change != r->data.peak_change) {
        fputs(" <span class=\"dim\">binds at</span> ", to);
        bill_bound_write(to, r, change);
    }
    fputs("</td></tr>\n", to);
}

static void ladder_write(FILE *to, const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    if (!r->nladder || g->n < 2)
        return;
    fputs(
        "<h3>One after the other</h3><p class=\"note\">The greatest holder of whatever moment "
        "binds is taken away, again and again.</p>\n<div class=\"scroll\"><table class=\"ladder\">"
        "<tbody>",
        to);
    step_write(to, r, r->data.peak, NULL, 0);
    for (size_t i = 0; i < r->nladder; i++)
        step_write(to, r, r->ladder[i].most, report_display(&g->holders[r->ladder[i].holder]),
                   r->ladder[i].change);
    fputs("</tbody></table></div>\n", to);
}

/* -- by other things
 * ------------------------------------------------------------------------------------ */

static void other_row(FILE *to, const struct report *r, const struct report_holder *h)
{
    fputs("<tr><td class=\"name\">", to);
    name_write(to, h);
    fputs("</td><td class=\"n\">", to);
    markup_bytes(to, h->peak.bytes);
    fprintf(to, "</td><td class=\"n\">%s</td><td class=\"n\">%s</td><td class=\"n\">",
            markup_share(h->peak.bytes, r->data.peak), markup_count(h->peak.blocks));
    markup_bytes(to, h->without);
    fputs("</td><td>", to);
    bill_bound_write(to, r, h->without_change);
    fputs("</td><td class=\"n\">", to);
    markup_bytes(to, h->left.bytes);
    fputs("</td></tr>\n", to);
}

static void other_write(FILE *to, const struct report *r, const struct report_grouping *g)
{
    size_t shown = 0;
    uint64_t rest = r->data.peak;
    fprintf(to,
            "<details><summary>The same by %s</summary><div class=\"scroll\"><table><thead><tr>"
            "<th>%s</th><th class=\"n\">at the peak</th><th class=\"n\">share</th>"
            "<th class=\"n\">blocks</th><th class=\"n\">peak without it</th>"
            "<th>then bound at</th><th class=\"n\">left</th></tr></thead><tbody>\n",
            report_by_heading(g->by), report_by_heading(g->by));
    for (; shown < g->n && shown < OTHER_ROWS; shown++) {
        rest -= g->holders[shown].peak.bytes;
        other_row(to, r, &g->holders[shown]);
    }
    if (shown < g->n)
        fprintf(to,
                "<tr class=\"rest\"><td>%s</td><td class=\"n\">%s</td><td class=\"n\">%s</td>"
                "<td></td><td></td><td></td><td></td></tr>\n",
                markup_of(g->n - shown, "others"), markup_size(rest),
                markup_share(rest, r->data.peak));
    fputs("</tbody></table></div></details>\n", to);
}

void bill_write(FILE *to, const struct report *r)
{
    fputs("<section><h2>The bill of the peak</h2>\n", to);
    table_write(to, r);
    ladder_write(to, r);
    for (size_t i = 1; i < r->ngroupings; i++)
        other_write(to, r, &r->groupings[i]);
    fputs("</section>\n", to);
}

/* -- CSV
 * ------------------------------------------------------------------------------------------------
 */

static void csv_text(FILE *to, const char *text)
{
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', to);
        putc(*text == '\r' || *text == '\n' ? ' ' : *text, to);
    }
    putc('"', to);
}

void bill_csv(FILE *to, const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    fprintf(to,
            "%s,module,bytes,blocks,rounding,without,without_event,most,left_bytes,left_blocks,"
            "made_bytes,made_blocks,temporary_blocks,grew\n",
            report_by_word(g->by));
    for (size_t i = 0; i < g->n; i++) {
        const struct report_holder *h = &g->holders[i];
        csv_text(to, h->name);
        putc(',', to);
        csv_text(to, h->module);
        const uint64_t figures[] = {h->peak.bytes,
                                    h->peak.blocks,
                                    h->rounding,
                                    h->without,
                                    r->data.number[h->without_change],
                                    h->most,
                                    h->left.bytes,
                                    h->left.blocks,
                                    h->made.bytes,
                                    h->made.blocks,
                                    h->temporary.blocks,
                                    h->grew};
        for (size_t f = 0; f < sizeof figures / sizeof *figures; f++)
            fprintf(to, ",%" PRIu64, figures[f]);
        putc('\n', to);
    }
}
