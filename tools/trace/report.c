/* tools/trace/report.c - see report.h. */
#include "tools/trace/report.h"

#include "observe/format.h"
#include "tools/common/text.h"
#include "tools/trace/groups.h"

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
    if (r->from)
        fprintf(to, " 0x%" PRIx64 " to", r->from);
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

/* -- tables of holders ---------------------------------------------------------------------- */

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
        print(to, key || print == trace_print_json ? trace_info_context(info, (uint32_t)key)
                                                   : "(unknown)");
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

/* One row that says no more than the line above the table. */
static bool holders_are_plain(const struct trace_info *info, enum trace_group_by by,
                              const struct trace_groups *g)
{
    uint64_t key = g->n ? g->groups[0].key : 0;
    if (g->n > 1)
        return false;
    if (by == TRACE_BY_CONTEXT)
        return key >= info->ncontexts || !info->contexts[key].parent;
    return by == TRACE_BY_SIZE || !key;
}

static void holders_row(FILE *to, uint64_t bytes, uint64_t blocks)
{
    fprintf(to, "  %19s %13s  ", number_count(bytes), number_count(blocks));
}

static int holders_text(FILE *to, const struct trace_report *report, const struct trace_replay *at,
                        size_t table)
{
    struct trace_groups g;
    int error = trace_groups_make(&g, at, tables[table].by);
    if (error)
        return error;
    bool plain = holders_are_plain(report->info, tables[table].by, &g);
    size_t shown = plain ? 0 : report->top && report->top < g.n ? report->top : g.n;
    if (shown)
        fprintf(to, "  %19s %13s  %s\n", "bytes", "blocks", tables[table].heading);
    for (size_t i = 0; i < shown; i++) {
        holders_row(to, g.groups[i].bytes, g.groups[i].blocks);
        key_print(to, report->info, tables[table].by, g.groups[i].key, trace_print_plain);
        putc('\n', to);
    }
    struct trace_group rest = groups_rest(&g, shown);
    if (shown && shown < g.n) {
        holders_row(to, rest.bytes, rest.blocks);
        fprintf(to, "(%s more)\n", number_count(g.n - shown));
    }
    trace_groups_free(&g);
    return 0;
}

/* Blocks that a child inherited and that no event has named. */
static bool is_unlisted(const struct trace_report *report, const struct trace_replay *at)
{
    return trace_info_inherits(report->info) && at->unlisted_blocks > 0 && at->unlisted_bytes >= 0;
}

static int all_holders_text(FILE *to, const struct trace_report *report,
                            const struct trace_replay *at)
{
    int error = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !error; i++)
        error = holders_text(to, report, at, i);
    if (is_unlisted(report, at))
        fprintf(to, "  inherited by fork and in no list: %s in %s\n",
                number_bytes((uint64_t)at->unlisted_bytes),
                number_of((uint64_t)at->unlisted_blocks, "blocks"));
    return error;
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

static uint32_t threads_of(const struct trace_info *info)
{
    uint32_t most = 0;
    for (size_t i = 0; i < info->nchunks; i++)
        most = info->chunks[i].thread > most ? info->chunks[i].thread : most;
    return most;
}

/* -- what is missing, as text
 * ---------------------------------------------------------------------- */

static void damage_text(FILE *to, const char *prefix, const struct trace_replay *end)
{
    const struct trace_damage *d = &end->info->damage;
    if (d->places)
        fprintf(to, "%sdamaged: %s in %s, the first at byte %" PRIu64 ": %s\n", prefix,
                number_of(d->bytes, "bytes"), number_of(d->places, "places"), d->first, d->how);
    if (end->strays)
        fprintf(to, "%sdamaged: %s left out, which came twice or cannot be\n", prefix,
                number_of(end->strays, "events"));
    if (*end->wrong)
        fprintf(to, "%sdamaged: %s\n", prefix, end->wrong);
}

static void cut_text(FILE *to, const char *prefix, const struct trace_replay *end)
{
    uint64_t missing = trace_replay_missing(end), last = trace_info_last(end->info, end->last);
    fprintf(to, "%scut short: no footer; ", prefix);
    if (missing)
        fprintf(to, "at least %s of %s are missing", number_count(missing),
                number_of(last, "events"));
    else
        fprintf(to, "what came after event %s is missing", number_count(last));
    if (end->info->cut)
        fprintf(to, "; %s at the end are no whole record", number_of(end->info->cut, "bytes"));
    putc('\n', to);
}

static void missing_text(FILE *to, const char *prefix, const struct trace_replay *end)
{
    const struct trace_foot *f = &end->info->foot;
    uint64_t missing = trace_replay_missing(end);
    if (missing > f->under_way)
        fprintf(to, "%sincomplete: %s of %s are missing%s%s\n", prefix, number_count(missing),
                number_of(f->events, "events"), f->error ? ": " : "",
                f->error ? strerror((int)f->error) : "");
    if (f->under_way)
        fprintf(to, "%s%s %s under way when it ended\n", prefix, number_of(f->under_way, "calls"),
                f->under_way == 1 ? "was" : "were");
}

void trace_report_state(FILE *to, const char *prefix, const struct trace_replay *end)
{
    if (trace_info_is_newer(end->info))
        fprintf(to,
                "%sversion %u.%u of the format; this weir reads %u.%u and leaves out the rest\n",
                prefix, WEIR__TRACE_MAJOR, end->info->minor, WEIR__TRACE_MAJOR, WEIR__TRACE_MINOR);
    damage_text(to, prefix, end);
    if (end->info->foot.present)
        missing_text(to, prefix, end);
    else
        cut_text(to, prefix, end);
}

/* -- the whole, as text ---------------------------------------------------------------------- */

/* One line of it, at most `most` bytes. */
static void command_print(FILE *to, const char *command, size_t most)
{
    size_t length = strlen(command), shown = length > most ? most - 3 : length;
    for (size_t i = 0; i < shown; i++)
        putc((unsigned char)command[i] < ' ' || command[i] == 0x7f ? '?' : command[i], to);
    if (shown < length)
        fputs("...", to);
}

static void head_text(FILE *to, const struct trace_report *report)
{
    const struct trace_info *info = report->info;
    uint64_t last = info->foot.present ? info->foot.ticks : report->end->last_ticks;
    trace_print_plain(to, report->path);
    if (info->pid)
        fprintf(to, ": process %" PRIu64 "%s: ", info->pid,
                trace_info_inherits(info) ? ", made by fork" : "");
    else
        fputs(": process unknown: ", to);
    command_print(to, info->command, 200);
    fprintf(to, "\n  %s in %s, %s, %.3f s, by weir ", number_of(report->end->events, "events"),
            number_bytes(info->bytes), number_of(threads_of(info), "threads"),
            trace_info_seconds(info, last));
    trace_print_plain(to, info->version);
    putc('\n', to);
}

static void figures_text(FILE *to, const struct trace_report *report)
{
    const struct trace_info *info = report->info;
    const struct trace_replay *end = report->end;
    if (end->unknown)
        fprintf(to, "  figures are without %s whose block is not known\n",
                number_of(end->unknown, "events"));
    fprintf(to, "  %s, %s, ", number_of(end->allocations, "allocations"),
            number_of(end->frees, "frees"));
    fprintf(to, "%s (%s moved), %s, %s\n", number_of(end->resizes, "resizes"),
            number_count(end->moves), number_of(end->failures, "failed requests"),
            number_of(end->marks, "marks"));
    fprintf(to, "  live at the start: %s in %s\n", number_bytes(info->start_total),
            number_of(info->start_count, "blocks"));
}

static void peak_text(FILE *to, const struct trace_report *report)
{
    const struct trace_replay *end = report->end;
    const struct trace_foot *f = &report->info->foot;
    fprintf(to, "peak: %s in %s at event %s, %.6f s", number_bytes(end->peak),
            number_of(report->peak->count, "blocks"), number_count(end->peak_number),
            trace_info_seconds(report->info, end->peak_ticks));
    if (end->verified)
        fputs(", equal to the footer's", to);
    else if (f->present && f->peak != end->peak)
        fprintf(to, "; the footer says %s", number_bytes(f->peak));
    putc('\n', to);
}

int trace_report_text(FILE *to, const struct trace_report *report)
{
    const struct trace_replay *end = report->end;
    head_text(to, report);
    trace_report_state(to, "  ", end);
    figures_text(to, report);
    peak_text(to, report);
    int error = all_holders_text(to, report, report->peak);
    fprintf(to, "live at the end: %s in %s\n", number_bytes(end->total),
            number_of(end->count, "blocks"));
    return error ? error : all_holders_text(to, report, end);
}

/* -- the whole, as JSON ---------------------------------------------------------------------- */

static const char *json_bool(bool value)
{
    return value ? "true" : "false";
}

static void state_json(FILE *to, const struct trace_replay *end)
{
    const struct trace_info *info = end->info;
    uint64_t missing = trace_replay_missing(end);
    fprintf(to, ",\"complete\":%s,\"verified\":%s,\"footer\":%s",
            json_bool(trace_replay_is_complete(end)), json_bool(end->verified),
            json_bool(info->foot.present));
    fprintf(to,
            ",\"events_expected\":%" PRIu64 ",\"events_missing\":%" PRIu64 ",\"missing\":%" PRIu64
            ",\"dropped\":%" PRIu64 ",\"under_way\":%" PRIu64 ",\"unknown\":%" PRIu64,
            trace_info_last(info, end->last), missing, missing, info->foot.dropped,
            info->foot.under_way, end->unknown);
    fprintf(to,
            ",\"cut\":%" PRIu64 ",\"damaged_bytes\":%" PRIu64 ",\"damaged_places\":%" PRIu64
            ",\"events_left_out\":%" PRIu64,
            info->cut, info->damage.bytes, info->damage.places, end->strays);
}

static void figures_json(FILE *to, const struct trace_report *report)
{
    const struct trace_info *info = report->info;
    const struct trace_replay *end = report->end;
    fprintf(to, "{\"bytes\":%" PRIu64 ",\"pid\":%" PRIu64 ",\"command\":", info->bytes, info->pid);
    trace_print_json(to, info->command);
    fputs(",\"version\":", to);
    trace_print_json(to, info->version);
    state_json(to, end);
    fprintf(to,
            ",\"events\":%" PRIu64 ",\"threads\":%u,\"allocations\":%" PRIu64 ",\"frees\":%" PRIu64
            ",\"resizes\":%" PRIu64 ",\"moved\":%" PRIu64 ",\"failed\":%" PRIu64
            ",\"marks\":%" PRIu64,
            end->events, threads_of(info), end->allocations, end->frees, end->resizes, end->moves,
            end->failures, end->marks);
    fprintf(to, ",\"start\":{\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64 "},\"samples\":%zu",
            info->start_total, info->start_count, info->nsamples);
}

static int all_holders_json(FILE *to, const struct trace_report *report,
                            const struct trace_replay *at)
{
    int error = 0;
    for (size_t i = 0; i < sizeof tables / sizeof *tables && !error; i++)
        error = holders_json(to, report, at, i);
    bool inherits = is_unlisted(report, at);
    fprintf(to, ",\"unlisted\":{\"bytes\":%" PRId64 ",\"blocks\":%" PRId64 "}",
            inherits ? at->unlisted_bytes : 0, inherits ? at->unlisted_blocks : 0);
    return error;
}

int trace_report_json(FILE *to, const struct trace_report *report)
{
    const struct trace_replay *end = report->end;
    figures_json(to, report);
    fprintf(to,
            ",\"peak\":{\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64 ",\"event\":%" PRIu64
            ",\"seconds\":%.6f",
            end->peak, report->peak->count, end->peak_number,
            trace_info_seconds(report->info, end->peak_ticks));
    int error = all_holders_json(to, report, report->peak);
    fprintf(to, "},\"end\":{\"bytes\":%" PRIu64 ",\"blocks\":%" PRIu64, end->total, end->count);
    if (!error)
        error = all_holders_json(to, report, end);
    fputs("}}\n", to);
    return error;
}
