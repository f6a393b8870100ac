/* tools/trace_report.c - see trace_report.h. */
#include "tools/trace_report.h"

#include "tools/trace_groups.h"

#include <inttypes.h>
#include <string.h>

/* -- text of a program ----------------------------------------------------------------------- */

void trace_print_plain(FILE *to, const char *text)
{
    for (; *text; text++)
        putc((unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text, to);
}

/* Bytes above ASCII go as they are where they are well-formed, which trace names mostly
 * are; a stray one as U+FFFD. */
static size_t utf8_length(const unsigned char *text)
{
    size_t n = *text < 0xc2 ? 0 : *text < 0xe0 ? 2 : *text < 0xf0 ? 3 : *text < 0xf5 ? 4 : 0;
    for (size_t i = 1; i < n; i++)
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    if ((*text == 0xe0 && text[1] < 0xa0) || (*text == 0xed && text[1] > 0x9f) ||
        (*text == 0xf0 && text[1] < 0x90) || (*text == 0xf4 && text[1] > 0x8f))
        return 0;
    return n;
}

void trace_print_json(FILE *to, const char *text)
{
    putc('"', to);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        size_t n = *c >= 0x80 ? utf8_length(c) : 1;
        if (*c == '"' || *c == '\\')
            fprintf(to, "\\%c", *c);
        else if (*c < 0x20 || *c == 0x7f)
            fprintf(to, "\\u%04x", *c);
        else if (n == 0)
            fputs("\xef\xbf\xbd", to);
        else
            fwrite(c, 1, n, to);
        c += n > 1 ? n - 1 : 0;
    }
    putc('"', to);
}

static const char *mark_name(uint32_t kind)
{
    static const char *const names[] = {"mark", "run", "model", "layer", "operator", "other"};
    return names[kind < sizeof names / sizeof *names ? kind : 0];
}

/* -- an event ---------------------------------------------------------------------------------- */

static void owner_print(FILE *to, const struct trace_info *info, const struct trace_record *r)
{
    fputs(" in ", to);
    trace_print_plain(to, trace_info_context(info, r->context));
    if (r->tag) {
        fputs(" tag ", to);
        trace_print_plain(to, trace_info_tag(info, r->tag));
    }
}

static void block_print(FILE *to, const struct trace_info *info, const struct trace_record *r)
{
    static const char *const names[] = {[TRACE_RECORD_ALLOCATE] = "allocate",
                                        [TRACE_RECORD_FREE] = "free",
                                        [TRACE_RECORD_RESIZE] = "resize",
                                        [TRACE_RECORD_FAILED] = "failed"};
    fputs(names[r->kind], to);
    if (r->kind != TRACE_RECORD_FAILED)
        fprintf(to, " 0x%" PRIx64, r->address);
    if (r->kind == TRACE_RECORD_FREE)
        return;
    fprintf(to, " %" PRIu64, r->requested);
    if (r->kind != TRACE_RECORD_FAILED)
        fprintf(to, " of %" PRIu64, r->usable);
    if (r->kind != TRACE_RECORD_RESIZE)
        fprintf(to, " aligned %" PRIu64, UINT64_C(1) << (r->align_shift & 63));
    owner_print(to, info, r);
    if (r->kind == TRACE_RECORD_FAILED)
        fprintf(to, ": %s", strerror((int)r->detail));
}

void trace_report_event(FILE *to, const struct trace_info *info, const struct trace_record *r)
{
    fprintf(to, "%" PRIu64 " %.6f t%u ", r->number, trace_info_seconds(info, r->ticks), r->thread);
    switch (r->kind) {
    case TRACE_RECORD_ALLOCATE:
    case TRACE_RECORD_FREE:
    case TRACE_RECORD_RESIZE:
    case TRACE_RECORD_FAILED:
        block_print(to, info, r);
        break;
    case TRACE_RECORD_ADJUSTED:
        fprintf(to, "adjust %" PRId64 " bytes %" PRId64 " blocks", r->bytes, r->blocks);
        break;
    case TRACE_RECORD_DESTROYED:
        fprintf(to, "destroy %" PRId64 " bytes %" PRId64 " blocks", r->bytes, r->blocks);
        owner_print(to, info, r);
        break;
    case TRACE_RECORD_MARK_BEGIN:
    case TRACE_RECORD_MARK_END:
        fprintf(to, "%s %s ", r->kind == TRACE_RECORD_MARK_BEGIN ? "begin" : "end",
                mark_name(r->detail));
        trace_print_plain(to, trace_info_name(info, r->name));
        break;
    case TRACE_RECORD_REGION_TAKEN:
    case TRACE_RECORD_REGION_GIVEN:
        fprintf(to, "region %s 0x%" PRIx64 " %" PRIu64,
                r->kind == TRACE_RECORD_REGION_TAKEN ? "taken" : "given back", r->address,
                r->requested);
        break;
    default:
        fputs("unknown event", to);
    }
    putc('\n', to);
}

/* -- tables of holders
 * ----------------------------------------------------------------------------- */

static const struct {
    enum trace_group_by by;
    const char *heading, *json;
} tables[] = {{TRACE_BY_TAG, "tag", "by_tag"},
              {TRACE_BY_CONTEXT, "context", "by_context"},
              {TRACE_BY_SIZE, "size", "by_size"}};

static void key_print(FILE *to, const struct trace_info *info, enum trace_group_by by, uint64_t key,
                      void (*print)(FILE *, const char *))
{
    if (by == TRACE_BY_SIZE)
        fprintf(to, "%" PRIu64, key);
    else if (by == TRACE_BY_TAG)
        print(to,
              key || print == trace_print_json ? trace_info_tag(info, (uint32_t)key) : "(no tag)");
    else
        print(to, trace_info_context(info, (uint32_t)key));
}

static struct trace_group groups_rest(const struct trace_groups *g, size_t shown)
{
    struct trace_group rest = {0};
    for (size_t i = shown; i < g->n; i++) {
        rest.bytes += g->groups[i].bytes;
        rest.blocks += g->groups[i].blocks;
    }
    return rest;
}

static int holders_text(FILE *to, const struct trace_report *report, const struct trace_replay *at,
                        size_t table)
{
    struct trace_groups g;
    int error = trace_groups_make(&g, at, tables[table].by);
    if (error)
        return error;
    size_t shown = report->top && report->top < g.n ? report->top : g.n;
    fprintf(to, "  %16s %10s  %s\n", "bytes", "blocks", tables[table].heading);
    for (size_t i = 0; i < shown; i++) {
        fprintf(to, "  %16" PRIu64 " %10" PRIu64 "  ", g.groups[i].bytes, g.groups[i].blocks);
        key_print(to, report->info, tables[table].by, g.groups[i].key, trace_print_plain);
        putc('\n', to);
    }
    struct trace_group rest = groups_rest(&g, shown);
    if (shown < g.n)
        fprintf(to, "  %16" PRIu64 " %10" PRIu64 "  (%zu more)\n", rest.bytes, rest.blocks,
                g.n - shown);
    trace_groups_free(&g);
    return 0;
}

static int holders_json(FILE *to, const struct trace_report *report, const struct trace_replay *at,
                        size_t table)
{
    struct trace_groups g;
    int error = trace_groups_make(&g, at, tables[table].by);
    if (error)
        return error;
    size_t shown = report->top && report->top < g.n ? report->top : g.n;
    fprintf(to, ",\"%s\":[", tables[table].json);
    for (size_t i = 0; i < shown; i++) {
        fprintf(to, "%s{\"key\":", i ? "," : "");
        key_print(to, report->info, tables[table].by, g.groups[i].key, trace_print_json);
        fprintf(to, ",\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64 "}", g.groups[i].bytes,
                g.groups[i].blocks);
    }
    struct trace_group rest = groups_rest(&g, shown);
    fprintf(to, "],\"%s_rest\":{\"keys\":%zu,\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64 "}",
            tables[table].json, g.n - shown, rest.bytes, rest.blocks);
    trace_groups_free(&g);
    return 0;
}

/* -- the whole
 * ---------------------------------------------------------------------------------------- */

static uint32_t threads_of(const struct trace_info *info)
{
    uint32_t most = 0;
    for (size_t i = 0; i < info->nchunks; i++)
        most = info->chunks[i].thread > most ? info->chunks[i].thread : most;
    return most;
}

static bool is_verified(const struct trace_report *report)
{
    return !report->end->inexact;
}

static void state_text(FILE *to, const struct trace_report *report)
{
    const struct trace_info *info = report->info;
    if (!info->foot.present)
        fprintf(to, "  cut short: no footer, %" PRIu64 " bytes at the end are no whole record\n",
                info->cut);
    if (info->foot.dropped)
        fprintf(to, "  incomplete: %" PRIu64 " of %" PRIu64 " events were not kept%s%s\n",
                info->foot.dropped, info->foot.events, info->foot.error ? ": " : "",
                info->foot.error ? strerror((int)info->foot.error) : "");
    if (report->end->inexact)
        fprintf(to,
                "  figures are of the events that are there: %" PRIu64
                " are missing among them, %" PRIu64 " do not fit\n",
                report->end->missing, report->end->unknown);
}

static void process_text(FILE *to, const struct trace_report *report)
{
    const struct trace_info *info = report->info;
    const struct trace_replay *end = report->end;
    uint64_t last = info->foot.present ? info->foot.ticks
                    : info->nsamples   ? info->samples[info->nsamples - 1].ticks
                                       : info->ticks;
    trace_print_plain(to, report->path);
    fprintf(to,
            ": %" PRIu64 " bytes, %" PRIu64 " events, %u threads, %.3f s\n  program: ", info->bytes,
            end->events, threads_of(info), trace_info_seconds(info, last));
    trace_print_plain(to, info->command);
    fprintf(to, " (process %" PRIu64 ", weir ", info->pid);
    trace_print_plain(to, info->version);
    fputs(")\n", to);
    state_text(to, report);
    fprintf(to,
            "  %" PRIu64 " allocations, %" PRIu64 " frees, %" PRIu64 " resizes in place, %" PRIu64
            " failed requests, %" PRIu64 " marks\n",
            end->allocations, end->frees, end->resizes, end->failures, end->marks);
    fprintf(to, "  live at the start: %" PRIu64 " bytes in %" PRIu64 " blocks\n", info->start_total,
            info->start_count);
}

int trace_report_text(FILE *to, const struct trace_report *report)
{
    const struct trace_replay *end = report->end;
    process_text(to, report);
    fprintf(to, "peak: %" PRIu64 " bytes in %" PRIu64 " blocks at event %" PRIu64 ", %.6f s%s\n",
            end->peak, report->peak->count, end->peak_number,
            trace_info_seconds(report->info, end->peak_ticks),
            is_verified(report) ? ", equal to the footer's" : "");
    int error = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !error; i++)
        error = holders_text(to, report, report->peak, i);
    fprintf(to, "live at the end: %" PRIu64 " bytes in %" PRIu64 " blocks\n", end->total,
            end->count);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !error && end->nlive; i++)
        error = holders_text(to, report, end, i);
    return error;
}

static void figures_json(FILE *to, const struct trace_report *report)
{
    const struct trace_info *info = report->info;
    const struct trace_replay *end = report->end;
    fprintf(to, "{\"bytes\":%" PRIu64 ",\"pid\":%" PRIu64 ",\"command\":", info->bytes, info->pid);
    trace_print_json(to, info->command);
    fputs(",\"version\":", to);
    trace_print_json(to, info->version);
    fprintf(to,
            ",\"complete\":%s,\"verified\":%s,\"cut\":%" PRIu64 ",\"dropped\":%" PRIu64
            ",\"missing\":%" PRIu64 ",\"unknown\":%" PRIu64,
            info->foot.present ? "true" : "false", is_verified(report) ? "true" : "false",
            info->cut, info->foot.dropped, end->missing, end->unknown);
    fprintf(to,
            ",\"events\":%" PRIu64 ",\"threads\":%u,\"allocations\":%" PRIu64 ",\"frees\":%" PRIu64
            ",\"resizes\":%" PRIu64 ",\"failed\":%" PRIu64 ",\"marks\":%" PRIu64,
            end->events, threads_of(info), end->allocations, end->frees, end->resizes,
            end->failures, end->marks);
    fprintf(to, ",\"start\":{\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64 "},\"samples\":%zu",
            info->start_total, info->start_count, info->nsamples);
}

int trace_report_json(FILE *to, const struct trace_report *report)
{
    const struct trace_replay *end = report->end;
    int error = 0;
    figures_json(to, report);
    fprintf(to,
            ",\"peak\":{\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64 ",\"event\":%" PRIu64
            ",\"seconds\":%.6f",
            end->peak, report->peak->count, end->peak_number,
            trace_info_seconds(report->info, end->peak_ticks));
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !error; i++)
        error = holders_json(to, report, report->peak, i);
    fprintf(to, "},\"end\":{\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64, end->total, end->count);
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !error; i++)
        error = holders_json(to, report, end, i);
    fputs("}}\n", to);
    return error;
}
