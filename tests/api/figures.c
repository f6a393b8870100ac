/* Figures as text, JSON and OpenMetrics, and holders by tag, through the public
 * interface. */
#include "../helpers/suite.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <weir/weir.h>

typedef int printer(FILE *, weir_allocator *);

/* What a call printed, in memory that the caller frees. */
static char *printed(printer *print, weir_allocator *a)
{
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    cr_assert_eq(print(memory, a), 0);
    fclose(memory);
    return text;
}

/* -- a strict reader of JSON (RFC 8259): where the value at `at` ends, or NULL ---------- */

static const char *json_value(const char *at);

static const char *json_string(const char *at)
{
    if (*at++ != '"')
        return NULL;
    while (*at != '"') {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at++ != '\\')
            continue;
        if (*at == 'u') {
            for (int i = 1; i <= 4; i++)
                if (!isxdigit((unsigned char)at[i]))
                    return NULL;
            at += 4;
        } else if (!*at || !strchr("\"\\/bfnrt", *at)) {
            return NULL;
        }
        at++;
    }
    return at + 1;
}

static const char *json_list(const char *at, char end, bool named)
{
    if (*++at == end)
        return at + 1;
    for (;; at++) {
        if (named) {
            at = json_string(at);
            if (!at || *at++ != ':')
                return NULL;
        }
        at = json_value(at);
        if (!at)
            return NULL;
        if (*at == end)
            return at + 1;
        if (*at != ',')
            return NULL;
    }
}

static const char *json_value(const char *at)
{
    if (*at == '{')
        return json_list(at, '}', true);
    if (*at == '[')
        return json_list(at, ']', false);
    if (*at == '"')
        return json_string(at);
    if (strncmp(at, "null", 4) == 0)
        return at + 4;
    if (!isdigit((unsigned char)*at) || (*at == '0' && isdigit((unsigned char)at[1])))
        return NULL;
    while (isdigit((unsigned char)*at))
        at++;
    return at;
}

static void expect_json(const char *text)
{
    const char *end = json_value(text);
    cr_assert_not_null(end, "no JSON: %s", text);
    cr_assert_str_eq(end, "\n", "after the JSON: %s", end);
}

/* -- a small tree with awkward names ---------------------------------------------------- */

struct tree {
    weir_allocator *top, *child, *twin, *grandchild;
    void *blocks[4];
};

static void *null_allocate(void *user, size_t size, size_t alignment)
{
    (void)user;
    return aligned_alloc(alignment < 16 ? 16 : alignment,
                         (size + alignment) / alignment * alignment);
}

static void null_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    (void)user, (void)size, (void)alignment;
    free(block);
}

static void knows_nothing(void *user, weir_stats *stats)
{
    (void)user;
    stats->cached = stats->reserved = WEIR_UNSUPPORTED;
}

static const weir_allocator_functions functions = {
    .allocate = null_allocate,
    .deallocate = null_deallocate,
};

static struct tree tree_make(void)
{
    weir_allocator_functions silent = functions;
    silent.stats = knows_nothing;
    struct tree t = {.top = weir_allocator_create(&(weir_allocator_options){.name = "top"})};
    t.child = weir_allocator_create(&(weir_allocator_options){
        .name = "quote\" back\\slash\nnew\x01\xff", .parent = t.top, .limit = 5000});
    t.twin = weir_allocator_create(
        &(weir_allocator_options){.name = "quote\" back\\slash\nnew\x01\xff", .parent = t.top});
    t.grandchild = weir_allocator_create(&(weir_allocator_options){.name = "gr\xc3\xa4nd",
                                                                   .parent = t.child,
                                                                   .source = WEIR_SOURCE_FUNCTIONS,
                                                                   .functions = &silent,
                                                                   .backing = "mine"});
    cr_assert_not_null(t.grandchild);
    t.blocks[0] = weir_allocate(t.top, 1000);
    t.blocks[1] = weir_allocate(t.child, 200);
    t.blocks[2] = weir_allocate(t.grandchild, 30);
    t.blocks[3] = weir_allocate(t.twin, 4);
    return t;
}

static void tree_destroy(struct tree *t)
{
    cr_assert_eq(weir_allocator_destroy(t->grandchild), 0);
    cr_assert_eq(weir_allocator_destroy(t->twin), 0);
    cr_assert_eq(weir_allocator_destroy(t->child), 0);
    cr_assert_eq(weir_allocator_destroy(t->top), 0);
}

/* -- text --------------------------------------------------------------------------------- */

Test(stats_text, has_one_aligned_line_an_allocator)
{
    struct tree t = tree_make();
    char *text = printed(weir_stats_print, t.top);
    size_t lines = 0;
    for (const char *c = text; *c; c++)
        lines += *c == '\n';
    cr_assert_eq(lines, 5, "%s", text);
    cr_assert_not_null(strstr(text, "allocator "));
    cr_assert_not_null(strstr(text, "\n  quote\" back\\slash?new?"));
    cr_assert_not_null(strstr(text, "\n    gr\xc3\xa4nd "));
    cr_assert_not_null(strstr(text, "unsupported"));
    const char *live = strstr(text, "    live") + 8, *row = strstr(text, "\ntop ") + 1;
    cr_assert_eq(strtoul(row + (live - 4 - text) - 4, NULL, 10), 1234, "%s", text);
    free(text);
    tree_destroy(&t);
}

Test(stats_text, says_what_is_wrong)
{
    FILE *full = fopen("/dev/full", "w");
    cr_assert_eq(weir_stats_print(full, NULL), ENOSPC);
    fclose(full);
    cr_assert_eq(weir_stats_print(NULL, NULL), EINVAL);
    cr_assert_eq(weir_stats_json(NULL, NULL), EINVAL);
    cr_assert_eq(weir_stats_openmetrics(NULL, NULL), EINVAL);
    cr_assert_eq(weir_holders_print(NULL, NULL, 0), EINVAL);
    cr_assert_eq(weir_holders_json(NULL, NULL, 0), EINVAL);
    cr_assert_eq(weir_allocator_walk_tags(NULL, NULL, NULL), EINVAL);
}

/* -- JSON --------------------------------------------------------------------------------- */

Test(stats_json, is_strict_and_holds_the_figures)
{
    struct tree t = tree_make();
    char *text = printed(weir_stats_json, t.top);
    expect_json(text);
    cr_assert_eq(strncmp(text, "{\"name\":\"top\",\"backing\":\"", 25), 0);
    cr_assert_not_null(strstr(text, "\"total_allocated\":1234,\"peak_allocated\":1234,"
                                    "\"allocation_count\":4,\"allocations\":4,"));
    cr_assert_not_null(
        strstr(text, "{\"name\":\"quote\\\" back\\\\slash\\u000anew\\u0001\xef\xbf\xbd\""));
    cr_assert_not_null(strstr(text, "\"children\":[{\"name\":\"gr\xc3\xa4nd\",\"backing\":\"mine\","
                                    "\"total_allocated\":30,"));
    cr_assert_not_null(strstr(text, "\"cached\":null,\"reserved\":null"));
    cr_assert_not_null(strstr(text, "\"limit\":5000"));
    free(text);
    tree_destroy(&t);
}

Test(stats_json, a_sum_with_an_unknown_part_is_unknown)
{
    struct tree t = tree_make();
    weir_stats stats = {.size = sizeof stats};
    cr_assert_eq(weir_stats_get(t.grandchild, &stats), 0);
    cr_assert_eq(stats.cached, WEIR_UNSUPPORTED);
    cr_assert_neq(stats.in_use, WEIR_UNSUPPORTED);
    cr_assert_eq(weir_stats_get(t.top, &stats), 0);
    cr_assert_eq(stats.cached, WEIR_UNSUPPORTED);
    cr_assert_eq(stats.reserved, WEIR_UNSUPPORTED);
    cr_assert_neq(stats.in_use, WEIR_UNSUPPORTED);
    cr_assert_eq(weir_stats_get(t.twin, &stats), 0);
    cr_assert_neq(stats.cached, WEIR_UNSUPPORTED);
    tree_destroy(&t);
}

Test(stats_json, fits_a_buffer_as_snprintf_does)
{
    struct tree t = tree_make();
    static char whole[8192], part[8192];
    size_t length, cut;
    cr_assert_eq(weir_stats_json_buffer(whole, sizeof whole, &length, t.top), 0);
    cr_assert_eq(strlen(whole), length);
    expect_json(whole);
    cr_assert_eq(weir_stats_json_buffer(NULL, 0, &cut, t.top), ENOSPC);
    cr_assert_eq(cut, length);
    for (size_t size = 1; size <= length; size += 97) {
        memset(part, 'x', sizeof part);
        cr_assert_eq(weir_stats_json_buffer(part, size, &cut, t.top), ENOSPC);
        cr_assert_eq(cut, length);
        cr_assert_eq(strlen(part), size - 1);
        cr_assert_eq(memcmp(part, whole, size - 1), 0);
        cr_assert_eq(part[size], 'x');
    }
    cr_assert_eq(weir_stats_json_buffer(part, length + 1, &cut, t.top), 0);
    cr_assert_str_eq(part, whole);
    cr_assert_eq(weir_stats_json_buffer(NULL, 10, NULL, t.top), EINVAL);
    tree_destroy(&t);
}

Test(stats_json, allocates_nothing_of_what_it_reads)
{
    static char text[65536];
    weir_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    weir_stats_get(weir_cpu_allocator(), &before);
    cr_assert_eq(weir_stats_json_buffer(text, sizeof text, NULL, NULL), 0);
    cr_assert_eq(weir_stats_openmetrics_buffer(text, sizeof text, NULL, NULL), 0);
    weir_stats_get(weir_cpu_allocator(), &after);
    cr_assert_eq(before.allocations, after.allocations);
    cr_assert_eq(before.reserved, after.reserved);
    cr_assert_eq(before.metadata, after.metadata, "the snapshot's memory was not given back");
}

/* -- OpenMetrics ---------------------------------------------------------------------------- */

/* One line, checked by hand against the specification; returns a sample's name length. */
static void expect_sample(const char *line, const char *family)
{
    size_t n = strlen(family);
    cr_assert_eq(strncmp(line, family, n), 0, "%s in family %s", line, family);
    if (strncmp(line + n, "_total", 6) == 0)
        n += 6;
    cr_assert_eq(line[n], '{', "%s", line);
    const char *at = line + n + 1;
    for (;;) {
        while (islower((unsigned char)*at))
            at++;
        cr_assert(at[0] == '=' && at[1] == '"');
        for (at += 2; *at != '"'; at++)
            if (*at == '\\')
                cr_assert_not_null(strchr("\\\"n", *++at));
        if (*++at != ',')
            break;
        at++;
    }
    cr_assert(at[0] == '}' && at[1] == ' ' && isdigit((unsigned char)at[2]), "%s", line);
    cr_assert_eq(strspn(at + 2, "0123456789"), strlen(at + 2));
}

Test(stats_openmetrics, keeps_the_rules)
{
    struct tree t = tree_make();
    char *text = printed(weir_stats_openmetrics, t.top), family[64] = "", kind[16] = "";
    size_t samples = 0, families = 0;
    bool ended = false;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        cr_assert_not(ended, "after # EOF: %s", line);
        if (strcmp(line, "# EOF") == 0) {
            ended = true;
        } else if (sscanf(line, "# TYPE %63s %15s", family, kind) == 2) {
            families++;
            cr_assert(strcmp(kind, "gauge") == 0 || strcmp(kind, "counter") == 0);
        } else if (line[0] == '#') {
            char name[64], unit[64];
            cr_assert(sscanf(line, "# UNIT %63s %63s", name, unit) == 2 ||
                      sscanf(line, "# HELP %63s %63s", name, unit) == 2);
            cr_assert_str_eq(name, family);
            if (strncmp(line, "# UNIT", 6) == 0)
                cr_assert_str_eq(family + strlen(family) - strlen(unit), unit);
        } else {
            expect_sample(line, family);
            cr_assert_eq(strstr(line, "_total{") != NULL, strcmp(kind, "counter") == 0);
            samples++;
        }
    }
    cr_assert(ended);
    cr_assert_gt(families, 8);
    /* Seventeen figures of four allocators, less two that three of them cannot tell, three that
     * have no limit, and four that have no soft one. */
    cr_assert_eq(samples, 17 * 4 - 2 * 3 - 3 - 4);
    free(text);
    tree_destroy(&t);
}

Test(stats_openmetrics, tells_namesakes_apart)
{
    struct tree t = tree_make();
    char *text = printed(weir_stats_openmetrics, t.top);
    cr_assert_not_null(strstr(text, "weir_total_allocated_bytes{path=\"top/quote\\\" "
                                    "back\\\\slash\\nnew\x01\xef\xbf\xbd\",backing="));
    cr_assert_not_null(strstr(text, "new\x01\xef\xbf\xbd#2\",backing="));
    cr_assert_not_null(strstr(text, "/gr\xc3\xa4nd\",backing=\"mine\"} 30\n"));
    free(text);
    tree_destroy(&t);
}

/* -- holders -------------------------------------------------------------------------------- */

static bool collect(const weir_tag_stats *stats, void *user)
{
    weir_tag_stats **next = user;
    *(*next)++ = *stats;
    return false;
}

Test(holders, add_up_and_are_sorted)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_allocator *child = weir_allocator_create(&(weir_allocator_options){.parent = a});
    weir_tag conv = weir_tag_intern("conv \"1\""), kv = weir_tag_intern("kv");
    weir_tag former = weir_tag_set(conv);
    cr_assert_not_null(weir_allocate(a, 100));
    cr_assert_not_null(weir_allocate(child, 50));
    weir_tag_set(kv);
    cr_assert_not_null(weir_allocate(a, 100000));
    weir_tag_set(0);
    cr_assert_not_null(weir_allocate(a, 7));
    weir_tag_set(former);
    weir_tag_stats found[8], *next = found;
    cr_assert_eq(weir_allocator_walk_tags(a, collect, &next), 0);
    cr_assert_eq(next - found, 3);
    cr_assert_eq(found[0].tag, kv);
    cr_assert_eq(found[0].bytes, 100000);
    cr_assert_geq(found[0].usable, 100000);
    cr_assert_str_eq(found[1].name, "conv \"1\"");
    cr_assert_eq(found[1].bytes, 150);
    cr_assert_eq(found[1].blocks, 2);
    cr_assert_eq(found[1].largest, 100);
    cr_assert_str_eq(found[2].name, "");
    cr_assert_eq(found[2].bytes, 7);

    char *text = NULL;
    size_t length;
    FILE *memory = open_memstream(&text, &length);
    cr_assert_eq(weir_holders_json(memory, a, 1), 0);
    fclose(memory);
    expect_json(text);
    cr_assert_not_null(strstr(text, "{\"holders\":[{\"tag\":\"kv\",\"bytes\":100000,"));
    cr_assert_not_null(strstr(text, "\"rest\":{\"tags\":2,\"bytes\":157,"));
    free(text);
    memory = open_memstream(&text, &length);
    cr_assert_eq(weir_holders_print(memory, a, 2), 0);
    fclose(memory);
    cr_assert_not_null(strstr(text, "(the rest)"));
    cr_assert_null(strstr(text, "(no tag)"));
    free(text);
    weir_allocator_destroy(child);
    weir_allocator_destroy(a);
}
