/*
 * tests/helpers/core.h - what the tests of the core share: a small generator of random
 * numbers, a pattern that tells whose bytes are at a place, and asking a child
 * process. Plain C, no framework, so that stress programs use it too.
 */
#ifndef WEIR_TESTS_CORE_H
#define WEIR_TESTS_CORE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Who waits so long waits for ever: the bound of every wait for what another thread or process
 * does. It is never reached where nothing is wrong, however busy the machine. */
enum { HANG_SECONDS = 200 };

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define GIB ((size_t)1 << 30)

/* Of a test's function in place of the C library's: ThreadSanitizer calls some before it has begun,
 * and then nothing may be noted of it. */
#define NOT_SANITIZED __attribute__((no_sanitize("thread")))

/* SplitMix64 (Steele, Lea, Flood 2014): any seed will do, 0 too. */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* 0 <= result < bound, bound > 0. */
static inline uint64_t random_below(uint64_t *state, uint64_t bound)
{
    return random_next(state) % bound;
}

/* Sizes as programs have them: mostly small, seldom large, all magnitudes. */
static inline size_t random_size(uint64_t *state, size_t most)
{
    size_t magnitude = (size_t)1 << random_below(state, 22);
    size_t size = (size_t)random_below(state, 2 * magnitude);
    return size > most ? size % (most + 1) : size;
}

/* Writes a pattern that depends on `id`: all of a small block, else its ends and a
 * word a page, which is enough to see any overlap of blocks. */
static inline void pattern_write(void *block, size_t size, uint64_t id)
{
    unsigned char *p = block;
    uint64_t word = (id + 1) * 0x9E3779B97F4A7C15u;
    if (size <= 1024) {
        for (size_t i = 0; i < size; i++)
            p[i] = (unsigned char)(word >> (i % 8 * 8));
        return;
    }
    for (size_t i = 0; i < 64; i++)
        p[i] = p[size - 64 + i] = (unsigned char)(word >> (i % 8 * 8));
    for (size_t at = 4096; at + 72 < size; at += 4096)
        memcpy(p + at, &word, sizeof word);
}

/* Do the first `size` bytes still hold the pattern of a block of `whole` bytes? */
static inline bool pattern_holds(const void *block, size_t size, size_t whole, uint64_t id)
{
    const unsigned char *p = block;
    uint64_t word = (id + 1) * 0x9E3779B97F4A7C15u;
    size_t ends = whole <= 1024 ? whole : 64;
    for (size_t i = 0; i < ends && i < size; i++)
        if (p[i] != (unsigned char)(word >> (i % 8 * 8)))
            return false;
    if (whole <= 1024)
        return true;
    for (size_t at = 4096; at + 72 < whole && at + 8 <= size; at += 4096)
        if (memcmp(p + at, &word, sizeof word) != 0)
            return false;
    for (size_t i = 0; size == whole && i < 64; i++)
        if (p[size - 64 + i] != (unsigned char)(word >> (i % 8 * 8)))
            return false;
    return true;
}

/* Every byte zero? Large ones are looked at in every cache line. */
static inline bool is_all_zero(const void *block, size_t size)
{
    const unsigned char *p = block;
    if (size <= 65536)
        return size == 0 || (p[0] == 0 && memcmp(p, p + 1, size - 1) == 0);
    for (size_t i = 0; i < size; i += 64)
        if (p[i])
            return false;
    return p[size - 1] == 0;
}

/* Tests do less where every step costs 10 to 50 times. */
static inline size_t scaled(size_t count)
{
    return getenv("WEIR_TEST_SLOW") ? count / 20 + 1 : count;
}

#endif
