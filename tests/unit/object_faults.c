/*
 * Every request for memory made to fail in turn, through every public function of objects
 * that asks for any: the call says ENOMEM, the object is as it was, the figures are true, no
 * book-keeping is lost; and at last the call succeeds.
 */
#include "backing/meta.h"
#include "base/fault.h"

#include "../helpers/object.h"

#include <stdio.h>

/* Blocks straight from functions: every allocation is a request that can fail. */
static void *plain_allocate(void *user, size_t size, size_t alignment)
{
    (void)user;
    return aligned_alloc(alignment < 64 ? 64 : alignment, (size + 63) & ~(size_t)63);
}
static void plain_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    (void)user, (void)size, (void)alignment;
    free(block);
}

static weir_allocator *a;

static void setup(void)
{
    static const weir_allocator_functions functions = {.allocate = plain_allocate,
                                                       .deallocate = plain_deallocate};
    a = weir_allocator_create(
        &(weir_allocator_options){.source = WEIR_SOURCE_FUNCTIONS, .functions = &functions});
    cr_assert_not_null(a);
    void *warm = weir_allocate(a, 1); /* the ledger's first table */
    weir_deallocate(a, warm);
}

static void teardown(void)
{
    expect_live(a, 0, 0);
    cr_expect_eq(weir_allocator_destroy(a), 0);
}

TestSuite(object_faults, .init = setup, .fini = teardown);

/*
 * Runs `attempt` (an expression that is 0 when the call succeeded, else its errno value), with
 * the n-th request failing for n = 0, 1, ... until it succeeds. `unchanged` must hold after
 * each failure. Leaves how many failed in `failures`.
 */
#define EVERY_FAILURE(attempt, unchanged)                                                          \
    do {                                                                                           \
        size_t total_ = weir_total_allocated(a), count_ = weir_allocation_count(a);                \
        size_t meta_ = 0;                                                                          \
        int error_ = ENOMEM;                                                                       \
        failures = 0;                                                                              \
        for (long n_ = 0; error_; n_++) {                                                          \
            cr_assert_lt(n_, 100, "%s never succeeds", #attempt);                                  \
            for (int twice_ = 0; twice_ < 2 && error_; twice_++) {                                 \
                weir__fault_after(n_);                                                             \
                error_ = (attempt);                                                                \
                weir__fault_after(-1);                                                             \
                if (!error_)                                                                       \
                    break;                                                                         \
                cr_assert_eq(error_, ENOMEM, "%s: %d", #attempt, error_);                          \
                cr_assert_neq(weir_last_error()[0], 0);                                            \
                cr_assert(unchanged, "%s, request %ld", #attempt, n_);                             \
                cr_assert_eq(weir_total_allocated(a), total_, "%s", #attempt);                     \
                cr_assert_eq(weir_allocation_count(a), count_, "%s", #attempt);                    \
                cr_assert(!twice_ || weir__meta_in_use() == meta_, "%s loses memory", #attempt);   \
                meta_ = weir__meta_in_use();                                                       \
                failures++;                                                                        \
            }                                                                                      \
        }                                                                                          \
    } while (0)

static int failures;

/* errno of a call that made nothing, else 0. */
#define MADE(pointer) ((pointer) ? 0 : errno)

Test(object_faults, buffers)
{
    weir_buffer b;
    EVERY_FAILURE(weir_buffer_init(&b, a, 100, 4), weir_buffer_data(&b) == NULL);
    cr_expect_geq(failures, 2);
    memset(weir_buffer_data(&b), 3, 400);
    EVERY_FAILURE(weir_buffer_resize(&b, 100000),
                  weir_buffer_count(&b) == 100 && ((char *)weir_buffer_data(&b))[399] == 3);
    cr_expect_geq(failures, 2);
    weir_buffer_release(&b);
}

Test(object_faults, tensors)
{
    weir_tensor *t = NULL, *other = NULL;
    EVERY_FAILURE(MADE(t = weir_tensor_create_in(a, ARRAY(10, 10), 2, WEIR_INT32)), !t);
    cr_expect_geq(failures, 2 * 3); /* storage, data, handle */
    memset(weir_tensor_data(t), 5, 400);
    void *data = weir_tensor_data(t);
    EVERY_FAILURE(MADE(other = weir_tensor_create_zeroed_in(a, ARRAY(3), 1, WEIR_INT8)), !other);
    weir_tensor_release(other);
    EVERY_FAILURE(MADE(other = weir_tensor_view(t)), weir_tensor_storage_count(t) == 1);
    weir_tensor_release(other);
    EVERY_FAILURE(MADE(other = weir_tensor_reshape(t, ARRAY(100), 1)),
                  weir_tensor_storage_count(t) == 1);
    weir_tensor_release(other);
    EVERY_FAILURE(MADE(other = weir_tensor_slice(t, 0, 1, 3, 1)),
                  weir_tensor_storage_count(t) == 1);
    weir_tensor_release(other);
    EVERY_FAILURE(MADE(other = weir_tensor_select(t, 0, 1)), weir_tensor_storage_count(t) == 1);
    weir_tensor_release(other);
    EVERY_FAILURE(MADE(other = weir_tensor_transpose(t, 0, 1)), weir_tensor_storage_count(t) == 1);
    weir_tensor *copy = NULL;
    EVERY_FAILURE(MADE(copy = weir_tensor_contiguous(other)), !copy);
    weir_tensor_release(copy);
    EVERY_FAILURE(MADE(copy = weir_tensor_clone(t)), weir_tensor_storage_count(t) == 2);
    weir_tensor_release(copy);
    /* Shared: a storage of its own. */
    EVERY_FAILURE(weir_tensor_resize(t, ARRAY(1000), 1), weir_tensor_data(t) == data &&
                                                             weir_tensor_ndim(t) == 2 &&
                                                             weir_tensor_shares_storage(t, other));
    cr_expect_geq(failures, 4);
    weir_tensor_release(other);
    /* Alone: the block grows. */
    data = weir_tensor_data(t);
    EVERY_FAILURE(weir_tensor_resize(t, ARRAY(100000), 1),
                  weir_tensor_data(t) == data && weir_tensor_element_count(t) == 1000);
    cr_expect_geq(failures, 2);
    cr_expect_eq(((char *)weir_tensor_data(t))[399], 5);
    weir_tensor_release(t);
}

static int deleted;
static void count_deleted(void *user, void *data)
{
    (void)user, (void)data;
    deleted++;
}

Test(object_faults, wrapping_and_dlpack)
{
    float memory[4];
    weir_tensor *t = NULL, *back = NULL;
    EVERY_FAILURE(
        MADE(t = weir_tensor_wrap(memory, ARRAY(4), 1, WEIR_FLOAT32, count_deleted, NULL)),
        !t && deleted == 0);
    cr_expect_eq(failures, 4);
    struct DLManagedTensor *m = NULL;
    EVERY_FAILURE(MADE(m = weir_tensor_to_dlpack(t)), !m && weir_tensor_storage_count(t) == 1);
    cr_expect_eq(failures, 4);
    EVERY_FAILURE(MADE(back = weir_tensor_from_dlpack(m)),
                  !back && weir_tensor_storage_count(t) == 2);
    weir_tensor_release(back);
    struct DLManagedTensorVersioned *v = NULL;
    EVERY_FAILURE(MADE(v = weir_tensor_to_dlpack_versioned(t)),
                  !v && weir_tensor_storage_count(t) == 1);
    EVERY_FAILURE(MADE(back = weir_tensor_from_dlpack_versioned(v)),
                  !back && weir_tensor_storage_count(t) == 2);
    weir_tensor_release(back);
    weir_tensor_release(t);
    cr_expect_eq(deleted, 1);
}

/* Of the book-keeping, the mapping itself, the storage and the handle. */
Test(object_faults, mapped_files)
{
    weir_tensor *t = NULL;
    weir_mapped_stats stats = {.size = sizeof stats};
    EVERY_FAILURE(MADE(t = weir_tensor_map_file("/proc/self/exe", 77, ARRAY(100), 1, WEIR_UINT8,
                                                WEIR_MAP_READ_ONLY)),
                  !t && weir_mapped_stats_get(&stats) == 0 && stats.mappings == 0);
    cr_expect_eq(failures, 2 * 4);
    cr_expect_eq(weir_mapped_stats_get(&stats), 0);
    cr_expect_eq(stats.mapped_bytes, 100);
    weir_tensor_release(t);
}

static size_t pool_blocks(weir_buffer_pool *pool)
{
    weir_buffer_pool_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_buffer_pool_stats_get(pool, &stats), 0);
    return stats.out_count * 1000 + stats.idle_count;
}

Test(object_faults, pools_of_buffers)
{
    weir_buffer_pool *pool = NULL;
    weir_buffer_pool_options options = {.allocator = a};
    EVERY_FAILURE(MADE(pool = weir_buffer_pool_create(&options)), !pool);
    cr_expect_eq(failures, 2);
    void *blocks[200];
    for (size_t i = 0; i < 200; i++) { /* over two growths of the table */
        EVERY_FAILURE(MADE(blocks[i] = weir_buffer_pool_acquire(pool, 50 * i)),
                      pool_blocks(pool) == 1000 * i);
        cr_expect_geq(failures, 4);
    }
    EVERY_FAILURE(MADE(blocks[0] = weir_buffer_pool_acquire_zeroed(pool, 9)),
                  pool_blocks(pool) == 200000);
    weir_buffer b;
    EVERY_FAILURE(weir_buffer_init_pooled(&b, pool, 77, 3), weir_buffer_data(&b) == NULL);
    EVERY_FAILURE(weir_buffer_resize(&b, 7777), weir_buffer_count(&b) == 77);
    weir_buffer_release(&b);
    EVERY_FAILURE(weir_buffer_init_pooled_undefined(&b, pool, 99999, 3),
                  weir_buffer_data(&b) == NULL);
    weir_buffer_release(&b);
    weir__fault_after(0); /* giving back and trimming ask for nothing */
    weir__fault_persistent(true);
    for (size_t i = 1; i < 200; i++)
        weir_buffer_pool_return(pool, blocks[i]);
    weir_buffer_pool_return(pool, blocks[0]);
    weir_buffer_pool_trim(pool, 1000);
    cr_expect_eq(weir_buffer_pool_destroy(pool), EBUSY); /* the first of size 0 */
    weir__fault_persistent(false);
    weir__fault_after(-1);
    weir_allocator_destroy(a); /* takes it along */
    setup();
}

static size_t arena_state(weir_arena *arena)
{
    weir_arena_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_arena_stats_get(arena, &stats), 0);
    return stats.used * 100 + stats.chunks;
}

Test(object_faults, arenas)
{
    static char memory[1000];
    weir_arena *arena = NULL, *fixed = NULL;
    weir_arena_options options = {.allocator = a, .chunk_size = 1000};
    weir_arena_options in_memory = {.memory = memory, .memory_size = sizeof memory};
    EVERY_FAILURE(MADE(arena = weir_arena_create(&options)), !arena);
    EVERY_FAILURE(MADE(fixed = weir_arena_create(&in_memory)), !fixed);
    cr_expect_eq(failures, 4);
    weir_arena_destroy(fixed);
    void *block = NULL;
    EVERY_FAILURE(MADE(block = weir_arena_allocate(arena, 500)), arena_state(arena) == 0);
    cr_expect_eq(failures, 2); /* a smaller chunk is tried when the first is refused */
    size_t before = arena_state(arena);
    EVERY_FAILURE(MADE(block = weir_arena_allocate_aligned(arena, 5000, 4096)),
                  arena_state(arena) == before);
    cr_expect_geq(failures, 4);
    weir_arena_mark mark = 0, first = 0;
    for (int i = 0; i < 40; i++) { /* over two growths of the stack of marks */
        size_t at = arena_state(arena);
        EVERY_FAILURE(MADE(mark = weir_arena_mark_get(arena)), arena_state(arena) == at);
        first = first ? first : mark;
        cr_expect_not_null(weir_arena_allocate(arena, 1));
    }
    cr_expect_eq(weir_arena_rewind(arena, first), 0);
    weir_allocator *over = NULL;
    EVERY_FAILURE(MADE(over = weir_arena_allocator(arena)), !over);
    cr_expect_geq(failures, 2);
    EVERY_FAILURE(MADE(block = weir_allocate(over, 10)),
                  weir_total_allocated(over) == 0 && weir_allocation_count(over) == 0);
    weir_deallocate(over, block);
    weir_arena_destroy(arena);
}
