/*
 * stress_device [THREADS [STEPS [SEED]]] - threads that share two devices of host memory,
 * each with streams of its own: blocks handed from thread to thread, trims, statistics,
 * limits. Every block holds its owner's pattern; at the end the figures must be those of
 * nothing.
 */
#include <weir/weir.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXCHANGE 64
#define OWN      48

struct item {
    char *block;
    size_t size;
};

static weir_allocator *devices[2];
static struct item exchange[2][EXCHANGE];
static pthread_mutex_t exchange_lock = PTHREAD_MUTEX_INITIALIZER;
static long steps = 20000;
static unsigned seed0 = 1;

static void expect(int right, const char *what)
{
    if (right)
        return;
    fprintf(stderr, "stress_device: %s: %s\n", what, weir_last_error());
    abort();
}

static void item_free(int d, struct item *item)
{
    if (!item->block)
        return;
    unsigned char ends[2];
    weir_device_copy(NULL, &ends[0], devices[d], item->block, 1);
    weir_device_copy(NULL, &ends[1], devices[d], item->block + item->size - 1, 1);
    expect(ends[0] == (unsigned char)item->size && ends[1] == ends[0], "a block was overwritten");
    weir_deallocate(devices[d], item->block);
    item->block = NULL;
}

static void item_make(int d, struct item *item, unsigned *seed)
{
    size_t size = ((size_t)1 << rand_r(seed) % 22) + (size_t)rand_r(seed) % 5000;
    item->block = weir_allocate(devices[d], size);
    item->size = size;
    if (!item->block)
        return; /* the limit */
    weir_device_set(devices[d], item->block, (unsigned char)size, 1);
    weir_device_set(devices[d], item->block + size - 1, (unsigned char)size, 1);
}

static void item_swap(int d, struct item *item, unsigned *seed)
{
    struct item *other = &exchange[d][rand_r(seed) % EXCHANGE], was;
    pthread_mutex_lock(&exchange_lock);
    was = *other;
    *other = *item;
    *item = was;
    pthread_mutex_unlock(&exchange_lock);
}

static void look(int d)
{
    weir_stats s = {.size = sizeof s};
    weir_device_stats ds = {.size = sizeof ds};
    weir_stats_get(devices[d], &s);
    weir_device_stats_get(devices[d], &ds);
    expect(s.total_allocated <= s.peak_allocated, "total above peak");
    expect(ds.reserved == ds.in_use + ds.cached + ds.waiting, "reserved is not the sum");
    expect(!s.limit || s.peak_allocated <= s.limit, "over the limit");
}

static void *worker(void *number)
{
    struct item own[2][OWN];
    unsigned seed = seed0 + 7919 * (unsigned)(size_t)number;
    void *streams[2];
    memset(own, 0, sizeof own);
    for (int d = 0; d < 2; d++)
        expect((streams[d] = weir_device_stream_create(devices[d])) != NULL, "a stream");
    for (long step = 0; step < steps; step++) {
        int d = rand_r(&seed) % 2;
        struct item *item = &own[d][rand_r(&seed) % OWN];
        weir_device_stream_set(rand_r(&seed) % 4 ? streams[d] : NULL);
        if (item->block && rand_r(&seed) % 4 == 0)
            item_swap(d, item, &seed);
        else if (item->block && rand_r(&seed) % 8 == 0)
            weir_device_record_stream(devices[d], item->block, streams[d]);
        else if (item->block)
            item_free(d, item);
        else
            item_make(d, item, &seed);
        if (rand_r(&seed) % 256 == 0)
            weir_trim(devices[d]);
        if (rand_r(&seed) % 128 == 0)
            look(d);
    }
    weir_device_stream_set(NULL);
    for (int d = 0; d < 2; d++) {
        for (int i = 0; i < OWN; i++)
            item_free(d, &own[d][i]);
        expect(weir_device_stream_destroy(devices[d], streams[d]) == 0, "a stream's end");
    }
    return NULL;
}

int main(int argc, char **argv)
{
    int nthreads = argc > 1 ? atoi(argv[1]) : 4;
    pthread_t threads[64];
    if (argc > 2)
        steps = atol(argv[2]);
    else if (getenv("WEIR_TEST_SLOW"))
        steps = 1000;
    if (argc > 3)
        seed0 = (unsigned)atoi(argv[3]);
    weir_device_mode modes[2] = {WEIR_DEVICE_EXPANDABLE, WEIR_DEVICE_SEGMENTS};
    for (int d = 0; d < 2; d++) {
        devices[d] = weir_device_allocator_create(
            weir_device_host_table_create(d ? "host:1" : "host:0", 1u << 30),
            &(weir_device_options){.mode = modes[d]});
        expect(devices[d] != NULL, "a device");
    }
    weir_set_limit(devices[0], 100 << 20);
    for (int i = 0; i < nthreads && i < 64; i++)
        pthread_create(&threads[i], NULL, worker, (void *)(size_t)i);
    for (int i = 0; i < nthreads && i < 64; i++)
        pthread_join(threads[i], NULL);
    for (int d = 0; d < 2; d++) {
        for (int i = 0; i < EXCHANGE; i++)
            item_free(d, &exchange[d][i]);
        expect(weir_total_allocated(devices[d]) == 0 && weir_allocation_count(devices[d]) == 0,
               "something is left");
        weir_trim(devices[d]);
        weir_device_stats ds = {.size = sizeof ds};
        weir_device_stats_get(devices[d], &ds);
        expect(ds.reserved == 0 && ds.device_free == ds.device_total, "memory is left");
        expect(weir_allocator_destroy(devices[d]) == 0, "the end");
    }
    printf("stress_device: %d threads, %ld steps each: right\n", nthreads, steps);
    return 0;
}
