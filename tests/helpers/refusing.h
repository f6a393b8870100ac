/*
 * tests/helpers/refusing.h - a machine that refuses: the calls of the system by which weir gets,
 * opens, moves and gives back pages stand here in place of the C library's, and the n-th of a kind
 * fails with ENOMEM, alone or with all behind it. Only for the thread that is under trial. Beside
 * them, as one kind more, weir's own requests for memory (base/fault.h). For one source file of a
 * program that has libweir's objects in it.
 */
#ifndef WEIR_TESTS_REFUSING_H
#define WEIR_TESTS_REFUSING_H

#include "base/fault.h"
#include "core.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum refusing { REQUEST, MAP, UNMAP, REMAP, PROTECT, ADVISE, REFUSING_KINDS };

static const char *const refusing_name[] = {"request", "mmap",     "munmap",
                                            "mremap",  "mprotect", "madvise"};

/* Of the thread under trial; -1: none is refused. */
static __thread bool refusing_tried;
static long refusing_asked[REFUSING_KINDS], refusing_at[REFUSING_KINDS];
static bool refusing_stays;

/* From here to refusing_end the `at`-th call of `kind` of this thread fails, and with `stays` all
 * behind it; `at` < 0: none, they are counted. */
static inline void refusing_begin(enum refusing kind, long at, bool stays)
{
    for (int i = 0; i < REFUSING_KINDS; i++) {
        refusing_asked[i] = 0;
        refusing_at[i] = -1;
    }
    refusing_at[kind] = at;
    refusing_stays = stays;
    weir__fault_persistent(stays);
    weir__fault_after(kind == REQUEST && at >= 0 ? at : LONG_MAX);
    refusing_tried = true;
}

/* How many calls of each kind there were is in refusing_asked; of requests, where none failed. */
static inline void refusing_end(void)
{
    refusing_tried = false;
    long left = weir__fault_after(-1);
    refusing_asked[REQUEST] = left < 0 ? 0 : LONG_MAX - left;
    weir__fault_persistent(false);
}

/* Around what a trial does besides: none of it is refused or counted. */
static inline long refusing_pause(void)
{
    refusing_tried = false;
    return weir__fault_after(-1);
}
static inline void refusing_go_on(long left)
{
    weir__fault_after(left);
    refusing_tried = true;
}

NOT_SANITIZED static inline bool refused(enum refusing kind)
{
    if (!refusing_tried)
        return false;
    long nth = refusing_asked[kind]++, at = refusing_at[kind];
    if (at < 0 || (nth != at && !(refusing_stays && nth > at)))
        return false;
    errno = ENOMEM;
    return true;
}

NOT_SANITIZED void *mmap(void *address, size_t size, int protection, int flags, int file,
                         off_t offset)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr): what the system says is a number
    return refused(MAP) ? MAP_FAILED
                        : (void *)syscall(SYS_mmap, address, size, protection, flags, file, offset);
}

NOT_SANITIZED void *mmap64(void *address, size_t size, int protection, int flags, int file,
                           off64_t offset)
{
    return mmap(address, size, protection, flags, file, offset);
}

NOT_SANITIZED int munmap(void *address, size_t size)
{
    return refused(UNMAP) ? -1 : (int)syscall(SYS_munmap, address, size);
}

NOT_SANITIZED void *mremap(void *address, size_t old_size, size_t new_size, int flags, ...)
{
    va_list more;
    va_start(more, flags);
    void *target = flags & MREMAP_FIXED ? va_arg(more, void *) : NULL;
    va_end(more);
    // NOLINTNEXTLINE(performance-no-int-to-ptr): what the system says is a number
    return refused(REMAP) ? MAP_FAILED
                          : (void *)syscall(SYS_mremap, address, old_size, new_size, flags, target);
}

NOT_SANITIZED int mprotect(void *address, size_t size, int protection)
{
    return refused(PROTECT) ? -1 : (int)syscall(SYS_mprotect, address, size, protection);
}

NOT_SANITIZED int madvise(void *address, size_t size, int advice)
{
    return refused(ADVISE) ? -1 : (int)syscall(SYS_madvise, address, size, advice);
}

#endif
