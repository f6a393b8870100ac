/*
 * The written design's C++, as it stands there (tests/cxx/written/: one file a snippet, not a
 * character changed), compiles against weir.hpp and does what it says. The preamble is
 * `namespace core = weir;` and using-declarations; classes that the design defines for
 * itself stand in a namespace each.
 */
#include <weir/weir.hpp>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <memory>
#include <mutex>
#include <sstream>
#include <string>
#include <type_traits>
#include <unordered_map>
#include <vector>

#pragma GCC diagnostic ignored "-Wunused-variable" /* the snippets leave some unused */

#define EXPECT(x)                                                                                  \
    ((x) ? (void)0 : (std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x), std::exit(1)))

namespace core = weir;
using core::CPUAllocator;
using core::DataType;

/* -- classes of the design's own --------------------------------------------------------- */

namespace api
{
using core::Allocator;
#include "written/cpu_allocator.inc"
static_assert(std::is_base_of<weir::Allocator, CPUAllocator>::value, "");
static_assert(!std::is_abstract<CPUAllocator>::value, "");
} // namespace api

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wreturn-type" /* bodies are left out there */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#ifdef __clang__
#pragma GCC diagnostic ignored "-Wunused-private-field"
#pragma GCC diagnostic ignored "-Wunused-member-function"
#endif
namespace tracking
{
#include "written/tracking.inc"
}

namespace later
{
using core::Allocator;
using core::Buffer;

/* The driver, in host memory. */
static int cudaMalloc(void **ptr, std::size_t size)
{
    *ptr = std::malloc(size);
    return *ptr == nullptr;
}
static int cudaFree(void *ptr)
{
    std::free(ptr);
    return 0;
}
#include "written/buffer_pool.inc"
#include "written/cuda_allocator.inc"
#include "written/memory_pool.inc"
} // namespace later

namespace idea
{
#include "written/memory_pool_idea.inc"
}
#pragma GCC diagnostic pop

namespace profiling
{
#include "written/memory_profiler.inc"
}

using core::Tensor;
#include "written/leak_test.inc"

/* -- code -------------------------------------------------------------------------------- */

static void scoped_buffer()
{
    auto cpu = CPUAllocator::get_instance();
    cpu->reset_peak();
    std::size_t before = cpu->total_allocated();
#include "written/buffer.inc"
    EXPECT(cpu->total_allocated() == before);
    EXPECT(cpu->peak_allocated() == before + (1 << 20));
}

static void input_and_weight()
{
    int N = 1, C = 3, H = 8, W = 9;
    std::size_t C_out = 4, C_in = 3, kh = 3, kw = 3;
#include "written/tensors.inc"
    EXPECT(input.size_in_bytes() == 4 * 3 * 8 * 9);
    EXPECT(weight->size_in_bytes() == 4 * 4 * 3 * 3 * 3);
    EXPECT(weight->shape() == (std::vector<std::int64_t>{4, 3, 3, 3}));
}

static void col_buffer_old(std::size_t size)
{
#include "written/col_buffer_old.inc"
    EXPECT(col_buffer[size - 1] == 0);
}

static void col_buffer_new(std::size_t size)
{
    std::size_t before = CPUAllocator::get_instance()->total_allocated();
#include "written/col_buffer_new.inc"
    EXPECT(col_buffer[size - 1] == 0);
    EXPECT(CPUAllocator::get_instance()->total_allocated() == before + 4 * size);
}

struct Model {
    void forward(const std::vector<Tensor> &inputs, std::vector<Tensor> &outputs)
    {
        col_buffer_new(3 << 18);
        for (const Tensor &input : inputs)
            outputs.push_back(Tensor::create(input.shape(), DataType::FLOAT32));
    }
};

/* What `call` prints on std::cout. */
template <class Call> static std::string printed(Call call)
{
    std::ostringstream out;
    std::streambuf *kept = std::cout.rdbuf(out.rdbuf());
    call();
    std::cout.rdbuf(kept);
    return out.str();
}

static void run_inference()
{
    auto model = std::make_unique<Model>();
    std::vector<Tensor> inputs, outputs;
    inputs.push_back(Tensor::create({1, 512, 512}, DataType::FLOAT32));
#include "written/statistics.inc"
    EXPECT(after - before == 1 << 20);
}

#include "written/tensor.inc" /* at namespace scope: it defines a member function */

static void statistics()
{
    std::size_t blocks = CPUAllocator::get_instance()->allocation_count();
    CPUAllocator::get_instance()->reset_peak();
    std::string out = printed(run_inference);
    std::ostringstream expected;
    double whole = 8 * 64 * 56 * 56 * 4 / 1024.0 / 1024.0; /* `tensor`, above */
    expected << "Memory delta: 1 MB\nPeak usage: " << whole + 4
             << " MB\nActive allocations: " << blocks + 2 << "\n";
    EXPECT(out == expected.str());
}

static void leak_test_finds_nothing()
{
    std::ostringstream out;
    std::streambuf *kept = std::cerr.rdbuf(out.rdbuf());
    test_memory_leak();
    std::cerr.rdbuf(kept);
    EXPECT(out.str().empty());
}

static void profilers()
{
    profiling::MemoryProfiler profiler;
    profiler.start();
    auto held = Tensor::create({1 << 18});
    std::string out = printed([&] { profiler.report("layer"); });
    EXPECT(out.find("[layer]\n  Current: ") == 0);
    EXPECT(out.find("\n  Delta: 1 MB\n  Peak: ") != std::string::npos);
    EXPECT(out.find("\n  Active allocations: 2\n") != std::string::npos);
    core::MemoryProfiler own;
    own.start();
    {
        core::Buffer<char> scratch(5 << 20);
    }
    EXPECT(own.read().peak - own.read().current == 5 << 20);
    EXPECT(own.read().delta == 0);
    own.report("ours");
}

/* The design's allocator, which tracks nothing itself, behind tensors: tracked. */
static void allocators_of_the_design()
{
    later::CUDAAllocator cuda;
    {
        auto t = Tensor::create({100, 100}, DataType::FLOAT64, cuda);
        std::memset(t.data(), 1, t.size_in_bytes());
        EXPECT(cuda.total_allocated() == 80000);
        EXPECT(reinterpret_cast<std::uintptr_t>(t.data()) % 64 == 0);
    }
    EXPECT(cuda.total_allocated() == 0);
    EXPECT(cuda.peak_allocated() == 80000);
    EXPECT(cuda.allocation_count() == 0);
}

int main()
{
    EXPECT(tensor->size_in_bytes() == 8 * 64 * 56 * 56 * 4);
    EXPECT(CPUAllocator::get_instance()->total_allocated() == tensor.size_in_bytes());
    scoped_buffer();
    input_and_weight();
    col_buffer_old(1000);
    col_buffer_new(1000);
    statistics();
    leak_test_finds_nothing();
    profilers();
    allocators_of_the_design();
    EXPECT(CPUAllocator::get_instance()->allocation_count() == 1);
    return 0;
}
