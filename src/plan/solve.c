/*
 * plan/solve.c - the portfolio: which algorithm runs when, with what budget, and what is
 * kept. Every arrangement passes the checker before the plan holds it. A failed solve
 * leaves the plan as it was.
 */
#include "plan/classic.h"
#include "plan/orders.h"
#include "plan/perfect.h"
#include "plan/problem.h"
#include "plan/search.h"
#include "plan/skyline.h"

#include "base/error.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#define SOLVE_WORK     UINT64_C(1000000000) /* default budget */
#define SOLVE_STEPS    UINT64_C(15000000)   /* of skylines: none is begun that may go beyond */
#define SOLVE_CHECK    UINT64_C(200000)     /* work between two looks at the clock */
#define SOLVE_PAIRS    4000                 /* buffers that the second checker looks at */
#define SOLVE_SEARCHED 4000                 /* greatest part that is searched, items */
#define SOLVE_COVERED  1000000              /* and its items' sections in all */

/* One solve. The arrangement of boxes is in units, by item; what is to be kept in
 * bytes, by buffer. */
struct solve {
    weir_plan *plan;
    struct weir__plan_scratch scratch;
    struct weir__plan_budget budget;
    uint64_t given; /* the budget's work at the start */
    uint64_t steps; /* of the skylines, which no budget stops */
    uint64_t seed;
    struct weir__problem problem;
    uint64_t *best, *trial; /* units, by item */
    uint64_t boxes;         /* units: arena of `best` */
    size_t target;          /* bytes: stop here */
    size_t proven;          /* bytes: nothing is below */
    size_t *offsets;        /* bytes, by buffer */
    size_t arena;           /* bytes: of `offsets`; SIZE_MAX: none yet */
    const char *method;
};

uint64_t weir__plan_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

bool weir__plan_spend(struct weir__plan_budget *budget, uint64_t work)
{
    if (budget->work <= work) {
        budget->work = 0;
        return false;
    }
    budget->work -= work;
    if (!budget->deadline)
        return true;
    budget->since += work;
    if (budget->since < SOLVE_CHECK)
        return true;
    budget->since = 0;
    if (weir__plan_now() >= budget->deadline)
        budget->work = 0;
    return budget->work > 0;
}

/* -- plans without constraints: boxes ------------------------------------------------------- */

/* The boxes' arrangement becomes the buffers', if it is better. */
static void solve_take_boxes(struct solve *s)
{
    const struct weir__plan_buffer *buffers = s->plan->buffers;
    const struct weir__problem *p = &s->problem;
    size_t arena = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        size_t offset = s->best[i] * p->unit;
        uint32_t b = p->buffer[i];
        do {
            s->offsets[b] = offset;
            arena = weir__max(arena, offset + buffers[b].size);
            b = buffers[b].next;
        } while (b != p->buffer[i]);
    }
    s->arena = arena;
}

/* The goal in units: the bound, or what the capacity allows. */
static uint64_t solve_goal(const struct solve *s)
{
    uint64_t capacity = s->target / s->problem.unit;
    return capacity > s->problem.bound ? capacity : s->problem.bound;
}

/* One skyline; it is kept if it is the best so far. */
static int solve_skyline(struct solve *s, struct weir__ranges *ranges, enum weir__skyline_rank rank)
{
    int error = 0;
    uint64_t limit = weir__min((uint64_t)PTRDIFF_MAX / s->problem.unit + 1, s->boxes);
    uint64_t arena = weir__skyline(&s->problem, ranges, &s->scratch, rank, limit, s->trial, &error);
    if (error || arena >= s->boxes)
        return error;
    uint64_t *swap = s->best;
    s->best = s->trial;
    s->trial = swap;
    s->boxes = arena;
    s->method = "skyline";
    return 0;
}

static int solve_skylines(struct solve *s)
{
    struct weir__plan_block *mark = s->scratch.blocks;
    struct weir__ranges ranges;
    int error = weir__ranges_open(&ranges, &s->problem, &s->scratch);
    for (int rank = 0; rank < WEIR__RANKS && !error && s->boxes > solve_goal(s); rank++) {
        if (rank > 0 && ranges.steps + ranges.steps / (unsigned)rank > SOLVE_STEPS)
            break;
        error = solve_skyline(s, &ranges, rank);
    }
    s->steps += ranges.steps;
    weir__plan_drop(&s->scratch, mark);
    if (!error && s->boxes == WEIR__PLAN_FAR)
        return weir__fail(EOVERFLOW, "no arrangement within %td bytes", PTRDIFF_MAX);
    return error;
}

/* Height of a part's arrangement. */
static uint64_t solve_part_arena(const struct solve *s, const struct weir__problem_part *part)
{
    uint64_t arena = 0;
    for (uint32_t i = part->first; i < part->first + part->count; i++)
        if (s->best[i] + s->problem.size[i] > arena)
            arena = s->best[i] + s->problem.size[i];
    return arena;
}

/* Is the part small enough for a search, which keeps who is live at each section? */
static bool solve_is_searchable(const struct weir__problem *part)
{
    uint64_t cover = 0;
    for (uint32_t i = 0; i < part->count; i++)
        cover += part->hi[i] - part->lo[i] + 1u;
    return part->count <= SOLVE_SEARCHED && cover <= SOLVE_COVERED;
}

/* A full part, from its structure alone; *arena is its bound where that succeeds. */
static int solve_full(struct solve *s, const struct weir__problem *part,
                      struct weir__plan_budget *b, uint64_t *arena, uint64_t *offsets)
{
    int error;
    bool found = false, full = weir__perfect_is_full(part, &s->scratch, &error);
    if (!full || part->align)
        return error;
    uint64_t work = b->work;
    b->work /= 2;
    error = weir__perfect(part, &s->scratch, b, offsets, &found);
    b->work += work - work / 2;
    if (found) {
        *arena = part->bound;
        s->method = "planarity";
    }
    return error;
}

/* Searches a part down to `goal`, if it is small enough. */
static int solve_search(struct solve *s, const struct weir__problem *part, uint64_t goal,
                        struct weir__plan_budget *budget, uint64_t *arena, uint64_t *offsets,
                        uint64_t *least)
{
    if (!solve_is_searchable(part))
        return 0;
    uint64_t before = *arena;
    int error = solve_full(s, part, budget, arena, offsets);
    if (error || *arena <= goal)
        return error;
    error = weir__descend(part, &s->scratch, budget, s->seed, goal, arena, offsets, least);
    if (*arena < before)
        s->method = "search";
    return error;
}

/* Improves one part down to `goal`; *least: what its arena cannot be below. */
static int solve_part(struct solve *s, const struct weir__problem_part *part, uint64_t goal,
                      uint64_t work, uint64_t *least)
{
    struct weir__plan_block *mark = s->scratch.blocks;
    struct weir__problem one;
    uint64_t arena = solve_part_arena(s, part);
    struct weir__plan_budget budget = s->budget;
    budget.work = work < budget.work ? work : budget.work;
    uint64_t given = budget.work;
    *least = part->bound;
    int error = weir__problem_extract(&s->problem, part, &s->scratch, &one);
    if (!error)
        error = solve_search(s, &one, goal, &budget, &arena, s->best + part->first, least);
    s->budget.work -= given - budget.work;
    weir__plan_drop(&s->scratch, mark);
    return error;
}

/*
 * The parts between moments when nothing is live, hardest first. None needs to be lower
 * than the highest of them, so each is searched only down to what those before it left.
 */
static int solve_parts(struct solve *s)
{
    size_t nparts = 0;
    struct weir__problem_part *parts = weir__problem_split(&s->problem, &s->scratch, &nparts);
    if (!parts)
        return ENOMEM;
    uint64_t goal = solve_goal(s), reached = goal, proven = 0;
    size_t open = 0;
    for (size_t k = 0; k < nparts; k++)
        open += solve_part_arena(s, &parts[k]) > goal;
    for (size_t k = 0; k < nparts && open > 0; k++) {
        uint64_t least;
        if (solve_part_arena(s, &parts[k]) <= goal)
            continue;
        int error = solve_part(s, &parts[k], reached, s->budget.work / open--, &least);
        if (error)
            return error;
        uint64_t arena = solve_part_arena(s, &parts[k]);
        reached = arena > reached ? arena : reached;
        proven = least > proven ? least : proven;
    }
    s->boxes = 0;
    for (size_t k = 0; k < nparts; k++) {
        uint64_t arena = solve_part_arena(s, &parts[k]);
        s->boxes = arena > s->boxes ? arena : s->boxes;
    }
    if (!s->plan->naliases && proven)
        s->proven = weir__max(s->proven, proven * s->problem.unit - s->problem.pad);
    return 0;
}

static int solve_boxes(struct solve *s, bool quick)
{
    const weir_plan *plan = s->plan;
    int error = weir__problem_reduce(plan, &s->scratch, &s->problem);
    if (error)
        return error;
    if (!plan->naliases) {
        size_t rounded = s->problem.bound * s->problem.unit - s->problem.pad;
        s->proven = weir__max(s->proven, rounded);
    }
    s->best = weir__plan_take(&s->scratch, s->problem.count + 1, sizeof *s->best);
    s->trial = weir__plan_take(&s->scratch, s->problem.count + 1, sizeof *s->trial);
    s->boxes = WEIR__PLAN_FAR;
    error = s->best && s->trial ? solve_skylines(s) : ENOMEM;
    if (!error && !quick && s->boxes > solve_goal(s))
        error = solve_parts(s);
    if (!error)
        solve_take_boxes(s);
    return error;
}

/* -- all plans ----------------------------------------------------------------------------------
 */

static int solve_orders(struct solve *s, bool quick)
{
    bool complete;
    size_t before = s->arena, goal = weir__max(s->target, s->proven);
    int error = weir__plan_orders(s->plan, &s->scratch, &s->budget, s->seed, quick, goal, &s->arena,
                                  s->offsets, &complete);
    if (error)
        return error;
    if (s->arena < before)
        s->method = complete ? "exhaustion" : "first fit";
    if (complete)
        s->proven = weir__max(s->proven, s->arena);
    if (s->arena == SIZE_MAX)
        return weir__fail(EOVERFLOW, "no arrangement within %td bytes", PTRDIFF_MAX);
    return 0;
}

/* The checked arrangement is handed over. */
static int solve_store(struct solve *s)
{
    weir_plan *plan = s->plan;
    int error = weir__plan_verify_offsets(plan, s->offsets);
    if (error)
        return error;
#if defined(WEIR_DEBUG) && WEIR_DEBUG >= 1
    const char *wrong =
        plan->count <= SOLVE_PAIRS ? weir__plan_second_opinion(plan, s->offsets) : NULL;
    if (wrong)
        return weir__fail(EILSEQ, "the checkers disagree: %s", wrong);
#endif
    weir__plan_keep(plan, s->offsets, s->given - s->budget.work + s->steps, s->method);
    plan->proven = s->proven;
    plan->last_arena = plan->arena;
    plan->last_bound = plan->bound;
    plan->last_work = plan->work;
    return 0;
}

static int solve_begin(struct solve *s, weir_plan *plan)
{
    int error;
    *s = (struct solve){.plan = plan, .arena = SIZE_MAX, .method = "nothing to place"};
    s->proven = s->target = weir__plan_bound(plan, &error);
    if (error)
        return error;
    if (s->proven == SIZE_MAX)
        return weir__fail(EOVERFLOW, "what is live at one time exceeds %td bytes", PTRDIFF_MAX);
    s->offsets = weir__plan_take(&s->scratch, plan->count + 1, sizeof *s->offsets);
    return s->offsets ? 0 : ENOMEM;
}

static int solve_run(struct solve *s, const weir_plan_options *o)
{
    weir_plan *plan = s->plan;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): NULL has no handle. */
    bool constrained = plan->npins || plan->ndisjoint;
    s->seed = o->seed;
    s->target = weir__max(s->target, o->capacity);
    s->given = o->work ? o->work : o->clock ? UINT64_MAX : SOLVE_WORK;
    s->budget.work = s->given;
    s->budget.deadline = o->clock ? weir__plan_now() + o->clock : 0;
    int error = constrained ? 0 : solve_boxes(s, o->heuristic_only);
    if (error)
        return error;
    bool open = s->arena > weir__max(s->target, s->proven);
    bool small = plan->count <= WEIR__ORDERS_FEW;
    if (constrained || (open && !o->heuristic_only && (plan->naliases || small)))
        error = solve_orders(s, o->heuristic_only);
    return error ? error : solve_store(s);
}

int weir_plan_solve(weir_plan *plan, const weir_plan_options *options)
{
    weir_plan_options o;
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    if (!weir__plan_options_take(&o, options))
        return weir__fail(EINVAL, "options of a plan that are not valid");
    struct solve s;
    int error = solve_begin(&s, plan);
    if (!error)
        error = solve_run(&s, &o);
    weir__plan_drop(&s.scratch, NULL);
    if (error == ENOMEM)
        return weir__fail(ENOMEM, "no memory to solve a plan of %zu buffers", plan->count);
    if (!error && o.capacity && plan->arena > o.capacity)
        return weir__fail(ENOSPC, "the best arrangement found is %zu bytes over the capacity",
                          plan->arena - o.capacity);
    return error;
}

/* -- one classical heuristic ------------------------------------------------------------------ */

int weir_plan_solve_with(weir_plan *plan, weir_plan_heuristic heuristic)
{
    if (!weir__handle_check(plan, WEIR__HANDLE_PLAN))
        return EINVAL;
    if (!weir_plan_heuristic_name(heuristic))
        return weir__fail(EINVAL, "no such heuristic");
    if (plan->npins || plan->ndisjoint || plan->naliases)
        return weir__fail(ENOTSUP, "classical heuristics know no constraints");
    struct solve s;
    int error = solve_begin(&s, plan);
    if (!error && heuristic == WEIR_PLAN_SKYLINE)
        error = solve_boxes(&s, true);
    else if (!error)
        error = weir__classic_solve(plan, heuristic, &s.scratch, s.offsets);
    s.method = weir_plan_heuristic_name(heuristic);
    if (!error)
        error = solve_store(&s);
    weir__plan_drop(&s.scratch, NULL);
    return error;
}
