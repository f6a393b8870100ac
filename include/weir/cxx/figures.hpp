/* cxx/figures.hpp - figures of an allocator as text, JSON and OpenMetrics, and who holds its
 * memory. Part of weir.hpp; stats.h says the rest. */
#ifndef WEIR_CXX_FIGURES_HPP
#define WEIR_CXX_FIGURES_HPP

#include <weir/cxx/allocator.hpp>

#include <cstdio>
#include <string>
#include <utility>
#include <vector>

WEIR_CXX_BEGIN

/* Live blocks with one tag. */
struct Holder {
    std::string tag;    /* "" for blocks without one */
    std::size_t bytes;  /* requested */
    std::size_t usable; /* the same rounded to blocks */
    std::size_t blocks;
    std::size_t largest; /* requested bytes of the largest block */
};

/* Of an allocator with the tree of its contexts; looks at them, owns nothing. Any thread. */
class Figures
{
  public:
    explicit Figures(AllocatorRef a) noexcept
        : allocator_(a.handle()), there_(allocator_ != nullptr)
    {
    }

    /* Of the CPU allocator and, after it, of every other without a parent. */
    static Figures all() noexcept
    {
        return Figures();
    }

    /* One consistent snapshot; of all(): the CPU allocator's. */
    [[nodiscard]] weir_stats read() const
    {
        weir_stats stats = WEIR_STATS_INIT;
        const weir_allocator *a = allocator_ || !there_ ? allocator_ : weir_cpu_allocator();
        return detail::check(weir_stats_get(a, &stats)) ? stats : weir_stats{};
    }

    /* A table, a line an allocator. */
    Status print(std::FILE *to) const
    {
        return detail::check(there_ ? weir_stats_print(to, allocator_) : EINVAL);
    }
    [[nodiscard]] std::string json() const
    {
        return text(weir_stats_json_buffer);
    }
    [[nodiscard]] std::string openmetrics() const
    {
        return text(weir_stats_openmetrics_buffer);
    }

    /* Most bytes first; of all(): of the CPU allocator. Every block is looked at. */
    [[nodiscard]] std::vector<Holder> holders() const
    {
        Listing listing;
        int error = there_ ? weir_allocator_walk_tags(allocator_, add, &listing) : EINVAL;
        if (!detail::check(listing.whole ? error : ENOMEM))
            listing.holders.clear();
        return std::move(listing.holders);
    }
    /* The `top` greatest (0: all) and the rest in one line. */
    Status print_holders(std::FILE *to, std::size_t top = 0) const
    {
        return detail::check(there_ ? weir_holders_print(to, allocator_, top) : EINVAL);
    }

  private:
    using Writer = int(char *, std::size_t, std::size_t *, weir_allocator *);

    Figures() noexcept = default;

    /* Contexts may come while it is written: asked again until it fits. */
    std::string text(Writer *write) const
    {
        std::string text;
        std::size_t length = 0;
        int error = there_ ? ENOSPC : EINVAL;
        while (error == ENOSPC) {
            text.resize(length + 1);
            error = write(text.data(), text.size(), &length, allocator_);
        }
        text.resize(detail::check(error) ? length : 0);
        return text;
    }

    struct Listing {
        std::vector<Holder> holders;
        bool whole = true;
    };

    static bool add(const weir_tag_stats *stats, void *user) noexcept
    {
        auto *listing = static_cast<Listing *>(user);
        WEIR_CXX_TRY
        {
            listing->holders.push_back(
                {stats->name, stats->bytes, stats->usable, stats->blocks, stats->largest});
        }
        WEIR_CXX_CATCH_ALL
        {
            listing->whole = false;
        }
        return !listing->whole;
    }

    weir_allocator *allocator_ = nullptr; /* nullptr: all */
    bool there_ = true;
};

WEIR_CXX_END

#endif
