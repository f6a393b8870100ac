/*
 * weir.hpp's Allocator and classes derived from it: what they are asked for, memory that the host
 * may not touch, kinds of devices, the factory.
 */
#include <weir/weir.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include <sys/mman.h>

#define EXPECT(x)                                                                                  \
    ((x) ? (void)0 : (std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x), std::exit(1)))

using weir::DataType;
using weir::DeviceType;
using weir::Tensor;

template <class Call> static int error_of(Call call)
{
    try {
        call();
    } catch (const std::bad_alloc &) {
        return ENOMEM;
    } catch (const std::system_error &e) {
        return e.code().value();
    }
    return 0;
}

/* -- a device ---------------------------------------------------------------------------- */

/* The driver: pages that the host may not touch. */
static std::map<void *, std::size_t> mapped;

static std::size_t pages(std::size_t size)
{
    return (size + 4095) / 4096 * 4096;
}

static int cudaMalloc(void **ptr, std::size_t size)
{
    *ptr = mmap(nullptr, pages(size), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT(*ptr != MAP_FAILED);
    mapped[*ptr] = size;
    return 0;
}

static int cudaFree(void *ptr)
{
    EXPECT(mapped.count(ptr) == 1);
    munmap(ptr, pages(mapped[ptr]));
    mapped.erase(ptr);
    return 0;
}

static void open(const void *at, std::size_t size, int access)
{
    auto address = reinterpret_cast<std::uintptr_t>(at);
    auto start = address & ~std::uintptr_t(4095);
    EXPECT(!mprotect(reinterpret_cast<void *>(start), pages(address - start + size), access));
}

namespace design
{
using weir::Allocator;
#include "written/cuda_allocator.inc"
} // namespace design

/* The written design's class, as it stands there, behind a tensor and an arena. */
static void the_designs_class_holds_tensors()
{
    design::CUDAAllocator cuda;
    {
        Tensor t = Tensor::create({1024}, DataType::FLOAT32, cuda);
        EXPECT(mapped.size() == 1 && mapped[t.data()] == 4096);
        EXPECT(cuda.total_allocated() == 4096 && cuda.allocation_count() == 1);
        Tensor row = t.reshape({32, 32}).select(0, 3), other = t;
        t.resize({16});
        EXPECT(cuda.total_allocated() == 4096);
        Tensor small = Tensor::create({3}, DataType::INT8, cuda);
        EXPECT(mapped[small.data()] == 3);
        weir::Arena arena(cuda);
        EXPECT(arena.allocate(100) != nullptr);
    }
    EXPECT(mapped.empty() && cuda.total_allocated() == 0 && cuda.peak_allocated() >= 4099);
    void *direct = cuda.allocate(100);
    EXPECT(mapped[direct] == 100);
    cuda.deallocate(direct);
}

/* The same with what buffers want. */
class Device : public weir::Allocator
{
  public:
    ~Device() override
    {
        close();
    }
    void *allocate(std::size_t size) override
    {
        void *ptr;
        return cudaMalloc(&ptr, size) ? nullptr : ptr;
    }
    void deallocate(void *ptr) override
    {
        cudaFree(ptr);
    }
    DeviceType device_type() const override
    {
        return DeviceType::CUDA;
    }
    int zero_bytes(void *block, std::size_t size) override
    {
        if (broken)
            return EIO;
        open(block, size, PROT_READ | PROT_WRITE);
        std::memset(block, 0, size);
        open(block, size, PROT_NONE);
        zeros++;
        return 0;
    }
    int copy_bytes(void *to, const void *from, std::size_t size) override
    {
        open(from, size, PROT_READ);
        open(to, size, PROT_READ | PROT_WRITE);
        std::memcpy(to, from, size);
        open(to, size, PROT_NONE);
        open(from, size, PROT_NONE);
        copies++;
        return 0;
    }
    bool broken = false;
    int zeros = 0, copies = 0;
};

static int first_of(const int *data)
{
    open(data, sizeof *data, PROT_READ);
    int value = *data;
    open(data, sizeof *data, PROT_NONE);
    return value;
}

static void buffers_lie_where_the_host_may_not_touch()
{
    Device device;
    EXPECT(!device.host_accessible());
    {
        weir::Buffer<int> b(1000, device);
        EXPECT(device.zeros == 1 && mapped[b.data()] == 4000);
        open(b.data(), 4, PROT_READ | PROT_WRITE);
        b[0] = 7;
        b.resize(5000);
        EXPECT(device.copies >= 1 && first_of(b.data()) == 7);
        EXPECT(first_of(b.data() + 4999) == 0);
        weir::Buffer<int> moved = std::move(b);
        EXPECT(device.total_allocated() == 20000 && device.allocation_count() == 1);
        Tensor t = Tensor::zeros({10, 10}, DataType::INT32, device);
        EXPECT(first_of(static_cast<int *>(t.data())) == 0);
        Tensor copy = t.clone();
        EXPECT(mapped.count(copy.data()) == 1);
        EXPECT(error_of([&] { (void)t.transpose(0, 1).clone(); }) == ENOTSUP);
        std::size_t before = device.total_allocated();
        device.broken = true;
        EXPECT(error_of([&] { weir::Buffer<int> c(10, device); }) == EIO);
        EXPECT(device.total_allocated() == before && mapped.size() == 3);
        device.broken = false;
        weir::BufferPool pool(device);
        pool.release(pool.acquire(100));
        EXPECT(pool.stats().idle_count == 1);
        EXPECT(!weir_allocator_is_host_accessible(device.handle()));
    }
    EXPECT(mapped.empty());
    EXPECT(weir_allocate(device.handle(), 5)); /* close() frees it */
}

/* It says that the host may not touch its memory, and not how to clear it. */
class Opaque : public design::CUDAAllocator
{
  public:
    bool host_accessible() const override
    {
        return false;
    }
};

static void what_cannot_be_cleared_is_said()
{
    Opaque opaque;
    EXPECT(opaque.device_type() == DeviceType::CPU);
    EXPECT(error_of([&] { weir::Buffer<char> b(10, opaque); }) == ENOTSUP);
    EXPECT(error_of([&] { (void)Tensor::zeros({10}, DataType::INT8, opaque); }) == ENOTSUP);
    EXPECT(mapped.empty() && opaque.total_allocated() == 0 && opaque.peak_allocated() == 0);
    EXPECT(Tensor::create({10}, DataType::INT8, opaque).data() != nullptr);
    weir::HandleAllocator same(opaque.handle());
    EXPECT(!same.host_accessible() && same.device_type() == DeviceType::UNKNOWN);
}

/* -- alignment ---------------------------------------------------------------------------- */

/* Aligns, and remembers what it was asked for. As newer classes of the design's project have it. */
class Aligning : public weir::Allocator
{
  public:
    void *allocate(std::size_t size, std::size_t alignment = 64) override
    {
        last_size = size;
        last_alignment = alignment;
        if (size > 1000000)
            throw std::bad_alloc();
        std::size_t unit = alignment < 64 ? 64 : alignment;
        return last = std::aligned_alloc(unit, (size + unit - 1) / unit * unit);
    }
    void deallocate(void *ptr) override
    {
        freed = ptr;
        std::free(ptr);
    }
    std::size_t last_size = 0, last_alignment = 0;
    void *last = nullptr, *freed = nullptr;
};

static void aligned_requests_are_passed_on_as_they_are()
{
    Aligning own;
    for (std::size_t size : {1, 64, 4096, 1 << 19}) {
        Tensor t = Tensor::create({std::int64_t(size)}, DataType::UINT8, own);
        EXPECT(own.last_size == size && own.last_alignment == 64 && t.data() == own.last);
        void *data = t.data();
        t = Tensor();
        EXPECT(own.freed == data);
    }
    for (std::size_t alignment = 1; alignment <= 1 << 21; alignment *= 2) {
        void *block = weir_allocate_aligned(own.handle(), 10, alignment);
        EXPECT(block == own.last && own.last_size == 10 && own.last_alignment == alignment);
        weir_deallocate(own.handle(), block);
        EXPECT(own.freed == block);
    }
    EXPECT(error_of([&] { weir::Buffer<char> b(2000000, own); }) == ENOMEM);
    weir::Allocator *plain = &own;
    plain->deallocate(plain->allocate(100)); /* by the other */
    EXPECT(own.last_size == 100 && own.last_alignment == 64);
}

/* Aligns to 64 by itself, whatever it is asked for. */
class By64 : public weir::Allocator
{
  public:
    void *allocate(std::size_t size) override
    {
        last_size = size;
        return std::aligned_alloc(64, (size + 63) / 64 * 64);
    }
    void deallocate(void *ptr) override
    {
        std::free(ptr);
    }
    std::size_t last_size = 0;
};

static void a_class_that_aligns_by_itself_gets_no_byte_more()
{
    By64 own;
    for (int size : {1, 64, 4096, 1 << 20}) {
        Tensor t = Tensor::create({size}, DataType::UINT8, own);
        EXPECT(own.last_size == std::size_t(size));
    }
}

/* Never aligned to more than 8. */
class By8 : public weir::Allocator
{
  public:
    void *allocate(std::size_t size) override
    {
        live++;
        auto *start = static_cast<char *>(std::aligned_alloc(64, (size + 127) / 64 * 64));
        std::memset(start, 0x77, 8);
        return start + 8;
    }
    void deallocate(void *ptr) override
    {
        live--;
        char *start = static_cast<char *>(ptr) - 8;
        for (int i = 0; i < 8; i++)
            EXPECT(start[i] == 0x77);
        std::free(start);
    }
    int live = 0;
};

static void a_class_that_does_not_align_holds_tensors()
{
    By8 own;
    for (std::size_t alignment = 1; alignment <= 1 << 21; alignment *= 2) {
        auto *block = static_cast<char *>(weir_allocate_aligned(own.handle(), 1000, alignment));
        EXPECT(block && reinterpret_cast<std::uintptr_t>(block) % alignment == 0);
        std::memset(block, 1, 1000);
        EXPECT(own.live == 1);
        weir_deallocate(own.handle(), block);
        EXPECT(own.live == 0);
    }
    {
        weir::Buffer<int> b(1000, own);
        b.resize(100000);
        EXPECT(own.live == 1 && own.total_allocated() == 400000 && b[99999] == 0);
    }
    EXPECT(own.live == 0);
}

/* Overrides no allocate at all: has no memory. */
class Nothing : public weir::Allocator
{
  public:
    void deallocate(void *) override
    {
    }
};

static void a_class_without_memory_has_none()
{
    Nothing nothing;
    weir::Allocator *a = &nothing;
    EXPECT(a->allocate(1) == nullptr && a->allocate(1, 64) == nullptr);
    EXPECT(error_of([&] { (void)Tensor::create({1}, DataType::INT8, nothing); }) == ENOMEM);
}

/* -- kinds ------------------------------------------------------------------------------- */

static void kinds_of_devices()
{
    using weir::AllocatorFactory;
    auto *cpu = weir::CPUAllocator::get_instance();
    EXPECT(cpu->device_type() == DeviceType::CPU && cpu->host_accessible());
    EXPECT(AllocatorFactory::get_allocator(DeviceType::CPU) == cpu);
    EXPECT(AllocatorFactory::get_allocator(AllocatorFactory::AllocatorType::CPU) == cpu);
    EXPECT(AllocatorFactory::get_allocator(DeviceType::UNKNOWN) == nullptr);
    weir::Allocator *gpu = AllocatorFactory::get_allocator(DeviceType::CUDA);
    if (gpu) {
        EXPECT(gpu->device_type() == DeviceType::CUDA && !gpu->host_accessible());
        EXPECT(gpu == AllocatorFactory::get_allocator(DeviceType::CUDA));
        EXPECT(gpu->handle() == weir_cuda_allocator(0));
    } else {
        EXPECT(weir_last_error()[0] != 0);
    }
    weir::Context context("model");
    EXPECT(context.device_type() == DeviceType::CPU && context.host_accessible());
    for (const char *name : {"cuda:1", "host"}) {
        weir_allocator *a =
            weir_device_allocator_create(weir_device_host_table_create(name, 1 << 24), nullptr);
        EXPECT(a);
        bool touchable = weir_device_table_of(a)->flags & WEIR_DEVICE_HOST_ACCESSIBLE;
        weir::HandleAllocator device(a);
        EXPECT(device.host_accessible() == touchable);
        EXPECT(device.device_type() == (name[0] == 'c' ? DeviceType::CUDA
                                        : touchable    ? DeviceType::CPU
                                                       : DeviceType::UNKNOWN));
        EXPECT(weir_allocator_destroy(a) == 0);
    }
}

int main()
{
    the_designs_class_holds_tensors();
    buffers_lie_where_the_host_may_not_touch();
    what_cannot_be_cleared_is_said();
    aligned_requests_are_passed_on_as_they_are();
    a_class_that_aligns_by_itself_gets_no_byte_more();
    a_class_that_does_not_align_holds_tensors();
    a_class_without_memory_has_none();
    kinds_of_devices();
    EXPECT(weir::CPUAllocator::get_instance()->total_allocated() == 0);
    return 0;
}
