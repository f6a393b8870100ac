/*
 * base/sized.c - the program's size against the library's.
 */
#include "base/sized.h"

#include "base/bits.h"

#include <string.h>

#define SIZED_MOST 4096 /* bytes of any such struct, now and later: more is no size */

/* Each such struct begins with its size. */
static size_t sized_size(const void *sized, size_t first)
{
    size_t size;
    memcpy(&size, sized, sizeof size);
    return size ? size : first;
}

static bool bytes_are_zero(const unsigned char *bytes, size_t n)
{
    while (n && !bytes[n - 1])
        n--;
    return n == 0;
}

bool weir__options_take(void *to, size_t known, size_t first, const void *from)
{
    memset(to, 0, known);
    if (!from)
        return true;
    size_t size = sized_size(from, first);
    if (!weir__size_fits(size, first) ||
        (size > known && !bytes_are_zero((const unsigned char *)from + known, size - known)))
        return false;
    memcpy(to, from, weir__min(size, known));
    memcpy(to, &known, sizeof known);
    return true;
}

bool weir__size_fits(size_t size, size_t first)
{
    return !size || (size >= first && size <= SIZED_MOST);
}

void weir__figures_give(void *to, size_t first, const void *from, size_t known)
{
    size_t size = weir__min(sized_size(to, first), known);
    memcpy(to, from, size);
    memcpy(to, &size, sizeof size);
}
