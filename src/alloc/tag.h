/*
 * alloc/tag.h - which tags blocks can have. Owns the names of tags and the greatest tag that any
 * thread ever set; public calls are in weir/allocator.h. Any thread, no lock.
 */
#ifndef WEIR_ALLOC_TAG_H
#define WEIR_ALLOC_TAG_H

#include "base/bits.h"

/* Can a block have this tag, named or not? */
bool weir__tag_is_known(uint32_t tag);

#endif
