/* tools/report/packed.c - see packed.h. */
#include "tools/report/packed.h"
#include "tools/common/memory.h"

#include <stdlib.h>

static void byte_add(struct packed *p, unsigned byte)
{
    p->bytes = memory_grow(p->bytes, p->n, 1);
    p->bytes[p->n++] = (unsigned char)byte;
}

static void varint_add(struct packed *p, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        byte_add(p, (unsigned)(value & 0x7f) | 0x80);
    byte_add(p, (unsigned)value);
}

static void same_flush(struct packed *p)
{
    if (!p->same)
        return;
    byte_add(p, 0);
    varint_add(p, p->same - 1);
    p->same = 0;
}

void packed_add(struct packed *p, uint64_t value)
{
    int64_t by = (int64_t)(value - p->before);
    p->before = value;
    if (by == 0) {
        p->same++;
        return;
    }
    same_flush(p);
    varint_add(p, (uint64_t)by << 1 ^ -(uint64_t)(by < 0));
}

size_t packed_write(struct packed *p, FILE *to)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    same_flush(p);
    putc('"', to);
    for (size_t i = 0; i < p->n; i += 3) {
        size_t left = p->n - i;
        unsigned word = (unsigned)p->bytes[i] << 16 |
                        (left > 1 ? (unsigned)p->bytes[i + 1] << 8 : 0) |
                        (left > 2 ? p->bytes[i + 2] : 0);
        putc(digits[word >> 18], to);
        putc(digits[word >> 12 & 63], to);
        putc(left > 1 ? digits[word >> 6 & 63] : '=', to);
        putc(left > 2 ? digits[word & 63] : '=', to);
    }
    putc('"', to);
    size_t written = (p->n + 2) / 3 * 4 + 2;
    free(p->bytes);
    *p = (struct packed){0};
    return written;
}
