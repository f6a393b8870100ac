/*
 * alloc/own_heap.h - the page heap of a context that has a pool for itself, or whose memory is to
 * lie as its options say. Owns its making and its end; the context's body has it meanwhile. Any
 * thread; no lock but where it says so.
 */
#ifndef WEIR_ALLOC_OWN_HEAP_H
#define WEIR_ALLOC_OWN_HEAP_H

#include "alloc/body.h"

/* Do the options want anything of it? */
WEIR__INLINE bool weir__own_heap_is_wanted(const weir_allocator_options *options)
{
    return options->source == WEIR_SOURCE_OWN_POOL || options->huge_pages || options->numa_node;
}

/* Then: are they possible, whatever the system? 0, or EINVAL and a reason. */
int weir__own_heap_check(const weir_allocator_options *options);

/* options->hardened is what was chosen. *made: the page heap that they want; NULL: the host's
 * malloc serves the process, and hints are all that they are. 0; EINVAL, ENOTSUP or ENOMEM and a
 * reason. */
int weir__own_heap_make(const weir_allocator_options *options, const weir_allocator *parent,
                        struct weir__page_heap **made);

/* Gives all of it back; nobody may hold a block. NULL does nothing. */
void weir__own_heap_destroy(struct weir__page_heap *heap);

#endif
