/*
 * plan/memory.c - a plan turned into memory: one block of an allocator, the buffers in it, and
 * tensors over buffers. Owns the block and a copy of the offsets; knows nothing of
 * who uses a buffer when. The count of owners is atomic, all else never changes.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "plan/plan.h"

#include <errno.h>

struct memory_buffer {
    size_t offset, size;
};

struct weir_plan_memory {
    struct weir__handle handle; /* first */
    char *data;
    weir_allocator *allocator;
    struct memory_buffer *buffers;
    size_t count, bytes;
    size_t owners; /* atomic */
};

static void plan_memory_free(weir_plan_memory *memory)
{
    if (!weir__handle_end(memory, WEIR__HANDLE_PLAN_MEMORY))
        return;
    weir_deallocate(memory->allocator, memory->data);
    weir__meta_free(memory->buffers, (memory->count + 1) * sizeof *memory->buffers);
    weir__meta_free(memory, sizeof *memory);
}

weir_plan_memory *weir_plan_memory_create(const weir_plan *plan, weir_allocator *a)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return NULL;
    if (!plan->solved)
        return weir__fail_null(EINVAL, "the plan is not solved");
    weir_plan_memory *memory = weir__meta_allocate(sizeof *memory);
    if (!memory)
        return weir__fail_null(ENOMEM, "no memory for a plan's memory");
    *memory = (weir_plan_memory){.allocator = a ? a : weir_cpu_allocator(),
                                 .count = plan->count,
                                 .bytes = plan->arena,
                                 .owners = 1};
    weir__handle_begin(&memory->handle, WEIR__HANDLE_PLAN_MEMORY);
    memory->buffers = weir__meta_allocate((plan->count + 1) * sizeof *memory->buffers);
    if (memory->buffers)
        memory->data =
            weir_allocate_aligned(memory->allocator, plan->arena,
                                  weir__max(weir__plan_alignment(plan), WEIR_DEFAULT_ALIGNMENT));
    if (!memory->buffers || !memory->data) {
        plan_memory_free(memory);
        return weir__fail_null(ENOMEM, "no memory for a plan of %zu bytes", plan->arena);
    }
    for (size_t i = 0; i < plan->count; i++)
        memory->buffers[i] = (struct memory_buffer){plan->buffers[i].offset, plan->buffers[i].size};
    return memory;
}

weir_plan_memory *weir_plan_memory_retain(weir_plan_memory *memory)
{
    if (!weir__handle_is_live(memory, WEIR__HANDLE_PLAN_MEMORY))
        return NULL;
    __atomic_add_fetch(&memory->owners, 1, __ATOMIC_RELAXED);
    return memory;
}

void weir_plan_memory_release(weir_plan_memory *memory)
{
    if (weir__handle_is_live(memory, WEIR__HANDLE_PLAN_MEMORY) &&
        __atomic_sub_fetch(&memory->owners, 1, __ATOMIC_ACQ_REL) == 0)
        plan_memory_free(memory);
}

void *weir_plan_memory_buffer(const weir_plan_memory *memory, size_t index)
{
    if (!weir__handle_check(memory, WEIR__HANDLE_PLAN_MEMORY))
        return NULL;
    if (index >= memory->count)
        return weir__fail_null(EINVAL, "the plan has no buffer %zu", index);
    return memory->data + memory->buffers[index].offset;
}

void *weir_plan_memory_data(const weir_plan_memory *memory)
{
    return weir__handle_is_live(memory, WEIR__HANDLE_PLAN_MEMORY) ? memory->data : NULL;
}

size_t weir_plan_memory_size_in_bytes(const weir_plan_memory *memory)
{
    return weir__handle_is_live(memory, WEIR__HANDLE_PLAN_MEMORY) ? memory->bytes : 0;
}

static void memory_unbind(void *user, void *data)
{
    (void)data;
    weir_plan_memory_release(user);
}

weir_tensor *weir_plan_memory_tensor(weir_plan_memory *memory, size_t index, const int64_t *shape,
                                     size_t ndim, weir_dtype dtype)
{
    void *data = weir_plan_memory_buffer(memory, index);
    if (!data)
        return NULL;
    weir_tensor_memory wrapped = {.data = data,
                                  .allocator = memory->allocator,
                                  .deleter = memory_unbind,
                                  .user = weir_plan_memory_retain(memory)};
    weir_tensor *t = weir_tensor_wrap_memory(&wrapped, shape, ndim, dtype);
    if (!t) {
        int error = errno;
        weir_plan_memory_release(memory);
        errno = error;
        return NULL;
    }
    size_t bytes = weir_tensor_size_in_bytes(t);
    if (bytes <= memory->buffers[index].size)
        return t;
    weir_tensor_release(t);
    return weir__fail_null(EINVAL, "a tensor of %zu bytes does not fit buffer %zu of %zu", bytes,
                           index, memory->buffers[index].size);
}
