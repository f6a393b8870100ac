/*
 * unwind/cfi.h - reads .eh_frame: the call frame information (DWARF 5, section 6.4; the Linux
 * Standard Base for the section's own form) of one address, as a rule of three registers: stack
 * pointer, frame pointer, return address. No state, no memory, no lock. Reads only within the
 * module; what it cannot say is WEIR__RULE_CUT.
 *
 * Of expressions it evaluates those that compilers and the C library write: sums of one register
 * and constants, one load from there, and comparisons of the address itself, as PLTs have them.
 */
#ifndef WEIR_UNWIND_CFI_H
#define WEIR_UNWIND_CFI_H

#include "unwind/module.h"
#include "unwind/rule.h"

/* At most some microseconds: a binary search where the module has a table of functions, else all
 * of .eh_frame in turn. WEIR__RULE_CHAIN: the module says nothing of the address. */
struct weir__rule weir__cfi_rule(const struct weir__module *module, uint64_t address);

#endif
