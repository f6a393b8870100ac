/* bench/harness/json.c - see json.h. No state. */
#include "bench/harness/json.h"

#include "tools/common/table.h"

#include <weir/version.h>

#include <gnu/libc-version.h>
#include <math.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

void bench_json_string(FILE *to, const char *text)
{
    fputc('"', to);
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            fprintf(to, "\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            fprintf(to, "\\u%04x", (unsigned)*text);
        else
            fputc(*text, to);
    fputc('"', to);
}

void bench_json_number(FILE *to, double value)
{
    if (isnan(value) || isinf(value))
        fprintf(to, "null");
    else
        fprintf(to, "%.10g", value);
}

static void json_rounds(FILE *to, const struct bench_cell *cell)
{
    fprintf(to, ", \"rounds\": {");
    for (size_t m = 0; m < cell->nmetrics; m++) {
        const struct bench_metric *metric = &cell->metrics[m];
        fprintf(to, "%s\"%s\": [", m ? ", " : "", metric->name);
        for (size_t i = 0; i < metric->n; i++) {
            fprintf(to, "%s", i ? ", " : "");
            bench_json_number(to, metric->values[i]);
        }
        fputc(']', to);
    }
    fputc('}', to);
}

static void json_spread(FILE *to, const struct bench_row *row, const struct bench_cell *cell)
{
    fprintf(to, ", \"metric\": ");
    bench_json_string(to, row->metric);
    fprintf(to, ", \"spread\": ");
    bench_json_number(to, bench_spread(cell, row->metric));
    fprintf(to, ", \"range\": ");
    bench_json_number(to, bench_range(cell, row->metric));
}

static void json_cell(FILE *to, const struct bench_row *row, const struct bench_cell *cell,
                      const char *target)
{
    fprintf(to, "    {\"load\": ");
    bench_json_string(to, row->name);
    fprintf(to, ", \"group\": ");
    bench_json_string(to, row->group);
    fprintf(to, ", \"target\": ");
    bench_json_string(to, target);
    for (size_t m = 0; m < cell->nmetrics; m++) {
        const char *name = cell->metrics[m].name;
        fprintf(to, ", \"%s\": ", name);
        if (strcmp(name, "exact") == 0)
            fprintf(to, "%s", bench_least(cell, name) > 0 ? "true" : "false");
        else
            bench_json_number(to, bench_value(cell, name));
    }
    json_spread(to, row, cell);
    if (*cell->note) {
        fprintf(to, ", \"note\": ");
        bench_json_string(to, cell->note);
    }
    if (*cell->error) {
        fprintf(to, ", \"error\": ");
        bench_json_string(to, cell->error);
    }
    json_rounds(to, cell);
    fputc('}', to);
}

/* "model name : AMD EPYC" of /proc/cpuinfo. */
static void cpu_model(char *text, size_t n)
{
    snprintf(text, n, "unknown CPU");
    FILE *info = fopen("/proc/cpuinfo", "re");
    char line[300];
    while (info && fgets(line, sizeof(line), info)) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(text, n, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (info)
        fclose(info);
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

void bench_json_print(FILE *to, const char *what, const struct bench_plan *plan,
                      enum bench_touch touch, void (*rest)(FILE *, const struct bench_plan *))
{
    char machine[500];
    bench_machine(machine, sizeof(machine));
    fprintf(to, "{\n  \"weir\": \"%s\",\n  \"what\": ", weir_version());
    bench_json_string(to, what);
    fprintf(to,
            ",\n  \"touch\": \"%s\",\n  \"rounds\": %u,\n  \"machine\": ", bench_touch_names[touch],
            plan->rounds_run);
    bench_json_string(to, machine);
    fprintf(to, ",\n  \"targets\": [");
    for (size_t k = 0; k < plan->ntargets; k++) {
        fprintf(to, "%s", k ? ", " : "");
        bench_json_string(to, plan->targets[k].name);
    }
    fprintf(to, "],\n  \"rows\": [\n");
    for (size_t i = 0; i < plan->nrows; i++)
        for (size_t k = 0; k < plan->ntargets; k++) {
            json_cell(to, &plan->rows[i], &plan->rows[i].cells[k], plan->targets[k].name);
            fprintf(to, "%s\n", i + 1 < plan->nrows || k + 1 < plan->ntargets ? "," : "");
        }
    fprintf(to, "  ]");
    if (rest)
        rest(to, plan);
    fprintf(to, "\n}\n");
}

void bench_head_print(const char *what, const struct bench_plan *plan)
{
    char machine[500];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    bench_machine(machine, sizeof(machine));
    printf("%sweir %s%s  %s\n%s; median of %u round%s.\n", table_color(LOOK_HEAD), weir_version(),
           table_plain(), machine, what, plan->rounds_run, plan->rounds_run == 1 ? "" : "s");
    if (plan->load_before > 0.5 * (double)cpus)
        printf("%sOther work was going on (load average %.1f when this began, %ld CPUs): times are "
               "noisy.%s\n",
               table_color(LOOK_BAD), plan->load_before, cpus, table_plain());
}
