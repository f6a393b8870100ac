/*
 * cxx/dlpack.hpp - tensors to and from other frameworks. Part of weir.hpp; dlpack.h says the
 * rest. A program that makes or drops a DLPack includes DLPack's own <dlpack/dlpack.h> before.
 */
#ifndef WEIR_CXX_DLPACK_HPP
#define WEIR_CXX_DLPACK_HPP

#include <weir/cxx/tensor.hpp>

#include <utility>

WEIR_CXX_BEGIN

namespace detail
{

inline void export_to(const weir_tensor *t, DLManagedTensor **made)
{
    *made = check(weir_tensor_to_dlpack(t));
}

inline void export_to(const weir_tensor *t, DLManagedTensorVersioned **made)
{
    *made = check(weir_tensor_to_dlpack_versioned(t));
}

inline weir_tensor *import_from(DLManagedTensor *managed)
{
    return weir_tensor_from_dlpack(managed);
}

inline weir_tensor *import_from(DLManagedTensorVersioned *managed)
{
    return weir_tensor_from_dlpack_versioned(managed);
}

} // namespace detail

/*
 * A DLManagedTensor or DLManagedTensorVersioned, of weir's or of another's, and the duty to call
 * its deleter; moved, never copied. release() hands both on: to a capsule, or to a consumer.
 */
template <class Managed> class DLPack
{
  public:
    DLPack() noexcept = default;

    /* Shares the tensor's storage, with the shape it has now. */
    explicit DLPack(const Tensor &t)
    {
        detail::export_to(t.handle(), &managed_);
    }

    /* Takes over what a producer made. */
    explicit DLPack(Managed *managed) noexcept : managed_(managed)
    {
    }

    DLPack(DLPack &&from) noexcept : managed_(from.release())
    {
    }
    DLPack &operator=(DLPack &&from) noexcept
    {
        DLPack former(std::exchange(managed_, from.release()));
        return *this;
    }
    ~DLPack()
    {
        if (managed_ && managed_->deleter)
            managed_->deleter(managed_);
    }

    explicit operator bool() const noexcept
    {
        return managed_ != nullptr;
    }
    Managed *get() const noexcept
    {
        return managed_;
    }
    [[nodiscard]] Managed *release() noexcept
    {
        return std::exchange(managed_, nullptr);
    }

    /* A tensor over the producer's memory, which has the duty then; where that fails it stays
     * here. */
    [[nodiscard]] Tensor tensor() &&
    {
        Tensor made = Tensor::adopt(detail::import_from(managed_));
        if (made)
            managed_ = nullptr;
        return made;
    }

  private:
    Managed *managed_ = nullptr;
};

WEIR_CXX_END

#endif
