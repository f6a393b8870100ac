/* weir::Plan, PlanMemory, PlanRecorder, PlanReplay, PlanCache: plans made, run, kept, and refused.
 */
#include "../helpers/cxx.h"

#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

using weir::DataType;
using weir::Plan;
using weir::PlanCache;
using weir::PlanMemory;
using weir::PlanView;
using weir::Shape;
using weir::Tensor;

/* Three in a row: the first and the last share. */
static Plan chain()
{
    Plan plan;
    EXPECT(plan.reserve(3).ok());
    EXPECT(plan.add(1000, 0, 2).ok() && plan.add(2000, 1, 3).ok() && plan.add(1000, 2, 4).ok());
    return plan;
}

static void plans()
{
    Plan plan = chain();
    EXPECT(plan && plan.count() == 3 && plan.lower_bound() == 3000);
    EXPECT(error_of([&] { (void)plan.offset(0); }) == EINVAL);
    EXPECT(error_of([&] { (void)plan.arena_size(); }) == EINVAL);
    EXPECT(error_of([&] { (void)plan.verify(); }) == EINVAL);
    EXPECT(plan.solve().ok() && plan.verify().ok());
    std::size_t size = plan.arena_size();
    EXPECT(size >= 3000 && size <= 3072 && plan.offset(0) == plan.offset(2) &&
           plan.offset(1) % 64 == 0);
    EXPECT(plan.stats().count == 3 && plan.stats().arena == size && plan.stats().total == 4000);
    EXPECT(error_of([&] { (void)plan.offset(3); }) == EINVAL);
    EXPECT(error_of([&] { (void)plan.add(1, 2, 2); }) == EINVAL);
    EXPECT(error_of([&] { (void)plan.add(1, 0, 1, 3); }) == EINVAL);

    EXPECT(plan.disjoint(0, 2).ok() && plan.repair().ok() && plan.offset(0) != plan.offset(2));
    EXPECT(plan.arena_size() >= 4000);
    EXPECT(plan.change(2, 500, 2, 4).ok() && plan.repair(weir_plan_options{}).ok());
    weir_plan_options options{};
    options.size = sizeof options;
    options.capacity = 100;
    EXPECT(error_of([&] {
               (void)plan.change(2, 1000, 2, 4);
               (void)plan.solve(options);
           }) == ENOSPC);
    EXPECT(plan.fix(0, 4096).ok() && plan.solve().ok() && plan.offset(0) == 4096);
    EXPECT(error_of([&] { (void)plan.alias(0, 9); }) == EINVAL);

    Plan classic = chain();
    EXPECT(classic.solve_with(WEIR_PLAN_NAIVE).ok() && classic.arena_size() >= 4000);
    EXPECT(classic.alias(0, 2).ok() && classic.solve().ok() &&
           classic.offset(0) == classic.offset(2));

    Plan moved = std::move(plan);
    EXPECT(!plan && plan.count() == 0 && moved.count() == 3); /* NOLINT */
    EXPECT(error_of([&] { (void)plan.add(1, 0, 1); }) == EINVAL);
    moved = std::move(classic);
    EXPECT(moved.verify().ok());
    weir_plan *raw = moved.release();
    Plan again(raw);
    EXPECT(!moved && again.count() == 3 && PlanView(again).arena_size() == again.arena_size());
    EXPECT(error_of([] { (void)PlanView().offset(0); }) == EINVAL);
    Plan nothing;
    EXPECT(nothing.solve().ok() && nothing.arena_size() == 0);
    static_assert(!std::is_copy_constructible<Plan>::value, "");
    static_assert(std::is_nothrow_move_constructible<Plan>::value, "");
}

static void profiles()
{
    Plan plan = chain();
    EXPECT(plan.add_profile({100, 5000, 100}).ok() && plan.profile_count() == 1);
    EXPECT(plan.solve().ok() && plan.profile_stats(0).total == 5200 && plan.arena_size() >= 6000);
    EXPECT(plan.arena_size_for({10, 10, 10}) <= plan.arena_size());
    EXPECT(error_of([&] { (void)plan.arena_size_for({10, 10}); }) == EINVAL);
    EXPECT(error_of([&] { (void)plan.profile_stats(1); }) == EINVAL);
    EXPECT(error_of([&] { (void)plan.add_profile({1}); }) == EINVAL);
}

static void arenas()
{
    weir::Context context("arena");
    PlanMemory arena;
    EXPECT(!arena && arena.data() == nullptr && arena.size_in_bytes() == 0);
    {
        Plan plan = chain();
        EXPECT(error_of([&] { PlanMemory unsolved(plan); }) == EINVAL);
        EXPECT(plan.solve().ok());
        arena = PlanMemory(plan, context);
        EXPECT(arena.size_in_bytes() == plan.arena_size());
        EXPECT(arena.buffer(1) == static_cast<char *>(arena.data()) + plan.offset(1));
    }
    std::size_t live = context.total_allocated();
    EXPECT(live == arena.size_in_bytes() && context.allocation_count() == 1);
    Tensor t = arena.tensor(1, {20, 25});
    EXPECT(t.data() == arena.buffer(1) && t.size_in_bytes() == 2000);
    EXPECT(error_of([&] { (void)arena.tensor(0, {251}); }) == EINVAL);
    EXPECT(error_of([&] { (void)arena.buffer(3); }) == EINVAL);
    PlanMemory copy = arena, moved = std::move(arena);
    EXPECT(!arena && copy.handle() == moved.handle()); /* NOLINT */
    copy = PlanMemory();
    moved = copy;
    EXPECT(context.total_allocated() == live); /* the tensor keeps it */
    t.reset();
    EXPECT(context.total_allocated() == 0);
    weir_allocator *none = nullptr;
    Plan plan = chain();
    EXPECT(plan.solve().ok() && error_of([&] { PlanMemory bad(plan, none); }) == EINVAL);
}

static void inference(weir::AllocatorRef a)
{
    Tensor x = Tensor::create({1000}, DataType::FLOAT32, a);
    Tensor y = Tensor::create({500}, DataType::FLOAT32, a);
    x.reset();
    Tensor z = Tensor::create({1000}, DataType::FLOAT32, a);
}

static void record_and_replay()
{
    weir::PlanRecorder recorder;
    inference(recorder.allocator());
    Plan plan = recorder.plan();
    EXPECT(plan.count() == 3 && plan.solve().ok() && plan.arena_size() < 6200);
    weir::Context context("replay");
    weir::PlanReplay replay(plan, context);
    std::size_t arena = context.total_allocated();
    EXPECT(arena == plan.arena_size());
    for (int i = 0; i < 3; i++) {
        replay.begin();
        inference(replay.allocator());
    }
    EXPECT(replay.stats().passes == 3 && replay.stats().served == 9 &&
           replay.stats().fallbacks == 0);
    EXPECT(context.total_allocated() == arena && context.peak_allocated() == arena);
    weir::PlanReplay moved = std::move(replay);
    EXPECT(!replay && moved && moved.stats().arena == arena); /* NOLINT */
    weir_allocator *none = nullptr;
    EXPECT(error_of([&] { weir::PlanRecorder bad(none); }) == EINVAL);
    EXPECT(error_of([&] { weir::PlanReplay bad(plan, none); }) == EINVAL);
    EXPECT(error_of([&] { weir::PlanReplay bad(chain()); }) == EINVAL);
}

static void caches()
{
    int made = 0, failure = 0;
    PlanCache cache(2, [&](Plan &plan, const void *key, std::size_t size) {
        std::int64_t batch = 1;
        if (size)
            std::memcpy(&batch, key, sizeof batch);
        made++;
        if (failure)
            return failure;
        EXPECT(plan.add(static_cast<std::size_t>(batch) * 100, 0, 1).ok());
        return 0;
    });
    EXPECT(cache && cache.get(Shape({3, 9})).arena_size() == 300);
    EXPECT(cache.get(Shape({3, 9})).count() == 1 && made == 1);
    EXPECT(cache.get(Shape({5})).arena_size() == 500 && cache.get(Shape({})).arena_size() == 100);
    EXPECT(cache.stats().hits == 1 && cache.stats().misses == 3 && cache.stats().evictions == 1);
    failure = EPROTO;
    EXPECT(error_of([&] { (void)cache.get(Shape({7})); }) == EPROTO);
    PlanCache moved = std::move(cache);
    EXPECT(!cache && moved.get(Shape({5})).arena_size() == 500); /* NOLINT */
    EXPECT(error_of([&] { (void)cache.get("x", 1); }) == EINVAL);
    EXPECT(error_of([] {
               PlanCache none(0, [](Plan &, const void *, std::size_t) { return 0; });
           }) == EINVAL);
    EXPECT(error_of([] { PlanCache none(1, nullptr); }) == EINVAL);
    weir_plan_options options{};
    options.size = sizeof options;
    options.capacity = 10;
    PlanCache tight(
        1, [](Plan &plan, const void *, std::size_t) { return plan.add(100, 0, 1).code(); },
        options);
    EXPECT(error_of([&] { (void)tight.get("x", 1); }) == ENOSPC);
#if WEIR_CXX_EXCEPTIONS
    bool caught = false;
    PlanCache throws(
        1, [](Plan &, const void *, std::size_t) -> int { throw std::out_of_range("maker"); });
    try {
        (void)throws.get("x", 1);
    } catch (const std::out_of_range &e) {
        caught = std::strcmp(e.what(), "maker") == 0;
    }
    EXPECT(caught);
#endif
}

int main()
{
    return run({plans, profiles, arenas, record_and_replay, caches});
}
