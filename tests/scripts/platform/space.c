/*
 * space [THREADS]: 1 MiB of blocks is in use, of all sizes (by this many threads). Expected: less
 * than 40 MiB of address space that the system may have to provide (private and writable), and less
 * than 40 MiB in a core file (mappings, of which anything was written).
 */
#include "take.h"

enum { THREADS_MOST = 16 };
static pthread_barrier_t used, looked;

static void use_share(size_t bytes)
{
    for (size_t size = 16; bytes > 0; size = size < 100000 ? size * 2 : 16) {
        size = size < bytes ? size : bytes;
        void *block = TAKE(size);
        if (!block)
            exit(1);
        memset(block, 1, size);
        bytes -= size;
    }
}

static void *thread_run(void *bytes)
{
    use_share((size_t)(uintptr_t)bytes);
    pthread_barrier_wait(&used);
    pthread_barrier_wait(&looked);
    return NULL;
}

struct space {
    size_t committed, core;
};

/* Each mapping begins with "FROM-TO rwxp ..." and has a line "Anonymous: N kB". */
static struct space space_of_this(void)
{
    struct space s = {0, 0};
    char line[1024], access[8] = "";
    unsigned long from, to;
    size_t size = 0, kib;
    FILE *maps = fopen("/proc/self/smaps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, access) == 3) {
            size = to - from;
            s.committed +=
                access[1] == 'w' && access[3] == 'p' && !strstr(line, "[stack]") ? size : 0;
        } else if (sscanf(line, "Anonymous: %zu", &kib) == 1) {
            s.core += kib ? size : 0;
        }
    }
    if (maps)
        fclose(maps);
    return s;
}

static unsigned threads_start(unsigned threads)
{
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 128 * KIB);
    pthread_barrier_init(&used, NULL, threads + 1);
    pthread_barrier_init(&looked, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&thread, &attributes, thread_run, (void *)(MIB / threads)))
            exit(77);
    return threads;
}

int main(int argc, char **argv)
{
    unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 0;
    if (threads > THREADS_MOST)
        return 2;
    if (threads_start(threads) == 0)
        use_share(MIB);
    pthread_barrier_wait(&used);
    struct space s = space_of_this();
    printf("%u threads: %zu KiB committed, %zu KiB in a core file\n", threads, s.committed / KIB,
           s.core / KIB);
    fflush(stdout);
    _exit(said(s.committed > 0 && s.committed < 40 * MIB && s.core < 40 * MIB));
}
