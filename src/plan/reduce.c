/*
 * plan/reduce.c - turns a plan into the problem that the algorithms see, and splits it
 * where nothing is live. Owns no state. What is exact: times and units lose nothing; a
 * ring of aliases becomes the box around it, which may lose something (plan/fit.c places
 * rings as they are).
 */
#include "base/error.h"
#include "plan/problem.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>

static uint64_t reduce_gcd(uint64_t a, uint64_t b)
{
    while (b) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* One item before compression. */
struct reduce_box {
    int64_t first, last;
    uint64_t size;
    uint32_t buffer;
    uint8_t shift;
};

/* The box around buffer i's ring, if i is the ring's smallest index and has a size. */
static bool reduce_box_of(const struct weir_plan *plan, uint32_t i, struct reduce_box *box)
{
    const struct weir__plan_buffer *b = &plan->buffers[i];
    *box = (struct reduce_box){b->first, b->last, b->size, i, b->shift};
    for (uint32_t j = b->next; j != i; j = plan->buffers[j].next) {
        const struct weir__plan_buffer *o = &plan->buffers[j];
        if (j < i)
            return false;
        if (o->first < box->first)
            box->first = o->first;
        if (o->last > box->last)
            box->last = o->last;
        box->size = weir__max(box->size, o->size);
        box->shift = o->shift > box->shift ? o->shift : box->shift;
    }
    return box->size > 0;
}

/*
 * Sections: sweeping over starts and ends in the order of time (ends first at equal
 * times), a new section begins at each start that follows an end. lo of an item is the
 * section open after its start, hi the one open at its end.
 */
static uint32_t reduce_sections(struct weir__plan_key *starts, struct weir__plan_key *ends,
                                uint32_t n, uint32_t *lo, uint32_t *hi)
{
    uint32_t section = 0, s = 0, e = 0;
    bool ended = false;
    while (e < n) {
        if (s < n && starts[s].key < ends[e].key) {
            section += ended;
            ended = false;
            lo[starts[s++].index] = section;
        } else {
            ended = true;
            hi[ends[e++].index] = section;
        }
    }
    return n ? section + 1 : 0;
}

/* Units: the gcd of the sizes where all alignments divide it; else the least alignment,
 * with sizes rounded up to it (offsets are multiples of it anyway). */
static void reduce_units(struct reduce_box *boxes, uint32_t n, uint64_t *unit, uint64_t *pad,
                         bool *aligned)
{
    uint8_t least = 63, greatest = 0;
    for (uint32_t i = 0; i < n; i++) {
        least = boxes[i].shift < least ? boxes[i].shift : least;
        greatest = boxes[i].shift > greatest ? boxes[i].shift : greatest;
    }
    uint64_t gcd = 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t rounded = weir__round_up(boxes[i].size, (size_t)1 << least);
        *pad = weir__max(*pad, rounded - boxes[i].size);
        boxes[i].size = rounded;
        gcd = reduce_gcd(boxes[i].size, gcd);
    }
    *aligned = !n || gcd % ((uint64_t)1 << greatest) == 0;
    *unit = !n ? 1 : *aligned ? gcd : (uint64_t)1 << least;
}

static int reduce_bound(struct weir__problem *p, struct weir__plan_scratch *scratch)
{
    struct weir__plan_block *mark = scratch->blocks;
    uint64_t *ending = weir__plan_take(scratch, p->sections + 1, sizeof *ending);
    if (!ending)
        return ENOMEM;
    uint64_t live = 0;
    uint32_t i = 0;
    int error = 0;
    p->bound = 0;
    for (uint32_t s = 0; s < p->sections && !error; s++) {
        for (; i < p->count && p->lo[i] == s && !error; i++) {
            live += p->size[i];
            ending[p->hi[i]] += p->size[i];
            if (live > (uint64_t)PTRDIFF_MAX / p->unit)
                error = weir__fail(EOVERFLOW, "what is live at one time exceeds %td bytes",
                                   PTRDIFF_MAX);
        }
        p->bound = live > p->bound ? live : p->bound;
        live -= ending[s];
    }
    weir__plan_drop(scratch, mark);
    return error;
}

static int reduce_fill(struct weir__problem *p, struct weir__plan_scratch *scratch,
                       const struct reduce_box *boxes, bool aligned)
{
    uint32_t n = p->count;
    p->lo = weir__plan_take(scratch, n, sizeof *p->lo);
    p->hi = weir__plan_take(scratch, n, sizeof *p->hi);
    p->size = weir__plan_take(scratch, n, sizeof *p->size);
    p->buffer = weir__plan_take(scratch, n, sizeof *p->buffer);
    p->align = aligned ? NULL : weir__plan_take(scratch, n, sizeof *p->align);
    struct weir__plan_block *mark = scratch->blocks;
    struct weir__plan_key *keys = weir__plan_take(scratch, 3 * (size_t)n, sizeof *keys);
    uint32_t *range = weir__plan_take(scratch, 2 * (size_t)n, sizeof *range);
    if (!p->lo || !p->hi || !p->size || !p->buffer || (!aligned && !p->align) || !keys || !range)
        return ENOMEM;
    struct weir__plan_key *starts = keys, *ends = keys + n, *spare = keys + 2 * (size_t)n;
    for (uint32_t i = 0; i < n; i++) {
        starts[i] = (struct weir__plan_key){weir__plan_time_key(boxes[i].first), i};
        ends[i] = (struct weir__plan_key){weir__plan_time_key(boxes[i].last), i};
    }
    weir__plan_sort(starts, spare, n);
    weir__plan_sort(ends, spare, n);
    uint32_t *lo = range, *hi = range + n;
    p->sections = reduce_sections(starts, ends, n, lo, hi);
    for (uint32_t i = 0; i < n; i++)
        starts[i] = (struct weir__plan_key){(uint64_t)lo[i] << 32 | hi[i], i};
    weir__plan_sort(starts, spare, n);
    for (uint32_t i = 0; i < n; i++) {
        uint32_t from = starts[i].index;
        p->lo[i] = lo[from];
        p->hi[i] = hi[from];
        p->size[i] = boxes[from].size / p->unit;
        p->buffer[i] = boxes[from].buffer;
        if (!aligned) {
            uint64_t align = ((uint64_t)1 << boxes[from].shift) / p->unit;
            if (align > UINT32_MAX / 2)
                return weir__fail(EOVERFLOW, "buffer %" PRIu32 ": alignments differ too much",
                                  boxes[from].buffer);
            p->align[i] = (uint32_t)align;
        }
    }
    weir__plan_drop(scratch, mark);
    return 0;
}

int weir__problem_reduce(const struct weir_plan *plan, struct weir__plan_scratch *scratch,
                         struct weir__problem *p)
{
    *p = (struct weir__problem){.unit = 1};
    struct weir__plan_scratch own = {0};
    struct reduce_box *boxes = weir__plan_take(&own, plan->count, sizeof *boxes);
    if (!boxes)
        return ENOMEM;
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->count; i++)
        n += reduce_box_of(plan, i, &boxes[n]);
    bool aligned;
    reduce_units(boxes, n, &p->unit, &p->pad, &aligned);
    p->count = n;
    int error = reduce_fill(p, scratch, boxes, aligned);
    weir__plan_drop(&own, NULL);
    return error ? error : reduce_bound(p, scratch);
}

struct weir__problem_part *weir__problem_split(const struct weir__problem *p,
                                               struct weir__plan_scratch *scratch, size_t *nparts)
{
    size_t n = 0;
    uint32_t reach = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        n += i == 0 || p->lo[i] > reach;
        reach = p->hi[i] > reach || i == 0 ? p->hi[i] : reach;
    }
    struct weir__problem_part *parts = weir__plan_take(scratch, n + 1, sizeof *parts);
    struct weir__plan_key *keys = weir__plan_take(scratch, 2 * n + 1, sizeof *keys);
    struct weir__problem_part *sorted = weir__plan_take(scratch, n + 1, sizeof *sorted);
    if (!parts || !keys || !sorted)
        return NULL;
    size_t at = 0;
    for (uint32_t i = 0; i < p->count; i++) {
        if (i == 0 || p->lo[i] > reach)
            parts[at++].first = i;
        parts[at - 1].count++;
        reach = p->hi[i] > reach || i == 0 ? p->hi[i] : reach;
    }
    for (size_t i = 0; i < n; i++) {
        struct weir__problem one;
        struct weir__plan_block *mark = scratch->blocks;
        if (weir__problem_extract(p, &parts[i], scratch, &one))
            return NULL;
        parts[i].bound = one.bound;
        weir__plan_drop(scratch, mark);
        keys[i] = (struct weir__plan_key){~one.bound, (uint32_t)i};
    }
    weir__plan_sort(keys, keys + n, n);
    for (size_t i = 0; i < n; i++)
        sorted[i] = parts[keys[i].index];
    *nparts = n;
    return sorted;
}

int weir__problem_extract(const struct weir__problem *p, const struct weir__problem_part *part,
                          struct weir__plan_scratch *scratch, struct weir__problem *out)
{
    uint32_t n = part->count, base = p->lo[part->first];
    *out = (struct weir__problem){.count = n, .unit = p->unit};
    out->lo = weir__plan_take(scratch, n, sizeof *out->lo);
    out->hi = weir__plan_take(scratch, n, sizeof *out->hi);
    if (!out->lo || !out->hi)
        return ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        out->lo[i] = p->lo[part->first + i] - base;
        out->hi[i] = p->hi[part->first + i] - base;
        out->sections = out->hi[i] + 1 > out->sections ? out->hi[i] + 1 : out->sections;
    }
    out->size = p->size + part->first;
    out->buffer = p->buffer + part->first;
    out->align = p->align ? p->align + part->first : NULL;
    return reduce_bound(out, scratch);
}
