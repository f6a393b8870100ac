/*
 * Slabs: of every class at every place of a chunk the ledger lies clear of the blocks that
 * are handed out, wherever its color puts it; a pointer leads to its block's entry, and to
 * none where no block starts.
 */
#include "pool/slab.h"
#include "../helpers/suite.h"
#include "pool/chunk.h"
#include "pool/late_misuse.h"

#include <string.h>

static struct weir__chunk *chunk;
static char owner; /* its address is what counts */

static void chunk_make(void)
{
    chunk = weir__backing_system.take(WEIR__CHUNK, WEIR__CHUNK);
    cr_assert_not_null(chunk);
}

static void chunk_free(void)
{
    weir__backing_system.give(chunk, WEIR__CHUNK, WEIR__CHUNK);
}

TestSuite(slab, .init = chunk_make, .fini = chunk_free);

static struct weir__slab *slab_make(unsigned number, unsigned sizeclass)
{
    struct weir__slab *slab = &chunk->slabs[number];
    slab->zeroed = false;
    weir__slab_init(slab, sizeclass, weir__home_of(&owner, 0), NULL);
    return slab;
}

static bool apart(const void *a, size_t a_size, const void *b, size_t b_size)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x + a_size <= y || y + b_size <= x;
}

/* The entries of all indices, within memory that no block and no header uses. */
static void ledger_lies_clear(const struct weir__slab *slab, unsigned sizeclass)
{
    size_t size = weir__class_stride(sizeclass), ledger = slab->end * sizeof *slab->entries;
    const char *memory = weir__slab_memory(slab);
    size_t blocks = (slab->end - slab->first) * size;
    cr_assert_eq(slab->end, WEIR__SLAB / size);
    cr_assert(apart(slab->entries, ledger, memory + slab->first * size, blocks), "class %u",
              sizeclass);
    cr_assert(apart(slab->entries, ledger, chunk->slabs, sizeof chunk->slabs));
    if (size < WEIR__INLINE_MIN) {
        cr_assert_geq((const char *)slab->entries, memory + WEIR__SLAB_CLEAR_BEFORE);
        cr_assert_leq((const char *)(slab->entries + slab->end),
                      memory + slab->first * size - WEIR__SLAB_CLEAR);
    }
    const char *home = size < WEIR__INLINE_MIN ? memory : (const char *)&chunk->u;
    size_t room = size < WEIR__INLINE_MIN ? WEIR__SLAB : sizeof chunk->u;
    cr_assert((const char *)slab->entries >= home &&
              (const char *)slab->entries + ledger <= home + room);
    cr_assert_eq((uintptr_t)slab->entries % sizeof *slab->entries, 0);
}

Test(slab, ledger_lies_clear_of_blocks_for_every_class_and_place)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        for (unsigned number = 1; number < WEIR__CHUNK_SLABS; number++) {
            struct weir__slab *slab = slab_make(number, sizeclass);
            cr_assert_eq(weir__slab_class(slab), sizeclass);
            cr_assert_eq(weir__slab_memory(slab), (char *)chunk + number * WEIR__SLAB);
            ledger_lies_clear(slab, sizeclass);
        }
}

/* The ledgers kept in the chunk's header do not share an entry. */
Test(slab, ledgers_in_the_header_are_apart)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        if (weir__class_bytes[sizeclass] >= WEIR__INLINE_MIN)
            for (unsigned number = 2; number < WEIR__CHUNK_SLABS; number++) {
                const struct weir__slab *one = slab_make(number - 1, sizeclass),
                                        *two = slab_make(number, sizeclass);
                cr_assert(apart(one->entries, one->end * sizeof *one->entries, two->entries,
                                two->end * sizeof *two->entries));
            }
}

Test(slab, colors_differ_where_there_is_room)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        size_t size = weir__class_stride(sizeclass), places = 0;
        bool seen[WEIR__SLAB / WEIR__LINE] = {false};
        if (size <= 64 || size >= WEIR__INLINE_MIN)
            continue;
        for (unsigned number = 1; number < WEIR__CHUNK_SLABS; number++) {
            const struct weir__slab *slab = slab_make(number, sizeclass);
            size_t line = (size_t)((char *)slab->entries - weir__slab_memory(slab)) / WEIR__LINE;
            places += !seen[line];
            seen[line] = true;
        }
        size_t room = chunk->slabs[1].first * size - weir__slab_ledger(size) - WEIR__SLAB_CLEAR -
                      WEIR__SLAB_CLEAR_BEFORE;
        size_t lines = room / WEIR__LINE + 1;
        cr_assert_geq(lines, 8);
        cr_assert_eq(places, lines < WEIR__CHUNK_SLABS - 1 ? lines : WEIR__CHUNK_SLABS - 1,
                     "class %u: %zu places", sizeclass, places);
    }
}

/* Fills every block handed out and looks whether the ledger still says what it should. */
Test(slab, full_blocks_leave_the_ledger_alone)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        struct weir__slab *slab = slab_make(1 + sizeclass % (WEIR__CHUNK_SLABS - 1), sizeclass);
        unsigned taken = 0, first = slab->first;
        struct weir__cached cached;
        while (weir__slab_has_free(slab)) {
            cr_assert(weir__slab_take(slab, &cached, 1));
            cr_assert_eq(cached.block, weir__slab_block(slab, first + taken));
            cr_assert_eq(cached.entry, &slab->entries[first + taken++]);
            memset(cached.block, 0xA5, weir__class_bytes[sizeclass]);
        }
        cr_assert_not(weir__slab_take(slab, &cached, 1));
        cr_assert_eq(taken, slab->end - first);
        cr_assert_eq(slab->nout, taken);
        cr_assert(weir__slab_is_valid(slab), "class %u", sizeclass);
        for (unsigned index = first; index < slab->end; index++)
            cr_assert(weir__slab_put(slab, &(struct weir__cached){weir__slab_block(slab, index),
                                                                  &slab->entries[index],
                                                                  slab->entries[index], 0}));
        cr_assert_eq(slab->nout, 0);
        cr_assert(weir__slab_is_valid(slab), "class %u", sizeclass);
        cr_assert(weir__slab_take(slab, &cached, 1));
        cr_assert_eq(cached.block, weir__slab_block(slab, slab->end - 1u),
                     "the last put comes first");
        cr_assert(weir__slab_is_valid(slab), "class %u", sizeclass);
    }
}

/* -- misuse -------------------------------------------------------------------- */

enum { CLASS = 15 /* 256 bytes */, SOME = 20 };

static struct weir__cached some[SOME];

static struct weir__slab *slab_with_some_out(void)
{
    struct weir__slab *slab = slab_make(5, CLASS);
    for (int i = 0; i < SOME; i++) {
        cr_assert(weir__slab_take(slab, &some[i], 1));
        some[i].mark = WEIR__ENTRY_CACHED | 7;
        some[i].former = 100u + (unsigned)i;
        weir__entry_set(some[i].entry, some[i].mark);
    }
    return slab;
}

static void expect_noted(weir_misuse what, const struct weir__cached *cached, size_t requested)
{
    struct weir__late_misuse late;
    cr_assert(weir__late_misuse_take(&late), "nothing noted");
    cr_assert_eq(late.what, what);
    cr_assert_eq(late.block, cached->block);
    cr_assert_eq(late.owner, &owner);
    cr_assert_eq(late.requested, requested);
    cr_assert_not(weir__late_misuse_take(&late), "noted once");
}

/* Two threads that freed a block at one instant: the mark that stayed says whose copy is true. */
Test(slab, of_two_copies_the_one_whose_mark_stayed_is_put)
{
    struct weir__slab *slab = slab_with_some_out();
    struct weir__cached lost = some[5];
    lost.mark = WEIR__ENTRY_CACHED | 8;
    lost.former = 77;
    cr_assert_not(weir__slab_put(slab, &lost));
    expect_noted(WEIR_MISUSE_DOUBLE_FREE, &lost, 77);
    cr_assert(weir__slab_put(slab, &some[5]));
    cr_assert_eq(slab->nout, SOME - 1);
    cr_assert(weir__slab_is_valid(slab));
}

Test(slab, a_second_copy_is_noted_with_its_size)
{
    struct weir__slab *slab = slab_with_some_out();
    cr_assert(weir__slab_put(slab, &some[3]));
    cr_assert_not(weir__slab_put(slab, &some[3]));
    expect_noted(WEIR_MISUSE_DOUBLE_FREE, &some[3], 103);
    weir__entry_set(some[4].entry, WEIR__ENTRY_LIVE | 255);
    cr_assert_not(weir__slab_put(slab, &some[4]));
    expect_noted(WEIR_MISUSE_DOUBLE_FREE, &some[4], 104);
    cr_assert_eq(slab->nout, SOME - 1);
    cr_assert(weir__slab_is_valid(slab));
}

/* The slab serves another class by now: the copy's entry is none of its. */
Test(slab, a_copy_of_another_life_of_the_slab_is_noted)
{
    slab_with_some_out();
    struct weir__slab *slab = slab_make(5, CLASS + 1);
    cr_assert_not(weir__slab_put(slab, &some[3]));
    expect_noted(WEIR_MISUSE_DOUBLE_FREE, &some[3], 103);
    cr_assert(weir__slab_is_valid(slab));
}

Test(slab, a_size_beyond_the_class_is_noted)
{
    static const uint32_t values[] = {WEIR__ENTRY_LIVE | 257, 0xFFFFFFFFu, 257};
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        struct weir__slab *slab = slab_with_some_out();
        weir__entry_set(some[2].entry, values[v]);
        cr_assert_not(weir__slab_is_valid(slab));
        cr_assert_not(weir__slab_put(slab, &some[2]), "nobody knows whose it is");
        expect_noted(WEIR_MISUSE_CORRUPTION, &some[2], 0);
        cr_assert_eq(slab->nout, SOME);
    }
}

/* A free took the overwritten entry for true: its copy says what it counted off. */
Test(slab, a_free_of_more_than_the_class_is_noted)
{
    struct weir__slab *slab = slab_with_some_out();
    some[2].former = 256;
    cr_assert(weir__slab_put(slab, &some[2]));
    cr_assert_not(weir__late_misuses_kept);
    some[3].former = 257;
    cr_assert(weir__slab_put(slab, &some[3]), "the copy is true");
    expect_noted(WEIR_MISUSE_CORRUPTION, &some[3], 0);
    cr_assert_eq(slab->nout, SOME - 2);
    cr_assert(weir__slab_is_valid(slab));
}

/* The chain leads over an overwritten entry: it is made anew, and no block comes twice. */
Test(slab, an_overwritten_chain_is_made_anew)
{
    static const uint32_t values[] = {0, 0xFFFFFFFFu, 0xC0000000u, 0x41414141u, 0x1FFFFFFFu};
    for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
        struct weir__slab *slab = slab_with_some_out();
        struct weir__cached got;
        bool seen[SOME] = {false};
        for (int i = 0; i < SOME; i++)
            cr_assert(weir__slab_put(slab, &some[i]));
        weir__entry_set(some[SOME - 3].entry, values[v]);
        cr_assert_not(weir__slab_is_valid(slab));
        for (int n = 0; slab->free_head && weir__slab_take(slab, &got, 1); n++)
            for (int i = 0; i < SOME; i++)
                if (got.block == some[i].block) {
                    cr_assert_not(seen[i], "block %d twice", i);
                    seen[i] = true;
                }
        struct weir__late_misuse late;
        cr_assert(weir__late_misuse_take(&late), "%x", values[v]);
        cr_assert_eq(late.what, WEIR_MISUSE_CORRUPTION);
        for (int i = 0; i < SOME; i++)
            cr_assert(seen[i] || i == SOME - 3, "block %d was lost", i);
        cr_assert_eq(slab->nout, weir__slab_used(slab));
        while (weir__late_misuse_take(&late))
            continue;
    }
}

Test(slab, a_broken_ledger_is_not_valid)
{
    struct weir__slab *slab = slab_with_some_out();
    cr_assert(weir__slab_put(slab, &some[1]));
    cr_assert(weir__slab_put(slab, &some[2]));
    cr_assert(weir__slab_is_valid(slab));
    slab->nout++;
    cr_assert_not(weir__slab_is_valid(slab), "nout");
    slab->nout--;
    uint32_t kept = *some[1].entry;
    *some[1].entry = weir__entry_chained((unsigned)(some[2].entry - slab->entries) + 1);
    cr_assert_not(weir__slab_is_valid(slab), "a ring");
    *some[1].entry = kept;
    slab->entries[slab->end - 1] = WEIR__ENTRY_LIVE;
    cr_assert_not(weir__slab_is_valid(slab), "never handed out");
    slab->entries[slab->end - 1] = 0;
    slab->entries[0] = 1;
    cr_assert_not(weir__slab_is_valid(slab), "below the first");
    slab->entries[0] = 0;
    cr_assert(weir__slab_is_valid(slab));
}

/* Every address of a slab of every class: division says where a block starts. */
Test(slab, pointers_lead_to_their_words)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        const struct weir__slab *slab = slab_make(63, sizeclass);
        size_t size = weir__class_bytes[sizeclass];
        for (size_t at = 0; at < slab->end * size; at++) {
            const char *pointer = weir__slab_memory(slab) + at;
            cr_assert_eq(weir__slab_entry(slab, pointer),
                         at % size ? NULL : &slab->entries[at / size], "%zu of %zu", at, size);
        }
        cr_assert_eq(weir__slab_of(weir__slab_memory(slab) + WEIR__SLAB - 1), slab);
    }
}
