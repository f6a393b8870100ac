/*
 * device/dlpack_abi.h - the structs that DLPack passes between libraries, as its
 * specification lays them out in memory, under names of our own so that they can stand
 * next to its header. tests/unit/dlpack.c compares the two where that header is there.
 */
#ifndef WEIR_OBJECT_DLPACK_ABI_H
#define WEIR_OBJECT_DLPACK_ABI_H

#include <stddef.h>
#include <stdint.h>

/* Device types that weir can reach. */
enum weir__dl_device_type {
    WEIR__DL_CPU = 1,
    WEIR__DL_CUDA = 2,
    WEIR__DL_CUDA_HOST = 3, /* pinned: the host may touch it, as the next */
    WEIR__DL_ROCM_HOST = 11
};

/* Kinds of element. */
enum weir__dl_code {
    WEIR__DL_INT = 0,
    WEIR__DL_UINT = 1,
    WEIR__DL_FLOAT = 2,
    WEIR__DL_BFLOAT = 4,
    WEIR__DL_BOOL = 6
};

struct weir__dl_device {
    int32_t type;
    int32_t id;
};

struct weir__dl_dtype {
    uint8_t code, bits;
    uint16_t lanes;
};

struct weir__dl_tensor {
    void *data; /* the first element is byte_offset further */
    struct weir__dl_device device;
    int32_t ndim;
    struct weir__dl_dtype dtype;
    int64_t *shape;
    int64_t *strides; /* in elements; NULL: row-major */
    uint64_t byte_offset;
};

/* struct DLManagedTensor */
struct weir__dl_managed {
    struct weir__dl_tensor tensor;
    void *manager;
    void (*deleter)(struct weir__dl_managed *self); /* may be NULL */
};

#define WEIR__DL_MAJOR     1
#define WEIR__DL_MINOR     0
#define WEIR__DL_READ_ONLY UINT64_C(1)

/* struct DLManagedTensorVersioned; version, manager and deleter stay in place in every
 * version to come. */
struct weir__dl_versioned {
    struct {
        uint32_t major, minor;
    } version;
    void *manager;
    void (*deleter)(struct weir__dl_versioned *self);
    uint64_t flags;
    struct weir__dl_tensor tensor;
};

_Static_assert(sizeof(struct weir__dl_tensor) == 48, "as the specification has it");
_Static_assert(offsetof(struct weir__dl_managed, deleter) == 56, "as the specification has it");
_Static_assert(offsetof(struct weir__dl_versioned, tensor) == 32, "as the specification has it");

#endif
