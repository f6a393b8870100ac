/* tools/report/protobuf.c - see protobuf.h. */
#include "tools/report/protobuf.h"
#include "tools/common/memory.h"

#include <stdlib.h>
#include <string.h>

enum { WIRE_VARINT = 0, WIRE_BYTES = 2 };

static void room(struct protobuf *m, size_t more)
{
    if (m->n + more <= m->room)
        return;
    m->room = m->room ? 2 * m->room : 64;
    while (m->room < m->n + more)
        m->room *= 2;
    m->bytes = memory_array(m->bytes, m->room, 1);
}

void protobuf_element(struct protobuf *list, uint64_t value)
{
    room(list, 10);
    for (; value >= 0x80; value >>= 7)
        list->bytes[list->n++] = (unsigned char)(value | 0x80);
    list->bytes[list->n++] = (unsigned char)value;
}

void protobuf_count(struct protobuf *m, unsigned field, uint64_t value)
{
    protobuf_element(m, field << 3 | WIRE_VARINT);
    protobuf_element(m, value);
}

void protobuf_bytes(struct protobuf *m, unsigned field, const void *bytes, size_t n)
{
    protobuf_element(m, field << 3 | WIRE_BYTES);
    protobuf_element(m, n);
    room(m, n);
    if (n)
        memcpy(m->bytes + m->n, bytes, n);
    m->n += n;
}

void protobuf_text(struct protobuf *m, unsigned field, const char *text)
{
    protobuf_bytes(m, field, text, strlen(text));
}

void protobuf_nested(struct protobuf *m, unsigned field, struct protobuf *nested)
{
    protobuf_bytes(m, field, nested->bytes, nested->n);
    protobuf_free(nested);
}

void protobuf_free(struct protobuf *m)
{
    free(m->bytes);
    *m = (struct protobuf){0};
}
