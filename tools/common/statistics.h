/*
 * tools/common/statistics.h - of some values: median, quartiles, spread, means. Takes no memory.
 * No state; any thread.
 */
#ifndef WEIR_TOOLS_COMMON_STATISTICS_H
#define WEIR_TOOLS_COMMON_STATISTICS_H

#include <stddef.h>

void statistics_sort(double *values, size_t n);

/* Of sorted values; share 0: the least, 0.5: the median, 1: the greatest, straight lines between
 * the values. NaN of none. */
double statistics_quantile(const double *sorted, size_t n, double share);

/* Sorts them. NaN of none. */
double statistics_median(double *values, size_t n);

/* Of sorted values: from the first quartile to the third, over the median. NaN of fewer than two.
 */
double statistics_spread(const double *sorted, size_t n);

/* Geometric mean of the values that are numbers above 0; NaN of none. */
double statistics_geomean(const double *values, size_t n);

#endif
