/* observe/ranking.c - see ranking.h. */
#include "observe/ranking.h"

#include "backing/meta.h"
#include "base/bits.h"
#include "base/error.h"

#include <errno.h>

struct candidate {
    size_t peak, index;
};

static int candidate_compare(const void *left, const void *right)
{
    const struct candidate *a = left, *b = right;
    if (a->peak != b->peak)
        return a->peak > b->peak ? 1 : -1;
    return a->index < b->index ? 1 : a->index > b->index ? -1 : 0;
}

/* Parents come before their children, and their figures are taken before, so a parent may seem to
 * have less than its children: then it has nothing. */
static void own_figures(struct weir__ranking *r, const struct weir__snapshot *s)
{
    for (size_t i = 0; i < s->n; i++) {
        r->ranks[i].bytes = s->entries[i].stats.total_allocated;
        r->ranks[i].blocks = s->entries[i].stats.allocation_count;
    }
    for (size_t i = 0; i < s->n; i++) {
        if (!s->entries[i].depth)
            continue;
        struct weir__rank *parent = &r->ranks[s->entries[i].parent];
        parent->bytes -= weir__min(parent->bytes, s->entries[i].stats.total_allocated);
        parent->blocks -= weir__min(parent->blocks, s->entries[i].stats.allocation_count);
    }
}

static void ranking_choose(struct weir__ranking *r, const struct weir__snapshot *s,
                           struct candidate *candidates, size_t most)
{
    for (size_t i = 0; i < s->n; i++)
        candidates[i] = (struct candidate){s->entries[i].stats.peak_allocated, i};
    weir__snapshot_sort(candidates, s->n, sizeof *candidates, candidate_compare);
    r->shown = weir__min(most, s->n);
    for (size_t i = 0; i < s->n; i++) {
        struct weir__rank *rank = &r->ranks[candidates[i].index];
        rank->shown = i < r->shown;
        r->others.bytes += rank->shown ? 0 : rank->bytes;
        r->others.blocks += rank->shown ? 0 : rank->blocks;
    }
}

int weir__ranking_make(struct weir__ranking *ranking, const struct weir__snapshot *snapshot,
                       size_t most)
{
    size_t bytes = snapshot->n * sizeof(struct candidate);
    *ranking = (struct weir__ranking){.n = snapshot->n};
    struct candidate *candidates = weir__meta_allocate(bytes);
    ranking->ranks = weir__meta_allocate(snapshot->n * sizeof *ranking->ranks);
    bool enough = candidates && ranking->ranks;
    if (enough) {
        own_figures(ranking, snapshot);
        ranking_choose(ranking, snapshot, candidates, most);
    } else {
        weir__ranking_release(ranking);
    }
    weir__meta_free(candidates, bytes);
    return enough ? 0 : weir__fail(ENOMEM, "no memory to rank %zu allocators", snapshot->n);
}

void weir__ranking_release(struct weir__ranking *ranking)
{
    weir__meta_free(ranking->ranks, ranking->n * sizeof *ranking->ranks);
    *ranking = (struct weir__ranking){0};
}
