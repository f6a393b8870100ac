/*
 * 05-pmr.cc - the standard library's containers on a context: by std::pmr, whose containers take a
 * memory resource when they are made, and by an allocator that is part of the type. A limit is an
 * exception.
 */
#include <cstdio>
#include <memory_resource>
#include <new>
#include <string>
#include <vector>
#include <weir/weir.hpp>

static void figures_print(const char *when, const weir::Allocator &a)
{
    std::printf("%-24s %6zu bytes in %zu blocks\n", when, a.total_allocated(),
                a.allocation_count());
}

int main()
{
    weir::Context tokens("tokens", 64 * 1024);
    weir::memory_resource resource(tokens);
    {
        std::pmr::vector<std::pmr::string> words(&resource);
        words.reserve(100);
        figures_print("room for 100 words", tokens);
        words.emplace_back("a word that is too long to lie within its string");
        figures_print("one of them", tokens);
    }
    figures_print("the vector is gone", tokens);

    std::vector<float, weir::allocator<float>> logits(1000, 0.5f, tokens);
    figures_print("a vector of floats", tokens);
    try {
        logits.resize(100000);
    } catch (const std::bad_alloc &) {
        std::printf("refused: %s\n", weir_last_error());
    }
    std::printf("the vector still has %zu floats\n", logits.size());
}
