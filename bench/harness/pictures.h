/*
 * bench/harness/pictures.h - the figures of a run as charts: one chart shows one metric of the
 * rows of a group, one series a target.
 */
#ifndef WEIR_BENCH_HARNESS_PICTURES_H
#define WEIR_BENCH_HARNESS_PICTURES_H

#include "bench/harness/run.h"
#include "bench/harness/svg.h"

struct picture {
    const char *title, *axis;
    const char *group;
    const char *metric; /* NULL: each row's own */
    const char *over;   /* divide by this metric of the same cell, or NULL */
    int over_target;    /* divide by the same metric of this target; -1: do not */
    bool logarithmic;
    double reference;
    void (*draw)(struct svg *, const struct svg_chart *);
    const char *category_axis;
};

void picture_draw(struct svg *svg, const struct bench_plan *plan, const struct picture *picture);

/* All of them in one file, under the machine's name. 0, or 1 after one line. */
int pictures_write(const char *path, const char *title, const struct bench_plan *plan,
                   const struct picture *pictures, size_t n);

#endif
