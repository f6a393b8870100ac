/*
 * weir::Buffer and BufferPool: a buffer keeps its allocator or pool when it is empty, whatever
 * emptied it, limits included; what a pool hands out without zeroing is as it was left.
 */
#include "../helpers/cxx.h"

#include <utility>

using weir::Buffer;
using weir::BufferPool;
using weir::Context;

static bool all_zero(const Buffer<int> &b)
{
    for (int x : b)
        if (x)
            return false;
    return true;
}

/* An empty buffer of a context that admits 100 ints, emptied in each way there is. */
static void empty_ones_keep_their_allocator()
{
    Context context("limited", 400);
    Buffer<int> released(10, context), moved(10, context), assigned(10), made(context),
        none(0, context);
    Buffer<int> taken = std::move(moved), again;
    released.release();
    assigned = Buffer<int>(5, context);
    assigned.release();
    again = std::move(taken);
    again.release();
    Buffer<int> *all[] = {&released, &moved, &taken, &assigned, &made, &none, &again};
    EXPECT(none && !released && !made && context.total_allocated() == 0);
    for (Buffer<int> *b : all) {
        EXPECT(b->allocator() == context.handle() && b->empty());
        EXPECT(error_of([&] { (void)b->resize(101); }) == ENOMEM);
        EXPECT(b->empty() && b->allocator() == context.handle());
        EXPECT(error_of([&] { (void)b->resize(100); }) == 0);
        EXPECT(*b && b->size() == 100 && all_zero(*b));
        EXPECT(context.total_allocated() == 400 && cpu->total_allocated() == 400);
        EXPECT(error_of([&] { (void)b->resize(101); }) == ENOMEM);
        EXPECT(b->size() == 100);
        b->release();
        b->release();
    }
    EXPECT(context.stats().failures == 14);
    Buffer<int> plain;
    EXPECT(!plain && plain.data() == nullptr && plain.begin() == plain.end());
    EXPECT(plain.allocator() == cpu->handle() && plain.resize(3).ok() && plain.size() == 3);
    plain = std::move(made);
    EXPECT(!plain && plain.allocator() == context.handle());
    Buffer<int> *self = &plain;
    plain = std::move(*self);
    EXPECT(plain.allocator() == context.handle());
}

static void and_their_pool()
{
    Context context("pooled", 4000);
    BufferPool pool(context);
    Buffer<int> b = pool.acquire<int>(100);
    const int *block = b.data();
    b[99] = 7;
    b.release();
    EXPECT(pool.stats().idle_count == 1 && b.allocator() == context.handle());
    EXPECT(b.resize(100).ok());
    EXPECT(b.data() == block && all_zero(b) && pool.stats().hits == 1);
    pool.release(std::move(b));
    // cppcheck-suppress accessMoved ; what is left of it is what is tested
    EXPECT(!b && error_of([&] { (void)b.resize(100000); }) == ENOMEM); /* NOLINT */
    Buffer<int> other;
    other = std::move(b);
    EXPECT(other.resize(100).ok() && other.data() == block && pool.stats().hits == 2);
    EXPECT(cpu->allocation_count() == 1);
}

static void uninitialized()
{
    BufferPool pool;
    auto b = pool.acquire_uninitialized<int>(1000);
    static_assert(std::is_same<decltype(b), Buffer<int>>::value, "");
    EXPECT(b.size() == 1000 && b.size_in_bytes() == 4000 && b.allocator() == cpu->handle());
    for (int &x : b)
        x = 0x5a5a5a5a;
    const int *block = b.data();
    b.release();
    b = pool.acquire_uninitialized<int>(990);
    EXPECT(b.data() == block && b[0] == 0x5a5a5a5a && b[989] == 0x5a5a5a5a);
    EXPECT(b.resize(1000).ok() && b[989] == 0x5a5a5a5a && b[990] == 0 && b[999] == 0);
    b.release();
    auto zeroed = pool.acquire<int>(1000);
    EXPECT(zeroed.data() == block && all_zero(zeroed));
    EXPECT(pool.stats().misses == 1 && pool.stats().hits == 2 &&
           pool.stats().out_requested == 4000);
    auto floats = pool.acquire_uninitialized(3);
    static_assert(std::is_same<decltype(floats), Buffer<float>>::value, "");
    EXPECT(error_of([&] { (void)pool.acquire_uninitialized<double>(SIZE_MAX / 4); }) == ENOMEM);
    Context small("small", 10);
    BufferPool little(small);
    EXPECT(error_of([&] { (void)little.acquire_uninitialized<char>(11); }) == ENOMEM);
    EXPECT(error_of([&] { (void)Buffer<int>::uninitialized(nullptr, 1); }) == EINVAL);
}

/* What was to be made on an allocator that is not there is made nowhere. */
static void no_allocator()
{
    weir_allocator *none = nullptr;
    EXPECT(error_of([&] { BufferPool pool(none); }) == EINVAL);
    EXPECT(error_of([&] { weir::Arena arena(none); }) == EINVAL);
    EXPECT(error_of([&] { Buffer<int> b(1, none); }) == EINVAL);
    weir::Allocator *no_class = nullptr;
    EXPECT(error_of([&] { Buffer<int> b(1, no_class); }) == EINVAL);
    EXPECT(error_of([&] { Context context("x", 0, none); }) == EINVAL);
    EXPECT(error_of([&] { (void)weir::Tensor::create({1}, weir::DataType::INT8, none); }) ==
           EINVAL);
    weir::MemoryProfiler profiler;
    EXPECT(error_of([&] { (void)profiler.start(none); }) == EINVAL);
}

int main()
{
    return run({empty_ones_keep_their_allocator, and_their_pool, uninitialized, no_allocator});
}
