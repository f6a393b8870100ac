/*
 * bench/loads/service.c - load "service": an hour of a service, in simulated time. job->count
 * requests arrive each second; of ten blocks that each allocates seven end with it, two belong to
 * sessions of a second to ten minutes, and one in ten requests fills a cache for a minute to an
 * hour. Sizes are 16 B to 4 KiB, three in a hundred up to 256 KiB; their mix shifts every ten
 * minutes.
 *
 * Emits over_live (resident over live bytes, the mean of the last twenty minutes), m10 to m60 (the
 * same over the ten minutes before), drift (the last twenty minutes' over the twenty before), live
 * (at the end) and cpu_ns (processor time of a block, allocated and freed).
 */
#include "bench/harness/load.h"

#include <math.h>

enum { SECONDS = 3600, MINUTES = 60, SCRATCH = 7, SESSION = 2, ENTRIES_A_REQUEST = 512 };

struct entry {
    void *block;
    uint32_t size, next; /* 0: the last; entries count from 1 */
};

struct service {
    uint32_t due[SECONDS + 1]; /* the entries that end in this second; the last: later */
    uint32_t spare;
    uint64_t seed;
    size_t live, most, blocks;
    double over_live[MINUTES];
    size_t resident; /* before the first block */
    struct entry entries[];
};

static size_t service_entries(const struct bench_job *job)
{
    return job->count * ENTRIES_A_REQUEST + 1;
}

static double draw_share(struct service *s)
{
    return (double)(bench_random(&s->seed) >> 11) / 9007199254740992.0;
}

/* Between the two, each order of magnitude as likely as the next. */
static double draw(struct service *s, double least, double most)
{
    return least * exp(draw_share(s) * log(most / least));
}

/* Two mixes of the same mean: each order of magnitude alike, or each size up to twice the mean. */
static size_t size_draw(struct service *s, unsigned second)
{
    bool small = bench_random(&s->seed) % 100 < 97;
    double least = small ? 16 : 4096, most = small ? 4096 : 256 << 10;
    if (second / 600 % 2 == 0)
        return (size_t)draw(s, least, most);
    double mean = (most - least) / log(most / least);
    return (size_t)(least + 2 * (mean - least) * draw_share(s));
}

BENCH_INLINE void *service_allocate(enum bench_ops ops, struct bench_thread *t, size_t size)
{
    struct service *s = t->state;
    void *block = op_allocate(ops, t->allocator, size);
    bench_touch(block, size, TOUCH_PAGE);
    s->blocks++;
    s->live += size;
    s->most = s->live > s->most ? s->live : s->most;
    return block;
}

BENCH_INLINE void service_free(enum bench_ops ops, struct bench_thread *t, void *block, size_t size)
{
    struct service *s = t->state;
    op_free(ops, t->allocator, block, size);
    s->live -= size;
}

/* A block that ends `lifetime` seconds from now. */
BENCH_INLINE void service_keep(enum bench_ops ops, struct bench_thread *t, unsigned second,
                               double lifetime)
{
    struct service *s = t->state;
    unsigned end = second + (unsigned)lifetime;
    uint32_t at = s->spare;
    if (at == 0)
        return; /* more than there is room for: not in the numbers above */
    struct entry *e = &s->entries[at];
    s->spare = e->next;
    e->size = (uint32_t)size_draw(s, second);
    e->block = service_allocate(ops, t, e->size);
    uint32_t *due = &s->due[end < SECONDS ? end : SECONDS];
    e->next = *due;
    *due = at;
}

BENCH_INLINE void service_expire(enum bench_ops ops, struct bench_thread *t, unsigned second)
{
    struct service *s = t->state;
    for (uint32_t at = s->due[second], next; at; at = next) {
        struct entry *e = &s->entries[at];
        next = e->next;
        service_free(ops, t, e->block, e->size);
        e->next = s->spare;
        s->spare = at;
    }
    s->due[second] = 0;
}

BENCH_INLINE void service_request(enum bench_ops ops, struct bench_thread *t, unsigned second)
{
    struct service *s = t->state;
    void *scratch[SCRATCH];
    size_t sizes[SCRATCH];
    for (int i = 0; i < SCRATCH; i++) {
        sizes[i] = size_draw(s, second);
        scratch[i] = service_allocate(ops, t, sizes[i]);
    }
    for (int i = 0; i < SESSION; i++)
        service_keep(ops, t, second, draw(s, 1, 600));
    if (bench_random(&s->seed) % 10 == 0)
        service_keep(ops, t, second, draw(s, 60, 3600));
    for (int i = 0; i < SCRATCH; i++)
        service_free(ops, t, scratch[i], sizes[i]);
}

static void minute_note(struct service *s, unsigned minute)
{
    size_t now = bench_resident();
    double grown = now > s->resident ? (double)(now - s->resident) : 0;
    s->over_live[minute] = grown / (double)s->live;
}

BENCH_INLINE void service(enum bench_ops ops, struct bench_thread *t)
{
    for (unsigned second = 0; second < SECONDS; second++) {
        service_expire(ops, t, second);
        for (size_t i = 0; i < t->job->count; i++)
            service_request(ops, t, second);
        if (second % 60 == 59)
            minute_note(t->state, second / 60);
    }
}
BENCH_INSTANCES(service);

static double minutes_mean(const struct service *s, unsigned from, unsigned to)
{
    double sum = 0;
    for (unsigned i = from; i < to; i++)
        sum += s->over_live[i];
    return sum / (to - from);
}

static void service_report(const struct service *s, uint64_t cpu)
{
    static const char *const names[] = {"m10", "m20", "m30", "m40", "m50", "m60"};
    for (unsigned i = 0; i < 6; i++)
        bench_emit(names[i], minutes_mean(s, i * 10, i * 10 + 10));
    bench_emit("over_live", minutes_mean(s, 40, 60));
    bench_emit("drift", minutes_mean(s, 40, 60) / minutes_mean(s, 20, 40));
    bench_emit("live", (double)s->live);
    bench_emit("cpu_ns", (double)cpu / (double)s->blocks);
}

static void service_begin(struct service *s, const struct bench_job *job)
{
    s->seed = 4101842887655102017ULL;
    for (size_t i = service_entries(job) - 1; i > 0; i--) {
        s->entries[i].next = s->spare;
        s->spare = (uint32_t)i;
    }
}

int bench_service(const struct bench_job *job, weir_allocator *allocator)
{
    struct service *s = bench_pages(sizeof(*s) + service_entries(job) * sizeof(struct entry));
    if (job->count == 0 || job->count > 100000)
        return bench_fail("service: impossible number of requests");
    service_begin(s, job);
    bench_pin(0);
    struct bench_thread t = {.job = job, .allocator = allocator, .state = s};
    struct bench_figures before;
    bench_exact_begin(job, allocator, &before);
    s->resident = bench_resident();
    uint64_t cpu = time_of(CLOCK_THREAD_CPUTIME_ID);
    service_chunks[job->ops](&t);
    service_report(s, time_of(CLOCK_THREAD_CPUTIME_ID) - cpu);
    service_expire(job->ops, &t, SECONDS);
    bench_exact_end(job, allocator, &before, s->most, s->most);
    return 0;
}
