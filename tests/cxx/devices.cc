/* weir::Device, Stream, StreamScope, copies: on a device of host memory. */
#include "../helpers/cxx.h"

#include <cstring>
#include <utility>
#include <vector>

using weir::DataType;
using weir::Device;
using weir::Stream;
using weir::StreamScope;
using weir::Tensor;

static Device device()
{
    return Device::host("there", 64 << 20);
}

static void allocators()
{
    Device there = device();
    EXPECT(there && there.name() == "there");
    {
        Tensor t = Tensor::create({1000}, DataType::FLOAT32, there);
        EXPECT(there.total_allocated() == 4000 && std::string(t.device()) == "there");
        EXPECT(there.device_stats().in_use >= 4000 && there.device_stats().size > 0);
        EXPECT(cpu->total_allocated() == 0);
    }
    EXPECT(there.total_allocated() == 0 && there.prewarm(1 << 20).ok());
    EXPECT(there.device_stats().cached >= 1 << 20 && there.reset_device_peaks().ok());
    EXPECT(there.device_stats().peak_in_use == 0);
    EXPECT(error_of([&] { (void)there.prewarm(1 << 30); }) == ENOMEM);
    Device moved = std::move(there);
    EXPECT(!there && moved); /* NOLINT */
    EXPECT(error_of([&] { (void)there.device_stats(); }) == EINVAL);
    EXPECT(error_of([] { (void)Device::host("x", SIZE_MAX); }) == EINVAL);
    EXPECT(error_of([] { Device none(nullptr); }) == EINVAL);
    weir_device_options options{};
    options.mode = WEIR_DEVICE_SEGMENTS;
    EXPECT(Device::host("segments", 1 << 26, &options).device_stats().mode == WEIR_DEVICE_SEGMENTS);
    const int no_mode = 99;
    std::memcpy(&options.mode, &no_mode, sizeof options.mode);
    EXPECT(error_of([&] { (void)Device::host("bad", 1 << 26, &options); }) == EINVAL);
}

static void copies()
{
    Device there = device();
    std::vector<int> from = {1, 2, 3, 4}, to(4);
    weir::Context context("here");
    Stream stream(there);
    void *block = stream.allocate(16);
    EXPECT(block && weir::copy_in(there, block, from.data(), 16).ok());
    EXPECT(weir::copy_out(to.data(), there, block, 16).ok() && to == from);
    EXPECT(weir::fill(there, block, 0xff, 8).ok());
    weir::Buffer<int> b(4, context);
    EXPECT(weir::copy(context, b.data(), there, block, 16).ok());
    EXPECT(b[0] == -1 && b[1] == -1 && b[2] == 3 && b[3] == 4);
    Tensor t = Tensor::zeros({4}, DataType::INT32);
    t.at<int>({3}) = 9;
    Tensor over = t.to(there), back = over.to(cpu);
    EXPECT(over.allocator() == there.handle() && back.at<int>({3}) == 9 && back != t);
    stream.deallocate(block);
    weir_allocator *none = nullptr;
    EXPECT(error_of([&] { (void)weir::copy(none, to.data(), there, block, 16); }) == EINVAL);
    EXPECT(error_of([&] { (void)weir::copy_in(none, to.data(), from.data(), 16); }) == EINVAL);
    EXPECT(error_of([&] { (void)weir::fill(none, to.data(), 0, 16); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.to(none); }) == EINVAL);
    EXPECT(to == from && there.total_allocated() == 16); /* `over` */
}

static void streams()
{
    static_assert(!std::is_copy_constructible<Stream>::value, "");
    static_assert(std::is_nothrow_move_assignable<Stream>::value, "");
    Device there = device();
    {
        Stream a(there), b(there);
        EXPECT(a && a.device() == there.handle() && a.handle() != b.handle());
        {
            StreamScope on_a(a);
            StreamScope on_b(b);
            Tensor t = Tensor::create({10}, DataType::FLOAT32, there);
            EXPECT(a.record(t.data()).ok() && b.synchronize().ok());
        }
        EXPECT(weir_device_stream_set(nullptr) == nullptr);
        void *block = a.allocate(100);
        EXPECT(block && there.total_allocated() == 100 && b.record(block).ok());
        a.deallocate(block);
        EXPECT(there.total_allocated() == 0 && a.synchronize().ok());
        void *handle = a.handle();
        Stream moved = std::move(a);
        EXPECT(!a && moved.handle() == handle); /* NOLINT */
        moved = std::move(b);
        EXPECT(error_of([&] { (void)a.synchronize(); }) == EINVAL && a.allocate(1) == nullptr);
        int local;
        EXPECT(error_of([&] { (void)moved.record(&local); }) == EINVAL);
    }
    EXPECT(error_of([] { Stream none(cpu); }) == EINVAL);
    EXPECT(there.device_stats().streams >= 1);
}

int main()
{
    return run({allocators, copies, streams});
}
