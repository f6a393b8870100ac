/*
 * fuzz/target.h - what a target is: one function of any bytes, which libFuzzer or fuzz/driver.c
 * calls. It aborts where a promise is broken. And what targets share: bytes taken one by one, a
 * file in memory.
 */
#ifndef WEIR_FUZZ_TARGET_H
#define WEIR_FUZZ_TARGET_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* 1: the input was accepted, so to speak; 0: it was refused. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A promise; what was broken is said. */
#define FUZZ_EXPECT(condition)                                                                     \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))

struct fuzz_bytes {
    const uint8_t *at, *end;
};

/* The next byte; 0 where there is none. */
static inline unsigned fuzz_byte(struct fuzz_bytes *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* The next `n` bytes as a number, the lowest first. */
static inline uint64_t fuzz_number(struct fuzz_bytes *in, unsigned n)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < n; i++)
        value |= (uint64_t)fuzz_byte(in) << 8 * i;
    return value;
}

#endif
