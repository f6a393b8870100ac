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
#include "os/thread.h"
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
    uint32_t gone;    /* weir__trace_gone when the shapes were right, and this: */
    uint32_t context; /* the number of that allocator, which had the latest new shape */
    const weir_allocator *allocator; /* NULL: none */
    uint64_t count;                  /* events in the chunk */
    uint64_t number, ticks, address; /* of the latest event */
    uint64_t look;                   /* what the other process's clock said at the latest */
    unsigned timeless, stride;       /* events that have the same time still, and of this time */
    struct weir__run_chunk *chunk;   /* NULL: none */
    unsigned char *at, *end;         /* of the chunk's contents, and of the chunk */
    uint64_t slots[WEIR__TRACE_SLOTS];
    struct weir__shape shapes[WEIR__TRACE_SHAPES];
    uint32_t stacks[WEIR__TRACE_SHAPES]; /* of the latest allocation of each */
    char name[16];                       /* the thread's, as written last */
};

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

/* The calling thread ends. */
void weir__stream_release(void);

/* May the system be asked for the number of a thread? Not in a sandbox. Atomic. */
extern bool weir__stream_may_ask;

/* Called after a chunk went to the file. */
extern void (*weir__stream_written)(void);

/* -- one event (observe/event.h) goes in between ------------------------------------------- */

extern WEIR__TLS struct weir__stream *weir__stream_own; /* NULL: none yet */

/* The generation of the recording, while threads may enter without a fence; else 0.
 * Atomic. */
extern uint32_t weir__streams_current;

struct weir__stream *weir__stream_enter_slow(void);

/* Would the thread's event be kept, as far as it is its own to say? Not in a signal handler that
 * interrupted another event of it. A number that was given out and has no event is missed. */
WEIR__INLINE bool weir__stream_is_free(void)
{
    const struct weir__stream *s = weir__stream_own;
    return !weir__trace_is_copy() && !(s && weir__relaxed_get(s->inside));
}

WEIR__INLINE void weir__stream_leave(struct weir__stream *s)
{
    s->refused = 0;
    __atomic_store_n(&s->inside, 0, __ATOMIC_RELEASE);
}

/* The calling thread's stream, with room for an event, or NULL: the event is dropped, and
 * counted. */
WEIR__INLINE struct weir__stream *weir__stream_enter(void)
{
    struct weir__stream *s = weir__stream_own;
    if (weir__unlikely(!s) || weir__trace_is_copy() || weir__unlikely(weir__relaxed_get(s->inside)))
        return weir__stream_enter_slow();
    weir__relaxed_set(s->inside, 1);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (weir__likely(__atomic_load_n(&weir__streams_current, __ATOMIC_ACQUIRE) == s->generation &&
                     s->end - s->at >= WEIR__EVENT_MOST))
        return s;
    weir__stream_leave(s);
    return weir__stream_enter_slow();
}

#endif
