/*
 * Memory of weir's own objects: zero, aligned to cache lines, apart from each other, used
 * again, counted to the byte, also by several threads at once and when memory is short.
 */
#include "backing/meta.h"
#include "../helpers/core.h"
#include "base/bits.h"
#include "base/fault.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>

enum { OBJECTS = 200, THREADS = 4 };

struct object {
    unsigned char *memory;
    size_t size;
    uint64_t id;
};

/* What is taken for an object: a power of two from a cache line on, whole pages above
 * 64 KiB. */
static size_t taken(size_t size)
{
    size_t power = 64;
    if (size && size <= 1024)
        return (size + 63) / 64 * 64;
    while (power < size)
        power *= 2;
    return power <= 65536 ? power : (size + 4095) / 4096 * 4096;
}

static void object_make(struct object *o, uint64_t *random)
{
    size_t size = random_size(random, 300000) + 1;
    *o = (struct object){weir__meta_allocate(size), size, random_next(random)};
    cr_assert_not_null(o->memory);
    cr_assert_eq((uintptr_t)o->memory % 64, 0);
    cr_assert(is_all_zero(o->memory, size), "%zu bytes are not zero", size);
    pattern_write(o->memory, size, o->id);
}

static void object_free(struct object *o)
{
    cr_assert(pattern_holds(o->memory, o->size, o->size, o->id), "%zu bytes changed", o->size);
    weir__meta_free(o->memory, o->size);
    *o = (struct object){0};
}

static void objects_come_and_go(uint64_t seed, size_t operations)
{
    struct object objects[OBJECTS] = {{0}};
    for (size_t i = 0; i < operations; i++) {
        struct object *o = &objects[random_below(&seed, OBJECTS)];
        if (o->memory)
            object_free(o);
        else
            object_make(o, &seed);
    }
    for (size_t i = 0; i < OBJECTS; i++)
        if (objects[i].memory)
            object_free(&objects[i]);
}

Test(meta, objects_are_zero_and_apart)
{
    size_t before = weir__meta_in_use();
    objects_come_and_go(1, scaled(20000));
    cr_assert_eq(weir__meta_in_use(), before);
}

static void *come_and_go(void *seed)
{
    objects_come_and_go((uintptr_t)seed, scaled(10000));
    return NULL;
}

Test(meta, threads_share_it)
{
    pthread_t threads[THREADS];
    size_t before = weir__meta_in_use();
    for (uintptr_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, come_and_go, (void *)(i + 2)), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(weir__meta_in_use(), before);
}

Test(meta, counts_what_it_takes)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 128, 129, 4096, 65535, 65536, 65537, 1000000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        size_t before = weir__meta_in_use();
        void *object = weir__meta_allocate(sizes[i]);
        cr_assert_not_null(object);
        cr_assert_eq(weir__meta_in_use() - before, taken(sizes[i]), "%zu", sizes[i]);
        weir__meta_free(object, sizes[i]);
        cr_assert_eq(weir__meta_in_use(), before);
    }
    weir__meta_free(NULL, 100);
}

Test(meta, an_object_freed_is_used_again)
{
    void *one = weir__meta_allocate(4000), *fine = weir__meta_allocate(600);
    memset(one, 0xFF, 4000);
    memset(fine, 0xFF, 600);
    weir__meta_free(one, 4000);
    weir__meta_free(fine, 600);
    void *two = weir__meta_allocate(2500), *three = weir__meta_allocate(580);
    cr_assert_eq(one, two, "of the same power of two");
    cr_assert_eq(fine, three, "of the same number of lines");
    cr_assert(is_all_zero(two, 4096));
    cr_assert(is_all_zero(three, 640));
    weir__meta_free(two, 2500);
    weir__meta_free(three, 580);
}

Test(meta, says_when_there_is_none)
{
    size_t before = weir__meta_in_use();
    errno = 0;
    cr_assert_null(weir__meta_allocate(SIZE_MAX));
    cr_assert_eq(errno, ENOMEM);
    errno = 0;
    cr_assert_null(weir__meta_allocate((size_t)1 << 60));
    cr_assert_eq(errno, ENOMEM);
    errno = 0;
    weir__fault_after(0);
    cr_assert_null(weir__meta_allocate(1));
    cr_assert_eq(errno, ENOMEM);
    weir__fault_after(-1);
    cr_assert_eq(weir__meta_in_use(), before);
}
