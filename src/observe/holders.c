/* observe/holders.c - who holds the memory: live blocks added up by tag. */
#include "observe/holders.h"

#include "alloc/inspect.h"
#include "backing/meta.h"
#include "base/error.h"
#include "observe/figures.h"
#include "observe/sink.h"
#include "observe/snapshot.h"

#include <errno.h>

#define TAGS 8192 /* weir_tag is at most 8191 */

struct holders {
    weir_tag_stats *tags; /* by tag, then packed and sorted */
    size_t n;
};

static bool holders_count(const weir_block *block, void *user)
{
    struct holders *h = user;
    weir_tag_stats *t = &h->tags[block->tag % TAGS];
    t->bytes += block->requested;
    t->usable += block->usable;
    t->blocks++;
    if (block->requested > t->largest)
        t->largest = block->requested;
    return false;
}

static int holders_walk(weir_allocator *a, unsigned depth, void *user)
{
    (void)depth;
    weir_allocator_walk(a, holders_count, user);
    return 0;
}

static int holder_compare(const void *left, const void *right)
{
    const weir_tag_stats *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? 1 : -1;
    return a->tag < b->tag ? 1 : a->tag > b->tag ? -1 : 0;
}

static void holders_release(struct holders *h)
{
    weir__meta_free(h->tags, TAGS * sizeof *h->tags);
}

/* `a` NULL: every allocator there is. */
static int holders_take(struct holders *h, weir_allocator *a)
{
    *h = (struct holders){.tags = weir__meta_allocate(TAGS * sizeof *h->tags)};
    if (!h->tags) {
        weir__fail(ENOMEM, "no memory to add up tags");
        return ENOMEM;
    }
    int error = weir__allocator_tree(a, holders_walk, h);
    if (error) {
        holders_release(h);
        return error;
    }
    for (weir_tag tag = 0; tag < TAGS; tag++)
        if (h->tags[tag].blocks) {
            weir_tag_stats found = h->tags[tag];
            found.tag = tag;
            found.name = weir_tag_name(tag);
            h->tags[h->n++] = found;
        }
    weir__snapshot_sort(h->tags, h->n, sizeof *h->tags, holder_compare);
    return 0;
}

static int holders_visit(weir_allocator *a, weir_tag_stats_visitor *visit, void *user)
{
    struct holders h;
    int error = holders_take(&h, a);
    if (error)
        return error;
    for (size_t i = 0; i < h.n && !visit(&h.tags[i], user); i++)
        continue;
    holders_release(&h);
    return 0;
}

int weir__holders_of_all(weir_tag_stats_visitor *visit, void *user)
{
    return holders_visit(NULL, visit, user);
}

int weir_allocator_walk_tags(weir_allocator *a, weir_tag_stats_visitor *visit, void *user)
{
    if (!visit)
        return weir__fail(EINVAL, "no visitor: NULL was given");
    return holders_visit(a ? a : weir_cpu_allocator(), visit, user);
}

/* -- printed ---------------------------------------------------------------------------- */

/* Adds up what is beyond the first `top`; returns how many are shown. */
static size_t holders_rest(const struct holders *h, size_t top, weir_tag_stats *rest)
{
    size_t shown = top && top < h->n ? top : h->n;
    *rest = (weir_tag_stats){0};
    for (size_t i = shown; i < h->n; i++) {
        rest->bytes += h->tags[i].bytes;
        rest->usable += h->tags[i].usable;
        rest->blocks += h->tags[i].blocks;
        if (h->tags[i].largest > rest->largest)
            rest->largest = h->tags[i].largest;
    }
    return shown;
}

static void text_print(struct weir__sink *sink, const weir_tag_stats *t, const char *name)
{
    weir__sink_print(sink, "%14zu  %14zu  %10zu  %14zu  ", t->bytes, t->usable, t->blocks,
                     t->largest);
    weir__sink_plain_text(sink, name, 0);
    weir__sink_print(sink, "\n");
}

int weir_holders_print(FILE *to, weir_allocator *a, size_t top)
{
    struct holders h;
    weir_tag_stats rest;
    if (!to) {
        weir__fail(EINVAL, "no file to print to: NULL was given");
        return EINVAL;
    }
    int error = holders_take(&h, a ? a : weir_cpu_allocator());
    if (error)
        return error;
    struct weir__sink sink = {.file = to};
    size_t shown = holders_rest(&h, top, &rest);
    weir__sink_print(&sink, "%14s  %14s  %10s  %14s  %s\n", "live bytes", "in blocks", "blocks",
                     "largest", "tag");
    for (size_t i = 0; i < shown; i++)
        text_print(&sink, &h.tags[i], h.tags[i].tag ? h.tags[i].name : "(no tag)");
    if (shown < h.n)
        text_print(&sink, &rest, "(the rest)");
    holders_release(&h);
    return weir__figures_end(&sink);
}

static void json_print(struct weir__sink *sink, const weir_tag_stats *t)
{
    weir__sink_print(sink, "\"bytes\":%zu,\"usable\":%zu,\"blocks\":%zu,\"largest\":%zu}", t->bytes,
                     t->usable, t->blocks, t->largest);
}

int weir_holders_json(FILE *to, weir_allocator *a, size_t top)
{
    struct holders h;
    weir_tag_stats rest;
    if (!to) {
        weir__fail(EINVAL, "no file to print to: NULL was given");
        return EINVAL;
    }
    int error = holders_take(&h, a ? a : weir_cpu_allocator());
    if (error)
        return error;
    struct weir__sink sink = {.file = to};
    size_t shown = holders_rest(&h, top, &rest);
    weir__sink_print(&sink, "{\"holders\":[");
    for (size_t i = 0; i < shown; i++) {
        weir__sink_print(&sink, "%s{\"tag\":\"", i ? "," : "");
        weir__sink_json_text(&sink, h.tags[i].name);
        weir__sink_print(&sink, "\",");
        json_print(&sink, &h.tags[i]);
    }
    weir__sink_print(&sink, "],\"rest\":{\"tags\":%zu,", h.n - shown);
    json_print(&sink, &rest);
    weir__sink_print(&sink, "}\n");
    holders_release(&h);
    return weir__figures_end(&sink);
}
