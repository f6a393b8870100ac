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
#include "observe/sink.h"
#include "observe/snapshot.h"

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
    bool wanted;           /* the blocks, not only the sums */
    bool incomplete;       /* no memory for them all */
    const char *allocator; /* being walked */
};

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
    return false;
}

/* An allocator made since the checkpoint has none of its own: those above it tell. */
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

static void leak_print(struct weir__sink *sink, const weir_leak *leak)
{
    weir__sink_print(sink, "  %p  %zu bytes  in ", leak->address, leak->requested);
    weir__sink_plain_text(sink, leak->allocator_name, 0);
    if (*leak->tag_name) {
        weir__sink_print(sink, "  tag ");
        weir__sink_plain_text(sink, leak->tag_name, 0);
    }
    weir__sink_print(sink, "\n");
}

int weir_leaks_print(FILE *to, weir_allocator *a, uint64_t checkpoint)
{
    struct listing l = {.checkpoint = checkpoint, .wanted = true};
    int error =
        to ? listing_take(&l, a) : weir__fail(EINVAL, "no file to print to: NULL was given");
    if (error) {
        listing_release(&l);
        return error;
    }
    struct weir__sink sink = {.file = to};
    if (l.sums.count)
        weir__sink_print(&sink, "leaked: %zu %s, %zu bytes\n", l.sums.count,
                         l.sums.count == 1 ? "block" : "blocks", l.sums.bytes);
    else
        weir__sink_print(&sink, "no leaks\n");
    for (size_t i = 0; i < l.n; i++)
        leak_print(&sink, &l.leaks[i]);
    if (l.incomplete)
        weir__sink_print(&sink, "  and %zu blocks that there was no memory to list\n",
                         l.sums.count - l.n);
    weir__sink_print(&sink, "cached for re-use, not leaked: ");
    weir__sink_figure(&sink, l.sums.cached, "unsupported");
    weir__sink_print(&sink, l.sums.cached == WEIR_UNSUPPORTED ? "\n" : " bytes\n");
    listing_release(&l);
    return weir__figures_end(&sink);
}
