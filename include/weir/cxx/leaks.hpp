/* cxx/leaks.hpp - what was left behind since a moment. Part of weir.hpp; profile.h says the
 * rest. */
#ifndef WEIR_CXX_LEAKS_HPP
#define WEIR_CXX_LEAKS_HPP

#include <weir/cxx/allocator.hpp>

#include <cstdio>
#include <string>
#include <vector>

WEIR_CXX_BEGIN

/* A block that is still live. */
struct Leak {
    const void *address;
    std::size_t requested, usable; /* bytes */
    std::string tag;               /* "" without one */
    std::string allocator;         /* whose block it is */
};

/* Sums, and each block, largest first. */
struct Leaks {
    std::size_t count = 0;  /* blocks left behind */
    std::size_t bytes = 0;  /* requested */
    std::size_t cached = 0; /* kept for re-use by the pool: not leaked; WEIR_UNSUPPORTED: no pool */
    std::vector<Leak> blocks;
};

/*
 * A moment in the life of an allocator and its descendants: what was allocated since and is
 * live is a leak. A value. A later one of the same allocator, or of one above or below it, takes
 * its place: ESTALE.
 */
class Checkpoint
{
  public:
    explicit Checkpoint(AllocatorRef a = {}) : allocator_(a.handle())
    {
        if (!detail::is_there(allocator_))
            return;
        number_ = weir_checkpoint(allocator_);
        if (!number_)
            (void)detail::fail(errno);
    }

    explicit operator bool() const noexcept
    {
        return number_ != 0;
    }
    std::uint64_t number() const noexcept
    {
        return number_;
    }

    /* The sums alone. */
    [[nodiscard]] Leaks sums() const
    {
        return look(false);
    }

    [[nodiscard]] Leaks leaks() const
    {
        return look(true);
    }

    /* The same as text: "no leaks", or a line for each. */
    Status print(std::FILE *to) const
    {
        return detail::check(there() ? weir_leaks_print(to, allocator_, number_) : EINVAL);
    }

  private:
    bool there() const noexcept
    {
        return number_ != 0;
    }

    /* Runs with no lock held. Nothing is thrown through the C code. */
    static int add(const weir_leak *leak, void *user) noexcept
    {
        WEIR_CXX_TRY
        {
            static_cast<Leaks *>(user)->blocks.push_back({leak->address, leak->requested,
                                                          leak->usable, leak->tag_name,
                                                          leak->allocator_name});
            return 0;
        }
        WEIR_CXX_CATCH_ALL
        {
            return ENOMEM;
        }
    }

    Leaks look(bool blocks) const
    {
        Leaks found;
        weir_leaks sums{};
        int error =
            there() ? weir_leaks_since(allocator_, number_, &sums, blocks ? add : nullptr, &found)
                    : EINVAL;
        if (!detail::check(error))
            return Leaks();
        found.count = sums.count;
        found.bytes = sums.bytes;
        found.cached = sums.cached;
        return found;
    }

    weir_allocator *allocator_;
    std::uint64_t number_ = 0;
};

WEIR_CXX_END

#endif
