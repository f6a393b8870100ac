/*
 * tools/plan/csv.c - reads tables of buffers for `weir plan`. Every bad row is named by
 * its line. One thread.
 */
#include "tools/common/file.h"
#include "tools/common/memory.h"
#include "tools/plan/rows.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum csv_column {
    CSV_ID,
    CSV_LOWER,
    CSV_UPPER,
    CSV_SIZE,
    CSV_ALIGNMENT,
    CSV_OFFSET,
    CSV_GAPS,
    CSV_COLUMNS
};

#define CSV_FIELDS (16 + PLAN_PROFILES) /* more columns than any known variant has */

static const struct {
    const char *name;
    enum csv_column column;
} csv_names[] = {
    {"id", CSV_ID},       {"buffer", CSV_ID},           {"buffer_id", CSV_ID},
    {"lower", CSV_LOWER}, {"begin", CSV_LOWER},         {"start", CSV_LOWER},
    {"upper", CSV_UPPER}, {"end", CSV_UPPER},           {"size", CSV_SIZE},
    {"gaps", CSV_GAPS},   {"alignment", CSV_ALIGNMENT}, {"offset", CSV_OFFSET},
};

/* What is read, and where the reader is. */
struct csv {
    const char *name;
    size_t line;
    int at[CSV_COLUMNS];           /* field of the column, -1: not there */
    int profile_at[PLAN_PROFILES]; /* field of the profile */
    int fields;
    bool inclusive; /* `end` */
    uint32_t *seen; /* open hash of ids: row + 1, 0 empty */
    size_t seen_size;
    char *why;
    size_t nwhy;
};

__attribute__((format(printf, 2, 3))) static int csv_bad(struct csv *c, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int n = snprintf(c->why, c->nwhy, "%s:%zu: ", c->name, c->line);
    if (n >= 0 && (size_t)n < c->nwhy)
        vsnprintf(c->why + n, c->nwhy - (size_t)n, format, arguments);
    va_end(arguments);
    return EINVAL;
}

/* Cuts a line at its commas, in place; blanks around a field go. Returns how many
 * fields there are, at most CSV_FIELDS + 1. */
static int csv_cut(char *line, char *fields[CSV_FIELDS + 1])
{
    int n = 0;
    for (char *next; line && n <= CSV_FIELDS; line = next) {
        next = strchr(line, ',');
        if (next)
            *next++ = '\0';
        line += strspn(line, " \t");
        size_t length = strlen(line);
        while (length && strchr(" \t\r", line[length - 1]))
            line[--length] = '\0';
        fields[n++] = line;
    }
    return n;
}

/* A column `size:NAME`. */
static int csv_profile(struct csv *c, struct plan_rows *rows, const char *name, int field)
{
    if (!*name)
        return csv_bad(c, "a profile without a name");
    for (size_t k = 0; k < rows->nprofiles; k++)
        if (strcmp(rows->profiles[k], name) == 0)
            return csv_bad(c, "profile \"%.40s\" is there twice", name);
    if (rows->nprofiles == PLAN_PROFILES)
        return csv_bad(c, "more than %d profiles", PLAN_PROFILES);
    c->profile_at[rows->nprofiles] = field;
    rows->profiles[rows->nprofiles++] = name;
    return 0;
}

static int csv_column(struct csv *c, struct plan_rows *rows, const char *name, int field)
{
    size_t k = 0, names = sizeof csv_names / sizeof *csv_names;
    if (strncmp(name, "size:", 5) == 0)
        return csv_profile(c, rows, name + 5, field);
    while (k < names && strcmp(name, csv_names[k].name) != 0)
        k++;
    if (k == names)
        return csv_bad(c, "no meaning for a column \"%.40s\"", name);
    if (c->at[csv_names[k].column] >= 0)
        return csv_bad(c, "column \"%.40s\" is there twice", name);
    c->at[csv_names[k].column] = field;
    c->inclusive |= strcmp(name, "end") == 0;
    return 0;
}

static int csv_header(struct csv *c, char *line, struct plan_rows *rows)
{
    char *fields[CSV_FIELDS + 1];
    int n = csv_cut(line, fields);
    for (int i = 0; i < CSV_COLUMNS; i++)
        c->at[i] = -1;
    if (n > CSV_FIELDS)
        return csv_bad(c, "more than %d columns", CSV_FIELDS);
    for (int f = 0; f < n; f++)
        if (csv_column(c, rows, fields[f], f))
            return EINVAL;
    static const char *const needed[] = {"id", "lower", "upper", "size"};
    for (int i = 0; i <= CSV_SIZE; i++)
        if (c->at[i] < 0 && (i != CSV_SIZE || !rows->nprofiles))
            return csv_bad(c, "column \"%s\" is missing", needed[i]);
    c->fields = n;
    return 0;
}

static int csv_integer(struct csv *c, const char *what, const char *field, int64_t *value)
{
    char *end;
    errno = 0;
    long long v = strtoll(field, &end, 10);
    if (end == field || *end)
        return csv_bad(c, "%s \"%.40s\" is no whole number", what, field);
    if (errno == ERANGE)
        return csv_bad(c, "%s %.40s does not fit 64 bits", what, field);
    *value = v;
    return 0;
}

static int csv_natural(struct csv *c, const char *what, const char *field, size_t *value)
{
    int64_t v = 0;
    if (csv_integer(c, what, field, &v))
        return EINVAL;
    if (v < 0)
        return csv_bad(c, "%s %" PRId64 " is negative", what, v);
    *value = (size_t)v;
    return 0;
}

static uint64_t csv_hash(const char *id)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */
    for (; *id; id++)
        hash = (hash ^ (unsigned char)*id) * 1099511628211u;
    return hash ^ hash >> 29;
}

/* Remembers row `index`; EINVAL when its id was there before. */
static int csv_remember(struct csv *c, const struct plan_rows *rows, size_t index)
{
    const char *id = rows->rows[index].id;
    size_t at = csv_hash(id) & (c->seen_size - 1);
    for (; c->seen[at]; at = (at + 1) & (c->seen_size - 1))
        if (strcmp(rows->rows[c->seen[at] - 1].id, id) == 0)
            return csv_bad(c, "id \"%.40s\" is there twice", id);
    c->seen[at] = (uint32_t)index + 1;
    return 0;
}

/* The row's sizes under all profiles, before it is added. */
static int csv_sizes(struct csv *c, char *const *fields, struct plan_rows *rows)
{
    size_t n = rows->nprofiles;
    if (n)
        rows->sizes = memory_grow(rows->sizes, rows->count, n * sizeof *rows->sizes);
    for (size_t k = 0; k < n; k++)
        if (csv_natural(c, "size", fields[c->profile_at[k]], &rows->sizes[rows->count * n + k]))
            return EINVAL;
    return 0;
}

static int csv_row(struct csv *c, char *line, struct plan_rows *rows)
{
    char *fields[CSV_FIELDS + 1];
    int n = csv_cut(line, fields);
    if (n != c->fields)
        return csv_bad(c, "%d fields where the header has %d", n, c->fields);
    struct plan_row row = {.id = fields[c->at[CSV_ID]], .alignment = 1, .fixed = SIZE_MAX};
    if (!*row.id)
        return csv_bad(c, "the id is empty");
    if (csv_integer(c, "lower", fields[c->at[CSV_LOWER]], &row.lower) ||
        csv_integer(c, "upper", fields[c->at[CSV_UPPER]], &row.upper))
        return EINVAL;
    if (c->at[CSV_SIZE] >= 0 && csv_natural(c, "size", fields[c->at[CSV_SIZE]], &row.size))
        return EINVAL;
    if (csv_sizes(c, fields, rows))
        return EINVAL;
    for (size_t k = 0; k < rows->nprofiles; k++) {
        size_t size = rows->sizes[rows->count * rows->nprofiles + k];
        row.size = size > row.size ? size : row.size;
    }
    if (c->at[CSV_ALIGNMENT] >= 0 &&
        csv_natural(c, "alignment", fields[c->at[CSV_ALIGNMENT]], &row.alignment))
        return EINVAL;
    if (c->at[CSV_OFFSET] >= 0 && *fields[c->at[CSV_OFFSET]] &&
        csv_natural(c, "offset", fields[c->at[CSV_OFFSET]], &row.fixed))
        return EINVAL;
    if (c->inclusive && __builtin_add_overflow(row.upper, 1, &row.upper))
        return csv_bad(c, "end %" PRId64 " is too great", row.upper);
    int error = plan_rows_add(rows, &row);
    if (error)
        return csv_bad(c, "%s", weir_last_error());
    return csv_remember(c, rows, rows->count - 1);
}

static int csv_lines(struct csv *c, char *text, size_t length, struct plan_rows *rows)
{
    int error = 0;
    bool header = false;
    char *end = text + length;
    size_t n;
    for (char *line; !error && (line = file_line(&text, end, &n));) {
        c->line++;
        if (strlen(line) != n)
            return csv_bad(c, "a byte 0 in the text");
        if (line[strspn(line, " \t\r")] == '\0')
            continue;
        error = header ? csv_row(c, line, rows) : csv_header(c, line, rows);
        header = true;
    }
    if (!error && !header)
        return csv_bad(c, "no header");
    return error;
}

/* The columns as profiles of the plan. */
static int csv_add_profiles(struct csv *c, struct plan_rows *rows)
{
    size_t *sizes = memory_array(NULL, rows->count, sizeof *sizes);
    int error = 0;
    for (size_t k = 0; k < rows->nprofiles && !error; k++) {
        for (size_t i = 0; i < rows->count; i++)
            sizes[i] = rows->sizes[i * rows->nprofiles + k];
        error = weir_plan_add_profile(rows->plan, sizes, rows->count);
    }
    free(sizes);
    if (error)
        snprintf(c->why, c->nwhy, "%s: %s", c->name, strerror(error));
    return error;
}

int plan_rows_parse(const char *name, char *text, size_t length, struct plan_rows *rows, char *why,
                    size_t nwhy)
{
    struct csv c = {.name = name, .why = why, .nwhy = nwhy, .seen_size = 64};
    size_t nlines = 1;
    for (size_t i = 0; i < length; i++)
        nlines += text[i] == '\n';
    while (c.seen_size < 2 * nlines)
        c.seen_size *= 2;
    *rows = (struct plan_rows){.text = text, .plan = weir_plan_create()};
    c.seen = memory_zeroed(c.seen_size, sizeof *c.seen);
    int error = ENOMEM;
    if (rows->plan)
        error = csv_lines(&c, text, length, rows);
    else
        snprintf(why, nwhy, "%s: out of memory", name);
    free(c.seen);
    if (!error)
        error = csv_add_profiles(&c, rows);
    if (error)
        plan_rows_free(rows);
    return error;
}

int plan_rows_csv(const char *path, struct plan_rows *rows, char *why, size_t nwhy)
{
    struct file_text file;
    int error = file_read(path, &file);
    if (!error && file.damage) {
        free(file.text);
        error = EIO;
    }
    if (!error)
        return plan_rows_parse(path, file.text, file.length, rows, why, nwhy);
    snprintf(why, nwhy, "%s: %s", path, strerror(error));
    return error;
}

int plan_rows_add(struct plan_rows *rows, const struct plan_row *row)
{
    rows->rows = memory_grow(rows->rows, rows->count, sizeof *rows->rows);
    int error = weir_plan_add(rows->plan, row->size, row->alignment, row->lower, row->upper);
    if (!error && row->fixed != SIZE_MAX)
        error = weir_plan_fix(rows->plan, rows->count, row->fixed);
    if (!error)
        rows->rows[rows->count++] = *row;
    return error;
}

void plan_rows_free(struct plan_rows *rows)
{
    weir_plan_destroy(rows->plan);
    free(rows->rows);
    free(rows->text);
    free(rows->sizes);
    *rows = (struct plan_rows){0};
}

int plan_rows_print(const struct plan_rows *rows, const char *title, FILE *to)
{
    (void)title;
    fprintf(to, "id,lower,upper,size,alignment,offset\n");
    for (size_t i = 0; i < rows->count; i++) {
        const struct plan_row *r = &rows->rows[i];
        fprintf(to, "%s,%" PRId64 ",%" PRId64 ",%zu,%zu,%zu\n", r->id, r->lower, r->upper, r->size,
                r->alignment, weir_plan_offset(rows->plan, i));
    }
    return 0;
}
