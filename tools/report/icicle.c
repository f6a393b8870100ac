/* tools/report/icicle.c - see icicle.h. */
#include "tools/report/icicle.h"
#include "tools/common/memory.h"

#include <stdlib.h>
#include <string.h>

/* -- the whole tree -----------------------------------------------------------------------------
 */

struct maker {
    const struct report *report;
    struct report_keys keys; /* parent, function: node, which is number + 1 */
    struct icicle_node *nodes;
    size_t n;
    uint32_t *of; /* by node of the trace */
};

static uint32_t node_add(struct maker *m, uint32_t parent, uint32_t function)
{
    size_t before = m->keys.n;
    uint32_t node = report_keys_add(&m->keys, (uint64_t)parent << 32 | function) + 1;
    if (m->keys.n > before) {
        m->nodes = memory_grow(m->nodes, node, sizeof *m->nodes);
        m->nodes[node] = (struct icicle_node){
            .parent = parent, .function = function, .depth = m->nodes[parent].depth + 1};
        m->n = node + 1;
    }
    return node;
}

static void weights_add(struct icicle_node *node, const struct report_data *d,
                        const struct report_segment *s)
{
    if (report_lives(s, d->peak_change))
        node->weight[ICICLE_PEAK] += s->bytes;
    if (s->died == REPORT_NONE)
        node->weight[ICICLE_LEFT] += s->bytes;
    if (!s->resized && s->thread) {
        node->weight[ICICLE_BYTES] += s->bytes;
        node->weight[ICICLE_BLOCKS]++;
    }
}

static void tree_make(struct maker *m)
{
    const struct report_data *d = &m->report->data;
    size_t nstacks = d->info->nstacks;
    m->nodes = memory_grow(NULL, 0, sizeof *m->nodes);
    m->nodes[0] = (struct icicle_node){0};
    m->n = 1;
    m->of = memory_zeroed(nstacks, sizeof *m->of);
    for (size_t node = 1; node < nstacks; node++)
        m->of[node] = node_add(m, m->of[d->info->stacks[node].parent], m->report->frames.of[node]);
    for (size_t i = 0; i < d->nsegments; i++) {
        uint32_t stack = d->segments[i].stack;
        weights_add(&m->nodes[stack < nstacks ? m->of[stack] : 0], d, &d->segments[i]);
    }
    for (size_t node = m->n; node-- > 1;)
        for (size_t w = 0; w < ICICLE_MEASURES; w++)
            m->nodes[m->nodes[node].parent].weight[w] += m->nodes[node].weight[w];
}

/* -- what is shown ------------------------------------------------------------------------------
 */

/* The greatest share that it has of any measure, in billionths: no child's is above its parent's.
 */
static uint32_t share_of(const struct maker *m, size_t node)
{
    double most = 0;
    for (size_t w = 0; w < ICICLE_MEASURES; w++) {
        double whole = (double)m->nodes[0].weight[w];
        double share = whole > 0 ? (double)m->nodes[node].weight[w] / whole : 0;
        most = share > most ? share : most;
    }
    return (uint32_t)(most * 1e9);
}

static int by_share(const void *left, const void *right)
{
    uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    return a > b ? -1 : a < b;
}

static uint32_t least_share(const uint32_t *shares, size_t n)
{
    uint32_t least = 1000000, *sorted;
    if (n <= ICICLE_MOST)
        return least;
    sorted = memory_array(NULL, n, sizeof *sorted);
    memcpy(sorted, shares, n * sizeof *sorted);
    qsort(sorted, n, sizeof *sorted, by_share);
    if (sorted[ICICLE_MOST] >= least)
        least = sorted[ICICLE_MOST] + 1;
    free(sorted);
    return least;
}

static void tree_prune(struct maker *m, struct icicle *icicle)
{
    uint32_t *shares = memory_array(NULL, m->n, sizeof *shares);
    uint32_t *place = memory_zeroed(m->n, sizeof *place);
    for (size_t i = 0; i < m->n; i++)
        shares[i] = share_of(m, i);
    uint32_t least = least_share(shares, m->n);
    icicle->nodes =
        memory_array(NULL, m->n < ICICLE_MOST ? m->n : ICICLE_MOST + 1, sizeof *icicle->nodes);
    for (size_t i = 0; i < m->n; i++) {
        if (i && shares[i] < least) {
            icicle->left_out++;
            continue;
        }
        place[i] = (uint32_t)icicle->n;
        icicle->nodes[icicle->n] = m->nodes[i];
        icicle->nodes[icicle->n++].parent = place[m->nodes[i].parent];
    }
    free(shares);
    free(place);
}

void icicle_make(struct icicle *icicle, const struct report *report)
{
    struct maker m = {.report = report};
    *icicle = (struct icicle){0};
    tree_make(&m);
    tree_prune(&m, icicle);
    report_keys_free(&m.keys);
    free(m.nodes);
    free(m.of);
}

void icicle_free(struct icicle *icicle)
{
    free(icicle->nodes);
}
