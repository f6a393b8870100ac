/*
 * shim.so: another kernel, as far as mappings go. In front of the C library's functions:
 *   PLATFORM_PAGE=N      pages of N bytes: what mappings begin at and what lengths are rounded up
 * to, in madvise, munmap and mprotect, is a multiple of it; so say sysconf, getpagesize and
 * getauxval PLATFORM_MADVISE=keeps|fails   MADV_DONTNEED and MADV_FREE succeed and do nothing, or
 * fail At the end one line, "shim: N purges", to the descriptor in PLATFORM_SAY.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

extern char **environ;
extern long __sysconf(int name);
extern unsigned long __getauxval(unsigned long type);
static unsigned long purges;

/* getenv of a process that may not have begun: no calls that allocate. */
static const char *setting(const char *name)
{
    size_t length = strlen(name);
    for (char **e = environ; e && *e; e++)
        if (strncmp(*e, name, length) == 0 && (*e)[length] == '=')
            return *e + length + 1;
    return NULL;
}

static size_t page(void)
{
    static size_t size;
    if (!size) {
        const char *text = setting("PLATFORM_PAGE");
        size = text ? strtoul(text, NULL, 10) : 4096;
    }
    return size;
}

static size_t rounded(size_t size)
{
    return (size + page() - 1) & ~(page() - 1);
}

static int begins_wrongly(const void *at)
{
    if (((uintptr_t)at & (page() - 1)) == 0)
        return 0;
    errno = EINVAL;
    return 1;
}

int madvise(void *at, size_t size, int advice)
{
    const char *how = setting("PLATFORM_MADVISE");
    if (begins_wrongly(at))
        return -1;
    if (advice == MADV_DONTNEED || advice == MADV_FREE) {
        __atomic_fetch_add(&purges, 1, __ATOMIC_RELAXED);
        if (how && strcmp(how, "keeps") == 0)
            return 0;
        if (how) {
            errno = EINVAL;
            return -1;
        }
    }
    return (int)syscall(SYS_madvise, at, rounded(size), advice);
}

int munmap(void *at, size_t size)
{
    return begins_wrongly(at) ? -1 : (int)syscall(SYS_munmap, at, rounded(size));
}

int mprotect(void *at, size_t size, int access)
{
    return begins_wrongly(at) ? -1 : (int)syscall(SYS_mprotect, at, rounded(size), access);
}

static void *map(void *at, size_t size, int access, int flags, int file, off_t offset)
{
    return (void *)syscall(SYS_mmap, at, size, access, flags, file, offset);
}

/* Begins at a page of ours, wherever the kernel would have put it. */
void *mmap(void *at, size_t size, int access, int flags, int file, off_t offset)
{
    if ((flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)) || page() == 4096) {
        if ((flags & MAP_ANONYMOUS) && (flags & MAP_FIXED) && begins_wrongly(at))
            return MAP_FAILED;
        return map(at, (flags & MAP_ANONYMOUS) ? rounded(size) : size, access, flags, file, offset);
    }
    if (!(flags & MAP_ANONYMOUS))
        return map(at, size, access, flags, file, offset);
    size_t whole = rounded(size) + page();
    char *got = map(NULL, whole, access, flags, file, offset);
    if (got == MAP_FAILED)
        return got;
    char *from = (char *)(((uintptr_t)got + page() - 1) & ~(uintptr_t)(page() - 1));
    if (from > got)
        syscall(SYS_munmap, got, from - got);
    if (from + rounded(size) < got + whole)
        syscall(SYS_munmap, from + rounded(size), got + whole - (from + rounded(size)));
    return from;
}

void *mmap64(void *at, size_t size, int access, int flags, int file, off_t offset)
{
    return mmap(at, size, access, flags, file, offset);
}

long sysconf(int name)
{
    return name == _SC_PAGESIZE ? (long)page() : __sysconf(name);
}

int getpagesize(void)
{
    return (int)page();
}

unsigned long getauxval(unsigned long type)
{
    return type == AT_PAGESZ ? page() : __getauxval(type);
}

__attribute__((destructor)) static void say(void)
{
    char line[64];
    const char *where = setting("PLATFORM_SAY");
    int length = snprintf(line, sizeof line, "shim: %lu purges\n", purges);
    if (where && write(atoi(where), line, (size_t)length) < 0)
        _exit(3);
}
