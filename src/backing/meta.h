/*
 * backing/meta.h - memory for weir's own objects: uncounted, apart from every pool,
 * never from the host's malloc, but where a tool watches that and it serves all blocks: there
 * handles are blocks of it, too, so that the tool finds what is reached through them, and what
 * is not; for a tool that does not look elsewhere all of it is.
 *
 * Owns that memory; knows nothing of the objects in it. Any thread; its lock is innermost of all.
 */
#ifndef WEIR_BACKING_META_H
#define WEIR_BACKING_META_H

#include "base/pointer_map.h"

/* Objects up to this size stay readable when they are freed; larger ones are unmapped. */
#define WEIR__META_KEPT ((size_t)1 << 16)

/* Zeroed, 64-byte aligned; NULL with ENOMEM. Any thread. */
void *weir__meta_allocate(size_t size);

/* `size` is what was asked for. NULL does nothing. */
void weir__meta_free(void *block, size_t size);

/* The same for maps; their `user` is nothing. */
extern const struct weir__map_memory weir__meta_map;

/* The same for what a program holds and loses, and reaches blocks by. */
void *weir__meta_allocate_handle(size_t size);
void weir__meta_free_handle(void *block, size_t size);

/* Bytes handed out now. */
size_t weir__meta_in_use(void);

#endif
