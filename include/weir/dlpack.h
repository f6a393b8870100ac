/*
 * dlpack.h - tensors to and from other frameworks without copying, by the DLPack
 * protocol (version 1, and the older struct that numpy 1 and others still speak).
 *
 * The structs are declared by name only: a program that looks inside includes DLPack's own
 * <dlpack/dlpack.h>. Types and devices: every weir_dtype; memory that the host can touch
 * is kDLCPU, that of "cuda:N" kDLCUDA, either way. Strides and extents are passed on as they are;
 * alignment is that of the data (64 bytes for a tensor of weir's own, views begin anywhere). A
 * tensor without elements has no address: NULL, as DLPack 1.0 wants it.
 *
 * Thread rule: as tensor.h. A deleter may be called on any thread.
 */
#ifndef WEIR_DLPACK_H
#define WEIR_DLPACK_H

#include <weir/tensor.h>

WEIR_BEGIN_DECLS

struct DLManagedTensor;
struct DLManagedTensorVersioned;

/*
 * An export shares the tensor's storage and keeps the shape it has now. The consumer
 * calls its `deleter` once. The second tells of read-only memory (the flag), the first
 * refuses it (EACCES), having no word for it. NULL with ENOMEM, EINVAL, or ENOTSUP for memory
 * of other devices.
 */
WEIR_API struct DLManagedTensor *
weir_tensor_to_dlpack(const weir_tensor *t) WEIR_NOEXCEPT WEIR_NODISCARD;
WEIR_API struct DLManagedTensorVersioned *
weir_tensor_to_dlpack_versioned(const weir_tensor *t) WEIR_NOEXCEPT WEIR_NODISCARD;

/*
 * A tensor over the producer's memory, whose deleter is called when the last handle goes.
 * NULL with EINVAL (a shape that cannot be), EOVERFLOW, ENOMEM, or ENOTSUP (element type, lanes,
 * device, a major version other than 1): the caller still owns the struct.
 */
WEIR_API weir_tensor *
weir_tensor_from_dlpack(struct DLManagedTensor *managed) WEIR_NOEXCEPT WEIR_NODISCARD;
WEIR_API weir_tensor *weir_tensor_from_dlpack_versioned(struct DLManagedTensorVersioned *managed)
    WEIR_NOEXCEPT WEIR_NODISCARD;

WEIR_END_DECLS
#endif
