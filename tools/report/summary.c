/* tools/report/summary.c - see summary.h. */
#include "tools/report/summary.h"
#include "tools/common/json.h"
#include "tools/common/text.h"

#include "observe/format.h"
#include "observe/mapping.h"
#include "tools/report/lines.h"
#include "tools/trace/groups.h"

#include <inttypes.h>
#include <string.h>

static const char *mark_name(uint32_t kind)
{
    static const char *const names[] = {"mark",     "run",   "model", "layer",
                                        "operator", "other", "step"};
    return names[kind < sizeof names / sizeof *names ? kind : 0];
}

/* -- an event ---------------------------------------------------------------------------------- */

static void owner_print(FILE *to, const struct trace_info *info, const struct trace_record *r)
{
    fputs(" in ", to);
    text_plain(to, trace_info_context(info, r->context), SIZE_MAX);
    if (r->tag) {
        fputs(" tag ", to);
        text_plain(to, trace_info_tag(info, r->tag), SIZE_MAX);
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

void summary_event(FILE *to, const struct trace_info *info, const struct trace_record *r)
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
        text_plain(to, trace_info_name(info, r->name), SIZE_MAX);
        break;
    case TRACE_RECORD_REGION_TAKEN:
    case TRACE_RECORD_REGION_GIVEN:
        fprintf(to, "region %s 0x%" PRIx64 " %" PRIu64,
                r->kind == TRACE_RECORD_REGION_TAKEN ? "taken" : "given back", r->address,
                r->requested);
        break;
    case TRACE_RECORD_MAPPED:
    case TRACE_RECORD_UNMAPPED:
        fprintf(to, "%s 0x%" PRIx64 " %" PRIu64,
                r->kind == TRACE_RECORD_UNMAPPED      ? "unmap"
                : r->detail & WEIR__MAPPING_PROTECTED ? "protect"
                : r->detail & WEIR__MAPPING_MOVED     ? "remap"
                                                      : "map",
                r->address, r->requested);
        if (r->kind == TRACE_RECORD_MAPPED)
            fprintf(to, " %c%c%c%s%s", r->detail & WEIR__MAPPING_READ ? 'r' : '-',
                    r->detail & WEIR__MAPPING_WRITE ? 'w' : '-',
                    r->detail & WEIR__MAPPING_EXECUTE ? 'x' : '-',
                    r->detail & WEIR__MAPPING_FILE ? " of a file" : "",
                    r->detail & WEIR__MAPPING_SHARED ? ", shared" : "");
        break;
    default:
        fputs("unknown event", to);
    }
    putc('\n', to);
}

/* -- tables of holders ---------------------------------------------------------------------- */

static const struct {
    enum trace_group_by by;
    const char *json;
} tables[] = {
    {TRACE_BY_TAG, "by_tag"}, {TRACE_BY_CONTEXT, "by_context"}, {TRACE_BY_SIZE, "by_size"}};

/* Of a tag or a context; "" where it has none. */
static const char *key_name(const struct trace_info *info, enum trace_group_by by, uint64_t key)
{
    return by == TRACE_BY_TAG ? trace_info_tag(info, (uint32_t)key)
                              : trace_info_context(info, (uint32_t)key);
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

/* Blocks that a child inherited and that no event has named. */
static bool is_unlisted(const struct summary *report, const struct trace_replay *at)
{
    return trace_info_inherits(report->info) && at->unlisted_blocks > 0 && at->unlisted_bytes >= 0;
}

static uint32_t threads_of(const struct trace_info *info)
{
    uint32_t most = 0;
    for (size_t i = 0; i < info->nchunks; i++)
        most = info->chunks[i].thread > most ? info->chunks[i].thread : most;
    return most;
}

/* -- what is missing, as text ------------------------------------------------------------- */

static void damage_text(FILE *to, const char *prefix, const struct trace_replay *end)
{
    const struct trace_damage *d = &end->info->damage;
    if (d->places)
        fprintf(to, "%sdamaged: %s in %s, the first at byte %" PRIu64 ": %s\n", prefix,
                text_of(d->bytes, "bytes"), text_of(d->places, "places"), d->first, d->how);
    if (end->strays)
        fprintf(to, "%sdamaged: %s left out, which came twice or cannot be\n", prefix,
                text_of(end->strays, "events"));
    if (*end->wrong)
        fprintf(to, "%sdamaged: %s\n", prefix, end->wrong);
}

static void cut_text(FILE *to, const char *prefix, const struct trace_replay *end)
{
    uint64_t missing = trace_replay_missing(end), last = trace_info_last(end->info, end->last);
    fprintf(to, "%scut short: no footer; ", prefix);
    if (missing)
        fprintf(to, "at least %s of %s are missing", text_count(missing), text_of(last, "events"));
    else
        fprintf(to, "what came after event %s is missing", text_count(last));
    if (end->info->cut)
        fprintf(to, "; %s at the end are no whole record", text_of(end->info->cut, "bytes"));
    putc('\n', to);
}

static void missing_text(FILE *to, const char *prefix, const struct trace_replay *end)
{
    const struct trace_foot *f = &end->info->foot;
    uint64_t missing = trace_replay_missing(end);
    if (missing > f->under_way)
        fprintf(to, "%sincomplete: %s of %s are missing%s%s\n", prefix, text_count(missing),
                text_of(f->events, "events"), f->error ? ": " : "",
                f->error ? strerror((int)f->error) : "");
    if (f->under_way)
        fprintf(to, "%s%s %s under way when it ended\n", prefix, text_of(f->under_way, "calls"),
                f->under_way == 1 ? "was" : "were");
}

void summary_state(FILE *to, const char *prefix, const struct trace_replay *end)
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

static void head_text(FILE *to, const struct summary *report)
{
    const struct trace_info *info = report->info;
    uint64_t last = info->foot.present ? info->foot.ticks : report->end->last_ticks;
    text_plain(to, report->path, SIZE_MAX);
    if (info->pid)
        fprintf(to, ": process %" PRIu64 "%s: ", info->pid,
                trace_info_inherits(info) ? ", made by fork" : "");
    else
        fputs(": process unknown: ", to);
    text_plain(to, info->command, 200);
    fprintf(to, "\n  %s in %s, %s, %.3f s, by weir ", text_of(report->end->events, "events"),
            text_bytes(info->bytes), text_of(threads_of(info), "threads"),
            trace_info_seconds(info, last));
    text_plain(to, info->version, SIZE_MAX);
    putc('\n', to);
}

static void figures_text(FILE *to, const struct summary *report)
{
    const struct trace_info *info = report->info;
    const struct trace_replay *end = report->end;
    if (end->unknown)
        fprintf(to, "  figures are without %s whose block is not known\n",
                text_of(end->unknown, "events"));
    fprintf(to, "  %s, %s, ", text_of(end->allocations, "allocations"),
            text_of(end->frees, "frees"));
    fprintf(to, "%s (%s moved), %s, %s\n", text_of(end->resizes, "resizes"), text_count(end->moves),
            text_of(end->failures, "failed requests"), text_of(end->marks, "marks"));
    fprintf(to, "  live at the start: %s in %s\n", text_bytes(info->start_total),
            text_of(info->start_count, "blocks"));
}

static void peak_text(FILE *to, const struct summary *report)
{
    const struct trace_replay *end = report->end;
    const struct trace_foot *f = &report->info->foot;
    fprintf(to, "peak: %s in %s at event %s, %.6f s", text_bytes(end->peak),
            text_of(report->report->data.count, "blocks"), text_count(end->peak_number),
            trace_info_seconds(report->info, end->peak_ticks));
    if (end->verified)
        fputs(", equal to the footer's", to);
    else if (f->present && f->peak != end->peak)
        fprintf(to, "; the footer says %s", text_bytes(f->peak));
    putc('\n', to);
}

void summary_text(FILE *to, const struct summary *report)
{
    const struct trace_replay *end = report->end;
    head_text(to, report);
    summary_state(to, "  ", end);
    figures_text(to, report);
    peak_text(to, report);
    report_lines_peak(to, report->report, report->top);
    fprintf(to, "live at the end: %s in %s\n", text_bytes(end->total),
            text_of(end->count, "blocks"));
    report_lines_left(to, report->report, report->top && report->top < 5 ? report->top : 5);
    report_mappings_text(to, &report->report->mappings, &report->report->data,
                         report->top && report->top < 5 ? report->top : 5);
    if (report->against)
        report_lines_against(to, report->against, report->top);
}

/* -- the whole, as JSON ---------------------------------------------------------------------- */

static void amount_json(struct json *j, uint64_t bytes, uint64_t blocks)
{
    json_count(j, "bytes", bytes);
    json_count(j, "blocks", blocks);
}

static void state_json(struct json *j, const struct trace_replay *end)
{
    const struct trace_info *info = end->info;
    uint64_t missing = trace_replay_missing(end);
    json_bool(j, "complete", trace_replay_is_complete(end));
    json_bool(j, "verified", end->verified);
    json_bool(j, "footer", info->foot.present);
    json_count(j, "events_expected", trace_info_last(info, end->last));
    json_count(j, "events_missing", missing);
    json_count(j, "missing", missing);
    json_count(j, "dropped", info->foot.dropped);
    json_count(j, "under_way", info->foot.under_way);
    json_count(j, "unknown", end->unknown);
    json_count(j, "cut", info->cut);
    json_count(j, "damaged_bytes", info->damage.bytes);
    json_count(j, "damaged_places", info->damage.places);
    json_count(j, "events_left_out", end->strays);
}

static void figures_json(struct json *j, const struct summary *report)
{
    const struct trace_info *info = report->info;
    const struct trace_replay *end = report->end;
    json_count(j, "bytes", info->bytes);
    json_count(j, "pid", info->pid);
    json_text(j, "command", info->command);
    json_text(j, "version", info->version);
    state_json(j, end);
    json_count(j, "events", end->events);
    json_count(j, "threads", threads_of(info));
    json_count(j, "allocations", end->allocations);
    json_count(j, "frees", end->frees);
    json_count(j, "resizes", end->resizes);
    json_count(j, "moved", end->moves);
    json_count(j, "failed", end->failures);
    json_count(j, "marks", end->marks);
    json_object(j, "start");
    amount_json(j, info->start_total, info->start_count);
    json_end(j);
    json_count(j, "samples", info->nsamples);
}

static void holders_json(struct json *j, const struct summary *report,
                         const struct trace_replay *at, size_t table)
{
    struct trace_groups g;
    enum trace_group_by by = tables[table].by;
    trace_groups_make(&g, at, by);
    size_t shown = report->top && report->top < g.n ? report->top : g.n;
    json_array(j, tables[table].json);
    for (size_t i = 0; i < shown; i++) {
        json_object(j, NULL);
        if (by == TRACE_BY_SIZE)
            json_count(j, "key", g.groups[i].key);
        else
            json_text(j, "key", key_name(report->info, by, g.groups[i].key));
        amount_json(j, g.groups[i].bytes, g.groups[i].blocks);
        json_end(j);
    }
    json_end(j);
    struct trace_group rest = groups_rest(&g, shown);
    json_object(j, text_made("%s_rest", tables[table].json));
    json_count(j, "keys", g.n - shown);
    amount_json(j, rest.bytes, rest.blocks);
    json_end(j);
    trace_groups_free(&g);
}

static void all_holders_json(struct json *j, const struct summary *report,
                             const struct trace_replay *at)
{
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        holders_json(j, report, at, i);
    bool inherits = is_unlisted(report, at);
    json_object(j, "unlisted");
    json_signed(j, "bytes", inherits ? at->unlisted_bytes : 0);
    json_signed(j, "blocks", inherits ? at->unlisted_blocks : 0);
    json_end(j);
}

static void mappings_json(struct json *j, const struct report *r)
{
    const struct report_mappings *m = &r->mappings;
    json_object(j, "mapped");
    json_count(j, "most", m->most);
    json_real(j, "seconds", report_seconds(&r->data, m->most_ticks));
    json_count(j, "of_files", m->of_files);
    json_count(j, "at_peak", m->at_peak);
    json_count(j, "end", m->left);
    json_array(j, "by_site");
    for (size_t i = 0; i < m->n; i++) {
        json_object(j, NULL);
        json_text(j, "name", m->mappers[i].name);
        json_count(j, "bytes", m->mappers[i].bytes);
        json_count(j, "pieces", m->mappers[i].pieces);
        json_end(j);
    }
    json_end(j);
    json_end(j);
}

void summary_json(FILE *to, const struct summary *report)
{
    const struct trace_replay *end = report->end;
    struct json j = JSON_TO(to);
    json_object(&j, NULL);
    figures_json(&j, report);
    json_object(&j, "peak");
    amount_json(&j, end->peak, report->peak->count);
    json_count(&j, "event", end->peak_number);
    json_real(&j, "seconds", trace_info_seconds(report->info, end->peak_ticks));
    all_holders_json(&j, report, report->peak);
    json_end(&j);
    json_object(&j, "end");
    amount_json(&j, end->total, end->count);
    struct trace_replay with_blocks = *end;
    with_blocks.blocks = *report->blocks;
    all_holders_json(&j, report, &with_blocks);
    json_end(&j);
    report_json(&j, report->report, report->top);
    mappings_json(&j, report->report);
    if (report->against)
        report_json_against(&j, report->against, report->top);
    json_end(&j);
}
