/* pool/double_free.h - second frees that were found while locks were held. */
#ifndef WEIR_POOL_DOUBLE_FREE_H
#define WEIR_POOL_DOUBLE_FREE_H

#include "base/bits.h"

/*
 * A double free found while locks are held: kept until someone who holds none reports it.
 * Any thread, no lock, safe around fork. At most 32 are remembered; later ones are dropped.
 */
void weir__double_free_note(const void *pointer);
void weir__double_frees_report(void);

/* Are there any to report? */
extern bool weir__double_frees_noted;

#endif
