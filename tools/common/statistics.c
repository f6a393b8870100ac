/* tools/common/statistics.c - see statistics.h. */
#include "tools/common/statistics.h"

#include <math.h>
#include <stdlib.h>

static int value_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void statistics_sort(double *values, size_t n)
{
    qsort(values, n, sizeof *values, value_compare);
}

double statistics_quantile(const double *sorted, size_t n, double share)
{
    if (n == 0)
        return NAN;
    double place = share * (double)(n - 1), below = floor(place);
    size_t at = (size_t)below;
    return at + 1 < n ? sorted[at] + (place - below) * (sorted[at + 1] - sorted[at]) : sorted[at];
}

double statistics_median(double *values, size_t n)
{
    statistics_sort(values, n);
    return statistics_quantile(values, n, 0.5);
}

double statistics_spread(const double *sorted, size_t n)
{
    double far = statistics_quantile(sorted, n, 0.75) - statistics_quantile(sorted, n, 0.25);
    return n < 2 ? NAN : far == 0 ? 0 : far / fabs(statistics_quantile(sorted, n, 0.5));
}

double statistics_geomean(const double *values, size_t n)
{
    double sum = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; i++)
        if (values[i] > 0) {
            sum += log(values[i]);
            used++;
        }
    return used ? exp(sum / (double)used) : NAN;
}
