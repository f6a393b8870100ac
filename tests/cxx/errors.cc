/*
 * weir.hpp's failures, with exceptions and without: the same file is compiled both ways (and
 * more, tests/scripts/cxx_variants.sh). Without, whatever failed is empty, false, and answers what
 * is asked of it with a failure of its own; nothing is made elsewhere instead.
 */
#include "../helpers/cxx.h"

#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

using weir::Buffer;
using weir::Context;
using weir::DataType;
using weir::Shape;
using weir::Tensor;

static void each_failure()
{
    Context small("small", 100);
    EXPECT(error_of([&] { (void)Tensor::create({-1}); }) == EINVAL);
    EXPECT(error_of([&] { (void)Tensor::create({INT64_MAX, 2}); }) == EOVERFLOW);
    EXPECT(error_of([&] { (void)Tensor::zeros({26}, DataType::FLOAT32, small); }) == ENOMEM);
    Tensor t = Tensor::create({5, 5}, DataType::FLOAT32, small);
    EXPECT(error_of([&] { (void)t.resize({26}); }) == ENOMEM);
    EXPECT(error_of([&] { (void)t.reshape({7, -1}); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.slice(0, 3, 2); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.select(2, 0); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.permute({0}); }) == EINVAL);
    EXPECT(std::strcmp(weir::last_error_text(), "permute: one entry each") == 0);
    EXPECT(error_of([&] { (void)t.clone(); }) == ENOMEM);
    EXPECT(error_of([&] { (void)t.address<float>({5, 0}); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.address<float>({0}); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.transpose(0, 1).zero(); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.copy_from(Tensor::create({1})); }) == EINVAL);
    EXPECT(error_of([&] { (void)small.set_limit(99); }) == EBUSY);
    EXPECT(t.element_count() == 25 && small.total_allocated() == 100);
    EXPECT(error_of([&] { Buffer<int> b(1, small); }) == ENOMEM);
    EXPECT(error_of([&] { Buffer<double> b(SIZE_MAX / 4); }) == ENOMEM);
    weir::BufferPool pool(small);
    EXPECT(error_of([&] { (void)pool.acquire<char>(1); }) == ENOMEM);
    EXPECT(pool.stats().out_count == 0);
    weir::Arena arena;
    EXPECT(error_of([&] { (void)arena.rewind(12345); }) == EINVAL);
    EXPECT(error_of([&] { (void)arena.allocate_array<long>(SIZE_MAX / 2); }) == ENOMEM);
    EXPECT(error_of([&] { (void)arena.allocate(8, 3); }) == EINVAL);
    weir::MemoryProfiler profiler;
    EXPECT(error_of([&] { (void)profiler.read(); }) == EINVAL);
    EXPECT(error_of([&] { (void)profiler.report("never started"); }) == EINVAL);
    EXPECT(error_of([&] { weir::CUDAAllocator cuda(-1); }) == ENODEV);
}

static void last_errors_are_a_threads_own()
{
    weir::clear_error();
    EXPECT(weir::last_error() == 0 && weir::last_error_text()[0] == 0);
    EXPECT(error_of([] { (void)Tensor::create({-1}); }) == EINVAL);
    EXPECT(weir::last_error() == EINVAL && weir::last_error_text()[0] != 0);
    Tensor fine = Tensor::create({1});
    EXPECT(weir::last_error() == EINVAL); /* as errno is */
    std::thread([] { EXPECT(weir::last_error() == 0); }).join();
    weir::clear_error();
    EXPECT(weir::last_error() == 0);
}

static void statuses()
{
    Tensor t = Tensor::zeros({2, 3});
    EXPECT(t.zero() && t.zero().ok() && t.zero().code() == 0 && t.resize({3, 2}).ok());
    weir::Status no(EBUSY);
    EXPECT(!no && !no.ok() && no.code() == EBUSY);
}

#if !WEIR_CXX_EXCEPTIONS

/* Does it end the process with a line? */
template <class Call> static bool ends(Call call, const char *line)
{
    int ends[2];
    EXPECT(pipe(ends) == 0);
    std::fflush(nullptr);
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        dup2(ends[1], 2);
        call();
        _exit(0);
    }
    close(ends[1]);
    char said[512] = "";
    std::size_t length = 0;
    for (ssize_t n; (n = read(ends[0], said + length, sizeof said - 1 - length)) > 0;)
        length += static_cast<std::size_t>(n);
    close(ends[0]);
    int status = 0;
    EXPECT(waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT && std::strstr(said, line);
}

static void what_failed_is_empty()
{
    weir_allocator *none = nullptr;
    Context bad("bad", 0, none), worse("worse", 0, bad);
    EXPECT(!bad && !worse && bad.handle() == nullptr);
    EXPECT(bad.allocate(10) == nullptr && bad.total_allocated() == 0 && bad.stats().size == 0);
    EXPECT(!bad.set_limit(5));

    Tensor t = Tensor::create({3}, DataType::FLOAT32, bad), u = t.reshape({1, 3}),
           v(Shape({3}), DataType::INT8, bad);
    EXPECT(t == nullptr && u == nullptr && v == nullptr && t.clone() == nullptr);
    EXPECT(t.address<float>({0}) == nullptr && !t.zero() && t.zero().code() == EINVAL);
    EXPECT(t.shape().empty() && t.size_in_bytes() == 0);

    Buffer<int> b(10, bad);
    EXPECT(!b && b.empty() && b.data() == nullptr && b.begin() == b.end() &&
           b.allocator() == nullptr);
    EXPECT(b.resize(5).code() == EINVAL && !b);

    weir::BufferPool pool(bad);
    Buffer<float> acquired = pool.acquire(10);
    EXPECT(!pool && !acquired && !pool.acquire_uninitialized(10) && pool.trim() == 0);
    EXPECT(acquired.resize(10).code() == EINVAL && !acquired);
    EXPECT(pool.stats().size == 0);
    pool.release(std::move(acquired));

    weir::Arena arena(bad);
    EXPECT(!arena && arena.allocate(10) == nullptr && arena.mark() == 0 && arena.trim() == 0);
    EXPECT(!arena.reset() && arena.stats().size == 0 && arena.allocator().handle() == nullptr);
    weir::Arena::Scope scope(arena);
    EXPECT(!scope);

    weir::MemoryProfiler profiler;
    EXPECT(profiler.start(bad).code() == EINVAL && profiler.read().current == 0);
    weir::CUDAAllocator cuda(-1);
    EXPECT(!cuda && weir::last_error() == ENODEV);
    EXPECT(Tensor::create({1}, DataType::INT8, cuda) == nullptr);
    EXPECT(cpu->allocation_count() == 0 && cpu->peak_allocated() == 0);
}

static void what_cannot_be_said_ends_the_program()
{
    Tensor t = Tensor::zeros({2, 2});
    EXPECT(t.at<float>({1, 1}) == 0);
    EXPECT(ends([&] { t.at<float>({2, 0}) = 1; }, "weir: at: an index outside"));
    Context small("small", 100);
    EXPECT(ends([&] { std::vector<int, weir::allocator<int>> ints(26, 0, small); },
                "weir: no memory for a container"));
    EXPECT(!ends([&] { std::vector<int, weir::allocator<int>> ints(25, 0, small); }, ""));
    weir::memory_resource resource(small);
    EXPECT(ends([&] { std::pmr::vector<int> ints(26, &resource); },
                "weir: no memory for a container"));
}

#else

static void exceptions()
{
    bool caught = false;
    try {
        (void)Tensor::create({-1});
    } catch (const std::system_error &e) {
        caught = e.code() == std::errc::invalid_argument && std::strlen(e.what()) > 20;
    }
    EXPECT(caught);
    caught = false;
    Context small("small", 100);
    try {
        std::vector<int, weir::allocator<int>> v(26, 0, small);
    } catch (const std::bad_alloc &) {
        caught = true;
    }
    EXPECT(caught);
    /* What a constructor had made goes when it throws. */
    EXPECT(error_of([&] {
               Context inner("inner", 0, small);
               Buffer<char> kept(50, inner), refused(51, inner);
           }) == ENOMEM);
    EXPECT(small.total_allocated() == 0);
}

#endif

/* Two of one allocator are equal where types can be asked for, else each is to itself. */
static void memory_resources()
{
    weir::memory_resource a, b;
    EXPECT(a == a);
#ifdef __cpp_rtti
    EXPECT(a == b);
#endif
    std::pmr::vector<int> v({1, 2, 3}, &a), w(std::move(v), &b);
    EXPECT(w.size() == 3 && w[2] == 3);
    EXPECT(!(a == *std::pmr::new_delete_resource()));
}

/* What a class of one's own needs is there in each mode. */
struct Own : weir::Allocator {
    ~Own() override
    {
        close();
    }
    void *allocate(std::size_t size) override
    {
        return size > 1000 ? nullptr : std::malloc(size);
    }
    void deallocate(void *block) override
    {
        std::free(block);
    }
};

static void allocators_of_ones_own()
{
    Own own;
    Tensor t = Tensor::zeros({10}, DataType::FLOAT32, own);
    EXPECT(own.total_allocated() == 40 && t.at<float>({9}) == 0);
    EXPECT(error_of([&] { (void)Tensor::create({1000}, DataType::FLOAT32, own); }) == ENOMEM);
    t = nullptr;
    EXPECT(own.allocation_count() == 0);
}

int main()
{
    return run({
#if !WEIR_CXX_EXCEPTIONS
        what_failed_is_empty, what_cannot_be_said_ends_the_program,
#else
        exceptions,
#endif
            each_failure, last_errors_are_a_threads_own, statuses, memory_resources,
            allocators_of_ones_own
    });
}
