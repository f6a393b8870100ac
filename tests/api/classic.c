/*
 * tests/api/classic.c - the planners of other runtimes, against a second implementation that knows
 * no lists: memory is a map of bytes, and orders are picked from their definitions. And against
 * figures: worked by hand, and printed by Mini-infer's own code.
 */
#include "../helpers/suite.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

enum { MOST = 60, MOMENTS = 40, BYTES = 1 << 15 };

struct box {
    int64_t first, last;
    size_t size, align;
};

static uint64_t seed_state = 4711;

static unsigned below(unsigned n)
{
    seed_state = seed_state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)((seed_state >> 33) % n);
}

static weir_plan *plan_of(const struct box *b, size_t n)
{
    weir_plan *plan = weir_plan_create();
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(weir_plan_add(plan, b[i].size, b[i].align, b[i].first, b[i].last), 0);
    return plan;
}

static void expect(const struct box *b, size_t n, weir_plan_heuristic heuristic,
                   const size_t *offsets)
{
    weir_plan *plan = plan_of(b, n);
    cr_assert_eq(weir_plan_solve_with(plan, heuristic), 0);
    for (size_t i = 0; i < n; i++)
        cr_assert_eq(weir_plan_offset(plan, i), offsets[i], "%s: buffer %zu of %zu at %zu, not %zu",
                     weir_plan_heuristic_name(heuristic), i, n, weir_plan_offset(plan, i),
                     offsets[i]);
    weir_plan_destroy(plan);
}

/* -- the second implementation ---------------------------------------------------------------- */

static bool map[BYTES]; /* true: taken */

static size_t padded(size_t at, size_t align)
{
    return (at + align - 1) / align * align;
}

/* The end of the run of free bytes that starts at `from`. */
static size_t run_end(size_t from)
{
    while (from < BYTES && !map[from])
        from++;
    return from;
}

/* The start of the next run of free bytes at or after `from`. */
static size_t run_next(size_t from)
{
    while (from < BYTES && map[from])
        from++;
    return from;
}

/* Buffers in the order that a greedy planner takes them: `before` says of two whose turn is first.
 */
typedef bool before_fn(const struct box *b, size_t n, size_t x, size_t y);

static bool lasts(const struct box *b, size_t n, size_t x)
{
    for (size_t i = 0; i < n; i++)
        if (b[i].first < b[x].first || b[i].last > b[x].last)
            return false;
    return true;
}

static bool larger(const struct box *b, size_t x, size_t y)
{
    if (b[x].size != b[y].size)
        return b[x].size > b[y].size;
    return b[x].first != b[y].first ? b[x].first < b[y].first : x < y;
}

static bool before_by_size(const struct box *b, size_t n, size_t x, size_t y)
{
    bool lx = lasts(b, n, x), ly = lasts(b, n, y);
    return lx || ly ? lx && (!ly || x < y) : larger(b, x, y);
}

static size_t live_sum(const struct box *b, size_t n, int64_t t)
{
    size_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += b[i].first <= t && t < b[i].last ? b[i].size : 0;
    return sum;
}

/* The moment at which the tasks, busiest first, come to this buffer. */
static int64_t busiest(const struct box *b, size_t n, size_t x)
{
    int64_t best = b[x].first;
    for (int64_t t = b[x].first; t < b[x].last; t++)
        if (live_sum(b, n, t) > live_sum(b, n, best))
            best = t;
    return best;
}

static bool before_by_breadth(const struct box *b, size_t n, size_t x, size_t y)
{
    int64_t tx = busiest(b, n, x), ty = busiest(b, n, y);
    size_t sx = live_sum(b, n, tx), sy = live_sum(b, n, ty);
    return sx != sy ? sx > sy : tx != ty ? tx < ty : larger(b, x, y);
}

static bool before_by_first(const struct box *b, size_t n, size_t x, size_t y)
{
    (void)n;
    return b[x].first != b[y].first ? b[x].first < b[y].first : x < y;
}

static size_t pick(const struct box *b, size_t n, before_fn *before, const bool *done)
{
    size_t next = n;
    for (size_t i = 0; i < n; i++)
        if (!done[i] && (next == n || before(b, n, i, next)))
            next = i;
    return next;
}

static size_t greedy_place(const struct box *x, bool tightest)
{
    size_t best = BYTES, least = BYTES;
    for (size_t from = run_next(0), to; (to = run_end(from)) < BYTES; from = run_next(to)) {
        size_t at = padded(from, x->align);
        if (at + x->size > to || to - at >= least)
            continue;
        best = at;
        least = tightest ? to - from : 0;
    }
    size_t top = BYTES;
    while (top > 0 && !map[top - 1])
        top--;
    return best < BYTES ? best : padded(top, x->align);
}

static void greedy(const struct box *b, size_t n, before_fn *before, bool tightest, size_t *offsets)
{
    bool done[MOST] = {false};
    memset(offsets, 0, n * sizeof *offsets);
    for (size_t k = 0; k < n; k++) {
        size_t i = pick(b, n, before, done);
        memset(map, 0, sizeof map);
        for (size_t j = 0; j < n; j++)
            if (done[j] && b[j].first < b[i].last && b[i].first < b[j].last)
                memset(&map[offsets[j]], true, b[j].size);
        offsets[i] = b[i].size ? greedy_place(&b[i], tightest) : 0;
        done[i] = true;
    }
}

/* The map at time t of what the planner holds: sizes rounded up. */
static void map_at(const struct box *b, size_t n, const bool *done, const size_t *offsets,
                   int64_t t, size_t align)
{
    memset(map, 0, sizeof map);
    for (size_t j = 0; j < n; j++)
        if (done[j] && t < b[j].last)
            memset(&map[offsets[j]], true, padded(b[j].size, align));
}

static size_t ggml_place(size_t size)
{
    size_t best = BYTES, least = BYTES;
    for (size_t from = run_next(0), to; (to = run_end(from)) < BYTES; from = run_next(to))
        if (to - from >= size && to - from <= least) {
            best = from;
            least = to - from;
        }
    size_t top = BYTES; /* where the run without an end begins */
    while (top > 0 && !map[top - 1])
        top--;
    return best < BYTES ? best : top;
}

static size_t mini_infer_place(size_t size, size_t *ever)
{
    for (size_t from = run_next(0); from < *ever; from = run_next(run_end(from))) {
        size_t to = run_end(from);
        if ((to < *ever ? to : *ever) - from >= size)
            return from;
    }
    *ever += size;
    return *ever - size;
}

static bool before_by_first_and_size(const struct box *b, size_t n, size_t x, size_t y)
{
    (void)n;
    return b[x].first != b[y].first ? b[x].first < b[y].first : larger(b, x, y);
}

static void execute(const struct box *b, size_t n, bool ggml, size_t *offsets)
{
    bool done[MOST] = {false};
    size_t align = 1, ever = 0;
    for (size_t i = 0; i < n; i++)
        align = b[i].align > align ? b[i].align : align;
    for (size_t k = 0; k < n; k++) {
        size_t i = pick(b, n, ggml ? before_by_first : before_by_first_and_size, done);
        size_t size = padded(b[i].size, align);
        map_at(b, n, done, offsets, b[i].first, align);
        offsets[i] = !size ? 0 : ggml ? ggml_place(size) : mini_infer_place(size, &ever);
        done[i] = true;
    }
}

static void random_boxes(struct box *b, size_t n, bool aligned)
{
    unsigned sizes = 1 + below(200), most = 1 + below(MOMENTS - 1);
    for (size_t i = 0; i < n; i++) {
        int64_t first = below(MOMENTS);
        b[i] = (struct box){first, first + 1 + below(most), below(sizes + 1),
                            aligned ? (size_t)1 << below(6) : 1};
    }
}

Test(classic, a_second_implementation_gives_the_same_offsets)
{
    int rounds = getenv("WEIR_TEST_SLOW") ? 20 : 300;
    for (int round = 0; round < rounds; round++) {
        struct box b[MOST];
        size_t n = 1 + below(MOST), offsets[MOST];
        random_boxes(b, n, round % 2);
        greedy(b, n, before_by_size, true, offsets);
        expect(b, n, WEIR_PLAN_GREEDY_BY_SIZE, offsets);
        greedy(b, n, before_by_breadth, true, offsets);
        expect(b, n, WEIR_PLAN_GREEDY_BY_BREADTH, offsets);
        greedy(b, n, before_by_first, false, offsets);
        expect(b, n, WEIR_PLAN_FIRST_FIT, offsets);
        execute(b, n, true, offsets);
        expect(b, n, WEIR_PLAN_BEST_FIT, offsets);
        execute(b, n, false, offsets);
        expect(b, n, WEIR_PLAN_LINEAR_SCAN, offsets);
    }
}

/* -- by hand ------------------------------------------------------------------------------------
 */

/* Four buffers in a column, the second and the fourth end early: gaps of 30 and 20, then 15. The
 * tightest of the gaps is the upper one. */
Test(classic, the_tightest_gap_is_not_the_lowest)
{
    struct box b[6] = {{0, 9, 50, 1}, {0, 2, 30, 1}, {0, 9, 40, 1},
                       {0, 2, 20, 1}, {0, 9, 60, 1}, {3, 9, 15, 1}};
    /* largest first, at equal sizes the earlier: 60, 50, 40 last, and lie lowest, by index */
    size_t by_size[6] = {0, 150, 50, 180, 90, 150};
    expect(b, 6, WEIR_PLAN_GREEDY_BY_SIZE, by_size);
    size_t best[6] = {0, 50, 80, 120, 140, 120}, first[6] = {0, 50, 80, 120, 140, 50};
    expect(b, 6, WEIR_PLAN_BEST_FIT, best);
    expect(b, 6, WEIR_PLAN_FIRST_FIT, first);
}

/* ggml takes the higher one of equal pieces, and what has no end only when no piece fits. */
Test(classic, ggml_takes_the_last_of_equal_pieces_and_the_end_last)
{
    struct box equal[6] = {{0, 2, 8, 1}, {0, 9, 8, 1}, {0, 2, 8, 1},
                           {0, 9, 8, 1}, {3, 9, 8, 1}, {3, 9, 8, 1}};
    size_t equal_at[6] = {0, 8, 16, 24, 16, 0};
    expect(equal, 6, WEIR_PLAN_BEST_FIT, equal_at);
    /* freed: 20 at the bottom, 10 at the top; 10 goes to the bottom although the top is exact */
    struct box end[4] = {{0, 2, 20, 1}, {0, 9, 8, 1}, {0, 2, 10, 1}, {3, 9, 10, 1}};
    size_t end_at[4] = {0, 20, 28, 0};
    expect(end, 4, WEIR_PLAN_BEST_FIT, end_at);
}

/* Mini-infer: the larger first at one time, pieces are split and joined, and a new one stands above
 * all that ever was, though a free piece ends there. */
Test(classic, mini_infer_splits_joins_and_never_grows_a_piece)
{
    struct box b[7] = {{0, 2, 10, 1}, {0, 2, 20, 1}, {2, 4, 25, 1}, {2, 9, 5, 1},
                       {4, 9, 12, 1}, {4, 9, 13, 1}, {5, 9, 1, 1}};
    size_t at[7] = {20, 0, 0, 25, 13, 0, 30};
    expect(b, 7, WEIR_PLAN_LINEAR_SCAN, at);
    struct box top[3] = {{0, 2, 10, 1}, {0, 9, 4, 1}, {3, 9, 12, 1}};
    size_t top_at[3] = {0, 10, 14};
    expect(top, 3, WEIR_PLAN_LINEAR_SCAN, top_at);
    struct box grow[2] = {{0, 2, 10, 1}, {3, 9, 12, 1}};
    size_t grow_at[2] = {0, 10}, ggml_at[2] = {0, 0};
    expect(grow, 2, WEIR_PLAN_LINEAR_SCAN, grow_at);
    expect(grow, 2, WEIR_PLAN_BEST_FIT, ggml_at);
}

/* -- figures of Mini-infer's own code
 * -------------------------------------------------------------- */

/* The rows of a table, in their order or the last first. */
static weir_plan *plan_from(const char *name, bool reversed)
{
    static struct box rows[1000];
    char path[4096], line[200];
    size_t n = 0;
    long long first, last;
    unsigned long long size;
    const char *tree = getenv("top_srcdir");
    snprintf(path, sizeof path, "%s/bench/plans/%s.csv", tree ? tree : ".", name);
    FILE *from = fopen(path, "r");
    cr_assert_not_null(from, "%s", path);
    while (fgets(line, sizeof line, from))
        if (sscanf(line, "%*d,%lld,%lld,%llu", &first, &last, &size) == 3)
            rows[n++] = (struct box){first, last, size, 1};
    fclose(from);
    cr_assert_gt(n, 0, "%s", path);
    weir_plan *plan = weir_plan_create();
    for (size_t k = 0; k < n; k++) {
        const struct box *b = &rows[reversed ? n - 1 - k : k];
        cr_assert_eq(weir_plan_add(plan, b->size, 1, b->first, b->last), 0);
    }
    return plan;
}

/* Mini-infer sorts with std::sort, which leaves open who is first of two that are born at one time
 * with one size. Where that matters to the arena, libstdc++'s choice comes out as the order of the
 * table read backwards (E, H), or as neither (D and J, which are left out). */
Test(classic, mini_infers_own_figures)
{
    static const struct {
        const char *name;
        size_t arena;
        bool reversed;
    } figures[] = {
        {"challenging/A.1048576", 2305024, false},
        {"challenging/B.1048576", 2150400, false},
        {"challenging/C.1048576", 1969152, false},
        {"challenging/E.1048576", 1881088, true},
        {"challenging/F.1048576", 1258496, false},
        {"challenging/G.1048576", 1277952, false},
        {"challenging/H.1048576", 1261568, true},
        {"challenging/I.1048576", 1910784, false},
        {"challenging/K.1048576", 2444288, false},
        {"generated/cut_1000_s1", 14490368, false},
        {"generated/cut_100_s1", 1632576, false},
        {"generated/cut_100_s2", 1776576, false},
        {"generated/cutdrop_1000_s1", 11694784, false},
        {"generated/cutdrop_100_s1", 1601536, false},
        {"networks/googlenet_224", 4014080, false},
        {"networks/inception_v3", 11139584, false},
        {"networks/mobilenet_v1", 6422528, false},
        {"networks/mobilenet_v2", 8028160, false},
        {"networks/posenet_mv1_257", 8520192, false},
        {"networks/resnet50_224", 11239424, false},
        {"networks/squeezenet11_224", 3928576, false},
        {"networks/unet_512", 402653184, false},
    };
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++) {
        weir_plan *plan = plan_from(figures[i].name, figures[i].reversed);
        cr_assert_eq(weir_plan_solve_with(plan, WEIR_PLAN_LINEAR_SCAN), 0);
        cr_assert_eq(weir_plan_arena_size(plan), figures[i].arena, "%s: %zu", figures[i].name,
                     weir_plan_arena_size(plan));
        weir_plan_destroy(plan);
    }
}

Test(classic, an_empty_plan_is_solved_by_each)
{
    for (weir_plan_heuristic h = 0; h < WEIR_PLAN_HEURISTICS; h++) {
        weir_plan *plan = weir_plan_create();
        cr_expect_eq(weir_plan_solve_with(plan, h), 0, "%s", weir_plan_heuristic_name(h));
        cr_expect_eq(weir_plan_arena_size(plan), 0);
        cr_expect_eq(weir_plan_verify(plan), 0);
        weir_plan_destroy(plan);
    }
}
