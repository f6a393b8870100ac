/*
 * alloc/refusal.h - what happens to a request that memory or a limit does not suffice for: the
 * program is asked for some (weir/callbacks.h) and it is tried again, or it has failed. Has no
 * state. Any thread; no lock held.
 */
#ifndef WEIR_ALLOC_REFUSAL_H
#define WEIR_ALLOC_REFUSAL_H

#include "alloc/block.h"

/* `request` was tried once and says why it was refused. Tries it again while the program wants
 * that. The block; or NULL, and it has failed: counted, errno and a reason. */
void *weir__refused(weir_allocator *a, struct weir__request *request);

/* Asks the callback of every allocator that has one, oldest first, to give something back while
 * memory is scarce (weir/pressure.h); how many were asked. */
size_t weir__refusals_ask(void);

#endif
