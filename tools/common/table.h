/*
 * tools/common/table.h - a table of text: cells are added row by row, columns are aligned when
 * it is printed, the first to the left, the others to the right. Knows nothing of what it
 * shows. Colors only on a terminal.
 */
#ifndef WEIR_TOOLS_COMMON_TABLE_H
#define WEIR_TOOLS_COMMON_TABLE_H

#include <stdbool.h>
#include <stddef.h>

enum table_look { LOOK_PLAIN, LOOK_GOOD, LOOK_BAD, LOOK_DIM, LOOK_HEAD };

struct table_cell {
    char text[80];
    enum table_look look;
};

struct table {
    struct table_cell *cells;
    size_t ncells, capacity;
    size_t ncolumns;
    size_t nleft;   /* columns aligned to the left; table_begin says 1 */
    bool last_left; /* the last column, too */
};

/* A table with `ncolumns` columns. */
void table_begin(struct table *t, size_t ncolumns);
/* The next cell, from left to right, row after row. */
__attribute__((format(printf, 3, 4))) void table_add(struct table *t, enum table_look look,
                                                     const char *format, ...);
/* A time in ns, with three digits that matter, or "-" where it is no number. */
void table_ns(struct table *t, enum table_look look, double ns);
/* The same with how far the rounds spread, a share of it, in percent: "12.3  4%". */
void table_spread(struct table *t, enum table_look look, double value, double spread);
/* A line across. */
void table_rule(struct table *t);
/* Prints and frees. */
void table_print(struct table *t);

bool table_is_colored(void);
/* The escape sequence of a look, or "" off a terminal. */
const char *table_color(enum table_look look);
const char *table_plain(void);

/* "12.3": three digits that matter, in a buffer of its own (eight of them, in turn). */
const char *table_number(double value);
/* "1.5 MB" likewise. */
const char *table_bytes(double bytes);

#endif
