/*
 * observe/stats.c - the tree of allocators as text and JSON. Which figures there are is
 * said once, in `figures`.
 */
#include "observe/figures.h"

#include "base/error.h"
#include "observe/process.h"
#include "observe/sampling.h"
#include "observe/sink.h"
#include "observe/snapshot.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <weir/stats.h>

#define F(name_, metric_, heading_, kind_, help_)                                                  \
    {                                                                                              \
#name_, metric_, heading_, kind_, help_, offsetof(weir_stats, name_)                       \
    }

const struct weir__figure weir__figures[] = {
    F(total_allocated, "total_allocated_bytes", "live", WEIR__FIGURE_BYTES,
      "Requested bytes live now"),
    F(peak_allocated, "peak_allocated_bytes", "peak", WEIR__FIGURE_BYTES,
      "Greatest total of live bytes"),
    F(allocation_count, "blocks", "blocks", WEIR__FIGURE_COUNT, "Live blocks"),
    F(allocations, "allocations", "allocations", WEIR__FIGURE_COUNTER, "Blocks ever handed out"),
    F(deallocations, "deallocations", "frees", WEIR__FIGURE_COUNTER, "Blocks ever taken back"),
    F(bytes_allocated, "allocated_bytes", "bytes ever", WEIR__FIGURE_BYTES_COUNTER,
      "Requested bytes ever handed out"),
    F(failures, "failures", "failures", WEIR__FIGURE_COUNTER,
      "Requests refused for want of memory or limit"),
    F(in_use, "in_use_bytes", "in use", WEIR__FIGURE_BYTES, "Live bytes rounded to blocks"),
    F(cached, "cached_bytes", "cached", WEIR__FIGURE_BYTES, "Free bytes kept for re-use"),
    F(reserved, "reserved_bytes", "reserved", WEIR__FIGURE_BYTES, "Bytes taken from the backing"),
    F(metadata, "metadata_bytes", "metadata", WEIR__FIGURE_BYTES, "Bytes of book-keeping"),
    F(slow_operations, "slow_operations", "slow", WEIR__FIGURE_COUNTER,
      "Accounting steps that took the lock or a shared atomic"),
    F(refusals_asked, "refusals_asked", "asked", WEIR__FIGURE_COUNTER,
      "Requests about which a callback was asked"),
    F(refusals_averted, "refusals_averted", "averted", WEIR__FIGURE_COUNTER,
      "Requests that a callback made room for"),
    F(soft_limit, "soft_limit_bytes", "soft limit", WEIR__FIGURE_LIMIT,
      "Live bytes above which a callback is told"),
    F(soft_limit_crossings, "soft_limit_crossings", "crossings", WEIR__FIGURE_COUNTER,
      "How often the total came to be above the soft limit"),
    F(limit, "limit_bytes", "limit", WEIR__FIGURE_LIMIT, "Bytes that may be live at once"),
};

const size_t weir__nfigures = sizeof weir__figures / sizeof *weir__figures;

size_t weir__figure_of(const struct weir__figure *figure, const weir_stats *stats)
{
    return *(const size_t *)(const void *)((const char *)stats + figure->offset);
}

/* -- text ------------------------------------------------------------------------------- */

#define NAME_COLUMN  24
#define PROFILE_TOP  10
#define LEAST_COLUMN 8

static size_t digits_of(size_t n)
{
    size_t digits = 1;
    while (n /= 10)
        digits++;
    return digits;
}

static size_t cell_width(const struct weir__figure *figure, size_t value)
{
    if (value == WEIR_UNSUPPORTED)
        return sizeof "unsupported" - 1;
    if (figure->kind == WEIR__FIGURE_LIMIT && value == 0)
        return sizeof "none" - 1;
    return digits_of(value);
}

static int column_width(const struct weir__figure *figure, const struct weir__snapshot *s)
{
    size_t width = strlen(figure->heading);
    if (width < LEAST_COLUMN)
        width = LEAST_COLUMN;
    for (size_t i = 0; i < s->n; i++) {
        size_t cell = cell_width(figure, weir__figure_of(figure, &s->entries[i].stats));
        width = cell > width ? cell : width;
    }
    return (int)width;
}

static void cell_print(struct weir__sink *sink, const struct weir__figure *figure, size_t value,
                       int width)
{
    weir__sink_print(sink, "%*s", width + 2 - (int)cell_width(figure, value), "");
    if (figure->kind == WEIR__FIGURE_LIMIT && value == 0)
        weir__sink_print(sink, "none");
    else
        weir__sink_figure(sink, value, "unsupported");
}

static void line_print(struct weir__sink *sink, const struct weir__snapshot_entry *entry,
                       const int *widths)
{
    int indent = (int)(entry->depth < 8 ? entry->depth : 8) * 2;
    weir__sink_print(sink, "%*s", indent, "");
    weir__sink_plain_text(sink, entry->name, NAME_COLUMN - indent);
    for (size_t i = 0; i < weir__nfigures; i++)
        cell_print(sink, &weir__figures[i], weir__figure_of(&weir__figures[i], &entry->stats),
                   widths[i]);
    weir__sink_print(sink, "  %s\n", entry->stats.backing);
}

static void table_print(struct weir__sink *sink, const struct weir__snapshot *s)
{
    int widths[sizeof weir__figures / sizeof *weir__figures];
    weir__sink_print(sink, "%-*s", NAME_COLUMN, "allocator");
    for (size_t i = 0; i < weir__nfigures; i++) {
        widths[i] = column_width(&weir__figures[i], s);
        weir__sink_print(sink, "  %*s", widths[i], weir__figures[i].heading);
    }
    weir__sink_print(sink, "  backing\n");
    for (size_t i = 0; i < s->n; i++)
        line_print(sink, &s->entries[i], widths);
    if (!s->whole)
        return;
    weir__process_print(sink);
    weir__sampling_print(sink, PROFILE_TOP);
}

/* -- JSON ------------------------------------------------------------------------------- */

static void object_print(struct weir__sink *sink, const struct weir__snapshot_entry *entry)
{
    weir__sink_print(sink, "{\"name\":\"");
    weir__sink_json_text(sink, entry->name);
    weir__sink_print(sink, "\",\"backing\":\"");
    weir__sink_json_text(sink, entry->stats.backing);
    weir__sink_print(sink, "\"");
    for (size_t i = 0; i < weir__nfigures; i++) {
        weir__sink_print(sink, ",\"%s\":", weir__figures[i].name);
        weir__sink_figure(sink, weir__figure_of(&weir__figures[i], &entry->stats), "null");
    }
    weir__sink_print(sink, ",\"children\":[");
}

/* The objects of entries [i, end), side by side. Preorder: an entry of the same or a lesser
 * depth closes those still open. */
static void trees_print(struct weir__sink *sink, const struct weir__snapshot *s, size_t i,
                        size_t end)
{
    unsigned open = 0; /* objects begun and not closed */
    for (; i < end; i++) {
        const struct weir__snapshot_entry *entry = &s->entries[i];
        bool sibling = open > entry->depth;
        for (; open > entry->depth; open--)
            weir__sink_print(sink, "]}");
        weir__sink_print(sink, "%s", sibling ? "," : "");
        object_print(sink, entry);
        open++;
    }
    for (; open > 1; open--)
        weir__sink_print(sink, "]}");
    if (open)
        weir__sink_print(sink, "]");
}

/* One object: the first root's, with those of other roots in a second array. */
static void tree_print(struct weir__sink *sink, const struct weir__snapshot *s)
{
    size_t first = 1;
    while (first < s->n && s->entries[first].depth)
        first++;
    trees_print(sink, s, 0, first);
    if (first < s->n) {
        weir__sink_print(sink, ",\"beside\":[");
        trees_print(sink, s, first, s->n);
        weir__sink_print(sink, "}]");
    }
    if (s->whole)
        weir__process_json(sink);
    weir__sink_print(sink, "}\n");
}

/* -- the public calls --------------------------------------------------------------------- */

int weir__figures_end(struct weir__sink *sink)
{
    int error = weir__sink_finish(sink);
    if (error && error == sink->error)
        return weir__fail(error, "writing figures: %s", strerror(error));
    return error
               ? weir__fail(error, "the buffer has %zu bytes of %zu", sink->size, sink->length + 1)
               : 0;
}

static int sink_fill(struct weir__sink *sink, size_t *length, weir_allocator *a,
                     void (*print)(struct weir__sink *, const struct weir__snapshot *))
{
    struct weir__snapshot snapshot;
    int error = weir__snapshot_take(&snapshot, a);
    if (error)
        return error;
    print(sink, &snapshot);
    weir__snapshot_release(&snapshot);
    if (length)
        *length = sink->length;
    return weir__figures_end(sink);
}

int weir__figures_to_file(FILE *to, weir_allocator *a,
                          void (*print)(struct weir__sink *, const struct weir__snapshot *))
{
    if (!to)
        return weir__fail(EINVAL, "no file to print to: NULL was given");
    return sink_fill(&(struct weir__sink){.file = to}, NULL, a, print);
}

int weir__figures_to_buffer(char *buffer, size_t size, size_t *length, weir_allocator *a,
                            void (*print)(struct weir__sink *, const struct weir__snapshot *))
{
    if (!buffer && size)
        return weir__fail(EINVAL, "no buffer of %zu bytes: NULL was given", size);
    if (size)
        *buffer = '\0';
    return sink_fill(&(struct weir__sink){.buffer = buffer, .size = size}, length, a, print);
}

int weir_stats_print(FILE *to, weir_allocator *a)
{
    return weir__figures_to_file(to, a, table_print);
}

int weir_stats_json(FILE *to, weir_allocator *a)
{
    return weir__figures_to_file(to, a, tree_print);
}

int weir_stats_json_buffer(char *buffer, size_t size, size_t *length, weir_allocator *a)
{
    return weir__figures_to_buffer(buffer, size, length, a, tree_print);
}
