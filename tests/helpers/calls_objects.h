/*
 * tests/helpers/calls_objects.h - the public functions of tensors, mapped files, DLPack and
 * devices, each called in a scene.
 */
#ifndef WEIR_TESTS_CALLS_OBJECTS_H
#define WEIR_TESTS_CALLS_OBJECTS_H

#include "calls_blocks.h"

#include "device/dlpack_abi.h"

#include <fcntl.h>
#include <weir/cuda.h>

static const int64_t shape[] = {70, 1000};

/* -- making tensors ------------------------------------------------------------------------------
 */

CALL(weir_tensor_create)
{
    return scene_tensor(s, weir_tensor_create(shape, 2, WEIR_INT8));
}
CALL(weir_tensor_create_in)
{
    return scene_tensor(s, weir_tensor_create_in(s->fresh, shape, 2, WEIR_INT8));
}
CALL(weir_tensor_create_zeroed_in)
{
    weir_tensor *t = weir_tensor_create_zeroed_in(s->fresh, shape, 2, WEIR_INT8);
    EXPECT(!t || is_all_zero(weir_tensor_data(t), 70000), "a tensor is not zero");
    return scene_tensor(s, t);
}
CALL(weir_tensor_wrap)
{
    static float memory[4];
    return scene_tensor(s, weir_tensor_wrap(memory, (int64_t[]){4}, 1, WEIR_FLOAT32, NULL, NULL));
}
CALL(weir_tensor_wrap_memory)
{
    static float memory[4];
    weir_tensor_memory of = {.data = memory, .read_only = true};
    return scene_tensor(s, weir_tensor_wrap_memory(&of, (int64_t[]){4}, 1, WEIR_FLOAT32));
}
CALL(weir_tensor_map_file)
{
    return scene_tensor(s, weir_tensor_map_file("/proc/self/exe", 77, (int64_t[]){100}, 1,
                                                WEIR_UINT8, WEIR_MAP_READ_ONLY));
}
CALL(weir_tensor_map_fd)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    weir_tensor *t =
        weir_tensor_map_fd(file, 0, (int64_t[]){100}, 1, WEIR_UINT8, WEIR_MAP_COPY_ON_WRITE);
    int status = scene_tensor(s, t);
    close(file);
    return status;
}
CALL(weir_mapped_stats_get)
{
    weir_mapped_stats stats = {.size = sizeof stats};
    int status = weir_mapped_stats_get(&stats);
    return status ? status : right(stats.mappings == 0);
}
CALL(weir_tensor_retain)
{
    return scene_tensor(s, weir_tensor_retain(s->tensor));
}
CALL(weir_tensor_release)
{
    weir_tensor_release(s->turned);
    weir_tensor_release(s->tensor);
    s->tensor = s->turned = NULL;
    return 0;
}
CALL(weir_tensor_view)
{
    return scene_tensor(s, weir_tensor_view(s->tensor));
}
CALL(weir_tensor_reshape)
{
    return scene_tensor(s, weir_tensor_reshape(s->tensor, (int64_t[]){4, 25}, 2));
}
CALL(weir_tensor_slice)
{
    return scene_tensor(s, weir_tensor_slice(s->tensor, 0, 1, 7, 2));
}
CALL(weir_tensor_select)
{
    return scene_tensor(s, weir_tensor_select(s->tensor, 1, 3));
}
CALL(weir_tensor_permute)
{
    return scene_tensor(s, weir_tensor_permute(s->tensor, (size_t[]){1, 0}));
}
CALL(weir_tensor_transpose)
{
    return scene_tensor(s, weir_tensor_transpose(s->tensor, 0, 1));
}
CALL(weir_tensor_clone)
{
    return scene_tensor(s, weir_tensor_clone(s->tensor));
}
CALL(weir_tensor_clone_in)
{
    return scene_tensor(s, weir_tensor_clone_in(s->turned, s->fresh));
}
CALL(weir_tensor_copy)
{
    return weir_tensor_copy(s->tensor, s->turned);
}
CALL(weir_tensor_contiguous)
{
    return scene_tensor(s, weir_tensor_contiguous(s->turned));
}
CALL(weir_tensor_resize)
{
    int status = weir_tensor_resize(s->tensor, shape, 2);
    EXPECT(weir_tensor_element_count(s->tensor) == (status ? 100 : 70000), "neither old nor new");
    return status;
}
CALL_AS(weir_tensor_resize, alone)
{
    weir_tensor_release(s->turned);
    s->turned = NULL;
    return weir_tensor_resize_called(s);
}
CALL(weir_tensor_to)
{
    return scene_tensor(s, weir_tensor_to(s->tensor, s->device));
}
CALL(weir_tensor_zero)
{
    return weir_tensor_zero(s->tensor);
}

/* -- asking tensors ------------------------------------------------------------------------------
 */

CALL(weir_dtype_size)
{
    return right(weir_dtype_size(WEIR_BFLOAT16) == 2);
}
CALL(weir_dtype_name)
{
    return right(strcmp(weir_dtype_name(WEIR_INT8), "int8") == 0);
}
CALL(weir_tensor_is_mapped)
{
    return right(!weir_tensor_is_mapped(s->tensor));
}
CALL(weir_tensor_resident)
{
    weir_tensor_resident(s->tensor);
    return 0;
}
CALL(weir_tensor_storage_count)
{
    return right(weir_tensor_storage_count(s->tensor) == 2);
}
CALL(weir_tensor_shares_storage)
{
    return right(weir_tensor_shares_storage(s->tensor, s->turned));
}
CALL(weir_tensor_dtype)
{
    return right(weir_tensor_dtype(s->tensor) == WEIR_FLOAT32);
}
CALL(weir_tensor_ndim)
{
    return right(weir_tensor_ndim(s->tensor) == 2);
}
CALL(weir_tensor_shape)
{
    return right(weir_tensor_shape(s->tensor)[1] == 10);
}
CALL(weir_tensor_strides)
{
    return right(weir_tensor_strides(s->turned)[1] == 10);
}
CALL(weir_tensor_extent)
{
    return right(weir_tensor_extent(s->tensor, 0) == 10);
}
CALL(weir_tensor_element_count)
{
    return right(weir_tensor_element_count(s->tensor) == 100);
}
CALL(weir_tensor_size_in_bytes)
{
    return right(weir_tensor_size_in_bytes(s->tensor) == 400);
}
CALL(weir_tensor_capacity)
{
    return right(weir_tensor_capacity(s->tensor) >= 400);
}
CALL(weir_tensor_data)
{
    return right(is_all_zero(weir_tensor_data(s->tensor), 400));
}
CALL(weir_tensor_is_contiguous)
{
    return right(!weir_tensor_is_contiguous(s->turned));
}
CALL(weir_tensor_is_read_only)
{
    return right(!weir_tensor_is_read_only(s->tensor));
}
CALL(weir_tensor_allocator)
{
    return right(weir_tensor_allocator(s->turned) == s->a);
}
CALL(weir_tensor_at)
{
    return right(weir_tensor_at(s->tensor, (int64_t[]){0, 1}) ==
                 (float *)weir_tensor_data(s->tensor) + 1);
}
CALL(weir_tensor_device)
{
    return right(strcmp(weir_tensor_device(s->tensor), "cpu") == 0);
}

/* -- DLPack --------------------------------------------------------------------------------------
 */

static void undo_managed(void *what)
{
    struct weir__dl_managed *m = what;
    m->deleter(m);
}
static void undo_versioned(void *what)
{
    struct weir__dl_versioned *m = what;
    m->deleter(m);
}
CALL(weir_tensor_to_dlpack)
{
    return scene_undo_by(s, weir_tensor_to_dlpack(s->tensor), undo_managed);
}
CALL(weir_tensor_to_dlpack_versioned)
{
    return scene_undo_by(s, weir_tensor_to_dlpack_versioned(s->tensor), undo_versioned);
}

/* The struct is made by hand: nothing of weir's is asked for but what is under trial. */
static struct weir__dl_tensor lent(void)
{
    static int64_t four[] = {4};
    static float data[4];
    return (struct weir__dl_tensor){
        .data = data, .device = {1, 0}, .ndim = 1, .dtype = {2, 32, 1}, .shape = four};
}
CALL(weir_tensor_from_dlpack)
{
    static struct weir__dl_managed m;
    m.tensor = lent();
    return scene_tensor(s, weir_tensor_from_dlpack((struct DLManagedTensor *)&m));
}
CALL(weir_tensor_from_dlpack_versioned)
{
    static struct weir__dl_versioned m;
    m.version.major = WEIR__DL_MAJOR;
    m.tensor = lent();
    return scene_tensor(s,
                        weir_tensor_from_dlpack_versioned((struct DLManagedTensorVersioned *)&m));
}

/* -- devices -------------------------------------------------------------------------------------
 */

static void undo_table(void *what)
{
    const weir_device_table *table = what;
    table->destroy(table->user);
}
CALL(weir_device_host_table_create)
{
    return scene_undo_by(s, (void *)weir_device_host_table_create("made", MIB), undo_table);
}

static int device_create(struct scene *s, weir_device_mode mode)
{
    const weir_device_table *table = weir_device_host_table_create("made", 64 * MIB);
    if (!table)
        return errno;
    weir_allocator *a = weir_device_allocator_create(table, &(weir_device_options){.mode = mode});
    if (!a) {
        int status = errno;
        table->destroy(table->user);
        return status;
    }
    return scene_allocator(s, a);
}
CALL(weir_device_allocator_create)
{
    return device_create(s, WEIR_DEVICE_EXPANDABLE);
}
CALL_AS(weir_device_allocator_create, segments)
{
    return device_create(s, WEIR_DEVICE_SEGMENTS);
}
CALL(weir_device_name)
{
    return right(strcmp(weir_device_name(s->device), "tried") == 0);
}
CALL(weir_device_table_of)
{
    return right(weir_device_table_of(s->device) != NULL);
}
CALL(weir_device_stream_set)
{
    void *before = weir_device_stream_set(s->stream);
    return right(weir_device_stream_set(before) == s->stream);
}
CALL(weir_device_allocate_on)
{
    return scene_block(s, s->device, weir_device_allocate_on(s->device, 9 * MIB, s->stream));
}
CALL(weir_device_deallocate_on)
{
    weir_device_deallocate_on(s->device, s->on_device, s->stream);
    s->on_device = NULL;
    return 0;
}
CALL(weir_device_record_stream)
{
    return weir_device_record_stream(s->device, s->on_device, s->stream);
}

/* A stream that was made is destroyed with its allocator. */
CALL(weir_device_stream_create)
{
    return scene_lent(s, weir_device_stream_create(s->device));
}
CALL(weir_device_stream_destroy)
{
    void *stream = s->stream;
    s->stream = NULL;
    return weir_device_stream_destroy(s->device, stream);
}
CALL(weir_device_stream_forget)
{
    return weir_device_stream_forget(s->device, NULL);
}
CALL(weir_device_synchronize)
{
    return weir_device_synchronize(s->device, s->stream);
}
CALL(weir_device_copy)
{
    return weir_device_copy(s->device, s->on_device, s->a, s->held, HELD);
}
CALL(weir_device_set)
{
    return weir_device_set(s->device, s->on_device, 1, 5000);
}
CALL(weir_device_stats_get)
{
    weir_device_stats stats = {.size = sizeof stats};
    int status = weir_device_stats_get(s->device, &stats);
    return status ? status : right(stats.in_use >= 5000);
}
CALL(weir_device_reset_peaks)
{
    return weir_device_reset_peaks(s->device);
}
CALL(weir_device_prewarm)
{
    return weir_device_prewarm(s->device, 20 * MIB);
}

/* Where there is no driver they say so; where there is one this asks for its memory. */
CALL(weir_cuda_device_count)
{
    return right(weir_cuda_device_count() >= 0);
}
CALL(weir_cuda_device_name)
{
    char name[64];
    return weir_cuda_device_name(0, name, sizeof name);
}
CALL(weir_cuda_allocator)
{
    return weir_cuda_allocator(0) ? 0 : errno;
}
CALL(weir_cuda_host_allocator)
{
    return weir_cuda_host_allocator() ? 0 : errno;
}
CALL(weir_cuda_managed_allocator)
{
    return weir_cuda_managed_allocator(0) ? 0 : errno;
}
CALL(weir_cuda_table_create)
{
    return scene_undo_by(s, (void *)weir_cuda_table_create(0), undo_table);
}

static const struct call calls_of_objects[] = {
    MAY(weir_tensor_create),
    MAY(weir_tensor_create_in),
    MAY(weir_tensor_create_zeroed_in),
    MAY(weir_tensor_wrap),
    MAY(weir_tensor_wrap_memory),
    MAY(weir_tensor_map_file),
    MAY(weir_tensor_map_fd),
    SURE(weir_mapped_stats_get),
    SURE(weir_tensor_retain),
    SURE(weir_tensor_release),
    MAY(weir_tensor_view),
    MAY(weir_tensor_reshape),
    MAY(weir_tensor_slice),
    MAY(weir_tensor_select),
    MAY(weir_tensor_permute),
    MAY(weir_tensor_transpose),
    MAY(weir_tensor_clone),
    MAY(weir_tensor_clone_in),
    MAY(weir_tensor_copy),
    MAY(weir_tensor_contiguous),
    MAY(weir_tensor_resize),
    MAY_AS(weir_tensor_resize, alone),
    MAY(weir_tensor_to),
    SURE(weir_tensor_zero),
    SURE(weir_dtype_size),
    SURE(weir_dtype_name),
    SURE(weir_tensor_is_mapped),
    SURE(weir_tensor_resident),
    SURE(weir_tensor_storage_count),
    SURE(weir_tensor_shares_storage),
    SURE(weir_tensor_dtype),
    SURE(weir_tensor_ndim),
    SURE(weir_tensor_shape),
    SURE(weir_tensor_strides),
    SURE(weir_tensor_extent),
    SURE(weir_tensor_element_count),
    SURE(weir_tensor_size_in_bytes),
    SURE(weir_tensor_capacity),
    SURE(weir_tensor_data),
    SURE(weir_tensor_is_contiguous),
    SURE(weir_tensor_is_read_only),
    SURE(weir_tensor_allocator),
    SURE(weir_tensor_at),
    SURE(weir_tensor_device),
    MAY(weir_tensor_to_dlpack),
    MAY(weir_tensor_to_dlpack_versioned),
    MAY(weir_tensor_from_dlpack),
    MAY(weir_tensor_from_dlpack_versioned),
    MAY(weir_device_host_table_create),
    MAY(weir_device_allocator_create),
    MAY_AS(weir_device_allocator_create, segments),
    SURE(weir_device_name),
    SURE(weir_device_table_of),
    SURE(weir_device_stream_set),
    MAY(weir_device_allocate_on),
    SURE(weir_device_deallocate_on),
    MAY(weir_device_record_stream),
    MAY(weir_device_stream_create),
    SURE(weir_device_stream_destroy),
    SURE(weir_device_stream_forget),
    SURE(weir_device_synchronize),
    SURE(weir_device_copy),
    SURE(weir_device_set),
    SURE(weir_device_stats_get),
    SURE(weir_device_reset_peaks),
    MAY(weir_device_prewarm),
    SURE(weir_cuda_device_count),
    MAY(weir_cuda_device_name),
    MAY(weir_cuda_allocator),
    MAY(weir_cuda_host_allocator),
    MAY(weir_cuda_managed_allocator),
    MAY(weir_cuda_table_create),
};

#endif
