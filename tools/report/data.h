/*
 * tools/report/data.h - a trace as columns: every change of what is live, in the order of the
 * events, and the blocks that changed. Owns the columns; knows no holders and prints nothing.
 *
 * A *segment* is a block between two resizes: all that is known of it holds from the change at
 * which it is born to the one at which it dies. An event is one change or more of one number;
 * sums are those after its last one. Bytes that are in no block (live before the recording and
 * in no list; requests counted and then refused) have their own segments, so that the live
 * segments always come to the total.
 */
#ifndef WEIR_TOOLS_REPORT_DATA_H
#define WEIR_TOOLS_REPORT_DATA_H

#include "tools/trace/load.h"
#include "tools/trace/replay.h"

#define REPORT_NONE UINT32_MAX

/* In place of a stack: segments that are no block. */
#define REPORT_BEFORE  (UINT32_MAX - 1) /* live before the recording, known in sum alone */
#define REPORT_REFUSED (UINT32_MAX - 2) /* counted, then refused */

struct report_segment {
    uint64_t bytes;
    uint32_t rounding; /* usable bytes beyond those */
    uint32_t blocks;   /* 1, but for segments that are no block */
    uint32_t stack, tag, context;
    uint32_t thread : 30;   /* that made it; 0: live at the start */
    uint32_t resized : 1;   /* a resize made it, not an allocation */
    uint32_t temporary : 1; /* the next event of its thread freed it */
    uint32_t born, died;    /* changes; died REPORT_NONE: live at the end */
};

struct report_mark {
    uint32_t kind, name, thread;
    uint32_t depth;    /* marks of its thread that were open when it began */
    uint64_t from, to; /* events; `to` of one that is open at the end: the last */
    uint64_t from_ticks, to_ticks;
    uint32_t from_change, to_change; /* the latest change not behind the event */
};

struct report_failure {
    uint64_t number, ticks, bytes;
    uint32_t thread, tag, context, error;
};

/* The program mapped memory by its own call, or (given) unmapped it. */
struct report_mapping {
    uint64_t number, ticks, address, bytes;
    uint32_t flags, stack; /* observe/mapping.h */
    bool given;
};

struct report_data {
    struct trace_info *info; /* NULL: of a text trace, which has no times */
    const char *path;

    /* Columns, by change. The first is of number 0. */
    uint64_t *number, *ticks, *total;
    uint32_t *ended, *begun; /* segments, or REPORT_NONE */
    uint32_t *thread;
    size_t nchanges;

    struct report_segment *segments;
    size_t nsegments;
    struct report_mark *marks; /* in the order in which they began */
    size_t nmarks;
    char **names; /* of a text trace's marks */
    struct report_failure *failures;
    size_t nfailures;
    struct report_mapping *mappings; /* in the order of the events */
    size_t nmappings;
    uint32_t *tids; /* by thread: the system's number; 0: unknown */
    size_t ntids;

    struct trace_replay end; /* figures at the end; without blocks */
    uint64_t peak, count;    /* greatest total, and the blocks that it is in */
    uint32_t peak_change;    /* the last change of the event that reached it first */
    uint64_t events, last_number, last_ticks;
    uint64_t temporary, temporary_bytes;
    bool timed;
};

/*
 * The first makes two replays of an open trace, the other reads one of text. 0, or an errno value
 * with a line in info->why or in `why`. report_data_free in either case; the info, the path and
 * the trace outlive the data.
 */
int report_data_read(struct report_data *data, struct trace_info *info, const char *path);
int report_data_of_text(struct report_data *data, const struct trace *trace, const char *path);
void report_data_free(struct report_data *data);

/* The last change of the event that the change is of. */
static inline size_t report_event_end(const struct report_data *d, size_t change)
{
    while (change + 1 < d->nchanges && d->number[change + 1] == d->number[change])
        change++;
    return change;
}

/* Is it live after that change, the last of its event? */
static inline bool report_lives(const struct report_segment *s, size_t change)
{
    return s->born <= change && s->died > change;
}

/* The latest change not behind an event, the last that is its own. */
uint32_t report_change_at(const struct report_data *data, uint64_t number);

/* From the start; of a text trace, the number of events. */
double report_seconds(const struct report_data *data, uint64_t ticks);
double report_duration(const struct report_data *data);

const char *report_mark_name(const struct report_data *data, const struct report_mark *mark);
const char *report_mark_kind(uint32_t kind);

#endif
