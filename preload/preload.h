/*
 * preload/preload.h - what the files of libweir-malloc share. The library offers
 * malloc's names and hides weir's own, so that a program that links libweir has that
 * one apart.
 */
#ifndef WEIR_PRELOAD_PRELOAD_H
#define WEIR_PRELOAD_PRELOAD_H

#include "base/bits.h"

#include <stdbool.h>

#define PRELOAD_API __attribute__((visibility("default")))

/* Has the program asked for a filter of system calls? Then no other is to be made than
 * those of memory, futex and what the program asks for (preload/sandbox.c). */
bool preload_is_sandboxed(void);

#endif
