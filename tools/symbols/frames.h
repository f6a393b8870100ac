/*
 * tools/symbols/frames.h - where functions begin and end by .eh_frame, which stripped files have,
 * too: the table of .eh_frame_hdr is searched, and the entry says for itself which addresses
 * it has. Like the image it believes nothing. Owns nothing; of an image that stays. One thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_FRAMES_H
#define WEIR_TOOLS_SYMBOLS_FRAMES_H

#include "tools/symbols/image.h"

struct frames {
    const struct image *image;
    uint64_t header;            /* the address of .eh_frame_hdr */
    const unsigned char *table; /* pairs of signed 32 bits, less `header`: function, entry */
    size_t n;                   /* pairs; 0: there is no such table */
    uint64_t common;            /* the CIE read last, by address; 0: none yet */
    unsigned char encoding;     /* of the addresses, as that CIE has it */
};

/* Of an image without the table, or one in another form, nothing is found. */
void frames_open(struct frames *frames, const struct image *image);

/* The entry that has the address. False: none has, and nothing is written. */
bool frames_find(struct frames *frames, uint64_t address, uint64_t *start, uint64_t *bytes);

#endif
