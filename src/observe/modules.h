/*
 * observe/modules.h - the objects of the loader in a recording: MODL for each, when the recording
 * begins, when an address of an allocation's stack is first met in it, and at the end; MODU when
 * one is seen to have gone. Knows which are written by what the unwinder remembers.
 */
#ifndef WEIR_OBSERVE_MODULES_H
#define WEIR_OBSERVE_MODULES_H

#include "unwind/module.h"

/* The build id of an object, from the headers that lie at the start of its memory: its length, at
 * most WEIR__BUILD_ID_MOST, or 0. */
#define WEIR__BUILD_ID_MOST 64
size_t weir__module_build_id(const struct weir__module *module, const unsigned char **id);

/* A recording begins: all that there are. Asks the loader, under its lock. */
void weir__modules_begin(void);

/* Those that are not written yet, and those that have gone. */
void weir__modules_complete(void);

/* In a forked child, which has its parent's: without a question to the loader. */
void weir__modules_again(void);

#endif
