/*
 * Slabs: of every class at every place of a chunk the ledger lies clear of the blocks that
 * are handed out, wherever its colour puts it; a pointer leads to its block's word, and to
 * none where no block starts.
 */
#include "pool/page_heap.h"
#include "pool/slab.h"

#include <criterion/criterion.h>
#include <string.h>

static struct weir__chunk *chunk;
static char owner; /* its address is what counts */

static void chunk_make(void)
{
    bool zeroed;
    chunk = weir__backing_system.take(WEIR__CHUNK, WEIR__CHUNK, &zeroed);
    cr_assert_not_null(chunk);
}

static void chunk_free(void)
{
    weir__backing_system.give(chunk, WEIR__CHUNK, WEIR__CHUNK);
}

TestSuite(slab, .init = chunk_make, .fini = chunk_free);

static struct weir__slab *slab_make(unsigned number, unsigned class)
{
    struct weir__slab *slab = &chunk->slabs[number];
    slab->zeroed = false;
    weir__slab_init(slab, class, &owner, NULL);
    return slab;
}

static bool apart(const void *a, size_t a_size, const void *b, size_t b_size)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x + a_size <= y || y + b_size <= x;
}

/* The words of all indices, within memory that no block and no header uses. */
static void ledger_lies_clear(const struct weir__slab *slab, unsigned class)
{
    size_t size = weir__class_bytes[class], words = slab->end * sizeof *slab->words;
    const char *memory = weir__slab_memory(slab);
    size_t blocks = (slab->end - weir__slab_first(slab)) * size;
    cr_assert_eq(slab->end, WEIR__SLAB / size);
    cr_assert(apart(slab->words, words, memory + weir__slab_first(slab) * size, blocks), "class %u",
              class);
    cr_assert(apart(slab->words, words, chunk->slabs, sizeof chunk->slabs));
    const char *home = size < WEIR__INLINE_MIN ? memory : (const char *)&chunk->u;
    size_t room = size < WEIR__INLINE_MIN ? WEIR__SLAB : sizeof chunk->u;
    cr_assert((const char *)slab->words >= home &&
              (const char *)slab->words + words <= home + room);
    cr_assert_eq((uintptr_t)slab->words % sizeof *slab->words, 0);
}

Test(slab, ledger_lies_clear_of_blocks_for_every_class_and_place)
{
    for (unsigned class = 0; class < WEIR__CLASSES; class ++)
        for (unsigned number = 1; number < WEIR__CHUNK_SLABS; number++) {
            struct weir__slab *slab = slab_make(number, class);
            cr_assert_eq(weir__slab_class(slab), class);
            cr_assert_eq(weir__slab_memory(slab), (char *)chunk + number * WEIR__SLAB);
            ledger_lies_clear(slab, class);
        }
}

/* The ledgers kept in the chunk's header do not share a word. */
Test(slab, ledgers_in_the_header_are_apart)
{
    for (unsigned class = 0; class < WEIR__CLASSES; class ++)
        if (weir__class_bytes[class] >= WEIR__INLINE_MIN)
            for (unsigned number = 2; number < WEIR__CHUNK_SLABS; number++) {
                const struct weir__slab *one = slab_make(number - 1, class),
                                        *two = slab_make(number, class);
                cr_assert(apart(one->words, one->end * sizeof *one->words, two->words,
                                two->end * sizeof *two->words));
            }
}

Test(slab, colours_differ_where_there_is_room)
{
    for (unsigned class = 0; class < WEIR__CLASSES; class ++) {
        size_t size = weir__class_bytes[class], places = 0;
        bool seen[WEIR__SLAB / WEIR__LINE] = {false};
        if (size <= 64 || size >= WEIR__INLINE_MIN)
            continue;
        for (unsigned number = 1; number < WEIR__CHUNK_SLABS; number++) {
            const struct weir__slab *slab = slab_make(number, class);
            size_t line = (size_t)((char *)slab->words - weir__slab_memory(slab)) / WEIR__LINE;
            places += !seen[line];
            seen[line] = true;
        }
        size_t room = weir__slab_first(&chunk->slabs[1]) * size - weir__slab_words(size);
        size_t lines = room / WEIR__LINE + 1;
        cr_assert_geq(lines, 8);
        cr_assert_eq(places, lines < WEIR__CHUNK_SLABS - 1 ? lines : WEIR__CHUNK_SLABS - 1,
                     "class %u: %zu places", class, places);
    }
}

/* Fills every block handed out and looks whether the ledger still says what it should. */
Test(slab, full_blocks_leave_the_ledger_alone)
{
    for (unsigned class = 0; class < WEIR__CLASSES; class ++) {
        struct weir__slab *slab = slab_make(1 + class % (WEIR__CHUNK_SLABS - 1), class);
        unsigned taken = 0, first = weir__slab_first(slab);
        while (weir__slab_has_free(slab)) {
            unsigned index = weir__slab_take(slab);
            cr_assert_eq(index, first + taken++);
            memset(weir__slab_block(slab, index), 0xA5, weir__class_bytes[class]);
        }
        cr_assert_eq(taken, slab->end - first);
        cr_assert_eq(slab->nout, taken);
        for (unsigned index = first; index < slab->end; index++)
            cr_assert(weir__word_is_cached(slab->words[index]), "class %u", class);
        for (unsigned index = first; index < slab->end; index++) {
            cr_assert(weir__slab_put(slab, &slab->words[index]));
            cr_assert_not(weir__slab_put(slab, &slab->words[index]), "put twice");
        }
        cr_assert_eq(slab->nout, 0);
        cr_assert_eq(weir__slab_block(slab, weir__slab_take(slab)),
                     weir__slab_block(slab, slab->end - 1u), "the last put comes first");
    }
}

/* Every address of a slab of every class: division says where a block starts. */
Test(slab, pointers_lead_to_their_words)
{
    for (unsigned class = 0; class < WEIR__CLASSES; class ++) {
        const struct weir__slab *slab = slab_make(63, class);
        size_t size = weir__class_bytes[class];
        for (size_t at = 0; at < slab->end * size; at++) {
            const char *pointer = weir__slab_memory(slab) + at;
            cr_assert_eq(weir__slab_word(slab, pointer), at % size ? NULL : &slab->words[at / size],
                         "%zu of %zu", at, size);
        }
        cr_assert_eq(weir__slab_of(weir__slab_memory(slab) + WEIR__SLAB - 1), slab);
    }
}
