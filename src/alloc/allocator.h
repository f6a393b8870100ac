/*
 * alloc/allocator.h - what the layers above may know of an allocator beyond the public interface.
 * No state. Any thread; takes no lock. Nothing here is exported.
 */
#ifndef WEIR_ALLOC_ALLOCATOR_H
#define WEIR_ALLOC_ALLOCATOR_H

#include "backing/meta.h"

#include <weir/allocator.h>

/*
 * `user` of an allocator whose blocks come from functions with this `allocate`
 * (its own or inherited from its parent), else NULL. How the arena, device and
 * buffer layers find their object behind a weir_allocator.
 */
void *weir__allocator_user(const weir_allocator *a, void *(*allocate)(void *, size_t, size_t));

/* Is there such an allocator? False, with EINVAL and a reason or a report of misuse, for NULL and
 * one that was destroyed. */
bool weir__allocator_is_there(const weir_allocator *a);

/* Who supplies the memory, as weir_stats.backing. */
const char *weir__allocator_backing(const weir_allocator *a);

/* May the host read and write the blocks? False iff the functions bring `zero`. */
bool weir__allocator_host_accessible(const weir_allocator *a);

/* Its functions are weir's own, which tell by `zero` where the host may not touch a block: debug
 * builds fill the others (pool/fill.h). Before its first block. Returns `a`; NULL does nothing. */
weir_allocator *weir__allocator_fill(weir_allocator *a);

/* Clears, or copies within, memory of `a`'s kind, by its own functions where the host
 * cannot. 0, or an errno value and a reason. */
int weir__allocator_zero(const weir_allocator *a, void *block, size_t size);
int weir__allocator_copy(const weir_allocator *a, void *to, const void *from, size_t size);

#endif
