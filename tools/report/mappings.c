/*
 * tools/report/mappings.c - see mappings.h. What is mapped is a list of pieces by address, none
 * over another: a mapping takes the place of what it covers, an unmapping cuts it out.
 */
#include "tools/report/mappings.h"
#include "tools/common/markup.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"

#include "observe/mapping.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ACCESS (WEIR__MAPPING_READ | WEIR__MAPPING_WRITE | WEIR__MAPPING_EXECUTE)
#define ROWS   8

struct piece {
    uint64_t from, to;
    uint32_t flags, stack;
};

struct pieces {
    struct piece *all;
    size_t n;
    uint64_t bytes, of_files; /* of those with access */
};

static void count(struct pieces *p, const struct piece *piece, bool comes)
{
    uint64_t bytes = piece->flags & ACCESS ? piece->to - piece->from : 0;
    uint64_t of_files = piece->flags & WEIR__MAPPING_FILE ? bytes : 0;
    p->bytes += comes ? bytes : 0 - bytes;
    p->of_files += comes ? of_files : 0 - of_files;
}

/* The first that ends behind the address. */
static size_t piece_find(const struct pieces *p, uint64_t address)
{
    size_t low = 0, high = p->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (p->all[middle].to <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void piece_insert(struct pieces *p, size_t at, struct piece piece)
{
    p->all = memory_grow(p->all, p->n, sizeof *p->all);
    memmove(p->all + at + 1, p->all + at, (p->n - at) * sizeof *p->all);
    p->all[at] = piece;
    p->n++;
    count(p, &piece, true);
}

static void piece_remove(struct pieces *p, size_t at)
{
    count(p, &p->all[at], false);
    memmove(p->all + at, p->all + at + 1, (--p->n - at) * sizeof *p->all);
}

/* No piece reaches over the address. */
static void split(struct pieces *p, uint64_t address)
{
    size_t at = piece_find(p, address);
    if (at >= p->n || p->all[at].from >= address)
        return;
    struct piece low = p->all[at], high = low;
    low.to = high.from = address;
    piece_remove(p, at);
    piece_insert(p, at, high);
    piece_insert(p, at, low);
}

static void cut(struct pieces *p, uint64_t from, uint64_t to)
{
    split(p, from);
    split(p, to);
    size_t at = piece_find(p, from);
    while (at < p->n && p->all[at].from < to)
        piece_remove(p, at);
}

/* What is known there has this protection from here on. */
static void protect(struct pieces *p, uint64_t from, uint64_t to, uint32_t flags)
{
    split(p, from);
    split(p, to);
    for (size_t at = piece_find(p, from); at < p->n && p->all[at].from < to; at++) {
        count(p, &p->all[at], false);
        p->all[at].flags = (p->all[at].flags & ~(uint32_t)ACCESS) | (flags & ACCESS);
        count(p, &p->all[at], true);
    }
}

/* mremap: as the piece was that the event before it took away; known in part alone. */
static void apply(struct pieces *p, const struct report_mapping *m, struct piece *gone)
{
    uint64_t from = m->address, to = from + m->bytes;
    if (to <= from)
        return; /* hostile */
    if (m->given) {
        size_t at = piece_find(p, from);
        *gone = at < p->n && p->all[at].from < to ? p->all[at] : (struct piece){0};
        cut(p, from, to);
    } else if (m->flags & WEIR__MAPPING_PROTECTED) {
        protect(p, from, to, m->flags);
    } else {
        bool moved = m->flags & WEIR__MAPPING_MOVED;
        if (moved && !gone->to)
            return; /* what was moved was not the program's own */
        cut(p, from, to);
        piece_insert(p, piece_find(p, from),
                     (struct piece){from, to, moved ? gone->flags : m->flags,
                                    moved ? gone->stack : m->stack});
    }
}

/* -- who ------------------------------------------------------------------------------------------
 */

static int by_bytes(const void *a, const void *b)
{
    const struct report_mapper *x = a, *y = b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return strcmp(x->name, y->name);
}

static struct report_mapper *mapper_of(struct report_mappings *m, char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (strcmp(m->mappers[i].name, name) == 0) {
            free(name);
            return &m->mappers[i];
        }
    m->mappers = memory_grow(m->mappers, m->n, sizeof *m->mappers);
    m->mappers[m->n] = (struct report_mapper){.name = name};
    return &m->mappers[m->n++];
}

/* Pieces by site, then sites by name: few are left of many pieces. */
static void mappers_make(struct report_mappings *m, const struct pieces *p,
                         const struct report_sites *sites)
{
    uint64_t *bytes = memory_zeroed(sites->nsites + 1, sizeof *bytes);
    uint64_t *pieces = memory_zeroed(sites->nsites + 1, sizeof *pieces);
    size_t nodes = sites->frames->info->nstacks;
    for (size_t i = 0; i < p->n; i++) {
        const struct piece *piece = &p->all[i];
        if (!(piece->flags & ACCESS))
            continue;
        uint32_t stack = piece->stack < nodes ? piece->stack : 0;
        size_t site = stack && sites->of[stack] < sites->nsites ? sites->of[stack] : sites->nsites;
        bytes[site] += piece->to - piece->from;
        pieces[site]++;
    }
    for (size_t i = 0; i <= sites->nsites; i++) {
        if (!pieces[i])
            continue;
        struct report_mapper *mapper =
            mapper_of(m, i < sites->nsites ? report_site_name(sites, &sites->sites[i], true)
                                           : memory_text("(no stack)", 10));
        mapper->bytes += bytes[i];
        mapper->pieces += pieces[i];
    }
    free(bytes);
    free(pieces);
    if (m->n)
        qsort(m->mappers, m->n, sizeof *m->mappers, by_bytes);
}

void report_mappings_make(struct report_mappings *m, const struct report_data *d,
                          const struct report_sites *sites)
{
    struct pieces p = {0};
    struct piece gone = {0};
    size_t most = 0;
    uint64_t peak = d->nchanges ? d->number[d->peak_change] : 0;
    *m = (struct report_mappings){0};
    for (size_t i = 0; i < d->nmappings; i++) {
        apply(&p, &d->mappings[i], &gone);
        if (d->mappings[i].number <= peak)
            m->at_peak = p.bytes;
        if (p.bytes > m->most) {
            m->most = p.bytes;
            m->most_ticks = d->mappings[i].ticks;
            m->of_files = p.of_files;
            most = i + 1;
        }
    }
    m->left = p.bytes;
    p.n = p.bytes = p.of_files = 0;
    gone = (struct piece){0};
    for (size_t i = 0; i < most && sites; i++)
        apply(&p, &d->mappings[i], &gone);
    if (sites && most)
        mappers_make(m, &p, sites);
    free(p.all);
}

void report_mappings_free(struct report_mappings *m)
{
    for (size_t i = 0; i < m->n; i++)
        free(m->mappers[i].name);
    free(m->mappers);
}

/* -- said
 * ------------------------------------------------------------------------------------------ */

void report_mappings_text(FILE *to, const struct report_mappings *m, const struct report_data *d,
                          size_t top)
{
    size_t shown = top && top < m->n ? top : m->n;
    if (!m->most)
        return;
    fprintf(to, "mapped by the program itself, outside malloc: %s at most (%.6f s)",
            text_bytes(m->most), report_seconds(d, m->most_ticks));
    if (m->of_files)
        fprintf(to, ", %s of it files", text_scaled(m->of_files));
    fprintf(to, "; %s at the peak, %s at the end\n", text_scaled(m->at_peak), text_scaled(m->left));
    for (size_t i = 0; i < shown; i++) {
        fprintf(to, "%19s %5.3g%% %11s  ", text_count(m->mappers[i].bytes),
                100.0 * (double)m->mappers[i].bytes / (double)m->most,
                text_count(m->mappers[i].pieces));
        text_plain(to, m->mappers[i].name, SIZE_MAX);
        putc('\n', to);
    }
}

void report_mappings_html(FILE *to, const struct report_mappings *m, const struct report_data *d)
{
    if (!m->most)
        return;
    fputs(
        "<section id=\"mapped\"><h2>Mapped outside malloc</h2>\n<p class=\"note\">By the program's "
        "own calls, and no part of the peak: ",
        to);
    markup_bytes(to, m->most);
    fprintf(to, " at most, at %s", markup_seconds(report_seconds(d, m->most_ticks)));
    if (m->of_files)
        fprintf(to, ", %s of it files", markup_size(m->of_files));
    fprintf(to, "; %s at the peak, %s at the end.</p>\n", markup_size(m->at_peak),
            markup_size(m->left));
    if (m->n)
        fputs("<div class=\"scroll\"><table><thead><tr><th>call site</th><th class=\"n\">mapped"
              "</th><th class=\"n\">pieces</th></tr></thead><tbody>\n",
              to);
    for (size_t i = 0; i < m->n && i < ROWS; i++) {
        fputs("<tr><td class=\"name\">", to);
        markup_name(to, m->mappers[i].name);
        fputs("</td><td class=\"n\">", to);
        markup_bytes(to, m->mappers[i].bytes);
        fprintf(to, "</td><td class=\"n\">%s</td></tr>\n", markup_count(m->mappers[i].pieces));
    }
    if (m->n)
        fputs("</tbody></table></div>\n", to);
    fputs("</section>\n", to);
}
