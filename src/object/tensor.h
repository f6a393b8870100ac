/*
 * object/tensor.h - what the files of tensors share, and what plan and device may build
 * on: making a handle over memory that is there already.
 */
#ifndef WEIR_OBJECT_TENSOR_H
#define WEIR_OBJECT_TENSOR_H

#include "object/shape.h"

/*
 * Memory that handles share. `references` is atomic and counts handles; the rest is
 * written before the second handle exists, or by weir_tensor_resize while there is one.
 */
struct weir__storage {
    void *data;
    weir_allocator *allocator; /* NULL: host memory that weir knows nothing of */
    weir_tensor_deleter *deleter;
    void *user;
    uint32_t references;
    bool owned; /* data is a live block of `allocator`, freed with the storage */
    bool read_only;
};

/* A handle. `references` is atomic and counts owners; all else changes only in
 * weir_tensor_resize. The storage comes first: a freed handle's mark must survive there
 * where backing/meta.c links its free objects. */
struct weir_tensor {
    struct weir__storage *storage;
    char *data; /* of the first element, within the storage */
    uint32_t mark;
    uint32_t references;
    size_t capacity; /* bytes from `data` that this handle may fill */
    struct weir__layout layout;
};

/* True if `t` is a handle; else misuse was reported (a dead one), or NULL was given. */
bool weir__tensor_is_live(const weir_tensor *t);

/* The same, for functions that want one: false with a reason and errno EINVAL. */
bool weir__tensor_check(const weir_tensor *t);

/* A storage of `bytes` in a block of `a`; NULL with errno. */
struct weir__storage *weir__storage_make(weir_allocator *a, size_t bytes, bool zeroed);

/* One handle fewer; the last frees the memory. */
void weir__storage_release(struct weir__storage *storage);

/* A handle that takes over one reference of the storage; NULL with ENOMEM: it did not. */
weir_tensor *weir__tensor_make(struct weir__storage *storage, void *data, size_t capacity,
                               const struct weir__layout *layout);

/* May the host read and write the elements? */
bool weir__tensor_host_accessible(const weir_tensor *t);

#endif
