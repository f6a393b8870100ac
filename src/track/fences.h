/*
 * track/fences.h - the fence behind the closing of windows, and the change to a process in which
 * no thread can fence the others: before it enters a sandbox that does not allow membarrier, or
 * when the kernel refuses it. Has no state: os/fence.h knows whether there are fences.
 */
#ifndef WEIR_TRACK_FENCES_H
#define WEIR_TRACK_FENCES_H

/* A fence on every thread; with the meter lock held. */
void weir__meters_fence(void);

/* Closes every window for good. Any thread, no lock of weir's held; a second call does
 * nothing. */
void weir__meters_unfence(void);

#endif
