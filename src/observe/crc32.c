/*
 * observe/crc32.c - by carry-less multiplication where the processor has it (Gopal et al. 2009):
 * 64 bytes are folded onto the next 64, and what is left is reduced. Else, and for the rest,
 * slicing by eight (Kounavis and Berry 2005): eight table look-ups for eight bytes. The tables
 * are filled at the first use, by each who comes then, with the same values.
 */
#include "observe/crc32.h"

#include <stdbool.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

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

/* -- carry-less multiplication --------------------------------------------------------------- */

#if defined(__x86_64__)

#define CRC_TARGET __attribute__((target("pclmul,sse4.1")))

static bool crc_can_fold(void)
{
    return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1");
}

static CRC_TARGET __m128i load(const unsigned char *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

/* Moves `part` on by the distance that the constants are of, onto `next`. */
static inline CRC_TARGET __m128i fold(__m128i part, __m128i constants, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(part, constants, 0x00);
    __m128i high = _mm_clmulepi64_si128(part, constants, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* 128 bits to 32 (Barrett). */
static CRC_TARGET uint32_t reduce(__m128i x, __m128i by16)
{
    const __m128i mask = _mm_setr_epi32(-1, 0, -1, 0);
    const __m128i to64 = _mm_set_epi64x(0, 0x163cd6124);
    const __m128i polynomial = _mm_set_epi64x(0x1f7011641, 0x1db710641);
    x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, by16, 0x10));
    __m128i high = _mm_srli_si128(x, 4);
    x = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(x, mask), to64, 0x00), high);
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(x, mask), polynomial, 0x10);
    __m128i product = _mm_clmulepi64_si128(_mm_and_si128(quotient, mask), polynomial, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, product), 1);
}

/* `n` is a multiple of 64, and not 0. The constants are x^(8k+32) and x^(8k-32) modulo the
 * polynomial for k of 64 and 16 bytes, bits reversed. */
static CRC_TARGET uint32_t crc_fold(uint32_t crc, const unsigned char *p, size_t n)
{
    const __m128i by64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4);
    const __m128i by16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
    __m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)crc)), b = load(p + 16),
            c = load(p + 32), d = load(p + 48);
    for (p += 64, n -= 64; n; p += 64, n -= 64) {
        a = fold(a, by64, load(p));
        b = fold(b, by64, load(p + 16));
        c = fold(c, by64, load(p + 32));
        d = fold(d, by64, load(p + 48));
    }
    a = fold(fold(fold(a, by16, b), by16, c), by16, d);
    return reduce(a, by16);
}

#else

static bool crc_can_fold(void)
{
    return false;
}

static uint32_t crc_fold(uint32_t crc, const unsigned char *p, size_t n)
{
    (void)p, (void)n;
    return crc;
}

#endif

uint32_t weir__crc32(uint32_t crc, const void *data, size_t n)
{
    const unsigned char *p = data;
    if (!__atomic_load_n(&crc_ready, __ATOMIC_ACQUIRE))
        crc_prepare();
    crc = ~crc;
    size_t folded = n & ~(size_t)63;
    if (folded && crc_can_fold()) {
        crc = crc_fold(crc, p, folded);
        p += folded;
        n -= folded;
    }
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
