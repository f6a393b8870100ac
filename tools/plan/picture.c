/*
 * tools/plan/picture.c - draws a solved plan: time across, offset up, one box a buffer, colored
 * by size; beneath it the live sum over time. Self-contained SVG: no script, no font.
 * Readable from a few buffers to some thousands: boxes stay sharp at any zoom, edges are
 * thin beside the boxes, and labels are drawn only where they fit.
 */
#include "tools/plan/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SVG_LEFT   90.0
#define SVG_WIDTH  1180.0
#define SVG_TOP    56.0
#define SVG_HEIGHT 560.0
#define SVG_GAP    34.0
#define SVG_LINE   120.0 /* height of the live sum's panel */

struct svg_view {
    double t0, t1; /* times at the left and right edge */
    double arena;
    size_t least, most; /* sizes */
};

struct svg_event {
    int64_t time;
    size_t size;
    bool end;
};

static double svg_x(const struct svg_view *v, double time)
{
    return SVG_LEFT + (time - v->t0) / (v->t1 - v->t0) * SVG_WIDTH;
}

static double svg_y(const struct svg_view *v, double offset)
{
    return SVG_TOP + SVG_HEIGHT * (1 - offset / v->arena);
}

static void svg_text(FILE *to, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", to);
            break;
        case '>':
            fputs("&gt;", to);
            break;
        case '&':
            fputs("&amp;", to);
            break;
        case '"':
            fputs("&quot;", to);
            break;
        default:
            fputc((unsigned char)*text < 0x20 ? ' ' : *text, to);
        }
}

static void svg_bytes(char *to, size_t n, double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    int u = 0;
    for (; bytes >= 1024 && u < 6; u++)
        bytes /= 1024;
    snprintf(to, n, bytes == floor(bytes) ? "%.0f %s" : "%.2f %s", bytes, units[u]);
}

/* From pale yellow (small) over green to dark blue (large), by the size's logarithm. */
static void svg_color(const struct svg_view *v, size_t size, char to[8], bool *dark)
{
    static const int stops[5][3] = {
        {253, 231, 140}, {150, 205, 110}, {60, 165, 140}, {50, 105, 150}, {62, 40, 110}};
    double x = v->most > v->least
                   ? log((double)size / (double)v->least) / log((double)v->most / (double)v->least)
                   : 0.5;
    double at = fmin(fmax(x, 0), 1) * 4;
    int i = at >= 4 ? 3 : (int)at;
    int c[3];
    for (int k = 0; k < 3; k++)
        c[k] = (int)(stops[i][k] + (at - i) * (stops[i + 1][k] - stops[i][k]));
    snprintf(to, 8, "#%02x%02x%02x", c[0] & 255, c[1] & 255, c[2] & 255);
    *dark = x > 0.5;
}

static void svg_box(const struct svg_view *v, const struct plan_row *r, size_t offset, double edge,
                    FILE *to)
{
    double x = svg_x(v, (double)r->lower), w = svg_x(v, (double)r->upper) - x;
    double y = svg_y(v, (double)offset + (double)r->size);
    double h = svg_y(v, (double)offset) - y;
    char color[8], size[32];
    bool dark;
    svg_color(v, r->size, color, &dark);
    svg_bytes(size, sizeof size, (double)r->size);
    edge = fmin(edge, 0.2 * fmin(w, h));
    fprintf(to,
            "<rect x=\"%.3f\" y=\"%.3f\" width=\"%.3f\" height=\"%.3f\" fill=\"%s\" "
            "stroke-width=\"%.2f\"><title>",
            x, y, w, h, color, edge);
    svg_text(to, r->id);
    fprintf(to, ": %s at %zu, [%" PRId64 ", %" PRId64 ")</title></rect>\n", size, offset, r->lower,
            r->upper);
    double letters = (double)strlen(r->id);
    if (h < 11 || w < 6.5 * letters + 4)
        return;
    fprintf(to, "<text x=\"%.2f\" y=\"%.2f\" class=\"l\" fill=\"%s\">", x + w / 2, y + h / 2 + 3.5,
            dark ? "#fff" : "#222");
    svg_text(to, r->id);
    fputs("</text>\n", to);
}

static int svg_earlier(const void *a, const void *b)
{
    const struct svg_event *x = a, *y = b;
    return x->time != y->time ? (x->time > y->time) - (x->time < y->time) : y->end - x->end;
}

/* The live sum as a filled step line, on the scale of the arena. */
static int svg_live(const struct svg_view *v, const struct plan_rows *rows, FILE *to)
{
    struct svg_event *events = malloc((2 * rows->count + 1) * sizeof *events);
    if (!events)
        return ENOMEM;
    for (size_t i = 0; i < rows->count; i++) {
        const struct plan_row *r = &rows->rows[i];
        events[2 * i] = (struct svg_event){r->lower, r->size, false};
        events[2 * i + 1] = (struct svg_event){r->upper, r->size, true};
    }
    qsort(events, 2 * rows->count, sizeof *events, svg_earlier);
    double base = SVG_TOP + SVG_HEIGHT + SVG_GAP + SVG_LINE, live = 0;
    fprintf(to, "<path class=\"s\" d=\"M%.2f %.2f", SVG_LEFT, base);
    for (size_t i = 0; i < 2 * rows->count; i++) {
        live += events[i].end ? -(double)events[i].size : (double)events[i].size;
        if (i + 1 < 2 * rows->count && events[i + 1].time == events[i].time)
            continue;
        fprintf(to, "H%.3fV%.3f", svg_x(v, (double)events[i].time),
                base - live / v->arena * SVG_LINE);
    }
    fprintf(to, "H%.2fV%.2fZ\"/>\n", SVG_LEFT + SVG_WIDTH, base);
    free(events);
    return 0;
}

/* A round step that gives four to ten ticks. */
static double svg_step(double range, double base)
{
    double step = pow(base, floor(log(range) / log(base)));
    while (range / step > 8)
        step *= 2;
    while (range / step < 4)
        step /= 2;
    return step;
}

static void svg_axes(const struct svg_view *v, size_t bound, FILE *to)
{
    char label[32];
    double bottom = SVG_TOP + SVG_HEIGHT, base = bottom + SVG_GAP + SVG_LINE;
    double step = svg_step(v->arena, 2);
    for (double o = 0; o <= v->arena; o += step) {
        svg_bytes(label, sizeof label, o);
        fprintf(to,
                "<path class=\"g\" d=\"M%.1f %.2fh%.1f\"/><text class=\"r\" x=\"%.1f\" "
                "y=\"%.2f\">%s</text>\n",
                SVG_LEFT - 4, svg_y(v, o), SVG_WIDTH + 4, SVG_LEFT - 8, svg_y(v, o) + 4, label);
    }
    step = svg_step(v->t1 - v->t0, 10);
    for (double t = ceil(v->t0 / step) * step; t <= v->t1; t += step)
        fprintf(to,
                "<path class=\"g\" d=\"M%.2f %.1fv4M%.2f %.1fv4\"/><text class=\"c\" x=\"%.2f\" "
                "y=\"%.1f\">%.12g</text>\n",
                svg_x(v, t), bottom, svg_x(v, t), base, svg_x(v, t), base + 18, t);
    double y = base - (double)bound / v->arena * SVG_LINE;
    fprintf(to, "<path class=\"b\" d=\"M%.1f %.2fh%.1f\"/>\n", SVG_LEFT, y, SVG_WIDTH);
    svg_bytes(label, sizeof label, (double)bound);
    fprintf(to,
            "<text class=\"r\" x=\"%.1f\" y=\"%.2f\">%s</text><text class=\"r\" x=\"%.1f\" "
            "y=\"%.1f\">live</text>\n",
            SVG_LEFT - 8, y + 4, label, SVG_LEFT - 8, base);
}

static struct svg_view svg_view_of(const struct plan_rows *rows, double arena)
{
    struct svg_view v = {.arena = fmax(arena, 1), .least = SIZE_MAX};
    for (size_t i = 0; i < rows->count; i++) {
        const struct plan_row *r = &rows->rows[i];
        v.t0 = i == 0 || (double)r->lower < v.t0 ? (double)r->lower : v.t0;
        v.t1 = i == 0 || (double)r->upper > v.t1 ? (double)r->upper : v.t1;
        if (r->size > 0 && r->size < v.least)
            v.least = r->size;
        v.most = r->size > v.most ? r->size : v.most;
    }
    if (v.t1 <= v.t0)
        v.t1 = v.t0 + 1;
    return v;
}

int plan_picture(const struct plan_rows *rows, const char *title, FILE *to)
{
    weir_plan_stats report = {.size = sizeof report};
    int error = weir_plan_stats_get(rows->plan, &report);
    if (error)
        return error;
    struct svg_view v = svg_view_of(rows, (double)report.arena);
    double width = SVG_LEFT + SVG_WIDTH + 30,
           height = SVG_TOP + SVG_HEIGHT + SVG_GAP + SVG_LINE + 34;
    fprintf(to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" font-family=\"sans-serif\" font-size=\"12\">\n<style>rect{stroke:#223}"
            ".l{text-anchor:middle;font-size:10px}.r{text-anchor:end}.c{text-anchor:middle}"
            ".g{stroke:#bbb;fill:none}.s{fill:#9fc3e0;stroke:#27618f;stroke-width:.6}"
            ".b{stroke:#b22;stroke-dasharray:5 4;fill:none}</style>\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\" stroke=\"none\" "
            "style=\"stroke:none\"/>\n",
            width, height, width, height);
    char arena[32], bound[32];
    svg_bytes(arena, sizeof arena, (double)report.arena);
    svg_bytes(bound, sizeof bound, (double)report.lower_bound);
    fprintf(to, "<text x=\"%.0f\" y=\"24\" font-size=\"16\">", SVG_LEFT);
    svg_text(to, title);
    fprintf(to,
            "</text>\n<text x=\"%.0f\" y=\"43\" fill=\"#555\">%zu buffers, arena %s, lower bound "
            "%s (%.4f)%s</text>\n",
            SVG_LEFT, report.count, arena, bound,
            report.lower_bound ? (double)report.arena / (double)report.lower_bound : 1.0,
            report.optimal ? ", optimal" : "");
    error = svg_live(&v, rows, to);
    svg_axes(&v, report.lower_bound, to);
    double edge = report.count > 400 ? 0.25 : 0.8;
    for (size_t i = 0; i < rows->count; i++)
        if (rows->rows[i].size > 0)
            svg_box(&v, &rows->rows[i], weir_plan_offset(rows->plan, i), edge, to);
    fputs("</svg>\n", to);
    return error;
}
