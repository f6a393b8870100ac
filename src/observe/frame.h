/*
 * observe/frame.h - a return address in words: the function and the object that the process has
 * there. Names are those of the loader's tables (dladdr): of what a program itself defines, only
 * what it exports (-rdynamic); else the object and the offset in it, which addr2line takes. No
 * state. Allocates nothing; takes the loader's lock.
 */
#ifndef WEIR_OBSERVE_FRAME_H
#define WEIR_OBSERVE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define WEIR__FRAME_TEXT 256

/* "function+0x1f (object+0x1234)", "object+0x1234" or "0x7f0012345678". The offset in the object
 * is that of the call's last byte. Cut at WEIR__FRAME_TEXT. */
void weir__frame_text(char text[WEIR__FRAME_TEXT], const void *address);

/* The function's name, or NULL: the loader knows of none. */
const char *weir__frame_function(const void *address);

#endif
