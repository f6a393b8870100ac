/*
 * preload/mapping.c - mmap, munmap, mremap and mprotect, so that a recording tells what the
 * program maps outside malloc. Each makes the system call itself: safe before any constructor, in
 * a signal handler, in a filter that allows the call. Where nothing is recorded that costs one
 * branch. What weir maps for itself comes here, too, and is known by who calls. What the C
 * library and the loader map (stacks of threads, libraries) they map behind everybody's back.
 */
#include "preload/mapped_code.h"
#include "preload/preload.h"
#include "preload/system_call.h"

#include "observe/mapping.h"
#include "observe/modules.h"
#include "observe/stacks.h"
#include "observe/stream.h"
#include "os/pages.h"

#include <stdarg.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#if defined(__x86_64__) || defined(__aarch64__)

/* This library, from its first byte to its last. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char _end[] __attribute__((visibility("hidden")));

static WEIR__NOINLINE bool is_wanted_slow(const void *caller)
{
    return !((uintptr_t)caller >= (uintptr_t)__ehdr_start && (uintptr_t)caller < (uintptr_t)_end) &&
           weir__mapping_is_wanted();
}

/* Of a call that comes from here. */
#define IS_WANTED()                                                                                \
    (weir__unlikely(weir__streams_are_on()) && is_wanted_slow(__builtin_return_address(0)))

static size_t whole_pages(size_t bytes)
{
    size_t pages;
    return weir__os_page_round(bytes, &pages) ? pages : 0;
}

static bool is_page(const void *address)
{
    return ((uintptr_t)address & (weir__os_page_size() - 1)) == 0;
}

static unsigned protection_flags(int protection)
{
    return (protection & PROT_READ ? WEIR__MAPPING_READ : 0) |
           (protection & PROT_WRITE ? WEIR__MAPPING_WRITE : 0) |
           (protection & PROT_EXEC ? WEIR__MAPPING_EXECUTE : 0);
}

/* -- mmap ------------------------------------------------------------------------------------- */

static void *map(void *address, size_t bytes, int protection, int flags, int file, off_t offset)
{
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    return (void *)preload_system_call(SYS_mmap, (long)address, (long)bytes, protection, flags,
                                       file, offset);
}

/* Are there stacks, whose addresses have names, and may the system be asked for a file? */
static bool code_is_wanted(void)
{
    return weir__relaxed_get(weir__stacks_from) != WEIR__STACKS_OFF &&
           __atomic_load_n(&weir__unwind_may_ask, __ATOMIC_RELAXED);
}

static void mapped(const void *address, size_t bytes, int protection, int flags, int file,
                   off_t offset)
{
    int saved = errno;
    if ((protection & PROT_EXEC) && !(flags & MAP_ANONYMOUS) && code_is_wanted())
        preload_mapped_code(address, whole_pages(bytes), file, (uint64_t)offset);
    weir__mapping_taken(address, whole_pages(bytes),
                        protection_flags(protection) |
                            (flags & MAP_ANONYMOUS ? 0 : WEIR__MAPPING_FILE) |
                            ((flags & MAP_TYPE) == MAP_PRIVATE ? 0 : WEIR__MAPPING_SHARED));
    errno = saved;
}

PRELOAD_API void *mmap(void *address, size_t bytes, int protection, int flags, int file,
                       off_t offset)
{
    bool wanted = IS_WANTED();
    void *made = map(address, bytes, protection, flags, file, offset);
    if (weir__unlikely(wanted) && made != MAP_FAILED)
        mapped(made, bytes, protection, flags, file, offset);
    return made;
}

_Static_assert(sizeof(off_t) == 8, "mmap64 is mmap");
PRELOAD_API void *mmap64(void *address, size_t bytes, int protection, int flags, int file,
                         off_t offset) __attribute__((alias("mmap")));

/* -- munmap, mremap: before and, where the call fails, taken back -------------------------------
 */

static bool given(const void *address, size_t bytes)
{
    int saved = errno;
    size_t pages = whole_pages(bytes);
    bool told = pages && is_page(address);
    if (told)
        weir__mapping_given(address, pages);
    errno = saved;
    return told;
}

static void kept(const void *address, size_t bytes)
{
    int saved = errno;
    weir__mapping_taken(address, whole_pages(bytes),
                        WEIR__MAPPING_READ | WEIR__MAPPING_WRITE | WEIR__MAPPING_MOVED);
    errno = saved;
}

static void moved(const struct weir__module *module, const void *from, const void *to, size_t bytes)
{
    int saved = errno;
    weir__modules_moved(module, from, to, bytes);
    errno = saved;
}

PRELOAD_API int munmap(void *address, size_t bytes)
{
    bool told = IS_WANTED() && given(address, bytes);
    int status = (int)preload_system_call(SYS_munmap, (long)address, (long)bytes, 0, 0, 0, 0);
    if (weir__unlikely(told) && status != 0)
        kept(address, bytes);
    return status;
}

PRELOAD_API void *mremap(void *address, size_t bytes, size_t new_bytes, int flags, ...)
{
    long place = 0;
    if (flags & ~MREMAP_MAYMOVE) {
        va_list list;
        va_start(list, flags);
        place = (long)va_arg(list, void *);
        va_end(list);
    }
    struct weir__module module;
    bool told = IS_WANTED() && bytes && given(address, bytes);
    bool code = told && code_is_wanted() && weir__module_find((uintptr_t)address, &module);
    // NOLINTNEXTLINE(performance-no-int-to-ptr)
    void *made = (void *)preload_system_call(SYS_mremap, (long)address, (long)bytes,
                                             (long)new_bytes, flags, place, 0);
    if (weir__unlikely(told))
        kept(made == MAP_FAILED ? address : made, made == MAP_FAILED ? bytes : new_bytes);
    if (code && made != MAP_FAILED && made != address)
        moved(&module, address, made, whole_pages(bytes));
    return made;
}

/* -- mprotect ------------------------------------------------------------------------------------
 */

PRELOAD_API int mprotect(void *address, size_t bytes, int protection)
{
    bool wanted = IS_WANTED();
    int status =
        (int)preload_system_call(SYS_mprotect, (long)address, (long)bytes, protection, 0, 0, 0);
    if (weir__unlikely(wanted) && status == 0 && bytes) {
        int saved = errno;
        weir__mapping_taken(address, whole_pages(bytes),
                            protection_flags(protection) | WEIR__MAPPING_PROTECTED);
        errno = saved;
    }
    return status;
}

#endif
