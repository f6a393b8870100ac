/*
 * address_limits: a process whose addresses, writable memory or locked memory are limited gets
 * most of what the limit leaves, and what it freed in one size serves another. Each case runs in
 * a process of its own, over the system's memory.
 *
 * Fails before: "pool: page heap in nouns, opened and purged by pieces": 0 bytes of 64 MiB, and
 * 0 of 100 after 300 were freed; 256 MiB resident where pages are locked.
 */
#include "../helpers/core.h"
#include "../helpers/self.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

static void limit(int resource, enum self_memory what, size_t spare)
{
    size_t most = self_memory(what) + spare;
    setrlimit(resource, &(struct rlimit){most, most});
}

/* Blocks until there are none, or `most` bytes; frees them. */
static size_t fill(size_t size, size_t most)
{
    void **last = NULL, **next;
    size_t got = 0;
    weir_allocator *cpu = weir_cpu_allocator();
    for (; got < most && (next = weir_allocate(cpu, size)); got += size, last = next)
        *next = last;
    for (; last; last = next) {
        next = *last;
        weir_deallocate(cpu, last);
    }
    return got;
}

static int expect(const char *what, size_t got, size_t wanted)
{
    if (got >= wanted)
        return 0;
    printf("%s: %zu bytes, not %zu\n", what, got, wanted);
    return 1;
}

static int addresses_small(void)
{
    limit(RLIMIT_AS, SELF_ADDRESSES, 64 * MIB);
    return expect("small blocks, addresses", fill(100, 100 * MIB), 40 * MIB);
}

static int addresses_large(void)
{
    limit(RLIMIT_AS, SELF_ADDRESSES, 64 * MIB);
    return expect("large blocks, addresses", fill(300000, 100 * MIB), 40 * MIB);
}

static int writable_small(void)
{
    limit(RLIMIT_DATA, SELF_WRITABLE, 64 * MIB);
    return expect("small blocks, writable", fill(100, 100 * MIB), 40 * MIB);
}

static int writable_large(void)
{
    limit(RLIMIT_DATA, SELF_WRITABLE, 64 * MIB);
    return expect("large blocks, writable", fill(300000, 100 * MIB), 40 * MIB);
}

static int small_then_large(void)
{
    fill(200, 300 * MIB);
    limit(RLIMIT_AS, SELF_ADDRESSES, 300000);
    return expect("large after small", fill(MIB, 100 * MIB), 100 * MIB);
}

static int large_then_small(void)
{
    fill(MIB, 300 * MIB);
    limit(RLIMIT_AS, SELF_ADDRESSES, 300000);
    return expect("small after large", fill(200, 100 * MIB), 100 * MIB);
}

static int locked(void)
{
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        return 0; /* not allowed here */
    size_t before = self_memory(SELF_RESIDENT);
    void *block = weir_allocate(weir_cpu_allocator(), MIB);
    return !block || expect("room left of 16 MiB", 16 * MIB, self_memory(SELF_RESIDENT) - before);
}

static int (*const cases[])(void) = {addresses_small, addresses_large,  writable_small,
                                     writable_large,  small_then_large, large_then_small,
                                     locked};

int main(int argc, char **argv)
{
    int failed = 0;
#ifdef __SANITIZE_ADDRESS__
    puts("AddressSanitizer wants addresses of its own at any moment");
    return 77;
#endif
    if (argc > 1)
        return cases[atoi(argv[1])]();
    setenv("WEIR_BACKING", "system", 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char number[8];
        snprintf(number, sizeof number, "%zu", i);
        pid_t child = fork();
        if (child == 0) {
            self_exec((char *[]){argv[0], number, NULL});
            _exit(99);
        }
        int status;
        failed |= child < 0 || waitpid(child, &status, 0) != child || status != 0;
        if (child > 0 && status)
            printf("case %zu: status %d\n", i, status);
    }
    return failed;
}
