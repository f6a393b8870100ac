/*
 * tools/top/command.c - `weir top`: the contexts and tags of running processes, greatest first,
 * again and again. A process is asked at the address where it serves metrics. Owns the options and
 * the picture, of at most 80 columns.
 */
#include "tools/command.h"

#include "serve/address.h"
#include "tools/common/options.h"
#include "tools/common/text.h"
#include "tools/common/time.h"
#include "tools/top/rows.h"
#include "tools/top/scrape.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NAME_COLUMNS 26 /* what is left of 80 */

struct view {
    int order;
    bool once;
    uint64_t interval, lines; /* seconds; rows of each list, 0: as many as fit */
};

struct target {
    const char *address;
    struct top_rows rows; /* of the look before */
    double looked;        /* when; 0: never */
};

/* -- the picture ------------------------------------------------------------------------------- */

/* A name that is too long loses its beginning: what tells it apart stands at its end. */
static void name_print(const char *name)
{
    size_t length = strlen(name), most = NAME_COLUMNS;
    if (length > most) {
        name += length - most + 2;
        while (((unsigned char)*name & 0xc0) == 0x80)
            name++; /* a character is not cut */
        fputs("..", stdout);
        most -= 2;
    }
    text_plain(stdout, name, most);
    putchar('\n');
}

static void rate_print(double rate)
{
    if (rate < 0)
        printf(" %8s", "-");
    else
        printf(" %8.*f", rate < 10 ? 1 : 0, rate);
}

static void context_print(const struct top_row *row)
{
    printf("%9s %9s %9s", text_size(row->own), text_size(row->live), text_size(row->peak));
    printf(" %9s", text_count((uint64_t)row->blocks));
    rate_print(row->rate);
    if (row->limit > 0)
        printf(" %3.0f%%  ", 100 * row->live / row->limit);
    else
        printf("    -  ");
    name_print(row->name);
}

/* The sum of what has no line here, or in the exposition. */
static void rest_print(const struct top_rows *rows, size_t shown)
{
    double bytes = 0;
    for (size_t i = shown; i < rows->ncontexts; i++)
        bytes += rows->contexts[i].own;
    if (rows->ncontexts > shown)
        printf("%9s  in %zu more\n", text_size(bytes), rows->ncontexts - shown);
}

static void contexts_print(const struct top_rows *rows, size_t lines)
{
    size_t shown = rows->ncontexts < lines ? rows->ncontexts : lines;
    printf("%9s %9s %9s %9s %8s %4s  %s\n", "own", "live", "peak", "blocks", "allocs/s", "lim",
           "context");
    for (size_t i = 0; i < shown; i++)
        context_print(&rows->contexts[i]);
    rest_print(rows, shown);
}

static void tags_print(const struct top_rows *rows, size_t lines)
{
    size_t shown = rows->ntags < lines ? rows->ntags : lines;
    if (!shown || (rows->ntags == 1 && !*rows->tags[0].name))
        return;
    printf("%9s %29s %15s\n", "bytes", "blocks", "tag");
    for (size_t i = 0; i < shown; i++) {
        printf("%9s %29s %13s", text_size(rows->tags[i].own),
               text_count((uint64_t)rows->tags[i].blocks), "");
        name_print(*rows->tags[i].name ? rows->tags[i].name : "(none)");
    }
}

static void head_print(const char *address, const struct top_rows *rows)
{
    printf("%.40s  %.0f context%s", address, rows->all, rows->all == 1 ? "" : "s");
    if (rows->resident > 0)
        printf("  resident %s", text_scaled((uint64_t)rows->resident));
    if (rows->memory_limit > 0)
        printf(" of %s", text_scaled((uint64_t)rows->memory_limit));
    putchar('\n');
}

/* -- a look -------------------------------------------------------------------------------------
 */

/* Lines for the contexts of one process; a third as many for its tags. */
static size_t lines_that_fit(const struct view *view, size_t targets)
{
    struct winsize window = {0};
    if (view->lines)
        return view->lines;
    if (view->once || ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_row < 12)
        return 20;
    size_t each = window.ws_row / targets;
    return each > 14 ? (each - 6) * 3 / 4 : 6;
}

static bool target_look(struct target *target, const struct view *view, size_t lines)
{
    struct top_rows rows;
    char why[128], *text = scrape(target->address, why);
    double looked = (double)time_now() / 1e9;
    if (text && !top_rows_read(&rows, text))
        snprintf(why, sizeof why, "no memory");
    else if (text && !rows.known) {
        top_rows_free(&rows);
        snprintf(why, sizeof why, "what it serves are no figures of weir's");
    } else if (text) {
        if (target->looked > 0)
            top_rows_rate(&rows, &target->rows, looked - target->looked);
        top_rows_sort(&rows, view->order);
        head_print(target->address, &rows);
        contexts_print(&rows, lines);
        tags_print(&rows, lines / 3 + 1);
        top_rows_free(&target->rows);
        target->rows = rows;
        target->looked = looked;
        free(text);
        return true;
    }
    free(text);
    fflush(stdout);
    fprintf(stderr, "weir top: %s: %s\n", target->address, why);
    return false;
}

/* How many answered. */
static size_t targets_look(struct target *targets, size_t n, const struct view *view)
{
    size_t answered = 0, lines = lines_that_fit(view, n);
    for (size_t i = 0; i < n; i++) {
        if (i)
            putchar('\n');
        answered += target_look(&targets[i], view, lines);
    }
    fflush(stdout);
    return answered;
}

static int watch(struct target *targets, size_t n, const struct view *view)
{
    for (;;) {
        if (!view->once)
            fputs("\033[H\033[J", stdout);
        size_t answered = targets_look(targets, n, view);
        if (ferror(stdout))
            return 1;
        if (view->once)
            return answered == n ? 0 : 1;
        if (!answered)
            return 1; /* they all ended */
        sleep((unsigned)view->interval);
    }
}

int weir_command_top(int argc, char **argv)
{
    static char own[] = WEIR__METRICS_HOST ":" WEIR__METRICS_PORT;
    struct view view = {.interval = 2};
    const struct option_spec table[] = {
        {"once", OPTION_FLAG, &view.once, .help = "one look, for scripts; so where no terminal is"},
        {"interval", OPTION_COUNT, &view.interval, "SECONDS", "between two looks; 2", .least = 1,
         .most = 3600},
        {"sort", OPTION_CHOICE, &view.order, "own|live|peak|blocks|rate",
         "by which figure, greatest first; own", 's'},
        {"lines", OPTION_COUNT, &view.lines, "N", "contexts that are shown; as many as fit",
         .least = 1, .most = 100000},
        {NULL}};
    const struct options options = {
        "weir top", "[OPTIONS] [ADDRESS...]",
        "Shows the contexts and tags of running processes, those that hold most first. A process\n"
        "is asked at the address where it serves metrics: by weir_metrics_serve, WEIR_METRICS, or\n"
        "weir run --metrics. Without an address: 127.0.0.1:9464.",
        "own: bytes live in the context itself; live and peak: with those below it; lim: live as\n"
        "a share of its limit. Exit status: 1 where an address does not answer.",
        table};
    int status = options_read(&options, argc, argv);
    if (status >= 0)
        return status;
    size_t n = optind < argc ? (size_t)(argc - optind) : 1;
    struct target *targets = calloc(n, sizeof *targets);
    if (!targets)
        return 1;
    for (size_t i = 0; i < n; i++)
        targets[i].address = optind < argc ? argv[optind + (int)i] : own;
    view.once |= !isatty(STDOUT_FILENO);
    status = watch(targets, n, &view);
    for (size_t i = 0; i < n; i++)
        top_rows_free(&targets[i].rows);
    free(targets);
    return status;
}
