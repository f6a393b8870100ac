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
#include "os/locks.h"
#include "os/thread.h"
#include "os/wait.h"

#include <weir/background.h>

#include <errno.h>
#include <pthread.h>

/* An allocator that nobody used in so many looks in a row is trimmed. */
#define IDLE_LOOKS 2

/*
 * `control` is held across the join: else a start meanwhile could clear `ends` before the old
 * thread has seen it, and that would never end. The thread itself takes it never.
 */
static struct {
    weir__lock control;
    pthread_t thread; /* these two under it */
    bool running;
    /* Written under it, read by the thread; atomic. */
    uint32_t told; /* changes of the next two */
    bool ends;
    unsigned period_ms;
} background WEIR__AT_START = {.control = WEIR__LOCK(CONTROL)};
WEIR__LOCKS_KNOW(CONTROL, &background.control);

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

/* True: the time is over, and nobody told anything new. */
static bool period_wait(uint32_t told)
{
    uint64_t ms = weir__relaxed_get(background.period_ms);
    weir__os_futex_wait_for(&background.told, told, ms * 1000000);
    return weir__relaxed_get(background.told) == told;
}

static void *background_main(void *unused)
{
    (void)unused;
    for (;;) {
        uint32_t told = __atomic_load_n(&background.told, __ATOMIC_ACQUIRE);
        if (weir__relaxed_get(background.ends))
            return NULL;
        if (period_wait(told))
            background_look();
    }
}

static void thread_tell(bool ends, unsigned period_ms)
{
    weir__relaxed_set(background.ends, ends);
    weir__relaxed_set(background.period_ms, period_ms);
    __atomic_add_fetch(&background.told, 1, __ATOMIC_RELEASE);
    weir__os_futex_wake(&background.told, 1);
}

int weir_background_start(unsigned period_ms)
{
    if (!period_ms)
        return weir__fail(EINVAL, "the background thread cannot look every 0 ms");
    weir__lock_take(&background.control);
    thread_tell(false, period_ms);
    int error = background.running ? 0 : weir__thread_start(&background.thread, background_main);
    background.running = !error;
    weir__lock_drop(&background.control);
    return error ? weir__fail(error, "the background thread cannot be started") : 0;
}

void weir_background_stop(void)
{
    weir__lock_take(&background.control);
    if (background.running) {
        thread_tell(true, background.period_ms);
        pthread_join(background.thread, NULL);
        background.running = false;
    }
    weir__lock_drop(&background.control);
}

void weir__background_forked(void)
{
    background.running = false;
}
