/* bench/harness/figures.c - see figures.h. */
#include "bench/harness/figures.h"
#include "tools/common/memory.h"
#include "tools/common/statistics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct bench_metric *metric_find(const struct bench_cell *cell, const char *name)
{
    for (size_t i = 0; i < cell->nmetrics; i++)
        if (strcmp(cell->metrics[i].name, name) == 0)
            return &cell->metrics[i];
    return NULL;
}

void bench_figure_add(struct bench_cell *cell, const char *name, double value)
{
    struct bench_metric *metric = (struct bench_metric *)metric_find(cell, name);
    if (!metric) {
        if (cell->nmetrics == METRICS_MAX || strlen(name) >= METRIC_NAME_BYTES)
            return;
        metric = &cell->metrics[cell->nmetrics++];
        snprintf(metric->name, sizeof(metric->name), "%s", name);
    }
    metric->values = memory_grow(metric->values, metric->n, sizeof(double));
    metric->values[metric->n++] = value;
}

void bench_figures_free(struct bench_cell *cell)
{
    for (size_t m = 0; m < cell->nmetrics; m++)
        free(cell->metrics[m].values);
    cell->nmetrics = 0;
}

/* Sorted; n 0: there is no such figure, or none that counts. From malloc. */
static double *sorted(const struct bench_cell *cell, const char *name, size_t *n)
{
    const struct bench_metric *metric = metric_find(cell, name);
    *n = metric && !*cell->error ? metric->n : 0;
    double *values = memory_array(NULL, *n, sizeof(double));
    if (*n)
        memcpy(values, metric->values, *n * sizeof(double));
    statistics_sort(values, *n);
    return values;
}

static double quantile(const struct bench_cell *cell, const char *name, double share)
{
    size_t n;
    double *values = sorted(cell, name, &n), value = statistics_quantile(values, n, share);
    free(values);
    return value;
}

double bench_value(const struct bench_cell *cell, const char *metric)
{
    return quantile(cell, metric, 0.5);
}

double bench_least(const struct bench_cell *cell, const char *metric)
{
    return quantile(cell, metric, 0);
}

double bench_spread(const struct bench_cell *cell, const char *metric)
{
    size_t n;
    double *values = sorted(cell, metric, &n), spread = statistics_spread(values, n);
    free(values);
    return spread;
}

double bench_range(const struct bench_cell *cell, const char *metric)
{
    double far = quantile(cell, metric, 1) - quantile(cell, metric, 0);
    return isnan(bench_spread(cell, metric)) ? NAN : far == 0 ? 0 : far / bench_value(cell, metric);
}
