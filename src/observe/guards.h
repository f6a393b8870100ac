/*
 * observe/guards.h - guarded blocks for a program: on and off, and what is printed of a fault at
 * one. Owns the lines. In a signal handler nothing of it takes a lock or allocates: names are read
 * from the objects' own tables (observe/symbol.h).
 */
#ifndef WEIR_OBSERVE_GUARDS_H
#define WEIR_OBSERVE_GUARDS_H

#include "os/segv.h"

#include <weir/guards.h>

/* What the preloaded library does unasked: a block is guarded now and then, so seldom that it costs
 * next to nothing (alloc/guarded.h). 0, or ENOTSUP. */
int weir__guards_by_turns(void);

/* Prints what is known of a block that was guarded and is freed. False: nothing is. */
bool weir__guards_explain(const void *block);

/* For a signal handler, and before system calls are forbidden: none from here on. */
void weir__guards_off(void);

#endif
