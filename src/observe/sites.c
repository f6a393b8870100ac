/* observe/sites.c - see sites.h. */
#include "observe/sites.h"

#include "backing/meta.h"
#include "observe/frame.h"
#include "observe/snapshot.h"

#define CALLS_SHOWN 12

/* -- made ------------------------------------------------------------------------------------- */

static int order(uintptr_t left, uintptr_t right)
{
    return left < right ? -1 : left > right;
}

static int by_place(const void *left, const void *right)
{
    const struct weir__sampled *a = left, *b = right;
    int by = order((uintptr_t)a->calls, (uintptr_t)b->calls);
    by = by ? by : order((uintptr_t)a->allocator, (uintptr_t)b->allocator);
    return by ? by : order(a->tag, b->tag);
}

/* Equal ones by what does not change from run to run of one listing: their stacks. */
static int by_bytes(const void *left, const void *right)
{
    const struct weir__site *a = left, *b = right;
    if (a->estimate.bytes != b->estimate.bytes)
        return a->estimate.bytes > b->estimate.bytes ? 1 : -1;
    return order((uintptr_t)a->calls, (uintptr_t)b->calls);
}

static struct weir__site *site_add(struct weir__sites *s, const struct weir__sampled *sampled)
{
    struct weir__site *grown = weir__snapshot_grow(s->sites, s->n, &s->capacity, sizeof *s->sites);
    if (!grown)
        return NULL;
    s->sites = grown;
    grown[s->n] = (struct weir__site){
        .calls = sampled->calls, .allocator = sampled->allocator, .tag = sampled->tag};
    return &grown[s->n++];
}

bool weir__sites_make(struct weir__sites *s, struct weir__sampled *samples, size_t n)
{
    struct weir__site *site = NULL;
    *s = (struct weir__sites){0};
    weir__snapshot_sort(samples, n, sizeof *samples, by_place);
    for (size_t i = 0; i < n; i++) {
        bool other = i == 0 || by_place(&samples[i - 1], &samples[i]) != 0;
        site = other ? site_add(s, &samples[i]) : site;
        if (!site) {
            weir__sites_release(s);
            return false;
        }
        weir__estimate_add(&site->estimate, samples[i].requested, samples[i].mean);
        weir__estimate_add(&s->all, samples[i].requested, samples[i].mean);
    }
    weir__snapshot_sort(s->sites, s->n, sizeof *s->sites, by_bytes);
    return true;
}

void weir__sites_release(struct weir__sites *s)
{
    weir__meta_free(s->sites, s->capacity * sizeof *s->sites);
    *s = (struct weir__sites){0};
}

/* -- printed ---------------------------------------------------------------------------------- */

static void estimate_print(struct weir__sink *sink, const struct weir__estimate *e)
{
    weir__sink_print(sink, "~%.0f bytes +- %.0f in ~%.0f blocks (%zu sampled)", e->bytes,
                     weir__estimate_error(e), e->blocks, e->samples);
}

static void calls_print(struct weir__sink *sink, const struct weir__calls *calls)
{
    char text[WEIR__FRAME_TEXT];
    uint32_t shown = calls->depth < CALLS_SHOWN ? calls->depth : CALLS_SHOWN;
    for (uint32_t i = 0; i < shown; i++) {
        weir__frame_text(text, calls->address[i]);
        weir__sink_print(sink, "    ");
        weir__sink_plain_text(sink, text, 0);
        weir__sink_print(sink, "\n");
    }
    if (!calls->depth)
        weir__sink_print(sink, "    (no stack)\n");
    else if (shown < calls->depth)
        weir__sink_print(sink, "    and %u calls more\n", calls->depth - shown);
}

static void site_print(struct weir__sink *sink, const struct weir__site *site)
{
    const char *tag = site->tag ? weir_tag_name(site->tag) : "";
    weir__sink_print(sink, "  ");
    estimate_print(sink, &site->estimate);
    weir__sink_print(sink, "  in ");
    weir__sink_plain_text(sink, weir_allocator_name(site->allocator), 0);
    if (*tag) {
        weir__sink_print(sink, "  tag ");
        weir__sink_plain_text(sink, tag, 0);
    }
    weir__sink_print(sink, "\n");
    calls_print(sink, site->calls);
}

void weir__sites_print(struct weir__sink *sink, const struct weir__sites *s, size_t top)
{
    size_t shown = top && top < s->n ? top : s->n;
    struct weir__estimate rest = {0};
    for (size_t i = 0; i < shown; i++)
        site_print(sink, &s->sites[i]);
    for (size_t i = shown; i < s->n; i++)
        weir__estimate_join(&rest, &s->sites[i].estimate);
    if (shown == s->n)
        return;
    weir__sink_print(sink, "  ");
    estimate_print(sink, &rest);
    weir__sink_print(sink, "  in %zu places more\n", s->n - shown);
}
