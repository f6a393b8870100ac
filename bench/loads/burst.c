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

static size_t size_draw(struct burst *b, bool small)
{
    size_t least = small ? SMALL_LEAST : LARGE_LEAST, most = small ? SMALL_MOST : LARGE_MOST;
    return least + bench_random(&b->seed) % (most - least + 1);
}

/* Blocks until `bytes` are there, as much in small as in large ones. */
static void burst_fill(struct bench_thread *t, size_t bytes, bool stays)
{
    struct burst *b = t->state;
    size_t of[2] = {0, 0};
    while (of[0] + of[1] < bytes && b->n < burst_blocks(t->job)) {
        bool small = of[1] <= of[0];
        struct burst_block *block = &b->blocks[b->n++];
        block->size = size_draw(b, small);
        block->stays = stays;
        block->block = bench_take(t, block->size);
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

static void burst(struct bench_thread *t)
{
    struct burst *b = t->state;
    bool survivors = strcmp(t->job->variant, "survivors") == 0;
    if (!survivors)
        burst_fill(t, t->job->count / STAYS, true);
    burst_fill(t, t->job->count - (survivors ? 0 : b->live), false);
    if (survivors)
        survivors_choose(b);
}

static void burst_free(struct bench_thread *t, bool all)
{
    struct burst *b = t->state;
    for (size_t i = 0; i < b->n; i++) {
        struct burst_block *block = &b->blocks[i];
        if (!block->block || (block->stays && !all))
            continue;
        bench_give(t, block->block, block->size);
        block->block = NULL;
        b->live -= block->size;
    }
}

static void burst_wake(struct bench_thread *t)
{
    for (size_t i = 0; i < WAKING; i++) {
        void *block = bench_take(t, 64);
        bench_use(block);
        bench_give(t, block, 64);
    }
}

static void burst_sleep(const struct bench_job *job, weir_allocator *allocator,
                        struct bench_thread *t)
{
    struct burst *b = t->state;
    bench_sleep(job->seconds);
    double idle = bench_emit_growth("idle", b->resident);
    bench_emit("over_live", idle / (double)b->live);
    burst_wake(t);
    bench_emit_growth("woken", b->resident);
    bench_emit_given_back(job, allocator, (unsigned)(job->seconds * 10) + 1, b->resident);
}

int bench_burst(const struct bench_job *job, weir_allocator *allocator)
{
    struct burst *b = bench_pages(sizeof(*b) + burst_blocks(job) * sizeof(struct burst_block));
    b->seed = 4101842887655102017ULL;
    struct bench_thread t = {.job = job, .allocator = allocator, .state = b};
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    b->resident = bench_resident();
    burst(&t);
    bench_emit_growth("busy", b->resident);
    burst_free(&t, false);
    bench_emit("live", (double)b->live);
    bench_emit_growth("freed", b->resident);
    burst_sleep(job, allocator, &t);
    burst_free(&t, true);
    bench_exact_end(job, allocator, &before, b->most, b->most);
    return 0;
}
