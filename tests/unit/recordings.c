/* What one recording after another says: its names are its own, its times lie within it, and its
 * modules have the build ids that their files have. */
#include "../helpers/scratch.h"
#include "../helpers/suite.h"
#include "tools/trace/binary.h"
#include "tools/trace/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <weir/weir.h>

static char path[SCRATCH_PATH_MAX];

static void path_make(void)
{
    scratch_path(path, "unit-recordings.trace");
}

static void path_remove(void)
{
    weir_trace_stop();
    unlink(path);
}

TestSuite(recordings, .init = path_make, .fini = path_remove);

/* A block of 100 bytes with a tag, in a context, within a mark: the three names, as it is read. */
static void expect_names(weir_allocator *context, weir_tag tag)
{
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
    cr_assert_eq(weir_trace_mark(WEIR_MARK_RUN, "a run", true), 0);
    weir_tag former = weir_tag_set(tag);
    weir_deallocate(context, weir_allocate(context, 100));
    weir_tag_set(former);
    cr_assert_eq(weir_trace_mark(WEIR_MARK_RUN, "a run", false), 0);
    cr_assert_eq(weir_trace_stop(), 0, "%s", weir_last_error());
    struct trace_info info;
    struct trace_replay replay;
    cr_assert_eq(trace_info_open(&info, path), 0, "%s", info.why);
    cr_assert_eq(trace_replay_run(&replay, &info, NULL, NULL), 0, "%s", info.why);
    cr_expect(replay.verified);
    struct trace_merge *merge = trace_merge_begin(&info);
    struct trace_record r;
    unsigned seen = 0;
    while (trace_merge_next(merge, &r) > 0) {
        if (r.kind == TRACE_RECORD_ALLOCATE && r.requested == 100) {
            cr_expect_str_eq(trace_info_context(&info, r.context), "sessions");
            cr_expect_str_eq(trace_info_tag(&info, r.tag), "keys");
            seen |= 1;
        }
        if (r.kind == TRACE_RECORD_MARK_BEGIN) {
            cr_expect_str_eq(trace_info_name(&info, r.name), "a run");
            seen |= 2;
        }
    }
    cr_expect_eq(seen, 3);
    trace_merge_end(merge);
    trace_replay_end(&replay);
    trace_info_close(&info);
}

Test(recordings, each_has_all_of_its_names)
{
    weir_allocator *context = weir_allocator_create(&(weir_allocator_options){.name = "sessions"});
    weir_tag tag = weir_tag_intern("keys");
    for (int i = 0; i < 3; i++)
        expect_names(context, tag);
    cr_assert_eq(weir_allocator_destroy(context), 0);
}

Test(recordings, events_lie_within_their_time)
{
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
    for (int i = 0; i < 2000; i++) {
        weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100));
        if (i % 100 == 0)
            nanosleep(&(struct timespec){0, 1000000}, NULL);
    }
    cr_assert_eq(weir_trace_stop(), 0, "%s", weir_last_error());
    struct trace_info info;
    cr_assert_eq(trace_info_open(&info, path), 0, "%s", info.why);
    struct trace_merge *merge = trace_merge_begin(&info);
    struct trace_record r;
    uint64_t former = info.ticks, events = 0;
    while (trace_merge_next(merge, &r) > 0) {
        cr_assert_geq(r.ticks, former, "event %llu", (unsigned long long)r.number);
        cr_assert_leq(r.ticks, info.foot.ticks, "event %llu", (unsigned long long)r.number);
        former = r.ticks;
        events++;
    }
    cr_expect_geq(events, 4000);
    trace_merge_end(merge);
    trace_info_close(&info);
}

/* As readelf has it; "": there is none, or no readelf. */
static void build_id_read(const char *file, char id[100])
{
    char command[SCRATCH_PATH_MAX + 100];
    snprintf(command, sizeof command, "LC_ALL=C readelf -n '%s' 2>/dev/null", file);
    id[0] = 0;
    FILE *said = popen(command, "r"); // NOLINT(bugprone-command-processor): a file of this process
    char line[1000];
    while (said && fgets(line, sizeof line, said))
        if (sscanf(line, " Build ID: %99[0-9a-f]", id) == 1)
            break;
    if (said)
        pclose(said);
}

Test(recordings, modules_have_their_build_ids)
{
    cr_assert_eq(weir_trace_start(path, NULL), 0, "%s", weir_last_error());
    weir_deallocate(weir_cpu_allocator(), weir_allocate(weir_cpu_allocator(), 100));
    cr_assert_eq(weir_trace_stop(), 0, "%s", weir_last_error());
    struct trace_info info;
    cr_assert_eq(trace_info_open(&info, path), 0, "%s", info.why);
    cr_assert_gt(info.nmodules, 0);
    unsigned compared = 0;
    for (size_t i = 0; i < info.nmodules; i++) {
        char id[100];
        if (info.modules[i].path[0] != '/')
            continue;
        build_id_read(info.modules[i].path, id);
        if (!id[0])
            continue;
        cr_expect_str_eq(info.modules[i].build_id, id, "%s", info.modules[i].path);
        compared++;
    }
    if (!compared)
        cr_skip("no module has a build id that readelf shows");
    trace_info_close(&info);
}
