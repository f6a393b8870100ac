/*
 * weir_stats_get gives one consistent snapshot (allocator.h), whatever threads do meanwhile: live
 * bytes are within the peak and within the blocks they lie in, blocks are those allocated and not
 * freed, peaks and counts do not go back, and a limit is never overshot.
 */
#include "../helpers/promise.h"

#include <weir/weir.h>

enum { WORKERS = 3, HELD = 300, KINDS = 4, ENOUGH = 20 };

static struct {
    weir_allocator *allocator[KINDS]; /* what the workers use */
    size_t most;                      /* of a block */
    atomic_bool stop;
} busy;

static void *worker_run(void *seed)
{
    void *held[HELD] = {NULL};
    weir_allocator *owner[HELD] = {NULL};
    uint64_t random = (uintptr_t)seed;
    while (!atomic_load(&busy.stop)) {
        size_t at = random_below(&random, HELD);
        if (held[at] && random_below(&random, 3) == 0) {
            void *moved = weir_reallocate(owner[at], held[at], random_size(&random, busy.most));
            held[at] = moved ? moved : held[at];
            continue;
        }
        if (held[at])
            weir_deallocate(owner[at], held[at]);
        owner[at] = busy.allocator[random_below(&random, KINDS)];
        held[at] = weir_allocate(owner[at], random_size(&random, busy.most));
    }
    for (int i = 0; i < HELD; i++)
        if (held[i])
            weir_deallocate(owner[i], held[i]);
    return NULL;
}

struct looked {
    weir_stats last; /* the snapshot before */
    size_t snapshots, within, peaks, counts, back, limits;
    size_t most_below; /* the most that in_use was below the total */
};

static void look_at(struct looked *l, const weir_stats *s)
{
    l->snapshots++;
    if (s->in_use != WEIR_UNSUPPORTED && s->in_use < s->total_allocated) {
        size_t below = s->total_allocated - s->in_use;
        l->within++;
        l->most_below = below > l->most_below ? below : l->most_below;
    }
    l->peaks += s->total_allocated > s->peak_allocated;
    l->counts += s->allocations - s->deallocations != s->allocation_count;
    l->limits += s->limit && (s->total_allocated > s->limit || s->peak_allocated > s->limit);
    l->back += s->peak_allocated < l->last.peak_allocated || s->allocations < l->last.allocations ||
               s->deallocations < l->last.deallocations || s->failures < l->last.failures;
    l->last = *s;
}

static void expect_consistent(const struct looked *l, const char *what)
{
    cr_expect_eq(l->within, 0, "%s: in_use below the total in %zu of %zu snapshots, by up to %zu",
                 what, l->within, l->snapshots, l->most_below);
    cr_expect_eq(l->peaks, 0, "%s: total above the peak in %zu of %zu", what, l->peaks,
                 l->snapshots);
    cr_expect_eq(l->counts, 0, "%s: allocations less frees were not the blocks in %zu of %zu", what,
                 l->counts, l->snapshots);
    cr_expect_eq(l->back, 0, "%s: a figure that only grows went back in %zu of %zu", what, l->back,
                 l->snapshots);
    cr_expect_eq(l->limits, 0, "%s: the limit was overshot in %zu of %zu", what, l->limits,
                 l->snapshots);
}

/* Snapshots of each of `count` allocators in turn, ENOUGH of each on the busiest machine, too. */
static void snapshots_beside_workers(weir_allocator *const *of, int count, double seconds,
                                     const char *const *names)
{
    pthread_t threads[WORKERS];
    struct looked looked[8];
    memset(looked, 0, sizeof looked);
    atomic_store(&busy.stop, false);
    for (uintptr_t i = 0; i < WORKERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, worker_run, (void *)(i + 1)), 0);
    for (double end = seconds_now() + seconds; seconds_now() < end || looked[0].snapshots < ENOUGH;)
        for (int i = 0; i < count; i++) {
            weir_stats s = stats_of(of[i]);
            look_at(&looked[i], &s);
        }
    atomic_store(&busy.stop, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < count; i++) {
        expect_consistent(&looked[i], names[i]);
        expect_empty(of[i], names[i]);
    }
}

static void busy_with(weir_allocator *a, weir_allocator *b, size_t most)
{
    busy.allocator[0] = busy.allocator[1] = a;
    busy.allocator[2] = busy.allocator[3] = b;
    busy.most = most;
}

Test(snapshots, of_small_blocks_are_consistent)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 20 * MIB});
    weir_allocator *of[] = {cpu(), a};
    busy_with(cpu(), a, 16 * KIB);
    snapshots_beside_workers(of, 2, 1.5, (const char *const[]){"cpu", "context"});
}

Test(snapshots, of_large_blocks_are_consistent)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 60 * MIB});
    weir_allocator *of[] = {cpu(), a};
    busy_with(cpu(), a, 4 * MIB);
    snapshots_beside_workers(of, 2, 1.5, (const char *const[]){"cpu", "context"});
}

Test(snapshots, of_contexts_with_contexts_are_consistent)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 60 * MIB});
    weir_allocator *b = weir_allocator_create(&(weir_allocator_options){.parent = a});
    weir_allocator *c =
        weir_allocator_create(&(weir_allocator_options){.parent = b, .limit = 10 * MIB});
    weir_allocator *of[] = {cpu(), a, b, c};
    busy_with(b, c, 300 * KIB);
    snapshots_beside_workers(of, 4, 1.5, (const char *const[]){"cpu", "a", "a's b", "b's c"});
}

Test(snapshots, of_pools_are_consistent)
{
    weir_allocator *pool = weir_allocator_create(
        &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL, .limit = 60 * MIB});
    weir_allocator *a = pool;
    weir_allocator *of[] = {cpu(), a};
    busy_with(a, a, MIB);
    snapshots_beside_workers(of, 2, 1, (const char *const[]){"cpu", "pool"});
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(pool, &s), 0);
    cr_expect_eq(s.total_allocated, 0);
    weir_allocator_destroy(pool);
}

Test(snapshots, of_devices_are_consistent)
{
    weir_allocator *a =
        weir_device_allocator_create(weir_device_host_table_create("d", 512 * MIB), NULL);
    cr_assert_not_null(a);
    busy_with(a, a, MIB);
    snapshots_beside_workers(&a, 1, 1, (const char *const[]){"device"});
    cr_expect_eq(weir_allocator_destroy(a), 0);
}

Test(snapshots, of_other_sources_are_consistent)
{
    struct provider provider;
    provider_make(&provider, NULL);
    weir_allocator *b =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_MALLOC});
    weir_allocator *of[] = {cpu(), provider.allocator, b};
    busy_with(provider.allocator, b, 100 * KIB);
    snapshots_beside_workers(of, 3, 1, (const char *const[]){"cpu", "functions", "malloc"});
    cr_expect_eq(atomic_load(&provider.live), 0);
}

/* Trims and new threads beside it. */
static void *trimmer_run(void *unused)
{
    while (!atomic_load(&busy.stop))
        weir_trim(cpu());
    return unused;
}

Test(snapshots, beside_trims_are_consistent)
{
    pthread_t trimmer;
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocator *of[] = {cpu(), a};
    busy_with(cpu(), a, 200 * KIB);
    cr_assert_eq(pthread_create(&trimmer, NULL, trimmer_run, NULL), 0);
    snapshots_beside_workers(of, 2, 1.5, (const char *const[]){"cpu", "context"});
    atomic_store(&busy.stop, true);
    pthread_join(trimmer, NULL);
}

/* The same through what prints them: "figures of one allocator are one consistent snapshot". */
static size_t figure(const char *json, const char *name)
{
    char key[64];
    snprintf(key, sizeof key, "\"%s\":", name);
    const char *at = strstr(json, key);
    return at ? strtoull(at + strlen(key), NULL, 10) : WEIR_UNSUPPORTED;
}

Test(snapshots, that_are_printed_are_consistent)
{
    static char json[1 << 16];
    pthread_t threads[WORKERS];
    size_t printed = 0, wrong = 0;
    busy_with(cpu(), cpu(), 200 * KIB);
    for (uintptr_t i = 0; i < WORKERS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, worker_run, (void *)(i + 1)), 0);
    for (double end = seconds_now() + 1; seconds_now() < end; printed++) {
        cr_assert_eq(weir_stats_json_buffer(json, sizeof json, NULL, cpu()), 0);
        size_t total = figure(json, "total_allocated"), in_use = figure(json, "in_use");
        cr_assert(total != WEIR_UNSUPPORTED && in_use != WEIR_UNSUPPORTED, "%.300s", json);
        wrong += in_use < total || total > figure(json, "peak_allocated");
    }
    atomic_store(&busy.stop, true);
    for (int i = 0; i < WORKERS; i++)
        pthread_join(threads[i], NULL);
    cr_expect_eq(wrong, 0, "%zu of %zu", wrong, printed);
}
