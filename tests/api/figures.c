/* Figures as text, JSON and OpenMetrics, and holders by tag, through the public
 * interface. */
#include "../helpers/suite.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
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
    if (strncmp(family, "weir_contexts", 13) == 0) {
        cr_assert_eq(line[n], ' ', "%s", line);
        return;
    }
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
    /* Seventeen figures and two of their own of four allocators, less two that three of them cannot
     * tell, three that have no limit, and four that have no soft one; two counts. */
    cr_assert_eq(samples, 19 * 4 - 2 * 3 - 3 - 4 + 2);
    free(text);
    tree_destroy(&t);
}

Test(stats_openmetrics, tells_namesakes_apart)
{
    struct tree t = tree_make();
    char *text = printed(weir_stats_openmetrics, t.top);
    cr_assert_not_null(strstr(text, "weir_total_allocated_bytes{path=\"top/quote\\\" "
                                    "back\\\\slash%0Anew%01%FF\",backing="));
    cr_assert_not_null(strstr(text, "new%01%FF#2\",backing="));
    cr_assert_not_null(strstr(text, "/gr\xc3\xa4nd\",backing=\"mine\"} 30\n"));
    free(text);
    tree_destroy(&t);
}

static int line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* No two lines have the same name and labels. Changes the text; returns how many samples. */
static size_t expect_keys(char *text)
{
    static char *lines[100000];
    size_t n = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
        if (*line != '#') {
            *strrchr(line, ' ') = '\0';
            lines[n++] = line;
        }
    qsort(lines, n, sizeof *lines, line_compare);
    for (size_t i = 1; i < n; i++)
        cr_assert_str_neq(lines[i - 1], lines[i]);
    return n;
}

/* The names of public-16: each pair of them would be one path if a separator stood for itself. */
Test(stats_openmetrics, has_no_sample_twice_whatever_the_names_are)
{
    static const char *const names[] = {
        "same", "same",         "same#2",  "same#2", "same%232", "x",        "x/y",      "",
        "",     "#2",           "/",       "a/b",    "a%2Fb",    "cut \xc3", "cut \xff", "%FF",
        "\xff", "\xef\xbf\xbd", "#others", "\r"};
    weir_allocator *made[2 * sizeof names / sizeof *names + 1];
    size_t n = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        weir_allocator *a = weir_allocator_create(&(weir_allocator_options){.name = names[i]});
        made[n++] = a;
        made[n++] = weir_allocator_create(
            &(weir_allocator_options){.name = i % 2 ? names[i] : "y", .parent = a});
    }
    char *text = printed(weir_stats_openmetrics, NULL);
    cr_expect_gt(expect_keys(text), 15 * n);
    free(text);
    while (n--)
        cr_assert_eq(weir_allocator_destroy(made[n]), 0);
}

/* The sum of the values of a family's samples; the number of them. */
static size_t family_sum(const char *text, const char *family, size_t *n)
{
    size_t sum = 0, length = strlen(family);
    *n = 0;
    for (const char *at = text; at; at = strchr(at, '\n')) {
        at += *at == '\n';
        if (strncmp(at, family, length) == 0 && at[length] == '{') {
            const char *end = strchr(at, '\n');
            while (end[-1] != ' ')
                end--;
            sum += strtoul(end, NULL, 10);
            ++*n;
        }
    }
    return sum;
}

static char *exposed(weir_exposition_options options)
{
    size_t length = 0;
    options.size = sizeof options;
    cr_assert_eq(weir_stats_exposition(NULL, 0, &length, &options), ENOSPC);
    char *text = malloc(length + 4096);
    cr_assert_eq(weir_stats_exposition(text, length + 4096, &length, &options), 0);
    cr_assert_eq(strlen(text), length);
    return text;
}

/* 300 contexts with one block of i + 1 bytes each: the greatest ten and the sum of the rest. */
Test(stats_openmetrics, has_a_bound_and_one_sum_of_the_others)
{
    enum { N = 300, SHOWN = 10, TOTAL = N * (N + 1) / 2 };
    weir_allocator *top = weir_allocator_create(&(weir_allocator_options){.name = "top"});
    weir_allocator *made[N];
    void *blocks[N];
    size_t n, of_the_rest = (N - SHOWN + 1) * (N - SHOWN + 2) / 2;
    for (size_t i = 0; i < N; i++) {
        made[i] = weir_allocator_create(&(weir_allocator_options){.parent = top});
        blocks[i] = weir_allocate(made[i], i + 1);
    }
    char *text = exposed((weir_exposition_options){.allocator = top, .contexts = SHOWN});
    cr_expect_eq(family_sum(text, "weir_own_bytes", &n), TOTAL);
    cr_expect_eq(n, SHOWN + 1);
    cr_expect_eq(family_sum(text, "weir_own_blocks", &n), N);
    family_sum(text, "weir_allocations_total", &n);
    cr_expect_eq(n, SHOWN);
    char line[128];
    snprintf(line, sizeof line, "\nweir_own_bytes{path=\"#others\",backing=\"\"} %zu\n",
             of_the_rest);
    cr_expect_not_null(strstr(text, line), "no %s", line);
    cr_expect_not_null(strstr(text, "\nweir_contexts 301\n"));
    cr_expect_not_null(strstr(text, "\nweir_contexts_shown 10\n"));
    free(text);
    text = exposed((weir_exposition_options){.allocator = top});
    family_sum(text, "weir_total_allocated_bytes", &n);
    cr_expect_eq(n, 200);
    cr_expect_eq(family_sum(text, "weir_own_bytes", &n), TOTAL);
    free(text);
    for (size_t i = 0; i < N; i++) {
        weir_deallocate(made[i], blocks[i]);
        cr_assert_eq(weir_allocator_destroy(made[i]), 0);
    }
    cr_assert_eq(weir_allocator_destroy(top), 0);
}

Test(stats_openmetrics, adds_up_tags_until_there_are_too_many_blocks)
{
    weir_allocator *a = weir_allocator_create(NULL);
    weir_tag former = weir_tag_set(weir_tag_intern("kv/cache"));
    void *tagged = weir_allocate(a, 100);
    weir_tag_set(weir_tag_intern("small"));
    void *small = weir_allocate(a, 10);
    weir_tag_set(former);
    char *text = exposed((weir_exposition_options){.tags = 1});
    size_t n, live = weir_total_allocated(weir_cpu_allocator());
    cr_expect_not_null(strstr(text, "weir_tag_bytes{tag=\"kv%2Fcache\"} 100\n"));
    cr_expect_eq(family_sum(text, "weir_tag_bytes", &n), live);
    cr_expect_eq(n, 2);
    free(text);
    text = exposed((weir_exposition_options){.tagged_blocks = 1});
    cr_expect_null(strstr(text, "weir_tag_bytes"));
    free(text);
    text = exposed((weir_exposition_options){.allocator = a});
    cr_expect_null(strstr(text, "weir_tag_bytes"));
    cr_expect_null(strstr(text, "weir_process_resident_bytes"));
    free(text);
    weir_deallocate(a, tagged);
    weir_deallocate(a, small);
    weir_allocator_destroy(a);
}

Test(stats_openmetrics, in_the_older_form_counters_have_their_types)
{
    char *text = exposed((weir_exposition_options){.text = true});
    cr_expect_not_null(strstr(text, "\n# TYPE weir_allocations_total counter\n"));
    cr_expect_not_null(strstr(text, "\n# HELP weir_allocated_bytes_total "));
    cr_expect_not_null(strstr(text, "\nweir_process_resident_bytes "));
    cr_expect_null(strstr(text, "# UNIT"));
    cr_expect_null(strstr(text, "# EOF"));
    free(text);
    weir_exposition_options longer = {.size = 5000};
    cr_expect_eq(weir_stats_exposition(NULL, 0, NULL, &longer), EINVAL);
    cr_expect_eq(weir_stats_exposition(NULL, 1, NULL, NULL), EINVAL);
}

static void *context_use(void *unused)
{
    weir_allocator *a = weir_allocator_create(NULL);
    void *block = weir_allocate(a, 100);
    weir_deallocate(a, block);
    return weir_allocator_destroy(a) == 0 && block ? unused : NULL;
}

/* Another thread makes, uses and destroys a context while a piece is written. */
static ssize_t piece_write(void *pieces, const char *text, size_t size)
{
    size_t *n = pieces;
    pthread_t other;
    void *done = NULL;
    (void)text;
    if (++*n < 20) {
        cr_assert_eq(pthread_create(&other, NULL, context_use, n), 0);
        cr_assert_eq(pthread_join(other, &done), 0);
        cr_assert_eq(done, n);
    }
    return (ssize_t)size;
}

Test(stats_openmetrics, is_written_with_no_lock_held)
{
    size_t pieces = 0;
    FILE *file = fopencookie(&pieces, "w", (cookie_io_functions_t){.write = piece_write});
    cr_assert_not_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    cr_assert_eq(weir_stats_openmetrics(file, NULL), 0);
    fclose(file);
    cr_assert_geq(pieces, 20);
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
