/*
 * tools/symbols/ranges.h - ranges of addresses, each of something, some of them over others: what
 * has the greatest rank of those that have an address. Owns the list. It is filled, laid out
 * once, then asked. One thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_RANGES_H
#define WEIR_TOOLS_SYMBOLS_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct range {
    uint64_t from, to;
    uint32_t rank, what;
};

/* Zeroed memory is an empty list. */
struct ranges {
    struct range *at; /* by address; once laid out they do not overlap */
    size_t n;
};

/* Empty ones are left out. */
void ranges_add(struct ranges *ranges, uint64_t from, uint64_t to, uint32_t rank, uint32_t what);
void ranges_lay_out(struct ranges *ranges);

/* NULL: none has it. */
const struct range *ranges_find(const struct ranges *ranges, uint64_t address);
void ranges_free(struct ranges *ranges);

#endif
