/*
 * Crimes of a program in C that is linked with libweir, against its objects: tests/misuse/crime.h
 * says how they are run.
 */
#include "crime.h"

#include <weir/weir.h>

static void *told(void *object)
{
    if (!object)
        exit(2);
    tell("B", object);
    return object;
}

/* -- tensors ------------------------------------------------------------------------------ */

static const int64_t shape[] = {8, 16}; /* 512 bytes of floats, whole lines */

static weir_tensor *tensor(void)
{
    return weir_tensor_create(shape, 2, WEIR_FLOAT32);
}

static void tensor_twice(void)
{
    weir_tensor *t = told(tensor());
    weir_tensor_release(t);
    weir_tensor_release(t);
}

static void tensor_retain_released(void)
{
    weir_tensor *t = told(tensor());
    weir_tensor_release(t);
    weir_tensor_retain(t);
}

static void tensor_released(int writes)
{
    weir_tensor *t = tensor();
    char *data = told(weir_tensor_data(t));
    weir_tensor_release(t);
    tell("A", data + 12);
    writes ? put(data + 12) : look(data + 12);
}

static void tensor_write_released(void)
{
    tensor_released(1);
}
static void tensor_read_released(void)
{
    tensor_released(0);
}

/* The first whose data ends where a page does, or begins there. */
static char *tensor_at(int end)
{
    char *data = NULL;
    for (int i = 0; i < 64; i++) {
        data = weir_tensor_data(tensor());
        if ((uintptr_t)(data + (end ? 512 : 0)) % 4096 == 0)
            break;
    }
    return told(data);
}

static void tensor_over(void)
{
    char *data = tensor_at(1);
    tell("A", data + 512);
    put(data + 512);
}

static void tensor_under(void)
{
    char *data = tensor_at(0);
    tell("A", data - 1);
    look(data - 1);
}

static void tensor_data_freed(void)
{
    weir_tensor *t = tensor();
    weir_deallocate(weir_cpu_allocator(), told(weir_tensor_data(t)));
    weir_tensor_release(t);
}

/* -- buffers ------------------------------------------------------------------------------- */

static void buffer_write_released(void)
{
    weir_buffer b = weir_buffer_make(weir_cpu_allocator(), 128, 1);
    char *data = told(weir_buffer_data(&b));
    weir_buffer_release(&b);
    tell("A", data + 5);
    put(data + 5);
}

/* A copy of the struct is no second owner. */
static void buffer_copied(void)
{
    weir_buffer b = weir_buffer_make(weir_cpu_allocator(), 128, 1), copy = b;
    told(weir_buffer_data(&b));
    weir_buffer_release(&b);
    weir_buffer_release(&copy);
}

static void pool_return_twice(void)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    void *block = told(weir_buffer_pool_acquire(pool, 100));
    weir_buffer_pool_return(pool, block);
    weir_buffer_pool_return(pool, block);
}

static void pool_return_interior(void)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    char *block = weir_buffer_pool_acquire(pool, 1000);
    weir_buffer_pool_return(pool, told(block + 64));
}

static void pool_return_others(void)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL), *other = weir_buffer_pool_create(NULL);
    weir_buffer_pool_return(other, told(weir_buffer_pool_acquire(pool, 100)));
}

static void pool_return_cpu(void)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    weir_buffer_pool_return(pool, told(weir_allocate(weir_cpu_allocator(), 100)));
}

static void pool_write_returned(void)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    char *block = told(weir_buffer_pool_acquire(pool, 128));
    weir_buffer_pool_return(pool, block);
    put(block + 5);
}

/* -- ends ------------------------------------------------------------------------------------ */

static void pool_twice(void)
{
    weir_buffer_pool *pool = told(weir_buffer_pool_create(NULL));
    weir_buffer_pool_destroy(pool);
    weir_buffer_pool_destroy(pool);
}

static void pool_acquire_gone(void)
{
    weir_buffer_pool *pool = told(weir_buffer_pool_create(NULL));
    weir_buffer_pool_destroy(pool);
    weir_buffer_pool_acquire(pool, 100);
}

static void arena_twice(void)
{
    weir_arena *arena = told(weir_arena_create(NULL));
    weir_arena_destroy(arena);
    weir_arena_destroy(arena);
}

static void arena_allocate_gone(void)
{
    weir_arena *arena = told(weir_arena_create(NULL));
    weir_arena_destroy(arena);
    weir_arena_allocate(arena, 100);
}

static void arena_as_plan(void)
{
    weir_plan_destroy(told(weir_arena_create(NULL)));
}

static weir_plan *plan(void)
{
    weir_plan *made = weir_plan_create();
    if (weir_plan_add(made, 100, 64, 0, 1) || weir_plan_solve(made, NULL))
        exit(2);
    return made;
}

static void plan_twice(void)
{
    weir_plan *p = told(plan());
    weir_plan_destroy(p);
    weir_plan_destroy(p);
}

static void plan_add_gone(void)
{
    weir_plan *p = told(plan());
    weir_plan_destroy(p);
    weir_plan_add(p, 100, 64, 0, 1);
}

static void plan_solve_gone(void)
{
    weir_plan *p = told(plan());
    weir_plan_destroy(p);
    weir_plan_solve(p, NULL);
}

static void plan_memory_twice(void)
{
    weir_plan_memory *memory = told(weir_plan_memory_create(plan(), NULL));
    weir_plan_memory_release(memory);
    weir_plan_memory_release(memory);
}

static void plan_memory_as_plan(void)
{
    weir_plan_destroy(told(weir_plan_memory_create(plan(), NULL)));
}

static void recorder_twice(void)
{
    weir_plan_recorder *recorder = told(weir_plan_recorder_create(NULL));
    weir_plan_recorder_destroy(recorder);
    weir_plan_recorder_destroy(recorder);
}

static void replay_twice(void)
{
    weir_plan_replay *replay = told(weir_plan_replay_create(plan(), NULL));
    weir_plan_replay_destroy(replay);
    weir_plan_replay_destroy(replay);
}

static int fill(weir_plan *to, const void *key, size_t key_size, void *user)
{
    (void)key, (void)key_size, (void)user;
    return weir_plan_add(to, 64, 64, 0, 1);
}

static void cache_twice(void)
{
    weir_plan_cache *cache = told(weir_plan_cache_create(2, NULL, fill, NULL));
    weir_plan_cache_destroy(cache);
    weir_plan_cache_destroy(cache);
}

static void pool_return_gone(void)
{
    void *block = weir_allocate(weir_cpu_allocator(), 100);
    weir_buffer_pool *pool = told(weir_buffer_pool_create(NULL));
    weir_buffer_pool_destroy(pool);
    weir_buffer_pool_return(pool, block);
}

static void plan_memory_gone(void)
{
    weir_plan_memory *memory = told(weir_plan_memory_create(plan(), NULL));
    weir_plan_memory_release(memory);
    weir_plan_memory_buffer(memory, 0);
}

static void recorder_gone(void)
{
    weir_plan_recorder *recorder = told(weir_plan_recorder_create(NULL));
    weir_plan_recorder_destroy(recorder);
    weir_plan_recorder_plan(recorder);
}

static void replay_gone(void)
{
    weir_plan_replay *replay = told(weir_plan_replay_create(plan(), NULL));
    weir_plan_replay_destroy(replay);
    weir_plan_replay_begin(replay);
}

static void cache_gone(void)
{
    weir_plan_cache *cache = told(weir_plan_cache_create(2, NULL, fill, NULL));
    weir_plan_cache_destroy(cache);
    weir_plan_cache_get(cache, "key", 3);
}

static void own_pool_twice(void)
{
    weir_allocator *pool = weir_allocator_create(
        &(weir_allocator_options){.name = "pool", .source = WEIR_SOURCE_OWN_POOL});
    told(pool);
    weir_allocator_destroy(pool);
    weir_allocator_destroy(pool);
}

#define CRIME(name)                                                                                \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct crime crimes[] = {CRIME(tensor_twice),
                                      CRIME(tensor_retain_released),
                                      CRIME(tensor_write_released),
                                      CRIME(tensor_read_released),
                                      CRIME(tensor_over),
                                      CRIME(tensor_under),
                                      CRIME(tensor_data_freed),
                                      CRIME(buffer_write_released),
                                      CRIME(buffer_copied),
                                      CRIME(pool_return_twice),
                                      CRIME(pool_return_interior),
                                      CRIME(pool_return_others),
                                      CRIME(pool_return_cpu),
                                      CRIME(pool_write_returned),
                                      CRIME(pool_twice),
                                      CRIME(pool_acquire_gone),
                                      CRIME(arena_twice),
                                      CRIME(arena_allocate_gone),
                                      CRIME(arena_as_plan),
                                      CRIME(plan_twice),
                                      CRIME(plan_add_gone),
                                      CRIME(plan_solve_gone),
                                      CRIME(plan_memory_twice),
                                      CRIME(plan_memory_as_plan),
                                      CRIME(recorder_twice),
                                      CRIME(replay_twice),
                                      CRIME(cache_twice),
                                      CRIME(pool_return_gone),
                                      CRIME(plan_memory_gone),
                                      CRIME(recorder_gone),
                                      CRIME(replay_gone),
                                      CRIME(cache_gone),
                                      CRIME(own_pool_twice)};

int main(int argc, char **argv)
{
    return crime_main(argc, argv, crimes, sizeof crimes / sizeof *crimes);
}
