/*
 * os/lines.h - lines of the kernel's text files. Owns a descriptor and the text of a line, in a
 * struct of the caller's; calls no malloc. One thread at a time; no lock. errno may change.
 */
#ifndef WEIR_OS_LINES_H
#define WEIR_OS_LINES_H

#include <stdbool.h>
#include <stddef.h>

/* A line that does not fit is passed over. */
struct weir__os_lines {
    int file;
    bool passing; /* over the rest of such a line */
    size_t at, end;
    char text[2048];
};

bool weir__os_lines_open(struct weir__os_lines *in, const char *path);

/* The next one, without its newline; good until the call after. NULL: there is none. The kernel
 * ends every line. */
char *weir__os_lines_next(struct weir__os_lines *in);
void weir__os_lines_close(struct weir__os_lines *in);

#endif
