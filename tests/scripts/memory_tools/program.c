/*
 * memory_tools/program.c FAULT: what a memory tool shall report of a program over weir, one
 * fault a run, each in a function of its name; `correct` has none and prints figures.
 */
#include <weir/weir.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline, noclone))
#ifdef __clang__
#undef NOINLINE
#define NOINLINE __attribute__((noinline))
#endif

static weir_allocator *cpu(void)
{
    return weir_cpu_allocator();
}

static NOINLINE void past_block(void)
{
    volatile char *p = weir_allocate(cpu(), 100);
    p[100] = 1;
    weir_deallocate(cpu(), (void *)p);
}

static NOINLINE void past_large_block(void)
{
    volatile char *p = weir_allocate(cpu(), 1000001);
    p[1000001] = 1;
    weir_deallocate(cpu(), (void *)p);
}

static NOINLINE void past_empty_block(void)
{
    volatile char *p = weir_allocate(cpu(), 0);
    p[0] = 1;
    weir_deallocate(cpu(), (void *)p);
}

static NOINLINE void past_tensor(void)
{
    weir_tensor *t = weir_tensor_create((int64_t[]){2, 5}, 2, WEIR_FLOAT32);
    volatile float *data = weir_tensor_data(t);
    data[10] = 1;
    weir_tensor_release(t);
}

static NOINLINE void past_block_of_pool(void)
{
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *below =
        weir_allocator_create(&(weir_allocator_options){.pool = pool, .limit = 1000});
    volatile char *p = weir_allocate(below, 90);
    p[90] = 1;
    weir_allocator_destroy(below);
    weir_allocator_destroy(pool);
}

static NOINLINE void past_block_of_arena(void)
{
    weir_arena *arena = weir_arena_create(NULL);
    volatile char *p = weir_arena_allocate(arena, 100);
    p[100] = 1;
    weir_arena_destroy(arena);
}

static NOINLINE int after_free(void)
{
    volatile char *p = weir_allocate_zeroed(cpu(), 10, 10);
    weir_deallocate(cpu(), (void *)p);
    return p[5];
}

static NOINLINE int after_reallocate(void)
{
    volatile char *p = weir_allocate_zeroed(cpu(), 10, 10);
    char *moved = weir_reallocate(cpu(), (void *)p, 5000);
    int got = p[5];
    weir_deallocate(cpu(), moved);
    return got;
}

static NOINLINE int after_rewind(void)
{
    weir_arena *arena = weir_arena_create(NULL);
    weir_arena_mark mark = weir_arena_mark_get(arena);
    volatile char *p = weir_arena_allocate(arena, 100);
    p[5] = 1;
    weir_arena_rewind(arena, mark);
    int got = p[5];
    weir_arena_destroy(arena);
    return got;
}

static NOINLINE int after_release(void)
{
    weir_buffer_pool *pool = weir_buffer_pool_create(NULL);
    volatile char *p = weir_buffer_pool_acquire_zeroed(pool, 100);
    weir_buffer_pool_return(pool, (void *)p);
    int got = p[5];
    weir_buffer_pool_destroy(pool);
    return got;
}

static NOINLINE int after_destroy(void)
{
    weir_allocator *a = weir_allocator_create(NULL);
    volatile char *p = weir_allocate_zeroed(a, 10, 10);
    weir_allocator_destroy(a);
    return p[5];
}

static volatile int times = 3; /* not known to the compiler: one stack for all */

/* Overwrites what is left of pointers on the stack and in registers. */
static NOINLINE void forget(void)
{
    volatile char rubbish[8192];
    for (size_t i = 0; i < sizeof rubbish; i++)
        rubbish[i] = (char)i;
}

static NOINLINE void lost_block(void)
{
    for (int i = 0; i < times; i++) {
        volatile char *p = weir_allocate(cpu(), 11111);
        p[0] = 1;
    }
}

static NOINLINE void lost_tensor(void)
{
    for (int i = 0; i < times; i++) {
        weir_tensor *t = weir_tensor_create((int64_t[]){11111}, 1, WEIR_INT8);
        memset(weir_tensor_data(t), 0, 11111);
    }
}

static NOINLINE void free_twice(void)
{
    char *p = weir_allocate(cpu(), 100);
    weir_deallocate(cpu(), p);
    weir_deallocate(cpu(), p);
}

static NOINLINE void free_inside(void)
{
    char *p = weir_allocate(cpu(), 100);
    weir_deallocate(cpu(), p + 16);
}

static NOINLINE void free_foreign(void)
{
    static char p[64];
    weir_deallocate(cpu(), p);
}

static NOINLINE void free_of_another(void)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_deallocate(cpu(), weir_allocate(a, 100));
}

/* -- nothing wrong ------------------------------------------------------------------------ */

/* Alive at exit, reachable only through their handles. */
weir_tensor *kept_tensor;
weir_arena *kept_arena;
weir_buffer_pool *kept_pool;
char *kept_block, *kept_tagged;

static void figures_print(const char *what, const weir_allocator *a)
{
    weir_stats s = {.size = sizeof s};
    if (weir_stats_get(a, &s) != 0 || s.in_use < s.total_allocated)
        abort();
    printf("%s: total %zu peak %zu count %zu allocations %zu frees %zu failures %zu limit %zu\n",
           what, s.total_allocated, s.peak_allocated, s.allocation_count, s.allocations,
           s.deallocations, s.failures, s.limit);
}

static void *thread_main(void *context)
{
    void *blocks[100];
    for (int round = 0; round < 20; round++) {
        for (size_t i = 0; i < 100; i++)
            memset(blocks[i] = weir_allocate(context, i * i + 1), 1, i * i + 1);
        for (size_t i = 0; i < 100; i++)
            weir_deallocate(context, blocks[i]);
    }
    return weir_allocate(context, 77);
}

static bool leak_print(const weir_block *block, void *user)
{
    size_t *sum = user;
    *sum += block->requested;
    return false;
}

static void child(void)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char *p = weir_allocate(cpu(), 1000);
        memset(p, 1, 1000);
        weir_deallocate(cpu(), p);
        _exit(0);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0)
        abort();
}

static void contexts(void)
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.limit = 100000});
    weir_allocator *b = weir_allocator_create(&(weir_allocator_options){.parent = a});
    weir_allocator *pool = weir_allocator_create(
        &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL, .parent = WEIR_NO_PARENT});
    weir_allocator *c =
        weir_allocator_create(&(weir_allocator_options){.pool = pool, .parent = WEIR_NO_PARENT});
    weir_allocator *d = weir_allocator_create(
        &(weir_allocator_options){.parent = b, .source = WEIR_SOURCE_BACKING});
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, thread_main, c);
    for (int i = 0; i < 3; i++) {
        void *last;
        pthread_join(threads[i], &last);
        memset(last, 1, 77);
    }
    for (size_t size = 0; size < 50000; size = size * 2 + 1)
        memset(weir_allocate(b, size), 1, size);
    if (weir_allocate(d, 100000))
        abort();
    memset(weir_allocate_aligned(d, 10, 1 << 16), 1, 10);
    size_t sum = 0;
    weir_allocator_walk(b, leak_print, &sum);
    printf("walked %zu, owns %d %d\n", sum, weir_owns(b, &sum), weir_owns(a, kept_block));
    figures_print("a", a);
    figures_print("b", b);
    figures_print("d", d);
    weir_stats s = {.size = sizeof s};
    weir_stats_get(pool, &s);
    printf("pool: total %zu count %zu\n", s.total_allocated, s.allocation_count);
    printf("c: total %zu count %zu\n", weir_total_allocated(c), weir_allocation_count(c));
    weir_allocator_destroy(c);
    weir_allocator_destroy(pool);
    weir_allocator_destroy(d);
    weir_allocator_destroy(b);
    figures_print("a", a);
    weir_allocator_destroy(a);
}

static void objects(void)
{
    kept_tensor = weir_tensor_create((int64_t[]){3, 1000}, 2, WEIR_FLOAT32);
    memset(weir_tensor_data(kept_tensor), 0, 12000);
    kept_block = weir_allocate_zeroed(cpu(), 3, 111);
    kept_pool = weir_buffer_pool_create(NULL);
    weir_buffer_pool_return(kept_pool, weir_buffer_pool_acquire_zeroed(kept_pool, 1000));
    memset(weir_buffer_pool_acquire(kept_pool, 990), 1, 990);
    kept_arena = weir_arena_create(NULL);
    for (int round = 0; round < 3; round++) {
        weir_arena_mark mark = weir_arena_mark_get(kept_arena);
        for (size_t size = 0; size < 200000; size = size * 2 + 1)
            memset(weir_arena_allocate_aligned(kept_arena, size, 8), 1, size);
        weir_arena_rewind(kept_arena, mark);
    }
    weir_allocator *facade = weir_arena_allocator(kept_arena);
    char *p = weir_allocate(facade, 100);
    memset(p, 1, weir_usable_size(facade, p));
    p = weir_reallocate(facade, p, 200);
    memset(p, 1, 200);
    weir_deallocate(facade, p);
    weir_arena_trim(kept_arena);
    memset(weir_arena_allocate(kept_arena, 300), 1, 300);
}

static void resizing(void)
{
    char *p = NULL;
    for (size_t size = 1; size < 300000; size = size * 3 + 1) {
        p = weir_reallocate(cpu(), p, size);
        memset(p, 1, weir_usable_size(cpu(), p));
    }
    p = weir_reallocate(cpu(), p, 10);
    memset(p, 1, 10);
    printf("resized: requested %zu\n", weir_requested_size(cpu(), p));
    weir_deallocate(cpu(), p);
}

static NOINLINE void correct(void)
{
    uint64_t point = weir_checkpoint(cpu());
    objects();
    resizing();
    weir_tag former = weir_tag_set(weir_tag_intern("tagged"));
    contexts();
    kept_tagged = weir_allocate(cpu(), 50);
    printf("tag %s\n", weir_tag_name(weir_block_tag(cpu(), kept_tagged)));
    weir_tag_set(former);
    child();
    figures_print("cpu", cpu());
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    weir_leaks_stats_get(cpu(), point, &leaks);
    printf("since: %zu bytes in %zu\n", leaks.bytes, leaks.count);
    weir_deallocate_sized(cpu(), kept_tagged, 50);
    if (weir_allocate(cpu(), (size_t)1 << 46))
        abort();
    weir_trim(cpu());
    printf("at the end: total %zu count %zu\n", weir_total_allocated(cpu()),
           weir_allocation_count(cpu()));
}

int main(int count, char **names)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } faults[] = {
#define FAULT(f) {#f, (void (*)(void))f}
        FAULT(past_block),    FAULT(past_large_block),   FAULT(past_empty_block),
        FAULT(past_tensor),   FAULT(past_block_of_pool), FAULT(past_block_of_arena),
        FAULT(after_free),    FAULT(after_reallocate),   FAULT(after_rewind),
        FAULT(after_release), FAULT(after_destroy),      FAULT(lost_block),
        FAULT(lost_tensor),   FAULT(free_twice),         FAULT(free_inside),
        FAULT(free_foreign),  FAULT(free_of_another),    FAULT(correct)};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (count > 1 && strcmp(names[1], faults[i].name) == 0) {
            faults[i].run();
            forget();
            return 0;
        }
    if (count > 1 && strcmp(names[1], "backing") == 0) {
        weir_stats s = {.size = sizeof s};
        weir_stats_get(cpu(), &s);
        printf("%s %s\n", s.backing, s.reserved == WEIR_UNSUPPORTED ? "unsupported" : "told");
        return 0;
    }
    if (count > 1 && strcmp(names[1], "probe") == 0) {
        for (int i = 0; i < times; i++) {
            volatile char *p = malloc(11111);
            p[0] = 1;
        }
        forget();
        return 0;
    }
    return 2;
}
