/*
 * alloc/tag.h - the table of tags (weir/allocator.h), around fork. Owns it, under a lock of its own
 * (rank "registry").
 */
#ifndef WEIR_ALLOC_TAG_H
#define WEIR_ALLOC_TAG_H

void weir__tags_lock(void);
void weir__tags_unlock(void);

#endif
