/*
 * observe/openmetrics.c - the tree of allocators in the OpenMetrics 1.0 text format: one
 * family a figure, one sample an allocator, told apart by the label `path`.
 */
#include "observe/figures.h"
#include "observe/process.h"

#include <stdint.h>
#include <weir/stats.h>

static bool figure_is_bytes(const struct weir__figure *figure)
{
    return figure->kind == WEIR__FIGURE_BYTES || figure->kind == WEIR__FIGURE_LIMIT;
}

/* Names of siblings need not differ: later ones get "#2" and so on. */
static void path_print(struct weir__sink *sink, const struct weir__snapshot *s, size_t i)
{
    const struct weir__snapshot_entry *entry = &s->entries[i];
    if (entry->depth) {
        path_print(sink, s, entry->parent);
        weir__sink_print(sink, "/");
    }
    weir__sink_label_text(sink, entry->name);
    if (entry->namesake)
        weir__sink_print(sink, "#%zu", entry->namesake + 1);
}

static void sample_print(struct weir__sink *sink, const struct weir__figure *figure,
                         const struct weir__snapshot *s, size_t i)
{
    size_t value = weir__figure_of(figure, &s->entries[i].stats);
    if (value == WEIR_UNSUPPORTED || (figure->kind == WEIR__FIGURE_LIMIT && value == 0))
        return;
    weir__sink_print(sink, "weir_%s%s%s{path=\"", figure->name,
                     figure_is_bytes(figure) ? "_bytes" : "",
                     figure->kind == WEIR__FIGURE_COUNTER ? "_total" : "");
    path_print(sink, s, i);
    weir__sink_print(sink, "\",backing=\"");
    weir__sink_label_text(sink, s->entries[i].stats.backing);
    weir__sink_print(sink, "\"} %zu\n", value);
}

static void family_print(struct weir__sink *sink, const struct weir__figure *figure,
                         const struct weir__snapshot *s)
{
    const char *suffix = figure_is_bytes(figure) ? "_bytes" : "";
    weir__sink_print(sink, "# TYPE weir_%s%s %s\n", figure->name, suffix,
                     figure->kind == WEIR__FIGURE_COUNTER ? "counter" : "gauge");
    if (figure_is_bytes(figure))
        weir__sink_print(sink, "# UNIT weir_%s_bytes bytes\n", figure->name);
    weir__sink_print(sink, "# HELP weir_%s%s %s.\n", figure->name, suffix, figure->help);
    for (size_t i = 0; i < s->n; i++)
        sample_print(sink, figure, s, i);
}

static void families_print(struct weir__sink *sink, const struct weir__snapshot *s)
{
    for (size_t i = 0; i < weir__nfigures; i++)
        family_print(sink, &weir__figures[i], s);
    if (s->whole)
        weir__process_openmetrics(sink);
    weir__sink_print(sink, "# EOF\n");
}

int weir_stats_openmetrics(FILE *to, weir_allocator *a)
{
    return weir__figures_to_file(to, a, families_print);
}

int weir_stats_openmetrics_buffer(char *buffer, size_t size, size_t *length, weir_allocator *a)
{
    return weir__figures_to_buffer(buffer, size, length, a, families_print);
}
