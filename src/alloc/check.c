/*
 * alloc/check.c - see check.h, and weir/allocator.h. What is found is kept while locks are held
 * (pool/late_misuse.h) and reported at the end.
 *
 * Others work meanwhile. A live block's canary is there before its entry says that it lives, and
 * goes after it says otherwise: so what looks broken is looked at again, and counts if its entry
 * said the same all the time. What is in a quarantine stays there while the heap's lock is held
 * and its window closed, what is in a slab while the center's lock is held.
 */
#include "alloc/check.h"

#include "alloc/body.h"
#include "alloc/context.h"
#include "alloc/corruption.h"
#include "alloc/cpu.h"
#include "alloc/hardened_small.h"
#include "alloc/misuse.h"
#include "pool/fenced.h"
#include "pool/late_misuse.h"
#include "pool/quarantine.h"

/* Looked at so often before it counts. */
#define LOOKS 3

struct check {
    const weir_allocator *owner;
    size_t faults;
};

static void fault_keep(struct check *check, struct weir__late_misuse fault)
{
    fault.what = WEIR_MISUSE_CORRUPTION;
    fault.owner = check->owner;
    check->faults++;
    weir__late_misuse_keep(&fault);
}

static ptrdiff_t live_written(const struct weir__slab *slab, const void *block,
                              const uint32_t *entry, uint32_t value)
{
    ptrdiff_t written = 0;
    for (int looks = 0; looks < LOOKS; looks++) {
        written = weir__hardened_written(slab, block, weir__entry_size(value));
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (weir__likely(!written) ||
            (weir__entry_get(entry) | WEIR__ENTRY_OLD) != (value | WEIR__ENTRY_OLD))
            return 0;
    }
    return written;
}

static int entry_check(void *block, uint32_t *entry, struct weir__slab *slab, void *user)
{
    struct check *check = user;
    uint32_t value = __atomic_load_n(entry, __ATOMIC_ACQUIRE);
    bool live = weir__entry_is_live(value), hardened = weir__slab_is_hardened(slab) && slab->size;
    ptrdiff_t around = 0;
    if (weir__slab_is_overwritten(slab, value))
        fault_keep(check, (struct weir__late_misuse){.block = block});
    else if (hardened && live)
        around = live_written(slab, block, entry, value);
    if (around)
        fault_keep(check, (struct weir__late_misuse){.block = block,
                                                     .around = around,
                                                     .requested = weir__entry_size(value),
                                                     .tag = weir__entry_tag(value)});
    size_t offset = hardened && weir__entry_is_chained(value)
                        ? weir__canary_written(block, slab->size, WEIR__SMALL_MAX)
                        : SIZE_MAX;
    if (offset != SIZE_MAX)
        fault_keep(check, (struct weir__late_misuse){.block = block, .written = offset + 1});
    return 0;
}

static int center_check(struct weir__center *center, void *user)
{
    return weir__center_is_empty(center) ? 0 : weir__center_each_used(center, entry_check, user);
}

/* It keeps its pages while the lock is held and its label says that it lives (pool/fenced.c). */
static int span_check(struct weir__span *span, void *user)
{
    struct check *check = user;
    uint64_t label = weir__span_label(span);
    if (weir__span_owner(span) != check->owner || !weir__label_is_live(label) ||
        !weir__span_is_fenced(span))
        return 0;
    ptrdiff_t around = weir__fenced_written(span, label);
    if (around)
        fault_keep(check, (struct weir__late_misuse){.block = weir__span_start(span) +
                                                              weir__label_offset(label),
                                                     .around = around,
                                                     .requested = weir__label_size(label),
                                                     .tag = weir__relaxed_get(span->u.live.tag)});
    return 0;
}

/* Of each heap in turn: none is made or freed meanwhile, for the context lock is held. */
static size_t waiting_check(const weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    size_t faults = 0;
    for (struct weir__link *at = a->body->heaps.first; at; at = at->next) {
        struct weir__heap *heap = weir__heap_of(at);
        if (!__atomic_load_n(&heap->quarantine, __ATOMIC_ACQUIRE))
            continue;
        weir__lock_take(&heap->cache.lock);
        weir__window_close(&heap->window);
        faults += weir__quarantine_check(heap->quarantine);
        weir__window_release(&heap->window);
        weir__lock_drop(&heap->cache.lock);
    }
    return faults + weir__fenced_check(a->body->page_heap, a);
}

static size_t check_locked(const weir_allocator *a)
{
    weir__assert(weir__context_is_mine());
    struct weir__body *body = a->body;
    struct check check = {a, waiting_check(a)};
    weir__lock_take(&body->family.lock);
    weir__body_each_center(body, center_check, &check);
    weir__lock_drop(&body->family.lock);
    weir__lock_take(&body->page_heap->lock);
    weir__span_each_locked(body->page_heap, span_check, &check);
    weir__lock_drop(&body->page_heap->lock);
    return check.faults;
}

size_t weir_check(const weir_allocator *a)
{
    size_t faults = 0;
    if (!weir__allocator_check(a, NULL))
        return 0;
    weir__context_lock();
    if (weir__allocator_is_ready(a) && a->body->page_heap)
        faults = check_locked(a);
    weir__context_unlock();
    weir__late_misuses_look();
    return faults;
}

void weir__check_waiting(void)
{
    if (!weir__relaxed_get(weir__hardened_any) || !weir__allocator_is_ready(&weir__cpu) ||
        !weir__context_try())
        return;
    for (weir_allocator *a = weir__context_after(NULL, NULL); a; a = weir__context_after(a, NULL))
        if (a->body->hardened)
            waiting_check(a);
    weir__context_unlock();
    weir__late_misuses_look();
}
