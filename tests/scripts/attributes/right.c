/* Right uses, near the mistakes: no compiler warns. Also compiled as C++. */
#include <weir/weir.h>

#include <errno.h>
#include <string.h>

int grown(weir_allocator *a);
int grown(weir_allocator *a)
{
    char *block = (char *)weir_allocate(a, 8);
    if (!block)
        return ENOMEM;
    memset(block, 1, 8);
    char *larger = (char *)weir_reallocate(a, block, 16);
    if (!larger) { /* the block is as it was */
        block[0] = 2;
        weir_deallocate_sized(a, block, 8);
        return ENOMEM;
    }
    larger[15] = 3;
    weir_deallocate(a, larger);
    return 0;
}

void shared(const int64_t *shape);
void shared(const int64_t *shape)
{
    weir_tensor *t = weir_tensor_create(shape, 2, WEIR_FLOAT32);
    weir_tensor *again = weir_tensor_retain(t);
    weir_tensor_release(t);
    if (weir_tensor_data(again))
        memset(weir_tensor_data(again), 0, weir_tensor_size_in_bytes(again));
    weir_tensor_release(again);
}

int ended(weir_allocator *parent, weir_allocator *child);
int ended(weir_allocator *parent, weir_allocator *child)
{
    if (weir_allocator_destroy(parent) == EBUSY) {
        weir_allocator_destroy(child);
        return weir_allocator_destroy(parent);
    }
    return 0;
}

size_t reused(weir_buffer_pool *pool, weir_arena *arena);
size_t reused(weir_buffer_pool *pool, weir_arena *arena)
{
    void *block = weir_buffer_pool_acquire(pool, 100);
    size_t bytes = weir_buffer_pool_capacity(pool, block);
    if (block)
        memset(block, 0, bytes);
    weir_buffer_pool_return(pool, block);
    weir_arena_mark mark = weir_arena_mark_get(arena);
    char *scratch = (char *)weir_arena_allocate_aligned(arena, 100, 4096);
    if (scratch)
        scratch[99] = 1;
    return weir_arena_rewind(arena, mark) == 0 ? bytes : 0;
}

int told(char *text, size_t size);
int told(char *text, size_t size)
{
    size_t length = 0;
    if (weir_stats_json_buffer(NULL, 0, &length, NULL) == EINVAL)
        return EINVAL;
    return length < size ? weir_stats_json_buffer(text, size, &length, NULL) : ENOSPC;
}

/* NULL is answered: a compiler must not remove what comes after. */
int refused(weir_allocator *a);
int refused(weir_allocator *a)
{
    weir_stats stats;
    stats.size = sizeof stats;
    if (weir_set_limit(a, 100) == EINVAL)
        return a ? 1 : 2;
    return weir_stats_get(a, &stats);
}
