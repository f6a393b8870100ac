/*
 * Mistakes that a compiler must warn of; never run. A line with one says by whom and by which
 * option:
 *
 *     gcc -WNAME      and nothing else on that line; so for clang
 */
#include <weir/weir.h>

#include <stdlib.h>

void dropped(weir_allocator *a);
void dropped(weir_allocator *a)
{
    weir_allocate(a, 100);                 /* gcc -Wunused-result clang -Wunused-result */
    weir_allocate_aligned(a, 100, 4096);   /* gcc -Wunused-result clang -Wunused-result */
    weir_allocate_zeroed(a, 10, 10);       /* gcc -Wunused-result clang -Wunused-result */
    weir_allocator_create(NULL);           /* gcc -Wunused-result clang -Wunused-result */
    weir_device_allocate_on(a, 100, NULL); /* gcc -Wunused-result clang -Wunused-result */
    weir_plan_create();                    /* gcc -Wunused-result clang -Wunused-result */
    weir_plan_memory_create(NULL, a);      /* gcc -Wunused-result clang -Wunused-result */
    weir_buffer_make(a, 1, 1);             /* gcc -Wunused-result clang -Wunused-result */
}

void *moved(weir_allocator *a, void *block);
void *moved(weir_allocator *a, void *block)
{
    weir_reallocate_aligned(a, block, 1000, 4096); /* gcc -Wunused-result clang -Wunused-result */
    weir_reallocate(a, block, 1000);               /* gcc -Wunused-result clang -Wunused-result */
    return block;
}

void views(weir_tensor *t);
void views(weir_tensor *t)
{
    static const int64_t shape[] = {2, 3};
    weir_tensor_create(shape, 2, WEIR_INT8); /* gcc -Wunused-result clang -Wunused-result */
    weir_tensor_reshape(t, shape, 2);        /* gcc -Wunused-result clang -Wunused-result */
    weir_tensor_clone(t);                    /* gcc -Wunused-result clang -Wunused-result */
}

void ignored(weir_allocator *a, weir_arena *arena, weir_plan *plan, weir_tensor *t, weir_buffer *b);
void ignored(weir_allocator *a, weir_arena *arena, weir_plan *plan, weir_tensor *t, weir_buffer *b)
{
    weir_set_limit(a, 1 << 20);         /* gcc -Wunused-result clang -Wunused-result */
    weir_arena_reset(arena);            /* gcc -Wunused-result clang -Wunused-result */
    weir_plan_add(plan, 100, 64, 0, 1); /* gcc -Wunused-result clang -Wunused-result */
    weir_plan_solve(plan, NULL);        /* gcc -Wunused-result clang -Wunused-result */
    weir_tensor_zero(t);                /* gcc -Wunused-result clang -Wunused-result */
    weir_buffer_init(b, a, 10, 4);      /* gcc -Wunused-result clang -Wunused-result */
    weir_buffer_resize(b, 20);          /* gcc -Wunused-result clang -Wunused-result */
    weir_device_copy(a, t, a, b, 10);   /* gcc -Wunused-result clang -Wunused-result */
    weir_trace_start("file", NULL);     /* gcc -Wunused-result clang -Wunused-result */
}

void freed_by_another(weir_allocator *a, weir_buffer_pool *pool);
void freed_by_another(weir_allocator *a, weir_buffer_pool *pool)
{
    void *block = weir_allocate(a, 100);
    free(block); /* gcc -Wmismatched-dealloc */
    void *kept = weir_buffer_pool_acquire(pool, 100);
    weir_deallocate(a, kept); /* gcc -Wmismatched-dealloc */
    void *ours = malloc(100);
    weir_deallocate(a, ours); /* gcc -Wmismatched-dealloc */
    weir_plan *plan = weir_plan_create();
    free(plan); /* gcc -Wmismatched-dealloc */
    int here = 0;
    weir_deallocate(a, &here); /* gcc -Wfree-nonheap-object */
}

char past_the_end(weir_allocator *a, weir_arena *arena);
char past_the_end(weir_allocator *a, weir_arena *arena)
{
    char *block = weir_allocate(a, 8);
    block[8] = 1; /* gcc -Wstringop-overflow= */
    char *numbers = weir_allocate_zeroed(a, 2, 4);
    numbers[8] = 1; /* gcc -Wstringop-overflow= */
    char *scratch = weir_arena_allocate(arena, 8);
    scratch[8] = 1; /* gcc -Wstringop-overflow= */
    char first = (char)(block[0] + numbers[0] + scratch[0]);
    weir_deallocate(a, block);
    weir_deallocate(a, numbers);
    return first;
}

char after_its_end(weir_allocator *a);
char after_its_end(weir_allocator *a)
{
    char *block = weir_allocate_zeroed(a, 8, 1);
    weir_deallocate(a, block);
    return block[0]; /* gcc -Wuse-after-free */
}

int short_of_room(weir_allocator *a);
int short_of_room(weir_allocator *a)
{
    char text[10];
    return weir_stats_json_buffer(text, 11, NULL, a); /* gcc -Wstringop-overflow= */
}
