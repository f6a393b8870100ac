/*
 * weir_owns (allocator.h): "Never misuse, whatever the pointer", from any thread at any time: on
 * destroyed allocators, for addresses that nothing lies at, and beside the frees of blocks whose
 * addresses go back to the system.
 */
#include "../helpers/promise.h"

#include <sys/mman.h>
#include <weir/weir.h>

static struct ear ear;

static weir_allocator *of_source(weir_source source)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.source = source});
    cr_assert(a || errno == ENOTSUP);
    return a;
}

/* -- destroyed allocators --------------------------------------------------------------- */

static void expect_owns_nothing(weir_allocator *dead, const void *block, const char *what)
{
    static char there;
    cr_expect_not(weir_owns(dead, block), "%s: owns a block", what);
    cr_expect_not(weir_owns(dead, &there), "%s: owns a static object", what);
    cr_expect_not(weir_owns(dead, NULL), "%s: owns NULL", what);
    cr_expect_eq(atomic_load(&ear.calls), 0, "%s: weir_owns was called misuse", what);
    atomic_store(&ear.calls, 0);
}

static void destroy_and_ask(weir_allocator *a, const char *what)
{
    if (!a)
        return;
    void *small = weir_allocate(a, 100), *large = weir_allocate(a, 2 * MIB);
    void *other = weir_allocate(cpu(), 100);
    cr_assert(small && large && weir_owns(a, small) && weir_owns(a, large) && !weir_owns(a, other));
    cr_assert_eq(weir_allocator_destroy(a), 0);
    expect_owns_nothing(a, small, what);
    expect_owns_nothing(a, large, what);
    expect_owns_nothing(a, other, what);
    cr_expect_not(weir_owns(cpu(), small), "%s: its block is the CPU allocator's", what);
    cr_expect_not(weir_owns(cpu(), large), "%s: its block is the CPU allocator's", what);
    weir_deallocate(cpu(), other);
}

Test(owns, is_no_misuse_on_a_destroyed_allocator)
{
    struct provider provider;
    weir_set_misuse_handler(ear_hear, &ear);
    destroy_and_ask(of_source(WEIR_SOURCE_POOL), "a context");
    destroy_and_ask(of_source(WEIR_SOURCE_BACKING), "a context of the backing");
    destroy_and_ask(of_source(WEIR_SOURCE_MALLOC), "a context of malloc");
    provider_make(&provider, NULL);
    destroy_and_ask(provider.allocator, "a user's functions");
    destroy_and_ask(
        weir_device_allocator_create(weir_device_host_table_create("d", 64 * MIB), NULL),
        "a device");
}

Test(owns, is_no_misuse_on_the_allocator_of_a_destroyed_pool)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *a = pool;
    weir_set_misuse_handler(ear_hear, &ear);
    void *block = weir_allocate(a, 100);
    cr_assert_eq(weir_allocator_destroy(pool), 0);
    expect_owns_nothing(a, block, "a destroyed pool's");
}

/* Without a handler the process would end. */
Test(owns, needs_no_handler_to_be_no_misuse)
{
    weir_allocator *a = of_source(WEIR_SOURCE_POOL);
    void *block = weir_allocate(a, 100);
    weir_allocator_destroy(a);
    cr_expect_not(weir_owns(a, block));
}

Test(owns, of_null_is_no)
{
    void *block = weir_allocate(cpu(), 100);
    cr_expect_not(weir_owns(NULL, block));
    cr_expect_not(weir_owns(NULL, NULL));
    weir_deallocate(cpu(), block);
}

/* -- addresses of any kind -------------------------------------------------------------- */

Test(owns, no_address_of_a_mapping_without_access)
{
    char *wall = mmap(NULL, 64 * MIB, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)wall, MAP_FAILED);
    for (size_t at = 0; at < 64 * MIB; at += 8 * KIB)
        cr_assert_not(weir_owns(cpu(), wall + at));
    munmap(wall, 64 * MIB);
    for (size_t at = 0; at < 64 * MIB; at += 8 * KIB)
        cr_assert_not(weir_owns(cpu(), wall + at));
}

/* Around live and freed blocks of every size, at every distance, before and after a trim. */
static void ask_around(const char *block, bool live)
{
    for (size_t step = 1; step <= 1024 * MIB; step *= 2) {
        cr_assert_not(weir_owns(cpu(), block + step) && step < 64, "a byte of a block is no start");
        weir_owns(cpu(), block - step);
        weir_owns(cpu(), (const char *)((uintptr_t)block & ~(step - 1)));
    }
    cr_expect_eq(weir_owns(cpu(), block), live);
}

Test(owns, whatever_lies_around_a_block)
{
    weir_set_misuse_handler(ear_hear, &ear);
    for (size_t size = 1; size <= 512 * MIB; size *= 4) {
        char *block = weir_allocate(cpu(), size);
        cr_assert_not_null(block);
        ask_around(block, true);
        weir_deallocate(cpu(), block);
        ask_around(block, false);
        weir_trim(cpu());
        ask_around(block, false);
    }
    cr_expect_eq(atomic_load(&ear.calls), 0);
}

/* -- beside frees ----------------------------------------------------------------------- */

static struct {
    weir_allocator *allocator;
    _Atomic(char *) last; /* the latest block, live or not */
    atomic_bool stop;
    atomic_ulong asked;
} shared;

static void *asker_run(void *unused)
{
    while (!atomic_load(&shared.stop)) {
        char *block = atomic_load(&shared.last);
        if (!block)
            continue;
        weir_owns(shared.allocator, block);
        weir_owns(shared.allocator, block + 3 * MIB);
        weir_owns(shared.allocator, block - 4096);
        weir_owns(cpu(), block + 128 * MIB + 64);
        atomic_fetch_add(&shared.asked, 4);
    }
    return unused;
}

static void free_beside_askers(weir_allocator *a, size_t size, double seconds)
{
    pthread_t askers[2];
    size_t blocks = 0;
    shared.allocator = a;
    atomic_store(&shared.stop, false);
    atomic_store(&shared.last, NULL);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&askers[i], NULL, asker_run, NULL), 0);
    for (double end = seconds_now() + seconds; seconds_now() < end; blocks++) {
        char *block = weir_allocate(a, size + blocks % 5 * 40 * MIB);
        cr_assert_not_null(block);
        atomic_store(&shared.last, block);
        weir_deallocate(a, block);
        if (blocks % 16 == 0)
            weir_trim(cpu());
    }
    atomic_store(&shared.stop, true);
    for (int i = 0; i < 2; i++)
        pthread_join(askers[i], NULL);
    cr_expect_gt(blocks, 0);
    cr_expect_eq(atomic_load(&ear.calls), 0, "weir_owns was called misuse");
}

Test(owns, beside_frees_of_huge_blocks)
{
    weir_set_misuse_handler(ear_hear, &ear);
    free_beside_askers(cpu(), 160 * MIB, 3);
}

Test(owns, beside_frees_of_huge_blocks_of_a_context)
{
    weir_set_misuse_handler(ear_hear, &ear);
    free_beside_askers(of_source(WEIR_SOURCE_POOL), 300 * MIB, 1.5);
    weir_allocator *backing = of_source(WEIR_SOURCE_BACKING);
    if (backing)
        free_beside_askers(backing, 20 * MIB, 1.5);
}

/* Chunks of small blocks that a trim gives back. */
static void small_blocks_and_trims(double seconds)
{
    static void *blocks[3000];
    for (double end = seconds_now() + seconds; seconds_now() < end;) {
        for (int i = 0; i < 3000; i++)
            blocks[i] = weir_allocate(cpu(), 5000);
        atomic_store(&shared.last, blocks[1500]);
        for (int i = 0; i < 3000; i++)
            weir_deallocate(cpu(), blocks[i]);
        weir_trim(cpu());
    }
}

Test(owns, beside_trims)
{
    pthread_t asker;
    shared.allocator = cpu();
    weir_set_misuse_handler(ear_hear, &ear);
    cr_assert_eq(pthread_create(&asker, NULL, asker_run, NULL), 0);
    small_blocks_and_trims(2);
    atomic_store(&shared.stop, true);
    pthread_join(asker, NULL);
    cr_expect_eq(atomic_load(&ear.calls), 0);
}

/* A pool's memory goes with the pool; contexts go with their blocks. */
Test(owns, beside_the_ends_of_pools_and_contexts)
{
    pthread_t asker;
    shared.allocator = cpu();
    weir_set_misuse_handler(ear_hear, &ear);
    cr_assert_eq(pthread_create(&asker, NULL, asker_run, NULL), 0);
    for (double end = seconds_now() + 2; seconds_now() < end;) {
        weir_allocator *pool =
            weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
        weir_allocator *context = weir_allocator_create(NULL);
        atomic_store(&shared.last, weir_allocate(pool, 3 * MIB));
        atomic_store(&shared.last, weir_allocate(context, 200 * MIB));
        atomic_store(&shared.last, weir_allocate(pool, 300));
        weir_allocator_destroy(context);
        weir_allocator_destroy(pool);
    }
    atomic_store(&shared.stop, true);
    pthread_join(asker, NULL);
    cr_expect_eq(atomic_load(&ear.calls), 0);
}
