/*
 * Crimes of a program in C++ that is linked with libweir: tests/misuse/crime.h says how they are
 * run.
 */
#include "crime.h"

#include <memory>
#include <utility>
#include <vector>
#include <weir/weir.hpp>

namespace
{

template <class T> T *told(T *object)
{
    if (!object)
        exit(2);
    tell("B", object);
    return object;
}

void owner_twice()
{
    weir::Allocator &a = *weir::CPUAllocator::get_instance();
    auto *block = told(static_cast<char *>(a.allocate(100)));
    a.deallocate(block);
    a.deallocate(block);
}

void container_size()
{
    weir::allocator<int> a;
    a.deallocate(told(a.allocate(10)), 11);
}

void container_twice()
{
    weir::allocator<int> a;
    int *block = told(a.allocate(10));
    a.deallocate(block, 10);
    a.deallocate(block, 10);
}

void container_other()
{
    weir::Context context("child");
    weir::allocator<int> a, b(context);
    a.deallocate(told(b.allocate(10)), 10);
}

/* The vector is gone, and what it had. */
void container_outlived()
{
    char *block = nullptr;
    {
        std::vector<char, weir::allocator<char>> v(128);
        block = told(v.data());
    }
    tell("A", block + 3);
    put(block + 3);
}

/* An iterator that growing made stale. */
void container_grown()
{
    std::vector<char, weir::allocator<char>> v(128);
    char *block = told(v.data());
    v.resize(100000);
    tell("A", block + 3);
    put(block + 3);
}

void container_over()
{
    std::vector<std::vector<char, weir::allocator<char>>> all;
    char *end = nullptr;
    for (int i = 0; i < 64; i++) {
        all.emplace_back(128);
        end = told(all.back().data()) + 128;
        if (reinterpret_cast<uintptr_t>(end) % 4096 == 0)
            break;
    }
    tell("A", end);
    put(end);
}

void pointer_twice()
{
    weir::Allocator &a = *weir::CPUAllocator::get_instance();
    auto free = [&a](char *block) { a.deallocate(block); };
    char *block = told(static_cast<char *>(a.allocate(100)));
    std::unique_ptr<char, decltype(free)> one(block, free), two(block, free);
}

void context_gone()
{
    weir_allocator *handle = nullptr;
    {
        weir::Context context("child");
        handle = told(context.handle());
    }
    weir::allocator<int> a(handle);
    (void)a.allocate(1);
}

void tensor_outlived()
{
    const float *data = nullptr;
    {
        weir::Tensor t(weir::Shape{8, 16});
        data = told(static_cast<const float *>(weir_tensor_data(t.handle())));
    }
    tell("A", data + 3);
    look(data + 3);
}

#ifdef WEIR_CXX_MEMORY_RESOURCE
void resource_size()
{
    weir::memory_resource r;
    r.deallocate(told(r.allocate(100, 16)), 90, 16);
}

void resource_twice()
{
    weir::memory_resource r;
    void *block = told(r.allocate(100, 16));
    r.deallocate(block, 100, 16);
    r.deallocate(block, 100, 16);
}
#endif

#define CRIME(name)                                                                                \
    {                                                                                              \
#name, name                                                                                \
    }
const crime crimes[] = {
    CRIME(owner_twice),     CRIME(container_size),     CRIME(container_twice),
    CRIME(container_other), CRIME(container_outlived), CRIME(container_grown),
    CRIME(container_over),  CRIME(pointer_twice),      CRIME(context_gone),
    CRIME(tensor_outlived),
#ifdef WEIR_CXX_MEMORY_RESOURCE
    CRIME(resource_size),   CRIME(resource_twice),
#endif
};

} // namespace

int main(int argc, char **argv)
{
    return crime_main(argc, argv, crimes, sizeof crimes / sizeof *crimes);
}
