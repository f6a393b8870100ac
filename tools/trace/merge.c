/*
 * tools/trace/merge.c - a heap of threads by the number of their next event, and a heap of
 * events that came before their turn.
 */
#include "tools/trace/merge.h"
#include "tools/common/memory.h"

#include "tools/trace/decode.h"
#include "tools/trace/pack.h"
#include "tools/trace/records.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Events held back before a missing number counts as lost. */
#define EARLY_MOST ((size_t)1 << 16)

struct lane {                 /* a thread */
    struct trace_record next; /* its number orders the heap; other fields once `open` */
    size_t chunk;             /* of its chunks: the one being read or, if not open, to be opened */
    bool open;
    uint64_t events; /* of the open chunk, read so far */
    unsigned char *payload;
    struct trace_decoder *decoder;
};

struct trace_merge {
    struct trace_info *info;
    size_t *next_chunk; /* by chunk: the same thread's next, or SIZE_MAX */
    struct lane *lanes; /* heap by next.number */
    size_t nlanes;
    struct trace_record *early; /* heap by number */
    size_t nearly;
    uint64_t expected, missing, strays;
};

/* -- heaps: `less` than both children; elements are swapped whole ------------------------------ */

static void lane_swap(struct lane *a, struct lane *b)
{
    struct lane kept = *a;
    *a = *b;
    *b = kept;
}

static void lanes_sink(struct trace_merge *m, size_t i)
{
    for (size_t child; (child = 2 * i + 1) < m->nlanes; i = child) {
        if (child + 1 < m->nlanes && m->lanes[child + 1].next.number < m->lanes[child].next.number)
            child++;
        if (m->lanes[i].next.number <= m->lanes[child].next.number)
            return;
        lane_swap(&m->lanes[i], &m->lanes[child]);
    }
}

static void early_add(struct trace_merge *m, const struct trace_record *record)
{
    size_t i = m->nearly++;
    for (; i && m->early[(i - 1) / 2].number > record->number; i = (i - 1) / 2)
        m->early[i] = m->early[(i - 1) / 2];
    m->early[i] = *record;
}

static struct trace_record early_take(struct trace_merge *m)
{
    struct trace_record least = m->early[0], last = m->early[--m->nearly];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < m->nearly; i = child) {
        if (child + 1 < m->nearly && m->early[child + 1].number < m->early[child].number)
            child++;
        if (last.number <= m->early[child].number)
            break;
        m->early[i] = m->early[child];
    }
    if (m->nearly)
        m->early[i] = last;
    return least;
}

/* -- lanes -------------------------------------------------------------------------------- */

static void lane_close(struct lane *lane)
{
    free(lane->payload); /* NOLINT(clang-analyzer-unix.Malloc): NULL once it is closed */
    free(lane->decoder); /* NOLINT(clang-analyzer-unix.Malloc) */
    lane->payload = NULL;
    lane->decoder = NULL;
    lane->open = false;
}

/* Where they cannot be unpacked the chunk has no good event. 0 or -1. */
static int lane_unpack(struct trace_info *info, struct lane *lane, size_t *length)
{
    struct trace_chunk *chunk = &info->chunks[lane->chunk];
    unsigned char *events = trace_unpack(lane->payload, chunk->length, length);
    if (events) {
        free(lane->payload);
        lane->payload = events;
        return 0;
    }
    bool known = chunk->damaged;
    chunk->damaged = true;
    chunk->good = 0;
    return !known && trace_info_damage(info, chunk->offset, chunk->length,
                                       "events that cannot be unpacked")
               ? -1
               : 0;
}

/* Of a chunk found to be damaged the good events come, no more. */
static int lane_open(struct trace_info *info, struct lane *lane)
{
    const struct trace_chunk *chunk = &info->chunks[lane->chunk];
    size_t length = chunk->length;
    lane_close(lane);
    lane->payload = memory_array(NULL, chunk->length, 1);
    lane->decoder = memory_array(NULL, 1, sizeof *lane->decoder);
    ssize_t n = trace_read_at(info->fd, lane->payload, chunk->length, chunk->offset);
    if (n != (ssize_t)chunk->length) {
        trace_info_fail(info, EIO, "%s", strerror(n < 0 ? errno : EIO));
        return -1;
    }
    if (chunk->packed && lane_unpack(info, lane, &length) != 0)
        return -1;
    if (!trace_decoder_begin(lane->decoder, lane->payload, length))
        lane->decoder->left = 1; /* which cannot be read */
    if (chunk->damaged)
        lane->decoder->left = chunk->good;
    lane->events = 0;
    lane->open = true;
    return 0;
}

/* The rest of the chunk cannot be read. 0: go on without, or -1. */
static int lane_damaged(struct trace_info *info, const struct lane *lane, const unsigned char *from)
{
    struct trace_chunk *chunk = &info->chunks[lane->chunk];
    uint64_t at = chunk->packed ? 0 : (uint64_t)(from - lane->payload);
    chunk->damaged = true;
    chunk->good = lane->events;
    return trace_info_damage(info, chunk->offset + at, chunk->length - at,
                             "events that cannot be read")
               ? -1
               : 0;
}

/* The next event of the chunk that is open. 1, 0: there are no more good ones, -1. */
static int lane_decode(struct trace_info *info, struct lane *lane)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): of an open lane */
    const unsigned char *from = lane->decoder->cursor.at;
    int got = trace_decoder_next(lane->decoder, &lane->next);
    if (got < 0)
        return lane_damaged(info, lane, from);
    lane->events += (unsigned)got;
    return got;
}

/* The lane's next event, opening chunks as they come. 1, 0: it has no more, -1. */
static int lane_advance(struct trace_merge *m, struct lane *lane)
{
    if (!lane->open && lane_open(m->info, lane) != 0)
        return -1;
    int got = lane_decode(m->info, lane);
    if (got)
        return got;
    lane_close(lane);
    lane->chunk = m->next_chunk[lane->chunk];
    if (lane->chunk == SIZE_MAX)
        return 0;
    /* Not before its turn: the lane waits closed, at the number the record names. */
    lane->next = (struct trace_record){.number = m->info->chunks[lane->chunk].number};
    return 1;
}

/* The least event of all lanes. 1, 0, -1. */
static int lanes_take(struct trace_merge *m, struct trace_record *record)
{
    while (m->nlanes) {
        struct lane *first = &m->lanes[0];
        bool fresh = !first->open;
        if (!fresh)
            *record = first->next;
        int got = lane_advance(m, first);
        if (got < 0)
            return -1;
        if (got == 0) {
            lane_close(first);
            *first = m->lanes[--m->nlanes];
        }
        lanes_sink(m, 0);
        if (!fresh)
            return 1;
    }
    return 0;
}

/* -- making ------------------------------------------------------------------------------- */

/* By thread, then by time: weir run writes a thread's chunks as it comes upon them. */
static int chunk_compare(const void *left, const void *right, void *user)
{
    const struct trace_chunk *chunks = user;
    size_t i = *(const size_t *)left, j = *(const size_t *)right;
    const struct trace_chunk *a = &chunks[i], *b = &chunks[j];
    if (a->thread != b->thread)
        return a->thread < b->thread ? -1 : 1;
    if (a->ticks != b->ticks)
        return a->ticks < b->ticks ? -1 : 1;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return i < j ? -1 : i > j;
}

/* Chains the chunks of each thread, makes a lane of each first one. */
static void lanes_make(struct trace_merge *m)
{
    size_t n = m->info->nchunks;
    size_t *order = memory_array(NULL, n, sizeof *order);
    m->next_chunk = memory_array(NULL, n, sizeof *m->next_chunk);
    m->lanes = memory_zeroed(n, sizeof *m->lanes);
    for (size_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof *order, chunk_compare, m->info->chunks);
    for (size_t i = 0; i < n; i++) {
        const struct trace_chunk *chunk = &m->info->chunks[order[i]];
        bool last = i + 1 == n || m->info->chunks[order[i + 1]].thread != chunk->thread;
        m->next_chunk[order[i]] = last ? SIZE_MAX : order[i + 1];
        if (i == 0 || m->info->chunks[order[i - 1]].thread != chunk->thread)
            m->lanes[m->nlanes++] = (struct lane){.next.number = chunk->number, .chunk = order[i]};
    }
    free(order);
    for (size_t i = m->nlanes / 2; i-- > 0;)
        lanes_sink(m, i);
}

struct trace_merge *trace_merge_begin(struct trace_info *info)
{
    struct trace_merge *m = memory_zeroed(1, sizeof *m);
    m->info = info;
    m->expected = 1;
    m->early = memory_array(NULL, EARLY_MOST, sizeof *m->early);
    lanes_make(m);
    return m;
}

void trace_merge_end(struct trace_merge *m)
{
    for (size_t i = 0; i < m->nlanes; i++)
        lane_close(&m->lanes[i]);
    free(m->lanes);
    free(m->next_chunk);
    free(m->early);
    free(m);
}

/* -- taking ------------------------------------------------------------------------------- */

/* Does another event have this number, or can none have it? */
static bool is_stray(const struct trace_merge *m, uint64_t number)
{
    const struct trace_info *info = m->info;
    return number < m->expected ||
           (info->tolerant && info->foot.present && number > info->foot.events);
}

/* 1, 0: it is left out, -1. */
static int deliver(struct trace_merge *m, const struct trace_record *record)
{
    if (!is_stray(m, record->number)) {
        m->missing += record->number - m->expected;
        m->expected = record->number + 1;
        return 1;
    }
    m->strays++;
    if (m->info->tolerant)
        return 0;
    trace_info_fail(m->info, EINVAL, "damaged: event %llu comes twice or far too late",
                    (unsigned long long)record->number);
    return -1;
}

/* The event of the least number there is, as far as it can be told. 1, 0, -1. */
static int merge_take(struct trace_merge *m, struct trace_record *record)
{
    while (!m->nearly || m->early[0].number > m->expected) {
        struct trace_record taken;
        int got = m->nearly < EARLY_MOST ? lanes_take(m, &taken) : 0;
        if (got < 0)
            return -1;
        if (got == 0)
            break;
        if (taken.number == m->expected) {
            *record = taken;
            return 1;
        }
        early_add(m, &taken);
    }
    if (!m->nearly)
        return 0;
    *record = early_take(m);
    return 1;
}

int trace_merge_next(struct trace_merge *m, struct trace_record *record)
{
    int got;
    while ((got = merge_take(m, record)) > 0 && (got = deliver(m, record)) == 0)
        ;
    return got;
}

uint64_t trace_merge_last(const struct trace_merge *m)
{
    return m->expected - 1;
}

uint64_t trace_merge_strays(const struct trace_merge *m)
{
    return m->strays;
}

uint64_t trace_merge_missing(const struct trace_merge *m)
{
    return m->missing;
}
