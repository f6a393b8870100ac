/*
 * weir::Tensor as a pointer: what code does with a std::shared_ptr<Tensor> compiles and means the
 * same, the two are each other's, owners are counted exactly, and memory goes with the last of
 * them, as weir's figures say.
 */
#include <weir/weir.hpp>

#include "../helpers/cxx.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <thread>
#include <unistd.h>
#include <unordered_map>
#include <vector>

using weir::DataType;
using weir::Shape;
using weir::Tensor;
using Pointer = std::shared_ptr<Tensor>;

static void expect_live(std::size_t bytes, std::size_t blocks)
{
    EXPECT(cpu->total_allocated() == bytes);
    EXPECT(cpu->allocation_count() == blocks);
}

static Tensor none()
{
    return nullptr;
}

static Tensor some(bool wanted)
{
    return wanted ? Tensor::create({3}) : nullptr;
}

static void nothing()
{
    Tensor a, b = nullptr, c(nullptr), d{}, e = none();
    const Tensor *all[] = {&a, &b, &c, &d, &e};
    for (const Tensor *t : all) {
        EXPECT(*t == nullptr && nullptr == *t && !(*t != nullptr) && !(nullptr != *t));
        EXPECT(!*t && t->get() == nullptr && t->use_count() == 0 && t->handle() == nullptr);
        EXPECT(t->empty() && t->data() == nullptr && t->ndim() == 0 && (*t)->ndim() == 0);
        EXPECT(t->shape() == Shape{} && t->strides().empty() && t->element_size() == 0);
    }
    EXPECT(a == b && !(a != b));
    a.reset();
    a = nullptr;
    a = b;
    a = std::move(b);
    EXPECT(error_of([&] { (void)a.clone(); }) == EINVAL);
    EXPECT(error_of([&] { (void)a->zero(); }) == EINVAL);
    EXPECT(error_of([&] { (void)a.contiguous(); }) == EINVAL);
    Pointer p = a;
    EXPECT(p == nullptr);
    Tensor back = p;
    EXPECT(back == nullptr);
    EXPECT(some(false) == nullptr && some(true) != nullptr);
}

static void owners_are_counted()
{
    Tensor a = Tensor::create({1, 10});
    expect_live(40, 1);
    EXPECT(a && a != nullptr && a.get() != nullptr && a.use_count() == 1);
    Tensor b = a;
    EXPECT(a == b && a.get() == b.get() && a.use_count() == 2 && b.use_count() == 2);
    {
        std::vector<Tensor> many(100, a);
        EXPECT(a.use_count() == 102 && weir_tensor_storage_count(a.handle()) == 1);
        expect_live(40, 1);
    }
    EXPECT(a.use_count() == 2);
    a.reset();
    EXPECT(a == nullptr && b.use_count() == 1);
    expect_live(40, 1);
    a = std::move(b);
    EXPECT(b == nullptr && a.use_count() == 1); /* NOLINT */
    Tensor other = Tensor::create({5});
    EXPECT(other != a);
    expect_live(60, 2);
    other = a;
    expect_live(40, 1);
    a = nullptr;
    other = nullptr;
    expect_live(0, 0);
}

static void views_are_other_tensors()
{
    Tensor a = Tensor::zeros({2, 3});
    Tensor v = a.view(), r = a->view({3, 2}), same = a.contiguous();
    EXPECT(v != a && r.extent(0) == 3 && a.extent(0) == 2);
    EXPECT(same == a && a.use_count() == 2 && v.use_count() == 1);
    EXPECT(weir_tensor_storage_count(a.handle()) == 3);
    expect_live(24, 1);
    a.reset();
    same.reset();
    EXPECT(v.at<float>({1, 2}) == 0);
    v.reset();
    expect_live(24, 1);
    r.reset();
    expect_live(0, 0);
}

static void to_shared_pointers()
{
    Pointer p = Tensor::create({1, 10});
    EXPECT(p && p.use_count() == 1 && p->ndim() == 2 && (*p).extent(1) == 10);
    expect_live(40, 1);
    Tensor t = p;
    EXPECT(t == p && p == t && t.get() == p.get() && p.use_count() == 2 && t.use_count() == 2);
    Pointer q = t, direct(t);
    EXPECT(q == p && direct == p && p.use_count() == 4);
    std::shared_ptr<const Tensor> reader = t;
    EXPECT(reader == p && p.use_count() == 5);
    p.reset();
    q.reset();
    direct.reset();
    reader = nullptr;
    EXPECT(t.use_count() == 1);
    p = t;
    t = nullptr;
    EXPECT(p.use_count() == 1 && p->data() != nullptr);
    expect_live(40, 1);
    p = nullptr;
    expect_live(0, 0);

    Tensor a = Tensor::create({2}), b = Tensor::create({3});
    std::vector<Pointer> inputs = {a, b, a};
    EXPECT(inputs[0] == inputs[2] && inputs[0] != inputs[1] && a.use_count() == 3);
    std::unordered_map<Pointer, int> by_pointer;
    by_pointer[a]++;
    by_pointer[inputs[2]]++;
    EXPECT(by_pointer.size() == 1 && by_pointer[a] == 2);
    auto take = [](const Pointer &given) { return given->element_count(); };
    EXPECT(take(b) == 3);
    EXPECT(b.use_count() == 2);
    std::vector<Tensor> tensors(inputs.begin(), inputs.end());
    EXPECT(tensors[1] == b && b.use_count() == 3);
    std::vector<Pointer> pointers(tensors.begin(), tensors.end());
    EXPECT(pointers == inputs);
}

/* Where code has a std::shared_ptr<Tensor>, a Tensor will do, and the other way round. */
static void idioms()
{
    Tensor a = Tensor::create({2}), b = Tensor::create({3});
    std::map<std::string, Pointer> named;
    named["a"] = a;
    named.emplace("b", b);
    std::pair<Pointer, int> pair{a, 1};
    Pointer fixed[2] = {a, nullptr};
    std::vector<Pointer> list;
    list.push_back(a);
    list.emplace_back(b);
    list.push_back(Tensor::create({4}));
    EXPECT(named["a"] == a && pair.first == fixed[0] && list[1] == b && list[2]->extent(0) == 4);
    EXPECT(std::find(list.begin(), list.end(), b) == list.begin() + 1);
    std::function<Pointer()> make = [] { return Tensor::create({5}); };
    std::function<Tensor()> remake = [&] { return make(); };
    EXPECT(make()->extent(0) == 5 && remake()->extent(0) == 5);
    std::shared_ptr<void> alive = a;
    std::shared_ptr<const Tensor> reader = alive ? a : nullptr;
    const Pointer &bound = a;
    EXPECT(alive.get() == a.get() && reader.get() == a.get() && bound == a);
    EXPECT(a.use_count() == 8 && b.use_count() == 3);
    if (Tensor found = a.use_count() ? a : b)
        EXPECT(found == a && !(found == b));
    Tensor swapped = b;
    std::swap(a, swapped);
    EXPECT(a == b && swapped == list[0]);
    std::vector<Tensor> tensors = {list[0], nullptr, b};
    tensors.push_back(list[2]);
    tensors[0] = nullptr;
    EXPECT(tensors[0] == nullptr && tensors[3].get() == list[2].get());
    Tensor *raw = tensors[3].get();
    tensors.clear();
    EXPECT(raw->extent(0) == 4 && list[2].use_count() == 1);
}

static void weak_pointers()
{
    Tensor a = Tensor::create({4});
    std::weak_ptr<Tensor> w = a, direct(a), assigned;
    assigned = a;
    EXPECT(a.use_count() == 1 && w.use_count() == 1 && !w.expired());
    EXPECT(w.lock() == a && direct.lock().get() == a.get() && assigned.lock() == w.lock());
    Tensor again = w.lock();
    a.reset();
    EXPECT(!w.expired() && again.use_count() == 1);
    again.reset();
    EXPECT(w.expired() && w.lock() == nullptr);
    expect_live(0, 0);
    std::weak_ptr<Tensor> never = Tensor();
    EXPECT(never.expired());
}

static void made_in_place()
{
    auto p = std::make_shared<Tensor>(Shape({1, 10}), DataType::FLOAT64);
    EXPECT(p && *p && p->dtype() == DataType::FLOAT64 && p->size_in_bytes() == 80);
    EXPECT(p.use_count() == 1);
    expect_live(80, 1);
    Tensor t = p;
    EXPECT(t == p && t.get() == p.get() && t.use_count() == 2 && t->ndim() == 2);
    Pointer back = t;
    EXPECT(back == p && p.use_count() == 3);
    Tensor value = *p;
    EXPECT(value == t && value->data() == p->data());
    p.reset();
    back.reset();
    t.reset();
    expect_live(80, 1);
    value.reset();
    expect_live(0, 0);

    auto of_vector = std::make_shared<Tensor>(std::vector<std::int64_t>{2, 3});
    EXPECT(of_vector->shape() == Shape({2, 3}) && of_vector->dtype() == DataType::FLOAT32);
    auto copy = std::make_shared<Tensor>(Tensor::create({7}));
    EXPECT((*copy)->ndim() == 1 && copy->ndim() == 1);
    Pointer by_new(new Tensor(Shape({3})));
    Tensor mine(new Tensor(Shape({4})));
    EXPECT(by_new->element_count() == 3 && mine->element_count() == 4);
    mine.reset(new Tensor(Shape({5})));
    EXPECT(mine->element_count() == 5);
    Tensor local(Shape({6}), DataType::INT8);
    EXPECT(local.size_in_bytes() == 6 && local.use_count() == 1);
    expect_live(24 + 28 + 12 + 20 + 6, 5);

    auto later = std::make_shared<Tensor>();
    Tensor seen = later;
    EXPECT(later && seen == nullptr);
    *later = Tensor::create({2});
    EXPECT(seen == later && seen.extent(0) == 2);
    weir::Context small("small", 10);
    EXPECT(error_of([&] { Tensor t2(Shape({3}), DataType::FLOAT32, small); }) == ENOMEM);
    EXPECT(error_of([&] { std::make_shared<Tensor>(Shape({-1})); }) == EINVAL);
}

/* The pointee is one, whoever looks at it. */
static void pointees()
{
    Tensor a = Tensor::create({2}), b = a;
    const Tensor &r = *a;
    EXPECT(&r == a.get() && &*b == &r && a.operator->() == &r && r == a && r->ndim() == 1);
    const Tensor fixed = a;
    EXPECT(fixed->resize({3}).ok() && b.extent(0) == 3);
    Tensor copied = *a;
    EXPECT(copied.get() == a.get() && a.use_count() == 4 && (*a).use_count() == 4);
    copied.reset();

    *a = Tensor::create({5}); /* all see it */
    EXPECT(b.extent(0) == 5 && fixed == a && r.extent(0) == 5 && a.use_count() == 3);
    expect_live(20, 1);
    a = Tensor::create({7}); /* a alone */
    EXPECT(b.extent(0) == 5 && b.use_count() == 2);
    expect_live(48, 2);
    std::swap(*a, *b);
    EXPECT(a.extent(0) == 5 && b.extent(0) == 7 && fixed.extent(0) == 7);
    swap(a, b);
    EXPECT(a.extent(0) == 7 && b.extent(0) == 5);
    a.swap(b);
    EXPECT(a.extent(0) == 5);

    Tensor value = std::move(*b);
    EXPECT(b == nullptr && fixed == nullptr && value.extent(0) == 7 && value.use_count() == 1);
    EXPECT(value.get() == &value);
    Tensor second = value;
    Pointer third = value;
    EXPECT(second == value && value == third);
    value = nullptr;
    second = nullptr;
    expect_live(48, 2);
    third = nullptr;
    expect_live(20, 1);
    *b = a;
    EXPECT(fixed == a && *b == a);
    (*b).reset();
    EXPECT(fixed == nullptr && a != nullptr);
}

/* Whatever is assigned to whatever, nothing leads to itself, and nothing is left. */
static void no_circles()
{
    {
        auto p = std::make_shared<Tensor>(Shape({2})), q = std::make_shared<Tensor>(Shape({3}));
        Tensor a = p, b = q;
        *p = a;
        EXPECT(p->extent(0) == 2);
        *p = std::move(a);
        EXPECT(p->extent(0) == 2);
        a = p;
        *p = b;
        *q = a;
        EXPECT(p->extent(0) == 3 && q->extent(0) == 3 && a == b);
        a = *a;
        b = *b;
        a = std::move(*a);
        Tensor &alias = b;
        b = alias;
        b = std::move(alias);
        EXPECT(b.extent(0) == 3);
        *b = *b;
        EXPECT(b.extent(0) == 3);
    }
    expect_live(0, 0);
    {
        Tensor a = Tensor::create({1}), b = a;
        a = *b;
        *a = b;
        *b = std::move(a);
        EXPECT(b.extent(0) == 1 && b.get() == &*b);
        auto boxed = std::make_shared<Tensor>(b);
        b = boxed;
        *boxed = b;
        EXPECT(b.extent(0) == 1);
        *boxed = nullptr;
        EXPECT(b == nullptr);
    }
    expect_live(0, 0);
    /* Every way between eight of them, many times; what is held in the end is freed. */
    unsigned random = 1;
    auto next = [&](unsigned most) {
        return (random = random * 1103515245 + 12345) / 65536 % most;
    };
    {
        std::vector<Pointer> boxes;
        std::vector<Tensor> tensors(8);
        for (int i = 0; i < 8; i++)
            boxes.push_back(std::make_shared<Tensor>(Shape({i + 1})));
        for (int i = 0; i < 20000; i++) {
            unsigned x = next(8), y = next(8);
            switch (next(9)) {
            case 0:
                tensors[x] = boxes[y];
                break;
            case 1:
                tensors[x] = tensors[y];
                break;
            case 2:
                *boxes[x] = tensors[y];
                break;
            case 3:
                *tensors[x] = *tensors[y];
                break;
            case 4:
                boxes[x] = tensors[y] != nullptr ? Pointer(tensors[y]) : boxes[y];
                break;
            case 5:
                tensors[x] = std::move(tensors[y]);
                break;
            case 6:
                *tensors[x] = std::move(*tensors[y]);
                break;
            case 7:
                tensors[x] = Tensor::create({static_cast<int>(y)});
                break;
            default:
                *boxes[x] = std::move(tensors[y]);
                break;
            }
            EXPECT(tensors[x].use_count() >= (tensors[x] != nullptr) &&
                   cpu->allocation_count() <= 24);
        }
    }
    expect_live(0, 0);
}

static void keys()
{
    Tensor a = Tensor::create({1}), b = Tensor::create({1}), c = a;
    std::unordered_map<Tensor, int> hashed;
    std::map<Tensor, int> ordered;
    for (const Tensor &t : {a, b, c, Tensor()}) {
        hashed[t]++;
        ordered[t]++;
    }
    EXPECT(hashed.size() == 3 && hashed[a] == 2 && hashed[nullptr] == 1);
    EXPECT(ordered.size() == 3 && ordered[c] == 2 && ordered.begin()->first == nullptr);
    std::set<Tensor *> raw = {a.get(), b.get(), c.get()};
    EXPECT(raw.size() == 2);
}

static void threads()
{
    Tensor shared = Tensor::create({100});
    Pointer pointer = shared;
    std::vector<std::thread> team;
    for (int i = 0; i < 4; i++)
        team.emplace_back([&shared, &pointer] {
            for (int n = 0; n < 2000; n++) {
                Tensor a = shared, b = pointer, c = *shared;
                Pointer d = c;
                EXPECT(a == b && d.get() == a.get() && c.use_count() >= 5);
            }
        });
    for (std::thread &one : team)
        one.join();
    EXPECT(shared.use_count() == 2 && pointer.use_count() == 2);
}

static void shapes()
{
    Shape s = {8, 64, 56, 55}, scalar, unknown = {-1, 3}, none{4, 0, INT64_MAX, 2};
    EXPECT(s.ndim() == 4 && s.size() == 4 && s[0] == 8 && s[3] == 55);
    EXPECT(static_cast<const Shape &>(s)[4] == 0 && s.front() == 8 && s.back() == 55);
    EXPECT(s.numel() == 8 * 64 * 56 * 55 && s.to_string() == "[8, 64, 56, 55]");
    EXPECT(scalar.ndim() == 0 && scalar.empty() && scalar.numel() == 1);
    EXPECT(scalar.to_string() == "[]" && scalar.back() == 0);
    EXPECT(unknown.is_dynamic() && unknown.numel() == -1 && unknown.to_string() == "[-1, 3]");
    EXPECT(!s.is_dynamic() && none.numel() == 0 && Shape({INT64_MAX, 2}).numel() == INT64_MAX);
    EXPECT(Shape({INT64_MAX, 2, 0}).numel() == 0 && Shape({INT64_MAX, 2, -1}).numel() == -1);
    EXPECT(s == Shape({8, 64, 56, 55}) && s != unknown && s != Shape({8, 64, 56}));
    s[3] = 56;
    EXPECT(Tensor::create({2}).shape()[7] == 0);
    Tensor t = Tensor::create(s, DataType::INT8);
    EXPECT(t->shape() == s && t->shape().ndim() == 4 && t->shape()[1] == 64);
    EXPECT(t->shape() == (std::vector<std::int64_t>{8, 64, 56, 56}));
    std::vector<std::int64_t> copied = t.shape();
    const auto &dims = t.shape().dims(); /* not of a shape that is gone */
    EXPECT(dims == copied && dims[3] == 56 && s.dims() == dims);
    std::int64_t product = 1;
    for (std::int64_t extent : t.shape())
        product *= extent;
    EXPECT(product == s.numel() && static_cast<std::size_t>(product) == t.element_count());
    EXPECT(!t.empty() && Tensor::create({4, 0}).empty() && !Tensor::create({}).empty());
    EXPECT(t.element_size() == 1 && std::string(t.device()) == "cpu");
}

/* A clone is counted, what lies in the file is not. */
static void files()
{
    char path[] = "/tmp/weir-cxx-XXXXXX";
    int file = mkstemp(path);
    const float wanted[] = {0, 1, 2, 3};
    EXPECT(file >= 0 && write(file, wanted, sizeof wanted) == sizeof wanted && close(file) == 0);
    Tensor t = Tensor::map(path, {3}, DataType::FLOAT32, sizeof(float));
    EXPECT(t.is_mapped() && t.data<const float>()[0] == 1 && t.data<const float>()[2] == 3);
    EXPECT(cpu->total_allocated() == 0 && t.allocator() == nullptr);
    Tensor copy = t.clone();
    EXPECT(!copy.is_mapped() && cpu->total_allocated() == 3 * sizeof(float));
    EXPECT(error_of([&] { EXPECT(!Tensor::map(path, {4}, DataType::FLOAT32, sizeof(float))); }) ==
           ENXIO);
    EXPECT(unlink(path) == 0);
    EXPECT(error_of([&] { EXPECT(!Tensor::map(path, {4})); }) == ENOENT);
}

int main()
{
    return run({nothing, owners_are_counted, views_are_other_tensors, to_shared_pointers, idioms,
                weak_pointers, made_in_place, pointees, no_circles, keys, threads, shapes, files});
}
