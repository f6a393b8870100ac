/* tools/report/strip.c - see strip.h. */
#include "tools/report/strip.h"
#include "tools/common/markup.h"
#include "tools/common/memory.h"

#include <inttypes.h>
#include <stdlib.h>

#define WIDE  960u /* of the picture, in its own units */
#define HIGH  300u
#define CELLS 320 /* at most; a cell shows its greatest column */
#define SMALL 60u

static size_t axis_number(const struct report *r)
{
    return r->data.timed ? 0 : 1;
}

const struct report_axis *strip_axis(const struct report *r)
{
    return &r->axes[axis_number(r)];
}

unsigned strip_color(const struct report *r, uint32_t holder)
{
    const struct report_grouping *g = &r->groupings[0];
    for (unsigned i = 0; i < g->nstrip; i++)
        if (g->strip[i] == holder)
            return i + 1;
    return 0;
}

/* -- cells: stretches of equal length, each the column that is greatest in it
 * ------------------------- */

struct cells {
    uint32_t columns[CELLS];
    size_t n;
};

static size_t cell_of(const struct report_axis *axis, size_t column, size_t n)
{
    return (size_t)((unsigned __int128)axis->columns[column].from * n / (axis->length + 1));
}

/* A stretch without a column's beginning shows the column before. */
static void cells_make(struct cells *c, const struct report_axis *axis, size_t n)
{
    size_t column = 0;
    c->n = n;
    for (size_t cell = 0; cell < n; cell++) {
        size_t best = column ? column - 1 : 0;
        bool any = false;
        for (; column < axis->n && cell_of(axis, column, n) <= cell; column++) {
            bool greater = axis->columns[column].most > axis->columns[best].most;
            if (!any || greater || column == axis->peak)
                best = best == axis->peak && any ? best : column;
            any = true;
        }
        c->columns[cell] = (uint32_t)best;
    }
}

/* -- the picture ---------------------------------------------------------------------------------
 */

static unsigned height_of(const struct report *r, uint64_t bytes)
{
    return r->data.peak ? (unsigned)((unsigned __int128)bytes * HIGH / r->data.peak) : 0;
}

static uint64_t level_at(const struct report *r, uint32_t holder, uint32_t column)
{
    const uint64_t *levels = report_levels_of(&r->groupings[0], &r->samples, holder);
    return levels ? levels[r->sample_of[axis_number(r)][column]] : 0;
}

/* Steps from left to right along the tops, and back along the bottoms. */
static void band_write(FILE *to, const unsigned *bottoms, const unsigned *tops, size_t n,
                       unsigned color)
{
    fprintf(to, "<path class=\"c%u\" d=\"M0 %u", color, HIGH - bottoms[0]);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || tops[i] != tops[i - 1])
            fprintf(to, "H%zuV%u", i * WIDE / n, HIGH - tops[i]);
    fprintf(to, "H%u", WIDE);
    for (size_t i = n; i-- > 0;)
        if (i + 1 == n || bottoms[i] != bottoms[i + 1])
            fprintf(to, "H%zuV%u", (i + 1) * WIDE / n, HIGH - bottoms[i]);
    fputs("H0Z\"/>\n", to);
}

static void bands_write(FILE *to, const struct report *r, const struct cells *cells)
{
    const struct report_grouping *g = &r->groupings[0];
    const struct report_axis *axis = strip_axis(r);
    uint64_t *sums = memory_zeroed(cells->n, sizeof *sums);
    unsigned bottoms[CELLS] = {0}, tops[CELLS] = {0};
    for (size_t h = 0; h <= g->nstrip; h++) {
        for (size_t i = 0; i < cells->n; i++) {
            bottoms[i] = tops[i];
            sums[i] = h < g->nstrip ? sums[i] + level_at(r, g->strip[h], cells->columns[i])
                                    : axis->columns[cells->columns[i]].most;
            tops[i] = height_of(r, sums[i]);
        }
        band_write(to, bottoms, tops, cells->n, h < g->nstrip ? (unsigned)h + 1 : 0);
    }
    free(sums);
}

static void picture_write(FILE *to, const struct report *r)
{
    struct cells cells;
    const struct report_axis *axis = strip_axis(r);
    uint64_t at = axis->columns[axis->peak].from;
    unsigned x = (unsigned)((unsigned __int128)at * WIDE / (axis->length + 1));
    cells_make(&cells, axis, CELLS);
    fprintf(to,
            "<svg id=\"picture\" viewBox=\"0 0 %u %u\" preserveAspectRatio=\"none\" role=\"img\" "
            "aria-label=\"Live bytes over %s, by %s, at most %s bytes\">\n",
            WIDE, HIGH + 2, r->data.timed ? "time" : "events",
            report_by_heading(r->groupings[0].by), markup_count(r->data.peak));
    bands_write(to, r, &cells);
    fprintf(to, "<path class=\"peakline\" d=\"M%u 0V%u\"/>\n</svg>\n", x, HIGH);
}

/* -- the legend -----------------------------------------------------------------------------------
 */

static void legend_row(FILE *to, unsigned color, const char *name, const char *full, uint64_t bytes)
{
    fprintf(to, "<tr data-color=\"%u\"><td><i class=\"sw c%u\"></i></td><td title=\"", color,
            color);
    markup_text(to, full);
    fputs("\">", to);
    markup_name(to, name);
    fputs("</td><td class=\"n\">", to);
    markup_bytes(to, bytes);
    fputs("</td></tr>\n", to);
}

static void legend_write(FILE *to, const struct report *r)
{
    const struct report_grouping *g = &r->groupings[0];
    uint64_t rest = r->data.peak;
    for (size_t i = 0; i < g->nstrip; i++)
        rest -= g->holders[g->strip[i]].peak.bytes;
    fputs("<table id=\"legend\"><caption><span id=\"when\">at the peak</span></caption><tbody>\n",
          to);
    legend_row(to, 0, "others", "all other holders", rest);
    for (size_t i = g->nstrip; i-- > 0;) {
        const struct report_holder *h = &g->holders[g->strip[i]];
        legend_row(to, (unsigned)i + 1, report_display(h), h->name, h->peak.bytes);
    }
    fputs("</tbody><tfoot><tr><td></td><td>together</td><td class=\"n\">", to);
    markup_bytes(to, r->data.peak);
    fputs("</td></tr></tfoot></table>\n", to);
}

static void controls_write(FILE *to, const struct report *r)
{
    fputs("<div class=\"controls\" id=\"controls\" hidden>", to);
    if (r->data.timed)
        fputs("<span class=\"set\" role=\"group\" aria-label=\"across\">across "
              "<button data-axis=\"0\" aria-pressed=\"true\">time</button>"
              "<button data-axis=\"1\" aria-pressed=\"false\">events</button></span>\n",
              to);
    if (r->ngroupings > 1) {
        fputs("<span class=\"set\" role=\"group\" aria-label=\"by\">by ", to);
        for (size_t i = 0; i < r->ngroupings; i++)
            fprintf(to, "<button data-by=\"%zu\" aria-pressed=\"%s\">%s</button>", i,
                    i ? "false" : "true", report_by_heading(r->groupings[i].by));
        fputs("</span>\n", to);
    }
    fputs("<span class=\"set\" role=\"group\" aria-label=\"view\">"
          "<button data-view=\"out\" aria-label=\"zoom out\">\xe2\x88\x92</button>"
          "<button data-view=\"in\" aria-label=\"zoom in\">+</button>"
          "<button data-view=\"peak\">peak</button><button data-view=\"all\">all</button></span>\n"
          "<span class=\"hint\">drag to move, Ctrl+wheel or double-click to zoom; keys "
          "\xe2\x86\x90 \xe2\x86\x92 + \xe2\x88\x92 0 P Home End</span></div>\n",
          to);
}

void strip_write(FILE *to, const struct report *r)
{
    fputs("<section><h2>Live bytes, and whose they are</h2>\n", to);
    controls_write(to, r);
    fputs("<div class=\"strip\"><figure><p class=\"scale\" id=\"scale\">peak ", to);
    fprintf(to, "<b>%s bytes</b>", markup_count(r->data.peak));
    fputs("</p>\n", to);
    picture_write(to, r);
    fputs(
        "<canvas id=\"strip\" tabindex=\"0\" role=\"img\" hidden aria-label=\"Live bytes over the "
        "recording, by holder. Arrow keys move the cursor; plus and minus zoom; P goes to the "
        "peak.\"></canvas>\n<figcaption>",
        to);
    if (r->data.timed)
        fprintf(to, "0 s to %s. ", markup_seconds(report_duration(&r->data)));
    else
        fprintf(to, "Events 1 to %s. ", markup_count(r->data.last_number));
    fputs(
        "Each column is drawn at the greatest total within it; the paler part lies between its "
        "least and its greatest. The peak has a column of its own.</figcaption></figure>\n<aside>",
        to);
    legend_write(to, r);
    fputs("<p id=\"live\" class=\"live\" aria-live=\"polite\"></p></aside></div></section>\n", to);
}

/* -- small pictures
 * ---------------------------------------------------------------------------------- */

void strip_small_write(FILE *to, const struct report *r, uint32_t holder)
{
    struct cells cells;
    const struct report_axis *axis = strip_axis(r);
    uint64_t most = 1;
    if (!report_levels_of(&r->groupings[0], &r->samples, holder))
        return;
    cells_make(&cells, axis, SMALL);
    for (size_t i = 0; i < cells.n; i++) {
        uint64_t level = level_at(r, holder, cells.columns[i]);
        most = level > most ? level : most;
    }
    fprintf(to,
            "<svg class=\"small\" viewBox=\"0 0 %u 16\" preserveAspectRatio=\"none\" "
            "aria-hidden=\"true\"><path d=\"M0 16",
            2 * SMALL);
    unsigned before = 16;
    for (size_t i = 0; i < cells.n; i++) {
        uint64_t level = level_at(r, holder, cells.columns[i]);
        unsigned y = 16 - (unsigned)((unsigned __int128)level * 15 / most) - (level > 0);
        if (y != before)
            fprintf(to, "H%zuV%u", 2 * i, y);
        before = y;
    }
    unsigned at = (unsigned)((unsigned __int128)axis->columns[axis->peak].from * 2 * SMALL /
                             (axis->length + 1));
    fprintf(to, "H%uV16Z\"/><path class=\"peakline\" d=\"M%u 0V16\"/></svg>", 2 * SMALL, at);
}

void strip_floors_write(FILE *to, const struct report_holder *h)
{
    uint64_t most = 1;
    for (size_t i = 0; i < REPORT_TENTHS; i++)
        if (h->floor[i] != UINT64_MAX && h->floor[i] > most)
            most = h->floor[i];
    fputs("<svg class=\"small\" viewBox=\"0 0 100 16\" preserveAspectRatio=\"none\" "
          "aria-hidden=\"true\"><path d=\"",
          to);
    for (size_t i = 0; i < REPORT_TENTHS; i++) {
        uint64_t level = h->floor[i] == UINT64_MAX ? 0 : h->floor[i];
        unsigned high = 1 + (unsigned)((unsigned __int128)level * 15 / most);
        fprintf(to, "M%zu 16v-%uh8v%uz", i * 10 + 1, high, high);
    }
    fputs("\"/></svg>", to);
}
