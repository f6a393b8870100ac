/*
 * observe/event.h - the events of a recording as a thread codes them into its stream
 * (docs/internals/trace-format.md), each between weir__stream_enter and _leave, and the clock that
 * they have. Owns that clock. What the core's hooks hand over is not kept.
 */
#ifndef WEIR_OBSERVE_EVENT_H
#define WEIR_OBSERVE_EVENT_H

#include "track/trace_hook.h"

/* -- what happened: dropped, and counted, where the thread has no stream ------------------- */

void weir__event_allocated(const struct weir__trace_event *event);
void weir__event_freed(const struct weir__trace_event *event);
void weir__event_resized(const struct weir__trace_event *event);

/* `n` (< 64) bytes that the sub-kind asks for. */
void weir__event_other(unsigned sub, uint64_t number, const void *payload, size_t n);

/* Up to this number frees tell the size of their block. Atomic. */
extern uint64_t weir__event_sized_until;

/* -- the clock ------------------------------------------------------------------------------- */

uint64_t weir__trace_ticks(void);

/* From here on: a word that another process keeps. For processes that may not ask the time. */
void weir__trace_clock_set(const uint64_t *ticks);

/* A word that another process changes whenever it looks, NULL: there is none. Events that come
 * close together then share one reading of the clock, up to the next look. */
void weir__trace_looks_set(const uint64_t *looks);

#endif
