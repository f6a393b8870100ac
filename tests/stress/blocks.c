/*
 * Blocks under threads: contents stay, whoever frees them; threads come and go by the
 * thousand, leave blocks behind, hand buffers around; caches are emptied under them.
 * At the end every figure is zero and the structures are whole.
 */
#include "../helpers/stress.h"
#include "alloc/context.h"

enum { POST = 256, HELD = 100, CONTEXTS = 3 };

struct letter {
    uint64_t id;
    size_t size, alignment;
    weir_allocator *a;
    unsigned char *block;
};

static weir_allocator *contexts[CONTEXTS];
static struct letter *post[POST]; /* handed from thread to thread */
static uint64_t next_id;
static size_t operations, lives;

/* The record of a block is a block itself. */
static struct letter *letter_write(uint64_t *random)
{
    weir_allocator *a = contexts[random_below(random, CONTEXTS)];
    struct letter *letter = weir_allocate(a, sizeof *letter);
    STRESS_EXPECT(letter, "no memory");
    size_t size = random_size(random, 300000);
    *letter = (struct letter){.id = __atomic_add_fetch(&next_id, 1, __ATOMIC_RELAXED),
                              .size = size,
                              .alignment = (size_t)1 << random_below(random, 9),
                              .a = a};
    if (random_below(random, 4) == 0) {
        letter->block = weir_allocate_zeroed_aligned(a, 1, size, letter->alignment);
        STRESS_EXPECT(is_all_zero(letter->block, size), "%zu bytes are not zero", size);
    } else {
        letter->block = weir_allocate_aligned(a, size, letter->alignment);
    }
    STRESS_EXPECT((uintptr_t)letter->block % letter->alignment == 0, "%p is not aligned to %zu",
                  (void *)letter->block, letter->alignment);
    pattern_write(letter->block, size, letter->id);
    return letter;
}

static void letter_resize(struct letter *letter, uint64_t *random)
{
    size_t size = random_size(random, 300000), kept = size < letter->size ? size : letter->size;
    letter->block = weir_reallocate(letter->a, letter->block, size);
    STRESS_EXPECT(letter->block, "no memory");
    STRESS_EXPECT(pattern_holds(letter->block, kept, letter->size, letter->id), "%zu bytes", kept);
    letter->size = size;
    pattern_write(letter->block, size, letter->id);
}

static void letter_read(struct letter *letter)
{
    if (!letter)
        return;
    weir_allocator *a = letter->a;
    STRESS_EXPECT(pattern_holds(letter->block, letter->size, letter->size, letter->id),
                  "block %llu of %zu bytes was overwritten", (unsigned long long)letter->id,
                  letter->size);
    weir_deallocate_sized(a, letter->block, letter->size);
    weir_deallocate(a, letter);
}

static struct letter *post_exchange(struct letter *letter, uint64_t *random)
{
    return __atomic_exchange_n(&post[random_below(random, POST)], letter, __ATOMIC_ACQ_REL);
}

/* One life of a thread: what it still holds at the end goes into the post. */
static void *life(void *seed)
{
    struct letter *held[HELD] = {NULL};
    uint64_t random = (uintptr_t)seed * 0x9E3779B9u + stress.seed;
    for (size_t i = 0; i < operations; i++) {
        size_t at = random_below(&random, HELD);
        switch (random_below(&random, 8)) {
        case 0:
        case 1:
            held[at] = post_exchange(held[at], &random);
            break;
        case 2:
            if (held[at])
                letter_resize(held[at], &random);
            break;
        default:
            letter_read(held[at]);
            held[at] = random_below(&random, 3) ? letter_write(&random) : NULL;
        }
    }
    for (size_t at = 0; at < HELD; at++)
        letter_read(held[at] ? post_exchange(held[at], &random) : NULL);
    return NULL;
}

/* Each of the threads lives its lives one after another, in threads of their own. */
static void *lives_run(void *number)
{
    for (size_t i = 0; i < lives; i++) {
        pthread_t thread;
        uintptr_t seed = (uintptr_t)number * 100000 + i;
        STRESS_EXPECT(pthread_create(&thread, NULL, life, (void *)seed) == 0, "no thread");
        pthread_join(thread, NULL);
        if (i % 16 == 0)
            weir_trim(contexts[0]);
        if (i % 16 == 8)
            weir__heaps_scavenge();
    }
    return NULL;
}

static int center_check(struct weir__center *center, void *number)
{
    STRESS_EXPECT(weir__center_is_valid(center), "context %d, class %u", *(int *)number,
                  center->sizeclass);
    return 0;
}

static void structures_check(void)
{
    for (int i = 0; i < CONTEXTS; i++) {
        struct weir__body *body = contexts[i]->body;
        weir__body_each_center(body, center_check, &i);
        STRESS_EXPECT(weir__page_heap_is_valid(body->page_heap), "the store of context %d", i);
    }
    STRESS_EXPECT(weir__meter_is_valid(), "the meters");
}

static void everything_is_zero(void)
{
    for (int i = 0; i < CONTEXTS; i++) {
        weir_stats s = stress_stats(contexts[i]);
        STRESS_EXPECT(s.total_allocated == 0, "%zu bytes in context %d", s.total_allocated, i);
        STRESS_EXPECT(s.allocation_count == 0, "%zu blocks in context %d", s.allocation_count, i);
        STRESS_EXPECT(s.allocations == s.deallocations, "%zu made", s.allocations);
        STRESS_EXPECT(s.in_use == 0, "%zu bytes in use in context %d", s.in_use, i);
    }
}

static void round_run(size_t nlives, size_t noperations)
{
    lives = stress_count(nlives);
    operations = noperations;
    stress_run(lives_run);
    structures_check();
    for (int i = 0; i < POST; i++) {
        letter_read(post[i]);
        post[i] = NULL;
    }
    everything_is_zero();
    structures_check();
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 4);
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    contexts[0] = weir_cpu_allocator();
    contexts[1] = weir_allocator_create(NULL);
    contexts[2] = pool;
    round_run(10, 8000); /* few long lives */
    round_run(400, 60);  /* many short ones */
    weir_stats before = stress_stats(contexts[0]);
    round_run(400, 60);
    weir_stats after = stress_stats(contexts[0]);
    STRESS_EXPECT(after.metadata <= before.metadata + before.metadata / 4 + 200000,
                  "book-keeping grew from %zu to %zu", before.metadata, after.metadata);
    STRESS_EXPECT(weir_allocator_destroy(pool) == 0, "the pool");
    STRESS_EXPECT(weir_allocator_destroy(contexts[1]) == 0, "the context");
    weir_trim(contexts[0]);
    printf("%zu allocations, %zu slow; %zu bytes reserved at the end\n", after.allocations,
           after.slow_operations, stress_stats(contexts[0]).reserved);
    return 0;
}
