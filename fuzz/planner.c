/*
 * fuzz/planner.c - the planner on any buffers: the search, every heuristic and a repair. Each
 * arrangement is looked at by other means than the planner's: no two that live together overlap,
 * but aliases; alignments and fixed offsets hold; the size is the greatest end, and no less than
 * what lives at one time.
 */
#include "fuzz/target.h"

#include <errno.h>
#include <stdbool.h>
#include <weir/weir.h>

#define BUFFERS_MOST 40
#define PAIRS_MOST   16
#define WORK         100000

struct buffer {
    size_t size, alignment, fixed;
    int64_t first, last;
    unsigned group; /* of aliases: the first's index */
};

struct problem {
    weir_plan *plan;
    struct buffer buffers[BUFFERS_MOST];
    unsigned count, npairs;
    unsigned pairs[PAIRS_MOST][2]; /* disjoint */
};

static size_t take_size(struct fuzz_bytes *in)
{
    unsigned kind = fuzz_byte(in);
    return kind < 200   ? kind * 8
           : kind < 250 ? (size_t)fuzz_number(in, 3)
           : kind < 255 ? (size_t)PTRDIFF_MAX - fuzz_byte(in)
                        : (size_t)fuzz_number(in, 8);
}

static struct buffer take_buffer(struct fuzz_bytes *in)
{
    struct buffer b = {.size = take_size(in), .fixed = SIZE_MAX};
    unsigned shift = fuzz_byte(in);
    b.alignment = shift < 128 ? 1 : shift < 250 ? (size_t)1 << shift % 13 : shift;
    b.first = shift == 255 ? INT64_MIN : (int8_t)fuzz_byte(in);
    b.last = shift == 254 ? INT64_MAX : b.first + fuzz_byte(in) % 32;
    return b;
}

/* What weir_plan_add promises to refuse. */
static int buffer_error(const struct buffer *b)
{
    if (b->alignment & (b->alignment - 1) || b->first >= b->last)
        return EINVAL;
    size_t alignment = b->alignment ? b->alignment : 1;
    return b->size > PTRDIFF_MAX || b->size + alignment > PTRDIFF_MAX ? EOVERFLOW : 0;
}

static void buffer_add(struct problem *p, struct fuzz_bytes *in)
{
    struct buffer b = take_buffer(in);
    if (p->count == BUFFERS_MOST)
        return;
    int error = weir_plan_add(p->plan, b.size, b.alignment, b.first, b.last);
    FUZZ_EXPECT(error == buffer_error(&b));
    if (error)
        return;
    b.group = p->count;
    p->buffers[p->count++] = b;
    FUZZ_EXPECT(weir_plan_count(p->plan) == p->count);
}

static void buffer_change(struct problem *p, struct fuzz_bytes *in)
{
    unsigned index = fuzz_byte(in) % p->count;
    struct buffer b = take_buffer(in), *old = &p->buffers[index];
    int error = weir_plan_change(p->plan, index, b.size, b.alignment, b.first, b.last);
    FUZZ_EXPECT(!error || buffer_error(&b) || old->fixed != SIZE_MAX);
    FUZZ_EXPECT(error || !buffer_error(&b));
    if (error)
        return;
    b.group = old->group;
    b.fixed = old->fixed;
    *old = b;
}

static void constraint_add(struct problem *p, unsigned kind, struct fuzz_bytes *in)
{
    unsigned a = fuzz_byte(in) % p->count, b = fuzz_byte(in) % p->count;
    size_t offset = (size_t)b * 64;
    if (kind == 0 && weir_plan_fix(p->plan, a, offset) == 0)
        p->buffers[a].fixed = offset;
    if (kind == 1 && weir_plan_alias(p->plan, a, b) == 0) {
        unsigned from = p->buffers[b].group;
        for (unsigned i = 0; i < p->count; i++)
            if (p->buffers[i].group == from)
                p->buffers[i].group = p->buffers[a].group;
    }
    if (kind == 2 && p->npairs < PAIRS_MOST && weir_plan_disjoint(p->plan, a, b) == 0) {
        p->pairs[p->npairs][0] = a;
        p->pairs[p->npairs++][1] = b;
    }
}

static bool overlap(const struct problem *p, unsigned i, unsigned k)
{
    size_t a = weir_plan_offset(p->plan, i), b = weir_plan_offset(p->plan, k);
    return p->buffers[i].size && p->buffers[k].size && a < b + p->buffers[k].size &&
           b < a + p->buffers[i].size;
}

static bool live_together(const struct problem *p, unsigned i, unsigned k)
{
    return p->buffers[i].first < p->buffers[k].last && p->buffers[k].first < p->buffers[i].last;
}

/* With aliases the sum of what is live is no bound. */
static void bound_check(const struct problem *p, size_t arena)
{
    for (unsigned i = 0; i < p->count; i++) {
        size_t live = 0;
        for (unsigned k = 0; k < p->count; k++) {
            if (p->buffers[k].group != k)
                return;
            if (p->buffers[k].first <= p->buffers[i].first &&
                p->buffers[i].first < p->buffers[k].last)
                live += p->buffers[k].size;
        }
        FUZZ_EXPECT(live <= arena);
    }
    FUZZ_EXPECT(weir_plan_lower_bound(p->plan) <= arena);
}

static void arrangement_check(const struct problem *p)
{
    size_t end = 0;
    for (unsigned i = 0; i < p->count; i++) {
        const struct buffer *b = &p->buffers[i];
        size_t offset = weir_plan_offset(p->plan, i);
        FUZZ_EXPECT(!b->alignment || offset % b->alignment == 0);
        FUZZ_EXPECT(b->fixed == SIZE_MAX || !b->size || offset == b->fixed);
        end = offset + b->size > end ? offset + b->size : end;
        for (unsigned k = 0; k < i; k++) {
            if (b->group == p->buffers[k].group)
                FUZZ_EXPECT(!b->size || !p->buffers[k].size ||
                            offset == weir_plan_offset(p->plan, k));
            else
                FUZZ_EXPECT(!live_together(p, i, k) || !overlap(p, i, k));
        }
    }
    for (unsigned i = 0; i < p->npairs; i++)
        FUZZ_EXPECT(!overlap(p, p->pairs[i][0], p->pairs[i][1]));
    FUZZ_EXPECT(weir_plan_arena_size(p->plan) == end);
    FUZZ_EXPECT(weir_plan_verify(p->plan) == 0);
    bound_check(p, end);
}

static void solved(const struct problem *p, int error)
{
    FUZZ_EXPECT(error == 0 || error == EINVAL || error == EOVERFLOW || error == ENOSPC ||
                error == ENOTSUP);
    if (error == 0)
        arrangement_check(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_bytes in = {data, data + size};
    struct problem p = {.plan = weir_plan_create()};
    weir_plan_options options = {.size = sizeof options, .work = WORK};
    unsigned flags = fuzz_byte(&in);
    options.seed = flags;
    options.heuristic_only = flags & 1;
    if (!p.plan)
        exit(77);
    while (in.at < in.end) {
        unsigned kind = fuzz_byte(&in);
        if (kind < 220 || !p.count)
            buffer_add(&p, &in);
        else if (kind < 250)
            constraint_add(&p, kind % 3, &in);
        else if (weir_plan_solve(p.plan, &options) == 0) {
            buffer_change(&p, &in);
            solved(&p, weir_plan_repair(p.plan, &options));
        }
    }
    int error = weir_plan_solve(p.plan, &options);
    solved(&p, error);
    for (weir_plan_heuristic h = 0; h < WEIR_PLAN_HEURISTICS; h++)
        solved(&p, weir_plan_solve_with(p.plan, h));
    weir_plan_destroy(p.plan);
    return p.count > 1 && !error;
}
