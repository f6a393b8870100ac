/*
 * compare.hpp - runs one program's work with two allocators, each in child processes of
 * its own, in turns, and prints what each took. For the examples of C++ runtimes.
 *
 * A work sets itself up (also its allocator, by `with_weir`) and gives out runs; every
 * run returns a hash of its outputs. `context` is where weir's figures are read.
 */
#ifndef WEIR_EXAMPLES_COMPARE_HPP
#define WEIR_EXAMPLES_COMPARE_HPP

#include <weir/weir.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <memory>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace compare
{

constexpr unsigned runs_max = 1024;

struct settings {
    const char *program;
    unsigned runs = 10, repeat = 3;
    size_t limit = 0;
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
    bool done;
    run runs[runs_max];
};

struct work {
    virtual ~work() = default;
    virtual uint64_t run() = 0;
};

using make_work = std::function<std::unique_ptr<work>(weir_allocator *context)>;

inline double now_ms()
{
    using namespace std::chrono;
    return duration<double, std::milli>(steady_clock::now().time_since_epoch()).count();
}

inline long minor_faults()
{
    rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

inline long peak_kib()
{
    char line[256];
    long value = -1;
    FILE *file = std::fopen("/proc/self/status", "r");
    while (file && std::fgets(line, sizeof(line), file))
        if (!std::strncmp(line, "VmHWM:", 6))
            value = std::strtol(line + 6, nullptr, 10);
    if (file)
        std::fclose(file);
    return value;
}

inline uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *bytes = static_cast<const unsigned char *>(data);
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    return hash;
}

inline void child_run(const settings &s, weir_allocator *context, const make_work &make, answer &a)
{
    long load_faults = minor_faults();
    double start = now_ms();
    std::unique_ptr<work> work = make(context);
    a.load_ms = now_ms() - start;
    a.load_faults = minor_faults() - load_faults;
    if (context) {
        a.load_live = weir_total_allocated(context);
        a.load_peak = weir_peak_allocated(context);
        a.load_blocks = weir_allocation_count(context);
    }
    weir_stats stats;
    stats.size = sizeof(stats);
    for (unsigned i = 0; i < s.runs; i++) {
        run &r = a.runs[i];
        size_t before = 0;
        if (context) {
            weir_reset_peak(context);
            weir_stats_get(context, &stats);
            before = stats.allocations;
        }
        long faults = minor_faults();
        start = now_ms();
        r.hash = work->run();
        r.ms = now_ms() - start;
        r.faults = minor_faults() - faults;
        if (context) {
            weir_stats_get(context, &stats);
            r.live = stats.total_allocated;
            r.peak = stats.peak_allocated;
            r.blocks = stats.allocation_count;
            r.allocations = stats.allocations - before;
        }
    }
    a.peak_kib = peak_kib();
    work.reset();
    if (context) {
        a.left = weir_total_allocated(context);
        a.left_blocks = weir_allocation_count(context);
    }
    a.done = true;
}

/* nullptr: the child failed, and said why. */
inline answer *child_ask(const settings &s, bool with_weir, const make_work &make)
{
    void *memory = mmap(nullptr, sizeof(answer), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED)
        return nullptr;
    answer *a = new (memory) answer();
    std::fflush(nullptr);
    pid_t pid = fork();
    if (pid == 0) {
        try {
            weir_allocator *context = nullptr;
            if (with_weir) {
                weir_allocator_options options = {};
                options.name = s.program;
                options.limit = s.limit;
                context = weir_allocator_create(&options);
            }
            child_run(s, context, make, *a);
        } catch (const std::exception &e) {
            /* libtorch adds a backtrace, from the second line on. */
            std::fprintf(stderr, "%s: %.*s\n", s.program,
                         static_cast<int>(std::strcspn(e.what(), "\n")), e.what());
            _exit(1);
        }
        std::fflush(nullptr);
        _exit(0);
    }
    int status = 0;
    // cppcheck-suppress uninitStructMember ; in shared memory, which the child writes and mmap
    // clears
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status || !a->done) {
        if (!WIFEXITED(status))
            std::fprintf(stderr, "%s: the child with %s died of signal %d\n", s.program,
                         with_weir ? "weir" : "its own allocator", WTERMSIG(status));
        return nullptr;
    }
    return a;
}

inline double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    size_t n = values.size();
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
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
        for (unsigned i = s.runs / 2; i < s.runs; i++) {
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
    for (unsigned i = 0; i < s.runs; i++)
        if (i < 2 || i + 1 == s.runs)
            std::printf("run %-4u %12zu %12zu %8zu %12zu\n", i + 1, a.runs[i].live, a.runs[i].peak,
                        a.runs[i].blocks, a.runs[i].allocations);
    std::printf("left     %12zu in %zu blocks\n", a.left, a.left_blocks);
}

/* Both, compared. `own` names the other allocator. 0, or 1. */
inline int run_both(const settings &s, const char *own, const make_work &make)
{
    std::vector<answer *> with, without;
    for (unsigned i = 0; i < s.repeat; i++) {
        with.push_back(child_ask(s, true, make));
        without.push_back(with.back() ? child_ask(s, false, make) : nullptr);
        if (!with.back() || !without.back())
            return 1;
    }
    line w = line_make(s, with), o = line_make(s, without);
    std::printf("%s: %u runs, %u times each, one thread\n", s.program, s.runs, s.repeat);
    std::printf("%-10s %10s %12s %10s %10s %12s %10s\n", "allocator", "load ms", "load faults",
                "run ms", "best ms", "peak KiB", "faults/run");
    line_print("weir", w);
    line_print(own, o);
    std::printf("weir / %s: run %.3f, best run %.3f, peak resident %.3f\n", own,
                w.run_ms / o.run_ms, w.best_ms / o.best_ms, w.peak_kib / o.peak_kib);
    unsigned same = 0;
    for (const auto &answers : {with, without})
        for (const answer *a : answers)
            for (unsigned i = 0; i < s.runs; i++)
                same += a->runs[i].hash == with[0]->runs[0].hash;
    std::printf("outputs identical: %u of %u runs\n", same, 2 * s.repeat * s.runs);
    figures_print(s, *with[0]);
    return same != 2 * s.repeat * s.runs;
}

/* --runs N, --repeat N, --limit BYTES. Exits with 2 on anything else. */
inline settings parse(const char *program, int argc, char **argv)
{
    settings s;
    s.program = program;
    for (int i = 1; i < argc; i += 2) {
        char *end = nullptr;
        unsigned long value = i + 1 < argc ? std::strtoul(argv[i + 1], &end, 10) : 0;
        bool fits = end && !*end && value > 0;
        if (!std::strcmp(argv[i], "--runs") && fits && value <= runs_max) {
            s.runs = static_cast<unsigned>(value);
        } else if (!std::strcmp(argv[i], "--repeat") && fits && value <= 64) {
            s.repeat = static_cast<unsigned>(value);
        } else if (!std::strcmp(argv[i], "--limit") && fits) {
            s.limit = value;
        } else {
            std::fprintf(stderr, "usage: %s [--runs N] [--repeat N] [--limit BYTES]\n", program);
            std::exit(2);
        }
    }
    return s;
}

} // namespace compare

#endif
