/* cxx/buffer.hpp - buffers, pools of buffers, arenas. Part of weir.hpp. */
#ifndef WEIR_CXX_BUFFER_HPP
#define WEIR_CXX_BUFFER_HPP

#include <weir/cxx/allocator.hpp>

#include <type_traits>

namespace weir
{

/* A zeroed array that goes with its scope; moved, never copied. */
template <class T> class Buffer
{
    static_assert(std::is_trivially_copyable<T>::value, "elements are zeroed and moved as bytes");

  public:
    using value_type = T;

    Buffer() noexcept = default;

    explicit Buffer(std::size_t count, AllocatorRef a = {})
    {
        detail::check(weir_buffer_init(&buffer_, a.handle(), count, sizeof(T)));
    }

    /* From a pool, to which it goes back. */
    Buffer(weir_buffer_pool *pool, std::size_t count)
    {
        detail::check(weir_buffer_init_pooled(&buffer_, pool, count, sizeof(T)));
    }

    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;

    Buffer(Buffer &&from) noexcept
    {
        weir_buffer_move(&buffer_, &from.buffer_);
    }

    Buffer &operator=(Buffer &&from) noexcept
    {
        weir_buffer_move(&buffer_, &from.buffer_);
        return *this;
    }

    ~Buffer()
    {
        weir_buffer_release(&buffer_);
    }

    T *data() noexcept
    {
        return static_cast<T *>(weir_buffer_data(&buffer_));
    }
    const T *data() const noexcept
    {
        return static_cast<const T *>(weir_buffer_data(&buffer_));
    }
    std::size_t size() const noexcept
    {
        return weir_buffer_count(&buffer_);
    }
    std::size_t size_in_bytes() const noexcept
    {
        return weir_buffer_size_in_bytes(&buffer_);
    }
    bool empty() const noexcept
    {
        return size() == 0;
    }
    T &operator[](std::size_t i) noexcept
    {
        return data()[i];
    }
    const T &operator[](std::size_t i) const noexcept
    {
        return data()[i];
    }
    T *begin() noexcept
    {
        return data();
    }
    T *end() noexcept
    {
        return data() + size();
    }
    const T *begin() const noexcept
    {
        return data();
    }
    const T *end() const noexcept
    {
        return data() + size();
    }

    /* Keeps the contents; what is new is zero. */
    void resize(std::size_t count)
    {
        if (weir_buffer_data(&buffer_))
            detail::check(weir_buffer_resize(&buffer_, count));
        else
            *this = Buffer(count);
    }

    void release() noexcept
    {
        weir_buffer_release(&buffer_);
    }

    weir_buffer *handle() noexcept
    {
        return &buffer_;
    }

  private:
    weir_buffer buffer_ = WEIR_BUFFER_EMPTY;
};

/* Buffers used again. One that outlives the pool keeps it alive in the C sense: its memory
 * stays valid, and is then no longer given back. */
class BufferPool
{
  public:
    explicit BufferPool(AllocatorRef a = {}, std::size_t idle_limit = 0)
    {
        weir_buffer_pool_options options{};
        options.allocator = a.handle();
        options.idle_limit = idle_limit;
        pool_ = detail::check(weir_buffer_pool_create(&options));
    }

    BufferPool(const BufferPool &) = delete;
    BufferPool &operator=(const BufferPool &) = delete;

    ~BufferPool()
    {
        weir_buffer_pool_destroy(pool_);
    }

    /* `count` elements, zeroed; goes back at the end of its scope or by release(). */
    template <class T = float> Buffer<T> acquire(std::size_t count)
    {
        return Buffer<T>(pool_, count);
    }

    template <class T> void release(Buffer<T> &&buffer)
    {
        buffer.release();
    }

    std::size_t trim(std::size_t keep_bytes = 0)
    {
        return weir_buffer_pool_trim(pool_, keep_bytes);
    }

    weir_buffer_pool_stats stats() const
    {
        weir_buffer_pool_stats stats{};
        stats.size = sizeof stats;
        detail::check(weir_buffer_pool_stats_get(pool_, &stats));
        return stats;
    }

    weir_buffer_pool *handle() const
    {
        return pool_;
    }

  private:
    weir_buffer_pool *pool_;
};

class Arena
{
  public:
    using Mark = weir_arena_mark;

    explicit Arena(AllocatorRef a = {}, std::size_t chunk_size = 0)
    {
        weir_arena_options options{};
        options.allocator = a.handle();
        options.chunk_size = chunk_size;
        arena_ = detail::check(weir_arena_create(&options));
    }

    /* In the caller's memory. */
    Arena(void *memory, std::size_t size)
    {
        weir_arena_options options{};
        options.memory = memory;
        options.memory_size = size;
        arena_ = detail::check(weir_arena_create(&options));
    }

    Arena(const Arena &) = delete;
    Arena &operator=(const Arena &) = delete;

    ~Arena()
    {
        weir_arena_destroy(arena_);
    }

    void *allocate(std::size_t size, std::size_t alignment = WEIR_DEFAULT_ALIGNMENT)
    {
        return detail::check(weir_arena_allocate_aligned(arena_, size, alignment));
    }

    /* Uninitialized; no destructor will run. */
    template <class T> T *allocate_array(std::size_t count)
    {
        static_assert(std::is_trivially_destructible<T>::value, "an arena runs no destructors");
        if (count > PTRDIFF_MAX / sizeof(T))
            throw std::bad_alloc();
        constexpr std::size_t alignment =
            alignof(T) > WEIR_DEFAULT_ALIGNMENT ? alignof(T) : WEIR_DEFAULT_ALIGNMENT;
        return static_cast<T *>(allocate(count * sizeof(T), alignment));
    }

    Mark mark()
    {
        Mark mark = weir_arena_mark_get(arena_);
        if (!mark)
            detail::fail(errno);
        return mark;
    }

    void rewind(Mark mark)
    {
        detail::check(weir_arena_rewind(arena_, mark));
    }

    void reset()
    {
        detail::check(weir_arena_reset(arena_));
    }

    /* Rewinds at its end to where the arena stood at its beginning. */
    class Scope
    {
      public:
        explicit Scope(Arena &arena) : arena_(arena), mark_(arena.mark())
        {
        }
        Scope(const Scope &) = delete;
        Scope &operator=(const Scope &) = delete;
        ~Scope()
        {
            [[maybe_unused]] int busy = weir_arena_rewind(arena_.arena_, mark_);
        }

      private:
        Arena &arena_;
        Mark mark_;
    };

    std::size_t trim()
    {
        return weir_arena_trim(arena_);
    }

    AllocatorRef allocator()
    {
        return detail::check(weir_arena_allocator(arena_));
    }

    weir_arena_stats stats() const
    {
        weir_arena_stats stats{};
        stats.size = sizeof stats;
        detail::check(weir_arena_stats_get(arena_, &stats));
        return stats;
    }

    weir_arena *handle() const
    {
        return arena_;
    }

  private:
    weir_arena *arena_;
};

} // namespace weir

#endif
