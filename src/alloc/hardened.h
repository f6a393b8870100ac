/*
 * alloc/hardened.h - which contexts are hardened, and whether what lies around their blocks is as
 * it was. Owns the choice; what lies around blocks is pool/canary.h's. How they are taken and given
 * is said in alloc/hardened_small.h, and of large ones in pool/fenced.h.
 *
 * Any thread; no lock held.
 */
#ifndef WEIR_ALLOC_HARDENED_H
#define WEIR_ALLOC_HARDENED_H

#include "alloc/block.h"
#include "alloc/body.h"
#include "pool/canary.h"

/* -- which contexts --------------------------------------------------------------------------- */

/* What the environment and the build say; it never changes. ON or MOVES only where it can be. */
weir_hardened weir__hardened_default(void);

/* The value of WEIR_HARDENED, if it is none that there is, or cannot be followed; else NULL. */
const char *weir__hardened_refused(void);

/* What a context with these options is, which are possible: not DEFAULT. Where nothing was ever
 * hardened DEFAULT is as good as OFF. */
weir_hardened weir__hardened_choose(const weir_allocator_options *options,
                                    const weir_allocator *parent);

/* Are the options possible? 0, or EINVAL or ENOTSUP and a reason. */
int weir__hardened_check(const weir_allocator_options *options);

/* Needs it a page heap that it has not where it would be? `hardened` is what was chosen. */
bool weir__hardened_apart(const weir_allocator_options *options, const weir_allocator *parent,
                          weir_hardened hardened);

/* Was there ever a hardened page heap? Atomic. */
extern bool weir__hardened_any;

/* Makes a page heap that nobody used yet a hardened one. */
void weir__hardened_page_heap(struct weir__page_heap *heap);

WEIR__INLINE bool weir__hardened_is(const weir_allocator *a)
{
    return weir__unlikely(a->body->hardened);
}

/* -- what was written around blocks ------------------------------------------------------------ */

/* Is what lies around a live block as it was written? Else it is reported. */
bool weir__hardened_expect(const weir_allocator *a, const void *block,
                           const struct weir__found *found);
bool weir__hardened_expect_span(const weir_allocator *a, const struct weir__span *span,
                                uint64_t label);

/* Around a small one: which byte behind it was written to, or, negative, below it; 0: none. By who
 * has it; else a moment's answer. */
ptrdiff_t weir__hardened_written(const struct weir__slab *slab, const void *block, size_t size);

#endif
