/*
 * base/assert.h - what the code takes for granted, checked as --enable-debug says
 * (docs/guide/debugging.md); none of it is evaluated below its level. Owns the line that is
 * printed. Allocates nothing: malloc may be weir's. Any thread, any lock.
 *
 *   weir__check(x)         level 1: cheap, in slow operations
 *   weir__assert(x)        level 2: a precondition
 *   weir__assert_valid(x)  level 3: a look at a small structure
 *   weir__assert_walk(x)   level 3: a walk over a large one, every 64th time in each place
 */
#ifndef WEIR_BASE_ASSERT_H
#define WEIR_BASE_ASSERT_H

#ifndef WEIR_DEBUG
#define WEIR_DEBUG 0
#endif

#if WEIR_DEBUG >= 1
#include "base/message.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Prints where, and what was expected; ends the process. In each file that asserts, for some are
 * not in libweir. */
_Noreturn static __attribute__((cold, noinline, unused)) void
weir__assert_failed(const char *file, int line, const char *expected)
{
#if defined(WEIR_INSIDE) && !defined(WEIR_GLUE) /* a separate library */
    weir__message_print("weir: assertion failed: %s:%d: %s", file, line, expected);
#else
    char text[512];
    int length =
        snprintf(text, sizeof text, "weir: assertion failed: %s:%d: %s\n", file, line, expected);
    if (length > (int)sizeof text - 1)
        length = (int)sizeof text - 1;
    ssize_t written = write(STDERR_FILENO, text, (size_t)length);
    (void)written;
#endif
    abort();
}

/* Is this the first of 64 calls with that counter? */
static inline bool weir__assert_turn(unsigned *count)
{
    return __atomic_fetch_add(count, 1, __ATOMIC_RELAXED) % 64 == 0;
}
#endif

#define WEIR__ASSERT_ALWAYS(x)                                                                     \
    (__builtin_expect(!!(x), 1) ? (void)0 : weir__assert_failed(__FILE__, __LINE__, #x))
#define WEIR__ASSERT_NEVER(x) ((void)sizeof(!(x)))

#if WEIR_DEBUG >= 1
#define weir__check(x) WEIR__ASSERT_ALWAYS(x)
#else
#define weir__check(x) WEIR__ASSERT_NEVER(x)
#endif

#if WEIR_DEBUG >= 2
#define weir__assert(x) WEIR__ASSERT_ALWAYS(x)
#else
#define weir__assert(x) WEIR__ASSERT_NEVER(x)
#endif

#if WEIR_DEBUG >= 3
#define weir__assert_valid(x) WEIR__ASSERT_ALWAYS(x)
#define weir__assert_walk(x)                                                                       \
    do {                                                                                           \
        static unsigned weir__turns;                                                               \
        if (weir__assert_turn(&weir__turns))                                                       \
            WEIR__ASSERT_ALWAYS(x);                                                                \
    } while (0)
#else
#define weir__assert_valid(x) WEIR__ASSERT_NEVER(x)
#define weir__assert_walk(x)  WEIR__ASSERT_NEVER(x)
#endif

#endif
