/*
 * unwind/fde.h - the entries of a module's unwind table: an FDE for each function, and a CIE that
 * says what FDEs have in common. Finds the one of an address. Knows nothing of what their programs
 * mean. Takes no memory and no lock; any thread, also in a signal handler.
 */
#ifndef WEIR_UNWIND_FDE_H
#define WEIR_UNWIND_FDE_H

#include "unwind/bytes.h"

struct weir__cie {
    uint64_t code_align, return_register;
    int64_t data_align;
    unsigned encoding; /* of an FDE's addresses */
    bool augmented, signal;
    struct weir__bytes program;
};

struct weir__fde {
    struct weir__cie cie;
    uint64_t start, end;
    struct weir__bytes program;
};

/* Of a module that has a table. False: no function of it is there, or the table is damaged. */
bool weir__fde_find(const struct weir__module *module, uint64_t address, struct weir__fde *fde);

#endif
