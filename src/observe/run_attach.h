/*
 * observe/run_attach.h - how a process comes to the memory that `weir run` shares, and to an
 * image in it. Used by libweir-malloc.so, by libweir, and by `weir stats --pid`; no state. errno
 * may change.
 */
#ifndef WEIR_OBSERVE_RUN_ATTACH_H
#define WEIR_OBSERVE_RUN_ATTACH_H

#include "observe/run_page.h"

/* Maps the memory that the environment names; NULL: there is none, it cannot be had, or the
 * program is setuid. At most a few system calls; no descriptor stays open. */
void *weir__run_attach(void);

/* The same of what the environment of a process says; not `write`: to be read alone. */
void *weir__run_attach_to(const char *where, bool write);

/* A new image of this process, all zero but for who it is; NULL: nobody reads or all are
 * taken, which is counted. *number: its index. */
struct weir__run_image *weir__run_image_take(void *page, enum weir__run_kind kind, uint32_t flags,
                                             uint32_t *number);

/* It is filled in: from here on it is seen. */
void weir__run_image_ready(struct weir__run_image *taken);

/* What it runs: the program's name and the arguments, as much as fits. */
void weir__run_command_set(struct weir__run_image *image, int argc, char **argv);

/* The same as another's. */
void weir__run_command_copy(struct weir__run_image *image, const struct weir__run_image *from);

#endif
