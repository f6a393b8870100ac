/*
 * observe/crc32.c - slicing by eight (Kounavis and Berry 2005): eight table look-ups for
 * eight bytes. The tables are filled at the first use, by each who comes then, with the
 * same values.
 */
#include "observe/crc32.h"

#include <stdbool.h>

#define POLYNOMIAL 0xedb88320u

static uint32_t crc_tables[8][256];
static bool crc_ready;

static void crc_prepare(void)
{
    for (unsigned i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++)
            c = c & 1 ? c >> 1 ^ POLYNOMIAL : c >> 1;
        __atomic_store_n(&crc_tables[0][i], c, __ATOMIC_RELAXED);
        for (unsigned k = 1; k < 8; k++) {
            uint32_t low = c & 0xff;
            uint32_t short_crc = low;
            for (int bit = 0; bit < 8; bit++)
                short_crc = short_crc & 1 ? short_crc >> 1 ^ POLYNOMIAL : short_crc >> 1;
            c = c >> 8 ^ short_crc;
            __atomic_store_n(&crc_tables[k][i], c, __ATOMIC_RELAXED);
        }
    }
    __atomic_store_n(&crc_ready, true, __ATOMIC_RELEASE);
}

static uint32_t word_at(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t weir__crc32(uint32_t crc, const void *data, size_t n)
{
    const unsigned char *p = data;
    if (!__atomic_load_n(&crc_ready, __ATOMIC_ACQUIRE))
        crc_prepare();
    crc = ~crc;
    for (; n >= 8; n -= 8, p += 8) {
        uint32_t low = crc ^ word_at(p), high = word_at(p + 4);
        crc = crc_tables[7][low & 0xff] ^ crc_tables[6][low >> 8 & 0xff] ^
              crc_tables[5][low >> 16 & 0xff] ^ crc_tables[4][low >> 24] ^
              crc_tables[3][high & 0xff] ^ crc_tables[2][high >> 8 & 0xff] ^
              crc_tables[1][high >> 16 & 0xff] ^ crc_tables[0][high >> 24];
    }
    while (n--)
        crc = crc >> 8 ^ crc_tables[0][(crc ^ *p++) & 0xff];
    return ~crc;
}
