/*
 * cxx/device.hpp - devices, and moving bytes between them and the host. Part of weir.hpp;
 * device.h says the rest. Streams are in cxx/stream.hpp.
 */
#ifndef WEIR_CXX_DEVICE_HPP
#define WEIR_CXX_DEVICE_HPP

#include <weir/cxx/context.hpp>

#include <string>

WEIR_CXX_BEGIN

/* A pooled allocator on the device that a table reaches; moved, never copied. Its end gives all
 * memory back. */
class Device : public OwnedAllocator
{
  public:
    /* The table is copied, its `user` kept; where this fails the table is still the caller's. */
    explicit Device(const weir_device_table *table, const weir_device_options *options = nullptr)
        : OwnedAllocator(detail::check(weir_device_allocator_create(table, options)))
    {
    }

    /* One made of host memory, `capacity` bytes of it, for tests. */
    [[nodiscard]] static Device host(const std::string &name, std::size_t capacity,
                                     const weir_device_options *options = nullptr)
    {
        Device made;
        const weir_device_table *table =
            detail::check(weir_device_host_table_create(name.c_str(), capacity));
        if (!table)
            return made;
        made.put(weir_device_allocator_create(table, options));
        if (!made) {
            int error = errno;
            table->destroy(table->user);
            (void)detail::fail(error);
        }
        return made;
    }

    /* Figures of the pool. */
    [[nodiscard]] weir_device_stats device_stats() const
    {
        weir_device_stats stats = WEIR_DEVICE_STATS_INIT;
        return detail::check(weir_device_stats_get(handle(), &stats)) ? stats : weir_device_stats{};
    }
    Status reset_device_peaks()
    {
        return detail::check(weir_device_reset_peaks(handle()));
    }

    /* Takes memory from the device ahead of need, until this much is cached. */
    Status prewarm(std::size_t bytes)
    {
        return detail::check(weir_device_prewarm(handle(), bytes));
    }

  private:
    Device() noexcept = default;
};

/*
 * Copies n bytes, done on return, ordered after earlier work of the thread's stream. Each side
 * is memory of an allocator, the host's or a device's; copy_in and copy_out have memory of
 * the program's own on the other.
 */
inline Status copy(AllocatorRef to_a, void *to, AllocatorRef from_a, const void *from,
                   std::size_t n)
{
    if (!detail::is_there(to_a.handle()) || !detail::is_there(from_a.handle()))
        return Status(EINVAL);
    return detail::check(weir_device_copy(to_a.handle(), to, from_a.handle(), from, n));
}

inline Status copy_in(AllocatorRef to_a, void *to, const void *from, std::size_t n)
{
    if (!detail::is_there(to_a.handle()))
        return Status(EINVAL);
    return detail::check(weir_device_copy(to_a.handle(), to, nullptr, from, n));
}

inline Status copy_out(void *to, AllocatorRef from_a, const void *from, std::size_t n)
{
    if (!detail::is_there(from_a.handle()))
        return Status(EINVAL);
    return detail::check(weir_device_copy(nullptr, to, from_a.handle(), from, n));
}

/* Sets n bytes, on the host or a device; done on return. */
inline Status fill(AllocatorRef a, void *to, int byte, std::size_t n)
{
    if (!detail::is_there(a.handle()))
        return Status(EINVAL);
    return detail::check(weir_device_set(a.handle(), to, byte, n));
}

WEIR_CXX_END

#endif
