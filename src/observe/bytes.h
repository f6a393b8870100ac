/* observe/bytes.h - numbers and strings as docs/internals/trace-format.md has them, put into memory
 * that the caller knows to be large enough. */
#ifndef WEIR_OBSERVE_BYTES_H
#define WEIR_OBSERVE_BYTES_H

#include "base/bits.h"

#include <string.h>

#define WEIR__VARINT_MOST 10

WEIR__INLINE unsigned char *weir__put_varint(unsigned char *at, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        *at++ = (unsigned char)(value | 0x80);
    *at++ = (unsigned char)value;
    return at;
}

WEIR__INLINE unsigned char *weir__put_svarint(unsigned char *at, int64_t value)
{
    return weir__put_varint(at, (uint64_t)value << 1 ^ -(uint64_t)(value < 0));
}

/* At most `most` bytes of the text. */
WEIR__INLINE unsigned char *weir__put_string(unsigned char *at, const void *text, size_t length,
                                             size_t most)
{
    length = weir__min(length, most);
    at = weir__put_varint(at, length);
    memcpy(at, text, length);
    return at + length;
}

#endif
