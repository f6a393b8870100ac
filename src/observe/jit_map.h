/*
 * observe/jit_map.h - names of code that was made at run time, as compilers leave them in
 * /tmp/perf-PID.map: a line for each piece of code, "START SIZE NAME", the numbers hexadecimal.
 * Found, checked, and put into JITM records. No state, no allocation; who wants the names brings
 * the memory. Any thread.
 *
 * Code is thrown away and other code is made in its place, and a line does not tell when. So an
 * address that lies in code of two names gets both, "NAME or EARLIER", and never one that may be
 * wrong. Marks of how far code was optimized (~ ^ + *) make no other name.
 */
#ifndef WEIR_OBSERVE_JIT_MAP_H
#define WEIR_OBSERVE_JIT_MAP_H

#include "base/bits.h"

#define WEIR__JIT_NAME   1000                  /* bytes of a name that are kept */
#define WEIR__JIT_RECORD (3 * WEIR__JIT_NAME)  /* a record has at most so many */
#define WEIR__JIT_MOST   (UINT64_C(256) << 20) /* bytes of a map that are read */
#define WEIR__JIT_STEPS  (UINT64_C(1) << 27)   /* pairs of a line and an address, at most */

/* An address that a name is wanted for, a return address: its code is that of the byte before. The
 * caller sets `address` and leaves the rest 0. */
struct weir__jit_wanted {
    uint64_t address;
    uint64_t line, other; /* where the last line for it begins, and one of another name; plus 1 */
    uint32_t hash;        /* of the name in `line` */
};

/* Opens the map of a process: a regular file of this user, no link, written last between `since`
 * and `until` (ns of CLOCK_BOOTTIME): another process may have had the number before. A descriptor,
 * or -1. */
int weir__jit_map_open(int pid, uint64_t since, uint64_t until);

/*
 * Calls `write` with a JITM record's payload for each piece of code that a wanted address lies in.
 * A line that is none is passed over; beyond WEIR__JIT_MOST and WEIR__JIT_STEPS nothing is read.
 * `wanted` comes back sorted, without doubles.
 */
void weir__jit_map_read(int file, struct weir__jit_wanted *wanted, size_t n,
                        void (*write)(void *user, const void *record, size_t length), void *user);

#endif
