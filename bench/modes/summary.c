/* bench/modes/summary.c - see summary.h. */
#include "bench/modes/summary.h"
#include "bench/modes/groups.h"
#include "bench/harness/json.h"
#include "tools/common/table.h"
#include "tools/common/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

double bench_row_value(const struct bench_row *row, size_t k)
{
    return bench_value(&row->cells[k], row->metric);
}

double bench_row_best(const struct bench_plan *plan, const struct bench_row *row, size_t first,
                      size_t *which)
{
    double best = NAN;
    for (size_t k = first; k < plan->ntargets; k++) {
        double value = bench_row_value(row, k);
        if (value > 0 && !(best <= value)) {
            best = value;
            *which = k;
        }
    }
    return best;
}

/* -- one group ------------------------------------------------------------------------------- */

/* Of the k-th target's figures over the best of the targets from `first` on. */
static struct bench_mean mean_of(const struct bench_plan *plan, const char *group, size_t k,
                                 size_t first)
{
    double *ratios = memory_array(NULL, plan->nrows, sizeof(*ratios));
    struct bench_mean mean = {0};
    for (size_t i = (size_t)-1; (i = bench_group_next(plan, group, i)) < plan->nrows;) {
        const struct bench_row *row = &plan->rows[i];
        size_t which = 0;
        double ratio = bench_row_value(row, k) / bench_row_best(plan, row, first, &which);
        if (ratio > 0)
            ratios[mean.loads++] = ratio;
    }
    mean.value = bench_geomean(ratios, mean.loads);
    free(ratios);
    return mean;
}

double bench_group_over_peers(const struct bench_plan *plan, const char *group)
{
    return mean_of(plan, group, 0, 1).value;
}

static void worst_find(const struct bench_plan *plan, struct bench_summary *s)
{
    for (size_t i = (size_t)-1; (i = bench_group_next(plan, s->group, i)) < plan->nrows;) {
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
        s.means[k] = mean_of(plan, group, k, 0);
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

/* -- the table ----------------------------------------------------------------------------------
 */

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
                  table_number(mean->value), all ? "" : "*");
    }
    table_add(t, bench_summary_lowest(s) ? LOOK_GOOD : LOOK_BAD, "%s",
              plan->targets[s->lowest].name);
    table_add(t, bench_summary_even(s) ? LOOK_GOOD : LOOK_BAD, "%sx", table_number(s->worst));
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

static void summaries_tally(const struct bench_plan *plan, struct tally *lowest, struct tally *even,
                            bool *partial)
{
    for (size_t i = 0; i < BENCH_GROUPS; i++) {
        struct bench_summary s = bench_summary_of(plan, bench_groups[i].name);
        if (s.loads) {
            tally_add(lowest, bench_summary_lowest(&s), s.group);
            tally_add(even, bench_summary_even(&s), s.group);
        }
        for (size_t k = 0; k < plan->ntargets; k++)
            *partial |= s.means[k].loads < s.loads;
        bench_summary_free(&s);
    }
}

static void summaries_table(const struct bench_plan *plan)
{
    struct table t;
    printf("\n%ssummary%s: geometric mean of each load's figure over the best of that load, "
           "1.00 where it is the best in all\n\n",
           table_color(LOOK_HEAD), table_plain());
    table_begin(&t, plan->ntargets + 5);
    t.last_left = true;
    summary_head(&t, plan);
    for (size_t i = 0; i < BENCH_GROUPS; i++) {
        struct bench_summary s = bench_summary_of(plan, bench_groups[i].name);
        if (s.loads)
            summary_line(&t, plan, &s);
        bench_summary_free(&s);
    }
    table_print(&t);
    putchar('\n');
}

void bench_summaries_print(const struct bench_plan *plan)
{
    struct tally lowest = {0}, even = {0};
    bool partial = false;
    char what[80];
    summaries_tally(plan, &lowest, &even, &partial);
    if (lowest.all == 0)
        return;
    summaries_table(plan);
    if (partial)
        printf("*: without the loads that failed.\n");
    snprintf(what, sizeof(what), "%s is the lowest", plan->targets[0].name);
    tally_print(&lowest, what);
    snprintf(what, sizeof(what), "No load of %s is above %.2fx the best", plan->targets[0].name,
             BENCH_WORST_WANTED);
    tally_print(&even, what);
}

/* -- JSON ----------------------------------------------------------------------------------------
 */

static void means_json(FILE *to, const struct bench_plan *plan, const struct bench_summary *s)
{
    fprintf(to, "{");
    for (size_t k = 0; k < plan->ntargets; k++) {
        fprintf(to, "%s", k ? ", " : "");
        bench_json_string(to, plan->targets[k].name);
        fprintf(to, ": {\"mean\": ");
        bench_json_number(to, s->means[k].value);
        fprintf(to, ", \"loads\": %zu}", s->means[k].loads);
    }
    fprintf(to, "}");
}

static void summary_json(FILE *to, const struct bench_plan *plan, const struct bench_summary *s)
{
    fprintf(to, "{\"group\": ");
    bench_json_string(to, s->group);
    fprintf(to, ", \"loads\": %zu, \"means\": ", s->loads);
    means_json(to, plan, s);
    fprintf(to, ", \"lowest\": ");
    bench_json_string(to, plan->targets[s->lowest].name);
    fprintf(to, ", \"worst\": ");
    bench_json_number(to, s->worst);
    fprintf(to, ", \"worst_load\": ");
    bench_json_string(to, s->worst_load);
    fprintf(to, ", \"is_lowest\": %s, \"is_even\": %s}", bench_summary_lowest(s) ? "true" : "false",
            bench_summary_even(s) ? "true" : "false");
}

void bench_summaries_json(FILE *to, const struct bench_plan *plan)
{
    bool any = false;
    fputc('[', to);
    for (size_t i = 0; i < BENCH_GROUPS; i++) {
        struct bench_summary s = bench_summary_of(plan, bench_groups[i].name);
        if (s.loads) {
            fprintf(to, "%s\n    ", any ? "," : "");
            summary_json(to, plan, &s);
            any = true;
        }
        bench_summary_free(&s);
    }
    fputc(']', to);
}
