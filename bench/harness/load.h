/*
 * bench/harness/load.h - what a load (bench/loads/WHAT.c) sees: the calls it measures, each
 * compiled into its loop as a direct call, so that every allocator meets the same machine
 * code; and the runner that repeats a chunk of work in one thread or several.
 *
 * A load is a function of a job; it measures, and emits its figures by name. Thread rule:
 * bench_emit and bench_fail from the main thread only.
 */
#ifndef WEIR_BENCH_HARNESS_LOAD_H
#define WEIR_BENCH_HARNESS_LOAD_H

#include "bench/harness/job.h"
#include "tools/common/time.h"

#include <weir/allocator.h>

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

/* -- what is measured ---------------------------------------------------------- */

/* malloc under names of which the compiler knows nothing, so that it drops no pair. */
void *bench_malloc(size_t) __asm__("malloc");
void *bench_calloc(size_t, size_t) __asm__("calloc");
void *bench_realloc(void *, size_t) __asm__("realloc");
void *bench_memalign(size_t, size_t) __asm__("aligned_alloc");
void bench_free(void *) __asm__("free");

/* bench/loads/design.c. */
void *design_allocate(size_t size);
void *design_reallocate(void *block, size_t size);
void design_deallocate(void *block);
void design_figures(size_t *total, size_t *peak, size_t *count);
void design_reset_peak(void);

/* Shared-atomic accounting as a caller would do it around an allocator that has none. */
struct bench_atomics {
    _Alignas(64) _Atomic size_t total;
    _Atomic size_t peak, count;
};
extern struct bench_atomics bench_atomics;

static inline void atomics_add(size_t n)
{
    size_t total = atomic_fetch_add_explicit(&bench_atomics.total, n, memory_order_relaxed) + n;
    size_t peak = atomic_load_explicit(&bench_atomics.peak, memory_order_relaxed);
    while (total > peak &&
           !atomic_compare_exchange_weak_explicit(&bench_atomics.peak, &peak, total,
                                                  memory_order_relaxed, memory_order_relaxed))
        ;
    atomic_fetch_add_explicit(&bench_atomics.count, 1, memory_order_relaxed);
}

static inline void atomics_remove(size_t n)
{
    atomic_fetch_sub_explicit(&bench_atomics.total, n, memory_order_relaxed);
    atomic_fetch_sub_explicit(&bench_atomics.count, 1, memory_order_relaxed);
}

#define BENCH_INLINE static inline __attribute__((always_inline))

BENCH_INLINE void *op_allocate(enum bench_ops ops, weir_allocator *a, size_t n)
{
    if (ops == OPS_WEIR)
        return weir_allocate(a, n);
    if (ops == OPS_DESIGN)
        return design_allocate(n);
    if (ops == OPS_MALLOC)
        return bench_malloc(n);
    atomics_add(n);
    return weir_allocate(a, n);
}

/* `old` is what was allocated. */
BENCH_INLINE void *op_reallocate(enum bench_ops ops, weir_allocator *a, void *block, size_t old,
                                 size_t n)
{
    if (ops == OPS_WEIR)
        return weir_reallocate(a, block, n);
    if (ops == OPS_DESIGN)
        return design_reallocate(block, n);
    if (ops == OPS_MALLOC)
        return bench_realloc(block, n);
    atomics_remove(old);
    atomics_add(n);
    return weir_reallocate(a, block, n);
}

/* `n` is what was allocated, for those who must be told. */
BENCH_INLINE void op_free(enum bench_ops ops, weir_allocator *a, void *block, size_t n)
{
    if (ops == OPS_WEIR) {
        weir_deallocate(a, block);
    } else if (ops == OPS_DESIGN) {
        design_deallocate(block);
    } else if (ops == OPS_MALLOC) {
        bench_free(block);
    } else {
        weir_deallocate(a, block);
        atomics_remove(n);
    }
}

/* -- the runner ---------------------------------------------------------------- */

struct bench_thread {
    const struct bench_job *job;
    weir_allocator *allocator;
    void *shared;             /* the load's, the same in every thread */
    void *state;              /* the load's, of this thread */
    unsigned index;           /* 0, 1, ... */
    size_t operations;        /* of a chunk; the load's setup may set it */
    const _Atomic bool *stop; /* a chunk that waits for another thread ends on it */
};

/* Where no time is taken: by the calls of the thread's job. */
static inline void *bench_take(const struct bench_thread *t, size_t n)
{
    return op_allocate(t->job->ops, t->allocator, n);
}

static inline void bench_give(const struct bench_thread *t, void *block, size_t n)
{
    op_free(t->job->ops, t->allocator, block, n);
}

typedef void bench_chunk(struct bench_thread *);

struct bench_body {
    int (*setup)(struct bench_thread *);     /* 0 or an errno value; its own thread calls */
    void (*teardown)(struct bench_thread *); /* after every thread has stopped */
    bench_chunk *const *chunk;               /* [OPS_COUNT], made by BENCH_INSTANCES */
    size_t operations;                       /* of one chunk */
};

/* name_chunks[OPS_COUNT], from `name(ops, thread)`, a BENCH_INLINE function. */
#define BENCH_INSTANCES(name)                                                                      \
    static void name##_weir(struct bench_thread *t)                                                \
    {                                                                                              \
        name(OPS_WEIR, t);                                                                         \
    }                                                                                              \
    static void name##_malloc(struct bench_thread *t)                                              \
    {                                                                                              \
        name(OPS_MALLOC, t);                                                                       \
    }                                                                                              \
    static void name##_design(struct bench_thread *t)                                              \
    {                                                                                              \
        name(OPS_DESIGN, t);                                                                       \
    }                                                                                              \
    static void name##_atomics(struct bench_thread *t)                                             \
    {                                                                                              \
        name(OPS_ATOMICS, t);                                                                      \
    }                                                                                              \
    static bench_chunk *const name##_chunks[OPS_COUNT] = {name##_weir, name##_malloc,              \
                                                          name##_design, name##_atomics}

/*
 * Runs the chunk in job->threads threads, each on its own CPU where there are
 * enough: a warm-up, then about job->seconds. Emits
 *   ns       time of an operation, median over the chunks, mean over the threads
 *   cpu_ns   processor time of an operation, mean over all of them
 *   faults   page faults an operation
 *   rate     operations a second, all threads together
 * 0, or 1 after bench_fail.
 */
int bench_repeat(const struct bench_job *job, weir_allocator *allocator,
                 const struct bench_body *body, void *shared);

/* -- helpers --------------------------------------------------------------------- */

/* xorshift64*; seeds must not be 0. */
static inline uint64_t bench_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 2685821657736338717ULL;
}

/* Inside a loop that waits for another CPU. */
BENCH_INLINE void bench_relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Every pair costs its user at least the first write. */
BENCH_INLINE void bench_use(void *block)
{
    *(volatile uint32_t *)block = 1;
}

/* The value counts as used. */
BENCH_INLINE void bench_keep(size_t value)
{
    __asm__ volatile("" ::"r"(value));
}

BENCH_INLINE void bench_touch(unsigned char *block, size_t n, enum bench_touch touch)
{
    if (touch == TOUCH_NONE || n == 0)
        return;
    if (touch == TOUCH_ALL) {
        __builtin_memset(block, 1, n);
        __asm__ volatile("" ::"r"(block) : "memory");
        return;
    }
    *(volatile unsigned char *)block = 1;
    uintptr_t page = ((uintptr_t)block + 4096) & ~(uintptr_t)4095;
    for (; page < (uintptr_t)block + n; page += 4096)
        *(volatile unsigned char *)page = 1; /* NOLINT: the address is within the block */
}

void bench_emit(const char *name, double value);
/* A remark that goes with the figures. */
__attribute__((format(printf, 1, 2))) void bench_note(const char *format, ...);
/* Says why the job failed; returns 1. */
__attribute__((format(printf, 1, 2))) int bench_fail(const char *format, ...);

/* This thread, to the index-th CPU it may use; false: the system does not allow it. */
bool bench_pin(unsigned index);
unsigned bench_cpus(void);
void bench_sleep(double seconds);
uint64_t bench_faults(void);       /* of this thread */
size_t bench_resident(void);       /* of the process, bytes, now */
size_t bench_resident_peak(void);  /* since bench_resident_restart */
void bench_resident_restart(void); /* peak := now */
/* By how much the process has grown since `before` was resident; emitted, and returned. */
double bench_emit_growth(const char *name, size_t before);
/* Growth after four looks of weir's background thread, "background", and after a trim, "trimmed":
 * emits nothing for others than weir. A look every `ms`. */
void bench_emit_given_back(const struct bench_job *job, weir_allocator *a, unsigned ms,
                           size_t before);

/* Zeroed memory from the system, resident, for the load itself, until the worker ends; without it
 * that is at once, and says so. */
void *bench_pages(size_t n);

/* A size from job->size to job->size_max. */
static inline size_t bench_draw(const struct bench_job *job, uint64_t *seed)
{
    return job->size + bench_random(seed) % (job->size_max - job->size + 1);
}

static inline void bench_draw_all(const struct bench_job *job, uint64_t seed, uint32_t *sizes,
                                  size_t n)
{
    for (size_t i = 0; i < n; i++)
        sizes[i] = (uint32_t)bench_draw(job, &seed);
}

/*
 * Around a load whose true figures are known: everything freed again, the peak between two
 * bounds above what was live before. Emits, for an allocator that counts, "exact", and "slow": the
 * accounting steps that took a lock or a shared atomic, of a million blocks.
 */
struct bench_figures {
    size_t total, count;
    weir_stats stats;
};
void bench_exact_begin(const struct bench_job *job, weir_allocator *a,
                       struct bench_figures *before);
void bench_exact_end(const struct bench_job *job, weir_allocator *a,
                     const struct bench_figures *before, size_t least_peak, size_t most_peak);

/* bench_exact_begin, bench_repeat, and bench_exact_end if that was 0, which is returned. */
int bench_repeat_exact(const struct bench_job *job, weir_allocator *allocator,
                       const struct bench_body *body, void *shared, size_t least_peak,
                       size_t most_peak);

/* -- the loads ------------------------------------------------------------------- */

typedef int bench_load(const struct bench_job *job, weir_allocator *allocator);
bench_load bench_pairs, bench_mix, bench_handoff, bench_ramp, bench_trace, bench_zero,
    bench_snapshot, bench_growth, bench_idle, bench_contexts, bench_swap, bench_circle, bench_churn,
    bench_strings, bench_service, bench_burst, bench_probe, bench_replaced;

#endif
