/*
 * plan/classic.c - the greedy planners that runtimes have inside, each as its source does it, for
 * comparison (and orders as starting points for plans with constraints). Owns no state.
 *
 * Greedy by size: TensorFlow Lite, ArenaPlanner::CreateTensorAllocationVector (the order) and
 * SimpleMemoryArena::Allocate (the gap) in tensorflow/lite/{arena_planner,simple_memory_arena}.cc.
 * Greedy by breadth: Pisarchyk and Lee 2020, "for offset calculation"; profiles of moments as
 * CalculateTaskProfiles in tensorflow/lite/delegates/gpu/common/memory_management/internal.cc.
 * First fit is the textbook's.
 */
#include "plan/classic.h"

#include "base/error.h"
#include "plan/execute.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

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

/* -- orders ------------------------------------------------------------------------------ */

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

/* Largest first, at equal sizes the earlier one. */
static void classic_by_size(const struct weir_plan *plan, struct weir__plan_key *keys)
{
    classic_by_first(plan, keys);
    for (size_t i = 0; i < plan->count; i++)
        keys[i].key = ~(uint64_t)plan->buffers[keys[i].index].size;
    classic_sort(keys, plan->count);
}

/* In front of all others what lives as long as the plan, by index: TensorFlow Lite does so with
 * tensors that are there at the first node and are never freed. */
static void classic_lasting_first(const struct weir_plan *plan, struct weir__plan_key *keys)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    for (size_t i = 0; i < plan->count; i++) {
        first = plan->buffers[i].first < first ? plan->buffers[i].first : first;
        last = plan->buffers[i].last > last ? plan->buffers[i].last : last;
    }
    for (size_t i = 0; i < plan->count; i++) {
        const struct weir__plan_buffer *b = &plan->buffers[keys[i].index];
        bool lasting = b->first == first && b->last == last;
        keys[i].key = lasting ? keys[i].index : UINT64_MAX;
    }
    classic_sort(keys, plan->count);
}

/* Moments are the starts, in the order of time; in between what is live only gets less. */
struct classic_moments {
    struct weir__plan_key *starts, *ends, *sums;
    uint32_t *at;   /* by buffer: its start */
    uint32_t *rank; /* a tree over the starts: the least rank below, 0 for the greatest sum */
};

static int classic_moments_take(struct classic_moments *m, size_t n,
                                struct weir__plan_scratch *scratch)
{
    m->starts = weir__plan_take(scratch, 2 * n + 1, sizeof *m->starts);
    m->ends = weir__plan_take(scratch, 2 * n + 1, sizeof *m->ends);
    m->sums = weir__plan_take(scratch, 2 * n + 1, sizeof *m->sums);
    m->at = weir__plan_take(scratch, n + 1, sizeof *m->at);
    m->rank = weir__plan_take(scratch, 2 * n + 2, sizeof *m->rank);
    return m->starts && m->ends && m->sums && m->at && m->rank ? 0 : ENOMEM;
}

/* Greatest live sum first, at equal sums the earlier moment. */
static void classic_moments_rank(struct classic_moments *m, const struct weir_plan *plan)
{
    size_t n = plan->count;
    classic_by_first(plan, m->starts);
    for (size_t i = 0; i < n; i++)
        m->ends[i] =
            (struct weir__plan_key){weir__plan_time_key(plan->buffers[i].last), (uint32_t)i};
    classic_sort(m->ends, n);
    uint64_t live = 0;
    for (size_t s = 0, e = 0; s < n; s++) {
        m->at[m->starts[s].index] = (uint32_t)s;
        for (; m->ends[e].key <= m->starts[s].key; e++)
            live -= plan->buffers[m->ends[e].index].size;
        live += plan->buffers[m->starts[s].index].size;
        m->sums[s] = (struct weir__plan_key){~live, (uint32_t)s};
    }
    classic_sort(m->sums, n);
    for (size_t k = 0; k < n; k++)
        m->rank[n + m->sums[k].index] = (uint32_t)k;
    for (size_t i = n ? n - 1 : 0; i > 0; i--)
        m->rank[i] = m->rank[2 * i] < m->rank[2 * i + 1] ? m->rank[2 * i] : m->rank[2 * i + 1];
}

/* Least rank of the starts in a buffer's lifetime. */
static uint32_t classic_moments_least(const struct classic_moments *m, size_t n, uint32_t buffer,
                                      uint64_t last)
{
    size_t low = m->at[buffer], high = low;
    for (size_t step = (size_t)1 << 32; step > 0; step /= 2)
        if (step <= n - high && m->starts[high + step - 1].key < last)
            high += step;
    uint32_t least = UINT32_MAX;
    for (size_t a = n + low, b = n + high; a < b; a /= 2, b /= 2) {
        if (a & 1)
            least = m->rank[a] < least ? m->rank[a] : least, a++;
        if (b & 1)
            --b, least = m->rank[b] < least ? m->rank[b] : least;
    }
    return least;
}

/* The moments in the order of their live sum, greatest first; at each what is live there and was
 * not met before, largest first. As a key of a buffer: the least rank of its moments. */
static int classic_by_breadth(const struct weir_plan *plan, struct weir__plan_scratch *scratch,
                              struct weir__plan_key *keys)
{
    struct classic_moments m;
    if (classic_moments_take(&m, plan->count, scratch) != 0)
        return ENOMEM;
    classic_moments_rank(&m, plan);
    classic_by_size(plan, keys);
    for (size_t k = 0; k < plan->count; k++)
        keys[k].key = classic_moments_least(&m, plan->count, keys[k].index,
                                            weir__plan_time_key(plan->buffers[keys[k].index].last));
    classic_sort(keys, plan->count);
    return 0;
}

int weir__classic_order(const struct weir_plan *plan, weir_plan_heuristic heuristic,
                        struct weir__plan_scratch *scratch, struct weir__plan_key *keys)
{
    if (heuristic == WEIR_PLAN_GREEDY_BY_BREADTH)
        return classic_by_breadth(plan, scratch, keys);
    if (heuristic == WEIR_PLAN_GREEDY_BY_SIZE) {
        classic_by_size(plan, keys);
        classic_lasting_first(plan, keys);
    } else {
        classic_by_first(plan, keys);
    }
    return 0;
}

/* -- placing ------------------------------------------------------------------------------- */

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

/* What is placed, in the order of offsets. */
struct classic_placed {
    int64_t first, last;
    size_t from, to;
};

/* The gap between what is live with `b`: the tightest that takes it, or the lowest; none: above
 * all. A gap is compared by what is left of it after the padding, and kept with the padding, as
 * SimpleMemoryArena does. */
static size_t classic_gap(const struct classic_placed *placed, size_t count,
                          const struct weir__plan_buffer *b, bool tightest)
{
    size_t mask = ((size_t)1 << b->shift) - 1, top = 0, best = SIZE_MAX, least = SIZE_MAX;
    for (size_t k = 0; k < count && least; k++) {
        const struct classic_placed *p = &placed[k];
        if (p->last <= b->first || p->first >= b->last)
            continue;
        size_t at = (top + mask) & ~mask;
        if (at <= p->from && p->from - at >= b->size && p->from - at < least) {
            best = at;
            least = tightest ? p->from - top : 0;
        }
        top = weir__max(top, p->to);
    }
    return best == SIZE_MAX ? (top + mask) & ~mask : best;
}

/* After all that do not stand higher. */
static void classic_insert(struct classic_placed *placed, size_t count, struct classic_placed p)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (placed[middle].from <= p.from)
            low = middle + 1;
        else
            high = middle;
    }
    memmove(&placed[low + 1], &placed[low], (count - low) * sizeof *placed);
    placed[low] = p;
}

static int classic_greedy(const struct weir_plan *plan, bool tightest,
                          const struct weir__plan_key *keys, struct classic_placed *placed,
                          size_t *offsets)
{
    size_t count = 0;
    for (size_t k = 0; k < plan->count; k++) {
        uint32_t i = keys[k].index;
        const struct weir__plan_buffer *b = &plan->buffers[i];
        offsets[i] = b->size ? classic_gap(placed, count, b, tightest) : 0;
        if (offsets[i] > PTRDIFF_MAX - b->size)
            return weir__fail(EOVERFLOW, "the arrangement exceeds %td bytes", PTRDIFF_MAX);
        if (b->size)
            classic_insert(
                placed, count++,
                (struct classic_placed){b->first, b->last, offsets[i], offsets[i] + b->size});
    }
    return 0;
}

int weir__classic_solve(const struct weir_plan *plan, weir_plan_heuristic heuristic,
                        struct weir__plan_scratch *scratch, size_t *offsets)
{
    if (heuristic < WEIR_PLAN_GREEDY_BY_SIZE || heuristic > WEIR_PLAN_FIRST_FIT)
        return weir__execute(plan, heuristic, scratch, offsets);
    size_t n = plan->count;
    struct weir__plan_key *keys = weir__plan_take(scratch, 2 * n + 1, sizeof *keys);
    struct classic_placed *placed = weir__plan_take(scratch, n + 1, sizeof *placed);
    if (!keys || !placed || weir__classic_order(plan, heuristic, scratch, keys) != 0)
        return ENOMEM;
    return classic_greedy(plan, heuristic != WEIR_PLAN_FIRST_FIT, keys, placed, offsets);
}
