/*
 * bench/loads/trace.c - load "trace": replays a recorded trace, pass after pass, and checks
 * weir's figures against the trace's own, which are the oracle: nothing of weir was used to
 * make them.
 *
 * Variants. Plain: as recorded; events of several recorded threads run in as many threads, in
 * the recorded order. "phases": the phases that the trace's marks name run in two threads by
 * turns, so that blocks migrate. "copies": job->threads threads replay the whole trace at once,
 * each with its own blocks.
 *
 * Emits ns an event, faults a pass, live (the trace's peak), resident (greatest growth of the
 * process's resident memory since before the first block), and for an allocator that counts
 * exact: 1 where every figure agreed, else 0 and a line that says which did not.
 */
#include "bench/harness/load.h"
#include "tools/common/statistics.h"
#include "tools/trace/load.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    PASSES_MAX = 1 << 14,
    PASSES_LEAST = 2,
    PASSES_ENOUGH = 7,
    SPINS = 2000,
    COPIES_MAX = 64,
    CLOCK_STRIDE = 16
};

struct step {
    uint64_t size;
    uint32_t block; /* id - 1 */
    uint16_t align_log;
    uint16_t kind;
};

/* Steps [begin, end) belong to one thread; the next turn starts when they are done. */
struct turn {
    size_t begin, end;
    uint32_t thread;
};

struct replay {
    const struct bench_job *job;
    weir_allocator *allocator;
    struct step *steps;
    size_t nsteps, nblocks;
    struct turn *turns;
    size_t nturns;
    uint32_t nthreads; /* of one copy */
    uint32_t ncopies;
    uint64_t peak_live;
    bool parked; /* more threads than processors: who waits for its turn sleeps */
    struct player *players;
    _Atomic bool failed; /* an allocation returned NULL */
    _Atomic bool stop;
    pthread_barrier_t all, copy[COPIES_MAX];
};

/* One thread's view of one copy of the trace. */
struct player {
    struct replay *replay;
    void **blocks;           /* of the copy, shared by its threads */
    _Atomic uint64_t *clock; /* of the copy: turns done since the start */
    uint64_t turns_before;   /* turns of earlier passes */
    uint32_t thread, copy;
    pthread_t id;
    sem_t wake;     /* parked: posted after the clock was set for this thread */
    double *passes; /* ns, of thread 0 of the copy */
    size_t npasses;
    uint64_t faults;
};

/* -- playing ------------------------------------------------------------------- */

BENCH_INLINE void *step_allocate(enum bench_ops ops, weir_allocator *a, const struct step *s)
{
    size_t align = (size_t)1 << s->align_log;
    if (ops == OPS_WEIR || ops == OPS_ATOMICS)
        return align == WEIR_DEFAULT_ALIGNMENT ? op_allocate(ops, a, s->size)
                                               : weir_allocate_aligned(a, s->size, align);
    if (ops == OPS_MALLOC && align > WEIR_DEFAULT_ALIGNMENT)
        return bench_memalign(align, (s->size + align - 1) & ~(align - 1));
    return op_allocate(ops, a, s->size);
}

BENCH_INLINE void steps_play(enum bench_ops ops, enum bench_touch touch, struct player *p,
                             size_t begin, size_t end)
{
    struct replay *r = p->replay;
    weir_allocator *a = r->allocator;
    void **blocks = p->blocks;
    for (const struct step *s = r->steps + begin; s < r->steps + end; s++) {
        if (s->kind == TRACE_FREE) {
            op_free(ops, a, blocks[s->block], 0);
            continue;
        }
        void *block = s->kind == TRACE_ALLOCATE
                          ? step_allocate(ops, a, s)
                          : op_reallocate(ops, a, blocks[s->block], 0, s->size);
        if (!block) { /* a resized one is what it was */
            atomic_store_explicit(&r->failed, true, memory_order_relaxed);
            if (s->kind == TRACE_ALLOCATE)
                blocks[s->block] = NULL;
            continue;
        }
        bench_touch(block, s->size, touch);
        blocks[s->block] = block;
    }
}

static void turn_play(struct player *p, const struct turn *turn)
{
    const struct bench_job *job = p->replay->job;
    size_t begin = turn->begin, end = turn->end;
    /* atomics: accounts for no trace; no target of it replays one */
    if (job->ops == OPS_WEIR && job->touch == TOUCH_NONE)
        steps_play(OPS_WEIR, TOUCH_NONE, p, begin, end);
    else if (job->ops == OPS_WEIR && job->touch == TOUCH_PAGE)
        steps_play(OPS_WEIR, TOUCH_PAGE, p, begin, end);
    else if (job->ops == OPS_WEIR)
        steps_play(OPS_WEIR, TOUCH_ALL, p, begin, end);
    else if (job->ops == OPS_DESIGN)
        steps_play(OPS_DESIGN, job->touch, p, begin, end);
    else if (job->touch == TOUCH_NONE)
        steps_play(OPS_MALLOC, TOUCH_NONE, p, begin, end);
    else if (job->touch == TOUCH_PAGE)
        steps_play(OPS_MALLOC, TOUCH_PAGE, p, begin, end);
    else
        steps_play(OPS_MALLOC, TOUCH_ALL, p, begin, end);
}

static void clock_wait(_Atomic uint64_t *clock, uint64_t until)
{
    for (unsigned spins = 1; atomic_load_explicit(clock, memory_order_acquire) < until; spins++) {
        bench_relax();
        if (spins % SPINS == 0)
            sched_yield();
    }
}

/* Until the copy's clock says that turn `i` of this pass is due. */
static void turn_wait(struct player *p, size_t i)
{
    uint64_t until = p->turns_before + i;
    if (!p->replay->parked)
        clock_wait(p->clock, until);
    while (atomic_load_explicit(p->clock, memory_order_acquire) < until)
        sem_wait(&p->wake);
}

/* The next turn's thread goes on; after the last one all do. */
static void turn_pass_on(struct player *p, size_t i)
{
    struct replay *r = p->replay;
    struct player *copy = r->players + p->copy * r->nthreads;
    atomic_store_explicit(p->clock, p->turns_before + i + 1, memory_order_release);
    if (!r->parked)
        return;
    if (i + 1 < r->nturns)
        sem_post(&copy[r->turns[i + 1].thread].wake);
    for (uint32_t k = 0; i + 1 == r->nturns && k < r->nthreads; k++)
        sem_post(&copy[k].wake);
}

typedef void turn_player(struct player *p, const struct turn *turn);

/* This thread's share of a pass; returns when the whole pass is done. */
static void pass_play(struct player *p, turn_player *play)
{
    struct replay *r = p->replay;
    if (r->nthreads == 1) {
        for (size_t i = 0; i < r->nturns; i++)
            play(p, &r->turns[i]);
        return;
    }
    for (size_t i = 0; i < r->nturns; i++) {
        if (r->turns[i].thread != p->thread)
            continue;
        turn_wait(p, i);
        play(p, &r->turns[i]);
        turn_pass_on(p, i);
    }
    turn_wait(p, r->nturns);
    p->turns_before += r->nturns;
}

/* -- exactness -------------------------------------------------------------------- */

struct oracle {
    uint64_t total, peak, count;
    uint64_t base_total, base_count; /* what was live before */
    uint64_t *sizes;                 /* by block */
    /* two copies at once: bounds from outside */
    _Alignas(64) _Atomic int64_t upper, upper_peak;
    _Alignas(64) _Atomic int64_t lower, lower_peak;
    char why[300];
};

static struct oracle oracle;

static bool counts(const struct bench_job *job)
{
    return job->ops == OPS_WEIR || job->ops == OPS_DESIGN;
}

static void figures_read(const struct replay *r, size_t *total, size_t *peak, size_t *count)
{
    if (r->job->ops == OPS_DESIGN) {
        design_figures(total, peak, count);
        return;
    }
    *total = weir_total_allocated(r->allocator);
    *peak = weir_peak_allocated(r->allocator);
    *count = weir_allocation_count(r->allocator);
}

static void figures_restart(const struct replay *r)
{
    if (r->job->ops == OPS_DESIGN)
        design_reset_peak();
    else
        weir_reset_peak(r->allocator);
}

static void oracle_expect(const char *figure, size_t step, uint64_t theirs, uint64_t ours)
{
    if (theirs != ours && !*oracle.why)
        snprintf(oracle.why, sizeof(oracle.why), "after event %zu the %s is %llu, not %llu",
                 step + 1, figure, (unsigned long long)theirs, (unsigned long long)ours);
}

static void oracle_compare(const struct replay *r, size_t step)
{
    size_t total, peak, count;
    figures_read(r, &total, &peak, &count);
    oracle_expect("total", step, total, oracle.total);
    oracle_expect("peak", step, peak, oracle.peak);
    oracle_expect("count", step, count, oracle.count);
}

/* Every event by itself, each followed by a comparison of all three figures. */
static void turn_check(struct player *p, const struct turn *turn)
{
    for (size_t i = turn->begin; i < turn->end; i++) {
        const struct step *s = &p->replay->steps[i];
        uint64_t before = s->kind == TRACE_ALLOCATE ? 0 : oracle.sizes[s->block];
        oracle.total = oracle.total - before + s->size;
        oracle.count += s->kind == TRACE_ALLOCATE;
        oracle.count -= s->kind == TRACE_FREE;
        oracle.sizes[s->block] = s->size;
        if (oracle.total > oracle.peak) /* one change, where a resize moves the block, too */
            oracle.peak = oracle.total;
        struct turn one = {i, i + 1, turn->thread};
        turn_play(p, &one);
        oracle_compare(p->replay, i);
    }
}

static void bound_raise(_Atomic int64_t *now, _Atomic int64_t *peak, int64_t by)
{
    int64_t value = atomic_fetch_add(now, by) + by, seen = atomic_load(peak);
    while (value > seen && !atomic_compare_exchange_weak(peak, &seen, value))
        ;
}

/* Two copies at once: a counter raised before each allocation and lowered after each free is
 * never below the true total; one raised after and lowered before is never above it. */
static void turn_bound(struct player *p, const struct turn *turn)
{
    struct replay *r = p->replay;
    for (size_t i = turn->begin; i < turn->end; i++) {
        const struct step *s = &r->steps[i];
        uint64_t *size = &oracle.sizes[p->copy * r->nblocks + s->block];
        int64_t before = s->kind == TRACE_ALLOCATE ? 0 : (int64_t)*size;
        struct turn one = {i, i + 1, turn->thread};
        *size = s->size;
        bound_raise(&oracle.upper, &oracle.upper_peak, (int64_t)s->size);
        atomic_fetch_sub(&oracle.lower, before);
        turn_play(p, &one);
        atomic_fetch_sub(&oracle.upper, before);
        bound_raise(&oracle.lower, &oracle.lower_peak, (int64_t)s->size);
    }
}

/* After a pass that began with a fresh peak. */
static void pass_check(const struct replay *r, bool bounded)
{
    size_t total, peak, count;
    figures_read(r, &total, &peak, &count);
    oracle_expect("total", r->nsteps - 1, total, oracle.base_total);
    oracle_expect("count", r->nsteps - 1, count, oracle.base_count);
    if (r->ncopies == 1) {
        oracle_expect("peak", r->nsteps - 1, peak, oracle.peak);
        oracle_expect("peak", r->nsteps - 1, peak, oracle.base_total + r->peak_live);
    }
    uint64_t most = oracle.base_total + (uint64_t)atomic_load(&oracle.upper_peak);
    uint64_t least = oracle.base_total + (uint64_t)atomic_load(&oracle.lower_peak);
    if (bounded && peak > most)
        oracle_expect("peak", r->nsteps - 1, peak, most);
    if (bounded && peak < least)
        oracle_expect("peak", r->nsteps - 1, peak, least);
}

/* A pass under the oracle's eyes. All threads call; the first of all judges. */
static void pass_verify(struct player *p, turn_player *play)
{
    struct replay *r = p->replay;
    bool first = p->thread == 0 && p->copy == 0;
    pthread_barrier_wait(&r->all);
    if (first) {
        figures_restart(r);
        oracle.peak = play == turn_check ? oracle.total : oracle.peak;
    }
    pthread_barrier_wait(&r->all);
    pass_play(p, play);
    pthread_barrier_wait(&r->all);
    if (first)
        pass_check(r, play == turn_bound);
    pthread_barrier_wait(&r->all);
}

/* -- the measurement ---------------------------------------------------------------- */

/* A few short passes even if one of them took all the time; of long ones, two. */
static bool passes_suffice(const struct player *p, double seconds)
{
    double wanted = p->replay->job->seconds;
    size_t least = seconds > 5 * wanted ? PASSES_LEAST : PASSES_ENOUGH;
    return p->npasses == PASSES_MAX || (seconds > wanted && p->npasses >= least);
}

static void passes_measure(struct player *p)
{
    struct replay *r = p->replay;
    bool first = p->thread == 0 && p->copy == 0;
    uint64_t begin = time_now(), faults = bench_faults();
    while (p->npasses < PASSES_MAX) {
        if (r->nthreads > 1)
            pthread_barrier_wait(&r->copy[p->copy]);
        if (atomic_load_explicit(&r->stop, memory_order_relaxed))
            break;
        uint64_t at = time_now();
        pass_play(p, turn_play);
        uint64_t now = time_now();
        p->passes[p->npasses++] = (double)(now - at);
        if (first && passes_suffice(p, (double)(now - begin) / 1e9))
            atomic_store_explicit(&r->stop, true, memory_order_relaxed);
        if (r->nthreads > 1)
            pthread_barrier_wait(&r->copy[p->copy]);
    }
    p->faults = bench_faults() - faults;
}

static void *player_main(void *argument)
{
    struct player *p = argument;
    struct replay *r = p->replay;
    bench_pin(p->copy * r->nthreads + p->thread);
    if (counts(r->job)) /* warms up, too */
        pass_verify(p, r->ncopies > 1 ? turn_bound : turn_check);
    else
        pass_play(p, turn_play);
    pthread_barrier_wait(&r->all);
    passes_measure(p);
    if (r->job->ops == OPS_WEIR)
        pass_verify(p, turn_play);
    return NULL;
}

static void replay_report(struct replay *r, struct player *players, size_t resident)
{
    double ns = 0, faults = 0;
    unsigned n = r->ncopies * r->nthreads;
    for (unsigned i = 0; i < n; i++) {
        struct player *p = &players[i];
        faults += (double)p->faults / (double)p->npasses / r->ncopies;
        if (p->thread == 0)
            ns += statistics_median(p->passes, p->npasses) / (double)r->nsteps / r->ncopies;
    }
    bench_emit("ns", ns);
    bench_emit("faults", faults);
    bench_emit("live", (double)r->peak_live * r->ncopies);
    bench_emit("resident", (double)(bench_resident_peak() - resident));
    bench_emit("events", (double)r->nsteps);
    if (!counts(r->job))
        return;
    bench_emit("exact", *oracle.why == '\0');
    if (*oracle.why)
        bench_note("%s", oracle.why);
}

/* -- from the file ---------------------------------------------------------------------- */

/* The trace's events, and a free for each block that it leaves alive. */
static void steps_make(struct replay *r, const struct trace *t)
{
    uint8_t *live = bench_pages(t->nblocks);
    r->steps = bench_pages((t->nevents + t->nblocks) * sizeof(*r->steps));
    for (size_t i = 0; i < t->nevents; i++) {
        const struct trace_event *e = &t->events[i];
        struct step *s = &r->steps[r->nsteps++];
        *s = (struct step){.size = e->size, .block = e->id - 1, .kind = e->kind};
        if (e->kind == TRACE_ALLOCATE)
            s->align_log = (uint16_t)__builtin_ctz(e->align);
        live[e->id - 1] = e->kind != TRACE_FREE;
    }
    for (uint32_t i = 0; i < t->nblocks; i++)
        if (live[i])
            r->steps[r->nsteps++] = (struct step){.block = i, .kind = TRACE_FREE};
    r->nblocks = t->nblocks;
    r->peak_live = t->peak_live;
}

static void turn_add(struct replay *r, size_t begin, uint32_t thread)
{
    if (r->nturns) {
        struct turn *last = &r->turns[r->nturns - 1];
        if (last->thread == thread)
            return;
        last->end = begin;
    }
    r->turns[r->nturns++] = (struct turn){begin, r->nsteps, thread};
}

/* By phases: the odd ones in a second thread. Else as the events say. */
static void turns_make(struct replay *r, const struct trace *t, bool phases)
{
    r->turns = bench_pages((r->nsteps + 2) * sizeof(*r->turns));
    turn_add(r, 0, 0);
    if (phases) {
        for (size_t i = 0, turn = 0; i < t->nmarks; i++)
            if (t->marks[i].event > 0 && t->marks[i].event < t->nevents)
                turn_add(r, t->marks[i].event, (uint32_t)(++turn % 2));
    } else {
        for (size_t i = 0; i < t->nevents; i++)
            turn_add(r, i, t->events[i].thread);
    }
    r->nthreads = phases ? 2 : t->nthreads;
}

static int players_run(struct replay *r, struct player *players, void **blocks,
                       _Atomic uint64_t *clocks)
{
    unsigned n = r->ncopies * r->nthreads;
    r->players = players;
    r->parked = n > (unsigned long)sysconf(_SC_NPROCESSORS_ONLN);
    pthread_barrier_init(&r->all, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        unsigned copy = i / r->nthreads;
        if (i % r->nthreads == 0)
            pthread_barrier_init(&r->copy[copy], NULL, r->nthreads);
        players[i] = (struct player){.replay = r,
                                     .blocks = blocks + copy * r->nblocks,
                                     .clock = &clocks[copy * CLOCK_STRIDE],
                                     .thread = i % r->nthreads,
                                     .copy = copy};
        sem_init(&players[i].wake, 0, 0);
        players[i].passes = bench_pages(PASSES_MAX * sizeof(double));
    }
    size_t resident = bench_resident();
    bench_resident_restart();
    for (unsigned i = 1; i < n; i++)
        if (pthread_create(&players[i].id, NULL, player_main, &players[i]) != 0)
            return EAGAIN;
    player_main(&players[0]);
    for (unsigned i = 1; i < n; i++)
        pthread_join(players[i].id, NULL);
    replay_report(r, players, resident);
    return 0;
}

static int replay_run(struct replay *r)
{
    size_t nblocks = r->nblocks * r->ncopies;
    void **blocks = bench_pages(nblocks * sizeof(*blocks));
    oracle.sizes = bench_pages(nblocks * sizeof(*oracle.sizes));
    struct player *players = bench_pages((size_t)r->ncopies * r->nthreads * sizeof(*players));
    _Atomic uint64_t *clocks = bench_pages(r->ncopies * CLOCK_STRIDE * sizeof(*clocks));
    size_t total, peak, count;
    if (counts(r->job)) {
        figures_read(r, &total, &peak, &count);
        oracle.base_total = oracle.total = oracle.peak = total;
        oracle.base_count = oracle.count = count;
    }
    return players_run(r, players, blocks, clocks);
}

int bench_trace(const struct bench_job *job, weir_allocator *allocator)
{
    struct trace trace;
    char why[400];
    if (trace_load(job->trace, &trace, why, sizeof(why)) != 0)
        return bench_fail("%s", why);
    struct replay *r = bench_pages(sizeof(*r));
    r->job = job;
    r->allocator = allocator;
    r->ncopies = strcmp(job->variant, "copies") == 0 ? job->threads : 1;
    if (r->ncopies < 1 || r->ncopies > COPIES_MAX)
        return bench_fail("a trace can be replayed 1 to %d times at once", COPIES_MAX);
    steps_make(r, &trace);
    turns_make(r, &trace, strcmp(job->variant, "phases") == 0);
    trace_free(&trace);
    int error = replay_run(r);
    if (error)
        return bench_fail("%s: %s", job->trace, strerror(error));
    if (atomic_load(&r->failed))
        return bench_fail("%s: an allocation failed", job->trace);
    return 0;
}
