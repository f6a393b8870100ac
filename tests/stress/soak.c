/*
 * soak [seconds [threads [seed]]]: everything at once for a long time. Threads are born
 * and end, hand blocks of random sizes to each other, run into limits; contexts and pools
 * come and go; the process forks; memory is trimmed; figures are read. Each round ends
 * with every figure zero and whole structures, the whole with resident memory within
 * 5% of the most that it was after the first rounds. `make soak` runs it for ten minutes.
 */
#include "../helpers/self.h"
#include "../helpers/stress.h"
#include "alloc/context.h"

#include <sys/wait.h>
#include <time.h>

enum { CONTEXTS = 6, POST = 512, HELD = 64, ROUND_SECONDS = 5, WARM_ROUNDS = 4 };

/* A block and what must be true of it; the record is in a block of its own. */
struct letter {
    weir_allocator *a;
    unsigned char *block;
    size_t size;
    uint64_t id;
};

static weir_allocator *contexts[CONTEXTS];
static weir_allocator *pool;
static struct letter *post[POST];
static time_t round_end;
static uint64_t next_id, operations, refusals, forks, threads_born;

static time_t seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec;
}

static void count(uint64_t *what)
{
    __atomic_add_fetch(what, 1, __ATOMIC_RELAXED);
}

static void letter_read(struct letter *letter)
{
    if (!letter)
        return;
    STRESS_EXPECT(pattern_holds(letter->block, letter->size, letter->size, letter->id),
                  "block %llu of %zu bytes was overwritten", (unsigned long long)letter->id,
                  letter->size);
    STRESS_EXPECT(weir_requested_size(letter->a, letter->block) == letter->size, "another size");
    weir_deallocate(letter->a, letter->block);
    weir_deallocate(contexts[0], letter);
}

static struct letter *letter_write(uint64_t *random)
{
    struct letter *letter = weir_allocate(contexts[0], sizeof *letter);
    STRESS_EXPECT(letter, "no memory");
    weir_allocator *a = contexts[random_below(random, CONTEXTS)];
    size_t size = random_size(random, (size_t)1 << 20);
    unsigned char *block =
        random_below(random, 5) ? weir_allocate(a, size) : weir_allocate_zeroed(a, size, 1);
    if (!block) {
        count(&refusals);
        weir_deallocate(contexts[0], letter);
        return NULL;
    }
    *letter = (struct letter){a, block, size, __atomic_add_fetch(&next_id, 1, __ATOMIC_RELAXED)};
    pattern_write(block, size, letter->id);
    return letter;
}

static void letter_resize(struct letter *letter, uint64_t *random)
{
    size_t size = random_size(random, (size_t)1 << 20);
    unsigned char *block = weir_reallocate(letter->a, letter->block, size);
    if (!block) {
        count(&refusals);
        return;
    }
    size_t kept = size < letter->size ? size : letter->size;
    STRESS_EXPECT(pattern_holds(block, kept, letter->size, letter->id), "lost on reallocation");
    letter->block = block;
    letter->size = size;
    pattern_write(block, size, letter->id);
}

static void child_run(void)
{
    weir_allocator *a = contexts[0];
    size_t before = weir_total_allocated(a);
    for (size_t i = 0; i < 300; i++) {
        void *block = weir_allocate(a, i * i);
        if (!block)
            _exit(3);
        weir_deallocate(a, block);
    }
    weir_trim(a);
    _exit(weir_total_allocated(a) == before ? 0 : 4);
}

static void fork_once(void)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0)
        child_run();
    STRESS_EXPECT(child > 0 && waitpid(child, &status, 0) == child, "no child");
    STRESS_EXPECT(status == 0, "a child's status is %x", (unsigned)status);
    count(&forks);
}

static void own_context(uint64_t *random)
{
    weir_allocator *parent = contexts[random_below(random, CONTEXTS)];
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.parent = parent});
    STRESS_EXPECT(a, "no context");
    for (int i = 0; i < 30; i++)
        if (!weir_allocate(a, random_size(random, 50000)))
            count(&refusals);
    STRESS_EXPECT(weir_allocator_destroy(a) == 0, "not destroyed");
}

static void rare(uint64_t *random)
{
    weir_allocator *a = contexts[random_below(random, CONTEXTS)];
    switch (random_below(random, 12)) {
    case 0:
        fork_once();
        break;
    case 1:
        weir_trim(a);
        break;
    case 2:
    case 3:
        own_context(random);
        break;
    case 4:
        weir_reset_peak(a);
        break;
    case 5:
        if (a != contexts[0])
            weir_set_limit(a, weir_total_allocated(a) + random_below(random, 4000000));
        break;
    default: {
        weir_stats s = stress_stats(a);
        STRESS_EXPECT(s.total_allocated <= s.peak_allocated, "total above peak");
        STRESS_EXPECT(s.allocations - s.deallocations == s.allocation_count,
                      "blocks do not add up");
    }
    }
}

static void *life(void *seed)
{
    struct letter *held[HELD] = {NULL};
    uint64_t random = (uintptr_t)seed;
    size_t most = 200 + random_below(&random, 20000), done = 0;
    for (; done < most && seconds_now() < round_end; done++) {
        size_t at = random_below(&random, HELD);
        uint64_t dice = random_below(&random, 1000);
        if (dice == 0)
            rare(&random);
        else if (dice < 200)
            held[at] =
                __atomic_exchange_n(&post[random_below(&random, POST)], held[at], __ATOMIC_ACQ_REL);
        else if (dice < 300 && held[at])
            letter_resize(held[at], &random);
        else {
            letter_read(held[at]);
            held[at] = random_below(&random, 3) ? letter_write(&random) : NULL;
        }
    }
    for (size_t at = 0; at < HELD; at++)
        letter_read(held[at]);
    __atomic_add_fetch(&operations, done, __ATOMIC_RELAXED);
    return NULL;
}

static void *lives(void *number)
{
    uint64_t random = stress.seed * 7919 + (uintptr_t)number;
    while (seconds_now() < round_end) {
        pthread_t thread;
        void *seed = (void *)(uintptr_t)random_next(&random);
        STRESS_EXPECT(pthread_create(&thread, NULL, life, seed) == 0, "no thread");
        pthread_join(thread, NULL);
        count(&threads_born);
    }
    return NULL;
}

static void tree_make(void)
{
    pool = weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    contexts[0] = weir_cpu_allocator();
    contexts[1] = pool;
    contexts[2] = weir_allocator_create(NULL);
    contexts[3] = weir_allocator_create(&(weir_allocator_options){.parent = contexts[2]});
    contexts[4] =
        weir_allocator_create(&(weir_allocator_options){.parent = contexts[2], .limit = 3000000});
    contexts[5] = weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_BACKING});
}

static int center_check(struct weir__center *center, void *number)
{
    STRESS_EXPECT(weir__center_is_valid(center), "context %d, class %u", *(int *)number,
                  center->sizeclass);
    return 0;
}

static void structures_check(void)
{
    for (int i = 0; i < CONTEXTS - 1; i++) {
        struct weir__body *body = contexts[i]->body;
        weir__body_each_center(body, center_check, &i);
        STRESS_EXPECT(weir__page_heap_is_valid(body->page_heap), "the store of context %d", i);
    }
    STRESS_EXPECT(weir__meter_is_valid(), "the meters");
}

static void tree_end(void)
{
    for (int i = 0; i < POST; i++) {
        letter_read(post[i]);
        post[i] = NULL;
    }
    structures_check();
    for (int i = 0; i < CONTEXTS; i++) {
        weir_stats s = stress_stats(contexts[i]);
        STRESS_EXPECT(s.total_allocated == 0 && s.allocation_count == 0 && s.in_use == 0,
                      "context %d: %zu bytes, %zu blocks, %zu in use", i, s.total_allocated,
                      s.allocation_count, s.in_use);
        STRESS_EXPECT(s.allocations == s.deallocations, "context %d: blocks do not add up", i);
    }
    static const int leaves_first[] = {5, 4, 3, 2};
    for (int i = 0; i < 4; i++)
        STRESS_EXPECT(weir_allocator_destroy(contexts[leaves_first[i]]) == 0, "not destroyed");
    STRESS_EXPECT(weir_allocator_destroy(pool) == 0, "the pool");
    weir_trim(contexts[0]);
}

int main(int argc, char **argv)
{
    time_t seconds = argc > 1 ? strtol(argv[1], NULL, 10) : 600, end = seconds_now() + seconds;
    stress.threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 8;
    stress.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    stress.scale = 1;
    if (seconds < 1 || stress.threads < 1 || stress.threads > STRESS_THREADS_MOST) {
        fprintf(stderr, "usage: soak [seconds [threads 1..%d [seed]]]\n", STRESS_THREADS_MOST);
        return 2;
    }
    size_t start = 0, now = 0;
    for (unsigned rounds = 0; rounds <= WARM_ROUNDS || seconds_now() < end;
         rounds++, stress.seed++) {
        round_end = seconds_now() + ROUND_SECONDS;
        tree_make();
        stress_run(lives);
        tree_end();
        now = self_memory(SELF_RESIDENT);
        if (rounds < WARM_ROUNDS && now > start)
            start = now;
        weir_stats s = stress_stats(contexts[0]);
        printf("round %u: %llu operations, %llu threads, %llu forks, %llu refusals; "
               "%.1f MB resident, %.1f reserved, %.1f metadata\n",
               rounds, (unsigned long long)operations, (unsigned long long)threads_born,
               (unsigned long long)forks, (unsigned long long)refusals, (double)now / 1e6,
               (double)s.reserved / 1e6, (double)s.metadata / 1e6);
        fflush(stdout);
    }
    STRESS_EXPECT(now <= start + start / 20, "resident memory grew from %zu to %zu", start, now);
    return 0;
}
