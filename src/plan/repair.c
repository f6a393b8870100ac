/*
 * plan/repair.c - a plan that few buffers were changed of. What did not change keeps its offset;
 * each other buffer (or ring of aliases) goes into the tightest gap that takes it. Where the
 * arena comes out worse than it was (by its ratio to the lower bound), what ends highest is taken
 * out together with some of what is live at the same time and put in again ("ruin and recreate":
 * Schrimpf et al. 2000), and only if that does not help a plan small enough is solved anew. Steps
 * are counted. The budget is a tenth of what solving took.
 */
#include "plan/fit.h"

#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define REPAIR_SHARE 8    /* one buffer of so many may be new, else all are placed anew */
#define REPAIR_PART  10   /* of what solving took */
#define REPAIR_LEAST 20   /* looks at all buffers that every repair may spend */
#define REPAIR_RUIN  8    /* most that are taken out next to the highest */
#define REPAIR_ANEW  1000 /* steps for each buffer that solving anew is worth trying with */
#define REPAIR_PAIRS 4000 /* buffers that the second checker looks at */

struct repair {
    weir_plan *plan;
    struct weir__plan_scratch scratch;
    struct weir__plan_budget budget;
    uint64_t given, random;
    size_t *offsets; /* by buffer; SIZE_MAX: not placed */
    bool *moved;     /* by buffer: not where the plan had it */
    uint32_t *out;   /* leaders of rings that are not placed */
    size_t nout;
    size_t arena, target;
    struct weir__plan_key *spans; /* what blocks the placement going on: first base, and `clear` */
    size_t *clear, nspans, room;
    bool exhausted; /* no memory for more of them */
};

/* Room for as many spans again. */
static void repair_grow(struct repair *r)
{
    size_t room = 2 * r->room + 64;
    struct weir__plan_key *spans = weir__plan_take(&r->scratch, 2 * room, sizeof *spans);
    size_t *clear = weir__plan_take(&r->scratch, room, sizeof *clear);
    if (!spans || !clear) {
        r->exhausted = true;
        r->nspans = 0;
        return;
    }
    if (r->nspans) {
        memcpy(spans, r->spans, r->nspans * sizeof *spans);
        memcpy(clear, r->clear, r->nspans * sizeof *clear);
    }
    r->spans = spans;
    r->clear = clear;
    r->room = room;
}

/* Something that keeps a ring's member out: bases from the first below `clear` are taken. */
static void repair_block(struct repair *r, size_t size, uint32_t by)
{
    if (r->nspans == r->room)
        repair_grow(r);
    if (r->exhausted)
        return;
    size_t offset = r->offsets[by];
    r->clear[r->nspans] = offset + r->plan->buffers[by].size;
    r->spans[r->nspans] =
        (struct weir__plan_key){offset >= size ? offset - size + 1 : 0, (uint32_t)r->nspans};
    r->nspans++;
}

static bool repair_stands(const struct repair *r, uint32_t i)
{
    return r->offsets[i] != SIZE_MAX && r->plan->buffers[i].size > 0;
}

/* All that blocks this member of a ring that is not placed itself. */
static void repair_gather(struct repair *r, uint32_t i)
{
    const weir_plan *plan = r->plan;
    const struct weir__plan_buffer *b = &plan->buffers[i];
    for (uint32_t j = 0; b->size && j < plan->count; j++) {
        const struct weir__plan_buffer *o = &plan->buffers[j];
        if (o->first < b->last && b->first < o->last && repair_stands(r, j))
            repair_block(r, b->size, j);
    }
    for (size_t k = 0; b->size && k < plan->ndisjoint; k++) {
        struct weir__plan_pair p = plan->disjoint[k];
        if ((p.a == i || p.b == i) && repair_stands(r, p.a == i ? p.b : p.a))
            repair_block(r, b->size, p.a == i ? p.b : p.a);
    }
    weir__plan_spend(&r->budget, 2 * plan->count + plan->ndisjoint + 20 * r->nspans + 100);
}

/* The box around the ring: alignment and greatest size; fills the spans. */
static void repair_survey(struct repair *r, uint32_t leader, size_t *align, size_t *most)
{
    const struct weir__plan_buffer *buffers = r->plan->buffers;
    uint32_t i = leader;
    *align = 1;
    *most = r->nspans = 0;
    do {
        *align = weir__max(*align, (size_t)1 << buffers[i].shift);
        *most = weir__max(*most, buffers[i].size);
        repair_gather(r, i);
        i = buffers[i].next;
    } while (i != leader);
    if (r->nspans) /* else there may be no room yet */
        weir__plan_sort(r->spans, r->spans + r->nspans, r->nspans);
}

/* The lowest base of the tightest gap below the arena that takes the ring, else the lowest above
 * all; SIZE_MAX: beyond PTRDIFF_MAX. */
static size_t repair_gap(struct repair *r, uint32_t leader)
{
    size_t align, most, at = 0, best = SIZE_MAX, least = SIZE_MAX;
    repair_survey(r, leader, &align, &most);
    for (size_t k = 0; k < r->nspans; k++) {
        size_t first = r->spans[k].key, clear = r->clear[r->spans[k].index];
        if (first > at && first - at - 1 < least) {
            least = first - at - 1;
            best = at;
        }
        at = weir__max(at, (clear + align - 1) & ~(align - 1));
    }
    bool above = best == SIZE_MAX || best > PTRDIFF_MAX - most;
    if (!above || at > PTRDIFF_MAX - most)
        return above ? SIZE_MAX : best;
    return at;
}

static void repair_set(struct repair *r, uint32_t leader, size_t offset)
{
    uint32_t i = leader;
    do {
        r->offsets[i] = offset;
        r->moved[i] = true;
        i = r->plan->buffers[i].next;
    } while (i != leader);
}

/* Greatest end of the ring's members. */
static size_t repair_end(const struct repair *r, uint32_t leader)
{
    size_t most = 0;
    uint32_t i = leader;
    do {
        most = weir__max(most, r->plan->buffers[i].size);
        i = r->plan->buffers[i].next;
    } while (i != leader);
    return r->offsets[leader] + most;
}

static bool repair_is_pinned(const struct repair *r, uint32_t leader, size_t *offset)
{
    const weir_plan *plan = r->plan;
    for (size_t k = 0; k < plan->npins; k++)
        if (weir__fit_leader(plan, plan->pins[k].buffer) == leader) {
            *offset = plan->pins[k].offset;
            return true;
        }
    return false;
}

static void repair_take_out(struct repair *r, uint32_t leader)
{
    if (r->offsets[leader] == SIZE_MAX)
        return;
    repair_set(r, leader, SIZE_MAX);
    r->out[r->nout++] = leader;
}

/* -- what was changed ------------------------------------------------------------------------ */

static int repair_open(struct repair *r, weir_plan *plan)
{
    size_t n = plan->count;
    r->plan = plan;
    r->offsets = weir__plan_take(&r->scratch, n + 1, sizeof *r->offsets);
    r->moved = weir__plan_take(&r->scratch, n + 1, sizeof *r->moved);
    r->out = weir__plan_take(&r->scratch, n + 1, sizeof *r->out);
    return r->offsets && r->moved && r->out ? 0 : ENOMEM;
}

/* Offsets that still hold are taken over; the rings of all others are out. */
static void repair_begin(struct repair *r)
{
    const weir_plan *plan = r->plan;
    for (uint32_t i = 0; i < plan->count; i++)
        r->offsets[i] = plan->buffers[i].offset;
    for (uint32_t i = 0; i < plan->count; i++)
        if (!plan->buffers[i].placed)
            repair_take_out(r, weir__fit_leader(plan, i));
}

/* What is pinned and out goes to its place; what stood there is out. */
static void repair_pin(struct repair *r)
{
    for (size_t k = 0; k < r->nout; k++) {
        size_t at, align, most, pin;
        uint32_t leader = r->out[k];
        if (!repair_is_pinned(r, leader, &at))
            continue;
        repair_survey(r, leader, &align, &most);
        r->out[k--] = r->out[--r->nout];
        for (uint32_t j = 0; j < r->plan->count; j++) {
            uint32_t other = weir__fit_leader(r->plan, j);
            if (other == leader || !repair_stands(r, j) || r->offsets[j] >= at + most ||
                r->offsets[j] + r->plan->buffers[j].size <= at)
                continue;
            if (!repair_is_pinned(r, other, &pin))
                repair_take_out(r, other);
        }
        repair_set(r, leader, at);
    }
}

/* Largest first. */
static void repair_order(struct repair *r, size_t from)
{
    for (size_t k = from + 1; k < r->nout; k++) {
        uint32_t leader = r->out[k];
        size_t at = k, size = r->plan->buffers[leader].size;
        for (; at > from && r->plan->buffers[r->out[at - 1]].size < size; at--)
            r->out[at] = r->out[at - 1];
        r->out[at] = leader;
    }
}

/* All that is out is put in; the greatest end of it, SIZE_MAX: some went beyond all bounds. */
static size_t repair_put(struct repair *r)
{
    size_t top = 0;
    for (size_t k = 0; k < r->nout && top != SIZE_MAX; k++) {
        size_t offset = repair_gap(r, r->out[k]);
        repair_set(r, r->out[k], offset);
        top = offset == SIZE_MAX ? offset : weir__max(top, repair_end(r, r->out[k]));
    }
    r->nout = 0;
    return top;
}

/* -- ruin and recreate ---------------------------------------------------------------------------
 */

static size_t repair_arena(struct repair *r, uint32_t *highest)
{
    size_t arena = 0;
    for (uint32_t i = 0; i < r->plan->count; i++) {
        size_t end = r->offsets[i] + r->plan->buffers[i].size;
        if (end > arena) {
            arena = end;
            *highest = i;
        }
    }
    weir__plan_spend(&r->budget, r->plan->count);
    return arena;
}

/* A ring that happens to live at the same time as `leader`, without a fixed place; NONE: it was
 * another. */
static uint32_t repair_neighbor(struct repair *r, uint32_t leader)
{
    const struct weir__plan_buffer *b = &r->plan->buffers[leader];
    uint32_t n = (uint32_t)r->plan->count, at = weir__plan_below(&r->random, n);
    size_t pin;
    for (uint32_t tries = 0; tries < 64; tries++, at = at + 1 < n ? at + 1 : 0) {
        const struct weir__plan_buffer *o = &r->plan->buffers[at];
        uint32_t other = weir__fit_leader(r->plan, at);
        if (o->first < b->last && b->first < o->last && other != leader && repair_stands(r, at))
            return repair_is_pinned(r, other, &pin) ? WEIR__PLAN_NONE : other;
    }
    return WEIR__PLAN_NONE;
}

/* Takes out what ends highest and some next to it, and puts them in anew; all goes back if an end
 * is higher then. False: what ends highest has a fixed place. */
static bool repair_ruin(struct repair *r, uint32_t highest)
{
    size_t pin, old[REPAIR_RUIN + 1];
    uint32_t rings[REPAIR_RUIN + 1], leader = weir__fit_leader(r->plan, highest);
    if (repair_is_pinned(r, leader, &pin))
        return false;
    uint32_t more = weir__plan_below(&r->random, REPAIR_RUIN + 1);
    size_t n = 0; /* as r->nout, which is 0 before */
    old[n++] = r->offsets[leader];
    repair_take_out(r, leader);
    for (uint32_t k = 0; k < more; k++) {
        uint32_t other = repair_neighbor(r, leader);
        if (other == WEIR__PLAN_NONE)
            continue;
        old[n++] = r->offsets[other];
        repair_take_out(r, other);
    }
    memcpy(rings, r->out, n * sizeof *rings);
    repair_order(r, weir__plan_below(&r->random, 2));
    if (repair_put(r) <= r->arena)
        return true;
    for (size_t k = 0; k < n; k++)
        repair_set(r, rings[k], SIZE_MAX);
    for (size_t k = 0; k < n; k++)
        repair_set(r, rings[k], old[k]);
    return true;
}

static void repair_improve(struct repair *r)
{
    uint32_t highest = 0;
    uint64_t end = r->budget.work / 2;
    r->arena = repair_arena(r, &highest);
    while (r->arena > r->target && r->budget.work > end && repair_ruin(r, highest))
        r->arena = repair_arena(r, &highest);
}

/* -- all of it -------------------------------------------------------------------------- */

/* What the arena would be if it were as near to the bound as the last solve came. */
static size_t repair_target(const weir_plan *plan, size_t bound, size_t capacity)
{
    double waste = (double)(plan->last_arena - plan->last_bound);
    double share = plan->last_bound ? waste / (double)plan->last_bound : 0;
    double target = (double)bound * (1 + share);
    size_t near = target < (double)PTRDIFF_MAX ? (size_t)target : (size_t)PTRDIFF_MAX;
    return weir__max(weir__max(near, bound), capacity);
}

/* Constraints that contradict each other: EINVAL, as the solver says it. */
static int repair_contradicts(struct repair *r)
{
    struct weir__fit fit;
    if (!r->plan->npins && !r->plan->ndisjoint)
        return 0;
    struct weir__plan_block *mark = r->scratch.blocks;
    int error = weir__fit_prepare(&fit, r->plan, &r->scratch);
    if (!error)
        error = weir__fit_reset(&fit);
    weir__plan_drop(&r->scratch, mark);
    return error;
}

static int repair_store(struct repair *r)
{
    weir_plan *plan = r->plan;
    for (uint32_t i = 0; i < plan->count; i++)
        r->moved[i] = !plan->buffers[i].placed || plan->buffers[i].offset != r->offsets[i];
    int error = weir__plan_verify_moved(plan, r->offsets, r->moved);
    if (error)
        return error;
#if defined(WEIR_DEBUG) && WEIR_DEBUG >= 1
    const char *wrong =
        plan->count <= REPAIR_PAIRS ? weir__plan_second_opinion(plan, r->offsets) : NULL;
    if (wrong)
        return weir__fail(EILSEQ, "the checkers disagree: %s", wrong);
#endif
    weir__plan_keep(plan, r->offsets, r->given - r->budget.work, "repair");
    plan->proven = 0;
    return 0;
}

/* Solves anew with what is left; better offsets are taken, the plan itself stays as it was. */
static int repair_solve(struct repair *r, const weir_plan_options *o, size_t *old, bool *placed)
{
    weir_plan *plan = r->plan, before = *plan;
    for (size_t i = 0; i < plan->count; i++) {
        old[i] = plan->buffers[i].offset;
        placed[i] = plan->buffers[i].placed;
    }
    uint64_t left = r->budget.work;
    weir_plan_options options = {
        .size = sizeof options, .work = left, .seed = o->seed, .heuristic_only = o->heuristic_only};
    int error = weir_plan_solve(plan, &options);
    if (error)
        return error;
    if (plan->arena < r->arena)
        for (size_t i = 0; i < plan->count; i++)
            r->offsets[i] = plan->buffers[i].offset;
    weir__plan_spend(&r->budget, plan->work);
    *plan = before;
    for (size_t i = 0; i < plan->count; i++) {
        plan->buffers[i].offset = old[i];
        plan->buffers[i].placed = placed[i];
    }
    return 0;
}

/* Where what was kept is still much worse than it was, and a search may be of use. */
static int repair_anew(struct repair *r, const weir_plan_options *o)
{
    size_t n = r->plan->count;
    if (r->arena <= r->target + r->target / 100 || n > REPAIR_PAIRS ||
        r->budget.work / REPAIR_ANEW < n)
        return 0;
    size_t *old = weir__plan_take(&r->scratch, n, sizeof *old);
    bool *placed = weir__plan_take(&r->scratch, n, sizeof *placed);
    return old && placed ? repair_solve(r, o, old, placed) : ENOMEM;
}

static int repair_run(struct repair *r, const weir_plan_options *o)
{
    weir_plan *plan = r->plan;
    int error;
    size_t bound = weir__plan_bound(plan, &error);
    if (error)
        return error;
    if (bound == SIZE_MAX)
        return weir__fail(EOVERFLOW, "what is live at one time exceeds %td bytes", PTRDIFF_MAX);
    error = repair_contradicts(r);
    if (error)
        return error;
    r->target = repair_target(plan, bound, o->capacity);
    repair_pin(r);
    repair_order(r, 0);
    size_t top = repair_put(r);
    if (r->exhausted)
        return ENOMEM;
    if (top == SIZE_MAX)
        return weir__fail(EOVERFLOW, "no arrangement within %td bytes", PTRDIFF_MAX);
    repair_improve(r);
    if (r->exhausted)
        return ENOMEM;
    error = repair_anew(r, o);
    return error ? error : repair_store(r);
}

int weir_plan_repair(weir_plan *plan, const weir_plan_options *options)
{
    weir_plan_options o;
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    if (!plan->arranged || !weir__plan_options_take(&o, options))
        return weir__fail(EINVAL, "no plan that was ever solved, or options that are not valid");
    if (plan->solved)
        return o.capacity && plan->arena > o.capacity
                   ? weir__fail(ENOSPC, "the arena is %zu bytes over the capacity",
                                plan->arena - o.capacity)
                   : 0;
    struct repair r = {.random = o.seed};
    uint64_t work = weir__max(plan->last_work / REPAIR_PART, REPAIR_LEAST * plan->count);
    r.given = r.budget.work = o.work ? o.work : o.clock ? UINT64_MAX : work;
    r.budget.deadline = o.clock ? weir__plan_now() + o.clock : 0;
    int error = repair_open(&r, plan);
    if (!error)
        repair_begin(&r);
    if (!error && r.nout > plan->count / REPAIR_SHARE + 1) {
        weir__plan_drop(&r.scratch, NULL);
        return weir_plan_solve(plan, &o);
    }
    if (!error)
        error = repair_run(&r, &o);
    weir__plan_drop(&r.scratch, NULL);
    if (error == ENOMEM)
        return weir__fail(ENOMEM, "no memory to repair a plan of %zu buffers", plan->count);
    if (!error && o.capacity && plan->arena > o.capacity)
        return weir__fail(ENOSPC, "the best arrangement found is %zu bytes over the capacity",
                          plan->arena - o.capacity);
    return error;
}
