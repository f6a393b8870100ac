/*
 * tools/plan/generate.c - random programs for `weir plan --generate`: buffers whose number and
 * lifetimes are given, so that what planning takes can be measured. One thread.
 */
#include "tools/common/memory.h"
#include "tools/plan/rows.h"

#include <errno.h>

#define GENERATE_LABEL 21 /* "18446744073709551615" and its NUL */

uint64_t plan_random_below(uint64_t *state, uint64_t n)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % n;
}

static int generate_row(struct plan_rows *rows, size_t i, size_t count, size_t live,
                        uint64_t *random)
{
    char *label = rows->text + i * GENERATE_LABEL;
    snprintf(label, GENERATE_LABEL, "%zu", i);
    struct plan_row row = {.id = label, .alignment = 64, .fixed = SIZE_MAX};
    row.lower = (int64_t)plan_random_below(random, 2 * count);
    row.upper = row.lower + 1 + (int64_t)plan_random_below(random, 4 * live);
    row.size = 64 * (1 + plan_random_below(random, 500));
    return plan_rows_add(rows, &row);
}

int plan_rows_generate(size_t count, size_t live, uint64_t seed, struct plan_rows *rows)
{
    *rows = (struct plan_rows){.plan = weir_plan_create(),
                               .text = memory_zeroed(count, GENERATE_LABEL)};
    int error = rows->plan ? 0 : ENOMEM;
    for (size_t i = 0; i < count && !error; i++)
        error = generate_row(rows, i, count, live, &seed);
    if (error)
        plan_rows_free(rows);
    return error;
}
