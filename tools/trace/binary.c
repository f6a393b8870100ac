/*
 * tools/trace/binary.c - weir's binary traces as what a replay needs (load.h). Ids count
 * allocations; what was live at the start comes first; what is left at the end is freed there.
 */
#include "tools/trace/binary.h"
#include "tools/common/memory.h"
#include "tools/trace/replay.h"

#include "observe/format.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof WEIR__TRACE_MAGIC - 1 == TRACE_MAGIC_SIZE, "the magic's size");

bool trace_is_binary(const void *start, size_t n)
{
    return n >= TRACE_MAGIC_SIZE && memcmp(start, WEIR__TRACE_MAGIC, TRACE_MAGIC_SIZE) == 0;
}

struct loading {
    struct trace *trace;
    struct trace_info *info;
    uint64_t *sizes; /* by id - 1: what is live of it, as the events say */
    uint64_t live;
};

/* The size of the event's block becomes `size`. What the recording says of sizes may contradict
 * itself where events are missing; the peak is that of the events that are here. */
static int live_move(struct loading *l, const struct trace_event *event)
{
    uint64_t *size = &l->sizes[event->id - 1], without = l->live - *size;
    if (event->size > PTRDIFF_MAX - without)
        return trace_info_fail(l->info, EINVAL, "the sum of the live sizes overflows");
    *size = event->size;
    l->live = without + event->size;
    if (l->live > l->trace->peak_live)
        l->trace->peak_live = l->live;
    return 0;
}

static int event_add(struct loading *l, struct trace_event event)
{
    if (event.thread >= l->trace->nthreads)
        l->trace->nthreads = event.thread + 1;
    trace_add_event(l->trace, &event);
    return live_move(l, &event);
}

/* The alignment asked for; of blocks of the base, what their address allows. */
static uint32_t block_alignment(const struct trace_block *block)
{
    if (!block->base)
        return (uint32_t)1 << (block->align_shift < 31 ? block->align_shift : 31);
    return block->address % 64 == 0 ? 64 : block->address % 16 == 0 ? 16 : 1;
}

static int block_begins(struct loading *l, struct trace_block *block, uint32_t thread)
{
    if (l->trace->nblocks == UINT32_MAX)
        return trace_info_fail(l->info, EINVAL, "more than %u blocks", UINT32_MAX);
    l->sizes = memory_grow(l->sizes, l->trace->nblocks, sizeof *l->sizes);
    l->sizes[l->trace->nblocks] = 0;
    block->user = ++l->trace->nblocks;
    return event_add(l, (struct trace_event){.size = block->requested,
                                             .id = block->user,
                                             .align = block_alignment(block),
                                             .thread = thread,
                                             .kind = TRACE_ALLOCATE});
}

static int load_change(void *user, enum trace_change change, struct trace_block *block,
                       uint64_t before, const struct trace_record *record)
{
    struct loading *l = user;
    uint32_t thread = record->thread ? record->thread - 1 : 0;
    (void)before;
    switch (change) {
    case TRACE_BEGINS:
        return block_begins(l, block, thread);
    case TRACE_ENDS:
        return event_add(
            l, (struct trace_event){.id = block->user, .thread = thread, .kind = TRACE_FREE});
    case TRACE_RESIZES:
        return event_add(l, (struct trace_event){.size = block->requested,
                                                 .id = block->user,
                                                 .thread = thread,
                                                 .kind = TRACE_RESIZE});
    default:
        if (record->kind == TRACE_RECORD_MARK_BEGIN)
            trace_add_mark(l->trace, trace_info_name(l->info, record->name), l->trace->nevents);
        return 0;
    }
}

int trace_load_replayed(struct trace_info *info, const char *path, struct trace *trace)
{
    struct loading l = {.trace = trace, .info = info};
    struct trace_replay replay;
    *trace = (struct trace){.nthreads = 1, .name = trace_name(path)};
    int error = trace_replay_run(&replay, info, load_change, &l);
    for (size_t i = 0; i < replay.blocks.n && !error; i++)
        if (replay.blocks.all[i].live)
            error = event_add(
                &l, (struct trace_event){.id = replay.blocks.all[i].user, .kind = TRACE_FREE});
    trace_replay_end(&replay);
    free(l.sizes);
    if (error)
        trace_free(trace);
    return error;
}

int trace_load_binary(const char *path, struct trace *trace, char *why, size_t nwhy)
{
    struct trace_info info;
    struct trace_replay first = {0};
    *trace = (struct trace){0};
    int error = trace_info_open(&info, path);
    if (!error)
        error = trace_replay_run(&first, &info, NULL, NULL);
    trace_replay_end(&first);
    if (!error)
        error = trace_load_replayed(&info, path, trace);
    if (error)
        snprintf(why, nwhy, "%s: %s", path, info.why);
    trace_info_close(&info);
    return error;
}
