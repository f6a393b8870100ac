/* cxx/trace.hpp - recording a program, and marks in a recording. Part of weir.hpp; trace.h says
 * the rest. */
#ifndef WEIR_CXX_TRACE_HPP
#define WEIR_CXX_TRACE_HPP

#include <weir/cxx/allocator.hpp>

#include <string>
#include <utility>

WEIR_CXX_BEGIN

/* A recording, from here to stop() or to its end; one a process at a time (EBUSY). */
class Trace
{
  public:
    Trace() noexcept = default;

    /* Of an allocator without a parent and everything below it, into the file at `path`.
     * `sample_ms`: least time between two samples of resident memory; 0: 50. */
    explicit Trace(const std::string &path, AllocatorRef a = {}, unsigned sample_ms = 0)
    {
        weir_trace_options options = WEIR_TRACE_OPTIONS_INIT;
        options.allocator = a.handle();
        options.sample_ms = sample_ms;
        if (detail::is_there(options.allocator))
            running_ = detail::check(weir_trace_start(path.c_str(), &options)).ok();
    }

    Trace(Trace &&from) noexcept : running_(std::exchange(from.running_, false))
    {
    }
    Trace &operator=(Trace &&from) noexcept
    {
        if (this != &from) {
            end();
            running_ = std::exchange(from.running_, false);
        }
        return *this;
    }
    /* As stop(), without telling what went wrong. */
    ~Trace()
    {
        end();
    }

    /* Completes the file. EOVERFLOW: some events are not in it; or why it could not be written to
     * its end. It is over in any case. */
    Status stop()
    {
        running_ = false;
        return detail::check(weir_trace_stop());
    }

    /* Was it started, and not stopped by stop()? */
    explicit operator bool() const noexcept
    {
        return running_;
    }

    /* Of the process's recording, or of the last one. */
    [[nodiscard]] static weir_trace_stats stats() noexcept
    {
        weir_trace_stats now = WEIR_TRACE_STATS_INIT;
        (void)weir_trace_stats_get(&now);
        return now;
    }

  private:
    void end() noexcept
    {
        if (running_)
            (void)weir_trace_stop();
        running_ = false;
    }

    bool running_ = false;
};

enum class Mark {
    RUN = WEIR_MARK_RUN,
    MODEL = WEIR_MARK_MODEL,
    LAYER = WEIR_MARK_LAYER,
    OPERATOR = WEIR_MARK_OPERATOR,
    OTHER = WEIR_MARK_OTHER,
    STEP = WEIR_MARK_STEP
};

/* This thread begins something with a name, and ends it with the scope. Costs a load where
 * nothing is recorded. `name` stays until then. */
class MarkScope
{
  public:
    MarkScope(Mark kind, const char *name)
        : kind_(static_cast<weir_mark>(kind)), name_(name),
          begun_(detail::check(weir_trace_mark(kind_, name, true)).ok())
    {
    }
    MarkScope(const MarkScope &) = delete;
    MarkScope &operator=(const MarkScope &) = delete;
    ~MarkScope()
    {
        if (begun_)
            weir_trace_mark(kind_, name_, false);
    }

    explicit operator bool() const noexcept
    {
        return begun_;
    }

  private:
    weir_mark kind_;
    const char *name_;
    bool begun_;
};

WEIR_CXX_END

#endif
