/* The callback before a refusal: when it is asked, in which order, what it may do, what is counted.
 */
#include "../helpers/promise.h"
#include "../helpers/suite.h"

#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

/* What a program keeps and gives back when it is asked. */
struct cache {
    weir_allocator *allocator;
    void *blocks[64];
    size_t nblocks, nasked;
    weir_refusal last;
};

static void cache_fill(struct cache *cache, size_t nblocks, size_t size)
{
    for (size_t i = 0; i < nblocks; i++)
        cr_assert_not_null(cache->blocks[cache->nblocks++] = weir_allocate(cache->allocator, size));
}

static bool cache_evict(const weir_refusal *refusal, void *user)
{
    struct cache *cache = user;
    cache->nasked++;
    cache->last = *refusal;
    cr_assert_eq(refusal->tries, cache->nasked);
    if (!cache->nblocks)
        return false;
    weir_deallocate(cache->allocator, cache->blocks[--cache->nblocks]);
    return true;
}

Test(refusal, a_request_is_tried_again_while_the_callback_says_so)
{
    weir_allocator *a = make("a", NULL, 1000);
    struct cache cache = {.allocator = a};
    cr_assert_eq(weir_set_refusal_callback(a, cache_evict, &cache), 0);
    cache_fill(&cache, 10, 100);
    void *block = weir_allocate_aligned(a, 250, 128);
    cr_assert_not_null(block);
    cr_assert_eq(cache.nasked, 3);
    cr_assert_eq(cache.last.tries, 3);
    cr_assert_eq(cache.last.allocator, a);
    cr_assert_eq(cache.last.limit_of, a);
    cr_assert_eq(cache.last.size, 250);
    cr_assert_eq(cache.last.alignment, 128);
    cr_assert_eq(weir_total_allocated(a), 950);
    weir_stats s = stats_of(a), above = stats_of(weir_cpu_allocator());
    cr_assert_eq(s.failures, 0);
    cr_assert(s.refusals_asked == 1 && s.refusals_averted == 1);
    cr_assert(above.refusals_asked == 1 && above.refusals_averted == 1);
    cr_assert_eq(s.peak_allocated, 1000);
}

Test(refusal, it_is_refused_when_the_callback_has_nothing_more)
{
    weir_allocator *a = make("a", NULL, 1000);
    struct cache cache = {.allocator = a};
    void *held = weir_allocate(a, 900);
    weir_set_refusal_callback(a, cache_evict, &cache);
    cache_fill(&cache, 1, 100);
    errno = 0;
    cr_assert_null(weir_allocate(a, 500));
    cr_assert_eq(errno, ENOMEM);
    cr_assert_str_eq(weir_last_error(), "allocator \"a\": 500 bytes: over the limit");
    cr_assert_eq(cache.nasked, 2);
    weir_stats s = stats_of(a);
    cr_assert(s.failures == 1 && s.refusals_asked == 1 && s.refusals_averted == 0);
    cr_assert_eq(weir_total_allocated(a), 900);
    weir_deallocate(a, held);
}

Test(refusal, what_can_never_fit_is_not_asked_about)
{
    weir_allocator *a = make("a", NULL, 8 * MIB);
    struct cache cache = {.allocator = a};
    weir_set_refusal_callback(a, cache_evict, &cache);
    cache_fill(&cache, 1, 100);
    void *block = cache.blocks[0];
    cr_assert_null(weir_allocate(a, 8 * MIB + 1));
    cr_assert_null(weir_allocate_zeroed(a, 8 * MIB + 1, 1));
    cr_assert_null(weir_allocate_zeroed(a, SIZE_MAX / 2, 3));
    cr_assert_null(weir_allocate(a, (size_t)PTRDIFF_MAX + 1));
    cr_assert_null(weir_reallocate(a, block, 8 * MIB + 1));
    cr_assert_null(weir_reallocate(a, block, SIZE_MAX));
    weir_allocator *small = make("small", a, 200);
    weir_set_refusal_callback(small, cache_evict, &cache);
    cr_assert_null(weir_allocate(small, 201));
    cr_assert_eq(cache.nasked, 0);
    cr_assert_eq(stats_of(a).failures, 7);
    cr_assert_eq(stats_of(a).refusals_asked, 0);
}

Test(refusal, null_and_destroyed_allocators_are_told)
{
    errno = 0;
    cr_assert_eq(weir_set_refusal_callback(NULL, cache_evict, NULL), EINVAL);
}

/* -- who is asked ------------------------------------------------------------------------ */

static char order[64];

static bool note(const weir_refusal *refusal, void *name)
{
    (void)refusal;
    size_t n = strlen(order);
    snprintf(order + n, sizeof order - n, "%s", (const char *)name);
    return false;
}

Test(refusal, the_innermost_is_asked_first_up_to_whose_limit_it_is)
{
    weir_allocator *top = make("top", NULL, 2000), *middle = make("middle", top, 1000);
    weir_allocator *low = make("low", middle, 500), *side = make("side", top, 0);
    weir_set_refusal_callback(weir_cpu_allocator(), note, "c");
    weir_set_refusal_callback(top, note, "t");
    weir_set_refusal_callback(middle, note, "m");
    weir_set_refusal_callback(low, note, "l");
    void *block = weir_allocate(low, 400), *more;
    cr_assert_null(weir_allocate(low, 200));
    cr_assert_str_eq(order, "l");
    *order = 0;
    more = weir_allocate(middle, 550);
    cr_assert_null(weir_allocate(low, 80));
    cr_assert_str_eq(order, "lm");
    *order = 0;
    cr_assert_not_null(weir_allocate(side, 1000));
    cr_assert_null(weir_allocate(low, 50 + 1));
    cr_assert_str_eq(order, "lm", "the middle refuses by one byte before the top does");
    *order = 0;
    weir_deallocate(middle, more);
    cr_assert_not_null(weir_allocate(side, 550));
    cr_assert_null(weir_allocate(low, 90));
    cr_assert_str_eq(order, "lmt");
    *order = 0;
    weir_set_refusal_callback(low, NULL, NULL);
    cr_assert_null(weir_allocate(low, 90));
    cr_assert_str_eq(order, "mt");
    *order = 0;
    cr_assert_null(weir_allocate(side, 90));
    cr_assert_str_eq(order, "t", "who has none is passed over");
    weir_deallocate(low, block);
    cr_assert_eq(stats_of(low).refusals_asked, 5);
    cr_assert_eq(stats_of(side).refusals_asked, 1);
    cr_assert_eq(stats_of(weir_cpu_allocator()).refusals_asked, 6);
}

/* A supply that has memory for so many bytes. */
struct supply {
    size_t left;
};

static void *supply_allocate(void *user, size_t size, size_t alignment)
{
    struct supply *p = user;
    if (size > p->left)
        return NULL;
    p->left -= size;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void supply_free(void *user, void *block, size_t size, size_t alignment)
{
    (void)alignment;
    ((struct supply *)user)->left += size;
    free(block);
}

static weir_allocator *over_supply(struct supply *p)
{
    weir_allocator_functions functions = {.allocate = supply_allocate, .deallocate = supply_free};
    weir_allocator_options options = {
        .source = WEIR_SOURCE_FUNCTIONS, .functions = &functions, .user = p};
    weir_allocator *a = weir_allocator_create(&options);
    cr_assert_not_null(a);
    return a;
}

static bool note_source(const weir_refusal *refusal, void *name)
{
    cr_assert_null(refusal->limit_of);
    return note(refusal, name);
}

Test(refusal, all_are_asked_where_there_is_no_memory)
{
    struct supply supply = {.left = 1000};
    weir_allocator *a = over_supply(&supply);
    weir_set_refusal_callback(weir_cpu_allocator(), note_source, "c");
    weir_set_refusal_callback(a, note_source, "a");
    void *block = weir_allocate(a, 600);
    cr_assert_null(weir_allocate(a, 500));
    cr_assert_str_eq(order, "ac");
    cr_assert_null(weir_reallocate(a, block, 700), "both must be there for a while");
    cr_assert_str_eq(order, "acac");
    cr_assert_str_eq(weir_last_error(),
                     "allocator \"context-1\": 700 bytes: the provider has none");
    struct cache cache = {.allocator = a};
    weir_set_refusal_callback(a, cache_evict, &cache);
    cache_fill(&cache, 4, 100);
    block = weir_reallocate(a, block, 200);
    cr_assert_not_null(block);
    cr_assert_eq(cache.nasked, 2);
    cr_assert_eq(stats_of(a).refusals_averted, 1);
}

static bool trim_and_evict(const weir_refusal *refusal, void *user)
{
    bool again = cache_evict(refusal, user);
    weir_trim(refusal->allocator);
    return again;
}

/* The system's refusal: addresses are limited. */
Test(refusal, the_system_has_no_memory)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return;
#endif
    weir_allocator *a = make("a", NULL, 0);
    struct cache cache = {.allocator = a};
    cache_fill(&cache, 4, 128 * MIB);
    weir_set_refusal_callback(a, trim_and_evict, &cache);
    struct rlimit limit = {0};
    size_t pages = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    cr_assert(statm && fscanf(statm, "%zu", &pages) == 1);
    fclose(statm);
    limit.rlim_cur = limit.rlim_max = pages * (size_t)sysconf(_SC_PAGESIZE) + 16 * MIB;
    cr_assert_eq(setrlimit(RLIMIT_AS, &limit), 0);
    void *block = weir_allocate(a, 200 * MIB);
    cr_assert_not_null(block);
    cr_assert_geq(cache.nasked, 1);
    cr_assert_null(cache.last.limit_of);
    cr_assert_eq(stats_of(a).refusals_averted, 1);
    cache.nasked = 0;
    cr_assert_null(weir_allocate(a, (size_t)1 << 40));
    cr_assert_eq(cache.nblocks, 0);
    cr_assert_eq(stats_of(a).failures, 1);
}

/* -- every kind of request ------------------------------------------------------------------ */

/* One request that a full allocator refuses unless 64 KiB of the cache go. */
typedef void *requester(weir_allocator *a, void *held);

static void *request_zeroed(weir_allocator *a, void *held)
{
    (void)held;
    unsigned char *block = weir_allocate_zeroed(a, 100, 10);
    cr_assert(block && is_all_zero(block, 1000));
    return block;
}

static void *request_large_zeroed(weir_allocator *a, void *held)
{
    (void)held;
    unsigned char *block = weir_allocate_zeroed_aligned(a, 40000, 1, 8192);
    cr_assert(block && is_all_zero(block, 40000) && (uintptr_t)block % 8192 == 0);
    return block;
}

static void *request_large(weir_allocator *a, void *held)
{
    (void)held;
    return weir_allocate(a, 50000);
}

static void *request_small(weir_allocator *a, void *held)
{
    (void)held;
    return weir_allocate(a, 1);
}

static void *request_in_place(weir_allocator *a, void *held)
{
    return weir_reallocate(a, held, 1001);
}

static void *request_moved(weir_allocator *a, void *held)
{
    return weir_reallocate(a, held, 5000);
}

static void *request_moved_to_large(weir_allocator *a, void *held)
{
    return weir_reallocate(a, held, 60000);
}

static void *request_buffer(weir_allocator *a, void *held)
{
    (void)held;
    weir_buffer buffer = {0};
    cr_assert_eq(weir_buffer_init(&buffer, a, 1000, 4), 0);
    weir_buffer_release(&buffer);
    return &order;
}

static void request_each(requester *request, weir_source source)
{
    weir_allocator_options options = {.limit = 4 * 65536 + 1000, .source = source};
    weir_allocator *a = weir_allocator_create(&options);
    struct cache cache = {.allocator = a};
    unsigned char *held = weir_allocate(a, 1000);
    memset(held, 7, 1000);
    cache_fill(&cache, 4, 65536);
    weir_set_refusal_callback(a, cache_evict, &cache);
    unsigned char *block = request(a, held);
    cr_assert_not_null(block);
    cr_assert_eq(cache.nasked, 1);
    cr_assert_eq(stats_of(a).failures, 0);
    cr_assert_eq(stats_of(a).refusals_averted, 1);
    if (request == request_in_place || request == request_moved ||
        request == request_moved_to_large)
        cr_assert(block[0] == 7 && block[999] == 7);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(refusal, whatever_is_asked_for)
{
    requester *const requests[] = {request_zeroed,         request_large_zeroed, request_large,
                                   request_small,          request_in_place,     request_moved,
                                   request_moved_to_large, request_buffer};
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        request_each(requests[i], WEIR_SOURCE_POOL);
        if (requests[i] != request_in_place)
            request_each(requests[i], WEIR_SOURCE_MALLOC);
    }
}

static size_t large_asked;

static bool large_evict(const weir_refusal *refusal, void *user)
{
    struct cache *cache = user;
    large_asked++;
    cr_assert_eq(refusal->size, 900 * MIB / 4);
    weir_deallocate(cache->allocator, cache->blocks[0]);
    return true;
}

/* Pages that move without being copied: counted first. */
Test(refusal, a_huge_block_that_grows)
{
    weir_allocator *a = make("a", NULL, 300 * MIB);
    struct cache cache = {.allocator = a};
    cache_fill(&cache, 1, 100 * MIB);
    weir_set_refusal_callback(a, large_evict, &cache);
    char *block = weir_allocate(a, 200 * MIB);
    block[0] = 5;
    block = weir_reallocate(a, block, 900 * MIB / 4);
    cr_assert(block && block[0] == 5);
    cr_assert_eq(large_asked, 1);
    cr_assert_eq(weir_total_allocated(a), 900 * MIB / 4);
}

/* -- what a callback may do ----------------------------------------------------------------- */

static size_t nested;

static bool ask_within(const weir_refusal *refusal, void *user)
{
    nested++;
    cr_assert_null(weir_allocate(refusal->allocator, 100), "refused, and nobody is asked");
    void *elsewhere = weir_allocate(weir_cpu_allocator(), 10);
    cr_assert_not_null(elsewhere);
    weir_deallocate(weir_cpu_allocator(), elsewhere);
    weir_trim(refusal->allocator);
    cr_assert_eq(weir_total_allocated(refusal->limit_of), 1000);
    weir_deallocate(refusal->limit_of, *(void **)user);
    return true;
}

Test(refusal, a_request_within_a_callback_does_not_ask_again)
{
    weir_allocator *a = make("a", NULL, 1000), *child = make("child", a, 0);
    void *block = weir_allocate(a, 1000);
    weir_set_refusal_callback(a, ask_within, &block);
    weir_set_refusal_callback(child, note, "child");
    cr_assert_not_null(weir_allocate(child, 100));
    cr_assert_eq(nested, 1);
    cr_assert_str_eq(order, "child");
    cr_assert_eq(stats_of(a).failures, 1, "the one within");
    cr_assert_eq(stats_of(a).refusals_asked, 1);
}

static bool unset(const weir_refusal *refusal, void *user)
{
    nested++;
    cr_assert_eq(weir_set_refusal_callback(refusal->allocator, NULL, user), 0);
    return true;
}

Test(refusal, it_may_take_itself_out)
{
    weir_allocator *a = make("a", NULL, 1000);
    void *block = weir_allocate(a, 1000);
    weir_set_refusal_callback(a, unset, NULL);
    cr_assert_null(weir_allocate(a, 1));
    cr_assert_null(weir_allocate(a, 1));
    cr_assert_eq(nested, 1);
    weir_deallocate(a, block);
}

static bool raise_limit(const weir_refusal *refusal, void *user)
{
    (void)user;
    return weir_set_limit(refusal->limit_of, 2000) == 0;
}

Test(refusal, it_may_raise_the_limit)
{
    weir_allocator *a = make("a", NULL, 1000);
    void *block = weir_allocate(a, 1000);
    weir_set_refusal_callback(a, raise_limit, NULL);
    void *more = weir_allocate(a, 1000);
    cr_assert_not_null(more);
    cr_assert_eq(stats_of(a).limit, 2000);
    weir_deallocate(a, block);
    weir_deallocate(a, more);
}

static unsigned misuses;

static void misuse_note(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)pointer, (void)line, (void)user;
    misuses += what == WEIR_MISUSE_DESTROYED_ALLOCATOR;
}

static bool destroy(const weir_refusal *refusal, void *user)
{
    (void)user;
    cr_assert_eq(weir_allocator_destroy(refusal->allocator), 0);
    return true;
}

Test(refusal, one_that_destroys_the_allocator_is_found)
{
    weir_allocator *a = make("a", NULL, 1000);
    weir_set_misuse_handler(misuse_note, NULL);
    cr_assert_not_null(weir_allocate(a, 1000));
    weir_set_refusal_callback(a, destroy, NULL);
    cr_assert_null(weir_allocate(a, 1));
    cr_assert_eq(misuses, 1);
}

static bool visit_and_ask(weir_allocator *child, void *user)
{
    (void)user;
    cr_assert_null(weir_allocate(child, 1));
    return false;
}

Test(refusal, visitors_are_refused_as_without_one)
{
    weir_allocator *a = make("a", NULL, 1000);
    void *block = weir_allocate(a, 1000);
    weir_set_refusal_callback(a, note, "a");
    cr_assert_eq(weir_allocator_walk_children(weir_cpu_allocator(), visit_and_ask, NULL), 0);
    cr_assert_str_eq(order, "");
    weir_deallocate(a, block);
}

/* -- threads --------------------------------------------------------------------------------- */

static bool inside, may_go;

static bool wait_inside(const weir_refusal *refusal, void *user)
{
    (void)refusal, (void)user;
    __atomic_store_n(&inside, true, __ATOMIC_SEQ_CST);
    while (!__atomic_load_n(&may_go, __ATOMIC_SEQ_CST))
        usleep(1000);
    usleep(50000);
    __atomic_store_n(&inside, false, __ATOMIC_SEQ_CST);
    return false;
}

static void *refused_thread(void *a)
{
    cr_assert_null(weir_allocate(a, 1));
    return NULL;
}

Test(refusal, taking_it_out_waits_for_who_is_inside)
{
    weir_allocator *a = make("a", NULL, 1000);
    void *block = weir_allocate(a, 1000);
    pthread_t thread;
    weir_set_refusal_callback(a, wait_inside, NULL);
    pthread_create(&thread, NULL, refused_thread, a);
    while (!__atomic_load_n(&inside, __ATOMIC_SEQ_CST))
        usleep(1000);
    __atomic_store_n(&may_go, true, __ATOMIC_SEQ_CST);
    cr_assert_eq(weir_set_refusal_callback(a, NULL, NULL), 0);
    cr_assert(!__atomic_load_n(&inside, __ATOMIC_SEQ_CST));
    pthread_join(thread, NULL);
    weir_deallocate(a, block);
}

/* A thread that is inside is not in a forked child: nobody waits for it there. */
Test(refusal, a_forked_child_has_the_callbacks_and_no_calls)
{
    weir_allocator *a = make("a", NULL, 1000);
    void *block = weir_allocate(a, 1000);
    pthread_t thread;
    weir_set_refusal_callback(a, wait_inside, NULL);
    pthread_create(&thread, NULL, refused_thread, a);
    while (!__atomic_load_n(&inside, __ATOMIC_SEQ_CST))
        usleep(1000);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_SECONDS);
        bool fine = weir_set_refusal_callback(a, raise_limit, NULL) == 0 && weir_allocate(a, 1);
        _exit(!fine);
    }
    int status;
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0);
    __atomic_store_n(&may_go, true, __ATOMIC_SEQ_CST);
    pthread_join(thread, NULL);
    weir_deallocate(a, block);
}

#define THREADS 4
#define SHARED  256

static struct {
    pthread_mutex_t lock;
    weir_allocator *allocator;
    void *blocks[SHARED];
    size_t nblocks, nevicted;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static bool shared_evict(const weir_refusal *refusal, void *user)
{
    (void)refusal, (void)user;
    pthread_mutex_lock(&shared.lock);
    void *block = shared.nblocks ? shared.blocks[--shared.nblocks] : NULL;
    shared.nevicted += block != NULL;
    pthread_mutex_unlock(&shared.lock);
    weir_deallocate(shared.allocator, block);
    return block != NULL;
}

static void shared_keep(void *block)
{
    pthread_mutex_lock(&shared.lock);
    bool kept = shared.nblocks < SHARED;
    if (kept)
        shared.blocks[shared.nblocks++] = block;
    pthread_mutex_unlock(&shared.lock);
    if (!kept)
        weir_deallocate(shared.allocator, block);
}

static size_t nrefused;

static void *work(void *seed)
{
    uint64_t state = (uint64_t)(uintptr_t)seed;
    for (size_t i = 0; i < scaled(40000); i++) {
        size_t size = random_below(&state, 30000);
        void *block = weir_allocate(shared.allocator, size);
        if (!block)
            __atomic_add_fetch(&nrefused, 1, __ATOMIC_RELAXED);
        else if (random_below(&state, 2))
            shared_keep(block);
        else
            weir_deallocate(shared.allocator, block);
    }
    return NULL;
}

/* Whoever is refused evicts: what is refused in the end found the cache empty. The limit holds. */
Test(refusal, threads_evict_what_others_keep)
{
    pthread_t threads[THREADS];
    weir_allocator *parent = make("parent", NULL, MIB);
    shared.allocator = make("cache", parent, 0);
    weir_set_refusal_callback(parent, shared_evict, NULL);
    for (size_t i = 0; i < THREADS; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work, (void *)(i + 1)), 0);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    weir_stats s = stats_of(parent);
    cr_assert_leq(s.peak_allocated, MIB);
    cr_assert_eq(s.failures, nrefused);
    cr_assert_eq(s.refusals_asked, s.refusals_averted + s.failures);
    cr_assert_gt(s.refusals_averted, 0);
    cr_assert_geq(shared.nevicted, s.refusals_averted);
    while (shared.nblocks)
        weir_deallocate(shared.allocator, shared.blocks[--shared.nblocks]);
    cr_assert_eq(weir_total_allocated(parent), 0);
}
