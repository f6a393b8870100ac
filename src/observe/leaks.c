/*
 * observe/leaks.c - checkpoints and what was left behind since one. The core keeps one
 * generation bit a block and the number of the latest checkpoint an allocator; this
 * decides whether a checkpoint may still be asked for.
 */
#include "alloc/inspect.h"
#include "alloc/walk.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"
#include "observe/figures.h"
#include "observe/samples.h"
#include "observe/sink.h"
#include "observe/sites.h"
#include "observe/snapshot.h"
#include "track/sample.h"

#include <errno.h>
#include <string.h>
#include <weir/profile.h>

/* -- taking one ------------------------------------------------------------------------- */

static int checkpoint_mark(weir_allocator *a, unsigned depth, void *user)
{
    static uint64_t latest; /* under the lock that the tree is visited with */
    uint64_t *number = user;
    if (depth == 0)
        *number = ++latest;
    weir__allocator_mark_old(a, NULL, NULL);
    weir__allocator_checkpoint_set(a, *number);
    return 0;
}

uint64_t weir_checkpoint(weir_allocator *a)
{
    uint64_t number = 0;
    int error = weir__allocator_tree(a ? a : weir_cpu_allocator(), checkpoint_mark, &number);
    if (error)
        errno = error;
    return number;
}

/* -- what is left ----------------------------------------------------------------------- */

struct listing {
    uint64_t checkpoint;
    weir_leaks_stats sums;
    weir_leak *leaks;
    size_t n, capacity;
    bool wanted;                   /* the blocks, not only the sums */
    bool incomplete;               /* no memory for them all */
    const char *allocator;         /* being walked */
    struct weir__sampled *sampled; /* of them; NULL: nothing is sampled */
    size_t nsampled, room;
};

/* Who allocated it, if that is known. */
static void listing_add_sampled(struct listing *l, const void *block)
{
    struct weir__sampled sampled;
    if (!weir__sample_has_profile() || !weir__samples_find(block, &sampled))
        return;
    struct weir__sampled *grown =
        weir__snapshot_grow(l->sampled, l->nsampled, &l->room, sizeof *grown);
    if (!grown)
        return;
    l->sampled = grown;
    grown[l->nsampled++] = sampled;
}

static bool listing_add(const weir_block *block, void *user)
{
    struct listing *l = user;
    if (!block->since_checkpoint)
        return false;
    l->sums.count++;
    l->sums.bytes += block->requested;
    if (!l->wanted || l->incomplete)
        return false;
    weir_leak *leaks = weir__snapshot_grow(l->leaks, l->n, &l->capacity, sizeof *leaks);
    l->incomplete = !leaks;
    if (!leaks)
        return false;
    l->leaks = leaks;
    leaks[l->n++] = (weir_leak){.address = block->address,
                                .requested = block->requested,
                                .usable = block->usable,
                                .tag = block->tag,
                                .tag_name = weir_tag_name(block->tag),
                                .allocator_name = l->allocator};
    listing_add_sampled(l, block->address);
    return false;
}

/* An allocator made since the checkpoint has none: those above it tell. */
static uint64_t checkpoint_of(const weir_allocator *a)
{
    uint64_t number = weir__allocator_checkpoint(a);
    while (!number && (a = weir_allocator_parent(a)))
        number = weir__allocator_checkpoint(a);
    return number;
}

static int checkpoint_check(const weir_allocator *a, uint64_t wanted)
{
    uint64_t number = checkpoint_of(a);
    if (number == wanted && wanted)
        return 0;
    if (number > wanted && wanted)
        return weir__fail(ESTALE, "checkpoint %llu was replaced by %llu in allocator \"%s\"",
                          (unsigned long long)wanted, (unsigned long long)number,
                          weir_allocator_name(a));
    return weir__fail(EINVAL, "checkpoint %llu was not taken of allocator \"%s\"",
                      (unsigned long long)wanted, weir_allocator_name(a));
}

static int listing_walk(weir_allocator *a, unsigned depth, void *user)
{
    struct listing *l = user;
    weir_stats stats = {.size = sizeof stats};
    int error = checkpoint_check(a, l->checkpoint);
    if (error)
        return error;
    if (depth == 0 && weir_stats_get(a, &stats) == 0)
        l->sums.cached = stats.cached;
    l->allocator = weir_allocator_name(a);
    weir_allocator_walk(a, listing_add, l);
    return 0;
}

static int leak_compare(const void *left, const void *right)
{
    const weir_leak *a = left, *b = right;
    if (a->requested != b->requested)
        return a->requested > b->requested ? 1 : -1;
    return a->address < b->address ? 1 : a->address > b->address ? -1 : 0;
}

static int listing_take(struct listing *l, weir_allocator *a)
{
    int error = weir__allocator_tree(a ? a : weir_cpu_allocator(), listing_walk, l);
    if (!error)
        weir__snapshot_sort(l->leaks, l->n, sizeof *l->leaks, leak_compare);
    return error;
}

static void listing_release(struct listing *l)
{
    weir__meta_free(l->leaks, l->capacity * sizeof *l->leaks);
    weir__meta_free(l->sampled, l->room * sizeof *l->sampled);
}

int weir_leaks_stats_get(weir_allocator *a, uint64_t checkpoint, weir_leaks_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_leaks_stats, cached) };
    struct listing l = {.checkpoint = checkpoint};
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "statistics of leaks: %s",
                          stats ? "no such struct" : "NULL was given");
    int error = listing_take(&l, a);
    if (!error)
        weir__figures_give(stats, FIRST, &l.sums, sizeof l.sums);
    return error;
}

int weir_leaks_walk(weir_allocator *a, uint64_t checkpoint, weir_leak_visitor *visit, void *user)
{
    struct listing l = {.checkpoint = checkpoint, .wanted = true};
    if (!visit)
        return weir__fail(EINVAL, "no visitor: NULL was given");
    int error = listing_take(&l, a);
    if (!error && l.incomplete)
        error = weir__fail(ENOMEM, "no memory to list %zu blocks", l.sums.count);
    for (size_t i = 0; i < l.n && !error && !visit(&l.leaks[i], user); i++)
        continue;
    listing_release(&l);
    return error;
}

/* -- printed: by tag and size ------------------------------------------------------------- */

#define TOP 32

struct group {
    weir_tag tag;
    const char *tag_name, *allocator_name;
    size_t requested, blocks, bytes;
    const void *first; /* the lowest address */
};

/* Joins what is next to each other in the listing, which is sorted. */
static int leak_compare_groups(const void *left, const void *right)
{
    const weir_leak *a = left, *b = right;
    int by = strcmp(a->allocator_name, b->allocator_name);
    if (by)
        return -by;
    if (a->tag != b->tag)
        return a->tag < b->tag ? 1 : -1;
    return leak_compare(left, right);
}

static int group_compare(const void *left, const void *right)
{
    const struct group *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? 1 : -1;
    return a->first < b->first ? 1 : a->first > b->first ? -1 : 0;
}

static bool leak_is_of(const weir_leak *leak, const struct group *group)
{
    return leak->tag == group->tag && leak->requested == group->requested &&
           strcmp(leak->allocator_name, group->allocator_name) == 0;
}

struct groups {
    struct group *groups; /* greatest first */
    size_t n, capacity;
};

/* False: no memory. */
static bool groups_make(struct groups *g, weir_leak *leaks, size_t n)
{
    weir__snapshot_sort(leaks, n, sizeof *leaks, leak_compare_groups);
    for (size_t i = 0; i < n; i++) {
        if (!g->n || !leak_is_of(&leaks[i], &g->groups[g->n - 1])) {
            struct group *grown = weir__snapshot_grow(g->groups, g->n, &g->capacity, sizeof *grown);
            if (!grown)
                return false;
            g->groups = grown;
            grown[g->n++] = (struct group){.tag = leaks[i].tag,
                                           .tag_name = leaks[i].tag_name,
                                           .allocator_name = leaks[i].allocator_name,
                                           .requested = leaks[i].requested,
                                           .first = leaks[i].address};
        }
        g->groups[g->n - 1].blocks++;
        g->groups[g->n - 1].bytes += leaks[i].requested;
    }
    weir__snapshot_sort(g->groups, g->n, sizeof *g->groups, group_compare);
    return true;
}

static void group_print(struct weir__sink *sink, const struct group *group)
{
    if (group->blocks == 1)
        weir__sink_print(sink, "  %zu bytes  in ", group->bytes);
    else
        weir__sink_print(sink, "  %zu bytes  %zu blocks of %zu  in ", group->bytes, group->blocks,
                         group->requested);
    weir__sink_plain_text(sink, group->allocator_name, 0);
    if (*group->tag_name) {
        weir__sink_print(sink, "  tag ");
        weir__sink_plain_text(sink, group->tag_name, 0);
    }
    weir__sink_print(sink, "  at %p\n", group->first);
}

static void groups_print(struct weir__sink *sink, const struct groups *g, size_t top)
{
    size_t shown = top && top < g->n ? top : g->n, blocks = 0, bytes = 0;
    for (size_t i = 0; i < shown; i++)
        group_print(sink, &g->groups[i]);
    for (size_t i = shown; i < g->n; i++) {
        blocks += g->groups[i].blocks;
        bytes += g->groups[i].bytes;
    }
    if (shown < g->n)
        weir__sink_print(sink, "  %zu bytes  %zu blocks  in %zu tags and sizes more\n", bytes,
                         blocks, g->n - shown);
}

/* Estimates next to the exact sums above them. */
static void sampled_print(struct weir__sink *sink, struct listing *l, size_t top)
{
    struct weir__sites sites;
    if (!l->nsampled || !weir__sites_make(&sites, l->sampled, l->nsampled))
        return;
    weir__sink_print(sink, "allocated by, as estimated from %zu sampled %s:\n", l->nsampled,
                     l->nsampled == 1 ? "block" : "blocks");
    weir__sites_print(sink, &sites, top);
    weir__sites_release(&sites);
}

static int listing_print(FILE *to, struct listing *l, size_t top)
{
    struct weir__sink sink = {.file = to};
    struct groups groups = {0};
    if (l->sums.count)
        weir__sink_print(&sink, "leaked: %zu %s, %zu bytes\n", l->sums.count,
                         l->sums.count == 1 ? "block" : "blocks", l->sums.bytes);
    else
        weir__sink_print(&sink, "no leaks\n");
    if (groups_make(&groups, l->leaks, l->n))
        groups_print(&sink, &groups, top);
    else
        weir__sink_print(&sink, "  there was no memory to add them up\n");
    if (l->incomplete)
        weir__sink_print(&sink, "  and %zu blocks that there was no memory to list\n",
                         l->sums.count - l->n);
    sampled_print(&sink, l, top);
    weir__sink_print(&sink, "cached for re-use, not leaked: ");
    weir__sink_figure(&sink, l->sums.cached, "unsupported");
    weir__sink_print(&sink, l->sums.cached == WEIR_UNSUPPORTED ? "\n" : " bytes\n");
    weir__meta_free(groups.groups, groups.capacity * sizeof *groups.groups);
    return weir__figures_end(&sink);
}

int weir_leaks_print_top(FILE *to, weir_allocator *a, uint64_t checkpoint, size_t top)
{
    struct listing l = {.checkpoint = checkpoint, .wanted = true};
    int error =
        to ? listing_take(&l, a) : weir__fail(EINVAL, "no file to print to: NULL was given");
    if (!error)
        error = listing_print(to, &l, top);
    listing_release(&l);
    return error;
}

int weir_leaks_print(FILE *to, weir_allocator *a, uint64_t checkpoint)
{
    return weir_leaks_print_top(to, a, checkpoint, TOP);
}
