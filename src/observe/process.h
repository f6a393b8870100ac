/*
 * observe/process.h - figures that are the process's and no allocator's, for every form they are
 * printed in: what of it is in memory, files that tensors are mapped over, pressure on memory.
 */
#ifndef WEIR_OBSERVE_PROCESS_H
#define WEIR_OBSERVE_PROCESS_H

#include "observe/family.h"

/* A line for each of the two that has something to say. */
void weir__process_print(struct weir__sink *sink);

/* ,"process":{...},"mapped":{...},"pressure":{...} */
void weir__process_json(struct weir__sink *sink);

/* A family for each figure. */
void weir__process_families(const struct weir__exposition *to);

#endif
