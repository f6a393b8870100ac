/*
 * tools/trace/merge.h - the events of a binary trace, in the order of their numbers,
 * whichever thread wrote them and when. One buffer a thread in memory, not the file.
 *
 * Events of one thread may come a little out of order; they are held back until the
 * numbers before them have come. Where numbers are missing (lost buffers, a killed
 * program, damage) the order is right and the gaps are counted. A record whose events
 * cannot be read ends at its last good one.
 */
#ifndef WEIR_TOOLS_TRACE_MERGE_H
#define WEIR_TOOLS_TRACE_MERGE_H

#include "tools/trace/info.h"

enum trace_record_kind {
    TRACE_RECORD_ALLOCATE = 1,
    TRACE_RECORD_FREE,
    TRACE_RECORD_RESIZE,
    TRACE_RECORD_FAILED,
    TRACE_RECORD_ADJUSTED,
    TRACE_RECORD_DESTROYED,
    TRACE_RECORD_MARK_BEGIN,
    TRACE_RECORD_MARK_END,
    TRACE_RECORD_REGION_TAKEN,
    TRACE_RECORD_REGION_GIVEN,
    TRACE_RECORD_MAPPED,
    TRACE_RECORD_UNMAPPED,
    TRACE_RECORD_UNKNOWN
};

/* Fields that a kind does not name are 0. */
struct trace_record {
    uint64_t number, ticks;
    uint64_t address;   /* blocks, regions and mappings */
    uint64_t requested; /* blocks; a region's and a mapping's bytes; of a free: if `sized` */
    uint64_t before;    /* of a resize: requested bytes before, if `sized` */
    uint64_t from;      /* of a resize: where the block was, if it moved; else 0 */
    uint64_t usable;
    int64_t bytes, blocks; /* adjusted, destroyed */
    uint32_t thread, tid;
    uint32_t context, tag;
    uint32_t detail; /* failed: errno; marks: their kind; mapped: flags (observe/mapping.h) */
    uint32_t name;   /* marks */
    uint32_t stack;  /* of an allocation or a mapping: its node; 0: not known */
    uint8_t kind;    /* enum trace_record_kind */
    uint8_t align_shift;
    bool sized;
    bool stacked; /* a note stood before it that told its stack */
};

struct trace_merge;

/* The info outlives it. */
struct trace_merge *trace_merge_begin(struct trace_info *info);
void trace_merge_end(struct trace_merge *merge);

/* 1: an event; 0: there are no more; -1: damaged, info->why says how. */
int trace_merge_next(struct trace_merge *merge, struct trace_record *record);

/* Numbers that should have come so far and did not. */
uint64_t trace_merge_missing(const struct trace_merge *merge);

/* The greatest number that came; 0: none did. */
uint64_t trace_merge_last(const struct trace_merge *merge);

/* Tolerant: events left out, because their number came before or is beyond the footer's. */
uint64_t trace_merge_strays(const struct trace_merge *merge);

#endif
