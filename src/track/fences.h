/*
 * track/fences.h - the change to a process in which no thread can fence the others: before it
 * enters a sandbox that does not allow membarrier.
 */
#ifndef WEIR_TRACK_FENCES_H
#define WEIR_TRACK_FENCES_H

/* Closes every window for good. Any thread, no lock of weir's held; a second call does
 * nothing. */
void weir__meters_unfence(void);

#endif
