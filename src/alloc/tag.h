/* alloc/tag.h - around fork: keeps the table of tags whole in the child. */
#ifndef WEIR_ALLOC_TAG_H
#define WEIR_ALLOC_TAG_H

void weir__tags_lock(void);
void weir__tags_unlock(void);

#endif
