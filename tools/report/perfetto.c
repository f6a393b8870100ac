/* tools/report/perfetto.c - see perfetto.h. Times are those of the recording's monotonic clock. */
#include "tools/report/perfetto.h"
#include "tools/common/memory.h"
#include "tools/common/text.h"
#include "tools/report/protobuf.h"

#include <stdlib.h>
#include <string.h>

enum { /* fields */
       TRACE_PACKET = 1,
       PACKET_TIMESTAMP = 8,
       PACKET_SEQUENCE = 10,
       PACKET_EVENT = 11,
       PACKET_TRACK = 60,
       TRACK_UUID = 1,
       TRACK_NAME = 2,
       TRACK_PROCESS = 3,
       TRACK_THREAD = 4,
       TRACK_PARENT = 5,
       TRACK_COUNTER = 8,
       EVENT_ANNOTATION = 4,
       EVENT_TYPE = 9,
       EVENT_TRACK = 11,
       EVENT_CATEGORY = 22,
       EVENT_NAME = 23,
       EVENT_VALUE = 30
};

enum { TYPE_BEGIN = 1, TYPE_END, TYPE_INSTANT, TYPE_COUNTER };

enum { /* uuids */
       UUID_PROCESS = 1,
       UUID_LIVE,
       UUID_IN_USE,
       UUID_RESERVED,
       UUID_RESIDENT,
       UUID_FILES,
       UUID_THREADS = 1000
};

struct maker {
    FILE *to;
    const struct report *r;
    uint64_t base; /* of the clock, ns */
};

static void packet_write(const struct maker *m, struct protobuf *packet)
{
    struct protobuf trace = {0};
    protobuf_count(packet, PACKET_SEQUENCE, 1);
    protobuf_nested(&trace, TRACE_PACKET, packet);
    fwrite(trace.bytes, 1, trace.n, m->to);
    protobuf_free(&trace);
}

/* -- tracks ---------------------------------------------------------------------------------------
 */

static void track_write(const struct maker *m, struct protobuf *track)
{
    struct protobuf packet = {0};
    protobuf_nested(&packet, PACKET_TRACK, track);
    packet_write(m, &packet);
}

static uint64_t pid_of(const struct report *r)
{
    return r->data.info && r->data.info->pid ? r->data.info->pid : 1;
}

static void process_write(const struct maker *m)
{
    struct protobuf track = {0}, process = {0};
    protobuf_count(&process, 1, pid_of(m->r));
    protobuf_text(&process, 6,
                  m->r->data.info ? m->r->data.info->command : text_file_name(m->r->data.path));
    protobuf_count(&track, TRACK_UUID, UUID_PROCESS);
    protobuf_nested(&track, TRACK_PROCESS, &process);
    track_write(m, &track);
}

static void thread_write(const struct maker *m, uint32_t thread, uint32_t tid)
{
    struct protobuf track = {0}, about = {0};
    protobuf_count(&about, 1, pid_of(m->r));
    protobuf_count(&about, 2, tid ? tid : pid_of(m->r) + thread);
    protobuf_text(&about, 5, text_made("thread %u", thread));
    protobuf_count(&track, TRACK_UUID, UUID_THREADS + thread);
    protobuf_count(&track, TRACK_PARENT, UUID_PROCESS);
    protobuf_nested(&track, TRACK_THREAD, &about);
    track_write(m, &track);
}

static void counter_track_write(const struct maker *m, uint64_t uuid, const char *name)
{
    struct protobuf track = {0}, counter = {0};
    protobuf_count(&counter, 3, 3); /* bytes */
    protobuf_count(&track, TRACK_UUID, uuid);
    protobuf_count(&track, TRACK_PARENT, UUID_PROCESS);
    protobuf_text(&track, TRACK_NAME, name);
    protobuf_nested(&track, TRACK_COUNTER, &counter);
    track_write(m, &track);
}

static void tracks_write(const struct maker *m)
{
    process_write(m);
    for (uint32_t i = 1; i < m->r->data.ntids; i++)
        thread_write(m, i, m->r->data.tids[i]);
    counter_track_write(m, UUID_LIVE, "live bytes");
    counter_track_write(m, UUID_IN_USE, "in use, with rounding");
    counter_track_write(m, UUID_RESERVED, "reserved by pools");
    counter_track_write(m, UUID_RESIDENT, "resident");
    counter_track_write(m, UUID_FILES, "resident, of files");
}

/* -- events
 * ---------------------------------------------------------------------------------------- */

static uint64_t time_of(const struct maker *m, uint64_t ticks)
{
    const struct report_data *d = &m->r->data;
    if (!d->timed)
        return m->base + ticks * 1000; /* of a text trace, a microsecond an event */
    double seconds = report_seconds(d, ticks);
    return m->base + (seconds > 0 ? (uint64_t)(seconds * 1e9 + 0.5) : 0);
}

static void event_write(const struct maker *m, uint64_t time, struct protobuf *event)
{
    struct protobuf packet = {0};
    protobuf_count(&packet, PACKET_TIMESTAMP, time);
    protobuf_nested(&packet, PACKET_EVENT, event);
    packet_write(m, &packet);
}

static void point_write(const struct maker *m, uint64_t uuid, uint64_t time, uint64_t value)
{
    struct protobuf event = {0};
    protobuf_count(&event, EVENT_TYPE, TYPE_COUNTER);
    protobuf_count(&event, EVENT_TRACK, uuid);
    protobuf_count(&event, EVENT_VALUE, value);
    event_write(m, time, &event);
}

static void change_write(const struct maker *m, size_t change, uint64_t rounding)
{
    uint64_t time = time_of(m, m->r->data.ticks[change]);
    point_write(m, UUID_LIVE, time, m->r->data.total[change]);
    point_write(m, UUID_IN_USE, time, m->r->data.total[change] + rounding);
}

/* A bucket's least, greatest and last, in the order in which they were. */
struct bucket {
    size_t changes[3];
    uint64_t rounding[3];
};

static void bucket_write(const struct maker *m, const struct bucket *b)
{
    size_t written = SIZE_MAX;
    for (size_t n = 0; n < 3; n++) {
        size_t next = SIZE_MAX, which = 0;
        for (size_t i = 0; i < 3; i++)
            if (b->changes[i] < next && (written == SIZE_MAX || b->changes[i] > written)) {
                next = b->changes[i];
                which = i;
            }
        if (next == SIZE_MAX)
            return;
        change_write(m, next, b->rounding[which]);
        written = next;
    }
}

static void bucket_take(const struct report_data *d, struct bucket *b, size_t change,
                        uint64_t rounding, bool first)
{
    const uint64_t *total = d->total;
    bool take[3] = {first || total[change] < total[b->changes[0]],
                    first || total[change] > total[b->changes[1]], true};
    for (size_t i = 0; i < 3; i++)
        if (take[i]) {
            b->changes[i] = change;
            b->rounding[i] = rounding;
        }
}

static void live_write(const struct maker *m)
{
    const struct report_data *d = &m->r->data;
    size_t most = PERFETTO_POINTS / 3, stride = d->nchanges / most + 1, in = 0;
    struct bucket bucket = {{0}, {0}};
    uint64_t rounding = 0;
    if (d->nchanges <= PERFETTO_POINTS)
        stride = 1;
    for (size_t i = 0; i < d->nchanges; i++) {
        rounding += d->begun[i] != REPORT_NONE ? d->segments[d->begun[i]].rounding : 0;
        rounding -= d->ended[i] != REPORT_NONE ? d->segments[d->ended[i]].rounding : 0;
        if (i + 1 < d->nchanges && d->number[i + 1] == d->number[i])
            continue;
        bucket_take(d, &bucket, i, rounding, in == 0);
        if (++in < stride)
            continue;
        bucket_write(m, &bucket);
        in = 0;
    }
    if (in)
        bucket_write(m, &bucket);
}

static void samples_write(const struct maker *m)
{
    const struct trace_info *info = m->r->data.info;
    size_t n = info ? info->nsamples : 0, stride = n / PERFETTO_POINTS + 1;
    for (size_t i = 0; i < n; i += stride) {
        uint64_t time = time_of(m, info->samples[i].ticks);
        point_write(m, UUID_RESERVED, time, info->samples[i].reserved);
        point_write(m, UUID_RESIDENT, time, info->samples[i].resident);
        if (info->samples[i].files)
            point_write(m, UUID_FILES, time, info->samples[i].files);
    }
}

/* -- slices and instants
 * ------------------------------------------------------------------------------ */

struct edge {
    uint64_t number, ticks;
    uint32_t mark;
    bool end;
};

static int by_number(const void *left, const void *right)
{
    const struct edge *a = left, *b = right;
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    if (a->end != b->end)
        return a->end ? 1 : -1;
    /* Left open: inner ones end first. */
    if (a->mark != b->mark)
        return (a->mark < b->mark) == a->end ? 1 : -1;
    return 0;
}

static void edge_write(const struct maker *m, const struct edge *edge)
{
    const struct report_mark *mark = &m->r->data.marks[edge->mark];
    struct protobuf event = {0};
    protobuf_count(&event, EVENT_TYPE, edge->end ? TYPE_END : TYPE_BEGIN);
    protobuf_count(&event, EVENT_TRACK, UUID_THREADS + mark->thread);
    if (!edge->end) {
        protobuf_text(&event, EVENT_CATEGORY, report_mark_kind(mark->kind));
        protobuf_text(&event, EVENT_NAME, report_mark_name(&m->r->data, mark));
    }
    event_write(m, time_of(m, edge->ticks), &event);
}

static void marks_write(const struct maker *m)
{
    const struct report_data *d = &m->r->data;
    struct edge *edges = memory_array(NULL, 2 * d->nmarks, sizeof *edges);
    for (uint32_t i = 0; i < d->nmarks; i++) {
        edges[2 * i] = (struct edge){d->marks[i].from, d->marks[i].from_ticks, i, false};
        edges[2 * i + 1] = (struct edge){d->marks[i].to, d->marks[i].to_ticks, i, true};
    }
    qsort(edges, 2 * d->nmarks, sizeof *edges, by_number);
    for (size_t i = 0; i < 2 * d->nmarks; i++)
        edge_write(m, &edges[i]);
    free(edges);
}

static void failure_write(const struct maker *m, const struct report_failure *f)
{
    struct protobuf event = {0}, bytes = {0};
    protobuf_text(&bytes, 10, "bytes");
    protobuf_count(&bytes, 3, f->bytes);
    protobuf_count(&event, EVENT_TYPE, TYPE_INSTANT);
    protobuf_count(&event, EVENT_TRACK, UUID_THREADS + f->thread);
    protobuf_text(&event, EVENT_NAME, "request refused");
    protobuf_nested(&event, EVENT_ANNOTATION, &bytes);
    event_write(m, time_of(m, f->ticks), &event);
}

void perfetto_write(FILE *to, const struct report *r)
{
    struct maker m = {to, r, r->data.info ? r->data.info->ns : 0};
    tracks_write(&m);
    live_write(&m);
    samples_write(&m);
    marks_write(&m);
    for (size_t i = 0; i < r->data.nfailures; i++)
        failure_write(&m, &r->data.failures[i]);
}
