/*
 * ort_adapter.c RUNTIME MODEL - the adapter for ONNX Runtime against a real runtime
 * and model (Silero VAD, 16 kHz): its rules call by call, versions, limits, pinned
 * memory, two sessions at once. Run by ort.sh, which has fetched both. One line a
 * check that failed; exit status 0 only if none did.
 */
#include "bench/runtimes/ort_model.h"

#include <weir/weir.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures, checks;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        checks++;                                                                                  \
        if (!(condition)) {                                                                        \
            failures++;                                                                            \
            fprintf(stderr, "FAILED: %s:%d: %s (%s)\n", __func__, __LINE__, #condition,            \
                    weir_ort_error());                                                             \
        }                                                                                          \
    } while (0)

static struct runtime runtime;
static const char *model_path;

/* Does the status hold an error whose message has `part`? Releases it. */
static bool status_has(OrtStatus *status, const char *part)
{
    if (!status)
        return false;
    bool has = strstr(runtime.api->GetErrorMessage(status), part) != NULL;
    if (!has)
        fprintf(stderr, "status: %s\n", runtime.api->GetErrorMessage(status));
    runtime.api->ReleaseStatus(status);
    return has;
}

static bool status_ok(OrtStatus *status)
{
    return status_print(runtime.api, status, "unexpected") == 0;
}

/* -- versions: bases that claim another ------------------------------------------------------ */

static const char *claimed;
static uint32_t asked_for;
static bool offers_nothing;

static const char *ORT_API_CALL claimed_version(void) NO_EXCEPTION
{
    return claimed;
}

static const OrtApi *ORT_API_CALL claimed_api(uint32_t version) NO_EXCEPTION
{
    asked_for = version;
    return offers_nothing ? NULL : runtime.api;
}

static const OrtApiBase claiming = {claimed_api, claimed_version};

static void unknown_versions_are_refused(void)
{
    static const char *const unknown[] = {"0.5.0",   "1.10.0", "2.0.0",    "",
                                          "one.two", "1.x",    "1.20beta", NULL};
    for (size_t i = 0; i < sizeof(unknown) / sizeof(*unknown); i++) {
        claimed = unknown[i];
        errno = 0;
        CHECK(weir_ort_api(&claiming, NULL) == NULL);
        CHECK(errno == ENOTSUP);
        CHECK(weir_ort_create(&claiming, NULL) == NULL);
        CHECK(!claimed || strstr(weir_ort_error(), claimed));
    }
    claimed = "1.20.1";
    offers_nothing = true;
    CHECK(weir_ort_create(&claiming, NULL) == NULL);
    CHECK(errno == ENOTSUP);
    offers_nothing = false;
    CHECK(weir_ort_api(NULL, NULL) == NULL);
    CHECK(errno == EINVAL);
}

static void table_has_what_the_version_knows(void)
{
    static const struct {
        const char *text;
        uint32_t version;
    } known[] = {{"1.11.0", 11}, {"1.17.3", 17}, {"1.18.0", 18}, {"1.22.2", 22},
                 {"1.23", 23},   {"1.24.1", 24}, {"1.25.0", 25}, {"1.28.2", 28}};
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        claimed = known[i].text;
        weir_ort *ort = weir_ort_create(&claiming, NULL);
        CHECK(ort != NULL);
        if (!ort)
            continue;
        OrtAllocator *a = weir_ort_allocator(ort);
        CHECK(asked_for == known[i].version);
        CHECK(a->version == known[i].version);
        CHECK((a->Reserve != NULL) == (known[i].version >= 18));
        CHECK((a->GetStats != NULL) == (known[i].version >= 23));
        CHECK((a->AllocOnStream != NULL) == (known[i].version >= 23));
        CHECK((a->Shrink != NULL) == (known[i].version >= 25));
        CHECK(weir_ort_destroy(ort) == 0);
    }
    claimed = "1.999.0"; /* newer than the header: what the header knows is asked for */
    weir_ort *ort = weir_ort_create(&claiming, NULL);
    CHECK(ort && asked_for == ORT_API_VERSION);
    CHECK(weir_ort_destroy(ort) == 0);
}

/* -- rules ------------------------------------------------------------------------------------ */

static void blocks_keep_the_rules(void)
{
    weir_ort *ort = weir_ort_create(runtime.base, &(weir_ort_options){.name = "rules"});
    OrtAllocator *a = weir_ort_allocator(ort);
    size_t total = 0;
    void *blocks[64];
    for (size_t i = 0; i < 64; i++) {
        size_t size = i * i * i * 7;
        blocks[i] = a->Alloc(a, size);
        CHECK(blocks[i] && (uintptr_t)blocks[i] % 64 == 0);
        memset(blocks[i], 1, size ? size + WEIR_ORT_OVERREAD : 0);
        total += size ? size + WEIR_ORT_OVERREAD : 0;
    }
    CHECK(weir_total_allocated(weir_ort_tensors(ort)) == total);
    CHECK(weir_allocation_count(weir_ort_tensors(ort)) == 64);
    void *weight = a->Reserve(a, 1000), *stream = a->AllocOnStream(a, 50, NULL);
    CHECK(weir_total_allocated(weir_ort_weights(ort)) == 1000 + WEIR_ORT_OVERREAD);
    CHECK(weir_total_allocated(weir_ort_context(ort)) == total + 1050 + 2 * WEIR_ORT_OVERREAD);
    CHECK(weir_ort_destroy(ort) == EBUSY);
    CHECK(strstr(weir_ort_error(), "66 blocks") && strstr(weir_ort_error(), "rules"));
    a->Free(a, NULL);
    a->Free(a, weight);
    a->Free(a, stream);
    for (size_t i = 0; i < 64; i++)
        a->Free(a, blocks[i]);
    CHECK(weir_ort_destroy(ort) == 0);
    CHECK(weir_ort_destroy(NULL) == EINVAL);
}

static void foreign_seen(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)pointer, (void)line;
    *(weir_misuse *)user = what;
}

static void foreign_free_is_misuse(void)
{
    weir_misuse what = 0;
    weir_ort *ort = weir_ort_create(runtime.base, NULL);
    OrtAllocator *a = weir_ort_allocator(ort);
    int local[32];
    weir_set_misuse_handler(foreign_seen, &what);
    a->Free(a, local);
    weir_set_misuse_handler(NULL, NULL);
    CHECK(what == WEIR_MISUSE_FOREIGN_POINTER);
    CHECK(weir_ort_destroy(ort) == 0);
}

static size_t stat_of(const OrtKeyValuePairs *pairs, const char *key)
{
    const char *value = runtime.api->GetKeyValue(pairs, key);
    return value ? strtoull(value, NULL, 10) : SIZE_MAX;
}

static void statistics_are_weirs(void)
{
    weir_ort *ort = weir_ort_create(runtime.base, &(weir_ort_options){.limit = 100000});
    OrtAllocator *a = weir_ort_allocator(ort);
    OrtKeyValuePairs *pairs = NULL;
    void *x, *y;
    CHECK(status_ok(runtime.api->AllocatorAlloc(a, 1000, &x)));
    CHECK(status_ok(runtime.api->AllocatorAlloc(a, 5000, &y)));
    CHECK(status_ok(runtime.api->AllocatorFree(a, y)));
    CHECK(status_has(runtime.api->AllocatorAlloc(a, 100000, &y), "100000 bytes refused"));
    CHECK(status_ok(runtime.api->AllocatorGetStats(a, &pairs)));
    CHECK(stat_of(pairs, "Limit") == 100000);
    CHECK(stat_of(pairs, "InUse") == 1000 + WEIR_ORT_OVERREAD);
    CHECK(stat_of(pairs, "MaxInUse") == 6000 + 2 * WEIR_ORT_OVERREAD);
    CHECK(stat_of(pairs, "NumAllocs") == 2);
    CHECK(stat_of(pairs, "NumLive") == 1);
    CHECK(stat_of(pairs, "NumFailures") == 1);
    CHECK(stat_of(pairs, "NumReserves") == 0);
    CHECK(stat_of(pairs, "MaxAllocSize") == 5000);
    CHECK(stat_of(pairs, "TensorsInUse") == 1000 + WEIR_ORT_OVERREAD);
    CHECK(stat_of(pairs, "WeightsInUse") == 0);
    runtime.api->ReleaseKeyValuePairs(pairs);
    CHECK(status_ok(a->Shrink(a)));
    CHECK(status_ok(runtime.api->AllocatorFree(a, x)));
    CHECK(weir_ort_destroy(ort) == 0);
}

static void second_registration_is_refused(void)
{
    weir_ort *first = weir_ort_create(runtime.base, &(weir_ort_options){.name = "first"});
    weir_ort *second = weir_ort_create(runtime.base, &(weir_ort_options){.name = "second"});
    OrtSession *session;
    CHECK(status_ok(weir_ort_register(first, runtime.env)));
    CHECK(status_has(weir_ort_register(first, runtime.env), "register"));
    CHECK(status_has(weir_ort_register(second, runtime.env), "register"));
    CHECK(status_has(weir_ort_create_session(second, runtime.env, model_path, NULL, &session),
                     "register"));
    CHECK(weir_ort_destroy(first) == EINVAL);
    CHECK(strstr(weir_ort_error(), "registered"));
    CHECK(status_ok(weir_ort_unregister(first, runtime.env)));
    CHECK(weir_ort_unregister(first, runtime.env) != NULL);
    CHECK(weir_ort_destroy(first) == 0);
    CHECK(weir_ort_destroy(second) == 0);
}

static void environment_wide_allocator_serves_a_session(void)
{
    weir_ort *ort = weir_ort_create(runtime.base, NULL);
    OrtSessionOptions *options = NULL;
    OrtSession *session = NULL;
    CHECK(status_ok(weir_ort_register(ort, runtime.env)));
    CHECK(status_ok(runtime.api->CreateSessionOptions(&options)));
    CHECK(
        status_ok(runtime.api->AddSessionConfigEntry(options, "session.use_env_allocators", "1")));
    CHECK(status_ok(runtime.api->AddSessionConfigEntry(
        options, "session.use_device_allocator_for_initializers", "1")));
    CHECK(status_ok(runtime.api->CreateSession(runtime.env, model_path, options, &session)));
    CHECK(weir_total_allocated(weir_ort_weights(ort)) > 0);
    runtime.api->ReleaseSession(session);
    runtime.api->ReleaseSessionOptions(options);
    CHECK(status_ok(weir_ort_unregister(ort, runtime.env)));
    CHECK(weir_ort_destroy(ort) == 0);
}

/* -- sessions ---------------------------------------------------------------------------------- */

static weir_ort *model_start(struct model *model, const char *name, size_t limit)
{
    weir_ort *ort =
        weir_ort_create(runtime.base, &(weir_ort_options){.name = name, .limit = limit});
    CHECK(ort && status_ok(model_load(model, &runtime, model_path, false, ort)));
    CHECK(status_ok(model_prepare(model, NULL, 0)));
    return ort;
}

static void what_is_no_model_is_refused(void)
{
    weir_ort *ort = weir_ort_create(runtime.base, NULL);
    OrtSession *session = (OrtSession *)ort;
    CHECK(status_has(weir_ort_create_session(ort, runtime.env, "/dev/null", NULL, &session), ""));
    CHECK(session == NULL);
    CHECK(status_has(weir_ort_create_session(ort, runtime.env, "/nonexistent", NULL, &session),
                     "nonexistent"));
    CHECK(status_has(
        weir_ort_create_session_from_array(ort, runtime.env, "no model", 8, NULL, &session), ""));
    CHECK(weir_allocation_count(weir_ort_context(ort)) == 0);
    CHECK(weir_ort_destroy(ort) == 0);
}

static void tensor_that_outlives_its_session_is_named(void)
{
    struct model model;
    weir_ort *ort = model_start(&model, "outlived", 0);
    weir_tag before = weir_tag_set(weir_tag_intern("the last run"));
    CHECK(status_ok(model_run(&model)));
    weir_tag_set(before);
    uint64_t hash = model_collect(&model, 1, true);
    CHECK(model.outputs[0] != NULL);
    model_unload(&model);
    CHECK(weir_ort_destroy(ort) == EBUSY);
    CHECK(strstr(weir_ort_error(), "\"outlived\" still holds 1 blocks"));
    CHECK(strstr(weir_ort_error(), "tag \"the last run\": 1 blocks"));
    CHECK(strstr(weir_ort_error(), " 0 of them weights"));
    float *data = NULL; /* the tensor is whole */
    CHECK(status_ok(runtime.api->GetTensorMutableData(model.outputs[0], (void **)&data)));
    CHECK(data && *data >= 0 && *data <= 1 && hash);
    runtime.api->ReleaseValue(model.outputs[0]);
    CHECK(weir_ort_destroy(ort) == 0);
}

static void every_limit_gives_a_status(void)
{
    struct model model;
    weir_ort *ort = model_start(&model, "limited", 0);
    weir_allocator *context = weir_ort_context(ort);
    CHECK(status_ok(model_run(&model)));
    uint64_t expected = model_collect(&model, 1, false);
    CHECK(status_ok(model_run(&model)));
    CHECK(model_collect(&model, 1, false) == expected);
    size_t weights = weir_total_allocated(context), refused = 0;
    weir_reset_peak(context);
    CHECK(status_ok(model_run(&model)));
    model_collect(&model, 1, false);
    size_t peak = weir_peak_allocated(context), step = (peak - weights) / 61;
    CHECK(peak > weights);
    for (size_t limit = weights; limit < peak; limit += step ? step : 1) {
        CHECK(weir_set_limit(context, limit) == 0);
        OrtStatus *status = model_run(&model);
        CHECK(status_has(status, "\"tensors\" of \"limited\""));
        CHECK(weir_total_allocated(context) == weights);
        refused++;
    }
    CHECK(refused > 30);
    CHECK(weir_set_limit(context, peak) == 0);
    CHECK(status_ok(model_run(&model)));
    CHECK(model_collect(&model, 1, false) == expected);
    model_unload(&model);
    CHECK(weir_ort_destroy(ort) == 0);
}

static void limit_while_a_session_is_made(void)
{
    struct model model;
    weir_ort *ort = model_start(&model, "probe", 0);
    size_t peak = weir_peak_allocated(weir_ort_context(ort));
    model_unload(&model);
    CHECK(weir_ort_destroy(ort) == 0);
    for (size_t i = 0; i < 12; i++) {
        size_t limit = 1 + peak * i / 12;
        ort = weir_ort_create(runtime.base, &(weir_ort_options){.name = "small", .limit = limit});
        CHECK(status_has(model_load(&model, &runtime, model_path, false, ort),
                         "\"weights\" of \"small\""));
        CHECK(weir_allocation_count(weir_ort_context(ort)) == 0);
        CHECK(weir_ort_destroy(ort) == 0);
    }
}

/* -- two sessions at once ------------------------------------------------------------------------
 */

struct worker {
    struct model model;
    weir_ort *ort;
    uint64_t hash;
    size_t weights, peak;
    bool steady;
};

static void *worker_run(void *user)
{
    struct worker *w = user;
    w->steady = true;
    for (int i = 0; i < 200; i++) {
        OrtStatus *status = model_run(&w->model);
        w->steady &= status_ok(status);
        uint64_t hash = model_collect(&w->model, 1, false);
        w->steady &= !w->hash || w->hash == hash;
        w->steady &= weir_total_allocated(weir_ort_context(w->ort)) == w->weights;
        w->hash = hash;
    }
    w->peak = weir_peak_allocated(weir_ort_context(w->ort));
    return NULL;
}

static void two_sessions_have_figures_of_their_own(void)
{
    struct worker workers[2] = {0};
    pthread_t threads[2];
    size_t before = weir_total_allocated(weir_cpu_allocator());
    for (int i = 0; i < 2; i++) {
        workers[i].ort = model_start(&workers[i].model, i ? "second" : "first", 1 << 24);
        workers[i].weights = weir_total_allocated(weir_ort_context(workers[i].ort));
    }
    CHECK(workers[0].weights > 0 && workers[0].weights == workers[1].weights);
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, worker_run, &workers[i]) == 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    CHECK(workers[0].steady && workers[1].steady);
    CHECK(workers[0].hash == workers[1].hash);
    CHECK(workers[0].peak == workers[1].peak);
    model_unload(&workers[0].model);
    CHECK(weir_total_allocated(weir_ort_context(workers[0].ort)) == 0);
    CHECK(weir_total_allocated(weir_cpu_allocator()) == before + workers[1].weights);
    CHECK(weir_ort_destroy(workers[0].ort) == 0);
    CHECK(status_ok(model_run(&workers[1].model)));
    model_collect(&workers[1].model, 1, false);
    model_unload(&workers[1].model);
    CHECK(weir_ort_destroy(workers[1].ort) == 0);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: ort_adapter RUNTIME MODEL.onnx\n");
        return 2;
    }
    model_path = argv[2];
    int failed = runtime_open(&runtime, argv[1], 1);
    if (failed)
        return failed;
    unknown_versions_are_refused();
    table_has_what_the_version_knows();
    blocks_keep_the_rules();
    foreign_free_is_misuse();
    statistics_are_weirs();
    second_registration_is_refused();
    environment_wide_allocator_serves_a_session();
    what_is_no_model_is_refused();
    tensor_that_outlives_its_session_is_named();
    every_limit_gives_a_status();
    limit_while_a_session_is_made();
    two_sessions_have_figures_of_their_own();
    CHECK(weir_allocation_count(weir_cpu_allocator()) == 0);
    runtime_close(&runtime);
    printf("%s: %d checks, %d failed\n", runtime.base->GetVersionString(), checks, failures);
    return failures > 0;
}
