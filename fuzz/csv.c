/*
 * fuzz/csv.c - the reader of `weir plan`'s tables on any bytes. What is refused is refused in one
 * line. What is read is printed, and what is printed is read again as the same.
 */
#include "fuzz/target.h"
#include "tools/plan/rows.h"

#include <string.h>

#define ROWS_MOST 300 /* more only costs time */

static int rows_read(const char *data, size_t size, struct plan_rows *rows)
{
    char why[256] = "";
    char *text = malloc(size + 1);
    if (!text)
        exit(77);
    memcpy(text, data, size);
    text[size] = '\0';
    int error = plan_rows_parse("fuzz", text, size, rows, why, sizeof why);
    FUZZ_EXPECT(!error || *why);
    FUZZ_EXPECT(!strchr(why, '\n'));
    return error;
}

/* Without what the printed columns do not have: profiles, and gaps, which are not used. */
static void rows_expect_same(const struct plan_rows *a, const struct plan_rows *b)
{
    FUZZ_EXPECT(a->count == b->count);
    for (size_t i = 0; i < a->count; i++) {
        const struct plan_row *x = &a->rows[i], *y = &b->rows[i];
        FUZZ_EXPECT(strcmp(x->id, y->id) == 0);
        FUZZ_EXPECT(x->lower == y->lower && x->upper == y->upper);
        FUZZ_EXPECT(x->size == y->size && x->alignment == y->alignment);
        FUZZ_EXPECT(y->fixed == weir_plan_offset(a->plan, i));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan_rows rows, again;
    weir_plan_options options = {.size = sizeof options, .work = 1, .heuristic_only = true};
    if (rows_read((const char *)data, size, &rows) != 0)
        return 0;
    FUZZ_EXPECT(weir_plan_count(rows.plan) == rows.count);
    if (rows.count <= ROWS_MOST && weir_plan_solve(rows.plan, &options) == 0) {
        char *text = NULL;
        size_t length;
        FILE *to = open_memstream(&text, &length);
        if (!to)
            exit(77);
        plan_rows_print(&rows, NULL, to);
        FUZZ_EXPECT(fclose(to) == 0);
        FUZZ_EXPECT(rows_read(text, length, &again) == 0);
        rows_expect_same(&rows, &again);
        plan_rows_free(&again);
        free(text);
    }
    plan_rows_free(&rows);
    return 1;
}
