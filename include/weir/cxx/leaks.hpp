/* cxx/leaks.hpp - what was left behind since a moment. Part of weir.hpp; profile.h says the
 * rest. */
#ifndef WEIR_CXX_LEAKS_HPP
#define WEIR_CXX_LEAKS_HPP

#include <weir/cxx/allocator.hpp>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

WEIR_CXX_BEGIN

/* A block that is still live. */
struct Leak {
    const void *address;
    std::size_t requested, usable; /* bytes */
    std::string tag;               /* "" without one */
    std::string allocator;         /* whose block it is */
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
    [[nodiscard]] weir_leaks_stats stats() const
    {
        weir_leaks_stats stats = WEIR_LEAKS_STATS_INIT;
        int error = there() ? weir_leaks_stats_get(allocator_, number_, &stats) : EINVAL;
        return detail::check(error) ? stats : weir_leaks_stats{};
    }

    /* Each block, largest first. */
    [[nodiscard]] std::vector<Leak> leaks() const
    {
        Listing listing;
        int error = there() ? weir_leaks_walk(allocator_, number_, add, &listing) : EINVAL;
        if (!detail::check(listing.whole ? error : ENOMEM))
            listing.blocks.clear();
        return std::move(listing.blocks);
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

    struct Listing {
        std::vector<Leak> blocks;
        bool whole = true;
    };

    /* Runs with no lock held. Nothing is thrown through the C code. */
    static bool add(const weir_leak *leak, void *user) noexcept
    {
        auto *listing = static_cast<Listing *>(user);
        WEIR_CXX_TRY
        {
            listing->blocks.push_back({leak->address, leak->requested, leak->usable, leak->tag_name,
                                       leak->allocator_name});
        }
        WEIR_CXX_CATCH_ALL
        {
            listing->whole = false;
        }
        return !listing->whole;
    }

    weir_allocator *allocator_;
    std::uint64_t number_ = 0;
};

WEIR_CXX_END

#endif
