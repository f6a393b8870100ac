/* observe/stream.c - see stream.h. */
#include "observe/stream.h"

#include "backing/meta.h"
#include "observe/bytes.h"
#include "observe/ticks.h"
#include "observe/trace_names.h"
#include "observe/trace_sink.h"
#include "os/fence.h"
#include "os/locks.h"
#include "os/thread.h"
#include "os/wait.h"

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
} streams = {.lock = WEIR__LOCK(STREAMS)};
WEIR__LOCKS_KNOW(STREAMS, &streams.lock);

static WEIR__TLS struct weir__stream *stream_own;

void (*weir__stream_written)(void);
const char *weir__stream_sentinel;
bool weir__stream_may_ask = true;

/* -- the clock ---------------------------------------------------------------------------- */

static const uint64_t *clock_outside; /* NULL: this process asks for itself; atomic */

void weir__trace_clock_set(const uint64_t *ticks)
{
    __atomic_store_n(&clock_outside, ticks, __ATOMIC_RELEASE);
}

uint64_t weir__trace_ticks(void)
{
    const uint64_t *outside = __atomic_load_n(&clock_outside, __ATOMIC_ACQUIRE);
    return weir__unlikely(outside != NULL) ? __atomic_load_n(outside, __ATOMIC_RELAXED)
                                           : weir__ticks_now();
}

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
    s->gone = weir__trace_contexts_gone();
}

static void stream_miss(void)
{
    __atomic_add_fetch(&streams.missed, 1, __ATOMIC_RELAXED);
    __atomic_add_fetch(&weir__trace_account->missed, 1, __ATOMIC_RELAXED);
}

static void stream_flush(struct weir__stream *s)
{
    if (!s->count)
        return;
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
    return stream_own = s;
}

void weir__stream_release(void)
{
    struct weir__stream *s = stream_own;
    stream_own = NULL;
    if (!s)
        return;
    uint32_t generation = __atomic_load_n(&streams.generation, __ATOMIC_RELAXED);
    __atomic_store_n(&s->inside, 1, __ATOMIC_SEQ_CST);
    if (weir__streams_are_on() && s->generation == generation)
        stream_flush(s);
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
}

/* Not for this thread itself, which is in a signal handler then, nor for ever: a handler may
 * have jumped out of an event. What is read of a stream ends behind its last whole event. */
static void stream_await(const struct weir__stream *s)
{
    for (unsigned i = 0; s != stream_own && i < AWAIT_TRIES; i++) {
        if (!__atomic_load_n(&s->inside, __ATOMIC_ACQUIRE))
            return;
        weir__os_backoff(i);
    }
}

void weir__streams_off(void)
{
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
    streams.recording = 0;
    streams.generation++;
    for (struct weir__stream *s = streams.all; s; s = s->next) {
        s->inside = 0;
        s->owned = s == stream_own;
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

struct weir__stream *weir__stream_enter(void)
{
    struct weir__stream *s = stream_own;
    const char *sentinel = weir__stream_sentinel;
    if (weir__unlikely(sentinel && !*sentinel)) {
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
    if (weir__unlikely(s->at + WEIR__EVENT_MOST > s->end) && !stream_make_room(s)) {
        weir__stream_leave(s);
        stream_miss();
        return NULL;
    }
    return s;
}

void weir__stream_leave(struct weir__stream *s)
{
    s->refused = 0;
    __atomic_store_n(&s->inside, 0, __ATOMIC_RELEASE);
}

/* The chunk's base, and time. */
WEIR__INLINE void event_prepare(struct weir__stream *s, uint64_t number)
{
    if (s->count == 0) {
        s->chunk->thread = s->thread;
        s->chunk->tid = s->tid;
        s->chunk->base_number = s->number = number - 1;
        s->chunk->base_ticks = s->ticks = weir__trace_ticks();
    }
}

/* The event is whole: from here on it is read, whatever happens to this process. */
WEIR__INLINE void event_done(struct weir__stream *s)
{
    uint64_t bytes = (uint64_t)(s->at - s->chunk->bytes);
    __atomic_store_n(&s->chunk->filled, ++s->count << 32 | bytes, __ATOMIC_RELEASE);
    __atomic_store_n(&s->logged, s->logged + 1, __ATOMIC_RELAXED);
}

WEIR__INLINE unsigned char *event_number(struct weir__stream *s, uint64_t number, unsigned char *at,
                                         unsigned *flags)
{
    if (weir__unlikely(number != s->number + 1)) {
        *flags |= WEIR__TRACE_NUMBER;
        at = weir__put_svarint(at, (int64_t)(number - s->number - 1));
    }
    s->number = number;
    uint64_t ticks = weir__trace_ticks();
    if (ticks > s->ticks) {
        *flags |= WEIR__TRACE_TIME;
        at = weir__put_varint(at, ticks - s->ticks);
        s->ticks = ticks;
    }
    return at;
}

WEIR__INLINE unsigned char *event_address(struct weir__stream *s, const void *block,
                                          unsigned char *at, unsigned *flags)
{
    uint64_t address = (uint64_t)(uintptr_t)block;
    unsigned slot = weir__trace_slot(address);
    int64_t delta = (int64_t)(address - s->address);
    s->address = address;
    if (s->slots[slot] == address && address) {
        *at++ = (unsigned char)slot;
        return at;
    }
    s->slots[slot] = address;
    *flags |= WEIR__TRACE_ADDRESS;
    if (delta & 15) {
        *flags |= WEIR__TRACE_UNALIGNED;
        return weir__put_svarint(at, delta);
    }
    return weir__put_svarint(at, delta / 16);
}

static unsigned shape_slot(const struct weir__trace_event *e)
{
    uint64_t key = e->requested * UINT64_C(0x9e3779b97f4a7c15);
    key ^= ((uint64_t)(uintptr_t)e->allocator >> 6) + e->tag;
    return (unsigned)((key * UINT64_C(0xff51afd7ed558ccd)) >> 57);
}

static WEIR__NOINLINE unsigned char *shape_define(struct weir__stream *s, unsigned slot,
                                                  const struct weir__trace_event *e,
                                                  unsigned char *at)
{
    uint32_t context = weir__trace_context(e->allocator);
    s->shapes[slot] =
        (struct weir__shape){e->allocator, e->requested, e->usable, e->alignment, e->tag};
    at = weir__put_varint(at, e->requested);
    at = weir__put_varint(at, e->usable - e->requested);
    at = weir__put_varint(at, e->alignment ? weir__log2(e->alignment) : 0);
    at = weir__put_varint(at, context);
    return weir__put_varint(at, weir__trace_tag(e->tag));
}

WEIR__INLINE unsigned char *event_shape(struct weir__stream *s, const struct weir__trace_event *e,
                                        unsigned char *at, unsigned *flags)
{
    uint32_t gone = weir__trace_contexts_gone();
    if (weir__unlikely(gone != s->gone)) {
        s->gone = gone;
        memset(s->shapes, 0, sizeof s->shapes);
    }
    unsigned slot = shape_slot(e);
    const struct weir__shape *shape = &s->shapes[slot];
    *at++ = (unsigned char)slot;
    if (weir__likely(shape->allocator == e->allocator && shape->requested == e->requested &&
                     shape->usable == e->usable && shape->tag == e->tag &&
                     shape->alignment == e->alignment))
        return at;
    *flags |= WEIR__TRACE_SHAPE;
    return shape_define(s, slot, e, at);
}

static void block_event(struct weir__stream *s, unsigned kind, const struct weir__trace_event *e)
{
    unsigned flags = kind;
    unsigned char *head = s->at, *at = event_number(s, e->sequence, head + 1, &flags);
    at = event_address(s, e->block, at, &flags);
    s->at = event_shape(s, e, at, &flags);
    *head = (unsigned char)flags;
}

void weir__stream_allocated(struct weir__stream *s, const struct weir__trace_event *e)
{
    event_prepare(s, e->sequence);
    block_event(s, WEIR__TRACE_ALLOCATE, e);
    event_done(s);
}

/* The size before, always: who lists what is live at the start may see a block's new size
 * before the resize has its number. */
void weir__stream_resized(struct weir__stream *s, const struct weir__trace_event *e)
{
    unsigned char before[WEIR__VARINT_MOST];
    size_t n = (size_t)(weir__put_varint(before, e->old_requested) - before);
    bool moved = e->old_block && e->old_block != e->block;
    event_prepare(s, e->sequence);
    *s->at++ = WEIR__TRACE_OTHER | WEIR__TRACE_NOTE_BEFORE << WEIR__TRACE_SUB_SHIFT;
    s->at = weir__put_string(s->at, before, n, n);
    block_event(s, moved ? WEIR__TRACE_MOVE : WEIR__TRACE_RESIZE, e);
    if (moved)
        s->at = weir__put_svarint(s->at, (int64_t)((uintptr_t)e->old_block - (uintptr_t)e->block));
    event_done(s);
}

void weir__stream_freed(struct weir__stream *s, const struct weir__trace_event *e, bool sized)
{
    event_prepare(s, e->sequence);
    unsigned flags = WEIR__TRACE_FREE;
    unsigned char *head = s->at, *at = event_number(s, e->sequence, head + 1, &flags);
    at = event_address(s, e->block, at, &flags);
    if (weir__unlikely(sized)) {
        flags |= WEIR__TRACE_SHAPE;
        at = weir__put_varint(at, e->requested);
    }
    s->at = at;
    *head = (unsigned char)flags;
    event_done(s);
}

void weir__stream_other(struct weir__stream *s, unsigned sub, uint64_t number, const void *payload,
                        size_t n)
{
    event_prepare(s, number);
    unsigned char *at = s->at;
    uint64_t ticks = weir__trace_ticks();
    ticks = ticks > s->ticks ? ticks : s->ticks;
    *at++ = (unsigned char)(WEIR__TRACE_OTHER | sub << WEIR__TRACE_SUB_SHIFT);
    at = weir__put_svarint(at, (int64_t)(number - s->number - 1));
    at = weir__put_varint(at, ticks - s->ticks);
    s->at = weir__put_string(at, payload, n, n);
    s->number = number;
    s->ticks = ticks;
    event_done(s);
}
