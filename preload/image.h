/*
 * preload/image.h - this process in the memory that `weir run` shares
 * (observe/run_page.h): its image, its threads' tallies, and what becomes of both around
 * fork. Owns the mapping. After the start it makes no system call but mremap and mmap, for
 * threads and forked children.
 */
#ifndef WEIR_PRELOAD_IMAGE_H
#define WEIR_PRELOAD_IMAGE_H

#include "observe/run_page.h"

/* Attaches to the memory that the environment names, if any. Once, from the constructor,
 * with the program's arguments. */
void preload_image_start(int argc, char **argv);

/* Starts the recording that `weir run` asked for. After the above and the limits. */
void preload_image_record(void);

/* This process's image, or NULL: nobody reads, or no room was left. A child of vfork sees
 * its parent's. */
struct weir__run_image *preload_image(void);

/* The same, if it is this process's and not a vfork parent's. Nobody asks the system in a
 * sandbox, which may forbid it. */
struct weir__run_image *preload_image_own(void);

/* In a forked child, when weir's locks are free again. */
void preload_image_forked(void);

/* A fork that weir was not told of (the bare system call): the memory is the parent's. */
void preload_image_check(void);

/* The process may not read the clock from here on. */
void preload_image_clock(void);

#endif
