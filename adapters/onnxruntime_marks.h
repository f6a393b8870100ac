/*
 * adapters/onnxruntime_marks.h - marks of what ONNX Runtime does, in whatever is recorded
 * (weir/trace.h): a model while a session is made, a run around each Run. Any thread.
 */
#ifndef WEIR_ADAPTERS_ONNXRUNTIME_MARKS_H
#define WEIR_ADAPTERS_ONNXRUNTIME_MARKS_H

#include <onnxruntime_c_api.h>

/* The interface whose functions that make, run and release sessions mark it, over the runtime's
 * own; `api` itself where another runtime of the process has been given one. */
const OrtApi *weir__ort_marked(const OrtApi *api);

/* The runtime's own of either. */
const OrtApi *weir__ort_unmarked(const OrtApi *api);

/* What a model is called in marks: the path's last part; NULL: a model in memory. */
const char *weir__ort_model_name(const ORTCHAR_T *path);

/* Runs of the session are called so, until it is released. */
void weir__ort_session_name(const OrtSession *session, const char *name);

#endif
