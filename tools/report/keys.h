/*
 * tools/report/keys.h - numbers 0, 1, 2, ... for keys of 64 bits, in the order in which they
 * come. A table is its owner's; all zero: empty.
 */
#ifndef WEIR_TOOLS_REPORT_KEYS_H
#define WEIR_TOOLS_REPORT_KEYS_H

#include <stddef.h>
#include <stdint.h>

struct report_keys {
    uint64_t *keys; /* by number */
    size_t n;
    uint32_t *slots; /* number + 1; 0: free */
    size_t nslots;   /* a power of two, at least twice n */
};

uint32_t report_keys_add(struct report_keys *keys, uint64_t key);
/* UINT32_MAX: it was never added. */
uint32_t report_keys_find(const struct report_keys *keys, uint64_t key);
void report_keys_free(struct report_keys *keys);

#endif
