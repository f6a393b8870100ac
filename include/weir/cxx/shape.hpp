/* cxx/shape.hpp - the extents of a tensor. Part of weir.hpp. */
#ifndef WEIR_CXX_SHAPE_HPP
#define WEIR_CXX_SHAPE_HPP

#include <weir/cxx/error.hpp>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <vector>

WEIR_CXX_BEGIN

/*
 * {8, 64, 56, 56}, {N, C, H, W} of any integer types, or a vector of them; a value, one thread at
 * a time. Any numbers may stand in it, -1 for an extent that is not known yet: what cannot be a
 * tensor is refused when one is made.
 */
class Shape
{
  public:
    class Extent
    {
      public:
        template <class I, class = std::enable_if_t<std::is_integral<I>::value>>
        Extent(I value) : value_(static_cast<std::int64_t>(value))
        {
        }
        operator std::int64_t() const
        {
            return value_;
        }

      private:
        std::int64_t value_;
    };

    Shape() = default;
    Shape(std::initializer_list<Extent> extents) : extents_(extents.begin(), extents.end())
    {
    }
    template <class I, class = std::enable_if_t<std::is_integral<I>::value>>
    Shape(const std::vector<I> &extents) : extents_(extents.begin(), extents.end())
    {
    }
    Shape(const std::int64_t *extents, std::size_t ndim) : extents_(extents, extents + ndim)
    {
    }

    std::size_t ndim() const noexcept
    {
        return extents_.size();
    }
    std::size_t size() const noexcept
    {
        return extents_.size();
    }
    bool empty() const noexcept
    {
        return extents_.empty();
    }

    /* 0 beyond ndim(). */
    std::int64_t operator[](std::size_t dim) const &noexcept
    {
        return dim < extents_.size() ? extents_[dim] : 0;
    }
    /* `dim` is below ndim(). */
    std::int64_t &operator[](std::size_t dim) &noexcept
    {
        return extents_[dim];
    }

    /* Elements: 1 for a scalar, -1 where an extent is negative (not known yet), INT64_MAX where
     * they are more than that. */
    std::int64_t numel() const noexcept
    {
        std::int64_t count = 1;
        bool none = false, over = false;
        for (std::int64_t extent : extents_) {
            if (extent < 0)
                return -1;
            none = none || extent == 0;
            over = over || (extent > 0 && count > INT64_MAX / extent);
            count = none || over ? 1 : count * extent;
        }
        return none ? 0 : over ? INT64_MAX : count;
    }

    /* Is an extent negative? */
    bool is_dynamic() const noexcept
    {
        return numel() < 0;
    }

    /* "[8, 64, 56, 56]", "[]". */
    std::string to_string() const
    {
        std::string text = "[";
        for (std::size_t dim = 0; dim < extents_.size(); dim++)
            text += (dim ? ", " : "") + std::to_string(extents_[dim]);
        return text + "]";
    }

    const std::int64_t *data() const noexcept
    {
        return extents_.data();
    }
    const std::int64_t *begin() const noexcept
    {
        return data();
    }
    const std::int64_t *end() const noexcept
    {
        return data() + size();
    }
    std::int64_t front() const noexcept
    {
        return (*this)[0];
    }
    std::int64_t back() const noexcept
    {
        return (*this)[size() - 1];
    }

    /* A copy of a shape that is about to go, so that a reference to it stays good. */
    const std::vector<std::int64_t> &dims() const &noexcept
    {
        return extents_;
    }
    std::vector<std::int64_t> dims() &&noexcept
    {
        return std::move(extents_);
    }
    operator std::vector<std::int64_t>() const
    {
        return extents_;
    }

    friend bool operator==(const Shape &a, const Shape &b) noexcept
    {
        return a.extents_ == b.extents_;
    }
    friend bool operator!=(const Shape &a, const Shape &b) noexcept
    {
        return !(a == b);
    }

  private:
    std::vector<std::int64_t> extents_;
};

WEIR_CXX_END

#endif
