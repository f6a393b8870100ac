/* weir::Context: limits, trees, moves; what refers to a context follows its handle. */
#include "../helpers/cxx.h"

#include <utility>
#include <vector>

using weir::Buffer;
using weir::Context;

static void limits()
{
    Context outer("outer", 1000), inner("inner", 400, outer);
    EXPECT(outer.limit() == 1000 && inner.limit() == 400 && inner.available() == 400);
    Buffer<char> b(300, inner);
    EXPECT(inner.available() == 100 && outer.available() == 700 && cpu->total_allocated() == 300);
    EXPECT(error_of([&] { Buffer<char> c(101, inner); }) == ENOMEM);
    EXPECT(error_of([&] { (void)inner.set_limit(299); }) == EBUSY);
    EXPECT(inner.limit() == 400 && inner.set_limit(0).ok() && inner.available() == SIZE_MAX);
    EXPECT(error_of([&] { Buffer<char> c(701, inner); }) == ENOMEM); /* the outer one's */
    EXPECT(inner.set_limit(300).ok() && inner.available() == 0);
    EXPECT(outer.set_limit_fraction(0.5).ok() && outer.limit() > 1000);
    EXPECT(error_of([&] { (void)outer.set_limit_fraction(1.5); }) == EINVAL);
    EXPECT(inner.stats().failures == 2 && inner.peak_allocated() == 300);
}

static void trees()
{
    Context root("root");
    EXPECT(root.parent() == cpu->handle() && root.children().empty());
    Context a("a", 0, root), b("b", 0, root), below("below", 0, a);
    EXPECT((root.children() == std::vector<weir_allocator *>{a.handle(), b.handle()}));
    EXPECT(below.parent() == a.handle() && a.children().size() == 1);
    EXPECT(error_of([&] { (void)a.destroy(); }) == EBUSY);
    EXPECT(a && a.children().size() == 1);
    EXPECT(below.destroy().ok() && !below && a.destroy().ok() && !a);
    EXPECT(error_of([&] { (void)a.destroy(); }) == EINVAL);
    EXPECT((root.children() == std::vector<weir_allocator *>{b.handle()}));
}

static void moves()
{
    static_assert(!std::is_copy_constructible<Context>::value, "");
    static_assert(std::is_nothrow_move_constructible<Context>::value, "");
    static_assert(std::is_nothrow_move_assignable<Context>::value, "");
    std::vector<Context> many;
    std::vector<Buffer<int>> buffers;
    for (int i = 0; i < 20; i++) {
        many.emplace_back("n" + std::to_string(i), 1000);
        buffers.emplace_back(10, many.back());
    }
    EXPECT(many[3].name() == "n3" && many[3].total_allocated() == 40);
    Context moved = std::move(many[3]);
    EXPECT(!many[3] && moved.name() == "n3" && buffers[3].allocator() == moved.handle());
    EXPECT(error_of([&] { Buffer<int> none(1, many[3]); }) == EINVAL);
    EXPECT(cpu->total_allocated() == 800);
    buffers[4].release();
    buffers[3].release();
    moved = std::move(many[4]); /* the former ends */
    EXPECT(moved.name() == "n4" && cpu->total_allocated() == 18 * 40);
    Context &alias = moved;
    moved = std::move(alias);
    EXPECT(moved.name() == "n4");
    buffers.clear();
}

/* What is left in it goes with it. */
static void ends()
{
    {
        Context context("ends");
        EXPECT(context.allocate(100) && cpu->total_allocated() == 100);
    }
    EXPECT(cpu->total_allocated() == 0);
    weir_allocator_options options{};
    options.name = "plain";
    options.source = WEIR_SOURCE_MALLOC;
    Context plain(options);
    EXPECT(plain.name() == "plain");
    options.source = WEIR_SOURCE_FUNCTIONS;
    EXPECT(error_of([&] { Context none(options); }) == EINVAL);
}

int main()
{
    return run({limits, trees, moves, ends});
}
