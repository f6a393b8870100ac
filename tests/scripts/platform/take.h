/*
 * tests/scripts/platform/take.h - a program that is built twice: over weir's calls (-DWEIR) and
 * over malloc, for which libweir-malloc.so then stands in. And what the kernel says of this
 * process. Each program says one line and ends with 0: as promised, 1: not, 77: cannot be tried
 * here.
 */
#ifndef WEIR_TESTS_PLATFORM_TAKE_H
#define WEIR_TESTS_PLATFORM_TAKE_H

#define _GNU_SOURCE
#include <errno.h>
#include <link.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

#ifdef WEIR
#include <weir/weir.h>
#define TAKE(n)      weir_allocate(weir_cpu_allocator(), n)
#define TAKE_ZERO(n) weir_allocate_zeroed(weir_cpu_allocator(), n, 1)
#define RESIZE(p, n) weir_reallocate(weir_cpu_allocator(), p, n)
#define GIVE(p)      weir_deallocate(weir_cpu_allocator(), p)
#define TRIM()       weir_trim(weir_cpu_allocator())
#else
#define TAKE(n)      malloc(n)
#define TAKE_ZERO(n) calloc(n, 1)
#define RESIZE(p, n) realloc(p, n)
#define GIVE(p)      free(p)
#define TRIM()       malloc_trim(0)
#endif

/* A line of /proc/self/status, in bytes; 0 where there is none. */
static inline size_t status_bytes(const char *key)
{
    char line[256];
    size_t kib = 0, length = strlen(key);
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        if (strncmp(line, key, length) == 0 && line[length] == ':')
            kib = strtoull(line + length + 1, NULL, 10);
    if (status)
        fclose(status);
    return kib * KIB;
}

static inline double seconds_of(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Where PLATFORM_PRELOADED says that the library is in front, it is: the loader leaves out, with a
 * word on standard error, what it cannot map. */
static int names_the_library(struct dl_phdr_info *info, size_t size, void *found)
{
    (void)size;
    *(bool *)found |= strstr(info->dlpi_name, "libweir-malloc") != NULL;
    return 0;
}

__attribute__((constructor)) static void preloaded_or_not(void)
{
    bool found = false;
    dl_iterate_phdr(names_the_library, &found);
    if (getenv("PLATFORM_PRELOADED") && !found) {
        puts("libweir-malloc.so was not loaded");
        fflush(stdout);
        _exit(3);
    }
}

static inline int said(bool as_promised)
{
    return as_promised ? 0 : 1;
}

#endif
