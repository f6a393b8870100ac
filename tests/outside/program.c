/*
 * A program somewhere else that uses the installed weir. Also compiled as C++.
 *
 *     program PROVIDER    "jemalloc", "system" or "any"
 *
 * Fails with a line that says why.
 */
#include <weir/weir.h>

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failed(const char *what)
{
    fprintf(stderr, "outside program: %s\n", what);
    return 1;
}

/* Is malloc still the C library's? Only then does its own count move. */
static int malloc_is_replaced(void)
{
    size_t before = mallinfo2().hblkhd;
    void *volatile big = malloc((size_t)64 << 20);
    size_t after = mallinfo2().hblkhd;
    free(big);
    return after < before + ((size_t)64 << 20);
}

static int jemalloc_is_loaded(void)
{
    char line[4096];
    int found = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        found |= strstr(line, "libweir-jemalloc") != NULL;
    if (maps)
        fclose(maps);
    return found;
}

int main(int argc, char **argv)
{
    weir_allocator *cpu = weir_cpu_allocator();
    void *blocks[100];
    weir_stats stats;
    const char *provider = argc > 1 ? argv[1] : "any";

    if (malloc_is_replaced())
        return failed("malloc is no longer the C library's");
    for (size_t i = 0; i < 100; i++) {
        blocks[i] = weir_allocate(cpu, i * 1000);
        if (!blocks[i] || (uintptr_t)blocks[i] % 64 != 0)
            return failed("a block is missing or not aligned");
        memset(blocks[i], 1, i * 1000);
    }
    if (weir_total_allocated(cpu) != 4950 * 1000 || weir_allocation_count(cpu) != 100)
        return failed("the total or the count is wrong");
    memset(&stats, 0, sizeof stats);
    stats.size = sizeof stats;
    if (weir_stats_get(cpu, &stats) != 0)
        return failed("weir_stats_get");
    for (size_t i = 0; i < 100; i++)
        weir_deallocate(cpu, blocks[i]);
    if (weir_total_allocated(cpu) != 0 || weir_peak_allocated(cpu) != 4950 * 1000)
        return failed("the total or the peak is wrong at the end");

    if (strcmp(provider, "any") != 0 && strcmp(provider, stats.backing) != 0) {
        fprintf(stderr, "outside program: the provider is %s, not %s\n", stats.backing, provider);
        return 1;
    }
    if (strcmp(provider, "system") == 0 && jemalloc_is_loaded())
        return failed("libweir-jemalloc was loaded");
    if (strcmp(weir_version(), WEIR_VERSION) != 0)
        return failed("another version than its header's");
    return 0;
}
