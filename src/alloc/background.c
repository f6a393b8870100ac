/*
 * alloc/background.c - a thread of weir's own, if the program asks for it, that gives back
 * what is left when everybody falls silent: decay and the emptying of idle threads' caches
 * happen on the operations of running threads, and then there are none. Owns that thread.
 */
#include "alloc/block.h"

#include <weir/pool.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

/* An allocator that nobody used in so many looks in a row is trimmed. */
#define IDLE_LOOKS 2

static struct {
    pthread_mutex_t lock;
    pthread_cond_t change;
    pthread_t thread;
    bool running; /* the rest under the lock */
    bool ends;
    unsigned period_ms;
} background = {.lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER};

/* Operations of all threads that `top` or what is below it still knows. */
static uint64_t tree_operations(weir_allocator *top)
{
    uint64_t sum = 0;
    for (weir_allocator *a = top; a; a = weir__context_after(a, top)) {
        const struct weir__heap *heap = &a->body->common;
        for (; heap; heap = heap == &a->body->common ? a->body->heaps : heap->next)
            sum += weir__window_allocations(&heap->window) + weir__window_frees(&heap->window);
    }
    return sum;
}

static void root_look(weir_allocator *root)
{
    struct weir__body *body = root->body;
    uint64_t now = tree_operations(root);
    body->looks_idle = now == body->looks_seen ? body->looks_idle + 1 : 0;
    body->looks_seen = now;
    if (body->looks_idle == IDLE_LOOKS)
        weir_trim(root);
    else if (body->store)
        weir__store_decay(body->store);
}

static void background_look(void)
{
    weir__heaps_scavenge();
    weir__context_lock();
    for (weir_allocator *a = weir__context_after(NULL, NULL), *next; a; a = next) {
        next = weir__context_after(a, NULL);
        if (!a->parent)
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
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += background.period_ms / 1000;
        until.tv_nsec += (long)(background.period_ms % 1000) * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (pthread_cond_timedwait(&background.change, &background.lock, &until) != ETIMEDOUT)
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

int weir_background_start(unsigned period_ms)
{
    if (!period_ms)
        return weir__fail(EINVAL, "the background thread cannot look every 0 ms");
    pthread_mutex_lock(&background.lock);
    unsigned former = background.period_ms;
    background.period_ms = period_ms;
    int error = 0;
    if (background.running) {
        pthread_cond_signal(&background.change);
    } else {
        background.ends = false;
        error = thread_start();
        background.running = !error;
    }
    if (error)
        background.period_ms = former;
    pthread_mutex_unlock(&background.lock);
    return error ? weir__fail(error, "the background thread cannot be started") : 0;
}

void weir_background_stop(void)
{
    pthread_mutex_lock(&background.lock);
    bool running = background.running;
    background.running = false;
    background.ends = true;
    pthread_cond_signal(&background.change);
    pthread_t thread = background.thread;
    pthread_mutex_unlock(&background.lock);
    if (running)
        pthread_join(thread, NULL);
}

void weir__background_fork_prepare(void)
{
    pthread_mutex_lock(&background.lock);
}

void weir__background_fork_done(bool child)
{
    if (child) {
        background.running = false;
        pthread_cond_init(&background.change, NULL);
    }
    pthread_mutex_unlock(&background.lock);
}
