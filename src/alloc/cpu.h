/*
 * alloc/cpu.h - the process-wide CPU allocator, over a pool of its own. Owns its handle, body and
 * page heap, which are static. Any thread; the first use takes the context lock.
 */
#ifndef WEIR_ALLOC_CPU_H
#define WEIR_ALLOC_CPU_H

#include "alloc/handle.h"

/* Its address without a call. */
extern weir_allocator weir__cpu __attribute__((visibility("hidden")));

/* Readies it; the first use of weir in the process. Any thread. */
void weir__cpu_start(void);

#endif
