/*
 * observe/recorder.c - starting and ending a recording, and what the core's hooks do.
 * Owns the control lock (outermost of all) and the state of the one recording.
 *
 * Start: the file and HEAD, then the table (track/trace_hook.h) at one instant of the
 * total, then what was live at that instant, while other threads run on. Stop: the table
 * goes at one instant, the events that have numbers are waited for, the buffers written,
 * the footer.
 */
#include "observe/recorder.h"
#include "alloc/fork.h"
#include "alloc/inspect.h"
#include "alloc/trace.h"
#include "backing/meta.h"
#include "base/error.h"
#include "base/sized.h"
#include "observe/bytes.h"
#include "observe/event.h"
#include "observe/jit_names.h"
#include "observe/modules.h"
#include "observe/stacks.h"
#include "observe/stream.h"
#include "observe/trace_file.h"
#include "observe/trace_names.h"
#include "observe/trace_sink.h"
#include "os/clock.h"
#include "os/locks.h"
#include "os/residence.h"
#include "os/wait.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <weir/trace.h>

#define SAMPLE_MS  50
#define SIZED_NS   UINT64_C(100000000) /* frees tell their size for so long */
#define LATE_TRIES 40000               /* looks for late events before they count as dropped: 2 s */

static struct {
    weir__lock lock;
    weir_allocator *root; /* NULL: no recording */
    int64_t reserved;     /* by pools; atomic */
    uint64_t sample_ns;   /* between two samples */
    uint64_t listed;      /* when the list of what was live was complete; 0: not yet; atomic */
    uint64_t sampled;     /* when the last was taken; atomic */
    uint64_t stacks_from; /* WEIR__STACKS_OFF: no stacks */
    bool outside;         /* `weir run` reads, samples and ends it */
    bool forked;          /* and a forked child's goes on from its parent's */
    weir_trace_stats last;
    bool fork_watched, exit_watched;
} recorder WEIR__AT_START = {.lock = WEIR__LOCK(RECORDER)};
WEIR__LOCKS_KNOW(RECORDER, &recorder.lock);

bool weir__recorder_exit_is_seen WEIR__AT_START;

/* -- hooks ---------------------------------------------------------------------------------- */

static void other_event(unsigned sub, uint64_t number, const unsigned char *payload,
                        const unsigned char *end)
{
    weir__event_other(sub, number, payload, (size_t)(end - payload));
}

static void on_failed(const struct weir__trace_event *event)
{
    unsigned char payload[5 * WEIR__VARINT_MOST], *at = payload;
    at = weir__put_varint(at, event->requested);
    at = weir__put_varint(at, event->alignment ? weir__log2(event->alignment) : 0);
    at = weir__put_varint(at, weir__trace_context(event->allocator));
    at = weir__put_varint(at, weir__trace_tag(event->tag));
    at = weir__put_varint(at, (uint64_t)event->error);
    other_event(WEIR__TRACE_FAILED, event->sequence, payload, at);
}

static void on_adjusted(ptrdiff_t bytes, int blocks, uint64_t sequence)
{
    unsigned char payload[2 * WEIR__VARINT_MOST], *at = payload;
    at = weir__put_svarint(at, bytes);
    at = weir__put_svarint(at, blocks);
    other_event(WEIR__TRACE_ADJUSTED, sequence, payload, at);
}

static void on_destroyed(weir_allocator *a, size_t bytes, size_t blocks, uint64_t sequence)
{
    unsigned char payload[3 * WEIR__VARINT_MOST], *at = payload;
    at = weir__put_varint(at, weir__trace_context_known(a));
    at = weir__put_varint(at, bytes);
    at = weir__put_varint(at, blocks);
    other_event(WEIR__TRACE_DESTROYED, sequence, payload, at);
    weir__trace_context_gone(a);
}

static void on_region(const void *address, size_t size, bool taken)
{
    unsigned char payload[2 * WEIR__VARINT_MOST], *at = payload;
    __atomic_add_fetch(&recorder.reserved, taken ? (int64_t)size : -(int64_t)size,
                       __ATOMIC_RELAXED);
    at = weir__put_varint(at, (uint64_t)(uintptr_t)address);
    at = weir__put_varint(at, size);
    other_event(taken ? WEIR__TRACE_REGION_TAKEN : WEIR__TRACE_REGION_GIVEN,
                weir__trace_stamp_neutral(), payload, at);
}

static const struct weir__trace_hooks hooks = {.allocated = weir__event_allocated,
                                               .freed = weir__event_freed,
                                               .resized = weir__event_resized,
                                               .failed = on_failed,
                                               .adjusted = on_adjusted,
                                               .context_destroyed = on_destroyed,
                                               .region = on_region,
                                               .tag_classed = weir__trace_tag_classed};

/* -- samples ---------------------------------------------------------------------------------- */

static void sample_write(void)
{
    if (recorder.outside)
        return;
    unsigned char record[6 * WEIR__VARINT_MOST], *at = record;
    size_t files = 0, resident = weir__os_process_resident(&files);
    at = weir__put_varint(at, __atomic_load_n(&weir__trace_account->sequence, __ATOMIC_RELAXED));
    at = weir__recorder_put_now(at);
    at = weir__put_varint(at, resident);
    at = weir__put_varint(at, (uint64_t)__atomic_load_n(&recorder.reserved, __ATOMIC_RELAXED));
    at = weir__put_varint(at, files);
    weir__trace_write(WEIR__TRACE_SAMP, record, (size_t)(at - record), NULL, 0);
}

/* The list of what was live at the start may lack blocks that were being freed when it was
 * made. Their frees have come when some time has passed. */
static void sizes_end(uint64_t now)
{
    uint64_t listed = __atomic_load_n(&recorder.listed, __ATOMIC_RELAXED);
    if (!listed || now - listed < SIZED_NS ||
        __atomic_load_n(&weir__event_sized_until, __ATOMIC_RELAXED) != UINT64_MAX)
        return;
    uint64_t seen = __atomic_load_n(&weir__trace_account->sequence, __ATOMIC_RELAXED);
    __atomic_store_n(&weir__event_sized_until, seen, __ATOMIC_RELAXED);
}

/* After a buffer was written: one thread in each interval takes the sample. */
static void sample_now_and_then(void)
{
    uint64_t now = weir__os_coarse_time();
    uint64_t before = __atomic_load_n(&recorder.sampled, __ATOMIC_RELAXED);
    if (now - before >= recorder.sample_ns &&
        __atomic_compare_exchange_n(&recorder.sampled, &before, now, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
        sizes_end(now);
        sample_write();
    }
}

/* -- what was live at the start -----------------------------------------------------------------
 */

#define BASE_BYTES 4096

struct base {
    uint32_t context;
    uint64_t count, address;
    unsigned char *at, bytes[BASE_BYTES];
};

static void base_flush(struct base *base)
{
    unsigned char head[WEIR__VARINT_MOST];
    if (base->count)
        weir__trace_write(WEIR__TRACE_BASE, head,
                          (size_t)(weir__put_varint(head, base->count) - head), base->bytes,
                          (size_t)(base->at - base->bytes));
    base->at = base->bytes;
    base->count = base->address = 0;
}

static bool base_add(const weir_block *block, void *user)
{
    struct base *base = user;
    if (base->at + 5 * WEIR__VARINT_MOST > base->bytes + BASE_BYTES)
        base_flush(base);
    uint64_t address = (uint64_t)(uintptr_t)block->address;
    unsigned char *at = weir__put_svarint(base->at, (int64_t)(address - base->address));
    at = weir__put_varint(at, block->requested);
    at = weir__put_varint(at, block->usable);
    at = weir__put_varint(at, base->context);
    base->at = weir__put_varint(at, weir__trace_tag(block->tag));
    base->address = address;
    base->count++;
    return false;
}

static int base_walk(weir_allocator *a, unsigned depth, void *user)
{
    struct base *base = user;
    (void)depth;
    base->context = weir__trace_context(a);
    weir_allocator_walk(a, base_add, base);
    return 0;
}

static void start_write(const weir_stats *at_start)
{
    unsigned char record[3 * WEIR__VARINT_MOST], *at = record;
    at = weir__put_varint(at, at_start->total_allocated);
    at = weir__put_varint(at, at_start->allocation_count);
    at = weir__put_varint(at, at_start->reserved);
    weir__trace_write(WEIR__TRACE_STRT, record, (size_t)(at - record), NULL, 0);
}

static void base_write(weir_allocator *root)
{
    struct base base = {.at = base.bytes};
    weir__allocator_tree(root, base_walk, &base);
    base_flush(&base);
    __atomic_store_n(&recorder.listed, weir__os_coarse_time(), __ATOMIC_RELAXED);
}

/* -- fork -----------------------------------------------------------------------------------------
 */

/* The child has one thread, and the recording is its parent's. */
static void fork_child(void)
{
    if (recorder.outside)
        return; /* weir__recorder_outside_forked sees to it */
    weir__streams_forget(false);
    weir__stacks_forget();
    weir__trace_file_forget();
    weir__trace_names_forget();
    if (weir__trace_hooks() == &hooks)
        weir__allocator_trace_end(recorder.root, &(weir_stats){.size = sizeof(weir_stats)});
    recorder.root = NULL;
}

/* -- start
 * ------------------------------------------------------------------------------------------ */

static int start_check(const weir_trace_options *options, const char *path)
{
    if (!path)
        return weir__fail(EINVAL, "no trace file: NULL was given");
    if (recorder.root)
        return weir__fail(EBUSY, "a trace is being recorded already");
    if (weir_allocator_parent(options->allocator ? options->allocator : weir_cpu_allocator()))
        return weir__fail(EINVAL, "only an allocator without a parent can be traced");
    return 0;
}

static int file_begin(const char *path, weir_allocator *root)
{
    int error = weir__trace_file_open(path);
    if (error)
        return weir__fail(error, "trace \"%s\": %s", path,
                          error == ESPIPE ? "not a regular file" : strerror(error));
    if (weir__recorder_head(weir_allocator_name(root), (int)getpid(), NULL, recorder.stacks_from) &&
        weir__trace_file_reserve()) {
        weir__modules_begin();
        return 0;
    }
    error = weir__trace_file_error();
    weir__trace_file_forget();
    return weir__fail(error, "trace \"%s\": %s", path, strerror(error));
}

/* Events from here on. `list`: what is live now goes into the recording, block by block. */
static int events_begin(weir_allocator *root, bool list)
{
    weir_stats at_start = {.size = sizeof at_start};
    __atomic_store_n(&recorder.listed, 0, __ATOMIC_RELAXED);
    recorder.sampled = 0;
    recorder.reserved = 0;
    __atomic_store_n(&weir__event_sized_until, UINT64_MAX, __ATOMIC_RELAXED);
    weir__stream_written = sample_now_and_then;
    __atomic_store_n(&weir__trace_thread_exited, weir__stream_release, __ATOMIC_RELEASE);
    __atomic_store_n(&recorder.root, root, __ATOMIC_RELAXED);
    weir__stacks_begin(recorder.stacks_from);
    weir__streams_on();
    int error = weir__allocator_trace_begin(root, &hooks, &at_start);
    if (error) {
        __atomic_store_n(&recorder.root, NULL, __ATOMIC_RELAXED);
        weir__streams_off();
        return error;
    }
    if (at_start.reserved != WEIR_UNSUPPORTED)
        __atomic_add_fetch(&recorder.reserved, (int64_t)at_start.reserved, __ATOMIC_RELAXED);
    start_write(&at_start);
    if (list)
        base_write(root);
    return 0;
}

static int start_locked(const char *path, const weir_trace_options *options)
{
    weir_allocator *root = options->allocator ? options->allocator : weir_cpu_allocator();
    weir__trace_sink = &weir__trace_file_sink;
    recorder.stacks_from = options->no_stacks ? WEIR__STACKS_OFF : options->stacks_from;
    int error = file_begin(path, root);
    if (error)
        return error;
    weir__trace_names_reset();
    recorder.sample_ns = (options->sample_ms ? options->sample_ms : SAMPLE_MS) * UINT64_C(1000000);
    error = events_begin(root, true);
    if (error)
        weir__trace_file_forget();
    return error;
}

int weir_trace_start(const char *path, const weir_trace_options *options)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_trace_options, stacks_from) };
    weir_trace_options o;
    if (!weir__options_take(&o, sizeof o, FIRST, options))
        return weir__fail(EINVAL, "weir_trace_options.size is %zu: no such struct", options->size);
    weir__lock_take(&recorder.lock);
    int error = start_check(&o, path);
    if (!error && !recorder.fork_watched) {
        error = pthread_atfork(NULL, NULL, fork_child);
        recorder.fork_watched = !error;
    }
    if (!error)
        error = start_locked(path, &o);
    if (!error && !recorder.exit_watched && !weir__recorder_exit_is_seen)
        recorder.exit_watched = atexit(weir__recorder_exit) == 0;
    weir__lock_drop(&recorder.lock);
    return error;
}

/* -- for weir run ----------------------------------------------------------------------- */

static void outside_begin(int pid, const char *command, bool forked)
{
    weir_allocator *root = weir_cpu_allocator();
    weir__trace_sink = &weir__trace_ring_sink;
    recorder.outside = true;
    recorder.forked = forked;
    recorder.sample_ns = SAMPLE_MS * UINT64_C(1000000);
    weir__recorder_head(weir_allocator_name(root), pid, command, recorder.stacks_from);
    if (!forked)
        weir__modules_begin();
    else
        weir__modules_again();
    events_begin(root, !forked);
}

void weir__recorder_outside_start(int pid, const char *command, uint64_t stacks_from)
{
    recorder.stacks_from = stacks_from;
    weir__trace_names_reset();
    outside_begin(pid, command, false);
}

void weir__recorder_outside_cut(void)
{
    weir__streams_forget(true);
    weir__stacks_forget();
    weir__trace_names_forget();
}

void weir__recorder_outside_forked(int pid, const char *command)
{
    if (weir__trace_hooks() == &hooks)
        weir__allocator_trace_end(recorder.root, &(weir_stats){.size = sizeof(weir_stats)});
    outside_begin(pid, command, true);
}

/* -- stop
 * --------------------------------------------------------------------------------------------- */

/* Operations that have a number tell it in a moment, or never (a thread was ended in the
 * middle). Returns how many did not. */
static uint64_t late_events(void)
{
    uint64_t given = 0, arrived = 0;
    for (unsigned tries = 0; tries < LATE_TRIES; tries++) {
        given = __atomic_load_n(&weir__trace_account->sequence, __ATOMIC_RELAXED);
        arrived = weir__streams_arrived();
        if (arrived >= given)
            return 0;
        weir__os_backoff(tries);
    }
    return given - arrived;
}

static size_t footer_put(unsigned char *record, const weir_stats *at_end, uint64_t dropped)
{
    const struct weir__trace_account *account = weir__trace_account;
    unsigned char *at = record;
    at = weir__put_varint(at, account->sequence);
    at = weir__put_varint(at, account->allocations);
    at = weir__put_varint(at, account->frees);
    at = weir__put_varint(at, at_end->total_allocated);
    at = weir__put_varint(at, at_end->allocation_count);
    at = weir__put_varint(at, account->peak);
    at = weir__put_varint(at, account->peak_sequence);
    at = weir__put_varint(at, dropped);
    at = weir__put_varint(at, (uint64_t)weir__trace_file_error());
    at = weir__recorder_put_now(at);
    at = weir__put_varint(at, (uint64_t)recorder.reserved);
    at = weir__put_varint(at, 0);
    at = weir__put_varint(at, account->stacks_cut);
    at = weir__put_varint(at, account->stack_nodes);
    return (size_t)(at - record);
}

static int stop_locked(void)
{
    weir_stats at_end = {.size = sizeof at_end};
    unsigned char record[WEIR__TRACE_FOOT_MOST];
    weir__allocator_trace_end(recorder.root, &at_end);
    uint64_t late = late_events();
    weir__streams_off();
    weir__relaxed_set(weir__stacks_from, WEIR__STACKS_OFF);
    weir__streams_flush();
    weir__stacks_flush();
    weir__modules_complete();
    weir__jit_names_write();
    sample_write();
    uint64_t dropped = weir__streams_dropped() + late;
    int error = weir__trace_file_close(record, footer_put(record, &at_end, dropped));
    __atomic_store_n(&recorder.root, NULL, __ATOMIC_RELAXED);
    recorder.last = (weir_trace_stats){.error = error,
                                       .events = weir__trace_account->sequence,
                                       .dropped = dropped,
                                       .bytes = weir__trace_file_bytes(),
                                       .peak = weir__trace_account->peak};
    if (error)
        return weir__fail(error, "trace: %s; %llu of %llu events were not written", strerror(error),
                          (unsigned long long)dropped, (unsigned long long)recorder.last.events);
    if (dropped)
        return weir__fail(EOVERFLOW, "trace: %llu of %llu events were not kept",
                          (unsigned long long)dropped, (unsigned long long)recorder.last.events);
    return 0;
}

int weir_trace_stop(void)
{
    weir__lock_take(&recorder.lock);
    int error = recorder.root ? stop_locked() : weir__fail(EINVAL, "no trace is being recorded");
    weir__lock_drop(&recorder.lock);
    return error;
}

__attribute__((destructor)) static void stop_at_exit(void)
{
    if (__atomic_load_n(&recorder.root, __ATOMIC_RELAXED) && !recorder.outside)
        weir_trace_stop();
}

/* -- questions and marks
 * --------------------------------------------------------------------------------- */

int weir_trace_stats_get(weir_trace_stats *stats)
{
    enum { FIRST = WEIR__SIZE_WITH(weir_trace_stats, peak) };
    if (!stats || !weir__size_fits(stats->size, FIRST))
        return weir__fail(EINVAL, "statistics of a recording: %s",
                          stats ? "no such struct" : "NULL was given");
    weir__lock_take(&recorder.lock);
    weir_trace_stats made = recorder.last;
    if (recorder.root)
        made = (weir_trace_stats){
            .recording = true,
            .error = weir__trace_file_error(),
            .events = __atomic_load_n(&weir__trace_account->sequence, __ATOMIC_RELAXED),
            .dropped = weir__streams_dropped(),
            .bytes = weir__trace_file_bytes(),
            .peak = __atomic_load_n(&weir__trace_account->peak, __ATOMIC_RELAXED)};
    weir__lock_drop(&recorder.lock);
    weir__figures_give(stats, FIRST, &made, sizeof made);
    return 0;
}

int weir__recorder_mark(weir_mark kind, const char *name, bool begin)
{
    unsigned char payload[2 * WEIR__VARINT_MOST], *at = payload;
    if (kind < WEIR_MARK_RUN || kind > WEIR_MARK_STEP || !name)
        return weir__fail(EINVAL, "no such mark");
    if (!weir__streams_are_on())
        return 0;
    uint32_t id = weir__trace_name(name);
    if (!id)
        return weir__fail(ENOMEM, "no memory for the name of a mark");
    at = weir__put_varint(at, (uint64_t)kind);
    at = weir__put_varint(at, id);
    other_event(begin ? WEIR__TRACE_MARK_BEGIN : WEIR__TRACE_MARK_END, weir__trace_stamp_neutral(),
                payload, at);
    return 0;
}

/* -- exit ------------------------------------------------------------------------------------ */

#define QUIET_TRIES 200 /* looks for a moment at which no thread is in weir: some milliseconds */

/* A thread that was interrupted in weir, and whose handler calls exit, stays in it. */
static bool core_is_soon_quiet(void)
{
    unsigned tries = 0;
    while (!weir__core_is_quiet() && tries < QUIET_TRIES)
        weir__os_backoff(tries++);
    return tries < QUIET_TRIES;
}

void weir__recorder_exit(void)
{
    static bool begun;
    /* A process without an event has no stream, and its teardown is nothing to tell; in a forked
     * child what lives is its parent's. */
    if (weir__streams_are_on() &&
        (weir__relaxed_get(weir__trace_account->sequence) || recorder.forked) &&
        !__atomic_load_n(&begun, __ATOMIC_RELAXED) && weir__stream_is_free() &&
        core_is_soon_quiet() && !__atomic_exchange_n(&begun, true, __ATOMIC_RELAXED))
        (void)weir__recorder_mark(WEIR_MARK_OTHER, "exit", true);
}
