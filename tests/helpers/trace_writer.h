/*
 * tests/helpers/trace_writer.h - writes a recording as docs/trace-format.md has it, every event
 * in full, with stacks where they are given. For tests of who reads them. The caller's events are
 * in the order of their numbers. Links observe/crc32.c.
 */
#ifndef WEIR_TESTS_TRACE_WRITER_H
#define WEIR_TESTS_TRACE_WRITER_H

#include "observe/bytes.h"
#include "observe/crc32.h"
#include "observe/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WRITER_CHUNK 60000 /* bytes of events in a record */

struct writer {
    FILE *to;
    unsigned char events[WRITER_CHUNK + 512], *at;
    uint32_t thread; /* of the open record */
    uint64_t base_number, base_ticks, number, ticks, address;
    uint64_t count; /* of events in it */
    uint64_t last, last_ticks, allocations, frees, total, live, peak, peak_number, failed;
};

static inline void writer_record(struct writer *w, uint32_t type, const void *payload, size_t n)
{
    uint32_t head[3] = {type, (uint32_t)n, 0};
    head[2] = weir__crc32(weir__crc32(0, head, 8), payload, n);
    fwrite(head, 1, 12, w->to);
    fwrite(payload, 1, n, w->to);
}

static inline unsigned char *writer_text(unsigned char *at, const char *text)
{
    return weir__put_string(at, text, strlen(text), 4000);
}

static inline void writer_begin(struct writer *w, const char *path, const char *command,
                                uint64_t bytes, uint64_t blocks)
{
    unsigned char record[8192], *at = record;
    static const unsigned char preamble[16] = {0x89, 'W',  'E', 'I', 'R', '\r',
                                               '\n', 0x1a, 1,   0,   2,   0};
    *w = (struct writer){.to = fopen(path, "we"), .total = bytes, .live = blocks, .peak = bytes};
    if (!w->to)
        abort();
    w->at = w->events;
    fwrite(preamble, 1, 16, w->to);
    at = weir__put_varint(at, 1234);
    at = weir__put_varint(at, UINT64_C(1700000000000000000));
    at = weir__put_varint(at, 1000); /* ticks: of a microsecond */
    at = weir__put_varint(at, 1000000);
    at = writer_text(at, command);
    at = writer_text(at, "0.0");
    at = writer_text(at, "root");
    at = weir__put_varint(at, 4096);
    writer_record(w, WEIR__TRACE_HEAD, record, (size_t)(at - record));
    at = record;
    at = weir__put_varint(at, bytes);
    at = weir__put_varint(at, blocks);
    at = weir__put_varint(at, 0);
    writer_record(w, WEIR__TRACE_STRT, record, (size_t)(at - record));
}

/* TAGN or NAME. */
static inline void writer_name(struct writer *w, uint32_t type, uint64_t number, const char *name)
{
    unsigned char record[8192], *at = weir__put_varint(record, number);
    at = writer_text(at, name);
    writer_record(w, type, record, (size_t)(at - record));
}

static inline void writer_module(struct writer *w, uint64_t base, uint64_t bytes, const char *path)
{
    unsigned char record[8192], *at = weir__put_varint(record, base);
    at = weir__put_varint(at, bytes);
    at = writer_text(at, path);
    at = weir__put_string(at, "\x01\x02\x03\x04", 4, 4);
    writer_record(w, WEIR__TRACE_MODL, record, (size_t)(at - record));
}

/* Nodes from 1 on: parents and addresses by number less one. */
static inline void writer_stacks(struct writer *w, const uint32_t *parents,
                                 const uint64_t *addresses, size_t n)
{
    unsigned char *record = malloc(n * 20 + 32), *at = record;
    uint64_t before = 0;
    at = weir__put_varint(at, n);
    at = weir__put_varint(at, 1);
    for (size_t i = 0; i < n; i++) {
        at = weir__put_varint(at, parents[i] ? i + 1 - parents[i] : 0);
        at = weir__put_svarint(at, (int64_t)(addresses[i] - before));
        before = addresses[i];
    }
    writer_record(w, WEIR__TRACE_STKN, record, (size_t)(at - record));
    free(record);
}

static inline void writer_base(struct writer *w, uint64_t address, uint64_t bytes, uint32_t tag)
{
    unsigned char record[128], *at = weir__put_varint(record, 1);
    at = weir__put_svarint(at, (int64_t)address);
    at = weir__put_varint(at, bytes);
    at = weir__put_varint(at, bytes);
    at = weir__put_varint(at, 0);
    at = weir__put_varint(at, tag);
    writer_record(w, WEIR__TRACE_BASE, record, (size_t)(at - record));
}

static inline void writer_flush(struct writer *w)
{
    unsigned char *record = malloc(WRITER_CHUNK + 1024), *at = record;
    size_t n = (size_t)(w->at - w->events);
    if (w->count) {
        at = weir__put_varint(at, w->thread);
        at = weir__put_varint(at, 100 + w->thread);
        at = weir__put_varint(at, w->base_number);
        at = weir__put_varint(at, w->base_ticks);
        at = weir__put_varint(at, w->count);
        memcpy(at, w->events, n);
        writer_record(w, WEIR__TRACE_EVTS, record, (size_t)(at - record) + n);
    }
    free(record);
    w->at = w->events;
    w->count = 0;
}

static inline void writer_event(struct writer *w, uint32_t thread, uint64_t ticks)
{
    if (thread != w->thread || w->at - w->events > WRITER_CHUNK) {
        writer_flush(w);
        w->thread = thread;
        w->base_number = w->number = w->last;
        w->base_ticks = w->ticks = ticks;
        w->address = 0;
    }
    w->last++;
    w->last_ticks = ticks;
    w->count++;
}

static inline void writer_moved(struct writer *w, int64_t bytes, int64_t blocks)
{
    w->total += (uint64_t)bytes;
    w->live += (uint64_t)blocks;
    if (w->total > w->peak && bytes > 0) {
        w->peak = w->total;
        w->peak_number = w->last;
    }
}

static inline void writer_head(struct writer *w, unsigned kind, uint64_t ticks, uint64_t address,
                               unsigned more)
{
    *w->at++ = (unsigned char)(kind | WEIR__TRACE_TIME | WEIR__TRACE_ADDRESS |
                               WEIR__TRACE_UNALIGNED | more);
    w->at = weir__put_varint(w->at, ticks - w->ticks);
    w->at = weir__put_svarint(w->at, (int64_t)(address - w->address));
    w->ticks = ticks;
    w->address = address;
    w->number++;
}

static inline void writer_shape(struct writer *w, uint64_t bytes, uint32_t context, uint32_t tag)
{
    *w->at++ = 0;
    w->at = weir__put_varint(w->at, bytes);
    w->at = weir__put_varint(w->at, 16);
    w->at = weir__put_varint(w->at, 4);
    w->at = weir__put_varint(w->at, context);
    w->at = weir__put_varint(w->at, tag);
}

static inline void writer_note(struct writer *w, unsigned note, uint64_t value)
{
    unsigned char bytes[10];
    size_t n = (size_t)(weir__put_varint(bytes, value) - bytes);
    *w->at++ = (unsigned char)(note << WEIR__TRACE_SUB_SHIFT);
    w->at = weir__put_varint(w->at, n);
    memcpy(w->at, bytes, n);
    w->at += n;
}

static inline void writer_allocate(struct writer *w, uint32_t thread, uint64_t ticks,
                                   uint64_t address, uint64_t bytes, uint32_t tag, uint32_t stack)
{
    writer_event(w, thread, ticks);
    writer_note(w, WEIR__TRACE_NOTE_STACK, stack);
    writer_head(w, WEIR__TRACE_ALLOCATE, ticks, address, WEIR__TRACE_SHAPE);
    writer_shape(w, bytes, 0, tag);
    w->allocations++;
    writer_moved(w, (int64_t)bytes, 1);
}

static inline void writer_free(struct writer *w, uint32_t thread, uint64_t ticks, uint64_t address,
                               uint64_t bytes)
{
    writer_event(w, thread, ticks);
    writer_head(w, WEIR__TRACE_FREE, ticks, address, WEIR__TRACE_SHAPE);
    w->at = weir__put_varint(w->at, bytes);
    w->frees++;
    writer_moved(w, -(int64_t)bytes, -1);
}

static inline void writer_resize(struct writer *w, uint32_t thread, uint64_t ticks,
                                 uint64_t address, uint64_t before, uint64_t bytes, uint32_t tag)
{
    writer_event(w, thread, ticks);
    writer_note(w, WEIR__TRACE_NOTE_BEFORE, before);
    writer_head(w, WEIR__TRACE_RESIZE, ticks, address, WEIR__TRACE_SHAPE);
    writer_shape(w, bytes, 0, tag);
    writer_moved(w, (int64_t)(bytes - before), 0);
}

static inline void writer_other(struct writer *w, uint32_t thread, uint64_t ticks, unsigned sub,
                                const unsigned char *payload, size_t n)
{
    writer_event(w, thread, ticks);
    *w->at++ = (unsigned char)(sub << WEIR__TRACE_SUB_SHIFT);
    w->at = weir__put_svarint(w->at, 0);
    w->at = weir__put_varint(w->at, ticks - w->ticks);
    w->at = weir__put_varint(w->at, n);
    memcpy(w->at, payload, n);
    w->at += n;
    w->ticks = ticks;
    w->number++;
}

static inline void writer_mark(struct writer *w, uint32_t thread, uint64_t ticks, bool begins,
                               uint32_t kind, uint32_t name)
{
    unsigned char bytes[20], *at = weir__put_varint(weir__put_varint(bytes, kind), name);
    writer_other(w, thread, ticks, begins ? WEIR__TRACE_MARK_BEGIN : WEIR__TRACE_MARK_END, bytes,
                 (size_t)(at - bytes));
}

static inline void writer_adjust(struct writer *w, uint32_t thread, uint64_t ticks, int64_t bytes,
                                 int64_t blocks)
{
    unsigned char text[20], *at = weir__put_svarint(weir__put_svarint(text, bytes), blocks);
    writer_other(w, thread, ticks, WEIR__TRACE_ADJUSTED, text, (size_t)(at - text));
    if (blocks > 0)
        w->allocations += (uint64_t)blocks;
    else
        w->frees += (uint64_t)-blocks;
    writer_moved(w, bytes, blocks);
}

static inline void writer_fail(struct writer *w, uint32_t thread, uint64_t ticks, uint64_t bytes)
{
    unsigned char text[60], *at = weir__put_varint(text, bytes);
    at = weir__put_varint(at, 4);
    at = weir__put_varint(at, 0);
    at = weir__put_varint(at, 0);
    at = weir__put_varint(at, 12);
    writer_other(w, thread, ticks, WEIR__TRACE_FAILED, text, (size_t)(at - text));
}

/* With a footer, or cut off before it. */
static inline void writer_end(struct writer *w, bool foot)
{
    unsigned char record[256], *at = record;
    writer_flush(w);
    const uint64_t fields[] = {w->last,
                               w->allocations,
                               w->frees,
                               w->total,
                               w->live,
                               w->peak,
                               w->peak_number,
                               0,
                               0,
                               w->last_ticks + 1000,
                               1000000 + (w->last_ticks) * 1000,
                               0};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        at = weir__put_varint(at, fields[i]);
    if (foot)
        writer_record(w, WEIR__TRACE_FOOT, record, (size_t)(at - record));
    fclose(w->to);
}

#endif
