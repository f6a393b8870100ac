/*
 * A process that knows nothing of weir opens it late, as plugins and scripting
 * languages do: no environment variable, threads already running. Argument: the
 * library, or a plugin with module_main (tests/outside/module.c); by default
 * the library of this build.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/allocator.h>

static pthread_barrier_t loaded;
static void *library;

#define CALL(name) ((__typeof__(&name))dlsym(library, #name))

static void fail(const char *what)
{
    fprintf(stderr, "late_load: %s\n", what);
    exit(1);
}

static void use_it(void)
{
    weir_allocator *cpu = CALL(weir_cpu_allocator)();
    void *blocks[200];
    for (size_t i = 0; i < 200; i++) {
        size_t size = i * i * 10;
        blocks[i] = CALL(weir_allocate)(cpu, size);
        if (!blocks[i] || (uintptr_t)blocks[i] % 64 != 0)
            fail("a block is missing or not aligned");
        memset(blocks[i], 1, size);
    }
    for (size_t i = 0; i < 200; i++)
        CALL(weir_deallocate)(cpu, blocks[i]);
}

/* Runs before the library is there, and has no room of its own for it yet. */
static void *early_thread(void *unused)
{
    pthread_barrier_wait(&loaded);
    use_it();
    return unused;
}

static void expect_only_the_system(void)
{
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps))
        if (strstr(line, "jemalloc"))
            fail("jemalloc came along");
    fclose(maps);
}

static int run_module(void)
{
    int (*module_main)(void) = (int (*)(void))dlsym(library, "module_main");
    return module_main && module_main() == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    char path[4096];
    const char *build = getenv("top_builddir");
    snprintf(path, sizeof path, "%s/.libs/libweir.so.0", build ? build : ".");

    if (argc < 2 && access(path, R_OK) != 0) {
        fprintf(stderr, "late_load: no shared library was built\n");
        return 77;
    }

    pthread_t early[4];
    pthread_barrier_init(&loaded, NULL, 5);
    for (int i = 0; i < 4 && argc < 2; i++)
        pthread_create(&early[i], NULL, early_thread, NULL);

    library = dlopen(argc > 1 ? argv[1] : path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        fprintf(stderr, "late_load: %s\n", dlerror());
        return 1;
    }
    expect_only_the_system();
    if (argc > 1)
        return run_module();

    pthread_barrier_wait(&loaded);
    use_it();
    for (int i = 0; i < 4; i++)
        pthread_join(early[i], NULL);
    weir_allocator *cpu = CALL(weir_cpu_allocator)();
    if (CALL(weir_total_allocated)(cpu) != 0 || CALL(weir_allocation_count)(cpu) != 0)
        fail("something is still counted");
    if (CALL(weir_peak_allocated)(cpu) < 199 * 199 * 10)
        fail("the peak is too low");
    dlclose(library);
    return 0;
}
