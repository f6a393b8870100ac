/*
 * tensor.h - typed, shaped memory on any allocator, with shared ownership.
 *
 * A weir_tensor is a handle: type, shape, strides, and where it begins in a storage. Views,
 * slices and reshapes are further handles to the same storage, which goes when the last of
 * them is released. Handles are weir's own book-keeping, taken apart from every pool:
 * an allocator's figures count tensor data and nothing else.
 *
 * Thread rule: retain, release, queries and making views may be done from any thread at
 * once. weir_tensor_resize changes its handle and wants it alone; so does writing the
 * elements, by the program's own agreement.
 *
 * Shapes. Every extent is 0 or more, at most WEIR_MAX_NDIM of them; none is a scalar of one
 * element; an extent of 0 is a valid tensor without elements. Strides count elements.
 * Errors: EINVAL for what can never be, EOVERFLOW where the bytes exceed PTRDIFF_MAX, ENOMEM
 * where memory or a limit does not suffice; weir_last_error() says more. Functions
 * that make a tensor return NULL and set errno; the caller releases what they return.
 */
#ifndef WEIR_TENSOR_H
#define WEIR_TENSOR_H

#include <weir/allocator.h>

WEIR_BEGIN_DECLS

#define WEIR_MAX_NDIM 12

typedef enum weir_dtype {
    WEIR_FLOAT32 = 0,
    WEIR_FLOAT64,
    WEIR_FLOAT16,
    WEIR_BFLOAT16,
    WEIR_INT8,
    WEIR_INT16,
    WEIR_INT32,
    WEIR_INT64,
    WEIR_UINT8,
    WEIR_BOOL
} weir_dtype;

/* Bytes of one element; 0 for a value that is not a type. */
WEIR_API size_t weir_dtype_size(weir_dtype dtype) WEIR_NOEXCEPT;

/* "float32", ...; "unknown" for a value that is not a type. */
WEIR_API const char *weir_dtype_name(weir_dtype dtype) WEIR_NOEXCEPT WEIR_RETURNS_NONNULL;

/* -- making ------------------------------------------------------------------- */

/* Row-major, 64-byte aligned, contents undefined, on the CPU allocator or on `a`. */
WEIR_API weir_tensor *weir_tensor_create(const int64_t *shape, size_t ndim,
                                         weir_dtype dtype) WEIR_NOEXCEPT WEIR_MALLOC;
WEIR_API weir_tensor *weir_tensor_create_in(weir_allocator *a, const int64_t *shape, size_t ndim,
                                            weir_dtype dtype) WEIR_NOEXCEPT WEIR_MALLOC;

/* The same with every byte zero. */
WEIR_API weir_tensor *weir_tensor_create_zeroed_in(weir_allocator *a, const int64_t *shape,
                                                   size_t ndim,
                                                   weir_dtype dtype) WEIR_NOEXCEPT WEIR_MALLOC;

/* Called once, when the last handle to wrapped memory is released, on that thread. */
typedef void weir_tensor_deleter(void *user, void *data);

/*
 * A tensor over the caller's host memory, row-major. It is not counted in any statistics.
 * The memory must stay until `deleter` (may be NULL) is called; when this fails it is not
 * called. `data` may be NULL only where there are no elements.
 */
WEIR_API weir_tensor *weir_tensor_wrap(void *data, const int64_t *shape, size_t ndim,
                                       weir_dtype dtype, weir_tensor_deleter *deleter,
                                       void *user) WEIR_NOEXCEPT WEIR_NODISCARD;

/* All there is to say about memory that was not made by weir_tensor_create. */
typedef struct weir_tensor_memory {
    void *data;                /* of the element with all indices 0 */
    weir_allocator *allocator; /* whose memory it is, which says where it lives; NULL: the host's */
    const int64_t *strides;    /* in elements, may be negative; NULL: row-major */
    weir_tensor_deleter *deleter; /* may be NULL */
    void *user;
    bool read_only; /* told by weir_tensor_is_read_only; weir itself does not write to it */
} weir_tensor_memory;

WEIR_API weir_tensor *weir_tensor_wrap_memory(const weir_tensor_memory *memory,
                                              const int64_t *shape, size_t ndim,
                                              weir_dtype dtype) WEIR_NOEXCEPT WEIR_NODISCARD;

/* -- over a file ---------------------------------------------------------------- */

typedef enum weir_map_mode {
    WEIR_MAP_READ_ONLY = 0, /* a write to it ends the program (SIGSEGV) */
    WEIR_MAP_COPY_ON_WRITE  /* pages that are written become the process's own; the file stays */
} weir_map_mode;

/*
 * A tensor over a file's bytes from `offset` on, row-major: no copy, and nothing is read before it
 * is touched. The offset is any, and the data as aligned as that is. Unmapped when the last handle
 * to it is released. It counts as mapped (weir_mapped_stats), not as allocated, for that memory is
 * the page cache's, which other processes share and the kernel takes back; its allocator is NULL
 * as for wrapped memory, and a clone is allocated. The file may be closed, renamed or removed, but
 * not cut: touching what is gone raises SIGBUS. Others' writes to it may be seen.
 *
 * NULL with EINVAL, EOVERFLOW, ENOMEM as above; ENXIO: the file is too short; ENODEV: it cannot
 * be mapped; or what open, fstat and mmap say. `file` is open for reading and stays the
 * caller's, who may close it at once.
 */
WEIR_API weir_tensor *weir_tensor_map_file(const char *path, uint64_t offset, const int64_t *shape,
                                           size_t ndim, weir_dtype dtype,
                                           weir_map_mode mode) WEIR_NOEXCEPT WEIR_NODISCARD;
WEIR_API weir_tensor *weir_tensor_map_fd(int file, uint64_t offset, const int64_t *shape,
                                         size_t ndim, weir_dtype dtype,
                                         weir_map_mode mode) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Is it over a file? So are views of such a one; a clone is not. */
WEIR_API bool weir_tensor_is_mapped(const weir_tensor *t) WEIR_NOEXCEPT;

/* Bytes of its storage that are in memory, so that touching them reads nothing: every page is
 * looked up (mincore). WEIR_UNSUPPORTED where the kernel does not tell (a file that is another
 * user's and may not be written to) and for a tensor that is not mapped. */
WEIR_API size_t weir_tensor_resident(const weir_tensor *t) WEIR_NOEXCEPT;

/* All files' parts that tensors of the process are over. */
typedef struct weir_mapped_stats {
    size_t size;     /* of this struct: WEIR_MAPPED_STATS_INIT sets it; 0: the first release's */
    size_t mappings; /* parts: storages, however many handles share one */
    size_t mapped_bytes;   /* of them, as the shapes say; one that is mapped twice counts twice */
    size_t resident_bytes; /* of these, in memory (weir_tensor_resident) */
} weir_mapped_stats;
#define WEIR_MAPPED_STATS_INIT WEIR_STRUCT_INIT(weir_mapped_stats)

/* Looks every page up: some microseconds a megabyte. 0; EINVAL for NULL or a size of no known
 * struct. */
WEIR_API int weir_mapped_stats_get(weir_mapped_stats *stats) WEIR_NOEXCEPT;

/* -- sharing ------------------------------------------------------------------ */

/* One more owner of the handle; returns it. NULL gives NULL. */
WEIR_API weir_tensor *weir_tensor_retain(weir_tensor *t) WEIR_NOEXCEPT;

/* One owner fewer; the last one frees the handle and, with the last handle, the storage. NULL
 * does nothing; errno is kept. One release too many is misuse where it is noticed. */
WEIR_API void weir_tensor_release(weir_tensor *t) WEIR_NOEXCEPT;

/* Handles to the same storage, this one included; owners of one handle count once. */
WEIR_API size_t weir_tensor_storage_count(const weir_tensor *t) WEIR_NOEXCEPT;

/* Do both have the same storage? */
WEIR_API bool weir_tensor_shares_storage(const weir_tensor *a, const weir_tensor *b) WEIR_NOEXCEPT;

/* -- views: new handles to the same storage ------------------------------------- */

WEIR_API weir_tensor *weir_tensor_view(const weir_tensor *t) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Another shape of as many elements in the same order. One extent may be -1: whatever
 * fits. EINVAL where the strides do not allow it (weir_tensor_contiguous first). */
WEIR_API weir_tensor *weir_tensor_reshape(const weir_tensor *t, const int64_t *shape,
                                          size_t ndim) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Along `dim`, the indices first, first + step, ... below last. 0 <= first <= last <=
 * extent and step >= 1, else EINVAL. */
WEIR_API weir_tensor *weir_tensor_slice(const weir_tensor *t, size_t dim, int64_t first,
                                        int64_t last, int64_t step) WEIR_NOEXCEPT WEIR_NODISCARD;

/* What is at one index of `dim`, without that dimension. */
WEIR_API weir_tensor *weir_tensor_select(const weir_tensor *t, size_t dim,
                                         int64_t index) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Dimension i of the result is dimension order[i] of `t`; `order` has ndim entries. */
WEIR_API weir_tensor *weir_tensor_permute(const weir_tensor *t,
                                          const size_t *order) WEIR_NOEXCEPT WEIR_NODISCARD;
WEIR_API weir_tensor *weir_tensor_transpose(const weir_tensor *t, size_t dim0,
                                            size_t dim1) WEIR_NOEXCEPT WEIR_NODISCARD;

/* -- copies ------------------------------------------------------------------- */

/*
 * A new row-major tensor with the same elements, in the allocator of `t` (wrapped host
 * memory: the CPU allocator) or in `a`, which may be a device's where `t` is on the host, and
 * the other way round. ENOTSUP where the host would have to reorder elements that it cannot
 * touch (weir_tensor_to in device.h fetches them first), or to cross to or from memory that
 * only a user's own functions reach.
 */
WEIR_API weir_tensor *weir_tensor_clone(const weir_tensor *t) WEIR_NOEXCEPT WEIR_NODISCARD;
WEIR_API weir_tensor *weir_tensor_clone_in(const weir_tensor *t,
                                           weir_allocator *a) WEIR_NOEXCEPT WEIR_NODISCARD;

/* The elements of `from`, in row-major order, into the contiguous tensor `to` of the same type
 * and count, which must not overlap it. 0; EINVAL, EACCES where `to` is read-only, ENOMEM, or as
 * for clones. */
WEIR_API int weir_tensor_copy(weir_tensor *to,
                              const weir_tensor *from) WEIR_NOEXCEPT WEIR_NODISCARD;

/* `t` itself, retained, where it is contiguous; else a clone. */
WEIR_API weir_tensor *weir_tensor_contiguous(weir_tensor *t) WEIR_NOEXCEPT WEIR_NODISCARD;

/* -- changing ----------------------------------------------------------------- */

/*
 * Gives the handle another shape. It stays in place while its capacity lasts; beyond that it
 * gets more memory, and where other handles share the storage, a new one (they keep the
 * old). The elements up to the shorter count stay, in row-major order; others are undefined.
 * 0; EINVAL (a shape that cannot be, a tensor that is not contiguous), EOVERFLOW, ENOMEM,
 * ENOTSUP as for clones: the tensor is then as it was.
 */
WEIR_API int weir_tensor_resize(weir_tensor *t, const int64_t *shape,
                                size_t ndim) WEIR_NOEXCEPT WEIR_NODISCARD;

/* Sets every byte of a contiguous tensor to zero. 0; EINVAL, EACCES where it is read-only, or what
 * the allocator says. */
WEIR_API int weir_tensor_zero(weir_tensor *t) WEIR_NOEXCEPT WEIR_NODISCARD;

/* -- questions; NULL gives 0, NULL or false -------------------------------------- */

WEIR_API weir_dtype weir_tensor_dtype(const weir_tensor *t) WEIR_NOEXCEPT;
WEIR_API size_t weir_tensor_ndim(const weir_tensor *t) WEIR_NOEXCEPT;
WEIR_API const int64_t *
weir_tensor_shape(const weir_tensor *t) WEIR_NOEXCEPT; /* ndim entries, the handle's */
WEIR_API const int64_t *weir_tensor_strides(const weir_tensor *t) WEIR_NOEXCEPT; /* the same */
WEIR_API int64_t weir_tensor_extent(const weir_tensor *t,
                                    size_t dim) WEIR_NOEXCEPT; /* 0 beyond ndim */
WEIR_API size_t weir_tensor_element_count(const weir_tensor *t) WEIR_NOEXCEPT;
WEIR_API size_t weir_tensor_size_in_bytes(const weir_tensor *t)
    WEIR_NOEXCEPT; /* elements * their size */
WEIR_API size_t weir_tensor_capacity(const weir_tensor *t)
    WEIR_NOEXCEPT; /* bytes resize can fill in place */
WEIR_API void *weir_tensor_data(const weir_tensor *t) WEIR_NOEXCEPT; /* of the first element */
WEIR_API bool
weir_tensor_is_contiguous(const weir_tensor *t) WEIR_NOEXCEPT; /* row-major, without gaps */
WEIR_API bool weir_tensor_is_read_only(const weir_tensor *t) WEIR_NOEXCEPT;

/* Whose memory it is; NULL for wrapped host memory. */
WEIR_API weir_allocator *weir_tensor_allocator(const weir_tensor *t) WEIR_NOEXCEPT;

/* Address of the element at `index` (ndim entries); NULL with EINVAL outside. */
WEIR_API void *weir_tensor_at(const weir_tensor *t, const int64_t *index) WEIR_NOEXCEPT;

WEIR_END_DECLS
#endif
