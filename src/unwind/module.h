/*
 * unwind/module.h - which object of the loader an address lies in. Owns the list of those that
 * were met. Knows nothing of rules.
 *
 * With glibc 2.35 and later a look-up takes no lock of anybody (_dl_find_object). Before, the list
 * is looked at first, and only an address in none of them asks the loader, under its lock.
 */
#ifndef WEIR_UNWIND_MODULE_H
#define WEIR_UNWIND_MODULE_H

#include "base/bits.h"

struct weir__module {
    uintptr_t start, end; /* where its segments lie */
    uintptr_t bias;       /* what is added to the addresses in its file */
    const char *path;     /* the loader's; "": the program itself, or the kernel's */
    const void *table;    /* .eh_frame_hdr; NULL: it has none */
};

#define WEIR__MODULES_MOST 4096

/* The module that the address lies in, as the loader has it now. False: none. */
bool weir__module_find(uintptr_t address, struct weir__module *module);

/* The segments of weir's own code: a module that is not the program itself. False: weir is part
 * of the program. */
bool weir__module_own(struct weir__module *module);

/* Remembers one that was met. True: it was not known. Others that lay at its addresses have gone,
 * are forgotten, and `gone` is called with each. */
bool weir__module_remember(const struct weir__module *module,
                           void (*gone)(const struct weir__module *module));

/* Calls `gone` with each remembered one that the loader has no more, and forgets it. A look-up
 * for each. */
void weir__modules_check(void (*gone)(const struct weir__module *module));

/* All that are remembered; for who writes them down again. And: none is. */
void weir__modules_each(void (*visit)(const struct weir__module *module));
void weir__modules_forget(void);

#endif
