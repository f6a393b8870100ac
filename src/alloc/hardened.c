/* alloc/hardened.c - see hardened.h. */
#include "alloc/hardened.h"

#include "alloc/corruption.h"
#include "alloc/cpu.h"
#include "backing/backing.h"
#include "base/error.h"
#include "os/early.h"
#include "os/pages.h"
#include "os/random.h"
#include "pool/canary.h"
#include "pool/fenced.h"

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
