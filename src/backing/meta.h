/*
 * backing/meta.h - memory for weir's own objects: uncounted, apart from every pool,
 * never from the host's malloc.
 */
#ifndef WEIR_BACKING_META_H
#define WEIR_BACKING_META_H

#include "base/pointer_map.h"

/* Zeroed, 64-byte aligned; NULL with ENOMEM. Any thread. */
void *weir__meta_allocate(size_t size);

/* `size` is what was asked for. NULL does nothing. */
void weir__meta_free(void *block, size_t size);

/* The same for maps; their `user` is nothing. */
extern const struct weir__map_memory weir__meta_map;

/* Bytes handed out now. */
size_t weir__meta_in_use(void);

#endif
