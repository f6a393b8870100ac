/*
 * ort_model.h - a model under ONNX Runtime, for ort_run: the runtime opened at run
 * time, one session, inputs made up for it, runs. Knows of weir only through the
 * adapter; prints nothing but errors. One thread.
 */
#ifndef WEIR_BENCH_RUNTIMES_ORT_MODEL_H
#define WEIR_BENCH_RUNTIMES_ORT_MODEL_H

#include <weir/adapters/onnxruntime.h>

#define MODEL_INPUTS_MAX 16
#define MODEL_RANK_MAX   8

/* Exit statuses other than 0 and 1: as a shell's for programs. */
#define EXIT_USAGE       2
#define EXIT_UNSUPPORTED 126 /* the runtime is there and cannot be used */
#define EXIT_MISSING     127 /* there is no such library */

struct runtime {
    void *library;
    const OrtApiBase *base;
    const OrtApi *api;
    OrtEnv *env;
    OrtSessionOptions *options;
};

/* A dimension that the model leaves open, as the user wants it. */
struct shape {
    const char *name;
    int64_t dims[MODEL_RANK_MAX];
    size_t rank;
};

struct model {
    const struct runtime *runtime;
    OrtSession *session;
    size_t ninputs, noutputs;
    char *input_names[MODEL_INPUTS_MAX], *output_names[MODEL_INPUTS_MAX];
    OrtValue *inputs[MODEL_INPUTS_MAX], *outputs[MODEL_INPUTS_MAX];
    void *input_data[MODEL_INPUTS_MAX];
};

/* Opens `path` and makes an environment and options. 0, or an exit status. */
int runtime_open(struct runtime *runtime, const char *path, int threads);
void runtime_close(struct runtime *runtime);

/* Prints a status' message with `what` before it and releases it; 1, or 0 for NULL. */
int status_print(const OrtApi *api, OrtStatus *status, const char *what);

/* A session with ONNX Runtime's own arena, without it, or (ort given) over weir.
 * NULL, or an error. */
OrtStatus *model_load(struct model *model, const struct runtime *runtime, const char *path,
                      bool arena, weir_ort *ort);

/* Makes inputs: random floats, integers of 16000 (what Silero VAD calls sr), the open
 * dimensions from `shapes` or guessed. NULL, or an error. */
OrtStatus *model_prepare(struct model *model, const struct shape *shapes, size_t nshapes);

/* One run, with the outputs kept in `outputs`. NULL, or an error. */
OrtStatus *model_run(struct model *model);

/* FNV-1a of all outputs, their shapes included, continued from `hash`; then they are
 * released. `hold`: the first is left in place. */
uint64_t model_collect(struct model *model, uint64_t hash, bool hold);

/* Everything but outputs that are held. */
void model_unload(struct model *model);

#endif
