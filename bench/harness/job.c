/*
 * bench/harness/job.c - a job to and from the words of a command line. No state.
 */
#include "bench/harness/job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ops_names[OPS_COUNT] = {"weir", "malloc", "design", "atomics"};
static const char *const source_names[SOURCE_COUNT] = {"cpu", "backing", "malloc"};
const char *const bench_touch_names[TOUCH_COUNT] = {"none", "page", "all"};

int bench_name_index(const char *word, const char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        if (strcmp(word, names[i]) == 0)
            return i;
    return -1;
}

static bool size_set(size_t *to, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno || end == text || *end)
        return false;
    *to = (size_t)value;
    return true;
}

static bool name_set(int *to, const char *word, const char *const *names, int n)
{
    *to = bench_name_index(word, names, n);
    return *to >= 0;
}

bool bench_job_set(struct bench_job *job, char *word)
{
    char *value = strchr(word, '=');
    if (!value)
        return false;
    *value++ = '\0';
    int index = 0;
    size_t number = 0;
    if (strcmp(word, "load") == 0)
        job->load = value;
    else if (strcmp(word, "variant") == 0)
        job->variant = value;
    else if (strcmp(word, "trace") == 0)
        job->trace = value;
    else if (strcmp(word, "ops") == 0 && name_set(&index, value, ops_names, OPS_COUNT))
        job->ops = (enum bench_ops)index;
    else if (strcmp(word, "source") == 0 && name_set(&index, value, source_names, SOURCE_COUNT))
        job->source = (enum bench_source)index;
    else if (strcmp(word, "touch") == 0 && name_set(&index, value, bench_touch_names, TOUCH_COUNT))
        job->touch = (enum bench_touch)index;
    else if (strcmp(word, "seconds") == 0)
        job->seconds = strtod(value, NULL);
    else if (!size_set(&number, value))
        return false;
    else if (strcmp(word, "size") == 0)
        job->size = number;
    else if (strcmp(word, "max") == 0)
        job->size_max = number;
    else if (strcmp(word, "count") == 0)
        job->count = number;
    else if (strcmp(word, "above") == 0)
        job->above = number;
    else if (strcmp(word, "threads") == 0)
        job->threads = (unsigned)number;
    else if (strcmp(word, "limit") == 0)
        job->limit = (unsigned)number;
    else
        return false;
    return true;
}

void bench_job_words(const struct bench_job *job, char words[BENCH_JOB_WORDS][BENCH_JOB_WORD_BYTES])
{
    size_t n = BENCH_JOB_WORD_BYTES;
    snprintf(words[0], n, "load=%s", job->load);
    snprintf(words[1], n, "variant=%s", job->variant ? job->variant : "");
    snprintf(words[2], n, "trace=%s", job->trace ? job->trace : "");
    snprintf(words[3], n, "ops=%s", ops_names[job->ops]);
    snprintf(words[4], n, "source=%s", source_names[job->source]);
    snprintf(words[5], n, "touch=%s", bench_touch_names[job->touch]);
    snprintf(words[6], n, "size=%zu", job->size);
    snprintf(words[7], n, "max=%zu", job->size_max);
    snprintf(words[8], n, "count=%zu", job->count);
    snprintf(words[9], n, "threads=%u", job->threads ? job->threads : 1);
    snprintf(words[10], n, "seconds=%.4f", job->seconds);
    snprintf(words[11], n, "above=%zu", job->above);
    snprintf(words[12], n, "limit=%u", job->limit);
}

unsigned bench_job_limit(const struct bench_job *job)
{
    return job->limit ? job->limit : 300 + 20 * (unsigned)job->seconds;
}
