/*
 * alloc/hardened.h - small blocks of hardened contexts, and which contexts are hardened. Owns the
 * choice; where blocks wait is pool/quarantine.h's, what lies around them pool/canary.h's, large
 * ones pool/fenced.h's.
 *
 * A hardened context has bins that nothing is ever put into, and slabs whose owner equals no
 * allocator (pool/home.h): so the fast ways (alloc/small.h) leave at what they compare anyway, and
 * other contexts pay nothing. All of its small blocks go this way, under the lock of the heap.
 *
 * Any thread; no lock held but where it says so.
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

/* -- blocks ----------------------------------------------------------------------------------- */

/* The class of a small block with room for its canary; negative: it is a large one. */
WEIR__INLINE int weir__hardened_class(size_t size, size_t alignment)
{
    alignment = weir__max(alignment, WEIR__GRAIN);
    return weir__class_of(size ? size + WEIR__CANARY : 0, alignment);
}

/* As weir__allocate_once. */
void *weir__hardened_allocate_once(weir_allocator *a, struct weir__request *request);

/* As weir__small_resize_slow. */
bool weir__hardened_resize(weir_allocator *a, void *block, const struct weir__found *found,
                           size_t size, bool *refused);

/* Of the heap whose lock is held, which is dropped meanwhile where memory is short: *taken is a
 * free block. False: no memory. */
bool weir__hardened_take_locked(struct weir__heap *heap, unsigned sizeclass,
                                struct weir__cached *taken);

/* Back, as it was taken. */
void weir__hardened_give_locked(struct weir__heap *heap, const struct weir__cached *taken);

/* One that was live by a moment ago: it is cleared and waits. */
void weir__hardened_put_locked(struct weir__heap *heap, const struct weir__cached *freed,
                               uint32_t tag);

/* A block that was taken is live from here on; `live` are the bits of its entry but the size. */
void weir__hardened_begin(const struct weir__cached *taken, size_t size, uint32_t live);

/* Is what lies around a live block as it was written? Else it is reported. */
bool weir__hardened_expect(const weir_allocator *a, const void *block,
                           const struct weir__found *found);
bool weir__hardened_expect_span(const weir_allocator *a, const struct weir__span *span,
                                uint64_t label);

/* Around a small one: which byte behind it was written to, or, negative, below it; 0: none. By who
 * has it; else a moment's answer. */
ptrdiff_t weir__hardened_written(const struct weir__slab *slab, const void *block, size_t size);

#endif
