/*
 * tools/run/chunks.c - takes what the programs recorded out of the shared memory: the records
 * of each image, then the events of each thread in the order in which they were made. A chunk
 * that was read is given back.
 */
#include "tools/run/run.h"

#include <stdlib.h>
#include <string.h>

static void chunk_free(struct run_watch *watch, uint32_t i)
{
    struct weir__run_head *head = watch->run->page;
    watch->chunk_done[i] = 0;
    weir__torn_clear(weir__run_chunk(head, watch->run->unit, i), sizeof(struct weir__run_chunk));
    __atomic_store_n(&weir__run_chunk_owner(head)[i], 0, __ATOMIC_RELEASE);
    __atomic_add_fetch(&head->chunks_freed, 1, __ATOMIC_RELEASE);
    if (i < __atomic_load_n(&head->chunk_hint, __ATOMIC_RELAXED))
        __atomic_store_n(&head->chunk_hint, i, __ATOMIC_RELAXED);
}

/* A chunk as it is: the front, and as many bytes as may be read. */
union chunk_copy {
    struct weir__run_chunk front;
    unsigned char room[WEIR__RUN_CHUNK];
};

static void chunk_read(struct run_watch *watch, uint32_t i, union chunk_copy *copy)
{
    const struct weir__run_chunk *chunk = weir__run_chunk(watch->run->page, watch->run->unit, i);
    uint32_t state = __atomic_load_n(&chunk->state, __ATOMIC_ACQUIRE);
    uint64_t filled = __atomic_load_n(&chunk->filled, __ATOMIC_ACQUIRE);
    weir__torn_copy(&copy->front, chunk, sizeof copy->front);
    copy->front.state = state;
    copy->front.filled = filled;
    uint32_t n = (uint32_t)filled;
    if (n > WEIR__RUN_CHUNK_BYTES) {
        n = WEIR__RUN_CHUNK_BYTES;
        copy->front.filled = (filled & ~UINT64_C(0xffffffff)) | n;
    }
    weir__torn_copy(copy->front.bytes, chunk->bytes, n);
}

/* A chunk that is to be written, and its place in its image's order. */
struct chunk_ref {
    uint64_t serial, ordinal;
    uint32_t index, thread;
};

static int by_order(const void *a, const void *b)
{
    const struct chunk_ref *left = a, *right = b;
    if (left->serial != right->serial)
        return left->serial < right->serial ? -1 : 1;
    return left->ordinal < right->ordinal ? -1 : left->ordinal > right->ordinal;
}

static struct run_image *chunk_image(const struct run_watch *watch, uint32_t i)
{
    uint32_t owner = __atomic_load_n(&weir__run_chunk_owner(watch->run->page)[i], __ATOMIC_ACQUIRE);
    return owner && owner <= WEIR__RUN_IMAGES ? watch->at[owner - 1] : NULL;
}

/* The chunks of events that are full, and of images that are over (`all`: of all) the open
 * ones, too; in order. */
static size_t chunks_list(const struct run_watch *watch, bool all, struct chunk_ref refs[])
{
    size_t n = 0;
    for (uint32_t i = 0; i < WEIR__RUN_CHUNKS; i++) {
        const struct run_image *image = chunk_image(watch, i);
        const struct weir__run_chunk *chunk =
            weir__run_chunk(watch->run->page, watch->run->unit, i);
        if (!image || __atomic_load_n(&chunk->records, __ATOMIC_RELAXED))
            continue;
        if (!all && !image->over &&
            __atomic_load_n(&chunk->state, __ATOMIC_ACQUIRE) != WEIR__CHUNK_FULL)
            continue;
        refs[n++] = (struct chunk_ref){image->serial, weir__relaxed_get(chunk->ordinal), i,
                                       weir__relaxed_get(chunk->thread)};
    }
    qsort(refs, n, sizeof *refs, by_order);
    return n;
}

static bool is_at_most(const struct chunk_ref *ref, const struct chunk_ref *others, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (others[i].serial == ref->serial && others[i].thread == ref->thread &&
            others[i].ordinal >= ref->ordinal)
            return true;
    return false;
}

static void chunk_write(struct run_watch *watch, uint32_t i)
{
    static union chunk_copy copy;
    struct run_image *image = chunk_image(watch, i);
    struct run_recording *r = image ? run_record_of(watch->run, image) : NULL;
    chunk_read(watch, i, &copy);
    if (r && copy.front.filled >> 32)
        run_record_events(r, &copy.front, copy.front.bytes);
    chunk_free(watch, i);
}

/*
 * The chunks of a thread go to the file in the order in which they were filled. A look over
 * all of them takes time: one may have been open when it was passed, and its successor full
 * when that was. A second look sees every predecessor of what the first one saw.
 */
static bool events_look(struct run_watch *watch, bool all)
{
    static struct chunk_ref first[WEIR__RUN_CHUNKS], second[WEIR__RUN_CHUNKS];
    size_t seen = chunks_list(watch, all, first);
    size_t n = seen ? chunks_list(watch, all, second) : 0;
    for (size_t i = 0; i < n; i++)
        if (is_at_most(&second[i], first, seen))
            chunk_write(watch, second[i].index);
    return n > 0;
}

/* Is there anything to read in a chunk of records, or to give back? */
static bool records_changed(const struct run_watch *watch, uint32_t i,
                            const struct run_image *image)
{
    const struct weir__run_chunk *chunk = weir__run_chunk(watch->run->page, watch->run->unit, i);
    return image->over ||
           (uint32_t)__atomic_load_n(&chunk->filled, __ATOMIC_ACQUIRE) != watch->chunk_done[i] ||
           __atomic_load_n(&chunk->state, __ATOMIC_ACQUIRE) == WEIR__CHUNK_FULL;
}

/* What is new in an image's chunks of records. */
static bool records_write(struct run_watch *watch, uint32_t i, struct run_image *image)
{
    static union chunk_copy copy;
    if (!records_changed(watch, i, image))
        return false;
    chunk_read(watch, i, &copy);
    uint32_t n = (uint32_t)copy.front.filled;
    bool more = n > watch->chunk_done[i];
    struct run_recording *r = more ? run_record_of(watch->run, image) : NULL;
    if (r && !r->headed && !image->over && !run_record_begins(copy.front.bytes, n))
        return false; /* its first chunk was not seen yet */
    if (r)
        run_record_records(r, copy.front.bytes + watch->chunk_done[i], n - watch->chunk_done[i]);
    if (more)
        watch->chunk_done[i] = n;
    if (copy.front.state == WEIR__CHUNK_FULL || image->over)
        chunk_free(watch, i);
    return more;
}

/* Definitions may come in any order, but HEAD is in an image's first chunk. */
static bool records_look(struct run_watch *watch)
{
    bool any = false;
    for (uint32_t i = 0; i < WEIR__RUN_CHUNKS; i++) {
        struct run_image *image = chunk_image(watch, i);
        const struct weir__run_chunk *chunk =
            weir__run_chunk(watch->run->page, watch->run->unit, i);
        if (image && __atomic_load_n(&chunk->records, __ATOMIC_RELAXED))
            any |= records_write(watch, i, image);
    }
    return any;
}

/* Records first: an image's HEAD comes before its events. `all`: the open ones, too. Whether
 * there are chunks is what this process knows, not what the memory's head says by now. */
bool run_chunks_look(struct run_watch *watch, bool all)
{
    if (!watch->run->record)
        return false;
    bool any = records_look(watch);
    return events_look(watch, all) || any;
}
