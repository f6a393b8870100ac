/*
 * bench/modes/command.c - `weir bench`: reads the command line and runs the mode it names. What
 * the modes share about rows and failures is here too. Single-threaded.
 */
#include "bench/modes/options.h"
#include "bench/harness/worker.h"
#include "tools/command.h"
#include "tools/common/memory.h"

#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- what the modes share --------------------------------------------------------------- */

struct bench_plan bench_plan_of(const struct bench_options *options,
                                const struct bench_targets *targets, double seconds)
{
    struct bench_plan plan = {.targets = targets->list, .ntargets = targets->n};
    plan.rounds = options->quick && !options->runs ? 1 : options->runs;
    plan.seconds = options->seconds > 0 ? options->seconds : seconds;
    plan.limit = options->limit;
    return plan;
}

void bench_trace_name(char *name, size_t n, const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(name, n, "%s", slash ? slash + 1 : path);
    char *end = strstr(name, ".trace");
    if (end)
        *end = '\0';
}

void bench_trace_rows(struct bench_plan *plan, const struct bench_traces *traces, const char *group,
                      const struct bench_job *job)
{
    for (size_t i = 0; i < traces->n; i++) {
        struct bench_job one = *job;
        char name[64];
        one.trace = traces->paths[i];
        bench_trace_name(name, sizeof(name), traces->paths[i]);
        bench_row_add(plan, group, &one, "%s", name);
    }
}

int bench_rows_keep(struct bench_plan *plan, const char *word)
{
    size_t kept = 0;
    if (!word)
        return 0;
    for (size_t i = 0; i < plan->nrows; i++)
        if (strstr(plan->rows[i].group, word) || strstr(plan->rows[i].name, word))
            plan->rows[kept++] = plan->rows[i];
    plan->nrows = kept;
    if (kept)
        return 0;
    bench_plan_free(plan);
    fprintf(stderr, "weir bench: no load is called \"%s\"\n", word);
    return 2;
}

/* One of small blocks, one of large. */
bool bench_trace_threaded(const char *name)
{
    static const char *const traces[] = {"libtorch-lstm2x256", "ort-ppocr-rec-nopattern"};
    return bench_name_index(name, traces, 2) >= 0;
}

void bench_turn_rows(struct bench_plan *plan, const struct bench_traces *traces, const char *group,
                     struct bench_job job)
{
    char name[64];
    job.load = "trace";
    for (size_t i = 0; i < traces->n; i++) {
        bench_trace_name(name, sizeof(name), traces->paths[i]);
        if (!bench_trace_threaded(name))
            continue;
        job.trace = traces->paths[i];
        job.variant = "phases";
        job.threads = 1;
        bench_row_add(plan, group, &job, "%.40s, by turns", name);
        job.variant = "copies";
        job.threads = 2;
        bench_row_add(plan, group, &job, "%.40s, two at once", name);
    }
}

void bench_mix_rows(struct bench_plan *plan, const char *group, struct bench_job job)
{
    job.load = "mix";
    job.count = 1024;
    job.size = 16;
    job.size_max = 527;
    bench_row_add(plan, group, &job, "mix of 16-527 B");
    job.size_max = 4096;
    bench_row_add(plan, group, &job, "mix of 16-4096 B");
}

/* Does the target claim that its figures are exact? Then every load must confirm it. */
static bool claims_exact(const struct bench_target *target, const struct bench_cell *cell)
{
    return target->ops == OPS_WEIR && !target->library_path && !isnan(bench_value(cell, "exact"));
}

size_t bench_say_failures(const struct bench_plan *plan)
{
    size_t failures = 0;
    for (size_t i = 0; i < plan->nrows; i++)
        for (size_t k = 0; k < plan->ntargets; k++) {
            const struct bench_cell *cell = &plan->rows[i].cells[k];
            const char *row = plan->rows[i].name, *target = plan->targets[k].name;
            if (*cell->error)
                fprintf(stderr, "weir bench: %s: %s: %s\n", target, row, cell->error);
            else if (claims_exact(&plan->targets[k], cell) && bench_least(cell, "exact") < 1)
                fprintf(stderr, "weir bench: %s: %s: not exact: %s\n", target, row, cell->note);
            else
                continue;
            failures++;
        }
    return failures;
}

/* -- the command line --------------------------------------------------------------------- */

static const char help[] =
    "usage: weir bench [OPTIONS]\n"
    "\n"
    "Replays recorded traces of real inference runtimes, and small synthetic loads, through\n"
    "weir and through raw allocation: time, page faults, resident memory, and whether weir's\n"
    "statistics equal the trace's own after every event.\n"
    "\n"
    "  --touch=none|page|all  what is done to each block: nothing, a byte a page (default),\n"
    "                         every byte\n"
    "  --traces FILE|FOLDER   replay these instead of weir's own; may be repeated\n"
    "  --runs N               rounds; the default is as many as fit into the time\n"
    "  --time SECONDS         for the rounds, where --runs does not say how many\n"
    "  --peers                weir against the other allocators on this machine, with goals\n"
    "  --peer NAME=LIBRARY    one more, or another file for one of them; may be repeated\n"
    "  --peers-from FOLDER    every NAME.so in it, too; implies --peers; may be repeated\n"
    "  --limit SECONDS        a load that takes longer counts as hung, and is given up (300)\n"
    "  --only WORD            only the loads whose name or group has WORD in it\n"
    "  --threads[=N]          1 to N threads (default: as many as there are CPUs)\n"
    "  --growth               1000 to 10000000 live blocks; the share of metadata\n"
    "  --idle                 what stays resident after 1000 threads and after 10 s of sleep\n"
    "  --baseline FOLDER      what exactness costs: against the library in FOLDER, which was\n"
    "                         built with --disable-accounting (make bench-accounting)\n"
    "  --quick                one short round\n"
    "  --json                 all figures as JSON, instead of tables\n"
    "  --svg FILE             pictures of the figures too\n"
    "  --help                 this\n";

enum option_code {
    OPTION_TOUCH = 256,
    OPTION_TRACES,
    OPTION_PEERS,
    OPTION_PEER,
    OPTION_PEERS_FROM,
    OPTION_LIMIT,
    OPTION_ONLY,
    OPTION_THREADS,
    OPTION_GROWTH,
    OPTION_IDLE,
    OPTION_BASELINE,
    OPTION_RUNS,
    OPTION_TIME,
    OPTION_QUICK,
    OPTION_JSON,
    OPTION_SVG,
    OPTION_HELP
};

static const struct option option_table[] = {
    {"touch", required_argument, NULL, OPTION_TOUCH},
    {"traces", required_argument, NULL, OPTION_TRACES},
    {"peers", no_argument, NULL, OPTION_PEERS},
    {"peer", required_argument, NULL, OPTION_PEER},
    {"peers-from", required_argument, NULL, OPTION_PEERS_FROM},
    {"limit", required_argument, NULL, OPTION_LIMIT},
    {"only", required_argument, NULL, OPTION_ONLY},
    {"threads", optional_argument, NULL, OPTION_THREADS},
    {"growth", no_argument, NULL, OPTION_GROWTH},
    {"idle", no_argument, NULL, OPTION_IDLE},
    {"baseline", required_argument, NULL, OPTION_BASELINE},
    {"runs", required_argument, NULL, OPTION_RUNS},
    {"time", required_argument, NULL, OPTION_TIME},
    {"quick", no_argument, NULL, OPTION_QUICK},
    {"json", no_argument, NULL, OPTION_JSON},
    {"svg", required_argument, NULL, OPTION_SVG},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

struct command_line {
    struct bench_options options;
    int (*mode)(const struct bench_options *);
    bool help;
};

static void word_append(char ***list, size_t *n, char *word)
{
    *list = memory_array(*list, *n + 1, sizeof(char *));
    (*list)[(*n)++] = word;
}

/* A number of at least 1. False, with a line said, where it is none. */
static bool number_set(unsigned *to, const char *option, const char *text)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*text == '-' || end == text || *end || value == 0 || value > 100000) {
        fprintf(stderr, "weir bench: --%s takes a number from 1, not \"%s\"\n", option, text);
        return false;
    }
    *to = (unsigned)value;
    return true;
}

static bool touch_set(struct bench_options *options, const char *text)
{
    int touch = bench_name_index(text, bench_touch_names, TOUCH_COUNT);
    if (touch < 0) {
        fprintf(stderr, "weir bench: --touch takes none, page or all, not \"%s\"\n", text);
        return false;
    }
    options->touch = (enum bench_touch)touch;
    return true;
}

static bool time_set(struct bench_options *options, const char *text)
{
    char *end;
    options->seconds = strtod(text, &end);
    if (end == text || *end || !(options->seconds > 0)) {
        fprintf(stderr, "weir bench: --time takes seconds, not \"%s\"\n", text);
        return false;
    }
    return true;
}

/* The options that choose what is measured. */
static bool mode_take(struct command_line *line, int code)
{
    struct bench_options *options = &line->options;
    switch (code) {
    case OPTION_PEERS:
        line->mode = bench_mode_peers;
        return true;
    case OPTION_THREADS:
        line->mode = bench_mode_threads;
        return !optarg || number_set(&options->threads, "threads", optarg);
    case OPTION_GROWTH:
        line->mode = bench_mode_growth;
        return true;
    case OPTION_IDLE:
        line->mode = bench_mode_idle;
        return true;
    case OPTION_BASELINE:
        line->mode = bench_mode_accounting;
        options->baseline = optarg;
        return true;
    default:
        return false; /* getopt has said why */
    }
}

static bool option_take(struct command_line *line, int code)
{
    struct bench_options *options = &line->options;
    switch (code) {
    case OPTION_TOUCH:
        return touch_set(options, optarg);
    case OPTION_TRACES:
        word_append(&options->traces, &options->ntraces, optarg);
        return true;
    case OPTION_PEER:
        word_append(&options->from.named, &options->from.nnamed, optarg);
        return true;
    case OPTION_PEERS_FROM:
        word_append(&options->from.folders, &options->from.nfolders, optarg);
        return true;
    case OPTION_LIMIT:
        return number_set(&options->limit, "limit", optarg);
    case OPTION_ONLY:
        options->only = optarg;
        return true;
    case OPTION_RUNS:
        return number_set(&options->runs, "runs", optarg);
    case OPTION_TIME:
        return time_set(options, optarg);
    case OPTION_QUICK:
        options->quick = true;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_SVG:
        options->svg = optarg;
        return true;
    case OPTION_HELP:
        line->help = true;
        return true;
    default:
        return mode_take(line, code);
    }
}

int weir_command_bench(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--worker") == 0)
        return bench_worker_main(argc - 1, argv + 1);
    struct command_line line = {.options = {.touch = TOUCH_PAGE}, .mode = bench_mode_replay};
    for (int code; (code = getopt_long(argc, argv, "", option_table, NULL)) != -1;)
        if (!option_take(&line, code))
            return 2;
    for (int i = optind; i < argc; i++)
        word_append(&line.options.traces, &line.options.ntraces, argv[i]);
    if (line.options.from.nfolders && line.mode == bench_mode_replay)
        line.mode = bench_mode_peers;
    int status = 0;
    bool tables_only = line.mode == bench_mode_idle || line.mode == bench_mode_accounting;
    if (line.help) {
        fputs(help, stdout);
    } else if (line.options.svg && tables_only) {
        fprintf(stderr, "weir bench: no pictures of --idle and --baseline, only tables\n");
        status = 2;
    } else {
        status = line.mode(&line.options);
    }
    free(line.options.traces);
    free(line.options.from.named);
    free(line.options.from.folders);
    return status;
}
