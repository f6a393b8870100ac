/* bench/modes/summary.c - see summary.h. */
#include "bench/modes/summary.h"
#include "bench/modes/groups.h"
#include "bench/modes/tables.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- one group ------------------------------------------------------------------------------- */

static void worst_find(const struct bench_plan *plan, struct bench_summary *s)
{
    for (size_t i = BENCH_FIRST; (i = bench_row_next(plan, s->group, i)) < plan->nrows;) {
        size_t which = 0;
        const struct bench_row *row = &plan->rows[i];
        double best = bench_row_best(plan, row, 0, &which), ratio = bench_row_value(row, 0) / best;
        s->loads += best > 0;
        if (ratio > 0 && !(s->worst >= ratio)) {
            s->worst = ratio;
            s->worst_load = row->name;
        }
    }
}

struct bench_summary bench_summary_of(const struct bench_plan *plan, const char *group)
{
    struct bench_summary s = {.group = group, .worst = NAN, .worst_load = ""};
    s.means = memory_array(NULL, plan->ntargets, sizeof(*s.means));
    for (size_t k = 0; k < plan->ntargets; k++) {
        s.means[k].value = bench_group_mean(plan, group, k, BENCH_BEST, &s.means[k].loads);
        if (s.means[k].value < s.means[s.lowest].value || isnan(s.means[s.lowest].value))
            s.lowest = k;
    }
    worst_find(plan, &s);
    return s;
}

void bench_summary_free(struct bench_summary *summary)
{
    free(summary->means);
    summary->means = NULL;
}

bool bench_summary_lowest(const struct bench_summary *s)
{
    return s->lowest == 0 && s->means[0].loads == s->loads;
}

bool bench_summary_even(const struct bench_summary *s)
{
    return s->worst <= BENCH_WORST_WANTED && s->means[0].loads == s->loads;
}

/* -- the table ---------------------------------------------------------------------------- */

static void summary_head(struct table *t, const struct bench_plan *plan)
{
    table_add(t, LOOK_HEAD, "group");
    table_add(t, LOOK_HEAD, "loads");
    for (size_t k = 0; k < plan->ntargets; k++)
        table_add(t, LOOK_HEAD, "%s", plan->targets[k].name);
    table_add(t, LOOK_HEAD, "lowest");
    table_add(t, LOOK_HEAD, "worst of %s", plan->targets[0].name);
    table_add(t, LOOK_HEAD, "in");
}

static void summary_line(struct table *t, const struct bench_plan *plan,
                         const struct bench_summary *s)
{
    table_add(t, LOOK_PLAIN, "%s", s->group);
    table_add(t, LOOK_DIM, "%zu", s->loads);
    for (size_t k = 0; k < plan->ntargets; k++) {
        const struct bench_mean *mean = &s->means[k];
        bool all = mean->loads == s->loads;
        table_add(t, all && k == s->lowest ? LOOK_GOOD : LOOK_PLAIN, "%s%s",
                  text_number(mean->value), all ? "" : "*");
    }
    table_add(t, bench_summary_lowest(s) ? LOOK_GOOD : LOOK_BAD, "%s",
              plan->targets[s->lowest].name);
    table_add(t, bench_summary_even(s) ? LOOK_GOOD : LOOK_BAD, "%sx", text_number(s->worst));
    table_add(t, LOOK_PLAIN, "%s", s->worst_load);
}

/* In how many groups a goal holds, and in which not. */
struct tally {
    size_t held, all;
    char not_in[500];
};

static void tally_add(struct tally *tally, bool holds, const char *group)
{
    size_t n = strlen(tally->not_in);
    tally->all++;
    tally->held += holds;
    if (!holds)
        snprintf(tally->not_in + n, sizeof(tally->not_in) - n, "%s%s", n ? "; " : "", group);
}

static void tally_print(const struct tally *tally, const char *what)
{
    bool held = tally->held == tally->all;
    printf("%s%s in %zu of %zu groups%s%s%s%s\n", table_color(held ? LOOK_GOOD : LOOK_BAD), what,
           tally->held, tally->all, held ? "" : " (not in: ", tally->not_in, held ? "." : ").",
           table_plain());
}

void bench_summaries_print(const struct bench_plan *plan)
{
    struct tally lowest = {0}, even = {0};
    bool partial = false;
    struct table t;
    table_begin(&t, plan->ntargets + 5);
    t.last_left = true;
    summary_head(&t, plan);
    for (size_t i = 0; i < BENCH_GROUPS; i++) {
        struct bench_summary s = bench_summary_of(plan, bench_groups[i].name);
        if (s.loads) {
            summary_line(&t, plan, &s);
            tally_add(&lowest, bench_summary_lowest(&s), s.group);
            tally_add(&even, bench_summary_even(&s), s.group);
        }
        for (size_t k = 0; k < plan->ntargets; k++)
            partial |= s.means[k].loads < s.loads;
        bench_summary_free(&s);
    }
    if (lowest.all == 0) /* rows of no group that is compared */
        return;
    printf("\n%ssummary%s: geometric mean of each load's figure over the best of that load, "
           "1.00 where it is the best in all\n\n",
           table_color(LOOK_HEAD), table_plain());
    table_print(&t);
    printf("\n%s", partial ? "*: without the loads that failed.\n" : "");
    tally_print(&lowest, text_made("%s is the lowest", plan->targets[0].name));
    tally_print(&even, text_made("No load of %s is above %.2fx the best", plan->targets[0].name,
                                 BENCH_WORST_WANTED));
}

/* -- JSON --------------------------------------------------------------------------------- */

static void summary_json(struct json *j, const struct bench_plan *plan,
                         const struct bench_summary *s)
{
    json_line(j);
    json_object(j, NULL);
    json_text(j, "group", s->group);
    json_count(j, "loads", s->loads);
    json_object(j, "means");
    for (size_t k = 0; k < plan->ntargets; k++) {
        json_object(j, plan->targets[k].name);
        json_real(j, "mean", s->means[k].value);
        json_count(j, "loads", s->means[k].loads);
        json_end(j);
    }
    json_end(j);
    json_text(j, "lowest", plan->targets[s->lowest].name);
    json_real(j, "worst", s->worst);
    json_text(j, "worst_load", s->worst_load);
    json_bool(j, "is_lowest", bench_summary_lowest(s));
    json_bool(j, "is_even", bench_summary_even(s));
    json_end(j);
}

void bench_summaries_json(struct json *j, const struct bench_plan *plan)
{
    json_array(j, "summary");
    for (size_t i = 0; i < BENCH_GROUPS; i++) {
        struct bench_summary s = bench_summary_of(plan, bench_groups[i].name);
        if (s.loads)
            summary_json(j, plan, &s);
        bench_summary_free(&s);
    }
    json_end(j);
}
