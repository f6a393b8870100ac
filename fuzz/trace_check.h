/* fuzz/trace_check.h - what tools/trace/load.h says of a trace, looked at by other means. */
#ifndef WEIR_FUZZ_TRACE_CHECK_H
#define WEIR_FUZZ_TRACE_CHECK_H

#include "fuzz/target.h"
#include "tools/trace/load.h"

#include <string.h>

/* Ids count the allocations, nothing is freed twice, and the peak is that of the events. */
static inline void trace_check(const struct trace *trace)
{
    uint64_t *live = calloc((size_t)trace->nblocks + 1, sizeof *live), total = 0, peak = 0;
    uint32_t last = 0;
    FUZZ_EXPECT(live && trace->name);
    for (size_t i = 0; i < trace->nevents; i++) {
        const struct trace_event *e = &trace->events[i];
        FUZZ_EXPECT(e->thread < trace->nthreads);
        if (e->kind == TRACE_ALLOCATE) {
            FUZZ_EXPECT(e->id == ++last && last <= trace->nblocks);
            FUZZ_EXPECT(e->align && (e->align & (e->align - 1)) == 0);
        } else {
            FUZZ_EXPECT(e->id && e->id <= last && live[e->id]);
            total -= live[e->id] - 1;
        }
        live[e->id] = e->kind == TRACE_FREE ? 0 : e->size + 1;
        total += e->kind == TRACE_FREE ? 0 : e->size;
        peak = total > peak ? total : peak;
    }
    FUZZ_EXPECT(last == trace->nblocks);
    FUZZ_EXPECT(peak == trace->peak_live);
    for (size_t i = 0; i < trace->nmarks; i++) {
        FUZZ_EXPECT(trace->marks[i].name && trace->marks[i].event <= trace->nevents);
        FUZZ_EXPECT(!i || trace->marks[i - 1].event <= trace->marks[i].event);
    }
    free(live);
}

#endif
