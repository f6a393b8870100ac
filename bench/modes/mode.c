/* bench/modes/mode.c - see mode.h. */
#include "bench/modes/mode.h"
#include "bench/harness/json.h"
#include "tools/common/table.h"

#include <weir/version.h>

#include <math.h>
#include <stdio.h>

int bench_targets_peers(struct bench_session *s)
{
    return targets_peers(&s->targets, &s->options->peers, &s->options->folders);
}

/* What stands above all tables. */
static void head_print(const struct bench_session *s, const char *title)
{
    char machine[500];
    const struct bench_plan *plan = &s->plan;
    bench_machine(machine, sizeof(machine));
    printf("%sweir %s%s  %s\n%s; median of %u round%s%s.\n", table_color(LOOK_HEAD), weir_version(),
           table_plain(), machine, title, plan->rounds_run, plan->rounds_run == 1 ? "" : "s",
           plan->rounds_run == 1 ? "" : ", beside it how far they spread: quartile to quartile");
    bench_noise_print(&plan->noise);
    for (size_t k = 0; k < plan->ntargets; k++)
        if (plan->targets[k].preload)
            printf("  %-10s %s\n", plan->targets[k].name, plan->targets[k].preload);
    if (*s->targets.missing)
        printf("Not on this machine: %s.\n", s->targets.missing);
    if (*s->targets.left_out)
        printf("Left out: %s.\n", s->targets.left_out);
}

/* Does the target claim that its figures are exact? Then every load must confirm it. */
static bool claims_exact(const struct bench_target *target, const struct bench_cell *cell)
{
    return target->ops == OPS_WEIR && !target->library_path && !isnan(bench_value(cell, "exact"));
}

/* Lines for the cells that failed or that were not exact. Their number. */
static size_t failures_say(const struct bench_plan *plan)
{
    size_t failures = 0;
    for (size_t i = 0; i < plan->nrows; i++)
        for (size_t k = 0; k < plan->ntargets; k++) {
            const struct bench_cell *cell = &plan->rows[i].cells[k];
            const char *row = plan->rows[i].name, *target = plan->targets[k].name;
            if (*cell->error)
                fprintf(stderr, "weir bench: %s: %s: %s\n", target, row, cell->error);
            else if (claims_exact(&plan->targets[k], cell) && bench_least(cell, "exact") < 1)
                fprintf(stderr, "weir bench: %s: %s: not exact: %s\n", target, row, cell->note);
            else
                continue;
            failures++;
        }
    return failures;
}

int bench_mode_run(const struct bench_mode *mode, const struct bench_options *options)
{
    static struct bench_session s;
    s.options = options;
    int status = mode->wants_traces ? traces_find(&s.traces, &options->traces) : 0;
    if (!status)
        status = mode->targets(&s);
    s.plan = (struct bench_plan){.targets = s.targets.list, .ntargets = s.targets.n};
    s.plan.rounds = options->quick && !options->runs ? 1 : (unsigned)options->runs;
    s.plan.seconds = options->seconds > 0 ? options->seconds : mode->seconds;
    s.plan.limit = (unsigned)options->limit;
    if (!status)
        status = mode->rows(&s);
    if (!status)
        status = bench_run(&s.plan);
    if (status)
        return status;
    if (options->json) {
        struct json j = JSON_TO(stdout);
        bench_json_print(&j, mode->what, &s.plan, options->touch);
        if (mode->json)
            mode->json(&j, &s);
        json_end(&j);
    } else {
        head_print(&s, mode->title);
        mode->show(&s);
    }
    fflush(stdout);
    size_t failures = failures_say(&s.plan) + s.targets.nleft_out;
    if (!options->json && mode->close)
        mode->close(&s);
    bench_plan_free(&s.plan);
    return failures > 0;
}
