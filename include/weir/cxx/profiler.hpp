/* cxx/profiler.hpp - watching a stretch of a program. Part of weir.hpp. */
#ifndef WEIR_CXX_PROFILER_HPP
#define WEIR_CXX_PROFILER_HPP

#include <weir/cxx/allocator.hpp>

#include <cstdio>
#include <string>

WEIR_CXX_BEGIN

/* Current, delta, peak and active allocations since start(). Profilers nest. */
class MemoryProfiler
{
  public:
    MemoryProfiler() = default;
    MemoryProfiler(const MemoryProfiler &) = delete;
    MemoryProfiler &operator=(const MemoryProfiler &) = delete;

    ~MemoryProfiler()
    {
        stop();
    }

    /* Watches from now on; what it watched before is forgotten. */
    Status start(AllocatorRef a = {})
    {
        stop();
        if (!detail::is_there(a.handle()))
            return Status(EINVAL);
        return detail::check(weir_profiler_start(&profiler_, a.handle()));
    }

    void stop() noexcept
    {
        if (profiler_.allocator)
            weir_profiler_stop(&profiler_);
    }

    /* On standard output. */
    Status report(const std::string &label)
    {
        return detail::check(weir_profiler_print(stdout, &profiler_, label.c_str()));
    }

    /* To a file. */
    Status report(const std::string &label, std::FILE *to)
    {
        return detail::check(weir_profiler_print(to, &profiler_, label.c_str()));
    }

    [[nodiscard]] weir_profiler_stats read()
    {
        weir_profiler_stats stats = WEIR_PROFILER_STATS_INIT;
        return detail::check(weir_profiler_stats_get(&profiler_, &stats)) ? stats
                                                                          : weir_profiler_stats{};
    }

  private:
    weir_profiler profiler_{};
};

WEIR_CXX_END

#endif
