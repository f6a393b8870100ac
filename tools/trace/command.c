/*
 * tools/trace/command.c - `weir trace FILE`: reads a binary trace, holds it against its own
 * footer, and says what the peak was, when, and who held it. What is damaged is passed over:
 * everything good is shown, one line says what was not, and the exit status is 1.
 */
#include "tools/command.h"
#include "tools/common/options.h"
#include "tools/trace/binary.h"
#include "tools/trace/report.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct command {
    const char *path, *text;
    bool events, json;
    uint64_t top;
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

/* -- the summary ------------------------------------------------------------------------------- */

static int summary_print(const struct command *c, struct trace_info *info,
                         const struct trace_replay *end)
{
    struct trace_replay peak;
    int error = trace_replay_until(&peak, info, end->peak_number);
    struct trace_report report = {c->path, info, end, &peak, c->top};
    if (!error)
        (c->json ? trace_report_json : trace_report_text)(stdout, &report);
    trace_replay_end(&peak);
    return error;
}

static int events_print(struct trace_info *info)
{
    struct trace_record record;
    struct trace_merge *merge = trace_merge_begin(info);
    int got;
    while ((got = trace_merge_next(merge, &record)) > 0)
        trace_report_event(stdout, info, &record);
    trace_merge_end(merge);
    return got < 0 ? EINVAL : 0;
}

/* The summary has a place for it, JSON has keys; what else is printed is data alone. */
static void state_print(const struct command *c, const struct trace_replay *end)
{
    char prefix[4096];
    bool damaged = trace_replay_is_damaged(end), whole = trace_replay_is_complete(end);
    snprintf(prefix, sizeof prefix, "weir trace: %s: ", c->path);
    if (c->json ? damaged : (c->events || c->text) && !whole)
        trace_report_state(stderr, prefix, end);
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

/* -- the command ---------------------------------------------------------------------- */

static int trace_show(const struct command *c, struct trace_info *info,
                      const struct trace_replay *end, bool *failed)
{
    if (c->text)
        return events_convert(c, info, failed);
    int error = c->events ? events_print(info) : summary_print(c, info, end);
    if (!error)
        *failed = output_finish(stdout, "the trace");
    return error;
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
        error = trace_show(c, &info, &end, &failed);
    if (!error && !failed)
        state_print(c, &end);
    if (error)
        command_fail(c, info.why);
    int status = error || failed || trace_replay_is_damaged(&end);
    trace_replay_end(&end);
    trace_info_close(&info);
    return status;
}

int weir_command_trace(int argc, char **argv)
{
    struct command c = {.top = 10};
    const struct option_spec table[] = {
        {"events", OPTION_FLAG, &c.events,
         .help = "one line an event, in the order in which they took effect"},
        {"json", OPTION_FLAG, &c.json, .help = "the summary as JSON"},
        {"top", OPTION_COUNT, &c.top, "N", "lines of each table (10; 0: all)"},
        {"text", OPTION_TEXT, &c.text, "OUT",
         "writes the events to OUT in the text format of weir's carried traces,\n"
         "which weir bench replays (\"-\": standard output)"},
        {NULL}};
    const struct options options = {
        "weir trace", "[OPTIONS] FILE",
        "Reads a trace that weir_trace_start or weir run --record wrote, replays it, holds the\n"
        "replay against the trace's footer, and prints what it says.",
        "Exit status: 0; 1 for a file that cannot be read or is damaged; 2 for wrong usage.\n"
        "Of a damaged trace all that is good is shown. One cut short (a full disk, a copy that\n"
        "was ended) is read as far as it goes.",
        table};
    int status = options_read(&options, argc, argv);
    if (status >= 0)
        return status;
    if (optind + 1 != argc)
        return options_complain(&options, "name one FILE");
    c.path = argv[optind];
    return trace_print(&c);
}
