/* adapters/onnxruntime_throw.h - the one thing that C cannot do. */
#ifndef WEIR_ADAPTERS_ONNXRUNTIME_THROW_H
#define WEIR_ADAPTERS_ONNXRUNTIME_THROW_H

#ifdef __cplusplus
extern "C" {
#endif

/* Throws a std::bad_alloc whose what() is `reason` (copied, cut at 255 bytes). */
__attribute__((noreturn)) void weir__ort_throw(const char *reason);

#ifdef __cplusplus
}
#endif
#endif
