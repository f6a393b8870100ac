/*
 * alloc/limit.h - limits that are a part of the memory that the process may have. No state: the
 * system is asked at each call. Any thread, no lock.
 */
#ifndef WEIR_ALLOC_LIMIT_H
#define WEIR_ALLOC_LIMIT_H

#include <weir/allocator.h>

/* weir_set_limit_fraction, the system's files looked up in the folder `root` (os/cgroup.h). */
int weir__limit_set_fraction(weir_allocator *a, double fraction, const char *root);

#endif
