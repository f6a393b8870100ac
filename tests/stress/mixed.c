/*
 * mixed [OPERATIONS [SEED]]: two threads that allocate, resize, free and ask in contexts with
 * guarded blocks, in hardened ones and in plain ones, with and without limits, against a model of
 * their own; at each million of operations every figure of every context is the model's. Prints
 * how many operations and how many looks there were, and that nothing differed; the first that
 * does ends it. Each thread has contexts that it alone uses, below one that both share: so what a
 * model says is exact at any moment, and the sums of both are, at the end.
 */
#include "../helpers/stress.h"

#include <inttypes.h>
#include <pthread.h>

enum { THREADS = 2, KINDS = 4, HELD = 200, LOOK = 1000000 };

struct model {
    weir_allocator *a;
    size_t total, count, peak, limit, bytes;
    uint64_t allocations, frees;
};

struct held {
    unsigned char *block;
    size_t size;
    uint64_t id;
    unsigned kind;
};

static struct life {
    struct model models[KINDS];
    struct held held[HELD];
    uint64_t random, next_id, refused, looks;
} lives[THREADS];

static weir_allocator *shared;
static uint64_t operations_most;

static void model_change(struct model *m, size_t from, size_t to)
{
    m->total += to - from;
    m->bytes += to > from ? to - from : 0;
    if (m->total > m->peak)
        m->peak = m->total;
}

static bool admits(const struct model *m, size_t from, size_t to)
{
    return !m->limit || to <= from || m->total - from + to <= m->limit;
}

static void figures_look(struct life *life)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        const struct model *m = &life->models[kind];
        weir_stats s = stress_stats(m->a);
        STRESS_EXPECT(s.total_allocated == m->total && s.allocation_count == m->count,
                      "kind %u: %zu bytes in %zu blocks, not %zu in %zu", kind, s.total_allocated,
                      s.allocation_count, m->total, m->count);
        STRESS_EXPECT(s.peak_allocated == m->peak, "kind %u: peak %zu, not %zu", kind,
                      s.peak_allocated, m->peak);
        STRESS_EXPECT(s.allocations == m->allocations && s.deallocations == m->frees &&
                          s.bytes_allocated == m->bytes,
                      "kind %u: %llu and %llu, not %llu and %llu", kind,
                      (unsigned long long)s.allocations, (unsigned long long)s.deallocations,
                      (unsigned long long)m->allocations, (unsigned long long)m->frees);
    }
    life->looks++;
}

static void held_free(struct life *life, struct held *held)
{
    struct model *m = &life->models[held->kind];
    STRESS_EXPECT(pattern_holds(held->block, held->size, held->size, held->id),
                  "block %llu of %zu bytes was overwritten", (unsigned long long)held->id,
                  held->size);
    weir_deallocate(m->a, held->block);
    model_change(m, held->size, 0);
    m->count--;
    m->frees++;
    held->block = NULL;
}

static void held_take(struct life *life, struct held *held)
{
    unsigned kind = (unsigned)random_below(&life->random, KINDS);
    struct model *m = &life->models[kind];
    size_t size = random_size(&life->random, random_below(&life->random, 500) ? 3000 : 300000);
    bool fits = admits(m, 0, size);
    unsigned char *block = weir_allocate(m->a, size);
    STRESS_EXPECT((block != NULL) == fits, "kind %u: %zu bytes at %zu of %zu", kind, size, m->total,
                  m->limit);
    life->refused += !block;
    if (!block)
        return;
    *held = (struct held){block, size, life->next_id++, kind};
    pattern_write(block, size, held->id);
    model_change(m, 0, size);
    m->count++;
    m->allocations++;
}

static void held_resize(struct life *life, struct held *held)
{
    struct model *m = &life->models[held->kind];
    size_t size = random_size(&life->random, 5000), kept = size < held->size ? size : held->size;
    bool fits = admits(m, held->size, size);
    unsigned char *block = weir_reallocate(m->a, held->block, size);
    STRESS_EXPECT((block != NULL) == fits, "kind %u: to %zu bytes", held->kind, size);
    life->refused += !block;
    if (!block)
        return;
    STRESS_EXPECT(pattern_holds(block, kept, held->size, held->id), "lost by a resize");
    model_change(m, held->size, size);
    held->block = block;
    held->size = size;
    held->id = life->next_id++;
    pattern_write(block, size, held->id);
}

static void *live(void *number)
{
    struct life *life = &lives[(uintptr_t)number];
    life->random = stress.seed * 7919 + (uintptr_t)number;
    for (uint64_t n = 0; n < operations_most / THREADS; n++) {
        struct held *held = &life->held[random_below(&life->random, HELD)];
        if (!held->block)
            held_take(life, held);
        else if (random_below(&life->random, 8) == 0)
            held_resize(life, held);
        else
            held_free(life, held);
        if (n % (LOOK / THREADS) == LOOK / THREADS - 1)
            figures_look(life);
    }
    for (unsigned i = 0; i < HELD; i++)
        if (life->held[i].block)
            held_free(life, &life->held[i]);
    figures_look(life);
    return NULL;
}

static void contexts_make(void)
{
    shared = weir_allocator_create(&(weir_allocator_options){.name = "shared"});
    weir_allocator *hardened = weir_allocator_create(
        &(weir_allocator_options){.name = "hardened", .hardened = WEIR_HARDENED_ON});
    STRESS_EXPECT(shared && hardened, "no context");
    void *block = weir_allocate(hardened, 10);
    STRESS_EXPECT(weir_usable_size(hardened, block) == 10, "it is not hardened");
    weir_deallocate(hardened, block);
    for (unsigned i = 0; i < THREADS * KINDS; i++) {
        struct model *m = &lives[i / KINDS].models[i % KINDS];
        m->limit = i % 2 ? 200000 : 0;
        m->a = weir_allocator_create(&(weir_allocator_options){
            .parent = i % KINDS < 2 ? shared : hardened,
            .limit = m->limit,
            .hardened = i % KINDS < 2 ? WEIR_HARDENED_DEFAULT : WEIR_HARDENED_ON});
        STRESS_EXPECT(m->a, "no context: %s", weir_last_error());
    }
}

int main(int argc, char **argv)
{
    weir_guard_options options = WEIR_GUARD_OPTIONS_INIT;
    weir_guard_stats guards = WEIR_GUARD_STATS_INIT;
    bool slow = getenv("WEIR_TEST_SLOW") != NULL;
    operations_most = argc > 1 ? strtoull(argv[1], NULL, 10) : slow ? 200000 : 4000000;
    stress = (struct stress){THREADS, 1, argc > 2 ? strtoull(argv[2], NULL, 10) : 1};
    options.calls = 500;
    bool guarded = weir_guards_start(&options) == 0;
    contexts_make();
    stress_run(live);
    STRESS_EXPECT(weir_guard_stats_get(&guards) == 0, "no figures of guards");
    STRESS_EXPECT(guards.reports == 0, "%zu reports", guards.reports);
    STRESS_EXPECT(!guarded || guards.guarded > operations_most / 20000, "%zu guarded",
                  guards.guarded);
    STRESS_EXPECT(weir_total_allocated(weir_cpu_allocator()) == 0, "bytes are left");
    uint64_t looks = lives[0].looks + lives[1].looks, refused = lives[0].refused + lives[1].refused;
    printf("%" PRIu64 " operations, %" PRIu64 " looks at all figures, %zu blocks guarded, %" PRIu64
           " refused: 0 differences\n",
           operations_most, looks, guards.guarded, refused);
    return 0;
}
