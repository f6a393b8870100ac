/*
 * tools/shown/figures.h - what an image of the memory that `weir run` shares (observe/run_page.h)
 * shows, summed up: for `weir run` and for `weir stats --pid`. No state; any thread.
 */
#ifndef WEIR_TOOLS_SHOWN_FIGURES_H
#define WEIR_TOOLS_SHOWN_FIGURES_H

#include "observe/run_page.h"

#include <stdbool.h>
#include <stdint.h>

struct run_figures {
    uint64_t peak, peak_blocks, peak_at; /* bytes asked for; CLOCK_MONOTONIC ns, 0: unknown */
    uint64_t live, blocks;
    uint64_t allocations, frees, failures;
    uint64_t in_use, cached, reserved, metadata, limit; /* as of `as_of` */
    uint64_t as_of;
    bool exact; /* live, blocks and peak are true to the last call that returned */
    bool last;  /* `as_of` is its end */
};

/* What the tallies of an image come to. */
struct run_tallies {
    uint64_t bytes, allocated, freed;
    struct weir__tally solo; /* the one that `solo` names */
    bool has_solo;
};

/* Sums the tallies of all images; `sums` has WEIR__RUN_IMAGES, `images` the copies (state
 * 0: not to be summed). */
void run_tallies_sum(void *page, uint32_t unit, const struct weir__run_image *const images[],
                     struct run_tallies sums[]);

/* What the image and its tallies come to. */
struct run_figures run_figures_of(const struct weir__run_image *image,
                                  const struct run_tallies *tallies);

/* Members of an open object: what they are called is the same wherever figures are printed. */
struct json;
void run_figures_json(struct json *j, const struct run_figures *f);

#endif
