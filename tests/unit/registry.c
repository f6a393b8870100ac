/*
 * The registry against a plain array: random additions, removals and look-ups,
 * with addresses that collide, through growth and to empty again.
 */
#include "track/registry.h"
#include "../helpers/core.h"
#include "backing/meta.h"
#include "base/fault.h"
#include "track/freed.h"

#include <string.h>

#include <criterion/criterion.h>

enum { KEYS = 3000, OPERATIONS = 100000 };

struct model {
    struct weir__registry registry;
    struct weir__foreign known[KEYS]; /* block NULL: not there */
    void *keys[KEYS];
    size_t used, bytes;
    uint64_t random;
};

/* Runs of neighbors, multiples of large powers of two, and any address. */
static void keys_make(struct model *m)
{
    for (uintptr_t i = 0; i < KEYS; i++) {
        uintptr_t address = (i + 1) * 16;
        if (i % 3 == 1)
            address = (i + 1) << 36;
        else if (i % 3 == 2)
            address = (random_next(&m->random) >> 17 & ~(uintptr_t)0xFFFF) + (i + 1) * 16;
        m->keys[i] = (void *)address;
    }
}

static bool entries_equal(const struct weir__foreign *a, const struct weir__foreign *b)
{
    return a->block == b->block && a->requested == b->requested && a->tag == b->tag &&
           a->align_shift == b->align_shift && a->old == b->old && a->padded == b->padded &&
           a->shift == b->shift;
}

static void op_add(struct model *m, size_t i)
{
    struct weir__foreign entry = {.block = m->keys[i],
                                  .requested = random_size(&m->random, 1 << 20),
                                  .tag = (uint32_t)random_below(&m->random, 8192),
                                  .align_shift = (uint8_t)random_below(&m->random, 22),
                                  .old = i % 2,
                                  .padded = i % 3 == 0,
                                  .shift = i % 3 ? 0 : i};
    bool added = weir__registry_add(&m->registry, &entry);
    cr_assert_eq(added, m->known[i].block == NULL);
    if (added) {
        m->known[i] = entry;
        m->used++;
        m->bytes += entry.requested;
    }
}

static void op_remove(struct model *m, size_t i)
{
    struct weir__foreign entry;
    bool removed = weir__registry_remove(&m->registry, m->keys[i], &entry);
    cr_assert_eq(removed, m->known[i].block != NULL);
    if (removed) {
        cr_assert(entries_equal(&entry, &m->known[i]));
        m->used--;
        m->bytes -= entry.requested;
        m->known[i] = (struct weir__foreign){0};
    }
}

static void op_find(struct model *m, size_t i)
{
    struct weir__foreign entry;
    bool found = weir__registry_find(&m->registry, m->keys[i], &entry);
    cr_assert_eq(found, m->known[i].block != NULL);
    cr_assert(!found || entries_equal(&entry, &m->known[i]));
}

static int count_entry(struct weir__foreign *entry, void *user)
{
    (void)entry;
    ++*(size_t *)user;
    return 0;
}

/* Every key is found or not as it should be, every entry is seen once. */
static void expect_whole(struct model *m)
{
    size_t own, seen = 0;
    for (size_t i = 0; i < KEYS; i++)
        op_find(m, i);
    cr_assert_eq(weir__registry_bytes(&m->registry, &own), m->bytes);
    cr_assert_eq(own, m->registry.map.capacity * sizeof(struct weir__foreign));
    cr_assert_eq(m->registry.map.used, m->used);
    cr_assert_eq(weir__registry_each(&m->registry, count_entry, &seen), 0);
    cr_assert_eq(seen, m->used);
    cr_assert(weir__pointer_map_is_valid(&m->registry.map));
}

static struct model model;

Test(registry, does_as_a_plain_array)
{
    struct model *m = &model;
    weir__registry_init(&m->registry);
    m->random = 5;
    size_t own_before = weir__meta_in_use();
    keys_make(m);
    expect_whole(m);
    for (size_t n = 0; n < scaled(OPERATIONS); n++) {
        size_t i = random_below(&m->random, KEYS);
        bool growing = n / (scaled(OPERATIONS) / 8 + 1) % 2 == 0;
        switch (random_below(&m->random, 8)) {
        case 0:
            op_find(m, i);
            break;
        case 1:
        case 2:
            growing ? op_remove(m, i) : op_add(m, i);
            break;
        default:
            growing ? op_add(m, i) : op_remove(m, i);
            break;
        }
        if (n % 5000 == 0)
            expect_whole(m);
    }
    expect_whole(m);
    for (size_t i = 0; i < KEYS; i++)
        op_remove(m, i);
    expect_whole(m);
    weir__registry_destroy(&m->registry);
    cr_assert_eq(weir__meta_in_use(), own_before);
}

static int stop_at_third(struct weir__foreign *entry, void *user)
{
    (void)entry;
    return ++*(int *)user == 3 ? 42 : 0;
}

Test(registry, a_visitor_stops_the_walk)
{
    struct weir__registry r;
    weir__registry_init(&r);
    int visits = 0;
    for (uintptr_t i = 1; i <= 10; i++)
        cr_assert(weir__registry_add(&r, &(struct weir__foreign){.block = (void *)(i * 64)}));
    cr_assert_eq(weir__registry_each(&r, stop_at_third, &visits), 42);
    cr_assert_eq(visits, 3);
    weir__registry_destroy(&r);
}

/* When it cannot grow it says so, and is as it was. */
Test(registry, stays_whole_without_memory)
{
    struct weir__registry r;
    weir__registry_init(&r);
    struct weir__foreign entry = {.block = (void *)64, .requested = 1};
    weir__fault_after(0);
    cr_assert_not(weir__registry_add(&r, &entry));
    weir__fault_after(-1);
    for (uintptr_t i = 1; i <= 48; i++)
        cr_assert(weir__registry_add(
            &r, &(struct weir__foreign){.block = (void *)(i * 64), .requested = i}));
    weir__fault_after(0);
    cr_assert_not(weir__registry_add(&r, &(struct weir__foreign){.block = (void *)6400}));
    weir__fault_after(-1);
    cr_assert_eq(r.map.used, 48);
    for (uintptr_t i = 1; i <= 48; i++)
        cr_assert(weir__registry_find(&r, (void *)(i * 64), &entry) && entry.requested == i);
    cr_assert(weir__registry_add(&r, &(struct weir__foreign){.block = (void *)6400}));
    weir__registry_destroy(&r);
}

Test(registry, tells_what_lies_within_a_block)
{
    struct weir__registry r = {0};
    weir__registry_init(&r);
    cr_assert(
        weir__registry_add(&r, &(struct weir__foreign){.block = (void *)6400, .requested = 100}));
    cr_assert_not(weir__registry_covers(&r, (void *)6399));
    cr_assert_not(weir__registry_covers(&r, (void *)6400), "its start");
    cr_assert(weir__registry_covers(&r, (void *)6401));
    cr_assert(weir__registry_covers(&r, (void *)6499));
    cr_assert_not(weir__registry_covers(&r, (void *)6500));
    weir__registry_destroy(&r);
}

/* Or no leak checker would find a lost block. */
Test(registry, keeps_no_pointer_to_a_block)
{
    struct weir__registry r = {0};
    static char block[64];
    weir__registry_init(&r);
    cr_assert(weir__registry_add(&r, &(struct weir__foreign){.block = block, .requested = 64}));
    size_t bytes;
    weir__registry_bytes(&r, &bytes);
    for (size_t i = 0; i + sizeof(void *) <= bytes; i += sizeof(void *)) {
        uintptr_t word;
        memcpy(&word, r.map.entries + i, sizeof word);
        cr_assert(word - (uintptr_t)block >= sizeof block);
    }
    weir__registry_destroy(&r);
}

Test(freed, knows_an_address_until_a_block_starts_there)
{
    cr_assert_not(weir__freed_has((void *)6400));
    weir__freed_add((void *)6400, (void *)64);
    cr_assert(weir__freed_by((void *)6400, (void *)64));
    cr_assert_not(weir__freed_by((void *)6400, (void *)128));
    cr_assert(weir__freed_has((void *)6400));
    cr_assert_not(weir__freed_has((void *)6416));
    weir__freed_forget((void *)6416);
    cr_assert(weir__freed_has((void *)6400));
    weir__freed_forget((void *)6400);
    cr_assert_not(weir__freed_has((void *)6400));
    cr_assert_not(weir__freed_has(NULL));
}
