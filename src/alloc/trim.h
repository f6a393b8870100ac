/*
 * alloc/trim.h - giving back what is free, of an allocator and all below it. No state; what is due
 * without being asked for is the page heap's business (decay) and the heaps' (scavenging). Misuse
 * that is found meanwhile stays kept for a thread of the program that holds no lock.
 */
#ifndef WEIR_ALLOC_TRIM_H
#define WEIR_ALLOC_TRIM_H

#include "alloc/allocator.h"

/* weir_trim of `a` and what is below it. Context lock held. */
size_t weir__trim_locked(weir_allocator *a);

/* weir_trim of every allocator whose memory the host can touch: devices have their own. No lock
 * held. */
size_t weir__trim_host(void);

/* The system refused memory: what is free in every pool goes back to it, what threads have cached
 * and addresses that no block was ever at, too, so that it may be asked once more. No lock held. */
void weir__trim_all(void);

#endif
