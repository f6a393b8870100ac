/*
 * plan/record.c - lifetimes out of a running program: an allocator that passes everything on
 * and writes down each block's first and last event. Owns the records and a table from
 * live blocks to them. One lock, never held while memory of the
 * program is taken or given back.
 */
#include "backing/meta.h"
#include "base/error.h"
#include "os/locks.h"
#include "plan/plan.h"

#include <errno.h>
#include <string.h>

/* One allocation; last 0: live. */
struct record_entry {
    size_t size, alignment;
    int64_t first, last;
};

/* Open addressing; block NULL: empty. Deletion moves later ones back. */
struct record_live {
    void *block;
    uint32_t entry;
};

struct weir_plan_recorder {
    weir__lock lock;
    struct weir__lock_entry known;
    weir_allocator *under, *facade; /* never change */
    int64_t clock;                  /* the rest: under the lock */
    struct record_entry *entries;
    size_t count, room;
    struct record_live *live;
    size_t nlive, slots; /* slots: a power of two, at most half full */
    bool lost;           /* a record was lost for want of memory */
};

static size_t record_hash(const weir_plan_recorder *r, const void *block)
{
    uint64_t key = (uintptr_t)block * UINT64_C(0x9e3779b97f4a7c15);
    return (size_t)(key >> 20) & (r->slots - 1);
}

static void record_insert(weir_plan_recorder *r, void *block, uint32_t entry)
{
    size_t at = record_hash(r, block);
    while (r->live[at].block)
        at = (at + 1) & (r->slots - 1);
    r->live[at] = (struct record_live){block, entry};
}

static bool record_grow_locked(weir_plan_recorder *r)
{
    if (r->count == r->room) {
        size_t room = r->room ? 2 * r->room : 256;
        struct record_entry *more = weir__meta_allocate(room * sizeof *more);
        if (!more || r->count >= WEIR__PLAN_NONE / 2)
            return weir__meta_free(more, room * sizeof *more), false;
        if (r->count)
            memcpy(more, r->entries, r->count * sizeof *more);
        weir__meta_free(r->entries, r->room * sizeof *more);
        r->entries = more;
        r->room = room;
    }
    if (2 * (r->nlive + 1) > r->slots) {
        size_t slots = r->slots ? 2 * r->slots : 256, old = r->slots;
        struct record_live *from = r->live, *more = weir__meta_allocate(slots * sizeof *more);
        if (!more)
            return false;
        r->live = more;
        r->slots = slots;
        for (size_t i = 0; i < old; i++)
            if (from[i].block)
                record_insert(r, from[i].block, from[i].entry);
        weir__meta_free(from, old * sizeof *from);
    }
    return true;
}

static void *record_allocate(void *user, size_t size, size_t alignment)
{
    weir_plan_recorder *r = user;
    void *block = weir_allocate_aligned(r->under, size, alignment);
    if (!block)
        return NULL;
    weir__lock_take(&r->lock);
    if (record_grow_locked(r)) {
        r->entries[r->count] = (struct record_entry){size, alignment, r->clock++, 0};
        record_insert(r, block, (uint32_t)r->count++);
        r->nlive++;
    } else {
        r->lost = true;
    }
    weir__lock_drop(&r->lock);
    return block;
}

/* Takes what is at `at` out, and moves back what was put further on because of it. */
static void record_erase(weir_plan_recorder *r, size_t at)
{
    size_t mask = r->slots - 1;
    for (size_t next = (at + 1) & mask; r->live[next].block; next = (next + 1) & mask) {
        size_t home = record_hash(r, r->live[next].block);
        if (((next - home) & mask) >= ((next - at) & mask)) {
            r->live[at] = r->live[next];
            at = next;
        }
    }
    r->live[at].block = NULL;
    r->nlive--;
}

static void record_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    weir_plan_recorder *r = user;
    (void)size, (void)alignment;
    weir__lock_take(&r->lock);
    for (size_t at = r->slots ? record_hash(r, block) : 0; r->slots && r->live[at].block;
         at = (at + 1) & (r->slots - 1))
        if (r->live[at].block == block) {
            r->entries[r->live[at].entry].last = r->clock++;
            record_erase(r, at);
            break;
        }
    weir__lock_drop(&r->lock);
    weir_deallocate(r->under, block);
}

weir_plan_recorder *weir_plan_recorder_create(weir_allocator *a)
{
    weir_plan_recorder *r = weir__meta_allocate(sizeof *r);
    if (!r)
        return weir__fail_null(ENOMEM, "no memory for a recorder");
    weir__locks_make(WEIR__RANK_OBJECT, &r->lock, &r->known);
    static const weir_allocator_functions functions = {.allocate = record_allocate,
                                                       .deallocate = record_deallocate};
    weir_allocator_options options = {.name = "plan-recorder",
                                      .parent = WEIR_NO_PARENT, /* `under` counts the blocks */
                                      .source = WEIR_SOURCE_FUNCTIONS,
                                      .functions = &functions,
                                      .user = r,
                                      .backing = "recorder"};
    r->under = a ? a : weir_cpu_allocator();
    r->facade = weir_allocator_create(&options);
    if (r->facade)
        return r;
    int error = errno;
    weir__locks_remove(WEIR__RANK_OBJECT, &r->known);
    weir__meta_free(r, sizeof *r);
    errno = error;
    return NULL;
}

weir_allocator *weir_plan_recorder_allocator(weir_plan_recorder *recorder)
{
    return recorder ? recorder->facade : NULL;
}

static int record_fill_locked(weir_plan_recorder *r, weir_plan *plan)
{
    int error = r->lost ? ENOMEM : weir_plan_reserve(plan, r->count);
    for (size_t i = 0; i < r->count && !error; i++) {
        const struct record_entry *e = &r->entries[i];
        error =
            weir_plan_add(plan, e->size, e->alignment, e->first, e->last ? e->last : r->clock + 1);
    }
    return error;
}

weir_plan *weir_plan_record(weir_plan_recorder *recorder)
{
    if (!recorder)
        return weir__fail_null(EINVAL, "no recorder");
    weir_plan *plan = weir_plan_create();
    if (!plan)
        return NULL;
    weir__lock_take(&recorder->lock);
    int error = record_fill_locked(recorder, plan);
    weir__lock_drop(&recorder->lock);
    if (!error)
        return plan;
    weir_plan_destroy(plan);
    return weir__fail_null(error, "the record is not complete");
}

void weir_plan_recorder_destroy(weir_plan_recorder *recorder)
{
    if (!recorder)
        return;
    weir_allocator_destroy(recorder->facade);
    weir__meta_free(recorder->entries, recorder->room * sizeof *recorder->entries);
    weir__meta_free(recorder->live, recorder->slots * sizeof *recorder->live);
    weir__locks_remove(WEIR__RANK_OBJECT, &recorder->known);
    weir__meta_free(recorder, sizeof *recorder);
}
