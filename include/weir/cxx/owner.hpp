/* cxx/owner.hpp - one owner of a C object: what most classes of weir.hpp hold. Part of weir.hpp. */
#ifndef WEIR_CXX_OWNER_HPP
#define WEIR_CXX_OWNER_HPP

#include <weir/cxx/error.hpp>

#include <memory>

WEIR_CXX_BEGIN

namespace detail
{

template <class T, class R, R (*destroy)(T *)> struct Destroyer {
    void operator()(T *object) const noexcept
    {
        destroy(object);
    }
};

/* R is what `destroy` returns; a destructor has no use for it. */
template <class T, class R, R (*destroy)(T *)>
using Owner = std::unique_ptr<T, Destroyer<T, R, destroy>>;

} // namespace detail

WEIR_CXX_END

#endif
