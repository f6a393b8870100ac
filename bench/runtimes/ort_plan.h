/*
 * ort_plan.h - a model's runs from the plan of one of them, for ort_run --planned.
 * Single-threaded but for what ONNX Runtime does.
 */
#ifndef WEIR_BENCH_RUNTIMES_ORT_PLAN_H
#define WEIR_BENCH_RUNTIMES_ORT_PLAN_H

#include "bench/runtimes/ort_model.h"

struct plan_settings {
    const char *model, *runtime;
    const char *trace; /* the recorded run is written there too, for `weir plan`; NULL: no */
    unsigned runs;
    int threads;
    const struct shape *shapes;
    size_t nshapes;
};

/* Prints what was planned and how the runs kept to it. An exit status, as ort_run's. */
int planned_run(const struct plan_settings *settings);

#endif
