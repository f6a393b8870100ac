/*
 * A C++ plugin and the program that opens it: objects made on one side of dlopen and
 * deleted on the other, every form of new and delete, new_handler and bad_alloc when
 * memory ends. Knows nothing of weir.
 */
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <map>
#include <new>
#include <string>
#include <vector>

struct alignas(128) wide {
    char data[300];
};

#ifdef PLUGIN

static std::map<int, std::string> *registry = new std::map<int, std::string>; // static constructor

extern "C" std::vector<std::string> *plugin_make(int n)
{
    auto *made = new std::vector<std::string>;
    for (int i = 0; i < n; i++)
        made->push_back("a string too long for the small buffer " + std::to_string(i));
    (*registry)[n] = "made";
    return made;
}

#else

static int failures;

static void expect(bool condition, const char *what)
{
    if (!condition) {
        std::fprintf(stderr, "preload_plugin: not so: %s\n", what);
        failures++;
    }
}

static int handler_calls;

static void handler()
{
    if (++handler_calls == 3)
        std::set_new_handler(nullptr);
}

static volatile std::size_t too_much = PTRDIFF_MAX / 2;

static void memory_ends()
{
    std::set_new_handler(handler);
    try {
        void *volatile block = ::operator new(too_much);
        expect(block == nullptr, "there is no such memory");
    } catch (const std::bad_alloc &) {
        expect(handler_calls == 3, "the new_handler is called until it gives up");
    }
    void *volatile block = ::operator new(too_much, std::nothrow);
    expect(block == nullptr, "nothrow new returns null");
    try {
        block = ::operator new[](too_much, std::align_val_t(256));
        expect(false, "aligned new throws");
    } catch (const std::bad_alloc &) {
    }
}

static void every_form()
{
    for (std::size_t size : {0, 1, 24, 1000, 70000}) {
        ::operator delete(::operator new(size));
        ::operator delete(::operator new(size), size);
        ::operator delete[](::operator new[](size));
        ::operator delete[](::operator new[](size), size);
        ::operator delete(::operator new(size, std::nothrow), std::nothrow);
        for (std::size_t alignment : {16, 64, 4096}) {
            void *block = ::operator new(size, std::align_val_t(alignment));
            expect(reinterpret_cast<std::uintptr_t>(block) % alignment == 0, "new is aligned");
            ::operator delete(block, size, std::align_val_t(alignment));
            block = ::operator new[](size, std::align_val_t(alignment), std::nothrow);
            expect(reinterpret_cast<std::uintptr_t>(block) % alignment == 0, "new[] is aligned");
            ::operator delete[](block, std::align_val_t(alignment));
        }
    }
    auto *wides = new wide[3];
    expect(reinterpret_cast<std::uintptr_t>(wides) % 128 == 0, "an array of aligned objects");
    delete[] wides;
}

static void plugin(const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        std::fprintf(stderr, "preload_plugin: %s\n", dlerror());
        std::exit(1);
    }
    auto make = reinterpret_cast<std::vector<std::string> *(*)(int)>(dlsym(library, "plugin_make"));
    auto *made = make(1000);
    expect(made->size() == 1000 && (*made)[999].back() == '9', "the plugin's objects");
    delete made;
    dlclose(library);
    char *copy = strdup("still working");
    std::free(copy);
}

int main(int argc, char **argv)
{
    every_form();
    memory_ends();
    if (argc > 1)
        plugin(argv[1]);
    return failures != 0;
}

#endif
