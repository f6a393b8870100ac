/*
 * tools/run/metrics.c - what `weir run` knows of the processes that run now, as a scraper reads it:
 * the names of weir_stats_exposition, with labels that tell processes apart. At most as many have
 * lines as are asked for, those with the greatest peaks; the others are one sum.
 */
#include "observe/family.h"
#include "tools/run/run.h"

#include <stdlib.h>
#include <weir/version.h>

struct live {
    struct run_image **images; /* greatest peak first */
    size_t n, shown;
};

enum condition { ALWAYS, WHERE_SET };

static const struct metric {
    struct weir__family family;
    size_t offset; /* in struct run_figures */
    enum condition when;
} metrics[] = {
    {{"total_allocated_bytes", "bytes", false, "Requested bytes live now"},
     offsetof(struct run_figures, live),
     ALWAYS},
    {{"peak_allocated_bytes", "bytes", false, "Greatest total of live bytes"},
     offsetof(struct run_figures, peak),
     ALWAYS},
    {{"blocks", "", false, "Live blocks"}, offsetof(struct run_figures, blocks), ALWAYS},
    {{"allocations", "", true, "Blocks ever handed out"},
     offsetof(struct run_figures, allocations),
     ALWAYS},
    {{"deallocations", "", true, "Blocks ever taken back"},
     offsetof(struct run_figures, frees),
     ALWAYS},
    {{"failures", "", true, "Requests refused for want of memory or limit"},
     offsetof(struct run_figures, failures),
     ALWAYS},
    {{"in_use_bytes", "bytes", false, "Live bytes rounded to blocks"},
     offsetof(struct run_figures, in_use),
     ALWAYS},
    {{"cached_bytes", "bytes", false, "Free bytes kept for re-use"},
     offsetof(struct run_figures, cached),
     ALWAYS},
    {{"reserved_bytes", "bytes", false, "Bytes taken from the backing"},
     offsetof(struct run_figures, reserved),
     ALWAYS},
    {{"metadata_bytes", "bytes", false, "Bytes of book-keeping"},
     offsetof(struct run_figures, metadata),
     ALWAYS},
    {{"limit_bytes", "bytes", false, "Bytes that may be live at once"},
     offsetof(struct run_figures, limit),
     WHERE_SET},
};

static uint64_t figure_of(const struct run_image *image, size_t offset)
{
    return *(const uint64_t *)(const void *)((const char *)&image->figures + offset);
}

/* -- which --------------------------------------------------------------------------------- */

static bool is_live(const struct run_image *image)
{
    return image && !image->over && !image->done && !image->after &&
           !(image->flags & WEIR__RUN_FOREIGN_MALLOC);
}

static int live_compare(const void *left, const void *right)
{
    const struct run_image *a = *(struct run_image *const *)left,
                           *b = *(struct run_image *const *)right;
    if (a->figures.peak != b->figures.peak)
        return a->figures.peak < b->figures.peak ? 1 : -1;
    return a->number > b->number ? 1 : a->number < b->number ? -1 : 0;
}

static bool live_find(const struct run_watch *watch, struct live *live, size_t most)
{
    *live = (struct live){.images = calloc(WEIR__RUN_IMAGES, sizeof(struct run_image *))};
    if (!live->images)
        return false;
    for (unsigned i = 0; i < WEIR__RUN_IMAGES; i++)
        if (is_live(watch->at[i]))
            live->images[live->n++] = watch->at[i];
    qsort(live->images, live->n, sizeof(struct run_image *), live_compare);
    live->shown = most < live->n ? most : live->n;
    return true;
}

/* -- samples --------------------------------------------------------------------------------- */

/* `image` counts the images as they were seen: a key whatever the programs are called and say, also
 * where two PID namespaces have one number. */
static void sample_print(const struct weir__exposition *to, const struct weir__family *family,
                         const struct run_image *image, uint64_t value)
{
    weir__metric_begin(to, family);
    weir__sink_print(to->sink, "{path=\"%s\",program=\"",
                     image->kind == WEIR__RUN_MALLOC ? "malloc" : "cpu");
    weir__sink_label_text(to->sink, image->program);
    weir__sink_print(to->sink, "\",pid=\"%d\",image=\"%llu\"} %llu\n", image->pid,
                     (unsigned long long)image->number, (unsigned long long)value);
}

static void number_print(const struct weir__exposition *to, const struct weir__family *family,
                         uint64_t value)
{
    weir__family_begin(to, family);
    weir__metric_begin(to, family);
    weir__sink_print(to->sink, " %llu\n", (unsigned long long)value);
}

static void metric_print(const struct weir__exposition *to, const struct metric *metric,
                         const struct live *live)
{
    weir__family_begin(to, &metric->family);
    for (size_t i = 0; i < live->shown; i++) {
        uint64_t value = figure_of(live->images[i], metric->offset);
        if (metric->when == ALWAYS || value)
            sample_print(to, &metric->family, live->images[i], value);
    }
}

/* These add up to all that lives. */
static void own_print(const struct weir__exposition *to, const struct weir__family *family,
                      size_t offset, const struct live *live)
{
    uint64_t others = 0;
    weir__family_begin(to, family);
    for (size_t i = 0; i < live->shown; i++)
        sample_print(to, family, live->images[i], figure_of(live->images[i], offset));
    for (size_t i = live->shown; i < live->n; i++)
        others += figure_of(live->images[i], offset);
    if (live->shown == live->n)
        return;
    weir__metric_begin(to, family);
    weir__sink_print(to->sink, "{path=\"#others\"} %llu\n", (unsigned long long)others);
}

static void resident_print(const struct weir__exposition *to, const struct live *live)
{
    static const struct weir__family family = {
        "process_resident_bytes", "bytes", false,
        "Bytes of the process in memory, code and stacks too"};
    weir__family_begin(to, &family);
    for (size_t i = 0; i < live->shown; i++) {
        uint64_t of_files, resident = live->images[i]->kind == WEIR__RUN_MALLOC
                                          ? run_process_sample(live->images[i], &of_files)
                                          : 0;
        if (resident)
            sample_print(to, &family, live->images[i], resident);
    }
}

static void page_print(const struct weir__exposition *to, const struct run_watch *watch,
                       const struct live *live)
{
    static const struct weir__family bytes = {"own_bytes", "bytes", false,
                                              "Requested bytes live now"},
                                     blocks = {"own_blocks", "", false, "Live blocks"},
                                     contexts = {"contexts", "", false, "Mallocs that there are"},
                                     shown = {"contexts_shown", "", false,
                                              "Of these, with lines of their own"},
                                     tree = {"run_peak_bytes", "bytes", false,
                                             "Greatest sum of live bytes that was seen at once"},
                                     build = {"build_info", "", false, "The weir that says this"};
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        metric_print(to, &metrics[i], live);
    own_print(to, &bytes, offsetof(struct run_figures, live), live);
    own_print(to, &blocks, offsetof(struct run_figures, blocks), live);
    resident_print(to, live);
    number_print(to, &contexts, live->n);
    number_print(to, &shown, live->shown);
    number_print(to, &tree, watch->tree_peak);
    weir__family_begin(to, &build);
    weir__metric_begin(to, &build);
    weir__sink_print(to->sink, "{version=\"%s\"} 1\n", weir_version());
    weir__exposition_end(to);
}

char *run_metrics(const struct run *run, bool text, size_t most, size_t *length)
{
    struct live live;
    char *page = NULL;
    FILE *memory = live_find(run->watch, &live, most) ? open_memstream(&page, length) : NULL;
    if (memory) {
        struct weir__sink sink = {.file = memory};
        page_print(&(struct weir__exposition){&sink, text}, run->watch, &live);
        bool whole = !sink.error;
        if (fclose(memory) != 0 || !whole) {
            free(page);
            page = NULL;
        }
    }
    free(live.images);
    return page;
}
