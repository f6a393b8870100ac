/*
 * adapters/xnnpack.h - XNNPACK's memory through weir (struct xnn_allocator).
 *
 * Header-only; compile and link with `pkg-config weir-xnnpack`. XNNPACK takes one
 * allocator for the process, at its first xnn_initialize: give it a context for
 * itself, and tell models apart by tags (weir_tag_set around what each one does).
 *
 * What XNNPACK expects and does not say:
 *  - operators, packed weights and workspaces ask for an alignment (64 bytes on
 *    x86-64) and crash on less; its other blocks are as malloc's, 16 bytes;
 *  - both kinds may be freed as NULL, and reallocate(NULL) allocates;
 *  - NULL for a size of 0 would be taken for a failure: weir gives a real block;
 *  - NULL where memory is short ends as xnn_status_out_of_memory, but xnn_create_runtime
 *    (seen in the release of 2022-02) says success when only the workspace was
 *    refused, and makes no runtime: set the handle to NULL before and look after;
 *  - kernels read up to XNN_EXTRA_BYTES past the end of every tensor they are given.
 *    XNNPACK adds them to what it allocates; a caller's tensors must bring them:
 *    weir_xnnpack_tensor does, and so they show in the figures.
 *
 * A program that includes this marks what it runs (weir/trace.h): xnn_create_runtime and
 * xnn_create_runtime_v2 as a model, xnn_invoke_runtime and xnn_run_operator as a run; not where
 * WEIR_XNNPACK_NO_MARKS is defined. Where a thread has no tag, what is taken in a run
 * has the tag "scratch", what a runtime takes when it is made "runtime" (packed weights and
 * workspace: XNNPACK does not tell them apart), weir_xnnpack_tensor "activations", and all else,
 * operators and their packed weights, "weights".
 *
 * Thread rule: as weir's; the context must outlive every XNNPACK object.
 */
#ifndef WEIR_ADAPTERS_XNNPACK_H
#define WEIR_ADAPTERS_XNNPACK_H

#include <weir/trace.h>
#include <weir/weir.h>

#include <errno.h>
#include <xnnpack.h>

WEIR_BEGIN_DECLS

/* Alignment of what XNNPACK would take from malloc. */
#define WEIR_XNNPACK_PLAIN_ALIGNMENT 16

/* The thread's tag becomes the one of this name and class, if it has none. Returns the former. */
static inline weir_tag weir_xnnpack__tag(const char *name, weir_class use)
{
    weir_tag tag = weir_tag_intern(name), former = weir_tag_set(tag);
    if (former)
        weir_tag_set(former);
    else if (tag && weir_class_of_tag(tag) != use)
        (void)weir_tag_class(tag, use);
    return former;
}

static inline void *weir_xnnpack__aligned_allocate(void *context, size_t alignment, size_t size)
{
    weir_tag former = weir_xnnpack__tag("weights", WEIR_CLASS_WEIGHT);
    void *block = weir_allocate_aligned((weir_allocator *)context, size, alignment);
    weir_tag_set(former);
    return block;
}

static inline void *weir_xnnpack__allocate(void *context, size_t size)
{
    return weir_xnnpack__aligned_allocate(context, WEIR_XNNPACK_PLAIN_ALIGNMENT, size);
}

static inline void *weir_xnnpack__reallocate(void *context, void *block, size_t size)
{
    /* weir would give a new block 64 bytes of alignment, which costs memory. */
    if (!block)
        return weir_xnnpack__allocate(context, size);
    return weir_reallocate((weir_allocator *)context, block, size);
}

static inline void weir_xnnpack__deallocate(void *context, void *block)
{
    weir_deallocate((weir_allocator *)context, block);
}

/* The table that xnn_initialize takes (it copies it), over `a`. */
static inline struct xnn_allocator weir_xnnpack_allocator(weir_allocator *a)
{
    struct xnn_allocator table;
    table.context = a;
    table.allocate = weir_xnnpack__allocate;
    table.reallocate = weir_xnnpack__reallocate;
    table.deallocate = weir_xnnpack__deallocate;
    table.aligned_allocate = weir_xnnpack__aligned_allocate;
    table.aligned_deallocate = weir_xnnpack__deallocate;
    return table;
}

/*
 * Initializes XNNPACK over `a` (NULL: the CPU allocator), and makes sure of it:
 * XNNPACK ignores the allocator of every call but the first, without a word, so one
 * empty subgraph is made and looked up in `a`. XNNPACK's status; where another
 * allocator came first xnn_status_invalid_state with errno EBUSY, and XNNPACK goes
 * on with that one.
 */
static inline enum xnn_status weir_xnnpack_initialize(weir_allocator *a)
{
    struct xnn_allocator table = weir_xnnpack_allocator(a ? a : weir_cpu_allocator());
    enum xnn_status status = xnn_initialize(&table);
    if (status != xnn_status_success)
        return status;
    xnn_subgraph_t probe = NULL;
    status = xnn_create_subgraph(0, 0, &probe);
    if (status != xnn_status_success)
        return status;
    bool ours = weir_owns((weir_allocator *)table.context, probe);
    xnn_delete_subgraph(probe);
    if (ours)
        return xnn_status_success;
    errno = EBUSY;
    return xnn_status_invalid_state;
}

/* Memory for a tensor of `bytes` that XNNPACK is to read or write: 64-byte aligned,
 * not zeroed, with the XNN_EXTRA_BYTES that its kernels read past the end. The
 * caller frees it with weir_deallocate. NULL with ENOMEM. */
static inline void *weir_xnnpack_tensor(weir_allocator *a, size_t bytes)
{
    if (bytes > SIZE_MAX - XNN_EXTRA_BYTES) {
        errno = ENOMEM;
        return NULL;
    }
    weir_tag former = weir_xnnpack__tag("activations", WEIR_CLASS_ACTIVATION);
    void *block = weir_allocate(a, bytes + XNN_EXTRA_BYTES);
    weir_tag_set(former);
    return block;
}

/* -- marks: XNNPACK's functions, and what they take is tagged -------------------------------- */

static inline enum xnn_status weir_xnnpack_create_runtime(xnn_subgraph_t subgraph,
                                                          xnn_runtime_t *runtime)
{
    WEIR_MARK_SCOPE(WEIR_MARK_MODEL, "xnn_create_runtime");
    weir_tag former = weir_xnnpack__tag("runtime", WEIR_CLASS_NONE);
    enum xnn_status status = xnn_create_runtime(subgraph, runtime);
    weir_tag_set(former);
    return status;
}

static inline enum xnn_status weir_xnnpack_create_runtime_v2(xnn_subgraph_t subgraph,
                                                             pthreadpool_t pool, uint32_t flags,
                                                             xnn_runtime_t *runtime)
{
    WEIR_MARK_SCOPE(WEIR_MARK_MODEL, "xnn_create_runtime_v2");
    weir_tag former = weir_xnnpack__tag("runtime", WEIR_CLASS_NONE);
    enum xnn_status status = xnn_create_runtime_v2(subgraph, pool, flags, runtime);
    weir_tag_set(former);
    return status;
}

static inline enum xnn_status weir_xnnpack_invoke_runtime(xnn_runtime_t runtime)
{
    WEIR_MARK_SCOPE(WEIR_MARK_RUN, "xnn_invoke_runtime");
    weir_tag former = weir_xnnpack__tag("scratch", WEIR_CLASS_SCRATCH);
    enum xnn_status status = xnn_invoke_runtime(runtime);
    weir_tag_set(former);
    return status;
}

static inline enum xnn_status weir_xnnpack_run_operator(xnn_operator_t op, pthreadpool_t pool)
{
    WEIR_MARK_SCOPE(WEIR_MARK_RUN, "xnn_run_operator");
    weir_tag former = weir_xnnpack__tag("scratch", WEIR_CLASS_SCRATCH);
    enum xnn_status status = xnn_run_operator(op, pool);
    weir_tag_set(former);
    return status;
}

#ifndef WEIR_XNNPACK_NO_MARKS
#define xnn_create_runtime(subgraph, runtime) weir_xnnpack_create_runtime(subgraph, runtime)
#define xnn_create_runtime_v2(subgraph, pool, flags, runtime)                                      \
    weir_xnnpack_create_runtime_v2(subgraph, pool, flags, runtime)
#define xnn_invoke_runtime(runtime) weir_xnnpack_invoke_runtime(runtime)
#define xnn_run_operator(op, pool)  weir_xnnpack_run_operator(op, pool)
#endif

WEIR_END_DECLS
#endif
