/*
 * os/cgroup.h - what the process's control group lets it have of the machine's memory, and the
 * file that says how hard memory is to get there. Control groups of version 1, of version 2, both
 * at once or none, as the kernel describes them in /proc/self. Knows nothing of allocators. No
 * state: files are read at each call. Any thread, no lock; errno is kept; none of it calls malloc.
 *
 * `root` is the folder in which all those paths are looked up: "" in a process, in tests a folder
 * that stands for the system.
 */
#ifndef WEIR_OS_CGROUP_H
#define WEIR_OS_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Bytes that the process may have: the least of the machine's memory and the limits of its group
 * and of all groups above it that can be seen from here (memory.max, memory.limit_in_bytes; "max"
 * and what exceeds the machine limit nothing). False: the system does not tell.
 */
bool weir__cgroup_memory(const char *root, uint64_t *bytes);

/* The group's memory.pressure or, where it has none (version 1, the group at the top), the
 * machine's: written to `path`. False: there is neither, or it does not fit. */
bool weir__cgroup_pressure(const char *root, char *path, size_t size);

#endif
