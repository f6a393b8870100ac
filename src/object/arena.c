/*
 * object/arena.c - bump allocation with marks. Owns the chunks it took from its
 * allocator (or the caller's memory as its only one) and the stack of marks; refuses to know what
 * is in them, and never touches it. One lock an arena; its allocator is
 * never called under it.
 */
#include "alloc/allocator.h"
#include "base/error.h"
#include "base/handle.h"
#include "base/sized.h"
#include "os/locks.h"
#include "os/memory_tool.h"

#include <weir/arena.h>

#include <errno.h>
#include <string.h>

#define CHUNK_FIRST (64 * WEIR__KIB)
#define CHUNK_MOST  (64 * WEIR__MIB) /* growth by doubling ends here */
#define MARKS_FIRST 16

/* In the order they are filled. */
struct chunk {
    struct chunk *next;
    char *memory;
    size_t size;
    size_t number; /* rises along the list */
};

/* Where allocation stands, and what was allocated up to there. chunk NULL: before the first
 * one; what is behind is free. */
struct position {
    struct chunk *chunk;
    size_t offset;
    size_t requested, used, allocations;
};

/* `live`: blocks of the arena's weir_allocator between this mark and the next. */
struct mark {
    weir_arena_mark serial;
    struct position at;
    size_t live;
};

/* All under the lock, but for what never changes: allocator, chunk_size, fixed. Invariants:
 * the marks' serials and positions rise; the latest is not beyond `top`. */
struct weir_arena {
    struct weir__handle handle; /* first */
    weir__lock lock;
    struct weir__lock_entry known;
    bool fixed; /* the caller's memory; no growth */
    weir_allocator *allocator;
    size_t chunk_size;
    struct chunk *first, *last;
    struct position top;
    size_t peak, reserved, nchunks;
    struct mark *marks;
    size_t nmarks, marks_capacity;
    size_t live; /* like marks[].live, before the first mark */
    weir_allocator *facade;
};

/* Never given twice in a process, so a mark of another arena is told. */
static uint64_t mark_serial;

/* -- chunks ------------------------------------------------------------------------- */

/* Does a memory tool watch the chunks? The caller's own memory is left alone. */
static bool arena_is_watched(const weir_arena *arena)
{
    return weir__unlikely(weir__os_memory_tool()) && !arena->fixed &&
           weir__allocator_host_accessible(arena->allocator);
}

/* A use of what is not allocated is reported from here on. */
static void part_forbid(const weir_arena *arena, const char *part, size_t size)
{
    if (arena_is_watched(arena))
        weir__os_memory_forbid(part, size);
}

static void part_permit(const weir_arena *arena, const char *part, size_t size)
{
    if (arena_is_watched(arena))
        weir__os_memory_permit(part, size);
}

static void chunk_append(weir_arena *arena, struct chunk *chunk, char *memory, size_t size)
{
    chunk->memory = memory;
    chunk->size = size;
    chunk->number = arena->last ? arena->last->number + 1 : 0;
    if (arena->last)
        arena->last->next = chunk;
    else
        arena->first = chunk;
    arena->last = chunk;
    arena->reserved += size;
    arena->nchunks++;
}

/* As much as all chunks before together, if possible, but `need` bytes at least. Called without
 * the lock. */
static char *chunk_memory(const weir_arena *arena, size_t need, size_t *size)
{
    char *memory = weir_allocate(arena->allocator, *size);
    if (!memory && *size > need)
        memory = weir_allocate(arena->allocator, *size = need);
    return memory;
}

/* A chunk that holds `need` bytes. The lock is dropped while memory is asked for. */
static struct chunk *chunk_take_locked(weir_arena *arena, size_t need)
{
    if (arena->fixed)
        return weir__fail_null(ENOMEM, "the arena's memory of %zu bytes is used up",
                               arena->reserved);
    struct chunk *chunk = weir__meta_allocate(sizeof *chunk);
    if (!chunk)
        return weir__fail_null(ENOMEM, "no memory for an arena's book-keeping");
    size_t size =
        weir__max(weir__max(arena->chunk_size, weir__min(arena->reserved, CHUNK_MOST)), need);
    weir__lock_drop(&arena->lock);
    char *memory = chunk_memory(arena, need, &size);
    weir__lock_take(&arena->lock);
    if (!memory) {
        int saved = errno;
        weir__meta_free(chunk, sizeof *chunk);
        errno = saved;
        return NULL;
    }
    chunk_append(arena, chunk, memory, size);
    part_forbid(arena, memory, size);
    return chunk;
}

/* Everything behind `last` (NULL: every chunk) is the arena's no longer; the first of them. */
static struct chunk *chunks_cut_locked(weir_arena *arena, struct chunk *last)
{
    struct chunk **link = last ? &last->next : &arena->first, *cut = *link;
    for (const struct chunk *chunk = cut; chunk; chunk = chunk->next) {
        arena->reserved -= chunk->size;
        arena->nchunks--;
    }
    *link = NULL;
    arena->last = last;
    return cut;
}

/* Without the lock; the bytes. */
static size_t chunks_free(weir_arena *arena, struct chunk *chunk)
{
    size_t bytes = 0;
    for (struct chunk *next; chunk; chunk = next) {
        next = chunk->next;
        bytes += chunk->size;
        part_permit(arena, chunk->memory, chunk->size);
        if (!arena->fixed)
            weir_deallocate(arena->allocator, chunk->memory);
        weir__meta_free(chunk, sizeof *chunk);
    }
    return bytes;
}

/* Bytes from `offset` in the chunk to the end of such a block; 0: it does not fit. */
static size_t chunk_reach(const struct chunk *chunk, size_t offset, size_t size, size_t alignment)
{
    size_t room = chunk->size - offset;
    size_t padding = -((uintptr_t)chunk->memory + offset) & (alignment - 1);
    return padding <= room && size <= room - padding ? padding + size : 0;
}

/* -- allocation --------------------------------------------------------------------- */

static void *top_take(weir_arena *arena, struct chunk *chunk, size_t offset, size_t reach,
                      size_t size, size_t requested)
{
    struct position *top = &arena->top;
    top->chunk = chunk;
    top->offset = offset + reach;
    top->used += reach;
    top->requested += requested;
    top->allocations++;
    arena->peak = weir__max(arena->peak, top->used);
    part_permit(arena, chunk->memory + top->offset - size, requested);
    return chunk->memory + top->offset - size;
}

/* In the chunk in use, else in the next that has room for it; NULL: in none. */
static void *place_take_locked(weir_arena *arena, size_t size, size_t alignment, size_t requested)
{
    struct chunk *chunk = arena->top.chunk ? arena->top.chunk : arena->first;
    size_t reach, offset = arena->top.chunk ? arena->top.offset : 0;
    for (; chunk; chunk = chunk->next, offset = 0)
        if ((reach = chunk_reach(chunk, offset, size, alignment)))
            return top_take(arena, chunk, offset, reach, size, requested);
    return NULL;
}

/* A block of size > 0. Other threads may use the arena meanwhile. */
static void *arena_take_locked(weir_arena *arena, size_t size, size_t alignment, size_t requested)
{
    size_t need;
    void *block = place_take_locked(arena, size, alignment, requested);
    if (block)
        return block;
    size_t padding = alignment > WEIR_DEFAULT_ALIGNMENT ? alignment - WEIR_DEFAULT_ALIGNMENT : 0;
    if (__builtin_add_overflow(size, padding, &need) || need > PTRDIFF_MAX)
        return weir__fail_null(ENOMEM, "%zu bytes of an arena are impossibly many", size);
    return chunk_take_locked(arena, need) ? place_take_locked(arena, size, alignment, requested)
                                          : NULL;
}

void *weir_arena_allocate_aligned(weir_arena *arena, size_t size, size_t alignment)
{
    if (!weir__handle_check(arena, WEIR__HANDLE_ARENA))
        return NULL;
    if (!weir__is_power_of_two(alignment))
        return weir__fail_null(EINVAL, "alignment %zu is not a power of two", alignment);
    weir__lock_take(&arena->lock);
    void *block = arena_take_locked(arena, weir__max(size, 1), alignment, size);
    weir__lock_drop(&arena->lock);
    return block;
}

void *weir_arena_allocate(weir_arena *arena, size_t size)
{
    return weir_arena_allocate_aligned(arena, size, WEIR_DEFAULT_ALIGNMENT);
}

/* -- marks -------------------------------------------------------------------------- */

static bool position_equal(const struct position *a, const struct position *b)
{
    return a->chunk == b->chunk && a->offset == b->offset && a->allocations == b->allocations;
}

static bool marks_reserve(weir_arena *arena)
{
    if (arena->marks && arena->nmarks < arena->marks_capacity)
        return true;
    size_t capacity = arena->marks_capacity ? 2 * arena->marks_capacity : MARKS_FIRST;
    struct mark *marks = weir__meta_allocate(capacity * sizeof *marks);
    if (!marks)
        return false;
    if (arena->marks)
        memcpy(marks, arena->marks, arena->nmarks * sizeof *marks);
    weir__meta_free(arena->marks, arena->marks_capacity * sizeof *marks);
    arena->marks = marks;
    arena->marks_capacity = capacity;
    return true;
}

static weir_arena_mark mark_make_locked(weir_arena *arena)
{
    const struct mark *latest = arena->nmarks ? &arena->marks[arena->nmarks - 1] : NULL;
    if (latest && position_equal(&latest->at, &arena->top))
        return latest->serial;
    if (!marks_reserve(arena)) {
        weir__fail_null(ENOMEM, "no memory for a mark");
        return 0;
    }
    weir_arena_mark serial = __atomic_add_fetch(&mark_serial, 1, __ATOMIC_RELAXED);
    arena->marks[arena->nmarks++] = (struct mark){serial, arena->top, 0};
    return serial;
}

weir_arena_mark weir_arena_mark_get(weir_arena *arena)
{
    if (!weir__handle_check(arena, WEIR__HANDLE_ARENA))
        return 0;
    weir__lock_take(&arena->lock);
    weir_arena_mark mark = mark_make_locked(arena);
    weir__lock_drop(&arena->lock);
    return mark;
}

/* Back to where the arena stood before. */
static void top_rewind(weir_arena *arena, struct position to)
{
    const struct chunk *chunk = to.chunk ? to.chunk : arena->first;
    size_t offset = to.chunk ? to.offset : 0;
    for (; chunk && arena_is_watched(arena); chunk = chunk->next, offset = 0) {
        part_forbid(arena, chunk->memory + offset, chunk->size - offset);
        if (chunk == arena->top.chunk)
            break;
    }
    arena->top = to;
}

/* Index of the mark with this serial, or nmarks. */
static size_t mark_find(const weir_arena *arena, weir_arena_mark serial)
{
    size_t low = 0, high = arena->nmarks;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (arena->marks[middle].serial < serial)
            low = middle + 1;
        else
            high = middle;
    }
    return low < arena->nmarks && arena->marks[low].serial == serial ? low : arena->nmarks;
}

int weir_arena_rewind(weir_arena *arena, weir_arena_mark mark)
{
    if (!weir__handle_check(arena, WEIR__HANDLE_ARENA))
        return EINVAL;
    size_t live = 0;
    weir__lock_take(&arena->lock);
    size_t i = mark_find(arena, mark), n = arena->nmarks;
    for (size_t j = i; j < n; j++)
        live += arena->marks[j].live;
    if (i < n && live == 0) {
        top_rewind(arena, arena->marks[i].at);
        arena->nmarks = i + 1;
    }
    weir__lock_drop(&arena->lock);
    if (i == n)
        return weir__fail(EINVAL, "mark %llu is not valid in this arena", (unsigned long long)mark);
    if (live)
        return weir__fail(EBUSY, "%zu blocks of the arena's allocator are live", live);
    return 0;
}

int weir_arena_reset(weir_arena *arena)
{
    if (!weir__handle_check(arena, WEIR__HANDLE_ARENA))
        return EINVAL;
    weir__lock_take(&arena->lock);
    size_t live = arena->live;
    for (size_t i = 0; i < arena->nmarks; i++)
        live += arena->marks[i].live;
    if (live == 0) {
        top_rewind(arena, (struct position){0});
        arena->nmarks = 0;
    }
    weir__lock_drop(&arena->lock);
    return live ? weir__fail(EBUSY, "%zu blocks of the arena's allocator are live", live) : 0;
}

/* -- as a weir_allocator ------------------------------------------------------------ */

/* The count of live blocks that a block at this place belongs to. */
static size_t *live_count(weir_arena *arena, size_t number, size_t offset)
{
    size_t low = 0, high = arena->nmarks;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct position *at = &arena->marks[middle].at;
        bool before = !at->chunk || at->chunk->number < number ||
                      (at->chunk->number == number && at->offset <= offset);
        if (before)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? &arena->marks[low - 1].live : &arena->live;
}

static void *facade_allocate(void *user, size_t size, size_t alignment)
{
    weir_arena *arena = user;
    weir__lock_take(&arena->lock);
    char *block = arena_take_locked(arena, size, alignment, size);
    if (block)
        ++*live_count(arena, arena->top.chunk->number, (size_t)(block - arena->top.chunk->memory));
    weir__lock_drop(&arena->lock);
    return block;
}

/* The latest block makes room, unless a mark was made since. */
static void facade_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    weir_arena *arena = user;
    struct position *top = &arena->top;
    (void)alignment;
    weir__lock_take(&arena->lock);
    const struct chunk *chunk = arena->first;
    while ((uintptr_t)block - (uintptr_t)chunk->memory >= chunk->size)
        chunk = chunk->next; /* it is in one of them */
    size_t offset = (size_t)((char *)block - chunk->memory);
    --*live_count(arena, chunk->number, offset);
    part_forbid(arena, block, size);
    bool latest = chunk == top->chunk && offset + size == top->offset;
    if (latest && !(arena->nmarks && position_equal(&arena->marks[arena->nmarks - 1].at, top))) {
        top->offset = offset;
        top->used -= size;
        top->requested -= size;
        top->allocations--;
    }
    weir__lock_drop(&arena->lock);
}

static weir_allocator *facade_make(weir_arena *arena)
{
    static const weir_allocator_functions functions = {.allocate = facade_allocate,
                                                       .deallocate = facade_deallocate};
    if (arena->allocator && !weir__allocator_host_accessible(arena->allocator))
        return weir__fail_null(ENOTSUP, "the host cannot touch this arena's memory");
    weir_allocator_options options = {.name = "arena",
                                      .parent = WEIR_NO_PARENT,
                                      .source = WEIR_SOURCE_FUNCTIONS,
                                      .functions = &functions,
                                      .user = arena,
                                      .backing = "arena"};
    return weir__allocator_fill(weir_allocator_create(&options));
}

weir_allocator *weir_arena_allocator(weir_arena *arena)
{
    if (!weir__handle_check(arena, WEIR__HANDLE_ARENA))
        return NULL;
    weir_allocator *have = __atomic_load_n(&arena->facade, __ATOMIC_ACQUIRE);
    weir_allocator *made = have ? NULL : facade_make(arena);
    if (!made)
        return have;
    if (__atomic_compare_exchange_n(&arena->facade, &have, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return made;
    weir_allocator_destroy(made); /* another thread was first */
    return have;
}

/* -- making and asking -------------------------------------------------------------- */

weir_arena *weir_arena_create(const weir_arena_options *options)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_arena_options, memory_size) };
    weir_arena_options given, *o = &given;
    if (!weir__options_take(o, sizeof *o, FIRST, options))
        return weir__fail_null(EINVAL, "options of an arena: no such struct");
    if (!o->memory && o->memory_size)
        return weir__fail_null(EINVAL, "an arena in %zu bytes at NULL", o->memory_size);
    if (o->memory && (o->allocator || o->chunk_size))
        return weir__fail_null(EINVAL, "an arena in the caller's memory takes no chunks");
    if (o->chunk_size > PTRDIFF_MAX)
        return weir__fail_null(EINVAL, "chunks of %zu bytes are impossibly large", o->chunk_size);
    weir_arena *arena = weir__meta_allocate(sizeof *arena);
    struct chunk *chunk = arena && o->memory ? weir__meta_allocate(sizeof *chunk) : NULL;
    if (!arena || (o->memory && !chunk)) {
        weir__meta_free(arena, sizeof *arena);
        return weir__fail_null(ENOMEM, "no memory for an arena");
    }
    weir__handle_begin(&arena->handle, WEIR__HANDLE_ARENA);
    weir__locks_make(WEIR__RANK_OBJECT, &arena->lock, &arena->known);
    arena->chunk_size = o->chunk_size ? o->chunk_size : CHUNK_FIRST;
    arena->fixed = o->memory != NULL;
    if (arena->fixed)
        chunk_append(arena, chunk, o->memory, o->memory_size);
    else
        arena->allocator = o->allocator ? o->allocator : weir_cpu_allocator();
    return arena;
}

int weir_arena_destroy(weir_arena *arena)
{
    if (!weir__handle_end(arena, WEIR__HANDLE_ARENA))
        return weir__fail(EINVAL, arena ? "no live arena" : "no arena: NULL was given");
    if (arena->facade)
        weir_allocator_destroy(arena->facade);
    weir__locks_remove(WEIR__RANK_OBJECT, &arena->known);
    chunks_free(arena, arena->first);
    weir__meta_free(arena->marks, arena->marks_capacity * sizeof *arena->marks);
    weir__meta_free(arena, sizeof *arena);
    return 0;
}

size_t weir_arena_trim(weir_arena *arena)
{
    if (!weir__handle_is_live(arena, WEIR__HANDLE_ARENA) || arena->fixed)
        return 0;
    weir__lock_take(&arena->lock);
    struct chunk *cut = chunks_cut_locked(arena, arena->top.chunk);
    weir__lock_drop(&arena->lock);
    return chunks_free(arena, cut);
}

int weir_arena_stats_get(const weir_arena *arena, weir_arena_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_arena_stats, chunks) };
    if (!weir__handle_check(arena, WEIR__HANDLE_ARENA))
        return EINVAL;
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "statistics of an arena: %s",
                          stats ? "no such struct" : "NULL was given");
    weir__lock *lock = (weir__lock *)(uintptr_t)&arena->lock;
    weir__lock_take(lock);
    weir_arena_stats made = {.requested = arena->top.requested,
                             .used = arena->top.used,
                             .peak = arena->peak,
                             .allocations = arena->top.allocations,
                             .reserved = arena->reserved,
                             .chunks = arena->nchunks};
    weir__lock_drop(lock);
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}
