/*
 * Contexts that are made, used by all threads and destroyed by one, while the others go
 * on with something else: set tags, allocate elsewhere, read figures, end and are born.
 * What a thread keeps of a context must be gone from it in time.
 */
#include "../helpers/stress.h"
#include "track/meter.h"

enum { SLOTS = 24, HELD = 8 };

/* A context that whoever holds the mutex may use or replace. */
static struct slot {
    pthread_mutex_t mutex;
    weir_allocator *a;
    void *held[HELD];
    size_t sizes[HELD], total;
} slots[SLOTS];

static size_t operations, generations;
static weir_tag tags[4];

static void slot_renew(struct slot *s, uint64_t *random)
{
    size_t live = weir_total_allocated(s->a);
    STRESS_EXPECT(live == s->total, "%zu bytes live, should be %zu", live, s->total);
    STRESS_EXPECT(weir_allocator_destroy(s->a) == 0, "not destroyed");
    static const weir_source sources[] = {WEIR_SOURCE_POOL, WEIR_SOURCE_POOL, WEIR_SOURCE_MALLOC};
    s->a = weir_allocator_create(
        &(weir_allocator_options){.source = sources[random_below(random, 3)]});
    STRESS_EXPECT(s->a, "no context");
    memset(s->held, 0, sizeof s->held);
    s->total = 0;
    __atomic_add_fetch(&generations, 1, __ATOMIC_RELAXED);
}

static void slot_use(struct slot *s, uint64_t *random, weir_tag tag)
{
    for (int i = 0; i < 6; i++) {
        size_t at = random_below(random, HELD), size = 16 + random_size(random, 40000);
        if (s->held[at])
            STRESS_EXPECT(weir_requested_size(s->a, s->held[at]) == s->sizes[at], "a wrong size");
        weir_deallocate(s->a, s->held[at]);
        s->total -= s->held[at] ? s->sizes[at] : 0;
        s->held[at] = weir_allocate(s->a, size);
        STRESS_EXPECT(s->held[at], "no memory");
        STRESS_EXPECT(weir_block_tag(s->a, s->held[at]) == tag, "another's tag");
        s->sizes[at] = size;
        s->total += size;
    }
}

static void *life(void *seed)
{
    uint64_t random = stress.seed * 1009 + (uintptr_t)seed;
    for (size_t i = 0; i < operations; i++) {
        weir_tag tag = tags[random_below(&random, 4)];
        for (int k = 0; k < 20; k++)
            weir_tag_set(tags[random_below(&random, 4)]);
        weir_tag_set(tag);
        struct slot *s = &slots[random_below(&random, SLOTS)];
        pthread_mutex_lock(&s->mutex);
        if (random_below(&random, 4) == 0)
            slot_renew(s, &random);
        else
            slot_use(s, &random, tag);
        pthread_mutex_unlock(&s->mutex);
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), i % 1000));
        if (random_below(&random, 64) == 0)
            stress_stats(weir_cpu_allocator());
    }
    return NULL;
}

static void *lives(void *number)
{
    for (uintptr_t i = 0; i < 10; i++) {
        pthread_t thread;
        void *seed = (void *)((uintptr_t)number * 1000 + i);
        STRESS_EXPECT(pthread_create(&thread, NULL, life, seed) == 0, "no thread");
        pthread_join(thread, NULL);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 4);
    operations = stress_count(2000);
    static const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++)
        tags[i + 1] = weir_tag_intern(names[i]);
    for (int i = 0; i < SLOTS; i++) {
        pthread_mutex_init(&slots[i].mutex, NULL);
        slots[i].a = weir_allocator_create(NULL);
    }
    stress_run(lives);
    for (int i = 0; i < SLOTS; i++)
        STRESS_EXPECT(weir_allocator_destroy(slots[i].a) == 0, "not destroyed");
    weir_stats s = stress_stats(weir_cpu_allocator());
    STRESS_EXPECT(s.total_allocated == 0 && s.allocation_count == 0, "%zu bytes left",
                  s.total_allocated);
    STRESS_EXPECT(s.in_use == 0, "%zu bytes in use", s.in_use);
    STRESS_EXPECT(s.allocations == s.deallocations, "%zu made", s.allocations);
    STRESS_EXPECT(weir__meter_is_valid(), "the invariant is broken");
    printf("%zu contexts came and went\n", generations);
    return 0;
}
