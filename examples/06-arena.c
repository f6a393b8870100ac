/*
 * 06-arena.c - memory that is given back all at once: an arena for a request, a mark for each step
 * in it, and what that spares the allocator below.
 */
#include <stdio.h>
#include <stdlib.h>
#include <weir/weir.h>

static void figures_print(const char *when, const weir_arena *arena)
{
    weir_arena_stats s = WEIR_ARENA_STATS_INIT;
    weir_arena_stats_get(arena, &s);
    printf("%-14s %7zu bytes in %3zu allocations, at most %zu, %zu chunks\n", when, s.used,
           s.allocations, s.peak, s.chunks);
}

/* A step takes what it likes and frees nothing: its caller rewinds. */
static bool step(weir_arena *arena, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!weir_arena_allocate(arena, 1024))
            return false;
    return true;
}

int main(void)
{
    weir_arena_options options = WEIR_ARENA_OPTIONS_INIT;
    options.chunk_size = 256 * 1024;
    weir_arena *arena = weir_arena_create(&options);
    if (!arena || !weir_arena_allocate(arena, 5000)) /* the request itself */
        return perror("arena"), EXIT_FAILURE;
    weir_arena_mark mark = weir_arena_mark_get(arena);
    figures_print("a request", arena);

    for (int i = 0; i < 3; i++) {
        if (!step(arena, 100))
            return perror("step"), EXIT_FAILURE;
        if (i == 0)
            figures_print("a step", arena);
        if (weir_arena_rewind(arena, mark) != 0) /* frees all since the mark */
            return EXIT_FAILURE;
    }
    figures_print("after 3 steps", arena);

    weir_stats s = WEIR_STATS_INIT;
    weir_stats_get(weir_cpu_allocator(), &s);
    printf("301 allocations took %zu from the CPU allocator\n", s.allocations);
    return weir_arena_destroy(arena);
}
