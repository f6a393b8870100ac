/*
 * tests/helpers/scene.h - what every public call is tried on (tests/process/every_call.c): two
 * allocators, one that nothing was taken from yet, a device, and an object of each kind. A call
 * leaves what it made in the scene, which undoes it at its end.
 */
#ifndef WEIR_TESTS_SCENE_H
#define WEIR_TESTS_SCENE_H

#include "core.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <weir/device.h>
#include <weir/dlpack.h>
#include <weir/guards.h>
#include <weir/weir.h>

#define EXPECT(condition, ...)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #condition);                        \
            fprintf(stderr, __VA_ARGS__);                                                          \
            fprintf(stderr, "\n");                                                                 \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { SCENE_UNDO = 8, HELD = 1000, LARGE = 3 << 20 };

struct scene;

/* A public function, called in some way. The result is what it said: 0 or an errno value. A sure
 * one asks for no memory, so it says the same whatever the machine refuses. */
struct call {
    const char *function, *how;
    int (*made)(struct scene *s);
    bool sure;
    int (*prepare)(struct scene *s); /* before the trial; NULL: nothing */
};
#define CALL(function)     CALL_AS(function, called)
#define CALL_AS(name, how) static int name##_##how(struct scene *s __attribute__((unused)))
#define MAY(name)                                                                                  \
    {                                                                                              \
        .function = #name, .how = "", .made = name##_called                                        \
    }
#define MAY_AS(name, way)                                                                          \
    {                                                                                              \
        .function = #name, .how = #way, .made = name##_##way                                       \
    }
#define MAY_AFTER(first, name)                                                                     \
    {                                                                                              \
        .function = #name, .how = "", .made = name##_called, .prepare = first                      \
    }
#define SURE(name)                                                                                 \
    {                                                                                              \
        .function = #name, .how = "", .made = name##_called, .sure = true                          \
    }

typedef void undo_function(void *what);

struct scene {
    weir_allocator *a, *fresh, *device; /* `fresh`: a context with a pool of its own, unused */
    unsigned char *held, *large;        /* of `a`: HELD bytes, all 7; LARGE bytes, a pattern */
    void *on_device;                    /* 5000 bytes */
    void *stream;
    weir_buffer buffer, pooled; /* 500 bytes of `a`, all 3; 500 of `pool` */
    weir_buffer_pool *pool;
    void *out; /* of `pool`, 100 bytes */
    weir_arena *arena;
    weir_arena_mark mark;
    weir_tensor *tensor, *turned; /* 10 x 10 floats; a view of it, transposed */
    weir_plan *plan, *unsolved;
    weir_plan_memory *memory;
    weir_plan_recorder *recorder;
    weir_plan_replay *replay;
    weir_plan_cache *cache;
    weir_profiler profiler;
    uint64_t checkpoint;
    FILE *to; /* /dev/null */
    struct {
        undo_function *undo;
        void *what, *of;
    } made[SCENE_UNDO];
    int nmade;
};

/* -- what a call left behind ---------------------------------------------------------------------
 */

static inline int scene_undo_by(struct scene *s, void *what, undo_function *undo)
{
    if (!what)
        return errno;
    s->made[s->nmade].undo = undo;
    s->made[s->nmade++].what = what;
    return 0;
}

/* A block of `a`: errno where it is NULL, else 0. */
static inline int scene_block(struct scene *s, weir_allocator *a, void *block)
{
    if (!block)
        return errno;
    s->made[s->nmade].of = a;
    s->made[s->nmade++].what = block;
    return 0;
}

static inline void undo_tensor(void *what)
{
    weir_tensor_release(what);
}

static inline int scene_tensor(struct scene *s, weir_tensor *t)
{
    return scene_undo_by(s, t, undo_tensor);
}

static inline void undo_allocator(void *what)
{
    EXPECT(weir_allocator_destroy(what) == 0, "an allocator is kept");
}

static inline int scene_allocator(struct scene *s, weir_allocator *a)
{
    return scene_undo_by(s, a, undo_allocator);
}

static inline void undo_nothing(void *what)
{
    (void)what;
}

/* What belongs to something else. */
static inline int scene_lent(struct scene *s, void *what)
{
    return scene_undo_by(s, what, undo_nothing);
}

static inline void undo_plan(void *what)
{
    weir_plan_destroy(what);
}

static inline void scene_undo(struct scene *s)
{
    while (s->nmade-- > 0) {
        if (s->made[s->nmade].undo)
            s->made[s->nmade].undo(s->made[s->nmade].what);
        else
            weir_deallocate(s->made[s->nmade].of, s->made[s->nmade].what);
    }
    s->nmade = 0;
}

/* -- making it -----------------------------------------------------------------------------------
 */

static inline weir_plan *scene_plan(bool solved)
{
    weir_plan *plan = weir_plan_create();
    EXPECT(plan, "no plan");
    for (int i = 0; i < 6; i++)
        EXPECT(weir_plan_add(plan, 100 + 10 * (size_t)i, 64, i, i + 2) == 0, "no buffer");
    for (int i = 0; i < 40 && !solved; i++) /* orders, searches and bounds have something to do */
        EXPECT(weir_plan_add(plan, 64 * (1 + (size_t)i % 7), 64, i % 11, 11 + i % 5) == 0,
               "no buffer");
    EXPECT(!solved || weir_plan_solve(plan, NULL) == 0, "no solution");
    return plan;
}

static inline int scene_plan_make(weir_plan *plan, const void *key, size_t key_size, void *user)
{
    (void)user;
    size_t size = key_size ? *(const unsigned char *)key : 1;
    return weir_plan_add(plan, size, 64, 0, 1);
}

static inline void scene_allocators(struct scene *s)
{
    weir_allocator_options own = {.source = WEIR_SOURCE_OWN_POOL};
    s->fresh = weir_allocator_create(&own);
    own.name = "tried";
    s->a = weir_allocator_create(&own);
    const weir_device_table *table = weir_device_host_table_create("tried", 64 * MIB);
    s->device = table ? weir_device_allocator_create(table, NULL) : NULL;
    EXPECT(s->a && s->fresh && s->device, "no allocators: %s", weir_last_error());
}

static inline void scene_blocks(struct scene *s)
{
    s->held = weir_allocate(s->a, HELD);
    s->large = weir_allocate(s->a, LARGE);
    s->on_device = weir_allocate(s->device, 5000);
    s->stream = weir_device_stream_create(s->device);
    s->pool = weir_buffer_pool_create(&(weir_buffer_pool_options){.allocator = s->a});
    EXPECT(s->held && s->large && s->on_device && s->stream && s->pool, "no blocks");
    memset(s->held, 7, HELD);
    pattern_write(s->large, LARGE, 5);
    s->out = weir_buffer_pool_acquire(s->pool, 100);
    EXPECT(s->out && weir_buffer_init(&s->buffer, s->a, 500, 1) == 0 &&
               weir_buffer_init_pooled(&s->pooled, s->pool, 500, 1) == 0,
           "no buffers");
    memset(weir_buffer_data(&s->buffer), 3, 500);
    s->arena = weir_arena_create(&(weir_arena_options){.allocator = s->a, .chunk_size = 1000});
    EXPECT(s->arena && weir_arena_allocate(s->arena, 10), "no arena");
    s->mark = weir_arena_mark_get(s->arena);
}

static inline void scene_objects(struct scene *s)
{
    s->tensor = weir_tensor_create_zeroed_in(s->a, (int64_t[]){10, 10}, 2, WEIR_FLOAT32);
    s->turned = weir_tensor_transpose(s->tensor, 0, 1);
    s->plan = scene_plan(true);
    s->unsolved = scene_plan(false);
    s->memory = weir_plan_memory_create(s->plan, s->a);
    s->recorder = weir_plan_recorder_create(s->a);
    s->replay = weir_plan_replay_create(s->plan, s->a);
    s->cache = weir_plan_cache_create(2, NULL, scene_plan_make, NULL);
    EXPECT(s->tensor && s->turned && s->memory && s->recorder && s->replay && s->cache,
           "no objects: %s", weir_last_error());
}

static inline void scene_open(struct scene *s)
{
    *s = (struct scene){.nmade = 0};
    scene_allocators(s);
    scene_blocks(s);
    scene_objects(s);
    s->to = fopen("/dev/null", "w");
    EXPECT(s->to && weir_profiler_start(&s->profiler, s->a) == 0, "no profiler");
    s->checkpoint = weir_checkpoint(s->a);
}

/* What was there before the call is as it was. */
static inline void scene_check(const struct scene *s, const char *what)
{
    for (size_t i = 0; i < HELD && s->held; i++)
        EXPECT(s->held[i] == 7, "%s: byte %zu of a block changed", what, i);
    EXPECT(!s->large || pattern_holds(s->large, LARGE, LARGE, 5), "%s: a block changed", what);
    const unsigned char *bytes = weir_buffer_data(&s->buffer);
    for (size_t i = 0; bytes && i < 500 && i < weir_buffer_count(&s->buffer); i++)
        EXPECT(bytes[i] == 3, "%s: byte %zu of a buffer changed", what, i);
}

static inline void scene_close(struct scene *s)
{
    scene_undo(s);
    weir_profiler_stop(&s->profiler);
    fclose(s->to);
    weir_plan_cache_destroy(s->cache);
    weir_plan_replay_destroy(s->replay);
    weir_plan_recorder_destroy(s->recorder);
    weir_plan_memory_release(s->memory);
    weir_plan_destroy(s->plan);
    weir_plan_destroy(s->unsolved);
    weir_tensor_release(s->turned);
    weir_tensor_release(s->tensor);
    weir_arena_destroy(s->arena);
    weir_buffer_release(&s->buffer);
    weir_buffer_release(&s->pooled);
    if (s->out)
        weir_buffer_pool_return(s->pool, s->out);
    EXPECT(!s->pool || weir_buffer_pool_destroy(s->pool) == 0, "something is out of the pool");
    weir_deallocate(s->a, s->held);
    weir_deallocate(s->a, s->large);
    weir_deallocate(s->device, s->on_device);
    if (s->stream)
        EXPECT(weir_device_stream_destroy(s->device, s->stream) == 0, "a stream is kept");
}

#endif
