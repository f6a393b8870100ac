/* DLPack: the structs are those of its header, exports and imports are exact, refusals leave
 * the struct with its owner. numpy's own view is in tests/scripts/dlpack_numpy.sh. */
#include "device/dlpack_abi.h"

#include "../helpers/object.h"

#if __has_include(<dlpack/dlpack.h>)
#include <dlpack/dlpack.h>

#define SAME(ours, our_field, theirs, their_field)                                                 \
    do {                                                                                           \
        cr_expect_eq(offsetof(ours, our_field), offsetof(theirs, their_field), #their_field);      \
        cr_expect_eq(sizeof(((ours *)0)->our_field), sizeof(((theirs *)0)->their_field),           \
                     #their_field);                                                                \
    } while (0)

Test(dlpack_abi, the_structs_are_those_of_the_header)
{
    typedef struct weir__dl_tensor tensor;
    cr_expect_eq(sizeof(tensor), sizeof(DLTensor));
    SAME(tensor, data, DLTensor, data);
    SAME(tensor, device.type, DLTensor, device.device_type);
    SAME(tensor, device.id, DLTensor, device.device_id);
    SAME(tensor, ndim, DLTensor, ndim);
    SAME(tensor, dtype.code, DLTensor, dtype.code);
    SAME(tensor, dtype.bits, DLTensor, dtype.bits);
    SAME(tensor, dtype.lanes, DLTensor, dtype.lanes);
    SAME(tensor, shape, DLTensor, shape);
    SAME(tensor, strides, DLTensor, strides);
    SAME(tensor, byte_offset, DLTensor, byte_offset);
    typedef struct weir__dl_managed managed;
    cr_expect_eq(sizeof(managed), sizeof(DLManagedTensor));
    SAME(managed, tensor, DLManagedTensor, dl_tensor);
    SAME(managed, manager, DLManagedTensor, manager_ctx);
    SAME(managed, deleter, DLManagedTensor, deleter);
#ifdef DLPACK_MAJOR_VERSION
    typedef struct weir__dl_versioned versioned;
    typedef struct DLManagedTensorVersioned theirs; /* DLPack 1.0 has no typedef in C */
    cr_expect_eq(sizeof(versioned), sizeof(theirs));
    SAME(versioned, version.major, theirs, version.major);
    SAME(versioned, version.minor, theirs, version.minor);
    SAME(versioned, manager, theirs, manager_ctx);
    SAME(versioned, deleter, theirs, deleter);
    SAME(versioned, flags, theirs, flags);
    SAME(versioned, tensor, theirs, dl_tensor);
    cr_expect_eq(WEIR__DL_READ_ONLY, DLPACK_FLAG_BITMASK_READ_ONLY);
    cr_expect_eq(WEIR__DL_MAJOR, DLPACK_MAJOR_VERSION);
    cr_expect_eq((int)WEIR__DL_BOOL, (int)kDLBool);
#endif
    cr_expect_eq((int)WEIR__DL_CPU, (int)kDLCPU);
    cr_expect_eq((int)WEIR__DL_CUDA, (int)kDLCUDA);
    cr_expect_eq((int)WEIR__DL_CUDA_HOST, (int)kDLCUDAHost);
    cr_expect_eq((int)WEIR__DL_ROCM_HOST, (int)kDLROCMHost);
    cr_expect_eq((int)WEIR__DL_INT, (int)kDLInt);
    cr_expect_eq((int)WEIR__DL_UINT, (int)kDLUInt);
    cr_expect_eq((int)WEIR__DL_FLOAT, (int)kDLFloat);
    cr_expect_eq((int)WEIR__DL_BFLOAT, (int)kDLBfloat);
}
#endif

/* -- export ------------------------------------------------------------------------- */

static void expect_described(const struct weir__dl_tensor *d, const weir_tensor *t, unsigned code,
                             unsigned bits)
{
    cr_expect_eq(d->data, weir_tensor_data(t));
    cr_expect_eq(d->device.type, WEIR__DL_CPU);
    cr_expect_eq(d->device.id, 0);
    cr_expect_eq((size_t)d->ndim, weir_tensor_ndim(t));
    cr_expect_eq(d->dtype.code, code);
    cr_expect_eq(d->dtype.bits, bits);
    cr_expect_eq(d->dtype.lanes, 1);
    cr_expect_eq(d->byte_offset, 0);
    cr_expect_arr_eq(d->shape, weir_tensor_shape(t), weir_tensor_ndim(t) * 8);
    cr_expect_arr_eq(d->strides, weir_tensor_strides(t), weir_tensor_ndim(t) * 8);
}

Test(dlpack, every_type_goes_both_ways)
{
    static const unsigned codes[] = {2, 2, 2, 4, 0, 0, 0, 0, 1, 6};
    for (int dtype = WEIR_FLOAT32; dtype <= WEIR_BOOL; dtype++) {
        weir_tensor *t =
            weir_tensor_create_zeroed_in(weir_cpu_allocator(), ARRAY(3, 4), 2, (weir_dtype)dtype);
        weir_tensor *x = weir_tensor_transpose(t, 0, 1);
        unsigned bits = 8 * (unsigned)weir_dtype_size((weir_dtype)dtype);
        struct DLManagedTensor *m = weir_tensor_to_dlpack(x);
        struct DLManagedTensorVersioned *v = weir_tensor_to_dlpack_versioned(x);
        cr_assert(m && v);
        expect_described(&((struct weir__dl_managed *)m)->tensor, x, codes[dtype], bits);
        expect_described(&((struct weir__dl_versioned *)v)->tensor, x, codes[dtype], bits);
        weir_tensor *back = weir_tensor_from_dlpack(m);
        weir_tensor *again = weir_tensor_from_dlpack_versioned(v);
        cr_assert(back && again);
        cr_expect_eq(weir_tensor_dtype(back), dtype);
        cr_expect_eq(weir_tensor_dtype(again), dtype);
        cr_expect_eq(weir_tensor_data(back), weir_tensor_data(t));
        weir_tensor_release(t);
        weir_tensor_release(x);
        weir_tensor_release(back);
        expect_live(weir_cpu_allocator(), (size_t)12 * bits / 8, 1);
        weir_tensor_release(again);
        expect_live(weir_cpu_allocator(), 0, 0);
    }
}

/* As dlpack.h has it since version 1.0: a tensor of no elements has a NULL pointer. */
Test(dlpack, without_elements_there_is_no_address)
{
    weir_tensor *t = weir_tensor_create(ARRAY(3, 0), 2, WEIR_FLOAT32);
    weir_tensor *whole = weir_tensor_create(ARRAY(3, 4), 2, WEIR_FLOAT32);
    weir_tensor *none = weir_tensor_slice(whole, 1, 2, 2, 1);
    weir_tensor *const all[] = {t, none};
    for (size_t i = 0; i < 2; i++) {
        struct DLManagedTensor *m = weir_tensor_to_dlpack(all[i]);
        struct DLManagedTensorVersioned *v = weir_tensor_to_dlpack_versioned(all[i]);
        cr_assert(m && v);
        cr_expect_null(((struct weir__dl_managed *)m)->tensor.data);
        cr_expect_null(((struct weir__dl_versioned *)v)->tensor.data);
        weir_tensor *back = weir_tensor_from_dlpack(m),
                    *again = weir_tensor_from_dlpack_versioned(v);
        cr_assert(back && again);
        cr_expect_eq(weir_tensor_element_count(back), 0);
        cr_expect_arr_eq(weir_tensor_shape(again), weir_tensor_shape(all[i]), 16);
        weir_tensor_release(back);
        weir_tensor_release(again);
        weir_tensor_release(all[i]);
    }
    weir_tensor_release(whole);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(dlpack, an_export_keeps_its_shape_and_memory)
{
    weir_tensor *t = weir_tensor_create(ARRAY(4, 4), 2, WEIR_INT32);
    void *data = weir_tensor_data(t);
    struct weir__dl_managed *m = (struct weir__dl_managed *)weir_tensor_to_dlpack(t);
    cr_assert_not_null(m);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(2), 1), 0);
    cr_expect_eq(weir_tensor_resize(t, ARRAY(1000), 1), 0);
    weir_tensor_release(t);
    cr_expect_eq(m->tensor.ndim, 2);
    cr_expect_eq(m->tensor.shape[1], 4);
    cr_expect_eq(m->tensor.data, data);
    memset(data, 1, 64);
    expect_live(weir_cpu_allocator(), 64, 1);
    m->deleter(m);
    expect_live(weir_cpu_allocator(), 0, 0);
}

Test(dlpack, read_only_is_passed_on_or_refused)
{
    int32_t memory[4] = {0};
    weir_tensor_memory constant = {.data = memory, .read_only = true};
    weir_tensor *t = weir_tensor_wrap_memory(&constant, ARRAY(4), 1, WEIR_INT32);
    expect_null(weir_tensor_to_dlpack(t), EACCES);
    struct weir__dl_versioned *v = (struct weir__dl_versioned *)weir_tensor_to_dlpack_versioned(t);
    cr_assert_not_null(v);
    cr_expect_eq(v->flags, WEIR__DL_READ_ONLY);
    cr_expect_eq(v->version.major, 1);
    weir_tensor *back = weir_tensor_from_dlpack_versioned((struct DLManagedTensorVersioned *)v);
    cr_expect(weir_tensor_is_read_only(back));
    weir_tensor_release(back);
    weir_tensor_release(t);
    expect_null(weir_tensor_to_dlpack(NULL), EINVAL);
    expect_null(weir_tensor_to_dlpack_versioned(NULL), EINVAL);
}

/* A device called cuda:3, as far as weir can tell. */
Test(dlpack, memory_of_a_gpu_says_which)
{
    const weir_device_table *host = weir_device_host_table_create("cuda:3", 1 << 24);
    weir_device_table table = *host;
    table.flags &= ~(unsigned)WEIR_DEVICE_HOST_ACCESSIBLE;
    weir_allocator *a = weir_device_allocator_create(&table, NULL);
    cr_assert_not_null(a, "%s", weir_last_error());
    weir_tensor *t = weir_tensor_create_in(a, ARRAY(5), 1, WEIR_FLOAT16);
    struct weir__dl_managed *m = (struct weir__dl_managed *)weir_tensor_to_dlpack(t);
    cr_assert_not_null(m);
    cr_expect_eq(m->tensor.device.type, WEIR__DL_CUDA);
    cr_expect_eq(m->tensor.device.id, 3);
    weir_tensor_release(t);
    expect_live(a, 10, 1);
    m->deleter(m);
    expect_live(a, 0, 0);
    cr_expect_eq(weir_allocator_destroy(a), 0);
    struct device other; /* of a user's own functions */
    device_make(&other);
    t = weir_tensor_create_in(other.allocator, ARRAY(5), 1, WEIR_FLOAT16);
    expect_null(weir_tensor_to_dlpack(t), ENOTSUP);
    weir_tensor_release(t);
    weir_allocator_destroy(other.allocator);
}

/* -- import ------------------------------------------------------------------------- */

static int deleted;
static void count_managed(struct weir__dl_managed *self)
{
    (void)self;
    deleted++;
}
static void count_versioned(struct weir__dl_versioned *self)
{
    (void)self;
    deleted++;
}

static int32_t memory[24];
static int64_t shape[] = {2, 3};

static struct weir__dl_managed managed_make(void)
{
    return (struct weir__dl_managed){.tensor = {.data = memory,
                                                .device = {WEIR__DL_CPU, 0},
                                                .ndim = 2,
                                                .dtype = {WEIR__DL_INT, 32, 1},
                                                .shape = shape,
                                                .byte_offset = 8},
                                     .deleter = count_managed};
}

#define import(m) weir_tensor_from_dlpack((struct DLManagedTensor *)(m))

Test(dlpack_import, byte_offset_and_absent_strides_are_understood)
{
    struct weir__dl_managed m = managed_make();
    weir_tensor *t = import(&m);
    cr_assert_not_null(t);
    cr_expect_eq(weir_tensor_data(t), memory + 2);
    cr_expect(weir_tensor_is_contiguous(t));
    cr_expect_eq(weir_tensor_strides(t)[0], 3);
    weir_tensor *view = weir_tensor_select(t, 0, 1);
    weir_tensor_release(t);
    cr_expect_eq(deleted, 0);
    weir_tensor_release(view);
    cr_expect_eq(deleted, 1);
    m.deleter = NULL;
    weir_tensor_release(import(&m));
    m.tensor.device.type = WEIR__DL_CUDA_HOST;
    weir_tensor *pinned = import(&m);
    cr_expect_not_null(pinned);
    weir_tensor_release(pinned);
    m.tensor.ndim = 0;
    m.tensor.shape = NULL;
    weir_tensor *scalar = import(&m);
    cr_expect_eq(weir_tensor_element_count(scalar), 1);
    weir_tensor_release(scalar);
}

Test(dlpack_import, negative_strides_are_understood)
{
    int64_t strides[] = {-3, -1};
    for (int i = 0; i < 24; i++)
        memory[i] = i;
    struct weir__dl_managed m = managed_make();
    m.tensor.strides = strides;
    m.tensor.byte_offset = 40;
    weir_tensor *t = import(&m);
    cr_assert_not_null(t);
    cr_expect_eq(*(int32_t *)weir_tensor_at(t, ARRAY(1, 2)), 10 - 3 - 2);
    weir_tensor_release(t);
}

Test(dlpack_import, what_cannot_be_stays_with_its_owner)
{
    int64_t bad[] = {2, -3}, large[] = {INT64_MAX, 3}, wild[] = {INT64_MAX, 1};
    struct weir__dl_managed m = managed_make();
    expect_null(import(NULL), EINVAL);
    m.tensor.shape = bad;
    expect_null(import(&m), EINVAL);
    m.tensor.shape = large;
    expect_null(import(&m), EOVERFLOW);
    m.tensor.shape = NULL;
    expect_null(import(&m), EINVAL);
    m = managed_make();
    m.tensor.strides = wild;
    expect_null(import(&m), EOVERFLOW);
    m = managed_make();
    m.tensor.ndim = -1;
    expect_null(import(&m), EINVAL);
    cr_expect_not_null(strstr(weir_last_error(), "-1 dimensions"));
    m.tensor.ndim = WEIR_MAX_NDIM + 1;
    expect_null(import(&m), EINVAL);
    m = managed_make();
    m.tensor.data = NULL;
    expect_null(import(&m), EINVAL);
    m = managed_make();
    m.tensor.device.type = 2; /* CUDA: no such device anywhere */
    m.tensor.device.id = 4095;
    expect_null(import(&m), ENOTSUP);
    m.tensor.device.type = 7; /* Vulkan */
    expect_null(import(&m), ENOTSUP);
    m = managed_make();
    m.tensor.dtype.lanes = 4;
    expect_null(import(&m), ENOTSUP);
    m = managed_make();
    m.tensor.dtype.code = 5; /* complex */
    expect_null(import(&m), ENOTSUP);
    struct weir__dl_versioned v = {
        .version = {2, 0}, .deleter = count_versioned, .tensor = m.tensor};
    v.tensor.dtype.code = WEIR__DL_INT;
    expect_null(weir_tensor_from_dlpack_versioned((struct DLManagedTensorVersioned *)&v), ENOTSUP);
    expect_null(weir_tensor_from_dlpack_versioned(NULL), EINVAL);
    cr_expect_eq(deleted, 0);
    v.version.major = 1;
    v.version.minor = 9;
    weir_tensor *t = weir_tensor_from_dlpack_versioned((struct DLManagedTensorVersioned *)&v);
    cr_assert_not_null(t);
    weir_tensor_release(t);
    cr_expect_eq(deleted, 1);
}
