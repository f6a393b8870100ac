/*
 * tests/device/target.h - what the device suite runs on: the checked table over sim.c, or
 * the CUDA table over the fake libcuda.so.1 (a copy of sim.c inside).
 */
#ifndef TESTS_DEVICE_TARGET_H
#define TESTS_DEVICE_TARGET_H

#include "sim.h"

#include <weir/device.h>

struct device_target {
    const char *name;
    const weir_device_table *(*table)(void); /* one more; NULL with errno */
    bool driver_is_asynchronous;             /* it has a stream-ordered allocator */

    void (*set_capacity)(size_t bytes);
    size_t (*used)(void);
    unsigned long (*calls)(void);
    void (*fail_after)(long n);
    bool (*has_failed)(void);
    void (*hold)(void *stream);
    void (*release)(void *stream);
    unsigned long (*waits)(void);
    unsigned (*violations)(const char **first);
    unsigned (*leftovers)(void);
};

/* The one this program runs on. */
const struct device_target *device_target(void);

#endif
