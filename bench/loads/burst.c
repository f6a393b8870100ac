/*
 * bench/loads/burst.c - load "burst": job->count bytes are allocated, half in blocks up to 4 KiB
 * and half in blocks of 64 KiB to 4 MiB, and freed again; then nobody works for job->seconds. A
 * sixteenth stays live: allocated before all others, or, in the variant "survivors", blocks here
 * and there among them.
 *
 * Emits live (what stays), and the growth of resident memory: busy (at the greatest), freed, idle
 * (after the sleep), woken (after a few thousand small pairs more); of weir also background (four
 * looks of its background thread later) and trimmed (after weir_trim). over_live is idle over live.
 */
#include "bench/harness/load.h"

#include <string.h>
#include <weir/background.h>

enum { SMALL_LEAST = 16, SMALL_MOST = 4096, LARGE_LEAST = 64 << 10, LARGE_MOST = 4 << 20 };
enum { STAYS = 16, BLOCK_LEAST_MEAN = 1024, WAKING = 5000 };

struct burst {
    uint64_t seed;
    size_t n, live, most;
    size_t resident; /* before the first block */
    struct burst_block {
        void *block;
        size_t size;
        bool stays;
    } blocks[];
};

static size_t burst_blocks(const struct bench_job *job)
{
    return 2 * (job->count / BLOCK_LEAST_MEAN) + 64;
}

static size_t burst_bytes(const struct bench_job *job)
{
    return sizeof(struct burst) + burst_blocks(job) * sizeof(struct burst_block);
}

static size_t size_draw(struct burst *b, bool small)
{
    size_t least = small ? SMALL_LEAST : LARGE_LEAST, most = small ? SMALL_MOST : LARGE_MOST;
    return least + bench_random(&b->seed) % (most - least + 1);
}

/* Blocks until `bytes` are there, as much in small as in large ones. */
BENCH_INLINE void burst_fill(enum bench_ops ops, struct bench_thread *t, size_t bytes, bool stays)
{
    struct burst *b = t->state;
    size_t of[2] = {0, 0};
    while (of[0] + of[1] < bytes && b->n < burst_blocks(t->job)) {
        bool small = of[1] <= of[0];
        struct burst_block *block = &b->blocks[b->n++];
        block->size = size_draw(b, small);
        block->stays = stays;
        block->block = op_allocate(ops, t->allocator, block->size);
        bench_touch(block->block, block->size, TOUCH_PAGE);
        of[small] += block->size;
        b->live += block->size;
    }
    b->most = b->live;
}

/* Some of each size, as likely as not next to each other. */
static void survivors_choose(struct burst *b)
{
    for (size_t i = 0; i < b->n; i++)
        b->blocks[i].stays = bench_random(&b->seed) % STAYS == 0;
}

BENCH_INLINE void burst(enum bench_ops ops, struct bench_thread *t)
{
    struct burst *b = t->state;
    bool survivors = strcmp(t->job->variant, "survivors") == 0;
    if (!survivors)
        burst_fill(ops, t, t->job->count / STAYS, true);
    burst_fill(ops, t, t->job->count - (survivors ? 0 : b->live), false);
    if (survivors)
        survivors_choose(b);
}
BENCH_INSTANCES(burst);

BENCH_INLINE void burst_free(enum bench_ops ops, struct bench_thread *t)
{
    struct burst *b = t->state;
    bool all = t->index;
    for (size_t i = 0; i < b->n; i++) {
        struct burst_block *block = &b->blocks[i];
        if (!block->block || (block->stays && !all))
            continue;
        op_free(ops, t->allocator, block->block, block->size);
        block->block = NULL;
        b->live -= block->size;
    }
}
BENCH_INSTANCES(burst_free);

BENCH_INLINE void burst_wake(enum bench_ops ops, struct bench_thread *t)
{
    for (size_t i = 0; i < WAKING; i++) {
        void *block = op_allocate(ops, t->allocator, 64);
        bench_use(block);
        op_free(ops, t->allocator, block, 64);
    }
}
BENCH_INSTANCES(burst_wake);

static double growth_emit(const struct burst *b, const char *name)
{
    size_t now = bench_resident();
    double growth = now > b->resident ? (double)(now - b->resident) : 0;
    bench_emit(name, growth);
    return growth;
}

static void burst_sleep(const struct bench_job *job, weir_allocator *allocator,
                        struct bench_thread *t)
{
    struct burst *b = t->state;
    bench_sleep(job->seconds);
    double idle = growth_emit(b, "idle");
    bench_emit("over_live", idle / (double)b->live);
    burst_wake_chunks[job->ops](t);
    growth_emit(b, "woken");
    if (job->ops != OPS_WEIR)
        return;
    if (weir_background_start((unsigned)(job->seconds * 10) + 1) != 0) {
        bench_fail("the background thread does not start");
        return;
    }
    bench_sleep(job->seconds * 0.05);
    weir_background_stop();
    growth_emit(b, "background");
    weir_trim(allocator);
    growth_emit(b, "trimmed");
}

int bench_burst(const struct bench_job *job, weir_allocator *allocator)
{
    struct burst *b = bench_pages(burst_bytes(job));
    memset(b, 0, burst_bytes(job)); /* resident before the first block */
    b->seed = 4101842887655102017ULL;
    struct bench_thread t = {.job = job, .allocator = allocator, .state = b};
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    b->resident = bench_resident();
    burst_chunks[job->ops](&t);
    growth_emit(b, "busy");
    burst_free_chunks[job->ops](&t);
    bench_emit("live", (double)b->live);
    growth_emit(b, "freed");
    burst_sleep(job, allocator, &t);
    t.index = 1; /* what stayed, too */
    burst_free_chunks[job->ops](&t);
    bench_exact_end(job, allocator, &before, b->most, b->most);
    return 0;
}
