/* alloc/corruption.c - see corruption.h. */
#include "alloc/corruption.h"

#include "alloc/tag.h"
#include "base/error.h"

#include <stdio.h>
#include <weir/allocator.h>

bool weir__entry_is_corrupt(const struct weir__slab *slab, uint32_t value)
{
    return weir__slab_is_overwritten(slab, value) ||
           (weir__entry_is_live(value) && !weir__tag_is_known(weir__entry_tag(value)));
}

/* What does not change while the slab is in use. */
struct header {
    uint64_t home;
    const uint32_t *entries;
    uint32_t reciprocal;
    uint16_t bin, size;
};

static struct header header_read(const struct weir__slab *slab)
{
    struct header header = {.home = __atomic_load_n(&slab->home, __ATOMIC_ACQUIRE),
                            .entries = weir__relaxed_get(slab->entries),
                            .reciprocal = weir__relaxed_get(slab->reciprocal),
                            .bin = weir__relaxed_get(slab->bin),
                            .size = weir__relaxed_get(slab->size)};
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return header;
}

static bool headers_agree(const struct header *a, const struct header *b)
{
    return a->home == b->home && a->entries == b->entries && a->reciprocal == b->reciprocal &&
           a->bin == b->bin && a->size == b->size;
}

static bool header_is_possible(const struct weir__slab *slab, const struct header *header)
{
    unsigned sizeclass = header->bin >> WEIR__BIN_SHIFT;
    return sizeclass < WEIR__CLASSES && header->bin == sizeclass << WEIR__BIN_SHIFT &&
           header->size == weir__class_bytes[sizeclass] &&
           header->reciprocal == weir__slab_reciprocal(sizeclass) &&
           weir__slab_may_have_entries(slab, header->entries);
}

/* A slab that is made anew has no home meanwhile. So one that has the same twice, and the same
 * fields, was not between the two. */
bool weir__header_is_corrupt(const struct weir__slab *slab)
{
    struct header once = header_read(slab), again = header_read(slab);
    return once.home != WEIR__HOME_NONE && headers_agree(&once, &again) &&
           !header_is_possible(slab, &once);
}

/* -- the report --------------------------------------------------------------------------- */

#define PART  96
#define NAMED (PART + 64)

static void entry_describe(char text[PART], const struct weir__slab *slab, uint32_t value)
{
    size_t size = weir__entry_size(value);
    if (!weir__entry_is_live(value))
        snprintf(text, PART, "its entry is %08x", value);
    else if (weir__slab_is_overwritten(slab, value))
        snprintf(text, PART, "its entry says %zu bytes in a block of %u", size,
                 (unsigned)slab->size);
    else if (!weir__tag_is_known(weir__entry_tag(value)))
        snprintf(text, PART, "its entry says tag %u, which there is not", weir__entry_tag(value));
    else
        snprintf(text, PART, "its entry says %zu bytes, live", size);
}

/* The block next to it, if the slab has one there. */
static void neighbor_describe(char text[PART], const struct weir__slab *slab, size_t index)
{
    if (index < slab->first || index >= slab->fresh) {
        snprintf(text, PART, "none");
        return;
    }
    uint32_t value = weir__entry_get(&slab->entries[index]);
    const void *block = weir__slab_block(slab, (unsigned)index);
    if (weir__entry_is_corrupt(slab, value))
        snprintf(text, PART, "%p, corrupted too", block);
    else if (weir__entry_is_live(value))
        snprintf(text, PART, "%p, %zu bytes", block, weir__entry_size(value));
    else
        snprintf(text, PART, "%p, free", block);
}

void weir__corruption_report(const void *block, const char *allocator_name)
{
    char what[PART], before[PART], after[PART];
    struct weir__place place = weir__place_of(block);
    uint64_t index;
    if (!place.slab) {
        weir__misuse(WEIR_MISUSE_CORRUPTION, block, allocator_name);
        return;
    }
    if (weir__header_is_corrupt(place.slab) || !weir__slab_index(place.slab, block, &index)) {
        weir__misuse_corrupt(block, allocator_name, "the header of its slab was overwritten");
        return;
    }
    entry_describe(what, place.slab, weir__entry_get(place.entry));
    neighbor_describe(before, place.slab, index - 1); /* that of 0 is none */
    neighbor_describe(after, place.slab, index + 1);
    weir__misuse_corrupt(block, allocator_name, "%s; before it %s; after it %s", what, before,
                         after);
}

/* -- hardened contexts ---------------------------------------------------------------------- */

/* "a block of 100 bytes, tag "layer1"", and no tag where there is none. */
static void block_describe(char text[NAMED], size_t size, uint32_t tag)
{
    const char *name = weir_tag_name(tag);
    int length = snprintf(text, PART, "a block of %zu byte%s", size, size == 1 ? "" : "s");
    if (*name)
        snprintf(text + length, NAMED - (size_t)length, ", tag \"%.40s\"", name);
}

void weir__damage_report(const void *block, const char *allocator_name, ptrdiff_t written,
                         size_t size, uint32_t tag)
{
    char what[NAMED];
    block_describe(what, size, tag);
    if (written > 0)
        weir__misuse_damaged("overflow", block, allocator_name, "byte %td behind %s was written",
                             written, what);
    else
        weir__misuse_damaged("underflow", block, allocator_name, "what lies below %s was written",
                             what);
}

void weir__written_report(const void *block, const char *allocator_name, size_t offset, size_t size,
                          uint32_t tag)
{
    char what[NAMED];
    block_describe(what, size, tag);
    weir__misuse_damaged("write after free", block, allocator_name,
                         "byte %zu was written of what was %s", offset, what);
}
