/*
 * alloc/cpu.h - the process-wide CPU allocator, over its own pool. Owns its handle, body and
 * page heap, which are static. Any thread; the first use takes the context lock.
 */
#ifndef WEIR_ALLOC_CPU_H
#define WEIR_ALLOC_CPU_H

#include "alloc/handle.h"

/* Its address without a call; where near handles lie. */
struct weir__cpu_handle {
    char before[WEIR__HANDLE_NEAR] __attribute__((aligned(2 * WEIR__HANDLE_NEAR)));
    weir_allocator handle;
};
extern struct weir__cpu_handle weir__cpu_handle __attribute__((visibility("hidden")));
#define weir__cpu weir__cpu_handle.handle

/* Readies it; the first use of weir in the process. Any thread. */
void weir__cpu_start(void);

#endif
