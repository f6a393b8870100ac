/*
 * tools/common/number.h - numbers that people and files write, whole: what stands behind one makes
 * it none. False leaves the value as it was. No state; any thread.
 */
#ifndef WEIR_TOOLS_COMMON_NUMBER_H
#define WEIR_TOOLS_COMMON_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Decimal digits, from `least` to `most`. NULL is none. */
bool number_count(const char *text, uint64_t least, uint64_t most, uint64_t *value);

/* The same, then perhaps K, M, G or T (2^10 to 2^40), as WEIR_LIMIT has it. */
bool number_size(const char *text, uint64_t *bytes);

/* A finite number, decimal point and exponent allowed. */
bool number_real(const char *text, double *value);

#endif
