/* The map from pointers against a plain array: random additions, removals and look-ups with
 * keys that collide, through growth and to empty again; and without memory. */
#include "base/pointer_map.h"
#include "../helpers/core.h"
#include "../helpers/suite.h"

enum { KEYS = 3000, OPERATIONS = 200000 };

struct item {
    void *key;
    uint64_t value;
    char more[8];
};

/* What the map took from the test's own memory functions. */
struct account {
    size_t tables, bytes;
    bool refuse;
};

static void *table_allocate(void *user, size_t size)
{
    struct account *account = user;
    if (account->refuse)
        return NULL;
    account->tables++;
    account->bytes += size;
    return calloc(1, size);
}

static void table_free(void *user, void *table, size_t size)
{
    struct account *account = user;
    account->tables--;
    account->bytes -= size;
    free(table);
}

static const struct weir__map_memory memory = {table_allocate, table_free};

static struct model {
    struct weir__pointer_map map;
    struct account account;
    void *keys[KEYS];
    bool there[KEYS];
    uint64_t values[KEYS];
    size_t used;
    uint64_t random;
} model;

/* Neighbors, multiples of large powers of two, any pointer, and those that the smallest table
 * puts at its end, so that runs go round it. */
static void *key_make(struct model *m, uintptr_t i)
{
    uint64_t key = i * 16;
    if (i % 4 == 1)
        key = i << 36;
    else if (i % 4 == 2)
        key = (random_next(&m->random) >> 17 & ~UINT64_C(0xffff)) + i * 16;
    while (i % 4 == 3 && (key * UINT64_C(0x9e3779b97f4a7c15)) >> 58 < 62)
        key += KEYS * 16;
    return (void *)(uintptr_t)key;
}

static bool item_add(struct model *m, size_t i, uint64_t value)
{
    if (!weir__pointer_map_reserve(&m->map, sizeof(struct item), &memory, &m->account))
        return false;
    struct item *item = weir__pointer_map_put(&m->map, m->keys[i]);
    cr_assert(item->key == m->keys[i] && is_all_zero(item->more, 8));
    cr_assert_eq(item->value, m->there[i] ? m->values[i] : 0);
    m->used += !m->there[i];
    item->value = m->values[i] = value;
    m->there[i] = true;
    return true;
}

static void item_remove(struct model *m, size_t i)
{
    struct item *item = weir__pointer_map_find(&m->map, m->keys[i]);
    cr_assert_eq(item != NULL, m->there[i]);
    if (!item)
        return;
    cr_assert_eq(item->value, m->values[i]);
    weir__pointer_map_remove(&m->map, item);
    m->there[i] = false;
    m->used--;
}

static void expect_whole(const struct model *m)
{
    size_t seen = 0;
    cr_assert(weir__pointer_map_is_valid(&m->map));
    cr_assert_eq(m->map.used, m->used);
    cr_assert_eq(weir__pointer_map_bytes(&m->map), m->account.bytes);
    cr_assert_leq(m->account.tables, 1);
    for (size_t i = 0; i < KEYS; i++) {
        const struct item *item = weir__pointer_map_find(&m->map, m->keys[i]);
        cr_assert_eq(item != NULL, m->there[i]);
        cr_assert(!item || (item->key == m->keys[i] && item->value == m->values[i]));
    }
    for (const struct item *at = NULL; (at = weir__pointer_map_next(&m->map, at));)
        seen++;
    cr_assert_eq(seen, m->used);
}

static void keys_make(struct model *m)
{
    m->random = 5;
    for (size_t i = 0; i < KEYS; i++)
        m->keys[i] = key_make(m, i + 1);
}

Test(pointer_map, does_as_a_plain_array)
{
    struct model *m = &model;
    size_t operations = scaled(OPERATIONS);
    keys_make(m);
    expect_whole(m);
    for (size_t n = 0; n < operations; n++) {
        size_t i = random_below(&m->random, n / (operations / 8 + 1) % 4 < 2 ? 60 : KEYS);
        bool growing = n / (operations / 8 + 1) % 2 == 0;
        if (growing == (random_below(&m->random, 4) > 0))
            cr_assert(item_add(m, i, random_next(&m->random)));
        else
            item_remove(m, i);
        if (n % 5000 == 0)
            expect_whole(m);
    }
    expect_whole(m);
    for (size_t i = 0; i < KEYS; i++)
        item_remove(m, i);
    expect_whole(m);
    weir__pointer_map_clear(&m->map);
    expect_whole(m);
    cr_assert_eq(m->account.tables, 0);
}

Test(pointer_map, knows_no_null)
{
    struct model *m = &model;
    cr_assert_null(weir__pointer_map_find(&m->map, NULL));
    keys_make(m);
    cr_assert(item_add(m, 0, 1));
    cr_assert_null(weir__pointer_map_find(&m->map, NULL));
    weir__pointer_map_clear(&m->map);
}

/* Every place of a run that goes round the end of the table. */
Test(pointer_map, a_removal_leaves_no_gap)
{
    struct model *m = &model;
    keys_make(m);
    for (size_t gone = 2; gone < 160; gone += 4) {
        for (size_t i = 2; i < 160; i += 4)
            cr_assert(item_add(m, i, i));
        cr_assert_eq(m->map.capacity, 64);
        item_remove(m, gone);
        expect_whole(m);
    }
    weir__pointer_map_clear(&m->map);
}

/* When it cannot grow it says so, and is as it was. */
Test(pointer_map, stays_whole_without_memory)
{
    struct model *m = &model;
    keys_make(m);
    m->account.refuse = true;
    cr_assert_not(item_add(m, 0, 1));
    expect_whole(m);
    m->account.refuse = false;
    for (size_t i = 0; i < 48; i++)
        cr_assert(item_add(m, i, i));
    m->account.refuse = true;
    cr_assert_not(item_add(m, 48, 1));
    expect_whole(m);
    item_remove(m, 7);
    cr_assert(item_add(m, 48, 1), "a place was free");
    expect_whole(m);
    m->account.refuse = false;
    cr_assert(item_add(m, 49, 1));
    expect_whole(m);
    weir__pointer_map_clear(&m->map);
    cr_assert_eq(m->account.tables, 0);
}

/* The check finds what no search would. */
Test(pointer_map, is_valid_sees_a_lost_entry_and_a_wrong_count)
{
    struct model *m = &model;
    keys_make(m);
    for (size_t i = 0; i < 40; i++)
        cr_assert(item_add(m, i, i));
    m->map.used++;
    cr_assert_not(weir__pointer_map_is_valid(&m->map));
    m->map.used--;
    struct item *item = weir__pointer_map_find(&m->map, m->keys[3]);
    item->key = (void *)((uintptr_t)item->key ^ UINT64_C(1) << 63);
    cr_assert_not(weir__pointer_map_is_valid(&m->map));
}
