/*
 * The size classes against their rule: one of no bytes, 16-byte steps to 224, then 256 and
 * eight a doubling; the class of a size is the least that holds it at its alignment, and both maps
 * say the same.
 */
#include "../helpers/suite.h"
#include "pool/center.h"

static const size_t alignments[] = {1,   2,   8,    16,   32,   64,   128,
                                    256, 512, 1024, 2048, 4096, 8192, 16384};

/* Found by looking at all of them. */
static int least_class(size_t size, size_t alignment)
{
    if (!size && alignment <= 64)
        return WEIR__CLASS_EMPTY;
    for (int sizeclass = 1; sizeclass < WEIR__CLASSES; sizeclass++)
        if (weir__class_bytes[sizeclass] >= size && weir__class_bytes[sizeclass] % alignment == 0)
            return sizeclass;
    return -1;
}

static size_t rounded(size_t size, size_t alignment)
{
    return size ? (size + alignment - 1) / alignment * alignment : alignment;
}

Test(class, sizes_follow_the_rule)
{
    size_t size = 16;
    cr_assert_eq(weir__class_bytes[WEIR__CLASS_EMPTY], 0);
    for (int sizeclass = 1; sizeclass < WEIR__CLASSES; sizeclass++) {
        cr_assert_eq(weir__class_bytes[sizeclass], size, "class %d", sizeclass);
        size_t doubling = 256; /* at least: 224 is followed by 256 */
        while (size >= 2 * doubling)
            doubling *= 2;
        size += size < 224 ? 16 : doubling / 8;
    }
    cr_assert_eq(weir__class_bytes[WEIR__CLASSES - 1], WEIR__SMALL_MAX);
}

Test(class, is_the_least_that_holds_the_block)
{
    for (size_t i = 0; i < sizeof alignments / sizeof *alignments; i++)
        for (size_t size = 0; size <= WEIR__SMALL_MAX; size++)
            cr_assert_eq(weir__class_of(size, alignments[i]), least_class(size, alignments[i]),
                         "%zu at %zu", size, alignments[i]);
}

Test(class, none_for_what_a_slab_cannot_hold)
{
    cr_assert_eq(weir__class_of(WEIR__SMALL_MAX + 1, 16), -1);
    cr_assert_eq(weir__class_of(SIZE_MAX, 16), -1);
    cr_assert_eq(weir__class_of(1, 2 * WEIR__SMALL_MAX), -1);
    cr_assert_eq(weir__class_of(1, (size_t)1 << 63), -1);
}

/* Of blocks above 128 bytes, rounded up to their alignment, an eighth at most. */
Test(class, wastes_an_eighth_at_most)
{
    for (size_t i = 3; i < sizeof alignments / sizeof *alignments; i++)
        for (size_t size = 1; size <= WEIR__SMALL_MAX; size++) {
            size_t whole = rounded(size, alignments[i]);
            size_t bytes = weir__class_bytes[weir__class_of(size, alignments[i])];
            cr_assert_geq(bytes, whole);
            cr_assert_leq(bytes - whole, whole > 128 ? whole / 8 : 0, "%zu at %zu: %zu", size,
                          alignments[i], bytes);
        }
}

/* What either map sends to a class, at any alignment that is no reason for a bit of its own. */
Test(class, the_least_size_of_each_is_known)
{
    size_t least[WEIR__CLASSES];
    memset(least, 0xff, sizeof least);
    for (size_t alignment = 16; alignment <= 64; alignment *= 2)
        for (size_t size = 0; size <= WEIR__SMALL_MAX; size++) {
            int sizeclass = weir__class_of(size, alignment);
            least[sizeclass] = size < least[sizeclass] ? size : least[sizeclass];
        }
    for (int sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++)
        cr_assert_eq(weir__class_least[sizeclass], least[sizeclass], "class %d", sizeclass);
}

Test(class, maps_agree)
{
    for (size_t size = 0; size <= WEIR__SMALL_MAX; size++) {
        size_t index = weir__class_index(size);
        cr_assert_lt(index, WEIR__MAP_SIZE);
        cr_assert_eq(weir__class_map16[index], weir__class_of(size, 16) << WEIR__BIN_SHIFT, "%zu",
                     size);
        cr_assert_eq(weir__class_map64[index], weir__class_of(size, 64) << WEIR__BIN_SHIFT, "%zu",
                     size);
    }
}

Test(class, batches_fit)
{
    unsigned before = WEIR__BATCH_MAX;
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        unsigned batch = weir__class_batch(sizeclass);
        cr_assert(batch >= 2 && batch <= before, "class %u: %u after %u", sizeclass, batch, before);
        cr_assert_leq(batch * (size_t)weir__class_bytes[sizeclass], 2 * WEIR__SMALL_MAX);
        before = batch;
    }
}

/* A center keeps whole batches, two at least, of about the bytes that class.h says. */
Test(class, depots_hold_whole_batches)
{
    for (unsigned sizeclass = 0; sizeclass < WEIR__CLASSES; sizeclass++) {
        size_t size = weir__class_stride(sizeclass), depot = weir__class_depot(sizeclass);
        size_t batch = weir__class_batch(sizeclass), kept = size <= 512 ? 262144 : 65536;
        cr_assert(depot >= 2 * batch && depot <= WEIR__DEPOT_MAX, "class %u", sizeclass);
        cr_assert_eq(depot % batch, 0);
        cr_assert_leq(depot * size, kept + batch * size);
        cr_assert(depot * size >= kept || depot + batch > WEIR__DEPOT_MAX, "class %u", sizeclass);
    }
}
