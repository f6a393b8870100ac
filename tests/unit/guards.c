/*
 * Guarded blocks: each crime against one is printed and ends as it would without weir, what is
 * exact stays so, and nothing is printed where nothing is wrong. Crimes are done by children.
 */
#include "observe/guards.h"
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "alloc/guarded.h"
#include "os/residence.h"
#include "pool/trap.h"
#include "track/sample.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

#ifdef WEIR_NO_ACCOUNTING
#define SKIP_WITHOUT_GUARDS() cr_skip("no accounting, and so no guards")
#else
#define SKIP_WITHOUT_GUARDS()                                                                      \
    do {                                                                                           \
        if (sysconf(_SC_PAGESIZE) != 4096)                                                         \
            cr_skip("pages are not 4 KiB");                                                        \
        SKIP_UNDER_TSAN("has SIGSEGV for itself");                                                 \
    } while (0)
#endif

static weir_guard_stats stats(void)
{
    weir_guard_stats s = WEIR_GUARD_STATS_INIT;
    cr_assert_eq(weir_guard_stats_get(&s), 0);
    return s;
}

static void start(size_t calls)
{
    weir_guard_options options = WEIR_GUARD_OPTIONS_INIT;
    options.calls = calls;
    cr_assert_eq(weir_guards_start(&options), 0, "%s", weir_last_error());
}

/* -- crimes ----------------------------------------------------------------------------------- */

enum { SAID_MOST = 8192 };

struct end {
    int status;
    char said[SAID_MOST]; /* all of standard error */
};

/* What a child says and how it ends. */
static struct end child(void (*act)(int), int argument)
{
    struct end end = {0};
    int pipes[2];
    cr_assert_eq(pipe(pipes), 0);
    pid_t pid = fork();
    if (pid == 0) {
        alarm(HANG_SECONDS);
#ifdef __SANITIZE_ADDRESS__
        signal(SIGSEGV, SIG_DFL); /* which it has for itself */
#endif
        dup2(pipes[1], STDERR_FILENO);
        close(pipes[0]);
        close(pipes[1]);
        act(argument);
        _exit(0);
    }
    close(pipes[1]);
    size_t length = 0;
    for (ssize_t n; (n = read(pipes[0], end.said + length, SAID_MOST - 1 - length)) > 0;)
        length += (size_t)n;
    close(pipes[0]);
    waitpid(pid, &end.status, 0);
    return end;
}

static bool ends_by(const struct end *end, int signal)
{
    return WIFSIGNALED(end->status) && WTERMSIG(end->status) == signal;
}

/* Does the first line begin so, and does it have the other part? */
static bool says(const struct end *end, const char *begin, const char *part)
{
    const char *line = strchr(end->said, '\n');
    const char *found = strstr(end->said, part);
    return strncmp(end->said, begin, strlen(begin)) == 0 && line && found && found < line;
}

/* A block at the right or the left end of its place. */
static volatile char *block_at(bool right, size_t size)
{
    for (int i = 0; i < 64; i++) {
        char *block = weir_allocate(weir_cpu_allocator(), size);
        bool ends = (uintptr_t)(block + size) % WEIR__GRANULE == 0;
        if (right == ends)
            return block;
    }
    abort();
}

/* At a byte before or behind a block of 128. */
static void write_at(int at)
{
    start(1);
    block_at(at >= 0, 128)[at] = 1;
}

static void read_at(int at)
{
    start(1);
    (void)block_at(at >= 0, 128)[at];
}

static void write_freed(int at)
{
    start(1);
    volatile char *block = block_at(true, 128);
    weir_deallocate(weir_cpu_allocator(), (void *)block);
    block[at] = 1;
}

/* Into the rest that the alignment leaves. */
static void write_beside(int at)
{
    start(1);
    volatile char *block = block_at(false, 100);
    block[at] = 1;
    weir_deallocate(weir_cpu_allocator(), (void *)block);
}

static void write_freed_object(int objects)
{
    int64_t shape[] = {10, 10};
    weir_guard_options options = WEIR_GUARD_OPTIONS_INIT;
    options.calls = SIZE_MAX;
    options.objects = (size_t)objects;
    weir_tag_set(weir_tag_intern("weights"));
    weir_tensor *t =
        weir_guards_start(&options) ? NULL : weir_tensor_create(shape, 2, WEIR_FLOAT32);
    volatile float *data = weir_tensor_data(t);
    weir_tensor_release(t);
    data[3] = 1;
}

#define OF_128 "a block of 128 bytes at 0x"

Test(guards, an_overflow_is_printed_and_ends_by_the_fault)
{
    SKIP_WITHOUT_GUARDS();
    struct end end = child(write_at, 128);
    cr_assert(ends_by(&end, SIGSEGV), "%x: %s", (unsigned)end.status, end.said);
    cr_assert(says(&end, "weir: overflow by 1 byte: ", "directly behind " OF_128), "%s", end.said);
    cr_assert(strstr(end.said, "\n  allocated by:\n") && !strstr(end.said, "freed by"), "%s",
              end.said);
    end = child(write_at, 128 + 40);
    cr_assert(says(&end, "weir: overflow by 41 bytes: ", "40 bytes behind " OF_128), "%s",
              end.said);
}

Test(guards, an_underflow_is_printed_and_ends_by_the_fault)
{
    SKIP_WITHOUT_GUARDS();
    struct end end = child(write_at, -1);
    cr_assert(ends_by(&end, SIGSEGV));
    cr_assert(says(&end, "weir: underflow by 1 byte: ", "1 byte before " OF_128), "%s", end.said);
}

Test(guards, a_use_after_free_has_both_stacks)
{
    SKIP_WITHOUT_GUARDS();
    struct end end = child(write_freed, 7);
    cr_assert(ends_by(&end, SIGSEGV));
    cr_assert(says(&end, "weir: use after free: ", "7 bytes into " OF_128), "%s", end.said);
    cr_assert(strstr(end.said, "\n  allocated by:\n") && strstr(end.said, "\n  freed by:\n"), "%s",
              end.said);
    end = child(write_freed, 130);
    cr_assert(says(&end, "weir: use after free: ", "2 bytes behind " OF_128), "%s", end.said);
}

Test(guards, a_read_is_told_from_a_write)
{
#if defined(__x86_64__) || defined(__aarch64__)
    SKIP_WITHOUT_GUARDS();
    SKIP_UNDER_EMULATOR("it says nothing of the access");
    struct end end = child(read_at, 128);
    cr_assert(says(&end, "weir: overflow by 1 byte: read at ", OF_128), "%s", end.said);
    end = child(write_at, 128);
    cr_assert(says(&end, "weir: overflow by 1 byte: write at ", OF_128), "%s", end.said);
#else
    cr_skip("this machine does not say");
#endif
}

Test(guards, a_write_without_a_fault_is_found_at_the_free)
{
    SKIP_WITHOUT_GUARDS();
    struct end end = child(write_beside, 100);
    cr_assert(ends_by(&end, SIGABRT));
    cr_assert(says(&end, "weir: overflow by 1 byte: written behind a block of 100 bytes", ""), "%s",
              end.said);
    cr_assert(strstr(end.said, "\nweir: corrupted book-keeping: 0x"), "%s", end.said);
    end = child(write_beside, 4095);
    cr_assert(says(&end, "weir: overflow by 3996 bytes: ", ""), "%s", end.said);
}

Test(guards, tensors_have_a_rate_of_their_own_and_their_tag)
{
    SKIP_WITHOUT_GUARDS();
    struct end end = child(write_freed_object, 1);
    cr_assert(ends_by(&end, SIGSEGV));
    cr_assert(says(&end, "weir: use after free: ", "12 bytes into a block of 400 bytes"), "%s",
              end.said);
    cr_assert(says(&end, "weir: ", "(allocator \"cpu\", tag \"weights\")"), "%s", end.said);
}

/* -- whose handler it is ---------------------------------------------------------------------- */

static const volatile char *volatile expected;

static void on_fault(int signal, siginfo_t *info, void *context)
{
    sigset_t mask;
    (void)context;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    bool right = signal == SIGSEGV && info->si_addr == (const void *)expected &&
                 info->si_code == SEGV_ACCERR && sigismember(&mask, SIGUSR2) &&
                 sigismember(&mask, SIGSEGV);
    _exit(right ? 7 : 8);
}

static void handler_first(int closed)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaddset(&action.sa_mask, SIGUSR2);
    sigaction(SIGSEGV, &action, NULL);
    start(1);
    volatile char *at = block_at(true, 64);
    if (closed)
        at = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    expected = at + (closed ? 0 : 64);
    at[closed ? 0 : 64] = 1;
}

Test(guards, the_handler_that_was_there_runs_with_the_true_address_and_its_mask)
{
    SKIP_WITHOUT_GUARDS();
    struct end end = child(handler_first, 0);
    cr_assert(WIFEXITED(end.status));
    cr_assert_eq(WEXITSTATUS(end.status), 7, "%x: %s", (unsigned)end.status, end.said);
    cr_assert(says(&end, "weir: overflow by 1 byte: ", "a block of 64 bytes"), "%s", end.said);
}

Test(guards, a_fault_elsewhere_is_the_programs_alone)
{
    SKIP_WITHOUT_GUARDS();
    struct end end = child(handler_first, 1);
    cr_assert(WIFEXITED(end.status));
    cr_assert_eq(WEXITSTATUS(end.status), 7, "%x: %s", (unsigned)end.status, end.said);
    cr_assert_str_eq(end.said, "");
}

static int go; /* atomic: threads allocate until it is 2 */

static void *churn(void *unused)
{
    (void)unused;
    while (__atomic_load_n(&go, __ATOMIC_ACQUIRE) < 2)
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 200));
    return NULL;
}

static void fault_beside_threads(int unused)
{
    pthread_t threads[4];
    (void)unused;
    start(1);
    for (int i = 0; i < 4; i++)
        if (pthread_create(&threads[i], NULL, churn, NULL))
            _exit(1);
    for (int i = 0; i < 1000; i++)
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 300));
    block_at(true, 128)[128] = 1;
}

Test(guards, a_fault_beside_threads_that_allocate_hangs_nobody)
{
    SKIP_WITHOUT_GUARDS();
    for (int i = 0; i < 10; i++) {
        struct end end = child(fault_beside_threads, 0);
        cr_assert(ends_by(&end, SIGSEGV), "%x", (unsigned)end.status);
        cr_assert(says(&end, "weir: overflow by 1 byte: ", OF_128), "%s", end.said);
    }
}

static void fork_and_use(int at)
{
    start(1);
    volatile char *block = block_at(true, 128);
    pid_t pid = fork();
    if (pid == 0) {
        weir_deallocate(weir_cpu_allocator(), (void *)block);
        block[at] = 1;
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    block[0] = 1; /* the parent's own is live */
    weir_deallocate(weir_cpu_allocator(), (void *)block);
    _exit(WIFSIGNALED(status) ? WTERMSIG(status) : 99);
}

Test(guards, a_forked_child_has_guards_of_its_own)
{
    SKIP_WITHOUT_GUARDS();
    struct end end = child(fork_and_use, 3);
    cr_assert(WIFEXITED(end.status));
    cr_assert_eq(WEXITSTATUS(end.status), SIGSEGV);
    cr_assert(says(&end, "weir: use after free: ", OF_128), "%s", end.said);
}

/* -- how often -------------------------------------------------------------------------------- */

enum { RUNS = 1200, RATE = 40 };

/* One overflow in a loop; seed by seed. */
static void overflow_once(int seed)
{
    weir__sample_seed((uint64_t)seed * 7919 + 1);
    start(RATE);
    for (int i = 0; i < 200; i++) {
        volatile char *block = weir_allocate(weir_cpu_allocator(), 64);
        block[i == 150 ? 64 : 0] = 1;
        weir_deallocate(weir_cpu_allocator(), (void *)block);
    }
}

/* Binomial: 30 of 1200 are expected, give or take 5.4; the bounds are five of these. */
Test(guards, an_overflow_in_a_loop_is_caught_as_often_as_the_rate_says)
{
    SKIP_WITHOUT_GUARDS();
    SKIP_UNDER_EMULATOR("too many processes");
    int caught = 0;
    for (int seed = 0; seed < RUNS; seed++) {
        struct end end = child(overflow_once, seed);
        bool dies = WIFSIGNALED(end.status);
        cr_assert_eq(dies, says(&end, "weir: overflow by 1 byte: ", "a block of 64 bytes"), "%s",
                     end.said);
        caught += dies;
    }
    cr_assert(caught > 3 && caught < 57, "%d of %d", caught, RUNS);
}

/* GUARDS_OPERATIONS: how many; `make check-guards` does ten times as many. */
static uint64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Pairs, with slow operations among them, until so many blocks were guarded; a time before the last
 * of these was. */
static uint64_t work_until(size_t guarded)
{
    enum { ENOUGH = 4000, HELD = 3000 };
    static void *held[HELD];
    uint64_t begin = milliseconds();
    for (int i = 0; i < ENOUGH && stats().guarded < guarded; i++) {
        begin = milliseconds();
        for (int k = 0; k < HELD; k++)
            held[k] = weir_allocate(weir_cpu_allocator(), 48);
        for (int k = 0; k < HELD; k++)
            weir_deallocate(weir_cpu_allocator(), held[k]);
    }
    return begin;
}

/* Is the rest that began at `begin` or later still on? The clock that it goes by has ticks. */
static bool rests(uint64_t begin, size_t turn)
{
    return milliseconds() + 10 < begin + (WEIR__GUARD_REST / 1000000 << (turn - 1));
}

/* A process that has had so many page faults takes part in any case. */
static void faults_have(size_t count)
{
    size_t bytes = count * 4096;
    char *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(pages, MAP_FAILED);
    madvise(pages, bytes, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < bytes; i += 4096)
        pages[i] = 1;
    munmap(pages, bytes);
}

/* The first turn of a process: the page faults that it had, and its guarded blocks. */
static void first_turn(size_t said[2])
{
    if (weir__guards_by_turns() != 0)
        _exit(1);
    while (!stats().guarded && !stats().missed)
        work_until(1);
    said[0] = (size_t)weir__os_process_faults();
    said[1] = stats().guarded;
}

/* As often as its faults are of those; each child draws anew. */
Test(guards, a_process_of_few_faults_takes_part_by_chance)
{
    SKIP_WITHOUT_GUARDS();
    SKIP_UNDER_EMULATOR("too slow");
#ifdef WEIR_COVERAGE
    cr_skip_test("a child waits six seconds for its turn");
#endif
    enum { CHILDREN = 200 };
    double should = 0, variance = 0;
    size_t guarded = 0, said[2];
    for (int i = 0; i < CHILDREN; i++) {
        int pipes[2];
        cr_assert_eq(pipe(pipes), 0);
        pid_t pid = fork();
        if (pid == 0) {
            alarm(HANG_SECONDS);
            if (i % 2)
                faults_have(WEIR__GUARD_FAULTS / 2);
            first_turn(said);
            _exit(write(pipes[1], said, sizeof said) != sizeof said);
        }
        close(pipes[1]);
        cr_assert_eq(read(pipes[0], said, sizeof said), sizeof said);
        close(pipes[0]);
        waitpid(pid, NULL, 0);
        cr_assert_leq(said[1], 1);
        double share = (double)said[0] / WEIR__GUARD_FAULTS;
        share = share < 1 ? share : 1;
        should += share;
        variance += share * (1 - share);
        guarded += said[1];
    }
    double off = (double)guarded - should;
    cr_assert(should > 20 && should < 180, "%.0f of 200 should take part", should);
    cr_assert(off * off < 36 * variance, "%zu took part, and %.1f should", guarded, should);
}

/* What is seen counts if the rest was not over by then. */
Test(guards, by_turns_one_block_is_guarded_and_none_until_the_rest_is_over)
{
    SKIP_WITHOUT_GUARDS();
    faults_have(WEIR__GUARD_FAULTS);
    cr_assert_eq(weir__guards_by_turns(), 0);
    cr_assert(weir__sample_is_on());
    for (size_t turn = 1; turn <= 3; turn++) {
        uint64_t begin = work_until(turn);
        cr_assert_geq(stats().guarded, turn);
        do {
            for (int k = 0; k < 20000; k++)
                weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 48));
            size_t guarded = stats().guarded;
            bool counts = weir__sample_is_on();
            if (!rests(begin, turn))
                break;
            cr_assert_eq(guarded, turn);
            cr_assert_not(counts, "what counts down costs time");
        } while (true);
        usleep(20000);
    }
    weir_guards_stop();
    cr_assert_eq(weir__guarded_turns, 0);
    cr_assert_not(weir__sample_is_on());
}

Test(guards, operations_without_a_fault_give_no_report)
{
    SKIP_WITHOUT_GUARDS();
    SKIP_UNDER_EMULATOR("too slow");
    enum { LIVE = 256 };
    const char *asked = getenv("GUARDS_OPERATIONS");
    unsigned long most = asked ? strtoul(asked, NULL, 10) : 10000000;
    struct {
        unsigned char *block;
        size_t size;
    } live[LIVE] = {{0}};
    uint64_t random = 5, total = 0;
    weir_allocator *a = weir_allocator_create(NULL);
    start(500);
    for (unsigned long n = 0; n < most; n++) {
        unsigned i = (unsigned)random_below(&random, LIVE);
        total -= live[i].size;
        if (live[i].block && (live[i].block[0] != (unsigned char)i ||
                              live[i].block[live[i].size - 1] != (unsigned char)i))
            cr_assert_fail("another's bytes");
        weir_deallocate(a, live[i].block);
        live[i].size = 1 + random_below(&random, n % 64 ? 1000 : 40000);
        live[i].block = weir_allocate(a, live[i].size);
        live[i].block[0] = live[i].block[live[i].size - 1] = (unsigned char)i;
        total += live[i].size;
        if (n % 100000 == 0)
            cr_assert_eq(weir_total_allocated(a), total);
    }
    weir_guard_stats s = stats();
    cr_assert_eq(s.reports, 0);
    cr_assert(s.guarded > most / 1000, "%zu were guarded", s.guarded);
    cr_assert(weir__trap_is_valid());
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(stats().live, 0);
}

/* -- what is exact stays so ------------------------------------------------------------------- */

static bool block_count(const weir_block *block, void *sum)
{
    *(size_t *)sum += block->requested + block->usable;
    return false;
}

Test(guards, figures_sizes_tags_and_walks_are_those_of_any_block)
{
    SKIP_WITHOUT_GUARDS();
    weir_allocator *a = weir_allocator_create(NULL);
    weir_tag tag = weir_tag_intern("guarded");
    size_t guarded = stats().guarded;
    start(1);
    weir_tag former = weir_tag_set(tag);
    char *block = weir_allocate(a, 1000), *none = weir_allocate(a, 0);
    char *large = weir_allocate_aligned(a, 100000, 4096);
    weir_tag_set(former);
    cr_assert_eq(stats().guarded, guarded + 3);
    cr_assert_eq((uintptr_t)block % WEIR_DEFAULT_ALIGNMENT, 0);
    cr_assert_eq((uintptr_t)large % 4096, 0);
    cr_assert_eq(weir_total_allocated(a), 101000);
    cr_assert_eq(weir_allocation_count(a), 3);
    cr_assert_eq(weir_requested_size(a, block), 1000);
    cr_assert_eq(weir_usable_size(a, block), 1000);
    cr_assert_eq(weir_usable_size(a, none), 0);
    cr_assert_eq(weir_block_tag(a, large), tag);
    cr_assert(weir_owns(a, none));
    cr_assert(!weir_owns(a, block + 64));
    cr_assert_eq(weir_allocator_of(large), a);
    size_t sum = 0;
    cr_assert_eq(weir_allocator_walk(a, block_count, &sum), 0);
    cr_assert_eq(sum, 2 * 101000);
    memset(block, 'x', 1000);
    char *moved = weir_reallocate(a, block, 3000); /* guarded again, elsewhere */
    cr_assert_eq(weir_usable_size(a, moved), 3000);
    for (int i = 0; i < 1000; i++)
        cr_assert_eq(moved[i], 'x');
    weir_guards_stop();
    moved = weir_reallocate(a, moved, 10);
    cr_assert_eq(weir_total_allocated(a), 100010);
    cr_assert_eq(weir_peak_allocated(a), 103000);
    weir_deallocate(a, moved);
    weir_deallocate_sized(a, none, 0);
    cr_assert_eq(stats().live, 1);
    cr_assert(weir__trap_is_valid());
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_assert_eq(stats().live, 0);
}

Test(guards, a_limit_refuses_and_nothing_is_lost)
{
    SKIP_WITHOUT_GUARDS();
    weir_allocator_options options = WEIR_ALLOCATOR_OPTIONS_INIT;
    options.limit = 1000;
    weir_allocator *a = weir_allocator_create(&options);
    start(1);
    char *block = weir_allocate(a, 900);
    cr_assert_null(weir_allocate(a, 101));
    cr_assert_null(weir_reallocate(a, block, 1001));
    block[899] = 1;
    cr_assert_eq(weir_total_allocated(a), 900);
    cr_assert_eq(weir_peak_allocated(a), 900);
    cr_assert_eq(stats().live, 1);
    weir_deallocate(a, block);
    cr_assert_eq(stats().live, 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(guards, what_finds_no_place_is_allocated_all_the_same)
{
    SKIP_WITHOUT_GUARDS();
    enum { MANY = 200 };
    char *blocks[MANY];
    weir_allocator *a = weir_allocator_create(NULL);
    start(1);
    for (int i = 0; i < MANY; i++)
        memset(blocks[i] = weir_allocate(a, 500), i, 500);
    cr_assert_eq(stats().live, WEIR__TRAPS);
    cr_assert_eq(stats().missed, MANY - WEIR__TRAPS);
    cr_assert_eq(weir_total_allocated(a), MANY * 500);
    for (int i = 0; i < MANY; i++)
        weir_deallocate(a, blocks[i]);
    cr_assert_eq(weir_total_allocated(a), 0);
    cr_assert_eq(stats().live, 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(guards, zeroed_blocks_are_zero_in_a_place_that_was_used)
{
    SKIP_WITHOUT_GUARDS();
    weir_allocator *a = weir_cpu_allocator();
    start(1);
    for (unsigned i = 0; i < 3 * WEIR__TRAPS; i++) {
        char *block = weir_allocate_zeroed(a, 10, 100);
        for (int at = 0; at < 1000; at++)
            cr_assert_eq(block[at], 0);
        memset(block, 1, 1000);
        weir_deallocate(a, block);
    }
}

Test(guards, a_profile_may_be_on_as_well)
{
    SKIP_WITHOUT_GUARDS();
    weir_allocator *a = weir_allocator_create(NULL);
    cr_assert_eq(weir_profile_sample(1), 0);
    start(2);
    char *blocks[40];
    for (int i = 0; i < 40; i++)
        blocks[i] = weir_allocate(a, 100);
    weir_profile_stats p = WEIR_PROFILE_STATS_INIT;
    cr_assert_eq(weir_profile_stats_get(&p), 0);
    cr_assert_eq(p.samples, 40);
    cr_assert(stats().guarded > 5 && stats().guarded < 35, "%zu", stats().guarded);
    for (int i = 0; i < 40; i++)
        blocks[i] = weir_reallocate(a, blocks[i], 200);
    cr_assert_eq(weir_profile_stats_get(&p), 0);
    cr_assert_eq(p.samples, 40);
    for (int i = 0; i < 40; i++)
        weir_deallocate(a, blocks[i]);
    cr_assert_eq(weir_profile_stats_get(&p), 0);
    cr_assert_eq(p.samples, 0);
    cr_assert_eq(weir_profile_sample(0), 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(guards, a_leak_is_one_whether_guarded_or_not)
{
    SKIP_WITHOUT_GUARDS();
    weir_allocator *a = weir_allocator_create(NULL);
    start(2);
    uint64_t checkpoint = weir_checkpoint(a);
    for (int i = 0; i < 30; i++)
        cr_assert_not_null(weir_allocate(a, 77));
    weir_leaks_stats leaks = WEIR_LEAKS_STATS_INIT;
    cr_assert_eq(weir_leaks_stats_get(a, checkpoint, &leaks), 0);
    cr_assert_eq(leaks.count, 30);
    cr_assert_eq(leaks.bytes, 30 * 77);
    cr_assert(stats().live > 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

/* Calls as fast as they come: guarded blocks would come more often than they are to. */
Test(guards, the_pace_follows_the_calls)
{
    SKIP_WITHOUT_GUARDS();
    start(WEIR__GUARD_ADAPTS);
    size_t mean = stats().calls;
    cr_assert_eq(mean, WEIR__GUARD_ADAPTS);
    for (int i = 0; i < 10000000 && mean <= WEIR__GUARD_ADAPTS; i++) {
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 48));
        mean = stats().calls;
    }
    cr_assert_geq(mean, WEIR__GUARD_ADAPTS + WEIR__GUARD_ADAPTS / 4);
    /* A guarded block for each two periods: as many as were asked for, in the end. */
    for (int i = 0; i < 10000 && mean > WEIR__GUARD_ADAPTS; i++) {
        nanosleep(&(struct timespec){0, 2 * (long)WEIR__GUARD_PERIOD}, NULL);
        size_t guarded = stats().guarded;
        while (stats().guarded == guarded)
            weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 48));
        mean = stats().calls;
    }
    cr_assert_eq(mean, WEIR__GUARD_ADAPTS);
}

Test(guards, what_it_is_told_is_checked)
{
    weir_guard_options options = {.size = 3};
    cr_assert_eq(weir_guards_start(&options), EINVAL);
    cr_assert_eq(weir_guard_stats_get(NULL), EINVAL);
#ifdef WEIR_NO_ACCOUNTING
    cr_assert_eq(weir_guards_start(NULL), ENOTSUP);
#endif
}
