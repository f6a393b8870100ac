/*
 * purge [THREAD]: blocks of all sizes come and go, by halves, with trims and with more free memory
 * than is kept; each live one holds what was written to it, and zeroed memory is zero, whatever a
 * purge does on this kernel. With an argument a second thread trims all the while.
 */
#include "take.h"

enum { HELD = 600, ROUNDS = 24 };

static struct held {
    unsigned char *block;
    size_t size;
    unsigned char value;
} held[HELD];

static size_t lost, dirty;
static unsigned seed = 3;

static size_t size_next(void)
{
    static const size_t most[] = {300, 5000, 20000, 66000, 300000, 2000000};
    return 1 + (size_t)rand_r(&seed) % most[(unsigned)rand_r(&seed) % 6];
}

static bool all_of(const unsigned char *block, size_t size, unsigned char value)
{
    return size == 0 || (block[0] == value && memcmp(block, block + 1, size - 1) == 0);
}

static void drop(struct held *h)
{
    lost += !all_of(h->block, h->size, h->value);
    GIVE(h->block);
    *h = (struct held){0};
}

static void take(struct held *h, bool zeroed)
{
    h->size = size_next();
    h->value = (unsigned char)(1 + rand_r(&seed) % 250);
    h->block = zeroed ? TAKE_ZERO(h->size) : TAKE(h->size);
    if (!h->block)
        exit(1);
    dirty += zeroed && !all_of(h->block, h->size, 0);
    memset(h->block, h->value, h->size);
}

static void look_at_all(void)
{
    for (int i = 0; i < HELD; i++)
        if (held[i].block)
            lost += !all_of(held[i].block, held[i].size, held[i].value);
}

static void round_run(int round)
{
    for (int i = 0; i < HELD; i++)
        if (!held[i].block)
            take(&held[i], (i + round) % 3 == 0);
    for (int i = round % 2; i < HELD; i += 2)
        drop(&held[i]);
    if (round % 3)
        TRIM();
    look_at_all();
}

static bool stop;
static void *trim_run(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        TRIM();
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    (void)argv;
    if (argc > 1 && pthread_create(&thread, NULL, trim_run, NULL))
        return 77;
    for (int round = 0; round < ROUNDS; round++)
        round_run(round);
    for (int i = 0; i < HELD; i++)
        if (held[i].block)
            drop(&held[i]);
    TRIM();
    __atomic_store_n(&stop, true, __ATOMIC_RELAXED);
    if (argc > 1)
        pthread_join(thread, NULL);
    printf("%zu blocks lost what was in them, %zu zeroed ones were not zero\n", lost, dirty);
    return said(lost == 0 && dirty == 0);
}
