/* object.h - what the tests of objects share: exact figures before and after, and an
 * allocator whose memory the host must not touch. */
#ifndef TESTS_OBJECT_H
#define TESTS_OBJECT_H

#include "suite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <weir/weir.h>

#define ARRAY(...) ((const int64_t[]){__VA_ARGS__})

/* The call failed with this errno value, and said why. */
#define expect_null(call, code)                                                                    \
    do {                                                                                           \
        errno = 0;                                                                                 \
        cr_expect_null(call);                                                                      \
        cr_expect_eq(errno, code, "%s: errno %d", #call, errno);                                   \
        cr_expect_neq(weir_last_error()[0], 0);                                                    \
    } while (0)

static inline void expect_live(weir_allocator *a, size_t bytes, size_t blocks)
{
    cr_expect_eq(weir_total_allocated(a), bytes, "%zu bytes live, not %zu", weir_total_allocated(a),
                 bytes);
    cr_expect_eq(weir_allocation_count(a), blocks, "%zu blocks live, not %zu",
                 weir_allocation_count(a), blocks);
}

/* A user's allocator whose blocks the host cannot touch: mapped without access, which only its
 * own functions open for a moment; `copies` and `zeros` count their calls. */
struct device {
    size_t copies, zeros;
    int error; /* that the next zero or copy returns */
    weir_allocator *allocator;
};

static inline size_t device_pages(size_t size)
{
    return (size + 4095) & ~(size_t)4095;
}

static inline void *device_allocate(void *user, size_t size, size_t alignment)
{
    (void)user, (void)alignment;
    void *block = mmap(NULL, device_pages(size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return block == MAP_FAILED ? NULL : block;
}

static inline void device_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    (void)user, (void)alignment;
    munmap(block, device_pages(size));
}

static inline void *device_open(const void *at, size_t size, int access)
{
    uintptr_t start = (uintptr_t)at & ~(uintptr_t)4095;
    mprotect((void *)start, device_pages((uintptr_t)at - start + size), access);
    return (void *)(uintptr_t)at;
}

static inline int device_zero(void *user, void *block, size_t size)
{
    struct device *d = user;
    d->zeros++;
    if (d->error)
        return d->error;
    memset(device_open(block, size, PROT_READ | PROT_WRITE), 0, size);
    device_open(block, size, PROT_NONE);
    return 0;
}

static inline int device_copy(void *user, void *to, const void *from, size_t size)
{
    struct device *d = user;
    d->copies++;
    if (d->error)
        return d->error;
    device_open(from, size, PROT_READ);
    memcpy(device_open(to, size, PROT_READ | PROT_WRITE), from, size);
    device_open(to, size, PROT_NONE);
    device_open(from, size, PROT_NONE);
    return 0;
}

static inline void device_make(struct device *d)
{
    static const weir_allocator_functions functions = {.allocate = device_allocate,
                                                       .deallocate = device_deallocate,
                                                       .zero = device_zero,
                                                       .copy = device_copy};
    *d = (struct device){0};
    d->allocator = weir_allocator_create(&(weir_allocator_options){.name = "device",
                                                                   .parent = WEIR_NO_PARENT,
                                                                   .source = WEIR_SOURCE_FUNCTIONS,
                                                                   .functions = &functions,
                                                                   .user = d});
    cr_assert_not_null(d->allocator);
}

static inline bool device_holds(const void *at, size_t size, unsigned char value)
{
    const unsigned char *bytes = device_open(at, size, PROT_READ);
    bool same = size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
    device_open(at, size, PROT_NONE);
    return same;
}

static inline void device_fill(void *at, size_t size, unsigned char value)
{
    memset(device_open(at, size, PROT_READ | PROT_WRITE), value, size);
    device_open(at, size, PROT_NONE);
}

/* What a misuse handler heard last. */
static weir_misuse heard;
static inline void hear(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)pointer, (void)line, (void)user;
    heard = what;
}

#endif
