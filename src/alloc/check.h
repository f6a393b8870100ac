/*
 * alloc/check.h - looking for what was written to that should not have been (weir_check). No state.
 * Any thread, while others work.
 */
#ifndef WEIR_ALLOC_CHECK_H
#define WEIR_ALLOC_CHECK_H

/* Looks at the freed blocks of all hardened contexts that wait, and reports: before the process
 * ends, for they are looked at else when they are used again. No lock held. */
void weir__check_waiting(void);

#endif
