/*
 * bench/harness/svg.h - charts as SVG, one below the other in one file: horizontal bars, rows of dots,
 * lines. Knows nothing of what the figures mean. One struct svg in one thread.
 *
 *     struct svg svg;
 *     svg_begin(&svg, "title of the page", "a line below it");
 *     svg_bars(&svg, &chart);
 *     svg_lines(&svg, &other);
 *     int error = svg_end(&svg, "figures.svg");
 */
#ifndef WEIR_BENCH_HARNESS_SVG_H
#define WEIR_BENCH_HARNESS_SVG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { SVG_WIDTH = 960, SVG_SERIES_MAX = 12 };

struct svg_series {
    const char *name;
    const double *values; /* one a category; NaN: none */
};

struct svg_chart {
    const char *title;
    const char *axis;              /* what the values are, with their unit */
    const char *category_axis;     /* of svg_lines: what the categories are */
    const char *const *categories; /* names */
    size_t ncategories;
    const struct svg_series *series; /* the first is drawn to stand out */
    size_t nseries;                  /* at most SVG_SERIES_MAX */
    bool logarithmic;                /* values above 0 only */
    double reference;                /* a line across at this value; 0: none */
};

struct svg {
    FILE *body;
    char *text;
    size_t length;
    int y; /* where the next chart starts */
};

/* 0 or ENOMEM. */
int svg_begin(struct svg *svg, const char *title, const char *subtitle);
/* Each adds one chart below the last. A chart without a value is left out. */
void svg_bars(struct svg *svg, const struct svg_chart *chart); /* one bar a series and category */
void svg_dots(struct svg *svg, const struct svg_chart *chart); /* one line a category */
void svg_lines(struct svg *svg, const struct svg_chart *chart);
/* Writes the file and frees everything. 0 or an errno value. */
int svg_end(struct svg *svg, const char *path);

#endif
