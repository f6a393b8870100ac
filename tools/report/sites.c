/* tools/report/sites.c - see sites.h. */
#include "tools/report/sites.h"
#include "tools/common/memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SPLIT_SHARE 14 /* of the peak: smaller groups are not split */
#define SPLIT_PART  92 /* percent: a part so large tells nothing apart */
#define SPLIT_DEPTH 16
#define SCRIPT_PART 200 /* of the peak: of smaller groups it is not asked which script called */
#define MANY        8   /* callers of a nameless function that hands out memory */

struct leaf {
    uint32_t node, at; /* at: the frame that is looked at, above the site */
    uint64_t weight;
};

struct maker {
    struct report_sites *sites;
    const struct report_frames *frames;
    const struct trace_stack *stacks;
    uint32_t *callers; /* by function */
    struct leaf *leaves;
    uint64_t peak;
};

static uint32_t parent(const struct maker *m, uint32_t node)
{
    return node ? m->stacks[node].parent : 0;
}

static uint32_t function_of(const struct maker *m, uint32_t node)
{
    return node ? m->frames->of[node] : 0;
}

static const struct report_function *function(const struct maker *m, uint32_t node)
{
    return &m->frames->functions[function_of(m, node)];
}

/* -- which frame it is ---------------------------------------------------------------------------
 */

static void caller_count(struct maker *m, struct report_keys *pairs, uint32_t node)
{
    uint32_t above = parent(m, node), f = function_of(m, node);
    size_t before = pairs->n;
    if (!node || m->frames->functions[f].named)
        return;
    report_keys_add(pairs, (uint64_t)f << 40 ^ m->stacks[above].address);
    m->callers[f] += pairs->n > before;
}

static void callers_count(struct maker *m, const unsigned char *used, size_t n)
{
    struct report_keys pairs = {0};
    m->callers = memory_zeroed(m->frames->nfunctions, sizeof *m->callers);
    for (uint32_t node = 1; node < n; node++)
        if (used[node]) {
            caller_count(m, &pairs, node);
            caller_count(m, &pairs, parent(m, node));
        }
    report_keys_free(&pairs);
}

static bool is_passed(const struct maker *m, uint32_t node, unsigned depth)
{
    const struct report_function *f = function(m, node);
    uint32_t above = parent(m, node);
    if (f->named)
        return f->allocator;
    return (above && function(m, above)->allocator) ||
           (depth < 2 && m->callers[function_of(m, node)] >= MANY);
}

static uint32_t site_node(const struct maker *m, uint32_t leaf)
{
    uint32_t node = leaf;
    for (unsigned depth = 0; node && is_passed(m, node, depth); depth++)
        node = parent(m, node);
    return node ? node : leaf;
}

/* The next frame up of another function, and of none that only passes on. */
static uint32_t caller_direct(const struct maker *m, uint32_t node)
{
    uint32_t at = parent(m, node);
    while (at && (function_of(m, at) == function_of(m, node) || function(m, at)->allocator))
        at = parent(m, at);
    return at;
}

/* Two nameless functions would say nothing: then the next one up that has a name, if the same
 * module has one near. */
static uint32_t caller_node(const struct maker *m, uint32_t node)
{
    uint32_t direct = caller_direct(m, node), at = direct;
    if (!direct || function(m, node)->named)
        return direct;
    for (unsigned depth = 0; at && depth < SPLIT_DEPTH; depth++, at = parent(m, at)) {
        const struct report_function *f = function(m, at);
        if (f->named && !f->allocator && f->module == function(m, node)->module)
            return at;
    }
    return direct;
}

/* The nearest function of a script above the site; else the nearest of its runtime; 0: none. */
static uint32_t script_node(const struct maker *m, uint32_t node)
{
    uint32_t runtime = 0;
    for (uint32_t at = node; at; at = parent(m, at)) {
        enum report_script script = function(m, at)->script;
        if (script == REPORT_SCRIPT)
            return at;
        if (script == REPORT_RUNTIME && !runtime && function(m, at)->full)
            runtime = at;
    }
    return runtime;
}

/* -- splitting ----------------------------------------------------------------------------------
 */

static uint32_t site_add(struct maker *m, struct report_site site)
{
    struct report_sites *s = m->sites;
    s->sites = memory_grow(s->sites, s->nsites, sizeof *s->sites);
    s->sites[s->nsites] = site;
    return (uint32_t)s->nsites++;
}

static int by_function(const void *left, const void *right, void *user)
{
    const struct maker *m = user;
    const struct leaf *a = left, *b = right;
    uint32_t f = function_of(m, a->at), g = function_of(m, b->at);
    if (f != g)
        return f < g ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

/* Of leaves that are sorted by function: the end of the first part, and its weight. */
static size_t part_end(const struct maker *m, size_t from, size_t end, uint64_t *weight)
{
    size_t i = from;
    for (*weight = 0;
         i < end && function_of(m, m->leaves[i].at) == function_of(m, m->leaves[from].at); i++)
        *weight += m->leaves[i].weight;
    return i;
}

static uint64_t largest_part(const struct maker *m, size_t from, size_t end)
{
    uint64_t largest = 0, weight;
    for (size_t i = from; i < end;) {
        i = part_end(m, i, end, &weight);
        largest = weight > largest ? weight : largest;
    }
    return largest;
}

static void leaves_assign(struct maker *m, size_t from, size_t end, struct report_site site)
{
    uint32_t number = site_add(m, site);
    for (size_t i = from; i < end; i++)
        m->sites->of[m->leaves[i].node] = number;
}

static void leaves_climb(struct maker *m, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++)
        m->leaves[i].at = parent(m, m->leaves[i].at);
    qsort_r(&m->leaves[from], end - from, sizeof *m->leaves, by_function, m);
}

/* Leaves of one site, at frames of `depth`. */
static void leaves_split(struct maker *m, size_t from, size_t end, struct report_site site,
                         unsigned depth)
{
    bool great = site.weight > m->peak / SPLIT_SHARE && site.nparts < REPORT_PARTS;
    for (; great && depth <= SPLIT_DEPTH; depth++) {
        leaves_climb(m, from, end);
        if (largest_part(m, from, end) < site.weight / 100 * SPLIT_PART)
            break;
    }
    if (!great || depth > SPLIT_DEPTH) {
        leaves_assign(m, from, end, site);
        return;
    }
    for (size_t i = from, next; i < end; i = next) {
        struct report_site part = site;
        next = part_end(m, i, end, &part.weight);
        part.parts[part.nparts++] = function_of(m, m->leaves[i].at);
        leaves_split(m, i, next, part, depth + 1);
    }
}

/* -- making -------------------------------------------------------------------------------------
 */

static size_t leaves_make(struct maker *m, const unsigned char *used, const uint64_t *weight,
                          size_t n)
{
    size_t nleaves = 0;
    m->leaves = memory_array(NULL, n, sizeof *m->leaves);
    for (uint32_t node = 1; node < n; node++)
        if (used[node]) {
            m->sites->node[node] = site_node(m, node);
            m->leaves[nleaves++] = (struct leaf){node, 0, weight[node]};
        }
    return nleaves;
}

static int by_site(const void *left, const void *right, void *user)
{
    const struct maker *m = user;
    const struct leaf *a = left, *b = right;
    uint32_t s = m->sites->node[a->node], t = m->sites->node[b->node];
    uint32_t f = function_of(m, s), g = function_of(m, t);
    if (f == g) {
        f = function_of(m, a->at);
        g = function_of(m, b->at);
    }
    if (f != g)
        return f < g ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

/* Leaves of one site and caller, by the scripts' functions that led there. */
static void group_split(struct maker *m, size_t from, size_t end, struct report_site site)
{
    bool any = false;
    for (size_t i = from; i < end && site.weight > m->peak / SCRIPT_PART; i++)
        any |= script_node(m, m->sites->node[m->leaves[i].node]) != 0;
    if (!any) {
        leaves_split(m, from, end, site, 2);
        return;
    }
    for (size_t i = from; i < end; i++) {
        uint32_t script = script_node(m, m->sites->node[m->leaves[i].node]);
        m->leaves[i].at = script ? script : m->leaves[i].at;
    }
    qsort_r(&m->leaves[from], end - from, sizeof *m->leaves, by_function, m);
    for (size_t i = from, next; i < end; i = next) {
        struct report_site part = site;
        next = part_end(m, i, end, &part.weight);
        part.parts[1] = function_of(m, m->leaves[i].at);
        part.far = m->frames->functions[part.parts[1]].script != REPORT_NATIVE;
        leaves_split(m, i, next, part, 2);
    }
}

static void groups_make(struct maker *m, size_t nleaves)
{
    for (size_t i = 0; i < nleaves; i++)
        m->leaves[i].at = caller_node(m, m->sites->node[m->leaves[i].node]);
    qsort_r(m->leaves, nleaves, sizeof *m->leaves, by_site, m);
    for (size_t i = 0, next; i < nleaves; i = next) {
        uint32_t f = function_of(m, m->sites->node[m->leaves[i].node]);
        uint32_t g = function_of(m, m->leaves[i].at);
        struct report_site site = {.parts = {f, g}, .nparts = 2};
        for (next = i;
             next < nleaves && function_of(m, m->sites->node[m->leaves[next].node]) == f &&
             function_of(m, m->leaves[next].at) == g;
             next++)
            site.weight += m->leaves[next].weight;
        group_split(m, i, next, site);
    }
}

void report_sites_make(struct report_sites *s, const struct report_frames *frames,
                       const unsigned char *used, const uint64_t *weight, uint64_t peak)
{
    size_t n = frames->info->nstacks;
    *s = (struct report_sites){.frames = frames};
    struct maker m = {.sites = s, .frames = frames, .stacks = frames->info->stacks, .peak = peak};
    s->of = memory_zeroed(n, sizeof *s->of);
    s->node = memory_zeroed(n, sizeof *s->node);
    site_add(&m, (struct report_site){.nparts = 1}); /* no stack */
    callers_count(&m, used, n);
    groups_make(&m, leaves_make(&m, used, weight, n));
    free(m.callers);
    free(m.leaves);
}

void report_sites_free(struct report_sites *s)
{
    free(s->sites);
    free(s->of);
    free(s->node);
}

/* -- names --------------------------------------------------------------------------------------
 */

/* Behind all but the last two parts of a qualified name. */
static const char *last_two(const char *name)
{
    const char *last = name, *before = name;
    int depth = 0;
    for (const char *at = name; *at; at++) {
        depth += *at == '<' || *at == '(' || *at == '{';
        depth -= (*at == '>' && at > name && at[-1] != '-') || *at == ')' || *at == '}';
        if (depth == 0 && at[0] == ':' && at[1] == ':') {
            before = last;
            last = at + 2;
        }
    }
    return before;
}

/* In no namespace with a name: nothing for a short name. */
static char *without_anonymous(const char *name)
{
    static const char nothing[] = "(anonymous namespace)::";
    char *made = memory_text(name, strlen(name));
    for (char *at = made; (at = strstr(at, nothing));)
        memmove(at, at + sizeof nothing - 1, strlen(at + sizeof nothing - 1) + 1);
    return made;
}

/* A function of a script has no namespaces, but perhaps a file of the runtime's: node:fs. */
static void part_put(FILE *to, const struct report_function *f, bool brief)
{
    if (!brief || f->script) {
        fputs(f->name, to);
        return;
    }
    char *name = without_anonymous(f->name);
    fputs(last_two(name), to);
    free(name);
}

/* The script's function, and what it led to. */
static void script_put(FILE *to, const struct report_sites *s, const struct report_site *site,
                       bool brief)
{
    part_put(to, &s->frames->functions[site->parts[1]], brief);
    fputs(brief ? " \xe2\x86\x92 " : " -> ", to);
    part_put(to, &s->frames->functions[site->parts[0]], brief);
}

char *report_site_name(const struct report_sites *s, const struct report_site *site, bool brief)
{
    char *name = NULL;
    size_t size;
    FILE *to = open_memstream(&name, &size);
    if (!to)
        return memory_text("", 0);
    if (site->far)
        script_put(to, s, site, brief);
    for (uint32_t i = site->far ? 2 : 0; i < site->nparts; i++) {
        if (i && !site->parts[i] && i == 1)
            continue;
        if (i == 1)
            fputs(brief ? " \xe2\x86\x90 " : " <- ", to);
        else if (i)
            fputs(brief ? " \xe2\x8b\xaf " : " ... ", to);
        if (site->parts[i] || !i)
            part_put(to, &s->frames->functions[site->parts[i]], brief);
        else
            fputs("(start)", to);
    }
    fclose(to);
    return name;
}
