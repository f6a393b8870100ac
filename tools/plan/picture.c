/*
 * tools/plan/picture.c - draws a solved plan: time across, offset up, one box a buffer; beneath it
 * the live sum over time. The buffers whose sum is the greatest, which no arena can be below, have
 * their own border. Colors are by class, which is how names begin (conv of conv1/out); where
 * there is one class only, by size. Self-contained SVG: no script, no font; light and dark. Labels
 * are drawn where they fit; each box says all of it where a pointer rests.
 */
#include "tools/common/markup.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/plan/rows.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEFT   90.0
#define WIDTH  1180.0
#define TOP    74.0
#define HEIGHT 560.0
#define GAP    34.0
#define LINE   120.0 /* height of the live sum's panel */
#define BOTTOM (TOP + HEIGHT)
#define BASE   (BOTTOM + GAP + LINE)

enum { CLASSES = 9 }; /* those that hold the most bytes; the last: all others */

struct view {
    const struct plan_rows *rows;
    FILE *to;
    double t0, t1, arena; /* times at the left and right edge; bytes at the top */
    size_t least, most;   /* sizes */
    int64_t peak;         /* when the live sum is the greatest */
    struct class
    {
        char name[16];
        double bytes;
    } classes[CLASSES];
    size_t nclasses;
};

static double view_x(const struct view *v, double time)
{
    return LEFT + (time - v->t0) / (v->t1 - v->t0) * WIDTH;
}

static double view_y(const struct view *v, double offset)
{
    return TOP + HEIGHT * (1 - offset / v->arena);
}

/* -- classes ---------------------------------------------------------------------------------- */

static void class_name(const char *id, char name[16])
{
    snprintf(name, 16, "%.*s", (int)strcspn(id, "0123456789/.:_#-"), id);
}

static size_t class_of(const struct view *v, const char *id)
{
    char name[16];
    class_name(id, name);
    for (size_t i = 0; i < v->nclasses; i++)
        if (strcmp(v->classes[i].name, name) == 0)
            return i;
    return v->nclasses < CLASSES ? v->nclasses : CLASSES - 1;
}

static int by_bytes(const void *a, const void *b)
{
    const struct class *x = a, *y = b;
    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* Of more than CLASSES, those that come first. */
static void classes_find(struct view *v)
{
    for (size_t i = 0; i < v->rows->count; i++) {
        const struct plan_row *r = &v->rows->rows[i];
        size_t at = class_of(v, r->id);
        if (at == v->nclasses) {
            class_name(r->id, v->classes[at].name);
            v->nclasses++;
        }
        v->classes[at].bytes += (double)r->size;
    }
    qsort(v->classes, v->nclasses < CLASSES ? v->nclasses : CLASSES - 1, sizeof *v->classes,
          by_bytes);
    if (v->nclasses == CLASSES)
        snprintf(v->classes[CLASSES - 1].name, 16, "others");
}

/* Of one class: from pale yellow (small) over green to dark blue (large), by the logarithm. */
static const char *color_of(const struct view *v, const struct plan_row *r, bool *dark)
{
    static const char *const colors[CLASSES] = {"#8dc4e8", "#f2b56b", "#93cf96",
                                                "#e59090", "#c3a5dd", "#d8c36a",
                                                "#7fcfc7", "#e6a5cb", "#b9b9b9"};
    static const int stops[5][3] = {
        {253, 231, 140}, {150, 205, 110}, {60, 165, 140}, {50, 105, 150}, {62, 40, 110}};
    *dark = false;
    if (v->nclasses > 1)
        return colors[class_of(v, r->id)];
    double x = v->most > v->least ? log((double)r->size / (double)v->least) /
                                        log((double)v->most / (double)v->least)
                                  : 0.5;
    double at = fmin(fmax(x, 0), 1) * 4;
    int i = at >= 4 ? 3 : (int)at, c[3];
    for (int k = 0; k < 3; k++)
        c[k] = (int)(stops[i][k] + (at - i) * (stops[i + 1][k] - stops[i][k]));
    *dark = x > 0.5;
    return text_made("#%02x%02x%02x", c[0] & 255, c[1] & 255, c[2] & 255);
}

static void legend_draw(const struct view *v)
{
    double x = LEFT;
    struct plan_row row = {.size = v->most};
    for (size_t i = 0; i < v->nclasses && v->nclasses > 1; i++) {
        bool dark;
        row.id = v->classes[i].name;
        const char *name = *row.id ? row.id : "numbers";
        fprintf(v->to, "<path d=\"M%.0f 54h12v12h-12z\" fill=\"%s\"/><text x=\"%.0f\" y=\"64\">", x,
                color_of(v, &row, &dark), x + 17);
        markup_text(v->to, name);
        fputs("</text>\n", v->to);
        x += 34 + 7.0 * (double)strlen(name);
    }
    fprintf(v->to,
            "<path class=\"m\" d=\"M%.0f 54h12v12h-12z\"/><text x=\"%.0f\" y=\"64\">live at the "
            "greatest sum</text>\n",
            x, x + 17);
}

/* -- boxes ------------------------------------------------------------------------------------ */

static void box_draw(const struct view *v, size_t i)
{
    const struct plan_row *r = &v->rows->rows[i];
    size_t offset = weir_plan_offset(v->rows->plan, i);
    double x = view_x(v, (double)r->lower), w = view_x(v, (double)r->upper) - x;
    double y = view_y(v, (double)offset + (double)r->size), h = view_y(v, (double)offset) - y;
    double edge = fmin(v->rows->count > 400 ? 0.25 : 0.8, 0.2 * fmin(w, h));
    bool binds = r->lower <= v->peak && v->peak < r->upper, dark;
    const char *color = color_of(v, r, &dark);
    fprintf(v->to,
            "<rect x=\"%.3f\" y=\"%.3f\" width=\"%.3f\" height=\"%.3f\" fill=\"%s\"%s "
            "stroke-width=\"%.2f\"><title>",
            x, y, w, h, color, binds ? " class=\"m\"" : "", binds ? 2.5 * edge : edge);
    markup_text(v->to, r->id);
    fprintf(v->to, ": %s at %zu, [%" PRId64 ", %" PRId64 ")%s</title></rect>\n",
            text_bytes(r->size), offset, r->lower, r->upper,
            binds ? ", live at the greatest sum" : "");
    if (h < 11 || w < 6.5 * (double)strlen(r->id) + 4)
        return;
    fprintf(v->to, "<text x=\"%.2f\" y=\"%.2f\" class=\"l\" fill=\"%s\">", x + w / 2,
            y + h / 2 + 3.5, dark ? "#fff" : "#222");
    markup_text(v->to, r->id);
    fputs("</text>\n", v->to);
}

/* -- the live sum, and axes ------------------------------------------------------------------- */

struct event {
    int64_t time;
    double change;
};

/* At one time ends come first. */
static int earlier(const void *a, const void *b)
{
    const struct event *x = a, *y = b;
    return x->time != y->time ? (x->time > y->time) - (x->time < y->time)
                              : (x->change > y->change) - (x->change < y->change);
}

/* Of all rows, in the order of time; from malloc. */
static struct event *events_of(const struct plan_rows *rows)
{
    size_t n = 2 * rows->count;
    struct event *events = memory_array(NULL, n, sizeof *events);
    for (size_t i = 0; i < rows->count; i++) {
        const struct plan_row *r = &rows->rows[i];
        events[2 * i] = (struct event){r->lower, (double)r->size};
        events[2 * i + 1] = (struct event){r->upper, -(double)r->size};
    }
    qsort(events, n, sizeof *events, earlier);
    return events;
}

int64_t plan_peak(const struct plan_rows *rows)
{
    struct event *events = events_of(rows);
    double live = 0, most = -1;
    int64_t peak = 0;
    for (size_t i = 0; i < 2 * rows->count; i++) {
        live += events[i].change;
        if (live > most) {
            most = live;
            peak = events[i].time;
        }
    }
    free(events);
    return peak;
}

/* A filled step line, on the scale of the arena. */
static void live_draw(const struct view *v)
{
    size_t n = 2 * v->rows->count;
    struct event *events = events_of(v->rows);
    double live = 0;
    fprintf(v->to, "<path class=\"s\" d=\"M%.2f %.2f", LEFT, BASE);
    for (size_t i = 0; i < n; i++) {
        live += events[i].change;
        if (i + 1 == n || events[i + 1].time != events[i].time)
            fprintf(v->to, "H%.3fV%.3f", view_x(v, (double)events[i].time),
                    BASE - live / v->arena * LINE);
    }
    fprintf(v->to, "H%.2fV%.2fZ\"/>\n", LEFT + WIDTH, BASE);
    free(events);
}

/* A round step that gives four to ten ticks. */
static double step_of(double range, double base)
{
    double step = pow(base, floor(log(range) / log(base)));
    while (range / step > 8)
        step *= 2;
    while (range / step < 4)
        step /= 2;
    return step;
}

static void axes_draw(const struct view *v, size_t bound)
{
    double step = step_of(v->arena, 2), y = BASE - (double)bound / v->arena * LINE;
    for (unsigned i = 0; i * step <= v->arena; i++) {
        double o = i * step;
        fprintf(v->to,
                "<path class=\"g\" d=\"M%.1f %.2fh%.1f\"/><text class=\"r\" x=\"%.1f\" "
                "y=\"%.2f\">%s</text>\n",
                LEFT - 4, view_y(v, o), WIDTH + 4, LEFT - 8, view_y(v, o) + 4, text_size(o));
    }
    step = step_of(v->t1 - v->t0, 10);
    double first = ceil(v->t0 / step);
    for (unsigned i = 0; (first + i) * step <= v->t1; i++) {
        double t = (first + i) * step;
        fprintf(v->to,
                "<path class=\"g\" d=\"M%.2f %.1fv4M%.2f %.1fv4\"/><text class=\"c\" x=\"%.2f\" "
                "y=\"%.1f\">%.12g</text>\n",
                view_x(v, t), BOTTOM, view_x(v, t), BASE, view_x(v, t), BASE + 18, t);
    }
    fprintf(v->to,
            "<path class=\"b\" d=\"M%.1f %.2fh%.1fM%.2f %.1fV%.1f\"/>\n"
            "<text class=\"r\" x=\"%.1f\" y=\"%.2f\">%s</text><text class=\"r\" x=\"%.1f\" "
            "y=\"%.1f\">live</text>\n<text class=\"c\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
            LEFT, y, WIDTH, view_x(v, (double)v->peak), BASE, TOP, LEFT - 8, y + 4,
            text_size((double)bound), LEFT - 8, BASE, LEFT + WIDTH / 2, BASE + 36,
            v->rows->clock ? v->rows->clock : "time, as the table counts it");
}

static struct view view_of(const struct plan_rows *rows, double arena, FILE *to)
{
    struct view v = {.rows = rows, .to = to, .arena = fmax(arena, 1), .least = SIZE_MAX};
    for (size_t i = 0; i < rows->count; i++) {
        const struct plan_row *r = &rows->rows[i];
        v.t0 = i == 0 ? (double)r->lower : fmin(v.t0, (double)r->lower);
        v.t1 = i == 0 ? (double)r->upper : fmax(v.t1, (double)r->upper);
        v.least = r->size > 0 && r->size < v.least ? r->size : v.least;
        v.most = r->size > v.most ? r->size : v.most;
    }
    v.t1 = fmax(v.t1, v.t0 + 1);
    v.peak = plan_peak(rows);
    classes_find(&v);
    return v;
}

static void head_draw(const struct view *v, const char *title, const weir_plan_stats *stats)
{
    double width = LEFT + WIDTH + 30, height = BASE + 48;
    fprintf(v->to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" viewBox=\"0 0 %.0f %.0f\" "
            "width=\"%.0f\" height=\"%.0f\" font-family=\"sans-serif\" font-size=\"12\">\n<title>",
            width, height, width, height);
    markup_text(v->to, title);
    fputs(": a memory plan</title>\n"
          "<style>svg{background:#fff}text{fill:#222}rect{stroke:#223}"
          ".l{text-anchor:middle;font-size:10px;fill:inherit}.l[fill=\"#222\"]{fill:#222}"
          ".l[fill=\"#fff\"]{fill:#fff}.r{text-anchor:end}.c{text-anchor:middle}"
          ".g{stroke:#bbb;fill:none}.s{fill:#9fc3e0;stroke:#27618f;stroke-width:.6}"
          ".b{stroke:#b22;stroke-dasharray:5 4;fill:none}.m{stroke:#c00}path.m{fill:none}"
          "@media(prefers-color-scheme:dark){svg{background:#16181d}text{fill:#ddd}"
          ".g{stroke:#444}.s{fill:#2c4d66;stroke:#7fb2d9}.b{stroke:#f66}.m{stroke:#f44}}"
          "</style>\n",
          v->to);
    fprintf(v->to, "<text x=\"%.0f\" y=\"24\" font-size=\"16\">", LEFT);
    markup_text(v->to, title);
    fprintf(v->to,
            "</text>\n<text x=\"%.0f\" y=\"43\">%zu buffers, arena %s, lower bound %s (%.4f)%s"
            "</text>\n",
            LEFT, stats->count, text_bytes(stats->arena), text_bytes(stats->lower_bound),
            stats->lower_bound ? (double)stats->arena / (double)stats->lower_bound : 1.0,
            stats->optimal ? ", optimal" : "");
}

int plan_picture(const struct plan_rows *rows, const char *title, FILE *to)
{
    weir_plan_stats stats = {.size = sizeof stats};
    int error = weir_plan_stats_get(rows->plan, &stats);
    if (error)
        return error;
    struct view v = view_of(rows, (double)stats.arena, to);
    head_draw(&v, title, &stats);
    legend_draw(&v);
    live_draw(&v);
    axes_draw(&v, stats.lower_bound);
    for (size_t i = 0; i < rows->count; i++)
        if (rows->rows[i].size > 0)
            box_draw(&v, i);
    fputs("</svg>\n", to);
    return 0;
}
