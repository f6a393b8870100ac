/* fuzz/trace_sums.h - right checksums on any bytes: no fuzzer finds a CRC. */
#ifndef WEIR_FUZZ_TRACE_SUMS_H
#define WEIR_FUZZ_TRACE_SUMS_H

#include "fuzz/target.h"
#include "observe/bytes.h"
#include "observe/crc32.h"
#include "observe/format.h"

#include <string.h>

static inline uint32_t word_get(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

/* Puts the right CRC on every record that is whole. The last may be longer than what is there: it
 * is cut to that. */
static inline void sums_mend(uint8_t *data, size_t size)
{
    if (size < WEIR__TRACE_PREAMBLE)
        return;
    memcpy(data, WEIR__TRACE_MAGIC, 8); /* NOLINT(bugprone-not-null-terminated-result): no text */
    for (size_t at = WEIR__TRACE_PREAMBLE; size - at >= WEIR__TRACE_RECORD;) {
        uint32_t length = word_get(data + at + 4),
                 most = (uint32_t)(size - at - WEIR__TRACE_RECORD);
        if (length > most) {
            length %= most + 1;
            memcpy(data + at + 4, &length, sizeof length);
        }
        uint32_t sum = weir__crc32(0, data + at, 8);
        sum = weir__crc32(sum, data + at + WEIR__TRACE_RECORD, length);
        memcpy(data + at + 8, &sum, sizeof sum);
        at += WEIR__TRACE_RECORD + length;
    }
}

#endif
