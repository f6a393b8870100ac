/*
 * tools/plan/page.c - a solved plan as one page: what it came to, the picture, and the buffers that
 * bind the lower bound, greatest first. No script, nothing from elsewhere; light and dark.
 */
#include "tools/common/markup.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/plan/rows.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 200 /* of the table, at most */

static const char style[] =
    "body{font:15px/1.5 system-ui,sans-serif;margin:1.5rem auto;padding:0 1rem;max-width:84rem;"
    "color:#222;background:#fff}h1{font-size:1.4rem}h2{font-size:1.1rem}"
    "svg{max-width:100%;height:auto}.scroll{overflow-x:auto}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.15rem .8rem .15rem 0;"
    "border-bottom:1px solid #ddd}.n{text-align:right;font-variant-numeric:tabular-nums}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#16181d}"
    "th,td{border-color:#444}}";

static const struct plan_rows *sorted; /* for by_size alone */

static int by_size(const void *a, const void *b)
{
    size_t i = *(const size_t *)a, j = *(const size_t *)b;
    size_t x = sorted->rows[i].size, y = sorted->rows[j].size;
    return x != y ? (x < y) - (x > y) : (i > j) - (i < j);
}

/* Those that are live at the greatest sum. */
static size_t *binding_of(const struct plan_rows *rows, size_t *n)
{
    size_t *found = memory_array(NULL, rows->count, sizeof *found);
    int64_t peak = plan_peak(rows);
    *n = 0;
    for (size_t i = 0; i < rows->count; i++)
        if (rows->rows[i].lower <= peak && peak < rows->rows[i].upper && rows->rows[i].size)
            found[(*n)++] = i;
    sorted = rows;
    qsort(found, *n, sizeof *found, by_size);
    return found;
}

static void binding_write(FILE *to, const struct plan_rows *rows, const weir_plan_stats *stats)
{
    size_t n, *binding = binding_of(rows, &n);
    fprintf(
        to,
        "<h2>What binds the lower bound</h2>\n<p>%s live at the greatest sum: no arena is "
        "smaller than they are together, unless one of them gets smaller or lives at another "
        "time.</p>\n<div class=\"scroll\"><table><thead><tr><th>buffer</th><th class=\"n\">bytes"
        "</th><th class=\"n\">share</th><th class=\"n\">offset</th><th class=\"n\">from</th>"
        "<th class=\"n\">to</th></tr></thead><tbody>\n",
        text_of(n, "buffers"));
    for (size_t i = 0; i < n && i < ROWS; i++) {
        const struct plan_row *r = &rows->rows[binding[i]];
        fputs("<tr><td>", to);
        markup_text(to, r->id);
        fprintf(to,
                "</td><td class=\"n\">%s</td><td class=\"n\">%.1f %%</td><td class=\"n\">%zu</td>"
                "<td class=\"n\">%" PRId64 "</td><td class=\"n\">%" PRId64 "</td></tr>\n",
                text_count(r->size), 100.0 * (double)r->size / (double)stats->lower_bound,
                weir_plan_offset(rows->plan, binding[i]), r->lower, r->upper);
    }
    fputs("</tbody></table></div>\n", to);
    if (n > ROWS)
        fprintf(to, "<p>... and %s smaller ones.</p>\n", text_count(n - ROWS));
    free(binding);
}

int plan_page(const struct plan_rows *rows, const char *title, FILE *to)
{
    weir_plan_stats stats = {.size = sizeof stats};
    int error = weir_plan_stats_get(rows->plan, &stats);
    if (error)
        return error;
    fputs("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
          "<meta name=\"viewport\" content=\"width=device-width\">"
          "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
          "style-src 'unsafe-inline'\">\n<title>",
          to);
    markup_text(to, title);
    fprintf(to, ": a memory plan</title>\n<style>%s</style></head><body><main>\n<h1>", style);
    markup_text(to, title);
    fprintf(
        to,
        "</h1>\n<p>%s in an arena of %s; the lower bound is %s; a place for each alone would be "
        "%s.%s</p>\n<div class=\"scroll\">",
        text_of(stats.count, "buffers"), text_bytes(stats.arena), text_bytes(stats.lower_bound),
        text_bytes(stats.total), stats.optimal ? " No arrangement is smaller." : "");
    error = plan_picture(rows, title, to);
    fputs("</div>\n", to);
    if (stats.lower_bound)
        binding_write(to, rows, &stats);
    fputs("</main></body></html>\n", to);
    return error;
}
