/* Patterns in blocks: what is filled, and the first byte that is another. */
#include "pool/fill.h"

#include "../helpers/suite.h"

#include <weir/weir.h>

enum { ROOM = WEIR__FILL_MOST + 64, BEFORE = 'x' };

static _Alignas(16) unsigned char bytes[ROOM + 16];

/* Are these `size` bytes the pattern, and those around them as they were? */
static bool filled(size_t from, size_t size, unsigned char pattern)
{
    for (size_t i = 0; i < sizeof bytes; i++)
        if (bytes[i] != (i >= from && i < from + size ? pattern : BEFORE))
            return false;
    return true;
}

/* However the block lies, and wherever it ends within a word. */
Test(fill, fills_all_of_a_block_and_no_more)
{
    for (size_t from = 0; from < 9; from++)
        for (size_t size = 0; size < 40; size++) {
            memset(bytes, BEFORE, sizeof bytes);
            weir__fill_bytes(bytes + from, size, WEIR__FILL_TAKEN);
            cr_assert(filled(from, size, WEIR__FILL_TAKEN), "%zu at %zu", size, from);
            weir__fill_bytes_relaxed(bytes + from, size, WEIR__FILL_FREED);
            cr_assert(filled(from, size, WEIR__FILL_FREED), "%zu at %zu", size, from);
        }
}

Test(fill, a_large_block_has_it_at_its_beginning)
{
    memset(bytes, BEFORE, sizeof bytes);
    weir__fill_bytes(bytes, ROOM, WEIR__FILL_TAKEN);
    cr_expect(filled(0, WEIR__FILL_MOST, WEIR__FILL_TAKEN));
    weir__fill_bytes_relaxed(bytes, ROOM, WEIR__FILL_FREED);
    cr_expect(filled(0, WEIR__FILL_MOST, WEIR__FILL_FREED));
    cr_expect_eq(weir__fill_broken(bytes, ROOM, WEIR__FILL_FREED), SIZE_MAX);
    bytes[WEIR__FILL_MOST - 1] = 0;
    cr_expect_eq(weir__fill_broken(bytes, ROOM, WEIR__FILL_FREED), WEIR__FILL_MOST - 1);
}

Test(fill, the_first_byte_that_is_another)
{
    memset(bytes, WEIR__FILL_FREED, sizeof bytes);
    cr_expect_eq(weir__fill_broken(bytes, 0, WEIR__FILL_FREED), SIZE_MAX);
    cr_expect_eq(weir__fill_broken(bytes, 0, 1), SIZE_MAX);
    cr_expect_eq(weir__fill_broken(bytes, 100, 1), 0);
    for (size_t at = 0; at < 100; at++) {
        bytes[at] = 1;
        cr_expect_eq(weir__fill_broken(bytes, 100, WEIR__FILL_FREED), at);
        cr_expect_eq(weir__fill_broken(bytes, at, WEIR__FILL_FREED), SIZE_MAX);
        bytes[at] = WEIR__FILL_FREED;
    }
}

/* A cached block has the pattern, or is known to be zero. */
Test(fill, of_a_cached_block)
{
    weir_allocator *a =
        weir_allocator_create(&(weir_allocator_options){.source = WEIR_SOURCE_OWN_POOL});
    unsigned char *block = weir_allocate(a, 100);
    cr_assert_not_null(block);
    const size_t size = weir__slab_of(block)->size;
    uint32_t entry = WEIR__ENTRY_CACHED;
    struct weir__cached cached = {block, &entry, entry, 0};
    weir__fill_again(&cached);
    cr_expect_eq(weir__fill_written(&cached), SIZE_MAX);
    cr_expect(block[0] == WEIR__FILL_FREED && block[size - 1] == WEIR__FILL_FREED);
    block[size - 1] = 0;
    cr_expect_eq(weir__fill_written(&cached), size - 1);
    entry = 0;
    cr_expect_eq(weir__fill_written(&cached), SIZE_MAX, "the copy is not true any more");
    entry = cached.mark = WEIR__ENTRY_CACHED | WEIR__ENTRY_ZERO;
    cr_expect_eq(weir__fill_written(&cached), 0);
    weir__fill_again(&cached);
    cr_expect_eq(weir__fill_written(&cached), SIZE_MAX);
    cr_expect(block[0] == 0 && block[size - 1] == 0);
    cr_expect_eq(weir__fill_written(&(struct weir__cached){0}), SIZE_MAX, "no block");
    weir_deallocate(a, block);
    cr_expect_eq(weir_allocator_destroy(a), 0);
}
