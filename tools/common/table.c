/* tools/common/table.c - see table.h. Single-threaded. */
#include "tools/common/table.h"
#include "tools/common/memory.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GAP = 2, TEXTS = 8, TEXT_BYTES = 40 };

static const char rule_mark[] = "\001"; /* as text of a first cell: the row is a line */

void table_begin(struct table *t, size_t ncolumns)
{
    *t = (struct table){.ncolumns = ncolumns, .nleft = 1};
}

static struct table_cell *cell_new(struct table *t)
{
    if (t->ncells == t->capacity) {
        t->capacity = t->capacity ? t->capacity * 2 : 128;
        t->cells = memory_array(t->cells, t->capacity, sizeof(*t->cells));
    }
    struct table_cell *cell = &t->cells[t->ncells++];
    memset(cell, 0, sizeof(*cell));
    return cell;
}

void table_add(struct table *t, enum table_look look, const char *format, ...)
{
    struct table_cell *cell = cell_new(t);
    cell->look = look;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(cell->text, sizeof(cell->text), format, arguments);
    va_end(arguments);
}

void table_ns(struct table *t, enum table_look look, double ns)
{
    table_add(t, look, "%s", table_number(ns));
}

void table_spread(struct table *t, enum table_look look, double value, double spread)
{
    char percent[16] = "";
    if (!isnan(value) && !isnan(spread))
        snprintf(percent, sizeof(percent), "%3.0f%%", fmin(100 * spread, 999));
    table_add(t, look, "%s%s", table_number(value), percent);
}

void table_rule(struct table *t)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        table_add(t, LOOK_DIM, "%s", i ? "" : rule_mark);
}

/* -- looks --------------------------------------------------------------------------- */

bool table_is_colored(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) && !getenv("NO_COLOR") && term && strcmp(term, "dumb") != 0;
}

const char *table_color(enum table_look look)
{
    static const char *const sequences[] = {[LOOK_PLAIN] = "",
                                            [LOOK_GOOD] = "\033[32m",
                                            [LOOK_BAD] = "\033[31m",
                                            [LOOK_DIM] = "\033[2m",
                                            [LOOK_HEAD] = "\033[1m"};
    return table_is_colored() ? sequences[look] : "";
}

const char *table_plain(void)
{
    return table_is_colored() ? "\033[0m" : "";
}

static char *text_next(void)
{
    static char texts[TEXTS][TEXT_BYTES];
    static unsigned next;
    return texts[next++ % TEXTS];
}

const char *table_number(double value)
{
    char *text = text_next();
    if (isnan(value))
        snprintf(text, TEXT_BYTES, "-");
    else if (value == 0)
        snprintf(text, TEXT_BYTES, "0");
    else if (value < 0.0995)
        snprintf(text, TEXT_BYTES, "%.3f", value);
    else if (value < 9.995)
        snprintf(text, TEXT_BYTES, "%.2f", value);
    else if (value < 99.95)
        snprintf(text, TEXT_BYTES, "%.1f", value);
    else
        snprintf(text, TEXT_BYTES, "%.0f", value);
    return text;
}

const char *table_bytes(double bytes)
{
    static const char *const units[] = {"B", "KB", "MB", "GB"};
    char *text = text_next();
    unsigned unit = 0;
    for (; bytes >= 1000 && unit < 3; unit++)
        bytes /= 1024;
    snprintf(text, TEXT_BYTES, unit && bytes < 9.95 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return text;
}

/* -- printing ------------------------------------------------------------------------- */

static void widths_find(const struct table *t, size_t *widths)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        widths[i] = 0;
    for (size_t i = 0; i < t->ncells; i++) {
        size_t n = strlen(t->cells[i].text);
        if (n > widths[i % t->ncolumns])
            widths[i % t->ncolumns] = n;
    }
}

static void rule_print(const struct table *t, const size_t *widths)
{
    size_t n = 0;
    for (size_t i = 0; i < t->ncolumns; i++)
        n += widths[i] + (i ? GAP : 0);
    printf("  %s", table_color(LOOK_DIM));
    while (n--)
        putchar('-');
    printf("%s\n", table_plain());
}

static void row_print(const struct table *t, const struct table_cell *row, const size_t *widths)
{
    size_t last = t->ncolumns;
    while (last > 1 && !*row[last - 1].text)
        last--;
    printf("  ");
    for (size_t i = 0; i < last; i++) {
        int pad = (int)(widths[i] - strlen(row[i].text));
        bool left = i < t->nleft || (t->last_left && i + 1 == t->ncolumns);
        printf("%*s%s%s%s%*s", (i ? GAP : 0) + (left ? 0 : pad), "", table_color(row[i].look),
               row[i].text, table_plain(), left && i + 1 < last ? pad : 0, "");
    }
    putchar('\n');
}

void table_print(struct table *t)
{
    size_t *widths = memory_array(NULL, t->ncolumns, sizeof(*widths));
    widths_find(t, widths);
    for (size_t i = 0; i + t->ncolumns <= t->ncells; i += t->ncolumns)
        if (strcmp(t->cells[i].text, rule_mark) == 0)
            rule_print(t, widths);
        else
            row_print(t, &t->cells[i], widths);
    free(widths);
    free(t->cells);
    memset(t, 0, sizeof(*t));
}
