/*
 * observe/symbol.h - a return address in words, as observe/frame.h has it, for a signal handler:
 * without a lock, where the C library can look an object up without one (glibc 2.35 and later;
 * before, the address alone). No state. Reads the symbols that the object exports.
 */
#ifndef WEIR_OBSERVE_SYMBOL_H
#define WEIR_OBSERVE_SYMBOL_H

#include "observe/frame.h"

/* Before the first, and not in a signal handler. */
void weir__symbol_ready(void);

/* "function+0x1f (object+0x1234)", "object+0x1234" or "0x7f0012345678". */
void weir__symbol_text(char text[WEIR__FRAME_TEXT], const void *address);

#endif
