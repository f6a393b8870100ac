/*
 * plan/classic.c - the planners that runtimes have inside, each as its source does it, for
 * comparison (and as starting points for plans with constraints). Owns no state.
 */
#include "plan/fit.h"

#include "base/error.h"
#include "plan/classic.h"

#include <errno.h>
#include <stddef.h>

const char *weir_plan_heuristic_name(weir_plan_heuristic heuristic)
{
    static const char *const names[] = {
        [WEIR_PLAN_NAIVE] = "naive",
        [WEIR_PLAN_GREEDY_BY_SIZE] = "by size",
        [WEIR_PLAN_GREEDY_BY_BREADTH] = "by breadth",
        [WEIR_PLAN_FIRST_FIT] = "first fit",
        [WEIR_PLAN_BEST_FIT] = "best fit",
        [WEIR_PLAN_LINEAR_SCAN] = "linear",
        [WEIR_PLAN_SKYLINE] = "skyline",
    };
    return (unsigned)heuristic < WEIR_PLAN_HEURISTICS ? names[heuristic] : NULL;
}

/* -- orders for first fit -------------------------------------------------------------- */

static void classic_sort(struct weir__plan_key *keys, size_t n)
{
    weir__plan_sort(keys, keys + n, n);
}

static void classic_by_first(const struct weir_plan *plan, struct weir__plan_key *keys)
{
    for (size_t i = 0; i < plan->count; i++)
        keys[i] = (struct weir__plan_key){weir__plan_time_key(plan->buffers[i].first), (uint32_t)i};
    classic_sort(keys, plan->count);
}

static void classic_by_size(const struct weir_plan *plan, struct weir__plan_key *keys)
{
    classic_by_first(plan, keys);
    for (size_t i = 0; i < plan->count; i++)
        keys[i].key = ~(uint64_t)plan->buffers[keys[i].index].size;
    classic_sort(keys, plan->count);
}

/*
 * Greedy by breadth (Pisarchyk and Lee 2020): the moments in the order of their live sum,
 * greatest first; at each, what is live there and not placed yet, largest first. As a key
 * of a buffer: its busiest moment. Moments are its start and every later start while it lives.
 */
static int classic_by_breadth(const struct weir_plan *plan, struct weir__plan_scratch *scratch,
                              struct weir__plan_key *keys)
{
    size_t n = plan->count;
    struct weir__plan_key *starts = weir__plan_take(scratch, 2 * n + 1, sizeof *starts);
    struct weir__plan_key *ends = weir__plan_take(scratch, 2 * n + 1, sizeof *ends);
    uint64_t *breadth = weir__plan_take(scratch, 2 * n + 2, sizeof *breadth);
    uint32_t *rank = weir__plan_take(scratch, n + 1, sizeof *rank);
    if (!starts || !ends || !breadth || !rank)
        return ENOMEM;
    classic_by_first(plan, starts);
    for (size_t i = 0; i < n; i++)
        ends[i] = (struct weir__plan_key){weir__plan_time_key(plan->buffers[i].last), (uint32_t)i};
    classic_sort(ends, n);
    uint64_t live = 0;
    for (size_t s = 0, e = 0; s < n; s++) {
        rank[starts[s].index] = (uint32_t)s;
        for (; ends[e].key <= starts[s].key; e++)
            live -= plan->buffers[ends[e].index].size;
        live += plan->buffers[starts[s].index].size;
        breadth[n + s] = live;
    }
    for (size_t i = n; --i > 0;) /* greatest of a range of starts */
        breadth[i] = breadth[2 * i] > breadth[2 * i + 1] ? breadth[2 * i] : breadth[2 * i + 1];
    classic_by_size(plan, keys);
    for (size_t k = 0; k < n; k++) {
        uint32_t i = keys[k].index;
        size_t low = rank[i], high = low; /* starts in [low, high) lie in its lifetime */
        for (size_t step = (size_t)1 << 32; step > 0; step /= 2)
            if (step <= n - high &&
                starts[high + step - 1].key < weir__plan_time_key(plan->buffers[i].last))
                high += step;
        uint64_t most = 0;
        for (size_t a = n + low, b = n + high; a < b; a /= 2, b /= 2) {
            if (a & 1)
                most = breadth[a] > most ? breadth[a] : most, a++;
            if (b & 1)
                --b, most = breadth[b] > most ? breadth[b] : most;
        }
        keys[k].key = ~most;
    }
    classic_sort(keys, n);
    return 0;
}

/* First fit in the order of keys; SIZE_MAX with *error EOVERFLOW. */
int weir__classic_first_fit(struct weir__fit *fit, const struct weir__plan_key *keys, size_t *arena)
{
    const struct weir_plan *plan = fit->plan;
    *arena = 0;
    int error = weir__fit_reset(fit);
    for (size_t k = 0; k < plan->count && !error; k++) {
        uint32_t i = keys[k].index;
        if (fit->offsets[i] == SIZE_MAX) {
            size_t offset = weir__fit_lowest(fit, i, 0);
            if (offset == SIZE_MAX)
                return weir__fail(EOVERFLOW, "the arrangement exceeds %td bytes", PTRDIFF_MAX);
            weir__fit_place(fit, i, offset);
        }
        *arena = weir__max(*arena, fit->offsets[i] + plan->buffers[i].size);
    }
    return error;
}

int weir__classic_order(const struct weir_plan *plan, weir_plan_heuristic heuristic,
                        struct weir__plan_scratch *scratch, struct weir__plan_key *keys)
{
    if (heuristic == WEIR_PLAN_GREEDY_BY_BREADTH)
        return classic_by_breadth(plan, scratch, keys);
    if (heuristic == WEIR_PLAN_GREEDY_BY_SIZE)
        classic_by_size(plan, keys);
    else
        classic_by_first(plan, keys);
    return 0;
}

/* -- planners that allocate and free in the order of execution ---------------------------- */

/* Free memory as a list in the order of address; the last piece has no end. Linear scan
 * keeps whole slots instead: a piece is then a slot with its size. */
struct classic_piece {
    size_t from, size;
    bool used; /* linear scan */
};

struct classic_heap {
    struct classic_piece *pieces;
    size_t count, top;
};

static size_t classic_align(const struct weir__plan_buffer *b, size_t at)
{
    size_t align = (size_t)1 << b->shift;
    return (at + align - 1) & ~(align - 1);
}

/* ggml: the free piece that fits with the least left over; else at the end, with the
 * free piece that touches it. */
static size_t classic_best_take(struct classic_heap *h, const struct weir__plan_buffer *b)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < h->count; i++) {
        struct classic_piece *p = &h->pieces[i];
        size_t pad = classic_align(b, p->from) - p->from;
        if (p->size >= pad + b->size && (best == SIZE_MAX || p->size < h->pieces[best].size))
            best = i;
    }
    struct classic_piece *last = h->count ? &h->pieces[h->count - 1] : NULL;
    bool touches = last && last->from + last->size == h->top;
    if (best == SIZE_MAX) {
        size_t at = classic_align(b, touches ? last->from : h->top);
        if (touches)
            h->count--;
        h->top = at + b->size;
        return at;
    }
    struct classic_piece *p = &h->pieces[best];
    size_t at = classic_align(b, p->from), end = p->from + p->size;
    p->from = at + b->size; /* a pad in front is lost until the piece is whole again */
    p->size = end - p->from;
    if (!p->size) {
        for (size_t i = best; i + 1 < h->count; i++)
            h->pieces[i] = h->pieces[i + 1];
        h->count--;
    }
    return at;
}

static void classic_best_give(struct classic_heap *h, size_t from, size_t size)
{
    size_t at = 0;
    while (at < h->count && h->pieces[at].from < from)
        at++;
    bool below = at > 0 && h->pieces[at - 1].from + h->pieces[at - 1].size == from;
    bool above = at < h->count && from + size == h->pieces[at].from;
    if (below && above) {
        h->pieces[at - 1].size += size + h->pieces[at].size;
        for (size_t i = at; i + 1 < h->count; i++)
            h->pieces[i] = h->pieces[i + 1];
        h->count--;
    } else if (below) {
        h->pieces[at - 1].size += size;
    } else if (above) {
        h->pieces[at].from = from;
        h->pieces[at].size += size;
    } else {
        for (size_t i = h->count++; i > at; i--)
            h->pieces[i] = h->pieces[i - 1];
        h->pieces[at] = (struct classic_piece){from, size, false};
    }
}

/* Mini-infer: the first free slot that is large enough, taken whole; else a new one. */
static size_t classic_linear_take(struct classic_heap *h, const struct weir__plan_buffer *b)
{
    for (size_t i = 0; i < h->count; i++) {
        struct classic_piece *p = &h->pieces[i];
        if (!p->used && p->size >= b->size && classic_align(b, p->from) == p->from) {
            p->used = true;
            return p->from;
        }
    }
    size_t at = classic_align(b, h->top);
    h->pieces[h->count++] = (struct classic_piece){at, b->size, true};
    h->top = at + b->size;
    return at;
}

static void classic_linear_give(struct classic_heap *h, size_t from)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->pieces[i].from == from)
            h->pieces[i].used = false;
}

int weir__classic_execute(const struct weir_plan *plan, weir_plan_heuristic heuristic,
                          struct weir__plan_scratch *scratch, size_t *offsets)
{
    size_t n = plan->count;
    struct weir__plan_key *starts = weir__plan_take(scratch, 2 * n + 1, sizeof *starts);
    struct weir__plan_key *ends = weir__plan_take(scratch, 2 * n + 1, sizeof *ends);
    struct classic_heap heap = {.pieces = weir__plan_take(scratch, n + 1, sizeof *heap.pieces)};
    if (!starts || !ends || !heap.pieces)
        return ENOMEM;
    classic_by_first(plan, starts);
    for (size_t i = 0; i < n; i++)
        ends[i] = (struct weir__plan_key){weir__plan_time_key(plan->buffers[i].last), (uint32_t)i};
    classic_sort(ends, n);
    for (size_t s = 0, e = 0; s < n; s++) {
        for (; heuristic != WEIR_PLAN_NAIVE && ends[e].key <= starts[s].key; e++) {
            const struct weir__plan_buffer *b = &plan->buffers[ends[e].index];
            if (b->size && heuristic == WEIR_PLAN_BEST_FIT)
                classic_best_give(&heap, offsets[ends[e].index], b->size);
            else if (b->size)
                classic_linear_give(&heap, offsets[ends[e].index]);
        }
        uint32_t i = starts[s].index;
        const struct weir__plan_buffer *b = &plan->buffers[i];
        if (b->size > (size_t)PTRDIFF_MAX - weir__min(heap.top, PTRDIFF_MAX))
            return weir__fail(EOVERFLOW, "the arrangement exceeds %td bytes", PTRDIFF_MAX);
        offsets[i] = !b->size                             ? 0
                     : heuristic == WEIR_PLAN_BEST_FIT    ? classic_best_take(&heap, b)
                     : heuristic == WEIR_PLAN_LINEAR_SCAN ? classic_linear_take(&heap, b)
                                                          : classic_align(b, heap.top);
        if (heuristic == WEIR_PLAN_NAIVE && b->size)
            heap.top = offsets[i] + b->size;
    }
    return 0;
}
