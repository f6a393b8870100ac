/* tools/trace/groups.c - see groups.h. */
#include "tools/trace/groups.h"
#include "tools/common/memory.h"

#include <stdlib.h>

static int key_compare(const void *left, const void *right)
{
    const struct trace_group *a = left, *b = right;
    return a->key < b->key ? -1 : a->key > b->key;
}

static int bytes_compare(const void *left, const void *right)
{
    const struct trace_group *a = left, *b = right;
    if (a->bytes != b->bytes)
        return a->bytes > b->bytes ? -1 : 1;
    return key_compare(left, right);
}

static uint64_t key_of(const struct trace_block *block, enum trace_group_by by)
{
    return by == TRACE_BY_TAG       ? block->tag
           : by == TRACE_BY_CONTEXT ? block->context
                                    : block->requested;
}

/* Neighbors of one key become one; returns how many are left. */
static size_t groups_join(struct trace_group *groups, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        if (kept && groups[kept - 1].key == groups[i].key) {
            groups[kept - 1].bytes += groups[i].bytes;
            groups[kept - 1].blocks += groups[i].blocks;
        } else {
            groups[kept++] = groups[i];
        }
    }
    return kept;
}

void trace_groups_make(struct trace_groups *g, const struct trace_replay *replay,
                       enum trace_group_by by)
{
    *g = (struct trace_groups){0};
    g->groups = memory_array(NULL, replay->blocks.live.used, sizeof *g->groups);
    for (size_t i = 0; i < replay->blocks.n; i++) {
        const struct trace_block *block = &replay->blocks.all[i];
        if (block->live)
            g->groups[g->n++] = (struct trace_group){key_of(block, by), block->requested, 1};
    }
    qsort(g->groups, g->n, sizeof *g->groups, key_compare);
    g->n = groups_join(g->groups, g->n);
    qsort(g->groups, g->n, sizeof *g->groups, bytes_compare);
}

void trace_groups_free(struct trace_groups *g)
{
    free(g->groups);
    g->groups = NULL;
}
