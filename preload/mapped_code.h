/*
 * preload/mapped_code.h - code of a file that the program maps by itself, as node does with its
 * builtins: the recording is told, so that calls there have the file's names. No state; any thread.
 * Asks the system for the file; errno is not kept.
 */
#ifndef WEIR_PRELOAD_MAPPED_CODE_H
#define WEIR_PRELOAD_MAPPED_CODE_H

#include <stddef.h>
#include <stdint.h>

/* What was mapped with PROT_EXEC. Only while something is recorded. */
void preload_mapped_code(const void *address, size_t bytes, int file, uint64_t offset);

#endif
