/*
 * cxx/error.hpp - how weir.hpp says no. Part of weir.hpp.
 *
 * There are two ways, and a file is compiled for one of them: with exceptions where the compiler
 * has them, without them under -fno-exceptions, or as WEIR_CXX_EXCEPTIONS (1 or 0) says that is
 * defined before the first header of weir.
 *
 *  1  What fails throws: std::bad_alloc for ENOMEM, std::system_error for the rest, its code()
 *     an errno value and its what() with the text of weir_last_error(). A constructor that
 *     throws leaves nothing behind, a function that throws leaves the object as it was.
 *  0  Nothing throws, and every answer can be looked at:
 *       - a constructor makes an empty object, and a function that returns an object returns an
 *         empty one: each class is false then (`if (!buffer)`), and a tensor == nullptr;
 *       - a function that returns a pointer returns nullptr, a struct of figures comes all zero;
 *       - a function with nothing to return gives a Status that must be looked at;
 *       - an empty object answers each call with its own failure, EINVAL, and never falls
 *         back on another allocator: the first failure may be looked for at the end.
 *     What the standard library's interfaces have no word for ends the program with one line:
 *     weir::allocator and weir::memory_resource without memory, Tensor::at() outside. So does
 *     the standard library when it lacks memory for its own.
 *
 * In both, last_error() is the errno value of the calling thread's last failure here, and
 * last_error_text() its text. Status is there in both: code written for 0 also compiles for 1.
 *
 * The classes of the two are different types (those of 0 in the inline namespace
 * weir::checked), so that a program with files of both either links and is right or does not
 * link. Files that share these classes say the same WEIR_CXX_EXCEPTIONS.
 */
#ifndef WEIR_CXX_ERROR_HPP
#define WEIR_CXX_ERROR_HPP

#if __cplusplus < 201703L
#error "weir.hpp needs C++17: compile with -std=c++17 or later"
#ifdef __clang__ /* that is all to be said */
#pragma clang diagnostic ignored "-Wc++17-extensions"
#endif
#endif

#include <weir/weir.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <system_error>

#ifdef __cpp_exceptions
#define WEIR_CXX_TRY       try
#define WEIR_CXX_CATCH_ALL catch (...)
#else
#define WEIR_CXX_TRY       if (true)
#define WEIR_CXX_CATCH_ALL else
#endif

#ifndef WEIR_CXX_EXCEPTIONS
#ifdef __cpp_exceptions
#define WEIR_CXX_EXCEPTIONS 1
#else
#define WEIR_CXX_EXCEPTIONS 0
#endif
#endif

#if WEIR_CXX_EXCEPTIONS
#ifndef __cpp_exceptions
#error "WEIR_CXX_EXCEPTIONS is 1, and this compiler has no exceptions here"
#endif
#define WEIR_CXX_BEGIN                                                                             \
    namespace weir                                                                                 \
    {
#define WEIR_CXX_END }
#define WEIR_CXX_CHECKED
#else
#define WEIR_CXX_BEGIN                                                                             \
    namespace weir                                                                                 \
    {                                                                                              \
    inline namespace checked __attribute__((abi_tag("checked")))                                   \
    {
#define WEIR_CXX_END                                                                               \
    }                                                                                              \
    }
#define WEIR_CXX_CHECKED [[nodiscard]]
#endif

WEIR_CXX_BEGIN

namespace detail
{

struct Failure {
    int code = 0;
    const char *text = nullptr; /* nullptr: weir_last_error() */
};

inline Failure &last_failure() noexcept
{
    static thread_local Failure failure;
    return failure;
}

} // namespace detail

/* The errno value of this thread's last failure in weir.hpp; 0 when there was none. A call that
 * succeeds leaves it. */
inline int last_error() noexcept
{
    return detail::last_failure().code;
}

/* The reason in words, never nullptr: "" where there was no failure. Valid until the thread's next
 * failing call. */
inline const char *last_error_text() noexcept
{
    const detail::Failure &last = detail::last_failure();
    if (!last.code)
        return "";
    const char *text = last.text ? last.text : weir_last_error();
    return *text ? text : std::strerror(last.code);
}

/* last_error() is 0 again. */
inline void clear_error() noexcept
{
    detail::last_failure() = detail::Failure();
}

/* Done, which is true, or the errno value that says why not. */
class WEIR_CXX_CHECKED Status
{
  public:
    Status() noexcept = default;
    explicit Status(int code) noexcept : code_(code)
    {
    }

    explicit operator bool() const noexcept
    {
        return code_ == 0;
    }
    bool ok() const noexcept
    {
        return code_ == 0;
    }
    int code() const noexcept
    {
        return code_;
    }

  private:
    int code_ = 0;
};

namespace detail
{

/* Notes the failure and throws it, or returns it. `text` is static. */
inline Status fail(int code, const char *text = nullptr)
{
    last_failure().code = code;
    last_failure().text = text;
#if WEIR_CXX_EXCEPTIONS
    if (code == ENOMEM)
        throw std::bad_alloc();
    throw std::system_error(code, std::generic_category(), text ? text : weir_last_error());
#else
    return Status(code);
#endif
}

inline Status check(int code)
{
    return code ? fail(code) : Status();
}

template <class T> T *check(T *made)
{
    if (!made)
        (void)fail(errno);
    return made;
}

/* Functions that take nullptr for the CPU allocator are not called with it: what was to be made
 * on an allocator that could not be made is not made elsewhere. */
inline bool is_there(const weir_allocator *a)
{
    if (!a)
        (void)fail(EINVAL, "no allocator: nullptr was given");
    return a != nullptr;
}

/* For what has no way to return a failure. */
[[noreturn]] inline void end(int code, const char *text)
{
#if WEIR_CXX_EXCEPTIONS
    (void)fail(code, text);
#else
    std::fprintf(stderr, "weir: %s (error %d)\n", text, code);
#endif
    std::abort();
}

} // namespace detail

WEIR_CXX_END

#endif
