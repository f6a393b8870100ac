/* bench/harness/figures.c - see figures.h. */
#include "bench/harness/figures.h"
#include "tools/common/memory.h"

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
    metric->values = memory_array(metric->values, metric->n + 1, sizeof(double));
    metric->values[metric->n++] = value;
}

void bench_figures_free(struct bench_cell *cell)
{
    for (size_t m = 0; m < cell->nmetrics; m++)
        free(cell->metrics[m].values);
    cell->nmetrics = 0;
}

static int value_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The metric, if it has values that count. */
static const struct bench_metric *metric_counted(const struct bench_cell *cell, const char *name)
{
    const struct bench_metric *metric = metric_find(cell, name);
    return metric && metric->n && !*cell->error ? metric : NULL;
}

/* share 0: least, 0.5: median, 1: greatest; straight lines between the values. */
static double metric_quantile(const struct bench_cell *cell, const char *name, double share)
{
    const struct bench_metric *metric = metric_counted(cell, name);
    if (!metric)
        return NAN;
    double *sorted = memory_array(NULL, metric->n, sizeof(double));
    memcpy(sorted, metric->values, metric->n * sizeof(double));
    qsort(sorted, metric->n, sizeof(double), value_compare);
    double place = share * (double)(metric->n - 1), below = floor(place);
    size_t at = (size_t)below;
    double value = sorted[at];
    if (at + 1 < metric->n)
        value += (place - below) * (sorted[at + 1] - value);
    free(sorted);
    return value;
}

double bench_value(const struct bench_cell *cell, const char *metric)
{
    return metric_quantile(cell, metric, 0.5);
}

double bench_greatest(const struct bench_cell *cell, const char *metric)
{
    return metric_quantile(cell, metric, 1);
}

double bench_least(const struct bench_cell *cell, const char *metric)
{
    return metric_quantile(cell, metric, 0);
}

/* The distance between two quantiles over the median. */
static double distance(const struct bench_cell *cell, const char *name, double low, double high)
{
    const struct bench_metric *metric = metric_counted(cell, name);
    if (!metric || metric->n < 2)
        return NAN;
    double far = metric_quantile(cell, name, high) - metric_quantile(cell, name, low);
    return far == 0 ? 0 : far / fabs(bench_value(cell, name));
}

double bench_spread(const struct bench_cell *cell, const char *metric)
{
    return distance(cell, metric, 0.25, 0.75);
}

double bench_range(const struct bench_cell *cell, const char *metric)
{
    return distance(cell, metric, 0, 1);
}

double bench_geomean(const double *values, size_t n)
{
    double sum = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        if (!isnan(values[i]) && values[i] > 0) {
            sum += log(values[i]);
            used++;
        }
    return used ? exp(sum / (double)used) : NAN;
}
