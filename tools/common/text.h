/*
 * tools/common/text.h - numbers as people read them. Each text is good until a few more of its
 * kind are made: for the arguments of one printf.
 */
#ifndef WEIR_TOOLS_COMMON_TEXT_H
#define WEIR_TOOLS_COMMON_TEXT_H

#include <stdint.h>

/* "1,234,567" */
const char *number_count(uint64_t value);

/* "286.9 MiB" */
const char *number_scaled(uint64_t bytes);

/* "286.9 MiB (300,832,030 bytes)", "12 bytes" */
const char *number_bytes(uint64_t bytes);

/* "1 block", "1,000 blocks"; `things` ends in an s. */
const char *number_of(uint64_t value, const char *things);

#endif
