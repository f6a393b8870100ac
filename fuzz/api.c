/*
 * fuzz/api.c - any calls on 64 slots of blocks in a small tree of allocators, against a model of
 * it: after each call the figures of every allocator are the model's; contents, alignment, sizes
 * and owners are right; what is refused is what the limits refuse. With guarded blocks and without;
 * two of the allocators are hardened, and what lies around their blocks is looked at in the end.
 */
#include "fuzz/target.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <weir/guards.h>
#include <weir/weir.h>

#define SLOTS     64
#define MODELS    7
#define SIZE_MOST ((size_t)3 << 20)

struct model {
    weir_allocator *allocator;
    struct model *parent;
    size_t total, peak, count, limit, allocations, frees, failures;
};

struct slot {
    unsigned char *block;
    size_t size, alignment;
    unsigned char fill;
    struct model *model;
};

static struct model models[MODELS];
static struct slot slots[SLOTS];

/* -- the model ------------------------------------------------------------------------------------
 */

static bool model_fits(const struct model *m, size_t more)
{
    for (; m; m = m->parent)
        if (m->limit && (m->total > m->limit || more > m->limit - m->total))
            return false;
    return true;
}

static void model_move(struct model *m, size_t plus, size_t minus, int blocks)
{
    for (; m; m = m->parent) {
        m->total += plus - minus;
        m->count += (size_t)blocks;
        m->allocations += blocks > 0;
        m->frees += blocks < 0;
        m->peak = m->total > m->peak ? m->total : m->peak;
    }
}

static void model_fail(struct model *m)
{
    for (; m; m = m->parent)
        m->failures++;
}

static void models_check(void)
{
    for (unsigned i = 0; i < MODELS; i++) {
        const struct model *m = &models[i];
        weir_stats s = WEIR_STATS_INIT;
        FUZZ_EXPECT(weir_total_allocated(m->allocator) == m->total);
        FUZZ_EXPECT(weir_peak_allocated(m->allocator) == m->peak);
        FUZZ_EXPECT(weir_allocation_count(m->allocator) == m->count);
        FUZZ_EXPECT(weir_stats_get(m->allocator, &s) == 0);
        FUZZ_EXPECT(s.allocations == m->allocations && s.deallocations == m->frees);
        FUZZ_EXPECT(s.failures == m->failures && s.limit == m->limit);
        FUZZ_EXPECT(s.in_use >= m->total && s.reserved >= s.in_use);
    }
}

static weir_allocator *context_make(const char *name, unsigned parent, weir_source source,
                                    size_t limit, weir_hardened hardened)
{
    weir_allocator_options o = WEIR_ALLOCATOR_OPTIONS_INIT;
    o.name = name;
    o.parent = models[parent].allocator;
    o.source = source;
    o.limit = limit;
    o.hardened = hardened;
    weir_allocator *a = weir_allocator_create(&o);
    if (!a)
        exit(77);
    return a;
}

/* The first is a context, too: the CPU allocator may have blocks of others. */
static void models_make(void)
{
    memset(models, 0, sizeof models);
    models[0].allocator = weir_cpu_allocator();
    models[0].allocator = context_make("fuzz", 0, WEIR_SOURCE_POOL, 0, WEIR_HARDENED_OFF);
    models[1].allocator =
        context_make("small", 0, WEIR_SOURCE_POOL, models[1].limit = 100000, WEIR_HARDENED_OFF);
    models[2].allocator = context_make("raw", 0, WEIR_SOURCE_BACKING, 0, WEIR_HARDENED_DEFAULT);
    models[3].allocator = context_make("malloc", 0, WEIR_SOURCE_MALLOC, 0, WEIR_HARDENED_DEFAULT);
    models[4].allocator = context_make("inner", 1, WEIR_SOURCE_POOL, 0, WEIR_HARDENED_OFF);
    models[5].allocator = context_make("hardened", 0, WEIR_SOURCE_POOL, 0, WEIR_HARDENED_ON);
    models[6].allocator = context_make("moves", 5, WEIR_SOURCE_POOL, 0, WEIR_HARDENED_MOVES);
    static const unsigned parents[MODELS] = {0, 0, 0, 0, 1, 0, 5};
    for (unsigned i = 1; i < MODELS; i++)
        models[i].parent = &models[parents[i]];
}

/* -- blocks ---------------------------------------------------------------------------------------
 */

static size_t take_size(struct fuzz_bytes *in)
{
    unsigned kind = fuzz_byte(in);
    return kind < 160   ? kind
           : kind < 230 ? (size_t)fuzz_number(in, 2)
           : kind < 250 ? (size_t)fuzz_number(in, 3) % SIZE_MOST
                        : SIZE_MAX / 2 - 128 + fuzz_number(in, 1) * (kind - 249);
}

static void slot_fill(struct slot *s)
{
    size_t part = s->size < 4096 ? s->size : 4096;
    memset(s->block, s->fill, part);
    memset(s->block + s->size - part, s->fill, part);
}

static void slot_check(const struct slot *s, size_t size)
{
    for (size_t i = 0; i < size && i < 4096; i++)
        FUZZ_EXPECT(s->block[i] == s->fill);
}

static void slot_check_whole(const struct slot *s)
{
    slot_check(s, s->size);
    for (size_t i = s->size > 4096 ? s->size - 4096 : 0; i < s->size; i++)
        FUZZ_EXPECT(s->block[i] == s->fill);
    FUZZ_EXPECT((uintptr_t)s->block % s->alignment == 0);
    FUZZ_EXPECT(weir_requested_size(s->model->allocator, s->block) == s->size);
    FUZZ_EXPECT(weir_usable_size(s->model->allocator, s->block) >= s->size);
    FUZZ_EXPECT(weir_owns(s->model->allocator, s->block));
    FUZZ_EXPECT(weir_allocator_of(s->block) == s->model->allocator);
}

static void slot_free(struct slot *s, bool sized)
{
    slot_check_whole(s);
    if (sized)
        weir_deallocate_sized(s->model->allocator, s->block, s->size);
    else
        weir_deallocate(s->model->allocator, s->block);
    model_move(s->model, 0, s->size, -1);
    s->block = NULL;
}

/* Refused for a reason: a limit, or that no such block can be. */
static void refused(struct model *m, size_t more)
{
    FUZZ_EXPECT(errno == ENOMEM);
    FUZZ_EXPECT(!model_fits(m, more) || more > SIZE_MOST);
    model_fail(m);
}

static void slot_allocate(struct slot *s, struct fuzz_bytes *in)
{
    unsigned how = fuzz_byte(in);
    size_t size = take_size(in), alignment = WEIR_DEFAULT_ALIGNMENT;
    struct model *m = &models[how % MODELS];
    errno = 0;
    if (how & 64) {
        alignment = (size_t)1 << fuzz_byte(in) % 14;
        s->block = weir_allocate_aligned(m->allocator, size, alignment);
    } else if (how & 128) {
        s->block = weir_allocate_zeroed(m->allocator, 1, size);
    } else {
        s->block = weir_allocate(m->allocator, size);
    }
    if (!s->block) {
        refused(m, size);
        return;
    }
    FUZZ_EXPECT(model_fits(m, size) && size <= SIZE_MOST);
    *s = (struct slot){s->block, size, alignment, 0, m};
    if (how & 128 && !(how & 64))
        slot_check_whole(s);
    s->fill = (unsigned char)(how + size + 1);
    slot_fill(s);
    model_move(m, size, 0, 1);
}

static void slot_reallocate(struct slot *s, struct fuzz_bytes *in)
{
    size_t size = take_size(in), more = size > s->size ? size - s->size : 0;
    slot_check_whole(s);
    errno = 0;
    unsigned char *block = weir_reallocate(s->model->allocator, s->block, size);
    if (!block) {
        FUZZ_EXPECT(more);
        refused(s->model, more);
        return;
    }
    FUZZ_EXPECT(model_fits(s->model, more) && size <= SIZE_MOST);
    s->block = block;
    slot_check(s, size < s->size ? size : s->size);
    model_move(s->model, size, s->size, 0);
    s->size = size;
    slot_fill(s);
}

static void context_change(struct fuzz_bytes *in)
{
    unsigned how = fuzz_byte(in);
    struct model *m = &models[how % MODELS];
    if (how & 128) {
        weir_reset_peak(m->allocator);
        m->peak = m->total;
    } else if (how & 64) {
        weir_trim(m->allocator);
    } else {
        size_t limit = (size_t)fuzz_number(in, 3);
        int error = weir_set_limit(m->allocator, limit);
        FUZZ_EXPECT(error == (limit && limit < m->total ? EBUSY : 0));
        m->limit = error ? m->limit : limit;
    }
}

/* Every second input has each block guarded that can be, so long as there are places. */
static void guards_choose(size_t size)
{
    weir_guard_options options = WEIR_GUARD_OPTIONS_INIT;
    options.calls = 1;
    int status = size & 1 ? weir_guards_start(&options) : 0;
    FUZZ_EXPECT(status == 0 || status == ENOTSUP);
    if (!(size & 1))
        weir_guards_stop();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes in = {data, data + size};
    unsigned moves = 0;
    guards_choose(size);
    models_make();
    while (in.at < in.end) {
        unsigned kind = fuzz_byte(&in);
        struct slot *s = &slots[fuzz_byte(&in) % SLOTS];
        if (kind >= 240)
            context_change(&in);
        else if (!s->block)
            slot_allocate(s, &in);
        else if (kind < 100)
            slot_reallocate(s, &in);
        else
            slot_free(s, kind & 1);
        moves++;
        models_check();
    }
    for (unsigned i = 0; i < SLOTS; i++)
        if (slots[i].block)
            slot_free(&slots[i], i & 1);
    models_check();
    FUZZ_EXPECT(weir_check(models[5].allocator) + weir_check(models[6].allocator) == 0);
    for (unsigned i = MODELS; i-- > 0;)
        FUZZ_EXPECT(weir_allocator_destroy(models[i].allocator) == 0);
    return moves > 4;
}
