/*
 * tools/report/command.c - `weir trace FILE`: reads a binary trace, holds it against its own
 * footer, and says what the peak was, when, and who held it. What is damaged is passed over:
 * everything good is shown, one line says what was not, and the exit status is 1.
 */
#include "tools/command.h"
#include "tools/common/file.h"
#include "tools/common/number.h"
#include "tools/common/options.h"
#include "tools/common/text.h"
#include "tools/report/export.h"
#include "tools/report/lines.h"
#include "tools/report/namer.h"
#include "tools/report/page.h"
#include "tools/report/summary.h"
#include "tools/trace/binary.h"
#include "tools/trace/pack.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct command {
    const char *path, *text, *pack, *against, *growth_text, *html, *at, *out;
    bool events, json, runs;
    int by, export;
    uint64_t top, above;
    double growth; /* percent */
};

static int command_fail(const struct command *c, const char *why)
{
    fprintf(stderr, "weir trace: %s: %s\n", c->path, why);
    return 1;
}

/* Standard output is complete, or a line says why not. */
static int output_finish(FILE *to, const char *name)
{
    bool failed = ferror(to);
    if (to == stdout ? fflush(to) : fclose(to))
        failed = true;
    if (failed)
        fprintf(stderr, "weir trace: writing %s: %s\n", name, strerror(errno));
    return failed;
}

static int events_print(struct trace_info *info)
{
    struct trace_record record;
    struct trace_merge *merge = trace_merge_begin(info);
    int got;
    while ((got = trace_merge_next(merge, &record)) > 0)
        summary_event(stdout, info, &record);
    trace_merge_end(merge);
    return got < 0 ? EINVAL : 0;
}

/* The summary has a place for it, JSON has keys; what else is printed is data alone. */
static void state_print(const struct command *c, const struct trace_replay *end)
{
    char prefix[4096];
    bool damaged = trace_replay_is_damaged(end), whole = trace_replay_is_complete(end);
    snprintf(prefix, sizeof prefix, "weir trace: %s: ", c->path);
    if (c->json ? damaged : (c->events || c->text || c->html || c->export >= 0) && !whole)
        summary_state(stderr, prefix, end);
}

/* -- as text ---------------------------------------------------------------------- */

static void header_print(FILE *to, const struct trace *t)
{
    fputs("# weir ", to);
    for (const char *c = t->name; *c; c++)
        putc((unsigned char)*c <= ' ' ? '_' : *c, to);
    fprintf(to, " events=%zu peak_live=%" PRIu64, t->nevents, t->peak_live);
    for (size_t i = 0; i < t->nmarks; i++) {
        fputs(i ? "," : " marks=", to);
        for (const char *c = t->marks[i].name; *c; c++)
            putc((unsigned char)*c <= ' ' || *c == ',' || *c == ':' ? '_' : *c, to);
        fprintf(to, ":%zu", t->marks[i].event);
    }
    putc('\n', to);
}

static void event_print(FILE *to, const struct trace_event *e)
{
    if (e->kind == TRACE_ALLOCATE)
        fprintf(to, "a %u %" PRIu64 " %u %u\n", e->id, e->size, e->align, e->thread);
    else if (e->kind == TRACE_RESIZE)
        fprintf(to, "r %u %" PRIu64 " %u\n", e->id, e->size, e->thread);
    else
        fprintf(to, "f %u %u\n", e->id, e->thread);
}

/* 0, or an errno value with info->why; a file that cannot be written sets *failed. */
static int events_convert(const struct command *c, struct trace_info *info, bool *failed)
{
    struct trace trace;
    int error = trace_load_replayed(info, c->path, &trace);
    if (error)
        return error;
    FILE *to = strcmp(c->text, "-") == 0 ? stdout : fopen(c->text, "we");
    *failed = to == NULL;
    if (to) {
        header_print(to, &trace);
        for (size_t i = 0; i < trace.nevents; i++)
            event_print(to, &trace.events[i]);
        *failed = output_finish(to, c->text);
    } else {
        fprintf(stderr, "weir trace: %s: %s\n", c->text, strerror(errno));
    }
    trace_free(&trace);
    return 0;
}

/* -- what a report says ---------------------------------------------------------------------- */

/* A trace of either format, and its report. */
struct opened {
    struct trace_info info;
    struct trace trace;
    bool binary, read; /* read: `report` is made */
    struct report report;
    struct report_names names;
    char why[512];
};

static bool file_is_binary(const char *path)
{
    unsigned char start[TRACE_MAGIC_SIZE];
    return trace_is_binary(start, file_begin(path, start, sizeof start));
}

static int opened_fail(const char *path, const char *why)
{
    fprintf(stderr, "weir trace: %s: %s\n", path, why);
    return EINVAL;
}

/* 0, or an errno value after one line. opened_close in either case. */
static int opened_read(struct opened *o, const char *path, struct report_options *options)
{
    *o = (struct opened){.binary = true, .info.fd = -1};
    if (!file_is_binary(path) && trace_load(path, &o->trace, o->why, sizeof o->why) == 0) {
        o->binary = false;
        report_make_text(&o->report, &o->trace, path, options);
        o->read = true;
        return 0;
    }
    int error = trace_info_open_tolerant(&o->info, path);
    if (error)
        return opened_fail(path, o->info.why);
    o->names.info = &o->info;
    options->namer = report_name_of;
    options->problem = report_names_problem;
    options->user = &o->names;
    error = report_make(&o->report, &o->info, path, options);
    o->read = true;
    return error ? opened_fail(path, o->info.why) : 0;
}

static void opened_close(struct opened *o)
{
    if (o->read)
        report_free(&o->report);
    report_names_end(&o->names);
    if (o->binary)
        trace_info_close(&o->info);
    else
        trace_free(&o->trace);
}

static int json_print(const struct command *c, struct summary *said, struct trace_info *info)
{
    struct trace_replay peak = {0}, end = {0};
    int error = trace_replay_until(&peak, info, said->end->peak_number);
    if (!error)
        error = trace_replay_until(&end, info, UINT64_MAX);
    said->peak = &peak;
    said->blocks = &end.blocks;
    if (!error)
        summary_json(stdout, said);
    else
        command_fail(c, info->why);
    said->peak = NULL;
    said->blocks = NULL;
    trace_replay_end(&peak);
    trace_replay_end(&end);
    return error;
}

static void text_trace_print(const struct command *c, const struct opened *o,
                             const struct report_against *against)
{
    const struct report_data *d = &o->report.data;
    text_plain(stdout, c->path, SIZE_MAX);
    printf(": a text trace of %s\n", text_of(d->events, "events"));
    printf("peak: %s in %s at event %s\n", text_bytes(d->peak), text_of(d->count, "blocks"),
           text_count(d->number[d->peak_change]));
    report_lines_peak(stdout, &o->report, c->top);
    printf("live at the end: %s in %s\n", text_bytes(d->end.total),
           text_of(d->end.count, "blocks"));
    report_lines_left(stdout, &o->report, 5);
    if (against)
        report_lines_against(stdout, against, c->top);
}

static int summary_print(const struct command *c, struct opened *o,
                         const struct report_against *against)
{
    struct summary said = {.path = c->path,
                           .info = &o->info,
                           .end = &o->report.data.end,
                           .report = &o->report,
                           .against = against,
                           .top = c->top};
    if (c->runs)
        report_lines_runs(stdout, &o->report);
    else if (c->json && o->binary)
        return json_print(c, &said, &o->info);
    else if (c->json)
        return opened_fail(c->path, "--json is for recordings of weir, not for text traces");
    else if (o->binary)
        summary_text(stdout, &said);
    else
        text_trace_print(c, o, against);
    return 0;
}

/* -- verdicts -------------------------------------------------------------------------------- */

/* True: the peak is too great, and a line says so. */
static bool is_above(const struct command *c, const struct report *r)
{
    if (!c->above || r->data.peak <= c->above)
        return false;
    fprintf(stderr, "weir trace: %s: the peak, %s, is above %s\n", c->path,
            text_bytes(r->data.peak), text_bytes(c->above));
    return true;
}

static bool has_grown(const struct command *c, const struct report *r, const struct report *base)
{
    double most = (double)base->data.peak * (1 + c->growth / 100);
    if (!c->growth_text || (double)r->data.peak <= most)
        return false;
    fprintf(stderr, "weir trace: %s: the peak, %s, is more than %s above that of %s, %s\n", c->path,
            text_bytes(r->data.peak), c->growth_text, c->against, text_bytes(base->data.peak));
    return true;
}

/* -- the command ---------------------------------------------------------------------- */

/* What goes into its own file: the page, or an export. */
static void file_write(FILE *to, const struct command *c, const struct report *r,
                       const struct report_against *against, uint32_t change)
{
    if (c->html)
        page_write(to, r, against);
    else
        export_write(to, r, (enum export_kind)c->export, change);
}

/* True: it could not be written; what there is of it is gone. */
static bool file_print(const struct command *c, const struct report *r,
                       const struct report_against *against, uint32_t change)
{
    const char *path = c->html ? c->html : c->out;
    FILE *to = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");
    struct stat about;
    if (!to) {
        fprintf(stderr, "weir trace: %s: %s\n", path, strerror(errno));
        return true;
    }
    bool regular = to != stdout && fstat(fileno(to), &about) == 0 && S_ISREG(about.st_mode);
    file_write(to, c, r, against, change);
    bool failed = output_finish(to, path);
    if (failed && regular)
        unlink(path);
    return failed;
}

static int report_write(const struct command *c, struct opened *o, struct opened *base,
                        bool *failed)
{
    struct report_against against;
    uint32_t change = o->report.data.peak_change;
    int error = 0;
    if (c->at && !export_moment(&o->report, c->at, &change))
        return opened_fail(c->path, "--at names no moment: peak, end, an event's number, a mark");
    if (base)
        report_against_make(&against, &o->report, &base->report);
    if (c->html || c->export >= 0)
        *failed = file_print(c, &o->report, base ? &against : NULL, change);
    else if (c->at)
        report_lines_at(stdout, &o->report, change, c->top);
    else
        error = summary_print(c, o, base ? &against : NULL);
    if (!error && !c->html && c->export < 0)
        *failed = output_finish(stdout, "the report");
    if (base)
        report_against_free(&against);
    return error;
}

static int report_print(const struct command *c)
{
    struct report_options options = {.by = c->by, .all = c->html, .columns = c->html};
    struct opened o, base;
    bool failed = false;
    int error = opened_read(&o, c->path, &options), other = 0;
    options.by = o.read && !error ? (int)o.report.groupings[0].by : -1;
    options.all = options.columns = false;
    if (!error && c->against)
        error = other = opened_read(&base, c->against, &options);
    if (!error)
        error = report_write(c, &o, c->against ? &base : NULL, &failed);
    bool damaged = !error && o.binary && trace_replay_is_damaged(&o.report.data.end);
    if (!error && !failed && o.binary)
        state_print(c, &o.report.data.end);
    if (!error)
        failed |= is_above(c, &o.report) || (c->against && has_grown(c, &o.report, &base.report));
    if (c->against && (!error || other))
        opened_close(&base);
    opened_close(&o);
    return error || failed || damaged;
}

static int trace_print(const struct command *c)
{
    struct trace_info info;
    struct trace_replay end = {0};
    bool failed = false;
    int error = trace_info_open_tolerant(&info, c->path);
    if (!error)
        error = trace_replay_run(&end, &info, NULL, NULL);
    if (!error)
        error = c->text ? events_convert(c, &info, &failed) : events_print(&info);
    if (!error && !c->text)
        failed = output_finish(stdout, "the trace");
    if (!error && !failed)
        state_print(c, &end);
    if (error)
        command_fail(c, info.why);
    int status = error || failed || trace_replay_is_damaged(&end);
    trace_replay_end(&end);
    trace_info_close(&info);
    return status;
}

/* -- packing --------------------------------------------------------------------------------- */

static bool files_are_one(const char *a, FILE *b)
{
    struct stat one, other;
    return stat(a, &one) == 0 && fstat(fileno(b), &other) == 0 && one.st_dev == other.st_dev &&
           one.st_ino == other.st_ino;
}

/* OUT, empty; NULL after one line. It is emptied only when it is known to be another file. */
static FILE *pack_open(const struct command *c)
{
    if (strcmp(c->pack, "-") == 0)
        return stdout;
    FILE *to = fopen(c->pack, "ae");
    if (to && files_are_one(c->path, to)) {
        fprintf(stderr, "weir trace: %s: is the recording itself\n", c->pack);
        fclose(to);
        return NULL;
    }
    if (to)
        to = freopen(c->pack, "we", to);
    if (!to)
        fprintf(stderr, "weir trace: %s: %s\n", c->pack, strerror(errno));
    return to;
}

/* What cannot be packed is found before OUT is touched. */
static bool pack_check(const struct command *c)
{
    struct trace_info info;
    int error = trace_info_open(&info, c->path);
    if (!error && trace_info_is_newer(&info))
        error = trace_info_fail(&info, EINVAL, "not packed");
    if (error)
        command_fail(c, info.why);
    trace_info_close(&info);
    return !error;
}

static int pack_print(const struct command *c)
{
    uint64_t cut = 0;
    struct stat about;
    char why[256];
    FILE *to = pack_check(c) ? pack_open(c) : NULL;
    if (!to)
        return 1;
    bool regular = to != stdout && fstat(fileno(to), &about) == 0 && S_ISREG(about.st_mode);
    int error = trace_pack(c->path, to, &cut, why, sizeof why);
    bool failed = output_finish(to, c->pack) || error;
    if (failed && regular)
        unlink(c->pack);
    if (error)
        command_fail(c, why);
    if (cut && !failed)
        fprintf(stderr, "weir trace: %s: cut short: the last %s are left out\n", c->path,
                text_of(cut, "bytes"));
    return failed;
}

/* "5%" */
static bool growth_read(struct command *c)
{
    size_t n = c->growth_text ? strlen(c->growth_text) : 0;
    if (!n)
        return true;
    if (c->growth_text[n - 1] != '%')
        return false;
    return number_real(text_made("%.*s", (int)n - 1, c->growth_text), &c->growth) && c->growth >= 0;
}

int weir_command_trace(int argc, char **argv)
{
    struct command c = {.top = 8, .by = -1, .export = -1};
    const struct option_spec table[] = {
        {"events", OPTION_FLAG, &c.events,
         .help = "one line an event, in the order in which they took effect"},
        {"json", OPTION_FLAG, &c.json, .help = "the summary as JSON"},
        {"top", OPTION_COUNT, &c.top, "N", "lines of each table (8; 0: all)"},
        {"by", OPTION_CHOICE, &c.by, "site|tag|context|class|size|thread",
         "whose memory: by call site, where stacks were recorded; else by tag,\n"
         "where there are any; else by size"},
        {"at", OPTION_TEXT, &c.at, "WHEN",
         "who holds what then: peak, end, the number of an event, or a mark's\n"
         "name: at its end"},
        {"runs", OPTION_FLAG, &c.runs, .help = "a line for each run that the program marked"},
        {"html", OPTION_TEXT, &c.html, "OUT",
         "one page that says all of it, with pictures: a file that needs no network"},
        {"export", OPTION_CHOICE, &c.export, EXPORT_KINDS,
         "writes OUT for pprof, ui.perfetto.dev, flame graphs or tables: of what\n"
         "is live at the peak, or --at another time"},
        {"against", OPTION_TEXT, &c.against, "OTHER", "what changed since that recording"},
        {"fail-above", OPTION_SIZE, &c.above, "SIZE",
         "exit status 1, and a line, if the peak is above this"},
        {"fail-growth", OPTION_TEXT, &c.growth_text, "N%",
         "exit status 1, and a line, if the peak is so much above OTHER's"},
        {"text", OPTION_TEXT, &c.text, "OUT",
         "writes the events to OUT in the text format of weir's carried traces,\n"
         "which weir bench replays (\"-\": standard output)"},
        {"pack", OPTION_TEXT, &c.pack, "OUT",
         "writes the recording to OUT with its events deflated, to keep and to send;\n"
         "all that reads a recording reads it (\"-\": standard output)"},
        {NULL}};
    const struct options options = {
        "weir trace", "[OPTIONS] FILE\n[OPTIONS] --export KIND OUT FILE",
        "Reads a trace that weir_trace_start or weir run --record wrote, replays it, holds the\n"
        "replay against the trace's footer, and says why the peak is as high as it is: who held\n"
        "it, what it would be without each holder, what grew, and what was left.",
        "Exit status: 0; 1 for a file that cannot be read or is damaged, or a peak that "
        "--fail-above\n"
        "or --fail-growth does not allow; 2 for wrong usage.\n"
        "Of a damaged trace all that is good is shown. One cut short (a full disk, a copy that\n"
        "was ended) is read as far as it goes.",
        table};
    int status = options_read(&options, argc, argv);
    if (status >= 0)
        return status;
    if (optind + 1 + (c.export >= 0) != argc)
        return options_complain(&options,
                                c.export >= 0 ? "name OUT and one FILE" : "name one FILE");
    if (!growth_read(&c))
        return options_complain(&options, "--fail-growth takes a percentage (5%%), not \"%s\"",
                                c.growth_text);
    if (c.growth_text && !c.against)
        return options_complain(&options, "--fail-growth needs --against OTHER");
    c.out = argv[optind];
    c.path = argv[argc - 1];
    if (c.pack)
        return pack_print(&c);
    return c.text || c.events ? trace_print(&c) : report_print(&c);
}
