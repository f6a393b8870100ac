/*
 * Snapshots of the tree of allocators: parents and namesakes as the tree has them, sorted arrays as
 * qsort has them, the ranking as a plain count has it.
 */
#include "observe/snapshot.h"
#include "../helpers/context.h"
#include "../helpers/suite.h"
#include "backing/meta.h"
#include "observe/ranking.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* -- sorted -------------------------------------------------------------------------------------
 */

struct item {
    unsigned char key, other, third;
};

static unsigned long compared;

static int item_compare(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    compared++;
    return (a->key > b->key) - (a->key < b->key);
}

static int item_compare_whole(const void *left, const void *right)
{
    return -memcmp(left, right, sizeof(struct item));
}

Test(snapshot, sorts_the_greatest_first_and_keeps_every_one)
{
    uint64_t random = 5;
    for (size_t n = 0; n < 300; n++) {
        struct item items[300], same[300];
        size_t keys = 1 + random_below(&random, n < 9 ? 4 : 256);
        for (size_t i = 0; i < n; i++) {
            uint64_t drawn = random_next(&random);
            items[i] = same[i] =
                (struct item){(unsigned char)(drawn % keys), (unsigned char)(drawn >> 8),
                              (unsigned char)(drawn >> 16)};
        }
        compared = 0;
        weir__snapshot_sort(items, n, sizeof *items, item_compare);
        size_t levels = 1;
        while (n >> levels)
            levels++;
        cr_expect_leq(compared, 2 * n * (levels + 1), "%lu steps for %zu", compared, n);
        for (size_t i = 1; i < n; i++)
            cr_assert_geq(items[i - 1].key, items[i].key, "%zu of %zu", i, n);
        qsort(items, n, sizeof *items, item_compare_whole);
        qsort(same, n, sizeof *same, item_compare_whole);
        cr_assert_eq(n ? memcmp(items, same, n * sizeof *items) : 0, 0, "%zu items", n);
    }
}

/* -- growing ------------------------------------------------------------------------------------
 */

Test(snapshot, an_array_grows_and_keeps_what_is_in_it)
{
    struct item *items = NULL;
    size_t capacity = 0, moves = 0;
    for (size_t n = 0; n < 5000; n++) {
        struct item *grown = weir__snapshot_grow(items, n, &capacity, sizeof *items);
        cr_assert_not_null(grown);
        cr_assert_gt(capacity, n);
        moves += grown != items;
        items = grown;
        items[n] = (struct item){(unsigned char)n, (unsigned char)(n >> 8), 7};
    }
    cr_expect_leq(moves, 13, "it doubles");
    for (size_t n = 0; n < 5000; n++)
        cr_assert_eq(items[n].key + 256u * items[n].other, n);
    weir__meta_free(items, capacity * sizeof *items);
}

/* -- the tree -----------------------------------------------------------------------------------
 */

enum { CONTEXTS = 120, FIRST_LIMIT = 1 << 30 };

/* Each context's limit says which it is. */
struct model {
    weir_allocator *made[CONTEXTS];
    size_t parent[CONTEXTS], bytes[CONTEXTS], blocks[CONTEXTS], peak[CONTEXTS];
    unsigned depth[CONTEXTS];
    char name[CONTEXTS][8];
};

static void model_make(struct model *m, uint64_t *random)
{
    for (size_t i = 0; i < CONTEXTS; i++) {
        size_t parent = i ? random_below(random, i) : 0;
        parent = i % 3 == 0 && i ? i - 1 : parent; /* some of it is deep */
        m->parent[i] = parent;
        m->depth[i] = i ? m->depth[parent] + 1 : 0;
        snprintf(m->name[i], sizeof m->name[i], "n%u", (unsigned)random_below(random, 3));
        m->made[i] =
            weir_allocator_create(&(weir_allocator_options){.name = m->name[i],
                                                            .parent = i ? m->made[parent] : NULL,
                                                            .limit = (size_t)FIRST_LIMIT - i});
        cr_assert_not_null(m->made[i], "%s", weir_last_error());
        m->blocks[i] = random_below(random, 4);
        for (size_t n = 0; n < m->blocks[i]; n++) {
            size_t size = random_below(random, 500);
            cr_assert_not_null(weir_allocate(m->made[i], size));
            m->bytes[i] += size;
        }
    }
}

static void model_destroy(struct model *m)
{
    for (size_t i = CONTEXTS; i-- > 0;)
        cr_assert_eq(weir_allocator_destroy(m->made[i]), 0);
}

Test(snapshot, has_the_parents_and_namesakes_of_the_tree)
{
    static struct model m;
    uint64_t random = 11;
    model_make(&m, &random);
    struct weir__snapshot s;
    cr_assert_eq(weir__snapshot_take(&s, m.made[0]), 0);
    cr_assert_eq(s.n, CONTEXTS);
    cr_expect(!s.whole);
    bool seen[CONTEXTS] = {false};
    for (size_t at = 0; at < s.n; at++) {
        const struct weir__snapshot_entry *entry = &s.entries[at];
        size_t i = FIRST_LIMIT - entry->stats.limit, namesakes = 0;
        cr_assert(i < CONTEXTS && !seen[i]);
        seen[i] = true;
        cr_expect_str_eq(entry->name, m.name[i]);
        cr_expect_eq(entry->depth, m.depth[i]);
        cr_expect_eq(FIRST_LIMIT - s.entries[entry->parent].stats.limit, m.parent[i]);
        cr_expect_leq(entry->parent, at, "parents come first");
        for (size_t before = 1; at && before < at; before++)
            namesakes += s.entries[before].parent == entry->parent &&
                         strcmp(s.entries[before].name, entry->name) == 0;
        cr_expect_eq(entry->namesake, namesakes);
    }
    weir__snapshot_release(&s);
    cr_assert_eq(weir__snapshot_take(&s, NULL), 0);
    cr_expect(s.whole);
    cr_expect_str_eq(s.entries[0].name, weir_allocator_name(cpu()));
    size_t roots = 0;
    for (size_t at = 0; at < s.n; at++)
        roots += s.entries[at].depth == 0 && s.entries[at].parent == at;
    cr_expect_geq(roots, 1);
    weir__snapshot_release(&s);
    model_destroy(&m);
}

/* Roots of one name are namesakes, too, and so are any number of children. */
Test(snapshot, numbers_many_namesakes_in_a_row)
{
    enum { N = 200 };
    weir_allocator *top = weir_allocator_create(NULL), *made[N];
    for (size_t i = 0; i < N; i++)
        made[i] = weir_allocator_create(
            &(weir_allocator_options){.name = i % 2 ? "odd" : "even", .parent = top});
    struct weir__snapshot s;
    cr_assert_eq(weir__snapshot_take(&s, top), 0);
    bool odd[N / 2] = {false}, even[N / 2] = {false};
    for (size_t at = 1; at < s.n; at++) {
        bool *seen = strcmp(s.entries[at].name, "odd") == 0 ? odd : even;
        cr_assert_lt(s.entries[at].namesake, N / 2);
        cr_assert(!seen[s.entries[at].namesake]);
        seen[s.entries[at].namesake] = true;
    }
    weir__snapshot_release(&s);
    for (size_t i = 0; i < N; i++)
        cr_assert_eq(weir_allocator_destroy(made[i]), 0);
    cr_assert_eq(weir_allocator_destroy(top), 0);
}

/* -- the ranking --------------------------------------------------------------------------------
 */

/* Is `i` among the first `most`: fewer come before it by peak, older ones first. */
static bool is_chosen(const struct weir__snapshot *s, size_t i, size_t most)
{
    size_t before = 0;
    for (size_t other = 0; other < s->n; other++) {
        size_t theirs = s->entries[other].stats.peak_allocated;
        size_t own = s->entries[i].stats.peak_allocated;
        before += theirs > own || (theirs == own && other < i);
    }
    return before < most;
}

Test(ranking, shows_the_greatest_peaks_and_adds_up_the_others)
{
    static struct model m;
    uint64_t random = 23;
    model_make(&m, &random);
    struct weir__snapshot s;
    cr_assert_eq(weir__snapshot_take(&s, m.made[0]), 0);
    for (size_t most = 1; most < CONTEXTS + 2; most += 1 + most / 4) {
        struct weir__ranking r;
        cr_assert_eq(weir__ranking_make(&r, &s, most), 0);
        size_t bytes = 0, blocks = 0, shown = 0;
        for (size_t at = 0; at < s.n; at++) {
            size_t i = FIRST_LIMIT - s.entries[at].stats.limit;
            cr_expect_eq(r.ranks[at].bytes, m.bytes[i]);
            cr_expect_eq(r.ranks[at].blocks, m.blocks[i]);
            cr_expect_eq(r.ranks[at].shown, is_chosen(&s, at, most), "%zu of %zu", at, most);
            shown += r.ranks[at].shown;
            bytes += r.ranks[at].shown ? 0 : m.bytes[i];
            blocks += r.ranks[at].shown ? 0 : m.blocks[i];
        }
        cr_expect_eq(r.shown, shown);
        cr_expect_eq(r.others.bytes, bytes);
        cr_expect_eq(r.others.blocks, blocks);
        weir__ranking_release(&r);
        cr_expect_null(r.ranks);
    }
    weir__snapshot_release(&s);
    model_destroy(&m);
}

/* Figures are not of one moment: a child may seem to have more than its parent. */
Test(ranking, a_parent_with_less_than_its_children_has_nothing)
{
    struct weir__snapshot_entry entries[3] = {
        {.stats = {.total_allocated = 100, .allocation_count = 5, .peak_allocated = 9}},
        {.stats = {.total_allocated = 70, .allocation_count = 3, .peak_allocated = 9}, .depth = 1},
        {.stats = {.total_allocated = 31, .allocation_count = 3, .peak_allocated = 9}, .depth = 1}};
    struct weir__snapshot s = {.entries = entries, .n = 3};
    struct weir__ranking r;
    cr_assert_eq(weir__ranking_make(&r, &s, 1), 0);
    cr_expect_eq(r.ranks[0].bytes, 0);
    cr_expect_eq(r.ranks[0].blocks, 0);
    cr_expect_eq(r.ranks[1].bytes, 70);
    cr_expect(r.ranks[0].shown && !r.ranks[1].shown, "the older of equal ones is shown");
    cr_expect_eq(r.others.bytes, 101);
    cr_expect_eq(r.others.blocks, 6);
    weir__ranking_release(&r);
}
