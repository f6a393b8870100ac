/*
 * The exact figures under threads, bounded from outside. For each allocator of a small
 * tree one counter is raised before an allocation and lowered after a free: the true
 * total never exceeds it. Another is raised after and lowered before: the true total is
 * never below. So the peak lies between their maxima since it was last reset, and so
 * does that of an observer since it was added. Meanwhile a thread of its own resets,
 * observes, reads, trims and sets limits.
 */
#include "../helpers/stress.h"
#include "alloc/inspect.h"
#include "track/meter.h"

enum { CONTEXTS = 5, HELD = 48, EXCHANGE = 32, SIZE_MOST = 100000 };

/* A maximum since some moment: of the upper counter, and, with the number of that moment
 * in its top bits, of the lower one. */
struct since {
    uint64_t upper, lower;
};

#define EPOCH_SHIFT 40

struct context {
    weir_allocator *a;
    struct context *parent;
    uint64_t upper, lower;   /* the counters; atomic */
    struct since peak, seen; /* since the peak's reset; since the observer's adding */
    uint64_t failures;       /* atomic */
    struct weir__peak_observer observer;
    bool observed;
};

struct block {
    struct context *context;
    size_t size;
};

static struct context contexts[CONTEXTS];
static struct block *exchange[EXCHANGE];
static uint64_t epoch; /* written by the watcher alone */
static bool stop_watching;
static enum mode { FREE, OBSERVED, LIMITED, MODES } mode;
static size_t operations;

static uint64_t load(const uint64_t *p)
{
    return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void raise_to(uint64_t *maximum, uint64_t value)
{
    uint64_t now = load(maximum);
    while (now < value && !__atomic_compare_exchange_n(maximum, &now, value, false,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
        continue;
}

/* Only while the maximum still is of the epoch that was read before the counter moved. */
static void raise_in_epoch(uint64_t *maximum, uint64_t when, uint64_t value)
{
    uint64_t now = load(maximum), packed = when << EPOCH_SHIFT | value;
    while (now >> EPOCH_SHIFT == when && now < packed &&
           !__atomic_compare_exchange_n(maximum, &now, packed, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST))
        continue;
}

static void before_allocation(struct context *c, size_t size)
{
    for (; c; c = c->parent) {
        uint64_t upper = __atomic_add_fetch(&c->upper, size, __ATOMIC_SEQ_CST);
        raise_to(&c->peak.upper, upper);
        raise_to(&c->seen.upper, upper);
    }
}

static void after_allocation(struct context *c, size_t size)
{
    for (; c; c = c->parent) {
        uint64_t when = load(&epoch);
        uint64_t lower = __atomic_add_fetch(&c->lower, size, __ATOMIC_SEQ_CST);
        raise_in_epoch(&c->peak.lower, when, lower);
        raise_in_epoch(&c->seen.lower, when, lower);
    }
}

static void lower_all(struct context *c, size_t size, bool upper)
{
    for (; c; c = c->parent)
        __atomic_sub_fetch(upper ? &c->upper : &c->lower, size, __ATOMIC_SEQ_CST);
}

static struct block *take(struct context *c, size_t size)
{
    before_allocation(c, size);
    struct block *block = weir_allocate_aligned(c->a, size, size % 3 ? 64 : 16);
    if (!block) {
        __atomic_add_fetch(&c->failures, 1, __ATOMIC_RELAXED);
        lower_all(c, size, true);
        return NULL;
    }
    after_allocation(c, size);
    *block = (struct block){c, size};
    return block;
}

static void give(struct block *block)
{
    if (!block)
        return;
    struct context *c = block->context;
    size_t size = block->size;
    lower_all(c, size, false);
    weir_deallocate(c->a, block);
    lower_all(c, size, true);
}

static size_t a_size(uint64_t *random)
{
    size_t size = random_size(random, SIZE_MOST);
    return size < sizeof(struct block) ? sizeof(struct block) : size;
}

/* Holds some blocks, hands some to others, all in random order. */
static void *worker(void *number)
{
    struct block *held[HELD] = {NULL};
    uint64_t random = stress.seed * 1000 + (uintptr_t)number;
    for (size_t i = 0; i < operations; i++) {
        size_t at = random_below(&random, HELD);
        struct context *c = &contexts[random_below(&random, CONTEXTS)];
        give(held[at]);
        /* Now and then most is let go, so that credit below the peak comes about. */
        bool empty = i / 4096 % 3 == 2 && at > 4;
        held[at] = empty ? NULL : take(c, a_size(&random));
        if (random_below(&random, 4) == 0)
            held[at] = __atomic_exchange_n(&exchange[random_below(&random, EXCHANGE)], held[at],
                                           __ATOMIC_ACQ_REL);
    }
    for (size_t at = 0; at < HELD; at++)
        give(held[at]);
    return NULL;
}

/* -- watching ---------------------------------------------------------------------------- */

static void since_expect(const char *what, const struct since *since, uint64_t peak)
{
    /* The maxima only rise, and the lower was below the peak when the peak was read. */
    uint64_t lower = since->lower & (((uint64_t)1 << EPOCH_SHIFT) - 1);
    STRESS_EXPECT(peak >= lower, "%s %llu is below %llu", what, (unsigned long long)peak,
                  (unsigned long long)lower);
    uint64_t upper = load(&since->upper);
    STRESS_EXPECT(peak <= upper, "%s %llu is above %llu", what, (unsigned long long)peak,
                  (unsigned long long)upper);
}

static struct since since_now(const struct since *since)
{
    return (struct since){0, load(&since->lower)};
}

static void peaks_check(struct context *c)
{
    struct since at = since_now(&c->peak);
    uint64_t peak = weir_peak_allocated(c->a);
    at.upper = load(&c->peak.upper);
    since_expect("peak", &at, peak);
    if (c->observed) {
        at = since_now(&c->seen);
        peak = weir__peak_observer_read(c->a, &c->observer);
        at.upper = load(&c->seen.upper);
        since_expect("observed peak", &at, peak);
    }
}

/* The maxima start anew around `restart`, which starts the peak anew. */
static void since_restart(struct context *c, struct since *since, void (*restart)(struct context *))
{
    __atomic_store_n(&since->upper, 0, __ATOMIC_SEQ_CST);
    raise_to(&since->upper, load(&c->upper));
    restart(c);
    uint64_t next = load(&epoch) + 1;
    __atomic_store_n(&epoch, next, __ATOMIC_SEQ_CST);
    __atomic_store_n(&since->lower, next << EPOCH_SHIFT, __ATOMIC_SEQ_CST);
    /* The epoch is one for all: those of the others are lifted into it as they are. */
    for (struct context *other = contexts; other < contexts + CONTEXTS; other++) {
        struct since *both[] = {&other->peak, &other->seen};
        for (int i = 0; i < 2; i++)
            if (both[i] != since) {
                uint64_t low = load(&both[i]->lower) & (((uint64_t)1 << EPOCH_SHIFT) - 1);
                __atomic_store_n(&both[i]->lower, next << EPOCH_SHIFT | low, __ATOMIC_SEQ_CST);
            }
    }
}

static void restart_peak(struct context *c)
{
    weir_reset_peak(c->a);
}

static void restart_observer(struct context *c)
{
    if (c->observed)
        weir__peak_observer_remove(c->a, &c->observer);
    c->observed = weir__peak_observer_add(c->a, &c->observer) == 0;
}

static void limit_change(struct context *c, uint64_t *random)
{
    size_t total = weir_total_allocated(c->a), limit = total + random_below(random, 2000000);
    if (random_below(random, 4) == 0)
        limit = 0;
    if (weir_set_limit(c->a, limit) || !limit)
        return;
    since_restart(c, &c->peak, restart_peak);
    size_t peak = weir_peak_allocated(c->a);
    STRESS_EXPECT(peak <= limit, "peak %zu over the limit %zu", peak, limit);
}

static void watch_once(uint64_t *random)
{
    struct context *c = &contexts[random_below(random, CONTEXTS)];
    switch (random_below(random, 8)) {
    case 0:
        since_restart(c, &c->peak, restart_peak);
        break;
    case 1:
        if (mode == OBSERVED)
            since_restart(c, &c->seen, restart_observer);
        break;
    case 2:
        if (mode == LIMITED)
            limit_change(c, random);
        break;
    case 3:
        if (random_below(random, 10) == 0)
            weir_trim(c->a);
        break;
    case 4: {
        uint64_t low = load(&c->lower);
        weir_stats s = stress_stats(c->a);
        (void)low;
        STRESS_EXPECT(s.total_allocated <= s.peak_allocated, "total %zu, peak %zu",
                      s.total_allocated, s.peak_allocated);
        STRESS_EXPECT(s.allocations - s.deallocations == s.allocation_count,
                      "blocks do not add up");
        break;
    }
    case 5:
        STRESS_EXPECT(weir__meter_is_valid(), "the invariant is broken");
        break;
    default:
        peaks_check(c);
    }
    peaks_check(c);
}

static void *watcher(void *unused)
{
    uint64_t random = stress.seed ^ 77;
    while (!__atomic_load_n(&stop_watching, __ATOMIC_ACQUIRE)) {
        watch_once(&random);
        /* Often at once, and often not for a while: both wind up different phases. */
        if (random_below(&random, 3) == 0)
            usleep((useconds_t)random_below(&random, 3000));
    }
    return unused;
}

static struct context *context_make(int i, struct context *parent)
{
    struct context *c = &contexts[i];
    weir_allocator_options options = {.parent = parent ? parent->a : NULL};
    *c = (struct context){.a = parent ? weir_allocator_create(&options) : weir_cpu_allocator(),
                          .parent = parent};
    STRESS_EXPECT(c->a, "no context");
    return c;
}

/* cpu > a > b > c, and cpu > d. */
static void tree_make(void)
{
    epoch = 0;
    struct context *c = context_make(0, NULL);
    context_make(4, c);
    for (int i = 1; i < 4; i++)
        c = context_make(i, c);
    for (int i = 0; i < CONTEXTS; i++) {
        since_restart(&contexts[i], &contexts[i].peak, restart_peak);
        if (mode == OBSERVED)
            since_restart(&contexts[i], &contexts[i].seen, restart_observer);
    }
}

static void tree_end(void)
{
    for (int i = 0; i < EXCHANGE; i++) {
        give(exchange[i]);
        exchange[i] = NULL;
    }
    weir_set_limit(contexts[0].a, 0);
    STRESS_EXPECT(weir__meter_is_valid(), "the invariant is broken");
    for (int i = CONTEXTS; i-- > 0;) {
        struct context *c = &contexts[i];
        peaks_check(c);
        weir_stats s = stress_stats(c->a);
        STRESS_EXPECT(s.total_allocated == 0, "%zu bytes left in context %d", s.total_allocated, i);
        STRESS_EXPECT(s.allocation_count == 0, "%zu blocks left in context %d", s.allocation_count,
                      i);
        STRESS_EXPECT(s.in_use == 0, "%zu bytes in use in context %d", s.in_use, i);
        if (c->observed)
            weir__peak_observer_remove(c->a, &c->observer);
    }
    static const int leaves_first[] = {3, 2, 1, 4};
    for (int i = 0; i < CONTEXTS - 1; i++)
        STRESS_EXPECT(weir_allocator_destroy(contexts[leaves_first[i]].a) == 0, "not destroyed");
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 3);
    operations = stress_count(120000);
    for (int m = 0; m < MODES; m++) {
        pthread_t thread;
        mode = (enum mode)m;
        tree_make();
        __atomic_store_n(&stop_watching, false, __ATOMIC_RELEASE);
        STRESS_EXPECT(pthread_create(&thread, NULL, watcher, NULL) == 0, "no thread");
        stress_run(worker);
        __atomic_store_n(&stop_watching, true, __ATOMIC_RELEASE);
        pthread_join(thread, NULL);
        weir_stats s = stress_stats(contexts[0].a);
        printf("mode %d: %zu allocations, %zu slow, %zu refused\n", m, s.allocations,
               s.slow_operations, s.failures);
        tree_end();
    }
    return 0;
}
