/*
 * keys [few]: all thread keys are taken before the first allocation (few: none are). 2000 threads
 * allocate, leave free blocks in their caches and end, with stacks that are unmapped behind them;
 * then what they used is destroyed. Expected: nothing breaks, and memory stays within 12 MiB of
 * what it was after the first 200 threads.
 */
#include "take.h"

enum { THREADS = 4, ROUNDS = 500, BLOCKS = 200 };

#ifdef WEIR
static weir_allocator *context;
static weir_allocator *pool;
#endif

/* Blocks of this allocator's, all given back but the first, which the caller frees. */
static void *use_blocks(size_t size)
{
    void *block[BLOCKS];
    for (int i = 0; i < BLOCKS; i++)
        if ((block[i] = TAKE(size)))
            memset(block[i], 1, size);
    for (int i = 1; i < BLOCKS; i++)
        GIVE(block[i]);
    return block[0];
}

static void use_objects(size_t size)
{
#ifdef WEIR
    for (int i = 0; i < 20; i++) {
        void *a = weir_allocate(context, size), *b = weir_allocate(pool, size);
        weir_deallocate(context, a);
        weir_deallocate(pool, b);
    }
#else
    (void)size;
#endif
}

static void *thread_run(void *number)
{
    size_t size = 16 + (size_t)(uintptr_t)number * 37 % 3000;
    use_objects(size);
    return use_blocks(size);
}

static bool round_run(int round, pthread_attr_t *attributes)
{
    pthread_t thread[THREADS];
    void *block;
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], attributes, thread_run,
                           (void *)(uintptr_t)(round % 40 + 900 * i)))
            return false;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], &block);
        GIVE(block);
    }
    return true;
}

static int keys_take(void)
{
    pthread_key_t key;
    int keys = 0;
    while (pthread_key_create(&key, NULL) == 0)
        keys++;
    return keys;
}

static void objects_make(void)
{
#ifdef WEIR
    context = weir_allocator_create(NULL);
    pool = weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    if (!context || !pool)
        exit(1);
#endif
}

static bool objects_end(void)
{
#ifdef WEIR
    if (weir_allocator_destroy(context) || weir_allocator_destroy(pool))
        return false;
    if (weir_total_allocated(weir_cpu_allocator()) != 0) {
        printf("%zu bytes are live, ", weir_total_allocated(weir_cpu_allocator()));
        return false;
    }
#endif
    return true;
}

int main(int argc, char **argv)
{
    int keys = argc > 1 ? 0 : keys_take();
    size_t early = 0;
    pthread_attr_t attributes;
    (void)argv;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * MIB); /* more than the C library keeps */
    objects_make();
    for (int round = 0; round < ROUNDS; round++) {
        if (!round_run(round, &attributes))
            return 77;
        if (round == 50)
            early = status_bytes("VmRSS");
    }
    size_t late = status_bytes("VmRSS");
    bool whole = objects_end();
    TRIM();
    void *block = TAKE(100);
    GIVE(block);
    printf("%d keys taken; resident after 200 threads %zu KiB, after %d %zu KiB\n", keys,
           early / KIB, THREADS * ROUNDS, late / KIB);
    return said(whole && block && late < early + 12 * MIB);
}
