/*
 * observe/trace_sink.h - where the records of a recording go: into a file of this process
 * (trace_file.c), or into memory that `weir run` reads (trace_ring.c). One of the two at a
 * time; chosen before a recording starts.
 */
#ifndef WEIR_OBSERVE_TRACE_SINK_H
#define WEIR_OBSERVE_TRACE_SINK_H

#include "observe/bytes.h"
#include "observe/run_page.h"

struct weir__trace_sink {
    bool outlives; /* what was written is there when the process is killed; and costs little */

    /* Appends a record of two parts. False: nothing was written, now or earlier. */
    bool (*write)(uint32_t type, const void *head, size_t nhead, const void *body, size_t nbody);

    /* An empty chunk for the events of one thread, and its bytes; NULL: there is none. Never
     * waits. */
    struct weir__run_chunk *(*chunk_take)(size_t *bytes);

    /* The events are to be read. True: they will be. *chunk is the one to go on with, or
     * NULL. */
    bool (*chunk_done)(struct weir__run_chunk **chunk);
};

extern const struct weir__trace_sink weir__trace_file_sink, weir__trace_ring_sink;
extern const struct weir__trace_sink *weir__trace_sink;

WEIR__INLINE bool weir__trace_write(uint32_t type, const void *head, size_t nhead, const void *body,
                                    size_t nbody)
{
    return weir__trace_sink->write(type, head, nhead, body, nbody);
}

/* What an EVTS record of the chunk's first `events` begins with (at most 5 varints). */
WEIR__INLINE unsigned char *weir__chunk_head(unsigned char *at, const struct weir__run_chunk *chunk,
                                             uint64_t events)
{
    at = weir__put_varint(at, chunk->thread);
    at = weir__put_varint(at, chunk->tid);
    at = weir__put_varint(at, chunk->base_number);
    at = weir__put_varint(at, chunk->base_ticks);
    return weir__put_varint(at, events);
}

/* The shared memory and this process's image in it (trace_ring.c). */
void weir__trace_ring_attach(void *page, uint32_t image);

#endif
