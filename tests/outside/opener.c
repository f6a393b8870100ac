/*
 * Opens what is named, as plugins and language bindings do, and uses it.
 *
 *     opener libweir.so      by its name, for weir's own calls
 *     opener PLUGIN          calls module_main, then closes it
 *     opener --thread PLUGIN the same in a thread that ends after the plugin is closed
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

static void *library;
static pthread_barrier_t used, closed;

static int use_calls(void)
{
    void *(*cpu)(void) = (void *(*)(void))dlsym(library, "weir_cpu_allocator");
    void *(*allocate)(void *, size_t) = (void *(*)(void *, size_t))dlsym(library, "weir_allocate");
    void (*deallocate)(void *, void *) =
        (void (*)(void *, void *))dlsym(library, "weir_deallocate");
    if (!cpu || !allocate || !deallocate)
        return 1;
    void *block = allocate(cpu(), 100);
    if (!block)
        return 1;
    memset(block, 1, 100);
    deallocate(cpu(), block);
    return 0;
}

static int use(void)
{
    int (*module_main)(void) = (int (*)(void))dlsym(library, "module_main");
    return module_main ? module_main() : use_calls();
}

static void *thread(void *result)
{
    *(int *)result = use();
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&closed);
    return NULL;
}

static int use_in_a_thread(void)
{
    pthread_t user;
    int result = 1;
    pthread_barrier_init(&used, NULL, 2);
    pthread_barrier_init(&closed, NULL, 2);
    if (pthread_create(&user, NULL, thread, &result) != 0)
        return 1;
    pthread_barrier_wait(&used);
    dlclose(library);
    pthread_barrier_wait(&closed);
    pthread_join(user, NULL);
    return result;
}

int main(int argc, char **argv)
{
    int threaded = argc > 2 && strcmp(argv[1], "--thread") == 0;
    library = argc > 1 ? dlopen(argv[argc - 1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "opener: %s\n", argc > 1 ? dlerror() : "what?");
        return 1;
    }
    if (threaded)
        return use_in_a_thread();
    int result = use();
    dlclose(library);
    return result;
}
