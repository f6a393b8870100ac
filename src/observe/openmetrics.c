/*
 * observe/openmetrics.c - what a scraper reads: one family a figure, one sample an allocator, told
 * apart by the label `path`; what is live by tag; figures of the process. The number of samples has
 * a bound, whatever the program makes. Owns what is in it; family.h has how it is written.
 */
#include "base/error.h"
#include "base/sized.h"
#include "observe/family.h"
#include "observe/figures.h"
#include "observe/holders.h"
#include "observe/process.h"
#include "observe/ranking.h"

#include <errno.h>
#include <stdint.h>
#include <weir/stats.h>
#include <weir/version.h>

#define MOST          200
#define TAGGED_BLOCKS 100000

struct page {
    struct weir__exposition to;
    const struct weir__snapshot *snapshot;
    struct weir__ranking ranking;
};

/* -- labels ------------------------------------------------------------------------------- */

/* Different for any two allocators: only here '/' and '#' stand for themselves. */
static void path_print(struct weir__sink *sink, const struct weir__snapshot *s, size_t i)
{
    const struct weir__snapshot_entry *entry = &s->entries[i];
    if (entry->depth) {
        path_print(sink, s, entry->parent);
        weir__sink_print(sink, "/");
    }
    weir__sink_path_text(sink, entry->name);
    if (entry->namesake)
        weir__sink_print(sink, "#%zu", entry->namesake + 1);
}

static void allocator_sample(const struct page *page, const struct weir__family *family, size_t i,
                             size_t value)
{
    struct weir__sink *sink = page->to.sink;
    weir__metric_begin(&page->to, family);
    weir__sink_print(sink, "{path=\"");
    path_print(sink, page->snapshot, i);
    weir__sink_print(sink, "\",backing=\"");
    weir__sink_label_text(sink, page->snapshot->entries[i].stats.backing);
    weir__sink_print(sink, "\"} %zu\n", value);
}

/* -- figures of allocators ------------------------------------------------------------------ */

static struct weir__family figure_family(const struct weir__figure *figure)
{
    bool bytes = figure->kind != WEIR__FIGURE_COUNT && figure->kind != WEIR__FIGURE_COUNTER;
    bool counter =
        figure->kind == WEIR__FIGURE_COUNTER || figure->kind == WEIR__FIGURE_BYTES_COUNTER;
    return (struct weir__family){figure->metric, bytes ? "bytes" : "", counter, figure->help};
}

static void figure_print(const struct page *page, const struct weir__figure *figure)
{
    const struct weir__family family = figure_family(figure);
    weir__family_begin(&page->to, &family);
    for (size_t i = 0; i < page->snapshot->n; i++) {
        size_t value = weir__figure_of(figure, &page->snapshot->entries[i].stats);
        bool none = value == WEIR_UNSUPPORTED || (figure->kind == WEIR__FIGURE_LIMIT && !value);
        if (page->ranking.ranks[i].shown && !none)
            allocator_sample(page, &family, i, value);
    }
}

static size_t rank_of(const struct weir__rank *rank, bool bytes)
{
    return bytes ? rank->bytes : rank->blocks;
}

/* Without descendants: these add up to all there is, those without a line in one sample. */
static void own_print(const struct page *page, const struct weir__family *family)
{
    bool bytes = *family->unit;
    weir__family_begin(&page->to, family);
    for (size_t i = 0; i < page->snapshot->n; i++)
        if (page->ranking.ranks[i].shown)
            allocator_sample(page, family, i, rank_of(&page->ranking.ranks[i], bytes));
    if (page->ranking.shown == page->snapshot->n)
        return;
    weir__metric_begin(&page->to, family);
    weir__sink_print(page->to.sink, "{path=\"#others\",backing=\"\"} %zu\n",
                     rank_of(&page->ranking.others, bytes));
}

/* -- one number of the whole ------------------------------------------------------------------ */

static void number_print(const struct weir__exposition *to, const char *name, const char *help,
                         size_t value)
{
    const struct weir__family family = {name, "", false, help};
    weir__family_begin(to, &family);
    weir__metric_begin(to, &family);
    weir__sink_print(to->sink, " %zu\n", value);
}

/* A gauge in both forms: readers of the older one know no type "info". */
static void build_print(const struct weir__exposition *to)
{
    const struct weir__family family = {"build_info", "", false, "The weir that says this"};
    weir__family_begin(to, &family);
    weir__metric_begin(to, &family);
    weir__sink_print(to->sink, "{version=\"%s\"} 1\n", weir_version());
}

/* -- tags ------------------------------------------------------------------------------------- */

/* One pass a family: the figures of a family are of one moment. */
struct tags {
    const struct weir__exposition *to;
    const struct weir__family *family;
    size_t most, n, others;
};

static void tag_sample_begin(const struct tags *t)
{
    weir__metric_begin(t->to, t->family);
    weir__sink_print(t->to->sink, "{tag=\"");
}

static bool tag_print(const weir_tag_stats *stats, void *user)
{
    struct tags *t = user;
    size_t value = *t->family->unit ? stats->bytes : stats->blocks;
    if (t->n++ >= t->most) {
        t->others += value;
        return false;
    }
    tag_sample_begin(t);
    weir__sink_path_text(t->to->sink, stats->name);
    weir__sink_print(t->to->sink, "\"} %zu\n", value);
    return false;
}

static int tags_print(const struct weir__exposition *to, const struct weir__family *family,
                      size_t most)
{
    struct tags t = {.to = to, .family = family, .most = most};
    weir__family_begin(to, family);
    int error = weir__holders_of_all(tag_print, &t);
    if (!error && t.n > most) {
        tag_sample_begin(&t);
        weir__sink_print(to->sink, "#others\"} %zu\n", t.others);
    }
    return error;
}

/* Live blocks of all roots. */
static size_t blocks_of(const struct weir__snapshot *s)
{
    size_t blocks = 0;
    for (size_t i = 0; i < s->n; i++)
        blocks += s->entries[i].depth ? 0 : s->entries[i].stats.allocation_count;
    return blocks;
}

/* -- the whole --------------------------------------------------------------------------------- */

static int whole_print(const struct page *page, const weir_exposition_options *options)
{
    static const struct weir__family bytes = {"tag_bytes", "bytes", false,
                                              "Requested bytes live now, by tag"};
    static const struct weir__family blocks = {"tag_blocks", "", false, "Live blocks, by tag"};
    size_t most = options->tags ? options->tags : MOST;
    size_t looked_at = options->tagged_blocks ? options->tagged_blocks : TAGGED_BLOCKS;
    bool tagged = blocks_of(page->snapshot) <= looked_at;
    int error = tagged ? tags_print(&page->to, &bytes, most) : 0;
    if (!error && tagged)
        error = tags_print(&page->to, &blocks, most);
    weir__process_families(&page->to);
    build_print(&page->to);
    return error;
}

static int page_print(const struct page *page, const weir_exposition_options *options)
{
    static const struct weir__family bytes = {
        "own_bytes", "bytes", false, "Requested bytes live now, without those of descendants"};
    static const struct weir__family blocks = {"own_blocks", "", false,
                                               "Live blocks, without those of descendants"};
    int error = 0;
    for (size_t i = 0; i < weir__nfigures; i++)
        figure_print(page, &weir__figures[i]);
    own_print(page, &bytes);
    own_print(page, &blocks);
    number_print(&page->to, "contexts", "Allocators that there are", page->snapshot->n);
    number_print(&page->to, "contexts_shown", "Of these, with lines of their own",
                 page->ranking.shown);
    if (page->snapshot->whole)
        error = whole_print(page, options);
    weir__exposition_end(&page->to);
    return error;
}

static int exposition_print(struct weir__sink *sink, const weir_exposition_options *options)
{
    struct weir__snapshot snapshot;
    struct page page = {.to = {sink, options->text}, .snapshot = &snapshot};
    int error = weir__snapshot_take(&snapshot, options->allocator);
    if (error)
        return error;
    error =
        weir__ranking_make(&page.ranking, &snapshot, options->contexts ? options->contexts : MOST);
    if (!error) {
        error = page_print(&page, options);
        weir__ranking_release(&page.ranking);
    }
    weir__snapshot_release(&snapshot);
    int written = weir__figures_end(sink);
    return error ? error : written;
}

/* -- the public calls ----------------------------------------------------------------------------
 */

int weir_stats_exposition(char *buffer, size_t size, size_t *length,
                          const weir_exposition_options *options)
{
    weir_exposition_options taken;
    struct weir__sink sink = {.buffer = buffer, .size = size};
    if (!buffer && size)
        return weir__fail(EINVAL, "no buffer of %zu bytes: NULL was given", size);
    if (!weir__options_take(&taken, sizeof taken, WEIR__SIZE_WITH(weir_exposition_options, text),
                            options))
        return weir__fail(EINVAL, "weir_exposition_options.size is %zu, or what is beyond is set",
                          options->size);
    if (size)
        *buffer = '\0';
    int error = exposition_print(&sink, &taken);
    if (length)
        *length = sink.length;
    return error;
}

int weir_stats_openmetrics(FILE *to, weir_allocator *a)
{
    if (!to)
        return weir__fail(EINVAL, "no file to print to: NULL was given");
    return exposition_print(&(struct weir__sink){.file = to},
                            &(weir_exposition_options){.allocator = a});
}

int weir_stats_openmetrics_buffer(char *buffer, size_t size, size_t *length, weir_allocator *a)
{
    return weir_stats_exposition(
        buffer, size, length,
        &(weir_exposition_options){.size = sizeof(weir_exposition_options), .allocator = a});
}
