/*
 * tools/symbols/module.h - one module of symbols.h with its files: what function an address of the
 * file is in. Owns the mappings and tables. One thread.
 */
#ifndef WEIR_TOOLS_SYMBOLS_MODULE_H
#define WEIR_TOOLS_SYMBOLS_MODULE_H

#include "tools/symbols/frames.h"
#include "tools/symbols/lines.h"
#include "tools/symbols/mapped.h"
#include "tools/symbols/ranges.h"
#include "tools/symbols/symbols.h"

/* A symbol of code. */
struct function {
    uint64_t start, bytes;   /* bytes 0: as far as .eh_frame says */
    const char *symbol;      /* in the file, with what is added to it */
    const char *name, *full; /* set by the code that made them; NULL: not yet */
    uint32_t rank;
};

struct module {
    struct symbols_module about;
    char found_id[2 * MAPPED_ID_MOST + 1];
    char *why; /* about.why, if that is not "" */
    bool opened, lines_opened;
    struct mapped file, debug;
    struct frames frames;
    struct function *functions; /* by start, better names last */
    size_t nfunctions;
    struct ranges ranges; /* what: a function */
    struct lines *lines;
};

/* Opens the files, once; `folder` has debug files. */
void module_open(struct module *module, const char *folder);
void module_close(struct module *module);

/* Which function has the address (of the file)? NULL: none with a symbol, and *start is where it
 * begins; false in *known: not even that. */
struct function *module_function(struct module *module, uint64_t address, uint64_t *start,
                                 bool *known);

/* As lines_find. */
size_t module_lines(struct module *module, uint64_t address, struct line *places, size_t most);

#endif
