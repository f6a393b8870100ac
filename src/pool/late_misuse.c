/* pool/late_misuse.c - owns the misuse that nobody has reported yet. */
#include "pool/late_misuse.h"

/* Atomic. Who turns FREE or KEPT into BUSY has the place until it turns it again. */
enum place_state { PLACE_FREE = 0, PLACE_BUSY, PLACE_KEPT };

static struct {
    uint32_t state;
    struct weir__late_misuse late;
} places[WEIR__LATE_MISUSES];

bool weir__late_misuses_noted; /* atomic */
static size_t lost;            /* atomic */

static bool place_claim(size_t i, uint32_t from)
{
    return __atomic_load_n(&places[i].state, __ATOMIC_RELAXED) == from &&
           __atomic_compare_exchange_n(&places[i].state, &from, PLACE_BUSY, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static void place_release(size_t i, uint32_t to)
{
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

static bool late_keep(const struct weir__late_misuse *late)
{
    for (size_t i = 0; i < WEIR__LATE_MISUSES; i++)
        if (place_has(i, late))
            return true;
    for (size_t i = 0; i < WEIR__LATE_MISUSES; i++)
        if (place_claim(i, PLACE_FREE)) {
            places[i].late = *late;
            place_release(i, PLACE_KEPT);
            return true;
        }
    return false;
}

void weir__late_misuse_note(const struct weir__late_misuse *late)
{
    if (!late_keep(late))
        __atomic_fetch_add(&lost, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&weir__late_misuses_noted, true, __ATOMIC_RELEASE);
}

/* The flag is cleared before the search: what is noted meanwhile sets it again. */
bool weir__late_misuse_take(struct weir__late_misuse *late)
{
    if (!__atomic_exchange_n(&weir__late_misuses_noted, false, __ATOMIC_ACQUIRE))
        return false;
    for (size_t i = 0; i < WEIR__LATE_MISUSES; i++)
        if (place_claim(i, PLACE_KEPT)) {
            *late = places[i].late;
            place_release(i, PLACE_FREE);
            __atomic_store_n(&weir__late_misuses_noted, true, __ATOMIC_RELAXED);
            return true;
        }
    return false;
}

size_t weir__late_misuses_lost(void)
{
    return __atomic_load_n(&lost, __ATOMIC_RELAXED);
}
