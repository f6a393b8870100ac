/*
 * bench/harness/run.c - starts workers, reads their figures, shows progress. One worker at a
 * time; single-threaded. Workers are this very program, started again.
 */
#include "bench/harness/run.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/common/time.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS_MAX = 15 };

struct bench_row *bench_row_add(struct bench_plan *plan, const char *group,
                                const struct bench_job *job, const char *name, ...)
{
    plan->rows = memory_grow(plan->rows, plan->nrows, sizeof(*plan->rows));
    struct bench_row *row = &plan->rows[plan->nrows++];
    memset(row, 0, sizeof(*row));
    va_list arguments;
    va_start(arguments, name);
    vsnprintf(row->name, sizeof(row->name), name, arguments);
    va_end(arguments);
    snprintf(row->group, sizeof(row->group), "%s", group);
    row->metric = "ns";
    row->job = *job;
    return row;
}

void bench_plan_free(struct bench_plan *plan)
{
    for (size_t i = 0; i < plan->nrows; i++) {
        for (size_t k = 0; plan->rows[i].cells && k < plan->ntargets; k++)
            bench_figures_free(&plan->rows[i].cells[k]);
        free(plan->rows[i].cells);
    }
    free(plan->rows);
    plan->rows = NULL;
    plan->nrows = 0;
}

/* -- one worker ------------------------------------------------------------------------ */

/* Puts `first` in front of the variable's value, with `separator` between. */
static void environment_prepend(const char *name, const char *first, const char *separator)
{
    const char *old = getenv(name);
    char *value;
    if (asprintf(&value, "%s%s%s", first, old && *old ? separator : "", old ? old : "") < 0)
        return;
    setenv(name, value, 1);
    free(value);
}

/* In the child; does not return. */
static void worker_exec(const struct bench_job *job, const struct bench_target *target, int out)
{
    static char words[BENCH_JOB_WORDS][BENCH_JOB_WORD_BYTES];
    char *argv[BENCH_JOB_WORDS + 4] = {"weir", "bench", "--worker"};
    bench_job_words(job, words);
    for (int i = 0; i < BENCH_JOB_WORDS; i++)
        argv[3 + i] = words[i];
    if (target->library_path)
        environment_prepend("LD_LIBRARY_PATH", target->library_path, ":");
    if (target->preload)
        environment_prepend("LD_PRELOAD", target->preload, " ");
    dup2(out, STDOUT_FILENO);
    prctl(PR_SET_PDEATHSIG, SIGKILL); /* no measuring on for nobody */
    execv("/proc/self/exe", argv);
    dprintf(STDOUT_FILENO, "! cannot run myself again: %s\n", strerror(errno));
    _exit(1);
}

/* Did the library that the target asks for really serve? The names may be links. */
static bool served_by(const char *wanted, const char *served)
{
    char a[PATH_MAX], b[PATH_MAX];
    if (realpath(wanted, a) && realpath(served, b))
        return strcmp(a, b) == 0;
    return strcmp(text_file_name(wanted), text_file_name(served)) == 0;
}

static void line_read(struct bench_cell *cell, const struct bench_target *target, char *line)
{
    line[strcspn(line, "\n")] = '\0';
    char *value = strchr(line, ' ');
    if (!value)
        return;
    *value++ = '\0';
    if (strcmp(line, "!") == 0) {
        if (!*cell->error)
            snprintf(cell->error, sizeof(cell->error), "%s", value);
    } else if (strcmp(line, "#") == 0) {
        if (!*cell->note)
            snprintf(cell->note, sizeof(cell->note), "%s", value);
    } else if (strcmp(line, "malloc-from") == 0) {
        if (target->preload && !served_by(target->preload, value) && !*cell->error)
            snprintf(cell->error, sizeof(cell->error), "malloc came from %s", value);
    } else if (strcmp(line, "weir-from") == 0) {
        if (target->library_path && !*cell->error &&
            strncmp(value, target->library_path, strlen(target->library_path)) != 0)
            snprintf(cell->error, sizeof(cell->error), "weir came from %s", value);
    } else {
        bench_figure_add(cell, line, strtod(value, NULL));
    }
}

/* 0, or an errno value where no process could be made. */
static int worker_run(const struct bench_job *job, const struct bench_target *target,
                      struct bench_cell *cell)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
        return errno;
    pid_t pid = fork();
    if (pid < 0) {
        int error = errno;
        close(ends[0]);
        close(ends[1]);
        return error;
    }
    if (pid == 0)
        worker_exec(job, target, ends[1]);
    close(ends[1]);
    FILE *from = fdopen(ends[0], "r");
    char line[1024];
    while (from && fgets(line, sizeof(line), from))
        line_read(cell, target, line);
    if (from)
        fclose(from);
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        snprintf(cell->error, sizeof(cell->error), "hung: no end after %u s", bench_job_limit(job));
    else if (WIFSIGNALED(status))
        snprintf(cell->error, sizeof(cell->error), "killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else if (status != 0 && !*cell->error)
        snprintf(cell->error, sizeof(cell->error), "exit status %d", WEXITSTATUS(status));
    return 0;
}

/* -- rounds ---------------------------------------------------------------------------- */

struct progress {
    bool shown;
    size_t done, all;
};

static void progress_show(struct progress *p, unsigned round, const char *row, const char *target)
{
    if (p->shown)
        fprintf(stderr, "\r\033[K  round %u, %3zu%%  %s: %s ", round + 1,
                p->all ? 100 * p->done / p->all : 0, target, row);
}

static int round_run(struct bench_plan *plan, unsigned round, struct progress *p)
{
    for (size_t i = 0; i < plan->nrows; i++)
        for (size_t k = 0; k < plan->ntargets; k++) {
            struct bench_row *row = &plan->rows[i];
            const struct bench_target *target = &plan->targets[k];
            struct bench_job job = row->job;
            job.limit = plan->limit;
            job.ops = target->ops;
            job.source = target->source;
            progress_show(p, round, row->name, target->name);
            p->done++;
            bool enough = row->rounds_most && round >= row->rounds_most;
            if (*row->cells[k].error || (row->weir_only && k) || enough)
                continue; /* it would fail again, or is not asked for */
            int error = worker_run(&job, target, &row->cells[k]);
            if (error) {
                fprintf(stderr, "weir bench: cannot start a process: %s\n", strerror(error));
                return 1;
            }
        }
    return 0;
}

int bench_run(struct bench_plan *plan)
{
    struct progress p = {.shown = isatty(STDERR_FILENO)};
    uint64_t begin = time_now();
    for (size_t i = 0; i < plan->nrows; i++)
        plan->rows[i].cells = memory_zeroed(plan->ntargets, sizeof(struct bench_cell));
    int status = 0;
    bench_noise_look(&plan->noise);
    unsigned most = plan->rounds ? plan->rounds : ROUNDS_MAX;
    for (unsigned round = 0; round < most && !status; round++) {
        double spent = time_seconds(begin, time_now());
        double next = round ? spent / round : 0; /* as long as those before */
        if (plan->rounds == 0 && round && spent + next > plan->seconds)
            break;
        p.all = p.done + plan->nrows * plan->ntargets;
        if (plan->rounds)
            p.all = plan->rounds * plan->nrows * plan->ntargets;
        else if (round)
            p.all = p.done + (size_t)((plan->seconds - spent) / spent * (double)p.done);
        status = round_run(plan, round, &p);
        plan->rounds_run = round + 1;
        bench_noise_look(&plan->noise);
    }
    if (p.shown)
        fprintf(stderr, "\r\033[K");
    return status;
}
