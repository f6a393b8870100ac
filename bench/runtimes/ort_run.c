/*
 * ort_run.c - runs a model under ONNX Runtime with weir, with the runtime's own arena
 * and with neither (raw: malloc), and compares outputs, latency, memory and faults.
 *
 * Every allocator gets its own child process, in turns, --repeat times; they
 * answer through shared memory. --sessions: instead, K sessions in one process, each
 * with its own context and limit over one pool. --hold: an output is kept
 * beyond its session. --planned: instead, one run is recorded, and --runs more take
 * their tensors from the arena of its plan (ort_plan.c); --record: for `weir plan`.
 *
 * The runtime is --runtime, else $WEIR_ONNXRUNTIME, else libonnxruntime.so.1. Exit
 * status: 0; 1 when outputs differ, memory is pinned or a step failed (a limit, a file
 * that is no model); 2 usage; 126 the runtime cannot be used; 127 there is none.
 */
#include "bench/runtimes/child.h"
#include "bench/runtimes/ort_model.h"
#include "bench/runtimes/ort_plan.h"
#include "tools/common/number.h"
#include "tools/common/options.h"
#include "tools/common/statistics.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUNS_MAX     4096
#define SESSIONS_MAX 64
#define SHAPES_MAX   16
#define REPEAT_MAX   64

enum mode { MODE_WEIR, MODE_ARENA, MODE_RAW, MODE_COUNT };
static const char *const mode_names[] = {"weir", "arena", "raw"};

struct settings {
    const char *model, *runtime, *trace;
    uint64_t runs, repeat, sessions, threads, limit;
    bool hold, planned;
    struct shape shapes[SHAPES_MAX];
    size_t nshapes;
};

/* What weir said at the end of a phase; bytes and blocks. */
struct figures {
    size_t weights, tensors, peak, blocks, allocations;
};

struct run {
    double ms;
    long faults;
    uint64_t hash;
    struct figures figures;
};

/* What a child hands to its parent, in shared memory. */
struct answer {
    double load_ms;
    long peak_kib, steady_kib, released_kib;
    struct figures load;
    struct run runs[RUNS_MAX];
};

/* -- one process, one allocator ----------------------------------------------------------- */

/* Figures since the last call, and a new phase begins. */
static struct figures figures_take(weir_ort *ort)
{
    struct figures f = {0};
    if (!ort)
        return f;
    weir_stats s = {.size = sizeof(s)};
    weir_stats_get(weir_ort_context(ort), &s);
    f.weights = weir_total_allocated(weir_ort_weights(ort));
    f.tensors = weir_total_allocated(weir_ort_tensors(ort));
    f.peak = s.peak_allocated;
    f.blocks = s.allocation_count;
    f.allocations = s.allocations;
    weir_reset_peak(weir_ort_context(ort));
    return f;
}

/* Runs with tags: what is left of one can be named. Names are for good, so not one for
 * each of thousands. */
static weir_tag run_tag(uint64_t number)
{
    char name[32];
    snprintf(name, sizeof(name), number < 10 ? "run %" PRIu64 : "run 10 or later", number);
    return weir_tag_intern(name);
}

static OrtStatus *tagged_run(struct model *model, uint64_t number)
{
    weir_tag before = weir_tag_set(run_tag(number));
    OrtStatus *status = model_run(model);
    weir_tag_set(before);
    return status;
}

static int runs_do(const struct settings *s, struct model *model, weir_ort *ort,
                   struct answer *answer)
{
    const OrtApi *api = model->runtime->api;
    for (uint64_t i = 0; i < s->runs; i++) {
        struct run *run = &answer->runs[i];
        if (ort)
            run_tag(i + 1); /* making a tag touches memory that is not the run's */
        long faults = child_faults();
        double start = child_now_ms();
        OrtStatus *status = ort ? tagged_run(model, i + 1) : model_run(model);
        run->ms = child_now_ms() - start;
        if (status)
            return status_print(api, status, "the run failed");
        run->hash = model_collect(model, CHILD_HASH_START, s->hold && i + 1 == s->runs);
        run->faults = child_faults() - faults;
        run->figures = figures_take(ort);
    }
    return 0;
}

/* The session is gone: is its memory? */
static int ort_end(struct model *model, weir_ort *ort)
{
    int failed = 0;
    if (weir_ort_destroy(ort)) {
        fprintf(stderr, "ort_run: after the session's release %s\n", weir_ort_error());
        failed = 1;
        if (model->outputs[0]) {
            model->runtime->api->ReleaseValue(model->outputs[0]);
            model->outputs[0] = NULL;
            if (weir_ort_destroy(ort) == 0)
                fprintf(stderr, "ort_run: released, and nothing is left\n");
        }
    }
    return failed;
}

struct asked {
    const struct settings *settings;
    enum mode mode;
};

static int child_run(void *user, void *shared)
{
    const struct asked *asked = user;
    const struct settings *s = asked->settings;
    enum mode mode = asked->mode;
    struct answer *answer = shared;
    struct runtime runtime;
    struct model model;
    weir_ort *ort = NULL;
    int failed = runtime_open(&runtime, s->runtime, (int)s->threads);
    if (failed)
        return failed;
    if (mode == MODE_WEIR) {
        ort =
            weir_ort_create(runtime.base, &(weir_ort_options){.name = "model", .limit = s->limit});
        if (!ort) {
            fprintf(stderr, "ort_run: %s\n", weir_ort_error());
            return 1;
        }
    }
    weir_tag before = weir_tag_set(weir_tag_intern("load"));
    double start = child_now_ms();
    OrtStatus *status = model_load(&model, &runtime, s->model, mode == MODE_ARENA, ort);
    answer->load_ms = child_now_ms() - start;
    weir_tag_set(before);
    answer->load = figures_take(ort);
    failed = status_print(runtime.api, status, s->model);
    if (!failed)
        failed = status_print(runtime.api, model_prepare(&model, s->shapes, s->nshapes), s->model);
    if (!failed)
        failed = runs_do(s, &model, ort, answer);
    answer->peak_kib = child_status_kib("VmHWM:");
    answer->steady_kib = child_status_kib("VmRSS:");
    model_unload(&model);
    if (ort)
        weir_trim(weir_cpu_allocator());
    answer->released_kib = child_status_kib("VmRSS:");
    if (ort)
        failed |= ort_end(&model, ort);
    runtime_close(&runtime);
    return failed;
}

/* -- the parent ----------------------------------------------------------------------------- */

/* The first half of the runs warms up. */
static double answer_latency(const struct settings *s, const struct answer *answer)
{
    double ms[RUNS_MAX] = {0};
    uint64_t first = s->runs / 2;
    for (uint64_t i = first; i < s->runs; i++)
        ms[i - first] = answer->runs[i].ms;
    return statistics_median(ms, s->runs - first);
}

static long answer_faults(const struct settings *s, const struct answer *answer)
{
    long most = 0;
    for (uint64_t i = s->runs / 2; i < s->runs; i++)
        most = answer->runs[i].faults > most ? answer->runs[i].faults : most;
    return most;
}

/* One line a mode: medians over the repetitions. */
struct line {
    double load_ms, run_ms, peak_kib, steady_kib, released_kib;
    long faults;
};

static struct line line_make(const struct settings *s, struct answer *const *answers)
{
    double values[5][REPEAT_MAX];
    struct line line = {.faults = 0};
    for (uint64_t i = 0; i < s->repeat; i++) {
        values[0][i] = answers[i]->load_ms;
        values[1][i] = answer_latency(s, answers[i]);
        values[2][i] = (double)answers[i]->peak_kib;
        values[3][i] = (double)answers[i]->steady_kib;
        values[4][i] = (double)answers[i]->released_kib;
        long faults = answer_faults(s, answers[i]);
        line.faults = faults > line.faults ? faults : line.faults;
    }
    line.load_ms = statistics_median(values[0], s->repeat);
    line.run_ms = statistics_median(values[1], s->repeat);
    line.peak_kib = statistics_median(values[2], s->repeat);
    line.steady_kib = statistics_median(values[3], s->repeat);
    line.released_kib = statistics_median(values[4], s->repeat);
    return line;
}

static void figures_print(const char *phase, const struct figures *f, size_t before)
{
    printf("%-10s %12zu %12zu %12zu %8zu %12zu\n", phase, f->weights, f->tensors, f->peak,
           f->blocks, f->allocations - before);
}

static void phases_print(const struct settings *s, const struct answer *answer)
{
    printf("\nweir's exact figures, bytes and blocks\n%-10s %12s %12s %12s %8s %12s\n", "phase",
           "weights", "tensors", "peak", "blocks", "allocations");
    figures_print("load", &answer->load, 0);
    size_t before = answer->load.allocations;
    for (uint64_t i = 0; i < s->runs; i++) {
        const struct figures *f = &answer->runs[i].figures;
        char phase[32];
        snprintf(phase, sizeof(phase), "run %" PRIu64, i + 1);
        if (i < 3 || i + 1 == s->runs)
            figures_print(phase, f, before);
        before = f->allocations;
    }
}

static int table_print(const struct settings *s, struct answer *answers[MODE_COUNT][REPEAT_MAX])
{
    struct line lines[MODE_COUNT];
    uint64_t same = 0;
    printf("%s: %" PRIu64 " runs, %" PRIu64 " times each, threads: %" PRIu64 "\n", s->model,
           s->runs, s->repeat, s->threads);
    printf("%-10s %10s %10s %12s %12s %12s %10s\n", "allocator", "load ms", "run ms", "peak KiB",
           "steady KiB", "after KiB", "faults/run");
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        struct line *l = &lines[mode];
        *l = line_make(s, answers[mode]);
        printf("%-10s %10.2f %10.3f %12.0f %12.0f %12.0f %10ld\n", mode_names[mode], l->load_ms,
               l->run_ms, l->peak_kib, l->steady_kib, l->released_kib, l->faults);
        for (uint64_t i = 0; i < s->repeat; i++)
            for (uint64_t r = 0; r < s->runs; r++)
                same += answers[mode][i]->runs[r].hash == answers[0][0]->runs[0].hash;
    }
    printf("weir / arena: latency %.3f, peak resident %.3f\n",
           lines[MODE_WEIR].run_ms / lines[MODE_ARENA].run_ms,
           lines[MODE_WEIR].peak_kib / lines[MODE_ARENA].peak_kib);
    uint64_t all = MODE_COUNT * s->repeat * s->runs;
    printf("outputs identical: %" PRIu64 " of %" PRIu64 " runs\n", same, all);
    phases_print(s, answers[MODE_WEIR][0]);
    return same != all;
}

static int compare(const struct settings *s)
{
    static struct answer *answers[MODE_COUNT][REPEAT_MAX];
    for (uint64_t i = 0; i < s->repeat; i++) {
        for (int mode = 0; mode < MODE_COUNT; mode++) {
            int status = 1;
            answers[mode][i] = child_ask("ort_run", mode_names[mode], sizeof(struct answer),
                                         child_run, &(struct asked){s, (enum mode)mode}, &status);
            if (!answers[mode][i] || status)
                return status;
        }
    }
    return table_print(s, answers);
}

/* -- several sessions over one pool ------------------------------------------------------------ */

static int session_start(const struct settings *s, const struct runtime *runtime, uint64_t i,
                         struct model *model, weir_ort **ort)
{
    char name[32];
    snprintf(name, sizeof(name), "session %" PRIu64, i + 1);
    *ort = weir_ort_create(runtime->base, &(weir_ort_options){.name = name, .limit = s->limit});
    if (!*ort) {
        fprintf(stderr, "ort_run: %s\n", weir_ort_error());
        return 1;
    }
    weir_tag before = weir_tag_set(weir_tag_intern("load"));
    OrtStatus *status = model_load(model, runtime, s->model, false, *ort);
    weir_tag_set(before);
    if (!status)
        status = model_prepare(model, s->shapes, s->nshapes);
    return status_print(runtime->api, status, name);
}

/* Returns whether all outputs agreed with *hash (0: none yet). */
static int session_run(const struct settings *s, struct model *model, uint64_t *hash)
{
    for (uint64_t i = 0; i < s->runs; i++) {
        OrtStatus *status = tagged_run(model, i + 1);
        if (status)
            return status_print(model->runtime->api, status, "the run failed");
        uint64_t now = model_collect(model, CHILD_HASH_START, s->hold && i + 1 == s->runs);
        if (*hash && *hash != now) {
            fprintf(stderr, "ort_run: outputs differ between sessions\n");
            return 1;
        }
        *hash = now;
    }
    return 0;
}

static int session_report(uint64_t i, weir_ort *ort)
{
    weir_stats stats = {.size = sizeof(stats)};
    weir_stats_get(weir_ort_context(ort), &stats);
    return printf("%-10" PRIu64 " %12zu %12zu %12zu %12zu %10zu\n", i + 1,
                  weir_total_allocated(weir_ort_weights(ort)), stats.peak_allocated, stats.limit,
                  stats.allocations, stats.failures) < 0;
}

static int sessions_run(const struct settings *s)
{
    struct runtime runtime;
    static struct model models[SESSIONS_MAX];
    static weir_ort *orts[SESSIONS_MAX];
    uint64_t hash = 0;
    int failed = runtime_open(&runtime, s->runtime, (int)s->threads);
    if (failed)
        return failed;
    for (uint64_t i = 0; i < s->sessions; i++)
        failed |= session_start(s, &runtime, i, &models[i], &orts[i]);
    for (uint64_t i = 0; i < s->sessions && !failed; i++)
        failed |= session_run(s, &models[i], &hash);
    printf("%-10s %12s %12s %12s %12s %10s\n", "session", "weights", "peak", "limit", "allocations",
           "refused");
    for (uint64_t i = 0; i < s->sessions; i++)
        if (orts[i])
            session_report(i, orts[i]);
    printf("all: live %zu, peak %zu, blocks %zu\n", weir_total_allocated(weir_cpu_allocator()),
           weir_peak_allocated(weir_cpu_allocator()), weir_allocation_count(weir_cpu_allocator()));
    for (uint64_t i = 0; i < s->sessions; i++) {
        model_unload(&models[i]);
        if (orts[i])
            failed |= ort_end(&models[i], orts[i]);
        printf("session %" PRIu64 " released: live %zu in %zu blocks\n", i + 1,
               weir_total_allocated(weir_cpu_allocator()),
               weir_allocation_count(weir_cpu_allocator()));
    }
    runtime_close(&runtime);
    return failed;
}

/* -- the command line --------------------------------------------------------------------- */

/* NAME=1x3x640x640; false: it is not that. */
static bool shape_parse(struct settings *s, char *text)
{
    char *at = strrchr(text, '=');
    struct shape *shape = &s->shapes[s->nshapes];
    if (!at || s->nshapes == SHAPES_MAX)
        return false;
    *at = 0;
    shape->name = text;
    for (char *dim = strtok(at + 1, "x"); dim && shape->rank < MODEL_RANK_MAX;
         dim = strtok(NULL, "x")) {
        uint64_t extent;
        if (!number_count(dim, 0, 1 << 24, &extent))
            return false;
        shape->dims[shape->rank++] = (int64_t)extent;
    }
    s->nshapes++;
    return true;
}

/* -1: go on; else the exit status. */
static int command_line_read(struct settings *s, int argc, char **argv)
{
    struct option_list shapes = {0};
    const struct option_spec table[] = {
        {"runs", OPTION_COUNT, &s->runs, "N", "of the model in each process (10)", 0, 1, RUNS_MAX},
        {"repeat", OPTION_COUNT, &s->repeat, "N", "processes of each allocator (1)", 0, 1,
         REPEAT_MAX},
        {"threads", OPTION_COUNT, &s->threads, "N", "of the runtime (1)", 0, 1, 1024},
        {"limit", OPTION_SIZE, &s->limit, "SIZE", "of weir's context"},
        {"sessions", OPTION_COUNT, &s->sessions, "N", "instead: so many sessions over one pool", 0,
         1, SESSIONS_MAX},
        {"hold", OPTION_FLAG, &s->hold, .help = "an output is kept beyond its session"},
        {"shape", OPTION_LIST, &shapes, "NAME=1x3x640x640", "of an input; may be repeated"},
        {"runtime", OPTION_TEXT, &s->runtime, "LIBRARY", "instead of $WEIR_ONNXRUNTIME"},
        {"planned", OPTION_FLAG, &s->planned, .help = "instead: runs from the plan of one of them"},
        {"record", OPTION_TEXT, &s->trace, "FILE", "with --planned: that run, for weir plan"},
        {NULL}};
    const struct options options = {
        "ort_run", "[OPTIONS] MODEL.onnx",
        "Runs a model under ONNX Runtime with weir, with the runtime's arena and with malloc.",
        NULL, table};
    int status = options_read(&options, argc, argv);
    for (size_t i = 0; status < 0 && i < shapes.n; i++)
        if (!shape_parse(s, shapes.words[i]))
            status = options_complain(&options, "--shape takes NAME=1x3x640x640, up to %d times",
                                      SHAPES_MAX);
    free(shapes.words);
    if (status < 0 && (optind + 1 != argc || (s->trace && !s->planned)))
        status = options_complain(&options, "name one model; --record goes with --planned");
    s->model = argv[optind];
    return status;
}

int main(int argc, char **argv)
{
    struct settings s = {
        .runtime = getenv("WEIR_ONNXRUNTIME"), .runs = 10, .repeat = 1, .threads = 1};
    if (!s.runtime || !*s.runtime)
        s.runtime = "libonnxruntime.so.1";
    int status = command_line_read(&s, argc, argv);
    if (status >= 0)
        return status;
    if (s.planned)
        return planned_run(&(struct plan_settings){.model = s.model,
                                                   .runtime = s.runtime,
                                                   .trace = s.trace,
                                                   .runs = (unsigned)s.runs,
                                                   .threads = (int)s.threads,
                                                   .shapes = s.shapes,
                                                   .nshapes = s.nshapes});
    return s.sessions ? sessions_run(&s) : compare(&s);
}
