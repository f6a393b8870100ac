/*
 * plan/record.c - lifetimes out of a running program: an allocator that passes everything on
 * and writes down each block's first and last event. Owns the records and a table from
 * live blocks to them. One lock, never held while memory of the
 * program is taken or given back.
 */
#include "alloc/allocator.h"
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

struct record_live {
    void *block; /* the key */
    uint32_t entry;
};

struct weir_plan_recorder {
    struct weir__handle handle; /* first */
    weir__lock lock;
    struct weir__lock_entry known;
    weir_allocator *under, *facade; /* never change */
    int64_t clock;                  /* the rest: under the lock */
    struct record_entry *entries;
    size_t count, room;
    struct weir__pointer_map live; /* of struct record_live */
    bool lost;                     /* a record was lost because memory is short */
};

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
    return weir__pointer_map_reserve(&r->live, sizeof(struct record_live), &weir__meta_map, NULL);
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
        struct record_live *live = weir__pointer_map_put(&r->live, block);
        live->entry = (uint32_t)r->count++;
    } else {
        r->lost = true;
    }
    weir__lock_drop(&r->lock);
    return block;
}

static void record_deallocate(void *user, void *block, size_t size, size_t alignment)
{
    weir_plan_recorder *r = user;
    (void)size, (void)alignment;
    weir__lock_take(&r->lock);
    struct record_live *live = weir__pointer_map_find(&r->live, block);
    if (live) {
        r->entries[live->entry].last = r->clock++;
        weir__pointer_map_remove(&r->live, live);
    }
    weir__lock_drop(&r->lock);
    weir_deallocate(r->under, block);
}

/* Where the host cannot touch the memory beneath, its own functions do. */
static int record_zero(void *user, void *block, size_t size)
{
    return weir__allocator_zero(((weir_plan_recorder *)user)->under, block, size);
}

static int record_copy(void *user, void *to, const void *from, size_t size)
{
    return weir__allocator_copy(((weir_plan_recorder *)user)->under, to, from, size);
}

weir_plan_recorder *weir_plan_recorder_create(weir_allocator *a)
{
    weir_plan_recorder *r = weir__meta_allocate(sizeof *r);
    if (!r)
        return weir__fail_null(ENOMEM, "no memory for a recorder");
    weir__locks_make(WEIR__RANK_OBJECT, &r->lock, &r->known);
    r->under = a ? a : weir_cpu_allocator();
    bool host = weir__allocator_host_accessible(r->under);
    weir_allocator_functions functions = {.allocate = record_allocate,
                                          .deallocate = record_deallocate,
                                          .zero = host ? NULL : record_zero,
                                          .copy = host ? NULL : record_copy};
    weir_allocator_options options = {.name = "plan-recorder",
                                      .parent = WEIR_NO_PARENT, /* `under` counts the blocks */
                                      .source = WEIR_SOURCE_FUNCTIONS,
                                      .functions = &functions,
                                      .user = r,
                                      .backing = "recorder"};
    r->facade = weir__allocator_fill(weir_allocator_create(&options));
    if (r->facade) {
        weir__handle_begin(&r->handle, WEIR__HANDLE_PLAN_RECORDER);
        return r;
    }
    int error = errno;
    weir__locks_remove(WEIR__RANK_OBJECT, &r->known);
    weir__meta_free(r, sizeof *r);
    errno = error;
    return NULL;
}

weir_allocator *weir_plan_recorder_allocator(weir_plan_recorder *recorder)
{
    return weir__handle_is_live(recorder, WEIR__HANDLE_PLAN_RECORDER) ? recorder->facade : NULL;
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

weir_plan *weir_plan_recorder_plan(weir_plan_recorder *recorder)
{
    if (!weir__handle_check(recorder, WEIR__HANDLE_PLAN_RECORDER))
        return NULL;
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
    if (!weir__handle_end(recorder, WEIR__HANDLE_PLAN_RECORDER))
        return;
    weir_allocator_destroy(recorder->facade);
    weir__meta_free(recorder->entries, recorder->room * sizeof *recorder->entries);
    weir__pointer_map_clear(&recorder->live);
    weir__locks_remove(WEIR__RANK_OBJECT, &recorder->known);
    weir__meta_free(recorder, sizeof *recorder);
}
