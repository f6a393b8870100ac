/* observe/stream.c - see stream.h. */
#include "observe/stream.h"

#include "backing/meta.h"
#include "observe/stacks.h"
#include "observe/trace_names.h"
#include "observe/trace_sink.h"
#include "os/fence.h"
#include "os/locks.h"
#include "os/thread.h"
#include "os/wait.h"

#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define AWAIT_TRIES 40000 /* 2 s */

static struct {
    weir__lock lock;
    struct weir__stream *all; /* never removed, re-used by other threads */
    uint32_t recording;       /* atomic */
    uint32_t generation;      /* atomic; counts recordings */
    bool fences;              /* the system has membarrier; written before `recording` */
    uint32_t threads;         /* of this recording; atomic */
    uint64_t missed, lost;    /* events that found no buffer, or went with one; atomic */
    uint64_t logged;          /* by threads that ended; under the lock */
} streams WEIR__AT_START = {.lock = WEIR__LOCK(STREAMS)};
WEIR__LOCKS_KNOW(STREAMS, &streams.lock);

WEIR__TLS struct weir__stream *weir__stream_own;
uint32_t weir__streams_current;

void (*weir__stream_written)(void) WEIR__AT_START;
bool weir__stream_may_ask = true;

/* -- chunks -------------------------------------------------------------------------------- */

/* Its chunk, if any, is empty. */
static void stream_restart(struct weir__stream *s)
{
    s->at = s->chunk ? s->chunk->bytes : NULL;
    s->end = s->chunk ? s->end : NULL;
    s->count = 0;
    s->address = 0;
    memset(s->slots, 0, sizeof s->slots);
    memset(s->shapes, 0, sizeof s->shapes);
    if (weir__relaxed_get(weir__stacks_from) != WEIR__STACKS_OFF)
        memset(s->stacks, 0, sizeof s->stacks);
    s->gone = weir__relaxed_get(weir__trace_gone);
    s->allocator = NULL;
}

static void stream_miss(void)
{
    __atomic_add_fetch(&streams.missed, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&weir__trace_account->missed, 1, __ATOMIC_RELAXED);
}

/* What the system calls the thread, which calls this; where it changed. Asked with the first event
 * and with the last, of recordings with stacks alone: a recording without them makes no call for
 * it. */
static void stream_name(struct weir__stream *s)
{
    unsigned char record[WEIR__VARINT_MOST + sizeof s->name + 1], *at = record;
    char name[sizeof s->name] = "";
    if (weir__relaxed_get(weir__stacks_from) == WEIR__STACKS_OFF ||
        !__atomic_load_n(&weir__stream_may_ask, __ATOMIC_RELAXED) ||
        prctl(PR_GET_NAME, name) != 0 || strncmp(name, s->name, sizeof name) == 0)
        return;
    memcpy(s->name, name, sizeof name);
    at = weir__put_varint(at, s->thread);
    at = weir__put_string(at, name, strnlen(name, sizeof name), sizeof name);
    weir__trace_write(WEIR__TRACE_THRN, record, (size_t)(at - record), NULL, 0);
}

static void stream_flush(struct weir__stream *s)
{
    if (!s->count)
        return;
    weir__stacks_flush();
    if (!weir__trace_sink->chunk_done(&s->chunk))
        __atomic_add_fetch(&streams.lost, s->count, __ATOMIC_RELAXED);
    stream_restart(s);
    if (weir__stream_written)
        weir__stream_written();
}

/* Room for an event. False: there is no chunk. */
static WEIR__NOINLINE bool stream_make_room(struct weir__stream *s)
{
    size_t bytes;
    stream_flush(s);
    if (s->chunk)
        return true;
    s->chunk = weir__trace_sink->chunk_take(&bytes);
    s->end = s->chunk ? s->chunk->bytes + bytes : NULL;
    stream_restart(s);
    return s->chunk != NULL;
}

/* For a recording that the stream has no part in yet. */
static void stream_begin(struct weir__stream *s, uint32_t generation)
{
    s->thread = __atomic_add_fetch(&streams.threads, 1, __ATOMIC_RELAXED);
    s->tid = __atomic_load_n(&weir__stream_may_ask, __ATOMIC_RELAXED)
                 ? (uint32_t)syscall(SYS_gettid)
                 : s->thread;
    __atomic_store_n(&s->logged, 0, __ATOMIC_RELAXED);
    memset(s->name, 0, sizeof s->name);
    stream_name(s);
    stream_restart(s);
    __atomic_store_n(&s->generation, generation, __ATOMIC_RELEASE);
}

static struct weir__stream *stream_unowned_locked(void)
{
    for (struct weir__stream *s = streams.all; s; s = s->next)
        if (!s->owned)
            return s;
    return NULL;
}

static WEIR__NOINLINE struct weir__stream *stream_make(void)
{
    weir__lock_take(&streams.lock);
    struct weir__stream *s = stream_unowned_locked();
    if (!s && (s = weir__meta_allocate(sizeof *s))) {
        s->next = streams.all;
        streams.all = s;
    }
    if (s)
        s->owned = true;
    weir__lock_drop(&streams.lock);
    return weir__stream_own = s;
}

void weir__stream_release(void)
{
    struct weir__stream *s = weir__stream_own;
    weir__stacks_release();
    weir__stream_own = NULL;
    if (!s)
        return;
    uint32_t generation = __atomic_load_n(&streams.generation, __ATOMIC_RELAXED);
    __atomic_store_n(&s->inside, 1, __ATOMIC_SEQ_CST);
    if (weir__streams_are_on() && s->generation == generation) {
        stream_name(s);
        stream_flush(s);
    }
    weir__stream_leave(s);
    weir__lock_take(&streams.lock);
    if (weir__streams_are_on() && s->generation == generation) {
        streams.logged += s->logged;
        __atomic_store_n(&s->generation, 0, __ATOMIC_RELAXED);
    } /* else who ends the recording writes what is left in it */
    s->owned = false;
    weir__lock_drop(&streams.lock);
}

/* -- on and off ----------------------------------------------------------------------------- */

bool weir__streams_are_on(void)
{
    return __atomic_load_n(&streams.recording, __ATOMIC_RELAXED);
}

void weir__streams_on(void)
{
    streams.threads = 0;
    streams.logged = 0;
    __atomic_store_n(&streams.fences, weir__os_fence_available(), __ATOMIC_RELAXED);
    __atomic_store_n(&streams.missed, 0, __ATOMIC_RELAXED);
    __atomic_store_n(&streams.lost, 0, __ATOMIC_RELAXED);
    __atomic_add_fetch(&streams.generation, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&streams.recording, 1, __ATOMIC_RELEASE);
    if (streams.fences)
        __atomic_store_n(&weir__streams_current, streams.generation, __ATOMIC_RELEASE);
}

/* Not for this thread itself, which is in a signal handler then, nor for ever: a handler may
 * have jumped out of an event. What is read of a stream ends behind its last whole event. */
static void stream_await(const struct weir__stream *s)
{
    for (unsigned i = 0; s != weir__stream_own && i < AWAIT_TRIES; i++) {
        if (!__atomic_load_n(&s->inside, __ATOMIC_ACQUIRE))
            return;
        weir__os_backoff(i);
    }
}

void weir__streams_off(void)
{
    __atomic_store_n(&weir__streams_current, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&streams.recording, 0, __ATOMIC_SEQ_CST);
    if (streams.fences) /* even if the system call has gone since */
        weir__os_fence_others();
    weir__lock_take(&streams.lock);
    struct weir__stream *first = streams.all;
    weir__lock_drop(&streams.lock);
    for (struct weir__stream *s = first; s; s = s->next)
        stream_await(s);
}

static bool stream_takes_part(const struct weir__stream *s)
{
    return __atomic_load_n(&s->generation, __ATOMIC_ACQUIRE) ==
           __atomic_load_n(&streams.generation, __ATOMIC_RELAXED);
}

uint64_t weir__streams_arrived(void)
{
    weir__lock_take(&streams.lock);
    uint64_t logged = streams.logged + __atomic_load_n(&streams.missed, __ATOMIC_RELAXED);
    for (const struct weir__stream *s = streams.all; s; s = s->next)
        if (stream_takes_part(s))
            logged += __atomic_load_n(&s->logged, __ATOMIC_RELAXED);
    weir__lock_drop(&streams.lock);
    return logged;
}

uint64_t weir__streams_dropped(void)
{
    return __atomic_load_n(&streams.missed, __ATOMIC_RELAXED) +
           __atomic_load_n(&streams.lost, __ATOMIC_RELAXED);
}

void weir__streams_flush(void)
{
    weir__lock_take(&streams.lock);
    for (struct weir__stream *s = streams.all; s; s = s->next)
        if (stream_takes_part(s))
            stream_flush(s);
    weir__lock_drop(&streams.lock);
}

void weir__streams_forget(bool chunks)
{
    weir__lock_reset(&streams.lock);
    streams.recording = weir__streams_current = 0;
    streams.generation++;
    for (struct weir__stream *s = streams.all; s; s = s->next) {
        s->inside = 0;
        s->owned = s == weir__stream_own;
        s->count = 0;
        if (chunks)
            s->chunk = NULL;
        s->at = s->end = NULL;
    }
}

/* A signal handler that allocates may find its thread in the middle of an event: its own are
 * dropped. One that jumped out of it left it so for ever: who finds it for the hundredth
 * time goes on behind the last whole event, in a new chunk: the state that the codes rest on
 * may be ahead of it. */
static WEIR__NOINLINE bool stream_is_busy(struct weir__stream *s)
{
    if (++s->refused < 100)
        return true;
    s->refused = 0;
    stream_flush(s);
    stream_restart(s);
    return false;
}

/* -- events ----------------------------------------------------------------------------------- */

struct weir__stream *weir__stream_enter_slow(void)
{
    struct weir__stream *s = weir__stream_own;
    if (weir__trace_is_copy()) {
        stream_miss();
        return NULL;
    }
    if (weir__unlikely(!s) && !(s = stream_make())) {
        stream_miss();
        return NULL;
    }
    if (weir__unlikely(__atomic_load_n(&s->inside, __ATOMIC_RELAXED)) && stream_is_busy(s)) {
        stream_miss();
        return NULL;
    }
    if (weir__likely(__atomic_load_n(&streams.fences, __ATOMIC_RELAXED))) {
        __atomic_store_n(&s->inside, 1, __ATOMIC_RELAXED);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    } else {
        __atomic_exchange_n(&s->inside, 1, __ATOMIC_SEQ_CST);
    }
    if (weir__unlikely(!__atomic_load_n(&streams.recording, __ATOMIC_ACQUIRE))) {
        weir__stream_leave(s);
        stream_miss();
        return NULL;
    }
    uint32_t generation = __atomic_load_n(&streams.generation, __ATOMIC_RELAXED);
    if (weir__unlikely(s->generation != generation))
        stream_begin(s, generation);
    if (weir__unlikely(s->end - s->at < WEIR__EVENT_MOST) && !stream_make_room(s)) {
        weir__stream_leave(s);
        stream_miss();
        return NULL;
    }
    return s;
}
