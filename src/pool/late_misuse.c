/* pool/late_misuse.c - owns the misuse that nobody has reported yet. */
#include "pool/late_misuse.h"

/* Atomic. Who turns FREE or KEPT into BUSY has the place until it turns it again. */
enum place_state { PLACE_FREE = 0, PLACE_BUSY, PLACE_KEPT };

static struct {
    uint32_t state;
    struct weir__late_misuse late;
} places[WEIR__LATE_MISUSES];

bool weir__late_misuses_kept; /* atomic */
static size_t lost;           /* atomic */

static bool place_claim(size_t i, uint32_t from)
{
    return weir__relaxed_get(places[i].state) == from &&
           __atomic_compare_exchange_n(&places[i].state, &from, PLACE_BUSY, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static void place_release(size_t i, uint32_t to)
{
    weir__assert(to == PLACE_FREE || to == PLACE_KEPT);
    __atomic_store_n(&places[i].state, to, __ATOMIC_RELEASE);
}

static bool place_has(size_t i, const struct weir__late_misuse *late)
{
    if (!place_claim(i, PLACE_KEPT))
        return false;
    bool same = places[i].late.block == late->block && places[i].late.what == late->what &&
                late->what == WEIR_MISUSE_CORRUPTION;
    place_release(i, PLACE_KEPT);
    return same;
}

/* Adds it to the one at place i, if that is another of the same owner. */
static bool place_add(size_t i, const struct weir__late_misuse *late)
{
    if (late->what != WEIR_MISUSE_DOUBLE_FREE || !place_claim(i, PLACE_KEPT))
        return false;
    struct weir__late_misuse *kept = &places[i].late;
    bool same = kept->what == late->what && kept->owner == late->owner;
    if (same) {
        kept->requested += late->requested;
        kept->more++;
    }
    place_release(i, PLACE_KEPT);
    return same;
}

static bool place_fill(size_t i, const struct weir__late_misuse *late)
{
    if (!place_claim(i, PLACE_FREE))
        return false;
    places[i].late = *late;
    places[i].late.more = 0;
    place_release(i, PLACE_KEPT);
    return true;
}

static bool late_keep(const struct weir__late_misuse *late)
{
    static bool (*const ways[])(size_t, const struct weir__late_misuse *) = {place_has, place_fill,
                                                                             place_add};
    for (size_t way = 0; way < sizeof ways / sizeof *ways; way++)
        for (size_t i = 0; i < WEIR__LATE_MISUSES; i++)
            if (ways[way](i, late))
                return true;
    return false;
}

void weir__late_misuse_keep(const struct weir__late_misuse *late)
{
    weir__assert(late->block && late->owner);
    weir__assert(late->what == WEIR_MISUSE_DOUBLE_FREE || late->what == WEIR_MISUSE_CORRUPTION);
    if (!late_keep(late))
        __atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&weir__late_misuses_kept, true, __ATOMIC_RELEASE);
}

/* The flag is cleared before the search: what is noted meanwhile sets it again. */
bool weir__late_misuse_take(struct weir__late_misuse *late)
{
    if (!__atomic_exchange_n(&weir__late_misuses_kept, false, __ATOMIC_ACQUIRE))
        return false;
    for (size_t i = 0; i < WEIR__LATE_MISUSES; i++)
        if (place_claim(i, PLACE_KEPT)) {
            *late = places[i].late;
            place_release(i, PLACE_FREE);
            weir__relaxed_set(weir__late_misuses_kept, true);
            return true;
        }
    return false;
}

size_t weir__late_misuses_lost(void)
{
    return weir__relaxed_get(lost);
}
