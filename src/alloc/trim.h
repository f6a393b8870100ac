/* alloc/trim.h - giving back what is free, in every pool. Knows nothing of what refused. */
#ifndef WEIR_ALLOC_TRIM_H
#define WEIR_ALLOC_TRIM_H

/* The system refused memory: what is free in every pool goes back to it, what threads have cached
 * and addresses that no block was ever at, too, so that it may be asked once more. No lock held. */
void weir__trim_all(void);

#endif
