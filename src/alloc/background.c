/*
 * alloc/background.c - a thread of weir's own, if the program asks for it, that gives back
 * what is left when everybody falls silent: decay and the emptying of idle threads' caches
 * happen on the operations of running threads, and then there are none. Owns that thread,
 * which calls nothing of the program's but the trim functions of its allocators.
 */
#include "alloc/background.h"

#include "alloc/context.h"
#include "alloc/trim.h"
#include "base/error.h"

#include <weir/pool.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

/* An allocator that nobody used in so many looks in a row is trimmed. */
#define IDLE_LOOKS 2

/*
 * Who starts or stops the thread holds `control`, until the thread that was stopped has ended:
 * it could take a start meanwhile for its own, and never end. The thread itself knows only
 * `lock`.
 */
static struct {
    pthread_mutex_t control, lock; /* taken in this order */
    pthread_cond_t change;
    pthread_t thread; /* these two under `control` */
    bool running;
    bool ends; /* these two under both to write, one of them to read */
    unsigned period_ms;
} background = {.control = PTHREAD_MUTEX_INITIALIZER,
                .lock = PTHREAD_MUTEX_INITIALIZER,
                .change = PTHREAD_COND_INITIALIZER};

/* Operations of all threads that `top` or what is below it still knows. */
static uint64_t tree_operations(weir_allocator *top)
{
    uint64_t sum = 0;
    for (weir_allocator *a = top; a; a = weir__context_after(a, top))
        sum += weir__heaps_operations(a);
    return sum;
}

static void root_look(weir_allocator *root)
{
    weir__assert(weir__context_is_mine());
    struct weir__body *body = root->body;
    uint64_t now = tree_operations(root);
    body->looks_idle = now == body->looks_seen ? body->looks_idle + 1 : 0;
    body->looks_seen = now;
    if (body->looks_idle == IDLE_LOOKS)
        weir__trim_locked(root);
    else if (body->page_heap)
        weir__page_heap_decay(body->page_heap);
}

static void background_look(void)
{
    weir__heaps_scavenge();
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL), *next; a; a = next) {
        next = weir__context_after(a, NULL);
        if (!weir__context_parent(a))
            root_look(a);
    }
    weir__context_unlock();
}

static void *background_main(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&background.lock);
    while (!background.ends) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += background.period_ms / 1000;
        until.tv_nsec += (long)(background.period_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_clockwait(&background.change, &background.lock, CLOCK_MONOTONIC, &until) !=
            ETIMEDOUT)
            continue;
        pthread_mutex_unlock(&background.lock);
        background_look();
        pthread_mutex_lock(&background.lock);
    }
    pthread_mutex_unlock(&background.lock);
    return NULL;
}

/* The program's signals are for the program's threads. */
static int thread_start(void)
{
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    int error = pthread_create(&background.thread, NULL, background_main, NULL);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    return error;
}

static void thread_tell(bool ends, unsigned period_ms)
{
    pthread_mutex_lock(&background.lock);
    background.ends = ends;
    background.period_ms = period_ms;
    pthread_cond_signal(&background.change);
    pthread_mutex_unlock(&background.lock);
}

int weir_background_start(unsigned period_ms)
{
    if (!period_ms)
        return weir__fail(EINVAL, "the background thread cannot look every 0 ms");
    pthread_mutex_lock(&background.control);
    thread_tell(false, period_ms);
    int error = background.running ? 0 : thread_start();
    background.running = !error;
    pthread_mutex_unlock(&background.control);
    return error ? weir__fail(error, "the background thread cannot be started") : 0;
}

void weir_background_stop(void)
{
    pthread_mutex_lock(&background.control);
    if (background.running) {
        thread_tell(true, background.period_ms);
        pthread_join(background.thread, NULL);
        background.running = false;
    }
    pthread_mutex_unlock(&background.control);
}

void weir__background_fork_prepare(void)
{
    pthread_mutex_lock(&background.control);
    pthread_mutex_lock(&background.lock);
}

void weir__background_fork_done(bool child)
{
    if (child) {
        background.running = false;
        pthread_cond_init(&background.change, NULL);
    }
    pthread_mutex_unlock(&background.lock);
    pthread_mutex_unlock(&background.control);
}
