/*
 * 11-onnxruntime.c - a session of ONNX Runtime on a weir context: its weights and what its runs
 * take, exactly, under one limit.
 *
 *     11-onnxruntime MODEL.onnx [OUT.wtr]     with one input "x" of 1 x 3 x 48 x 192 floats
 *     weir trace --html page.html OUT.wtr     which operators hold the peak
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/adapters/onnxruntime.h>
#include <weir/trace.h>

static const OrtApi *api;

static void check(OrtStatus *status)
{
    if (status)
        fprintf(stderr, "11-onnxruntime: %s\n", api->GetErrorMessage(status)), exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    static float pixels[3 * 48 * 192];
    const int64_t shape[] = {1, 3, 48, 192};
    weir_ort_options options = WEIR_ORT_OPTIONS_INIT;
    options.name = "classifier", options.limit = 64 << 20;
    weir_trace_options trace = WEIR_TRACE_OPTIONS_INIT;
    if (argc == 3 && weir_trace_start(argv[2], &trace))
        return fprintf(stderr, "11-onnxruntime: %s: %s\n", argv[2], weir_last_error()), 2;
    weir_ort *ort = argc > 1 ? weir_ort_create(OrtGetApiBase(), &options) : NULL;
    if (!ort)
        return fprintf(stderr, "11-onnxruntime MODEL.onnx [OUT.wtr]; %s\n", weir_ort_error()), 2;
    api = weir_ort_api(OrtGetApiBase(), NULL);

    OrtEnv *env;
    OrtSession *session; /* made by weir_ort_create_session, else as any other */
    OrtMemoryInfo *cpu;
    OrtAllocator *names;
    OrtValue *input, *output = NULL;
    char *output_name;
    check(api->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "example", &env));
    check(weir_ort_create_session(ort, env, argv[1], NULL, &session));
    printf("weights: %zu bytes\n", weir_total_allocated(weir_ort_weights(ort)));
    check(api->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &cpu));
    check(api->GetAllocatorWithDefaultOptions(&names));
    check(api->SessionGetOutputName(session, 0, names, &output_name));
    check(api->CreateTensorWithDataAsOrtValue(cpu, pixels, sizeof pixels, shape, 4,
                                              ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT, &input));
    check(api->Run(session, NULL, (const char *[]){"x"}, (const OrtValue *[]){input}, 1,
                   (const char *[]){output_name}, 1, &output));
    printf("a run: %zu bytes at most\n", weir_peak_allocated(weir_ort_tensors(ort)));

    api->ReleaseSession(session);
    printf("without the session: %s\n", weir_ort_destroy(ort) ? weir_ort_error() : "nothing left");
    api->ReleaseValue(output);
    return weir_ort_destroy(ort); /* 0: now nothing is */
}
