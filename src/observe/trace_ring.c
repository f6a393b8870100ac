/*
 * observe/trace_ring.c - the records of a recording in chunks of the memory that `weir run`
 * reads (observe/run_page.h). No system call, no wait: where no chunk is free what would
 * have gone into it is dropped, and the caller counts it. Owns the chunk of records and
 * the lock on it; rank as the file lock's.
 */
#include "observe/trace_sink.h"

#include "os/locks.h"

#include <string.h>

static struct {
    weir__lock lock;
    void *page;
    uint32_t image;
    uint64_t ordinal;                /* of the latest chunk; atomic */
    struct weir__run_chunk *records; /* under the lock; NULL: none yet */
    uint64_t full; /* no chunk was free when so many, less one, had been freed; atomic */
} ring = {.lock = WEIR__LOCK(RECORDING)};
WEIR__LOCKS_KNOW(RECORDING, &ring.lock);

void weir__trace_ring_attach(void *page, uint32_t image)
{
    weir__lock_reset(&ring.lock);
    ring.page = page;
    ring.image = image;
    ring.ordinal = 0;
    ring.records = NULL;
    ring.full = 0;
}

static uint32_t filled_bytes(const struct weir__run_chunk *chunk)
{
    return (uint32_t)chunk->filled;
}

/* Where all are taken each event would look at each of them, for as long as `weir run` is
 * stopped: it looks at one word. */
static struct weir__run_chunk *chunk_take(bool records)
{
    struct weir__run_head *head = ring.page;
    if (!head || __atomic_load_n(&head->closed, __ATOMIC_RELAXED))
        return NULL;
    uint64_t freed = (uint64_t)__atomic_load_n(&head->chunks_freed, __ATOMIC_ACQUIRE) + 1;
    if (__atomic_load_n(&ring.full, __ATOMIC_RELAXED) == freed)
        return NULL;
    int64_t at = weir__run_take(weir__run_chunk_owner(head), WEIR__RUN_CHUNKS, &head->chunk_hint,
                                ring.image + 1);
    if (at < 0) {
        __atomic_store_n(&ring.full, freed, __ATOMIC_RELAXED);
        return NULL;
    }
    struct weir__run_chunk *chunk = weir__run_chunk(head, head->unit, (uint32_t)at);
    chunk->ordinal = __atomic_add_fetch(&ring.ordinal, 1, __ATOMIC_RELAXED);
    __atomic_store_n(&chunk->records, records, __ATOMIC_RELEASE);
    return chunk;
}

static void chunk_close(struct weir__run_chunk *chunk)
{
    __atomic_store_n(&chunk->state, WEIR__CHUNK_FULL, __ATOMIC_RELEASE);
}

/* -- records ------------------------------------------------------------------------------ */

static unsigned char *word_put(unsigned char *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
    return at + sizeof value;
}

static unsigned char *part_put(unsigned char *at, const void *part, size_t n)
{
    if (n)
        memcpy(at, part, n);
    return at + n;
}

static bool records_have_room(size_t n)
{
    if (n > WEIR__RUN_CHUNK_BYTES)
        return false;
    if (ring.records && filled_bytes(ring.records) + n > WEIR__RUN_CHUNK_BYTES) {
        chunk_close(ring.records);
        ring.records = NULL;
    }
    if (!ring.records)
        ring.records = chunk_take(true);
    return ring.records != NULL;
}

static bool ring_write(uint32_t type, const void *head, size_t nhead, const void *body,
                       size_t nbody)
{
    size_t n = 2 * sizeof(uint32_t) + nhead + nbody;
    weir__lock_take(&ring.lock);
    bool room = records_have_room(n);
    if (room) {
        uint32_t filled = filled_bytes(ring.records);
        unsigned char *at = ring.records->bytes + filled;
        at = word_put(word_put(at, type), (uint32_t)(nhead + nbody));
        part_put(part_put(at, head, nhead), body, nbody);
        __atomic_store_n(&ring.records->filled, filled + n, __ATOMIC_RELEASE);
    }
    weir__lock_drop(&ring.lock);
    return room;
}

/* -- events ------------------------------------------------------------------------------- */

static struct weir__run_chunk *ring_chunk_take(size_t *bytes)
{
    *bytes = WEIR__RUN_CHUNK_BYTES;
    return chunk_take(false);
}

static bool ring_chunk_done(struct weir__run_chunk **chunk)
{
    chunk_close(*chunk);
    *chunk = NULL;
    return true;
}

const struct weir__trace_sink weir__trace_ring_sink = {.outlives = true,
                                                       .write = ring_write,
                                                       .chunk_take = ring_chunk_take,
                                                       .chunk_done = ring_chunk_done};

const struct weir__trace_sink *weir__trace_sink = &weir__trace_file_sink;
