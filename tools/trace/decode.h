/* tools/trace/decode.h - the events of one EVTS record, one after the other. */
#ifndef WEIR_TOOLS_TRACE_DECODE_H
#define WEIR_TOOLS_TRACE_DECODE_H

#include "observe/format.h"
#include "tools/trace/cursor.h"
#include "tools/trace/merge.h"

struct trace_shape {
    uint64_t requested, usable;
    uint32_t context, tag;
    uint32_t stack; /* of the latest allocation of this shape */
    uint8_t align_shift;
    bool set;
};

struct trace_decoder {
    struct trace_cursor cursor;
    uint64_t left; /* events */
    uint32_t thread, tid;
    uint64_t number, ticks, address;
    uint64_t slots[WEIR__TRACE_SLOTS];
    struct trace_shape shapes[WEIR__TRACE_SHAPES];
};

/* False: the payload is damaged. */
bool trace_decoder_begin(struct trace_decoder *d, const unsigned char *payload, size_t n);

/* 1: *record is the next event; 0: no more; -1: damaged. */
int trace_decoder_next(struct trace_decoder *d, struct trace_record *record);

#endif
