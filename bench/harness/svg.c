/* bench/harness/svg.c - see svg.h. */
#include "bench/harness/svg.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MARGIN = 24,
    NAMES = 260, /* width of the category names */
    RIGHT = 64,  /* room for a value beside the longest bar */
    BAR = 8,     /* height of one bar */
    GROUP_GAP = 8,
    DOT_ROW = 20,
    LINES_HEIGHT = 260,
    TICKS_MAX = 12
};

static const char *const svg_colors[SVG_SERIES_MAX] = {"#1257b8", "#8b919b", "#dd7f2a", "#2f9e6a",
                                                       "#9859b8", "#c9485b", "#6b4f3a", "#c2a500",
                                                       "#00909e", "#e07bb5", "#5a6b2f", "#444444"};

/* The axis of values: from `low` to `high`, between two coordinates. */
struct axis {
    double low, high;
    bool logarithmic;
    double from, to; /* coordinates of low and high */
    double ticks[TICKS_MAX];
    size_t nticks;
};

static void text_write(FILE *to, const char *text)
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
        default:
            if ((unsigned char)*text >= 0x20)
                fputc(*text, to);
        }
}

static void text_at(struct svg *svg, double x, double y, const char *class, const char *text)
{
    fprintf(svg->body, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    text_write(svg->body, text);
    fputs("</text>\n", svg->body);
}

static void line_at(struct svg *svg, double x1, double y1, double x2, double y2, const char *class)
{
    fprintf(svg->body, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1,
            y1, x2, y2, class);
}

static void number_text(char *text, size_t n, double value)
{
    static const char *const units[] = {"", "k", "M", "G"};
    unsigned unit = 0;
    for (; fabs(value) >= 9999.5 && unit < 3; unit++)
        value /= 1000;
    if (fabs(value) >= 100 || value == 0)
        snprintf(text, n, "%.0f%s", value, units[unit]);
    else
        snprintf(text, n, "%.3g%s", value, units[unit]);
}

/* -- the axis of values ---------------------------------------------------------------- */

static bool value_counts(const struct svg_chart *c, double value)
{
    return isfinite(value) && (!c->logarithmic || value > 0);
}

static bool range_find(const struct svg_chart *c, double *low, double *high)
{
    *low = INFINITY;
    *high = -INFINITY;
    for (size_t s = 0; s < c->nseries; s++)
        for (size_t i = 0; i < c->ncategories; i++) {
            double value = c->series[s].values[i];
            if (!value_counts(c, value))
                continue;
            *low = fmin(*low, value);
            *high = fmax(*high, value);
        }
    if (c->reference > 0) {
        *low = fmin(*low, c->reference);
        *high = fmax(*high, c->reference);
    }
    return isfinite(*low);
}

/* 1, 2 or 5 times a power of ten, so that about five steps fill the range. */
static double step_of(double range)
{
    double power = pow(10, floor(log10(range / 5)));
    double times = range / 5 / power;
    return power * (times > 5 ? 10 : times > 2 ? 5 : times > 1 ? 2 : 1);
}

static void ticks_logarithmic(struct axis *a)
{
    double first = floor(log10(a->low)), last = ceil(log10(a->high));
    if (last <= first)
        last = first + 1;
    a->low = pow(10, first);
    a->high = pow(10, last);
    double stride = fmax(1, ceil((last - first) / (TICKS_MAX - 1)));
    for (double at = first; at <= last && a->nticks < TICKS_MAX; at += stride)
        a->ticks[a->nticks++] = pow(10, at);
}

static void ticks_linear(struct axis *a)
{
    a->low = fmin(a->low, 0);
    if (a->high <= a->low)
        a->high = a->low + 1;
    double step = step_of(a->high - a->low);
    a->low = floor(a->low / step) * step;
    a->high = ceil(a->high / step) * step;
    for (double at = a->low; at <= a->high + step / 2 && a->nticks < TICKS_MAX; at += step)
        a->ticks[a->nticks++] = at;
}

static bool axis_make(struct axis *a, const struct svg_chart *c, double from, double to)
{
    *a = (struct axis){.logarithmic = c->logarithmic, .from = from, .to = to};
    if (c->nseries > SVG_SERIES_MAX || !range_find(c, &a->low, &a->high))
        return false;
    if (a->logarithmic)
        ticks_logarithmic(a);
    else
        ticks_linear(a);
    return true;
}

static double axis_at(const struct axis *a, double value)
{
    double share = a->logarithmic ? log(value / a->low) / log(a->high / a->low)
                                  : (value - a->low) / (a->high - a->low);
    return a->from + share * (a->to - a->from);
}

/* -- what every chart has --------------------------------------------------------------- */

static void head_draw(struct svg *svg, const struct svg_chart *c)
{
    text_at(svg, MARGIN, svg->y, "title", c->title);
    double x = MARGIN;
    svg->y += 22;
    for (size_t s = 0; s < c->nseries; s++) {
        fprintf(svg->body, "<rect x=\"%.1f\" y=\"%d\" width=\"11\" height=\"11\" fill=\"%s\"/>\n",
                x, svg->y - 10, svg_colors[s]);
        text_at(svg, x + 16, svg->y, s ? "legend" : "legend first", c->series[s].name);
        x += 34 + 7.2 * (double)strlen(c->series[s].name);
    }
    svg->y += 14;
}

/* Lines down for the ticks of a horizontal axis, their numbers below, the axis' name. */
static void ticks_draw(struct svg *svg, const struct svg_chart *c, const struct axis *a, double top,
                       double bottom)
{
    char number[32];
    for (size_t i = 0; i < a->nticks; i++) {
        double x = axis_at(a, a->ticks[i]);
        line_at(svg, x, top, x, bottom, "grid");
        number_text(number, sizeof(number), a->ticks[i]);
        text_at(svg, x, bottom + 14, "tick", number);
    }
    if (c->reference > 0)
        line_at(svg, axis_at(a, c->reference), top, axis_at(a, c->reference), bottom, "reference");
    text_at(svg, (a->from + a->to) / 2, bottom + 31, "axis", c->axis);
}

/* -- bars ---------------------------------------------------------------------------------- */

static void bar_draw(struct svg *svg, const struct svg_chart *c, const struct axis *a, size_t s,
                     size_t category, double y)
{
    double value = c->series[s].values[category];
    if (!value_counts(c, value))
        return;
    double from = axis_at(a, a->logarithmic ? a->low : 0), to = axis_at(a, value);
    fprintf(svg->body, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" fill=\"%s\"/>\n",
            fmin(from, to), y, fmax(fabs(to - from), 0.5), BAR - 1, svg_colors[s]);
    char number[32];
    number_text(number, sizeof(number), value);
    text_at(svg, fmax(from, to) + 3, y + BAR - 1, s ? "value" : "value first", number);
}

void svg_bars(struct svg *svg, const struct svg_chart *c)
{
    struct axis a;
    if (!axis_make(&a, c, MARGIN + NAMES, SVG_WIDTH - MARGIN - RIGHT))
        return;
    head_draw(svg, c);
    int group = (int)c->nseries * BAR + GROUP_GAP;
    int top = svg->y, bottom = top + (int)c->ncategories * group;
    ticks_draw(svg, c, &a, top, bottom);
    for (size_t i = 0; i < c->ncategories; i++) {
        double y = top + (double)group * (double)i + GROUP_GAP / 2.0;
        text_at(svg, MARGIN + NAMES - 8, y + (double)c->nseries * BAR / 2 + 4, "name",
                c->categories[i]);
        for (size_t s = 0; s < c->nseries; s++)
            bar_draw(svg, c, &a, s, i, y + (double)s * BAR);
    }
    svg->y = bottom + 70;
}

/* -- dots ------------------------------------------------------------------------------------- */

static void dots_row(struct svg *svg, const struct svg_chart *c, const struct axis *a, size_t i,
                     double y)
{
    text_at(svg, MARGIN + NAMES - 8, y + 4, "name", c->categories[i]);
    line_at(svg, a->from, y, a->to, y, "row");
    for (size_t s = c->nseries; s-- > 0;) { /* the first on top */
        double value = c->series[s].values[i];
        if (value_counts(c, value))
            fprintf(svg->body,
                    "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\" stroke=\"#fff\" "
                    "stroke-width=\"0.8\"><title>",
                    axis_at(a, value), y, s ? "4.2" : "5.6", svg_colors[s]);
        else
            continue;
        text_write(svg->body, c->series[s].name);
        fprintf(svg->body, " %.4g</title></circle>\n", value);
    }
}

void svg_dots(struct svg *svg, const struct svg_chart *c)
{
    struct axis a;
    if (!axis_make(&a, c, MARGIN + NAMES, SVG_WIDTH - MARGIN - RIGHT))
        return;
    head_draw(svg, c);
    int top = svg->y, bottom = top + (int)c->ncategories * DOT_ROW;
    ticks_draw(svg, c, &a, top, bottom);
    for (size_t i = 0; i < c->ncategories; i++)
        dots_row(svg, c, &a, i, top + DOT_ROW * ((double)i + 0.5));
    svg->y = bottom + 70;
}

/* -- lines --------------------------------------------------------------------------------------
 */

static double category_x(const struct svg_chart *c, size_t i)
{
    double width = SVG_WIDTH - 2 * MARGIN - RIGHT - 60;
    return MARGIN + 60 +
           (c->ncategories > 1 ? width * (double)i / (double)(c->ncategories - 1) : 0);
}

static void line_draw(struct svg *svg, const struct svg_chart *c, const struct axis *a, size_t s)
{
    const char *joint = "<polyline class=\"line\" points=\"";
    fprintf(svg->body, "<g stroke=\"%s\" fill=\"%s\" stroke-width=\"%s\">\n", svg_colors[s],
            svg_colors[s], s ? "1.6" : "3");
    for (size_t i = 0; i < c->ncategories; i++)
        if (value_counts(c, c->series[s].values[i])) {
            fprintf(svg->body, "%s%.1f,%.1f", joint, category_x(c, i),
                    axis_at(a, c->series[s].values[i]));
            joint = " ";
        }
    if (*joint == ' ')
        fputs("\"/>\n", svg->body);
    for (size_t i = 0; i < c->ncategories; i++)
        if (value_counts(c, c->series[s].values[i]))
            fprintf(svg->body, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", category_x(c, i),
                    axis_at(a, c->series[s].values[i]));
    fputs("</g>\n", svg->body);
}

void svg_lines(struct svg *svg, const struct svg_chart *c)
{
    struct axis a;
    char number[32];
    if (!axis_make(&a, c, 0, 0))
        return;
    head_draw(svg, c);
    svg->y += 14; /* the axis' name stands above it */
    a.to = svg->y;
    a.from = svg->y + LINES_HEIGHT;
    double left = category_x(c, 0), right = category_x(c, c->ncategories - 1);
    for (size_t i = 0; i < a.nticks; i++) {
        double y = axis_at(&a, a.ticks[i]);
        line_at(svg, left, y, right, y, "grid");
        number_text(number, sizeof(number), a.ticks[i]);
        text_at(svg, left - 8, y + 4, "name", number);
    }
    for (size_t i = 0; i < c->ncategories; i++)
        text_at(svg, category_x(c, i), a.from + 16, "tick", c->categories[i]);
    for (size_t s = c->nseries; s-- > 0;)
        line_draw(svg, c, &a, s);
    text_at(svg, left, a.to - 8, "unit", c->axis);
    if (c->category_axis)
        text_at(svg, (left + right) / 2, a.from + 33, "axis", c->category_axis);
    svg->y = (int)a.from + 72;
}

/* -- the file -------------------------------------------------------------------------------------
 */

int svg_begin(struct svg *svg, const char *title, const char *subtitle)
{
    *svg = (struct svg){0};
    svg->body = open_memstream(&svg->text, &svg->length);
    if (!svg->body)
        return ENOMEM;
    text_at(svg, MARGIN, 34, "page", title);
    text_at(svg, MARGIN, 54, "legend", subtitle);
    svg->y = 92;
    return 0;
}

static const char svg_style[] =
    "<style>\n"
    "text { font-family: 'DejaVu Sans', 'Segoe UI', Helvetica, Arial, sans-serif; fill: #23272e; "
    "}\n"
    ".page { font-size: 19px; font-weight: bold; }\n"
    ".title { font-size: 14px; font-weight: bold; }\n"
    ".legend { font-size: 11.5px; }\n"
    ".first { font-weight: bold; }\n"
    ".name { font-size: 11px; text-anchor: end; }\n"
    ".tick { font-size: 10.5px; text-anchor: middle; fill: #5b626d; }\n"
    ".axis { font-size: 11px; text-anchor: middle; fill: #5b626d; }\n"
    ".unit { font-size: 11px; fill: #5b626d; }\n"
    ".value { font-size: 7.5px; fill: #5b626d; }\n"
    ".grid { stroke: #dfe3e8; stroke-width: 1; }\n"
    ".row { stroke: #eef0f3; stroke-width: 1; }\n"
    ".reference { stroke: #23272e; stroke-width: 1; stroke-dasharray: 4 3; }\n"
    ".line { fill: none; }\n"
    "</style>\n";

int svg_end(struct svg *svg, const char *path)
{
    int error = fclose(svg->body) == 0 ? 0 : ENOMEM;
    FILE *to = error ? NULL : fopen(path, "we");
    if (!error && !to)
        error = errno;
    if (to) {
        int height = svg->y - 20;
        fprintf(
            to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "viewBox=\"0 0 %d %d\">\n%s<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n",
            SVG_WIDTH, height, SVG_WIDTH, height, svg_style);
        fwrite(svg->text, 1, svg->length, to);
        fputs("</svg>\n", to);
        bool failed = ferror(to);
        if (fclose(to) != 0 || failed)
            error = errno ? errno : EIO;
    }
    free(svg->text);
    *svg = (struct svg){0};
    return error;
}
