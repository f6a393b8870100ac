/*
 * tests/api/plan.c - the planner through its public interface, against oracles of its own: a
 * brute force over a grid, planted packings, symmetries, a pairwise checker.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

struct box {
    int64_t first, last;
    size_t size, align, offset;
};

static uint64_t seed_state = 12345;

static unsigned below(unsigned n)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed_state >> 33) % n);
}

static bool slow_run(void)
{
    return getenv("WEIR_TEST_SLOW") != NULL;
}

static weir_plan *plan_of(const struct box *boxes, size_t n)
{
    weir_plan *plan = weir_plan_create();
    cr_assert_not_null(plan);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(
            weir_plan_add(plan, boxes[i].size, boxes[i].align, boxes[i].first, boxes[i].last), 0);
    return plan;
}

/* Every pair, from the definition. */
static void check_pairs(const weir_plan *plan, const struct box *b, size_t n)
{
    size_t arena = 0;
    for (size_t i = 0; i < n; i++) {
        size_t at = weir_plan_offset(plan, i), top = at + b[i].size;
        cr_assert_eq(at % (b[i].align ? b[i].align : 1), 0);
        arena = top > arena ? top : arena;
        for (size_t j = 0; j < i; j++) {
            size_t other = weir_plan_offset(plan, j);
            bool together = b[i].first < b[j].last && b[j].first < b[i].last;
            bool apart = top <= other || other + b[j].size <= at;
            cr_assert(!together || apart || !b[i].size || !b[j].size, "buffers %zu and %zu", i, j);
        }
    }
    cr_assert_eq(arena, weir_plan_arena_size(plan));
    cr_assert_eq(weir_plan_verify(plan), 0);
}

static size_t live_most(const struct box *b, size_t n)
{
    size_t most = 0;
    for (size_t i = 0; i < n; i++) {
        size_t sum = 0;
        for (size_t j = 0; j < n; j++)
            if (b[j].first <= b[i].first && b[i].first < b[j].last)
                sum += b[j].size;
        most = sum > most ? sum : most;
    }
    return most;
}

/* -- brute force: every offset of every buffer, from nothing but the definition ------------ */

enum { RELATED_NOT, RELATED_ALIAS, RELATED_DISJOINT };

struct brute {
    struct box *b;
    size_t n;
    int (*related)[8]; /* NULL: no constraints */
    size_t pinned[8];  /* SIZE_MAX: free */
};

static bool brute_clash(const struct brute *f, size_t i, size_t j)
{
    const struct box *x = &f->b[i], *y = &f->b[j];
    int related = f->related ? f->related[i][j] : RELATED_NOT;
    bool together = x->first < y->last && y->first < x->last;
    bool apart = x->offset + x->size <= y->offset || y->offset + y->size <= x->offset;
    if (related == RELATED_ALIAS)
        return x->offset != y->offset;
    return (together || related == RELATED_DISJOINT) && !apart;
}

static bool brute_fits(struct brute *f, size_t i, size_t capacity)
{
    if (i == f->n)
        return true;
    struct box *x = &f->b[i];
    size_t step = x->align ? x->align : 1;
    for (x->offset = 0; x->offset + x->size <= capacity; x->offset += step) {
        bool fine = !f->related || f->pinned[i] == SIZE_MAX || f->pinned[i] == x->offset;
        for (size_t j = 0; j < i && fine; j++)
            fine = !brute_clash(f, i, j);
        if (fine && brute_fits(f, i + 1, capacity))
            return true;
    }
    return false;
}

static size_t brute_least(struct brute *f, size_t from, size_t most)
{
    for (size_t capacity = from; capacity <= most; capacity++)
        if (brute_fits(f, 0, capacity))
            return capacity;
    return SIZE_MAX;
}

static void random_boxes(struct box *b, size_t n, unsigned times, unsigned sizes, bool aligned)
{
    for (size_t i = 0; i < n; i++) {
        b[i].first = below(times);
        b[i].last = b[i].first + 1 + below(times / 2 + 1);
        b[i].size = 1 + below(sizes);
        b[i].align = aligned ? 1u << below(3) : 1;
    }
}

Test(plan, small_instances_agree_with_brute_force)
{
    int rounds = slow_run() ? 40 : 1500;
    for (int round = 0; round < rounds; round++) {
        struct box b[8];
        size_t n = 1 + below(7);
        random_boxes(b, n, 7, n > 5 ? 4 : 6, round % 3 == 0);
        weir_plan *plan = plan_of(b, n);
        cr_assert_eq(weir_plan_solve(plan, NULL), 0);
        check_pairs(plan, b, n);
        cr_assert_eq(weir_plan_lower_bound(plan), live_most(b, n));
        struct brute f = {.b = b, .n = n};
        size_t least = brute_least(&f, live_most(b, n), 60);
        weir_plan_stats r = {.size = sizeof r};
        cr_assert_eq(weir_plan_stats_get(plan, &r), 0);
        cr_assert_eq(r.arena, least, "round %d: %zu, brute force %zu", round, r.arena, least);
        cr_assert(r.optimal, "round %d: not proved", round);
        cr_assert_leq(r.proven_bound, least);
        weir_plan_destroy(plan);
    }
}

/* Random relations among few buffers; contradictions are EINVAL for both. */
static void constrain(weir_plan *plan, struct brute *f)
{
    for (size_t i = 0; i < f->n; i++) {
        f->pinned[i] = SIZE_MAX;
        for (size_t j = 0; j < f->n; j++)
            f->related[i][j] = RELATED_NOT;
    }
    if (below(2)) {
        size_t a = below((unsigned)f->n), b = below((unsigned)f->n);
        f->related[a][b] = f->related[b][a] = a == b ? RELATED_NOT : RELATED_ALIAS;
        cr_assert_eq(weir_plan_alias(plan, a, b), 0);
    }
    if (below(2)) {
        size_t a = below((unsigned)f->n), b = below((unsigned)f->n);
        if (a != b && f->related[a][b] == RELATED_NOT) {
            f->related[a][b] = f->related[b][a] = RELATED_DISJOINT;
            cr_assert_eq(weir_plan_disjoint(plan, a, b), 0);
        }
    }
    if (below(2)) {
        size_t a = below((unsigned)f->n), at = below(6) * f->b[a].align;
        f->pinned[a] = at;
        cr_assert_eq(weir_plan_fix(plan, a, at), 0);
    }
}

Test(plan, constrained_instances_agree_with_brute_force)
{
    int rounds = slow_run() ? 30 : 800;
    for (int round = 0; round < rounds; round++) {
        struct box b[8];
        int related[8][8];
        struct brute f = {.b = b, .n = 2 + below(4), .related = related};
        random_boxes(b, f.n, 6, 4, round % 4 == 0);
        weir_plan *plan = plan_of(b, f.n);
        constrain(plan, &f);
        int error = weir_plan_solve(plan, NULL);
        size_t least = brute_least(&f, 1, 40);
        if (least == SIZE_MAX) {
            cr_assert_eq(error, EINVAL, "round %d: %d", round, error);
        } else {
            cr_assert_eq(error, 0, "round %d: %s", round, weir_last_error());
            cr_assert_eq(weir_plan_verify(plan), 0);
            cr_assert_eq(weir_plan_arena_size(plan), least, "round %d: %zu, brute force %zu", round,
                         weir_plan_arena_size(plan), least);
        }
        weir_plan_destroy(plan);
    }
}

/* -- larger ones --------------------------------------------------------------------------- */

Test(plan, random_instances_pass_an_independent_checker)
{
    for (int round = 0; round < (slow_run() ? 5 : 60); round++) {
        enum { MOST = 200 };
        static struct box b[MOST];
        size_t n = 1 + below(MOST);
        random_boxes(b, n, 80, 5000, round % 2);
        for (size_t i = 0; i < n; i++)
            b[i].size = below(20) ? b[i].size : 0;
        weir_plan *plan = plan_of(b, n);
        weir_plan_options options = {.size = sizeof options, .work = 3000000};
        cr_assert_eq(weir_plan_solve(plan, &options), 0);
        check_pairs(plan, b, n);
        cr_assert_geq(weir_plan_arena_size(plan), weir_plan_lower_bound(plan));
        for (int h = 0; h < WEIR_PLAN_HEURISTICS; h++) {
            cr_assert_eq(weir_plan_solve_with(plan, h), 0);
            check_pairs(plan, b, n);
        }
        weir_plan_destroy(plan);
    }
}

/* Cuts a rectangle of `time` by `height` into boxes that fill it. */
static size_t plant(struct box *b, size_t n, size_t most, int64_t t0, int64_t t1, size_t height)
{
    if (n + 2 > most || (t1 - t0 < 2 && height < 2) || below(12) == 0) {
        b[n] = (struct box){t0, t1, height, 1, 0};
        return n + 1;
    }
    if (height < 2 || (t1 - t0 >= 2 && below(2))) {
        int64_t cut = t0 + 1 + below((unsigned)(t1 - t0 - 1));
        n = plant(b, n, most - 1, t0, cut, height);
        return plant(b, n, most, cut, t1, height);
    }
    size_t cut = 1 + below((unsigned)height - 1);
    n = plant(b, n, most - 1, t0, t1, cut);
    return plant(b, n, most, t0, t1, height - cut);
}

Test(plan, planted_packings_are_found)
{
    for (int round = 0; round < (slow_run() ? 3 : 60); round++) {
        struct box b[40];
        size_t n = plant(b, 0, 40, 0, 30, 1000);
        weir_plan *plan = plan_of(b, n);
        cr_assert_eq(weir_plan_solve(plan, NULL), 0);
        check_pairs(plan, b, n);
        cr_assert_eq(weir_plan_arena_size(plan), 1000, "round %d, %zu buffers", round, n);
        weir_plan_destroy(plan);
    }
}

static size_t solved(const struct box *b, size_t n, uint64_t seed)
{
    weir_plan *plan = plan_of(b, n);
    weir_plan_options options = {.size = sizeof options, .seed = seed};
    cr_assert_eq(weir_plan_solve(plan, &options), 0);
    check_pairs(plan, b, n);
    size_t arena = weir_plan_arena_size(plan);
    weir_plan_destroy(plan);
    return arena;
}

/* Optimal arenas do not change when buffers are shuffled, time is mirrored or stretched, or
 * all sizes are multiplied. */
Test(plan, order_mirror_and_scale_change_nothing)
{
    for (int round = 0; round < (slow_run() ? 2 : 40); round++) {
        struct box b[9], c[9];
        size_t n = 9;
        random_boxes(b, n, 9, 9, false);
        size_t arena = solved(b, n, 0);
        for (size_t i = 0; i < n; i++)
            c[i] = (struct box){-b[i].last, -b[i].first, b[i].size, 1, 0};
        cr_assert_eq(solved(c, n, 1), arena);
        for (size_t i = 0; i < n; i++)
            c[i] = (struct box){b[n - 1 - i].first * 1000 - 7, b[n - 1 - i].last * 1000 - 7,
                                b[n - 1 - i].size * 4096, 4096, 0};
        cr_assert_eq(solved(c, n, 2), arena * 4096);
    }
}

Test(plan, the_same_seed_gives_the_same_plan)
{
    struct box b[120];
    random_boxes(b, 120, 40, 900, false);
    size_t offsets[120];
    for (int round = 0; round < 3; round++) {
        weir_plan *plan = plan_of(b, 120);
        weir_plan_options options = {.size = sizeof options, .seed = 7, .work = 20000000};
        cr_assert_eq(weir_plan_solve(plan, &options), 0);
        for (size_t i = 0; i < 120; i++) {
            if (round == 0)
                offsets[i] = weir_plan_offset(plan, i);
            cr_assert_eq(weir_plan_offset(plan, i), offsets[i]);
        }
        weir_plan_destroy(plan);
    }
}

Test(plan, a_clock_budget_ends_the_search)
{
    struct box b[300];
    random_boxes(b, 300, 60, 900, false);
    weir_plan *plan = plan_of(b, 300);
    weir_plan_options options = {.size = sizeof options, .clock = 20000000};
    cr_assert_eq(weir_plan_solve(plan, &options), 0);
    check_pairs(plan, b, 300);
    weir_plan_destroy(plan);
}

/* -- constraints ------------------------------------------------------------------------------ */

Test(plan, aliases_share_their_start)
{
    weir_plan *plan = weir_plan_create();
    weir_plan_add(plan, 100, 64, 0, 2); /* in place: 0 becomes 1 becomes 2 */
    weir_plan_add(plan, 200, 64, 1, 4);
    weir_plan_add(plan, 50, 64, 3, 6);
    weir_plan_add(plan, 300, 64, 0, 6);
    cr_assert_eq(weir_plan_alias(plan, 0, 1), 0);
    cr_assert_eq(weir_plan_alias(plan, 2, 1), 0);
    cr_assert_eq(weir_plan_alias(plan, 2, 0), 0); /* once more is fine */
    cr_assert_eq(weir_plan_lower_bound(plan), 500);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_offset(plan, 0), weir_plan_offset(plan, 1));
    cr_assert_eq(weir_plan_offset(plan, 0), weir_plan_offset(plan, 2));
    cr_assert_eq(weir_plan_arena_size(plan), 520); /* 300, padded to 320, and 200 */
    cr_assert_eq(weir_plan_verify(plan), 0);
    cr_assert_eq(weir_plan_alias(plan, 0, 9), EINVAL);
    weir_plan_destroy(plan);
}

/* An aliased pair is no box: what fits beneath its narrow end is put there. */
Test(plan, aliases_keep_their_shape)
{
    weir_plan *plan = weir_plan_create();
    weir_plan_add(plan, 100, 1, 0, 2);
    weir_plan_add(plan, 10, 1, 2, 4);
    weir_plan_add(plan, 90, 1, 2, 4);
    cr_assert_eq(weir_plan_alias(plan, 0, 1), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_arena_size(plan), 100);
    cr_assert_eq(weir_plan_verify(plan), 0);
    weir_plan_destroy(plan);
}

Test(plan, fixed_offsets_are_kept_and_contradictions_named)
{
    weir_plan *plan = weir_plan_create();
    weir_plan_add(plan, 100, 4, 0, 10);
    weir_plan_add(plan, 100, 4, 5, 15);
    weir_plan_add(plan, 60, 4, 0, 15);
    cr_assert_eq(weir_plan_fix(plan, 0, 60), 0);
    cr_assert_eq(weir_plan_fix(plan, 0, 2), EINVAL);
    cr_assert_eq(weir_plan_fix(plan, 7, 0), EINVAL);
    cr_assert_eq(weir_plan_fix(plan, 1, PTRDIFF_MAX - 3), EOVERFLOW);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_offset(plan, 0), 60);
    cr_assert_eq(weir_plan_offset(plan, 2), 0);
    cr_assert_eq(weir_plan_arena_size(plan), 260);
    cr_assert_eq(weir_plan_fix(plan, 1, 100), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), EINVAL);
    cr_assert(strlen(weir_last_error()) > 0);
    weir_plan_destroy(plan);
}

Test(plan, disjoint_buffers_share_no_byte)
{
    weir_plan *plan = weir_plan_create();
    weir_plan_add(plan, 100, 1, 0, 1);
    weir_plan_add(plan, 100, 1, 5, 6);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_arena_size(plan), 100);
    cr_assert_eq(weir_plan_disjoint(plan, 0, 1), 0);
    cr_assert_eq(weir_plan_offset(plan, 0), SIZE_MAX, "a changed plan is unsolved");
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_arena_size(plan), 200);
    cr_assert_eq(weir_plan_disjoint(plan, 0, 0), EINVAL);
    weir_plan_destroy(plan);
}

Test(plan, a_capacity_that_is_out_of_reach_says_how_far)
{
    struct box b[3] = {{0, 2, 100, 1, 0}, {1, 3, 100, 1, 0}, {2, 4, 50, 1, 0}};
    weir_plan *plan = plan_of(b, 3);
    weir_plan_options options = {.size = sizeof options, .capacity = 150};
    cr_assert_eq(weir_plan_solve(plan, &options), ENOSPC);
    cr_assert_eq(weir_plan_arena_size(plan), 200);
    cr_assert_eq(weir_plan_verify(plan), 0);
    options.capacity = 200;
    cr_assert_eq(weir_plan_solve(plan, &options), 0);
    options.threads = 2;
    cr_assert_eq(weir_plan_solve(plan, &options), EINVAL);
    weir_plan_destroy(plan);
}

/* -- edges --------------------------------------------------------------------------------------
 */

Test(plan, bad_arguments_are_refused)
{
    weir_plan *plan = weir_plan_create();
    cr_assert_eq(weir_plan_add(plan, 1, 3, 0, 1), EINVAL);
    cr_assert_eq(weir_plan_add(plan, 1, 1, 1, 1), EINVAL);
    cr_assert_eq(weir_plan_add(plan, 1, 1, 2, 1), EINVAL);
    cr_assert_eq(weir_plan_add(NULL, 1, 1, 0, 1), EINVAL);
    cr_assert_eq(weir_plan_add(plan, SIZE_MAX, 1, 0, 1), EOVERFLOW);
    cr_assert_eq(weir_plan_add(plan, PTRDIFF_MAX, 64, 0, 1), EOVERFLOW);
    cr_assert_eq(weir_plan_count(plan), 0);
    cr_assert_eq(weir_plan_solve(NULL, NULL), EINVAL);
    cr_assert_eq(weir_plan_verify(plan), EINVAL);
    cr_assert_eq(weir_plan_arena_size(plan), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_arena_size(plan), 0);
    cr_assert_eq(weir_plan_offset(plan, 0), SIZE_MAX);
    cr_assert_eq(weir_plan_solve_with(plan, WEIR_PLAN_HEURISTICS), EINVAL);
    weir_plan_destroy(plan);
    weir_plan_destroy(NULL);
}

Test(plan, sizes_near_the_greatest_do_not_wrap)
{
    size_t huge = (size_t)PTRDIFF_MAX - 64;
    struct box fits[3] = {{INT64_MIN, 0, huge, 1, 0}, {0, INT64_MAX, huge, 1, 0}, {-1, 1, 8, 8, 0}};
    weir_plan *plan = plan_of(fits, 3);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    check_pairs(plan, fits, 3);
    weir_plan_stats r = {.size = sizeof r};
    cr_assert_eq(weir_plan_stats_get(plan, &r), 0);
    cr_assert_eq(r.total, SIZE_MAX - 128 - 1 + 8);
    cr_assert_eq(weir_plan_add(plan, huge, 1, 5, 6), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), EOVERFLOW);
    cr_assert_eq(weir_plan_lower_bound(plan), SIZE_MAX);
    for (int h = 0; h < WEIR_PLAN_HEURISTICS; h++)
        cr_assert_eq(weir_plan_solve_with(plan, h), EOVERFLOW);
    weir_plan_destroy(plan);
}

/* Odd sizes under a common alignment: the bound that counts the padding is met, and told. */
Test(plan, padding_that_cannot_be_avoided_counts_as_proved)
{
    struct box b[3] = {{0, 1, 100, 64, 0}, {0, 1, 100, 64, 0}, {0, 1, 10, 64, 0}};
    weir_plan *plan = plan_of(b, 3);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    weir_plan_stats r = {.size = sizeof r};
    cr_assert_eq(weir_plan_stats_get(plan, &r), 0);
    cr_assert_eq(r.lower_bound, 210);
    cr_assert_eq(r.arena, 266);
    cr_assert(r.optimal);
    weir_plan_destroy(plan);
}

/* -- heuristics alone ------------------------------------------------------------------------ */

/* Long lifetimes, so that the bound is out of reach and a search takes all its budget. */
static weir_plan *crowd_make(size_t n)
{
    weir_plan *plan = weir_plan_create();
    unsigned s = 1;
    for (size_t i = 0; i < n; i++) {
        s = s * 1664525 + 1013904223;
        int64_t first = (int64_t)((s >> 8) % (2 * n));
        s = s * 1664525 + 1013904223;
        int64_t life = 1 + (int64_t)((s >> 8) % n);
        s = s * 1664525 + 1013904223;
        cr_assert_eq(weir_plan_add(plan, 64 * (1 + (s >> 8) % 500), 64, first, first + life), 0);
    }
    return plan;
}

static void crowd_constrain(weir_plan *plan, int kind)
{
    cr_assert_eq(kind == 1   ? weir_plan_fix(plan, 0, 0)
                 : kind == 2 ? weir_plan_alias(plan, 0, 1)
                 : kind == 3 ? weir_plan_disjoint(plan, 0, 1)
                             : 0,
                 0);
}

Test(plan, heuristics_alone_search_nothing)
{
    for (int kind = 0; kind < 4; kind++) {
        weir_plan *plan = crowd_make(500);
        crowd_constrain(plan, kind);
        weir_plan_options options = {.size = sizeof options, .heuristic_only = true};
        weir_plan_stats report = {.size = sizeof report};
        cr_assert_eq(weir_plan_solve(plan, &options), 0);
        cr_assert_eq(weir_plan_verify(plan), 0);
        cr_assert_eq(weir_plan_stats_get(plan, &report), 0);
        cr_assert_lt(report.work, 20000000, "kind %d: work %llu", kind,
                     (unsigned long long)report.work);
        cr_assert_str_eq(report.method, kind % 2 ? "first fit" : "skyline");
        weir_plan_destroy(plan);
    }
}

/* A budget smaller than one heuristic takes still gives an arrangement, and no second one. */
Test(plan, a_small_budget_ends_after_the_first_arrangement)
{
    uint64_t work[2];
    for (int small = 0; small < 2; small++) {
        weir_plan *plan = crowd_make(500);
        crowd_constrain(plan, 1);
        weir_plan_options options = {
            .size = sizeof options, .heuristic_only = true, .work = small ? 1 : 0};
        weir_plan_stats report = {.size = sizeof report};
        cr_assert_eq(weir_plan_solve(plan, &options), 0);
        cr_assert_eq(weir_plan_verify(plan), 0);
        cr_assert_eq(weir_plan_stats_get(plan, &report), 0);
        work[small] = report.work;
        weir_plan_destroy(plan);
    }
    cr_assert_eq(work[1], 1);
    cr_assert_gt(work[0], 1);
}

/* -- changes and repairs --------------------------------------------------------------------- */

/* A random change of boxes and plan alike; the number of boxes. */
static size_t change(weir_plan *plan, struct box *b, size_t n, size_t most)
{
    size_t i = below((unsigned)n);
    struct box to = b[i];
    switch (n < most ? below(5) : 1 + below(4)) {
    case 0:
        b[n] = (struct box){below(80), 0, 1 + below(5000), 1u << below(3), 0};
        b[n].last = b[n].first + 1 + below(40);
        cr_assert_eq(weir_plan_add(plan, b[n].size, b[n].align, b[n].first, b[n].last), 0);
        return n + 1;
    case 1:
        to.size = 1 + below(5000);
        break;
    case 2:
        to.size = 0;
        break;
    case 3:
        to.first -= below(5);
        to.last += below(5);
        break;
    default:
        to.align = n < most ? 1u << below(5) : 1; /* 1 suits any fixed offset */
    }
    b[i] = to;
    cr_assert_eq(weir_plan_change(plan, i, to.size, to.align, to.first, to.last), 0);
    return n;
}

Test(plan, repaired_plans_pass_an_independent_checker)
{
    for (int round = 0; round < (slow_run() ? 3 : 40); round++) {
        enum { MOST = 150 };
        static struct box b[MOST];
        size_t n = 20 + below(MOST - 40);
        random_boxes(b, n, 80, 5000, round % 2);
        weir_plan *plan = plan_of(b, n);
        cr_assert_eq(weir_plan_repair(plan, NULL), EINVAL, "it was never solved");
        weir_plan_options options = {.size = sizeof options, .seed = 1, .work = 2000000};
        cr_assert_eq(weir_plan_solve(plan, &options), 0);
        for (int repair = 0; repair < 10; repair++) {
            for (unsigned k = 1 + below(3); k > 0; k--)
                n = change(plan, b, n, MOST);
            cr_assert_eq(weir_plan_offset(plan, 0), SIZE_MAX, "a changed plan is unsolved");
            options.work = repair % 3 ? 0 : 300000;
            cr_assert_eq(weir_plan_repair(plan, repair % 2 ? &options : NULL), 0, "%s",
                         weir_last_error());
            check_pairs(plan, b, n);
        }
        weir_plan_destroy(plan);
    }
}

/* With every constraint: whatever a repair says is what the solver says, and verified. */
Test(plan, repairs_keep_constraints_and_find_contradictions)
{
    for (int round = 0; round < (slow_run() ? 20 : 600); round++) {
        struct box b[8];
        int related[8][8];
        struct brute f = {.b = b, .n = 3 + below(4), .related = related};
        random_boxes(b, f.n, 6, 4, round % 4 == 0);
        weir_plan *plan = plan_of(b, f.n);
        cr_assert_eq(weir_plan_solve(plan, NULL), 0);
        constrain(plan, &f);
        if (below(2))
            f.n = change(plan, b, f.n, f.n);
        int repaired = weir_plan_repair(plan, NULL);
        int verified = repaired ? 0 : weir_plan_verify(plan);
        int solved = weir_plan_solve(plan, NULL);
        cr_assert_eq(repaired, solved, "round %d: %d, %d: %s", round, repaired, solved,
                     weir_last_error());
        cr_assert_eq(verified, 0);
        weir_plan_destroy(plan);
    }
}

Test(plan, a_repair_keeps_what_did_not_change)
{
    weir_plan *plan = crowd_make(2000);
    weir_plan_options options = {.size = sizeof options, .work = 20000000};
    cr_assert_eq(weir_plan_solve(plan, &options), 0);
    static size_t before[2000];
    for (size_t i = 0; i < 2000; i++)
        before[i] = weir_plan_offset(plan, i);
    weir_plan_stats solved = {.size = sizeof solved}, repaired = solved;
    cr_assert_eq(weir_plan_stats_get(plan, &solved), 0);
    for (size_t i = 0; i < 5; i++)
        cr_assert_eq(weir_plan_change(plan, 300 * i, 64, 64, (int64_t)(700 * i), 4000), 0);
    cr_assert_eq(weir_plan_repair(plan, NULL), 0);
    cr_assert_eq(weir_plan_verify(plan), 0);
    cr_assert_eq(weir_plan_stats_get(plan, &repaired), 0);
    size_t moved = 0;
    for (size_t i = 0; i < 2000; i++)
        moved += weir_plan_offset(plan, i) != before[i];
    cr_assert_leq(moved, 100, "%zu moved", moved);
    cr_assert_leq(repaired.work, solved.work / 10, "%llu of %llu",
                  (unsigned long long)repaired.work, (unsigned long long)solved.work);
    cr_assert_leq(repaired.arena, solved.arena + solved.arena / 50);
    cr_assert_eq(weir_plan_repair(plan, NULL), 0, "a solved plan stays as it is");
    weir_plan_destroy(plan);
}

Test(plan, changes_that_are_refused_change_nothing)
{
    struct box b[3] = {{0, 2, 100, 1, 0}, {1, 3, 100, 1, 0}, {2, 4, 50, 1, 0}};
    weir_plan *plan = plan_of(b, 3);
    cr_assert_eq(weir_plan_fix(plan, 0, 36), 0);
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_change(plan, 3, 1, 1, 0, 1), EINVAL);
    cr_assert_eq(weir_plan_change(plan, 1, 1, 3, 0, 1), EINVAL);
    cr_assert_eq(weir_plan_change(plan, 1, 1, 1, 1, 1), EINVAL);
    cr_assert_eq(weir_plan_change(plan, 0, 1, 64, 0, 2), EINVAL, "against its fixed offset");
    cr_assert_eq(weir_plan_change(plan, 0, PTRDIFF_MAX - 1, 1, 0, 2), EOVERFLOW);
    cr_assert_eq(weir_plan_change(plan, 1, SIZE_MAX, 1, 0, 2), EOVERFLOW);
    cr_assert_eq(weir_plan_change(NULL, 0, 1, 1, 0, 1), EINVAL);
    cr_assert_eq(weir_plan_verify(plan), 0);
    weir_plan_options options = {.size = sizeof options, .capacity = 200};
    cr_assert_eq(weir_plan_change(plan, 2, 150, 1, 1, 4), 0);
    cr_assert_eq(weir_plan_repair(plan, &options), ENOSPC);
    cr_assert_eq(weir_plan_verify(plan), 0, "the best found is kept");
    options.threads = 2;
    cr_assert_eq(weir_plan_repair(plan, &options), EINVAL);
    cr_assert_eq(weir_plan_repair(NULL, NULL), EINVAL);
    weir_plan_destroy(plan);
}

/* -- one plan for many shapes ------------------------------------------------------------------ */

/* Sizes affine in a batch and a length, as tensors have them. */
static size_t shaped(const struct box *b, size_t i, unsigned batch, unsigned length)
{
    return b[i].size / 64 * batch + (i % 3) * length * batch;
}

Test(plan, offsets_hold_for_every_size_in_the_range)
{
    for (int round = 0; round < (slow_run() ? 3 : 60); round++) {
        enum { MOST = 120 };
        static struct box b[MOST], now[MOST];
        static size_t sizes[MOST];
        size_t n = 2 + below(MOST - 2);
        random_boxes(b, n, 60, 5000, false);
        weir_plan *plan = plan_of(b, n);
        for (size_t i = 0; i < n; i++)
            cr_assert_eq(weir_plan_change(plan, i, 0, 1, b[i].first, b[i].last), 0);
        for (unsigned profile = 0; profile < 3; profile++) { /* small; long; wide */
            for (size_t i = 0; i < n; i++)
                sizes[i] = shaped(b, i, profile == 2 ? 8 : 1, profile == 1 ? 100 : 10);
            cr_assert_eq(weir_plan_add_profile(plan, sizes, n), 0);
        }
        cr_assert_eq(weir_plan_profile_count(plan), 3);
        weir_plan_options options = {.size = sizeof options, .work = 3000000};
        cr_assert_eq(weir_plan_solve(plan, &options), 0);
        cr_assert_eq(weir_plan_verify(plan), 0);
        for (int shape = 0; shape < 20; shape++) {
            unsigned long_one = below(2), batch = long_one ? 1 : 1 + below(8);
            unsigned length = long_one ? 1 + below(100) : 1 + below(10);
            size_t arena = 0;
            for (size_t i = 0; i < n; i++) {
                now[i] = b[i];
                now[i].size = sizes[i] = shaped(b, i, batch, length);
                now[i].offset = weir_plan_offset(plan, i);
                size_t end = now[i].size ? now[i].offset + now[i].size : 0;
                arena = end > arena ? end : arena;
            }
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < i; j++)
                    cr_assert(now[i].first >= now[j].last || now[j].first >= now[i].last ||
                                  now[i].offset + now[i].size <= now[j].offset ||
                                  now[j].offset + now[j].size <= now[i].offset || !now[i].size ||
                                  !now[j].size,
                              "batch %u, length %u: buffers %zu and %zu", batch, length, i, j);
            cr_assert_eq(weir_plan_arena_size_for(plan, sizes, n), arena);
            cr_assert_leq(arena, weir_plan_arena_size(plan));
        }
        weir_plan_destroy(plan);
    }
}

Test(plan, profiles_say_what_each_of_them_needs)
{
    struct box b[3] = {{0, 2, 10, 1, 0}, {1, 3, 10, 1, 0}, {2, 4, 10, 1, 0}};
    size_t small[3] = {10, 20, 10}, large[3] = {40, 20, 90}, other[4] = {1, 1, 1, 1};
    weir_plan *plan = plan_of(b, 3);
    weir_plan_profile_stats r = {.size = sizeof r};
    cr_assert_eq(weir_plan_profile_stats_get(plan, 0, &r), EINVAL);
    cr_assert_eq(weir_plan_add_profile(plan, small, 3), 0);
    cr_assert_eq(weir_plan_add_profile(plan, large, 3), 0);
    cr_assert_eq(weir_plan_add_profile(plan, large, 2), EINVAL);
    cr_assert_eq(weir_plan_add_profile(plan, NULL, 3), EINVAL);
    cr_assert_eq(weir_plan_add_profile(plan, (size_t[3]){1, SIZE_MAX, 1}, 3), EOVERFLOW);
    cr_assert_eq(weir_plan_profile_count(plan), 2);
    cr_assert_eq(weir_plan_profile_stats_get(plan, 1, &r), 0);
    cr_assert(r.arena == 0 && r.lower_bound == 110 && r.total == 150);
    cr_assert_eq(weir_plan_arena_size_for(plan, small, 3), SIZE_MAX, "not solved");
    cr_assert_eq(weir_plan_solve(plan, NULL), 0);
    cr_assert_eq(weir_plan_arena_size(plan), 110);
    cr_assert_eq(weir_plan_profile_stats_get(plan, 0, &r), 0);
    cr_assert(r.lower_bound == 30 && r.arena == weir_plan_arena_size_for(plan, small, 3));
    cr_assert_eq(weir_plan_arena_size_for(plan, other, 4), SIZE_MAX);
    other[2] = 91;
    cr_assert_eq(weir_plan_arena_size_for(plan, other, 3), SIZE_MAX);
    cr_assert_eq(weir_plan_add(plan, 7, 1, 0, 4), 0);
    cr_assert_eq(weir_plan_change(plan, 1, 30, 1, 1, 3), 0);
    cr_assert_eq(weir_plan_profile_stats_get(plan, 0, &r), 0);
    cr_assert_eq(r.lower_bound, 47, "later buffers and changed ones count in every profile");
    cr_assert_eq(weir_plan_repair(plan, NULL), 0);
    cr_assert_eq(weir_plan_verify(plan), 0);
    r.size = 3;
    cr_assert_eq(weir_plan_profile_stats_get(plan, 0, &r), EINVAL);
    weir_plan_destroy(plan);
}
