/*
 * preload/new.c - C++'s operators new and delete under their mangled names, in all
 * their forms: they go to the pool without libstdc++'s detour. What C cannot do, a
 * new_handler's turn and std::bad_alloc, is left to the C++ runtime of the program:
 * when memory ends its own operator is called, which asks malloc again, calls the
 * handler and throws.
 *
 * Sizes and alignments given to delete are not needed: the block's own are known.
 */
#include "preload/preload.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

typedef void *new_plain(size_t size);
typedef void *new_aligned(size_t size, size_t alignment);
typedef void *new_nothrow(size_t size, const void *nothrow);
typedef void *new_aligned_nothrow(size_t size, size_t alignment, const void *nothrow);

/* The program's own operator of that name. There is one wherever one is called; a
 * program that has none anyway ends as an uncaught bad_alloc would end it. */
static WEIR__NOINLINE void *runtime_operator(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found)
        return found;
    static const char line[] = "weir: out of memory in operator new\n";
    ssize_t written = write(STDERR_FILENO, line, sizeof line - 1);
    (void)written;
    abort();
}

#define NEW(name)                                                                                  \
    PRELOAD_API void *name(size_t size);                                                           \
    void *name(size_t size)                                                                        \
    {                                                                                              \
        void *block = malloc(size);                                                                \
        return weir__likely(block != NULL) ? block : ((new_plain *)runtime_operator(#name))(size); \
    }

#define NEW_NOTHROW(name)                                                                          \
    PRELOAD_API void *name(size_t size, const void *nothrow);                                      \
    void *name(size_t size, const void *nothrow)                                                   \
    {                                                                                              \
        void *block = malloc(size);                                                                \
        return weir__likely(block != NULL)                                                         \
                   ? block                                                                         \
                   : ((new_nothrow *)runtime_operator(#name))(size, nothrow);                      \
    }

#define NEW_ALIGNED(name)                                                                          \
    PRELOAD_API void *name(size_t size, size_t alignment);                                         \
    void *name(size_t size, size_t alignment)                                                      \
    {                                                                                              \
        void *block = aligned_alloc(alignment, size);                                              \
        return weir__likely(block != NULL)                                                         \
                   ? block                                                                         \
                   : ((new_aligned *)runtime_operator(#name))(size, alignment);                    \
    }

#define NEW_ALIGNED_NOTHROW(name)                                                                  \
    PRELOAD_API void *name(size_t size, size_t alignment, const void *nothrow);                    \
    void *name(size_t size, size_t alignment, const void *nothrow)                                 \
    {                                                                                              \
        void *block = aligned_alloc(alignment, size);                                              \
        return weir__likely(block != NULL)                                                         \
                   ? block                                                                         \
                   : ((new_aligned_nothrow *)runtime_operator(#name))(size, alignment, nothrow);   \
    }

/* clang-format off */
NEW(_Znwm)
NEW(_Znam)
NEW_NOTHROW(_ZnwmRKSt9nothrow_t)
NEW_NOTHROW(_ZnamRKSt9nothrow_t)
NEW_ALIGNED(_ZnwmSt11align_val_t)
NEW_ALIGNED(_ZnamSt11align_val_t)
NEW_ALIGNED_NOTHROW(_ZnwmSt11align_val_tRKSt9nothrow_t)
NEW_ALIGNED_NOTHROW(_ZnamSt11align_val_tRKSt9nothrow_t)
/* clang-format on */

#define DELETE(name, ...)                                                                          \
    PRELOAD_API void name(void *block, ##__VA_ARGS__);                                             \
    void name(void *block, ##__VA_ARGS__)                                                          \
    {                                                                                              \
        free(block);                                                                               \
    }

#define SIZE      size_t size __attribute__((unused))
#define ALIGNMENT size_t alignment __attribute__((unused))
#define NOTHROW   const void *nothrow __attribute__((unused))

/* clang-format off */
DELETE(_ZdlPv)
DELETE(_ZdaPv)
DELETE(_ZdlPvm, SIZE)
DELETE(_ZdaPvm, SIZE)
DELETE(_ZdlPvRKSt9nothrow_t, NOTHROW)
DELETE(_ZdaPvRKSt9nothrow_t, NOTHROW)
DELETE(_ZdlPvSt11align_val_t, ALIGNMENT)
DELETE(_ZdaPvSt11align_val_t, ALIGNMENT)
DELETE(_ZdlPvmSt11align_val_t, SIZE, ALIGNMENT)
DELETE(_ZdaPvmSt11align_val_t, SIZE, ALIGNMENT)
DELETE(_ZdlPvSt11align_val_tRKSt9nothrow_t, ALIGNMENT, NOTHROW)
DELETE(_ZdaPvSt11align_val_tRKSt9nothrow_t, ALIGNMENT, NOTHROW)
/* clang-format on */
