/*
 * Blocks that change threads while their slabs change centers: each thread replaces blocks that
 * others made, threads end and others begin, memory is trimmed. Meanwhile one thread walks: it
 * must see each of a constant set of blocks once, whichever center has their slabs, and figures
 * that count them once. In the end everything is free.
 */
#include "../helpers/stress.h"
#include "alloc/body.h"

#include <sched.h>
#include <stdatomic.h>

enum { SLOTS = 4096, FIXED = 600, SIZES = 6 };
static const size_t sizes[SIZES] = {64, 80, 256, 512, 1024, 8192};

static weir_allocator *context;
static _Atomic(unsigned char *) slots[SLOTS]; /* the first byte says whose pattern it has */
static void *fixed[FIXED];
static atomic_bool over;
static atomic_size_t walks;
static size_t steps;

static unsigned char *letter_make(uint64_t *random)
{
    size_t size = sizes[random_below(random, SIZES)];
    unsigned char *letter = weir_allocate(context, size);
    STRESS_EXPECT(letter, "no memory");
    memset(letter, (int)(size / 64), 64);
    return letter;
}

static void letter_end(unsigned char *letter)
{
    if (!letter)
        return;
    size_t size = weir_requested_size(context, letter);
    STRESS_EXPECT(letter[0] == (unsigned char)(size / 64) && letter[63] == letter[0], "%zu", size);
    weir_deallocate(context, letter);
}

/* Bursts of replacements, and of frees and then allocations, so that centers run dry. */
static void *life(void *seed)
{
    uint64_t random = (uintptr_t)seed;
    for (size_t n = 0; n < steps; n++) {
        size_t first = random_below(&random, SLOTS), count = 1 + random_below(&random, 200);
        bool refill = random_below(&random, 4);
        for (size_t i = 0; i < count; i++) {
            unsigned char *letter = refill ? letter_make(&random) : NULL;
            letter_end(atomic_exchange(&slots[(first + i) % SLOTS], letter));
        }
    }
    return NULL;
}

static void *lives_run(void *number)
{
    for (size_t i = 0; i < stress_count(20); i++) {
        pthread_t thread;
        uintptr_t seed = stress.seed * 1000003 + (uintptr_t)number * 1000 + i;
        STRESS_EXPECT(pthread_create(&thread, NULL, life, (void *)seed) == 0, "no thread");
        pthread_join(thread, NULL);
        if (i % 5 == 4)
            weir_trim(context);
    }
    return NULL;
}

static weir_tag fixed_tag;

static bool count_fixed(const weir_block *block, void *user)
{
    *(size_t *)user += block->tag == fixed_tag;
    return false;
}

/* The walk sees each fixed block once; the figures never say less than they hold. */
static void *walker_main(void *unused)
{
    (void)unused;
    while (!atomic_load(&over)) {
        size_t seen = 0;
        weir_allocator_walk(context, count_fixed, &seen);
        STRESS_EXPECT(seen == FIXED, "%zu of %d blocks seen", seen, FIXED);
        atomic_fetch_add(&walks, 1);
        sched_yield();
    }
    return NULL;
}

static void fixed_make(void)
{
    fixed_tag = weir_tag_intern("fixed");
    weir_tag former = weir_tag_set(fixed_tag);
    for (int i = 0; i < FIXED; i++)
        STRESS_EXPECT((fixed[i] = weir_allocate(context, sizes[i % SIZES])), "no memory");
    weir_tag_set(former);
}

/* Between the fixed ones, so that their slabs have free blocks. */
static void slots_fill(void)
{
    uint64_t random = stress.seed;
    for (int i = 0; i < SLOTS; i++)
        atomic_store(&slots[i], letter_make(&random));
}

static int center_check(struct weir__center *center, void *unused)
{
    STRESS_EXPECT(weir__center_is_valid(center), "center of class %u", center->sizeclass);
    (void)unused;
    return 0;
}

static void structures_check(void)
{
    weir__body_each_center(context->body, center_check, NULL);
}

static void everything_is_zero(void)
{
    weir_trim(context);
    weir_stats s = stress_stats(context);
    STRESS_EXPECT(s.total_allocated == 0 && s.allocation_count == 0, "%zu bytes",
                  s.total_allocated);
    STRESS_EXPECT(s.in_use == 0 && s.cached == 0, "%zu, %zu", s.in_use, s.cached);
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 4);
    steps = 150;
    context = weir_allocator_create(NULL);
    slots_fill();
    fixed_make();
    pthread_t walker;
    STRESS_EXPECT(pthread_create(&walker, NULL, walker_main, NULL) == 0, "no thread");
    stress_run(lives_run);
    atomic_store(&over, true);
    pthread_join(walker, NULL);
    structures_check();
    for (int i = 0; i < SLOTS; i++)
        letter_end(slots[i]);
    for (int i = 0; i < FIXED; i++)
        weir_deallocate(context, fixed[i]);
    everything_is_zero();
    structures_check();
    printf("%zu walks\n", atomic_load(&walks));
    STRESS_EXPECT(weir_allocator_destroy(context) == 0, "the context");
    return 0;
}
