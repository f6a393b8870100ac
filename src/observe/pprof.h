/*
 * observe/pprof.h - sites as a profile of pprof (profile.proto), not compressed. Strings, functions
 * and locations are written where they are first used, so nothing is kept but their numbers. No
 * state, no lock; opens and writes a FILE.
 */
#ifndef WEIR_OBSERVE_PPROF_H
#define WEIR_OBSERVE_PPROF_H

#include "observe/sites.h"

/* 0, or why not: ENOMEM, or an error of the file's. */
int weir__pprof_write(const char *path, const struct weir__sites *sites, uint64_t mean);

#endif
