/*
 * tools/plan/rows.h - the rows of `weir plan`: buffers read from a file, and the plan made
 * of them. Owns the text that the ids point into; knows nothing of solving.
 */
#ifndef WEIR_TOOLS_PLAN_ROWS_H
#define WEIR_TOOLS_PLAN_ROWS_H

#include <weir/plan.h>

#include <stdint.h>
#include <stdio.h>

struct plan_row {
    const char *id;
    int64_t lower, upper; /* live in [lower, upper) */
    size_t size, alignment;
    size_t fixed; /* SIZE_MAX: free to choose */
};

#define PLAN_PROFILES 48 /* most columns of sizes */

struct plan_rows {
    char *text; /* what the ids and names point into */
    struct plan_row *rows;
    size_t count;
    weir_plan *plan;                     /* in the order of the rows */
    const char *profiles[PLAN_PROFILES]; /* names of the plan's profiles */
    size_t nprofiles;
    const char *clock; /* what lifetimes count, for the picture; NULL: it is not known */
    size_t *sizes;     /* of row i under profile k: sizes[i * nprofiles + k] */
};

/*
 * Reads CSV, plain or gzip, with a header that names the columns in any order: id (or
 * buffer, buffer_id), lower (begin, start), upper, size; optional alignment, gaps (not
 * used: the buffer counts as live throughout) and offset (a fixed one; empty: none). A
 * column `end` in place of `upper` is inclusive, as in TelaMalloc's files. Columns `size:NAME`
 * are profiles (weir_plan_add_profile), in addition to `size` or in its place. 0, or an errno value
 * with one line in `why` ("FILE:LINE: what is wrong").
 */
int plan_rows_csv(const char *path, struct plan_rows *rows, char *why, size_t nwhy);

/* The same from memory; `text` (ended by a NUL, changed) is taken over, from malloc. */
int plan_rows_parse(const char *name, char *text, size_t length, struct plan_rows *rows, char *why,
                    size_t nwhy);

/* Lifetimes from a recorded trace (tools/trace/load.h): the clock is the event's number. */
int plan_rows_trace(const char *path, struct plan_rows *rows, char *why, size_t nwhy);

/*
 * Rows of a random program: `count` buffers of 64 to 32000 bytes, about `live` of them live at
 * once (lifetimes uniform up to four times that, in a time of twice the count). The same for the
 * same seed. 0 or ENOMEM.
 */
int plan_rows_generate(size_t count, size_t live, uint64_t seed, struct plan_rows *rows);

/* The next number of a generator (splitmix64), below n. */
uint64_t plan_random_below(uint64_t *state, uint64_t n);

/* Appends a row (its id is not copied) to rows and plan. 0 or an errno value. */
int plan_rows_add(struct plan_rows *rows, const struct plan_row *row);

void plan_rows_free(struct plan_rows *rows);

/* What was read, with the offsets: id,lower,upper,size,alignment,offset. */
int plan_rows_print(const struct plan_rows *rows, const char *title, FILE *to);

/* The picture: time across, offset up, one box a buffer, the live sum beneath. */
int plan_picture(const struct plan_rows *rows, const char *title, FILE *to);

/* When the sum of what is live is the greatest, first; what lives then binds the lower bound. */
int64_t plan_peak(const struct plan_rows *rows);

/* One page: the picture, and the buffers that bind the lower bound. 0 or an errno value. */
int plan_page(const struct plan_rows *rows, const char *title, FILE *to);

#endif
