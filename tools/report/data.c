/*
 * tools/report/data.c - two replays: the first puts right what the list of the start says, the
 * second is watched. What the replay's total has beyond the live blocks goes to segments that are
 * no block.
 */
#include "tools/report/data.h"
#include "tools/common/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHANGES_MOST (UINT32_MAX - 16)

struct collect {
    struct report_data *data;
    struct trace_replay *replay;
    uint64_t number, ticks;   /* of the event */
    uint32_t thread;          /* its, or 0 */
    uint64_t known, nknown;   /* of the live segments: bytes, blocks */
    uint32_t before, refused; /* live segments that are no block, or REPORT_NONE */
    uint32_t *latest;         /* by thread: the segment that its latest event allocated */
    size_t nlatest;
    uint32_t **open; /* by thread: marks that are open */
    size_t *nopen;
    size_t nthreads;
};

/* -- the columns ------------------------------------------------------------------------------- */

static void column_grow(uint64_t **column, size_t n)
{
    *column = memory_grow(*column, n, sizeof **column);
}

static void column_grow_short(uint32_t **column, size_t n)
{
    *column = memory_grow(*column, n, sizeof **column);
}

static void change_add(struct collect *c, uint32_t ended, uint32_t begun)
{
    struct report_data *d = c->data;
    size_t n = d->nchanges++;
    column_grow(&d->number, n);
    column_grow(&d->ticks, n);
    column_grow(&d->total, n);
    column_grow_short(&d->ended, n);
    column_grow_short(&d->begun, n);
    column_grow_short(&d->thread, n);
    d->number[n] = c->number;
    d->ticks[n] = c->ticks;
    d->total[n] = c->known;
    d->ended[n] = ended;
    d->begun[n] = begun;
    d->thread[n] = c->thread;
}

static uint32_t segment_begin(struct collect *c, struct report_segment segment)
{
    struct report_data *d = c->data;
    segment.born = (uint32_t)d->nchanges;
    segment.died = REPORT_NONE;
    d->segments = memory_grow(d->segments, d->nsegments, sizeof *d->segments);
    d->segments[d->nsegments] = segment;
    c->known += segment.bytes;
    c->nknown += segment.blocks;
    return (uint32_t)d->nsegments++;
}

static void segment_end(struct collect *c, uint32_t index)
{
    struct report_segment *s = &c->data->segments[index];
    s->died = (uint32_t)c->data->nchanges;
    c->known -= s->bytes;
    c->nknown -= s->blocks;
}

/* -- threads ---------------------------------------------------------------------------------- */

static uint32_t *latest_of(struct collect *c, uint32_t thread)
{
    while (c->nlatest <= thread) {
        c->latest = memory_grow(c->latest, c->nlatest, sizeof *c->latest);
        c->latest[c->nlatest++] = REPORT_NONE;
    }
    return &c->latest[thread];
}

/* The thread's latest event allocated this segment, or none: REPORT_NONE. Returns what the one
 * before it allocated. */
static uint32_t latest_set(struct collect *c, uint32_t segment)
{
    uint32_t *latest = latest_of(c, c->thread), was = *latest;
    *latest = segment;
    return was;
}

/* -- blocks ----------------------------------------------------------------------------------- */

static uint32_t rounding_of(const struct trace_block *block)
{
    uint64_t more = block->usable > block->requested ? block->usable - block->requested : 0;
    return more < UINT32_MAX ? (uint32_t)more : UINT32_MAX;
}

static struct report_segment segment_of(const struct collect *c, const struct trace_block *block)
{
    return (struct report_segment){.bytes = block->requested,
                                   .rounding = rounding_of(block),
                                   .blocks = 1,
                                   .stack = block->stack,
                                   .tag = block->tag,
                                   .context = block->context,
                                   .thread = c->thread & 0x3fffffff};
}

static void block_begins(struct collect *c, struct trace_block *block)
{
    block->user = segment_begin(c, segment_of(c, block));
    change_add(c, REPORT_NONE, block->user);
    latest_set(c, block->user);
}

static void block_ends(struct collect *c, const struct trace_block *block, bool freed)
{
    struct report_data *d = c->data;
    struct report_segment *s = &d->segments[block->user];
    if (latest_set(c, REPORT_NONE) == block->user && freed) {
        s->temporary = 1;
        d->temporary++;
        d->temporary_bytes += s->bytes;
    }
    segment_end(c, block->user);
    change_add(c, block->user, REPORT_NONE);
}

static void block_resizes(struct collect *c, struct trace_block *block)
{
    struct report_segment made = segment_of(c, block);
    uint32_t was = block->user;
    made.thread = c->data->segments[was].thread;
    made.resized = 1;
    segment_end(c, was);
    block->user = segment_begin(c, made);
    change_add(c, was, block->user);
    latest_set(c, REPORT_NONE);
}

/* -- what is no block -------------------------------------------------------------------------- */

static void rest_set(struct collect *c, uint32_t *segment, uint32_t kind, uint64_t bytes,
                     uint64_t blocks)
{
    uint32_t was = *segment;
    const struct report_segment *s = was == REPORT_NONE ? NULL : &c->data->segments[was];
    if (s ? s->bytes == bytes && s->blocks == (uint32_t)blocks : !bytes && !blocks)
        return;
    if (s)
        segment_end(c, was);
    *segment = bytes || blocks
                   ? segment_begin(c, (struct report_segment){.bytes = bytes,
                                                              .blocks = (uint32_t)blocks,
                                                              .stack = kind})
                   : REPORT_NONE;
    change_add(c, was, *segment);
}

static uint64_t above(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t at_least_0(int64_t value, uint64_t most)
{
    return value < 0 ? 0 : (uint64_t)value < most ? (uint64_t)value : most;
}

/* What the total has beyond the blocks. */
static void settle(struct collect *c)
{
    const struct trace_replay *r = c->replay;
    const struct report_segment none = {0},
                                *b = c->before == REPORT_NONE ? &none
                                                              : &c->data->segments[c->before],
                                *f = c->refused == REPORT_NONE ? &none
                                                               : &c->data->segments[c->refused];
    uint64_t bytes = above(r->total, c->known - b->bytes - f->bytes);
    uint64_t blocks = above(r->count, c->nknown - b->blocks - f->blocks);
    uint64_t before = at_least_0(r->unlisted_bytes, bytes);
    uint64_t nbefore = at_least_0(r->unlisted_blocks, blocks);
    rest_set(c, &c->before, REPORT_BEFORE, before, nbefore);
    rest_set(c, &c->refused, REPORT_REFUSED, bytes - before, blocks - nbefore);
}

/* -- marks and failures ---------------------------------------------------------------------------
 */

static void threads_room(struct collect *c, uint32_t thread)
{
    for (; c->nthreads <= thread; c->nthreads++) {
        c->open = memory_grow(c->open, c->nthreads, sizeof *c->open);
        c->nopen = memory_grow(c->nopen, c->nthreads, sizeof *c->nopen);
        c->open[c->nthreads] = NULL;
        c->nopen[c->nthreads] = 0;
    }
}

static uint32_t change_latest(const struct collect *c)
{
    return c->data->nchanges ? (uint32_t)c->data->nchanges - 1 : 0;
}

static void mark_begins(struct collect *c, uint32_t kind, uint32_t name)
{
    struct report_data *d = c->data;
    threads_room(c, c->thread);
    size_t depth = c->nopen[c->thread]++;
    c->open[c->thread] = memory_grow(c->open[c->thread], depth, sizeof **c->open);
    c->open[c->thread][depth] = (uint32_t)d->nmarks;
    d->marks = memory_grow(d->marks, d->nmarks, sizeof *d->marks);
    d->marks[d->nmarks++] = (struct report_mark){.kind = kind,
                                                 .name = name,
                                                 .thread = c->thread,
                                                 .depth = (uint32_t)depth,
                                                 .from = c->number,
                                                 .from_ticks = c->ticks,
                                                 .from_change = change_latest(c)};
}

static void mark_close(struct collect *c, struct report_mark *mark)
{
    mark->to = c->number;
    mark->to_ticks = c->ticks;
    mark->to_change = change_latest(c);
}

/* The latest open one of that kind and name; those in it were left open. */
static void mark_ends(struct collect *c, uint32_t kind, uint32_t name)
{
    struct report_data *d = c->data;
    threads_room(c, c->thread);
    uint32_t *open = c->open[c->thread];
    size_t n = c->nopen[c->thread], at = n;
    while (at && (d->marks[open[at - 1]].kind != kind || d->marks[open[at - 1]].name != name))
        at--;
    for (; at && n >= at; n--)
        mark_close(c, &d->marks[open[n - 1]]);
    c->nopen[c->thread] = n;
}

static void marks_finish(struct collect *c)
{
    for (size_t t = 0; t < c->nthreads; t++) {
        for (size_t i = 0; i < c->nopen[t]; i++)
            mark_close(c, &c->data->marks[c->open[t][i]]);
        free(c->open[t]);
    }
    free(c->open);
    free(c->nopen);
    free(c->latest);
}

static void failure_add(struct report_data *d, const struct trace_record *r)
{
    d->failures = memory_grow(d->failures, d->nfailures, sizeof *d->failures);
    d->failures[d->nfailures++] = (struct report_failure){.number = r->number,
                                                          .ticks = r->ticks,
                                                          .bytes = r->requested,
                                                          .thread = r->thread,
                                                          .tag = r->tag,
                                                          .context = r->context,
                                                          .error = r->detail};
}

static void mapping_add(struct report_data *d, const struct trace_record *r)
{
    d->mappings = memory_grow(d->mappings, d->nmappings, sizeof *d->mappings);
    d->mappings[d->nmappings++] =
        (struct report_mapping){.number = r->number,
                                .ticks = r->ticks,
                                .address = r->address,
                                .bytes = r->requested,
                                .flags = r->detail,
                                .stack = r->stack,
                                .given = r->kind == TRACE_RECORD_UNMAPPED};
}

static void other(struct collect *c, const struct trace_record *record)
{
    if (record->kind == TRACE_RECORD_MAPPED || record->kind == TRACE_RECORD_UNMAPPED) {
        mapping_add(c->data, record);
        return;
    }
    latest_set(c, REPORT_NONE);
    if (record->kind == TRACE_RECORD_MARK_BEGIN)
        mark_begins(c, record->detail, record->name);
    else if (record->kind == TRACE_RECORD_MARK_END)
        mark_ends(c, record->detail, record->name);
    else if (record->kind == TRACE_RECORD_FAILED)
        failure_add(c->data, record);
}

/* A change that changes nothing, so that there is one of number 0. */
static void start_ensure(struct collect *c)
{
    if (!c->data->nchanges)
        change_add(c, REPORT_NONE, REPORT_NONE);
}

/* -- the watched replay ---------------------------------------------------------------------------
 */

static void thread_note(struct report_data *d, uint32_t thread, uint32_t tid)
{
    if (thread < d->ntids && d->tids[thread])
        return;
    for (; d->ntids <= thread; d->ntids++) {
        d->tids = memory_grow(d->tids, d->ntids, sizeof *d->tids);
        d->tids[d->ntids] = 0;
    }
    d->tids[thread] = tid;
}

static int collect_change(void *user, enum trace_change change, struct trace_block *block,
                          uint64_t before, const struct trace_record *record)
{
    struct collect *c = user;
    (void)before;
    if (c->data->nchanges > CHANGES_MOST)
        return trace_info_fail(c->data->info, EFBIG, "more than %u changes", CHANGES_MOST);
    c->number = record->number;
    /* Threads read a clock at different times: columns of time must not go back. */
    c->ticks = record->ticks > c->ticks ? record->ticks : c->ticks;
    c->thread = record->thread;
    thread_note(c->data, record->thread, record->tid);
    switch (change) {
    case TRACE_BEGINS:
        block_begins(c, block);
        break;
    case TRACE_ENDS:
        block_ends(c, block, record->kind == TRACE_RECORD_FREE);
        break;
    case TRACE_RESIZES:
        block_resizes(c, block);
        break;
    case TRACE_OTHER:
        other(c, record);
        break;
    case TRACE_SETTLED:
        settle(c);
        start_ensure(c);
        break;
    }
    return 0;
}

static void peak_find(struct report_data *d)
{
    size_t first = report_event_end(d, 0);
    d->peak = d->total[first];
    d->peak_change = (uint32_t)first;
    for (size_t i = first + 1; i < d->nchanges; i++) {
        i = report_event_end(d, i);
        if (d->total[i] <= d->peak)
            continue;
        d->peak = d->total[i];
        d->peak_change = (uint32_t)i;
    }
    for (size_t i = 0; i < d->nsegments; i++)
        if (report_lives(&d->segments[i], d->peak_change))
            d->count += d->segments[i].blocks;
}

int report_data_read(struct report_data *d, struct trace_info *info, const char *path)
{
    *d = (struct report_data){.info = info, .path = path};
    struct trace_replay first = {0};
    struct collect c = {.data = d,
                        .replay = &d->end,
                        .ticks = info->ticks,
                        .before = REPORT_NONE,
                        .refused = REPORT_NONE};
    int error = trace_replay_run(&first, info, NULL, NULL);
    trace_replay_end(&first);
    if (!error)
        error = trace_replay_run(&d->end, info, collect_change, &c);
    trace_replay_end(&d->end);
    d->end.watch = NULL;
    d->end.user = NULL;
    d->events = d->end.events;
    d->last_number = d->end.last;
    d->last_ticks = info->foot.present && info->foot.ticks > c.ticks ? info->foot.ticks : c.ticks;
    c.number = d->last_number;
    marks_finish(&c);
    d->timed = report_duration(d) > 0;
    if (!error) {
        peak_find(d);
        d->end.peak_ticks = d->ticks[d->peak_change];
    }
    return error;
}

/* -- a text trace --------------------------------------------------------------------------------
 */

static void text_event(struct collect *c, const struct trace_event *e, uint32_t *segments)
{
    struct report_segment made = {.bytes = e->size, .blocks = 1, .thread = e->thread + 1};
    uint32_t was = segments[e->id];
    if (e->kind != TRACE_ALLOCATE) {
        if (latest_set(c, REPORT_NONE) == was && e->kind == TRACE_FREE) {
            c->data->segments[was].temporary = 1;
            c->data->temporary++;
            c->data->temporary_bytes += c->data->segments[was].bytes;
        }
        made.resized = 1;
        made.thread = c->data->segments[was].thread;
        segment_end(c, was);
    }
    segments[e->id] = e->kind == TRACE_FREE ? REPORT_NONE : segment_begin(c, made);
    change_add(c, e->kind == TRACE_ALLOCATE ? REPORT_NONE : was, segments[e->id]);
    if (e->kind == TRACE_ALLOCATE)
        latest_set(c, segments[e->id]);
    c->data->end.allocations += e->kind == TRACE_ALLOCATE;
    c->data->end.frees += e->kind == TRACE_FREE;
    c->data->end.resizes += e->kind == TRACE_RESIZE;
}

/* Phases begin where the one before ends. "run1", "run2": runs of one name. */
static void text_mark(struct collect *c, const struct trace *trace, size_t i)
{
    const char *name = trace->marks[i].name;
    struct report_data *d = c->data;
    uint32_t kind = strncmp(name, "run", 3) == 0 ? 1 : strncmp(name, "load", 4) == 0 ? 2 : 5;
    c->thread = 0;
    c->number = trace->marks[i].event;
    c->ticks = c->number;
    if (i)
        mark_ends(c, d->marks[d->nmarks - 1].kind, d->marks[d->nmarks - 1].name);
    d->names = memory_grow(d->names, i, sizeof *d->names);
    d->names[i] = memory_text(name, kind == 1 ? 3 : strlen(name));
    mark_begins(c, kind, (uint32_t)i);
}

int report_data_of_text(struct report_data *d, const struct trace *trace, const char *path)
{
    *d = (struct report_data){.path = path};
    uint32_t *segments = memory_array(NULL, (size_t)trace->nblocks + 1, sizeof *segments);
    struct collect c = {.data = d, .before = REPORT_NONE, .refused = REPORT_NONE};
    size_t mark = 0;
    start_ensure(&c);
    for (size_t i = 0; i < trace->nevents; i++) {
        for (; mark < trace->nmarks && trace->marks[mark].event <= i; mark++)
            text_mark(&c, trace, mark);
        c.number = c.ticks = i + 1;
        c.thread = trace->events[i].thread + 1;
        text_event(&c, &trace->events[i], segments);
    }
    d->events = d->last_number = d->last_ticks = c.number = c.ticks = trace->nevents;
    d->end.total = c.known;
    d->end.count = c.nknown;
    d->end.events = trace->nevents;
    d->end.marks = trace->nmarks;
    marks_finish(&c);
    peak_find(d);
    d->end.peak = d->peak;
    d->end.peak_number = d->number[d->peak_change];
    d->end.verified = d->peak == trace->peak_live;
    free(segments);
    return 0;
}

void report_data_free(struct report_data *d)
{
    for (size_t i = 0; d->names && i < d->nmarks; i++)
        free(d->names[i]);
    free(d->names);
    free(d->number);
    free(d->ticks);
    free(d->total);
    free(d->ended);
    free(d->begun);
    free(d->thread);
    free(d->segments);
    free(d->marks);
    free(d->failures);
    free(d->mappings);
    free(d->tids);
}

/* -- questions ------------------------------------------------------------------------------------
 */

uint32_t report_change_at(const struct report_data *d, uint64_t number)
{
    size_t low = 0, high = d->nchanges;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (d->number[middle] <= number)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? (uint32_t)low - 1 : 0;
}

double report_seconds(const struct report_data *d, uint64_t ticks)
{
    return d->info ? trace_info_seconds(d->info, ticks) : 0;
}

double report_duration(const struct report_data *d)
{
    return report_seconds(d, d->last_ticks);
}

const char *report_mark_name(const struct report_data *d, const struct report_mark *mark)
{
    return d->info ? trace_info_name(d->info, mark->name) : d->names[mark->name];
}

const char *report_mark_kind(uint32_t kind)
{
    static const char *const names[] = {"mark",     "run",   "model", "layer",
                                        "operator", "other", "step"};
    return names[kind < sizeof names / sizeof *names ? kind : 0];
}
