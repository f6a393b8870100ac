/* bench/harness/json.c - see json.h. */
#include "bench/harness/json.h"
#include "tools/common/file.h"

#include <weir/version.h>

#include <gnu/libc-version.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

static void rounds_json(struct json *j, const struct bench_cell *cell)
{
    json_object(j, "rounds");
    for (size_t m = 0; m < cell->nmetrics; m++) {
        json_array(j, cell->metrics[m].name);
        for (size_t i = 0; i < cell->metrics[m].n; i++)
            json_real(j, NULL, cell->metrics[m].values[i]);
        json_end(j);
    }
    json_end(j);
}

static void cell_json(struct json *j, const struct bench_row *row, const struct bench_cell *cell,
                      const char *target)
{
    json_line(j);
    json_object(j, NULL);
    json_text(j, "load", row->name);
    json_text(j, "group", row->group);
    json_text(j, "target", target);
    for (size_t m = 0; m < cell->nmetrics; m++) {
        const char *name = cell->metrics[m].name;
        if (strcmp(name, "exact") == 0)
            json_bool(j, name, bench_least(cell, name) > 0);
        else
            json_real(j, name, bench_value(cell, name));
    }
    json_text(j, "metric", row->metric);
    json_real(j, "spread", bench_spread(cell, row->metric));
    json_real(j, "range", bench_range(cell, row->metric));
    if (*cell->note)
        json_text(j, "note", cell->note);
    if (*cell->error)
        json_text(j, "error", cell->error);
    rounds_json(j, cell);
    json_end(j);
}

/* "model name : AMD EPYC" of /proc/cpuinfo. */
static void cpu_model(char *text, size_t n)
{
    char info[4096];
    info[file_begin("/proc/cpuinfo", info, sizeof(info) - 1)] = '\0';
    const char *line = strstr(info, "model name"), *colon = line ? strchr(line, ':') : NULL;
    const char *model = colon ? colon + 1 + strspn(colon + 1, " ") : "unknown CPU";
    snprintf(text, n, "%.*s", (int)strcspn(model, "\n"), model);
}

void bench_machine(char *text, size_t n)
{
    struct utsname name;
    char model[200];
    cpu_model(model, sizeof(model));
    if (uname(&name) != 0)
        memset(&name, 0, sizeof(name));
    snprintf(text, n, "%ld x %s, Linux %s, glibc %s", sysconf(_SC_NPROCESSORS_ONLN), model,
             name.release, gnu_get_libc_version());
}

void bench_json_print(struct json *j, const char *what, const struct bench_plan *plan, int touch)
{
    char machine[500];
    bench_machine(machine, sizeof(machine));
    json_object(j, NULL);
    json_text(j, "weir", weir_version());
    json_text(j, "what", what);
    json_text(j, "touch", bench_touch_names[touch]);
    json_count(j, "rounds", plan->rounds_run);
    json_text(j, "machine", machine);
    bench_noise_json(&plan->noise, j);
    json_array(j, "targets");
    for (size_t k = 0; k < plan->ntargets; k++)
        json_text(j, NULL, plan->targets[k].name);
    json_end(j);
    json_array(j, "rows");
    for (size_t i = 0; i < plan->nrows; i++)
        for (size_t k = 0; k < plan->ntargets; k++)
            cell_json(j, &plan->rows[i], &plan->rows[i].cells[k], plan->targets[k].name);
    json_end(j);
}
