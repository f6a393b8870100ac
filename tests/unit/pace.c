/* Something dear is done in an eighth of the time, however long it takes here; the first pages of
 * it cost nothing. Time passes by hand: the pace's own clock is set back. */
#include "pool/pace.h"

#include "../helpers/suite.h"

#define MS UINT64_C(1000000)

/* One whose free pages are spent, without credit. */
static struct weir__pace poor(void)
{
    struct weir__pace pace = {.at = weir__os_coarse_time()};
    weir__pace_spend(&pace, WEIR__PACE_FREE, 0);
    return pace;
}

static void pass(struct weir__pace *pace, uint64_t ns)
{
    pace->at -= ns;
}

Test(pace, the_first_pages_cost_nothing)
{
    struct weir__pace pace = {.at = weir__os_coarse_time()};
    for (uint32_t i = 0; i < WEIR__PACE_FREE / 64; i++) {
        cr_assert(weir__pace_admits(&pace));
        weir__pace_spend(&pace, 64, 1000 * MS);
    }
    cr_assert_geq(pace.credit, 0);
    weir__pace_spend(&pace, 64, 1000 * MS);
    cr_assert_not(weir__pace_admits(&pace));
}

Test(pace, one_that_is_larger_than_all_free_ones_uses_them_up)
{
    struct weir__pace pace = {0};
    cr_assert(weir__pace_admits(&pace));
    weir__pace_spend(&pace, UINT32_MAX, 1);
    weir__pace_spend(&pace, 1, 5 * MS);
    cr_assert_lt(pace.credit, 0);
}

Test(pace, an_eighth_of_the_time_and_what_it_took)
{
    struct weir__pace pace = poor();
    pass(&pace, 8 * MS);
    cr_assert(weir__pace_admits(&pace));
    cr_assert_geq(pace.credit, (int64_t)MS);
    int64_t before = pace.credit;
    weir__pace_spend(&pace, 1, 3 * MS);
    cr_assert_eq(pace.credit, before - 3 * (int64_t)MS);
}

Test(pace, a_debt_is_worked_off)
{
    struct weir__pace pace = poor();
    weir__pace_spend(&pace, 1, 10000 * MS);
    cr_assert_geq(pace.credit, -WEIR__PACE_DEBT);
    weir__pace_spend(&pace, 1, 10000 * MS);
    cr_assert_eq(pace.credit, -WEIR__PACE_DEBT, "no more than this");
    cr_assert_not(weir__pace_admits(&pace));
    pass(&pace, WEIR__PACE_SHARE * (uint64_t)WEIR__PACE_DEBT + 8 * MS);
    cr_assert(weir__pace_admits(&pace));
}

Test(pace, a_rest_is_credit_up_to_a_bound)
{
    struct weir__pace pace = poor();
    pass(&pace, 3600 * 1000 * MS);
    cr_assert(weir__pace_admits(&pace));
    cr_assert_eq(pace.credit, WEIR__PACE_MOST);
}
