/*
 * reclaim FIRST SECOND [HOW]: 300 MiB in blocks of FIRST bytes are taken and given back; then a
 * limit of addresses leaves no room for more, and 100 MiB are taken in blocks of SECOND bytes.
 * Expected: all of them, at once. HOW: `thread`: another thread took and gave the first, and still
 * lives; `pool`: they came from a pool of their own (weir's calls only).
 */
#include "take.h"

#include <sys/resource.h>

#ifdef WEIR
static weir_allocator *source;
#undef TAKE
#undef GIVE
#define TAKE(n) weir_allocate(source, n)
#define GIVE(p) weir_deallocate(source, p)
#endif

static void source_set(bool own_pool)
{
#ifdef WEIR
    weir_allocator *pool =
        own_pool ? weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL})
                 : NULL;
    source = pool ? pool : weir_cpu_allocator();
#else
    if (own_pool)
        exit(77);
#endif
}

static size_t fill(size_t size, size_t most)
{
    void **list = NULL, *block;
    size_t got = 0;
    while (got < most && (block = TAKE(size))) {
        *(void **)block = list;
        list = block;
        got += size;
    }
    while ((block = list)) {
        list = *(void **)block;
        GIVE(block);
    }
    return got;
}

static void limit_addresses(size_t spare)
{
    struct rlimit limit = {status_bytes("VmPeak") + spare, RLIM_INFINITY};
    if (setrlimit(RLIMIT_AS, &limit))
        exit(77);
}

static struct {
    size_t size, got;
    pthread_barrier_t filled;
} first;

static void *first_run(void *unused)
{
    first.got = fill(first.size, 300 * MIB);
    pthread_barrier_wait(&first.filled);
    pause();
    return unused;
}

static void first_fill(bool in_a_thread)
{
    pthread_t thread;
    if (!in_a_thread) {
        first.got = fill(first.size, 300 * MIB);
        return;
    }
    pthread_barrier_init(&first.filled, NULL, 2);
    if (pthread_create(&thread, NULL, first_run, NULL))
        exit(77);
    pthread_barrier_wait(&first.filled);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const char *how = argc > 3 ? argv[3] : "";
    size_t second_size = strtoull(argv[2], NULL, 10);
    first.size = strtoull(argv[1], NULL, 10);
    source_set(strcmp(how, "pool") == 0);
    first_fill(strcmp(how, "thread") == 0);
    source_set(false);
    limit_addresses(300 * KIB);
    size_t got = fill(second_size, 100 * MIB);
    printf("%zu MiB in blocks of %zu given back; then %zu of 100 MiB in blocks of %zu\n",
           first.got / MIB, first.size, got / MIB, second_size);
    fflush(stdout);
    _exit(said(first.got >= 300 * MIB && got >= 100 * MIB));
}
