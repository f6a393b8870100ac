/*
 * base/fault.h - makes requests for memory fail on purpose (tests only; costs a load on ways that
 * call the system anyway). Owns the countdown, one for the process; atomic, any thread. Knows
 * nothing of whose request it is.
 */
#ifndef WEIR_BASE_FAULT_H
#define WEIR_BASE_FAULT_H

#include <stdbool.h>

/* The n-th request for memory (to a backing or for metadata) from now fails, 0
 * being the next; n < 0: none does. What was left of the countdown before: who set it to N and
 * reads N - k knows of k requests. */
long weir__fault_after(long n);

/* true: every request after the failing one fails too. */
void weir__fault_persistent(bool on);

/* Asked before each request: must this one fail? */
bool weir__fault_now(void);

#endif
