/* cxx/context.hpp - contexts, each with figures, a name and a limit. Part of weir.hpp;
 * allocator.h says the rest. */
#ifndef WEIR_CXX_CONTEXT_HPP
#define WEIR_CXX_CONTEXT_HPP

#include <weir/cxx/allocator.hpp>

#include <string>
#include <utility>
#include <vector>

WEIR_CXX_BEGIN

/*
 * One of weir's allocators, and the duty to end it; moved, never copied. Frees what is left in
 * it when it goes; contexts below it must have gone before, else it stays (EBUSY). What refers to
 * it (buffers, tensors, AllocatorRef) refers to its handle, which moves along.
 */
class OwnedAllocator : public HandleAllocator
{
  public:
    OwnedAllocator(OwnedAllocator &&from) noexcept : HandleAllocator(from.take())
    {
    }
    OwnedAllocator &operator=(OwnedAllocator &&from) noexcept
    {
        if (this != &from) {
            end();
            put(from.take());
        }
        return *this;
    }
    ~OwnedAllocator() override
    {
        end();
    }

    /* Ends it now. EBUSY while it has child contexts: it is then as it was. */
    Status destroy()
    {
        int error = weir_allocator_destroy(handle());
        if (!error)
            put(nullptr);
        return detail::check(error);
    }

  protected:
    OwnedAllocator() noexcept : HandleAllocator(nullptr)
    {
    }
    explicit OwnedAllocator(weir_allocator *made) noexcept : HandleAllocator(made)
    {
    }

  private:
    void end() noexcept
    {
        if (handle())
            weir_allocator_destroy(handle());
    }
};

/* Has figures, a name and a limit; its parent's figures include them. */
class Context : public OwnedAllocator
{
  public:
    /* `limit`: bytes live at once; 0: none. Those above it hold too. */
    explicit Context(const std::string &name, std::size_t limit = 0, AllocatorRef parent = {})
        : OwnedAllocator(make(name, limit, parent))
    {
    }

    explicit Context(const weir_allocator_options &options)
        : OwnedAllocator(detail::check(weir_allocator_create(&options)))
    {
    }

    /* 0: none. */
    std::size_t limit() const
    {
        return stats().limit;
    }

    /* A part, above 0 and at most 1, of what the control group or the machine lets the process
     * have. */
    Status set_limit_fraction(double fraction)
    {
        return detail::check(weir_set_limit_fraction(handle(), fraction));
    }

    /* Bytes that may still be allocated here: SIZE_MAX without a limit. Those above it may
     * have less. Another thread may be faster. */
    std::size_t available() const
    {
        weir_stats now = stats();
        if (!now.limit)
            return SIZE_MAX;
        return now.limit > now.total_allocated ? now.limit - now.total_allocated : 0;
    }

    /* nullptr: none. */
    weir_allocator *parent() const noexcept
    {
        return weir_allocator_parent(handle());
    }

    /* The contexts directly below, oldest first, as they are now. */
    [[nodiscard]] std::vector<weir_allocator *> children() const
    {
        Listing listing;
        int error = weir_allocator_walk_children(handle(), add, &listing);
        if (!detail::check(listing.whole ? error : ENOMEM))
            listing.children.clear();
        return std::move(listing.children);
    }

  private:
    struct Listing {
        std::vector<weir_allocator *> children;
        bool whole = true;
    };

    static bool add(weir_allocator *child, void *user) noexcept
    {
        auto *listing = static_cast<Listing *>(user);
        WEIR_CXX_TRY
        {
            listing->children.push_back(child);
        }
        WEIR_CXX_CATCH_ALL
        {
            listing->whole = false;
        }
        return !listing->whole;
    }

    static weir_allocator *make(const std::string &name, std::size_t limit, AllocatorRef parent)
    {
        weir_allocator_options options = WEIR_ALLOCATOR_OPTIONS_INIT;
        options.name = name.c_str();
        options.limit = limit;
        options.parent = parent.handle();
        if (!detail::is_there(options.parent))
            return nullptr;
        return detail::check(weir_allocator_create(&options));
    }
};

WEIR_CXX_END

#endif
