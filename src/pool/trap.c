/* pool/trap.c - see trap.h. */
#include "pool/trap.h"

#include "backing/meta.h"
#include "os/locks.h"
#include "os/pages.h"

#include <stdio.h>
#include <string.h>

#define PATTERN 0xb5

_Static_assert(WEIR__TRAPS *WEIR__TRAP_STRIDE == WEIR__CHUNK, "small places fill a chunk");
_Static_assert(WEIR__TRAP_STRIDE % WEIR__GRANULE == 0, "guards are whole pages");

/* Under the lock. */
struct kind {
    size_t stride, number;
    char *base; /* NULL: not reserved yet. Atomic: written last, for good */
    struct weir__trap
        *traps;  /* `number` of them; zero from `used` on, so that they cost no memory */
    size_t used; /* that ever had a block */
    struct weir__region *region;
    struct weir__list free; /* of these, the ones that have none */
    size_t nfree;           /* all that have none; atomic, lock holders write */
};

static struct {
    weir__lock lock;
    struct kind kinds[2];
    unsigned live; /* atomic */
    uint32_t turn; /* of the sides; atomic */
} traps = {.lock = WEIR__LOCK(TRAPS),
           .kinds = {{.stride = WEIR__TRAP_STRIDE, .number = WEIR__TRAPS},
                     {.stride = WEIR__CHUNK, .number = WEIR__TRAPS_LARGE}}};
WEIR__LOCKS_KNOW(TRAPS, &traps.lock);

weir__calls_taker *weir__trap_calls;

static struct weir__trap *trap_of_link(const struct weir__link *link)
{
    return weir__list_of(link, struct weir__trap, link);
}

static struct kind *kind_for(size_t size)
{
    return &traps.kinds[size > WEIR__TRAP_SMALL];
}

static void free_append_locked(struct kind *kind, struct weir__trap *trap)
{
    weir__list_append(&kind->free, &trap->link);
    weir__relaxed_set(kind->nfree, kind->nfree + 1);
}

/* The next that never had a block, or the one that had none for longest; NULL: all have. */
static struct weir__trap *free_next_locked(struct kind *kind)
{
    if (kind->used == kind->number)
        return trap_of_link(kind->free.first);
    struct weir__trap *trap = &kind->traps[kind->used];
    trap->room = kind->base + kind->used * kind->stride + WEIR__GRANULE;
    trap->bytes = kind->stride - 2 * WEIR__GRANULE;
    return trap;
}

static void free_remove_locked(struct kind *kind, struct weir__trap *trap)
{
    if (trap == &kind->traps[kind->used])
        kind->used++;
    else
        weir__list_remove(&kind->free, &trap->link);
    weir__relaxed_set(kind->nfree, kind->nfree - 1);
}

/* NULL: it lies in no place. Any thread, any pointer. */
static struct weir__trap *trap_at(const void *address)
{
    for (int i = 0; i < 2; i++) {
        struct kind *kind = &traps.kinds[i];
        const char *base = __atomic_load_n(&kind->base, __ATOMIC_ACQUIRE);
        size_t offset = (size_t)((const char *)address - base);
        if (base && offset < kind->stride * kind->number)
            return &kind->traps[offset / kind->stride];
    }
    return NULL;
}

/* -- reserving ------------------------------------------------------------------------------ */

static bool kind_reserve_locked(struct kind *kind, struct weir__page_heap *heap)
{
    weir__assert(weir__lock_is_mine(&traps.lock));
    size_t size = kind->stride * kind->number;
    if (kind->base)
        return true;
    if (weir__os_page_size() != WEIR__GRANULE)
        return false;
    kind->traps = weir__meta_allocate(kind->number * sizeof *kind->traps);
    kind->region = kind->traps ? weir__region_create_closed(heap, size) : NULL;
    if (!kind->region) {
        weir__meta_free(kind->traps, kind->number * sizeof *kind->traps);
        return false;
    }
    weir__relaxed_set(kind->nfree, kind->number);
    __atomic_store_n(&kind->base, kind->region->base, __ATOMIC_RELEASE);
    return true;
}

/* -- the block in its room ------------------------------------------------------------------- */

/* Whole pages that it touches; one of no bytes touches none. */
struct pages {
    char *start;
    size_t bytes;
};

static struct pages pages_of(const char *block, size_t size)
{
    uintptr_t first = (uintptr_t)block & ~(WEIR__GRANULE - 1);
    uintptr_t end = weir__round_up((uintptr_t)block + size, WEIR__GRANULE);
    return (struct pages){(char *)first, size ? end - first : 0};
}

static void pattern_fill(struct pages pages, const char *block, size_t size)
{
    if (!size)
        return;
    memset(pages.start, PATTERN, (size_t)(block - pages.start));
    memset(pages.start + (block - pages.start) + size, PATTERN,
           (size_t)(pages.start + pages.bytes - (block + size)));
}

/* At one end of the room or the other: which one is as good as random to who allocates. */
static const char *block_place(const struct weir__trap *trap, size_t size, size_t alignment)
{
    uint32_t turn = __atomic_add_fetch(&traps.turn, UINT32_C(0x9e3779b9), __ATOMIC_RELAXED);
    bool right = (turn * UINT32_C(0x85ebca6b)) >> 31;
    size_t offset = right ? (trap->bytes - size) & ~(alignment - 1) : 0;
    return trap->room + (offset < trap->bytes ? offset : 0);
}

static struct weir__span *header_of(const struct weir__trap *trap, const struct kind *kind)
{
    (void)trap;
    return &kind->region->pages[(size_t)(trap->block - kind->base) >> WEIR__GRANULE_SHIFT];
}

static void header_unmake(struct weir__span *span)
{
    if (!span)
        return;
    weir__page_set(&span[span->npages - 1], WEIR__PAGE_NONE);
    weir__page_set(span, WEIR__PAGE_NONE);
}

static struct weir__span *header_make(const struct weir__trap *trap, const struct kind *kind,
                                      size_t size, size_t alignment, struct weir__claim *claim)
{
    struct weir__span *span = header_of(trap, kind);
    size_t npages = weir__max(pages_of(trap->block, size).bytes >> WEIR__GRANULE_SHIFT, 1);
    if (npages > 1) {
        span[npages - 1].region = kind->region->index;
        weir__page_set(&span[npages - 1], WEIR__PAGE_SPAN_END);
    }
    span->region = kind->region->index;
    weir__relaxed_set(span->npages, (uint32_t)npages);
    weir__relaxed_set(span->u.live.direct, (uint8_t)WEIR__SPAN_GUARDED);
    weir__relaxed_set(span->u.live.owner, claim->owner);
    weir__relaxed_set(span->u.live.tag, claim->tag);
    claim->label =
        weir__label_make_at(size, alignment, (uintptr_t)trap->block & (WEIR__GRANULE - 1)) |
        WEIR__LABEL_SAMPLED;
    weir__label_set(&span->u.live.label, claim->later ? 0 : claim->label);
    __atomic_store_n(&span->state, WEIR__PAGE_SPAN, __ATOMIC_RELEASE);
    return span;
}

/* -- taking and giving ------------------------------------------------------------------------ */

bool weir__trap_fits(size_t size, size_t alignment)
{
    const struct kind *kind = kind_for(size);
    return size <= WEIR__TRAP_MOST && alignment <= WEIR__GRANULE &&
           (!weir__relaxed_get(kind->base) || weir__relaxed_get(kind->nfree) > 0);
}

static void version_begin(struct weir__trap *trap)
{
    weir__relaxed_set(trap->version, trap->version + 1);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void version_end(struct weir__trap *trap)
{
    __atomic_store_n(&trap->version, trap->version + 1, __ATOMIC_RELEASE);
}

static void calls_take(struct weir__calls_taken *calls)
{
    weir__calls_taker *take = __atomic_load_n(&weir__trap_calls, __ATOMIC_ACQUIRE);
    calls->depth = 0;
    if (take)
        take(calls);
}

static void calls_copy(struct weir__calls_taken *to, const struct weir__calls_taken *from)
{
    to->depth = from->depth;
    memcpy(to->address, from->address, from->depth * sizeof *from->address);
}

/* NULL: no place is free. *refused: nor would one help. */
static struct weir__trap *trap_take_locked(struct kind *kind, struct weir__page_heap *heap,
                                           size_t size, size_t alignment, bool *refused)
{
    weir__assert(weir__lock_is_mine(&traps.lock));
    *refused = !kind_reserve_locked(kind, heap);
    struct weir__trap *trap = *refused ? NULL : free_next_locked(kind);
    if (!trap)
        return NULL;
    const char *block = block_place(trap, size, alignment);
    struct pages pages = pages_of(block, size);
    if (pages.bytes && !weir__os_open(pages.start, pages.bytes)) {
        *refused = true;
        return NULL;
    }
    free_remove_locked(kind, trap);
    pattern_fill(pages, block, size);
    version_begin(trap);
    trap->live = true;
    trap->block = block;
    trap->requested = size;
    trap->freed.depth = 0;
    return trap;
}

struct weir__span *weir__trap_take(struct weir__page_heap *heap, size_t size, size_t alignment,
                                   const char *owner, struct weir__claim *claim, bool *refused)
{
    struct weir__calls_taken calls;
    weir__assert(size <= WEIR__TRAP_MOST && alignment <= WEIR__GRANULE);
    struct kind *kind = kind_for(size);
    calls_take(&calls);
    weir__lock_take(&traps.lock);
    struct weir__trap *trap = trap_take_locked(kind, heap, size, alignment, refused);
    struct weir__span *span = NULL;
    if (trap) {
        trap->tag = claim->tag;
        snprintf(trap->owner, sizeof trap->owner, "%s", owner);
        calls_copy(&trap->allocated, &calls);
        header_unmake(trap->span);
        span = trap->span = header_make(trap, kind, size, alignment, claim);
        version_end(trap);
        claim->block = (char *)(uintptr_t)trap->block; // NOLINT(performance-no-int-to-ptr)
        claim->zeroed = true;
        weir__relaxed_set(traps.live, traps.live + 1);
    }
    weir__lock_drop(&traps.lock);
    return span;
}

/* What it has is gone, and nobody can touch it from here on. */
static void trap_give_locked(struct weir__trap *trap, const struct weir__calls_taken *calls)
{
    weir__assert(weir__lock_is_mine(&traps.lock) && trap->live);
    struct pages pages = pages_of(trap->block, trap->requested);
    version_begin(trap);
    trap->live = false;
    calls_copy(&trap->freed, calls);
    version_end(trap);
    if (pages.bytes)
        weir__os_close(pages.start, pages.bytes);
    free_append_locked(kind_for(trap->bytes), trap);
    weir__relaxed_set(traps.live, traps.live - 1);
}

void weir__trap_give(struct weir__span *span)
{
    struct weir__calls_taken calls;
    weir__assert(weir__span_is_guarded(span) && !weir__label_is_live(weir__span_label(span)));
    calls_take(&calls);
    weir__lock_take(&traps.lock);
    trap_give_locked(trap_at(weir__span_start(span)), &calls);
    weir__lock_drop(&traps.lock);
}

ptrdiff_t weir__trap_written(const struct weir__span *span, uint64_t label)
{
    size_t size = weir__label_size(label);
    const unsigned char *start = (const unsigned char *)weir__span_start(span);
    const unsigned char *block = start + weir__label_offset(label);
    const unsigned char *end = start + weir__span_bytes(span);
    if (!size)
        return 0;
    for (const unsigned char *at = end; at > block + size; at--)
        if (at[-1] != PATTERN)
            return at - (block + size);
    for (const unsigned char *at = start; at < block; at++)
        if (*at != PATTERN)
            return at - block;
    return 0;
}

/* -- all of them ---------------------------------------------------------------------------- */

int weir__trap_each(weir__span_visitor *visit, void *user)
{
    int stop = 0;
    if (!weir__relaxed_get(traps.live))
        return 0;
    weir__lock_take(&traps.lock);
    for (int i = 0; i < 2; i++)
        for (size_t at = 0; traps.kinds[i].base && at < traps.kinds[i].number && !stop; at++)
            if (traps.kinds[i].traps[at].live)
                stop = visit(traps.kinds[i].traps[at].span, user);
    weir__lock_drop(&traps.lock);
    return stop;
}

static int trap_collect(struct weir__span *span, void *user)
{
    struct {
        const void *owner;
        struct weir__span *found;
    } *of = user;
    uint64_t label = weir__span_label(span);
    bool found = weir__span_owner(span) == of->owner && weir__label_is_live(label) &&
                 weir__label_claim(&span->u.live.label, &label);
    of->found = found ? span : NULL;
    return found;
}

size_t weir__trap_release(const void *owner)
{
    size_t bytes = 0;
    struct {
        const void *owner;
        struct weir__span *found;
    } of = {owner, NULL};
    while (weir__trap_each(trap_collect, &of)) {
        bytes += weir__span_bytes(of.found);
        weir__trap_give(of.found);
    }
    return bytes;
}

bool weir__trap_look(const void *address, struct weir__trap *copy)
{
    const struct weir__trap *trap = trap_at(address);
    uint32_t version = trap ? __atomic_load_n(&trap->version, __ATOMIC_ACQUIRE) : 1;
    if (version % 2)
        return false;
    memcpy(copy, trap, sizeof *copy);
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return weir__relaxed_get(trap->version) == version;
}

unsigned weir__trap_live(void)
{
    return weir__relaxed_get(traps.live);
}

static bool kind_is_valid_locked(const struct kind *kind, size_t *live)
{
    size_t free = 0;
    bool valid = weir__list_is_valid(&kind->free);
    for (const struct weir__link *link = kind->free.first; link; link = link->next, free++)
        valid = valid && !trap_of_link(link)->live;
    size_t waiting = free;
    for (size_t i = 0; kind->base && i < kind->number; i++) {
        const struct weir__trap *trap = &kind->traps[i];
        *live += trap->live;
        valid = valid && (!trap->live || (trap->span == header_of(trap, kind) &&
                                          weir__span_region(trap->span) == kind->region &&
                                          trap->span->state == WEIR__PAGE_SPAN));
        free += trap->live;
    }
    return valid && free == kind->used &&
           waiting + kind->number - kind->used == (kind->base ? kind->nfree : kind->number);
}

bool weir__trap_is_valid(void)
{
    size_t live = 0;
    weir__lock_take(&traps.lock);
    bool valid = kind_is_valid_locked(&traps.kinds[0], &live) &&
                 kind_is_valid_locked(&traps.kinds[1], &live) && live == traps.live;
    weir__lock_drop(&traps.lock);
    return valid;
}
