/*
 * ort_plan.c - runs a model from its own plan of memory: after two runs to warm up, one is
 * recorded (weir_plan_recorder), its lifetimes are solved, and every further run takes its
 * tensors from the plan's arena (weir_plan_replay). ONNX Runtime keeps one allocator for a
 * session's life, so it is given one that passes on to whichever is in charge.
 */
#include "bench/runtimes/ort_plan.h"
#include "bench/runtimes/child.h"

#include <stdio.h>
#include <weir/plan.h>
#include <weir/trace.h>

#define WARM_RUNS 2 /* the first makes what later ones keep */

/* Blocks go back to where they came from, whichever allocator is in charge by then. */
struct memory {
    weir_allocator *pooled; /* under all the others: its figures are the truth */
    weir_allocator *now;    /* in charge */
    weir_allocator *passing;
    weir_plan_recorder *recorder;
    weir_plan *plan;
    weir_plan_replay *replay;
};

static void *memory_allocate(void *user, size_t size, size_t alignment)
{
    return weir_allocate_aligned(((struct memory *)user)->now, size, alignment);
}

static void memory_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    struct memory *m = user;
    weir_allocator *replayed = weir_plan_replay_allocator(m->replay);
    weir_allocator *recorded = weir_plan_recorder_allocator(m->recorder);
    (void)size, (void)alignment;
    weir_deallocate(weir_owns(replayed, block)   ? replayed
                    : weir_owns(recorded, block) ? recorded
                                                 : m->pooled,
                    block);
}

static int failed(const char *what, const char *why)
{
    fprintf(stderr, "ort_run: %s: %s\n", what, why);
    return 1;
}

static int memory_open(struct memory *m)
{
    static const weir_allocator_functions functions = {.allocate = memory_allocate,
                                                       .deallocate = memory_deallocate};
    /* Without a parent, so that it can be traced by itself. */
    m->pooled = m->now = weir_allocator_create(
        &(weir_allocator_options){.name = "tensors", .parent = WEIR_NO_PARENT});
    m->passing = weir_allocator_create(&(weir_allocator_options){.name = "passing",
                                                                 .parent = WEIR_NO_PARENT,
                                                                 .source = WEIR_SOURCE_FUNCTIONS,
                                                                 .functions = &functions,
                                                                 .user = m});
    return m->pooled && m->passing ? 0 : failed("no memory to plan", weir_last_error());
}

static void memory_close(struct memory *m)
{
    if (m->passing)
        weir_allocator_destroy(m->passing);
    weir_plan_replay_destroy(m->replay);
    weir_plan_destroy(m->plan);
    weir_plan_recorder_destroy(m->recorder);
    if (m->pooled)
        weir_allocator_destroy(m->pooled);
}

static int run(struct model *model, uint64_t *hash)
{
    OrtStatus *status = model_run(model);
    if (status)
        return status_print(model->runtime->api, status, "the run failed");
    *hash = model_collect(model, CHILD_HASH_START, false);
    return 0;
}

/* One run, to a solved plan (and a trace). */
static int record(struct memory *m, struct model *model, const char *trace, uint64_t *hash)
{
    weir_trace_options options = {.size = sizeof(options), .allocator = m->pooled};
    if (!(m->recorder = weir_plan_recorder_create(m->pooled)))
        return failed("no recorder", weir_last_error());
    if (trace && weir_trace_start(trace, &options))
        return failed(trace, weir_last_error());
    m->now = weir_plan_recorder_allocator(m->recorder);
    int error = run(model, hash);
    m->now = m->pooled;
    if (trace && weir_trace_stop())
        return failed(trace, weir_last_error());
    if (error)
        return error;
    m->plan = weir_plan_recorder_plan(m->recorder);
    if (!m->plan || weir_plan_solve(m->plan, NULL))
        return failed("no plan", weir_last_error());
    return 0;
}

static int replay(struct memory *m, struct model *model, unsigned runs, uint64_t expected)
{
    weir_plan_stats report = {.size = sizeof(report)};
    weir_plan_replay_stats places = {.size = sizeof(places)};
    weir_stats before = {.size = sizeof(before)}, after = {.size = sizeof(after)};
    unsigned same = 0;
    size_t kept = weir_total_allocated(m->pooled);
    if (!(m->replay = weir_plan_replay_create(m->plan, m->pooled)))
        return failed("no arena", weir_last_error());
    weir_reset_peak(m->pooled);
    weir_stats_get(m->pooled, &before);
    m->now = weir_plan_replay_allocator(m->replay);
    for (unsigned i = 0; i < runs; i++) {
        uint64_t hash = 0;
        weir_plan_replay_begin(m->replay);
        int error = run(model, &hash);
        if (error)
            return error;
        same += hash == expected;
    }
    m->now = m->pooled;
    weir_stats_get(m->pooled, &after);
    weir_plan_stats_get(m->plan, &report);
    weir_plan_replay_stats_get(m->replay, &places);
    printf("plan: %zu buffers, %zu bytes in all, arena %zu, lower bound %zu\n", report.count,
           report.total, report.arena, report.lower_bound);
    printf("runs: %zu, %zu places from the plan, %zu other, %zu allocations, peak %zu\n",
           places.passes, places.served, places.fallbacks, after.allocations - before.allocations,
           after.peak_allocated - kept);
    printf("outputs identical: %u of %u runs\n", same, runs);
    return same != runs;
}

static int model_plan(const struct plan_settings *s, const struct runtime *runtime, weir_ort *ort,
                      struct memory *m)
{
    struct model model;
    uint64_t hash = 0;
    /* Else the runtime packs what it can foresee into one block. */
    int error = status_print(runtime->api, runtime->api->DisableMemPattern(runtime->options),
                             "memory patterns");
    if (error)
        return error;
    error = status_print(runtime->api, model_load(&model, runtime, s->model, false, ort), s->model);
    if (!error)
        error = status_print(runtime->api, model_prepare(&model, s->shapes, s->nshapes), s->model);
    for (unsigned i = 0; i < WARM_RUNS && !error; i++)
        error = run(&model, &hash);
    if (!error)
        error = record(m, &model, s->trace, &hash);
    if (!error)
        error = replay(m, &model, s->runs, hash);
    model_unload(&model);
    return error;
}

int planned_run(const struct plan_settings *s)
{
    struct runtime runtime;
    struct memory memory = {0};
    int error = runtime_open(&runtime, s->runtime, s->threads);
    if (error)
        return error;
    error = memory_open(&memory);
    weir_ort *ort = NULL;
    if (!error) {
        ort = weir_ort_create(runtime.base,
                              &(weir_ort_options){.name = "model", .tensors = memory.passing});
        error = ort ? model_plan(s, &runtime, ort, &memory) : failed("ort", weir_ort_error());
    }
    if (ort && weir_ort_destroy(ort))
        error = failed("after the session's release", weir_ort_error());
    runtime_close(&runtime);
    memory_close(&memory);
    return error;
}
