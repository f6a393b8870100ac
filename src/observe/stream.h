/*
 * observe/stream.h - a thread's part of a recording: its events, coded into a chunk that
 * becomes one EVTS record when it is full (observe/trace_sink.h).
 *
 * A stream is written by its thread alone, between weir__stream_enter and _leave, with
 * plain stores; one store after each event says how much of the chunk may be read. Who
 * takes a stream away clears `recording`, fences all threads
 * (membarrier) and waits until `inside` is 0; then it may read the rest.
 */
#ifndef WEIR_OBSERVE_STREAM_H
#define WEIR_OBSERVE_STREAM_H

#include "observe/format.h"
#include "observe/run_page.h"
#include "track/trace_hook.h"

#define WEIR__EVENT_MOST 128 /* bytes of one event */

struct weir__shape {
    const weir_allocator *allocator; /* NULL: unset */
    size_t requested, usable, alignment;
    weir_tag tag;
};

struct weir__stream {
    uint32_t inside;           /* its thread is writing; atomic */
    uint32_t generation;       /* of the recording that the rest is about */
    uint64_t logged;           /* events put into its chunks; written by its thread; atomic */
    struct weir__stream *next; /* of all streams; under the streams' lock, as the next */
    bool owned;                /* by a thread that lives */
    unsigned refused;          /* in a row, because its thread was inside */

    uint32_t thread, tid;
    uint32_t gone;                   /* weir__trace_contexts_gone when the shapes were right */
    uint64_t count;                  /* events in the chunk */
    uint64_t number, ticks, address; /* of the latest event */
    struct weir__run_chunk *chunk;   /* NULL: none */
    unsigned char *at, *end;         /* of the chunk's contents, and of the chunk */
    uint64_t slots[WEIR__TRACE_SLOTS];
    struct weir__shape shapes[WEIR__TRACE_SHAPES];
};

/* The clock of events. */
uint64_t weir__trace_ticks(void);

/* Starts and ends accepting events. On return from _off no thread is inside. */
void weir__streams_on(void);
void weir__streams_off(void);
bool weir__streams_are_on(void);

/* Events that reached the streams, kept or not, and those not kept. */
uint64_t weir__streams_arrived(void);
uint64_t weir__streams_dropped(void);

/* Writes what is in the chunks; off. */
void weir__streams_flush(void);

/* In a forked child: the streams, and the chunks if they are shared, are of a recording
 * that goes on elsewhere. */
void weir__streams_forget(bool chunks);

/* The clock of events from here on: a word that another process keeps. For processes that
 * may not ask the time. */
void weir__trace_clock_set(const uint64_t *ticks);

/* The calling thread ends. */
void weir__stream_release(void);

/* A byte that is 0 in a process whose memory is a copy and which was told nothing: its events
 * must not go into the chunks of the other. NULL: none. */
extern const char *weir__stream_sentinel;

/* May the system be asked for the number of a thread? Not in a sandbox. Atomic. */
extern bool weir__stream_may_ask;

/* Called after a chunk went to the file. */
extern void (*weir__stream_written)(void);

/* -- one event: enter, put, leave -------------------------------------------------------- */

/* The calling thread's stream, or NULL: the event is dropped, and counted. */
struct weir__stream *weir__stream_enter(void);
void weir__stream_leave(struct weir__stream *stream);

void weir__stream_allocated(struct weir__stream *stream, const struct weir__trace_event *event);
void weir__stream_freed(struct weir__stream *stream, const struct weir__trace_event *event,
                        bool sized);
void weir__stream_resized(struct weir__stream *stream, const struct weir__trace_event *event);

/* `n` (< 64) bytes that the sub-kind asks for. */
void weir__stream_other(struct weir__stream *stream, unsigned sub, uint64_t number,
                        const void *payload, size_t n);

#endif
