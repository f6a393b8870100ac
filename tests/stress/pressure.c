/*
 * Pressure beside threads that work: it is told all the time, through a FIFO, while threads
 * allocate in contexts of every placement, map files, ask for all figures, start and stop the
 * watching and fork. Blocks and figures stay exact; at the end nobody watches and no descriptor is
 * left.
 */
#include "../helpers/scratch.h"
#include "../helpers/stress.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

enum { HELD = 48 };

#ifdef __SANITIZE_THREAD__
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "detect_deadlocks=0"; /* jemalloc has more locks than it has room for */
}
#endif

static char path[SCRATCH_PATH_MAX];
static int fifo;
static size_t starts, forks; /* atomic */

static void watch(void)
{
    weir_pressure_options options = {.size = sizeof options, .file = path};
    int error = weir_pressure_start(&options);
    STRESS_EXPECT(error == 0 || error == EBUSY, "%d: %s", error, weir_last_error());
    __atomic_add_fetch(&starts, error == 0, __ATOMIC_RELAXED);
}

static void press(void)
{
    ssize_t written = write(fifo, "!", 1);
    STRESS_EXPECT(written == 1 || errno == EAGAIN, "the FIFO is broken");
}

static void look(const weir_allocator *a)
{
    weir_pressure_stats p = {.size = sizeof p};
    weir_placement_stats s = {.size = sizeof s};
    weir_mapped_stats m = {.size = sizeof m};
    STRESS_EXPECT(weir_pressure_stats_get(&p) == 0 && p.trims >= p.events, "pressure");
    STRESS_EXPECT(weir_placement_stats_get(a, &s) == 0, "%s", weir_last_error());
    STRESS_EXPECT(weir_mapped_stats_get(&m) == 0 && m.mapped_bytes >= 1000 * m.mappings, "mapped");
}

static void fork_once(weir_allocator *a)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0) {
        weir_pressure_stats p = {.size = sizeof p};
        void *block = weir_allocate(a, 100);
        _exit(block && weir_pressure_stats_get(&p) == 0 && !p.watching ? 0 : 1);
    }
    STRESS_EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0, "a child: %x",
                  (unsigned)status);
    __atomic_add_fetch(&forks, 1, __ATOMIC_RELAXED);
}

static weir_allocator *context(uintptr_t number)
{
    static const weir_huge_pages pages[] = {WEIR_HUGE_PAGES_ASKED, WEIR_HUGE_PAGES_NEVER,
                                            WEIR_HUGE_PAGES_REQUIRED, WEIR_HUGE_PAGES_DEFAULT};
    weir_allocator_options options = {.huge_pages = pages[number % 4]};
    weir_allocator *a = weir_allocator_create(&options);
    return a ? a : weir_allocator_create(NULL); /* not everywhere can pages be huge */
}

static void *work(void *number)
{
    uint64_t random = stress.seed * 1000 + (uintptr_t)number;
    size_t sizes[HELD] = {0}, total = 0;
    void *held[HELD] = {NULL};
    weir_allocator *a = context((uintptr_t)number);
    STRESS_EXPECT(a, "no context");
    for (size_t i = 0; i < stress_count(30000); i++) {
        size_t at = random_below(&random, HELD), size = 1 + random_size(&random, 300000);
        STRESS_EXPECT(!held[at] || pattern_holds(held[at], sizes[at], sizes[at], at),
                      "%zu bytes overwritten", sizes[at]);
        weir_deallocate(a, held[at]);
        total += size - sizes[at];
        held[at] = weir_allocate(a, size);
        STRESS_EXPECT(held[at], "no memory: %s", weir_last_error());
        pattern_write(held[at], sizes[at] = size, at);
        if (random_below(&random, 8) == 0)
            press();
        if (random_below(&random, 100) == 0)
            watch();
        if (random_below(&random, 150) == 0)
            weir_pressure_stop();
        if (random_below(&random, 200) == 0)
            look(a);
        if (random_below(&random, 400) == 0)
            fork_once(a);
        weir_tensor *t = weir_tensor_map_file("/proc/self/exe", at, &(int64_t){1000}, 1, WEIR_UINT8,
                                              WEIR_MAP_COPY_ON_WRITE);
        STRESS_EXPECT(t, "%s", weir_last_error());
        weir_tensor_release(t);
        STRESS_EXPECT(weir_total_allocated(a) == total, "%zu live, not %zu",
                      weir_total_allocated(a), total);
    }
    STRESS_EXPECT(weir_allocator_destroy(a) == 0, "%s", weir_last_error());
    return NULL;
}

static int descriptors(void)
{
    int count = 0;
    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

int main(int argc, char **argv)
{
    stress_arguments(argc, argv, 4);
    scratch_path(path, "pressure");
    STRESS_EXPECT(mkfifo(path, 0600) == 0, "%s", path);
    fifo = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int before = descriptors();
    stress_run(work);
    weir_pressure_stop();
    watch();
    weir_pressure_stats s = {.size = sizeof s}, now = {.size = sizeof now};
    STRESS_EXPECT(weir_pressure_stats_get(&s) == 0 && s.watching, "it does not watch");
    press();
    for (int i = 0; i < 10000 && now.events <= s.events; i++) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        STRESS_EXPECT(weir_pressure_stats_get(&now) == 0, "no figures");
    }
    STRESS_EXPECT(now.events > s.events, "pressure is not heard any more");
    weir_pressure_stop();
    STRESS_EXPECT(descriptors() == before, "%d descriptors, before %d", descriptors(), before);
    STRESS_EXPECT(weir_total_allocated(weir_cpu_allocator()) == 0, "blocks are left");
    weir_mapped_stats m = {.size = sizeof m};
    STRESS_EXPECT(weir_mapped_stats_get(&m) == 0 && m.mappings == 0, "mappings are left");
    printf("%zu events, %zu starts, %zu forks, %zu bytes trimmed\n", now.events, starts, forks,
           now.trimmed_bytes);
    unlink(path);
    return 0;
}
