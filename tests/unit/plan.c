/*
 * tests/unit/plan.c - the planner from inside: every request for memory made to fail in turn,
 * checkers that must find what is wrong, proofs of the search, memory per buffer, and
 * the goals on the instances that come with the source.
 */
#include "../helpers/suite.h"
#include "backing/meta.h"
#include "base/fault.h"
#include "plan/perfect.h"
#include "plan/planarity.h"
#include "plan/search.h"
#include "plan/skyline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <weir/weir.h>

static weir_plan *demo_plan(bool constrained)
{
    weir_plan *plan = weir_plan_create();
    if (!plan)
        return NULL;
    int error = 0;
    for (int i = 0; i < 40 && !error; i++)
        error = weir_plan_add(plan, 64 * (size_t)(1 + i * i % 17), 64, i, i + 2 + i % 5);
    if (constrained && !error)
        error = weir_plan_fix(plan, 3, 4096);
    if (constrained && !error)
        error = weir_plan_disjoint(plan, 1, 30);
    if (constrained && !error)
        error = weir_plan_alias(plan, 5, 6);
    if (!error)
        return plan;
    weir_plan_destroy(plan);
    errno = error;
    return NULL;
}

/* A profile, changes, a repair. */
static int demo_change(weir_plan *plan)
{
    size_t sizes[40];
    for (size_t i = 0; i < 40; i++)
        sizes[i] = i == 7 ? 128000 : 64;
    int error = weir_plan_add_profile(plan, sizes, 40);
    if (!error)
        error = weir_plan_change(plan, 9, 6400, 128, 3, 20);
    if (!error)
        error = weir_plan_add(plan, 640, 64, 0, 12);
    if (!error)
        error = weir_plan_repair(plan, NULL);
    weir_plan_profile_stats report = {.size = sizeof report};
    return error ? error : weir_plan_profile_stats_get(plan, 0, &report);
}

/* Everything the planner offers, once; 0 or the first error. */
static int demo_run(bool constrained)
{
    weir_plan_options options = {.size = sizeof options, .work = 300000};
    weir_plan *plan = demo_plan(constrained);
    if (!plan)
        return errno;
    int error = weir_plan_solve(plan, &options);
    cr_assert(error || weir_plan_arena_size(plan) >= weir_plan_lower_bound(plan));
    if (!error && !constrained)
        error = weir_plan_solve_with(plan, WEIR_PLAN_GREEDY_BY_BREADTH);
    if (!error)
        error = demo_change(plan);
    weir_plan_memory *arena = error ? NULL : weir_plan_memory_create(plan, NULL);
    weir_plan_replay *replay = arena ? weir_plan_replay_create(plan, NULL) : NULL;
    if (!error && (!arena || !replay))
        error = errno;
    weir_plan_replay_destroy(replay);
    weir_plan_memory_release(arena);
    weir_plan_destroy(plan);
    return error;
}

static void fail_in_turn(bool constrained)
{
    size_t held = weir__meta_in_use();
    for (long n = 0;; n++) {
        cr_assert_lt(n, 2000);
        weir__fault_after(n);
        int error = demo_run(constrained);
        weir__fault_after(-1);
        if (!error)
            break;
        cr_assert_eq(weir__meta_in_use(), held, "request %ld: memory was lost (%s)", n,
                     strerror(error));
        cr_assert_eq(error, ENOMEM, "request %ld: %s", n, strerror(error));
    }
}

Test(unit_plan, every_request_for_memory_may_fail)
{
    for (int i = 0; i < 2; i++) /* what stays for good is there afterwards */
        cr_assert(demo_run(false) == 0 && demo_run(true) == 0);
    weir_allocator_options root = WEIR_ALLOCATOR_OPTIONS_INIT;
    root.parent = WEIR_NO_PARENT;
    for (int i = 0; i < 5000;
         i++) { /* as many handles as wait, so that a later use of one is found */
        cr_assert_eq(weir_allocator_destroy(weir_allocator_create(NULL)), 0);
        cr_assert_eq(weir_allocator_destroy(weir_allocator_create(&root)), 0);
    }
    fail_in_turn(false);
    fail_in_turn(true);
}

Test(unit_plan, a_failed_solve_leaves_the_plan_as_it_was)
{
    weir_plan *plan = demo_plan(false);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    size_t offsets[40], arena = weir_plan_arena_size(plan);
    for (size_t i = 0; i < 40; i++)
        offsets[i] = weir_plan_offset(plan, i);
    weir__fault_after(2);
    cr_assert_eq(weir_plan_solve(plan, NULL), ENOMEM);
    weir__fault_after(-1);
    cr_assert_eq(weir_plan_arena_size(plan), arena);
    for (size_t i = 0; i < 40; i++)
        cr_assert_eq(weir_plan_offset(plan, i), offsets[i]);
    weir_plan_destroy(plan);
}

/* Any one offset moved so that something breaks: both checkers say so. */
Test(unit_plan, both_checkers_find_what_is_wrong)
{
    weir_plan *plan = demo_plan(true);
    weir_plan_options options = {.size = sizeof options, .work = 3000000};
    cr_assert_eq(weir_plan_solve(plan, &options), 0);
    size_t offsets[40];
    unsigned wrong = 0;
    for (size_t i = 0; i < 40; i++)
        offsets[i] = weir_plan_offset(plan, i);
    cr_assert_eq(weir__plan_verify_offsets(plan, offsets), 0);
    cr_assert_null(weir__plan_second_opinion(plan, offsets));
    for (size_t i = 0; i < 40; i++)
        for (size_t to = 0; to < 5000; to += 32) {
            size_t old = offsets[i];
            offsets[i] = to;
            bool first = weir__plan_verify_offsets(plan, offsets) == EILSEQ;
            bool disjoint = (i == 1 || i == 30) && first; /* the second knows no such pairs */
            bool second = weir__plan_second_opinion(plan, offsets) != NULL;
            cr_assert(first == second || disjoint, "buffer %zu at %zu: %d %d", i, to, first,
                      second);
            wrong += first;
            offsets[i] = old;
        }
    cr_assert_gt(wrong, 3000);
    weir_plan_destroy(plan);
}

/* Arrays end where their counts say: what lies behind may be anything. */
Test(unit_plan, the_checkers_look_at_no_more_than_there_is)
{
    enum { COUNT = 40 };
    weir_plan *plan = demo_plan(true);
    weir_plan_options options = {.size = sizeof options, .work = 3000000};
    cr_assert_eq(weir_plan_solve(plan, &options), 0);
    cr_assert(plan->count == COUNT && plan->npins == 1 && plan->ndisjoint == 1);
    struct weir__plan_buffer buffers[COUNT + 1], *own_buffers = plan->buffers;
    struct weir__plan_pin pins[2] = {plan->pins[0], {.buffer = 3, .offset = 1}};
    struct weir__plan_pair pairs[2] = {plan->disjoint[0], {.a = 2, .b = 2}};
    struct weir__plan_pin *own_pins = plan->pins;
    struct weir__plan_pair *own_pairs = plan->disjoint;
    size_t offsets[COUNT + 1];
    bool moved[COUNT + 1] = {false};
    for (size_t i = 0; i < COUNT; i++) {
        buffers[i] = plan->buffers[i];
        offsets[i] = weir_plan_offset(plan, i);
    }
    moved[0] = true; /* few, so that only these are looked at */
    /* A buffer that lies everywhere, at all times, against its alignment. */
    buffers[COUNT] = buffers[0];
    buffers[COUNT].first = INT64_MIN;
    buffers[COUNT].last = INT64_MAX;
    buffers[COUNT].size = PTRDIFF_MAX / 2;
    buffers[COUNT].offset = 1;
    buffers[COUNT].next = COUNT;
    offsets[COUNT] = 1;
    moved[COUNT] = true;
    plan->buffers = buffers;
    plan->pins = pins;
    plan->disjoint = pairs;
    cr_expect_eq(weir_plan_verify(plan), 0, "%s", weir_last_error());
    cr_expect_eq(weir__plan_verify_offsets(plan, offsets), 0, "%s", weir_last_error());
    cr_expect_eq(weir__plan_verify_moved(plan, offsets, moved), 0, "%s", weir_last_error());
    cr_expect_null(weir__plan_second_opinion(plan, offsets));
    offsets[0] = offsets[1]; /* both are live at 1: this is found all the same */
    cr_expect_eq(weir__plan_verify_offsets(plan, offsets), EILSEQ);
    cr_expect_not_null(weir__plan_second_opinion(plan, offsets));
    plan->buffers = own_buffers;
    plan->pins = own_pins;
    plan->disjoint = own_pairs;
    weir_plan_destroy(plan);
}

/* -- instances ----------------------------------------------------------------------------------
 */

static weir_plan *load(const char *name)
{
    char path[1024], line[256];
    const char *top = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/bench/plans/%s", top ? top : "..", name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file, "%s", path);
    weir_plan *plan = weir_plan_create();
    while (fgets(line, sizeof line, file)) {
        long long id, lower, upper, size;
        if (sscanf(line, "%lld,%lld,%lld,%lld", &id, &lower, &upper, &size) == 4)
            cr_assert_eq(weir_plan_add(plan, (size_t)size, 1, lower, upper), 0);
    }
    fclose(file);
    return plan;
}

/* Arena over lower bound times 10000, rounded up. */
static unsigned ratio(const char *name, size_t capacity, uint64_t work)
{
    weir_plan *plan = load(name);
    weir_plan_options options = {.size = sizeof options, .capacity = capacity, .work = work};
    int error = weir_plan_solve(plan, &options);
    cr_assert(error == 0 || error == ENOSPC, "%s: %s", name, weir_last_error());
    cr_assert_eq(weir_plan_verify(plan), 0);
    size_t bound = weir_plan_lower_bound(plan), arena = weir_plan_arena_size(plan);
    cr_assert(!capacity || arena <= capacity, "%s: %zu", name, arena);
    weir_plan_destroy(plan);
    return (unsigned)((arena * 10000 + bound - 1) / bound);
}

static bool slow_run(void)
{
    return getenv("WEIR_TEST_SLOW") != NULL;
}

Test(unit_plan, networks_reach_the_lower_bound)
{
    static const char *const names[] = {"googlenet_224",    "inception_v3",    "mobilenet_v1",
                                        "mobilenet_v2",     "posenet_mv1_257", "resnet50_224",
                                        "squeezenet11_224", "unet_512"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64];
        snprintf(name, sizeof name, "networks/%s.csv", names[i]);
        cr_assert_eq(ratio(name, 0, 0), 10000, "%s", name);
    }
}

Test(unit_plan, challenging_instances_fit_in_the_capacity_told)
{
    for (char c = 'A'; c <= 'K' && !slow_run(); c++) {
        char name[64];
        snprintf(name, sizeof name, "challenging/%c.1048576.csv", c);
        ratio(name, 1048576, 0);
    }
}

Test(unit_plan, challenging_instances_come_close_to_the_bound_by_themselves)
{
    static const char names[] = "ABCEFGHIK";
    for (const char *c = names; *c && !slow_run(); c++) {
        char name[64];
        snprintf(name, sizeof name, "challenging/%c.1048576.csv", *c);
        cr_assert_eq(ratio(name, 0, 0), 10000, "%s", name);
    }
    if (!slow_run()) {
        cr_assert_leq(ratio("challenging/D.1048576.csv", 0, 0), 10480);
        cr_assert_leq(ratio("challenging/J.1048576.csv", 0, 0), 10480);
    }
}

/* A stack of any height is full, and one arrangement without waste is found. */
Test(unit_plan, a_stack_is_put_together)
{
    for (uint32_t count = 1; count <= 6; count++) {
        weir_plan *plan = weir_plan_create();
        for (uint32_t i = 0; i < count; i++)
            cr_assert_eq(weir_plan_add(plan, 64 * (size_t)(i + 1), 64, 0, 1), 0);
        struct weir__plan_scratch scratch = {0};
        struct weir__problem p;
        struct weir__plan_budget budget = {.work = 1000000};
        uint64_t offsets[6], taken = 0;
        bool found = false;
        cr_assert_eq(weir__problem_reduce(plan, &scratch, &p), 0);
        cr_assert(p.count == count && p.sections == 1);
        cr_assert_eq(weir__perfect(&p, &scratch, &budget, offsets, &found), 0);
        cr_assert(found, "%u items", (unsigned)count);
        for (uint32_t i = 0; i < count; i++)
            for (uint64_t unit = 0; unit < p.size[i]; unit++) {
                uint64_t bit = UINT64_C(1) << (offsets[i] + unit);
                cr_assert(offsets[i] + unit < p.bound && !(taken & bit));
                taken |= bit;
            }
        weir__plan_drop(&scratch, NULL);
        weir_plan_destroy(plan);
    }
}

/* What puts a full part together gives all its memory back, whichever request fails. */
Test(unit_plan, a_full_part_survives_every_failed_request)
{
    weir_plan *plan = load("generated/cut_100_s1.csv");
    weir_plan_options options = {.size = sizeof options, .work = 3000000};
    cr_assert_eq(weir_plan_solve(plan, &options), 0);
    size_t held = weir__meta_in_use(), arena = weir_plan_arena_size(plan);
    long n = 0;
    for (int error = ENOMEM; error; n++) {
        weir__fault_after(n);
        error = weir_plan_solve(plan, &options);
        weir__fault_after(-1);
        cr_assert(error == 0 || error == ENOMEM, "request %ld: %d", n, error);
        cr_assert_eq(weir__meta_in_use(), held, "request %ld: memory was lost", n);
        cr_assert_eq(weir_plan_arena_size(plan), arena);
    }
    cr_assert_gt(n, 40);
    weir_plan_destroy(plan);
}

/* With less than a third of the default work: no search for offsets has a part in it. */
Test(unit_plan, a_cut_rectangle_of_1000_is_put_together_again)
{
    cr_assert_eq(ratio("generated/cut_1000_s1.csv", 0, 300000000), 10000);
}

Test(unit_plan, cut_rectangles_of_100_are_put_together_again)
{
    cr_assert_eq(ratio("generated/cut_100_s1.csv", 0, 0), 10000);
    cr_assert_eq(ratio("generated/cut_100_s2.csv", 0, 0), 10000);
    cr_assert_eq(ratio("generated/cutdrop_100_s1.csv", 0, 0), 10000);
}

static weir_plan *crowd(size_t n, size_t live);

/* -- floors ----------------------------------------------------------------------------- */

/* What inference promises where nothing moves any more, from the definition: a floor is the least
 * base of what is still to be placed over it, a base the greatest floor below it, aligned. */
static void check_floors(const struct weir__floor *f)
{
    const struct weir__problem *p = f->p;
    for (uint32_t t = 0; t < p->sections; t++) {
        int64_t least = INT64_MAX;
        for (uint32_t i = 0; i < p->count; i++)
            if (f->base[i] >= 0 && p->lo[i] <= t && t <= p->hi[i] && f->base[i] < least)
                least = f->base[i];
        cr_assert_eq(f->floor[t], least, "section %u", t);
    }
    for (uint32_t i = 0; i < p->count; i++) {
        int64_t most = 0, align = p->align ? p->align[i] : 1;
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++)
            most = f->floor[t] > most ? f->floor[t] : most;
        if (f->base[i] >= 0)
            cr_assert_eq(f->base[i], (most + align - 1) / align * align, "item %u", i);
    }
}

/* One step by chance: something is put on its floor. False: there is nothing, or it does not fit.
 */
static bool floor_step(struct weir__floor *f, uint64_t *random)
{
    const struct weir__problem *p = f->p;
    for (int tries = 0; tries < 200; tries++) {
        uint32_t i = weir__plan_below(random, p->count);
        bool stands = f->base[i] >= 0;
        for (uint32_t t = p->lo[i]; t <= p->hi[i]; t++)
            stands &= f->floor[t] == f->base[i];
        if (stands)
            return weir__floor_put(f, i);
    }
    return false;
}

Test(unit_plan, floors_are_where_inference_must_put_them)
{
    unsigned placed = 0;
    for (uint64_t round = 0; round < 40; round++) {
        uint64_t random = round;
        weir_plan *plan = crowd(60, 1 + weir__plan_below(&random, 30));
        struct weir__plan_scratch scratch = {0};
        struct weir__problem p;
        struct weir__floor floor;
        size_t marks[60], depth = 0;
        cr_assert_eq(weir__problem_reduce(plan, &scratch, &p), 0);
        cr_assert_eq(weir__floor_open(&floor, &p, &scratch), 0);
        cr_assert(weir__floor_reset(&floor, (int64_t)(p.bound + p.bound / 4)));
        for (int step = 0; step < 300; step++) {
            bool back = depth > 0 && weir__plan_below(&random, 3) == 0;
            if (back) {
                depth = weir__plan_below(&random, (uint32_t)depth);
                weir__floor_undo(&floor, marks[depth]);
            } else if (depth < 60) {
                marks[depth] = floor.ntrail;
                if (floor_step(&floor, &random))
                    depth++;
                else
                    weir__floor_undo(&floor, marks[depth]);
            }
            placed = depth > placed ? (unsigned)depth : placed;
            check_floors(&floor);
        }
        weir__plan_drop(&scratch, NULL);
        weir_plan_destroy(plan);
    }
    cr_assert_gt(placed, 10);
}

/* -- growth ----------------------------------------------------------------------------- */

/* A chain of layers with residuals and weights of a few sizes, as transformers have. */
static weir_plan *chain(size_t n)
{
    weir_plan *plan = weir_plan_create();
    cr_assert_eq(weir_plan_reserve(plan, n), 0);
    for (size_t i = 0; i < n; i++) {
        int64_t life = i % 7 == 0 ? 40 : i % 3 == 0 ? 9 : 2;
        cr_assert_eq(weir_plan_add(plan, 64 * (1 + i * 2654435761u % 500), 64, (int64_t)i,
                                   (int64_t)i + life),
                     0);
    }
    return plan;
}

/* What one run of the heuristic spends, counted: the same on every machine. */
static uint64_t heuristic_work(size_t n)
{
    weir_plan *plan = chain(n);
    weir_plan_options options = {.size = sizeof options, .heuristic_only = true};
    weir_plan_stats report = {.size = sizeof report};
    cr_assert_eq(weir_plan_solve(plan, &options), 0);
    cr_assert_eq(weir_plan_stats_get(plan, &report), 0);
    weir_plan_destroy(plan);
    return report.work;
}

Test(unit_plan, work_grows_like_n_log_n)
{
    uint64_t small = heuristic_work(1000), large = heuristic_work(100000);
    cr_assert_gt(small, 1000, "%zu units for 1000 buffers", (size_t)small);
    /* n log n: 167 times. */
    cr_assert_lt(large, 180 * small, "%zu, then %zu units", (size_t)small, (size_t)large);
}

/* Lifetimes up to `live` times four, so that so many are live at once. */
static weir_plan *crowd(size_t n, size_t live)
{
    uint64_t random = n;
    weir_plan *plan = weir_plan_create();
    cr_assert_eq(weir_plan_reserve(plan, n), 0);
    for (size_t i = 0; i < n; i++) {
        int64_t first = weir__plan_below(&random, 2 * (uint32_t)n);
        int64_t life = 1 + weir__plan_below(&random, 4 * (uint32_t)live);
        size_t size = 64 * (1 + (size_t)weir__plan_below(&random, 500));
        cr_assert_eq(weir_plan_add(plan, size, 64, first, first + life), 0);
    }
    return plan;
}

/* Steps of one skyline for each item. */
static double skyline_steps(size_t n, size_t live, enum weir__skyline_rank rank)
{
    weir_plan *plan = crowd(n, live);
    struct weir__plan_scratch scratch = {0};
    struct weir__problem problem;
    struct weir__ranges ranges;
    int error = 0;
    cr_assert_eq(weir__problem_reduce(plan, &scratch, &problem), 0);
    cr_assert_eq(weir__ranges_open(&ranges, &problem, &scratch), 0);
    uint64_t *offsets = weir__plan_take(&scratch, n, sizeof *offsets);
    uint64_t arena =
        weir__skyline(&problem, &ranges, &scratch, rank, WEIR__PLAN_FAR, offsets, &error);
    cr_assert(error == 0 && arena >= problem.bound);
    double steps = (double)ranges.steps / (double)n;
    weir__plan_drop(&scratch, NULL);
    weir_plan_destroy(plan);
    return steps;
}

/* Steps, not seconds: four times the buffers cost little more each, however long they live. */
Test(unit_plan, skylines_take_steps_near_n_log_n_for_all_lifetimes)
{
    for (int rank = 0; rank < WEIR__RANKS; rank++)
        for (size_t share = 4; share <= 4096; share *= 32) {
            double small = skyline_steps(6250, 6250 / share, rank);
            double large = skyline_steps(25000, 25000 / share, rank);
            cr_assert_lt(large, 180, "rank %d, 1/%zu: %.1f steps a buffer", rank, share, large);
            cr_assert_lt(large / small, 1.6, "rank %d, 1/%zu: %.1f to %.1f", rank, share, small,
                         large);
        }
}

/* The tree's answers are those of looking at every range. */
Test(unit_plan, the_best_of_a_window_is_found)
{
    for (int round = 0; round < 200; round++) {
        uint64_t random = (uint64_t)round;
        uint32_t n = 1 + weir__plan_below(&random, 90), most = 1 + weir__plan_below(&random, 60);
        weir_plan *plan = crowd(n, most);
        struct weir__plan_scratch scratch = {0};
        struct weir__problem p;
        struct weir__ranges ranges;
        uint32_t ranked[90];
        bool out[90] = {false};
        cr_assert_eq(weir__problem_reduce(plan, &scratch, &p), 0);
        cr_assert_eq(weir__ranges_open(&ranges, &p, &scratch), 0);
        for (uint32_t k = 0; k < n; k++) {
            uint32_t at = weir__plan_below(&random, k + 1);
            ranked[k] = ranked[at];
            ranked[at] = k;
        }
        weir__ranges_fill(&ranges, ranked);
        for (int ask = 0; ask < 200; ask++) {
            uint32_t left = weir__plan_below(&random, p.sections), best = WEIR__PLAN_NONE;
            uint32_t right = left + weir__plan_below(&random, p.sections - left);
            for (uint32_t k = n; k-- > 0;)
                if (!out[ranked[k]] && p.lo[ranked[k]] >= left && p.hi[ranked[k]] <= right)
                    best = k;
            cr_assert_eq(weir__ranges_best(&ranges, left, right), best);
            if (best != WEIR__PLAN_NONE && ask % 2) {
                weir__ranges_remove(&ranges, ranked[best]);
                out[ranked[best]] = true;
            }
        }
        weir__plan_drop(&scratch, NULL);
        weir_plan_destroy(plan);
    }
}

/* -- graphs --------------------------------------------------------------------------------------
 */

/* Faces of the embedding: each half-edge is on one. */
static uint32_t faces(struct weir__planarity *g)
{
    bool seen[200] = {false};
    uint32_t count = 0;
    for (uint32_t h = 0; h < 2 * g->edges; h++) {
        count += !seen[h];
        for (uint32_t at = h; !seen[at]; at = g->next[at ^ 1])
            seen[at] = true;
    }
    return count;
}

/* Least genus 0 by trying all rotations: vertices of at most 4 edges, `v` and later are tried. */
static bool planar_by_force(struct weir__planarity *g, uint32_t v, uint32_t parts)
{
    if (v == g->vertices)
        return g->vertices + faces(g) == g->edges + 1 + parts;
    uint32_t at[8], n = 0;
    for (uint32_t h = 0; h < 2 * g->edges; h++)
        if (g->ends[h] == v)
            at[n++] = h;
    uint32_t ways = n < 3 ? 1 : n == 3 ? 2 : n == 4 ? 6 : 24;
    for (uint32_t way = 0; way < ways; way++) {
        uint32_t order[8], left[8];
        memcpy(left, at, sizeof left);
        for (uint32_t k = n, code = way; k > 0; k--) { /* the last stays: a circle */
            uint32_t pick = k == n ? k - 1 : code % k;
            code = k == n ? code : code / k;
            order[k - 1] = left[pick];
            left[pick] = left[k - 1];
        }
        for (uint32_t k = 0; k < n; k++)
            g->next[order[k]] = order[(k + 1) % n];
        if (planar_by_force(g, v + 1, parts))
            return true;
    }
    return false;
}

static uint32_t components(const struct weir__planarity *g)
{
    uint32_t mark[64], count = 0;
    for (uint32_t v = 0; v < g->vertices; v++)
        mark[v] = v;
    for (uint32_t round = 0; round < g->vertices; round++)
        for (uint32_t e = 0; e < g->edges; e++) {
            uint32_t a = g->ends[2 * e], b = g->ends[2 * e + 1];
            mark[a] = mark[b] = mark[a] < mark[b] ? mark[a] : mark[b];
        }
    for (uint32_t v = 0; v < g->vertices; v++)
        count += mark[v] == v;
    return count;
}

/* Small random graphs: what is planar has an embedding that Euler's formula proves, what is not has
 * none among all rotations. */
Test(unit_plan, planarity_agrees_with_all_rotations)
{
    uint64_t random = 5;
    unsigned planar = 0, crossed = 0;
    for (int round = 0; round < 3000; round++) {
        struct weir__plan_scratch scratch = {0};
        struct weir__planarity g;
        uint32_t n = 5 + weir__plan_below(&random, 3), degree[8] = {0};
        uint32_t tries = 8 + weir__plan_below(&random, 20);
        bool joined[8][8] = {{false}};
        cr_assert_eq(weir__planarity_open(&g, n, 30, &scratch), 0);
        weir__planarity_reset(&g, n);
        for (uint32_t k = 0; k < tries; k++) {
            uint32_t a = weir__plan_below(&random, n), b = weir__plan_below(&random, n);
            if (a == b || joined[a][b] || degree[a] == 4 || degree[b] == 4)
                continue;
            joined[a][b] = joined[b][a] = true;
            degree[a]++;
            degree[b]++;
            weir__planarity_add(&g, a, b);
        }
        uint32_t lone = 0;
        for (uint32_t v = 0; v < n; v++)
            lone += !degree[v];
        bool yes = weir__planarity_test(&g);
        uint32_t parts = components(&g);
        if (yes) {
            weir__planarity_embed(&g);
            /* a vertex without edges has a face of its own in the formula, which has no half-edge
             */
            cr_assert_eq(n - lone + faces(&g), g.edges + 2 * (parts - lone), "round %d", round);
        } else if (parts == 1) {
            cr_assert_not(planar_by_force(&g, 0, 1), "round %d", round);
        }
        planar += yes;
        crossed += !yes;
        weir__plan_drop(&scratch, NULL);
    }
    cr_assert(planar > 500 && crossed > 50, "%u planar, %u not", planar, crossed);
}

/* K5 and K3,3 with paths for edges are not planar; a grid of any size is. */
Test(unit_plan, planarity_of_known_graphs)
{
    struct weir__plan_scratch scratch = {0};
    struct weir__planarity g;
    cr_assert_eq(weir__planarity_open(&g, 2600, 5000, &scratch), 0);
    weir__planarity_reset(&g, 15);
    for (uint32_t a = 0, middle = 5; a < 5; a++)
        for (uint32_t b = 0; b < a; b++, middle++) {
            weir__planarity_add(&g, a, middle);
            weir__planarity_add(&g, middle, b);
        }
    cr_assert_not(weir__planarity_test(&g));
    g.edges--; /* all but one edge */
    cr_assert(weir__planarity_test(&g));
    weir__planarity_reset(&g, 6);
    for (uint32_t a = 0; a < 3; a++)
        for (uint32_t b = 3; b < 6; b++)
            weir__planarity_add(&g, a, b);
    cr_assert_not(weir__planarity_test(&g));
    weir__planarity_reset(&g, 2500);
    for (uint32_t v = 0; v < 2500; v++) {
        if (v % 50 < 49)
            weir__planarity_add(&g, v, v + 1);
        if (v < 2450)
            weir__planarity_add(&g, v, v + 50);
    }
    cr_assert(weir__planarity_test(&g));
    weir__planarity_add(&g, 51, 2448); /* across the grid */
    cr_assert_not(weir__planarity_test(&g));
    weir__plan_drop(&scratch, NULL);
}

/* What the scratch memory held at most, by a problem reduced and a skyline run. */
Test(unit_plan, memory_stays_below_200_bytes_a_buffer)
{
    enum { N = 100000 };
    weir_plan *plan = chain(N);
    struct weir__plan_scratch scratch = {0};
    struct weir__problem problem;
    size_t *offsets = weir__plan_take(&scratch, N, sizeof *offsets);
    cr_assert_not_null(offsets);
    cr_assert_eq(weir__problem_reduce(plan, &scratch, &problem), 0);
    uint64_t *units = weir__plan_take(&scratch, 2 * (size_t)N, sizeof *units);
    int error = 0;
    struct weir__ranges ranges;
    cr_assert_eq(weir__ranges_open(&ranges, &problem, &scratch), 0);
    uint64_t arena = weir__skyline(&problem, &ranges, &scratch, WEIR__RANK_LENGTH, WEIR__PLAN_FAR,
                                   units, &error);
    cr_assert_eq(error, 0);
    cr_assert_geq(arena, problem.bound);
    size_t bytes = scratch.peak + plan->room * sizeof *plan->buffers;
    cr_assert_leq(bytes / N, 200, "%zu bytes a buffer", bytes / N);
    weir__plan_drop(&scratch, NULL);
    weir_plan_destroy(plan);
}

/* -- each way to be wrong ------------------------------------------------------------------ */

/* An offset of one buffer is wrong: all three ways to look say so, and where it is right none. */
static void expect_wrong(weir_plan *plan, size_t buffer, size_t offset, const char *why)
{
    size_t offsets[40];
    bool moved[40] = {false};
    for (size_t i = 0; i < plan->count; i++)
        offsets[i] = weir_plan_offset(plan, i);
    moved[buffer] = true;
    cr_expect_eq(weir__plan_verify_moved(plan, offsets, moved), 0);
    offsets[buffer] = offset;
    cr_expect_eq(weir__plan_verify_offsets(plan, offsets), EILSEQ, "%s", why);
    cr_expect_not_null(strstr(weir_last_error(), why), "%s, not %s", weir_last_error(), why);
    cr_expect_eq(weir__plan_verify_moved(plan, offsets, moved), EILSEQ, "%s", why);
    cr_expect_not_null(strstr(weir_last_error(), why), "%s, not %s", weir_last_error(), why);
}

/* Twenty buffers, all live at once but the last four. */
Test(unit_plan, each_way_to_be_wrong_is_told)
{
    enum { COUNT = 20 };
    weir_plan *plan = weir_plan_create();
    for (int i = 0; i < COUNT; i++)
        cr_assert_eq(weir_plan_add(plan, 256, 64, i < 16 ? 0 : 10 + i, i < 16 ? 10 : 11 + i), 0);
    cr_assert_eq(weir_plan_alias(plan, 14, 15), 0);
    cr_assert_eq(weir_plan_fix(plan, 3, 8192), 0);
    cr_assert_eq(weir_plan_disjoint(plan, 16, 17), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_verify(plan), 0);
    expect_wrong(plan, 1, weir_plan_offset(plan, 1) + 1, "against its alignment");
    expect_wrong(plan, 1, (size_t)PTRDIFF_MAX / 64 * 64, "ends out of bounds");
    expect_wrong(plan, 14, weir_plan_offset(plan, 14) + 64, "start apart");
    expect_wrong(plan, 3, 16384, "left its fixed offset");
    expect_wrong(plan, 16, weir_plan_offset(plan, 17), "share memory");
    expect_wrong(plan, 1, weir_plan_offset(plan, 2), "overlap");
    plan->arena++;
    cr_expect_eq(weir_plan_verify(plan), EILSEQ);
    cr_expect_not_null(strstr(weir_last_error(), "the arena is"), "%s", weir_last_error());
    plan->arena--;
    cr_expect_eq(weir_plan_verify(plan), 0);
    weir_plan_destroy(plan);
}
