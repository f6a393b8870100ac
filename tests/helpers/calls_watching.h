/*
 * tests/helpers/calls_watching.h - the public functions that look at allocators and at the
 * process: figures as text, leaks, profiles, traces, guards, messages; each called in a scene.
 */
#ifndef WEIR_TESTS_CALLS_WATCHING_H
#define WEIR_TESTS_CALLS_WATCHING_H

#include "calls_plans.h"

#include <sys/stat.h>
#include <weir/callbacks.h>
#include <weir/error.h>
#include <weir/pressure.h>
#include <weir/profile.h>
#include <weir/stats.h>
#include <weir/trace.h>
#include <weir/version.h>

/* -- figures -------------------------------------------------------------------------------------
 */

CALL(weir_stats_print)
{
    return weir_stats_print(s->to, s->a);
}
CALL(weir_stats_json)
{
    return weir_stats_json(s->to, NULL);
}
CALL(weir_stats_openmetrics)
{
    return weir_stats_openmetrics(s->to, NULL);
}
static char text[1 << 16];
CALL(weir_stats_json_buffer)
{
    size_t length;
    return weir_stats_json_buffer(text, sizeof text, &length, s->a);
}
CALL(weir_stats_openmetrics_buffer)
{
    size_t length;
    return weir_stats_openmetrics_buffer(text, sizeof text, &length, s->a);
}
CALL(weir_stats_exposition)
{
    size_t length;
    weir_exposition_options options = {.size = sizeof options, .allocator = s->a, .tags = 10};
    return weir_stats_exposition(text, sizeof text, &length, &options);
}
static bool see_tag(const weir_tag_stats *stats, void *seen)
{
    *(size_t *)seen += stats->bytes;
    return false;
}
CALL(weir_allocator_walk_tags)
{
    size_t seen = 0;
    int status = weir_allocator_walk_tags(s->a, see_tag, &seen);
    return status ? status : right(seen == weir_total_allocated(s->a));
}
CALL(weir_holders_print)
{
    return weir_holders_print(s->to, s->a, 10);
}
CALL(weir_holders_json)
{
    return weir_holders_json(s->to, s->a, 10);
}

/* -- profilers and leaks -------------------------------------------------------------------------
 */

CALL(weir_profiler_start)
{
    static weir_profiler profiler;
    int status = weir_profiler_start(&profiler, s->fresh);
    return status ? status : weir_profiler_stop(&profiler);
}
CALL(weir_profiler_stop)
{
    return weir_profiler_stop(&s->profiler);
}
CALL(weir_profiler_stats_get)
{
    weir_profiler_stats stats = {.size = sizeof stats};
    int status = weir_profiler_stats_get(&s->profiler, &stats);
    return status ? status : right(stats.allocations == 0);
}
CALL(weir_profiler_print)
{
    return weir_profiler_print(s->to, &s->profiler, "tried");
}
CALL(weir_checkpoint)
{
    return right(weir_checkpoint(s->a) > 0);
}
CALL(weir_leaks_stats_get)
{
    weir_leaks_stats stats = {.size = sizeof stats};
    int status = weir_leaks_stats_get(s->a, s->checkpoint, &stats);
    return status ? status : right(stats.count == 0);
}
static bool see_leak(const weir_leak *leak, void *seen)
{
    *(size_t *)seen += leak->requested;
    return false;
}
CALL(weir_leaks_walk)
{
    size_t seen = 0;
    int status = weir_leaks_walk(s->a, 0, see_leak, &seen);
    return status ? status : right(seen == weir_total_allocated(s->a));
}
CALL(weir_leaks_print)
{
    return weir_leaks_print(s->to, s->a, 0);
}
CALL(weir_leaks_print_top)
{
    return weir_leaks_print_top(s->to, s->a, 0, 2);
}

/* -- samples -------------------------------------------------------------------------------------
 */

/* From here to the end of the scene every block is sampled. */
static void undo_sampling(void *what)
{
    (void)what;
    EXPECT(weir_profile_sample(0) == 0, "sampling goes on");
}
static int sampled(struct scene *s)
{
    int status = weir_profile_sample(1);
    if (status)
        return status;
    scene_undo_by(s, s, undo_sampling);
    return scene_block(s, s->a, weir_allocate(s->a, 3000));
}
CALL(weir_profile_sample)
{
    return sampled(s);
}
CALL(weir_profile_stats_get)
{
    weir_profile_stats stats = {.size = sizeof stats};
    return weir_profile_stats_get(&stats);
}
static bool see_site(const weir_profile_site *site, void *seen)
{
    *(size_t *)seen += site->samples;
    return false;
}
CALL(weir_profile_walk)
{
    size_t seen = 0;
    return weir_profile_walk(see_site, &seen);
}
CALL(weir_profile_print)
{
    return weir_profile_print(s->to, 10);
}
static const char *scratch_file(void)
{
    static char path[300];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/every_call.%d", folder ? folder : "/tmp", (int)getpid());
    return path;
}
CALL(weir_profile_write)
{
    int status = weir_profile_write(scratch_file());
    unlink(scratch_file());
    return status;
}

/* -- traces --------------------------------------------------------------------------------------
 */

/* A recording that could not be begun records nothing. */
CALL(weir_trace_start)
{
    weir_trace_stats stats = {.size = sizeof stats};
    weir_trace_options options = {.size = sizeof options, .allocator = s->a};
    int status = weir_trace_start(scratch_file(), &options);
    EXPECT(weir_trace_stats_get(&stats) == 0 && stats.recording == !status, "half begun");
    int ended = status ? 0 : weir_trace_stop();
    unlink(scratch_file());
    return status ? status : ended;
}

/* What could not be kept is counted, and said at the end. */
static int trace_ended(void)
{
    weir_trace_stats stats = {.size = sizeof stats};
    int ended = weir_trace_stop();
    EXPECT(weir_trace_stats_get(&stats) == 0 && (ended == EOVERFLOW) == (stats.dropped > 0),
           "%llu events dropped, and the end said %d", (unsigned long long)stats.dropped, ended);
    return ended == EOVERFLOW ? 0 : ended;
}
CALL(weir_trace_mark)
{
    long left = refusing_pause();
    EXPECT(weir_trace_start(scratch_file(), NULL) == 0, "no recording");
    refusing_go_on(left);
    int status = weir_trace_mark(WEIR_MARK_LAYER, "layer", true);
    status = status ? status : scene_block(s, s->fresh, weir_allocate(s->fresh, LARGE));
    status = status ? status : weir_trace_mark(WEIR_MARK_LAYER, "layer", false);
    int ended = trace_ended();
    unlink(scratch_file());
    return status ? status : ended;
}
CALL(weir_trace_stop)
{
    return weir_trace_stop();
}
CALL(weir_trace_stats_get)
{
    weir_trace_stats stats = {.size = sizeof stats};
    int status = weir_trace_stats_get(&stats);
    return status ? status : right(!stats.recording);
}

/* -- guards --------------------------------------------------------------------------------------
 */

static void undo_guards(void *what)
{
    (void)what;
    weir_guards_stop();
}

/* Where the machine refuses, guarding ends by itself, and blocks are given all the same. */
CALL(weir_guards_start)
{
    weir_guard_options options = {.size = sizeof options, .calls = 1};
    int status = weir_guards_start(&options);
    if (status)
        return status;
    scene_undo_by(s, s, undo_guards);
    for (int i = 0; i < 3; i++) {
        unsigned char *block = weir_allocate(s->a, 300);
        if (scene_block(s, s->a, block) != 0)
            return errno;
        memset(block, 1, 300);
    }
    return 0;
}
CALL_AS(weir_guards_start, and_free)
{
    weir_guard_options options = {.size = sizeof options, .calls = 1, .objects = 1};
    int status = weir_guards_start(&options);
    if (status)
        return status;
    scene_undo_by(s, s, undo_guards);
    for (int i = 0; i < 70; i++) { /* more than there are places */
        void *block = weir_allocate(s->a, 300);
        if (!block)
            return errno;
        weir_deallocate(s->a, block);
    }
    return 0;
}
CALL(weir_guards_stop)
{
    weir_guards_stop();
    return 0;
}
CALL(weir_guard_stats_get)
{
    weir_guard_stats stats = {.size = sizeof stats};
    int status = weir_guard_stats_get(&stats);
    return status ? status : right(stats.reports == 0);
}

/* -- the process ---------------------------------------------------------------------------------
 */

CALL(weir_background_start)
{
    int status = weir_background_start(1000);
    weir_background_stop();
    return status;
}
CALL(weir_background_stop)
{
    weir_background_stop();
    return 0;
}

/* A FIFO is watched; nothing is ever written there. */
CALL(weir_pressure_start)
{
    weir_pressure_options options = {.size = sizeof options, .file = scratch_file()};
    EXPECT(mkfifo(scratch_file(), 0600) == 0, "no FIFO");
    int status = weir_pressure_start(&options);
    weir_pressure_stop();
    unlink(scratch_file());
    return status;
}
CALL(weir_pressure_stop)
{
    weir_pressure_stop();
    return 0;
}
CALL(weir_pressure_stats_get)
{
    weir_pressure_stats stats = {.size = sizeof stats};
    int status = weir_pressure_stats_get(&stats);
    return status ? status : right(!stats.watching);
}
CALL(weir_last_error)
{
    return right(weir_last_error() != NULL);
}
CALL(weir_misuse_name)
{
    return right(*weir_misuse_name(WEIR_MISUSE_DOUBLE_FREE));
}
CALL(weir_set_message_sink)
{
    return weir_set_message_sink(NULL, NULL);
}
CALL(weir_set_misuse_handler)
{
    weir_set_misuse_handler(NULL, NULL);
    return 0;
}
CALL(weir_version)
{
    return right(strcmp(weir_version(), WEIR_VERSION) == 0);
}
CALL(weir_version_number)
{
    return right(weir_version_number() == WEIR_VERSION_NUMBER);
}

static const struct call calls_of_watching[] = {
    MAY(weir_stats_print),
    MAY(weir_stats_json),
    MAY(weir_stats_openmetrics),
    MAY(weir_stats_json_buffer),
    MAY(weir_stats_openmetrics_buffer),
    MAY(weir_stats_exposition),
    MAY(weir_allocator_walk_tags),
    MAY(weir_holders_print),
    MAY(weir_holders_json),
    SURE(weir_profiler_start),
    SURE(weir_profiler_stop),
    SURE(weir_profiler_stats_get),
    SURE(weir_profiler_print),
    SURE(weir_checkpoint),
    SURE(weir_leaks_stats_get),
    MAY(weir_leaks_walk),
    MAY(weir_leaks_print),
    MAY(weir_leaks_print_top),
    MAY(weir_profile_sample),
    SURE(weir_profile_stats_get),
    MAY_AFTER(sampled, weir_profile_walk),
    MAY_AFTER(sampled, weir_profile_print),
    MAY_AFTER(sampled, weir_profile_write),
    MAY(weir_trace_start),
    MAY(weir_trace_mark),
    SURE(weir_trace_stop),
    SURE(weir_trace_stats_get),
    MAY(weir_guards_start),
    MAY_AS(weir_guards_start, and_free),
    SURE(weir_guards_stop),
    SURE(weir_guard_stats_get),
    MAY(weir_background_start),
    SURE(weir_background_stop),
    MAY(weir_pressure_start),
    SURE(weir_pressure_stop),
    SURE(weir_pressure_stats_get),
    SURE(weir_last_error),
    SURE(weir_misuse_name),
    SURE(weir_set_message_sink),
    SURE(weir_set_misuse_handler),
    SURE(weir_version),
    SURE(weir_version_number),
};

#endif
