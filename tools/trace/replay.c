/* tools/trace/replay.c - see replay.h. */
#include "tools/trace/replay.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int watched(struct trace_replay *r, enum trace_change change, struct trace_block *block,
                   uint64_t before, const struct trace_record *record)
{
    return r->watch ? r->watch(r->user, change, block, before, record) : 0;
}

static int block_remove(struct trace_replay *r, struct trace_block *b,
                        const struct trace_record *record)
{
    int error = watched(r, TRACE_ENDS, b, b->requested, record);
    trace_blocks_remove(&r->blocks, b);
    return error;
}

/* -- events ----------------------------------------------------------------------------------- */

/* The trace says that it is whole, and this cannot be so. 0: it is no longer taken for whole;
 * or EINVAL. */
__attribute__((format(printf, 2, 3))) static int contradicted(struct trace_replay *r,
                                                              const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(r->wrong, sizeof r->wrong, format, arguments);
    va_end(arguments);
    r->inexact = r->info->tolerant;
    return r->inexact ? 0 : trace_info_fail(r->info, EINVAL, "damaged: %s", r->wrong);
}

/* Where events are missing a sum may seem to fall below nothing. */
static uint64_t without_less(const struct trace_replay *r, uint64_t sum, uint64_t by)
{
    return r->inexact && (int64_t)by < 0 && 0 - by > sum ? 0 - sum : by;
}

static void move(struct trace_replay *r, const struct trace_record *record, uint64_t bytes,
                 uint64_t blocks)
{
    bytes = without_less(r, r->total, bytes);
    blocks = without_less(r, r->count, blocks);
    r->total += bytes;
    r->count += blocks;
    if (r->total > r->peak && (int64_t)bytes > 0) {
        r->peak = r->total;
        r->peak_number = record->number;
        r->peak_ticks = record->ticks;
    }
}

/* So much of what was live at the start is known, or is gone. */
static void unlisted_move(struct trace_replay *r, uint64_t bytes, int64_t blocks)
{
    r->unlisted_bytes -= (int64_t)bytes;
    r->unlisted_blocks -= blocks;
}

static const struct trace_record at_start;

static int base_add(struct trace_replay *r, size_t i)
{
    struct trace_base *base = &r->info->base[i];
    if (!base->address ||
        trace_blocks_find(&r->blocks,
                          base->address)) /* seen twice: one block, freed between, then another */
        base->none = true;
    if (base->none)
        return 0;
    unlisted_move(r, base->requested, 1);
    struct trace_block made = {.address = base->address,
                               .requested = base->requested,
                               .usable = base->usable,
                               .ticks = r->info->ticks,
                               .context = base->context,
                               .tag = base->tag,
                               .base = (uint32_t)i + 1};
    struct trace_block *block = trace_blocks_add(&r->blocks, &made);
    return watched(r, TRACE_BEGINS, block, 0, &at_start);
}

/* What a whole trace cannot have. Without a whole one nothing about a block is sure. */
static int strange(struct trace_replay *r, const struct trace_record *record, const char *what)
{
    r->unknown++;
    if (r->inexact)
        return 0;
    return contradicted(r, "event %" PRIu64 " %s", record->number, what);
}

/* A block at an address that another block takes: BASE saw the new one early, or its free is
 * missing. */
static int displaced(struct trace_replay *r, const struct trace_record *record,
                     struct trace_block *b, const char *what)
{
    if (b->base && r->info->base[b->base - 1].address == b->address) {
        r->info->base[b->base - 1].none = true;
        unlisted_move(r, 0 - b->requested, -1);
        return block_remove(r, b, record);
    }
    int error = strange(r, record, what);
    move(r, record, 0 - b->requested, (uint64_t)-1);
    return error ? error : block_remove(r, b, record);
}

static int allocated(struct trace_replay *r, const struct trace_record *record)
{
    struct trace_block *block = trace_blocks_find(&r->blocks, record->address);
    int error = block ? displaced(r, record, block, "allocates a live block") : 0;
    struct trace_block made = {.address = record->address,
                               .requested = record->requested,
                               .usable = record->usable,
                               .id = record->number,
                               .ticks = record->ticks,
                               .context = record->context,
                               .tag = record->tag,
                               .thread = record->thread,
                               .stack = record->stack,
                               .align_shift = record->align_shift};
    r->allocations++;
    move(r, record, record->requested, 1);
    if (error)
        return error;
    block = trace_blocks_add(&r->blocks, &made);
    return watched(r, TRACE_BEGINS, block, 0, record);
}

/* At an address where nothing is known to live: of a block of the start that is in no list?
 * Where numbers are missing its allocation may be among them. */
static bool was_there(const struct trace_replay *r, uint64_t requested)
{
    return !r->missing || (r->unlisted_blocks > 0 && r->unlisted_bytes >= (int64_t)requested);
}

/* A block that was live at the start and that the list of BASE came too late for. */
static void missed(struct trace_replay *r, const struct trace_record *record, uint64_t address,
                   uint64_t requested)
{
    trace_info_add_base(r->info, &(struct trace_base){.address = address,
                                                      .requested = requested,
                                                      .usable = requested,
                                                      .context = record->context,
                                                      .tag = record->tag});
}

static int freed(struct trace_replay *r, const struct trace_record *record)
{
    struct trace_block *b = trace_blocks_find(&r->blocks, record->address);
    r->frees++;
    if (!b && !(record->sized && was_there(r, record->requested)))
        return strange(r, record, "frees an unknown block");
    uint64_t size = !b || record->sized ? record->requested : b->requested;
    if (b && b->requested != size) {
        if (!b->base)
            return strange(r, record, "frees a block of another size");
        unlisted_move(r, size - b->requested, 0);
        r->info->base[b->base - 1].requested = b->requested = size;
    }
    move(r, record, 0 - size, (uint64_t)-1);
    if (b)
        return block_remove(r, b, record);
    unlisted_move(r, size, 1);
    missed(r, record, record->address, size);
    return 0;
}

/* Its place in the table is another's from here on. What is at its new place was none of the
 * start's, or its free is missing. */
static int moved(struct trace_replay *r, const struct trace_record *record, struct trace_block *b)
{
    struct trace_block *other = trace_blocks_find(&r->blocks, record->address);
    int error = other ? displaced(r, record, other, "moves to a live block") : 0;
    r->moves++;
    trace_blocks_move(&r->blocks, b, record->address);
    return error;
}

static int resized(struct trace_replay *r, const struct trace_record *record)
{
    uint64_t from = record->from ? record->from : record->address;
    struct trace_block *b = trace_blocks_find(&r->blocks, from);
    int error = 0;
    r->resizes++;
    if (!b && !(record->sized && was_there(r, record->before)))
        return strange(r, record, "resizes an unknown block");
    uint64_t before = !b || record->sized ? record->before : b->requested;
    if (!b) {
        missed(r, record, from, before);
        error = base_add(r, r->info->nbase - 1);
        b = trace_blocks_find(&r->blocks, from);
        if (error || !b)
            return error;
    }
    if (b->requested != before) {
        if (!b->base)
            return strange(r, record, "resizes a block of another size");
        unlisted_move(r, before - b->requested, 0);
        r->info->base[b->base - 1].requested = before;
    }
    b->requested = record->requested;
    b->usable = record->usable;
    move(r, record, record->requested - before, 0);
    if (from != record->address)
        error = moved(r, record, b);
    return error ? error : watched(r, TRACE_RESIZES, b, before, record);
}

static int destroyed(struct trace_replay *r, const struct trace_record *record)
{
    uint64_t bytes = 0, blocks = 0;
    uint32_t context = record->context;
    int error = 0;
    struct trace_block *b;
    while (context && !error && (b = trace_blocks_of(&r->blocks, context))) {
        bytes += b->requested;
        blocks++;
        error = block_remove(r, b, record);
    }
    r->frees += (uint64_t)record->blocks;
    move(r, record, 0 - (uint64_t)record->bytes, 0 - (uint64_t)record->blocks);
    uint64_t more = (uint64_t)record->bytes - bytes;
    int64_t blocks_more = record->blocks - (int64_t)blocks;
    if (error || !context || (!more && !blocks_more))
        return error;
    if (!trace_info_inherits(r->info) || blocks_more < 0)
        return strange(r, record, "destroys a context with other contents");
    unlisted_move(r, more, blocks_more); /* of the context that the parent made */
    return 0;
}

static void adjusted(struct trace_replay *r, const struct trace_record *record)
{
    move(r, record, (uint64_t)record->bytes, (uint64_t)record->blocks);
    if (record->blocks > 0)
        r->allocations += (uint64_t)record->blocks;
    else
        r->frees += 0 - (uint64_t)record->blocks;
}

static int block_event(struct trace_replay *r, const struct trace_record *record)
{
    if (!record->address)
        return strange(r, record, "names no address");
    if (record->kind == TRACE_RECORD_ALLOCATE)
        return allocated(r, record);
    return record->kind == TRACE_RECORD_FREE ? freed(r, record) : resized(r, record);
}

static int event_apply(struct trace_replay *r, const struct trace_record *record)
{
    r->events++;
    if (record->ticks > r->last_ticks)
        r->last_ticks = record->ticks;
    switch (record->kind) {
    case TRACE_RECORD_ALLOCATE:
    case TRACE_RECORD_FREE:
    case TRACE_RECORD_RESIZE:
        return block_event(r, record);
    case TRACE_RECORD_DESTROYED:
        return destroyed(r, record);
    case TRACE_RECORD_ADJUSTED:
        adjusted(r, record);
        break;
    case TRACE_RECORD_FAILED:
        r->failures++;
        break;
    case TRACE_RECORD_MARK_BEGIN:
    case TRACE_RECORD_MARK_END:
        r->marks++;
        break;
    default:
        break;
    }
    return watched(r, TRACE_OTHER, NULL, 0, record);
}

static int replay_event(struct trace_replay *r, const struct trace_record *record)
{
    int error = event_apply(r, record);
    return error ? error : watched(r, TRACE_SETTLED, NULL, 0, record);
}

/* -- a whole trace ------------------------------------------------------------------------ */

static int replay_begin(struct trace_replay *r, struct trace_info *info, trace_watcher *watch,
                        void *user)
{
    *r = (struct trace_replay){.info = info,
                               .watch = watch,
                               .user = user,
                               .total = info->start_total,
                               .count = info->start_count,
                               .peak = info->start_total,
                               .peak_ticks = info->ticks,
                               .last_ticks = info->ticks,
                               .unlisted_bytes = (int64_t)info->start_total,
                               .unlisted_blocks = (int64_t)info->start_count,
                               .inexact = !info->started_known || !info->foot.present ||
                                          info->foot.dropped || info->damage.places};
    int error = 0;
    for (size_t i = 0; i < info->nbase && !error; i++)
        error = base_add(r, i);
    return error ? error : watched(r, TRACE_SETTLED, NULL, 0, &at_start);
}

void trace_replay_end(struct trace_replay *r)
{
    trace_blocks_free(&r->blocks);
}

/* The footer's figures against those of a trace that has all its events. */
static int foot_check(struct trace_replay *r)
{
    const struct trace_foot *f = &r->info->foot;
    const struct {
        const char *what;
        uint64_t ours, theirs;
    } checks[] = {{"missing events", r->missing, 0},
                  {"events", r->events, f->events},
                  {"allocations", r->allocations, f->allocations},
                  {"frees", r->frees, f->frees},
                  {"bytes live at the end", r->total, f->total},
                  {"blocks live at the end", r->count, f->count},
                  {"peak", r->peak, f->peak},
                  {"number of the peak", r->peak_number, f->peak_number}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks && !r->inexact; i++)
        if (checks[i].ours != checks[i].theirs)
            return contradicted(r, "%s: %" PRIu64 ", the footer says %" PRIu64, checks[i].what,
                                checks[i].ours, checks[i].theirs);
    return 0;
}

uint64_t trace_replay_missing(const struct trace_replay *r)
{
    uint64_t last = trace_info_last(r->info, r->last);
    return last > r->events ? last - r->events : 0;
}

bool trace_replay_is_short(const struct trace_replay *r)
{
    return r->info->foot.present && trace_replay_missing(r) > r->info->foot.dropped;
}

bool trace_replay_is_damaged(const struct trace_replay *r)
{
    return r->info->damage.places || r->strays || *r->wrong || trace_replay_is_short(r);
}

bool trace_replay_is_complete(const struct trace_replay *r)
{
    const struct trace_foot *f = &r->info->foot;
    return f->present && f->dropped == f->under_way && r->info->started_known &&
           !trace_replay_is_damaged(r);
}

/* A gap, of which the footer knows nothing. */
static void gaps_look(struct trace_replay *r, const struct trace_merge *merge)
{
    r->missing = trace_merge_missing(merge);
    r->strays = trace_merge_strays(merge);
    if (r->info->tolerant && (r->missing || r->strays || r->info->damage.places))
        r->inexact = true;
}

static int replay_all(struct trace_replay *r, uint64_t until)
{
    struct trace_record record = {0};
    struct trace_merge *merge = trace_merge_begin(r->info);
    int error = 0, got = 0;
    while (!error && record.number < until && (got = trace_merge_next(merge, &record)) > 0) {
        gaps_look(r, merge);
        error = record.number <= until ? replay_event(r, &record) : 0;
    }
    if (!error && got < 0)
        error = EINVAL;
    gaps_look(r, merge);
    r->last = trace_merge_last(merge);
    trace_merge_end(merge);
    return error;
}

int trace_replay_run(struct trace_replay *r, struct trace_info *info, trace_watcher *watch,
                     void *user)
{
    int error = replay_begin(r, info, watch, user);
    if (!error)
        error = replay_all(r, UINT64_MAX);
    if (!error && info->tolerant && trace_replay_is_short(r))
        r->inexact = true;
    if (!error)
        error = foot_check(r);
    r->verified = !error && trace_replay_is_complete(r) && !r->unknown &&
                  r->peak == info->foot.peak && r->peak_number == info->foot.peak_number;
    return error;
}

int trace_replay_until(struct trace_replay *r, struct trace_info *info, uint64_t number)
{
    int error = replay_begin(r, info, NULL, NULL);
    return error ? error : replay_all(r, number);
}
