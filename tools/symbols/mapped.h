/*
 * tools/symbols/mapped.h - a file mapped for reading, and the debug file that belongs to one: by
 * its build id, else by the name that it has of it. Owns the mapping. A file that somebody cuts
 * short meanwhile ends the process, as it does for every reader of mapped files. One thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_MAPPED_H
#define WEIR_TOOLS_SYMBOLS_MAPPED_H

#include "tools/symbols/image.h"

/* Zeroed memory is none. */
struct mapped {
    char *path; /* NULL: none */
    void *bytes;
    size_t size;
    struct image image;
};

/* NULL, or why there is none: errno's words, or what is wrong with the file. */
const char *mapped_open(struct mapped *mapped, const char *path);
void mapped_close(struct mapped *mapped);

/* FOLDER/.build-id/ab/cd.debug, if that has the id, in hexadecimal. */
bool mapped_debug_by_id(struct mapped *debug, const char *folder, const char *id);

/* The one that `binary` names, next to it, in .debug there, or below FOLDER: it has its build id,
 * if both have one, else its check sum. */
bool mapped_debug_by_link(struct mapped *debug, const char *folder, const struct mapped *binary);

/* Hexadecimal, "" where there is none; until `text` is used again. */
enum { MAPPED_ID_MOST = 64 };
const char *mapped_build_id(const struct mapped *mapped, char text[2 * MAPPED_ID_MOST + 1]);

#endif
