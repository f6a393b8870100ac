/*
 * tools/symbols/lines.h - source files, lines and inlined functions by a file's DWARF, read by
 * elfutils' libdw where configure found it (lines.c), else never there (no_lines.c). Owns what
 * libdw has open and the tables made from it. One thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_LINES_H
#define WEIR_TOOLS_SYMBOLS_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lines;

struct line {
    const char *file;   /* NULL: not known */
    unsigned line;      /* 0: not known */
    const char *symbol; /* of the function, perhaps mangled; NULL: not known */
};

/* Was weir built with libdw? */
bool lines_possible(void);

/* NULL: the file has no DWARF. */
struct lines *lines_open(const char *path);
void lines_close(struct lines *lines);

/* The places of an address of the file, at most `most`: the innermost inlined function first, the
 * function that was compiled last. Good until lines_close. */
size_t lines_find(struct lines *lines, uint64_t address, struct line *places, size_t most);

#endif
