/* tools/report/page.c - the page's order; see page.h. */
#include "tools/report/page.h"
#include "tools/common/markup.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/report/bill.h"
#include "tools/report/icicle.h"
#include "tools/report/lines.h"
#include "tools/report/page_data.h"
#include "tools/report/sections.h"
#include "tools/report/strip.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COMMAND_MOST 300 /* bytes that are shown */

/* -- the head
 * ---------------------------------------------------------------------------------------- */

/* The program's name: the command's first word without its folders. */
static char *program_name(const struct report *r)
{
    const char *command = r->data.info ? r->data.info->command : text_file_name(r->data.path);
    size_t n = r->data.info ? strcspn(command, " ") : strlen(command);
    char *word = memory_text(command, n), *name;
    const char *file = text_file_name(word);
    name = memory_text(*file ? file : "?", strlen(*file ? file : "?"));
    free(word);
    return name;
}

static void head_write(FILE *to, const char *name)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
          "'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
          "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
          to);
    markup_text(to, name);
    fputs(": memory</title>\n<style>\n", to);
    fputs(page_style, to);
    fputs("</style></head>\n<body><main>\n", to);
}

static void date_write(FILE *to, const struct trace_info *info)
{
    time_t at = (time_t)(info->started / 1000000000u);
    struct tm date;
    char text[64];
    if (info->started && gmtime_r(&at, &date) &&
        strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", &date))
        fprintf(to, "%s \xc2\xb7 ", text);
}

static uint32_t threads_of(const struct report_data *d)
{
    uint32_t most = 0;
    for (size_t i = 0; i < d->nchanges; i++)
        most = d->thread[i] > most ? d->thread[i] : most;
    return most;
}

/* The whole of a long one is in its title. */
static void command_write(FILE *to, const char *command)
{
    size_t n = strlen(command);
    char *shown = memory_text(command, n < COMMAND_MOST ? n : COMMAND_MOST);
    fputs("<p class=\"command\"><code title=\"", to);
    markup_text(to, command);
    fputs("\">", to);
    markup_text(to, shown);
    fputs(n > COMMAND_MOST ? "\xe2\x80\xa6</code></p>\n" : "</code></p>\n", to);
    free(shown);
}

static void about_write(FILE *to, const struct report *r)
{
    const struct report_data *d = &r->data;
    fputs("<p class=\"about\">", to);
    if (d->info) {
        date_write(to, d->info);
        fprintf(to, "process %" PRIu64 "%s \xc2\xb7 %s \xc2\xb7 ", d->info->pid,
                trace_info_inherits(d->info) ? ", made by fork" : "",
                markup_seconds(report_duration(d)));
    }
    fprintf(to, "%s: %s, %s, %s \xc2\xb7 %s \xc2\xb7 ", markup_of(d->events, "events"),
            markup_of(d->end.allocations, "allocations"), markup_of(d->end.frees, "frees"),
            markup_of(d->end.resizes, "resizes"), markup_of(threads_of(d), "threads"));
    fputs(d->end.verified
              ? "<span class=\"good\">exact: the replay equals the recorder's own peak</span>"
              : "<span class=\"bad\">not everything was recorded: see the end of the page</span>",
          to);
    fputs("</p>\n", to);
    if (d->info && *d->info->command) {
        command_write(to, d->info->command);
    }
}

/* -- in short
 * ---------------------------------------------------------------------------------------- */

static const struct report_holder *holder(const struct report *r, uint32_t i)
{
    return &r->groupings[0].holders[i];
}

static void holder_name(FILE *to, const struct report *r, uint32_t i)
{
    fputs("<span title=\"", to);
    markup_text(to, holder(r, i)->name);
    fputs("\">", to);
    markup_name(to, report_display(holder(r, i)));
    fputs("</span>", to);
}

static const char *plural(enum report_by by)
{
    static const char *const names[] = {"call sites", "tags",  "contexts",
                                        "classes",    "sizes", "threads"};
    return names[by];
}

static void card_begin(FILE *to, const char *title)
{
    fprintf(to, "<div class=\"card\"><h2>%s</h2><p>", title);
}

static void card_end(FILE *to)
{
    fputs("</p></div>\n", to);
}

static void card_why(FILE *to, const struct report *r)
{
    const struct report_data *d = &r->data;
    const struct report_grouping *g = &r->groupings[0];
    const char *where = report_where(r, d->peak_change);
    size_t half = report_half(r);
    card_begin(to, "Why this peak");
    if (d->timed)
        fprintf(to, "Reached %s after the start (event %s of %s)", bill_when(r, d->peak_change),
                markup_count(d->number[d->peak_change]), markup_count(d->last_number));
    else
        fprintf(to, "Reached at event %s of %s", markup_count(d->number[d->peak_change]),
                markup_count(d->last_number));
    fputs(*where ? ", " : "", to);
    markup_text(to, where);
    fputs(".", to);
    if (g->n && d->peak) {
        fprintf(to, " <b>%s</b> of it is ", markup_share(holder(r, 0)->peak.bytes, d->peak));
        holder_name(to, r, 0);
        fprintf(to, ": %s in %s.", markup_size(holder(r, 0)->peak.bytes),
                markup_of(holder(r, 0)->peak.blocks, "blocks"));
    }
    if (half > 1)
        fprintf(to, " The first %zu of %s %s have half of it.", half, markup_count(g->n),
                plural(g->by));
    card_end(to);
}

static void card_lower(FILE *to, const struct report *r)
{
    uint32_t best = report_best_without(r);
    card_begin(to, "What would lower it");
    if (best == REPORT_NONE) {
        fputs("No single holder: without any one of them another moment is as high.", to);
        card_end(to);
        return;
    }
    const struct report_holder *h = holder(r, best);
    uint64_t lower = r->data.peak - h->without;
    fputs("Without ", to);
    holder_name(to, r, best);
    fputs(" the peak would be <b>", to);
    markup_bytes(to, h->without);
    fputs("</b>", to);
    if (h->without_change == r->data.peak_change) {
        fputs(", still at the same moment.", to);
    } else {
        fputs(", bound then at ", to);
        bill_bound_write(to, r, h->without_change);
        fputs(".", to);
    }
    if (lower < h->peak.bytes)
        fprintf(to, " That is %s less, although it holds %s.", markup_size(lower),
                markup_size(h->peak.bytes));
    card_end(to);
}

/* Growth that is worth the first screen comes first: what was left is often nothing, or what any
 * program leaves. */
static void grown_write(FILE *to, const struct report *r, uint32_t grown)
{
    const struct report_holder *h = holder(r, grown);
    holder_name(to, r, grown);
    fprintf(to,
            " <strong class=\"bad\">grew</strong> by <b>%s</b>, to %s at most: what it never goes "
            "below rose in %u "
            "of 8 steps%s. ",
            markup_size(h->grew), markup_size(h->most), h->rises,
            h->late && !r->floors.npoints ? " since its first block" : "");
    if (h->left.bytes < h->grew / 10)
        fputs(h->floor[8] >= h->floor[7] ? "It was freed only at the end. "
                                         : "Later it was freed. ",
              to);
}

static void card_left(FILE *to, const struct report *r)
{
    uint32_t first[2], most;
    size_t grown = report_grown(r, first, 2);
    bool worth = grown && report_is_worth(r, holder(r, first[0])->grew);
    card_begin(to, worth ? "What grew" : "What was left");
    if (worth)
        grown_write(to, r, first[0]);
    if (worth && grown > 1 && report_is_worth(r, holder(r, first[1])->grew)) {
        fputs("So did ", to);
        holder_name(to, r, first[1]);
        fprintf(to, ", by %s. ", markup_size(holder(r, first[1])->grew));
    }
    if (r->data.end.total)
        fprintf(to, "<b>%s</b> in %s never freed.", markup_size(r->data.end.total),
                markup_of(r->data.end.count, "blocks"));
    else
        fputs(worth ? "Nothing was left at the end." : "Nothing: all was freed.", to);
    if (!worth && report_leavers(r, &most, 1)) {
        fprintf(to, " Most of it, %s, is ", markup_size(holder(r, most)->left.bytes));
        holder_name(to, r, most);
        fputs(".", to);
    }
    if (!worth)
        fputs(grown ? " While it ran no holder grew by 2"
                      "\xc2\xa0"
                      "% of the peak."
                    : " No holder kept growing while it ran.",
              to);
    card_end(to);
}

static void card_runs(FILE *to, const struct report *r)
{
    const struct report_runs *runs = &r->runs;
    const struct report_run *first = &runs->runs[0], *last = &runs->runs[runs->n - 1];
    card_begin(to, "Run over run");
    if (runs->pairs && runs->rises) {
        fprintf(to, "The level before a run rose <b>%s of %s</b>, by %s in the median: ",
                markup_count(runs->rises), markup_of(runs->pairs, "times"),
                markup_size((uint64_t)(runs->median_rise < 0 ? 0 : runs->median_rise)));
    } else if (runs->pairs) {
        fprintf(to, "The level before a run never rose, in %s: ", markup_of(runs->n, "runs"));
    }
    fprintf(to, "%s before the first run, %s after the last.", markup_size(first->before),
            markup_size(last->after));
    card_end(to);
}

/* Where there are no runs. */
static void card_churn(FILE *to, const struct report *r)
{
    uint64_t made = 0;
    for (size_t i = 0; i < r->groupings[0].n; i++)
        made += holder(r, (uint32_t)i)->made.bytes;
    card_begin(to, "What came and went");
    fprintf(to, "<b>%s</b> in %s were allocated in all", markup_size(made),
            markup_of(r->data.end.allocations, "blocks"));
    if (r->data.peak)
        fprintf(to, ", %.1f times the peak", (double)made / (double)r->data.peak);
    fprintf(to, ". <b>%s</b> of the blocks were freed by the very next thing their thread did.",
            markup_share(r->data.temporary, r->data.end.allocations));
    card_end(to);
}

static void short_write(FILE *to, const struct report *r, const char *name)
{
    const struct report_data *d = &r->data;
    fputs("<header><h1>", to);
    markup_text(to, name);
    fputs("</h1>\n", to);
    about_write(to, r);
    fprintf(to,
            "<p class=\"peak\" id=\"peak\" data-peak=\"%" PRIu64 "\"><b>%s</b> at most "
            "<span class=\"dim\">%s bytes in %s</span></p>\n<div class=\"cards\">\n",
            d->peak, markup_size(d->peak), markup_count(d->peak), markup_of(d->count, "blocks"));
    card_why(to, r);
    card_lower(to, r);
    card_left(to, r);
    (r->runs.n ? card_runs : card_churn)(to, r);
    fputs("</div>\n", to);
    const char *hint = r->has_sites ? report_frames_hint(&r->frames) : NULL;
    if (hint) {
        fputs("<p class=\"note hint-names\">", to);
        markup_text(to, hint);
        fputs("</p>\n", to);
    }
    fputs("</header>\n", to);
}

/* -- how it was made
 * ---------------------------------------------------------------------------------- */

static void checked_write(FILE *to, const struct report *r)
{
    const struct report_data *d = &r->data;
    const struct trace_info *info = d->info;
    if (d->end.verified && info)
        fprintf(to,
                " Checked: the replayed peak, %s bytes at event %s, is the recorder's; so is what "
                "is live at the end, %s bytes.",
                markup_count(d->peak), markup_count(d->number[d->peak_change]),
                markup_count(d->end.total));
    else if (info && !info->foot.present)
        fputs(" The recording has no end: it was cut short, and nothing could be checked.", to);
    else if (info)
        fprintf(to,
                " Not exact: %s are missing or contradict each other; figures are of what there "
                "is.",
                markup_of(trace_replay_missing(&d->end) + d->end.unknown, "events"));
    fputs(" In each column the holders and \xe2\x80\x9cothers\xe2\x80\x9d add up to the column's "
          "greatest total, and the greatest column is the peak.",
          to);
}

static void unnamed_write(FILE *to, const struct report *r)
{
    const struct report_frames *f = &r->frames;
    if (!r->has_sites) {
        fputs(" No stacks were recorded: holders are not call sites.", to);
        return;
    }
    fprintf(to, " %s of %s of calls could be given a function's name",
            markup_count(f->naddresses - f->nunnamed), markup_of(f->naddresses, "addresses"));
    unsigned char *lacks = memory_zeroed(f->info->nmodules + 1, 1);
    for (size_t i = 1; i < f->nfunctions; i++)
        lacks[f->functions[i].module] |= !f->functions[i].named;
    const char *lead = "; without symbols, in whole or in part: ";
    for (size_t i = 1; i <= f->info->nmodules; i++) {
        if (!lacks[i])
            continue;
        const char *why = r->problem ? r->problem(r->user, i - 1) : NULL;
        fputs(lead, to);
        markup_text(to, text_file_name(f->info->modules[i - 1].path));
        if (why)
            fputs(" (", to), markup_text(to, why), putc(')', to);
        lead = ", ";
    }
    fputs(".", to);
    free(lacks);
}

static void how_write(FILE *to, const struct report *r, const struct page_data *data)
{
    const struct report_data *d = &r->data;
    fprintf(to, "<section><h2>How this was made</h2><p class=\"how\">Computed from all %s of ",
            markup_of(d->events, "events"));
    markup_name(to, text_file_name(d->path));
    if (d->info)
        fprintf(to, " (%s); nothing sampled but resident memory (%s).", markup_size(d->info->bytes),
                markup_of(d->info->nsamples, "times"));
    checked_write(to, r);
    if (d->info)
        unnamed_write(to, r);
    if (data->icicle && data->icicle->left_out)
        fprintf(to, " Left out of this page, not of its sums: %s below 0.1 %% of every measure.",
                markup_of(data->icicle->left_out, "call paths"));
    if (data->marks_left_out)
        fprintf(to, " %s are not drawn.", markup_of(data->marks_left_out, "short marks"));
    if (d->nfailures)
        fprintf(to, " %s were refused.", markup_of(d->nfailures, "requests"));
    fputs("</p></section>\n", to);
}

/* -- all of it
 * ------------------------------------------------------------------------------------------ */

static void body_write(FILE *to, const struct report *r, const struct report_against *against,
                       const struct icicle *icicle)
{
    strip_write(to, r);
    bill_write(to, r);
    if (icicle)
        section_callers(to, r, icicle);
    section_stayed(to, r);
    section_runs(to, r);
    report_mappings_html(to, &r->mappings, &r->data);
    section_kinds(to, r);
    section_events(to, r);
    if (against)
        section_against(to, against);
}

void page_write(FILE *to, const struct report *r, const struct report_against *against)
{
    struct icicle icicle = {0};
    struct page_data data = {.report = r, .icicle = r->has_sites ? &icicle : NULL};
    char *name = program_name(r), *json = NULL;
    size_t size;
    if (r->has_sites)
        icicle_make(&icicle, r);
    head_write(to, name);
    short_write(to, r, name);
    body_write(to, r, against, data.icicle);
    FILE *buffer = open_memstream(&json, &size);
    if (buffer) {
        page_data_write(buffer, &data);
        fclose(buffer);
    }
    how_write(to, r, &data);
    fputs("</main>\n<script type=\"application/json\" id=\"data\">", to);
    fputs(json ? json : "null", to);
    fputs("</script>\n<script>\n", to);
    fputs(page_script, to);
    fputs("</script></body></html>\n", to);
    free(json);
    free(name);
    icicle_free(&icicle);
}
