/* base/assert.c - see assert.h. */
#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define LINE_SIZE 512
#define TURNS     64

void weir__assert_failed(const char *file, int line, const char *expected)
{
    char text[LINE_SIZE];
    int length =
        snprintf(text, sizeof text, "weir: assertion failed: %s:%d: %s\n", file, line, expected);
    if (length > (int)sizeof text - 1)
        length = (int)sizeof text - 1;
    ssize_t written = write(STDERR_FILENO, text, (size_t)length);
    (void)written;
    abort();
}

bool weir__assert_turn(unsigned *count)
{
    return __atomic_fetch_add(count, 1, __ATOMIC_RELAXED) % TURNS == 0;
}
