/*
 * tools/plan/command.c - `weir plan`: reads buffers from tables or traces, plans each file and
 * prints one table; writes offsets and pictures. Knows nothing of how a plan is found.
 */
#include "tools/command.h"
#include "tools/plan/rows.h"

#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

static const char plan_usage[] =
    "usage: weir plan [OPTIONS] FILE.csv[.gz] | FILE.trace[.gz] | DIRECTORY ...\n"
    "\n"
    "Lays buffers with known lifetimes out in one arena, as small as can be found.\n"
    "\n"
    "  -o, --output FILE    write the rows with their offsets (one input file)\n"
    "      --svg FILE       draw the arrangement (one input file)\n"
    "      --generate N[:LIVE]  a random program of N buffers, LIVE of them live at once\n"
    "                       (default a quarter), as one more file; may be repeated\n"
    "      --changes N      then change N buffers at random and repair the plan: one more line\n"
    "      --compare        also run the classical heuristics; arena / lower bound\n"
    "      --capacity N     fit in N bytes; exit status 1 where that was not found\n"
    "      --seed N         seed of the random choices (default 0)\n"
    "      --budget N       work in millions of units, a few milliseconds each (default 1000)\n"
    "      --clock SECONDS  stop by the clock instead; results then vary\n"
    "      --json           one JSON object for each file, one a line\n"
    "      --help           this\n";

struct plan_command {
    weir_plan_options options;
    const char *output, *svg;
    uint64_t changes;
    bool compare, json, failed;
    char **files;
    size_t nfiles;
    double log_sum; /* of arena / lower bound, for the geometric mean */
    double log_sums[WEIR_PLAN_HEURISTICS];
    double worst;
    size_t planned;
};

static int plan_complain(const char *line)
{
    fprintf(stderr, "weir plan: %s\n", line);
    return 1;
}

/* -- arguments ------------------------------------------------------------------------ */

static int plan_add_file(struct plan_command *c, const char *path)
{
    char **more = realloc(c->files, (c->nfiles + 1) * sizeof *more);
    if (!more)
        return plan_complain("out of memory");
    c->files = more;
    c->files[c->nfiles] = strdup(path);
    return c->files[c->nfiles++] ? 0 : plan_complain("out of memory");
}

#define PLAN_GENERATE "generate:" /* how a generated program stands among the files */

static int plan_add_generated(struct plan_command *c, const char *text)
{
    char name[100], *end;
    errno = 0;
    unsigned long long count = strtoull(text, &end, 10), live = count / 4;
    if (*end == ':')
        live = strtoull(end + 1, &end, 10);
    if (*text == '-' || *end || errno || !count || count > 100000000 || !live || live > count) {
        plan_complain("--generate wants N or N:LIVE, 0 < LIVE <= N <= 100000000");
        return 2;
    }
    snprintf(name, sizeof name, PLAN_GENERATE "%llu:%llu", count, live);
    return plan_add_file(c, name);
}

static bool plan_is_input(const char *name)
{
    static const char *const endings[] = {".csv", ".csv.gz", ".trace", ".trace.gz"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t n = strlen(endings[i]);
        if (length > n && strcmp(name + length - n, endings[i]) == 0)
            return true;
    }
    return false;
}

static int plan_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A directory stands for the tables and traces in it, and in its directories. */
static int plan_add_path(struct plan_command *c, const char *path, bool named)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return named || plan_is_input(path) ? plan_add_file(c, path) : 0;
    DIR *directory = opendir(path);
    if (!directory) {
        char line[512];
        snprintf(line, sizeof line, "%s: %s", path, strerror(errno));
        return plan_complain(line);
    }
    int status = 0;
    for (struct dirent *e; !status && (e = readdir(directory));) {
        char inner[4096];
        if (e->d_name[0] == '.')
            continue;
        if ((size_t)snprintf(inner, sizeof inner, "%s/%s", path, e->d_name) < sizeof inner)
            status = plan_add_path(c, inner, false);
    }
    closedir(directory);
    return status;
}

static int plan_number(const char *option, const char *text, double scale, uint64_t *value)
{
    char *end, line[200];
    errno = 0;
    if (scale == 1) {
        *value = strtoull(text, &end, 10);
    } else {
        double v = strtod(text, &end) * scale;
        *value = v >= 1 && v < 1e19 ? (uint64_t)v : 0;
        errno = v < 1 || v >= 1e19 ? ERANGE : errno;
    }
    if (*text && !*end && !errno && *text != '-')
        return 0;
    snprintf(line, sizeof line, "--%s \"%.60s\" is no valid number", option, text);
    plan_complain(line);
    return 2;
}

static int plan_arguments(struct plan_command *c, int argc, char **argv)
{
    static const struct option longs[] = {
        {"output", 1, NULL, 'o'},   {"svg", 1, NULL, 'v'},  {"compare", 0, NULL, 'c'},
        {"capacity", 1, NULL, 'C'}, {"seed", 1, NULL, 's'}, {"budget", 1, NULL, 'b'},
        {"clock", 1, NULL, 't'},    {"json", 0, NULL, 'j'}, {"generate", 1, NULL, 'g'},
        {"changes", 1, NULL, 'n'},  {"help", 0, NULL, 'h'}, {NULL, 0, NULL, 0}};
    int status = 0;
    uint64_t capacity = 0;
    optind = 1;
    for (int o; !status && (o = getopt_long(argc, argv, "o:h", longs, NULL)) != -1;)
        switch (o) {
        case 'o':
            c->output = optarg;
            break;
        case 'v':
            c->svg = optarg;
            break;
        case 'c':
            c->compare = true;
            break;
        case 'j':
            c->json = true;
            break;
        case 'C':
            status = plan_number("capacity", optarg, 1, &capacity);
            break;
        case 's':
            status = plan_number("seed", optarg, 1, &c->options.seed);
            break;
        case 'b':
            status = plan_number("budget", optarg, 1e6, &c->options.work);
            break;
        case 't':
            status = plan_number("clock", optarg, 1e9, &c->options.clock);
            break;
        case 'g':
            status = plan_add_generated(c, optarg);
            break;
        case 'n':
            status = plan_number("changes", optarg, 1, &c->changes);
            break;
        case 'h':
            fputs(plan_usage, stdout);
            return -1;
        default:
            status = 2;
            break;
        }
    c->options.capacity = capacity;
    for (; !status && optind < argc; optind++) {
        size_t from = c->nfiles;
        status = plan_add_path(c, argv[optind], true);
        if (c->nfiles > from)
            qsort(c->files + from, c->nfiles - from, sizeof *c->files, plan_by_name);
    }
    if (!status && (!c->nfiles || (c->nfiles > 1 && (c->output || c->svg)))) {
        fputs(plan_usage, stderr);
        status = 2;
    }
    return status;
}

/* -- output ------------------------------------------------------------------------------ */

static double plan_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now); /* one thread: other work does not count */
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double plan_ratio(const weir_plan_stats *r)
{
    return r->lower_bound ? (double)r->arena / (double)r->lower_bound : 1;
}

/* Writes with `write` to a file of this name; 0 or 1 (and said why). */
static int plan_write(const char *path, const struct plan_rows *rows, const char *title, bool svg)
{
    char line[512];
    FILE *to = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    int error = to ? 0 : errno;
    if (to && svg)
        error = plan_svg(rows, title, to);
    else if (to)
        plan_rows_print(rows, to);
    if (to && (fflush(to) != 0 || ferror(to)))
        error = errno ? errno : EIO;
    if (to && to != stdout && fclose(to) != 0)
        error = errno;
    if (!error)
        return 0;
    snprintf(line, sizeof line, "%s: %s", path, strerror(error));
    return plan_complain(line);
}

static const char *plan_base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void plan_header(const struct plan_command *c)
{
    if (c->json)
        return;
    printf("%-28s %8s %16s %16s %8s %18s %9s", "file", "buffers", "arena", "lower bound", "ratio",
           "naive sum", "cpu sec");
    for (int h = 0; c->compare && h < WEIR_PLAN_HEURISTICS; h++)
        printf(" %10.10s", weir_plan_heuristic_name(h));
    printf("  found by\n");
}

static void plan_json_string(const char *text)
{
    putchar('"');
    for (; *text; text++)
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 0x20)
            printf("\\u%04x", *text);
        else
            putchar(*text);
    putchar('"');
}

static void plan_print(struct plan_command *c, const char *path, const weir_plan_stats *r,
                       double seconds, bool fits, const double *others)
{
    if (c->json) {
        printf("{\"file\":");
        plan_json_string(path);
        printf(",\"buffers\":%zu,\"arena\":%zu,\"lower_bound\":%zu,\"proven_bound\":%zu,"
               "\"ratio\":%.6f,\"naive\":%zu,\"optimal\":%s,\"fits\":%s,\"work\":%llu,"
               "\"seconds\":%.4f,\"method\":\"%s\"",
               r->count, r->arena, r->lower_bound, r->proven_bound, plan_ratio(r), r->total,
               r->optimal ? "true" : "false", fits ? "true" : "false", (unsigned long long)r->work,
               seconds, r->method);
        for (int h = 0; others && h < WEIR_PLAN_HEURISTICS; h++)
            printf("%s\"%s\":%.6f", h ? "," : ",\"compare\":{", weir_plan_heuristic_name(h),
                   others[h]);
        printf("%s}\n", others ? "}" : "");
    } else {
        printf("%-28s %8zu %16zu %16zu %8.4f %18zu %9.3f", plan_base_name(path), r->count, r->arena,
               r->lower_bound, plan_ratio(r), r->total, seconds);
        for (int h = 0; c->compare && h < WEIR_PLAN_HEURISTICS; h++)
            if (others)
                printf(" %10.4f", others[h]);
            else
                printf(" %10s", "");
        printf("  %s%s%s\n", r->method, r->optimal ? ", optimal" : "",
               fits ? "" : ", DOES NOT FIT");
    }
    fflush(stdout);
}

static void plan_footer(const struct plan_command *c)
{
    if (c->json || c->planned < 2)
        return;
    double n = (double)c->planned;
    printf("%-28s %8zu %16s %16s %8.4f %18s %9s", "geometric mean", c->planned, "", "",
           exp(c->log_sum / n), "", "");
    for (int h = 0; c->compare && h < WEIR_PLAN_HEURISTICS; h++)
        printf(" %10.4f", exp(c->log_sums[h] / n));
    printf("  worst %.4f\n", c->worst);
}

/* -- one file ------------------------------------------------------------------------------ */

/* Arena over lower bound of every classical heuristic; NAN where it cannot. */
static void plan_compare(struct plan_command *c, struct plan_rows *rows, double *others)
{
    for (int h = 0; h < WEIR_PLAN_HEURISTICS; h++) {
        weir_plan_stats r = {.size = sizeof r};
        others[h] = NAN;
        if (weir_plan_solve_with(rows->plan, h) == 0 && weir_plan_stats_get(rows->plan, &r) == 0)
            others[h] = plan_ratio(&r);
        c->log_sums[h] += log(others[h]);
    }
}

static int plan_generate(struct plan_command *c, const char *numbers, struct plan_rows *rows)
{
    char *end;
    size_t count = strtoull(numbers, &end, 10), live = strtoull(end + 1, NULL, 10);
    int error = plan_rows_generate(count, live, c->options.seed, rows);
    return error ? plan_complain(strerror(error)) : 0;
}

static int plan_load(struct plan_command *c, const char *path, struct plan_rows *rows)
{
    char why[512];
    if (strncmp(path, PLAN_GENERATE, strlen(PLAN_GENERATE)) == 0)
        return plan_generate(c, path + strlen(PLAN_GENERATE), rows);
    bool trace = strstr(plan_base_name(path), ".trace") != NULL;
    int error = trace ? plan_rows_trace(path, rows, why, sizeof why)
                      : plan_rows_csv(path, rows, why, sizeof why);
    return error ? plan_complain(why) : 0;
}

/* What each profile of the table needs, a line each. */
static int plan_profiles(struct plan_command *c, const struct plan_rows *rows)
{
    for (size_t k = 0; k < rows->nprofiles; k++) {
        char name[64];
        weir_plan_profile_stats p = {.size = sizeof p};
        if (weir_plan_profile_stats_get(rows->plan, k, &p) != 0)
            return plan_complain(weir_last_error());
        weir_plan_stats r = {.count = rows->count,
                             .arena = p.arena,
                             .lower_bound = p.lower_bound,
                             .proven_bound = p.lower_bound,
                             .total = p.total,
                             .method = "profile"};
        r.optimal = r.arena == r.lower_bound;
        snprintf(name, sizeof name, "  %s", rows->profiles[k]);
        plan_print(c, name, &r, 0, true, NULL);
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
    double start = plan_seconds();
    if (!error)
        error = weir_plan_repair(rows->plan, &options);
    double seconds = plan_seconds() - start;
    if ((error && error != ENOSPC) || weir_plan_stats_get(rows->plan, &r) != 0)
        return plan_complain(*weir_last_error() ? weir_last_error() : strerror(error));
    plan_print(c, "  changed and repaired", &r, seconds, error == 0, NULL);
    return error != 0;
}

/* What is asked for beside the line of the file. */
static int plan_more(struct plan_command *c, const char *path, struct plan_rows *rows)
{
    int status = plan_profiles(c, rows);
    if (c->output)
        status |= plan_write(c->output, rows, NULL, false);
    if (c->svg)
        status |= plan_write(c->svg, rows, plan_base_name(path), true);
    if (c->changes)
        status |= plan_repair(c, rows);
    return status;
}

static int plan_one(struct plan_command *c, const char *path)
{
    struct plan_rows rows;
    double others[WEIR_PLAN_HEURISTICS];
    if (plan_load(c, path, &rows))
        return 1;
    if (c->compare)
        plan_compare(c, &rows, others);
    double start = plan_seconds();
    int error = weir_plan_solve(rows.plan, &c->options), status = error != 0;
    double seconds = plan_seconds() - start;
    weir_plan_stats r = {.size = sizeof r};
    if ((error && error != ENOSPC) || weir_plan_stats_get(rows.plan, &r) != 0) {
        char line[512];
        snprintf(line, sizeof line, "%s: %s", path,
                 *weir_last_error() ? weir_last_error() : strerror(error));
        status = plan_complain(line);
    } else {
        plan_print(c, path, &r, seconds, error == 0, c->compare ? others : NULL);
        c->log_sum += log(plan_ratio(&r));
        c->worst = fmax(c->worst, plan_ratio(&r));
        c->planned++;
        status |= plan_more(c, path, &rows);
    }
    plan_rows_free(&rows);
    return status;
}

int weir_command_plan(int argc, char **argv)
{
    struct plan_command c = {0};
    int status = plan_arguments(&c, argc, argv);
    if (!status) {
        plan_header(&c);
        for (size_t i = 0; i < c.nfiles; i++)
            status |= plan_one(&c, c.files[i]);
        plan_footer(&c);
    }
    for (size_t i = 0; i < c.nfiles; i++)
        free(c.files[i]);
    free(c.files);
    return status < 0 ? 0 : status;
}
