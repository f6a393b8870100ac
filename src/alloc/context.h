/*
 * alloc/context.h - the tree of allocators: making, destroying and walking it. The tree is the
 * meters' (track/meter.h).
 *
 * Owns the context lock, which covers the tree, the handles and every list of heaps. It is
 * outermost, and recursive, so that visitors may ask for figures; a thread inside an
 * operation on blocks never waits for it with another lock held.
 */
#ifndef WEIR_ALLOC_CONTEXT_H
#define WEIR_ALLOC_CONTEXT_H

#include "alloc/body.h"

void weir__context_lock(void);
void weir__context_unlock(void);

/* The same without waiting; false: another thread has it. */
bool weir__context_try(void);

/* Does the calling thread hold it? Then nothing of the program's may be called but visitors. */
bool weir__context_is_mine(void);

/* -- with the context lock held ------------------------------------------------------------ */

/* Preorder over `top` and its descendants (NULL: over all); a NULL starts. */
weir_allocator *weir__context_after(const weir_allocator *a, const weir_allocator *top);

/* NULL where there is none. Siblings are in the order of their making. The parent never changes
 * and needs no lock. */
weir_allocator *weir__context_parent(const weir_allocator *a);
weir_allocator *weir__context_child(const weir_allocator *a);
weir_allocator *weir__context_sibling(const weir_allocator *a);

/* Takes out and frees one without children. */
void weir__context_unmake(weir_allocator *a);

#endif
