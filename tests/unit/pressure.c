/* The thread that waits for pressure: over FIFOs that stand for the kernel's files, over those
 * files where they may be written, around fork, and what it counts. */
#include "alloc/pressure.h"

#include "../helpers/system.h"
#include "os/pressure.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <weir/callbacks.h>
#include <weir/weir.h>

static void begin(void)
{
    system_make();
}

static void end(void)
{
    weir_pressure_stop();
    system_remove();
}

TestSuite(pressure, .init = begin, .fini = end, .timeout = 60);

static weir_pressure_stats stats(void)
{
    weir_pressure_stats s = {.size = sizeof s};
    cr_assert_eq(weir_pressure_stats_get(&s), 0);
    return s;
}

static void nap(void)
{
    nanosleep(&(struct timespec){0, 2000000}, NULL);
}

/* Waits until so many events were answered. */
static void await_events(size_t events)
{
    while (stats().events < events)
        nap();
    cr_assert_eq(stats().events, events);
}

/* A FIFO in the group's folder, and the other end of it. */
static const char fifo[] = "/m/a/memory.pressure";

static int fifo_make(void)
{
    system_file("/proc/self/cgroup", "0::/a\n");
    system_file("/proc/self/mountinfo", "1 2 0:3 / /m rw - cgroup2 cgroup2 rw\n");
    system_file("/m/a/memory.max", "max\n");
    cr_assert_eq(mkfifo(system_path(fifo), 0600), 0);
    int end = open(system_path(fifo), O_RDWR | O_CLOEXEC);
    cr_assert_geq(end, 0);
    return end;
}

static void press(int end)
{
    cr_assert_eq(write(end, "!", 1), 1);
}

static size_t cached(weir_allocator *a)
{
    weir_stats s = {.size = sizeof s};
    cr_assert_eq(weir_stats_get(a, &s), 0);
    return s.cached;
}

static void use(weir_allocator *a)
{
    void *blocks[64];
    for (size_t i = 0; i < 64; i++) {
        cr_assert_not_null(blocks[i] = weir_allocate(a, i * 4096 + 1));
        memset(blocks[i], 1, i * 4096 + 1);
    }
    for (size_t i = 0; i < 64; i++)
        weir_deallocate(a, blocks[i]);
}

Test(pressure, the_groups_file_is_watched_and_caches_are_trimmed)
{
    int end = fifo_make();
    cr_assert_not(stats().watching);
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0, "%s", weir_last_error());
    cr_assert(stats().watching);
    use(weir_cpu_allocator());
    size_t before = cached(weir_cpu_allocator());
    cr_assert_gt(before, 0);
    press(end);
    await_events(1);
    cr_assert_eq(cached(weir_cpu_allocator()), 0);
    cr_assert_eq(stats().trims, 1);
    cr_assert_gt(stats().trimmed_bytes, 64 * 4096);
    cr_assert_eq(stats().asked, 0);
    size_t trimmed = stats().trimmed_bytes;
    press(end);
    await_events(2);
    cr_assert_eq(stats().trims, 2);
    cr_assert_eq(stats().trimmed_bytes, trimmed, "there was nothing more");
    close(end);
}

Test(pressure, pools_of_their_own_are_trimmed)
{
    int end = fifo_make();
    weir_allocator *pool =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    weir_allocator *root = weir_allocator_create(
        &(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL, .parent = WEIR_NO_PARENT});
    cr_assert(pool && root);
    use(pool);
    use(root);
    cr_assert_gt(cached(pool), 0);
    cr_assert_gt(cached(root), 0);
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    press(end);
    await_events(1);
    cr_assert_eq(cached(pool), 0);
    cr_assert_eq(cached(root), 0);
    weir_pressure_stop();
    cr_assert_eq(weir_allocator_destroy(pool), 0);
    cr_assert_eq(weir_allocator_destroy(root), 0);
    close(end);
}

/* -- functions of the program's -------------------------------------------------------------------
 */

struct source {
    size_t trims;
};

static void *source_allocate(void *user, size_t size, size_t alignment)
{
    (void)user, (void)alignment;
    return malloc(size);
}

static void source_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    (void)user, (void)size, (void)alignment;
    free(block);
}

static size_t source_trim(void *user)
{
    ((struct source *)user)->trims++;
    return 1000;
}

static int source_zero(void *user, void *block, size_t size)
{
    (void)user;
    memset(block, 0, size);
    return 0;
}

static int source_copy(void *user, void *to, const void *from, size_t size)
{
    (void)user;
    memcpy(to, from, size);
    return 0;
}

static weir_allocator *source_over(struct source *source, bool on_host)
{
    weir_allocator_functions functions = {.allocate = source_allocate,
                                          .deallocate = source_deallocate,
                                          .trim = source_trim,
                                          .zero = on_host ? NULL : source_zero,
                                          .copy = on_host ? NULL : source_copy};
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.parent = WEIR_NO_PARENT,
                                                        .source = WEIR_SOURCE_FUNCTIONS,
                                                        .functions = &functions,
                                                        .user = source});
    cr_assert_not_null(a);
    return a;
}

Test(pressure, what_trim_functions_give_back_is_counted_and_devices_are_left_alone)
{
    struct source host = {0}, device = {0};
    int end = fifo_make();
    weir_allocator *on_host = source_over(&host, true), *on_device = source_over(&device, false);
    weir_trim(weir_cpu_allocator());
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    press(end);
    await_events(1);
    cr_assert_eq(host.trims, 1);
    cr_assert_eq(device.trims, 0);
    cr_assert_geq(stats().trimmed_bytes, 1000);
    weir_pressure_stop();
    cr_assert_eq(weir_allocator_destroy(on_host), 0);
    cr_assert_eq(weir_allocator_destroy(on_device), 0);
    close(end);
}

static void *kept;
static int asked;
static bool signals_are_masked;

static bool give_back(const weir_refusal *refusal, void *user)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    signals_are_masked = sigismember(&mask, SIGTERM) == 1 && sigismember(&mask, SIGUSR1) == 1;
    asked += refusal->allocator == user && !refusal->limit_of && !refusal->size && !refusal->tries;
    weir_deallocate(weir_cpu_allocator(), kept);
    kept = NULL;
    return false;
}

static size_t nobody(void)
{
    return 0;
}

Test(pressure, callbacks_are_asked_and_what_they_free_goes_back)
{
    int end = fifo_make();
    size_t size = (size_t)16 << 20;
    cr_assert_not_null(kept = weir_allocate(weir_cpu_allocator(), size));
    memset(kept, 1, size);
    weir_allocator *context = weir_allocator_create(NULL), *without = weir_allocator_create(NULL);
    cr_assert_eq(weir_set_refusal_callback(weir_cpu_allocator(), give_back, weir_cpu_allocator()),
                 0);
    cr_assert_eq(weir_set_refusal_callback(context, give_back, context), 0);
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    press(end);
    await_events(1);
    cr_assert_eq(asked, 2, "each of those that have one, once");
    cr_assert(signals_are_masked, "the program's signals are for its threads");
    cr_assert_null(kept);
    cr_assert_eq(stats().asked, 2);
    cr_assert_eq(stats().trims, 2);
    cr_assert_geq(stats().trimmed_bytes, size);
    cr_assert_eq(cached(weir_cpu_allocator()), 0);
    weir_pressure_stop();
    weir_stats figures = WEIR_STATS_INIT;
    cr_assert_eq(weir_stats_get(context, &figures), 0);
    cr_assert_eq(figures.refusals_asked, 0, "no request was refused");
    weir_allocator_destroy(context);
    weir_allocator_destroy(without);
    weir_set_refusal_callback(weir_cpu_allocator(), NULL, NULL);
    close(end);
}

static size_t callback_stops(void)
{
    weir_pressure_stop();
    weir_pressure_stop();
    return 1;
}

Test(pressure, a_callback_may_stop_it)
{
    int end = fifo_make();
    weir__pressure_ask = callback_stops;
    for (size_t i = 1; i <= 3; i++) {
        cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
        press(end);
        await_events(i);
        weir_pressure_stop();
        cr_assert_not(stats().watching);
    }
    close(end);
}

static bool is_in_callback, may_return;

static size_t callback_waits(void)
{
    __atomic_store_n(&is_in_callback, true, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&may_return, __ATOMIC_ACQUIRE))
        nap();
    weir_pressure_stop();
    return 1;
}

static void *stop_main(void *unused)
{
    weir_pressure_stop();
    return unused;
}

/* Two threads and the callback stop it at once; meanwhile a fork goes through. */
Test(pressure, many_may_stop_it_beside_a_fork)
{
    int end = fifo_make(), status = -1;
    pthread_t threads[2];
    weir__pressure_ask = callback_waits;
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    press(end);
    while (!__atomic_load_n(&is_in_callback, __ATOMIC_ACQUIRE))
        nap();
    for (int i = 0; i < 2; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, stop_main, NULL), 0);
    while (stats().watching)
        nap();
    cr_assert_eq(weir__pressure_start(NULL, system_root), EBUSY, "it has not ended yet");
    pid_t child = fork();
    if (child == 0)
        _exit(!stats().watching && weir_allocate(weir_cpu_allocator(), 1) ? 0 : 1);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    __atomic_store_n(&may_return, true, __ATOMIC_RELEASE);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    weir__pressure_ask = nobody;
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    close(end);
}

static size_t callback_forks(void)
{
    pid_t child = fork();
    if (child == 0)
        return 0; /* this thread is all there is: it must end, not wait for the parent's events */
    int status = -1;
    waitpid(child, &status, 0);
    asked = WIFEXITED(status) ? 1 : -1;
    return 1;
}

Test(pressure, a_callback_may_fork)
{
    int end = fifo_make();
    weir__pressure_ask = callback_forks;
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    press(end);
    await_events(1);
    cr_assert_eq(asked, 1);
    close(end);
}

static weir_allocator *order[8];
static size_t norder;

static bool callback_notes(const weir_refusal *refusal, void *user)
{
    order[norder++] = refusal->allocator;
    if (user) /* what is destroyed meanwhile is not asked any more */
        cr_assert_eq(weir_allocator_destroy(user), 0);
    return false;
}

Test(pressure, the_oldest_is_asked_first_and_all_once)
{
    int end = fifo_make();
    weir_allocator *a[4];
    for (int i = 0; i < 4; i++)
        cr_assert_not_null(
            a[i] = weir_allocator_create(&(weir_allocator_options){.parent = i == 1 ? WEIR_NO_PARENT
                                                                             : i == 3 ? a[0]
                                                                                      : NULL}));
    cr_assert_eq(weir_set_refusal_callback(a[3], callback_notes, NULL), 0);
    cr_assert_eq(weir_set_refusal_callback(a[1], callback_notes, a[2]), 0);
    cr_assert_eq(weir_set_refusal_callback(a[2], callback_notes, NULL), 0);
    cr_assert_eq(weir_set_refusal_callback(a[0], callback_notes, NULL), 0);
    cr_assert_eq(weir_set_refusal_callback(weir_cpu_allocator(), callback_notes, NULL), 0);
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    press(end);
    await_events(1);
    weir_allocator *wanted[] = {weir_cpu_allocator(), a[0], a[1], a[3]};
    cr_assert_eq(norder, 4);
    cr_assert_eq(memcmp(order, wanted, sizeof wanted), 0);
    cr_assert_eq(stats().asked, 4);
    close(end);
}

static bool callback_holds(const weir_refusal *refusal, void *unused)
{
    (void)unused;
    __atomic_store_n(&is_in_callback, true, __ATOMIC_RELEASE);
    while (!__atomic_load_n(&may_return, __ATOMIC_ACQUIRE))
        nap();
    cr_assert_eq(weir_allocation_count(refusal->allocator), 0, "it is still there");
    return false;
}

static void *destroy_main(void *a)
{
    cr_assert_eq(weir_allocator_destroy(a), 0);
    return a;
}

/* Who destroys an allocator waits for the call of its callback on weir's thread. */
static void expect_waits(weir_allocator *a, void *(*destroy)(void *), void *what)
{
    pthread_t thread;
    int end = fifo_make();
    cr_assert_eq(weir_set_refusal_callback(a, callback_holds, NULL), 0);
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    press(end);
    while (!__atomic_load_n(&is_in_callback, __ATOMIC_ACQUIRE))
        nap();
    cr_assert_eq(pthread_create(&thread, NULL, destroy, what), 0);
    for (int i = 0; i < 50; i++)
        nap();
    cr_assert_eq(pthread_tryjoin_np(thread, NULL), EBUSY, "it was destroyed under the callback");
    __atomic_store_n(&may_return, true, __ATOMIC_RELEASE);
    cr_assert_eq(pthread_join(thread, NULL), 0);
    close(end);
}

Test(pressure, destroying_waits_for_the_callback)
{
    weir_allocator *a = weir_allocator_create(NULL);
    expect_waits(a, destroy_main, a);
}

/* And the context's own pool with it. */
Test(pressure, destroying_a_pool_waits_for_the_callback)
{
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    expect_waits(a, destroy_main, a);
}

/* -- start, stop, fork ----------------------------------------------------------------------------
 */

static int descriptors(void)
{
    int count = 0;
    for (int i = 0; i < 256; i++)
        count += fcntl(i, F_GETFD) >= 0;
    return count;
}

Test(pressure, one_for_the_process_and_nothing_is_left_behind)
{
    int end = fifo_make(), before = descriptors();
    weir_pressure_stop();
    for (size_t i = 1; i <= 20; i++) {
        cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
        cr_assert_eq(weir__pressure_start(NULL, system_root), EBUSY);
        cr_assert(stats().watching);
        if (i % 2) {
            press(end);
            await_events((i + 1) / 2);
        }
        weir_pressure_stop();
        cr_assert_not(stats().watching);
        cr_assert_eq(descriptors(), before);
    }
    close(end);
}

Test(pressure, a_forked_child_has_none_and_may_have_its_own)
{
    int end = fifo_make(), status = -1;
    cr_assert_eq(weir__pressure_start(NULL, system_root), 0);
    int with = descriptors();
    pid_t child = fork();
    if (child == 0) {
        bool none = !stats().watching && descriptors() == with - 2;
        weir_pressure_stop();
        bool own = weir__pressure_start(NULL, system_root) == 0 && stats().watching;
        weir_pressure_stop();
        _exit(none && own ? 0 : 1);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0);
    cr_assert(stats().watching);
    press(end);
    await_events(1);
    close(end);
}

/* -- what cannot be
 * -------------------------------------------------------------------------------- */

static void refused(const weir_pressure_options *options, int error, const char *reason)
{
    cr_assert_eq(weir__pressure_start(options, system_root), error, "%s", reason);
    cr_assert_not_null(strstr(weir_last_error(), reason), "\"%s\" in \"%s\"", reason,
                       weir_last_error());
    cr_assert_not(stats().watching);
}

Test(pressure, impossible_options)
{
    static const char file[] = "/a file", text[] = "not a word of this is to be lost";
    char path[4096];
    weir_pressure_options o = {.size = sizeof o};
    refused(NULL, ENOTSUP, "no pressure");
    refused(&(weir_pressure_options){.size = 1}, EINVAL, "no such struct");
    refused(&(weir_pressure_options){.stall_ms = 501, .window_ms = 500}, EINVAL, "a stall of");
    refused(&(weir_pressure_options){.stall_ms = 2001}, EINVAL, "a stall of");
    refused(&(weir_pressure_options){.window_ms = 4294968}, EINVAL, "a window of");
    o.file = "/nonexistent/file";
    refused(&o, ENOENT, "/nonexistent/file");
    o.file = system_root;
    refused(&o, EISDIR, "");
    system_file(file, text);
    snprintf(path, sizeof path, "%s", system_path(file));
    o.file = path;
    refused(&o, EINVAL, path);
    char read_back[100] = "";
    FILE *in = fopen(path, "r");
    cr_assert(in && fgets(read_back, sizeof read_back, in));
    fclose(in);
    cr_assert_str_eq(read_back, text, "a file of the user's was written to");
    o.file = "/proc/version"; /* a kernel's, of another kind */
    cr_assert_neq(weir__pressure_start(&o, system_root), 0);
    cr_assert_not(stats().watching);
}

Test(pressure, impossible_figures)
{
    weir_pressure_stats s = {.size = 3};
    cr_assert_eq(weir_pressure_stats_get(NULL), EINVAL);
    cr_assert_eq(weir_pressure_stats_get(&s), EINVAL);
    s.size = 0;
    cr_assert_eq(weir_pressure_stats_get(&s), 0);
    cr_assert_eq(s.events, 0);
}

Test(pressure, a_trigger_as_the_kernel_wants_it)
{
    char text[WEIR__OS_TRIGGER_ROOM];
    weir_pressure_options o = {0};
    cr_assert(weir__pressure_trigger(&o, text, sizeof text));
    cr_assert_str_eq(text, "some 100000 2000000");
    o = (weir_pressure_options){.stall_ms = 7, .window_ms = 4000, .full = true};
    cr_assert(weir__pressure_trigger(&o, text, sizeof text));
    cr_assert_str_eq(text, "full 7000 4000000");
    cr_assert_not(weir__pressure_trigger(&o, text, 5));
}

/* The kernel's own file, where it is there and may be written to. */
Test(pressure, the_kernels_file)
{
    weir_pressure_options o = {.size = sizeof o, .window_ms = 2000};
    if (access("/proc/pressure/memory", W_OK) != 0)
        cr_skip("no /proc/pressure/memory to write to");
    o.file = "/proc/pressure/memory";
    int error = weir_pressure_start(&o);
    if (error == ENOTSUP || error == EPERM || error == EINVAL)
        cr_skip("this kernel does not let this user watch pressure");
    cr_assert_eq(error, 0, "%s", weir_last_error());
    cr_assert(stats().watching);
    weir_pressure_stop();
    o.window_ms = 20000;
    cr_assert_eq(weir_pressure_start(&o), EINVAL, "the kernel takes no such window");
    cr_assert_not_null(strstr(weir_last_error(), "some 100000 20000000"), "%s", weir_last_error());
    cr_assert_eq(weir_pressure_start(NULL), 0, "%s", weir_last_error());
    cr_assert(stats().watching);
}
