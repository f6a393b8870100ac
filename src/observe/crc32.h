/* observe/crc32.h - CRC-32 of ISO 3309, as zlib's, by its own tables. */
#ifndef WEIR_OBSERVE_CRC32_H
#define WEIR_OBSERVE_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of what `crc` covers (0: nothing) and `n` bytes more. Any thread, any time. */
uint32_t weir__crc32(uint32_t crc, const void *data, size_t n);

#endif
