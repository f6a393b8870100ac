/* cxx/tensor.hpp - tensors. Part of weir.hpp. */
#ifndef WEIR_CXX_TENSOR_HPP
#define WEIR_CXX_TENSOR_HPP

#include <weir/cxx/allocator.hpp>
#include <weir/cxx/shape.hpp>

#include <functional>
#include <initializer_list>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

WEIR_CXX_BEGIN

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

/*
 * A tensor is its own pointer: what code does with a std::shared_ptr<Tensor> it does with a
 * Tensor. Copies are the same tensor, the last of them frees it; nullptr is an empty one, and that
 * is false; `t->data()` and `t.data()` both work, and without a tensor they give nothing or fail
 * with EINVAL.
 *
 * It also is a std::shared_ptr<Tensor> where one is wanted, and the other way round: get(),
 * use_count(), weak pointers and the count of owners are shared by both. So is `*t`, the pointee,
 * which every copy has: assigning to it, or moving from it, changes the tensor in all of them.
 * A Tensor that a program makes in place (std::make_shared<Tensor>(shape)) is such a pointee.
 *
 * Thread rule: as of a std::shared_ptr and of tensor.h. Different copies may be used by any
 * threads at once; one variable, and a pointee that is assigned to, by one at a time.
 */
class Tensor
{
  public:
    Tensor() noexcept = default;
    Tensor(std::nullptr_t) noexcept
    {
    }

    /* As create(): contents undefined. */
    explicit Tensor(const Shape &shape, DataType dtype = DataType::FLOAT32, AllocatorRef a = {})
        : Tensor(create(shape, dtype, a))
    {
    }

    Tensor(const Tensor &from) noexcept : data_(from.share()), own_(from.retain_own())
    {
    }
    Tensor(Tensor &&from) noexcept
        : data_(from.is_root() ? nullptr : std::move(from.data_)),
          own_(std::exchange(from.own_, nullptr))
    {
    }
    Tensor &operator=(const Tensor &from) noexcept;
    Tensor &operator=(Tensor &&from) noexcept;
    ~Tensor()
    {
        if (own_)
            weir_tensor_release(own_);
    }

    /* One more owner of what it points to. */
    Tensor(std::shared_ptr<Tensor> pointer) noexcept : data_(std::move(pointer))
    {
    }
    /* Takes over what `new` made. */
    template <class T, class = std::enable_if_t<std::is_base_of<Tensor, T>::value>>
    explicit Tensor(T *made) : data_(std::shared_ptr<Tensor>(made))
    {
    }
    operator std::shared_ptr<Tensor>() const;
    /* To const Tensor, or to void: to keep it alive. */
    template <class T, class = std::enable_if_t<std::is_convertible<Tensor *, T *>::value &&
                                                !std::is_same<T, Tensor>::value>>
    operator std::shared_ptr<T>() const
    {
        return std::shared_ptr<Tensor>(*this);
    }
    operator std::weak_ptr<Tensor>() const
    {
        return std::shared_ptr<Tensor>(*this);
    }

    /* -- making ------------------------------------------------------------------------- */

    /* Contents undefined. */
    [[nodiscard]] static Tensor create(const Shape &shape, DataType dtype = DataType::FLOAT32,
                                       AllocatorRef a = {})
    {
        return adopt(weir_tensor_create_in(a.handle(), shape.data(), shape.size(),
                                           static_cast<weir_dtype>(dtype)));
    }

    [[nodiscard]] static Tensor zeros(const Shape &shape, DataType dtype = DataType::FLOAT32,
                                      AllocatorRef a = {})
    {
        return adopt(weir_tensor_create_zeroed_in(a.handle(), shape.data(), shape.size(),
                                                  static_cast<weir_dtype>(dtype)));
    }

    /* Over a file's bytes from `offset` on, not copied and not counted as allocated
     * (weir_tensor_map_file). */
    [[nodiscard]] static Tensor map(const std::string &path, const Shape &shape,
                                    DataType dtype = DataType::FLOAT32, std::uint64_t offset = 0,
                                    weir_map_mode mode = WEIR_MAP_READ_ONLY)
    {
        return adopt(weir_tensor_map_file(path.c_str(), offset, shape.data(), shape.size(),
                                          static_cast<weir_dtype>(dtype), mode));
    }

    /* Over memory of the caller, which `deleter` gives back when the last tensor goes; it must
     * not throw. */
    [[nodiscard]] static Tensor wrap(void *data, const Shape &shape,
                                     DataType dtype = DataType::FLOAT32,
                                     std::function<void(void *)> deleter = nullptr)
    {
        if (!deleter)
            return adopt(weir_tensor_wrap(data, shape.data(), shape.size(),
                                          static_cast<weir_dtype>(dtype), nullptr, nullptr));
        auto kept = std::make_unique<std::function<void(void *)>>(std::move(deleter));
        weir_tensor *made = detail::check(weir_tensor_wrap(data, shape.data(), shape.size(),
                                                           static_cast<weir_dtype>(dtype),
                                                           run_deleter, kept.get()));
        if (!made)
            return nullptr;
        kept.release();
        return adopt(made);
    }

    /* Takes over one ownership of a C tensor; nullptr is the failure that errno says. */
    [[nodiscard]] static Tensor adopt(weir_tensor *handle);

    /* -- as a pointer ------------------------------------------------------------------- */

    /* Owned by the tensor; nullptr for none. */
    weir_tensor *handle() const noexcept
    {
        const Tensor *at = this;
        while (at->data_ && !at->is_root())
            at = static_cast<const Tensor *>(at->data_.get());
        return at->own_;
    }
    explicit operator bool() const noexcept
    {
        return handle() != nullptr;
    }

    /* The pointee: the same for every copy, there as long as one of them is. */
    Tensor *get() const noexcept
    {
        return data_ ? static_cast<Tensor *>(data_.get()) : own_ ? self() : nullptr;
    }
    Tensor *operator->() const noexcept
    {
        return data_ ? static_cast<Tensor *>(data_.get()) : self();
    }
    Tensor &operator*() const noexcept
    {
        return *operator->();
    }

    /* Owners of the pointee, std::shared_ptrs among them; 0 for no tensor. Views of a tensor own
     * its storage, and are not counted (weir_tensor_storage_count does). */
    long use_count() const noexcept
    {
        return is_root() ? share().use_count() - 1 : data_ ? data_.use_count() : own_ ? 1 : 0;
    }

    /* No tensor any more. */
    void reset() noexcept
    {
        if (!is_root())
            data_.reset();
        weir_tensor_release(std::exchange(own_, nullptr));
    }
    template <class T> void reset(T *made)
    {
        *this = Tensor(made);
    }

    void swap(Tensor &other) noexcept
    {
        std::swap(*this, other);
    }
    friend void swap(Tensor &a, Tensor &b) noexcept
    {
        a.swap(b);
    }

    /* Are they the same tensor? Views of one storage are not. */
    friend bool operator==(const Tensor &a, const Tensor &b) noexcept
    {
        return a.handle() == b.handle();
    }
    friend bool operator!=(const Tensor &a, const Tensor &b) noexcept
    {
        return !(a == b);
    }
    friend bool operator==(const Tensor &a, const std::shared_ptr<Tensor> &b) noexcept
    {
        return a.handle() == (b ? b->handle() : nullptr);
    }
    friend bool operator!=(const Tensor &a, const std::shared_ptr<Tensor> &b) noexcept
    {
        return !(a == b);
    }
    friend bool operator==(const std::shared_ptr<Tensor> &a, const Tensor &b) noexcept
    {
        return b == a;
    }
    friend bool operator!=(const std::shared_ptr<Tensor> &a, const Tensor &b) noexcept
    {
        return !(b == a);
    }
    friend bool operator==(const Tensor &a, std::nullptr_t) noexcept
    {
        return !a;
    }
    friend bool operator!=(const Tensor &a, std::nullptr_t) noexcept
    {
        return !!a;
    }
    friend bool operator==(std::nullptr_t, const Tensor &a) noexcept
    {
        return !a;
    }
    friend bool operator!=(std::nullptr_t, const Tensor &a) noexcept
    {
        return !!a;
    }
    /* An order, for maps. */
    friend bool operator<(const Tensor &a, const Tensor &b) noexcept
    {
        return std::less<weir_tensor *>()(a.handle(), b.handle());
    }

    /* -- views and copies: other tensors, this one stays as it is ------------------------- */

    [[nodiscard]] Tensor view() const
    {
        return adopt(weir_tensor_view(handle()));
    }
    [[nodiscard]] Tensor view(const Shape &shape) const
    {
        return reshape(shape);
    }
    [[nodiscard]] Tensor reshape(const Shape &shape) const
    {
        return adopt(weir_tensor_reshape(handle(), shape.data(), shape.size()));
    }
    [[nodiscard]] Tensor slice(std::size_t dim, std::int64_t first, std::int64_t last,
                               std::int64_t step = 1) const
    {
        return adopt(weir_tensor_slice(handle(), dim, first, last, step));
    }
    [[nodiscard]] Tensor select(std::size_t dim, std::int64_t index) const
    {
        return adopt(weir_tensor_select(handle(), dim, index));
    }
    [[nodiscard]] Tensor permute(const std::vector<std::size_t> &order) const
    {
        if (order.size() != ndim()) {
            (void)detail::fail(EINVAL, "permute: one entry each");
            return nullptr;
        }
        return adopt(weir_tensor_permute(handle(), order.data()));
    }
    [[nodiscard]] Tensor transpose(std::size_t dim0, std::size_t dim1) const
    {
        return adopt(weir_tensor_transpose(handle(), dim0, dim1));
    }
    /* This tensor where it is contiguous, else a clone. */
    [[nodiscard]] Tensor contiguous() const
    {
        return is_contiguous() ? *this : adopt(weir_tensor_contiguous(handle()));
    }
    [[nodiscard]] Tensor clone() const
    {
        return adopt(weir_tensor_clone(handle()));
    }
    [[nodiscard]] Tensor clone(AllocatorRef a) const
    {
        return adopt(weir_tensor_clone_in(handle(), a.handle()));
    }
    /* Its elements in memory of `a`, wherever either lives. */
    [[nodiscard]] Tensor to(AllocatorRef a) const
    {
        return adopt(weir_tensor_to(handle(), a.handle()));
    }

    /* -- changing ----------------------------------------------------------------------- */

    /* The elements of another tensor, of the same type and count. */
    Status copy_from(const Tensor &from)
    {
        return detail::check(weir_tensor_copy(handle(), from.handle()));
    }
    Status resize(const Shape &shape)
    {
        return detail::check(weir_tensor_resize(handle(), shape.data(), shape.size()));
    }
    Status zero()
    {
        return detail::check(weir_tensor_zero(handle()));
    }

    /* -- questions ---------------------------------------------------------------------- */

    void *data() const noexcept
    {
        return weir_tensor_data(handle());
    }
    template <class T> T *data() const noexcept
    {
        return static_cast<T *>(weir_tensor_data(handle()));
    }
    /* Address of the element at these indices. Outside it throws, or is nullptr. */
    template <class T> T *address(std::initializer_list<Shape::Extent> index) const
    {
        Shape where(index);
        if (where.size() != ndim()) {
            (void)detail::fail(EINVAL, "at: one index each");
            return nullptr;
        }
        return static_cast<T *>(detail::check(weir_tensor_at(handle(), where.data())));
    }
    /* The element itself. Outside it throws, or ends the program. */
    template <class T> T &at(std::initializer_list<Shape::Extent> index) const
    {
        T *element = address<T>(index);
        if (!element)
            detail::end(EINVAL, "at: an index outside the tensor");
        return *element;
    }

    DataType dtype() const noexcept
    {
        return static_cast<DataType>(weir_tensor_dtype(handle()));
    }
    std::size_t ndim() const noexcept
    {
        return weir_tensor_ndim(handle());
    }
    Shape shape() const
    {
        weir_tensor *t = handle();
        return Shape(weir_tensor_shape(t), weir_tensor_ndim(t));
    }
    std::vector<std::int64_t> strides() const
    {
        weir_tensor *t = handle();
        const std::int64_t *first = weir_tensor_strides(t);
        return std::vector<std::int64_t>(first, first + weir_tensor_ndim(t));
    }
    std::int64_t extent(std::size_t dim) const noexcept
    {
        return weir_tensor_extent(handle(), dim);
    }
    std::size_t element_count() const noexcept
    {
        return weir_tensor_element_count(handle());
    }
    /* Bytes of one element; 0 for no tensor. */
    std::size_t element_size() const noexcept
    {
        weir_tensor *t = handle();
        return t ? weir_dtype_size(weir_tensor_dtype(t)) : 0;
    }
    std::size_t size_in_bytes() const noexcept
    {
        return weir_tensor_size_in_bytes(handle());
    }
    /* No tensor, or one without elements. */
    bool empty() const noexcept
    {
        return element_count() == 0;
    }
    std::size_t capacity() const noexcept
    {
        return weir_tensor_capacity(handle());
    }
    bool is_contiguous() const noexcept
    {
        return weir_tensor_is_contiguous(handle());
    }
    bool is_mapped() const noexcept
    {
        return weir_tensor_is_mapped(handle());
    }
    weir_allocator *allocator() const noexcept
    {
        return weir_tensor_allocator(handle());
    }
    /* Where the elements live: "cpu", "cuda:0". */
    const char *device() const noexcept
    {
        return weir_tensor_device(handle());
    }

  private:
    class Root;

    struct Release {
        void operator()(weir_tensor *t) const noexcept
        {
            weir_tensor_release(t);
        }
    };
    using Guard = std::unique_ptr<weir_tensor, Release>;

    static void run_deleter(void *user, void *data) noexcept
    {
        std::unique_ptr<std::function<void(void *)>> deleter(
            static_cast<std::function<void(void *)> *>(user));
        (*deleter)(data);
    }

    Tensor *self() const noexcept
    {
        return const_cast<Tensor *>(this);
    }
    bool is_root() const noexcept
    {
        return data_.get() == this;
    }
    weir_tensor *retain_own() const noexcept
    {
        return data_ ? nullptr : weir_tensor_retain(own_);
    }
    bool leads_to(const Tensor *there) const noexcept
    {
        const Tensor *at = this;
        while (at != there && at->data_ && !at->is_root())
            at = static_cast<const Tensor *>(at->data_.get());
        return at == there;
    }
    void set_own(weir_tensor *handle) noexcept
    {
        weir_tensor_release(std::exchange(own_, handle));
    }
    std::shared_ptr<void> share() const noexcept;
    static std::shared_ptr<Tensor> make_root(Guard handle);

    /* The written design spells this function out, over a `data_` of this type; it is
     * declared for that text to compile as it stands, and never called from here. */
    void allocate();

    /*
     * A tensor is one of four:
     *   a pointer  data_ owns another Tensor, own_ is nullptr
     *   a root     data_ is this one itself, without owning it; own_ is the C tensor or nullptr.
     *              It lives in a std::shared_ptr, made by make_root
     *   a value    data_ is nullptr, own_ the C tensor: what was moved out of a root
     *   nothing    both are nullptr
     * Pointers lead to one another, never in a circle, and in the end to a root or a value.
     */
    std::shared_ptr<void> data_;
    weir_tensor *own_ = nullptr; /* one reference */
};

class Tensor::Root : public Tensor
{
  public:
    static std::shared_ptr<Tensor> make(Guard handle)
    {
        auto root = std::make_shared<Root>();
        root->own_ = handle.release();
        root->data_ =
            std::shared_ptr<void>(std::shared_ptr<void>(), static_cast<Tensor *>(root.get()));
        root->owner_ = root;
        return root;
    }

    /* Out of line: GCC warns of what would be read if another tensor were a root. */
    __attribute__((noinline)) static std::shared_ptr<Tensor> owner(const Tensor *root) noexcept
    {
        return static_cast<const Root *>(root)->owner_.lock();
    }

  private:
    std::weak_ptr<Tensor> owner_;
};

inline std::shared_ptr<Tensor> Tensor::make_root(Guard handle)
{
    return Root::make(std::move(handle));
}

inline std::shared_ptr<void> Tensor::share() const noexcept
{
    return is_root() ? Root::owner(this) : data_;
}

inline Tensor Tensor::adopt(weir_tensor *handle)
{
    Guard guard(detail::check(handle));
    return guard ? Tensor(make_root(std::move(guard))) : Tensor();
}

inline Tensor::operator std::shared_ptr<Tensor>() const
{
    if (!data_)
        return own_ ? make_root(Guard(weir_tensor_retain(own_))) : nullptr;
    std::shared_ptr<void> owner = share();
    return std::shared_ptr<Tensor>(owner, static_cast<Tensor *>(owner.get()));
}

/* A root takes the value, so that all who point to it see it; the rest point where `from`
 * does. */
inline Tensor &Tensor::operator=(const Tensor &from) noexcept
{
    if (from.leads_to(this))
        return *this;
    if (is_root()) {
        set_own(weir_tensor_retain(from.handle()));
        return *this;
    }
    std::shared_ptr<void> to = from.share();
    set_own(from.retain_own());
    data_.swap(to);
    return *this;
}

inline Tensor &Tensor::operator=(Tensor &&from) noexcept
{
    if (from.leads_to(this))
        return *this;
    Tensor taken(std::move(from));
    if (is_root()) {
        set_own(taken.own_ ? std::exchange(taken.own_, nullptr)
                           : weir_tensor_retain(taken.handle()));
        return *this;
    }
    data_.swap(taken.data_);
    std::swap(own_, taken.own_);
    return *this;
}

WEIR_CXX_END

/* Of the same tensor, the same. */
template <> struct std::hash<weir::Tensor> {
    std::size_t operator()(const weir::Tensor &t) const noexcept
    {
        return std::hash<const weir_tensor *>()(t.handle());
    }
};

#endif
