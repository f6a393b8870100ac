/*
 * tools/stats/command.c - `weir stats`: what this weir is made of and stands on, and its
 * figures in every form. What it says of size classes is measured by asking for blocks,
 * through the public interface. A part is a line in `parts`, with its text and its JSON.
 */
#include "tools/command.h"
#include "tools/common/file.h"
#include "tools/common/options.h"
#include "tools/stats/devices.h"
#include "tools/stats/process.h"

#include <weir/allocator.h>
#include <weir/error.h>
#include <weir/link.h>
#include <weir/stats.h>
#include <weir/version.h>

#include <errno.h>
#include <getopt.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- facts about the build and the machine ------------------------------------------------ */

/* The word in brackets of a file like "always [madvise] never", or "unknown". */
static const char *choice_read(const char *path, char *text, size_t size)
{
    text[file_begin(path, text, size - 1)] = '\0';
    char *begin = strchr(text, '['), *end = begin ? strchr(begin, ']') : NULL;
    if (!end)
        return "unknown";
    *end = '\0';
    return begin + 1;
}

static bool membarrier_is_there(void)
{
    long commands = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    return commands > 0 && (commands & MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

static const char *backing_name(void)
{
    weir_stats stats = {.size = sizeof stats};
    return weir_stats_get(weir_cpu_allocator(), &stats) == 0 ? stats.backing : "unknown";
}

#ifdef WEIR_NO_ACCOUNTING
#define ACCOUNTING false
#else
#define ACCOUNTING true
#endif

/* As text, or as members. */
static void facts(struct json *j)
{
    char text[128];
    const char *huge =
        choice_read("/sys/kernel/mm/transparent_hugepage/enabled", text, sizeof text);
    bool membarrier = membarrier_is_there();
    const struct {
        const char *label, *key, *text; /* text: NULL: it is a number or a truth */
        long number;
        const char *unit; /* of a number; of a truth what is printed for it */
        bool truth;
    } list[] = {
        {"weir", "version", weir_version()},
        {"memory from", "backing", backing_name()},
        {"built with jemalloc", "jemalloc", NULL, WEIR_WITH_JEMALLOC,
         WEIR_WITH_JEMALLOC ? "yes" : "no", true},
        {"statistics", "accounting", NULL, ACCOUNTING, ACCOUNTING ? "on, exact" : "compiled out",
         true},
        {"debug level", "debug", NULL, WEIR_DEBUG, ""},
        {"default alignment", "alignment", NULL, WEIR_DEFAULT_ALIGNMENT, " bytes"},
        {"pages", "page", NULL, sysconf(_SC_PAGESIZE), " bytes"},
        {"huge pages", "huge_pages", huge},
        {"processors", "processors", NULL, sysconf(_SC_NPROCESSORS_ONLN), ""},
        {"membarrier", "membarrier", NULL, membarrier,
         membarrier ? "yes" : "no: shared atomics instead of windows", true},
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (j && list[i].text)
            json_text(j, list[i].key, list[i].text);
        else if (j && list[i].truth)
            json_bool(j, list[i].key, list[i].number);
        else if (j)
            json_signed(j, list[i].key, list[i].number);
        else if (i == 0)
            printf("weir %s\n", list[i].text);
        else if (list[i].text || list[i].truth)
            printf("  %-23s %s\n", list[i].label, list[i].text ? list[i].text : list[i].unit);
        else
            printf("  %-23s %ld%s\n", list[i].label, list[i].number, list[i].unit);
}

/* -- size classes, measured --------------------------------------------------------------- */

#define CLASS_MOST 16384 /* sizes looked at */
#define CLASS_STEP 16

/* Calls each for every size at which a block of that alignment gets larger; 0 or ENOMEM. */
static int classes_each(size_t alignment, struct json *j,
                        void (*each)(struct json *, size_t first, size_t usable, size_t index))
{
    weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.name = "probe"});
    size_t before = 0, index = 0;
    if (!a)
        return errno;
    for (size_t size = 1; size <= CLASS_MOST; size += CLASS_STEP) {
        void *block = weir_allocate_aligned(a, size, alignment);
        size_t usable = weir_usable_size(a, block);
        weir_deallocate(a, block);
        if (!block) {
            weir_allocator_destroy(a);
            return ENOMEM;
        }
        if (usable != before)
            each(j, size, usable, index++);
        before = usable;
    }
    return weir_allocator_destroy(a);
}

/* The worst request of a class wastes all but its first byte of the step. */
static double class_waste(size_t first, size_t usable)
{
    return 100.0 * (double)(usable - first) / (double)usable;
}

static void class_text(struct json *none, size_t first, size_t usable, size_t index)
{
    (void)none;
    printf("%s%6zu (%4.1f%%)", index % 6 ? "  " : "\n    ", usable, class_waste(first, usable));
}

static void class_json(struct json *j, size_t first, size_t usable, size_t index)
{
    (void)index;
    json_object(j, NULL);
    json_count(j, "first", first);
    json_count(j, "bytes", usable);
    json_end(j);
}

static int classes_text(void)
{
    static const size_t alignments[] = {WEIR_DEFAULT_ALIGNMENT, 16};
    for (size_t i = 0; i < 2; i++) {
        printf("\nsize classes of blocks aligned to %zu, bytes (greatest waste)", alignments[i]);
        int error = classes_each(alignments[i], NULL, class_text);
        if (error)
            return error;
        printf("\n");
    }
    printf("\n    larger blocks are whole pages: at most %ld bytes of waste\n",
           sysconf(_SC_PAGESIZE) - 1);
    return 0;
}

static int classes_json(struct json *j)
{
    json_array(j, "classes_64");
    int error = classes_each(WEIR_DEFAULT_ALIGNMENT, j, class_json);
    json_end(j);
    json_array(j, "classes_16");
    if (!error)
        error = classes_each(16, j, class_json);
    json_end(j);
    return error;
}

/* -- figures ------------------------------------------------------------------------------ */

static int figures_text(void)
{
    printf("\nallocators, bytes\n");
    int error = weir_stats_print(stdout, NULL);
    printf("\nwho holds the memory\n");
    return error ? error : weir_holders_print(stdout, NULL, 10);
}

static int figures_json(struct json *j)
{
    json_key(j, "allocators");
    int error = weir_stats_json(stdout, NULL);
    json_key(j, "by_tag");
    return error ? error : weir_holders_json(stdout, NULL, 0);
}

/* Parts of the report after the facts. */
static const struct {
    int (*text)(void), (*json)(struct json *); /* 0 or an errno value */
} parts[] = {
    {classes_text, classes_json},
    {stats_devices_text, stats_devices_json},
    {figures_text, figures_json},
};

/* -- the demonstration -------------------------------------------------------------------- */

static void *tagged(weir_allocator *a, const char *tag, size_t size)
{
    weir_tag former = weir_tag_set(weir_tag_intern(tag));
    void *block = weir_allocate(a, size);
    weir_tag_set(former);
    return block;
}

/* A model of two layers: weights stay, activations come and go. What is allocated lives
 * until the process ends. */
static int demonstrate(void)
{
    weir_allocator *model = weir_allocator_create(&(weir_allocator_options){.name = "model"});
    weir_allocator *weights = weir_allocator_create(
        &(weir_allocator_options){.name = "weights", .parent = model, .limit = 64 << 20});
    weir_allocator *activations =
        weir_allocator_create(&(weir_allocator_options){.name = "activations", .parent = model});
    if (!model || !weights || !activations)
        return errno;
    bool made = tagged(weights, "conv1", 64 * 3 * 7 * 7 * 4) &&
                tagged(weights, "conv2", 64 * 64 * 3 * 3 * 4) &&
                tagged(weights, "dense", 512 * 1000 * 4);
    for (size_t run = 0; run < 3 && made; run++) {
        void *input = tagged(activations, "input", 3 * 224 * 224 * 4);
        void *first = tagged(activations, "conv1", 64 * 112 * 112 * 4);
        weir_deallocate(activations, input);
        void *second = tagged(activations, "conv2", 64 * 56 * 56 * 4);
        weir_deallocate(activations, first);
        made = input && first && second;
        if (run < 2)
            weir_deallocate(activations, second);
    }
    return made ? 0 : ENOMEM;
}

/* -- the command -------------------------------------------------------------------------- */

enum form { FORM_TEXT, FORM_JSON, FORM_OPENMETRICS };

static int report(int form)
{
    struct json j = JSON_TO(stdout);
    int error = 0;
    stats_devices_open();
    if (form == FORM_OPENMETRICS)
        return weir_stats_openmetrics(stdout, NULL);
    if (form == FORM_JSON) {
        json_object(&j, NULL);
        facts(&j);
    } else {
        facts(NULL);
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts && !error; i++)
        error = form == FORM_JSON ? parts[i].json(&j) : parts[i].text();
    if (form == FORM_JSON)
        json_end(&j);
    return error;
}

int weir_command_stats(int argc, char **argv)
{
    int form = FORM_TEXT, error = 0;
    bool demo = false;
    uint64_t pid = 0;
    const struct option_spec table[] = {
        {"demo", OPTION_FLAG, &demo,
         .help = "first runs a small program of a few contexts and tags, and leaves its\n"
                 "blocks live, so that there is something to see"},
        {"json", .help = "everything as one JSON object", .mark = &form, .value = FORM_JSON},
        {"openmetrics", .help = "the figures in the OpenMetrics text format", .mark = &form,
         .value = FORM_OPENMETRICS},
        {"pid", OPTION_COUNT, &pid, "PID",
         "the figures of a running process instead, one that weir run started or\n"
         "a child of it, as they are at this moment",
         .least = 1, .most = INT32_MAX},
        {NULL}};
    const struct options options = {
        "weir stats", "[OPTIONS]",
        "Prints what this weir stands on (version, provider of memory, pages, system), the size\n"
        "classes of its pool as measured, and the figures of the CPU allocator and its contexts.",
        NULL, table};
    int status = options_read(&options, argc, argv);
    if (status >= 0)
        return status;
    if (optind != argc)
        return options_complain(&options, "\"%s\" is not an option", argv[optind]);
    if (pid && (demo || form == FORM_OPENMETRICS))
        return options_complain(&options, "--pid goes with --json alone");
    struct json j = JSON_TO(stdout);
    if (pid && stats_process((int)pid, form == FORM_JSON ? &j : NULL) != 0)
        return 1;
    if (demo)
        error = demonstrate();
    if (!error && !pid)
        error = report(form);
    if (!error && (fflush(stdout) != 0 || ferror(stdout)))
        error = errno ? errno : EIO;
    if (error)
        fprintf(stderr, "weir stats: %s\n", strerror(error));
    return error ? 1 : 0;
}
