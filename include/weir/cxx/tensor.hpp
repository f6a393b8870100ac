/* cxx/tensor.hpp - tensors. Part of weir.hpp. */
#ifndef WEIR_CXX_TENSOR_HPP
#define WEIR_CXX_TENSOR_HPP

#include <weir/cxx/allocator.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace weir
{

enum class DataType {
    FLOAT32 = WEIR_FLOAT32,
    FLOAT64 = WEIR_FLOAT64,
    FLOAT16 = WEIR_FLOAT16,
    BFLOAT16 = WEIR_BFLOAT16,
    INT8 = WEIR_INT8,
    INT16 = WEIR_INT16,
    INT32 = WEIR_INT32,
    INT64 = WEIR_INT64,
    UINT8 = WEIR_UINT8,
    BOOL = WEIR_BOOL
};

inline std::size_t size_of(DataType dtype)
{
    return weir_dtype_size(static_cast<weir_dtype>(dtype));
}

inline const char *name_of(DataType dtype)
{
    return weir_dtype_name(static_cast<weir_dtype>(dtype));
}

/* {8, 64, 56, 56}, {N, C, H, W} of any integer types, or a vector of them. */
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

    const std::int64_t *data() const
    {
        return extents_.data();
    }
    std::size_t size() const
    {
        return extents_.size();
    }

  private:
    std::vector<std::int64_t> extents_;
};

/*
 * Shared ownership, as of a shared_ptr: copies are the same tensor, `t->data()` and
 * `t.data()` both work, and an empty one is false.
 */
class Tensor
{
  public:
    Tensor() = default;

    static Tensor create(const Shape &shape, DataType dtype = DataType::FLOAT32,
                         AllocatorRef a = {})
    {
        return adopt(weir_tensor_create_in(a.handle(), shape.data(), shape.size(),
                                           static_cast<weir_dtype>(dtype)));
    }

    static Tensor zeros(const Shape &shape, DataType dtype = DataType::FLOAT32, AllocatorRef a = {})
    {
        return adopt(weir_tensor_create_zeroed_in(a.handle(), shape.data(), shape.size(),
                                                  static_cast<weir_dtype>(dtype)));
    }

    /* Over memory of the caller, which `deleter` gives back when the last tensor goes. */
    static Tensor wrap(void *data, const Shape &shape, DataType dtype = DataType::FLOAT32,
                       std::function<void(void *)> deleter = nullptr)
    {
        if (!deleter)
            return adopt(weir_tensor_wrap(data, shape.data(), shape.size(),
                                          static_cast<weir_dtype>(dtype), nullptr, nullptr));
        auto kept = std::make_unique<std::function<void(void *)>>(std::move(deleter));
        weir_tensor *made = detail::check(weir_tensor_wrap(data, shape.data(), shape.size(),
                                                           static_cast<weir_dtype>(dtype),
                                                           run_deleter, kept.get()));
        kept.release();
        return adopt(made);
    }

    /* Takes over one ownership of a C tensor; nullptr throws what errno says. */
    static Tensor adopt(weir_tensor *handle)
    {
        Tensor t;
        t.data_ = std::shared_ptr<void>(detail::check(handle), [](void *p) {
            weir_tensor_release(static_cast<weir_tensor *>(p));
        });
        return t;
    }

    weir_tensor *handle() const
    {
        return static_cast<weir_tensor *>(data_.get());
    }
    explicit operator bool() const
    {
        return data_ != nullptr;
    }
    Tensor *operator->()
    {
        return this;
    }
    const Tensor *operator->() const
    {
        return this;
    }

    Tensor view() const
    {
        return adopt(weir_tensor_view(handle()));
    }
    Tensor reshape(const Shape &shape) const
    {
        return adopt(weir_tensor_reshape(handle(), shape.data(), shape.size()));
    }
    Tensor slice(std::size_t dim, std::int64_t first, std::int64_t last,
                 std::int64_t step = 1) const
    {
        return adopt(weir_tensor_slice(handle(), dim, first, last, step));
    }
    Tensor select(std::size_t dim, std::int64_t index) const
    {
        return adopt(weir_tensor_select(handle(), dim, index));
    }
    Tensor permute(const std::vector<std::size_t> &order) const
    {
        if (order.size() != ndim())
            throw std::system_error(EINVAL, std::generic_category(), "permute: one entry each");
        return adopt(weir_tensor_permute(handle(), order.data()));
    }
    Tensor transpose(std::size_t dim0, std::size_t dim1) const
    {
        return adopt(weir_tensor_transpose(handle(), dim0, dim1));
    }
    Tensor contiguous() const
    {
        return adopt(weir_tensor_contiguous(handle()));
    }
    Tensor clone() const
    {
        return adopt(weir_tensor_clone(handle()));
    }
    Tensor clone(AllocatorRef a) const
    {
        return adopt(weir_tensor_clone_in(handle(), a.handle()));
    }
    /* The elements of another tensor, of the same type and count. */
    void copy_from(const Tensor &from)
    {
        detail::check(weir_tensor_copy(handle(), from.handle()));
    }
    void resize(const Shape &shape)
    {
        detail::check(weir_tensor_resize(handle(), shape.data(), shape.size()));
    }
    void zero()
    {
        detail::check(weir_tensor_zero(handle()));
    }

    void *data() const
    {
        return weir_tensor_data(handle());
    }
    template <class T> T *data() const
    {
        return static_cast<T *>(weir_tensor_data(handle()));
    }
    /* The element at these indices. */
    template <class T> T &at(std::initializer_list<Shape::Extent> index) const
    {
        Shape where(index);
        if (where.size() != ndim())
            throw std::system_error(EINVAL, std::generic_category(), "at: one index each");
        return *static_cast<T *>(detail::check(weir_tensor_at(handle(), where.data())));
    }

    DataType dtype() const
    {
        return static_cast<DataType>(weir_tensor_dtype(handle()));
    }
    std::size_t ndim() const
    {
        return weir_tensor_ndim(handle());
    }
    std::vector<std::int64_t> shape() const
    {
        const std::int64_t *shape = weir_tensor_shape(handle());
        return std::vector<std::int64_t>(shape, shape + ndim());
    }
    std::vector<std::int64_t> strides() const
    {
        const std::int64_t *strides = weir_tensor_strides(handle());
        return std::vector<std::int64_t>(strides, strides + ndim());
    }
    std::int64_t extent(std::size_t dim) const
    {
        return weir_tensor_extent(handle(), dim);
    }
    std::size_t element_count() const
    {
        return weir_tensor_element_count(handle());
    }
    std::size_t size_in_bytes() const
    {
        return weir_tensor_size_in_bytes(handle());
    }
    std::size_t capacity() const
    {
        return weir_tensor_capacity(handle());
    }
    bool is_contiguous() const
    {
        return weir_tensor_is_contiguous(handle());
    }
    weir_allocator *allocator() const
    {
        return weir_tensor_allocator(handle());
    }

  private:
    static void run_deleter(void *user, void *data)
    {
        std::unique_ptr<std::function<void(void *)>> deleter(
            static_cast<std::function<void(void *)> *>(user));
        (*deleter)(data);
    }

    /* The written design spells this function out, over a `data_` of this type; it is
     * declared for that text to compile as it stands, and never called from here. */
    void allocate();

    std::shared_ptr<void> data_; /* owns one reference of a weir_tensor */
};

} // namespace weir

#endif
