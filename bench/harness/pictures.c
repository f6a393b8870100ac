/* bench/harness/pictures.c - see pictures.h. */
#include "bench/harness/pictures.h"
#include "bench/harness/json.h"
#include "tools/common/memory.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double picture_value(const struct bench_row *row, size_t target, const struct picture *p)
{
    const char *metric = p->metric ? p->metric : row->metric;
    double value = bench_value(&row->cells[target], metric);
    if (p->over)
        value /= bench_value(&row->cells[target], p->over);
    if (p->over_target >= 0)
        value /= bench_value(&row->cells[p->over_target], metric);
    return value;
}

void picture_draw(struct svg *svg, const struct bench_plan *plan, const struct picture *p)
{
    size_t n = plan->ntargets < SVG_SERIES_MAX ? plan->ntargets : SVG_SERIES_MAX, rows = 0;
    double *values = memory_array(NULL, n * plan->nrows, sizeof(*values));
    const char **names = memory_array(NULL, plan->nrows, sizeof(*names));
    struct svg_series series[SVG_SERIES_MAX];
    for (size_t i = 0; i < plan->nrows; i++) {
        const struct bench_row *row = &plan->rows[i];
        if (strcmp(row->group, p->group) != 0)
            continue;
        for (size_t k = 0; k < n; k++)
            values[k * plan->nrows + rows] = picture_value(row, k, p);
        names[rows++] = row->name;
    }
    for (size_t k = 0; k < n; k++)
        series[k] = (struct svg_series){plan->targets[k].name, values + k * plan->nrows};
    struct svg_chart chart = {.title = p->title,
                              .axis = p->axis,
                              .category_axis = p->category_axis,
                              .categories = names,
                              .ncategories = rows,
                              .series = series,
                              .nseries = n,
                              .logarithmic = p->logarithmic,
                              .reference = p->reference};
    if (rows)
        p->draw(svg, &chart);
    free(names);
    free(values);
}

int pictures_write(const char *path, const char *title, const struct bench_plan *plan,
                   const struct picture *pictures, size_t n)
{
    struct svg svg;
    char machine[300];
    bench_machine(machine, sizeof(machine));
    int error = svg_begin(&svg, title, machine);
    for (size_t i = 0; !error && i < n; i++)
        picture_draw(&svg, plan, &pictures[i]);
    if (!error)
        error = svg_end(&svg, path);
    if (error)
        fprintf(stderr, "weir bench: %s: %s\n", path, strerror(error));
    return error != 0;
}
