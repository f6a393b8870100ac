/* cxx/standard.hpp - the standard library's own interfaces. Part of weir.hpp. */
#ifndef WEIR_CXX_STANDARD_HPP
#define WEIR_CXX_STANDARD_HPP

#include <weir/cxx/allocator.hpp>

#include <type_traits>

#if __cplusplus >= 201703L && __has_include(<memory_resource>)
#include <memory_resource>
#define WEIR_CXX_MEMORY_RESOURCE
#endif

WEIR_CXX_BEGIN

/* For containers: std::vector<float, weir::allocator<float>>. */
template <class T> class allocator
{
  public:
    using value_type = T;
    using propagate_on_container_move_assignment = std::true_type;
    using propagate_on_container_swap = std::true_type;

    allocator(AllocatorRef a = {}) noexcept : handle_(a.handle())
    {
    }
    allocator(weir_allocator *handle) noexcept : handle_(handle)
    {
    }
    allocator(const Allocator &a) : handle_(a.handle())
    {
    }
    template <class U> allocator(const allocator<U> &other) noexcept : handle_(other.handle())
    {
    }

    T *allocate(std::size_t count)
    {
        if (count > PTRDIFF_MAX / sizeof(T))
            detail::end(ENOMEM, "an array is impossibly large");
        void *block = weir_allocate_aligned(handle_, count * sizeof(T), alignof(T));
        if (!block)
            detail::end(ENOMEM, "no memory for a container");
        return static_cast<T *>(block);
    }

    void deallocate(T *block, std::size_t count) noexcept
    {
        weir_deallocate_sized(handle_, block, count * sizeof(T));
    }

    weir_allocator *handle() const noexcept
    {
        return handle_;
    }

  private:
    weir_allocator *handle_;
};

template <class T, class U> bool operator==(const allocator<T> &a, const allocator<U> &b) noexcept
{
    return a.handle() == b.handle();
}

template <class T, class U> bool operator!=(const allocator<T> &a, const allocator<U> &b) noexcept
{
    return !(a == b);
}

#ifdef WEIR_CXX_MEMORY_RESOURCE
#ifndef __cpp_rtti
inline namespace no_rtti /* another type: its virtual table has no type that others may ask for */
{
#endif

/* For std::pmr containers. Two of one allocator are equal; under -fno-rtti only each is to
 * itself, and containers then move element by element between them. */
class memory_resource : public std::pmr::memory_resource
{
  public:
    explicit memory_resource(AllocatorRef a = {}) : handle_(a.handle())
    {
    }

    weir_allocator *handle() const noexcept
    {
        return handle_;
    }

  private:
    void *do_allocate(std::size_t bytes, std::size_t alignment) override
    {
        void *block = weir_allocate_aligned(handle_, bytes, alignment);
        if (!block)
            detail::end(ENOMEM, "no memory for a container");
        return block;
    }

    void do_deallocate(void *block, std::size_t bytes, std::size_t) override
    {
        weir_deallocate_sized(handle_, block, bytes);
    }

    bool do_is_equal(const std::pmr::memory_resource &other) const noexcept override
    {
#ifdef __cpp_rtti
        auto *same = dynamic_cast<const memory_resource *>(&other);
        return same && same->handle_ == handle_;
#else
        return this == &other;
#endif
    }

    weir_allocator *handle_;
};

#ifndef __cpp_rtti
}
#endif
#endif

WEIR_CXX_END

#endif
