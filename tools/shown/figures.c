/*
 * tools/shown/figures.c - sums up what an image of the shared memory shows (track/shown.h).
 * Every word is taken as hostile: an index is checked, a sum may be nonsense, and nothing
 * worse. So sums are unsigned: they go round where signed ones may do anything.
 */
#include "tools/shown/figures.h"
#include "tools/common/json.h"

#include <string.h>

static struct weir__tally tally_read(void *page, uint32_t unit, uint32_t index)
{
    struct weir__tally tally;
    const char *at = weir__run_tally_page(page, unit, index);
    memcpy(&tally, at + unit - sizeof tally, sizeof tally);
    return tally;
}

void run_tallies_sum(void *page, uint32_t unit, const struct weir__run_image *const images[],
                     struct run_tallies sums[])
{
    const uint32_t *owners = weir__run_tally_owner(page);
    memset(sums, 0, WEIR__RUN_IMAGES * sizeof *sums);
    for (uint32_t i = 0; i < WEIR__RUN_TALLIES; i++) {
        uint32_t owner = __atomic_load_n(&owners[i], __ATOMIC_ACQUIRE);
        if (owner == 0 || owner > WEIR__RUN_IMAGES || !images[owner - 1])
            continue;
        struct run_tallies *sum = &sums[owner - 1];
        struct weir__tally tally = tally_read(page, unit, i);
        sum->bytes += (uint64_t)tally.taken - (uint64_t)tally.given + (uint64_t)tally.slow;
        sum->allocated += tally.allocating / 2;
        sum->freed += tally.freeing / 2;
        if (images[owner - 1]->shown.solo == (uint64_t)i + 1) {
            sum->solo = tally;
            sum->has_solo = true;
        }
    }
}

static uint64_t not_negative(uint64_t value)
{
    return (int64_t)value > 0 ? value : 0;
}

/* The peak that the lone thread made and nobody noted yet. */
static void solo_peak(struct run_figures *f, const struct weir__shown *shown,
                      const struct run_tallies *t)
{
    uint64_t high = not_negative((uint64_t)shown->solo_offset + (uint64_t)t->solo.hi);
    if (!t->has_solo || high <= f->peak)
        return;
    uint64_t blocks = t->solo.allocating / 2 - t->solo.freeing / 2;
    uint64_t since = 2 * blocks - (uint64_t)t->solo.hi_blocks;
    f->peak = high;
    f->peak_blocks = not_negative(f->blocks - (uint64_t)((int64_t)since / 2));
    f->peak_at = 0;
}

/* Whose blocks are known: the process noted them, or its lone window's had them, or it stands at
 * its peak. Else those of the latest peak that was noted: threads that raise one together count no
 * blocks. */
static void shown_peak(struct run_figures *f, const struct weir__run_image *image,
                       const struct run_tallies *t)
{
    const struct weir__shown *shown = &image->shown;
    int64_t peak = shown->peak > shown->shared_peak ? shown->peak : shown->shared_peak;
    f->peak = not_negative((uint64_t)peak);
    f->peak_at = 0;
    if (f->peak == (uint64_t)shown->peak_blocks_of)
        f->peak_blocks = shown->peak_blocks;
    else if (f->peak == f->live)
        f->peak_blocks = f->blocks;
    solo_peak(f, shown, t);
    if (f->live > f->peak) {
        f->peak = f->live;
        f->peak_blocks = f->blocks;
    }
    if (f->peak == image->peak_seen) {
        f->peak_blocks = image->peak_blocks;
        f->peak_at = image->peak_at;
    }
}

static void figures_shown(struct run_figures *f, const struct weir__run_image *image,
                          const struct run_tallies *t)
{
    const struct weir__shown *shown = &image->shown;
    f->live = not_negative((uint64_t)shown->other_bytes + t->bytes);
    f->allocations = shown->other_allocated + t->allocated;
    f->frees = shown->other_freed + t->freed;
    f->blocks = not_negative(f->allocations - f->frees);
    f->failures = shown->failures;
    shown_peak(f, image, t);
    f->exact = !shown->moving;
}

struct run_figures run_figures_of(const struct weir__run_image *image,
                                  const struct run_tallies *tallies)
{
    struct run_figures f = {.peak = image->peak_seen,
                            .peak_blocks = image->peak_blocks,
                            .peak_at = image->peak_at,
                            .live = image->live,
                            .blocks = image->blocks,
                            .allocations = image->allocations,
                            .frees = image->frees,
                            .failures = image->failures,
                            .in_use = image->in_use,
                            .cached = image->cached,
                            .reserved = image->reserved,
                            .metadata = image->metadata,
                            .limit = image->limit,
                            .as_of = image->as_of,
                            .exact = image->exact,
                            .last = image->exact || image->state == WEIR__RUN_EXECING};
    if (image->flags & WEIR__RUN_SHOWN)
        figures_shown(&f, image, tallies);
    f.allocations -= image->before_allocations;
    f.frees -= image->before_frees;
    return f;
}

void run_figures_json(struct json *j, const struct run_figures *f)
{
    json_count(j, "peak_bytes", f->peak);
    json_count(j, "peak_blocks", f->peak_blocks);
    json_count(j, "live_bytes", f->live);
    json_count(j, "live_blocks", f->blocks);
    json_count(j, "allocations", f->allocations);
    json_count(j, "frees", f->frees);
    json_count(j, "failures", f->failures);
    json_count(j, "limit", f->limit);
    json_count(j, "in_use", f->in_use);
    json_count(j, "cached", f->cached);
    json_count(j, "reserved", f->reserved);
    json_count(j, "metadata", f->metadata);
}
