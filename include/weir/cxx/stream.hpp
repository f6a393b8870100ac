/* cxx/stream.hpp - streams of a device: order of work, and of re-use. Part of weir.hpp; device.h
 * says the rest. */
#ifndef WEIR_CXX_STREAM_HPP
#define WEIR_CXX_STREAM_HPP

#include <weir/cxx/allocator.hpp>

#include <utility>

WEIR_CXX_BEGIN

/* A stream of a device's own making, moved, never copied. Its end waits for its work and makes
 * its freed blocks free for all. The device must be there still. */
class Stream
{
  public:
    Stream() noexcept = default;

    explicit Stream(AllocatorRef device) : device_(device.handle())
    {
        stream_ = detail::check(weir_device_stream_create(device_));
    }

    Stream(Stream &&from) noexcept
        : device_(std::exchange(from.device_, nullptr)),
          stream_(std::exchange(from.stream_, nullptr))
    {
    }
    Stream &operator=(Stream &&from) noexcept
    {
        Stream taken(std::move(from));
        std::swap(device_, taken.device_);
        std::swap(stream_, taken.stream_);
        return *this;
    }
    ~Stream()
    {
        if (stream_)
            weir_device_stream_destroy(device_, stream_);
    }

    explicit operator bool() const noexcept
    {
        return stream_ != nullptr;
    }
    /* CUstream, cudaStream_t. */
    void *handle() const noexcept
    {
        return stream_;
    }
    weir_allocator *device() const noexcept
    {
        return device_;
    }

    /* Waits for all work given to it. */
    Status synchronize() const
    {
        return detail::check(stream_ ? weir_device_synchronize(device_, stream_) : EINVAL);
    }

    /* As weir::Allocator's: nullptr when there is no memory. The block is for work on this stream,
     * and goes back by deallocate() here or by the allocator's. */
    void *allocate(std::size_t size) const noexcept
    {
        return stream_ ? weir_device_allocate_on(device_, size, stream_) : nullptr;
    }
    /* All work on the block so far is before this point of the stream. */
    void deallocate(void *block) const noexcept
    {
        weir_device_deallocate_on(device_, block, stream_);
    }
    /* The block, of any stream, is used by work on this one too: after its free it waits for that.
     */
    Status record(void *block) const
    {
        return detail::check(stream_ ? weir_device_record_stream(device_, block, stream_) : EINVAL);
    }

  private:
    weir_allocator *device_ = nullptr;
    void *stream_ = nullptr;
};

/* What this thread allocates, zeroes and moves in the scope is on the stream, on every device;
 * scopes nest, and end on the thread they began on. */
class StreamScope
{
  public:
    explicit StreamScope(const Stream &stream) noexcept : StreamScope(stream.handle())
    {
    }
    /* A stream that was made elsewhere; nullptr: the device's default. */
    explicit StreamScope(void *stream) noexcept : former_(weir_device_stream_set(stream))
    {
    }
    StreamScope(const StreamScope &) = delete;
    StreamScope &operator=(const StreamScope &) = delete;
    ~StreamScope()
    {
        weir_device_stream_set(former_);
    }

  private:
    void *former_;
};

WEIR_CXX_END

#endif
