/*
 * alloc/source.h - providers of single blocks for contexts that bypass the pool. No state. Any
 * thread, no lock.
 */
#ifndef WEIR_ALLOC_SOURCE_H
#define WEIR_ALLOC_SOURCE_H

#include <weir/allocator.h>

#include <stdbool.h>

struct weir__body;
struct weir__page_heap;

/* Functions of WEIR_SOURCE_BACKING and WEIR_SOURCE_MALLOC, and the name of who supplies the
 * memory. */
const weir_allocator_functions *weir__source_functions(weir_source source, const char **backing);

/*
 * Where the host's malloc is the backing there is no pool: gives `body`, which would be over
 * one, functions of malloc in its place, whose user is `pool`, the one that would have it. False:
 * elsewhere, nothing done.
 */
bool weir__source_replaces_pool(struct weir__body *body, struct weir__body *pool);

/* Was that done? Or `body` has malloc's functions on its own account, and no user. */
bool weir__source_is_pool(const struct weir__body *body);

#endif
