/*
 * The sampler against the truth: what it estimates is right on average whatever way a block was
 * allocated, resized or freed, with the error that it says; and what is exact stays so. The numbers
 * are drawn from a seed, so each case says the same on every run.
 */
#include "track/sample.h"
#include "../helpers/context.h"
#include "../helpers/core.h"
#include "../helpers/suite.h"
#include "observe/estimate.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEAN   4096
#define TRIALS 200
#define BLOCKS 400

#ifdef WEIR_NO_ACCOUNTING
#define SKIP_WITHOUT_SAMPLES() cr_skip("no accounting, and so no samples")
#else
#define SKIP_WITHOUT_SAMPLES() (void)0
#endif

static weir_profile_stats profile(void)
{
    weir_profile_stats stats = WEIR_PROFILE_STATS_INIT;
    cr_assert_eq(weir_profile_stats_get(&stats), 0);
    return stats;
}

/* -- numbers ---------------------------------------------------------------------------------- */

Test(sample, gaps_are_exponential)
{
    enum { DRAWS = 400000, SLOTS = 10 };
    unsigned slots[SLOTS] = {0};
    double sum = 0, squares = 0, chi = 0;
    weir__sample_seed(1);
    for (int i = 0; i < DRAWS; i++) {
        double gap = (double)weir__sample_draw(1000000) / 1000000;
        sum += gap;
        squares += gap * gap;
        slots[(int)((1 - exp(-gap)) * SLOTS)]++;
    }
    double mean = sum / DRAWS, variance = squares / DRAWS - mean * mean;
    for (int i = 0; i < SLOTS; i++) {
        double expected = (double)DRAWS / SLOTS;
        chi += (slots[i] - expected) * (slots[i] - expected) / expected;
    }
    cr_expect(fabs(mean - 1) < 4 / sqrt(DRAWS), "mean %g", mean);
    cr_expect(fabs(variance - 1) < 4 * sqrt(8.0 / DRAWS), "variance %g", variance);
    cr_expect(chi < 27.9, "chi square of 9 degrees: %g", chi); /* one in a thousand is above */
}

Test(sample, gaps_of_one_byte_are_whole)
{
    unsigned zeros = 0;
    weir__sample_seed(2);
    for (int i = 0; i < 100000; i++)
        zeros += weir__sample_draw(1) == 0;
    cr_expect(fabs(zeros / 100000.0 - (1 - exp(-1))) < 0.01, "%u", zeros);
}

Test(sample, a_chance_is_what_the_mathematical_library_says)
{
    for (size_t bytes = 1; bytes < (size_t)1 << 40; bytes += bytes / 3 + 1)
        for (uint64_t mean = 1; mean < (uint64_t)1 << 40; mean *= 7) {
            double chance = weir__estimate_chance(bytes, mean);
            double truth = -expm1(-(double)bytes / (double)mean);
            cr_expect(fabs(chance - truth) <= 1e-12 * truth, "%zu of %llu: %.17g, not %.17g", bytes,
                      (unsigned long long)mean, chance, truth);
        }
    cr_expect_eq(weir__estimate_chance(0, 100), 0);
    cr_expect_eq(weir__estimate_chance(100, 0), 0);
}

Test(sample, an_error_is_the_root_of_the_variance)
{
    for (double variance = 1e-9; variance < 1e30; variance *= 3.7) {
        struct weir__estimate e = {.variance = variance};
        cr_expect(fabs(weir__estimate_error(&e) - sqrt(variance)) <= 1e-12 * sqrt(variance));
    }
    cr_expect_eq(weir__estimate_error(&(struct weir__estimate){0}), 0);
}

/* -- right on average ------------------------------------------------------------------------- */

/* Blocks that a way to allocate leaves live; it says how many bytes they have. */
struct load {
    weir_allocator *a;
    void *blocks[BLOCKS];
    size_t sizes[BLOCKS];
    uint64_t random;
};
typedef void make(struct load *load, size_t i);

static size_t size_of(struct load *load, size_t most)
{
    return 1 + random_next(&load->random) % most;
}

static void small(struct load *load, size_t i)
{
    load->blocks[i] = weir_allocate(load->a, load->sizes[i] = size_of(load, 600));
}

static void aligned(struct load *load, size_t i)
{
    load->sizes[i] = size_of(load, 600);
    load->blocks[i] = weir_allocate_aligned(load->a, load->sizes[i], (size_t)16 << i % 5);
}

static void zeroed(struct load *load, size_t i)
{
    static const char zeros[600];
    load->blocks[i] = weir_allocate_zeroed(load->a, 1, load->sizes[i] = size_of(load, 600));
    cr_assert_eq(memcmp(load->blocks[i], zeros, load->sizes[i]), 0);
}

static void large(struct load *load, size_t i)
{
    load->blocks[i] = weir_allocate(load->a, load->sizes[i] = 16384 + size_of(load, 40000));
}

/* Most operations are frees of what was just allocated, so that a block comes and goes at one
 * place: what lives is the last of a chain. */
static void replaced(struct load *load, size_t i)
{
    for (int times = 0; times < 5; times++) {
        weir_deallocate(load->a, load->blocks[i]);
        small(load, i);
    }
}

/* Large blocks that go onto the thread's shelf and come from there. */
static void shelved(struct load *load, size_t i)
{
    void *other = weir_allocate(load->a, 30000);
    weir_deallocate(load->a, other);
    load->blocks[i] = weir_allocate(load->a, load->sizes[i] = 20000 + size_of(load, 9000));
}

/* By an attempt that often goes the slow way: bins run dry again and again. */
static void dry(struct load *load, size_t i)
{
    small(load, i);
    if (i % 16 == 0)
        weir_trim(load->a);
}

static void grown(struct load *load, size_t i)
{
    size_t size = 1 + size_of(load, 100);
    load->blocks[i] = weir_allocate(load->a, size);
    for (int times = 0; times < 4; times++)
        load->blocks[i] = weir_reallocate(load->a, load->blocks[i], size += size_of(load, 150));
    load->sizes[i] = size;
}

static void grown_large(struct load *load, size_t i)
{
    size_t size = size_of(load, 30000);
    load->blocks[i] = weir_allocate(load->a, size);
    for (int times = 0; times < 3; times++)
        load->blocks[i] = weir_reallocate(load->a, load->blocks[i], size += size_of(load, 9000));
    load->sizes[i] = size;
}

static void shrunk(struct load *load, size_t i)
{
    size_t size = 600 + size_of(load, 3000);
    load->blocks[i] = weir_allocate(load->a, size);
    for (int times = 0; times < 3; times++)
        load->blocks[i] =
            weir_reallocate(load->a, load->blocks[i], size -= size_of(load, size / 2));
    load->sizes[i] = size;
}

/* The mean of so many estimates is the truth but for four standard errors, and the error that each
 * says holds as often as it should. */
static void expect_unbiased(const char *way, weir_allocator *a, make *one)
{
    static struct load load;
    double bytes = 0, blocks = 0, squares = 0, counts = 0;
    unsigned within = 0;
    load = (struct load){.a = a, .random = 12345};
    weir__sample_seed(99);
    for (int trial = 0; trial < TRIALS; trial++) {
        double truth = 0;
        cr_assert_eq(weir_profile_sample(MEAN), 0);
        memset(load.blocks, 0, sizeof load.blocks);
        for (size_t i = 0; i < BLOCKS; i++)
            one(&load, i);
        for (size_t i = 0; i < BLOCKS; i++)
            truth += (double)load.sizes[i];
        weir_profile_stats now = profile();
        double off = now.bytes / truth - 1;
        bytes += off;
        squares += off * off;
        blocks += now.blocks / BLOCKS - 1;
        counts += (now.blocks / BLOCKS - 1) * (now.blocks / BLOCKS - 1);
        within += fabs(now.bytes - truth) <= 2 * now.error;
        cr_assert_eq(now.missed, 0);
        for (size_t i = 0; i < BLOCKS; i++)
            weir_deallocate(load.a, load.blocks[i]);
        cr_assert_eq(profile().samples, 0, "%s: some are left", way);
    }
    cr_expect(fabs(bytes / TRIALS) < 4 * sqrt(squares) / TRIALS, "%s: bytes are off by %g +- %g",
              way, bytes / TRIALS, sqrt(squares) / TRIALS);
    cr_expect(fabs(blocks / TRIALS) < 4 * sqrt(counts) / TRIALS, "%s: blocks are off by %g +- %g",
              way, blocks / TRIALS, sqrt(counts) / TRIALS);
    cr_expect(within > TRIALS * 88 / 100, "%s: %u of %u within two errors", way, within, TRIALS);
    cr_assert_eq(weir_profile_sample(0), 0);
}

static void expect_each_unbiased(weir_allocator *a)
{
    expect_unbiased("small", a, small);
    expect_unbiased("aligned", a, aligned);
    expect_unbiased("zeroed", a, zeroed);
    expect_unbiased("large", a, large);
    expect_unbiased("replaced", a, replaced);
    expect_unbiased("shelved", a, shelved);
    expect_unbiased("dry", a, dry);
    expect_unbiased("grown", a, grown);
    expect_unbiased("grown_large", a, grown_large);
    expect_unbiased("shrunk", a, shrunk);
}

Test(sample, estimates_of_a_root_are_unbiased)
{
    SKIP_WITHOUT_SAMPLES();
    expect_each_unbiased(cpu());
}

Test(sample, estimates_of_a_child_are_unbiased)
{
    SKIP_WITHOUT_SAMPLES();
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.parent = cpu()});
    expect_each_unbiased(a);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(sample, estimates_of_the_hosts_malloc_are_unbiased)
{
    SKIP_WITHOUT_SAMPLES();
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_MALLOC});
    expect_unbiased("small", a, small);
    expect_unbiased("large", a, large);
    expect_unbiased("grown", a, grown);
    expect_unbiased("shrunk", a, shrunk);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(sample, estimates_are_unbiased_at_a_limit)
{
    SKIP_WITHOUT_SAMPLES();
    weir_allocator *a = weir_allocator_create(
        &(weir_allocator_options){.parent = cpu(), .limit = (size_t)64 << 20});
    expect_unbiased("small", a, small);
    expect_unbiased("replaced", a, replaced);
    cr_assert_eq(weir_allocator_destroy(a), 0);
}

Test(sample, estimates_are_unbiased_while_all_is_recorded)
{
    SKIP_WITHOUT_SAMPLES();
    char path[] = "/tmp/weir-sample-XXXXXX";
    int file = mkstemp(path);
    cr_assert(file >= 0);
    close(file);
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.parent = cpu()});
    cr_assert_eq(weir_trace_start(path, NULL), 0);
    expect_unbiased("small", cpu(), small);
    expect_unbiased("grown", cpu(), grown);
    expect_unbiased("small of a child", a, small);
    expect_unbiased("shrunk of a child", a, shrunk);
    cr_assert_eq(weir_trace_stop(), 0);
    weir_allocator_destroy(a);
    unlink(path);
}

/* -- what is exact ---------------------------------------------------------------------------- */

Test(sample, figures_stay_exact)
{
    SKIP_WITHOUT_SAMPLES();
    enum { SLOTS = 300, STEPS = 60000 };
    static void *blocks[SLOTS];
    static size_t sizes[SLOTS];
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.parent = cpu()});
    uint64_t random = 7;
    size_t live = 0, peak = 0, count = 0;
    cr_assert_eq(weir_profile_sample(2000), 0);
    for (int step = 0; step < STEPS; step++) {
        size_t i = random_next(&random) % SLOTS, size = random_next(&random) % 3000;
        size += i % 17 ? 0 : 20000;
        if (blocks[i] && step % 3) {
            weir_deallocate(a, blocks[i]);
            blocks[i] = NULL;
            live -= sizes[i];
            count--;
        } else if (blocks[i]) {
            blocks[i] = weir_reallocate(a, blocks[i], size);
            live += size - sizes[i];
            cr_assert_eq(weir_requested_size(a, blocks[i]), size);
        } else {
            blocks[i] = weir_allocate(a, size);
            live += size;
            count++;
        }
        sizes[i] = size;
        peak = live > peak ? live : peak;
        cr_assert_eq(weir_total_allocated(a), live, "step %d", step);
        cr_assert_eq(weir_peak_allocated(a), peak, "step %d", step);
        cr_assert_eq(weir_allocation_count(a), count);
    }
    cr_expect_gt(profile().samples, 0);
    cr_assert_eq(weir_allocator_destroy(a), 0);
    cr_expect_eq(profile().samples, 0, "all went with the context");
}

/* -- who, as long as it lives -------------------------------------------------------------------
 */

__attribute__((noinline, aligned(256))) static void *by_one(size_t size)
{
    void *block = weir_allocate(cpu(), size);
    __asm__ volatile("" : : "r"(block));
    return block;
}

__attribute__((noinline, aligned(256))) static void *by_other(size_t size)
{
    void *block = weir_allocate(cpu(), size);
    __asm__ volatile("" : : "r"(block));
    return block;
}

struct seen {
    double bytes_one, bytes_other;
    size_t sites, samples;
};

static bool within(const void *address, void *(*function)(size_t))
{
    return (uintptr_t)address - (uintptr_t)function < 128;
}

static bool see(const weir_profile_site *site, void *user)
{
    struct seen *seen = user;
    seen->sites++;
    seen->samples += site->samples;
    for (size_t i = 0; i < site->depth; i++)
        if (within(site->calls[i], by_one)) {
            seen->bytes_one += site->bytes;
            break;
        } else if (within(site->calls[i], by_other)) {
            seen->bytes_other += site->bytes;
            break;
        }
    return false;
}

static struct seen look(void)
{
    struct seen seen = {0};
    cr_assert_eq(weir_profile_walk(see, &seen), 0);
    return seen;
}

/* With a mean of one byte each block is sampled, and stands for itself. */
static void expect_holds(double one, double other, const char *when)
{
    struct seen seen = look();
#if defined(__x86_64__) || defined(__aarch64__)
    cr_expect(fabs(seen.bytes_one - one) < 1e-6, "%s: one has %g", when, seen.bytes_one);
    cr_expect(fabs(seen.bytes_other - other) < 1e-6, "%s: other has %g", when, seen.bytes_other);
#endif
    cr_expect(fabs(profile().bytes - one - other) < 1e-6, "%s: %g in all", when, profile().bytes);
}

Test(sample, stacks_live_as_long_as_their_blocks)
{
    SKIP_WITHOUT_SAMPLES();
    cr_assert_eq(weir_profile_sample(1), 0);
    void *a = by_one(100), *b = by_other(50000), *c = by_one(200);
    expect_holds(300, 50000, "allocated");
    weir_deallocate(cpu(), a);
    expect_holds(200, 50000, "one was freed");
    b = weir_reallocate(cpu(), b, 90000);
    expect_holds(200, 90000, "one grew");
    b = weir_reallocate(cpu(), b, 100);
    expect_holds(200, 100, "it shrank, and moved");
    c = weir_reallocate(cpu(), c, 3000000);
    expect_holds(3000000, 100, "another grew, and moved");
    cr_expect_null(weir_reallocate(cpu(), c, PTRDIFF_MAX));
    expect_holds(3000000, 100, "it could not grow");
    weir_deallocate_sized(cpu(), c, 3000000);
    weir_deallocate(cpu(), b);
    expect_holds(0, 0, "all were freed");
    a = by_one(100);
    cr_assert_eq(weir_profile_sample(1), 0);
    expect_holds(0, 0, "another profile has what comes after it");
    weir_deallocate(cpu(), a);
    b = by_other(100);
    cr_assert_eq(weir_profile_sample(0), 0);
    cr_expect_eq(profile().mean, 0);
    expect_holds(0, 0, "it ended");
    weir_deallocate(cpu(), b);
    cr_expect_eq(weir_total_allocated(cpu()), 0);
}

Test(sample, a_child_of_fork_has_its_own)
{
    SKIP_WITHOUT_SAMPLES();
    cr_assert_eq(weir_profile_sample(1), 0);
    void *a = by_one(100), *b = by_other(1000);
    pid_t child = fork();
    if (child == 0) {
        weir_deallocate(cpu(), a);
        bool right = fabs(profile().bytes - 1000) < 1e-6;
        a = by_one(300);
        right &= fabs(profile().bytes - 1300) < 1e-6 && look().samples == 2;
        _exit(right ? 0 : 1);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_expect_eq(status, 0);
    expect_holds(100, 1000, "in the parent");
    weir_deallocate(cpu(), a);
    weir_deallocate(cpu(), b);
}

static void *thread_work(void *seed)
{
    void *blocks[64] = {NULL};
    uint64_t random = (uintptr_t)seed;
    for (int step = 0; step < 20000; step++) {
        void **at = &blocks[random_next(&random) % 64];
        size_t size = random_next(&random) % 2000;
        if (!*at)
            *at = weir_allocate(cpu(), size);
        else if (step % 5 == 0)
            *at = weir_reallocate(cpu(), *at, size + 1);
        else {
            weir_deallocate(cpu(), *at);
            *at = NULL;
        }
        if (step % 4999 == 0)
            weir_profile_sample(3000 + (size_t)step % 7);
        if (step % 977 == 0)
            (void)profile();
    }
    for (int i = 0; i < 64; i++)
        weir_deallocate(cpu(), blocks[i]);
    return NULL;
}

Test(sample, threads_leave_nothing_behind)
{
    SKIP_WITHOUT_SAMPLES();
    pthread_t threads[4];
    cr_assert_eq(weir_profile_sample(3000), 0);
    for (uintptr_t i = 0; i < 4; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, thread_work, (void *)(i + 1)), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    weir_profile_stats now = profile();
    cr_expect_eq(now.samples, 0, "%zu samples of blocks that are gone", now.samples);
    cr_expect_eq(weir_total_allocated(cpu()), 0);
    cr_expect_eq(weir_allocation_count(cpu()), 0);
}

/* -- printed ---------------------------------------------------------------------------------- */

static char *printed(size_t top)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    cr_assert_eq(weir_profile_print(memory, top), 0);
    fclose(memory);
    return text;
}

Test(sample, text_has_the_sums_and_the_rest)
{
    SKIP_WITHOUT_SAMPLES();
    char *text = printed(0);
    cr_expect_str_eq(text, "no profile\n");
    free(text);
    cr_assert_eq(weir_profile_sample(1), 0);
    weir_tag former = weir_tag_set(weir_tag_intern("kv"));
    void *a = by_one(300);
    weir_tag_set(former);
    void *b = by_other(100);
    text = printed(1);
    cr_expect_not_null(strstr(text, "profile, one in 1 bytes sampled: ~400 bytes +- 0 live in ~2 "
                                    "blocks (estimated from 2)\n"),
                       "%s", text);
    cr_expect_not_null(strstr(text, "  ~300 bytes +- 0 in ~1 blocks (1 sampled)  in cpu  tag kv\n"),
                       "%s", text);
    cr_expect_not_null(strstr(text, "  ~100 bytes +- 0 in ~1 blocks (1 sampled)  in 1 places more"),
                       "%s", text);
    free(text);
    weir_deallocate(cpu(), a);
    weir_deallocate(cpu(), b);
}

Test(sample, wrong_calls_say_so)
{
    weir_profile_stats bad = {.size = 3};
    cr_expect_eq(weir_profile_stats_get(NULL), EINVAL);
    cr_expect_eq(weir_profile_stats_get(&bad), EINVAL);
    cr_expect_eq(weir_profile_walk(NULL, NULL), EINVAL);
    cr_expect_eq(weir_profile_print(NULL, 0), EINVAL);
    cr_expect_eq(weir_profile_write(NULL), EINVAL);
    cr_expect_eq(weir_profile_write("/nowhere/at/all"), ENOENT);
    cr_expect_eq(weir_profile_write("/dev/full"), ENOSPC);
}
