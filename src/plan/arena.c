/*
 * plan/arena.c - a plan turned into memory: one block of an allocator, the slots in it, and
 * tensors bound to slots. Owns the block and a copy of the offsets; knows nothing of
 * who uses a slot when. The count of owners is atomic, all else never changes.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "plan/plan.h"

#include <errno.h>

struct arena_slot {
    size_t offset, size;
};

struct weir_plan_arena {
    struct weir__handle handle; /* first */
    char *data;
    weir_allocator *allocator;
    struct arena_slot *slots;
    size_t count, bytes;
    size_t owners; /* atomic */
};

static void plan_arena_free(weir_plan_arena *arena)
{
    if (!weir__handle_end(&arena->handle, WEIR__HANDLE_PLAN_ARENA))
        return;
    weir_deallocate(arena->allocator, arena->data);
    weir__meta_free(arena->slots, (arena->count + 1) * sizeof *arena->slots);
    weir__meta_free(arena, sizeof *arena);
}

weir_plan_arena *weir_plan_arena_create(const weir_plan *plan, weir_allocator *a)
{
    if (!plan || !plan->solved)
        return weir__fail_null(EINVAL, "the plan is not solved");
    weir_plan_arena *arena = weir__meta_allocate(sizeof *arena);
    if (!arena)
        return weir__fail_null(ENOMEM, "no memory for a planned arena");
    *arena = (weir_plan_arena){.allocator = a ? a : weir_cpu_allocator(),
                               .count = plan->count,
                               .bytes = plan->arena,
                               .owners = 1};
    weir__handle_begin(&arena->handle, WEIR__HANDLE_PLAN_ARENA);
    arena->slots = weir__meta_allocate((plan->count + 1) * sizeof *arena->slots);
    if (arena->slots)
        arena->data =
            weir_allocate_aligned(arena->allocator, plan->arena,
                                  weir__max(weir__plan_alignment(plan), WEIR_DEFAULT_ALIGNMENT));
    if (!arena->data) {
        plan_arena_free(arena);
        return weir__fail_null(ENOMEM, "no memory for a planned arena of %zu bytes", plan->arena);
    }
    for (size_t i = 0; i < plan->count; i++)
        arena->slots[i] = (struct arena_slot){plan->buffers[i].offset, plan->buffers[i].size};
    return arena;
}

weir_plan_arena *weir_plan_arena_retain(weir_plan_arena *arena)
{
    if (!arena || !weir__handle_is_live(&arena->handle, WEIR__HANDLE_PLAN_ARENA))
        return NULL;
    __atomic_add_fetch(&arena->owners, 1, __ATOMIC_RELAXED);
    return arena;
}

void weir_plan_arena_release(weir_plan_arena *arena)
{
    if (arena && weir__handle_is_live(&arena->handle, WEIR__HANDLE_PLAN_ARENA) &&
        __atomic_sub_fetch(&arena->owners, 1, __ATOMIC_ACQ_REL) == 0)
        plan_arena_free(arena);
}

void *weir_plan_arena_slot(const weir_plan_arena *arena, size_t index)
{
    if (!arena || index >= arena->count)
        return weir__fail_null(EINVAL, "the arena has no slot %zu", index);
    return arena->data + arena->slots[index].offset;
}

void *weir_plan_arena_data(const weir_plan_arena *arena)
{
    return arena ? arena->data : NULL;
}

size_t weir_plan_arena_bytes(const weir_plan_arena *arena)
{
    return arena ? arena->bytes : 0;
}

static void arena_unbind(void *user, void *data)
{
    (void)data;
    weir_plan_arena_release(user);
}

weir_tensor *weir_tensor_bind(weir_plan_arena *arena, size_t index, const int64_t *shape,
                              size_t ndim, weir_dtype dtype)
{
    void *data = weir_plan_arena_slot(arena, index);
    if (!data)
        return NULL;
    weir_tensor_memory memory = {.data = data,
                                 .allocator = arena->allocator,
                                 .deleter = arena_unbind,
                                 .user = weir_plan_arena_retain(arena)};
    weir_tensor *t = weir_tensor_wrap_memory(&memory, shape, ndim, dtype);
    if (!t) {
        int error = errno;
        weir_plan_arena_release(arena);
        errno = error;
        return NULL;
    }
    size_t bytes = weir_tensor_size_in_bytes(t);
    if (bytes <= arena->slots[index].size)
        return t;
    weir_tensor_release(t);
    return weir__fail_null(EINVAL, "a tensor of %zu bytes does not fit slot %zu of %zu", bytes,
                           index, arena->slots[index].size);
}
