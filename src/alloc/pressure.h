/*
 * alloc/pressure.h - the thread that waits for pressure on memory (weir/pressure.h), and the place
 * where the program is asked to free something then. Owns the thread, its descriptors and the
 * counts. Any thread; no lock is held while the program is asked.
 */
#ifndef WEIR_ALLOC_PRESSURE_H
#define WEIR_ALLOC_PRESSURE_H

#include <weir/pressure.h>

/* Asks the program's callbacks for refused requests; how many were asked. weir__refusals_ask, but
 * for tests, which set it before the thread starts. */
extern size_t (*weir__pressure_ask)(void);

/* weir_pressure_start, the system's files looked up in the folder `root` (os/cgroup.h). */
int weir__pressure_start(const weir_pressure_options *options, const char *root);

/* What the kernel is asked for; false: the stall does not fit into the window. */
bool weir__pressure_trigger(const weir_pressure_options *options, char *text, size_t size);

/* In a forked child, every lock held: the thread is not there. */
void weir__pressure_forked(void);

#endif
