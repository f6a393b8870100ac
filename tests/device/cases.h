/*
 * tests/device/cases.h - what the device suite's files share: what an allocator on a device
 * promises, whatever the table. Built once for the checked table and once for the CUDA table.
 */
#ifndef TESTS_DEVICE_CASES_H
#define TESTS_DEVICE_CASES_H

#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "alloc/walk.h"
#include "base/fault.h"
#include "device/allocator.h"
#include "target.h"

#include <weir/weir.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const weir_device_mode pooled[]
    __attribute__((unused)) = {WEIR_DEVICE_EXPANDABLE, WEIR_DEVICE_SEGMENTS};
static const weir_device_mode modes[]
    __attribute__((unused)) = {WEIR_DEVICE_EXPANDABLE, WEIR_DEVICE_SEGMENTS, WEIR_DEVICE_DRIVER};

#define EACH(mode, list)                                                                           \
    for (size_t i_##mode = 0; i_##mode < sizeof(list) / sizeof *(list); i_##mode++)                \
        for (weir_device_mode mode = (list)[i_##mode], once_ = 1; once_; once_ = 0)

static inline weir_allocator *make_with(const weir_device_options *options)
{
    if (options && options->mode == WEIR_DEVICE_EXPANDABLE)
        SKIP_UNDER_EMULATOR("it takes memory for every page of a mapping");
    weir_allocator *a = weir_device_allocator_create(device_target()->table(), options);
    cr_assert_not_null(a, "%s", weir_last_error());
    return a;
}

static inline weir_allocator *make(weir_device_mode mode)
{
    return make_with(&(weir_device_options){.mode = mode});
}

static inline void expect_valid(weir_allocator *a)
{
    const char *first;
    cr_assert(weir__device_is_valid(weir__device_behind(a)));
    cr_assert_eq(device_target()->violations(&first), 0, "%s", first);
}

/* The allocator ends, and with it everything it took from the device. */
static inline void end(weir_allocator *a)
{
    const char *first;
    expect_valid(a);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(device_target()->violations(&first), 0, "%s", first);
    cr_assert_eq(device_target()->used(), 0, "%zu bytes are left", device_target()->used());
    cr_assert_eq(device_target()->leftovers(), 0, "%u objects are left",
                 device_target()->leftovers());
}

static inline weir_device_stats figures(weir_allocator *a)
{
    weir_device_stats s = {.size = sizeof s};
    cr_assert_eq(weir_device_stats_get(a, &s), 0);
    cr_assert_eq(s.reserved, s.in_use + s.cached + s.waiting);
    cr_assert_geq(s.peak_reserved, s.reserved);
    cr_assert_geq(s.peak_in_use, s.in_use);
    return s;
}

static inline bool holds(weir_allocator *a, const void *block, size_t size, int byte)
{
    unsigned char *host = malloc(size + 1);
    cr_assert_eq(weir_device_copy(NULL, host, a, block, size), 0, "%s", weir_last_error());
    bool all = true;
    for (size_t i = 0; i < size && all; i++)
        all = host[i] == byte;
    free(host);
    return all;
}

#endif
