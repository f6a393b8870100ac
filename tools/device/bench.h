/* tools/device/bench.h - the measurements of `weir device bench`. */
#ifndef WEIR_TOOLS_DEVICE_BENCH_H
#define WEIR_TOOLS_DEVICE_BENCH_H

#include <weir/device.h>

#include <stdint.h>

struct device_bench {
    const char *device; /* "host", "cuda:N" */
    weir_device_mode mode;
    uint64_t pairs;  /* of allocate+free timed for each size */
    uint64_t passes; /* over each trace */
    char **traces;   /* the last is NULL */
};

/* The table of a device by its name; NULL with a reason behind weir_last_error, or "" for
 * a name that is none. */
const weir_device_table *device_bench_table(const char *name);

/* Prints its tables; the exit status, a failure's reason on standard error. */
int device_bench_run(const struct device_bench *b);

#endif
