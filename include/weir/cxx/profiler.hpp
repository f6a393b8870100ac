/* cxx/profiler.hpp - watching a stretch of a program. Part of weir.hpp. */
#ifndef WEIR_CXX_PROFILER_HPP
#define WEIR_CXX_PROFILER_HPP

#include <weir/cxx/allocator.hpp>

#include <string>

namespace weir
{

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

    void start(AllocatorRef a = {})
    {
        stop();
        detail::check(weir_profiler_start(&profiler_, a.handle()));
    }

    void stop()
    {
        if (profiler_.allocator)
            weir_profiler_stop(&profiler_);
    }

    /* On standard output. */
    void report(const std::string &label)
    {
        detail::check(weir_profiler_print(stdout, &profiler_, label.c_str()));
    }

    weir_profiler_stats read()
    {
        weir_profiler_stats profile{};
        detail::check(weir_profiler_stats_get(&profiler_, &profile));
        return profile;
    }

  private:
    weir_profiler profiler_{};
};

} // namespace weir

#endif
