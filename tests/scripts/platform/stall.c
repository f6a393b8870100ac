/*
 * stall HOW: a thread takes and gives 32 KiB and 300 KiB again and again while another gives 1 GiB
 * back: `free` (one block), `trim` (blocks of 1 MiB, then a trim), `shrink` (one block is made
 * small). Expected: in three of five rounds no pair waits for more than 40 ms. A pair whose thread
 * never slept of its own waited as long as it used the processor, so that other programs do not
 * count.
 */
#include "take.h"

#include <sys/resource.h>

enum { ROUNDS = 5, BLOCKS = 1024 };
static const double most = 0.040;

static struct {
    bool stop, watched; /* written by the main thread */
    double worst;       /* by the other, while watched */
} pairs;

/* How often this thread has slept of its own. */
static long sleeps(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

static double pair_wait(size_t size)
{
    long slept = sleeps();
    double wall = seconds_of(CLOCK_MONOTONIC), used = seconds_of(CLOCK_THREAD_CPUTIME_ID);
    void *volatile block = TAKE(size);
    GIVE(block);
    wall = seconds_of(CLOCK_MONOTONIC) - wall;
    used = seconds_of(CLOCK_THREAD_CPUTIME_ID) - used;
    return sleeps() != slept ? wall : used;
}

static void *pairs_run(void *unused)
{
    for (unsigned i = 0; !__atomic_load_n(&pairs.stop, __ATOMIC_ACQUIRE); i++) {
        double waited = pair_wait(i % 2 ? 32 * KIB : 300 * KIB);
        if (waited > pairs.worst && __atomic_load_n(&pairs.watched, __ATOMIC_ACQUIRE))
            pairs.worst = waited;
    }
    return unused;
}

static void *blocks[BLOCKS];

static void fill(bool whole)
{
    for (size_t i = 0; i < (whole ? 1 : BLOCKS); i++) {
        size_t size = whole ? BLOCKS * MIB : MIB;
        if (!(blocks[i] = TAKE(size)))
            exit(77);
        for (size_t at = 0; at < size; at += 4096)
            ((char *)blocks[i])[at] = 1;
    }
}

static void give_back(const char *how)
{
    if (strcmp(how, "shrink") == 0) {
        blocks[0] = RESIZE(blocks[0], 5000);
        GIVE(blocks[0]);
    } else if (strcmp(how, "free") == 0) {
        GIVE(blocks[0]);
    } else {
        for (int i = 0; i < BLOCKS; i++)
            GIVE(blocks[i]);
        TRIM();
    }
}

static double round_worst(const char *how)
{
    pthread_t thread;
    fill(strcmp(how, "trim") != 0);
    pairs.stop = pairs.watched = false;
    pairs.worst = 0;
    if (pthread_create(&thread, NULL, pairs_run, NULL))
        exit(77);
    usleep(20000);
    __atomic_store_n(&pairs.watched, true, __ATOMIC_RELEASE);
    give_back(how);
    __atomic_store_n(&pairs.stop, true, __ATOMIC_RELEASE);
    pthread_join(thread, NULL);
    return pairs.worst;
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "free";
    int good = 0, round;
    double last = 0;
    for (round = 0; good < 3 && round - good < 3; round++)
        good += (last = round_worst(how)) <= most;
    printf(
        "%s of 1 GiB: in %d of %d rounds a pair of another thread waited too long, in the last for "
        "%.1f ms\n",
        how, round - good, round, last * 1e3);
    return said(good >= 3);
}
