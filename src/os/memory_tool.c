/*
 * os/memory_tool.c - see memory_tool.h. Owns which tool it is, once that was asked for. The
 * sanitizers are found by weak references to their runtime's own interface, memcheck by a
 * request that only memcheck answers (configure: --with-valgrind).
 */
#include "os/memory_tool.h"

#include "base/bits.h"

#if WEIR_VALGRIND
#include <valgrind/memcheck.h>
#endif

#define RUNTIMES_OWN __attribute__((weak, visibility("default")))
extern void __asan_poison_memory_region(const volatile void *start, size_t size) RUNTIMES_OWN;
extern void __asan_unpoison_memory_region(const volatile void *start, size_t size) RUNTIMES_OWN;
extern void __asan_describe_address(void *address) RUNTIMES_OWN;
extern void __lsan_do_leak_check(void) RUNTIMES_OWN;

enum tool { UNKNOWN = 0, NONE, ASAN, LSAN, MEMCHECK };

/* What the runtimes' malloc takes for a mistake of the caller's, and ends the process. */
#define ASAN_MOST ((size_t)1 << 40)
#if defined __aarch64__
#define LSAN_MOST (4 * WEIR__GIB)
#else
#define LSAN_MOST (8 * WEIR__GIB)
#endif
#define ROOM_BESIDE ((size_t)1 << 16) /* a block's own redzones, at most */

/* Other tools of valgrind (callgrind, massif) leave the result 0. */
static bool memcheck_is_here(void)
{
#if WEIR_VALGRIND
    bool probe = false;
    return VALGRIND_MAKE_MEM_DEFINED(&probe, sizeof probe) != 0;
#else
    return false;
#endif
}

static enum tool tool_find(void)
{
    if (__asan_poison_memory_region && __asan_unpoison_memory_region)
        return ASAN;
    if (__lsan_do_leak_check)
        return LSAN;
    return memcheck_is_here() ? MEMCHECK : NONE;
}

static enum tool tool_here(void)
{
    static enum tool known
        WEIR__AT_START; /* written with the same value by the thread that comes first */
    enum tool tool = weir__relaxed_get(known);
    if (weir__unlikely(tool == UNKNOWN))
        weir__relaxed_set(known, tool = tool_find());
    return tool;
}

bool weir__os_memory_tool(void)
{
    return tool_here() != NONE;
}

bool weir__os_memory_tool_is_strict(void)
{
    enum tool tool = tool_here();
    return tool == ASAN || tool == LSAN;
}

void weir__os_memory_forbid(const void *start, size_t size)
{
    enum tool tool = tool_here();
    if (tool == ASAN)
        __asan_poison_memory_region(start, size);
#if WEIR_VALGRIND
    if (tool == MEMCHECK)
        VALGRIND_MAKE_MEM_NOACCESS(start, size);
#endif
}

void weir__os_memory_permit(const void *start, size_t size)
{
    enum tool tool = tool_here();
    if (tool == ASAN)
        __asan_unpoison_memory_region(start, size);
#if WEIR_VALGRIND
    if (tool == MEMCHECK)
        VALGRIND_MAKE_MEM_UNDEFINED(start, size);
#endif
}

bool weir__os_memory_is_excessive(size_t size, size_t alignment)
{
    enum tool tool = tool_here();
    if (tool != ASAN && tool != LSAN)
        return false;
    size_t most = (tool == ASAN ? ASAN_MOST : LSAN_MOST) - ROOM_BESIDE;
    return size > most || alignment > most - size;
}

void weir__os_memory_describe(const void *address)
{
    if (tool_here() == ASAN && __asan_describe_address)
        __asan_describe_address((void *)(uintptr_t)address);
}
