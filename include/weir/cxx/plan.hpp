/* cxx/plan.hpp - memory laid out before the first inference. Part of weir.hpp; plan.h says the
 * rest. What runs plans is in cxx/plan_run.hpp. */
#ifndef WEIR_CXX_PLAN_HPP
#define WEIR_CXX_PLAN_HPP

#include <weir/cxx/allocator.hpp>
#include <weir/cxx/owner.hpp>
#include <weir/cxx/tensor.hpp>

#include <utility>
#include <vector>

WEIR_CXX_BEGIN

/* What is asked of a plan that someone else owns: a cache, say. Valid while that is. */
class PlanView
{
  public:
    PlanView() noexcept = default;
    explicit PlanView(const weir_plan *plan) noexcept : plan_(plan)
    {
    }

    explicit operator bool() const noexcept
    {
        return plan_ != nullptr;
    }
    const weir_plan *handle() const noexcept
    {
        return plan_;
    }

    /* Buffers added. */
    std::size_t count() const noexcept
    {
        return weir_plan_count(plan_);
    }
    std::size_t profile_count() const noexcept
    {
        return weir_plan_profile_count(plan_);
    }
    /* Bytes that no arena can be below; known before solving. */
    std::size_t lower_bound() const noexcept
    {
        return weir_plan_lower_bound(plan_);
    }

    /* These fail for an unsolved plan, and are then SIZE_MAX where nothing throws. */
    std::size_t offset(std::size_t index) const
    {
        return known(weir_plan_offset(plan_, index));
    }
    std::size_t arena_size() const
    {
        errno = 0; /* an arena of 0 bytes is not a failure */
        std::size_t size = weir_plan_arena_size(plan_);
        return size || !errno ? size : known(SIZE_MAX);
    }
    /* For these sizes of all buffers. */
    std::size_t arena_size_for(const std::vector<std::size_t> &sizes) const
    {
        return known(weir_plan_arena_size_for(plan_, sizes.data(), sizes.size()));
    }

    [[nodiscard]] weir_plan_stats stats() const
    {
        weir_plan_stats found = WEIR_PLAN_STATS_INIT;
        return detail::check(weir_plan_stats_get(plan_, &found)) ? found : weir_plan_stats{};
    }
    [[nodiscard]] weir_plan_profile_stats profile_stats(std::size_t number) const
    {
        weir_plan_profile_stats found = WEIR_PLAN_PROFILE_STATS_INIT;
        return detail::check(weir_plan_profile_stats_get(plan_, number, &found))
                   ? found
                   : weir_plan_profile_stats{};
    }

    /* Checks the arrangement from the buffers alone. */
    Status verify() const
    {
        return detail::check(weir_plan_verify(plan_));
    }

  protected:
    static std::size_t known(std::size_t bytes)
    {
        if (bytes == SIZE_MAX)
            (void)detail::fail(errno);
        return bytes;
    }

    const weir_plan *plan_ = nullptr;
};

/* A plan; moved, never copied. One thread at a time. */
class Plan : public PlanView
{
  public:
    Plan() : Plan(detail::check(weir_plan_create()))
    {
    }
    /* Takes over a C plan. */
    explicit Plan(weir_plan *made) noexcept : PlanView(made), owner_(made)
    {
    }
    Plan(Plan &&from) noexcept : Plan(from.release())
    {
    }
    Plan &operator=(Plan &&from) noexcept
    {
        owner_.reset(from.release());
        plan_ = owner_.get();
        return *this;
    }

    weir_plan *handle() const noexcept
    {
        return owner_.get();
    }
    /* The C plan, which the caller destroys. */
    [[nodiscard]] weir_plan *release() noexcept
    {
        plan_ = nullptr;
        return owner_.release();
    }

    /* A buffer that is live in [first, last); its index is count() before. */
    Status add(std::size_t size, std::int64_t first, std::int64_t last,
               std::size_t alignment = WEIR_DEFAULT_ALIGNMENT)
    {
        return detail::check(weir_plan_add(handle(), size, alignment, first, last));
    }
    Status change(std::size_t index, std::size_t size, std::int64_t first, std::int64_t last,
                  std::size_t alignment = WEIR_DEFAULT_ALIGNMENT)
    {
        return detail::check(weir_plan_change(handle(), index, size, alignment, first, last));
    }
    Status reserve(std::size_t count)
    {
        return detail::check(weir_plan_reserve(handle(), count));
    }
    Status fix(std::size_t index, std::size_t offset)
    {
        return detail::check(weir_plan_fix(handle(), index, offset));
    }
    Status alias(std::size_t a, std::size_t b)
    {
        return detail::check(weir_plan_alias(handle(), a, b));
    }
    Status disjoint(std::size_t a, std::size_t b)
    {
        return detail::check(weir_plan_disjoint(handle(), a, b));
    }
    /* The sizes of all buffers under one shape of the input. */
    Status add_profile(const std::vector<std::size_t> &sizes)
    {
        return detail::check(weir_plan_add_profile(handle(), sizes.data(), sizes.size()));
    }

    /* Finds offsets. ENOSPC: not within options.capacity; the best found is kept. */
    Status solve()
    {
        return detail::check(weir_plan_solve(handle(), nullptr));
    }
    Status solve(const weir_plan_options &options)
    {
        return detail::check(weir_plan_solve(handle(), &options));
    }
    Status solve_with(weir_plan_heuristic heuristic)
    {
        return detail::check(weir_plan_solve_with(handle(), heuristic));
    }
    /* After changes, near the old arrangement. */
    Status repair()
    {
        return detail::check(weir_plan_repair(handle(), nullptr));
    }
    Status repair(const weir_plan_options &options)
    {
        return detail::check(weir_plan_repair(handle(), &options));
    }

  private:
    detail::Owner<weir_plan, void, weir_plan_destroy> owner_;
};

/* One block laid out by a solved plan, which may go; copies share it, from any thread. */
class PlanMemory
{
  public:
    PlanMemory() noexcept = default;

    /* Contents undefined. */
    explicit PlanMemory(const PlanView &plan, AllocatorRef a = {})
    {
        if (detail::is_there(a.handle()))
            memory_ = detail::check(weir_plan_memory_create(plan.handle(), a.handle()));
    }

    PlanMemory(const PlanMemory &from) noexcept
        : memory_(from.memory_ ? weir_plan_memory_retain(from.memory_) : nullptr)
    {
    }
    PlanMemory(PlanMemory &&from) noexcept : memory_(std::exchange(from.memory_, nullptr))
    {
    }
    PlanMemory &operator=(PlanMemory from) noexcept
    {
        std::swap(memory_, from.memory_);
        return *this;
    }
    ~PlanMemory()
    {
        if (memory_)
            weir_plan_memory_release(memory_);
    }

    explicit operator bool() const noexcept
    {
        return memory_ != nullptr;
    }
    weir_plan_memory *handle() const noexcept
    {
        return memory_;
    }

    /* Where a buffer of the plan stands. */
    void *buffer(std::size_t index) const
    {
        return detail::check(weir_plan_memory_buffer(memory_, index));
    }
    void *data() const noexcept
    {
        return weir_plan_memory_data(memory_);
    }
    std::size_t size_in_bytes() const noexcept
    {
        return weir_plan_memory_size_in_bytes(memory_);
    }

    /* A tensor over a buffer, that keeps the memory. */
    [[nodiscard]] Tensor tensor(std::size_t index, const Shape &shape,
                                DataType dtype = DataType::FLOAT32) const
    {
        return Tensor::adopt(weir_plan_memory_tensor(memory_, index, shape.data(), shape.size(),
                                                     static_cast<weir_dtype>(dtype)));
    }

  private:
    weir_plan_memory *memory_ = nullptr;
};

WEIR_CXX_END

#endif
