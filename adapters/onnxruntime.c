/*
 * adapters/onnxruntime.c - an OrtAllocator over two weir contexts, and sessions made
 * on it. Knows ONNX Runtime only through its C API and links none of it.
 *
 * The OrtAllocator carries no user data, so it is the first member of weir_ort. Thread
 * rule: its functions run on any thread; `making` and the environment's registration
 * change only under sessions_lock.
 */
#include <weir/adapters/onnxruntime.h>

#include "base/sized.h"
#include "onnxruntime_marks.h"
#include "onnxruntime_throw.h"

#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/trace.h>

struct weir_ort {
    OrtAllocator ort; /* first: what the callbacks get is this */
    const OrtApi *api;
    OrtMemoryInfo *info;
    weir_allocator *context, *weights, *tensors;
    weir_tag weights_tag, tensors_tag; /* of blocks of threads that have no tag */
    bool tensors_given;                /* and so not ours to destroy */
    unsigned making;     /* sessions being made: all that is allocated then is weights */
    unsigned registered; /* with how many environments */
    size_t weights_made; /* ever; relaxed */
    size_t reserves;     /* calls of Reserve; relaxed, for GetStats alone */
    size_t shrinks;
    size_t largest; /* bytes; relaxed */
};

/* Registration for a session's making lasts until it is made: one at a time. */
static pthread_mutex_t sessions_lock = PTHREAD_MUTEX_INITIALIZER;

static _Thread_local char error_text[512];

const char *weir_ort_error(void)
{
    return error_text;
}

__attribute__((format(printf, 2, 3))) static int error_set(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error_text, sizeof(error_text), format, arguments);
    va_end(arguments);
    errno = code;
    return code;
}

/* -- versions ------------------------------------------------------------------------- */

static const OrtApi *api_find(const OrtApiBase *base, uint32_t *version)
{
    if (!base) {
        error_set(EINVAL, "no OrtApiBase");
        return NULL;
    }
    /* The text tells; asking for a version that is not there prints to stderr. */
    const char *text = base->GetVersionString();
    unsigned major = 0, minor = 0;
    int end = 0;
    if (!text || sscanf(text, "%u.%u%n", &major, &minor, &end) != 2 ||
        (text[end] && text[end] != '.')) {
        error_set(ENOTSUP, "ONNX Runtime of unknown version \"%s\"", text ? text : "");
        return NULL;
    }
    if (major != 1 || minor < WEIR_ORT_API_MINIMUM) {
        error_set(ENOTSUP, "ONNX Runtime %s is not supported: 1.%d and later 1.x are", text,
                  WEIR_ORT_API_MINIMUM);
        return NULL;
    }
    uint32_t wanted = minor < ORT_API_VERSION ? minor : ORT_API_VERSION;
    const OrtApi *api = base->GetApi(wanted);
    if (!api) {
        error_set(ENOTSUP, "ONNX Runtime %s does not offer its API version %u", text,
                  (unsigned)wanted);
        return NULL;
    }
    if (version)
        *version = wanted;
    return weir__ort_unmarked(api);
}

const OrtApi *weir_ort_api(const OrtApiBase *base, uint32_t *version)
{
    const OrtApi *api = api_find(base, version);
    return api ? weir__ort_marked(api) : NULL;
}

/* -- what ONNX Runtime calls ------------------------------------------------------------ */

static void largest_raise(struct weir_ort *o, size_t size)
{
    size_t seen = __atomic_load_n(&o->largest, __ATOMIC_RELAXED);
    while (size > seen && !__atomic_compare_exchange_n(&o->largest, &seen, size, true,
                                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        ;
}

__attribute__((noreturn, noinline, cold)) static void refuse(weir_allocator *a, size_t size)
{
    char reason[256];
    weir_allocator *parent = weir_allocator_parent(a);
    snprintf(reason, sizeof(reason), "weir: %zu bytes refused to \"%s\" of \"%s\": %s", size,
             weir_allocator_name(a), weir_allocator_name(parent), weir_last_error());
    weir__ort_throw(reason);
}

static void *block_allocate(struct weir_ort *o, weir_allocator *a, weir_tag tag, size_t size)
{
    /* A sum that would overflow is refused by weir: nothing is that large. */
    size_t wanted = size <= SIZE_MAX - WEIR_ORT_OVERREAD ? size + WEIR_ORT_OVERREAD : SIZE_MAX;
    weir_tag former = weir_tag_set(tag);
    if (former)
        weir_tag_set(former);
    void *block = weir_allocate(a, size ? wanted : 0);
    weir_tag_set(former);
    if (!block)
        refuse(a, size);
    largest_raise(o, size);
    return block;
}

/*
 * While a session is made, its graph and the file's buffers come and go in the C
 * library's heap, which keeps megabytes of holes that weir's blocks never fill. Given
 * back now and then (after 1, 2, 4, 8, ... weights), they are not on top of the peak.
 */
static void *weight_allocate(struct weir_ort *o, size_t size)
{
    size_t count = __atomic_add_fetch(&o->weights_made, 1, __ATOMIC_RELAXED);
    if ((count & (count - 1)) == 0)
        malloc_trim(0);
    return block_allocate(o, o->weights, o->weights_tag, size);
}

static void *ORT_API_CALL ort_alloc(OrtAllocator *self, size_t size)
{
    struct weir_ort *o = (struct weir_ort *)self;
    if (__atomic_load_n(&o->making, __ATOMIC_RELAXED))
        return weight_allocate(o, size);
    return block_allocate(o, o->tensors, o->tensors_tag, size);
}

static void *ORT_API_CALL ort_reserve(OrtAllocator *self, size_t size)
{
    struct weir_ort *o = (struct weir_ort *)self;
    __atomic_add_fetch(&o->reserves, 1, __ATOMIC_RELAXED);
    return weight_allocate(o, size);
}

/* The CPU has no streams to wait for. */
static void *ORT_API_CALL ort_alloc_on_stream(OrtAllocator *self, size_t size,
                                              OrtSyncStream *stream)
{
    (void)stream;
    return ort_alloc(self, size);
}

static void ORT_API_CALL ort_free(OrtAllocator *self, void *block)
{
    struct weir_ort *o = (struct weir_ort *)self;
    if (!block)
        return;
    /* A block of neither is misuse of `weights`, which weir reports. */
    weir_deallocate(weir_owns(o->tensors, block) ? o->tensors : o->weights, block);
}

static const OrtMemoryInfo *ORT_API_CALL ort_info(const OrtAllocator *self)
{
    return ((const struct weir_ort *)self)->info;
}

static void pair_add(const OrtApi *api, OrtKeyValuePairs *pairs, const char *key, size_t value)
{
    char text[24];
    if (value == WEIR_UNSUPPORTED)
        return;
    snprintf(text, sizeof(text), "%zu", value);
    api->AddKeyValuePair(pairs, key, text);
}

static OrtStatus *ORT_API_CALL ort_get_stats(const OrtAllocator *self, OrtKeyValuePairs **out)
{
    const struct weir_ort *o = (const struct weir_ort *)self;
    weir_stats s = {.size = sizeof(s)};
    weir_stats_get(o->context, &s);
    o->api->CreateKeyValuePairs(out);
    if (!*out)
        return o->api->CreateStatus(ORT_FAIL, "no memory for statistics");
    if (s.limit)
        pair_add(o->api, *out, "Limit", s.limit);
    else
        o->api->AddKeyValuePair(*out, "Limit", "-1");
    pair_add(o->api, *out, "InUse", s.total_allocated);
    pair_add(o->api, *out, "MaxInUse", s.peak_allocated);
    pair_add(o->api, *out, "NumAllocs", s.allocations);
    pair_add(o->api, *out, "TotalAllocated", s.in_use);
    pair_add(o->api, *out, "NumReserves", __atomic_load_n(&o->reserves, __ATOMIC_RELAXED));
    pair_add(o->api, *out, "NumArenaShrinkages", __atomic_load_n(&o->shrinks, __ATOMIC_RELAXED));
    pair_add(o->api, *out, "MaxAllocSize", __atomic_load_n(&o->largest, __ATOMIC_RELAXED));
    /* Beyond the keys that ONNX Runtime lists. */
    pair_add(o->api, *out, "NumLive", s.allocation_count);
    pair_add(o->api, *out, "NumFailures", s.failures);
    pair_add(o->api, *out, "WeightsInUse", weir_total_allocated(o->weights));
    pair_add(o->api, *out, "TensorsInUse", weir_total_allocated(o->tensors));
    return NULL;
}

static OrtStatus *ORT_API_CALL ort_shrink(OrtAllocator *self)
{
    struct weir_ort *o = (struct weir_ort *)self;
    __atomic_add_fetch(&o->shrinks, 1, __ATOMIC_RELAXED);
    weir_trim(o->context);
    return NULL;
}

/* Members that the runtime's version does not know stay NULL: it does not look at
 * them, and `version` says so. */
static void table_fill(struct weir_ort *o, uint32_t version)
{
    o->ort.version = version;
    o->ort.Alloc = ort_alloc;
    o->ort.Free = ort_free;
    o->ort.Info = ort_info;
    if (version >= 18)
        o->ort.Reserve = ort_reserve;
    if (version >= 23) {
        o->ort.GetStats = ort_get_stats;
        o->ort.AllocOnStream = ort_alloc_on_stream;
    }
    if (version >= 25)
        o->ort.Shrink = ort_shrink;
}

static weir_tag tag_make(const char *name, weir_class use)
{
    weir_tag tag = weir_tag_intern(name);
    if (tag)
        (void)weir_tag_class(tag, use);
    return tag;
}

/* -- making and unmaking ---------------------------------------------------------------- */

static bool contexts_create(struct weir_ort *o, const weir_ort_options *options)
{
    o->context = weir_allocator_create(
        &(weir_allocator_options){.name = options->name ? options->name : "onnxruntime",
                                  .parent = options->parent,
                                  .limit = options->limit});
    if (o->context) {
        o->weights = weir_allocator_create(
            &(weir_allocator_options){.name = "weights", .parent = o->context});
        o->tensors_given = options->tensors != NULL;
        o->tensors = options->tensors ? options->tensors
                                      : weir_allocator_create(&(weir_allocator_options){
                                            .name = "tensors", .parent = o->context});
    }
    if (o->weights && o->tensors)
        return true;
    int code = errno;
    error_set(code, "no context for ONNX Runtime: %s", weir_last_error());
    return false;
}

static void ort_unmake(struct weir_ort *o)
{
    if (o->tensors && !o->tensors_given)
        weir_allocator_destroy(o->tensors);
    if (o->weights)
        weir_allocator_destroy(o->weights);
    if (o->context)
        weir_allocator_destroy(o->context);
    if (o->info)
        o->api->ReleaseMemoryInfo(o->info);
    free(o);
}

weir_ort *weir_ort_create(const OrtApiBase *base, const weir_ort_options *options)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_ort_options, tensors) };
    weir_ort_options given;
    uint32_t version;
    const OrtApi *api = api_find(base, &version);
    if (!api)
        return NULL;
    if (!weir__options_take(&given, sizeof given, FIRST, options)) {
        error_set(EINVAL, "weir_ort_options.size: no such struct");
        return NULL;
    }
    struct weir_ort *o = calloc(1, sizeof(*o));
    if (!o) {
        error_set(ENOMEM, "no memory for an adapter");
        return NULL;
    }
    o->api = api;
    table_fill(o, version);
    o->weights_tag = tag_make("weights", WEIR_CLASS_WEIGHT);
    o->tensors_tag = tag_make("activations", WEIR_CLASS_ACTIVATION);
    bool made = contexts_create(o, &given);
    int code = errno;
    /* A device allocator, not an arena's: the runtime refuses to register those. */
    if (made) {
        OrtStatus *status =
            api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &o->info);
        if (status) {
            code = error_set(ENOMEM, "%s", api->GetErrorMessage(status));
            api->ReleaseStatus(status);
            made = false;
        }
    }
    if (made)
        return o;
    ort_unmake(o);
    errno = code;
    return NULL;
}

/* The tags of what is live, the first few that are met. */
struct live {
    size_t blocks, bytes;
    struct {
        weir_tag tag;
        size_t blocks, bytes;
    } tags[4];
    unsigned ntags;
};

static bool live_visit(const weir_block *block, void *user)
{
    struct live *live = user;
    live->blocks++;
    live->bytes += block->requested;
    unsigned i = 0;
    while (i < live->ntags && live->tags[i].tag != block->tag)
        i++;
    if (i == sizeof(live->tags) / sizeof(*live->tags))
        return false;
    if (i == live->ntags)
        live->ntags++;
    live->tags[i].tag = block->tag;
    live->tags[i].blocks++;
    live->tags[i].bytes += block->requested;
    return false;
}

static int busy_set(struct weir_ort *o)
{
    struct live live = {0};
    weir_allocator_walk(o->weights, live_visit, &live);
    size_t weights = live.bytes;
    weir_allocator_walk(o->tensors, live_visit, &live);
    error_set(EBUSY, "\"%s\" still holds %zu blocks of %zu bytes, %zu of them weights",
              weir_allocator_name(o->context), live.blocks, live.bytes, weights);
    for (unsigned i = 0; i < live.ntags; i++) {
        size_t used = strlen(error_text);
        const char *name = weir_tag_name(live.tags[i].tag);
        snprintf(error_text + used, sizeof(error_text) - used, "%s%s%s%s %zu blocks of %zu bytes",
                 i ? ", " : "; ", *name ? "tag \"" : "no tag", name, *name ? "\":" : ":",
                 live.tags[i].blocks, live.tags[i].bytes);
    }
    return EBUSY;
}

int weir_ort_destroy(weir_ort *o)
{
    if (!o)
        return error_set(EINVAL, "no adapter");
    if (__atomic_load_n(&o->registered, __ATOMIC_RELAXED))
        return error_set(EINVAL, "\"%s\" is still registered with an environment",
                         weir_allocator_name(o->context));
    if (weir_allocation_count(o->context) || weir_allocation_count(o->tensors))
        return busy_set(o);
    ort_unmake(o);
    return 0;
}

/* -- sessions --------------------------------------------------------------------------- */

/* Is this function the runtime's own? */
static bool function_is_runtimes(const OrtApi *api, void *function)
{
    Dl_info runtime, here;
    return dladdr(*(void *const *)&api->RegisterAllocator, &runtime) && dladdr(function, &here) &&
           runtime.dli_fbase == here.dli_fbase;
}

/*
 * Since 1.23 a second registration silently takes the place of the first, and undoing
 * it does not bring the first back; before, the runtime refused it. NULL: none of a
 * program's is there (what the runtime registers itself, it also brings back).
 */
static OrtStatus *registered_check(struct weir_ort *o, OrtEnv *env)
{
    OrtAllocator *there = NULL;
    if (o->ort.version < 23)
        return NULL;
    OrtStatus *status = o->api->GetSharedAllocator(env, o->info, &there);
    if (status || !there || function_is_runtimes(o->api, *(void **)&there->Free))
        return status;
    char text[160];
    const char *name = "the program's own";
    if (there->Free == ort_free)
        name = weir_allocator_name(((struct weir_ort *)there)->context);
    snprintf(text, sizeof(text), "weir: an allocator is already registered for the CPU: \"%s\"",
             name);
    return o->api->CreateStatus(ORT_INVALID_ARGUMENT, text);
}

static OrtStatus *register_locked(struct weir_ort *o, OrtEnv *env)
{
    OrtStatus *status = registered_check(o, env);
    if (!status)
        status = o->api->RegisterAllocator(env, &o->ort);
    if (!status)
        __atomic_add_fetch(&o->registered, 1, __ATOMIC_RELAXED);
    return status;
}

static OrtStatus *unregister_locked(struct weir_ort *o, OrtEnv *env)
{
    OrtStatus *status = o->api->UnregisterAllocator(env, o->info);
    if (!status)
        __atomic_sub_fetch(&o->registered, 1, __ATOMIC_RELAXED);
    return status;
}

OrtStatus *weir_ort_register(weir_ort *o, OrtEnv *env)
{
    pthread_mutex_lock(&sessions_lock);
    OrtStatus *status = register_locked(o, env);
    pthread_mutex_unlock(&sessions_lock);
    return status;
}

OrtStatus *weir_ort_unregister(weir_ort *o, OrtEnv *env)
{
    pthread_mutex_lock(&sessions_lock);
    OrtStatus *status = unregister_locked(o, env);
    pthread_mutex_unlock(&sessions_lock);
    return status;
}

/* The caller's options with the two entries that lead to the registered allocator. */
static OrtStatus *options_clone(const OrtApi *api, const OrtSessionOptions *options,
                                OrtSessionOptions **clone)
{
    static const char *const entries[] = {"session.use_env_allocators",
                                          "session.use_device_allocator_for_initializers"};
    *clone = NULL;
    OrtStatus *status =
        options ? api->CloneSessionOptions(options, clone) : api->CreateSessionOptions(clone);
    for (size_t i = 0; !status && i < sizeof(entries) / sizeof(*entries); i++)
        status = api->AddSessionConfigEntry(*clone, entries[i], "1");
    return status;
}

/* A model in a file, or in memory. */
struct model {
    const ORTCHAR_T *path;
    const void *data;
    size_t size;
};

static OrtStatus *session_make(struct weir_ort *o, OrtEnv *env, const struct model *model,
                               const OrtSessionOptions *options, OrtSession **session)
{
    OrtStatus *status = register_locked(o, env);
    if (status)
        return status;
    const char *name = weir__ort_model_name(model->path);
    WEIR_MARK_SCOPE(WEIR_MARK_MODEL, name);
    __atomic_add_fetch(&o->making, 1, __ATOMIC_RELAXED);
    if (model->path)
        status = o->api->CreateSession(env, model->path, options, session);
    else
        status = o->api->CreateSessionFromArray(env, model->data, model->size, options, session);
    __atomic_sub_fetch(&o->making, 1, __ATOMIC_RELAXED);
    OrtStatus *undone = unregister_locked(o, env);
    if (!undone || status) {
        if (undone)
            o->api->ReleaseStatus(undone);
        if (!status)
            weir__ort_session_name(*session, name);
        return status;
    }
    o->api->ReleaseSession(*session);
    *session = NULL;
    return undone;
}

static OrtStatus *session_create(struct weir_ort *o, OrtEnv *env, const struct model *model,
                                 const OrtSessionOptions *options, OrtSession **session)
{
    OrtSessionOptions *clone;
    *session = NULL;
    OrtStatus *status = options_clone(o->api, options, &clone);
    if (!status) {
        pthread_mutex_lock(&sessions_lock);
        status = session_make(o, env, model, clone, session);
        pthread_mutex_unlock(&sessions_lock);
    }
    if (clone)
        o->api->ReleaseSessionOptions(clone);
    if (!status)
        malloc_trim(0); /* as weight_allocate says */
    return status;
}

OrtStatus *weir_ort_create_session(weir_ort *o, OrtEnv *env, const ORTCHAR_T *model_path,
                                   const OrtSessionOptions *options, OrtSession **session)
{
    return session_create(o, env, &(struct model){.path = model_path}, options, session);
}

OrtStatus *weir_ort_create_session_from_array(weir_ort *o, OrtEnv *env, const void *model,
                                              size_t size, const OrtSessionOptions *options,
                                              OrtSession **session)
{
    return session_create(o, env, &(struct model){.data = model, .size = size}, options, session);
}

/* -- what is inside ----------------------------------------------------------------------- */

OrtAllocator *weir_ort_allocator(weir_ort *o)
{
    return &o->ort;
}

weir_allocator *weir_ort_context(weir_ort *o)
{
    return o->context;
}

weir_allocator *weir_ort_weights(weir_ort *o)
{
    return o->weights;
}

weir_allocator *weir_ort_tensors(weir_ort *o)
{
    return o->tensors;
}
