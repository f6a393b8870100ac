/*
 * stress_objects [THREADS [ROUNDS [SEED]]]: threads share tensors, a pool of buffers and an
 * arena. Every element read is checked; at the end everything is zero. Run under
 * ThreadSanitizer too.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

#define MOST_THREADS 16
#define SLOTS        8

static weir_buffer_pool *pool;
static weir_arena *arena;
static unsigned rounds;
static unsigned long seed;

/* Tensors handed from thread to thread; the lock covers the pointers, not the tensors. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static weir_tensor *slots[SLOTS];

static void fail(const char *what)
{
    fprintf(stderr, "stress_objects: %s: %s\n", what, weir_last_error());
    exit(1);
}

static unsigned random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

/* All elements are the first one, which was written before it was shared. */
static void tensor_verify(weir_tensor *t)
{
    weir_tensor *c = weir_tensor_contiguous(t);
    const int32_t *data = weir_tensor_data(c);
    if (!c)
        fail("contiguous");
    for (size_t i = 0; i < weir_tensor_element_count(c); i++)
        if (data[i] != data[0])
            fail("an element is not what was written");
    weir_tensor_release(c);
}

static weir_tensor *tensor_make(uint64_t *state)
{
    int64_t shape[3] = {1 + random_next(state) % 8, 1 + random_next(state) % 8,
                        1 + random_next(state) % 40};
    weir_tensor *t = weir_tensor_create(shape, 3, WEIR_INT32);
    if (!t)
        fail("create");
    int32_t *data = weir_tensor_data(t), value = (int32_t)random_next(state);
    for (size_t i = 0; i < weir_tensor_element_count(t); i++)
        data[i] = value;
    return t;
}

/* What another thread will release: the same handle, or another one to the storage. */
static weir_tensor *tensor_share(weir_tensor *t, uint64_t *state)
{
    weir_tensor *made;
    switch (random_next(state) % 4) {
    case 0:
        return weir_tensor_retain(t);
    case 1:
        made = weir_tensor_transpose(t, 0, weir_tensor_ndim(t) - 1);
        break;
    case 2:
        made = weir_tensor_slice(t, 0, 0, (weir_tensor_extent(t, 0) + 1) / 2, 1);
        break;
    default:
        made = weir_tensor_view(t);
    }
    if (!made)
        fail("a view");
    return made;
}

static void tensors_step(uint64_t *state)
{
    unsigned i = random_next(state) % SLOTS;
    weir_tensor *made = random_next(state) % 4 ? NULL : tensor_make(state), *old = NULL;
    pthread_mutex_lock(&lock);
    weir_tensor *t = weir_tensor_retain(slots[i]);
    if (made || !t) {
        old = slots[i];
        slots[i] = made;
    }
    pthread_mutex_unlock(&lock);
    weir_tensor_release(old);
    if (!t)
        return;
    tensor_verify(t);
    weir_tensor *other = tensor_share(t, state);
    weir_tensor_release(t);
    tensor_verify(other);
    pthread_mutex_lock(&lock);
    old = slots[i];
    slots[i] = other;
    pthread_mutex_unlock(&lock);
    weir_tensor_release(old);
}

static void pool_step(uint64_t *state)
{
    size_t size = random_next(state) % 30000;
    unsigned char *block = weir_buffer_pool_acquire(pool, size);
    unsigned char mine = (unsigned char)random_next(state);
    if (!block)
        fail("acquire");
    memset(block, mine, size);
    weir_buffer b;
    if (weir_buffer_init_pooled(&b, pool, size / 7, 7))
        fail("init_pooled");
    const unsigned char *data = weir_buffer_data(&b);
    for (size_t i = 0; i < weir_buffer_size_in_bytes(&b); i += 13)
        if (data[i])
            fail("a pooled buffer is not zero");
    weir_buffer_release(&b);
    if (random_next(state) % 500 == 0)
        weir_buffer_pool_trim(pool, 10000);
    for (size_t i = 0; i < size; i += 13)
        if (block[i] != mine)
            fail("two threads have one buffer");
    weir_buffer_pool_return(pool, block);
}

static void arena_step(uint64_t *state)
{
    size_t size = 1 + random_next(state) % 300;
    weir_allocator *a = weir_arena_allocator(arena);
    unsigned char *direct = weir_arena_allocate(arena, size), *block = weir_allocate(a, size);
    if (!direct || !block)
        fail("arena");
    memset(direct, 1, size);
    memset(block, 2, size);
    if (direct[size - 1] != 1 || block[size - 1] != 2)
        fail("two threads have one arena block");
    weir_deallocate(a, block);
}

static void *work(void *number)
{
    uint64_t state = seed * 1000 + (uintptr_t)number;
    for (unsigned i = 0; i < rounds; i++) {
        tensors_step(&state);
        pool_step(&state);
        if (i % 16 == 0)
            arena_step(&state);
        if (i % 256 == 0) { /* readers of figures, beside it all */
            weir_buffer_pool_stats stats = {.size = sizeof stats};
            weir_stats figures = {.size = sizeof figures};
            if (weir_buffer_pool_stats_get(pool, &stats) ||
                weir_stats_get(weir_cpu_allocator(), &figures) ||
                figures.total_allocated > figures.peak_allocated)
                fail("statistics");
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[MOST_THREADS];
    long n = argc > 1 ? strtol(argv[1], NULL, 10) : 4;
    rounds = argc > 2                   ? (unsigned)strtoul(argv[2], NULL, 10)
             : getenv("WEIR_TEST_SLOW") ? 500
                                        : 10000;
    seed = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    if (n < 1 || n > MOST_THREADS) {
        fprintf(stderr, "usage: stress_objects [THREADS [ROUNDS [SEED]]], 1 to 16 threads\n");
        return 2;
    }
    pool = weir_buffer_pool_create(&(weir_buffer_pool_options){.idle_limit = 200000});
    arena = weir_arena_create(NULL);
    if (!pool || !arena)
        fail("create");
    for (long i = 0; i < n; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i))
            fail("pthread_create");
    for (long i = 0; i < n; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < SLOTS; i++)
        weir_tensor_release(slots[i]);
    if (weir_buffer_pool_destroy(pool) || weir_arena_destroy(arena))
        fail("destroy");
    if (weir_total_allocated(weir_cpu_allocator()) || weir_allocation_count(weir_cpu_allocator()))
        fail("something is left");
    return 0;
}
