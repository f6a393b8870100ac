/* tools/common/table.c - see table.h. */
#include "tools/common/table.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GAP = 2 };

static const char rule_mark[] = "\001"; /* as text of a first cell: the row is a line */

void table_begin(struct table *t, size_t ncolumns)
{
    *t = (struct table){.ncolumns = ncolumns, .nleft = 1};
    t->widths = memory_zeroed(ncolumns, sizeof *t->widths);
}

void table_add(struct table *t, enum table_look look, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    t->cells = memory_grow(t->cells, t->ncells, sizeof *t->cells);
    t->cells[t->ncells++] = (struct table_cell){length < 0 ? memory_text("", 0) : text, look};
}

void table_head(struct table *t, const char *const *heads, size_t n)
{
    for (size_t i = 0; i < n; i++)
        table_add(t, LOOK_HEAD, "%s", heads[i]);
}

void table_number(struct table *t, enum table_look look, double value)
{
    table_add(t, look, "%s", text_number(value));
}

void table_spread(struct table *t, enum table_look look, const char *figure, double spread)
{
    table_add(t, look, "%s%s", figure,
              isnan(spread) ? "" : text_made(" %3.0f%%", fmin(100 * spread, 999)));
}

void table_rule(struct table *t)
{
    for (size_t i = 0; i < t->ncolumns; i++)
        table_add(t, LOOK_DIM, "%s", i ? "" : rule_mark);
}

/* -- looks --------------------------------------------------------------------------- */

static bool is_colored(void)
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
    return is_colored() ? sequences[look] : "";
}

const char *table_plain(void)
{
    return is_colored() ? "\033[0m" : "";
}

/* -- printing ------------------------------------------------------------------------- */

/* Columns that a terminal takes: bytes but those that go on a character. */
static size_t width_of(const char *text)
{
    size_t n = 0;
    for (; *text; text++)
        n += (*text & 0xc0) != 0x80;
    return n;
}

static void rule_print(const struct table *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->ncolumns; i++)
        n += t->widths[i] + (i ? GAP : 0);
    printf("  %s", table_color(LOOK_DIM));
    while (n--)
        putchar('-');
    printf("%s\n", table_plain());
}

/* An empty cell is one blank. */
static void row_markdown(const struct table *t, const struct table_cell *row)
{
    putchar('|');
    for (size_t i = 0; i < t->ncolumns; i++)
        printf(" %s%s|", row[i].text, *row[i].text ? " " : "");
    putchar('\n');
    if (t->begun)
        return;
    for (size_t i = 0; i < t->ncolumns; i++)
        fputs(i ? "--:|" : "|---|", stdout);
    putchar('\n');
}

static void row_print(const struct table *t, const struct table_cell *row)
{
    size_t last = t->ncolumns;
    while (last > 1 && !*row[last - 1].text)
        last--;
    printf("  ");
    for (size_t i = 0; i < last; i++) {
        int pad = (int)(t->widths[i] - width_of(row[i].text));
        bool left = i < t->nleft || (t->last_left && i + 1 == t->ncolumns);
        printf("%*s%s%s%s%*s", (i ? GAP : 0) + (left ? 0 : pad), "", table_color(row[i].look),
               row[i].text, table_plain(), left && i + 1 < last ? pad : 0, "");
    }
    putchar('\n');
}

void table_flush(struct table *t)
{
    for (size_t i = 0; i < t->ncells; i++) {
        size_t n = width_of(t->cells[i].text), *width = &t->widths[i % t->ncolumns];
        *width = n > *width ? n : *width;
    }
    for (size_t i = 0; i + t->ncolumns <= t->ncells; i += t->ncolumns) {
        if (t->markdown)
            row_markdown(t, &t->cells[i]);
        else if (strcmp(t->cells[i].text, rule_mark) == 0)
            rule_print(t);
        else
            row_print(t, &t->cells[i]);
        t->begun = true;
    }
    table_clear(t);
}

void table_clear(struct table *t)
{
    for (size_t i = 0; i < t->ncells; i++)
        free(t->cells[i].text);
    free(t->cells);
    t->cells = NULL;
    t->ncells = 0;
}

void table_print(struct table *t)
{
    table_flush(t);
    free(t->widths);
    *t = (struct table){0};
}
