/*
 * cxx/allocator.hpp - allocators: the interface, the CPU allocator, pools, the GPU's. Contexts are
 * in cxx/context.hpp. Part of weir.hpp, which says the rest.
 */
#ifndef WEIR_CXX_ALLOCATOR_HPP
#define WEIR_CXX_ALLOCATOR_HPP

#include <weir/cxx/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

WEIR_CXX_BEGIN

/*
 * The interface. A class of one's own overrides allocate and deallocate (memory that the host
 * can touch, any alignment, nullptr when there is none, from any thread) and may then
 * stand behind tensors and buffers: handle() wraps it into a weir_allocator, made at
 * first use, that tracks what is taken through it. Its figures are those of that handle. A class
 * whose blocks may still be live when it ends calls close() in its destructor.
 */
class Allocator
{
  public:
    Allocator() = default;
    Allocator(const Allocator &) = delete;
    Allocator &operator=(const Allocator &) = delete;

    virtual ~Allocator()
    {
        closing_ = true; /* deallocate() is no longer there to be called */
        close();
    }

    virtual void *allocate(std::size_t size) = 0;
    virtual void deallocate(void *ptr) = 0;

    virtual std::size_t total_allocated() const
    {
        return weir_total_allocated(handle());
    }

    std::size_t peak_allocated() const
    {
        return weir_peak_allocated(handle());
    }

    std::size_t allocation_count() const
    {
        return weir_allocation_count(handle());
    }

    void reset_peak()
    {
        weir_reset_peak(handle());
    }

    weir_stats stats() const
    {
        weir_stats stats{};
        stats.size = sizeof stats;
        return detail::check(weir_stats_get(handle(), &stats)) ? stats : weir_stats{};
    }

    Status set_limit(std::size_t bytes)
    {
        return detail::check(weir_set_limit(handle(), bytes));
    }

    std::size_t trim()
    {
        return weir_trim(handle());
    }

    std::string name() const
    {
        return weir_allocator_name(handle());
    }

    virtual weir_allocator *handle() const
    {
        weir_allocator *have = wrapper_.load(std::memory_order_acquire);
        if (have)
            return have;
        weir_allocator *made = wrap();
        if (!made || wrapper_.compare_exchange_strong(have, made, std::memory_order_acq_rel))
            return made;
        weir_allocator_destroy(made); /* another thread was first */
        return have;
    }

  protected:
    /* Frees what was taken through handle() and is still live. */
    void close()
    {
        weir_allocator *wrapper = wrapper_.exchange(nullptr);
        if (wrapper)
            weir_allocator_destroy(wrapper);
    }

  private:
    /* What allocate() returns is aligned as it likes: blocks are shifted, and remember where
     * they began just before their first byte. */
    static constexpr std::size_t plain = alignof(std::max_align_t);

    static void *take(void *user, std::size_t size, std::size_t alignment) noexcept
    {
        auto *self = static_cast<Allocator *>(user);
        WEIR_CXX_TRY
        {
            std::size_t extra = alignment < plain ? plain : alignment;
            auto *raw = static_cast<char *>(self->allocate(size + extra + sizeof(void *)));
            if (!raw)
                return nullptr;
            auto first = reinterpret_cast<std::uintptr_t>(raw) + sizeof(void *);
            char *block = raw + sizeof(void *) + (-first & (extra - 1));
            std::memcpy(block - sizeof raw, &raw, sizeof raw);
            return block;
        }
        WEIR_CXX_CATCH_ALL
        {
            return nullptr;
        }
    }

    static void give(void *user, void *block, std::size_t, std::size_t) noexcept
    {
        auto *self = static_cast<Allocator *>(user);
        char *raw;
        std::memcpy(&raw, static_cast<char *>(block) - sizeof raw, sizeof raw);
        if (!self->closing_)
            self->deallocate(raw);
    }

    weir_allocator *wrap() const
    {
        weir_allocator_functions functions{};
        functions.allocate = take;
        functions.deallocate = give;
        weir_allocator_options options{};
        options.parent = WEIR_NO_PARENT;
        options.source = WEIR_SOURCE_FUNCTIONS;
        options.functions = &functions;
        options.user = const_cast<Allocator *>(this);
        return detail::check(weir_allocator_create(&options));
    }

    mutable std::atomic<weir_allocator *> wrapper_{nullptr};
    bool closing_ = false;
};

/* Any of weir's own allocators; does not own the handle. */
class HandleAllocator : public Allocator
{
  public:
    explicit HandleAllocator(weir_allocator *handle) : handle_(handle)
    {
    }

    void *allocate(std::size_t size) override
    {
        return weir_allocate(handle_, size);
    }

    void *allocate(std::size_t size, std::size_t alignment)
    {
        return weir_allocate_aligned(handle_, size, alignment);
    }

    void deallocate(void *ptr) override
    {
        weir_deallocate(handle_, ptr);
    }

    std::size_t total_allocated() const override
    {
        return weir_total_allocated(handle_);
    }

    weir_allocator *handle() const override
    {
        return handle_;
    }

    /* False where it could not be made. */
    explicit operator bool() const noexcept
    {
        return handle_ != nullptr;
    }

  protected:
    /* For those that own what they stand for. */
    weir_allocator *take() noexcept
    {
        return std::exchange(handle_, nullptr);
    }
    void put(weir_allocator *handle) noexcept
    {
        handle_ = handle;
    }

  private:
    weir_allocator *handle_;
};

class CPUAllocator : public HandleAllocator
{
  public:
    /* Never destroyed: it may be used before main and after it. */
    static CPUAllocator *get_instance()
    {
        alignas(CPUAllocator) static unsigned char place[sizeof(CPUAllocator)];
        static CPUAllocator *instance = new (place) CPUAllocator;
        return instance;
    }

  private:
    CPUAllocator() : HandleAllocator(weir_cpu_allocator())
    {
    }
};

/* Where an allocator is wanted: either kind, the CPU allocator by default. */
class AllocatorRef
{
  public:
    AllocatorRef() : handle_(weir_cpu_allocator())
    {
    }
    AllocatorRef(weir_allocator *handle) : handle_(handle)
    {
    }
    AllocatorRef(const Allocator &a) : handle_(a.handle())
    {
    }
    AllocatorRef(const Allocator *a) : handle_(a ? a->handle() : nullptr)
    {
    }

    weir_allocator *handle() const
    {
        return handle_;
    }

  private:
    weir_allocator *handle_;
};

/* Memory of its own, apart from the CPU allocator's; goes with everything in it. */
class MemoryPool : public HandleAllocator
{
  public:
    explicit MemoryPool(const std::string &name = "pool", std::size_t limit = 0)
        : MemoryPool(make(name, limit))
    {
    }

    ~MemoryPool() override
    {
        if (pool_)
            weir_pool_destroy(pool_);
    }

    weir_pool *pool() const
    {
        return pool_;
    }

  private:
    explicit MemoryPool(weir_pool *pool) : HandleAllocator(weir_pool_allocator(pool)), pool_(pool)
    {
    }

    static weir_pool *make(const std::string &name, std::size_t limit)
    {
        weir_pool_options options{};
        options.name = name.c_str();
        options.limit = limit;
        return detail::check(weir_pool_create(&options));
    }

    weir_pool *pool_;
};

/* Memory of a device: for tensors and buffers, not for the host to touch. */
class CUDAAllocator : public HandleAllocator
{
  public:
    explicit CUDAAllocator(int device = 0)
        : HandleAllocator(detail::check(weir_cuda_allocator(device)))
    {
    }
};

WEIR_CXX_END

#endif
