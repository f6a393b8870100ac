/*
 * tools/common/memory.h - memory of the commands. Where there is none, one line says so and the
 * command ends with status 1: no caller looks. No state; any thread.
 */
#ifndef WEIR_TOOLS_COMMON_MEMORY_H
#define WEIR_TOOLS_COMMON_MEMORY_H

#include <stddef.h>

/* As reallocarray; of n 0 there is memory, too. */
__attribute__((returns_nonnull)) void *memory_array(void *old, size_t n, size_t size);

/* Room for one more behind the `n` elements of a list that was made by this function alone. */
__attribute__((returns_nonnull)) void *memory_grow(void *list, size_t n, size_t size);

/* Cleared. */
__attribute__((returns_nonnull)) void *memory_zeroed(size_t n, size_t size);

/* A copy of `n` bytes, with a NUL behind. */
__attribute__((returns_nonnull)) char *memory_text(const char *text, size_t n);

#endif
