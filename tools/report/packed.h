/*
 * tools/report/packed.h - numbers for a page: differences as varints, runs of no difference
 * counted, all of it in base64. A packer is its caller's.
 *
 * Each number is the one before plus a difference; the first less 0. A difference is a varint of
 * its zigzag; 0 is followed by a varint: so many more that are 0, too.
 */
#ifndef WEIR_TOOLS_REPORT_PACKED_H
#define WEIR_TOOLS_REPORT_PACKED_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct packed {
    unsigned char *bytes;
    size_t n, room;
    uint64_t before, same; /* same: differences of 0 that are not written yet */
};

void packed_add(struct packed *packed, uint64_t value);

/* As a JSON string; the packer is empty again. Returns how many characters. */
size_t packed_write(struct packed *packed, FILE *to);

#endif
