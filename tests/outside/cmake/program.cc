/* The C++ face, installed. program PROVIDER: fails unless that is who serves. */
#include <weir/weir.hpp>

#include <cstdio>
#include <string>
#include <vector>

int main(int argc, char **argv)
{
    auto cpu = weir::CPUAllocator::get_instance();
    {
        auto t = weir::Tensor::create({8, 64, 56, 56}, weir::DataType::FLOAT32);
        weir::Buffer<float> scratch(1000);
        std::vector<int, weir::allocator<int>> numbers(10);
        if (cpu->total_allocated() != t.size_in_bytes() + 4000 + 40)
            return std::fprintf(stderr, "the total is %zu\n", cpu->total_allocated()), 1;
    }
    std::string backing = cpu->stats().backing;
    if (argc == 2 && backing == argv[1] && cpu->allocation_count() == 0)
        return 0;
    std::fprintf(stderr, "the provider is %s\n", backing.c_str());
    return 1;
}
