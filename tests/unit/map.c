/* The map from addresses to what is kept there, and that a page heap keeps it true. */
#include "pool/map.h"
#include "pool/chunk.h"
#include "pool/shelf.h"

#include <criterion/criterion.h>

#define TOP ((uintptr_t)1 << WEIR__OS_ADDRESS_BITS)

Test(map, says_what_was_set_for_whole_chunks)
{
    const char *start = (const char *)(64 * WEIR__CHUNK); /* low addresses that nobody maps */
    cr_assert_eq(weir__map_get(start), WEIR__MAP_FOREIGN);
    cr_assert(weir__map_set(start, 3 * WEIR__CHUNK, WEIR__MAP_SPANS + 7));
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(weir__map_get(start + i * WEIR__CHUNK), WEIR__MAP_SPANS + 7);
        cr_assert_eq(weir__map_get(start + (i + 1) * WEIR__CHUNK - 1), WEIR__MAP_SPANS + 7);
        cr_assert_neq(weir__map_get(start + i * WEIR__CHUNK), WEIR__MAP_SLABS);
    }
    cr_assert_eq(weir__map_get(start - 1), WEIR__MAP_FOREIGN);
    cr_assert_eq(weir__map_get(start + 3 * WEIR__CHUNK), WEIR__MAP_FOREIGN);
    cr_assert(weir__map_set(start, 3 * WEIR__CHUNK, WEIR__MAP_SLABS));
    cr_assert_eq(weir__map_get(start + 2 * WEIR__CHUNK), WEIR__MAP_SLABS);
    cr_assert(weir__map_set(start, 3 * WEIR__CHUNK, WEIR__MAP_FOREIGN));
    cr_assert_eq(weir__map_get(start + WEIR__CHUNK), WEIR__MAP_FOREIGN);
}

Test(map, addresses_past_the_end_are_foreign)
{
    static const uintptr_t beyond[] = {TOP, TOP + 1, UINTPTR_MAX / 2, UINTPTR_MAX};
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        cr_assert_eq(weir__map_get((void *)beyond[i]), WEIR__MAP_FOREIGN);
        cr_assert_neq(weir__map_get((void *)beyond[i]), WEIR__MAP_SLABS);
    }
}

Test(map, refuses_what_reaches_past_the_end)
{
    const void *last = (const void *)(TOP - WEIR__CHUNK);
    cr_assert_not(weir__map_set(last, 2 * WEIR__CHUNK, WEIR__MAP_SLABS));
    cr_assert_eq(weir__map_get(last), WEIR__MAP_FOREIGN, "a refused range was begun");
    cr_assert(weir__map_set(last, WEIR__CHUNK, WEIR__MAP_SLABS));
    cr_assert_eq(weir__map_get((const char *)last + WEIR__CHUNK - 1), WEIR__MAP_SLABS);
    cr_assert(weir__map_set(last, WEIR__CHUNK, WEIR__MAP_FOREIGN));
}

Test(map, follows_a_page_heap)
{
    static struct weir__page_heap heap;
    static char owner;
    size_t bytes = 0;
    weir__page_heap_init(&heap, &weir__backing_system, weir__policy_get());
    struct weir__slab *slab = weir__chunk_take_slab(&heap);
    struct weir__claim claim = {.owner = &owner, .bytes = &bytes, .shelf = &weir__no_shelf};
    struct weir__span *span = weir__span_take(&heap, 100000, 64, &claim);
    cr_assert(slab && span);
    const char *small = weir__slab_memory(slab), *large = weir__span_block(span);
    cr_assert_eq(weir__map_get(small), WEIR__MAP_SLABS);
    cr_assert_geq(weir__map_get(large), WEIR__MAP_SPANS);
    cr_assert_not_null(weir__region_of_map(weir__map_get(large)));
    weir__chunk_give_slab(&heap, slab);
    uint64_t label = weir__span_label(span);
    cr_assert(weir__label_claim(&span->u.live.label, &label));
    weir__span_give(&heap, span, &bytes);
    weir__page_heap_trim(&heap, false);
    cr_assert_eq(weir__map_get(small), WEIR__MAP_FOREIGN, "its chunk went back");
    cr_assert_eq(weir__map_get(large), WEIR__MAP_FOREIGN, "its region went back");
    weir__page_heap_destroy(&heap);
}

/* The main leaf is the 256 GiB around what is set first. */
Test(map, what_is_far_from_the_first_is_found_too)
{
    const char *first = (const char *)((uintptr_t)5 << (WEIR__CHUNK_SHIFT + WEIR__LEAF_SHIFT));
    size_t half = WEIR__LEAF / 2 * WEIR__CHUNK;
    cr_assert_eq(weir__map_get_main(first), WEIR__MAP_FOREIGN);
    cr_assert(weir__map_set(first, WEIR__CHUNK, WEIR__MAP_SLABS));
    cr_assert_eq(weir__map_get_main(first), WEIR__MAP_SLABS);
    const char *edges[] = {first - half, first + half};
    for (size_t i = 0; i < 2; i++) { /* each range begins on one side of an end of the main leaf */
        const char *start = edges[i] - 2 * WEIR__CHUNK;
        cr_assert(weir__map_set(start, 4 * WEIR__CHUNK, WEIR__MAP_SPANS + 3));
        for (size_t k = 0; k < 4; k++)
            cr_assert_eq(weir__map_get(start + k * WEIR__CHUNK), WEIR__MAP_SPANS + 3);
        cr_assert_eq(weir__map_get(start - 1), WEIR__MAP_FOREIGN);
        cr_assert_eq(weir__map_get(start + 4 * WEIR__CHUNK), WEIR__MAP_FOREIGN);
    }
    cr_assert_eq(weir__map_get_main(edges[0] - 1), WEIR__MAP_FOREIGN, "it says nothing of it");
    cr_assert_eq(weir__map_get_main(edges[0]), WEIR__MAP_SPANS + 3);
    cr_assert_eq(weir__map_get_main(edges[1] - 1), WEIR__MAP_SPANS + 3);
    cr_assert_eq(weir__map_get_main(edges[1]), WEIR__MAP_FOREIGN, "it says nothing of it");
    cr_assert(weir__map_is_valid());
}

/* A leaf is 256 GiB. */
Test(map, a_range_may_lie_in_two_leaves)
{
    const char *edge = (const char *)((uintptr_t)5 << (WEIR__CHUNK_SHIFT + WEIR__LEAF_SHIFT));
    cr_assert(weir__map_set(edge - 2 * WEIR__CHUNK, 4 * WEIR__CHUNK, WEIR__MAP_SPANS + 3));
    for (int i = -2; i < 2; i++)
        cr_assert_eq(weir__map_get(edge + i * (ptrdiff_t)WEIR__CHUNK), WEIR__MAP_SPANS + 3);
    cr_assert_eq(weir__map_get(edge - 2 * WEIR__CHUNK - 1), WEIR__MAP_FOREIGN);
    cr_assert_eq(weir__map_get(edge + 2 * WEIR__CHUNK), WEIR__MAP_FOREIGN);
    cr_assert(weir__map_set(edge - 2 * WEIR__CHUNK, 4 * WEIR__CHUNK, WEIR__MAP_FOREIGN));
    cr_assert_eq(weir__map_get(edge), WEIR__MAP_FOREIGN);
}
