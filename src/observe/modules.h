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

/* A file as it is at `base`, of which `bytes` from `first` on are there; 0: all is. */
struct weir__module_piece {
    uint64_t base, whole, first, bytes;
    const char *path;
    size_t path_length;
    const unsigned char *id;
    size_t id_length;
};

/* Tells the recording of code that the program mapped by itself: what lies there has that file's
 * names. Only while something is recorded. */
#define WEIR__MODULE_PATH_MOST 1000
void weir__module_piece_write(const struct weir__module_piece *piece);

/* The same of a part of a module that it moved: `module` is what weir__module_find said of `from`
 * before. */
void weir__modules_moved(const struct weir__module *module, const void *from, const void *to,
                         size_t bytes);

/* In a forked child, which has its parent's: without a question to the loader. */
void weir__modules_again(void);

#endif
