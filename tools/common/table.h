/*
 * tools/common/table.h - a table of text on standard output: cells are added row by row, columns
 * are aligned when it is printed, the first to the left, the others to the right. Knows nothing
 * of what it shows. Colors only on a terminal. A table is its caller's; one thread.
 */
#ifndef WEIR_TOOLS_COMMON_TABLE_H
#define WEIR_TOOLS_COMMON_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum table_look { LOOK_PLAIN, LOOK_GOOD, LOOK_BAD, LOOK_DIM, LOOK_HEAD };

struct table {
    struct table_cell {
        char *text;
        enum table_look look;
    } * cells;
    size_t ncells, ncolumns;
    size_t *widths; /* at least; a caller that prints row by row sets them */
    size_t nleft;   /* columns aligned to the left; table_begin says 1 */
    bool last_left; /* the last column, too */
    bool markdown;  /* for a document: no padding, no colors, a line beneath the first row */
    bool begun;     /* a row was printed */
};

void table_begin(struct table *t, size_t ncolumns);

/* The next cell, from left to right, row after row. */
__attribute__((format(printf, 3, 4))) void table_add(struct table *t, enum table_look look,
                                                     const char *format, ...);
void table_head(struct table *t, const char *const *heads, size_t n);

/* Three digits that matter, or "-" where it is no number. */
void table_number(struct table *t, enum table_look look, double value);

/* A figure with how far its rounds spread, a share of it, in percent: "12.3   4%". */
void table_spread(struct table *t, enum table_look look, const char *figure, double spread);

/* A line across. */
void table_rule(struct table *t);

/* Prints the rows so far; more may follow, in columns no narrower. */
void table_flush(struct table *t);

/* Drops the rows that are not printed yet. */
void table_clear(struct table *t);

/* Prints and frees. */
void table_print(struct table *t);

/* The escape sequence of a look, or "" off a terminal. */
const char *table_color(enum table_look look);
const char *table_plain(void);

#endif
