#include "tools/symbols/frames.h"

#include <string.h>

/* Encodings of pointers (Linux Standard Base, DWARF extensions). */
enum {
    AS_ADDRESS = 0x00,
    AS_ULEB = 0x01,
    AS_U16 = 0x02,
    AS_U32 = 0x03,
    AS_U64 = 0x04,
    AS_SLEB = 0x09,
    AS_S16 = 0x0a,
    AS_S32 = 0x0b,
    AS_S64 = 0x0c,
    AS_FORM = 0x0f,
    TO_ITSELF = 0x10,
    TO_HEADER = 0x30,
    TO_WHAT = 0x70,
    INDIRECT = 0x80
};

/* Bytes to read, and the address that the first of them has. Short of some: `bad`. */
struct reader {
    const unsigned char *at, *end;
    uint64_t address;
    bool bad;
};

static struct reader reader_at(const struct image *image, uint64_t address)
{
    uint64_t n = UINT64_MAX;
    const unsigned char *at = image_at(image, address, &n);
    return (struct reader){at, at ? at + n : NULL, address, !at};
}

static void reader_skip(struct reader *in, uint64_t n)
{
    if (in->bad || n > (uint64_t)(in->end - in->at)) {
        in->bad = true;
        return;
    }
    in->at += n;
    in->address += n;
}

static uint64_t read_number(struct reader *in, unsigned bytes)
{
    uint64_t value = 0;
    const unsigned char *from = in->at;
    reader_skip(in, bytes);
    if (in->bad)
        return 0;
    memcpy(&value, from, bytes);
    return value;
}

static uint64_t read_leb(struct reader *in, bool is_signed)
{
    uint64_t value = 0;
    unsigned shift = 0;
    unsigned char byte = 0x80;
    while (byte & 0x80 && !in->bad) {
        byte = (unsigned char)read_number(in, 1);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    }
    if (is_signed && byte & 0x40 && shift < 64)
        value |= UINT64_MAX << shift;
    return value;
}

static uint64_t read_form(struct reader *in, unsigned form)
{
    switch (form) {
    case AS_ULEB:
        return read_leb(in, false);
    case AS_SLEB:
        return read_leb(in, true);
    case AS_U16:
        return read_number(in, 2);
    case AS_S16:
        return (uint64_t)(int64_t)(int16_t)read_number(in, 2);
    case AS_U32:
        return read_number(in, 4);
    case AS_S32:
        return (uint64_t)(int64_t)(int32_t)read_number(in, 4);
    case AS_ADDRESS:
    case AS_U64:
    case AS_S64:
        return read_number(in, 8);
    default:
        in->bad = true;
        return 0;
    }
}

static uint64_t read_address(struct reader *in, unsigned encoding)
{
    uint64_t own = in->address, value = read_form(in, encoding & AS_FORM);
    if ((encoding & TO_WHAT) == TO_ITSELF)
        return own + value;
    in->bad |= (encoding & TO_WHAT) != 0 || encoding & INDIRECT;
    return value;
}

/* -- the header ----------------------------------------------------------------------------------
 */

/* Version, encodings of the pointer to .eh_frame, of the count, of the table. */
static void header_open(struct frames *frames, uint64_t address)
{
    struct reader in = reader_at(frames->image, address);
    bool known = read_number(&in, 1) == 1;
    unsigned pointer = (unsigned)read_number(&in, 1), count = (unsigned)read_number(&in, 1);
    known &= read_number(&in, 1) == (TO_HEADER | AS_S32) && (count & TO_WHAT) == 0;
    read_form(&in, pointer & AS_FORM);
    uint64_t n = read_form(&in, count & AS_FORM);
    if (in.bad || !known)
        return;
    frames->header = address;
    frames->table = in.at;
    uint64_t room = (uint64_t)(in.end - in.at) / 8;
    frames->n = (size_t)(n < room ? n : room);
}

void frames_open(struct frames *frames, const struct image *image)
{
    *frames = (struct frames){.image = image};
    for (size_t i = 0; i < image->nsegments && !frames->n; i++) {
        Elf64_Phdr segment = image_segment(image, i);
        if (segment.p_type == PT_GNU_EH_FRAME)
            header_open(frames, segment.p_vaddr);
    }
}

/* -- entries
 * --------------------------------------------------------------------------------------- */

/* Letters of the augmentation, each with its bytes: R has the encoding of addresses. */
static bool augmentation_read(struct reader *in, const char *letters, unsigned char *encoding)
{
    *encoding = AS_ADDRESS;
    if (*letters++ != 'z')
        return !letters[-1] && !in->bad;
    read_leb(in, false); /* how many bytes follow */
    for (; *letters && !in->bad; letters++)
        if (*letters == 'R')
            *encoding = (unsigned char)read_number(in, 1);
        else if (*letters == 'L')
            read_number(in, 1);
        else if (*letters == 'P')
            read_form(in, (unsigned)read_number(in, 1) & AS_FORM);
        else if (*letters != 'S' && *letters != 'B')
            return false;
    return !in->bad;
}

static bool common_read(struct frames *frames, uint64_t address)
{
    if (frames->common && frames->common == address)
        return true;
    struct reader in = reader_at(frames->image, address);
    read_number(&in, 4);
    bool is_common = read_number(&in, 4) == 0;
    unsigned version = (unsigned)read_number(&in, 1);
    const char *letters = (const char *)in.at;
    const char *end = in.bad ? NULL : memchr(letters, '\0', (size_t)(in.end - in.at));
    if (!end || !is_common || (version != 1 && version != 3))
        return false;
    reader_skip(&in, (uint64_t)(end - letters) + 1);
    read_leb(&in, false);
    read_leb(&in, true);
    if (version == 1)
        read_number(&in, 1);
    else
        read_leb(&in, false);
    unsigned char encoding;
    if (!augmentation_read(&in, letters, &encoding))
        return false;
    frames->encoding = encoding;
    frames->common = address;
    return true;
}

static bool entry_read(struct frames *frames, uint64_t address, uint64_t *start, uint64_t *bytes)
{
    struct reader in = reader_at(frames->image, address);
    uint64_t length = read_number(&in, 4), here = in.address, back = read_number(&in, 4);
    if (in.bad || length == 0 || length >= 0xfffffff0u || back == 0 ||
        !common_read(frames, here - back))
        return false;
    *start = read_address(&in, frames->encoding);
    *bytes = read_form(&in, frames->encoding & AS_FORM);
    return !in.bad;
}

static int32_t table_number(const struct frames *frames, size_t i, size_t which)
{
    int32_t number;
    memcpy(&number, frames->table + 8 * i + 4 * which, sizeof number);
    return number;
}

bool frames_find(struct frames *frames, uint64_t address, uint64_t *start, uint64_t *bytes)
{
    int64_t wanted = (int64_t)(address - frames->header);
    size_t low = 0, high = frames->n; /* the last pair at or below */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table_number(frames, middle, 0) <= wanted)
            low = middle + 1;
        else
            high = middle;
    }
    uint64_t from = 0, n = 0;
    if (low == 0 ||
        !entry_read(frames, frames->header + (uint64_t)(int64_t)table_number(frames, low - 1, 1),
                    &from, &n) ||
        address < from || address - from >= n)
        return false;
    *start = from;
    *bytes = n;
    return true;
}
