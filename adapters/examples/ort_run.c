/*
 * ort_run.c - runs a model under ONNX Runtime with weir, with the runtime's own arena
 * and with neither (raw: malloc), and compares outputs, latency, memory and faults.
 *
 *   ort_run MODEL.onnx [--runs N] [--repeat N] [--threads N] [--limit BYTES]
 *           [--sessions K] [--hold] [--shape NAME=1x3x640x640]... [--runtime LIBRARY]
 *           [--planned [--record FILE]]
 *
 * Every allocator gets a child process of its own, in turns, --repeat times; they
 * answer through shared memory. --sessions: instead, K sessions in one process, each
 * with a context and a limit of its own over one pool. --hold: an output is kept
 * beyond its session. --planned: instead, one run is recorded, and --runs more take
 * their tensors from the arena of its plan (ort_plan.c); --record: for `weir plan`.
 *
 * The runtime is --runtime, else $WEIR_ONNXRUNTIME, else libonnxruntime.so.1. Exit
 * status: 0; 1 when outputs differ, memory is pinned or a step failed (a limit, a file
 * that is no model); 2 usage; 126 the runtime cannot be used; 127 there is none.
 */
#include "ort_model.h"
#include "ort_plan.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX     4096
#define SESSIONS_MAX 64
#define SHAPES_MAX   16
#define REPEAT_MAX   64
#define HASH_START   0xcbf29ce484222325u

enum mode { MODE_WEIR, MODE_ARENA, MODE_RAW, MODE_COUNT };
static const char *const mode_names[] = {"weir", "arena", "raw"};

struct settings {
    const char *model, *runtime;
    unsigned runs, repeat, sessions;
    int threads;
    size_t limit;
    bool hold, planned;
    const char *trace;
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
    int status; /* the child's exit status, or -1: it did not come to an end */
    double load_ms;
    long peak_kib, steady_kib, released_kib;
    struct figures load;
    struct run runs[RUNS_MAX];
};

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static long minor_faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* VmHWM or VmRSS of this process; -1 where there is no /proc. */
static long status_kib(const char *key)
{
    char line[256];
    long value = -1;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof(line), file))
        if (!strncmp(line, key, strlen(key)))
            value = strtol(line + strlen(key) + 1, NULL, 10);
    if (file)
        fclose(file);
    return value;
}

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
static weir_tag run_tag(unsigned number)
{
    char name[32];
    snprintf(name, sizeof(name), number < 10 ? "run %u" : "run 10 or later", number);
    return weir_tag_intern(name);
}

static OrtStatus *tagged_run(struct model *model, unsigned number)
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
    for (unsigned i = 0; i < s->runs; i++) {
        struct run *run = &answer->runs[i];
        if (ort)
            run_tag(i + 1); /* making a tag touches memory that is not the run's */
        long faults = minor_faults();
        double start = now_ms();
        OrtStatus *status = ort ? tagged_run(model, i + 1) : model_run(model);
        run->ms = now_ms() - start;
        if (status)
            return status_print(api, status, "the run failed");
        run->hash = model_collect(model, HASH_START, s->hold && i + 1 == s->runs);
        run->faults = minor_faults() - faults;
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

static int child_run(const struct settings *s, enum mode mode, struct answer *answer)
{
    struct runtime runtime;
    struct model model;
    weir_ort *ort = NULL;
    int failed = runtime_open(&runtime, s->runtime, s->threads);
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
    double start = now_ms();
    OrtStatus *status = model_load(&model, &runtime, s->model, mode == MODE_ARENA, ort);
    answer->load_ms = now_ms() - start;
    weir_tag_set(before);
    answer->load = figures_take(ort);
    failed = status_print(runtime.api, status, s->model);
    if (!failed)
        failed = status_print(runtime.api, model_prepare(&model, s->shapes, s->nshapes), s->model);
    if (!failed)
        failed = runs_do(s, &model, ort, answer);
    answer->peak_kib = status_kib("VmHWM:");
    answer->steady_kib = status_kib("VmRSS:");
    model_unload(&model);
    if (ort)
        weir_trim(weir_cpu_allocator());
    answer->released_kib = status_kib("VmRSS:");
    if (ort)
        failed |= ort_end(&model, ort);
    runtime_close(&runtime);
    return failed;
}

/* -- the parent ----------------------------------------------------------------------------- */

static struct answer *child_ask(const struct settings *s, enum mode mode)
{
    struct answer *answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (answer == MAP_FAILED) {
        perror("ort_run: mmap");
        exit(1);
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0)
        exit(child_run(s, mode, answer));
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        fprintf(stderr, "ort_run: the child with %s died of signal %d\n", mode_names[mode],
                WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        answer->status = -1;
    } else {
        answer->status = WEXITSTATUS(status);
    }
    return answer;
}

static int double_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), double_compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The first half of the runs warms up. */
static double answer_latency(const struct settings *s, const struct answer *answer)
{
    double ms[RUNS_MAX] = {0};
    unsigned first = s->runs / 2;
    for (unsigned i = first; i < s->runs; i++)
        ms[i - first] = answer->runs[i].ms;
    return median(ms, s->runs - first);
}

static long answer_faults(const struct settings *s, const struct answer *answer)
{
    long most = 0;
    for (unsigned i = s->runs / 2; i < s->runs; i++)
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
    for (unsigned i = 0; i < s->repeat; i++) {
        values[0][i] = answers[i]->load_ms;
        values[1][i] = answer_latency(s, answers[i]);
        values[2][i] = (double)answers[i]->peak_kib;
        values[3][i] = (double)answers[i]->steady_kib;
        values[4][i] = (double)answers[i]->released_kib;
        long faults = answer_faults(s, answers[i]);
        line.faults = faults > line.faults ? faults : line.faults;
    }
    line.load_ms = median(values[0], s->repeat);
    line.run_ms = median(values[1], s->repeat);
    line.peak_kib = median(values[2], s->repeat);
    line.steady_kib = median(values[3], s->repeat);
    line.released_kib = median(values[4], s->repeat);
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
    for (unsigned i = 0; i < s->runs; i++) {
        const struct figures *f = &answer->runs[i].figures;
        char phase[16];
        snprintf(phase, sizeof(phase), "run %u", i + 1);
        if (i < 3 || i + 1 == s->runs)
            figures_print(phase, f, before);
        before = f->allocations;
    }
}

static int table_print(const struct settings *s, struct answer *answers[MODE_COUNT][REPEAT_MAX])
{
    struct line lines[MODE_COUNT];
    unsigned same = 0;
    printf("%s: %u runs, %u times each, threads: %d\n", s->model, s->runs, s->repeat, s->threads);
    printf("%-10s %10s %10s %12s %12s %12s %10s\n", "allocator", "load ms", "run ms", "peak KiB",
           "steady KiB", "after KiB", "faults/run");
    for (int mode = 0; mode < MODE_COUNT; mode++) {
        struct line *l = &lines[mode];
        *l = line_make(s, answers[mode]);
        printf("%-10s %10.2f %10.3f %12.0f %12.0f %12.0f %10ld\n", mode_names[mode], l->load_ms,
               l->run_ms, l->peak_kib, l->steady_kib, l->released_kib, l->faults);
        for (unsigned i = 0; i < s->repeat; i++)
            for (unsigned r = 0; r < s->runs; r++)
                same += answers[mode][i]->runs[r].hash == answers[0][0]->runs[0].hash;
    }
    printf("weir / arena: latency %.3f, peak resident %.3f\n",
           lines[MODE_WEIR].run_ms / lines[MODE_ARENA].run_ms,
           lines[MODE_WEIR].peak_kib / lines[MODE_ARENA].peak_kib);
    unsigned all = MODE_COUNT * s->repeat * s->runs;
    printf("outputs identical: %u of %u runs\n", same, all);
    phases_print(s, answers[MODE_WEIR][0]);
    return same != all;
}

static int compare(const struct settings *s)
{
    static struct answer *answers[MODE_COUNT][REPEAT_MAX];
    for (unsigned i = 0; i < s->repeat; i++) {
        for (int mode = 0; mode < MODE_COUNT; mode++) {
            answers[mode][i] = child_ask(s, mode);
            if (answers[mode][i]->status)
                return answers[mode][i]->status < 0 ? 1 : answers[mode][i]->status;
        }
    }
    return table_print(s, answers);
}

/* -- several sessions over one pool ------------------------------------------------------------ */

static int session_start(const struct settings *s, const struct runtime *runtime, unsigned i,
                         struct model *model, weir_ort **ort)
{
    char name[32];
    snprintf(name, sizeof(name), "session %u", i + 1);
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
    for (unsigned i = 0; i < s->runs; i++) {
        OrtStatus *status = tagged_run(model, i + 1);
        if (status)
            return status_print(model->runtime->api, status, "the run failed");
        uint64_t now = model_collect(model, HASH_START, s->hold && i + 1 == s->runs);
        if (*hash && *hash != now) {
            fprintf(stderr, "ort_run: outputs differ between sessions\n");
            return 1;
        }
        *hash = now;
    }
    return 0;
}

static int session_report(unsigned i, weir_ort *ort)
{
    weir_stats stats = {.size = sizeof(stats)};
    weir_stats_get(weir_ort_context(ort), &stats);
    return printf("%-10u %12zu %12zu %12zu %12zu %10zu\n", i + 1,
                  weir_total_allocated(weir_ort_weights(ort)), stats.peak_allocated, stats.limit,
                  stats.allocations, stats.failures) < 0;
}

static int sessions_run(const struct settings *s)
{
    struct runtime runtime;
    static struct model models[SESSIONS_MAX];
    static weir_ort *orts[SESSIONS_MAX];
    uint64_t hash = 0;
    int failed = runtime_open(&runtime, s->runtime, s->threads);
    if (failed)
        return failed;
    for (unsigned i = 0; i < s->sessions; i++)
        failed |= session_start(s, &runtime, i, &models[i], &orts[i]);
    for (unsigned i = 0; i < s->sessions && !failed; i++)
        failed |= session_run(s, &models[i], &hash);
    printf("%-10s %12s %12s %12s %12s %10s\n", "session", "weights", "peak", "limit", "allocations",
           "refused");
    for (unsigned i = 0; i < s->sessions; i++)
        if (orts[i])
            session_report(i, orts[i]);
    printf("all: live %zu, peak %zu, blocks %zu\n", weir_total_allocated(weir_cpu_allocator()),
           weir_peak_allocated(weir_cpu_allocator()), weir_allocation_count(weir_cpu_allocator()));
    for (unsigned i = 0; i < s->sessions; i++) {
        model_unload(&models[i]);
        if (orts[i])
            failed |= ort_end(&models[i], orts[i]);
        printf("session %u released: live %zu in %zu blocks\n", i + 1,
               weir_total_allocated(weir_cpu_allocator()),
               weir_allocation_count(weir_cpu_allocator()));
    }
    runtime_close(&runtime);
    return failed;
}

/* -- the command line ----------------------------------------------------------------------------
 */

static size_t number(const char *text, size_t least, size_t most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end || end == text || *text == '-' || value < least || value > most) {
        fprintf(stderr, "ort_run: \"%s\" is no number from %zu to %zu\n", text, least, most);
        exit(EXIT_USAGE);
    }
    return value;
}

/* NAME=1x3x640x640 */
static void shape_parse(struct settings *s, char *text)
{
    char *at = strrchr(text, '=');
    struct shape *shape = &s->shapes[s->nshapes];
    if (!at || s->nshapes == SHAPES_MAX) {
        fprintf(stderr, "ort_run: --shape takes NAME=1x3x640x640, up to %d times\n", SHAPES_MAX);
        exit(EXIT_USAGE);
    }
    *at = 0;
    shape->name = text;
    for (char *dim = strtok(at + 1, "x"); dim && shape->rank < MODEL_RANK_MAX;
         dim = strtok(NULL, "x"))
        shape->dims[shape->rank++] = (int64_t)number(dim, 0, 1 << 24);
    s->nshapes++;
}

static void option_take(struct settings *s, int option)
{
    switch (option) {
    case 'n':
        s->runs = (unsigned)number(optarg, 1, RUNS_MAX);
        break;
    case 'e':
        s->repeat = (unsigned)number(optarg, 1, REPEAT_MAX);
        break;
    case 't':
        s->threads = (int)number(optarg, 1, 1024);
        break;
    case 'l':
        s->limit = number(optarg, 1, SIZE_MAX / 2);
        break;
    case 's':
        s->sessions = (unsigned)number(optarg, 1, SESSIONS_MAX);
        break;
    case 'h':
        s->hold = true;
        break;
    case 'p':
        shape_parse(s, optarg);
        break;
    case 'P':
        s->planned = true;
        break;
    case 'R':
        s->trace = optarg;
        break;
    case 'r':
        s->runtime = optarg;
        break;
    default:
        fprintf(stderr, "usage: ort_run MODEL.onnx [--runs N] [--repeat N] [--threads N] "
                        "[--limit BYTES]\n               [--sessions K] [--hold] "
                        "[--shape NAME=1x3x640x640]... [--runtime LIBRARY]\n"
                        "               [--planned [--record FILE]]\n");
        exit(EXIT_USAGE);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"runs", required_argument, NULL, 'n'},
                                            {"repeat", required_argument, NULL, 'e'},
                                            {"threads", required_argument, NULL, 't'},
                                            {"limit", required_argument, NULL, 'l'},
                                            {"sessions", required_argument, NULL, 's'},
                                            {"hold", no_argument, NULL, 'h'},
                                            {"shape", required_argument, NULL, 'p'},
                                            {"runtime", required_argument, NULL, 'r'},
                                            {"planned", no_argument, NULL, 'P'},
                                            {"record", required_argument, NULL, 'R'},
                                            {NULL, 0, NULL, 0}};
    struct settings s = {
        .runtime = getenv("WEIR_ONNXRUNTIME"), .runs = 10, .repeat = 1, .threads = 1};
    if (!s.runtime || !*s.runtime)
        s.runtime = "libonnxruntime.so.1";
    int option;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        option_take(&s, option);
    if (optind + 1 != argc || (s.trace && !s.planned))
        option_take(&s, '?');
    s.model = argv[optind];
    if (s.planned)
        return planned_run(&(struct plan_settings){.model = s.model,
                                                   .runtime = s.runtime,
                                                   .trace = s.trace,
                                                   .runs = s.runs,
                                                   .threads = s.threads,
                                                   .shapes = s.shapes,
                                                   .nshapes = s.nshapes});
    return s.sessions ? sessions_run(&s) : compare(&s);
}
