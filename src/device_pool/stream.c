/*
 * device_pool/stream.c - which stream may use which free block. Events are recorded late, when
 * another stream asks or memory is to be given back, so that a free costs no call: one
 * event covers all frees before it.
 */
#include "backing/meta.h"
#include "device_pool/pool.h"
#include "os/thread.h"

#include <errno.h>

static WEIR__TLS struct weir__device_here here;

struct weir__device_here *weir__device_here(void)
{
    return &here;
}

static struct weir__device_stream *stream_find(const struct weir__device *d, const void *handle)
{
    struct weir__link *at = d->streams.first;
    while (at && weir__device_stream_of(at)->handle != handle)
        at = at->next;
    return weir__device_stream_of(at);
}

struct weir__device_stream *weir__device_stream_get(struct weir__device *d, void *handle)
{
    struct weir__device_stream *s = weir__device_stream_of(d->streams.first);
    if (weir__likely(s && s->handle == handle && !s->gone))
        return s;
    s = stream_find(d, handle);
    if (s) {
        weir__list_remove(&d->streams, &s->link);
    } else {
        if (!(s = weir__device_meta(d, sizeof *s)))
            return NULL;
        s->handle = handle;
        d->nstreams++;
    }
    s->gone = false; /* a handle seen again is a new stream */
    weir__list_push(&d->streams, &s->link);
    return s;
}

/* -- events ------------------------------------------------------------------------------- */

static void event_spare(struct weir__device *d, struct weir__device_event *event)
{
    weir__list_push(&d->spare_events, &event->link);
}

/* The first of a list, taken out; NULL: it is empty. */
static struct weir__device_event *event_take(struct weir__list *events)
{
    struct weir__link *first = events->first;
    if (first)
        weir__list_remove(events, first);
    return weir__list_of(first, struct weir__device_event, link);
}

/* What is recorded on the stream says nothing new. */
static void events_drop(struct weir__device *d, struct weir__device_stream *s)
{
    for (struct weir__device_event *event; (event = event_take(&s->events));)
        event_spare(d, event);
}

/* An event recorded on the stream now, or NULL. */
static struct weir__device_event *event_record(struct weir__device *d,
                                               const struct weir__device_stream *s)
{
    struct weir__device_event *event = event_take(&d->spare_events);
    if (!event) {
        if (!(event = weir__device_meta(d, sizeof *event)))
            return NULL;
        if (d->table.event_create(d->table.user, &event->handle)) {
            weir__device_meta_free(d, event, sizeof *event);
            return NULL;
        }
    }
    if (!d->table.event_record(d->table.user, event->handle, s->handle))
        return event;
    event_spare(d, event);
    return NULL;
}

/* A device that fails when it is asked has not said that its work is over. */
static bool event_is_over(struct weir__device *d, const struct weir__device_event *event, bool wait)
{
    return wait ? !d->table.event_synchronize(d->table.user, event->handle)
                : !d->table.event_query(d->table.user, event->handle);
}

bool weir__device_stream_is_over(struct weir__device *d, const struct weir__device_stream *s)
{
    return s->gone || !d->table.stream_synchronize(d->table.user, s->handle);
}

/* -- free on a stream, free for all ------------------------------------------------------- */

void weir__device_free_block(struct weir__device *d, struct weir__device_block *block,
                             struct weir__device_stream *stream)
{
    block->state = WEIR__DEVICE_FREE;
    block->stream = stream->gone ? &d->any : stream;
    block->sequence = stream->gone ? 0 : ++stream->freed;
    weir__device_join(d, block);
}

static void stream_mark(struct weir__device *d, struct weir__device_stream *s)
{
    struct weir__device_event *event = event_record(d, s);
    if (!event)
        return;
    event->upto = s->marked = s->freed;
    weir__list_append(&s->events, &event->link);
}

/* The blocks whose frees are over go to the list for all. */
static void stream_move(struct weir__device *d, struct weir__device_stream *s)
{
    for (unsigned kind = 0; kind < WEIR__DEVICE_KINDS; kind++) {
        struct weir__device_bins *bins = &s->bins[kind];
        for (int bin = weir__device_bins_before(bins, WEIR__DEVICE_BINS); bin >= 0;
             bin = weir__device_bins_before(bins, bin))
            for (struct weir__link *at = bins->lists[bin].first, *next; at; at = next) {
                struct weir__device_block *b = weir__device_block_of(at);
                next = at->next;
                if (b->sequence > s->done)
                    continue;
                weir__device_unlist(b);
                b->stream = &d->any;
                b->sequence = 0;
                weir__device_join(d, b);
            }
    }
}

static void stream_poll(struct weir__device *d, struct weir__device_stream *s, bool wait)
{
    uint64_t before = s->done;
    for (struct weir__link *at; (at = s->events.first);) {
        struct weir__device_event *event = weir__list_of(at, struct weir__device_event, link);
        if (!event_is_over(d, event, wait))
            break;
        s->done = event->upto;
        event_spare(d, event_take(&s->events));
    }
    if (wait && s->done < s->freed && weir__device_stream_is_over(d, s)) {
        events_drop(d, s); /* none was to be had, or it failed */
        s->done = s->freed;
    }
    if (s->done > before)
        stream_move(d, s);
}

/* -- uses --------------------------------------------------------------------------------- */

int weir__device_use_add(struct weir__device *d, struct weir__device_block *block,
                         struct weir__device_stream *stream)
{
    if (stream == block->stream)
        return 0;
    for (struct weir__device_use *use = block->uses; use; use = use->next)
        if (use->stream == stream)
            return 0;
    struct weir__device_use *use = weir__device_meta(d, sizeof *use);
    if (!use)
        return ENOMEM;
    *use = (struct weir__device_use){stream, NULL, block->uses};
    block->uses = use;
    return 0;
}

static void use_drop(struct weir__device *d, struct weir__device_use **link)
{
    struct weir__device_use *use = *link;
    *link = use->next;
    if (use->event)
        event_spare(d, use->event);
    weir__device_meta_free(d, use, sizeof *use);
}

void weir__device_uses_drop(struct weir__device *d, struct weir__device_block *block)
{
    while (block->uses)
        use_drop(d, &block->uses);
}

static bool use_is_over(struct weir__device *d, struct weir__device_use *use, bool wait)
{
    if (use->stream->gone)
        return true;
    if (!use->event) /* none was to be had so far; a later one covers more */
        use->event = event_record(d, use->stream);
    return (use->event && event_is_over(d, use->event, wait)) ||
           (wait && weir__device_stream_is_over(d, use->stream));
}

/* True: none is left. */
static bool uses_poll(struct weir__device *d, struct weir__device_block *block, bool wait)
{
    struct weir__device_use **link = &block->uses;
    while (*link)
        if (use_is_over(d, *link, wait))
            use_drop(d, link);
        else
            link = &(*link)->next;
    return !block->uses;
}

static void block_wait(struct weir__device *d, struct weir__device_block *block,
                       struct weir__device_stream *stream)
{
    block->state = WEIR__DEVICE_WAITING;
    block->stream = stream;
    weir__list_push(&d->waiting, &block->link);
    d->waiting_bytes += block->size;
}

void weir__device_defer(struct weir__device *d, struct weir__device_block *block,
                        struct weir__device_stream *stream)
{
    for (struct weir__device_use **link = &block->uses; *link;) {
        struct weir__device_use *use = *link;
        bool over = use->stream == stream || use->stream->gone;
        if (!over && !use->event)
            use->event = event_record(d, use->stream);
        if (over || (!use->event && weir__device_stream_is_over(d, use->stream)))
            use_drop(d, link);
        else
            link = &use->next;
    }
    if (block->uses)
        block_wait(d, block, stream);
    else
        weir__device_free_block(d, block, stream);
}

void weir__device_lose(struct weir__device *d, struct weir__device_block *block)
{
    block->lost = true;
    block_wait(d, block, block->stream);
}

static void waiting_poll(struct weir__device *d, bool wait)
{
    for (struct weir__link *at = d->waiting.first, *next; at; at = next) {
        struct weir__device_block *block = weir__device_block_of(at);
        next = at->next;
        if (block->lost || !uses_poll(d, block, wait))
            continue;
        weir__list_remove(&d->waiting, at);
        d->waiting_bytes -= block->size;
        weir__device_free_block(d, block, block->stream);
    }
}

/* -- all of them -------------------------------------------------------------------------- */

void weir__device_settle(struct weir__device *d, const struct weir__device_stream *but, bool wait)
{
    waiting_poll(d, wait);
    for (struct weir__link *at = d->streams.first; at; at = at->next) {
        struct weir__device_stream *s = weir__device_stream_of(at);
        if (s != but && s->nfree && s->marked < s->freed)
            stream_mark(d, s);
        if (s->events.first || (wait && s != but))
            stream_poll(d, s, wait);
    }
}

int weir__device_stream_drop(struct weir__device *d, void *handle)
{
    int error = d->table.stream_synchronize(d->table.user, handle);
    if (error)
        return error;
    struct weir__device_stream *s = stream_find(d, handle);
    if (!s)
        return 0;
    events_drop(d, s);
    s->done = s->marked = s->freed;
    s->gone = true;
    stream_move(d, s);
    waiting_poll(d, false);
    return 0;
}

void weir__device_streams_destroy(struct weir__device *d)
{
    while (d->streams.first) {
        struct weir__device_stream *s = weir__device_stream_of(d->streams.first);
        weir__list_remove(&d->streams, &s->link);
        events_drop(d, s);
        weir__device_meta_free(d, s, sizeof *s);
    }
    for (struct weir__device_event *event; (event = event_take(&d->spare_events));) {
        d->table.event_destroy(d->table.user, event->handle);
        weir__device_meta_free(d, event, sizeof *event);
    }
}
