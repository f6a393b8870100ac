/*
 * tools/top/rows.h - what an exposition says, as rows: one a context of a process, one a tag. Owns
 * the reading of that text; lines that it does not know are passed over. A table is its caller's;
 * one thread.
 */
#ifndef WEIR_TOOLS_TOP_ROWS_H
#define WEIR_TOOLS_TOP_ROWS_H

#include <stdbool.h>
#include <stddef.h>

struct top_row {
    char *name; /* "cpu/model", or "redis-server[4711] malloc"; of a tag its name */
    double own; /* bytes; of a tag all that it has */
    double live, peak, blocks, limit; /* with descendants; limit 0: none */
    double allocations;
    double rate; /* allocations a second since the look before; below 0: unknown */
};

struct top_rows {
    struct top_row *contexts, *tags;
    size_t ncontexts, ntags;
    double resident, memory_limit; /* of all processes; bytes, 0: unknown */
    double all;                    /* how many contexts there are */
    bool known;                    /* it is weir's exposition */
};

/* False: no memory. Changes the text. */
bool top_rows_read(struct top_rows *rows, char *text);
void top_rows_free(struct top_rows *rows);

/* Rates since `before`, `seconds` ago, for contexts that were there. */
void top_rows_rate(struct top_rows *rows, const struct top_rows *before, double seconds);

enum top_order { TOP_OWN, TOP_LIVE, TOP_PEAK, TOP_BLOCKS, TOP_RATE };

/* Greatest first; of equals in the order of their names. */
void top_rows_sort(struct top_rows *rows, enum top_order order);

#endif
