/* alloc/hardened.c - see hardened.h. */
#include "alloc/hardened.h"

#include "alloc/corruption.h"
#include "alloc/count.h"
#include "alloc/cpu.h"
#include "alloc/large.h"
#include "alloc/misuse.h"
#include "alloc/small.h"
#include "alloc/trace.h"
#include "alloc/trim.h"
#include "backing/backing.h"
#include "base/error.h"
#include "os/early.h"
#include "os/pages.h"
#include "os/random.h"
#include "pool/fenced.h"
#include "pool/quarantine.h"

#include <errno.h>
#include <string.h>

bool weir__hardened_any WEIR__AT_START;

/* -- which contexts --------------------------------------------------------------------------- */

#ifdef WEIR_HARDENED_BUILD
#define BUILT WEIR_HARDENED_ON
#else
#define BUILT WEIR_HARDENED_OFF
#endif

/* DEFAULT: none of these. */
static weir_hardened parse(const char *text)
{
    static const struct {
        const char *text;
        weir_hardened means;
    } words[] = {{"1", WEIR_HARDENED_ON}, {"moves", WEIR_HARDENED_MOVES}, {"0", WEIR_HARDENED_OFF}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(text, words[i].text) == 0)
            return words[i].means;
    return WEIR_HARDENED_DEFAULT;
}

/* Pages are closed one by one, in weir's own unit. */
static bool system_can(void)
{
    return weir__os_page_size() == WEIR__GRANULE;
}

weir_hardened weir__hardened_default(void)
{
    const char *text = weir__os_early_variable("WEIR_HARDENED");
    weir_hardened wish = text && *text ? parse(text) : BUILT;
    if (wish == WEIR_HARDENED_DEFAULT)
        wish = BUILT;
    return system_can() ? wish : WEIR_HARDENED_OFF;
}

const char *weir__hardened_refused(void)
{
    const char *text = weir__os_early_variable("WEIR_HARDENED");
    if (!text || !*text)
        return NULL;
    weir_hardened wish = parse(text);
    bool followed = wish == WEIR_HARDENED_OFF || (wish && system_can() && weir__cpu.body->hardened);
    return followed ? NULL : text;
}

static bool is_on(weir_hardened hardened)
{
    return hardened == WEIR_HARDENED_ON || hardened == WEIR_HARDENED_MOVES;
}

static bool may_be(const weir_allocator_options *options)
{
    bool pooled = options->source == WEIR_SOURCE_POOL || options->source == WEIR_SOURCE_OWN_POOL;
    return pooled && !options->numa_node && options->huge_pages != WEIR_HUGE_PAGES_ASKED &&
           options->huge_pages != WEIR_HUGE_PAGES_REQUIRED;
}

weir_hardened weir__hardened_choose(const weir_allocator_options *options,
                                    const weir_allocator *parent)
{
    if (options->hardened)
        return options->hardened;
    if (!may_be(options))
        return WEIR_HARDENED_OFF;
    const weir_allocator *from = options->pool ? options->pool : parent;
    bool inherits = from && (from->body->page_heap || options->source == WEIR_SOURCE_POOL);
    const struct weir__body *body = inherits ? from->body : weir__cpu.body;
    return !body->hardened ? WEIR_HARDENED_OFF
           : body->moves   ? WEIR_HARDENED_MOVES
                           : WEIR_HARDENED_ON;
}

int weir__hardened_check(const weir_allocator_options *options)
{
    if (options->hardened > WEIR_HARDENED_OFF)
        return weir__fail(EINVAL, "allocator options: hardened cannot be %d",
                          (int)options->hardened);
    if (!is_on(options->hardened))
        return 0;
    if (!may_be(options))
        return weir__fail(EINVAL,
                          "allocator options: hardened contexts are on pools, of pages that "
                          "are neither huge nor of a node");
    if (!system_can())
        return weir__fail(ENOTSUP, "allocator options: no hardened contexts on pages of %zu bytes",
                          weir__os_page_size());
    return 0;
}

bool weir__hardened_apart(const weir_allocator_options *options, const weir_allocator *parent,
                          weir_hardened hardened)
{
    if (options->source != WEIR_SOURCE_POOL)
        return false;
    const struct weir__body *body = parent ? parent->body : weir__cpu.body;
    bool there = body->page_heap && body->page_heap->hardened;
    return is_on(hardened) != there && (is_on(hardened) || there);
}

void weir__hardened_page_heap(struct weir__page_heap *heap)
{
    weir__assert(!heap->chunks.first && !heap->regions.first);
    weir__canary_begin();
    heap->random = weir__os_random() | 1;
    heap->hardened = true;
    weir__relaxed_set(weir__hardened_any, true);
}

/* -- what was written around blocks ------------------------------------------------------------ */

ptrdiff_t weir__hardened_written(const struct weir__slab *slab, const void *block, size_t size)
{
    uint64_t index;
    size_t stride = slab->size;
    if (weir__unlikely(!stride))
        return 0;
    if (weir__unlikely(!weir__canary_holds(block, size, stride))) {
        size_t at = weir__canary_overwritten(block, size, stride);
        return at == SIZE_MAX ? 0 : (ptrdiff_t)at + 1;
    }
    bool below = weir__slab_index(slab, block, &index);
    return !below || weir__likely(weir__canary_holds_below(slab, block, index)) ? 0 : -1;
}

/* Small ones: `written` as above. */
static WEIR__NOINLINE bool damage_report(const weir_allocator *a, const void *block,
                                         ptrdiff_t written, size_t size, uint32_t tag)
{
    weir__damage_report(block, a->name, written, size, tag);
    return false;
}

bool weir__hardened_expect_span(const weir_allocator *a, const struct weir__span *span,
                                uint64_t label)
{
    if (!weir__span_is_fenced(span) || !weir__label_is_live(label))
        return true;
    ptrdiff_t written = weir__fenced_written(span, label);
    return !written || damage_report(a, weir__span_start(span) + weir__label_offset(label), written,
                                     weir__label_size(label), weir__relaxed_get(span->u.live.tag));
}

bool weir__hardened_expect(const weir_allocator *a, const void *block,
                           const struct weir__found *found)
{
    if (found->kind == WEIR__KIND_LARGE)
        return weir__hardened_expect_span(a, found->span, weir__span_label(found->span));
    if (found->kind != WEIR__KIND_SMALL)
        return true;
    ptrdiff_t written = weir__hardened_written(found->place.slab, block, found->requested);
    return weir__likely(!written) || damage_report(a, block, written, found->requested, found->tag);
}

/* -- taking and giving ------------------------------------------------------------------------- */

/* NULL: no memory. */
static struct weir__quarantine *quarantine_get_locked(struct weir__heap *heap)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    if (weir__likely(heap->quarantine != NULL))
        return heap->quarantine;
    struct weir__quarantine *made = weir__quarantine_make(heap->cache.shard, heap->mark);
    __atomic_store_n(&heap->quarantine, made, __ATOMIC_RELEASE); /* figures read it */
    return made;
}

static bool take_locked(struct weir__heap *heap, unsigned sizeclass, struct weir__cached *taken)
{
    return weir__quarantine_take(quarantine_get_locked(heap), heap->cache.shard, sizeclass, taken);
}

/* If there is no memory, everything free is trimmed (alloc/trim.h) and it tries again. */
bool weir__hardened_take_locked(struct weir__heap *heap, unsigned sizeclass,
                                struct weir__cached *taken)
{
    if (weir__likely(take_locked(heap, sizeclass, taken)))
        return true;
    weir__lock_drop(&heap->cache.lock);
    weir__trim_all();
    weir__lock_take(&heap->cache.lock);
    return take_locked(heap, sizeclass, taken);
}

void weir__hardened_give_locked(struct weir__heap *heap, const struct weir__cached *taken)
{
    weir__assert(weir__lock_is_mine(&heap->cache.lock));
    weir__quarantine_put_back(heap->quarantine, taken);
}

void weir__hardened_put_locked(struct weir__heap *heap, const struct weir__cached *freed,
                               uint32_t tag)
{
    weir__quarantine_put(quarantine_get_locked(heap), freed, tag);
}

/* The entry last: who checks goes by it. */
void weir__hardened_begin(const struct weir__cached *taken, size_t size, uint32_t live)
{
    size_t stride = weir__slab_of(taken->block)->size;
    if (weir__likely(stride))
        weir__canary_write(taken->block, size, stride);
    __atomic_store_n(taken->entry, live | (uint32_t)size, __ATOMIC_RELEASE);
}

/* -- counted ----------------------------------------------------------------------------------- */

static void *small_allocate(weir_allocator *a, unsigned sizeclass, struct weir__request *request)
{
    struct weir__cached taken;
    struct weir__heap *heap = weir__heap_take(a);
    bool found = weir__hardened_take_locked(heap, sizeclass, &taken);
    bool counted = found && weir__count_locked(heap, (int64_t)request->size, 1, 0);
    if (weir__likely(counted))
        weir__hardened_begin(&taken, request->size, weir__small_live_of(request));
    else if (found)
        weir__hardened_give_locked(heap, &taken);
    uint64_t sequence = weir__count_sequence(heap);
    weir__heap_drop(heap);
    if (weir__unlikely(!counted))
        return found ? weir__request_refuse(request, "over the limit", weir__meter_refused)
                     : weir__request_refuse(request, "out of memory", NULL);
    if (request->zeroed)
        *request->zeroed = true;
    if (weir__unlikely(sequence != 0))
        weir__trace_allocated(a, sequence,
                              &(struct weir__trace_block){taken.block, request->size, 0,
                                                          request->size, request->alignment,
                                                          weir__entry_tag(weir__here.live)});
    weir__heap_slow_done(a, heap);
    return taken.block;
}

void *weir__hardened_allocate_once(weir_allocator *a, struct weir__request *request)
{
    weir__assert(weir__allocator_is_ready(a) && a->body->hardened);
    int sizeclass = weir__hardened_class(request->size, request->alignment);
    if (weir__unlikely(sizeclass < 0))
        return weir__large_allocate_once(a, request);
    unsigned due = weir__small_due(a, weir__heap_own(a), request);
    bool none = true;
    void *block = due ? weir__large_allocate_due(a, request, due, &none) : NULL;
    if (weir__unlikely(!none))
        return block;
    return small_allocate(a, (unsigned)sizeclass, request);
}

/* -- resizing ---------------------------------------------------------------------------------- */

/* Zeros from one offset of a block to another, not beyond its tail. */
static void part_clear(void *block, size_t from, size_t to, size_t stride)
{
    to = weir__min(to, stride - WEIR__CANARY);
    if (from < to)
        memset((char *)block + from, 0, to - from);
}

/* The bytes of both canaries agree where they meet, and the former stays until the entry says the
 * new size. */
bool weir__hardened_resize(weir_allocator *a, void *block, const struct weir__found *found,
                           size_t size, bool *refused)
{
    size_t stride = found->place.slab->size, former = found->requested;
    uint64_t sequence = 0;
    if ((a->body->moves && size > former) ||
        weir__hardened_class(size, found->alignment) != (int)weir__slab_class(found->place.slab))
        return false;
    if (stride)
        weir__canary_write(block, size, stride);
    weir__entry_resize(found->place.entry, size);
    if (!weir__count(a, (int64_t)size - (int64_t)former, 0, 0, &sequence)) {
        weir__entry_resize(found->place.entry, former);
        part_clear(block, weir__max(former + WEIR__CANARY, size), size + WEIR__CANARY, stride);
        *refused = true;
        return false;
    }
    if (stride && size > former)
        part_clear(block, former, weir__min(former + WEIR__CANARY, size), stride);
    else if (stride)
        part_clear(block, size + WEIR__CANARY, former + WEIR__CANARY, stride);
    if (weir__unlikely(sequence != 0))
        weir__trace_resized(
            a, sequence, block,
            &(struct weir__trace_block){block, size, former, size, found->alignment, found->tag});
    return true;
}
