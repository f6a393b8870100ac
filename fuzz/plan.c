/*
 * fuzz/plan.c - the reader of tables and the solver on any bytes. What is read is solved with
 * a little work, checked, and written out. With clang:
 *     clang -g -fsanitize=fuzzer,address -Iinclude -Ibuild/include -I. fuzz/plan.c \
 *         tools/plan/csv.c build/.libs/libweir.a ...
 * `make check` runs it on mutations of its own (fuzz/plan_driver.c).
 */
#include "fuzz/plan.h"
#include "tools/plan/rows.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_ROWS 300 /* more only costs time */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct plan_rows rows;
    char why[256] = "";
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (plan_rows_parse("fuzz", text, size, &rows, why, sizeof why) != 0) {
        if (!*why)
            abort(); /* refused without a word */
        return 0;
    }
    weir_plan_options options = {.size = sizeof options, .work = 200000};
    if (rows.count <= FUZZ_ROWS && weir_plan_solve(rows.plan, &options) == 0) {
        if (weir_plan_verify(rows.plan) != 0 ||
            weir_plan_arena_size(rows.plan) < weir_plan_lower_bound(rows.plan))
            abort();
        if (rows.count && weir_plan_change(rows.plan, size % rows.count, size, 8, -1, 9) == 0 &&
            weir_plan_repair(rows.plan, NULL) == 0 && weir_plan_verify(rows.plan) != 0)
            abort();
        FILE *sink = fopen("/dev/null", "w");
        if (sink) {
            plan_rows_print(&rows, sink);
            fclose(sink);
        }
    }
    plan_rows_free(&rows);
    return 1;
}
