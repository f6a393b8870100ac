/* unwind/bytes.c - see bytes.h. */
#include "unwind/bytes.h"

#include <string.h>

uint64_t weir__take_fixed(struct weir__bytes *b, size_t n)
{
    uint64_t value = 0;
    if (!b->at || (size_t)(b->end - b->at) < n) {
        b->bad = true;
        b->at = b->end;
        return 0;
    }
    memcpy(&value, b->at, n);
    b->at += n;
    return value;
}

uint64_t weir__take_uleb(struct weir__bytes *b)
{
    uint64_t value = 0, byte = 0x80;
    for (unsigned shift = 0; byte & 0x80 && !b->bad; shift += 7) {
        byte = weir__take_fixed(b, 1);
        value |= shift < 64 ? (byte & 0x7f) << shift : 0;
    }
    return value;
}

int64_t weir__take_sleb(struct weir__bytes *b)
{
    uint64_t value = 0, byte = 0x80;
    unsigned shift = 0;
    for (; byte & 0x80 && !b->bad; shift += 7) {
        byte = weir__take_fixed(b, 1);
        value |= shift < 64 ? (byte & 0x7f) << shift : 0;
    }
    if (byte & 0x40 && shift < 64)
        value |= -(UINT64_C(1) << shift);
    return (int64_t)value;
}

static uint64_t take_form(struct weir__bytes *b, unsigned form)
{
    switch (form) {
    case 0x0:
    case 0x4:
    case 0xc:
        return weir__take_fixed(b, 8);
    case 0x1:
        return weir__take_uleb(b);
    case 0x2:
        return weir__take_fixed(b, 2);
    case 0x3:
        return weir__take_fixed(b, 4);
    case 0x9:
        return (uint64_t)weir__take_sleb(b);
    case 0xa:
        return (uint64_t)(int16_t)weir__take_fixed(b, 2);
    case 0xb:
        return (uint64_t)(int32_t)weir__take_fixed(b, 4);
    default:
        b->bad = true;
        return 0;
    }
}

uint64_t weir__take_pointer(struct weir__bytes *b, unsigned encoding, uint64_t data)
{
    uint64_t here = (uint64_t)(uintptr_t)b->at;
    if (encoding == WEIR__PE_OMIT)
        return 0;
    uint64_t value = take_form(b, encoding & WEIR__PE_FORM);
    if ((encoding & WEIR__PE_TO) == WEIR__PE_PC)
        value += here;
    else if ((encoding & WEIR__PE_TO) == WEIR__PE_DATA)
        value += data;
    else if (encoding & WEIR__PE_TO)
        b->bad = true;
    b->bad |= (encoding & WEIR__PE_INDIRECT) != 0;
    return value;
}

struct weir__bytes weir__bytes_at(const struct weir__module *module, uint64_t address)
{
    bool within = address >= module->start && address < module->end;
    return (struct weir__bytes){(const unsigned char *)(uintptr_t)(within ? address : module->end),
                                (const unsigned char *)module->end, !within};
}
