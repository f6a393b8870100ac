/* cxx/plan_run.hpp - plans from runs: recorded, replayed, kept by shape. Part of weir.hpp; plan.h
 * says the rest. */
#ifndef WEIR_CXX_PLAN_RUN_HPP
#define WEIR_CXX_PLAN_RUN_HPP

#include <weir/cxx/plan.hpp>

#include <functional>
#include <memory>

#if WEIR_CXX_EXCEPTIONS
#include <exception>
#endif

WEIR_CXX_BEGIN

/* An allocator that writes down who lives when. Its end frees what is still live through it. */
class PlanRecorder
{
  public:
    explicit PlanRecorder(AllocatorRef a = {})
        : owner_(detail::is_there(a.handle()) ? detail::check(weir_plan_recorder_create(a.handle()))
                                              : nullptr)
    {
    }

    explicit operator bool() const noexcept
    {
        return owner_ != nullptr;
    }
    weir_plan_recorder *handle() const noexcept
    {
        return owner_.get();
    }

    /* Run one inference through this. */
    AllocatorRef allocator() const noexcept
    {
        return weir_plan_recorder_allocator(owner_.get());
    }
    /* What was recorded up to now, unsolved. */
    [[nodiscard]] Plan plan() const
    {
        return Plan(detail::check(weir_plan_recorder_plan(owner_.get())));
    }

  private:
    detail::Owner<weir_plan_recorder, void, weir_plan_recorder_destroy> owner_;
};

/* An allocator that serves a recorded inference from one arena. Its end frees what is still live
 * through it. */
class PlanReplay
{
  public:
    explicit PlanReplay(const PlanView &plan, AllocatorRef a = {})
        : owner_(detail::is_there(a.handle())
                     ? detail::check(weir_plan_replay_create(plan.handle(), a.handle()))
                     : nullptr)
    {
    }

    explicit operator bool() const noexcept
    {
        return owner_ != nullptr;
    }
    weir_plan_replay *handle() const noexcept
    {
        return owner_.get();
    }

    /* Give this to the runtime. */
    AllocatorRef allocator() const noexcept
    {
        return weir_plan_replay_allocator(owner_.get());
    }
    /* The next inference starts. */
    void begin() const noexcept
    {
        weir_plan_replay_begin(owner_.get());
    }
    [[nodiscard]] weir_plan_replay_stats stats() const
    {
        weir_plan_replay_stats stats = WEIR_PLAN_REPLAY_STATS_INIT;
        return detail::check(weir_plan_replay_stats_get(owner_.get(), &stats))
                   ? stats
                   : weir_plan_replay_stats{};
    }

  private:
    detail::Owner<weir_plan_replay, void, weir_plan_replay_destroy> owner_;
};

/* Solved plans by key, at most so many. One thread at a time. */
class PlanCache
{
  public:
    /* Adds the buffers for a key to an empty plan; 0 or an errno value. What it throws comes out
     * of get(). */
    using Maker = std::function<int(Plan &plan, const void *key, std::size_t key_size)>;

    PlanCache(std::size_t most, Maker make) : PlanCache(most, std::move(make), nullptr)
    {
    }
    PlanCache(std::size_t most, Maker make, const weir_plan_options &options)
        : PlanCache(most, std::move(make), &options)
    {
    }

    explicit operator bool() const noexcept
    {
        return owner_ != nullptr;
    }
    weir_plan_cache *handle() const noexcept
    {
        return owner_.get();
    }

    /* The plan for the key's bytes, made if it is not there; the cache's, and maybe gone after the
     * next get(). */
    [[nodiscard]] PlanView get(const void *key, std::size_t key_size)
    {
        const weir_plan *found = weir_plan_cache_get(owner_.get(), key, key_size);
        int error = errno;
#if WEIR_CXX_EXCEPTIONS
        if (state_ && state_->thrown)
            std::rethrow_exception(std::exchange(state_->thrown, nullptr));
#endif
        if (!found)
            (void)detail::fail(error);
        return PlanView(found);
    }
    /* The key is the shape's extents. */
    [[nodiscard]] PlanView get(const Shape &shape)
    {
        static const std::int64_t scalar = 0;
        const void *key = shape.empty() ? &scalar : shape.data();
        return get(key, shape.size() * sizeof(std::int64_t));
    }

    [[nodiscard]] weir_plan_cache_stats stats() const
    {
        weir_plan_cache_stats stats = WEIR_PLAN_CACHE_STATS_INIT;
        return detail::check(weir_plan_cache_stats_get(owner_.get(), &stats))
                   ? stats
                   : weir_plan_cache_stats{};
    }

  private:
    struct State {
        Maker make;
#if WEIR_CXX_EXCEPTIONS
        std::exception_ptr thrown{};
#endif
    };

    PlanCache(std::size_t most, Maker make, const weir_plan_options *options)
        : state_(new State{std::move(make)})
    {
        owner_.reset(detail::check(
            weir_plan_cache_create(most, options, state_->make ? run : nullptr, state_.get())));
    }

    static int run(weir_plan *plan, const void *key, std::size_t key_size, void *user) noexcept
    {
        auto *state = static_cast<State *>(user);
        Plan borrowed(plan);
        int error = 0;
        WEIR_CXX_TRY
        {
            error = state->make(borrowed, key, key_size);
        }
        WEIR_CXX_CATCH_ALL
        {
            error = ECANCELED;
#if WEIR_CXX_EXCEPTIONS
            state->thrown = std::current_exception();
#endif
        }
        (void)borrowed.release();
        return error;
    }

    std::unique_ptr<State> state_;
    detail::Owner<weir_plan_cache, void, weir_plan_cache_destroy> owner_; /* goes first */
};

WEIR_CXX_END

#endif
