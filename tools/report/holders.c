/* tools/report/holders.c - see holders.h. */
#include "tools/report/holders.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_LEAST (UINT64_C(16) << 10) /* sizes from here on are their own holders */
#define SPECIAL     (UINT64_C(1) << 63)  /* keys of what is no block */

static const struct {
    const char *heading, *word;
} bys[REPORT_BYS] = {{"call site", "site"},     {"tag", "tag"},
                     {"context", "context"},    {"class", "class"},
                     {"size of block", "size"}, {"thread", "thread"}};

const char *report_by_heading(enum report_by by)
{
    return bys[by].heading;
}

const char *report_by_word(enum report_by by)
{
    return bys[by].word;
}

static uint32_t class_of(const struct trace_info *info, uint32_t tag)
{
    return info && tag < info->nclasses ? info->classes[tag] : 0;
}

uint64_t report_size_key(uint64_t bytes)
{
    uint64_t bound = 64;
    if (bytes >= EXACT_LEAST)
        return bytes;
    while (bound < bytes)
        bound *= 2;
    return bound;
}

/* -- which are there -----------------------------------------------------------------------------
 */

static uint64_t key_of(const struct report_data *d, const struct report_segment *s,
                       enum report_by by, const struct report_sites *sites)
{
    if (s->stack >= REPORT_REFUSED)
        return SPECIAL | s->stack;
    switch (by) {
    case REPORT_BY_SITE:
        return sites && sites->of && s->stack < d->info->nstacks ? sites->of[s->stack] : 0;
    case REPORT_BY_TAG:
        return s->tag;
    case REPORT_BY_CONTEXT:
        return s->context;
    case REPORT_BY_CLASS:
        return class_of(d->info, s->tag);
    case REPORT_BY_SIZE:
        return report_size_key(s->bytes);
    default:
        return s->thread ? s->thread : SPECIAL | REPORT_BEFORE;
    }
}

bool report_by_is_there(const struct report_data *d, enum report_by by)
{
    uint64_t first = 0;
    bool any = false;
    if (by == REPORT_BY_SITE)
        return d->info && d->info->nstacks > 1;
    for (size_t i = 0; i < d->nsegments; i++) {
        if (d->segments[i].stack >= REPORT_REFUSED)
            continue;
        uint64_t key = key_of(d, &d->segments[i], by, NULL);
        if (any && key != first)
            return true;
        first = key;
        any = true;
    }
    return by == REPORT_BY_SIZE || (by == REPORT_BY_TAG && any && first);
}

enum report_by report_by_default(const struct report_data *d)
{
    return report_by_is_there(d, REPORT_BY_SITE)  ? REPORT_BY_SITE
           : report_by_is_there(d, REPORT_BY_TAG) ? REPORT_BY_TAG
                                                  : REPORT_BY_SIZE;
}

/* -- names --------------------------------------------------------------------------------------
 */

static char *copy(const char *text)
{
    return memory_text(text, strlen(text));
}

static char *named_or(const char *name, const char *otherwise)
{
    return copy(*name ? name : otherwise);
}

static const char *size_name(uint64_t key)
{
    return key < EXACT_LEAST ? text_made("up to %s", text_size((double)key))
                             : text_made("%s each", text_bytes(key));
}

static const char *class_name(uint64_t key)
{
    static const char *const names[] = {"(no class)", "weight",  "kv",   "activation",
                                        "scratch",    "staging", "other"};
    return names[key < sizeof names / sizeof *names ? key : 6];
}

const char *report_thread_name(const struct report_data *d, uint32_t thread)
{
    const struct trace_names *names = d->info ? &d->info->threads : NULL;
    const char *name = names && thread < names->n ? names->text[thread] : NULL;
    return name && *name ? text_made("thread %u, %.60s", thread, name)
                         : text_made("thread %u", thread);
}

static char *name_of(const struct report_data *d, enum report_by by, uint64_t key,
                     const struct report_sites *sites)
{
    uint32_t number = (uint32_t)key;
    if (key & SPECIAL)
        return copy(number == REPORT_BEFORE ? "(before the recording)" : "(refused requests)");
    switch (by) {
    case REPORT_BY_SITE:
        return key ? report_site_name(sites, &sites->sites[key], false) : copy("(no stack)");
    case REPORT_BY_TAG:
        return key && d->info
                   ? named_or(trace_info_tag(d->info, number), text_made("(tag %u)", number))
                   : copy("(no tag)");
    case REPORT_BY_CONTEXT:
        return key && d->info ? named_or(trace_info_context(d->info, number),
                                         text_made("(context %u)", number))
                              : copy("(unknown)");
    case REPORT_BY_CLASS:
        return copy(class_name(key));
    case REPORT_BY_SIZE:
        return copy(size_name(key));
    default:
        return copy(report_thread_name(d, number));
    }
}

/* -- making -------------------------------------------------------------------------------------
 */

static void holder_add(struct report_grouping *g, const struct report_data *d, uint64_t key,
                       const struct report_sites *sites)
{
    bool site = g->by == REPORT_BY_SITE && !(key & SPECIAL) && key;
    struct report_holder h = {.key = key,
                              .module = "",
                              .site = site ? (uint32_t)key : REPORT_NONE,
                              .largest_segment = REPORT_NONE,
                              .first_born = REPORT_NONE};
    h.name = name_of(d, g->by, key, sites);
    if (site) {
        h.brief = report_site_name(sites, &sites->sites[key], true);
        h.module = report_frames_module(sites->frames, sites->sites[key].parts[0]);
    }
    g->holders = memory_grow(g->holders, g->n, sizeof *g->holders);
    g->holders[g->n++] = h;
}

static void tally(struct report_holder *h, const struct report_data *d, uint32_t index)
{
    const struct report_segment *s = &d->segments[index];
    bool block = s->stack < REPORT_REFUSED;
    if (block && !s->resized && s->thread) {
        h->made.bytes += s->bytes;
        h->made.blocks++;
    }
    if (s->temporary) {
        h->temporary.bytes += s->bytes;
        h->temporary.blocks++;
    }
    if (s->died == REPORT_NONE) {
        h->left.bytes += s->bytes;
        h->left.blocks += s->blocks;
    } else if (block && d->begun[s->died] == REPORT_NONE && d->thread[s->died] != s->thread) {
        h->freed_elsewhere++;
    }
    if (!report_lives(s, d->peak_change))
        return;
    h->peak.bytes += s->bytes;
    h->peak.blocks += s->blocks;
    h->rounding += s->rounding;
    h->first_born = s->born < h->first_born ? s->born : h->first_born;
    h->last_born = s->born > h->last_born ? s->born : h->last_born;
    if (h->largest_segment == REPORT_NONE || s->bytes > h->largest) {
        h->largest = s->bytes;
        h->largest_segment = index;
    }
}

static int by_peak(const void *left, const void *right, void *user)
{
    const struct report_holder *holders = user, *a = &holders[*(const uint32_t *)left],
                               *b = &holders[*(const uint32_t *)right];
    if (a->peak.bytes != b->peak.bytes)
        return a->peak.bytes > b->peak.bytes ? -1 : 1;
    if (a->left.bytes != b->left.bytes)
        return a->left.bytes > b->left.bytes ? -1 : 1;
    int order = strcmp(a->name, b->name);
    return order ? order : a->key < b->key ? -1 : a->key > b->key;
}

static void grouping_sort(struct report_grouping *g, size_t nsegments)
{
    uint32_t *order = memory_array(NULL, g->n, sizeof *order);
    uint32_t *place = memory_array(NULL, g->n, sizeof *place);
    struct report_holder *sorted = memory_array(NULL, g->n, sizeof *sorted);
    for (uint32_t i = 0; i < g->n; i++)
        order[i] = i;
    qsort_r(order, g->n, sizeof *order, by_peak, g->holders);
    for (uint32_t i = 0; i < g->n; i++) {
        sorted[i] = g->holders[order[i]];
        place[order[i]] = i;
    }
    for (size_t i = 0; i < nsegments; i++)
        g->of[i] = place[g->of[i]];
    free(g->holders);
    g->holders = sorted;
    free(order);
    free(place);
}

void report_grouping_make(struct report_grouping *g, const struct report_data *d, enum report_by by,
                          const struct report_sites *sites)
{
    struct report_keys keys = {0};
    *g = (struct report_grouping){.by = by};
    g->of = memory_array(NULL, d->nsegments, sizeof *g->of);
    for (uint32_t i = 0; i < d->nsegments; i++) {
        g->of[i] = report_keys_add(&keys, key_of(d, &d->segments[i], by, sites));
        if (g->of[i] == g->n)
            holder_add(g, d, keys.keys[g->of[i]], sites);
        tally(&g->holders[g->of[i]], d, i);
    }
    report_keys_free(&keys);
    grouping_sort(g, d->nsegments);
}

void report_grouping_free(struct report_grouping *g)
{
    for (size_t i = 0; i < g->n; i++) {
        free(g->holders[i].name);
        free(g->holders[i].brief);
    }
    free(g->holders);
    free(g->of);
    free(g->kept);
    free(g->levels);
    *g = (struct report_grouping){0};
}

void report_grouping_at(const struct report_grouping *g, const struct report_data *d,
                        uint32_t change, struct report_amount *amounts)
{
    memset(amounts, 0, g->n * sizeof *amounts);
    for (size_t i = 0; i < d->nsegments; i++)
        if (report_lives(&d->segments[i], change)) {
            amounts[g->of[i]].bytes += d->segments[i].bytes;
            amounts[g->of[i]].blocks += d->segments[i].blocks;
        }
}
