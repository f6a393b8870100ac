/* pool/warm.c - see warm.h. */
#include "pool/warm.h"

#include "pool/canary.h"
#include "pool/late_misuse.h"

#include <string.h>

static size_t open_bytes(uint32_t npages)
{
    return (size_t)(npages - 1) << WEIR__GRANULE_SHIFT;
}

static const char *open_end(const struct weir__warm_slot *slot)
{
    return weir__span_start(slot->span) + open_bytes(slot->npages);
}

/* -- what is cleared and compared ------------------------------------------------------------- */

/* From the block to the end of its open pages. */
static size_t part_bytes(const struct weir__warm_slot *slot)
{
    return (size_t)(open_end(slot) - slot->was.block);
}

static void ends_clear(const struct weir__warm_slot *slot)
{
    size_t all = part_bytes(slot), end = weir__min(all, WEIR__WARM_END);
    memset(slot->was.block, 0, end);
    memset(slot->was.block + all - end, 0, end);
}

/* The offset in the block of what is not zero any more; SIZE_MAX: all is. */
static size_t ends_written(const struct weir__warm_slot *slot)
{
    size_t all = part_bytes(slot), end = weir__min(all, WEIR__WARM_END);
    if (weir__likely(weir__canary_is_zero(slot->was.block, end) &&
                     weir__canary_is_zero(slot->was.block + all - end, end)))
        return SIZE_MAX;
    size_t at = 0;
    while (at < all && !slot->was.block[at])
        at = at + 1 == end ? weir__max(end, all - end) : at + 1;
    return at < all ? at : SIZE_MAX;
}

static bool slot_is_sound(const struct weir__warm_slot *slot)
{
    size_t at = ends_written(slot);
    if (weir__likely(at == SIZE_MAX))
        return true;
    weir__late_misuse_keep(&(struct weir__late_misuse){.what = WEIR_MISUSE_CORRUPTION,
                                                       .block = slot->was.block,
                                                       .owner = weir__span_owner(slot->span),
                                                       .written = at + 1,
                                                       .known = true,
                                                       .requested = slot->was.size,
                                                       .tag = slot->was.tag});
    return false;
}

/* -- the lists -------------------------------------------------------------------------------- */

static struct weir__warm_slot *slot_of_all(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__warm_slot, all);
}

static struct weir__warm_slot *slot_of_same(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__warm_slot, same);
}

static unsigned list_number(uint32_t npages)
{
    if (npages < 8)
        return npages;
    unsigned log = weir__log2(npages), number = 4 * log - 4 + (npages >> (log - 2) & 3);
    return number < WEIR__WARM_SIZES ? number : WEIR__WARM_SIZES - 1;
}

static struct weir__list *list_of(struct weir__warm *warm, uint32_t npages)
{
    return &warm->sizes[list_number(npages)];
}

/* NULL: all are in use. */
static struct weir__warm_slot *slot_get(struct weir__warm *warm)
{
    struct weir__link *link = warm->unused.first;
    if (!link)
        return warm->made < WEIR__WARM ? &warm->slots[warm->made++] : NULL;
    weir__list_remove(&warm->unused, link);
    return slot_of_all(link);
}

/* Out of the lists. */
static struct weir__span *slot_pop(struct weir__warm *warm, struct weir__warm_slot *slot)
{
    weir__assert(warm->bytes >= open_bytes(slot->npages));
    warm->bytes -= open_bytes(slot->npages);
    weir__list_remove(&warm->all, &slot->all);
    weir__list_remove(list_of(warm, slot->npages), &slot->same);
    weir__list_push(&warm->unused, &slot->all);
    return slot->span;
}

bool weir__warm_put(struct weir__warm *warm, struct weir__span *span, struct weir__warm_block was,
                    uint32_t now)
{
    weir__assert(weir__span_is_fenced(span) && !weir__label_is_live(weir__span_label(span)));
    struct weir__warm_slot *slot = slot_get(warm);
    if (!slot)
        return false;
    slot->span = span;
    slot->was = was;
    slot->npages = span->npages;
    slot->came = now;
    slot->passed = warm->passed;
    warm->passed += open_bytes(slot->npages);
    warm->bytes += open_bytes(slot->npages);
    weir__list_append(&warm->all, &slot->all);
    weir__list_append(list_of(warm, slot->npages), &slot->same);
    ends_clear(slot);
    return true;
}

static bool slot_suits(const struct weir__warm_slot *slot, uint32_t npages, size_t alignment)
{
    if (slot->npages < npages)
        return false;
    if (weir__likely(alignment <= WEIR__GRANULE))
        return true;
    uintptr_t end = (uintptr_t)weir__span_start(slot->span) + weir__span_bytes(slot->span);
    return !((end - ((size_t)npages << WEIR__GRANULE_SHIFT)) & (alignment - 1));
}

/* NULL: none of the list. */
static struct weir__warm_slot *slot_find(const struct weir__warm *warm,
                                         const struct weir__list *list, uint32_t npages,
                                         size_t alignment, bool soon)
{
    struct weir__warm_slot *best = NULL;
    for (const struct weir__link *at = list->first; at; at = at->next) {
        struct weir__warm_slot *slot = slot_of_same(at);
        if (!soon && warm->passed - slot->passed < WEIR__WARM_WAIT)
            break; /* what is behind it came later */
        if (slot_suits(slot, npages, alignment) && (!best || slot->npages < best->npages))
            best = slot;
        if (best && best->npages == npages)
            break;
    }
    return best;
}

struct weir__span *weir__warm_take(struct weir__warm *warm, uint32_t npages, size_t alignment,
                                   bool soon, bool *sound)
{
    weir__assert(weir__is_power_of_two(alignment));
    struct weir__warm_slot *found = NULL;
    unsigned first = list_number(npages), last = first + (soon ? 12 : 1);
    for (unsigned i = first; i <= last && i < WEIR__WARM_SIZES && !found; i++)
        found = slot_find(warm, &warm->sizes[i], npages, alignment, soon);
    if (!found)
        return NULL;
    *sound = slot_is_sound(found);
    return slot_pop(warm, found);
}

struct weir__span *weir__warm_oldest(struct weir__warm *warm, const void *owner, bool look)
{
    for (struct weir__link *at = warm->all.first; at; at = at->next) {
        struct weir__warm_slot *slot = slot_of_all(at);
        if (owner && weir__span_owner(slot->span) != owner)
            continue;
        if (look)
            slot_is_sound(slot);
        return slot_pop(warm, slot);
    }
    return NULL;
}

size_t weir__warm_check(const struct weir__warm *warm, const void *owner)
{
    size_t faults = 0;
    for (const struct weir__link *at = warm->all.first; at; at = at->next) {
        const struct weir__warm_slot *slot = slot_of_all(at);
        if (weir__span_owner(slot->span) == owner)
            faults += !slot_is_sound(slot);
    }
    return faults;
}
