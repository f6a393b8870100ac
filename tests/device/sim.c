/* tests/device/sim.c - one lock; linear lists, because a test has few of anything. */
#include "sim.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define REGIONS    65536
#define POISON     0xA5
#define POISON_MAX ((size_t)1 << 16) /* of fresh memory that is made dirty */

enum granule { GRANULE_NONE, GRANULE_BACKED, GRANULE_USABLE };

struct region {
    char *base;
    size_t size;
    uint8_t *granules; /* enum granule; NULL: all memory */
};

enum op_kind { OP_SET, OP_FILL32, OP_COPY, OP_EVENT, OP_WAIT, OP_FREE };

struct op {
    enum op_kind kind;
    char *to;
    const char *from;
    size_t size;
    uint32_t value;
    bool to_host, from_host;
    void *event;
    uint64_t target;
    struct op *next;
};

struct sim_event {
    bool live;
    uint64_t recorded, passed;
    void *stream;
    struct sim_event *next; /* destroyed ones */
};

struct sim_stream {
    bool live, held;
    struct op *first, *last;
};

static struct {
    pthread_mutex_t lock;
    size_t capacity, used;
    unsigned long calls, waits;
    long fail;
    bool failed;
    unsigned violations;
    char first[200];
    struct region *regions;
    size_t nregions;
    struct sim_stream *streams[4096];
    size_t nstreams;
    unsigned nevents;
    struct sim_event *gone; /* kept, so that a later use is seen */
} sim = {.lock = PTHREAD_MUTEX_INITIALIZER, .capacity = SIM_CAPACITY, .fail = -1};

static struct sim_stream default_stream = {.live = true};

static void violation_locked(const char *format, va_list arguments)
{
    if (!sim.violations++)
        vsnprintf(sim.first, sizeof sim.first, format, arguments);
}

static void __attribute__((format(printf, 1, 2))) bad(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    violation_locked(format, arguments);
    va_end(arguments);
}

void sim_violation(const char *format, ...)
{
    va_list arguments;
    pthread_mutex_lock(&sim.lock);
    va_start(arguments, format);
    violation_locked(format, arguments);
    va_end(arguments);
    pthread_mutex_unlock(&sim.lock);
}

int sim_step(const char *call, int code)
{
    (void)call;
    pthread_mutex_lock(&sim.lock);
    sim.calls++;
    bool fails = sim.fail >= 0 && sim.fail-- == 0;
    sim.failed |= fails;
    pthread_mutex_unlock(&sim.lock);
    return fails ? code : 0;
}

/* -- for the test ------------------------------------------------------------------------- */

#define LOCKED(expression)                                                                         \
    pthread_mutex_lock(&sim.lock);                                                                 \
    expression;                                                                                    \
    pthread_mutex_unlock(&sim.lock)

void sim_set_capacity(size_t bytes)
{
    LOCKED(sim.capacity = bytes);
}

size_t sim_used(void)
{
    LOCKED(size_t used = sim.used);
    return used;
}

unsigned long sim_calls(void)
{
    LOCKED(unsigned long calls = sim.calls);
    return calls;
}

unsigned long sim_waits(void)
{
    LOCKED(unsigned long waits = sim.waits);
    return waits;
}

void sim_fail_after(long n)
{
    LOCKED(sim.fail = n; sim.failed = false);
}

bool sim_has_failed(void)
{
    LOCKED(bool failed = sim.failed);
    return failed;
}

unsigned sim_violations(const char **first)
{
    LOCKED(unsigned n = sim.violations);
    *first = sim.first;
    return n;
}

unsigned sim_leftovers(void)
{
    LOCKED(unsigned left = (unsigned)(sim.nregions + sim.nstreams + sim.nevents));
    return left;
}

/* -- memory ------------------------------------------------------------------------------- */

static struct region *region_of(const void *address)
{
    const char *p = address;
    for (size_t i = 0; i < sim.nregions; i++)
        if (p >= sim.regions[i].base && p < sim.regions[i].base + sim.regions[i].size)
            return &sim.regions[i];
    return NULL;
}

/* Is there usable memory behind all of it? */
static bool is_memory(const void *address, size_t size)
{
    const struct region *r = region_of(address);
    const char *p = address;
    if (!r || size > (size_t)(r->base + r->size - p))
        return false;
    for (size_t g = (size_t)(p - r->base) / SIM_GRANULE;
         r->granules && g <= (size_t)(p - r->base + (size ? size - 1 : 0)) / SIM_GRANULE; g++)
        if (r->granules[g] != GRANULE_USABLE)
            return false;
    return true;
}

static int region_add(void *base, size_t size, bool paged)
{
    if (!sim.regions)
        sim.regions = calloc(REGIONS, sizeof *sim.regions);
    if (sim.nregions == REGIONS)
        abort();
    struct region *r = &sim.regions[sim.nregions++];
    *r = (struct region){base, size, paged ? calloc(size / SIM_GRANULE, 1) : NULL};
    return 0;
}

static void region_remove(struct region *r)
{
    free(r->granules);
    *r = sim.regions[--sim.nregions];
}

static bool overlaps(const char *a, size_t n, const char *b, size_t m)
{
    return a && b && a < b + m && b < a + n;
}

/* Memory is going away: nobody may have work on it. */
static void expect_idle(const char *base, size_t size)
{
    for (size_t i = 0; i <= sim.nstreams; i++) {
        const struct sim_stream *s = i < sim.nstreams ? sim.streams[i] : &default_stream;
        for (const struct op *op = s->first; op; op = op->next)
            if ((!op->to_host && overlaps(op->to, op->size, base, size)) ||
                (!op->from_host && overlaps(op->from, op->size, base, size)))
                bad("%p+%zu was taken away under pending work", (const void *)base, size);
    }
}

int sim_allocate(size_t size, void **address)
{
    int error = ENOMEM;
    pthread_mutex_lock(&sim.lock);
    if (!size)
        bad("0 bytes were asked of the device");
    if (size <= sim.capacity - sim.used) {
        void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (base != MAP_FAILED) {
            memset(base, POISON, size < POISON_MAX ? size : POISON_MAX);
            sim.used += size;
            error = region_add(base, size, false);
            *address = base;
        }
    }
    pthread_mutex_unlock(&sim.lock);
    return error;
}

static int free_locked(void *address, size_t size, bool any_size)
{
    struct region *r = region_of(address);
    if (!r || r->base != address || r->granules || (!any_size && r->size != size)) {
        bad("free of %p+%zu, which is no allocation", address, size);
        return EINVAL;
    }
    expect_idle(r->base, r->size);
    munmap(r->base, r->size);
    sim.used -= r->size;
    region_remove(r);
    return 0;
}

int sim_free(void *address, size_t size, bool any_size)
{
    pthread_mutex_lock(&sim.lock);
    int error = free_locked(address, size, any_size);
    pthread_mutex_unlock(&sim.lock);
    return error;
}

void sim_memory_info(size_t *free_bytes, size_t *total)
{
    pthread_mutex_lock(&sim.lock);
    *total = sim.capacity;
    *free_bytes = sim.capacity - sim.used;
    pthread_mutex_unlock(&sim.lock);
}

/* -- virtual memory ----------------------------------------------------------------------- */

int sim_reserve(size_t size, size_t alignment, void **address)
{
    pthread_mutex_lock(&sim.lock);
    if (!size || size % SIM_GRANULE)
        bad("reserve of %zu bytes", size);
    size_t length = size + alignment;
    char *base = mmap(NULL, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    int error = base == MAP_FAILED ? ENOMEM : 0;
    if (!error) {
        size_t before = (alignment - (uintptr_t)base % alignment) % alignment;
        if (before)
            munmap(base, before);
        if (length - before > size)
            munmap(base + before + size, length - before - size);
        *address = base + before;
        region_add(*address, size, true);
    }
    pthread_mutex_unlock(&sim.lock);
    return error;
}

int sim_unreserve(void *address, size_t size)
{
    int error = EINVAL;
    pthread_mutex_lock(&sim.lock);
    struct region *r = region_of(address);
    if (!r || !r->granules || r->base != address || r->size != size) {
        bad("unreserve of %p+%zu, which is no reservation", address, size);
    } else {
        for (size_t g = 0; g < size / SIM_GRANULE; g++)
            if (r->granules[g]) {
                bad("unreserve of %p with memory behind it", address);
                break;
            }
        munmap(address, size);
        region_remove(r);
        error = 0;
    }
    pthread_mutex_unlock(&sim.lock);
    return error;
}

/* All of [address, +size) goes from one state to another, or it is a violation. */
static int granules_change(const char *what, void *address, size_t size, enum granule from,
                           enum granule to)
{
    struct region *r = region_of(address);
    size_t offset = r ? (size_t)((char *)address - r->base) : 0;
    if (!r || !r->granules || !size || offset % SIM_GRANULE || size % SIM_GRANULE ||
        size > r->size - offset) {
        bad("%s of %p+%zu: not granules of a reservation", what, address, size);
        return EINVAL;
    }
    for (size_t g = offset / SIM_GRANULE; g < (offset + size) / SIM_GRANULE; g++)
        if (r->granules[g] != from) {
            bad("%s of %p+%zu: granule %zu is in state %d", what, address, size, g, r->granules[g]);
            return EINVAL;
        }
    memset(r->granules + offset / SIM_GRANULE, (int)to, size / SIM_GRANULE);
    return 0;
}

int sim_back(void *address, size_t size)
{
    pthread_mutex_lock(&sim.lock);
    int error = size > sim.capacity - sim.used ? ENOMEM : 0;
    if (!error)
        error = granules_change("map", address, size, GRANULE_NONE, GRANULE_BACKED);
    if (!error)
        sim.used += size;
    pthread_mutex_unlock(&sim.lock);
    return error;
}

int sim_access(void *address, size_t size)
{
    pthread_mutex_lock(&sim.lock);
    int error = granules_change("access", address, size, GRANULE_BACKED, GRANULE_USABLE);
    if (!error) {
        if (mprotect(address, size, PROT_READ | PROT_WRITE))
            abort();
        for (size_t at = 0; at < size; at += SIM_GRANULE)
            memset((char *)address + at, POISON, 4096);
    }
    pthread_mutex_unlock(&sim.lock);
    return error;
}

int sim_unback(void *address, size_t size)
{
    pthread_mutex_lock(&sim.lock);
    struct region *r = region_of(address);
    enum granule from = GRANULE_USABLE;
    if (r && r->granules &&
        r->granules[((char *)address - r->base) / SIM_GRANULE] == GRANULE_BACKED)
        from = GRANULE_BACKED;
    int error = granules_change("unmap", address, size, from, GRANULE_NONE);
    if (!error) {
        expect_idle(address, size);
        sim.used -= size;
        if (mmap(address, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED,
                 -1, 0) == MAP_FAILED)
            abort();
    }
    pthread_mutex_unlock(&sim.lock);
    return error;
}

/* -- streams ------------------------------------------------------------------------------ */

static struct sim_stream *stream_of(void *handle)
{
    struct sim_stream *s = handle ? handle : &default_stream;
    for (size_t i = 0; handle && i < sim.nstreams; i++)
        if (sim.streams[i] == s)
            return s;
    if (handle) {
        bad("%p is no stream", handle);
        return NULL;
    }
    return s;
}

static void op_run(const struct op *op)
{
    switch (op->kind) {
    case OP_SET:
        memset(op->to, (int)op->value, op->size);
        break;
    case OP_FILL32:
        for (size_t i = 0; i < op->size / 4; i++)
            memcpy(op->to + 4 * i, &op->value, 4);
        break;
    case OP_COPY:
        memmove(op->to, op->from, op->size);
        break;
    case OP_EVENT:
        ((struct sim_event *)op->event)->passed = op->target;
        break;
    case OP_FREE:
        free_locked(op->to, 0, true);
        break;
    case OP_WAIT:
        break;
    }
}

/* Does what was given to the stream, up to an event (NULL: all of it). Unless somebody
 * waits for it (`wait`), it stops where it depends on a stream that is held. */
static void stream_run(struct sim_stream *s, const struct sim_event *until, bool wait)
{
    while (s->first && !(until && until->passed >= until->recorded)) {
        struct op *op = s->first;
        const struct sim_event *event = op->kind == OP_WAIT ? op->event : NULL;
        if (event && event->passed < op->target) {
            struct sim_stream *other = event->stream;
            if (other->held && !wait)
                return;
            stream_run(other, event, wait);
            if (event->passed < op->target)
                return;
        }
        s->first = op->next;
        op_run(op);
        free(op);
    }
}

static int op_give(void *stream, struct op given)
{
    struct sim_stream *s = stream_of(stream);
    if (!s)
        return EINVAL;
    if (given.kind <= OP_COPY &&
        ((!given.to_host && !is_memory(given.to, given.size)) ||
         (given.from && !given.from_host && !is_memory(given.from, given.size)))) {
        bad("work on %p+%zu, which is not the device's memory", (void *)given.to, given.size);
        return EINVAL;
    }
    struct op *op = malloc(sizeof *op);
    *op = given;
    if (s->first)
        s->last->next = op;
    else
        s->first = op;
    s->last = op;
    return 0;
}

#define GIVE(stream, ...)                                                                          \
    pthread_mutex_lock(&sim.lock);                                                                 \
    int given_ = op_give(stream, (struct op){__VA_ARGS__});                                        \
    pthread_mutex_unlock(&sim.lock);                                                               \
    return given_

int sim_set(void *to, int byte, size_t size, void *stream)
{
    GIVE(stream, .kind = OP_SET, .to = to, .value = (unsigned char)byte, .size = size);
}

int sim_fill32(void *to, uint32_t value, size_t count, void *stream)
{
    GIVE(stream, .kind = OP_FILL32, .to = to, .value = value, .size = 4 * count);
}

int sim_copy(void *to, bool to_host, const void *from, bool from_host, size_t size, void *stream)
{
    GIVE(stream, .kind = OP_COPY, .to = to, .from = from, .size = size, .to_host = to_host,
         .from_host = from_host);
}

int sim_free_on(void *address, void *stream)
{
    GIVE(stream, .kind = OP_FREE, .to = address);
}

int sim_stream_create(void **stream)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_stream *s = calloc(1, sizeof *s);
    s->live = true;
    sim.streams[sim.nstreams++] = s;
    *stream = s;
    pthread_mutex_unlock(&sim.lock);
    return 0;
}

int sim_stream_destroy(void *stream)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_stream *s = stream ? stream_of(stream) : NULL;
    if (!s)
        bad("destruction of %p, which is no stream", stream);
    else if (s->first)
        bad("destruction of a stream with pending work");
    for (size_t i = 0; s && i < sim.nstreams; i++)
        if (sim.streams[i] == s) {
            sim.streams[i] = sim.streams[--sim.nstreams];
            free(s);
            break;
        }
    pthread_mutex_unlock(&sim.lock);
    return s ? 0 : EINVAL;
}

int sim_stream_synchronize(void *stream)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_stream *s = stream_of(stream);
    if (s) {
        sim.waits += s->held;
        stream_run(s, NULL, true);
    }
    pthread_mutex_unlock(&sim.lock);
    return s ? 0 : EINVAL;
}

void sim_hold(void *stream)
{
    LOCKED(stream_of(stream)->held = true);
}

void sim_release(void *stream)
{
    LOCKED(stream_of(stream)->held = false);
}

/* -- events ------------------------------------------------------------------------------- */

static struct sim_event *event_of(void *handle)
{
    struct sim_event *event = handle;
    if (!event || !event->live) {
        bad("%p is no event", handle);
        return NULL;
    }
    return event;
}

int sim_event_create(void **event)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_event *made = calloc(1, sizeof *made);
    made->live = true;
    *event = made;
    sim.nevents++;
    pthread_mutex_unlock(&sim.lock);
    return 0;
}

int sim_event_destroy(void *handle)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_event *event = event_of(handle);
    if (event) {
        event->live = false;
        event->next = sim.gone;
        sim.gone = event;
        sim.nevents--;
    }
    pthread_mutex_unlock(&sim.lock);
    return event ? 0 : EINVAL;
}

int sim_event_record(void *handle, void *stream)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_event *event = event_of(handle);
    struct sim_stream *s = stream_of(stream);
    if (event && s) {
        event->stream = s;
        event->recorded++;
        op_give(stream, (struct op){.kind = OP_EVENT, .event = event, .target = event->recorded});
    }
    pthread_mutex_unlock(&sim.lock);
    return event && s ? 0 : EINVAL;
}

int sim_stream_wait(void *stream, void *handle)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_event *event = event_of(handle);
    int error =
        event ? op_give(stream,
                        (struct op){.kind = OP_WAIT, .event = event, .target = event->recorded})
              : EINVAL;
    pthread_mutex_unlock(&sim.lock);
    return error;
}

int sim_event_query(void *handle)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_event *event = event_of(handle);
    struct sim_stream *s = event ? event->stream : NULL;
    if (s && event->passed < event->recorded && !s->held)
        stream_run(s, event, false);
    int error = !event ? EINVAL : event->passed < event->recorded ? EAGAIN : 0;
    pthread_mutex_unlock(&sim.lock);
    return error;
}

int sim_event_synchronize(void *handle)
{
    pthread_mutex_lock(&sim.lock);
    struct sim_event *event = event_of(handle);
    struct sim_stream *s = event ? event->stream : NULL;
    if (s && event->passed < event->recorded) {
        sim.waits += s->held;
        stream_run(s, event, true);
    }
    pthread_mutex_unlock(&sim.lock);
    return event ? 0 : EINVAL;
}
