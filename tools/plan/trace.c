/*
 * tools/plan/trace.c - lifetimes out of a recorded trace: the clock is the number of the
 * event, a block is live from its allocation to its free (or to the trace's end), and a
 * resized one is two rows, before and after, so that the live sum is the trace's own.
 */
#include "tools/common/memory.h"
#include "tools/plan/rows.h"
#include "tools/trace/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define TRACE_LABEL 24 /* "4294967295.4294967295" and its NUL */

/* What is live: by id, where it began and its size. */
struct trace_live {
    int64_t since; /* event; -1: not live */
    uint64_t size;
    uint32_t align, part; /* resizes so far */
};

static int trace_row(struct plan_rows *rows, struct trace_live *l, uint32_t id, int64_t until)
{
    char *label = rows->text + rows->count * TRACE_LABEL;
    if (l->part)
        snprintf(label, TRACE_LABEL, "%" PRIu32 ".%" PRIu32, id, l->part);
    else
        snprintf(label, TRACE_LABEL, "%" PRIu32, id);
    struct plan_row row = {.id = label,
                           .lower = l->since,
                           .upper = until,
                           .size = l->size,
                           .alignment = l->align ? l->align : 1,
                           .fixed = SIZE_MAX};
    return plan_rows_add(rows, &row);
}

static int trace_rows(const struct trace *trace, struct plan_rows *rows)
{
    struct trace_live *live = memory_zeroed((size_t)trace->nblocks + 1, sizeof *live);
    rows->plan = weir_plan_create();
    rows->clock = "event of the trace";
    rows->text = memory_zeroed(trace->nevents, TRACE_LABEL);
    int error = rows->plan ? 0 : ENOMEM;
    for (uint32_t id = 0; !error && id <= trace->nblocks; id++)
        live[id].since = -1;
    for (size_t i = 0; i < trace->nevents && !error; i++) {
        const struct trace_event *e = &trace->events[i];
        struct trace_live *l = &live[e->id];
        if (l->since >= 0)
            error = trace_row(rows, l, e->id, (int64_t)i);
        l->part += e->kind == TRACE_RESIZE;
        l->since = e->kind == TRACE_FREE ? -1 : (int64_t)i;
        l->size = e->size;
        l->align = e->kind == TRACE_ALLOCATE ? e->align : l->align;
    }
    for (uint32_t id = 1; !error && id <= trace->nblocks; id++)
        if (live[id].since >= 0)
            error = trace_row(rows, &live[id], id, (int64_t)trace->nevents);
    free(live);
    return error;
}

int plan_rows_trace(const char *path, struct plan_rows *rows, char *why, size_t nwhy)
{
    struct trace trace;
    *rows = (struct plan_rows){0};
    int error = trace_load(path, &trace, why, nwhy);
    if (error)
        return error;
    error = trace_rows(&trace, rows);
    if (error) {
        snprintf(why, nwhy, "%s: %s", path, strerror(error));
        plan_rows_free(rows);
    }
    trace_free(&trace);
    return error;
}
