/*
 * C++ programs that replace some of the operators new and delete, by a macro: PLAIN, ARRAY,
 * NOTHROW, SIZED, ALIGNED, ALL or none. Every block of theirs has a header, so that one
 * freed by the wrong operator is seen. The forms that are not replaced are built on those
 * that are, as the standard says: the program's own count tells. PLUGIN: the same as a
 * library, which a C program opens. Knows nothing of weir.
 */
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <sstream>
#include <string>
#include <vector>

static long made[5], freed;

enum { SCALAR, VECTOR, QUIET, OVER };

#if defined(PLAIN) || defined(ARRAY) || defined(NOTHROW) || defined(SIZED) || defined(ALIGNED) ||  \
    defined(ALL)
#define OWN 1

static void *take(int kind, std::size_t size, std::size_t room)
{
    auto *block =
        static_cast<char *>(std::aligned_alloc(room, (size + 2 * room - 1) / room * room));
    if (!block)
        return nullptr;
    made[kind]++;
    block[room - 1] = static_cast<char>('A' + kind);
    return block + room;
}

static void give(int kind, void *block, std::size_t room)
{
    if (!block)
        return;
    char *mark = static_cast<char *>(block) - 1;
    if (*mark != 'A' + kind) {
        std::puts("a block of another operator's");
        std::fflush(stdout);
        std::abort();
    }
    *mark = 0;
    freed++;
    std::free(mark + 1 - room);
}

static void *must(void *block)
{
    if (!block)
        throw std::bad_alloc();
    return block;
}
#endif

#if defined(PLAIN) || defined(SIZED) || defined(ALL)
void *operator new(std::size_t size)
{
    return must(take(SCALAR, size, 64));
}
void operator delete(void *block) noexcept
{
    give(SCALAR, block, 64);
}
#endif
#if defined(SIZED) || defined(ALL)
void operator delete(void *block, std::size_t) noexcept
{
    give(SCALAR, block, 64);
}
#endif
#if defined(ARRAY) || defined(ALL)
void *operator new[](std::size_t size)
{
    return must(take(VECTOR, size, 64));
}
void operator delete[](void *block) noexcept
{
    give(VECTOR, block, 64);
}
#endif
#if defined(NOTHROW)
void *operator new(std::size_t size, const std::nothrow_t &) noexcept
{
    made[QUIET]++;
    return std::malloc(size);
}
#endif
#if defined(ALIGNED) || defined(ALL)
void *operator new(std::size_t size, std::align_val_t alignment)
{
    return must(take(OVER, size, std::max(static_cast<std::size_t>(alignment), std::size_t(64))));
}
void operator delete(void *block, std::align_val_t alignment) noexcept
{
    give(OVER, block, std::max(static_cast<std::size_t>(alignment), std::size_t(64)));
}
#endif

struct alignas(256) wide {
    char data[300];
};

static volatile std::size_t too_much = PTRDIFF_MAX / 2;
static int handled;

static void handler()
{
    if (++handled == 3)
        std::set_new_handler(nullptr);
}

static void every_form()
{
    for (std::size_t size : {0, 1, 24, 1000, 70000}) {
        ::operator delete(::operator new(size));
        ::operator delete(::operator new(size), size);
        ::operator delete[](::operator new[](size));
        ::operator delete[](::operator new[](size), size);
        ::operator delete(::operator new(size, std::nothrow), std::nothrow);
        ::operator delete[](::operator new[](size, std::nothrow), std::nothrow);
        for (std::align_val_t by : {std::align_val_t(32), std::align_val_t(4096)}) {
            ::operator delete(::operator new(size, by), by);
            ::operator delete(::operator new(size, by), size, by);
            ::operator delete[](::operator new[](size, by), by);
            ::operator delete[](::operator new[](size, by), size, by);
            ::operator delete(::operator new(size, by, std::nothrow), by, std::nothrow);
            ::operator delete[](::operator new[](size, by, std::nothrow), by, std::nothrow);
        }
    }
    auto *wides = new wide[3];
    std::printf("aligned %d\n", int(reinterpret_cast<std::uintptr_t>(wides) % 256));
    delete[] wides;
}

/* Blocks that are made on one side of libstdc++ and freed on the other. */
static void inside_libstdcxx()
{
    std::vector<std::string> words;
    for (int i = 0; i < 300; i++) {
        std::ostringstream text;
        text << "a string too long for the small buffer " << i;
        words.push_back(text.str());
        words.back() += std::string(i, 'x');
    }
    std::stable_sort(words.begin(), words.end()); // nothrow new
    std::puts(words.back().c_str());
}

static void memory_ends()
{
    std::set_new_handler(handler);
    handled = 0;
    try {
        ::operator delete(::operator new(too_much));
        std::puts("there was so much");
    } catch (const std::bad_alloc &) {
        std::printf("caught after %d\n", handled);
    }
    std::printf("nothrow %p\n", ::operator new[](too_much, std::nothrow));
    try {
        ::operator delete[](::operator new[](too_much, std::align_val_t(256)),
                            std::align_val_t(256));
    } catch (const std::bad_alloc &) {
        std::puts("aligned caught");
    }
    try { // what --limit 50M refuses
        auto *large = new char[100000000];
        std::puts(large ? "large" : "null");
        delete[] large;
    } catch (const std::bad_alloc &) {
        std::puts("large caught");
    }
}

#ifdef PLUGIN
extern "C" int plugin_main();
extern "C" int plugin_main()
#else
int main()
#endif
{
    std::puts("start"); // the buffer of stdout is not counted
    every_form();
    inside_libstdcxx();
    memory_ends();
    std::printf("made %ld %ld %ld %ld freed %ld\n", made[0], made[1], made[2], made[3], freed);
    std::fflush(stdout);
    return 0;
}
