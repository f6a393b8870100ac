/* bench/modes/rows.c - see rows.h. */
#include "bench/modes/rows.h"
#include "tools/common/text.h"
#include "tools/trace/load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *word_of(const struct bench_job *job, char letter)
{
    switch (letter) {
    case 's':
        return text_made("%zu", job->size);
    case 'k':
        return text_size((double)job->size);
    case 'n':
        return text_made("%zu", job->count);
    case 'N':
        return text_size((double)job->count);
    case 'T':
        return text_made("%u", job->threads);
    case 't':
        return text_of(job->threads, "threads");
    case 'c':
        return text_of(job->count, "contexts");
    default:
        return text_made("%g", job->seconds);
    }
}

static void row_name(char *name, size_t room, const char *format, const struct bench_job *job)
{
    size_t n = 0;
    for (; *format && n + 1 < room; format++)
        if (*format == '%')
            n += (size_t)snprintf(name + n, room - n, "%s", word_of(job, *++format));
        else
            name[n++] = *format;
    name[n < room ? n : room - 1] = '\0';
}

static void row_add(struct bench_plan *plan, const struct bench_loads *loads,
                    const struct bench_job *job)
{
    char name[64];
    row_name(name, sizeof name, loads->name, job);
    struct bench_row *row = bench_row_add(plan, loads->group, job, "%s", name);
    row->metric = loads->metric ? loads->metric : "ns";
    row->rounds_most = loads->rounds_most;
    row->weir_only = loads->weir_only;
}

/* One line of the table. Where nothing is run through, the last is the first. */
static void loads_add(struct bench_plan *plan, struct bench_loads l, bool quick, double seconds)
{
    struct bench_job job = l.job;
    if (quick && l.quick_count)
        *(l.count_last ? &l.count_last : &job.count) = l.quick_count;
    if (job.seconds == 0)
        job.seconds = seconds;
    else if (quick && l.quick_seconds > 0)
        job.seconds = l.quick_seconds;
    job.threads = job.threads ? job.threads : 1;
    job.variant = job.variant ? job.variant : "";
    size_t size = job.size;
    unsigned threads = job.threads;
    do {
        job.size = size;
        do {
            job.threads = threads;
            do {
                if (!l.job.size_max)
                    job.size_max = job.size;
                row_add(plan, &l, &job);
                job.threads *= l.threads_times;
            } while (job.threads && job.threads <= l.threads_last);
            job.size *= l.size_times;
        } while (job.size && job.size <= l.size_last);
        job.count *= l.count_times;
    } while (job.count && job.count <= l.count_last);
}

void bench_loads_add(struct bench_plan *plan, const struct bench_loads *loads, size_t n, bool quick,
                     double seconds)
{
    for (size_t i = 0; i < n; i++)
        loads_add(plan, loads[i], quick, seconds);
}

/* -- traces ---------------------------------------------------------------------------------- */

void bench_trace_rows(struct bench_plan *plan, const struct option_list *traces, const char *group,
                      struct bench_job job)
{
    job.load = "trace";
    for (size_t i = 0; i < traces->n; i++) {
        char *name = trace_name(traces->words[i]);
        job.trace = traces->words[i];
        bench_row_add(plan, group, &job, "%s", name);
        free(name);
    }
}

void bench_turn_rows(struct bench_plan *plan, const struct option_list *traces, const char *group,
                     struct bench_job job)
{
    job.load = "trace";
    for (size_t i = 0; i < traces->n; i++) {
        char *name = trace_name(traces->words[i]);
        /* One of small blocks, one of large. */
        if (strcmp(name, "libtorch-lstm2x256") == 0 ||
            strcmp(name, "ort-ppocr-rec-nopattern") == 0) {
            job.trace = traces->words[i];
            job.variant = "phases";
            job.threads = 1;
            bench_row_add(plan, group, &job, "%.40s, by turns", name);
            job.variant = "copies";
            job.threads = 2;
            bench_row_add(plan, group, &job, "%.40s, two at once", name);
        }
        free(name);
    }
}

/* -- of a plan ------------------------------------------------------------------------------- */

size_t bench_row_next(const struct bench_plan *plan, const char *group, size_t i)
{
    for (i++; i < plan->nrows; i++)
        if (strcmp(plan->rows[i].group, group) == 0)
            break;
    return i;
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
    fprintf(stderr, "weir bench: no load is called \"%s\"\n", word);
    return 2;
}
