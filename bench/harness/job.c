/* bench/harness/job.c - see job.h. */
#include "bench/harness/job.h"
#include "tools/common/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const ops_names[OPS_COUNT] = {"weir", "malloc", "design", "atomics"};
static const char *const source_names[SOURCE_COUNT] = {"cpu", "backing", "malloc", "guards",
                                                       "hardened"};
const char *const bench_touch_names[TOUCH_COUNT] = {"none", "page", "all"};

/* A word of the command line for each field. */
static const struct field {
    const char *name;
    enum { TEXT, NAME, SIZE, UNSIGNED, REAL } kind;
    size_t offset;
    const char *const *names; /* of a NAME, which is an enum */
    int nnames;
} fields[] = {
#define FIELD(name, kind, field, ...)                                                              \
    {                                                                                              \
        name, kind, offsetof(struct bench_job, field), __VA_ARGS__                                 \
    }
    FIELD("load", TEXT, load, NULL, 0),
    FIELD("variant", TEXT, variant, NULL, 0),
    FIELD("trace", TEXT, trace, NULL, 0),
    FIELD("ops", NAME, ops, ops_names, OPS_COUNT),
    FIELD("source", NAME, source, source_names, SOURCE_COUNT),
    FIELD("touch", NAME, touch, bench_touch_names, TOUCH_COUNT),
    FIELD("size", SIZE, size, NULL, 0),
    FIELD("max", SIZE, size_max, NULL, 0),
    FIELD("count", SIZE, count, NULL, 0),
    FIELD("above", SIZE, above, NULL, 0),
    FIELD("threads", UNSIGNED, threads, NULL, 0),
    FIELD("limit", UNSIGNED, limit, NULL, 0),
    FIELD("seconds", REAL, seconds, NULL, 0),
};
_Static_assert(sizeof fields / sizeof *fields == BENCH_JOB_WORDS, "a word a field");

static bool field_set(const struct field *field, void *at, const char *value)
{
    uint64_t number = 0;
    bool is = number_count(value, 0, field->kind == UNSIGNED ? UINT32_MAX : SIZE_MAX, &number);
    switch (field->kind) {
    case TEXT:
        *(const char **)at = value;
        return true;
    case NAME:
        for (int i = 0; i < field->nnames; i++)
            if (strcmp(value, field->names[i]) == 0)
                return *(int *)at = i, true;
        return false;
    case SIZE:
        *(size_t *)at = number;
        return is;
    case UNSIGNED:
        *(unsigned *)at = (unsigned)number;
        return is;
    default:
        return number_real(value, at);
    }
}

bool bench_job_set(struct bench_job *job, char *word)
{
    char *value = strchr(word, '=');
    for (size_t i = 0; value && i < BENCH_JOB_WORDS; i++) {
        size_t n = strlen(fields[i].name);
        if ((size_t)(value - word) == n && strncmp(word, fields[i].name, n) == 0)
            return field_set(&fields[i], (char *)job + fields[i].offset, value + 1);
    }
    return false;
}

void bench_job_words(const struct bench_job *job, char words[BENCH_JOB_WORDS][BENCH_JOB_WORD_BYTES])
{
    for (size_t i = 0; i < BENCH_JOB_WORDS; i++) {
        const struct field *field = &fields[i];
        const void *at = (const char *)job + field->offset;
        int n = snprintf(words[i], BENCH_JOB_WORD_BYTES, "%s=", field->name);
        char *to = words[i] + n;
        size_t room = BENCH_JOB_WORD_BYTES - (size_t)n;
        if (field->kind == TEXT)
            snprintf(to, room, "%s", *(const char *const *)at ? *(const char *const *)at : "");
        else if (field->kind == NAME)
            snprintf(to, room, "%s", field->names[*(const int *)at]);
        else if (field->kind == SIZE)
            snprintf(to, room, "%zu", *(const size_t *)at);
        else if (field->kind == UNSIGNED)
            snprintf(to, room, "%u", *(const unsigned *)at);
        else
            snprintf(to, room, "%.6f", *(const double *)at);
    }
}

unsigned bench_job_limit(const struct bench_job *job)
{
    return job->limit ? job->limit : 300 + 20 * (unsigned)job->seconds;
}
