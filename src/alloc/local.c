/* alloc/local.c - slots, numbers, and the tables of threads. See local.h. */
#include "alloc/local.h"

#include "alloc/context.h"
#include "alloc/heap.h"
#include "backing/meta.h"

#include <string.h>

#define FAR_LEAST     16u
#define NUMBERS_LEAST 64u

struct weir__heap weir__no_heap = {.window.top = &weir__no_heap.window,
                                   .window.cap = WEIR__WINDOW_CLOSED,
                                   .window.numbered_cap = WEIR__WINDOW_CLOSED,
                                   .window.sampled_cap = WEIR__WINDOW_CLOSED,
                                   .window.guarded_cap = WEIR__WINDOW_CLOSED,
                                   .home = WEIR__HOME_NEVER,
                                   .shelf = &weir__no_shelf,
                                   .cache.bins = weir__no_bins,
                                   .cache.foreign = weir__no_bins};

WEIR__TLS struct weir__local weir__here = {
    .heaps = {[0 ... WEIR__HEAP_SLOTS - 1] = &weir__no_heap},
    .live = WEIR__ENTRY_LIVE,
    .lock = WEIR__LOCK(THREAD),
};

/* -- slots ------------------------------------------------------------------------------- */

static uint32_t slots_taken WEIR__AT_START; /* bits; context lock */

_Static_assert(WEIR__HEAP_SLOTS <= 32, "slots_taken has a bit for each");

/* The same in every thread: thread-local data lies at fixed distances. gcc -O1 --coverage
 * subtracts the distance from where the linker puts it, in an instruction that no linker
 * takes in a program; so it is loaded first. */
static ptrdiff_t slot_distance(unsigned slot)
{
    weir__assert(slot < WEIR__HEAP_SLOTS);
    char *here = (char *)&weir__here;
    __asm__("" : "+r"(here));
    return here + offsetof(struct weir__local, heaps[slot]) - (char *)__builtin_thread_pointer();
}

static unsigned slot_at(ptrdiff_t heap_at)
{
    return (unsigned)((heap_at - slot_distance(0)) / (ptrdiff_t)sizeof(void *));
}

ptrdiff_t weir__slot_none(void)
{
    return slot_distance(WEIR__HEAP_SLOTS - 1);
}

ptrdiff_t weir__slot_take(void)
{
    weir__assert(weir__context_is_mine());
    for (unsigned i = 0; i < WEIR__HEAP_SLOTS - 1; i++)
        if (!(slots_taken >> i & 1)) {
            slots_taken |= 1u << i;
            return slot_distance(i);
        }
    return weir__slot_none();
}

void weir__slot_give(ptrdiff_t heap_at)
{
    weir__assert(weir__context_is_mine());
    if (heap_at != weir__slot_none())
        slots_taken &= ~(1u << slot_at(heap_at));
}

/* -- numbers ----------------------------------------------------------------------------- */

/* Context lock. There is room for all that were made, so that giving one back needs no memory. */
static struct {
    uint32_t *spare; /* the last is taken first */
    uint32_t nspare, room, made;
} numbers;

static bool numbers_grow(void)
{
    weir__assert(weir__context_is_mine());
    uint32_t room = (uint32_t)weir__max(2 * numbers.room, NUMBERS_LEAST);
    uint32_t *spare = weir__meta_allocate(room * sizeof *spare);
    if (!spare)
        return false;
    if (numbers.nspare)
        memcpy(spare, numbers.spare, numbers.nspare * sizeof *spare);
    weir__meta_free(numbers.spare, numbers.room * sizeof *spare);
    numbers.spare = spare;
    numbers.room = room;
    return true;
}

uint32_t weir__number_take(void)
{
    weir__assert(weir__context_is_mine());
    if (numbers.nspare)
        return numbers.spare[--numbers.nspare];
    if (numbers.made == numbers.room && !numbers_grow())
        return 0;
    return ++numbers.made;
}

void weir__number_give(uint32_t number)
{
    weir__assert(weir__context_is_mine());
    weir__assert(number <= numbers.made && (!number || numbers.nspare < numbers.room));
    if (number)
        numbers.spare[numbers.nspare++] = number;
}

/* -- tables ------------------------------------------------------------------------------- */

static struct weir__heap **place_of(struct weir__local *local, const weir_allocator *a)
{
    if (weir__allocator_is_near(a))
        return &local->heaps[slot_at(a->heap_at)];
    weir__assert(a->number && a->number < local->nfar);
    return &local->far[a->number];
}

static void far_free(struct weir__heap **far, uint32_t count)
{
    weir__meta_free(far, count * sizeof(*far));
}

/* Other threads read the pointers under the lock only; this one is not in an operation. */
static bool far_grow(uint32_t least)
{
    uint32_t count = (uint32_t)weir__max(weir__here.nfar, FAR_LEAST), before = weir__here.nfar;
    while (count < least)
        count *= 2;
    struct weir__heap **former = weir__here.far, **far = weir__meta_allocate(count * sizeof(*far));
    if (!far)
        return false;
    weir__lock_take(&weir__here.lock);
    for (uint32_t i = 0; i < count; i++)
        far[i] = i < before ? former[i] : &weir__no_heap;
    weir__here.far = far;
    weir__here.nfar = count;
    weir__lock_drop(&weir__here.lock);
    far_free(former, before);
    return true;
}

bool weir__local_ready(const weir_allocator *a)
{
    if (weir__allocator_is_near(a))
        return true;
    return a->number < weir__here.nfar || far_grow(a->number + 1);
}

void weir__local_put(const weir_allocator *a, struct weir__heap *heap)
{
    struct weir__heap **place = place_of(&weir__here, a);
    weir__assert(*place == &weir__no_heap);
    weir__relaxed_set(*place, heap);
}

void weir__local_hide(struct weir__local *local, const weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    weir__lock_take(&local->lock);
    struct weir__heap **place = place_of(local, a);
    weir__assert(*place != &weir__no_heap);
    weir__relaxed_set(*place, &weir__no_heap);
    weir__lock_drop(&local->lock);
}

struct weir__heap *weir__local_heap(size_t i)
{
    if (i < WEIR__HEAP_SLOTS)
        return weir__here.heaps[i];
    i -= WEIR__HEAP_SLOTS;
    return i < weir__here.nfar ? weir__here.far[i] : NULL;
}

void weir__local_end(void)
{
    struct weir__heap **far = weir__here.far;
    uint32_t count = weir__here.nfar;
    weir__here.nfar = 0;
    weir__here.far = NULL;
    far_free(far, count);
}
