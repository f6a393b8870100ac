/*
 * tools/plan/command.c - `weir plan`: reads buffers from tables or traces, plans each file and
 * prints one table; writes offsets and pictures. Knows nothing of how a plan is found.
 */
#include "tools/command.h"
#include "tools/common/file.h"
#include "tools/common/json.h"
#include "tools/common/memory.h"
#include "tools/common/number.h"
#include "tools/common/table.h"
#include "tools/common/text.h"
#include "tools/common/time.h"
#include "tools/plan/rows.h"
#include "tools/trace/load.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the files of one folder came to: the plan, then each classical planner. */
#define PLAN_COLUMNS (1 + WEIR_PLAN_HEURISTICS)
struct plan_set {
    double log_sums[PLAN_COLUMNS]; /* of arena / lower bound, for the geometric mean */
    double worst[PLAN_COLUMNS];
    size_t planned;
};

struct plan_command {
    weir_plan_options options;
    const char *output, *svg, *html;
    uint64_t changes;
    bool compare, json, markdown;
    struct option_list files;
    struct table table;
    struct plan_set set;
};

static int plan_complain(const char *path, const char *why)
{
    fprintf(stderr, "weir plan: %s: %s\n", path, why);
    return 1;
}

/* -- arguments ------------------------------------------------------------------------ */

#define PLAN_GENERATE "generate:" /* how a generated program stands among the files */

static int plan_add_generated(struct plan_command *c, const struct options *options, char *text)
{
    uint64_t count, live;
    char *colon = strchr(text, ':');
    if (colon)
        *colon = '\0';
    if (!number_count(text, 1, 100000000, &count) ||
        !number_count(colon ? colon + 1 : text_made("%" PRIu64, count < 4 ? 1 : count / 4), 1,
                      count, &live))
        return options_complain(options,
                                "--generate wants N or N:LIVE, 0 < LIVE <= N <= 100000000");
    const char *name = text_made(PLAN_GENERATE "%" PRIu64 ":%" PRIu64, count, live);
    option_list_add(&c->files, memory_text(name, strlen(name)));
    return -1;
}

static bool plan_is_input(const char *path)
{
    return text_ends(path, ".csv") || text_ends(path, ".csv.gz") || trace_is(path);
}

/* A folder stands for the tables and traces in it, and in its folders. */
static int plan_files(struct plan_command *c, const struct options *options, char **paths)
{
    for (; *paths; paths++)
        if (file_list(&c->files, *paths, plan_is_input) < 0)
            return plan_complain(*paths, strerror(errno));
    if (!c->files.n)
        return options_complain(options, "name a table, a trace or a folder");
    if (c->files.n > 1 && (c->output || c->svg || c->html))
        return options_complain(options, "-o, --svg and --html take one input file");
    return -1;
}

/* -1: go on; else the exit status. */
static int plan_arguments(struct plan_command *c, int argc, char **argv)
{
    uint64_t capacity = 0;
    double budget = 0, seconds = 0;
    struct option_list generate = {0};
    const struct option_spec table[] = {
        {"output", OPTION_TEXT, &c->output, "FILE",
         "write the rows with their offsets (one input file)", 'o'},
        {"svg", OPTION_TEXT, &c->svg, "FILE", "draw the arrangement (one input file)"},
        {"html", OPTION_TEXT, &c->html, "OUT",
         "a page with the picture and the buffers that bind the lower bound (one\n"
         "input file)"},
        {"generate", OPTION_LIST, &generate, "N[:LIVE]",
         "a random program of N buffers, LIVE of them live at once\n"
         "(default a quarter), as one more file; may be repeated"},
        {"changes", OPTION_COUNT, &c->changes, "N",
         "then change N buffers at random and repair the plan: one more line"},
        {"compare", OPTION_FLAG, &c->compare,
         .help =
             "also run the classical planners (docs/internals/planner.md); arena / lower bound"},
        {"markdown", OPTION_FLAG, &c->markdown,
         .help = "the table for a document: without times, the same for the same options"},
        {"capacity", OPTION_SIZE, &capacity, "SIZE",
         "fit in so much (bytes, or 512K, 2G); exit status 1 where that was not found"},
        {"seed", OPTION_COUNT, &c->options.seed, "N", "seed of the random choices (default 0)"},
        {"budget", OPTION_REAL, &budget, "N",
         "work in millions of units, a few milliseconds each (default 1000)"},
        {"clock", OPTION_REAL, &seconds, "SECONDS", "stop by the clock instead; results then vary"},
        {"json", OPTION_FLAG, &c->json, .help = "one JSON object for each file, one a line"},
        {NULL}};
    const struct options options = {
        "weir plan", "[OPTIONS] FILE.csv[.gz] | TRACE | FOLDER ...",
        "Lays buffers with known lifetimes out in one arena, as small as can be found.", NULL,
        table};
    int status = options_read(&options, argc, argv);
    c->options.capacity = capacity;
    c->options.work = (uint64_t)(fmin(budget, 1e12) * 1e6);
    c->options.clock = (uint64_t)(fmin(seconds, 1e9) * 1e9);
    for (size_t i = 0; i < generate.n && status < 0; i++)
        status = plan_add_generated(c, &options, generate.words[i]);
    option_list_free(&generate, false);
    return status < 0 ? plan_files(c, &options, argv + optind) : status;
}

/* -- output ------------------------------------------------------------------------------ */

/* One thread: other work does not count. */
static uint64_t plan_time(void)
{
    return time_of(CLOCK_PROCESS_CPUTIME_ID);
}

static double plan_ratio(const weir_plan_stats *r)
{
    return r->lower_bound ? (double)r->arena / (double)r->lower_bound : 1;
}

typedef int plan_writer(const struct plan_rows *rows, const char *title, FILE *to);

/* To a file of this name; 0 or 1 (and said why). */
static int plan_write(const char *path, const struct plan_rows *rows, const char *title,
                      plan_writer *write)
{
    FILE *to = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    int error = to ? 0 : errno;
    if (to)
        error = write(rows, title, to);
    if (to && (fflush(to) != 0 || ferror(to)))
        error = errno ? errno : EIO;
    if (to && to != stdout && fclose(to) != 0)
        error = errno;
    return error ? plan_complain(path, strerror(error)) : 0;
}

/* Classical planners that have a column. */
static int plan_others(const struct plan_command *c)
{
    return c->compare ? WEIR_PLAN_HEURISTICS : 0;
}

/* A cell that a document does without. */
static void plan_cell(struct plan_command *c, enum table_look look, const char *text)
{
    if (!c->markdown)
        table_add(&c->table, look, "%s", text);
}

/* Lines come as files are planned: columns are as wide as figures may get. */
static void plan_header(struct plan_command *c)
{
    const char *const heads[] = {c->markdown ? "instance" : "file", "buffers", "arena",
                                 "lower bound", c->markdown ? "weir" : "ratio"};
    static const size_t widths[] = {28, 8, 14, 14, 7, 14, 8};
    table_begin(&c->table, (size_t)(c->markdown ? 5 : 8) + (size_t)plan_others(c));
    c->table.last_left = true;
    c->table.markdown = c->markdown;
    memcpy(c->table.widths, widths, (c->markdown ? 5 : 7) * sizeof *widths);
    table_head(&c->table, heads, 5);
    plan_cell(c, LOOK_HEAD, "naive sum");
    plan_cell(c, LOOK_HEAD, "cpu s");
    for (int h = 0; h < plan_others(c); h++)
        table_add(&c->table, LOOK_HEAD, "%s", weir_plan_heuristic_name(h));
    plan_cell(c, LOOK_HEAD, "found by");
    if (!c->json)
        table_flush(&c->table);
}

static void plan_json(const char *path, const weir_plan_stats *r, double seconds, bool fits,
                      const double *others)
{
    struct json j = JSON_TO(stdout);
    json_object(&j, NULL);
    json_text(&j, "file", path);
    json_count(&j, "buffers", r->count);
    json_count(&j, "arena", r->arena);
    json_count(&j, "lower_bound", r->lower_bound);
    json_count(&j, "proven_bound", r->proven_bound);
    json_real(&j, "ratio", plan_ratio(r));
    json_count(&j, "naive", r->total);
    json_bool(&j, "optimal", r->optimal);
    json_bool(&j, "fits", fits);
    json_count(&j, "work", r->work);
    json_real(&j, "seconds", seconds);
    json_text(&j, "method", r->method);
    if (others)
        json_object(&j, "compare");
    for (int h = 0; others && h < WEIR_PLAN_HEURISTICS; h++)
        json_real(&j, weir_plan_heuristic_name(h), others[h]);
    if (others)
        json_end(&j);
    json_end(&j);
}

/* A file's name; in a document without what says its format. */
static const char *plan_name(const struct plan_command *c, const char *path)
{
    static const char *const endings[] = {".gz", ".csv", ".trace"};
    static char name[256];
    snprintf(name, sizeof name, "%s", text_file_name(path));
    for (size_t i = 0; i < sizeof endings / sizeof *endings && c->markdown; i++)
        if (text_ends(name, endings[i]))
            name[strlen(name) - strlen(endings[i])] = '\0';
    return name;
}

static void plan_print(struct plan_command *c, const char *path, const weir_plan_stats *r,
                       double seconds, bool fits, const double *others)
{
    struct table *t = &c->table;
    if (c->json) {
        plan_json(path, r, seconds, fits, others);
    } else {
        table_add(t, LOOK_PLAIN, "%s", plan_name(c, path));
        table_add(t, LOOK_PLAIN, "%zu", r->count);
        table_add(t, LOOK_PLAIN, "%zu", r->arena);
        table_add(t, LOOK_PLAIN, "%zu", r->lower_bound);
        table_add(t, LOOK_PLAIN, "%.4f", plan_ratio(r));
        plan_cell(c, LOOK_PLAIN, text_made("%zu", r->total));
        plan_cell(c, LOOK_PLAIN, text_made("%.3f", seconds));
        for (int h = 0; h < plan_others(c); h++)
            table_add(t, LOOK_PLAIN, others ? "%.4f" : "", others ? others[h] : 0);
        plan_cell(c, fits ? LOOK_PLAIN : LOOK_BAD,
                  text_made("%s%s%s", r->method, r->optimal ? ", optimal" : "",
                            fits ? "" : ", DOES NOT FIT"));
        table_flush(t);
    }
    fflush(stdout);
}

static int plan_folder(const char *path)
{
    return (int)(text_file_name(path) - path);
}

/* One line for a folder: `what` of all columns. */
static void plan_footer_line(struct plan_command *c, const char *what, const char *path,
                             const double *ratios)
{
    int end = plan_folder(path) - 1, from = end; /* the folder's name: [from, end) */
    while (from > 0 && path[from - 1] != '/')
        from--;
    const char *name = end > 0 ? text_made("%s, %.*s", what, end - from, path + from) : what;
    table_add(&c->table, LOOK_PLAIN, c->markdown ? "*%s*" : "%s", name);
    table_add(&c->table, LOOK_PLAIN, "%zu", c->set.planned);
    table_add(&c->table, LOOK_PLAIN, "%s", "");
    table_add(&c->table, LOOK_PLAIN, "%s", "");
    table_add(&c->table, LOOK_PLAIN, "%.4f", ratios[0]);
    plan_cell(c, LOOK_PLAIN, "");
    plan_cell(c, LOOK_PLAIN, "");
    for (int h = 0; h < plan_others(c); h++)
        table_add(&c->table, LOOK_PLAIN, "%.4f", ratios[1 + h]);
    plan_cell(c, LOOK_PLAIN, "");
}

/* After the files of one folder: if there were several, what they came to. */
static void plan_footer(struct plan_command *c, const char *path)
{
    double means[PLAN_COLUMNS];
    for (int k = 0; k < PLAN_COLUMNS; k++)
        means[k] = exp(c->set.log_sums[k] / (double)c->set.planned);
    if (!c->json && c->set.planned > 1) {
        plan_footer_line(c, "geometric mean", path, means);
        plan_footer_line(c, "worst", path, c->set.worst);
        table_flush(&c->table);
    }
    c->set = (struct plan_set){.planned = 0};
}

static bool plan_same_folder(const char *a, const char *b)
{
    return plan_folder(a) == plan_folder(b) && strncmp(a, b, (size_t)plan_folder(a)) == 0;
}

static void plan_count(struct plan_command *c, double own, const double *others)
{
    for (int k = 0; k <= plan_others(c); k++) {
        double ratio = k ? others[k - 1] : own;
        c->set.log_sums[k] += log(ratio);
        c->set.worst[k] = fmax(c->set.worst[k], ratio);
    }
    c->set.planned++;
}

/* -- one file ------------------------------------------------------------------------------ */

/* Arena over lower bound of every classical heuristic; NAN where it cannot. */
static void plan_compare(struct plan_rows *rows, double *others)
{
    for (int h = 0; h < WEIR_PLAN_HEURISTICS; h++) {
        weir_plan_stats r = {.size = sizeof r};
        others[h] = NAN;
        if (weir_plan_solve_with(rows->plan, h) == 0 && weir_plan_stats_get(rows->plan, &r) == 0)
            others[h] = plan_ratio(&r);
    }
}

static int plan_load(struct plan_command *c, const char *path, struct plan_rows *rows)
{
    char why[512];
    uint64_t count, live;
    if (sscanf(path, PLAN_GENERATE "%" SCNu64 ":%" SCNu64, &count, &live) == 2) {
        int error = plan_rows_generate(count, live, c->options.seed, rows);
        return error ? plan_complain(path, strerror(error)) : 0;
    }
    if (!(trace_is(path) ? plan_rows_trace : plan_rows_csv)(path, rows, why, sizeof why))
        return 0;
    fprintf(stderr, "weir plan: %s\n", why);
    return 1;
}

/* What each profile of the table needs, a line each. */
static int plan_profiles(struct plan_command *c, const struct plan_rows *rows)
{
    for (size_t k = 0; k < rows->nprofiles; k++) {
        weir_plan_profile_stats p = {.size = sizeof p};
        if (weir_plan_profile_stats_get(rows->plan, k, &p) != 0)
            return plan_complain(rows->profiles[k], weir_last_error());
        weir_plan_stats r = {.count = rows->count,
                             .arena = p.arena,
                             .lower_bound = p.lower_bound,
                             .proven_bound = p.lower_bound,
                             .total = p.total,
                             .method = "profile"};
        r.optimal = r.arena == r.lower_bound;
        plan_print(c, text_made("  %.60s", rows->profiles[k]), &r, 0, true, NULL);
    }
    return 0;
}

/* Other sizes, other lifetimes, or none, of buffers by chance. */
static int plan_change(struct plan_command *c, struct plan_rows *rows)
{
    uint64_t random = c->options.seed + 1;
    int error = 0;
    for (uint64_t k = 0; k < c->changes && rows->count && !error; k++) {
        size_t i = plan_random_below(&random, rows->count);
        struct plan_row row = rows->rows[i];
        unsigned kind = (unsigned)plan_random_below(&random, 4);
        if (kind == 0)
            row.size = 0;
        else if (kind == 1)
            row.size += row.size / 4 + 1;
        else if (kind == 2)
            row.size -= row.size / 4;
        else
            row.upper += (row.upper - row.lower) / 4 + 1;
        error = weir_plan_change(rows->plan, i, row.size, row.alignment, row.lower, row.upper);
    }
    return error;
}

/* Changes and repairs; the seconds are those of the repair alone. */
static int plan_repair(struct plan_command *c, struct plan_rows *rows)
{
    weir_plan_options options = {
        .size = sizeof options, .capacity = c->options.capacity, .seed = c->options.seed};
    weir_plan_stats r = {.size = sizeof r};
    int error = plan_change(c, rows);
    uint64_t start = plan_time();
    if (!error)
        error = weir_plan_repair(rows->plan, &options);
    double seconds = time_seconds(start, plan_time());
    if ((error && error != ENOSPC) || weir_plan_stats_get(rows->plan, &r) != 0)
        return plan_complain("repair", *weir_last_error() ? weir_last_error() : strerror(error));
    plan_print(c, "  changed and repaired", &r, seconds, error == 0, NULL);
    return error != 0;
}

/* What is asked for in addition to the line of the file. */
static int plan_more(struct plan_command *c, const char *path, struct plan_rows *rows)
{
    int status = plan_profiles(c, rows);
    if (c->output)
        status |= plan_write(c->output, rows, NULL, plan_rows_print);
    if (c->svg)
        status |= plan_write(c->svg, rows, text_file_name(path), plan_picture);
    if (c->html)
        status |= plan_write(c->html, rows, text_file_name(path), plan_page);
    if (c->changes)
        status |= plan_repair(c, rows);
    return status;
}

static int plan_one(struct plan_command *c, const char *path)
{
    struct plan_rows rows;
    double others[WEIR_PLAN_HEURISTICS] = {0};
    if (plan_load(c, path, &rows))
        return 1;
    if (c->compare)
        plan_compare(&rows, others);
    uint64_t start = plan_time();
    int error = weir_plan_solve(rows.plan, &c->options), status = error != 0;
    double seconds = time_seconds(start, plan_time());
    weir_plan_stats r = {.size = sizeof r};
    if ((error && error != ENOSPC) || weir_plan_stats_get(rows.plan, &r) != 0) {
        status = plan_complain(path, *weir_last_error() ? weir_last_error() : strerror(error));
    } else {
        plan_print(c, path, &r, seconds, error == 0, c->compare ? others : NULL);
        plan_count(c, plan_ratio(&r), others);
        status |= plan_more(c, path, &rows);
    }
    plan_rows_free(&rows);
    return status;
}

int weir_command_plan(int argc, char **argv)
{
    struct plan_command c = {0};
    int status = plan_arguments(&c, argc, argv);
    if (status < 0) {
        status = 0;
        plan_header(&c);
        for (size_t i = 0; i < c.files.n; i++) {
            const char *path = c.files.words[i];
            status |= plan_one(&c, path);
            if (i + 1 == c.files.n || !plan_same_folder(path, c.files.words[i + 1]))
                plan_footer(&c, path);
        }
        if (c.json)
            table_clear(&c.table);
        table_print(&c.table);
    }
    option_list_free(&c.files, true);
    return status;
}
