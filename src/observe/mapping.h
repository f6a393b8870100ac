/*
 * observe/mapping.h - memory that the program maps by its own calls (mmap, munmap, mremap,
 * mprotect), told to the recording. It is no part of the total. No state; any thread. Who calls
 * tells what was given back before the system takes it, and what was taken after, so that no
 * other thread has the address in between.
 */
#ifndef WEIR_OBSERVE_MAPPING_H
#define WEIR_OBSERVE_MAPPING_H

#include "base/bits.h"

enum { /* of a mapping; docs/internals/trace-format.md */
       WEIR__MAPPING_READ = 1,
       WEIR__MAPPING_WRITE = 2,
       WEIR__MAPPING_EXECUTE = 4,
       WEIR__MAPPING_FILE = 8,
       WEIR__MAPPING_SHARED = 16,
       WEIR__MAPPING_PROTECTED = 32, /* it was there: its protection changed */
       WEIR__MAPPING_MOVED = 64      /* it was there: mremap moved or resized it */
};

/* Is something recorded, and is this thread not in the middle of an event or of an operation of
 * weir's (a signal handler may be)? */
bool weir__mapping_is_wanted(void);

/* Whole pages. Only where weir__mapping_is_wanted. */
void weir__mapping_taken(const void *address, size_t bytes, unsigned flags);
void weir__mapping_given(const void *address, size_t bytes);

#endif
