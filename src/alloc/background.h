/* alloc/background.h - around fork: the locks of the background thread, outermost of all. */
#ifndef WEIR_ALLOC_BACKGROUND_H
#define WEIR_ALLOC_BACKGROUND_H

#include "base/bits.h"

void weir__background_fork_prepare(void);
void weir__background_fork_done(bool child);

#endif
