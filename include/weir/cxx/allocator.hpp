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

/* Where blocks live: the host's own memory, a GPU's, or elsewhere. */
enum class DeviceType { CPU, CUDA, UNKNOWN };

/*
 * The interface. A derived class overrides deallocate and one allocate or both (nullptr when
 * there is none, from any thread) and may then stand behind tensors and buffers: handle() wraps
 * it into a weir_allocator, made at first use, that tracks what is taken through it. Its
 * figures are those of that handle. weir writes nothing into its blocks nor next to them. A class
 * whose blocks may still be live when it ends calls close() in its destructor.
 *
 * What tensors and buffers take is asked of allocate(size, alignment), as it is. What does not come
 * aligned so, from a class that overrides allocate(size) alone, say, is given back, and
 * size + alignment bytes are asked for, in which the block is put.
 *
 * Memory that the host may not touch: host_accessible() is false, or device_type() is CUDA.
 * Buffers and Tensor::zeros there need zero_bytes, resizing copy_bytes; without them ENOTSUP.
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

    /* At least 64-byte aligned where allocate(size, alignment) aligns. */
    virtual void *allocate(std::size_t size)
    {
        if (plain_.load(std::memory_order_relaxed))
            return nullptr; /* a class that overrides no allocate */
        return allocate(size, WEIR_DEFAULT_ALIGNMENT);
    }

    /* `alignment`: a power of two. Not overridden: as allocate(size) aligns. */
    virtual void *allocate(std::size_t size, std::size_t alignment)
    {
        static_cast<void>(alignment);
        plain_.store(true, std::memory_order_relaxed);
        return allocate(size);
    }

    virtual void deallocate(void *ptr) = 0;

    virtual DeviceType device_type() const
    {
        return DeviceType::CPU;
    }

    /* May the host read and write the blocks? Asked when the handle is made. */
    virtual bool host_accessible() const
    {
        return device_type() != DeviceType::CUDA;
    }

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

    /* Of memory that the host may not touch: clear it, copy within it; done on return. 0 or a
     * positive errno value. From any thread. */
    virtual int zero_bytes(void *block, std::size_t size)
    {
        static_cast<void>(block);
        return size ? ENOTSUP : 0;
    }

    virtual int copy_bytes(void *to, const void *from, std::size_t size)
    {
        static_cast<void>(to);
        static_cast<void>(from);
        return size ? ENOTSUP : 0;
    }

  private:
    static void *take(void *user, std::size_t size, std::size_t alignment) noexcept
    {
        WEIR_CXX_TRY
        {
            return static_cast<Allocator *>(user)->allocate(size, alignment);
        }
        WEIR_CXX_CATCH_ALL
        {
            return nullptr;
        }
    }

    static void give(void *user, void *block, std::size_t, std::size_t) noexcept
    {
        auto *self = static_cast<Allocator *>(user);
        if (!self->closing_)
            self->deallocate(block);
    }

    static int clear(void *user, void *block, std::size_t size) noexcept
    {
        WEIR_CXX_TRY
        {
            return static_cast<Allocator *>(user)->zero_bytes(block, size);
        }
        WEIR_CXX_CATCH_ALL
        {
            return EIO;
        }
    }

    static int copy(void *user, void *to, const void *from, std::size_t size) noexcept
    {
        WEIR_CXX_TRY
        {
            return static_cast<Allocator *>(user)->copy_bytes(to, from, size);
        }
        WEIR_CXX_CATCH_ALL
        {
            return EIO;
        }
    }

    weir_allocator *wrap() const
    {
        weir_allocator_functions functions{};
        functions.allocate = take;
        functions.deallocate = give;
        if (!host_accessible()) {
            functions.zero = clear;
            functions.copy = copy;
        }
        weir_allocator_options options{};
        options.parent = WEIR_NO_PARENT;
        options.source = WEIR_SOURCE_FUNCTIONS;
        options.functions = &functions;
        options.user = const_cast<Allocator *>(this);
        return detail::check(weir_allocator_create(&options));
    }

    mutable std::atomic<weir_allocator *> wrapper_{nullptr};
    std::atomic<bool> plain_{false}; /* allocate(size, alignment) is not overridden */
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

    void *allocate(std::size_t size, std::size_t alignment) override
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

    DeviceType device_type() const override
    {
        const char *where = weir_device_name(handle_);
        if (!std::strncmp(where, "cuda:", 5) || !std::strncmp(where, "cuda-managed:", 13))
            return DeviceType::CUDA;
        return host_accessible() ? DeviceType::CPU : DeviceType::UNKNOWN;
    }

    bool host_accessible() const override
    {
        return weir_allocator_is_host_accessible(handle_);
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

/* A separate pool, apart from the CPU allocator's; goes with all that lives in it. Contexts on it
 * end before. */
class MemoryPool : public HandleAllocator
{
  public:
    explicit MemoryPool(const std::string &name = "pool", std::size_t limit = 0)
        : HandleAllocator(make(name, limit))
    {
    }

    ~MemoryPool() override
    {
        if (handle())
            weir_allocator_destroy(handle());
    }

  private:
    static weir_allocator *make(const std::string &name, std::size_t limit)
    {
        weir_allocator_options options{};
        options.name = name.c_str();
        options.limit = limit;
        options.source = WEIR_SOURCE_OWN_POOL;
        return detail::check(weir_allocator_create(&options));
    }
};

/* Memory of a device: for tensors and buffers, not for the host to touch. */
class CUDAAllocator : public HandleAllocator
{
  public:
    explicit CUDAAllocator(int device = 0)
        : HandleAllocator(detail::check(weir_cuda_allocator(device)))
    {
    }

  private:
    friend class AllocatorFactory;
    explicit CUDAAllocator(weir_allocator *handle) : HandleAllocator(handle)
    {
    }
};

/* The process's allocator of a kind of device. */
class AllocatorFactory
{
  public:
    using AllocatorType = DeviceType;

    /* The CPU allocator, or that of the first GPU. nullptr, with a reason in weir_last_error(),
     * where there is none: it may be asked again. Never destroyed. */
    static Allocator *get_allocator(DeviceType type)
    {
        if (type == DeviceType::CPU)
            return CPUAllocator::get_instance();
        return type == DeviceType::CUDA ? first_gpu() : nullptr;
    }

  private:
    static Allocator *first_gpu()
    {
        alignas(CUDAAllocator) static unsigned char place[sizeof(CUDAAllocator)];
        weir_allocator *handle = weir_cuda_allocator(0);
        if (!handle)
            return nullptr;
        static CUDAAllocator *instance = new (place) CUDAAllocator(handle);
        return instance;
    }
};

WEIR_CXX_END

#endif
