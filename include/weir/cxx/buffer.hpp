/* cxx/buffer.hpp - buffers, pools of buffers, arenas. Part of weir.hpp. */
#ifndef WEIR_CXX_BUFFER_HPP
#define WEIR_CXX_BUFFER_HPP

#include <weir/cxx/allocator.hpp>

#include <type_traits>

WEIR_CXX_BEGIN

/*
 * A zeroed array that goes with its scope; moved, never copied. It remembers where its memory
 * is from: one that was released or moved from, or made without memory, takes it from there when
 * it is resized. That allocator or pool must still be there then.
 */
template <class T> class Buffer
{
    static_assert(std::is_trivially_copyable<T>::value, "elements are zeroed and moved as bytes");

  public:
    using value_type = T;

    /* Empty, of the CPU allocator. */
    Buffer() noexcept = default;

    /* Empty, of this one. */
    explicit Buffer(AllocatorRef a) noexcept : allocator_(a.handle())
    {
    }

    explicit Buffer(std::size_t count, AllocatorRef a = {}) : allocator_(a.handle())
    {
        (void)detail::check(weir_buffer_init(&buffer_, allocator_, count, sizeof(T)));
    }

    /* From a pool, to which it goes back. */
    Buffer(weir_buffer_pool *pool, std::size_t count)
        : allocator_(weir_buffer_pool_allocator(pool)), pool_(pool)
    {
        (void)detail::check(weir_buffer_init_pooled(&buffer_, pool, count, sizeof(T)));
    }

    /* The same with its contents undefined: for what is written before it is read. */
    static Buffer uninitialized(weir_buffer_pool *pool, std::size_t count)
    {
        Buffer made(weir_buffer_pool_allocator(pool));
        made.pool_ = pool;
        (void)detail::check(
            weir_buffer_init_pooled_undefined(&made.buffer_, pool, count, sizeof(T)));
        return made;
    }

    Buffer(const Buffer &) = delete;
    Buffer &operator=(const Buffer &) = delete;

    Buffer(Buffer &&from) noexcept : allocator_(from.allocator_), pool_(from.pool_)
    {
        weir_buffer_move(&buffer_, &from.buffer_);
    }

    Buffer &operator=(Buffer &&from) noexcept
    {
        weir_buffer_move(&buffer_, &from.buffer_);
        allocator_ = from.allocator_;
        pool_ = from.pool_;
        return *this;
    }

    ~Buffer()
    {
        weir_buffer_release(&buffer_);
    }

    /* Has it memory? True for one of 0 elements, false for one that was released. */
    explicit operator bool() const noexcept
    {
        return weir_buffer_data(&buffer_) != nullptr;
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
    Status resize(std::size_t count)
    {
        if (*this)
            return detail::check(weir_buffer_resize(&buffer_, count));
        if (pool_)
            return detail::check(weir_buffer_init_pooled(&buffer_, pool_, count, sizeof(T)));
        return detail::check(weir_buffer_init(&buffer_, allocator_, count, sizeof(T)));
    }

    /* Where its memory is from, or would be. */
    weir_allocator *allocator() const noexcept
    {
        return allocator_;
    }

    /* Empty, and still of its allocator or pool. */
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
    weir_allocator *allocator_ = weir_cpu_allocator();
    weir_buffer_pool *pool_ = nullptr; /* of allocator_; nullptr: straight from there */
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
        if (detail::is_there(options.allocator))
            pool_ = detail::check(weir_buffer_pool_create(&options));
    }

    BufferPool(const BufferPool &) = delete;
    BufferPool &operator=(const BufferPool &) = delete;

    ~BufferPool()
    {
        if (pool_)
            weir_buffer_pool_destroy(pool_);
    }

    explicit operator bool() const noexcept
    {
        return pool_ != nullptr;
    }

    /* `count` elements, zeroed; goes back at the end of its scope or by release(). */
    template <class T = float> [[nodiscard]] Buffer<T> acquire(std::size_t count)
    {
        return Buffer<T>(pool_, count);
    }

    /* The same without the zeros: contents undefined. */
    template <class T = float> [[nodiscard]] Buffer<T> acquire_uninitialized(std::size_t count)
    {
        return Buffer<T>::uninitialized(pool_, count);
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
        return detail::check(weir_buffer_pool_stats_get(pool_, &stats)) ? stats
                                                                        : weir_buffer_pool_stats{};
    }

    weir_buffer_pool *handle() const
    {
        return pool_;
    }

  private:
    weir_buffer_pool *pool_ = nullptr;
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
        if (detail::is_there(options.allocator))
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
        if (arena_)
            weir_arena_destroy(arena_);
    }

    explicit operator bool() const noexcept
    {
        return arena_ != nullptr;
    }

    /* In C++ without exceptions nullptr where there is no room; so for all here. */
    void *allocate(std::size_t size, std::size_t alignment = WEIR_DEFAULT_ALIGNMENT)
    {
        return detail::check(weir_arena_allocate_aligned(arena_, size, alignment));
    }

    /* Uninitialized; no destructor will run. */
    template <class T> T *allocate_array(std::size_t count)
    {
        static_assert(std::is_trivially_destructible<T>::value, "an arena runs no destructors");
        if (count > PTRDIFF_MAX / sizeof(T)) {
            (void)detail::fail(ENOMEM, "an array is impossibly large");
            return nullptr;
        }
        constexpr std::size_t alignment =
            alignof(T) > WEIR_DEFAULT_ALIGNMENT ? alignof(T) : WEIR_DEFAULT_ALIGNMENT;
        return static_cast<T *>(allocate(count * sizeof(T), alignment));
    }

    [[nodiscard]] Mark mark()
    {
        Mark mark = weir_arena_mark_get(arena_);
        if (!mark)
            (void)detail::fail(errno);
        return mark;
    }

    Status rewind(Mark mark)
    {
        return detail::check(weir_arena_rewind(arena_, mark));
    }

    Status reset()
    {
        return detail::check(weir_arena_reset(arena_));
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
            [[maybe_unused]] int busy = mark_ ? weir_arena_rewind(arena_.arena_, mark_) : 0;
        }

        /* False where no mark could be made: it will not rewind. */
        explicit operator bool() const noexcept
        {
            return mark_ != 0;
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
        return detail::check(weir_arena_stats_get(arena_, &stats)) ? stats : weir_arena_stats{};
    }

    weir_arena *handle() const
    {
        return arena_;
    }

  private:
    weir_arena *arena_ = nullptr;
};

WEIR_CXX_END

#endif
