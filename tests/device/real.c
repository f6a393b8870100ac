/*
 * cuda_real [--operations N] [--device N] [--share PERCENT] - weir on a real CUDA device,
 * through the public library: contents, streams that re-use each other's blocks under a
 * slow kernel, running out of memory at the real size (of PERCENT of the device), random
 * operations against an oracle, leaks. Says what it does, line by line; exits 0 (right), 1
 * (wrong), 77 (no device, and why). `make check-cuda` runs it; `make check` runs it on the
 * fake driver, to check this program.
 */
#include "../helpers/core.h"

#include <weir/weir.h>

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static long operations = 1000000;
static int ordinal;
static size_t share = 100;
static unsigned failures;

static bool expect(bool right, const char *what)
{
    if (!right) {
        printf("  WRONG: %s (%s)\n", what, weir_last_error());
        failures++;
    }
    return right;
}

/* -- the driver, for kernels -------------------------------------------------------------- */

static struct {
    int (*Init)(unsigned);
    int (*DriverGetVersion)(int *);
    int (*DeviceGet)(int *, int);
    int (*CtxRetain)(void **, int);
    int (*CtxRelease)(int);
    int (*CtxPush)(void *);
    int (*CtxPop)(void **);
    int (*MemGetInfo)(size_t *, size_t *);
    int (*EventCreate)(void **, unsigned);
    int (*EventDestroy)(void *);
    int (*EventRecord)(void *, void *);
    int (*EventQuery)(void *);
    int (*ModuleLoadData)(void **, const void *);
    int (*ModuleUnload)(void *);
    int (*ModuleGetFunction)(void **, void *, const char *);
    int (*LaunchKernel)(void *, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                        unsigned, void *, void **, void **);
} cu;
static int device_handle;
static void *context, *module, *slow_fill;

/* Waits `ns` nanoseconds, then writes `value` into `count` words. */
static const char ptx[] =
    ".version 6.0\n"
    ".target sm_50\n"
    ".address_size 64\n"
    ".visible .entry slow_fill(.param .u64 p_to, .param .u64 p_count, .param .u32 p_value,\n"
    "                          .param .u64 p_ns)\n"
    "{\n"
    "    .reg .pred %p<3>;\n"
    "    .reg .b32 %r<7>;\n"
    "    .reg .b64 %rd<12>;\n"
    "    ld.param.u64 %rd1, [p_to];\n"
    "    ld.param.u64 %rd2, [p_count];\n"
    "    ld.param.u32 %r1, [p_value];\n"
    "    ld.param.u64 %rd3, [p_ns];\n"
    "    cvta.to.global.u64 %rd1, %rd1;\n"
    "    mov.u64 %rd4, %globaltimer;\n"
    "WAIT:\n"
    "    mov.u64 %rd5, %globaltimer;\n"
    "    sub.u64 %rd6, %rd5, %rd4;\n"
    "    setp.lt.u64 %p1, %rd6, %rd3;\n"
    "    @%p1 bra WAIT;\n"
    "    mov.u32 %r2, %ctaid.x;\n"
    "    mov.u32 %r3, %ntid.x;\n"
    "    mov.u32 %r4, %tid.x;\n"
    "    mad.lo.u32 %r5, %r2, %r3, %r4;\n"
    "    cvt.u64.u32 %rd7, %r5;\n"
    "    mov.u32 %r6, %nctaid.x;\n"
    "    mul.wide.u32 %rd8, %r6, %r3;\n"
    "LOOP:\n"
    "    setp.ge.u64 %p2, %rd7, %rd2;\n"
    "    @%p2 bra DONE;\n"
    "    shl.b64 %rd9, %rd7, 2;\n"
    "    add.u64 %rd10, %rd1, %rd9;\n"
    "    st.global.u32 [%rd10], %r1;\n"
    "    add.u64 %rd7, %rd7, %rd8;\n"
    "    bra LOOP;\n"
    "DONE:\n"
    "    ret;\n"
    "}\n";

static bool driver_open(void)
{
    static const struct {
        const char *symbol;
        void *at;
    } wanted[] = {{"cuInit", &cu.Init},
                  {"cuDriverGetVersion", &cu.DriverGetVersion},
                  {"cuDeviceGet", &cu.DeviceGet},
                  {"cuDevicePrimaryCtxRetain", &cu.CtxRetain},
                  {"cuDevicePrimaryCtxRelease_v2", &cu.CtxRelease},
                  {"cuCtxPushCurrent_v2", &cu.CtxPush},
                  {"cuCtxPopCurrent_v2", &cu.CtxPop},
                  {"cuMemGetInfo_v2", &cu.MemGetInfo},
                  {"cuEventCreate", &cu.EventCreate},
                  {"cuEventDestroy_v2", &cu.EventDestroy},
                  {"cuEventRecord", &cu.EventRecord},
                  {"cuEventQuery", &cu.EventQuery},
                  {"cuModuleLoadData", &cu.ModuleLoadData},
                  {"cuModuleUnload", &cu.ModuleUnload},
                  {"cuModuleGetFunction", &cu.ModuleGetFunction},
                  {"cuLaunchKernel", &cu.LaunchKernel}};
    void *library = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    for (size_t i = 0; library && i < sizeof wanted / sizeof *wanted; i++)
        if (!(*(void **)wanted[i].at = dlsym(library, wanted[i].symbol)))
            return false;
    return library && cu.Init(0) == 0;
}

static bool kernel_load(void)
{
    void *popped;
    bool ok = !cu.DeviceGet(&device_handle, ordinal) && !cu.CtxRetain(&context, device_handle) &&
              !cu.CtxPush(context) && !cu.ModuleLoadData(&module, ptx) &&
              !cu.ModuleGetFunction(&slow_fill, module, "slow_fill");
    cu.CtxPop(&popped);
    return ok;
}

static void kernel_unload(void)
{
    void *popped;
    cu.CtxPush(context);
    cu.ModuleUnload(module);
    cu.CtxPop(&popped);
    cu.CtxRelease(device_handle);
}

static size_t device_free_bytes(void)
{
    void *popped;
    size_t free_bytes = 0, total;
    cu.CtxPush(context);
    cu.MemGetInfo(&free_bytes, &total);
    cu.CtxPop(&popped);
    return free_bytes;
}

static bool fill(void *to, size_t bytes, uint32_t value, uint64_t ns, void *stream)
{
    uint64_t address = (uint64_t)(uintptr_t)to, count = bytes / 4;
    void *parameters[] = {&address, &count, &value, &ns}, *popped;
    cu.CtxPush(context);
    int error = cu.LaunchKernel(slow_fill, 64, 1, 1, 256, 1, 1, 0, stream, parameters, NULL);
    cu.CtxPop(&popped);
    return error == 0;
}

static bool holds(weir_allocator *a, const void *block, size_t bytes, uint32_t value)
{
    uint32_t *host = malloc(bytes);
    bool all = weir_device_copy(NULL, host, a, block, bytes) == 0;
    for (size_t i = 0; i < bytes / 4 && all; i++)
        all = host[i] == value;
    free(host);
    return all;
}

/* -- contents ----------------------------------------------------------------------------- */

static void contents(weir_allocator *a)
{
    unsigned seed = 5;
    weir_allocator *pinned = weir_cuda_host_allocator();
    if (!expect(pinned != NULL, "pinned host memory"))
        return;
    for (size_t size = 1; size <= 64 * MIB; size = size * 5 + 3) {
        unsigned char *from = weir_allocate(pinned, size), *back = malloc(size);
        unsigned char *p = weir_allocate(a, size), *q = weir_allocate(a, size);
        for (size_t i = 0; i < size; i++)
            from[i] = (unsigned char)(i < 4096 || i % 64 == 0 ? rand_r(&seed) : 7);
        expect(p && q && !weir_device_copy(a, p, pinned, from, size) &&
                   !weir_device_copy(a, q, a, p, size) && !weir_device_copy(NULL, back, a, q, size),
               "copies");
        expect(memcmp(from, back, size) == 0, "contents after three copies");
        unsigned char *z = weir_allocate_zeroed(a, 1, size);
        memset(back, 1, size);
        expect(z && !weir_device_copy(NULL, back, a, z, size), "zeroed memory");
        expect(!back[0] && !memcmp(back, back + 1, size - 1), "it is all zero");
        weir_deallocate(a, p);
        weir_deallocate(a, q);
        weir_deallocate(a, z);
        weir_deallocate(pinned, from);
        free(back);
    }
    weir_allocator_destroy(pinned);
}

/* -- streams ------------------------------------------------------------------------------ */

#define SLOW_NS 30000000u

/* Has the stream work before it? Never on a fake device, which is done when asked. */
static bool is_busy(void *stream)
{
    enum { WITHOUT_TIMING = 2, NOT_READY = 600 };
    void *event, *popped;
    int error = -1;
    cu.CtxPush(context);
    if (cu.EventCreate(&event, WITHOUT_TIMING) == 0) {
        cu.EventRecord(event, stream);
        error = cu.EventQuery(event);
        cu.EventDestroy(event);
    }
    cu.CtxPop(&popped);
    expect(error == 0 || error == NOT_READY, "an event");
    return error == NOT_READY;
}

/* Shows that the kernel would show it: both streams write one block, the slow one last. */
static void early_reuse_is_seen(weir_allocator *a, void *s, void *t)
{
    char *p = weir_allocate(a, MIB);
    fill(p, MIB, 1, SLOW_NS, s);
    fill(p, MIB, 2, 0, t);
    weir_device_synchronize(a, t);
    weir_device_synchronize(a, s);
    expect(holds(a, p, MIB, 1), "control: a too early re-use shows in the contents");
    weir_deallocate(a, p);
}

static void streams(weir_allocator *a, bool is_pool)
{
    void *s = weir_device_stream_create(a), *t = weir_device_stream_create(a);
    if (!expect(s && t, "streams"))
        return;
    early_reuse_is_seen(a, s, t);
    /* Only rounds count whose kernel still ran when the block was had. */
    unsigned same = 0, running = 0, taken = 0;
    for (unsigned round = 0; round < 20; round++) {
        size_t size = (1 + round % 5) * MIB;
        char *p = weir_device_allocate_on(a, size, s);
        expect(p && fill(p, size, 100 + round, SLOW_NS, s), "a slow kernel");
        weir_deallocate(a, p);
        char *q = weir_device_allocate_on(a, size, t); /* while it runs */
        expect(q && fill(q, size, 200 + round, 0, t), "a kernel");
        char *r = weir_device_allocate_on(a, size, s); /* in order after it */
        bool runs = is_busy(s);
        running += runs;
        same += runs && r == p;
        expect(r && fill(r, size, 300 + round, 0, s), "a kernel");
        weir_device_synchronize(a, s);
        weir_device_synchronize(a, t);
        expect(holds(a, q, size, 200 + round),
               "a block was re-used under a kernel of another stream");
        expect(holds(a, r, size, 300 + round), "a block re-used on its stream");
        weir_deallocate(a, r);
        weir_device_record_stream(a, q, s);
        fill(q, size, 400 + round, SLOW_NS / 10, s);
        weir_deallocate(a, q);
        char *u = weir_device_allocate_on(a, size, t);
        taken += is_busy(s) && u == q;
        expect(u && fill(u, size, 500 + round, 0, t), "a kernel");
        weir_device_synchronize(a, t);
        weir_device_synchronize(a, s);
        expect(holds(a, u, size, 500 + round), "a block was re-used before another stream's use");
        weir_deallocate(a, u);
    }
    printf("  streams: %u of %u blocks used again at once on their stream%s\n", same, running,
           running ? "" : "; kernels are too fast to tell more");
    if (is_pool) {
        expect(same > 0 || running < 10, "a freed block is used again at once on its stream");
        expect(taken == 0, "a block with uses waits for them");
    }
    expect(weir_device_stream_destroy(a, s) == 0 && weir_device_stream_destroy(a, t) == 0,
           "the streams' end");
}

/* -- out of memory ------------------------------------------------------------------------ */

static void exhaustion(const weir_device_options *options)
{
    enum { BLOCKS = 4096 };
    static void *blocks[BLOCKS];
    weir_device_options limited = *options;
    size_t room = device_free_bytes() / 100 * share, n = 0, piece = room / 64 / MIB * MIB;
    limited.reserve_limit = share < 100 ? room : 0;
    weir_allocator *a = weir_device_allocator_create(weir_cuda_table_create(ordinal), &limited);
    if (!expect(a && piece, "an allocator"))
        return;
    while (n < BLOCKS && (blocks[n] = weir_allocate(a, piece)))
        n++;
    printf("  %zu blocks of %zu MiB, then: %s\n", n, piece / MIB, weir_last_error());
    expect(n >= 48 && n < BLOCKS, "the device was filled");
    expect(strstr(weir_last_error(), "out of device memory") != NULL, "the report");
    size_t total = weir_total_allocated(a);
    expect(total == n * piece, "the total after a failure");
    for (size_t i = 0; i < n; i += 2)
        weir_deallocate(a, blocks[i]);
    char *p = weir_allocate(a, piece); /* there is room again */
    expect(p != NULL, "recovery with every other block free");
    weir_deallocate(a, p);
    for (size_t i = 1; i < n; i += 2)
        weir_deallocate(a, blocks[i]);
    p = weir_allocate(a, piece * (n - 4)); /* fits in no block there ever was */
    expect(p != NULL, "one block of nearly everything");
    weir_device_stats s = {.size = sizeof s};
    weir_device_stats_get(a, &s);
    printf("  recovered: live %zu MiB, reserved %zu MiB, %zu recoveries\n", s.in_use / MIB,
           s.reserved / MIB, s.recoveries);
    weir_deallocate(a, p);
    expect(weir_total_allocated(a) == 0 && weir_allocator_destroy(a) == 0, "the end");
}

/* -- random operations -------------------------------------------------------------------- */

#define LIVE    1000
#define STREAMS 4

struct live {
    char *at;
    size_t size;
    uint32_t value;
    int stream;
};

struct oracle {
    weir_allocator *a;
    void *streams[STREAMS];
    struct live live[LIVE];
    size_t total, peak, count;
    unsigned seed;
};

static bool lies_apart(const struct oracle *o, const struct live *b)
{
    for (int i = 0; i < LIVE; i++) {
        const struct live *c = &o->live[i];
        if (c != b && c->at && c->at < b->at + b->size && b->at < c->at + c->size)
            return false;
    }
    return true;
}

static bool oracle_make(struct oracle *o, struct live *b)
{
    size_t base = (size_t)4 << rand_r(&o->seed) % 20;
    b->size = (base + (size_t)rand_r(&o->seed) % base) & ~(size_t)3;
    b->stream = rand_r(&o->seed) % STREAMS;
    b->at = weir_device_allocate_on(o->a, b->size, o->streams[b->stream]);
    if (!b->at)
        return expect(false, "an allocation");
    b->value = 0;
    if (rand_r(&o->seed) % 16 == 0) {
        b->value = 1 + (uint32_t)rand_r(&o->seed);
        fill(b->at, b->size, b->value, 0, o->streams[b->stream]);
    }
    o->total += b->size;
    o->count++;
    o->peak = o->total > o->peak ? o->total : o->peak;
    return lies_apart(o, b);
}

static bool oracle_free(struct oracle *o, struct live *b)
{
    bool right = true;
    if (b->value) {
        weir_device_synchronize(o->a, o->streams[b->stream]);
        right = holds(o->a, b->at, b->size < 65536 ? b->size : 65536, b->value);
    }
    weir_deallocate(o->a, b->at);
    o->total -= b->size;
    o->count--;
    b->at = NULL;
    return right;
}

static void random_operations(weir_allocator *a, long steps)
{
    struct oracle *o = calloc(1, sizeof *o);
    o->a = a;
    o->seed = 11;
    weir_reset_peak(a);
    for (int i = 0; i < STREAMS; i++)
        o->streams[i] = weir_device_stream_create(a);
    bool right = true;
    for (long step = 0; step < steps && right; step++) {
        struct live *b = &o->live[rand_r(&o->seed) % LIVE];
        right = expect(b->at ? oracle_free(o, b) : oracle_make(o, b), "contents or overlap");
        right &= expect(weir_total_allocated(a) == o->total && weir_allocation_count(a) == o->count,
                        "total and count");
        if (rand_r(&o->seed) % 50000 == 0)
            weir_trim(a);
    }
    expect(weir_peak_allocated(a) == o->peak, "the peak");
    for (int i = 0; i < LIVE && right; i++)
        if (o->live[i].at)
            right = expect(oracle_free(o, &o->live[i]), "contents at the end");
    for (int i = 0; i < STREAMS; i++)
        expect(weir_device_stream_destroy(a, o->streams[i]) == 0, "a stream's end");
    weir_device_stats s = {.size = sizeof s};
    weir_device_stats_get(a, &s);
    printf("  %ld operations: peak live %zu MiB, peak reserved %zu MiB\n", steps, o->peak / MIB,
           s.peak_reserved / MIB);
    free(o);
}

/* -- all of it ---------------------------------------------------------------------------- */

static void mode_run(const char *name, const weir_device_options *options, long steps)
{
    printf("%s\n", name);
    size_t before = device_free_bytes();
    weir_allocator *a = weir_device_allocator_create(weir_cuda_table_create(ordinal), options);
    if (!expect(a != NULL, "an allocator"))
        return;
    contents(a);
    streams(a, options->mode != WEIR_DEVICE_DRIVER);
    random_operations(a, steps);
    expect(weir_total_allocated(a) == 0, "everything is free");
    expect(weir_allocator_destroy(a) == 0, "the end");
    if (options->mode != WEIR_DEVICE_DRIVER) {
        exhaustion(options);
        size_t after = device_free_bytes();
        printf("  device memory free before %zu MiB, after %zu MiB\n", before / MIB, after / MIB);
        expect(after + 64 * MIB >= before, "device memory was left behind");
    }
}

static int arguments(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--operations"))
            operations = atol(value);
        else if (!strcmp(argv[i], "--device"))
            ordinal = atoi(value);
        else if (!strcmp(argv[i], "--share"))
            share = (size_t)atol(value);
        else
            return 2;
        i++;
    }
    return operations > 0 && share > 0 && share <= 100 ? 0 : 2;
}

int main(int argc, char **argv)
{
    char name[128];
    int version = 0;
    if (arguments(argc, argv)) {
        fprintf(stderr, "usage: cuda_real [--operations N] [--device N] [--share PERCENT]\n");
        return 2;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (weir_cuda_device_name(ordinal, name, sizeof name) || !driver_open()) {
        printf("no CUDA device here: %s\n", weir_last_error());
        return 77;
    }
    if (!kernel_load()) {
        printf("WRONG: the driver did not take the kernel\n");
        return 1;
    }
    cu.DriverGetVersion(&version);
    printf("device %d: %s, driver API %d.%d, %zu MiB free\n", ordinal, name, version / 1000,
           version % 1000 / 10, device_free_bytes() / MIB);
    mode_run("expandable", &(weir_device_options){.mode = WEIR_DEVICE_EXPANDABLE}, operations);
    mode_run("segments", &(weir_device_options){.mode = WEIR_DEVICE_SEGMENTS}, operations / 4);
    mode_run("driver", &(weir_device_options){.mode = WEIR_DEVICE_DRIVER}, operations / 50);
    kernel_unload();
    printf(failures ? "%u WRONG\n" : "all right\n", failures);
    return failures ? 1 : 0;
}
