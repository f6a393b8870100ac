/*
 * tests/device/oracle.c - random operations against a list of what is live.
 * Part of the device suite (cases.h).
 */
#include "cases.h"

#define BLOCKS  300
#define STREAMS 3

struct live {
    char *address;
    size_t size;
    int stream;
    unsigned char byte;
};

struct oracle {
    weir_allocator *a;
    struct live blocks[BLOCKS];
    void *streams[STREAMS];
    size_t total, peak, count;
    unsigned seed;
    unsigned long overlaps;
};

static size_t oracle_size(unsigned *seed)
{
    size_t size = (size_t)1 << rand_r(seed) % 23;
    return size + (size_t)rand_r(seed) % size;
}

static void oracle_free(struct oracle *o, struct live *b)
{
    const weir_device_table *table = weir_device_table_of(o->a);
    if (rand_r(&o->seed) % 8 == 0) { /* another stream takes over */
        int t = rand_r(&o->seed) % STREAMS;
        table->stream_synchronize(table->user, o->streams[b->stream]);
        weir_device_deallocate_on(o->a, b->address, o->streams[t]);
    } else {
        weir_deallocate(o->a, b->address);
    }
    o->total -= b->size;
    o->count--;
    b->address = NULL;
}

/* Work is left pending on the stream, so a too early re-use writes into this block. */
static void oracle_allocate(struct oracle *o, struct live *b)
{
    const weir_device_table *table = weir_device_table_of(o->a);
    b->stream = rand_r(&o->seed) % STREAMS;
    b->size = oracle_size(&o->seed);
    b->byte = (unsigned char)rand_r(&o->seed);
    b->address = weir_device_allocate_on(o->a, b->size, o->streams[b->stream]);
    cr_assert_not_null(b->address, "%s", weir_last_error());
    for (int i = 0; i < BLOCKS; i++)
        if (&o->blocks[i] != b && o->blocks[i].address &&
            o->blocks[i].address < b->address + b->size &&
            b->address < o->blocks[i].address + o->blocks[i].size)
            o->overlaps++;
    size_t some = b->size < 4096 ? b->size : 4096;
    table->set(table->user, b->address, b->byte, some, o->streams[b->stream]);
    o->total += b->size;
    o->count++;
    if (o->total > o->peak)
        o->peak = o->total;
}

static void oracle_check(struct oracle *o, struct live *b)
{
    weir_device_stream_set(o->streams[b->stream]);
    cr_assert(holds(o->a, b->address, b->size < 4096 ? b->size : 4096, b->byte));
    weir_device_stream_set(NULL);
}

static void oracle_run(weir_device_mode mode, int steps, unsigned seed)
{
    struct oracle *o = calloc(1, sizeof *o);
    o->a = make(mode);
    o->seed = seed;
    for (int i = 0; i < STREAMS; i++)
        o->streams[i] = i ? weir_device_stream_create(o->a) : NULL;
    for (int step = 0; step < steps; step++) {
        struct live *b = &o->blocks[rand_r(&o->seed) % BLOCKS];
        if (b->address && rand_r(&o->seed) % 16 == 0)
            oracle_check(o, b);
        else if (b->address)
            oracle_free(o, b);
        else
            oracle_allocate(o, b);
        cr_assert_eq(weir_total_allocated(o->a), o->total);
        cr_assert_eq(weir_allocation_count(o->a), o->count);
        if (rand_r(&o->seed) % 512 == 0)
            weir_trim(o->a);
        if (step % 1000 == 0)
            expect_valid(o->a);
        if (rand_r(&o->seed) % 64 == 0)
            (rand_r(&o->seed) % 2 ? device_target()->hold : device_target()->release)(
                o->streams[rand_r(&o->seed) % STREAMS]);
    }
    cr_assert_eq(weir_peak_allocated(o->a), o->peak);
    cr_assert_eq(o->overlaps, 0);
    for (int i = 0; i < BLOCKS; i++)
        if (o->blocks[i].address) {
            oracle_check(o, &o->blocks[i]);
            oracle_free(o, &o->blocks[i]);
        }
    for (int i = 1; i < STREAMS; i++)
        cr_assert_eq(weir_device_stream_destroy(o->a, o->streams[i]), 0);
    device_target()->release(NULL);
    cr_assert_eq(figures(o->a).in_use, 0);
    end(o->a);
    free(o);
}

Test(device, random_operations_agree_with_an_oracle)
{
    int steps = getenv("WEIR_TEST_SLOW") ? 2000 : 30000;
    EACH(mode, modes)
    {
        oracle_run(mode, steps, 17);
    }
}
