/* bench/modes/goals.c - see goals.h. */
#include "bench/modes/goals.h"
#include "bench/harness/json.h"
#include "tools/common/table.h"
#include "tools/common/memory.h"

#include <stdlib.h>

void bench_goal_add(struct bench_goals *goals, bool met, const char *name, const char *wanted,
                    const char *figure)
{
    goals->list = memory_array(goals->list, goals->n + 1, sizeof(*goals->list));
    struct bench_goal *goal = &goals->list[goals->n++];
    goal->met = met;
    snprintf(goal->name, sizeof(goal->name), "%s", name);
    snprintf(goal->wanted, sizeof(goal->wanted), "%s", wanted);
    snprintf(goal->figure, sizeof(goal->figure), "%s", figure);
}

void bench_goals_free(struct bench_goals *goals)
{
    free(goals->list);
    *goals = (struct bench_goals){0};
}

void bench_goals_print(const struct bench_goals *goals)
{
    static const char *const heads[] = {"goal", "wanted", "figure", ""};
    struct table t;
    if (goals->n == 0)
        return;
    printf("\n%sgoals%s\n\n", table_color(LOOK_HEAD), table_plain());
    table_begin(&t, 4);
    t.nleft = 4;
    for (size_t i = 0; i < 4; i++)
        table_add(&t, LOOK_HEAD, "%s", heads[i]);
    for (size_t i = 0; i < goals->n; i++) {
        const struct bench_goal *goal = &goals->list[i];
        table_add(&t, LOOK_PLAIN, "%s", goal->name);
        table_add(&t, LOOK_PLAIN, "%s", goal->wanted);
        table_add(&t, LOOK_PLAIN, "%s", goal->figure);
        table_add(&t, goal->met ? LOOK_GOOD : LOOK_BAD, goal->met ? "met" : "missed");
    }
    table_print(&t);
}

void bench_goals_json(FILE *to, const struct bench_goals *goals)
{
    fputc('[', to);
    for (size_t i = 0; i < goals->n; i++) {
        const struct bench_goal *goal = &goals->list[i];
        fprintf(to, "%s\n    {\"goal\": ", i ? "," : "");
        bench_json_string(to, goal->name);
        fprintf(to, ", \"wanted\": ");
        bench_json_string(to, goal->wanted);
        fprintf(to, ", \"figure\": ");
        bench_json_string(to, goal->figure);
        fprintf(to, ", \"met\": %s}", goal->met ? "true" : "false");
    }
    fputc(']', to);
}
