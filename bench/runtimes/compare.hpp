/*
 * compare.hpp - runs one program's work with two allocators, each in child processes of
 * its own, in turns, and prints what each took. For runtimes in C++.
 *
 * A work sets itself up (also its allocator, by `with_weir`) and gives out runs; every
 * run returns a hash of its outputs. `context` is where weir's figures are read.
 */
#ifndef WEIR_BENCH_RUNTIMES_COMPARE_HPP
#define WEIR_BENCH_RUNTIMES_COMPARE_HPP

#include "bench/runtimes/child.h"
extern "C" {
#include "tools/common/options.h"
#include "tools/common/statistics.h"
}

#include <weir/weir.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <unistd.h>
#include <vector>

namespace compare
{

constexpr unsigned runs_max = 1024;

struct settings {
    const char *program;
    uint64_t runs = 10, repeat = 3, limit = 0;
};

struct run {
    double ms;
    long faults;
    uint64_t hash;
    size_t live, peak, blocks, allocations;
};

struct answer {
    double load_ms;
    long peak_kib, load_faults;
    size_t load_live, load_peak, load_blocks, left, left_blocks;
    run runs[runs_max];
};

struct work {
    virtual ~work() = default;
    virtual uint64_t run() = 0;
};

using make_work = std::function<std::unique_ptr<work>(weir_allocator *context)>;

inline void child_run(const settings &s, weir_allocator *context, const make_work &make, answer &a)
{
    long load_faults = child_faults();
    double start = child_now_ms();
    std::unique_ptr<work> work = make(context);
    a.load_ms = child_now_ms() - start;
    a.load_faults = child_faults() - load_faults;
    if (context) {
        a.load_live = weir_total_allocated(context);
        a.load_peak = weir_peak_allocated(context);
        a.load_blocks = weir_allocation_count(context);
    }
    weir_stats stats;
    stats.size = sizeof(stats);
    for (uint64_t i = 0; i < s.runs; i++) {
        run &r = a.runs[i];
        size_t before = 0;
        if (context) {
            weir_reset_peak(context);
            weir_stats_get(context, &stats);
            before = stats.allocations;
        }
        long faults = child_faults();
        start = child_now_ms();
        r.hash = work->run();
        r.ms = child_now_ms() - start;
        r.faults = child_faults() - faults;
        if (context) {
            weir_stats_get(context, &stats);
            r.live = stats.total_allocated;
            r.peak = stats.peak_allocated;
            r.blocks = stats.allocation_count;
            r.allocations = stats.allocations - before;
        }
    }
    a.peak_kib = child_status_kib("VmHWM:");
    work.reset();
    if (context) {
        a.left = weir_total_allocated(context);
        a.left_blocks = weir_allocation_count(context);
    }
}

struct asked {
    const settings &s;
    bool with_weir;
    const make_work &make;
};

/* Does not come back: a runtime's own end is not waited for. */
inline int child_main(void *user, void *shared)
{
    const asked &what = *static_cast<asked *>(user);
    const char *program = what.s.program;
    int status = 0;
    try {
        weir_allocator *context = nullptr;
        if (what.with_weir) {
            weir_allocator_options options = WEIR_ALLOCATOR_OPTIONS_INIT;
            options.name = program;
            options.limit = what.s.limit;
            context = weir_allocator_create(&options);
        }
        child_run(what.s, context, what.make, *static_cast<answer *>(shared));
    } catch (const std::exception &e) {
        /* libtorch adds a backtrace, from the second line on. */
        std::fprintf(stderr, "%s: %.*s\n", program, static_cast<int>(std::strcspn(e.what(), "\n")),
                     e.what());
        status = 1;
    }
    std::fflush(nullptr);
    _exit(status);
}

/* nullptr: the child failed, and said why. */
inline answer *ask(const settings &s, bool with_weir, const make_work &make)
{
    int status = 1;
    asked what = {s, with_weir, make};
    void *answered = child_ask(s.program, with_weir ? "weir" : "its own allocator", sizeof(answer),
                               child_main, &what, &status);
    return status ? nullptr : static_cast<answer *>(answered);
}

inline double median(std::vector<double> values)
{
    return statistics_median(values.data(), values.size());
}

struct line {
    double load_ms, run_ms, best_ms, peak_kib;
    long load_faults, faults;
};

/* The second half of the runs is the steady state. */
inline line line_make(const settings &s, const std::vector<answer *> &answers)
{
    std::vector<double> load, ms, peak, load_faults;
    double best = 1e9;
    long faults = 0;
    for (const answer *a : answers) {
        std::vector<double> late;
        for (uint64_t i = s.runs / 2; i < s.runs; i++) {
            late.push_back(a->runs[i].ms);
            best = std::min(best, a->runs[i].ms);
            faults = std::max(faults, a->runs[i].faults);
        }
        load.push_back(a->load_ms);
        load_faults.push_back(static_cast<double>(a->load_faults));
        ms.push_back(median(late));
        peak.push_back(static_cast<double>(a->peak_kib));
    }
    return {median(load), median(ms), best, median(peak), static_cast<long>(median(load_faults)),
            faults};
}

inline void line_print(const char *name, const line &l)
{
    std::printf("%-10s %10.2f %12ld %10.2f %10.2f %12.0f %10ld\n", name, l.load_ms, l.load_faults,
                l.run_ms, l.best_ms, l.peak_kib, l.faults);
}

inline void figures_print(const settings &s, const answer &a)
{
    std::printf("\nweir's exact figures, bytes and blocks\n%-8s %12s %12s %8s %12s\n", "phase",
                "live", "peak", "blocks", "allocations");
    std::printf("%-8s %12zu %12zu %8zu\n", "load", a.load_live, a.load_peak, a.load_blocks);
    for (uint64_t i = 0; i < s.runs; i++)
        if (i < 2 || i + 1 == s.runs)
            std::printf("run %-4" PRIu64 " %12zu %12zu %8zu %12zu\n", i + 1, a.runs[i].live,
                        a.runs[i].peak, a.runs[i].blocks, a.runs[i].allocations);
    std::printf("left     %12zu in %zu blocks\n", a.left, a.left_blocks);
}

/* Both, compared. `own` names the other allocator. 0, or 1. */
inline int run_both(const settings &s, const char *own, const make_work &make)
{
    std::vector<answer *> with, without;
    for (uint64_t i = 0; i < s.repeat; i++) {
        with.push_back(ask(s, true, make));
        without.push_back(with.back() ? ask(s, false, make) : nullptr);
        if (!with.back() || !without.back())
            return 1;
    }
    line w = line_make(s, with), o = line_make(s, without);
    std::printf("%s: %" PRIu64 " runs, %" PRIu64 " times each, one thread\n", s.program, s.runs,
                s.repeat);
    std::printf("%-10s %10s %12s %10s %10s %12s %10s\n", "allocator", "load ms", "load faults",
                "run ms", "best ms", "peak KiB", "faults/run");
    line_print("weir", w);
    line_print(own, o);
    std::printf("weir / %s: run %.3f, best run %.3f, peak resident %.3f\n", own,
                w.run_ms / o.run_ms, w.best_ms / o.best_ms, w.peak_kib / o.peak_kib);
    uint64_t same = 0;
    for (const auto &answers : {with, without})
        for (const answer *a : answers)
            for (uint64_t i = 0; i < s.runs; i++)
                same += a->runs[i].hash == with[0]->runs[0].hash;
    std::printf("outputs identical: %" PRIu64 " of %" PRIu64 " runs\n", same,
                2 * s.repeat * s.runs);
    figures_print(s, *with[0]);
    return same != 2 * s.repeat * s.runs;
}

/* --runs N, --repeat N, --limit SIZE. Exits with 2 on anything else. */
inline settings parse(const char *program, int argc, char **argv)
{
    settings s;
    s.program = program;
    const option_spec table[] = {
        {"runs", OPTION_COUNT, &s.runs, "N", "of the model in each process (10)", 0, 1, runs_max,
         nullptr, 0},
        {"repeat", OPTION_COUNT, &s.repeat, "N", "processes of each allocator (3)", 0, 1, 64,
         nullptr, 0},
        {"limit", OPTION_SIZE, &s.limit, "SIZE", "of weir's context", 0, 0, 0, nullptr, 0},
        {}};
    const options line = {
        program, "[OPTIONS]", "Runs a model with weir and with the runtime's allocator.",
        nullptr, table,       false};
    int status = options_read(&line, argc, argv);
    if (status >= 0)
        std::exit(status);
    return s;
}

} // namespace compare

#endif
