/* observe/process.c - see process.h. Which figures there are is said once, in `figures`. */
#include "observe/process.h"

#include "observe/family.h"
#include "os/cgroup.h"
#include "os/residence.h"

#include <weir/pressure.h>
#include <weir/tensor.h>

#include <string.h>

struct process {
    size_t resident, memory_limit;
    weir_mapped_stats mapped;
    weir_pressure_stats pressure;
};

static const struct process_figure {
    const char *object, *name, *unit; /* of OpenMetrics: weir_OBJECT_NAME */
    bool counter;
    const char *help;
    size_t offset; /* in struct process */
} figures[] = {
    {"process", "resident_bytes", "bytes", false,
     "Bytes of the process in memory, code and stacks too", offsetof(struct process, resident)},
    {"process", "memory_limit_bytes", "bytes", false,
     "Bytes that control groups and the machine let the process have",
     offsetof(struct process, memory_limit)},
    {"mapped", "mappings", "", false, "Parts of files that tensors are over",
     offsetof(struct process, mapped.mappings)},
    {"mapped", "bytes", "bytes", false, "Bytes of these parts",
     offsetof(struct process, mapped.mapped_bytes)},
    {"mapped", "resident_bytes", "bytes", false, "Of these bytes, in memory",
     offsetof(struct process, mapped.resident_bytes)},
    {"pressure", "events", "", true, "Times that pressure on memory was told",
     offsetof(struct process, pressure.events)},
    {"pressure", "trims", "", true, "Passes over all caches because of it",
     offsetof(struct process, pressure.trims)},
    {"pressure", "trimmed_bytes", "bytes", true, "Bytes that went back in them",
     offsetof(struct process, pressure.trimmed_bytes)},
    {"pressure", "asked", "", true, "Callbacks that were asked because of it",
     offsetof(struct process, pressure.asked)},
};

enum { NFIGURES = sizeof figures / sizeof *figures };

static void process_read(struct process *process)
{
    uint64_t limit;
    size_t resident = weir__os_process_resident(NULL);
    process->resident = resident ? resident : WEIR_UNSUPPORTED;
    process->memory_limit = weir__cgroup_memory("", &limit) ? (size_t)limit : WEIR_UNSUPPORTED;
    process->mapped.size = sizeof process->mapped;
    process->pressure.size = sizeof process->pressure;
    weir_mapped_stats_get(&process->mapped);
    weir_pressure_stats_get(&process->pressure);
}

static size_t figure_of(const struct process_figure *figure, const struct process *process)
{
    return *(const size_t *)(const void *)((const char *)process + figure->offset);
}

/* "mapped: mappings 2, bytes 4096, resident_bytes unsupported".  */
static void object_print(struct weir__sink *sink, const char *object, const struct process *process)
{
    const char *separator = ": ";
    weir__sink_print(sink, "%s", object);
    for (size_t i = 0; i < NFIGURES; i++) {
        if (strcmp(figures[i].object, object) != 0)
            continue;
        weir__sink_print(sink, "%s%s ", separator, figures[i].name);
        weir__sink_figure(sink, figure_of(&figures[i], process), "unsupported");
        separator = ", ";
    }
    weir__sink_print(sink, "\n");
}

void weir__process_print(struct weir__sink *sink)
{
    struct process process;
    process_read(&process);
    if (process.mapped.mappings)
        object_print(sink, "mapped", &process);
    if (process.pressure.events || process.pressure.watching)
        object_print(sink, "pressure", &process);
}

void weir__process_json(struct weir__sink *sink)
{
    struct process process;
    const char *object = "";
    process_read(&process);
    for (size_t i = 0; i < NFIGURES; i++) {
        bool first = strcmp(figures[i].object, object) != 0;
        if (first)
            weir__sink_print(sink, "%s,\"%s\":{", *object ? "}" : "", figures[i].object);
        weir__sink_print(sink, "%s\"%s\":", first ? "" : ",", figures[i].name);
        weir__sink_figure(sink, figure_of(&figures[i], &process), "null");
        object = figures[i].object;
    }
    weir__sink_print(sink, ",\"watching\":%s}", process.pressure.watching ? "true" : "false");
}

void weir__process_families(const struct weir__exposition *to)
{
    struct process process;
    char name[64];
    process_read(&process);
    for (size_t i = 0; i < NFIGURES; i++) {
        const struct process_figure *figure = &figures[i];
        size_t value = figure_of(figure, &process);
        if (value == WEIR_UNSUPPORTED)
            continue;
        snprintf(name, sizeof name, "%s_%s", figure->object, figure->name);
        const struct weir__family family = {name, figure->unit, figure->counter, figure->help};
        weir__family_begin(to, &family);
        weir__metric_begin(to, &family);
        weir__sink_print(to->sink, " %zu\n", value);
    }
}
