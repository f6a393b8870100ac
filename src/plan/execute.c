/*
 * plan/execute.c - planners that allocate and free in the order of execution, each as its source
 * does it. Owns no state.
 *
 * Best fit: ggml, ggml_dyn_tallocr_alloc and ggml_dyn_tallocr_free_bytes in ggml/src/ggml-alloc.c,
 * with one chunk. Linear scan: Mini-infer (Aiziyou918/Mini-infer, commits fed4f74, 61c4e1f and
 * 8a7a986), MemoryPlanner::allocate_offsets in src/runtime/memory_planner.cpp.
 *
 * Both know one alignment and round sizes up to it: here the greatest of the plan. Neither sees
 * operators in place (ggml does these before it allocates). In both, free memory is a list in the
 * order of address, a piece is split when it is taken and joined to its neighbors when it is freed.
 */
#include "plan/execute.h"

#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

struct execute_piece {
    size_t from, size;
};

/* Free memory below `top`, the greatest end that there was; for best fit all there is, so that the
 * last piece has no end in practice. */
struct execute_heap {
    struct execute_piece *pieces;
    size_t count, top;
};

static void execute_remove(struct execute_heap *h, size_t at)
{
    h->count--;
    memmove(&h->pieces[at], &h->pieces[at + 1], (h->count - at) * sizeof *h->pieces);
}

static size_t execute_split(struct execute_heap *h, size_t at, size_t size)
{
    struct execute_piece *p = &h->pieces[at];
    size_t from = p->from;
    p->from += size;
    p->size -= size;
    if (!p->size)
        execute_remove(h, at);
    return from;
}

static void execute_free(struct execute_heap *h, size_t from, size_t size)
{
    size_t at = 0;
    while (at < h->count && h->pieces[at].from < from)
        at++;
    memmove(&h->pieces[at + 1], &h->pieces[at], (h->count - at) * sizeof *h->pieces);
    h->pieces[at] = (struct execute_piece){from, size};
    h->count++;
    if (at + 1 < h->count && from + size == h->pieces[at + 1].from) {
        h->pieces[at].size += h->pieces[at + 1].size;
        execute_remove(h, at + 1);
    }
    if (at > 0 && h->pieces[at - 1].from + h->pieces[at - 1].size == from) {
        h->pieces[at - 1].size += h->pieces[at].size;
        execute_remove(h, at);
    }
}

/* The smallest piece that is large enough, of equal ones the highest; the one without an end is the
 * largest, so it comes last. SIZE_MAX: none. */
static size_t execute_best(struct execute_heap *h, size_t size)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0, least = SIZE_MAX; i < h->count; i++)
        if (h->pieces[i].size >= size && h->pieces[i].size <= least) {
            best = i;
            least = h->pieces[i].size;
        }
    return best != SIZE_MAX ? execute_split(h, best, size) : SIZE_MAX;
}

/* The lowest piece that is large enough; none: above all that there ever was, even where a free
 * piece ends there. */
static size_t execute_first(struct execute_heap *h, size_t size)
{
    for (size_t i = 0; i < h->count; i++)
        if (h->pieces[i].size >= size)
            return execute_split(h, i, size);
    if (size > PTRDIFF_MAX - h->top)
        return SIZE_MAX;
    h->top += size;
    return h->top - size;
}

/* At the next offset that its own alignment allows. */
static size_t execute_apart(struct execute_heap *h, const struct weir__plan_buffer *b)
{
    size_t mask = ((size_t)1 << b->shift) - 1, at = (h->top + mask) & ~mask;
    if (b->size > PTRDIFF_MAX - weir__min(at, PTRDIFF_MAX))
        return SIZE_MAX;
    h->top = at + b->size;
    return at;
}

/* By start, then the larger one where the planner sorts so, then by index. */
static void execute_sort(const struct weir_plan *plan, bool sized, struct weir__plan_key *starts,
                         struct weir__plan_key *ends)
{
    size_t n = plan->count;
    for (size_t i = 0; i < n; i++) {
        const struct weir__plan_buffer *b = &plan->buffers[i];
        starts[i] = (struct weir__plan_key){sized ? ~(uint64_t)b->size : 0, (uint32_t)i};
        ends[i] = (struct weir__plan_key){weir__plan_time_key(b->last), (uint32_t)i};
    }
    weir__plan_sort(starts, starts + n, n);
    for (size_t i = 0; i < n; i++)
        starts[i].key = weir__plan_time_key(plan->buffers[starts[i].index].first);
    weir__plan_sort(starts, starts + n, n);
    weir__plan_sort(ends, ends + n, n);
}

int weir__execute(const struct weir_plan *plan, weir_plan_heuristic heuristic,
                  struct weir__plan_scratch *scratch, size_t *offsets)
{
    size_t n = plan->count, mask = weir__plan_alignment(plan) - 1;
    struct weir__plan_key *starts = weir__plan_take(scratch, 2 * n + 1, sizeof *starts);
    struct weir__plan_key *ends = weir__plan_take(scratch, 2 * n + 1, sizeof *ends);
    struct execute_heap heap = {.pieces = weir__plan_take(scratch, n + 3, sizeof *heap.pieces)};
    if (!starts || !ends || !heap.pieces)
        return ENOMEM;
    execute_sort(plan, heuristic == WEIR_PLAN_LINEAR_SCAN, starts, ends);
    if (heuristic == WEIR_PLAN_BEST_FIT)
        heap.pieces[heap.count++] = (struct execute_piece){0, PTRDIFF_MAX};
    for (size_t s = 0, e = 0; s < n; s++) {
        for (; heuristic != WEIR_PLAN_NAIVE && ends[e].key <= starts[s].key; e++) {
            size_t size = (plan->buffers[ends[e].index].size + mask) & ~mask;
            if (size)
                execute_free(&heap, offsets[ends[e].index], size);
        }
        uint32_t i = starts[s].index;
        const struct weir__plan_buffer *b = &plan->buffers[i];
        size_t size = (b->size + mask) & ~mask;
        offsets[i] = !size                             ? 0
                     : heuristic == WEIR_PLAN_NAIVE    ? execute_apart(&heap, b)
                     : heuristic == WEIR_PLAN_BEST_FIT ? execute_best(&heap, size)
                                                       : execute_first(&heap, size);
        if (offsets[i] == SIZE_MAX)
            return weir__fail(EOVERFLOW, "the arrangement exceeds %td bytes", PTRDIFF_MAX);
    }
    return 0;
}
