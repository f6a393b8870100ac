/* ort_model.c - see ort_model.h. */
#include "bench/runtimes/ort_model.h"
#include "bench/runtimes/child.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int status_print(const OrtApi *api, OrtStatus *status, const char *what)
{
    if (!status)
        return 0;
    fprintf(stderr, "ort_run: %s: %s\n", what, api->GetErrorMessage(status));
    api->ReleaseStatus(status);
    return 1;
}

/* -- the runtime ------------------------------------------------------------------------ */

int runtime_open(struct runtime *r, const char *path, int threads)
{
    *r = (struct runtime){.library = dlopen(path, RTLD_NOW | RTLD_LOCAL)};
    if (!r->library) {
        fprintf(stderr, "ort_run: ONNX Runtime is missing: %s\n", dlerror());
        return EXIT_MISSING;
    }
    const OrtApiBase *(*get)(void);
    *(void **)&get = dlsym(r->library, "OrtGetApiBase");
    if (!get) {
        fprintf(stderr, "ort_run: %s is no ONNX Runtime: it has no OrtGetApiBase\n", path);
        return EXIT_UNSUPPORTED;
    }
    r->base = get();
    r->api = weir_ort_api(r->base, NULL);
    if (!r->api) {
        fprintf(stderr, "ort_run: %s\n", weir_ort_error());
        return EXIT_UNSUPPORTED;
    }
    OrtStatus *status = r->api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "ort_run", &r->env);
    if (!status)
        status = r->api->CreateSessionOptions(&r->options);
    if (!status)
        status = r->api->SetIntraOpNumThreads(r->options, threads);
    return status_print(r->api, status, "cannot start ONNX Runtime");
}

void runtime_close(struct runtime *r)
{
    if (r->options)
        r->api->ReleaseSessionOptions(r->options);
    if (r->env)
        r->api->ReleaseEnv(r->env);
    /* The library stays: it has its own threads and exit handlers. */
}

/* -- sessions --------------------------------------------------------------------------- */

OrtStatus *model_load(struct model *m, const struct runtime *r, const char *path, bool arena,
                      weir_ort *ort)
{
    *m = (struct model){.runtime = r};
    if (ort)
        return weir_ort_create_session(ort, r->env, path, r->options, &m->session);
    OrtStatus *status =
        arena ? r->api->EnableCpuMemArena(r->options) : r->api->DisableCpuMemArena(r->options);
    return status ? status : r->api->CreateSession(r->env, path, r->options, &m->session);
}

void model_unload(struct model *m)
{
    OrtAllocator *names = NULL;
    const OrtApi *api = m->runtime->api;
    OrtStatus *status = api->GetAllocatorWithDefaultOptions(&names);
    if (status)
        api->ReleaseStatus(status);
    for (size_t i = 0; i < MODEL_INPUTS_MAX; i++) {
        if (m->inputs[i])
            api->ReleaseValue(m->inputs[i]);
        free(m->input_data[i]);
        if (m->input_names[i])
            names->Free(names, m->input_names[i]);
        if (m->output_names[i])
            names->Free(names, m->output_names[i]);
        m->inputs[i] = NULL;
        m->input_data[i] = NULL;
        m->input_names[i] = m->output_names[i] = NULL;
    }
    if (m->session)
        api->ReleaseSession(m->session);
    m->session = NULL;
}

/* -- inputs ----------------------------------------------------------------------------- */

/* What the user said, else: one item, an image of 640 by 640 (320 wide where the
 * height is fixed), half a thousand samples. */
static void dims_complete(const char *name, int64_t *dims, size_t rank, const struct shape *shapes,
                          size_t nshapes)
{
    for (size_t i = 0; i < nshapes; i++)
        if (!strcmp(shapes[i].name, name) && shapes[i].rank == rank)
            memcpy(dims, shapes[i].dims, rank * sizeof(*dims));
    bool tall = rank == 4 && dims[2] < 0;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] >= 0)
            continue;
        if (i == 0 || rank == 3)
            dims[i] = 1;
        else if (rank == 2)
            dims[i] = 512;
        else
            dims[i] = i == 3 && !tall ? 320 : 640;
    }
}

/* splitmix64. */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void data_fill(void *data, size_t count, bool is_float)
{
    uint64_t state = 1;
    for (size_t i = 0; i < count; i++) {
        if (is_float)
            ((float *)data)[i] = (float)(random_next(&state) >> 40) / 16777216.0f - 0.5f;
        else
            ((int64_t *)data)[i] = 16000;
    }
}

/* Input `i` of the type and shape that the model says. */
static OrtStatus *input_make(struct model *m, size_t i, const OrtTensorTypeAndShapeInfo *info,
                             const OrtMemoryInfo *memory, const struct shape *shapes,
                             size_t nshapes)
{
    const OrtApi *api = m->runtime->api;
    enum ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    int64_t dims[MODEL_RANK_MAX];
    size_t rank = 0, count = 1;
    OrtStatus *status = api->GetTensorElementType(info, &type);
    if (!status)
        status = api->GetDimensionsCount(info, &rank);
    if (!status && (rank > MODEL_RANK_MAX || (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT &&
                                              type != ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64)))
        status = api->CreateStatus(ORT_NOT_IMPLEMENTED,
                                   "ort_run makes inputs of float and int64, up to 8 dimensions");
    if (!status)
        status = api->GetDimensions(info, dims, rank);
    if (status)
        return status;
    dims_complete(m->input_names[i], dims, rank, shapes, nshapes);
    for (size_t d = 0; d < rank; d++)
        count *= (size_t)dims[d];
    bool is_float = type == ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT;
    size_t bytes = count * (is_float ? sizeof(float) : sizeof(int64_t));
    if (posix_memalign(&m->input_data[i], 64, bytes + WEIR_ORT_OVERREAD + 1))
        return api->CreateStatus(ORT_FAIL, "no memory for inputs");
    data_fill(m->input_data[i], count, is_float);
    return api->CreateTensorWithDataAsOrtValue(memory, m->input_data[i], bytes, dims, rank, type,
                                               &m->inputs[i]);
}

static OrtStatus *names_get(struct model *m, OrtAllocator *names)
{
    const OrtApi *api = m->runtime->api;
    OrtStatus *status = api->SessionGetInputCount(m->session, &m->ninputs);
    if (!status)
        status = api->SessionGetOutputCount(m->session, &m->noutputs);
    if (!status && (m->ninputs > MODEL_INPUTS_MAX || m->noutputs > MODEL_INPUTS_MAX))
        status =
            api->CreateStatus(ORT_NOT_IMPLEMENTED, "ort_run takes up to 16 inputs and outputs");
    for (size_t i = 0; !status && i < m->ninputs; i++)
        status = api->SessionGetInputName(m->session, i, names, &m->input_names[i]);
    for (size_t i = 0; !status && i < m->noutputs; i++)
        status = api->SessionGetOutputName(m->session, i, names, &m->output_names[i]);
    return status;
}

OrtStatus *model_prepare(struct model *m, const struct shape *shapes, size_t nshapes)
{
    const OrtApi *api = m->runtime->api;
    OrtAllocator *names;
    OrtMemoryInfo *memory = NULL;
    OrtStatus *status = api->GetAllocatorWithDefaultOptions(&names);
    if (!status)
        status = names_get(m, names);
    if (!status)
        status = api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory);
    for (size_t i = 0; !status && i < m->ninputs; i++) {
        OrtTypeInfo *type = NULL;
        const OrtTensorTypeAndShapeInfo *info = NULL;
        status = api->SessionGetInputTypeInfo(m->session, i, &type);
        if (!status)
            status = api->CastTypeInfoToTensorInfo(type, &info);
        if (!status && !info)
            status = api->CreateStatus(ORT_NOT_IMPLEMENTED, "an input is no tensor");
        if (!status)
            status = input_make(m, i, info, memory, shapes, nshapes);
        if (type)
            api->ReleaseTypeInfo(type);
    }
    if (memory)
        api->ReleaseMemoryInfo(memory);
    return status;
}

/* -- runs ------------------------------------------------------------------------------- */

OrtStatus *model_run(struct model *m)
{
    memset(m->outputs, 0, sizeof(m->outputs));
    return m->runtime->api->Run(m->session, NULL, (const char *const *)m->input_names,
                                (const OrtValue *const *)m->inputs, m->ninputs,
                                (const char *const *)m->output_names, m->noutputs, m->outputs);
}

static size_t element_size(enum ONNXTensorElementDataType type)
{
    switch (type) {
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32:
        return 4;
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64:
    case ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE:
        return 8;
    default:
        return 1;
    }
}

/* Outputs that are no tensors add nothing. */
static uint64_t hash_output(const OrtApi *api, uint64_t hash, OrtValue *value)
{
    OrtTensorTypeAndShapeInfo *info = NULL;
    enum ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    int64_t dims[MODEL_RANK_MAX];
    size_t rank = 0, count = 0;
    void *data = NULL;
    OrtStatus *status = api->GetTensorTypeAndShape(value, &info);
    if (!status)
        status = api->GetTensorElementType(info, &type);
    if (!status)
        status = api->GetDimensionsCount(info, &rank);
    if (!status && rank <= MODEL_RANK_MAX)
        status = api->GetDimensions(info, dims, rank);
    if (!status)
        status = api->GetTensorShapeElementCount(info, &count);
    if (!status)
        status = api->GetTensorMutableData(value, &data);
    if (info)
        api->ReleaseTensorTypeAndShapeInfo(info);
    if (status) {
        api->ReleaseStatus(status);
        return hash;
    }
    if (rank <= MODEL_RANK_MAX)
        hash = child_hash(hash, dims, rank * sizeof(*dims));
    return child_hash(hash, data, count * element_size(type));
}

uint64_t model_collect(struct model *m, uint64_t hash, bool hold)
{
    for (size_t i = 0; i < m->noutputs; i++) {
        if (!m->outputs[i])
            continue;
        hash = hash_output(m->runtime->api, hash, m->outputs[i]);
        if (hold && i == 0)
            continue;
        m->runtime->api->ReleaseValue(m->outputs[i]);
        m->outputs[i] = NULL;
    }
    return hash;
}
