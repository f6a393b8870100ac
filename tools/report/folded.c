/* tools/report/folded.c - see folded.h. */
#include "tools/report/folded.h"
#include "tools/common/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct line {
    char *path;
    uint64_t bytes;
};

/* What the format takes for its own. */
static void name_put(FILE *to, const char *name)
{
    for (; *name; name++)
        putc(*name == ';' ? ':' : (unsigned char)*name < ' ' ? ' ' : *name, to);
}

static void path_put(FILE *to, const struct report *r, uint32_t node)
{
    uint32_t parent = r->data.info->stacks[node].parent;
    if (parent) {
        path_put(to, r, parent);
        putc(';', to);
    }
    name_put(to, r->frames.functions[r->frames.of[node]].name);
}

static struct line line_make(const struct report *r, uint64_t key, uint64_t bytes)
{
    struct line line = {.bytes = bytes};
    size_t size;
    FILE *to = open_memstream(&line.path, &size);
    if (!to)
        return (struct line){memory_text("", 0), bytes};
    if (key >> 32)
        path_put(to, r, (uint32_t)key);
    else
        name_put(to, r->groupings[0].holders[key].name);
    fclose(to);
    return line;
}

static int by_path(const void *left, const void *right)
{
    return strcmp(((const struct line *)left)->path, ((const struct line *)right)->path);
}

void folded_write(FILE *to, const struct report *r, uint32_t change)
{
    const struct report_data *d = &r->data;
    struct report_keys keys = {0};
    uint64_t *bytes = NULL;
    for (size_t i = 0; i < d->nsegments; i++) {
        const struct report_segment *s = &d->segments[i];
        if (!report_lives(s, change) || !s->bytes)
            continue;
        /* By stack; what has none by its holder. */
        bool stack = r->has_sites && s->stack && s->stack < d->info->nstacks;
        size_t before = keys.n;
        uint32_t at =
            report_keys_add(&keys, stack ? UINT64_C(1) << 32 | s->stack : r->groupings[0].of[i]);
        if (!bytes || keys.n > before) {
            bytes = memory_grow(bytes, at, sizeof *bytes);
            bytes[at] = 0;
        }
        bytes[at] += s->bytes;
    }
    struct line *lines = memory_array(NULL, keys.n, sizeof *lines);
    for (size_t i = 0; i < keys.n; i++)
        lines[i] = line_make(r, keys.keys[i], bytes[i]);
    qsort(lines, keys.n, sizeof *lines, by_path);
    for (size_t i = 0; i < keys.n; i++) {
        if (i + 1 < keys.n && strcmp(lines[i].path, lines[i + 1].path) == 0)
            lines[i + 1].bytes += lines[i].bytes;
        else
            fprintf(to, "%s %" PRIu64 "\n", lines[i].path, lines[i].bytes);
    }
    for (size_t i = 0; i < keys.n; i++)
        free(lines[i].path);
    free(lines);
    free(bytes);
    report_keys_free(&keys);
}
