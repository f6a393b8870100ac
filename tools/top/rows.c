/* tools/top/rows.c - see rows.h. */
#include "tools/top/rows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- one line: NAME{LABEL="VALUE",...} NUMBER ------------------------------------------------ */

struct sample {
    const char *name, *path, *tag, *program, *pid;
    double value;
};

/* The value at `at`, unescaped in its place; the byte behind its quote. NULL: it does not end. */
static char *label_value(char *at)
{
    char *to = at;
    for (; *at && *at != '"'; at++) {
        if (*at == '\\' && at[1]) {
            at++;
            *to++ = (char)(*at == 'n' ? '\n' : *at);
        } else {
            *to++ = *at;
        }
    }
    if (!*at)
        return NULL;
    *to = '\0';
    return at + 1;
}

static void label_note(struct sample *s, const char *name, const char *value)
{
    const struct {
        const char *name, **to;
    } known[] = {{"path", &s->path}, {"tag", &s->tag}, {"program", &s->program}, {"pid", &s->pid}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            *known[i].to = value;
}

/* The byte behind the labels, or NULL. */
static char *labels_read(struct sample *s, char *at)
{
    while (*at != '}') {
        char *name = at, *equals = strchr(at, '=');
        if (!equals || equals[1] != '"')
            return NULL;
        *equals = '\0';
        at = label_value(equals + 2);
        if (!at)
            return NULL;
        label_note(s, name, equals + 2);
        at += *at == ',';
    }
    return at + 1;
}

static bool sample_read(struct sample *s, char *line)
{
    char *at = line + strcspn(line, "{ "), *end;
    *s = (struct sample){.name = line};
    if (*line == '#' || !*at)
        return false;
    bool labels = *at == '{';
    *at++ = '\0';
    if (labels)
        at = labels_read(s, at);
    if (!at)
        return false;
    s->value = strtod(at, &end);
    return end != at;
}

/* -- rows ---------------------------------------------------------------------------------------
 */

/* The row of that name, at the end a new one. NULL: no memory. */
static struct top_row *row_of(struct top_row **rows, size_t *n, const char *name)
{
    for (size_t i = 0; i < *n; i++)
        if (strcmp((*rows)[i].name, name) == 0)
            return &(*rows)[i];
    struct top_row *more = realloc(*rows, (*n + 1) * sizeof *more);
    if (!more)
        return NULL;
    *rows = more;
    more[*n] = (struct top_row){.name = strdup(name), .rate = -1};
    return more[*n].name ? &more[(*n)++] : NULL;
}

static void figure_note(struct top_row *row, const char *name, double value)
{
    const struct {
        const char *name;
        double *to;
    } known[] = {{"weir_own_bytes", &row->own},
                 {"weir_tag_bytes", &row->own},
                 {"weir_tag_blocks", &row->blocks},
                 {"weir_total_allocated_bytes", &row->live},
                 {"weir_peak_allocated_bytes", &row->peak},
                 {"weir_blocks", &row->blocks},
                 {"weir_allocations_total", &row->allocations},
                 {"weir_limit_bytes", &row->limit}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(name, known[i].name) == 0)
            *known[i].to = value;
}

static void whole_note(struct top_rows *rows, const struct sample *s)
{
    rows->known |= strcmp(s->name, "weir_build_info") == 0;
    if (strcmp(s->name, "weir_process_resident_bytes") == 0)
        rows->resident += s->value;
    if (strcmp(s->name, "weir_process_memory_limit_bytes") == 0)
        rows->memory_limit = s->value;
    if (strcmp(s->name, "weir_contexts") == 0)
        rows->all = s->value;
}

static bool sample_note(struct top_rows *rows, const struct sample *s)
{
    char name[512];
    struct top_row *row;
    whole_note(rows, s);
    if (strcmp(s->name, "weir_process_resident_bytes") == 0 || (!s->path && !s->tag))
        return true;
    if (s->program)
        snprintf(name, sizeof name, "%s[%s] %s", s->program, s->pid ? s->pid : "", s->path);
    else
        snprintf(name, sizeof name, "%s", s->path ? s->path : s->tag);
    row = s->path ? row_of(&rows->contexts, &rows->ncontexts, name)
                  : row_of(&rows->tags, &rows->ntags, name);
    if (row)
        figure_note(row, s->name, s->value);
    return row != NULL;
}

bool top_rows_read(struct top_rows *rows, char *text)
{
    bool enough = true;
    struct sample s;
    *rows = (struct top_rows){0};
    for (char *line = text, *next; line && *line && enough; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        if (sample_read(&s, line))
            enough = sample_note(rows, &s);
    }
    if (!enough)
        top_rows_free(rows);
    return enough;
}

void top_rows_free(struct top_rows *rows)
{
    for (size_t i = 0; i < rows->ncontexts; i++)
        free(rows->contexts[i].name);
    for (size_t i = 0; i < rows->ntags; i++)
        free(rows->tags[i].name);
    free(rows->contexts);
    free(rows->tags);
    *rows = (struct top_rows){0};
}

void top_rows_rate(struct top_rows *rows, const struct top_rows *before, double seconds)
{
    for (size_t i = 0; i < rows->ncontexts; i++)
        for (size_t k = 0; k < before->ncontexts; k++) {
            struct top_row *row = &rows->contexts[i];
            const struct top_row *old = &before->contexts[k];
            if (strcmp(row->name, old->name) == 0 && row->allocations >= old->allocations)
                row->rate = (row->allocations - old->allocations) / seconds;
        }
}

/* -- order ----------------------------------------------------------------------------------------
 */

static enum top_order by; /* for the comparison; one thread */

static double weight_of(const struct top_row *row)
{
    const double weights[] = {row->own, row->live, row->peak, row->blocks, row->rate};
    return weights[by];
}

static int row_compare(const void *left, const void *right)
{
    const struct top_row *a = left, *b = right;
    if (weight_of(a) != weight_of(b))
        return weight_of(a) < weight_of(b) ? 1 : -1;
    return strcmp(a->name, b->name);
}

void top_rows_sort(struct top_rows *rows, enum top_order order)
{
    by = order;
    if (rows->ncontexts)
        qsort(rows->contexts, rows->ncontexts, sizeof *rows->contexts, row_compare);
    by = TOP_OWN;
    if (rows->ntags)
        qsort(rows->tags, rows->ntags, sizeof *rows->tags, row_compare);
}
