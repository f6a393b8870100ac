/*
 * bench/harness/worker.c - the inside of a worker process of `weir bench`: makes the
 * allocator that the job names and runs the job's load. What it prints is read by
 * bench/harness/run.c: "NAME VALUE" lines, or "! why" where it failed.
 */
#include "bench/harness/worker.h"
#include "bench/harness/load.h"

#include <weir/allocator.h>
#include <weir/guards.h>
#include <weir/link.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name;
    bench_load *run;
} loads[] = {
    {"pairs", bench_pairs},       {"mix", bench_mix},         {"handoff", bench_handoff},
    {"ramp", bench_ramp},         {"trace", bench_trace},     {"zero", bench_zero},
    {"snapshot", bench_snapshot}, {"growth", bench_growth},   {"idle", bench_idle},
    {"contexts", bench_contexts}, {"swap", bench_swap},       {"circle", bench_circle},
    {"churn", bench_churn},       {"strings", bench_strings}, {"service", bench_service},
    {"burst", bench_burst},       {"probe", bench_probe},     {"replaced", bench_replaced},
};

static weir_allocator *allocator_make(const struct bench_job *job)
{
    if (job->source == SOURCE_CPU)
        return weir_cpu_allocator();
    if (job->source == SOURCE_GUARDS)
        return weir_guards_start(NULL) == 0 ? weir_cpu_allocator() : NULL;
    if (job->source == SOURCE_HARDENED)
        return weir_allocator_create(
            &(weir_allocator_options){.size = sizeof(weir_allocator_options),
                                      .name = "hardened",
                                      .parent = WEIR_NO_PARENT,
                                      .hardened = WEIR_HARDENED_ON});
    weir_allocator_options options = {.name = "bench",
                                      .source = job->source == SOURCE_BACKING ? WEIR_SOURCE_BACKING
                                                                              : WEIR_SOURCE_MALLOC};
    return weir_allocator_create(&options);
}

/* Which files serve: the launcher compares them with what it asked for. */
static void providers_print(const struct bench_job *job)
{
    Dl_info info;
    void *malloc_at = dlsym(RTLD_DEFAULT, "malloc");
    if (job->ops != OPS_WEIR && malloc_at && dladdr(malloc_at, &info))
        dprintf(STDOUT_FILENO, "malloc-from %s\n", info.dli_fname);
    void *weir_at = dlsym(RTLD_DEFAULT, "weir_allocate");
    if (weir_at && dladdr(weir_at, &info))
        dprintf(STDOUT_FILENO, "weir-from %s\n", info.dli_fname);
}

int bench_worker_main(int argc, char **argv)
{
    struct bench_job job = {.variant = "", .trace = "", .threads = 1, .seconds = 0.05};
    for (int i = 1; i < argc; i++)
        if (!bench_job_set(&job, argv[i]))
            return bench_fail("a job does not know \"%s\"", argv[i]);
    alarm(bench_job_limit(&job)); /* an allocator may hang */
    bench_cpus();                 /* before any thread is pinned */
    weir_allocator *allocator = allocator_make(&job);
    if (!allocator)
        return bench_fail("no such allocator: %s", strerror(errno));
    providers_print(&job);
    for (size_t i = 0; job.load && i < sizeof(loads) / sizeof(*loads); i++)
        if (strcmp(job.load, loads[i].name) == 0)
            return loads[i].run(&job, allocator);
    return bench_fail("no load \"%s\"", job.load ? job.load : "");
}
