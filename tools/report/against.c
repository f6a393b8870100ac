/* tools/report/against.c - see against.h. */
#include "tools/report/against.h"
#include "tools/common/memory.h"

#include <stdlib.h>
#include <string.h>

static int by_name(const void *left, const void *right)
{
    const struct report_against_row *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : b->present[0] - a->present[0];
}

static void amount_add(struct report_amount *to, const struct report_amount *more)
{
    to->bytes += more->bytes;
    to->blocks += more->blocks;
}

static void row_join(struct report_against_row *to, const struct report_against_row *more)
{
    for (size_t side = 0; side < 2; side++) {
        amount_add(&to->peak[side], &more->peak[side]);
        amount_add(&to->left[side], &more->left[side]);
        to->present[side] |= more->present[side];
    }
}

static uint64_t distance(const struct report_against_row *row)
{
    int64_t change = report_against_change(row);
    return change < 0 ? 0 - (uint64_t)change : (uint64_t)change;
}

static uint64_t left_distance(const struct report_against_row *row)
{
    uint64_t a = row->left[0].bytes, b = row->left[1].bytes;
    return a > b ? a - b : b - a;
}

static int by_change(const void *left, const void *right)
{
    const struct report_against_row *a = left, *b = right;
    if (distance(a) != distance(b))
        return distance(a) > distance(b) ? -1 : 1;
    if (left_distance(a) != left_distance(b))
        return left_distance(a) > left_distance(b) ? -1 : 1;
    return strcmp(a->name, b->name);
}

static void rows_add(struct report_against *a, const struct report *r, size_t side)
{
    const struct report_grouping *g = &r->groupings[0];
    for (size_t i = 0; i < g->n; i++) {
        struct report_against_row row = {.name = g->holders[i].name,
                                         .display = report_display(&g->holders[i])};
        row.peak[side] = g->holders[i].peak;
        row.left[side] = g->holders[i].left;
        row.present[side] = true;
        a->rows[a->n++] = row;
    }
}

static void rows_join(struct report_against *a)
{
    size_t kept = 0;
    qsort(a->rows, a->n, sizeof *a->rows, by_name);
    for (size_t i = 0; i < a->n; i++)
        if (kept && strcmp(a->rows[kept - 1].name, a->rows[i].name) == 0)
            row_join(&a->rows[kept - 1], &a->rows[i]);
        else
            a->rows[kept++] = a->rows[i];
    a->n = kept;
}

void report_against_make(struct report_against *a, const struct report *here,
                         const struct report *there)
{
    size_t most = here->groupings[0].n + there->groupings[0].n;
    *a = (struct report_against){
        .here = here, .there = there, .rows = memory_array(NULL, most, sizeof *a->rows)};
    rows_add(a, here, 0);
    rows_add(a, there, 1);
    rows_join(a);
    for (size_t i = 0; i < a->n; i++) {
        a->fresh += !a->rows[i].present[1];
        a->gone += !a->rows[i].present[0];
    }
    qsort(a->rows, a->n, sizeof *a->rows, by_change);
}

void report_against_free(struct report_against *a)
{
    free(a->rows);
}
