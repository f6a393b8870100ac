/*
 * bench/harness/measure.c - the clock side of a worker: repeats a chunk in one thread or
 * several, medians, page faults, resident memory, pinning. Takes nothing from any
 * measured allocator while it measures: its arrays are mapped beforehand.
 */
#include "bench/harness/load.h"
#include "tools/common/statistics.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weir/background.h>

struct bench_atomics bench_atomics;

void bench_emit(const char *name, double value)
{
    dprintf(STDOUT_FILENO, "%s %.17g\n", name, value);
}

static void line_print(char mark, const char *format, va_list arguments)
{
    char text[400];
    vsnprintf(text, sizeof(text), format, arguments);
    dprintf(STDOUT_FILENO, "%c %s\n", mark, text);
}

void bench_note(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_print('#', format, arguments);
    va_end(arguments);
}

int bench_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_print('!', format, arguments);
    va_end(arguments);
    return 1;
}

/* -- the machine -------------------------------------------------------------------- */

static cpu_set_t cpus_allowed;
static pthread_once_t cpus_once = PTHREAD_ONCE_INIT;

/* Once: a pinned thread would see only its own. */
static void cpus_read(void)
{
    if (sched_getaffinity(0, sizeof(cpus_allowed), &cpus_allowed) != 0 ||
        CPU_COUNT(&cpus_allowed) == 0)
        CPU_SET(0, &cpus_allowed);
}

unsigned bench_cpus(void)
{
    pthread_once(&cpus_once, cpus_read);
    return (unsigned)CPU_COUNT(&cpus_allowed);
}

bool bench_pin(unsigned index)
{
    unsigned wanted = index % bench_cpus();
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &cpus_allowed) || wanted-- != 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof(one), &one) == 0;
    }
    return false;
}

void bench_sleep(double seconds)
{
    struct timespec time = {.tv_sec = (time_t)seconds,
                            .tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9)};
    nanosleep(&time, NULL);
}

uint64_t bench_faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return (uint64_t)usage.ru_minflt + (uint64_t)usage.ru_majflt;
}

/* A "NAME: N kB" line of /proc/self/status, in bytes. Takes no memory. */
static size_t status_read(const char *name)
{
    char text[4096];
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    const char *line = strstr(text, name);
    return line ? (size_t)strtoull(line + strlen(name), NULL, 10) * 1024 : 0;
}

size_t bench_resident(void)
{
    return status_read("\nVmRSS:");
}

size_t bench_resident_peak(void)
{
    return status_read("\nVmHWM:");
}

/* 5: the peak of resident memory restarts from what is resident now. */
void bench_resident_restart(void)
{
    int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    if (write(fd, "5", 1) != 1)
        bench_fail("cannot restart the peak of resident memory: %s", strerror(errno));
    close(fd);
}

double bench_emit_growth(const char *name, size_t before)
{
    size_t now = bench_resident();
    double growth = now > before ? (double)(now - before) : 0;
    bench_emit(name, growth);
    return growth;
}

void bench_emit_given_back(const struct bench_job *job, weir_allocator *a, unsigned ms,
                           size_t before)
{
    if (job->ops != OPS_WEIR)
        return;
    if (weir_background_start(ms) != 0)
        bench_fail("the background thread does not start");
    bench_sleep(4e-3 * ms);
    weir_background_stop();
    bench_emit_growth("background", before);
    weir_trim(a);
    bench_emit_growth("trimmed", before);
}

void *bench_pages(size_t n)
{
    void *at = mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (at == MAP_FAILED)
        exit(bench_fail("no memory for the load itself"));
    return at;
}

/* -- exactness ------------------------------------------------------------------------ */

void bench_exact_begin(const struct bench_job *job, weir_allocator *a, struct bench_figures *before)
{
    if (job->ops != OPS_WEIR)
        return;
    weir_reset_peak(a);
    before->total = weir_total_allocated(a);
    before->count = weir_allocation_count(a);
    before->stats = (weir_stats){.size = sizeof(weir_stats)};
    if (job->above)
        weir_deallocate(a, weir_allocate(a, job->above));
    weir_stats_get(a, &before->stats);
}

static void slow_emit(weir_allocator *a, const weir_stats *before)
{
    weir_stats now = {.size = sizeof(now)};
    if (weir_stats_get(a, &now) != 0 || now.slow_operations == WEIR_UNSUPPORTED)
        return;
    size_t blocks = now.allocations - before->allocations;
    if (blocks)
        bench_emit("slow",
                   (double)(now.slow_operations - before->slow_operations) * 1e6 / (double)blocks);
}

void bench_exact_end(const struct bench_job *job, weir_allocator *a,
                     const struct bench_figures *before, size_t least_peak, size_t most_peak)
{
    if (job->ops != OPS_WEIR)
        return;
    if (job->above > most_peak)
        least_peak = most_peak = job->above;
    size_t total = weir_total_allocated(a), count = weir_allocation_count(a);
    size_t peak = weir_peak_allocated(a) - before->total;
    bool exact =
        total == before->total && count == before->count && peak >= least_peak && peak <= most_peak;
    bench_emit("exact", exact);
    slow_emit(a, &before->stats);
    if (!exact)
        bench_note(
            "total %zu and count %zu where %zu and %zu are right, peak %zu outside %zu to %zu",
            total, count, before->total, before->count, peak, least_peak, most_peak);
}

/* -- the runner ------------------------------------------------------------------------ */

enum { SAMPLES_MAX = 1 << 13, CHUNKS_LEAST = 7, THREADS_MAX = 256 };

struct runner {
    const struct bench_job *job;
    const struct bench_body *body;
    pthread_barrier_t barrier;
    unsigned nthreads;
    _Atomic bool stop;
    _Atomic unsigned measured; /* threads with CHUNKS_LEAST samples */
    _Atomic int error;
};

struct runner_thread {
    struct runner *runner;
    struct bench_thread thread;
    pthread_t id;
    double *samples; /* ns of a chunk */
    size_t nsamples;
    uint64_t chunks, faults, ns, cpu_ns;
    bool unpinned;
};

/* Chunks until thread 0 sees the time over; all threads end together. */
static void runner_loop(struct runner_thread *t, double seconds, bool record)
{
    struct runner *r = t->runner;
    bench_chunk *chunk = r->body->chunk[r->job->ops];
    uint64_t begin = time_now(), at = begin, deadline = begin + (uint64_t)(seconds * 1e9);
    uint64_t chunks = 0, faults = bench_faults(), cpu_begin = time_of(CLOCK_THREAD_CPUTIME_ID),
             cpu = cpu_begin;
    while (!atomic_load_explicit(&r->stop, memory_order_relaxed)) {
        chunk(&t->thread);
        if (atomic_load_explicit(&r->stop, memory_order_relaxed) && chunks)
            break; /* it may have been cut short */
        uint64_t now = time_now();
        if (record)
            t->samples[t->nsamples++ % SAMPLES_MAX] = (double)(now - at);
        at = now;
        cpu = time_of(CLOCK_THREAD_CPUTIME_ID);
        if (++chunks == CHUNKS_LEAST)
            atomic_fetch_add_explicit(&r->measured, 1, memory_order_relaxed);
        if (t->thread.index == 0 && now >= deadline &&
            atomic_load_explicit(&r->measured, memory_order_relaxed) == r->nthreads)
            atomic_store_explicit(&r->stop, true, memory_order_relaxed);
    }
    if (record) {
        t->chunks = chunks;
        t->faults = bench_faults() - faults;
        t->ns = at - begin;
        t->cpu_ns = cpu - cpu_begin;
    }
}

static void *runner_main(void *argument)
{
    struct runner_thread *t = argument;
    struct runner *r = t->runner;
    t->unpinned = !bench_pin(t->thread.index);
    int error = r->body->setup ? r->body->setup(&t->thread) : 0;
    if (error)
        atomic_store(&r->error, error);
    pthread_barrier_wait(&r->barrier);
    bool run = atomic_load(&r->error) == 0;
    for (int phase = 0; phase < 2; phase++) {
        if (run)
            runner_loop(t, phase ? r->job->seconds : r->job->seconds / 4, phase);
        pthread_barrier_wait(&r->barrier);
        if (t->thread.index == 0) {
            atomic_store(&r->stop, false);
            atomic_store(&r->measured, 0);
        }
        pthread_barrier_wait(&r->barrier);
    }
    if (r->body->teardown)
        r->body->teardown(&t->thread);
    return NULL;
}

static void runner_report(struct runner_thread *threads, unsigned n)
{
    double ns = 0, rate = 0, faults = 0, cpu_ns = 0, all = 0;
    bool unpinned = false;
    for (unsigned i = 0; i < n; i++) {
        struct runner_thread *t = &threads[i];
        double operations = (double)t->thread.operations;
        size_t samples = t->nsamples < SAMPLES_MAX ? t->nsamples : SAMPLES_MAX;
        ns += statistics_median(t->samples, samples) / operations / n;
        if (t->ns)
            rate += (double)t->chunks * operations * 1e9 / (double)t->ns;
        cpu_ns += (double)t->cpu_ns;
        all += (double)t->chunks * operations;
        if (t->chunks)
            faults += (double)t->faults / ((double)t->chunks * operations) / n;
        unpinned |= t->unpinned;
    }
    if (unpinned)
        bench_note("the system let no thread be pinned");
    bench_emit("ns", ns);
    bench_emit("cpu_ns", cpu_ns / all);
    bench_emit("rate", rate);
    bench_emit("faults", faults);
}

int bench_repeat(const struct bench_job *job, weir_allocator *allocator,
                 const struct bench_body *body, void *shared)
{
    unsigned n = job->threads ? job->threads : 1;
    if (n > THREADS_MAX)
        return bench_fail("at most %d threads", THREADS_MAX);
    size_t samples = SAMPLES_MAX * sizeof(double);
    struct runner_thread *threads = bench_pages(n * (sizeof *threads + samples));
    struct runner runner = {.job = job, .body = body, .nthreads = n};
    pthread_barrier_init(&runner.barrier, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        threads[i].runner = &runner;
        threads[i].samples = (double *)(threads + n) + i * (size_t)SAMPLES_MAX;
        threads[i].thread = (struct bench_thread){.job = job,
                                                  .allocator = allocator,
                                                  .shared = shared,
                                                  .index = i,
                                                  .operations = body->operations,
                                                  .stop = &runner.stop};
    }
    for (unsigned i = 1; i < n; i++)
        if (pthread_create(&threads[i].id, NULL, runner_main, &threads[i]) != 0)
            return bench_fail("cannot start %u threads", n);
    runner_main(&threads[0]);
    for (unsigned i = 1; i < n; i++)
        pthread_join(threads[i].id, NULL);
    pthread_barrier_destroy(&runner.barrier);
    int error = atomic_load(&runner.error);
    if (!error)
        runner_report(threads, n);
    return error ? bench_fail("%s", strerror(error)) : 0;
}

int bench_repeat_exact(const struct bench_job *job, weir_allocator *allocator,
                       const struct bench_body *body, void *shared, size_t least_peak,
                       size_t most_peak)
{
    struct bench_figures before = {0};
    bench_exact_begin(job, allocator, &before);
    int status = bench_repeat(job, allocator, body, shared);
    if (!status)
        bench_exact_end(job, allocator, &before, least_peak, most_peak);
    return status;
}
