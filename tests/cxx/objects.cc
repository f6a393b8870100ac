/* weir.hpp: owners, moves, exceptions, allocators of one's own, the standard library's. */
#include <weir/weir.hpp>

#include "../helpers/cxx.h"

#include <algorithm>
#include <list>
#include <map>
#include <numeric>
#include <thread>
#include <vector>

using weir::DataType;
using weir::Tensor;

static void tensors_are_shared()
{
    Tensor empty;
    EXPECT(!empty);
    Tensor a = Tensor::zeros({3, 4}, DataType::INT32);
    Tensor b = a;
    b.at<int>({2, 3}) = 7;
    EXPECT(a->data<int>()[11] == 7);
    EXPECT(a.handle() == b.handle());
    Tensor moved = std::move(b);
    EXPECT(!b && moved); /* NOLINT: that is the point */
    Tensor row = a.select(0, 2), column = a.transpose(0, 1).slice(0, 1, 4, 2);
    EXPECT(row.at<int>({3}) == 7 && column.at<int>({1, 2}) == 7);
    EXPECT(column.shape() == (std::vector<std::int64_t>{2, 3}));
    EXPECT(!column.is_contiguous() && column.contiguous().is_contiguous());
    EXPECT(a.reshape({2, -1}).extent(1) == 6);
    EXPECT(a.permute({1, 0}).strides() == (std::vector<std::int64_t>{1, 4}));
    EXPECT(weir_tensor_shares_storage(a.view().handle(), row.handle()));
    Tensor copy = a.clone();
    copy.zero();
    EXPECT(a.at<int>({2, 3}) == 7);
    copy.copy_from(a);
    EXPECT(copy.at<int>({2, 3}) == 7);
    copy.resize(std::vector<int>{100, 2});
    EXPECT(copy.element_count() == 200 && copy.capacity() == 800);
    EXPECT(a.dtype() == DataType::INT32 && weir::size_of(a.dtype()) == 4);
    EXPECT(std::string(weir::name_of(DataType::BFLOAT16)) == "bfloat16");
    EXPECT(Tensor::create({}).ndim() == 0);
}

static void tensors_wrap()
{
    int deleted = 0;
    float memory[6] = {0, 1, 2, 3, 4, 5};
    {
        Tensor t = Tensor::wrap(memory, {2, 3}, DataType::FLOAT32,
                                [&](void *data) { deleted += data == memory; });
        Tensor last = t.select(0, 1);
        t = Tensor();
        EXPECT(last.data<float>()[2] == 5 && deleted == 0);
        EXPECT(error_of([&] { (void)Tensor::wrap(memory, {-1}, DataType::INT8, [](void *) {}); }) ==
               EINVAL);
    }
    EXPECT(deleted == 1);
    Tensor plain = Tensor::wrap(memory, {6});
    EXPECT(plain.allocator() == nullptr);
}

static void failures_throw()
{
    EXPECT(error_of([] { (void)Tensor::create({-1}); }) == EINVAL);
    EXPECT(error_of([] { (void)Tensor::create({INT64_MAX, 2}); }) == EOVERFLOW);
    EXPECT(error_of([] { weir::Buffer<double> b(SIZE_MAX / 4); }) == ENOMEM);
    weir::Context small("small", 100);
    EXPECT(error_of([&] { (void)Tensor::create({26}, DataType::FLOAT32, small); }) == ENOMEM);
    EXPECT(small.allocate(101) == nullptr);
    EXPECT(error_of([&] { std::vector<int, weir::allocator<int>> v(26, 0, small); }) == ENOMEM);
    Tensor t = Tensor::create({5, 5}, DataType::FLOAT32, small);
    EXPECT(error_of([&] { t.resize({26}); }) == ENOMEM);
    EXPECT(error_of([&] { t.at<float>({5, 0}); }) == EINVAL);
    EXPECT(error_of([&] { t.at<float>({1}); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.permute({0}); }) == EINVAL);
    EXPECT(error_of([&] { (void)t.reshape({7, -1}); }) == EINVAL);
    EXPECT(t.element_count() == 25 && small.total_allocated() == 100);
    EXPECT(error_of([&] { small.set_limit(99); }) == EBUSY);
}

static void contexts_and_pools()
{
    {
        weir::Context outer("outer"), inner("inner", 0, outer);
        void *block = inner.allocate(1000, 4096);
        EXPECT(reinterpret_cast<std::uintptr_t>(block) % 4096 == 0);
        EXPECT(outer.total_allocated() == 1000 && cpu->total_allocated() == 1000);
        EXPECT(inner.name() == "inner" && inner.stats().allocations == 1);
        inner.deallocate(block);
        EXPECT(inner.peak_allocated() == 1000);
        outer.allocate(5); /* goes with the context */
    }
    {
        weir::MemoryPool pool("model", 1 << 20);
        pool.allocate(12345);
        EXPECT(pool.total_allocated() == 12345 && pool.stats().limit == 1 << 20);
        Tensor t = Tensor::create({10}, DataType::INT8, pool);
        EXPECT(weir_allocator_parent(pool.handle()) == cpu->handle());
    }
}

static void buffers_move()
{
    weir::Buffer<int> a(10);
    EXPECT(std::all_of(a.begin(), a.end(), [](int x) { return x == 0; }));
    std::iota(a.begin(), a.end(), 1);
    weir::Buffer<int> b = std::move(a);
    EXPECT(a.empty() && a.data() == nullptr && b[9] == 10); /* NOLINT */
    b.resize(20);
    EXPECT(b.size() == 20 && b[9] == 10 && b[19] == 0);
    weir::Buffer<int> c(3);
    c = std::move(b);
    EXPECT(cpu->total_allocated() == 80 && c.size_in_bytes() == 80);
    std::vector<weir::Buffer<int>> many;
    for (int i = 1; i <= 100; i++)
        many.emplace_back(i);
    EXPECT(cpu->total_allocated() == 80 + 4 * 5050);
    weir::Buffer<char> grown;
    grown.resize(7);
    EXPECT(grown.size() == 7);
    static_assert(!std::is_copy_constructible<weir::Buffer<int>>::value, "move-only");
    static_assert(std::is_nothrow_move_constructible<weir::Buffer<int>>::value, "");
}

static void buffer_pools()
{
    weir::BufferPool pool;
    const float *first;
    {
        auto col = pool.acquire(1000);
        static_assert(std::is_same<decltype(col), weir::Buffer<float>>::value, "");
        first = col.data();
        col[999] = 1;
    }
    auto again = pool.acquire<double>(500);
    EXPECT(static_cast<void *>(again.data()) == first && again[499] == 0);
    pool.release(std::move(again));
    EXPECT(again.empty()); /* NOLINT */
    EXPECT(pool.stats().hits == 1 && pool.stats().idle_count == 1);
    EXPECT(pool.trim() >= 4000);
}

static void arenas()
{
    weir::Arena arena;
    int *kept = arena.allocate_array<int>(100);
    kept[99] = 5;
    {
        weir::Arena::Scope scope(arena);
        arena.allocate(100000);
        EXPECT(arena.stats().requested == 100400);
    }
    EXPECT(arena.stats().requested == 400 && kept[99] == 5);
    auto mark = arena.mark();
    EXPECT(error_of([&] { arena.rewind(mark + 1); }) == EINVAL);
    Tensor t = Tensor::create({8}, DataType::FLOAT32, arena.allocator());
    EXPECT(error_of([&] { arena.reset(); }) == EBUSY);
    t = Tensor();
    arena.reset();
    EXPECT(arena.trim() > 0);
    EXPECT(error_of([&] { arena.allocate_array<long>(SIZE_MAX / 2); }) == ENOMEM);
    alignas(64) static char memory[256];
    weir::Arena fixed(memory, sizeof memory);
    EXPECT(fixed.allocate(200) == memory);
    EXPECT(error_of([&] { fixed.allocate(57, 1); }) == ENOMEM);
}

/* Where there is no GPU, that is said; where there is one, it serves. */
static void devices()
{
    int error = error_of([] {
        weir::CUDAAllocator cuda(0);
        Tensor there = Tensor::create({100}, DataType::FLOAT32, cuda);
        EXPECT(cuda.total_allocated() == 400);
    });
    EXPECT(error == 0 || error == ENODEV);
    EXPECT(error_of([] { weir::CUDAAllocator cuda(-1); }) == ENODEV);
}

/* Takes from the C library, throws now and then, and counts. */
class Own : public weir::Allocator
{
  public:
    ~Own() override
    {
        close();
        EXPECT(live == 0);
    }
    void *allocate(std::size_t size) override
    {
        if (size > 1000000)
            throw std::runtime_error("too much");
        live++;
        return std::malloc(size + 1);
    }
    void deallocate(void *ptr) override
    {
        live--;
        std::free(ptr);
    }
    int live = 0;
};

static void allocators_of_ones_own()
{
    Own own;
    {
        weir::Buffer<char> b(1000, own);
        EXPECT(own.live == 1 && own.total_allocated() == 1000);
        EXPECT(error_of([&] { weir::Buffer<char> c(2000000, own); }) == ENOMEM);
        for (std::size_t alignment = 1; alignment <= 65536; alignment *= 2) {
            void *block = weir_allocate_aligned(own.handle(), 10, alignment);
            EXPECT(reinterpret_cast<std::uintptr_t>(block) % alignment == 0);
            weir_deallocate(own.handle(), block);
        }
    }
    EXPECT(own.live == 0 && own.peak_allocated() >= 1000 && own.stats().failures == 1);
    EXPECT(weir_allocate(own.handle(), 5)); /* close() frees it */
}

static void standard_containers()
{
    weir::Context context("containers");
    {
        std::vector<int, weir::allocator<int>> v(weir::allocator<int>{context});
        for (int i = 0; i < 1000; i++)
            v.push_back(i);
        EXPECT(context.total_allocated() == v.capacity() * sizeof(int));
        std::list<std::string, weir::allocator<std::string>> l{context};
        l.emplace_back("x");
        EXPECT(context.allocation_count() == 2);
        auto elsewhere = std::vector<int, weir::allocator<int>>(v.begin(), v.end());
        EXPECT(elsewhere.get_allocator() != v.get_allocator());
        elsewhere = std::move(v);
        EXPECT(elsewhere.size() == 1000 && elsewhere.get_allocator().handle() == context.handle());
        std::map<int, int, std::less<int>, weir::allocator<std::pair<const int, int>>> m;
        for (int i = 0; i < 50; i++)
            m[i] = i;
        EXPECT(cpu->allocation_count() == 52);
    }
    EXPECT(context.total_allocated() == 0);
#if __has_include(<memory_resource>)
    {
        weir::memory_resource resource(context), same(context), other;
        EXPECT(resource == same && resource != other);
        std::pmr::vector<std::pmr::string> strings(&resource);
        for (int i = 0; i < 100; i++)
            strings.emplace_back(std::string(100, 'a'));
        EXPECT(context.total_allocated() >= 100 * 101);
        EXPECT(context.allocation_count() == 101);
        struct alignas(256) Wide {
            char c[256];
        };
        std::pmr::vector<Wide> wide(3, &resource);
        EXPECT(reinterpret_cast<std::uintptr_t>(wide.data()) % 256 == 0);
        context.set_limit(context.total_allocated());
        EXPECT(error_of([&] { wide.resize(100); }) == ENOMEM);
    }
    EXPECT(context.allocation_count() == 0);
#endif
}

int main()
{
    return run({tensors_are_shared, tensors_wrap, failures_throw, contexts_and_pools, buffers_move,
                buffer_pools, devices, arenas, allocators_of_ones_own, standard_containers});
}
