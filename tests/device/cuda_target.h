/* tests/device/cuda_target.h - what else the tests of CUDA ask of the fake driver. */
#ifndef TESTS_DEVICE_CUDA_TARGET_H
#define TESTS_DEVICE_CUDA_TARGET_H

#include "target.h"

/* A function of the fake libcuda.so.1; aborts where it has none. */
void *fake_symbol(const char *name);

#endif
