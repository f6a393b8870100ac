/*
 * tools/trace/records.h - the records of a binary trace, one after the other, each whole and
 * with its CRC right. Where one is damaged the next good one is found; what lies between is
 * told to the caller, who decides whether to go on. Knows nothing of payloads.
 */
#ifndef WEIR_TOOLS_TRACE_RECORDS_H
#define WEIR_TOOLS_TRACE_RECORDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACE_WINDOW 4096

struct trace_raw {
    uint64_t offset; /* of the record in the file */
    uint32_t type, length;
    const unsigned char *payload; /* until the next record is asked for */
};

/* Bytes [0, next) were looked at. Those of the latest call's damage are [bad, bad + nbad). */
struct trace_records {
    int fd;
    uint64_t size; /* of the file, when it was opened */
    uint64_t next;
    uint64_t cut; /* bytes at the end that are no whole record; known at the end */
    uint64_t bad, nbad;
    const char *how; /* what is wrong with them; NULL: nothing was */

    unsigned char *payload; /* grows with the longest */
    size_t room;
    uint64_t wasted; /* bytes of records that only looked like one */
    unsigned char window[TRACE_WINDOW];
    uint64_t window_at;
    size_t window_size;
};

/* Of an open file, from `next` on; 0 or an errno value. trace_records_end in either case. */
int trace_records_begin(struct trace_records *records, int fd, uint64_t next);
void trace_records_end(struct trace_records *records);

/* 1: *raw is the next good record; 0: there is none; -1: errno says why. Look at `how` in
 * the first two cases. */
int trace_records_next(struct trace_records *records, struct trace_raw *raw);

/* As pread, but all of it or what there is up to the end of the file. */
ssize_t trace_read_at(int fd, void *to, size_t n, uint64_t offset);

#endif
