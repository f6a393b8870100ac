/* tools/common/memory.c - see memory.h. */
#include "tools/common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *there(void *memory)
{
    if (memory)
        return memory;
    fputs("weir: out of memory\n", stderr);
    exit(1);
}

void *memory_array(void *old, size_t n, size_t size)
{
    return there(reallocarray(old, n ? n : 1, size));
}

void *memory_grow(void *list, size_t n, size_t size)
{
    if (n & (n - 1) || (n && n < 16)) /* capacities are 16, 32, 64, ... */
        return list;
    return memory_array(list, n ? 2 * n : 16, size);
}

void *memory_zeroed(size_t n, size_t size)
{
    return there(calloc(n ? n : 1, size));
}

char *memory_text(const char *text, size_t n)
{
    char *copy = memory_array(NULL, n + 1, 1);
    memcpy(copy, text, n);
    copy[n] = '\0';
    return copy;
}
