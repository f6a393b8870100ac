/*
 * The page heap and the system: what is open, what is purged and when, who waits; and that
 * damage of its structures is found. The system's calls are this program's own: they note who
 * held the lock and how much was purged, and the clock goes as told.
 */
#include "../helpers/core.h"
#include "os/clock.h"
#include "pool/chunk.h"
#include "pool/hole.h"
#include "pool/resize.h"
#include "pool/shelf.h"
#include "../helpers/self.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

enum { PAGE = WEIR__GRANULE };

static struct weir__page_heap heap;
static size_t in_spans, purged, unmapped, locked_calls;
static long clock_shift; /* seconds */

int madvise(void *at, size_t size, int advice)
{
    if (advice == MADV_DONTNEED) {
        purged += size;
        locked_calls += heap.lock.state != 0;
    }
    return (int)syscall(SYS_madvise, at, size, advice);
}

int munmap(void *at, size_t size)
{
    unmapped += size;
    locked_calls += heap.lock.state != 0;
    return (int)syscall(SYS_munmap, at, size);
}

int clock_gettime(clockid_t clock, struct timespec *time)
{
    int error = (int)syscall(SYS_clock_gettime, clock, time);
    time->tv_sec += clock_shift;
    return error;
}

static void heap_begin(void)
{
    in_spans = purged = unmapped = locked_calls = 0;
    weir__page_heap_init(&heap, &weir__backing_system, weir__policy_get());
}

static struct weir__span *span_of(size_t size)
{
    struct weir__claim claim = {.owner = &heap, .bytes = &in_spans, .shelf = &weir__no_shelf};
    struct weir__span *span = weir__span_take(&heap, size, 64, &claim);
    cr_assert_not_null(span);
    return span;
}

static struct weir__span *span_touched(size_t size)
{
    struct weir__span *span = span_of(size);
    memset(weir__span_block(span), 0x5a, size);
    return span;
}

static void span_end(struct weir__span *span)
{
    uint64_t label = weir__span_label(span);
    cr_assert(weir__label_claim(&span->u.live.label, &label));
    weir__span_fill_freed(span);
    weir__span_give(&heap, span, &in_spans);
}

/* -- who waits ------------------------------------------------------------------------ */

/* Before: trim, decay and the free of a huge span held the lock while the system worked. */
Test(page_heap, nobody_waits_while_the_system_purges_or_unmaps)
{
    struct weir__span *spans[40], *huge;
    heap_begin();
    for (int i = 0; i < 40; i++)
        spans[i] = span_touched(WEIR__MIB);
    struct weir__slab *slab = weir__chunk_take_slab(&heap);
    locked_calls = 0;
    for (int i = 0; i < 40; i += 2)
        span_end(spans[i]);
    weir__chunk_give_slab(&heap, slab);
    cr_assert_geq(weir__page_heap_trim(&heap, false), 19 * WEIR__MIB);
    cr_assert_geq(purged, 19 * WEIR__MIB);
    for (int i = 1; i < 40; i += 2)
        span_end(spans[i]);
    clock_shift += 100;
    for (int i = 0; i < 10; i++, clock_shift += 100)
        weir__page_heap_decay(&heap);
    cr_assert_geq(purged, 39 * WEIR__MIB);
    cr_assert_eq(locked_calls, 0);
    huge = span_touched(300 * WEIR__MIB);
    locked_calls = unmapped = 0;
    span_end(huge);
    cr_assert_geq(unmapped, 300 * WEIR__MIB);
    cr_assert_eq(locked_calls, 0);
    cr_assert(weir__page_heap_is_valid(&heap));
    weir__page_heap_destroy(&heap);
}

/* -- the clock ------------------------------------------------------------------------ */

/* Steps that are longer apart than memory is kept, all of it used in each. Before: 5 MiB were
 * purged in every step, because its frees had the stamps of the step before. */
Test(page_heap, memory_that_was_just_used_is_not_purged_after_a_gap)
{
    struct weir__span *spans[60];
    heap_begin();
    for (int step = 0; step < 12; step++) {
        clock_shift += 11;
        purged = 0;
        for (int i = 0; i < 60; i++)
            spans[i] = span_touched(WEIR__MIB);
        for (int i = 0; i < 60; i += 2)
            span_end(spans[i]);
        for (int i = 1; i < 60; i += 2)
            span_end(spans[i]);
        cr_assert_eq(purged, 0, "step %d: %zu bytes", step, purged);
    }
    for (int i = 0; i < 20; i++, clock_shift += 11)
        weir__page_heap_decay(&heap);
    cr_assert_geq(purged, 59 * WEIR__MIB, "what nobody used any more stays");
    weir__page_heap_destroy(&heap);
}

/* -- addresses ------------------------------------------------------------------------ */

/* Before: 256 MiB were writable with the first span. */
Test(page_heap, a_region_is_opened_as_it_is_used)
{
    heap_begin();
    struct weir__span *first = span_of(PAGE);
    cr_assert_leq((size_t)weir__span_region(first)->opened * PAGE, 4 * WEIR__MIB);
    span_end(first);
    weir__page_heap_trim(&heap, false);
    size_t before = self_memory(SELF_WRITABLE);
    struct weir__span *spans[100];
    for (int i = 0; i < 100; i++) {
        spans[i] = span_touched(WEIR__MIB);
        size_t used = (size_t)(i + 1) * WEIR__MIB;
        cr_assert_leq(self_memory(SELF_WRITABLE) - before, 2 * used + 8 * WEIR__MIB);
    }
    for (int i = 0; i < 100; i++)
        span_end(spans[i]);
    cr_assert(weir__page_heap_is_valid(&heap));
    weir__page_heap_destroy(&heap);
}

Test(page_heap, unused_addresses_go_back_when_asked_for)
{
    heap_begin();
    struct weir__span *span = span_touched(5 * WEIR__MIB);
    cr_assert_eq(heap.reserved, WEIR__REGION_FIRST);
    weir__page_heap_trim(&heap, true);
    cr_assert_eq(heap.reserved, 8 * WEIR__MIB);
    cr_assert(weir__page_heap_is_valid(&heap));
    span_end(span);
    span_end(span_touched(20 * WEIR__MIB));
    cr_assert(weir__page_heap_is_valid(&heap));
    weir__page_heap_destroy(&heap);
}

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* Before: it could not be resized, and the caller copied. */
Test(page_heap, a_huge_span_grows_and_shrinks_without_copying)
{
    enum { FIRST = 130, MOST = 520 };
    heap_begin();
    struct weir__span *span = span_touched(FIRST * WEIR__MIB);
    long before = faults();
    for (size_t mib = FIRST + 1; mib <= MOST; mib++) {
        if (mib % 100 == 0) /* something that lies in its way, perhaps */
            span_of(129 * WEIR__MIB);
        cr_assert(weir__span_resize(&heap, span, mib * WEIR__MIB, &in_spans));
        char *block = weir__span_block(span);
        cr_assert_eq(weir__map_get(block) - WEIR__MAP_SPANS, span->region);
        cr_assert_eq(weir__span_at(weir__map_get(block), block), span);
        cr_assert_eq(block[0] + block[FIRST * WEIR__MIB - 1], 2 * 0x5a);
        block[mib * WEIR__MIB - 1] = 1;
    }
    cr_assert_leq(faults() - before, 20 * (MOST - FIRST), "the pages moved");
    cr_assert(weir__page_heap_is_valid(&heap));
    cr_assert(weir__span_resize(&heap, span, 3 * WEIR__MIB, &in_spans));
    cr_assert_eq(weir__span_block(span)[3 * WEIR__MIB - 1], 0x5a);
    cr_assert_leq(weir__span_region(span)->size, 4 * WEIR__MIB);
    cr_assert(weir__page_heap_is_valid(&heap));
    weir__page_heap_destroy(&heap);
}

Test(page_heap, a_retired_chunk_serves_as_a_region)
{
    heap_begin();
    struct weir__slab *slab = weir__chunk_take_slab(&heap);
    struct weir__chunk *chunk = weir__chunk_of(slab);
    weir__chunk_give_slab(&heap, slab);
    weir__page_heap_trim(&heap, false);
    struct weir__region *region = weir__region_borrow(&heap);
    cr_assert_not_null(region);
    cr_assert_eq(region->base, (char *)chunk);
    weir__list_append(&heap.regions, &region->link);
    heap.reserved += region->size;
    struct weir__span *span = span_touched(3 * WEIR__MIB);
    cr_assert_eq(weir__span_region(span), region);
    cr_assert_eq(chunk->slabs[1].home, WEIR__HOME_NONE, "headers that stale pointers lead to");
    cr_assert_null(chunk->slabs[63].entries);
    cr_assert(weir__page_heap_is_valid(&heap));
    span_end(span);
    weir__page_heap_trim(&heap, false);
    cr_assert_eq(heap.reserved, 0);
    cr_assert_eq(weir__chunk_of(weir__chunk_take_slab(&heap)), chunk);
    weir__page_heap_destroy(&heap);
}

/* -- zero ----------------------------------------------------------------------------- */

static size_t resident(const char *block, size_t size)
{
    static unsigned char pages[64 * WEIR__MIB / PAGE + 1];
    size_t count = 0, n = size / PAGE;
    cr_assert_eq(mincore((void *)((uintptr_t)block & ~(uintptr_t)(PAGE - 1)), size, pages), 0);
    for (size_t i = 0; i < n; i++)
        count += pages[i] & 1;
    return count * PAGE;
}

/* Before: all of it was written to be zero. */
Test(page_heap, a_zeroed_block_of_used_memory_is_not_resident)
{
    size_t size = 64 * WEIR__MIB;
    weir_allocator *cpu = weir_cpu_allocator();
    char *block = weir_allocate(cpu, size);
    memset(block, 1, size);
    weir_deallocate(cpu, block);
    char *again = weir_allocate_zeroed(cpu, 1, size);
    cr_assert_eq(again, block);
    cr_assert_leq(resident(again, size), 64 * WEIR__KIB);
    cr_assert(is_all_zero(again, size));
    weir_deallocate(cpu, again);
}

/* -- damage --------------------------------------------------------------------------- */

#define found(field, wrong)                                                                        \
    do {                                                                                           \
        __typeof__(field) right = (field);                                                         \
        (field) = (wrong);                                                                         \
        cr_assert_not(weir__page_heap_is_valid(&heap), "%s", #field);                              \
        (field) = right;                                                                           \
        cr_assert(weir__page_heap_is_valid(&heap), "%s was put back", #field);                     \
    } while (0)

Test(page_heap, damage_is_found)
{
    struct weir__span *spans[9];
    heap_begin();
    for (int i = 0; i < 9; i++)
        spans[i] = span_touched(3 * PAGE);
    for (int i = 1; i < 8; i += 2)
        span_end(spans[i]);
    struct weir__slab *slab = weir__chunk_take_slab(&heap), *other = weir__chunk_take_slab(&heap);
    weir__chunk_give_slab(&heap, slab);
    cr_assert(weir__page_heap_is_valid(&heap));
    struct weir__region *region = weir__span_region(spans[0]);
    struct weir__span *hole = spans[3];
    cr_assert_eq(hole->state, WEIR__PAGE_HOLE);
    found(heap.bin_used[0], 0);
    found(heap.bin_words, 2);
    found(heap.hole_dirty, 0);
    found(heap.span_live, 0);
    found(heap.reserved, 0);
    found(heap.ndirty_slabs, 2);
    found(heap.nfree_slabs, 2);
    found(heap.oldest_dirty, other);
    found(hole->u.hole.bin, 5);
    found(hole->u.hole.link.prev, &hole->u.hole.link);
    found(hole->npages, 2);
    found(hole->zeroed, true);
    found(hole->state, WEIR__PAGE_SPAN);
    found(hole[2].state, WEIR__PAGE_NONE);
    found(spans[0]->npages, 2);
    found(spans[0]->region, 9);
    found(region->frontier, 5);
    found(region->touched, 5);
    found(region->opened, 5);
    found(region->heap, NULL);
    found(slab->dirty, false);
    found(weir__chunk_of(slab)->u.head.nfree, 3);
    found(weir__chunk_of(slab)->u.head.page_heap, NULL);
    weir__page_heap_destroy(&heap);
}
