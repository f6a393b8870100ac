/*
 * tools/trace/cursor.h - a payload of docs/internals/trace-format.md, read from the front. Reading
 * past the end or a number that is none sets `bad` and gives 0 from then on: callers look
 * once, when they are through.
 */
#ifndef WEIR_TOOLS_TRACE_CURSOR_H
#define WEIR_TOOLS_TRACE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_cursor {
    const unsigned char *at, *end;
    bool bad;
};

static inline uint64_t cursor_bad(struct trace_cursor *c)
{
    c->bad = true;
    c->at = c->end;
    return 0;
}

static inline unsigned cursor_byte(struct trace_cursor *c)
{
    return c->at < c->end ? *c->at++ : (unsigned)cursor_bad(c);
}

static inline uint64_t cursor_varint(struct trace_cursor *c)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        if (c->at == c->end)
            return cursor_bad(c);
        uint64_t byte = *c->at++;
        if (shift == 63 && byte > 1)
            return cursor_bad(c);
        value |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
    return cursor_bad(c);
}

/* Two's complement of the signed number: sums are modulo 2^64. */
static inline uint64_t cursor_svarint(struct trace_cursor *c)
{
    uint64_t value = cursor_varint(c);
    return value >> 1 ^ (0 - (value & 1));
}

#define TRACE_NUMBERS_MOST (1u << 20) /* names and contexts that a file may define */

#define TRACE_STACKS_MOST (1u << 22) /* nodes of stacks that a file may define */

/* The number of a name or of a context. */
static inline uint64_t cursor_number(struct trace_cursor *c)
{
    uint64_t value = cursor_varint(c);
    return value < TRACE_NUMBERS_MOST ? value : cursor_bad(c);
}

/* Points into the payload. */
static inline const unsigned char *cursor_string(struct trace_cursor *c, size_t *length)
{
    uint64_t n = cursor_varint(c);
    if (n > (uint64_t)(c->end - c->at))
        n = cursor_bad(c);
    const unsigned char *text = c->at;
    c->at += n;
    *length = (size_t)n;
    return text;
}

#endif
