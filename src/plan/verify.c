/*
 * plan/verify.c - checks an arrangement from the buffers alone: no code of a solver, no
 * trust in one. Two checkers that share nothing: a sweep by offset over a tree of times,
 * n log n, always run; and one that looks at every pair live together, for debug
 * builds and tests.
 */
#include "base/error.h"
#include "plan/plan.h"

#include <errno.h>
#include <stddef.h>

/*
 * The sweep: buffers in the order of offset; a tree over the distinct starts
 * says how high the arena is filled at each time. A buffer is fine iff nothing over its
 * lifetime is filled above its offset.
 */
struct verify_node {
    size_t below, whole; /* greatest within the subtree; put onto the whole of it */
};

struct verify {
    const struct weir_plan *plan;
    const size_t *offsets;
    uint32_t *from, *to; /* by buffer: its times as leaves, [from, to) */
    struct verify_node *nodes;
    uint32_t leaves;
};

static size_t verify_highest(const struct verify *v, uint32_t from, uint32_t to)
{
    size_t most = 0;
    uint32_t a = v->leaves + from, b = v->leaves + to;
    uint32_t first = a, last = b - 1;
    for (; a < b; a /= 2, b /= 2) {
        if (a & 1)
            most = weir__max(most, v->nodes[a++].below);
        if (b & 1)
            most = weir__max(most, v->nodes[--b].below);
    }
    for (first /= 2, last /= 2; first > 0; first /= 2, last /= 2)
        most = weir__max(most, weir__max(v->nodes[first].whole, v->nodes[last].whole));
    return most;
}

/* The nodes above a leaf are filled up to `top` at least; above the first that is, all are. */
static void verify_update(struct verify *v, uint32_t node, size_t top)
{
    for (node /= 2; node > 0 && v->nodes[node].below < top; node /= 2)
        v->nodes[node].below = top;
}

static void verify_fill(struct verify *v, uint32_t from, uint32_t to, size_t top)
{
    uint32_t a = v->leaves + from, b = v->leaves + to;
    verify_update(v, a, top);
    verify_update(v, b - 1, top);
    for (; a < b; a /= 2, b /= 2) {
        if (a & 1) {
            v->nodes[a].whole = weir__max(v->nodes[a].whole, top);
            v->nodes[a].below = weir__max(v->nodes[a].below, top);
            a++;
        }
        if (b & 1) {
            --b;
            v->nodes[b].whole = weir__max(v->nodes[b].whole, top);
            v->nodes[b].below = weir__max(v->nodes[b].below, top);
        }
    }
}

/* Each buffer's lifetime as a range of leaves, the distinct starts in it: two that are live
 * together are both live when the later of them starts. */
static int verify_times(struct verify *v, struct weir__plan_scratch *scratch)
{
    size_t n = v->plan->count;
    uint32_t moments = 0;
    struct weir__plan_block *mark = scratch->blocks;
    struct weir__plan_key *keys = weir__plan_take(scratch, 3 * n + 1, sizeof *keys);
    if (!keys)
        return ENOMEM;
    struct weir__plan_key *starts = keys, *ends = keys + n, *spare = keys + 2 * n;
    for (size_t i = 0; i < n; i++) {
        const struct weir__plan_buffer *b = &v->plan->buffers[i];
        starts[i] = (struct weir__plan_key){weir__plan_time_key(b->first), (uint32_t)i};
        ends[i] = (struct weir__plan_key){weir__plan_time_key(b->last), (uint32_t)i};
    }
    weir__plan_sort(starts, spare, n);
    weir__plan_sort(ends, spare, n);
    for (size_t s = 0, e = 0; e < n;)
        if (s < n && starts[s].key < ends[e].key) {
            moments += s == 0 || starts[s].key != starts[s - 1].key;
            v->from[starts[s++].index] = moments - 1;
        } else {
            v->to[ends[e++].index] = moments;
        }
    weir__plan_drop(scratch, mark);
    v->leaves = 1;
    while (v->leaves < moments)
        v->leaves *= 2;
    return 0;
}

static int verify_prepare(struct verify *v, struct weir__plan_scratch *scratch)
{
    size_t n = v->plan->count;
    v->from = weir__plan_take(scratch, n + 1, sizeof *v->from);
    v->to = weir__plan_take(scratch, n + 1, sizeof *v->to);
    if (!v->from || !v->to || verify_times(v, scratch))
        return ENOMEM;
    v->nodes = weir__plan_take(scratch, 2 * (size_t)v->leaves, sizeof *v->nodes);
    return v->nodes ? 0 : ENOMEM;
}

/* Who overlaps buffer i, for the message. */
static uint32_t verify_culprit(const struct verify *v, uint32_t i)
{
    const struct weir__plan_buffer *x = &v->plan->buffers[i];
    uint32_t j = 0;
    for (; j + 1 < v->plan->count; j++) {
        const struct weir__plan_buffer *y = &v->plan->buffers[j];
        if (j != i && x->first < y->last && y->first < x->last &&
            v->offsets[i] < v->offsets[j] + y->size && v->offsets[j] < v->offsets[i] + x->size)
            break;
    }
    return j;
}

/* Every member of a ring is looked at before any is filled in: they may overlap. */
static int verify_ring(struct verify *v, uint32_t leader)
{
    const struct weir_plan *plan = v->plan;
    uint32_t i = leader;
    do {
        if (plan->buffers[i].size > 0) {
            if (verify_highest(v, v->from[i], v->to[i]) > v->offsets[i])
                return weir__fail(EILSEQ, "buffers %u and %u overlap",
                                  (unsigned)verify_culprit(v, i), (unsigned)i);
        }
        i = plan->buffers[i].next;
    } while (i != leader);
    do {
        if (plan->buffers[i].size > 0)
            verify_fill(v, v->from[i], v->to[i], v->offsets[i] + plan->buffers[i].size);
        i = plan->buffers[i].next;
    } while (i != leader);
    return 0;
}

static bool verify_is_leader(const struct weir_plan *plan, uint32_t i)
{
    for (uint32_t j = plan->buffers[i].next; j != i; j = plan->buffers[j].next)
        if (j < i)
            return false;
    return true;
}

/* What can be checked buffer by buffer and pair by pair. */
static int verify_constraints(const struct weir_plan *plan, const size_t *offsets)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct weir__plan_buffer *b = &plan->buffers[i];
        if (offsets[i] & (((size_t)1 << b->shift) - 1))
            return weir__fail(EILSEQ, "buffer %zu is against its alignment", i);
        if (offsets[i] > PTRDIFF_MAX - b->size)
            return weir__fail(EILSEQ, "buffer %zu ends out of bounds", i);
        if (offsets[i] != offsets[b->next])
            return weir__fail(EILSEQ, "aliases %zu and %u start apart", i, (unsigned)b->next);
    }
    for (size_t i = 0; i < plan->npins; i++)
        if (offsets[plan->pins[i].buffer] != plan->pins[i].offset)
            return weir__fail(EILSEQ, "buffer %u left its fixed offset",
                              (unsigned)plan->pins[i].buffer);
    for (size_t i = 0; i < plan->ndisjoint; i++) {
        uint32_t a = plan->disjoint[i].a, b = plan->disjoint[i].b;
        if (plan->buffers[a].size && plan->buffers[b].size &&
            offsets[a] < offsets[b] + plan->buffers[b].size &&
            offsets[b] < offsets[a] + plan->buffers[a].size)
            return weir__fail(EILSEQ, "disjoint buffers %u and %u share memory", (unsigned)a,
                              (unsigned)b);
    }
    return 0;
}

int weir__plan_verify_offsets(const struct weir_plan *plan, const size_t *offsets)
{
    int error = verify_constraints(plan, offsets);
    if (error || !plan->count)
        return error;
    struct weir__plan_scratch scratch = {0};
    size_t n = plan->count;
    struct verify v = {.plan = plan, .offsets = offsets};
    struct weir__plan_key *keys = weir__plan_take(&scratch, n, sizeof *keys);
    if (keys)
        for (size_t i = 0; i < n; i++)
            keys[i] = (struct weir__plan_key){offsets[i], (uint32_t)i};
    error = keys ? verify_prepare(&v, &scratch) : ENOMEM;
    if (!error) {
        struct weir__plan_block *mark = scratch.blocks;
        struct weir__plan_key *spare = weir__plan_take(&scratch, n, sizeof *spare);
        error = spare ? 0 : ENOMEM;
        if (spare)
            weir__plan_sort(keys, spare, n);
        weir__plan_drop(&scratch, mark);
    }
    for (size_t i = 0; i < n && !error; i++)
        if (verify_is_leader(plan, keys[i].index))
            error = verify_ring(&v, keys[i].index);
    weir__plan_drop(&scratch, NULL);
    return error;
}

/* Does anything lie across buffer i? */
static int verify_one(const struct weir_plan *plan, const size_t *offsets, uint32_t i)
{
    const struct weir__plan_buffer *x = &plan->buffers[i];
    for (uint32_t j = 0; x->size && j < plan->count; j++) {
        const struct weir__plan_buffer *y = &plan->buffers[j];
        if (x->first >= y->last || y->first >= x->last || offsets[i] >= offsets[j] + y->size ||
            offsets[j] >= offsets[i] + x->size || !y->size)
            continue;
        uint32_t ring = x->next;
        while (ring != i && ring != j)
            ring = plan->buffers[ring].next;
        if (ring != j && i != j)
            return weir__fail(EILSEQ, "buffers %u and %u overlap", (unsigned)j, (unsigned)i);
    }
    return 0;
}

int weir__plan_verify_moved(const struct weir_plan *plan, const size_t *offsets, const bool *moved)
{
    size_t count = 0;
    for (size_t i = 0; i < plan->count; i++)
        count += moved[i];
    if (count > plan->count / 8)
        return weir__plan_verify_offsets(plan, offsets);
    int error = verify_constraints(plan, offsets);
    for (uint32_t i = 0; i < plan->count && !error; i++)
        if (moved[i])
            error = verify_one(plan, offsets, i);
    return error;
}

int weir_plan_verify(const weir_plan *plan)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    if (!plan->solved)
        return weir__fail(EINVAL, "the plan is not solved");
    struct weir__plan_scratch scratch = {0};
    size_t *offsets = weir__plan_take(&scratch, plan->count + 1, sizeof *offsets);
    int error = offsets ? 0 : ENOMEM;
    size_t arena = 0;
    for (size_t i = 0; i < plan->count && !error; i++) {
        offsets[i] = plan->buffers[i].offset;
        arena = weir__max(arena, offsets[i] + plan->buffers[i].size);
    }
    if (!error)
        error = weir__plan_verify_offsets(plan, offsets);
    if (!error && arena != plan->arena)
        error = weir__fail(EILSEQ, "the arena is %zu bytes, not %zu", arena, plan->arena);
    weir__plan_drop(&scratch, NULL);
    return error;
}

/* -- the second opinion ------------------------------------------------------------- */

static bool opinion_same_ring(const struct weir_plan *plan, uint32_t a, uint32_t b)
{
    for (uint32_t i = plan->buffers[a].next; i != a; i = plan->buffers[i].next)
        if (i == b)
            return true;
    return false;
}

static const char *opinion_pair(const struct weir_plan *plan, const size_t *offsets, uint32_t a,
                                uint32_t b)
{
    const struct weir__plan_buffer *x = &plan->buffers[a], *y = &plan->buffers[b];
    bool together = x->first < y->last && y->first < x->last;
    bool apart = offsets[a] + x->size <= offsets[b] || offsets[b] + y->size <= offsets[a];
    bool ring = opinion_same_ring(plan, a, b);
    if (ring && offsets[a] != offsets[b])
        return "aliases start apart";
    if (together && !apart && !ring && x->size && y->size)
        return "two live buffers overlap";
    return NULL;
}

const char *weir__plan_second_opinion(const struct weir_plan *plan, const size_t *offsets)
{
    for (uint32_t a = 0; a < plan->count; a++) {
        if (offsets[a] % ((size_t)1 << plan->buffers[a].shift))
            return "an alignment is not kept";
        for (uint32_t b = 0; b < a; b++) {
            const char *wrong = opinion_pair(plan, offsets, a, b);
            if (wrong)
                return wrong;
        }
    }
    for (size_t i = 0; i < plan->npins; i++)
        if (offsets[plan->pins[i].buffer] != plan->pins[i].offset)
            return "a fixed offset is not kept";
    return NULL;
}
