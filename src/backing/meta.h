/*
 * backing/meta.h - memory for weir's own objects: uncounted, apart from every pool,
 * never from the host's malloc.
 */
#ifndef WEIR_BACKING_META_H
#define WEIR_BACKING_META_H

#include <stdbool.h>
#include <stddef.h>

/* Zeroed, 64-byte aligned; NULL with ENOMEM. Any thread. */
void *weir__meta_allocate(size_t size);

/* `size` is what was asked for. NULL does nothing. */
void weir__meta_free(void *block, size_t size);

/* Bytes handed out now. */
size_t weir__meta_in_use(void);

#endif
