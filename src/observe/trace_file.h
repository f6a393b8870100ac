/*
 * observe/trace_file.h - the file of a recording: records appended one at a time, whole
 * or not at all. Owns the descriptor, the file lock and the first error; knows nothing of
 * events. A failure ends the writing for good: what is in the file stays readable.
 *
 * The descriptor is high up and is compared with the file (device and inode) before each
 * write, truncation and close. When it is no longer ours the recording ends with one line
 * on standard error, and nothing of the program's is touched.
 *
 * Lock rank: the file lock is inside every lock of the core but the metadata's, because
 * records are written from hooks. errno is kept by all but weir__trace_file_open.
 */
#ifndef WEIR_OBSERVE_TRACE_FILE_H
#define WEIR_OBSERVE_TRACE_FILE_H

#include "base/bits.h"

/* 0, or why the file cannot be made (ESPIPE: not a regular file,
 * EWOULDBLOCK: another recording is being written to it); the preamble and HEAD are written by the
 * caller. */
int weir__trace_file_open(const char *path);

/* Appends a record of two parts. False: nothing was written, now or earlier. */
bool weir__trace_file_write(uint32_t type, const void *head, size_t nhead, const void *body,
                            size_t nbody);

/* Bytes that may be put into the records below. */
#define WEIR__TRACE_FOOT_MOST 256

/* Leaves room for a footer, in case the end cannot be written later. */
bool weir__trace_file_reserve(void);

/* Appends FOOT, or puts it into the room; closes. 0, or what went wrong on the way. */
int weir__trace_file_close(const void *foot, size_t n);

/* In a forked child: the file is the parent's. */
void weir__trace_file_forget(void);

int weir__trace_file_error(void);
uint64_t weir__trace_file_bytes(void);

#endif
