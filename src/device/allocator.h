/* device/allocator.h - from an allocator to the pool behind it. */
#ifndef WEIR_OBJECT_DEVICE_ALLOCATOR_H
#define WEIR_OBJECT_DEVICE_ALLOCATOR_H

#include "device_pool/pool.h"

/* The pool behind `a` (its own or its ancestors'), or NULL: `a` is no device's. */
struct weir__device *weir__device_behind(const weir_allocator *a);

#endif
