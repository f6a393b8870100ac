/* The recorder and the reader of its files, against each other and against the allocator's
 * own figures. tests/scripts/trace.sh has an independent reader. */
#include "../helpers/recording.h"
#include "../helpers/suite.h"
#include "alloc/trace.h"
#include "base/fault.h"
#include "observe/crc32.h"
#include "observe/stream.h"
#include "tools/trace/binary.h"
#include "tools/trace/replay.h"
#include "track/trace_hook.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weir/weir.h>

static void path_make(void)
{
    scratch_path(path, "unit-recorder.trace");
}

static void path_remove(void)
{
    weir_trace_stop();
    unlink(path);
}

TestSuite(recorder, .init = path_make, .fini = path_remove);

/* -- exactness ----------------------------------------------------------------------------- */

static void work_in_threads(weir_allocator *a, weir_allocator *b, int steps)
{
    pthread_t threads[4];
    struct worker workers[4];
    for (int i = 0; i < 4; i++) {
        workers[i] = (struct worker){i & 1 ? a : b, (uint32_t)i + 1, steps};
        cr_assert_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
}

static void replays_to_the_exact_peak(const weir_allocator_options *options)
{
    weir_allocator *cpu = weir_cpu_allocator();
    weir_allocator *context = weir_allocator_create(options);
    void *kept = weir_allocate(context, 12345);
    start();
    weir_reset_peak(cpu);
    weir_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    weir_stats_get(cpu, &before);
    work_in_threads(cpu, context, 20000);
    weir_stats_get(cpu, &after);
    size_t peak = weir_peak_allocated(cpu);
    stop();
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    cr_assert(info.foot.present);
    cr_assert_eq(info.foot.dropped, 0);
    cr_assert_eq(replay.inexact, false);
    cr_assert_eq(replay.peak, peak, "replayed %zu, counted %zu", (size_t)replay.peak, peak);
    cr_assert_eq(replay.allocations, after.allocations - before.allocations);
    cr_assert_eq(replay.frees, after.deallocations - before.deallocations);
    cr_assert_eq(replay.total, 12345 + info.start_total - 12345);
    cr_assert_eq(replay.blocks.live.used, info.start_count);
    cr_assert_gt(replay.resizes, 0);
    trace_done(&info, &replay);
    weir_deallocate(context, kept);
    cr_assert_eq(weir_allocator_destroy(context), 0);
}

Test(recorder, four_threads_replay_to_the_exact_peak)
{
    replays_to_the_exact_peak(&(weir_allocator_options){.name = "weights"});
}

Test(recorder, hardened_contexts_replay_to_the_exact_peak)
{
    replays_to_the_exact_peak(&(weir_allocator_options){
        .size = sizeof(weir_allocator_options), .name = "weights", .hardened = WEIR_HARDENED_ON});
}

/* A block of nobody's: what the core says of one, told to the table that it would tell. */
static void hook_event(enum trace_record_kind kind, struct weir__trace_event e)
{
    const struct weir__trace_hooks *hooks = weir__trace_hooks();
    ptrdiff_t bytes = (ptrdiff_t)(e.requested - e.old_requested);
    e.allocator = weir_cpu_allocator();
    e.usable = e.requested;
    if (kind == TRACE_RECORD_RESIZE) {
        e.sequence = weir__trace_stamp(bytes, 0);
        hooks->resized(&e);
    } else if (kind == TRACE_RECORD_ALLOCATE) {
        e.sequence = weir__trace_stamp(bytes, 1);
        hooks->allocated(&e);
    } else {
        e.sequence = weir__trace_stamp(-bytes, -1);
        hooks->freed(&e);
    }
}

#define ALLOCATE(at, n)                                                                            \
    hook_event(TRACE_RECORD_ALLOCATE, (struct weir__trace_event){.block = at, .requested = n})
#define FREE(at, n)                                                                                \
    hook_event(TRACE_RECORD_FREE, (struct weir__trace_event){.block = at, .requested = n})
#define RESIZE(from, before, to, n)                                                                \
    hook_event(TRACE_RECORD_RESIZE,                                                                \
               (struct weir__trace_event){                                                         \
                   .block = to, .old_block = from, .requested = n, .old_requested = before})

Test(recorder, a_resize_that_moves_is_one_event)
{
    char *a = (char *)0x100000000000, *b = a + 4096, *c = a + (1 << 30) + 24;
    start();
    ALLOCATE(a, 100);
    RESIZE(a, 100, a, 120); /* where it is */
    RESIZE(NULL, 120, a, 130);
    RESIZE(a, 130, b, 200);
    ALLOCATE(a, 30); /* the old place is another's at once */
    RESIZE(b, 200, c, 150);
    RESIZE(a, 30, b, 10);
    FREE(c, 150);
    FREE(b, 10);
    stop();
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    cr_assert(replay.verified);
    cr_assert_eq(replay.peak, info.start_total + 230);
    cr_assert_eq(replay.total, info.start_total);
    cr_assert_eq(replay.resizes, 5);
    cr_assert_eq(replay.moves, 3);
    cr_assert_eq(replay.allocations, 2);
    cr_assert_eq(replay.frees, 2);
    trace_done(&info, &replay);
    struct trace trace;
    char why[256];
    cr_assert_eq(trace_load_binary(path, &trace, why, sizeof why), 0, "%s", why);
    const struct trace_event *e = trace.events + trace.nevents - 1;
    while (e->size != 100)
        e--;
    cr_assert_eq(e[3].kind, TRACE_RESIZE);
    cr_assert_eq(e[3].id, e[0].id);
    cr_assert_eq(e[6].id, e[4].id);
    trace_free(&trace);
}

Test(recorder, names_contexts_tags_and_marks)
{
    weir_allocator *cpu = weir_cpu_allocator();
    start();
    weir_allocator *outer = weir_allocator_create(&(weir_allocator_options){.name = "outer"});
    weir_allocator *inner = weir_allocator_create(
        &(weir_allocator_options){.name = "inner", .parent = outer, .limit = 1000});
    cr_assert_eq(weir_trace_mark(WEIR_MARK_LAYER, "conv1", true), 0);
    weir_tag former = weir_tag_set(weir_tag_intern("conv1/weights"));
    void *block = weir_allocate_aligned(inner, 100, 256);
    weir_tag_set(former);
    cr_assert_null(weir_allocate(inner, 5000));
    cr_assert_eq(weir_trace_mark(WEIR_MARK_LAYER, "conv1", false), 0);
    cr_assert_not_null(block);
    cr_assert_eq(weir_allocator_destroy(inner), 0);
    cr_assert_eq(weir_allocator_destroy(outer), 0);
    weir_deallocate(cpu, weir_allocate(cpu, 1));
    stop();
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    struct trace_merge *merge = trace_merge_begin(&info);
    struct trace_record r;
    unsigned seen = 0;
    while (trace_merge_next(merge, &r) > 0) {
        if (r.kind == TRACE_RECORD_ALLOCATE && r.requested == 100) {
            cr_assert_str_eq(trace_info_context(&info, r.context), "inner");
            cr_assert_str_eq(trace_info_context(&info, info.contexts[r.context].parent), "outer");
            cr_assert_str_eq(trace_info_tag(&info, r.tag), "conv1/weights");
            cr_assert_eq(r.align_shift, 8);
            cr_assert_eq(r.address, (uint64_t)(uintptr_t)block);
            seen |= 1;
        }
        if (r.kind == TRACE_RECORD_FAILED && r.requested == 5000 && r.detail == ENOMEM)
            seen |= 2;
        if (r.kind == TRACE_RECORD_MARK_BEGIN && r.detail == WEIR_MARK_LAYER &&
            strcmp(trace_info_name(&info, r.name), "conv1") == 0)
            seen |= 4;
        if (r.kind == TRACE_RECORD_MARK_END)
            seen |= 8;
        if (r.kind == TRACE_RECORD_DESTROYED && r.bytes == 100 && r.blocks == 1)
            seen |= 16;
    }
    trace_merge_end(merge);
    cr_assert_eq(seen, 31, "seen: %u", seen);
    cr_assert_eq(replay.failures, 1);
    cr_assert_gt(info.nmodules, 2);
    cr_assert_gt(strlen(info.modules[0].path), 1);
    cr_assert_gt(info.nsamples, 0);
    cr_assert_gt(info.samples[0].resident, 100000);
    cr_assert(info.samples[0].files > 4096 && info.samples[0].files < info.samples[0].resident);
    trace_done(&info, &replay);
}

/* Set before its first block, after it, twice, taken back, and never. */
Test(recorder, a_tag_has_the_latest_class)
{
    static const struct {
        const char *name;
        int before, after, again, expected;
    } tags[] = {
        {"before", WEIR_CLASS_WEIGHT, -1, -1, WEIR_CLASS_WEIGHT},
        {"after", -1, WEIR_CLASS_KV, -1, WEIR_CLASS_KV},
        {"twice", WEIR_CLASS_KV, WEIR_CLASS_SCRATCH, WEIR_CLASS_STAGING, WEIR_CLASS_STAGING},
        {"back", WEIR_CLASS_OTHER, WEIR_CLASS_NONE, -1, WEIR_CLASS_NONE},
        {"never", -1, -1, -1, WEIR_CLASS_NONE}};
    enum { N = sizeof tags / sizeof *tags };
    weir_tag made[N];
    start();
    for (int i = 0; i < N; i++) {
        made[i] = weir_tag_intern(tags[i].name);
        if (tags[i].before >= 0)
            cr_assert_eq(weir_tag_class(made[i], (weir_class)tags[i].before), 0);
        weir_tag former = weir_tag_set(made[i]);
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 10));
        weir_tag_set(former);
        if (tags[i].after >= 0)
            cr_assert_eq(weir_tag_class(made[i], (weir_class)tags[i].after), 0);
        if (tags[i].again >= 0)
            cr_assert_eq(weir_tag_class(made[i], (weir_class)tags[i].again), 0);
    }
    stop();
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    for (int i = 0; i < N; i++) {
        cr_assert_str_eq(trace_info_tag(&info, made[i]), tags[i].name);
        cr_assert_eq(made[i] < info.nclasses ? info.classes[made[i]] : 0, tags[i].expected, "%s",
                     tags[i].name);
    }
    trace_done(&info, &replay);
}

Test(recorder, a_mark_scope_ends_with_its_block)
{
    start();
    for (int i = 0; i < 3; i++) {
        WEIR_MARK_SCOPE(WEIR_MARK_STEP, "step");
        WEIR_MARK_SCOPE(WEIR_MARK_OTHER, NULL);
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 10));
        if (i == 1)
            continue;
        cr_assert_eq(weir_trace_mark((weir_mark)(WEIR_MARK_STEP + 1), "no such", true), EINVAL);
    }
    stop();
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    struct trace_merge *merge = trace_merge_begin(&info);
    struct trace_record r;
    int depth = 0, begun = 0;
    while (trace_merge_next(merge, &r) > 0) {
        if (r.kind != TRACE_RECORD_MARK_BEGIN && r.kind != TRACE_RECORD_MARK_END) {
            cr_assert(r.kind != TRACE_RECORD_ALLOCATE || depth == 1);
            continue;
        }
        cr_assert_eq(r.detail, WEIR_MARK_STEP);
        cr_assert_str_eq(trace_info_name(&info, r.name), "step");
        begun += r.kind == TRACE_RECORD_MARK_BEGIN;
        depth += r.kind == TRACE_RECORD_MARK_BEGIN ? 1 : -1;
        cr_assert(depth == 0 || depth == 1);
    }
    trace_merge_end(merge);
    cr_assert_eq(begun, 3);
    cr_assert_eq(depth, 0);
    trace_done(&info, &replay);
}

Test(recorder, what_was_live_at_the_start_is_there)
{
    weir_allocator *cpu = weir_cpu_allocator();
    void *blocks[3000];
    size_t sum = 0;
    for (size_t i = 0; i < 3000; i++) {
        blocks[i] = weir_allocate(cpu, i * 7);
        sum += i * 7;
    }
    size_t others = weir_total_allocated(cpu) - sum;
    start();
    for (size_t i = 0; i < 3000; i += 2)
        weir_deallocate(cpu, blocks[i]);
    stop();
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    cr_assert_eq(info.start_total, sum + others);
    uint64_t base = 0;
    for (size_t i = 0; i < info.nbase; i++)
        base += info.base[i].none ? 0 : info.base[i].requested;
    cr_assert_eq(base, info.start_total);
    cr_assert_eq(replay.frees, 1500);
    cr_assert_eq(replay.peak, info.start_total);
    cr_assert_eq(replay.peak_number, 0);
    trace_done(&info, &replay);
    for (size_t i = 1; i < 3000; i += 2)
        weir_deallocate(cpu, blocks[i]);
}

static atomic_bool running;

static void *work_on(void *user)
{
    struct worker *w = user;
    while (atomic_load(&running))
        work(w);
    return NULL;
}

/* Started and stopped in the middle of what other threads do, again and again. */
Test(recorder, started_beside_running_threads_is_exact)
{
    weir_allocator *cpu = weir_cpu_allocator();
    struct worker workers[3] = {{cpu, 1, 500}, {cpu, 2, 500}, {cpu, 3, 500}};
    pthread_t threads[3];
    atomic_store(&running, true);
    for (int i = 0; i < 3; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, work_on, &workers[i]), 0);
    for (int round = 0; round < 20; round++) {
        start();
        usleep(3000);
        stop();
        struct trace_info info;
        struct trace_replay replay;
        trace_read(&info, &replay);
        cr_assert(!replay.inexact);
        cr_assert_eq(replay.unknown, 0);
        uint64_t listed = 0;
        for (size_t i = 0; i < info.nbase; i++)
            listed += !info.base[i].none;
        /*
         * A free makes its block dead first and is counted and numbered afterwards. A thread that
         * is stopped between the two from before the start until after the stop leaves a block that
         * is in the total, that the list no longer has, and that no event of the file names: of
         * what an event names the reader adds it (tools/trace/replay.c, `missed`). Each thread is
         * in one free at a time. Blocks are counted and not bytes, for the same of a resize.
         */
        cr_assert_geq(listed + 3, info.start_count, "round %d: listed %zu, at the start %zu", round,
                      (size_t)listed, (size_t)info.start_count);
        trace_done(&info, &replay);
    }
    atomic_store(&running, false);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

Test(recorder, keeps_the_events_of_threads_that_ended)
{
    weir_allocator *cpu = weir_cpu_allocator();
    weir_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    start();
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        struct worker w = {cpu, (uint32_t)i, 50};
        cr_assert_eq(pthread_create(&thread, NULL, work, &w), 0);
        pthread_join(thread, NULL);
        weir_stats_get(cpu, i < 50 ? &before : &after);
    }
    stop();
    cr_assert_lt(after.metadata - before.metadata, 64 * 1024, "a thread leaves its buffer");
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    uint32_t most = 0;
    for (size_t i = 0; i < info.nchunks; i++)
        most = info.chunks[i].thread > most ? info.chunks[i].thread : most;
    cr_assert_geq(most, 100);
    trace_done(&info, &replay);
}

/* -- bad circumstances ------------------------------------------------------------------------ */

Test(recorder, says_what_it_cannot_do)
{
    cr_assert_eq(weir_trace_stop(), EINVAL);
    cr_assert_eq(weir_trace_start(NULL, NULL), EINVAL);
    cr_assert_eq(weir_trace_start("/no/such/folder/x.trace", NULL), ENOENT);
    cr_assert_not_null(strstr(weir_last_error(), "/no/such/folder"));
    cr_assert_eq(weir_trace_start("/", NULL), EISDIR);
    cr_assert_eq(weir_trace_start("/dev/full", NULL), ESPIPE);
    weir_allocator *context = weir_allocator_create(NULL);
    weir_trace_options of_context = {.size = sizeof of_context, .allocator = context};
    cr_assert_eq(weir_trace_start(path, &of_context), EINVAL);
    weir_allocator_destroy(context);
    start();
    cr_assert_eq(weir_trace_start(path, NULL), EBUSY);
    cr_assert_eq(weir_trace_mark((weir_mark)0, "x", true), EINVAL);
    cr_assert_eq(weir_trace_mark(WEIR_MARK_RUN, NULL, true), EINVAL);
    weir_trace_stats status = WEIR_TRACE_STATS_INIT;
    cr_assert_eq(weir_trace_stats_get(NULL), EINVAL);
    cr_assert_eq(weir_trace_stats_get(&status), 0);
    cr_assert(status.recording);
    stop();
    cr_assert_eq(weir_trace_stats_get(&status), 0);
    cr_assert(!status.recording);
    cr_assert_eq(weir_trace_mark(WEIR_MARK_RUN, "nobody listens", true), 0);
}

/* stream.h: events are accepted between a start and what ends it, and after a start that failed,
 * none. */
Test(recorder, accepts_events_while_it_records_alone)
{
    weir_stats at = {.size = sizeof at};
    cr_assert(!weir__streams_are_on());
    start();
    cr_assert(weir__streams_are_on());
    struct weir__trace_hooks hooks = *weir__trace_hooks();
    stop();
    cr_assert(!weir__streams_are_on());
    cr_assert_eq(weir__allocator_trace_begin(weir_cpu_allocator(), &hooks, &at), 0);
    cr_assert_eq(weir_trace_start(path, NULL), EBUSY);
    cr_assert(!weir__streams_are_on());
    weir__allocator_trace_end(weir_cpu_allocator(), &at);
    start();
    stop();
}

/* What a seal keeps from being cut to nothing is not recorded into. */
Test(recorder, a_file_that_cannot_be_emptied_is_refused)
{
    char name[40];
    int fd = memfd_create("sealed", MFD_ALLOW_SEALING);
    cr_assert_geq(fd, 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    cr_assert_eq(write(fd, "kept", 4), 4);
    cr_assert_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
    cr_assert_eq(weir_trace_start(name, NULL), EPERM);
    cr_assert_eq(weir_trace_stop(), EINVAL);
    char text[5] = "";
    cr_assert_eq(pread(fd, text, 4, 0), 4);
    cr_assert_str_eq(text, "kept");
    close(fd);
}

/* docs/internals/trace-format.md: the magic, the version, zeros. */
Test(recorder, begins_with_the_version_of_the_format)
{
    static const unsigned char expected[16] = "\x89WEIR\r\n\x1a\x01\0\x05";
    unsigned char first[16];
    start();
    stop();
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    cr_assert_eq(fread(first, 1, sizeof first, file), sizeof first);
    fclose(file);
    cr_assert_arr_eq(first, expected, sizeof first);
}

/* The file may not grow beyond some size, as on a full disk; the signal for that would
 * end the program. */
Test(recorder, survives_a_file_that_may_not_grow)
{
    struct rlimit limit = {200000, 200000};
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    start();
    size_t before = weir_total_allocated(weir_cpu_allocator());
    work_alone(100000);
    cr_assert_eq(weir_total_allocated(weir_cpu_allocator()), before);
    cr_assert_eq(weir_trace_stop(), EFBIG);
    cr_assert_not_null(strstr(weir_last_error(), "not written"));
    weir_trace_stats status = WEIR_TRACE_STATS_INIT;
    weir_trace_stats_get(&status);
    cr_assert_eq(status.error, EFBIG);
    cr_assert_gt(status.dropped, 0);
    cr_assert_lt(status.dropped, status.events);
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    cr_assert(info.foot.present, "the footer has no place");
    cr_assert_eq(info.foot.error, EFBIG);
    cr_assert_eq(info.foot.dropped, status.dropped);
    cr_assert_eq(info.foot.peak, status.peak);
    cr_assert_eq(info.cut, 0);
    cr_assert_eq(replay.events + status.dropped, status.events);
    cr_assert(replay.inexact);
    trace_done(&info, &replay);
}

/* As a daemon does: everything it does not know is closed, and its own file gets the
 * numbers. In a child, because Criterion has descriptors, too. 0: all is well. */
static int close_everything_and_go_on(const char *own)
{
    static const char text[16] = "the program's";
    struct stat about;
    if (weir_trace_start(path, NULL))
        return 1;
    for (int fd = 3; fd < 2000; fd++)
        close(fd);
    int first = open(own, O_RDWR | O_CREAT | O_TRUNC, 0600);
    if (first != 3 || write(first, text, sizeof text) != (ssize_t)sizeof text)
        return 2;
    for (int fd = 4; fd < 1100; fd++)
        dup2(first, fd);
    for (int i = 0; i < 100000; i++)
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100));
    if (weir_trace_stop() != EBADF)
        return 3;
    if (fstat(first, &about) || about.st_size != (off_t)sizeof text)
        return 4;
    return fstat(1000, &about) ? 5 : 0;
}

Test(recorder, never_writes_into_a_file_of_the_program)
{
    char own[SCRATCH_PATH_MAX];
    int status;
    scratch_path(own, "unit-recorder.own");
    pid_t child = fork();
    if (child == 0)
        _exit(close_everything_and_go_on(own));
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "step %d", WEXITSTATUS(status));
    unlink(own);
}

Test(recorder, takes_no_low_descriptor)
{
    int before = dup(2), after;
    close(before);
    start();
    after = dup(2);
    cr_assert_eq(after, before);
    close(after);
    stop();
}

/* A fifo would wait for a reader, a device take anything and keep nothing. */
Test(recorder, records_into_regular_files_alone)
{
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_neq(weir_trace_start(path, NULL), 0);
    cr_assert_eq(weir_trace_start("/dev/full", NULL), ESPIPE);
    cr_assert_eq(weir_trace_start("/", NULL), EISDIR);
}

Test(recorder, killed_in_the_middle_leaves_a_readable_prefix)
{
    for (int round = 0; round < 5; round++) {
        pid_t child = fork();
        if (child == 0) {
            if (weir_trace_start(path, NULL) == 0)
                for (;;)
                    work_alone(10000);
            _exit(1);
        }
        struct stat file = {0};
        while (file.st_size < 300000) {
            cr_assert_eq(waitpid(child, NULL, WNOHANG), 0, "it cannot record to %s", path);
            if (stat(path, &file) != 0)
                file.st_size = 0;
        }
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        struct trace_info info;
        struct trace_replay replay;
        trace_read(&info, &replay);
        cr_assert(!info.foot.present);
        cr_assert_gt(replay.events, 30000);
        cr_assert_eq(replay.missing, 0);
        cr_assert_eq(replay.unknown, 0);
        trace_done(&info, &replay);
        unlink(path);
    }
}

Test(recorder, a_forked_child_does_not_record)
{
    start();
    work_alone(1000);
    pid_t child = fork();
    if (child == 0) {
        weir_trace_stats status = WEIR_TRACE_STATS_INIT;
        work_alone(1000);
        weir_trace_stats_get(&status);
        if (status.recording || weir_trace_stop() != EINVAL)
            _exit(1);
        char own[SCRATCH_PATH_MAX + 8];
        snprintf(own, sizeof own, "%s.child", path);
        if (weir_trace_start(own, NULL) != 0)
            _exit(2);
        work_alone(1000);
        if (weir_trace_stop() != 0)
            _exit(3);
        unlink(own);
        _exit(0);
    }
    int status;
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert_eq(status, 0, "status %x", status);
    work_alone(1000);
    stop();
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    cr_assert(!replay.inexact);
    trace_done(&info, &replay);
}

/* Every request for memory fails in turn: the recording starts or says why not, and what
 * is in the file is true. */
Test(recorder, without_memory_it_says_so)
{
    unsigned started = 0;
    for (long n = 0; n < 12; n++) {
        weir__fault_after(n);
        int error = weir_trace_start(path, NULL);
        weir_trace_mark(WEIR_MARK_RUN, "run", true);
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 10));
        weir__fault_after(-1);
        cr_assert(error == 0 || error == ENOMEM);
        if (error)
            continue;
        started++;
        error = weir_trace_stop();
        cr_assert(error == 0 || error == EOVERFLOW);
        struct trace_info info;
        struct trace_replay replay;
        trace_read(&info, &replay);
        cr_assert_eq(replay.inexact, error == EOVERFLOW);
        trace_done(&info, &replay);
    }
    cr_assert_gt(started, 0);
}

/* -- what is taken back ---------------------------------------------------------------------- */

static weir_allocator *provided;
static void *in_copy;
static unsigned freed_twice;

static void *provide(void *user, size_t size, size_t alignment)
{
    (void)user;
    return aligned_alloc(alignment, (size + alignment) & ~(alignment - 1));
}

static void take_back(void *user, void *block, size_t size, size_t alignment)
{
    (void)user, (void)size, (void)alignment;
    free(block);
}

static int clear(void *user, void *block, size_t size)
{
    (void)user;
    memset(block, 0, size);
    return 0;
}

/* As if another thread freed the block while it is moved. */
static int copy_and_free(void *user, void *to, const void *from, size_t n)
{
    (void)user;
    memcpy(to, from, n);
    weir_deallocate(provided, in_copy);
    return 0;
}

static void note_twice(weir_misuse what, const void *pointer, const char *line, void *user)
{
    (void)user;
    cr_expect_eq(what, WEIR_MISUSE_DOUBLE_FREE, "%s", line);
    cr_expect_eq(pointer, in_copy);
    freed_twice++;
}

/* The free was counted and is taken back: an event that only moves the sums. */
Test(recorder, a_free_in_the_midst_of_a_move_is_taken_back)
{
    static const weir_allocator_functions functions = {
        .allocate = provide, .deallocate = take_back, .zero = clear, .copy = copy_and_free};
    provided = weir_allocator_create(&(weir_allocator_options){
        .name = "provided", .source = WEIR_SOURCE_FUNCTIONS, .functions = &functions});
    cr_assert_not_null(provided);
    start();
    weir_set_misuse_handler(note_twice, NULL);
    in_copy = weir_allocate(provided, 1000);
    void *moved = weir_reallocate(provided, in_copy, 3000);
    weir_set_misuse_handler(NULL, NULL);
    cr_assert_not_null(moved);
    cr_expect_eq(freed_twice, 1);
    cr_expect_eq(weir_total_allocated(provided), 3000);
    cr_expect_eq(weir_allocation_count(provided), 1);
    stop();
    struct trace_info info;
    struct trace_replay replay;
    trace_read(&info, &replay);
    cr_expect_eq(replay.total, 3000);
    cr_expect_eq(replay.count, 1);
    trace_done(&info, &replay);
    weir_deallocate(provided, moved);
    cr_expect_eq(weir_allocator_destroy(provided), 0);
}
