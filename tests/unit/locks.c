/*
 * Locks: the order of their ranks, which debug builds hold every thread to, and how fork holds
 * all that are known.
 */
#include "os/locks.h"
#include "alloc/fork.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

#ifdef WEIR__LOCK_RANKED
enum { RANKED = 1 };
#else
enum { RANKED = 0 };
_Static_assert(sizeof(weir__lock) == 4, "a lock is one word where ranks are not checked");
#endif

static weir__lock inner = WEIR__LOCK(META), outer = WEIR__LOCK(HEAP), other = WEIR__LOCK(HEAP);

/* Runs in a child; its status, and what it wrote to stderr. */
static int child_status(void (*run)(void), char line[256])
{
    int status, ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        run();
        _exit(0);
    }
    close(ends[1]);
    ssize_t n = read(ends[0], line, 255);
    line[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static void expect_refused(void (*run)(void), const char *wanted, const char *held)
{
    char line[256];
    int status = child_status(run, line);
    if (RANKED) {
        cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "status %x", status);
        cr_assert(strstr(line, wanted) && strstr(line, held), "it said: %s", line);
    } else {
        cr_assert(status == 0 && !*line, "status %x: %s", status, line);
    }
}

static void take_inverted(void)
{
    weir__lock_take(&inner);
    weir__lock_take(&outer);
    weir__lock_drop(&outer);
    weir__lock_drop(&inner);
}

static void take_two_of_a_rank(void)
{
    weir__lock_take(&outer);
    weir__lock_take(&other);
    weir__lock_drop(&other);
    weir__lock_drop(&outer);
}

static void take_in_order(void)
{
    for (int i = 0; i < 3; i++) {
        weir__lock_take(&outer);
        weir__lock_take(&inner);
        weir__lock_drop(&outer); /* in any order */
        weir__lock_drop(&inner);
    }
}

static void try_inverted(void)
{
    weir__lock_take(&inner);
    if (!weir__lock_try(&outer))
        _exit(1);
    weir__lock_drop(&outer);
    weir__lock_drop(&inner);
}

Test(locks, the_wrong_order_ends_a_debug_build_and_names_both_ranks)
{
    expect_refused(take_inverted, "(heap) was to be taken", "(metadata) is held");
    expect_refused(take_two_of_a_rank, "(heap) was to be taken", "(heap) is held");
}

Test(locks, the_right_order_and_what_does_not_wait_are_free)
{
    char line[256];
    cr_assert_eq(child_status(take_in_order, line), 0, "%s", line);
    cr_assert_eq(child_status(try_inverted, line), 0, "%s", line);
}

/* -- lists ----------------------------------------------------------------------------- */

Test(locks, a_lock_of_an_object_is_known_from_its_making_to_its_end)
{
    weir__lock lock;
    struct weir__lock_entry entry = {0};
    cr_assert(weir__core_is_quiet());
    weir__locks_make(WEIR__RANK_OBJECT, &lock, &entry);
    cr_assert(weir__core_is_quiet());
    weir__lock_take(&lock);
    cr_assert_not(weir__core_is_quiet());
    cr_assert_eq(lock.state, WEIR__LOCK_HELD, "to look changes nothing");
    weir__lock_drop(&lock);
    cr_assert(weir__core_is_quiet());
    weir__locks_remove(WEIR__RANK_OBJECT, &entry);
    weir__lock_take(&lock);
    cr_assert(weir__core_is_quiet());
    weir__lock_drop(&lock);
}

/* -- fork ------------------------------------------------------------------------------- */

static weir__lock shared = WEIR__LOCK(OBJECT);
static struct weir__lock_entry shared_entry = {.lock = &shared};
static bool passed;

static void *take_shared(void *unused)
{
    weir__lock_take(&shared);
    __atomic_store_n(&passed, true, __ATOMIC_RELEASE);
    weir__lock_drop(&shared);
    return unused;
}

static bool has_passed(void)
{
    usleep(50000);
    return __atomic_load_n(&passed, __ATOMIC_ACQUIRE);
}

Test(locks, fork_keeps_others_out_and_lets_its_own_thread_through)
{
    pthread_t thread;
    weir__locks_add(WEIR__RANK_OBJECT, &shared_entry);
    weir__locks_fork_take();
    pthread_create(&thread, NULL, take_shared, NULL);
    cr_assert_not(has_passed());
    for (int i = 0; i < 3; i++) {
        weir__lock_take(&shared);
        weir__lock_drop(&shared);
        cr_assert_not(has_passed(), "a lock dropped between the handlers stays fork's");
    }
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100));
    weir__locks_fork_drop();
    pthread_join(thread, NULL);
    cr_assert(has_passed());
    cr_assert(weir__core_is_quiet());
    weir__locks_remove(WEIR__RANK_OBJECT, &shared_entry);
}

static bool fork_in_visitor(weir_allocator *child_allocator, void *user)
{
    (void)child_allocator;
    int status = 1;
    pid_t child = fork();
    if (child == 0) {
        alarm(10);
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100));
        _exit(weir_allocator_destroy(weir_allocator_create(NULL)));
    }
    waitpid(child, &status, 0);
    *(int *)user = status;
    return true;
}

Test(locks, a_visitor_of_contexts_may_fork, .timeout = 30)
{
    int status = 1;
    weir_allocator_create(NULL);
    weir_allocator_walk_children(weir_cpu_allocator(), fork_in_visitor, &status);
    cr_assert_eq(status, 0);
}
