// What tests/scripts/symbols.sh looks names up in: templates in templates, lambdas, operators,
// unnamed namespaces, functions inlined into each other.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace
{
struct Hidden {
    int n;
    __attribute__((noinline)) int operator()(int a) const
    {
        return a * n + 1;
    }
    __attribute__((noinline)) explicit operator std::vector<int>() const
    {
        return {n, n};
    }
};
__attribute__((noinline)) int hidden(const Hidden &h)
{
    return h(2);
}
} // namespace

namespace deep
{
template <int N, class T> struct Nest {
    using type = std::tuple<T, typename Nest<N - 1, std::pair<T, T>>::type>;
};
template <class T> struct Nest<0, T> {
    using type = T;
};
template <class T> struct Box {
    T value;
    std::map<std::string, std::vector<T>> all;
    __attribute__((noinline)) Box() : value()
    {
    }
    __attribute__((noinline)) ~Box()
    {
        all.clear();
    }
    __attribute__((noinline)) bool operator<(const Box &other) const
    {
        return all < other.all;
    }
    template <class F> __attribute__((noinline)) int visit(F f)
    {
        return f(int(all.size()));
    }
    inline int grow(const char *name)
    {
        all[name].emplace_back();
        return int(all[name].size());
    }
};
template <class T> __attribute__((noinline)) int (*pick(T))(int)
{
    return [](int a) { return a + int(sizeof(T)); };
}
} // namespace deep

static inline int twice(int a)
{
    int sum = 0;
    for (int i = 0; i < a; i++)
        sum += printf("%d", i);
    return 2 * sum;
}

static inline int four_times(int a)
{
    return twice(a) + twice(a + 1);
}

extern "C" __attribute__((noinline)) int plain_c(int a)
{
    return four_times(a);
}

// Symbols without a size: the first begins an entry of .eh_frame, the second is in none.
asm(".text\n"
    ".globl sizeless\n.type sizeless, %function\nsizeless:\n"
    ".cfi_startproc\nnop\nnop\nnop\nret\n.cfi_endproc\n"
    ".globl frameless\n.type frameless, %function\nframeless:\nnop\nnop\nnop\nret\n");

int main(int argc, char **)
{
    deep::Box<deep::Nest<4, int>::type> box, other;
    Hidden h{argc};
    int n = box.grow("a") + box.visit([&](int a) { return hidden(h) + a; });
    n += box < other;
    n += int(static_cast<std::vector<int>>(h).size()) + deep::pick(box.value)(n) + plain_c(argc);
    std::vector<int> v{3, n, 2};
    std::sort(v.begin(), v.end(), [](int a, int b) { return a < b; });
    return v[0] < 0;
}
