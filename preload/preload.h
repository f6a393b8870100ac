/*
 * preload/preload.h - what the files of libweir-malloc share. The library offers
 * malloc's names and hides weir's own, so that a program that links libweir has that
 * one apart.
 */
#ifndef WEIR_PRELOAD_PRELOAD_H
#define WEIR_PRELOAD_PRELOAD_H

#include "base/bits.h"

#define PRELOAD_API __attribute__((visibility("default")))

/* Looks up what preload/load.c jumps to. */
void preload_load_start(void);

#endif
