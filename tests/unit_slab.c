/*
 * Slabs: of every class at every place of a chunk the ledger lies clear of the blocks that
 * are handed out, wherever its color puts it; a pointer leads to its block's entry, and to
 * none where no block starts.
 */
#include "pool/chunk.h"
#include "pool/slab.h"
#include "pool/span.h"

#include <criterion/criterion.h>
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
    weir__slab_init(slab, sizeclass, &owner, NULL);
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
    size_t size = weir__class_bytes[sizeclass], ledger = slab->end * sizeof *slab->entries;
    const char *memory = weir__slab_memory(slab);
    size_t blocks = (slab->end - weir__slab_first(slab)) * size;
    cr_assert_eq(slab->end, WEIR__SLAB / size);
    cr_assert(apart(slab->entries, ledger, memory + weir__slab_first(slab) * size, blocks),
              "class %u", sizeclass);
    cr_assert(apart(slab->entries, ledger, chunk->slabs, sizeof chunk->slabs));
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
        size_t size = weir__class_bytes[sizeclass], places = 0;
        bool seen[WEIR__SLAB / WEIR__LINE] = {false};
        if (size <= 64 || size >= WEIR__INLINE_MIN)
            continue;
        for (unsigned number = 1; number < WEIR__CHUNK_SLABS; number++) {
            const struct weir__slab *slab = slab_make(number, sizeclass);
            size_t line = (size_t)((char *)slab->entries - weir__slab_memory(slab)) / WEIR__LINE;
            places += !seen[line];
            seen[line] = true;
        }
        size_t room = weir__slab_first(&chunk->slabs[1]) * size - weir__slab_ledger(size);
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
        unsigned taken = 0, first = weir__slab_first(slab);
        while (weir__slab_has_free(slab)) {
            unsigned index = weir__slab_take(slab);
            cr_assert_eq(index, first + taken++);
            memset(weir__slab_block(slab, index), 0xA5, weir__class_bytes[sizeclass]);
        }
        cr_assert_eq(taken, slab->end - first);
        cr_assert_eq(slab->nout, taken);
        for (unsigned index = first; index < slab->end; index++)
            cr_assert(weir__entry_is_cached(slab->entries[index]), "class %u", sizeclass);
        for (unsigned index = first; index < slab->end; index++) {
            cr_assert(weir__slab_put(slab, &slab->entries[index]));
            cr_assert_not(weir__slab_put(slab, &slab->entries[index]), "put twice");
        }
        cr_assert_eq(slab->nout, 0);
        cr_assert_eq(weir__slab_block(slab, weir__slab_take(slab)),
                     weir__slab_block(slab, slab->end - 1u), "the last put comes first");
    }
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
