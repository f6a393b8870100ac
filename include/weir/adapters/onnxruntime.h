/*
 * adapters/onnxruntime.h - ONNX Runtime's memory through weir (OrtAllocator).
 *
 * A small library over ONNX Runtime's C API: compile and link with `pkg-config
 * weir-onnxruntime`. It links no libonnxruntime: the caller hands in what its
 * OrtGetApiBase returned, from a library it links or opened itself.
 *
 * A weir_ort is the memory of one session, or of all sessions of an environment: a
 * weir context with two children, "weights" (what is taken while a session is made
 * and kept with it) and "tensors" (what runs take). One limit holds over both.
 *
 * What ONNX Runtime expects and does not say:
 *  - 64 bytes of alignment, or its kernels crash;
 *  - kernels read up to WEIR_ORT_OVERREAD bytes past the end of a block, as its own
 *    allocator provides for: every block asks for that much more, and the figures
 *    include it;
 *  - sizes of 0 are asked for, and get a real block;
 *  - NULL in the middle of a run crashes it. A refusal is thrown instead, as a
 *    std::bad_alloc that the runtime turns into an OrtStatus; it names the context.
 *    So never call ->Alloc of this allocator from C by hand: OrtApi::AllocatorAlloc
 *    catches, a direct call does not;
 *  - it frees from any thread, and output tensors may outlive their session.
 *
 * What is taken while a session is made has the tag "weights", else "activations", each with its
 * class, where the thread has no tag. A recording (weir/trace.h) has a mark while a
 * session is made and around each run, named as the model's file is, where sessions are made and
 * run by weir_ort_create_session and by what weir_ort_api returned. ONNX Runtime's C interface
 * does not tell which operator runs: the stacks of a recording do.
 *
 * Not through weir: ONNX Runtime's graph and its strings (C++ new), the model file's
 * buffer, weights that its optimiser rewrites, the stacks of its threads. What is
 * freed of these while a session is made is given back to the system (malloc_trim).
 *
 * Thread rule: any thread, except weir_ort_destroy, which is the last call on its
 * object. Sessions are made one at a time (weir_ort_create_session holds a lock).
 */
#ifndef WEIR_ADAPTERS_ONNXRUNTIME_H
#define WEIR_ADAPTERS_ONNXRUNTIME_H

#include <weir/allocator.h>

#include <onnxruntime_c_api.h>

WEIR_BEGIN_DECLS

/* MLAS_SYMM_QGEMM_BUF_OVERRUN of ONNX Runtime's sources (core/mlas/inc/mlas.h). */
#define WEIR_ORT_OVERREAD 15

/* The oldest API version that has all this needs. */
#define WEIR_ORT_API_MINIMUM 11

typedef struct weir_ort weir_ort;

typedef struct weir_ort_options {
    size_t size;      /* of this struct: WEIR_ORT_OPTIONS_INIT sets it; 0: the first release's */
    const char *name; /* of the context; NULL: "onnxruntime" */
    weir_allocator *parent; /* NULL: the CPU allocator */
    size_t limit;           /* bytes live at once, weights and tensors; 0: none */
    /* What runs take comes from here, a plan's replay say, and not from a child of the
     * context: then neither its limit nor its figures have the tensors. Yours, for this
     * alone, until weir_ort_destroy. NULL: a child. */
    weir_allocator *tensors;
} weir_ort_options;
#define WEIR_ORT_OPTIONS_INIT WEIR_STRUCT_INIT(weir_ort_options)

/*
 * The runtime's newest interface that both it and this library know, and its number
 * in *version (may be NULL). Its functions that make, run and release sessions mark what they
 * do; of a second runtime in a process they are the runtime's own. NULL with errno ENOTSUP for a
 * runtime older than WEIR_ORT_API_MINIMUM, of another major version or of an unknown version;
 * weir_ort_error() names it.
 */
WEIR_API const OrtApi *weir_ort_api(const OrtApiBase *base,
                                    uint32_t *version) WEIR_NOEXCEPT WEIR_NODISCARD;

/* NULL options: defaults. NULL with errno ENOTSUP, ENOMEM or EINVAL, and a reason. */
WEIR_API weir_ort *weir_ort_create(const OrtApiBase *base,
                                   const weir_ort_options *options) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * 0, or EBUSY while blocks are live: a session was not released, or a tensor
 * outlives it. weir_ort_error() then says how much and under which tags
 * (weir_tag_set around a run tells runs apart). EINVAL for NULL, or while it is
 * registered.
 */
WEIR_API int weir_ort_destroy(weir_ort *ort) WEIR_NOEXCEPT;

/* The reason for the calling thread's last failed call here, "" if none. */
WEIR_API const char *weir_ort_error(void) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL;

/*
 * Makes a session whose memory is `ort`, and no other session's: the options are
 * cloned (NULL: defaults) with `session.use_env_allocators` and
 * `session.use_device_allocator_for_initializers` set, and the allocator is
 * registered with `env` just for the making. An error status, also where an
 * allocator of the program's own is registered for the CPU already; the caller
 * releases it. The session is released as any other.
 */
WEIR_API OrtStatus *weir_ort_create_session(weir_ort *ort, OrtEnv *env, const ORTCHAR_T *model_path,
                                            const OrtSessionOptions *options,
                                            OrtSession **session) WEIR_NOEXCEPT WEIR_NODISCARD;

/* The same for a model in memory. */
WEIR_API OrtStatus *
weir_ort_create_session_from_array(weir_ort *ort, OrtEnv *env, const void *model, size_t size,
                                   const OrtSessionOptions *options,
                                   OrtSession **session) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * Registers `ort` for every later session of `env` that asks for
 * `session.use_env_allocators`; weights are then told by Reserve alone (with
 * `session.use_device_allocator_for_initializers`). An error status if one is
 * registered already. Unregister before weir_ort_destroy.
 */
WEIR_API OrtStatus *weir_ort_register(weir_ort *ort, OrtEnv *env) WEIR_NOEXCEPT WEIR_NODISCARD;
WEIR_API OrtStatus *weir_ort_unregister(weir_ort *ort, OrtEnv *env) WEIR_NOEXCEPT WEIR_NODISCARD;

/* What ONNX Runtime sees, for OrtApi::AllocatorAlloc, CreateTensorAsOrtValue, ... */
WEIR_API OrtAllocator *weir_ort_allocator(weir_ort *ort) WEIR_NOEXCEPT;

/* For figures, limits, walks and trims. Owned by `ort`. */
WEIR_API weir_allocator *weir_ort_context(weir_ort *ort) WEIR_NOEXCEPT; /* both of the following */
WEIR_API weir_allocator *weir_ort_weights(weir_ort *ort) WEIR_NOEXCEPT;
WEIR_API weir_allocator *weir_ort_tensors(weir_ort *ort) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
