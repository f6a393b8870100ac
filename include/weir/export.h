/*
 * export.h - which names libweir offers, and the attributes its headers use.
 *
 * Everything public starts with weir_ or WEIR_; src/weir.map lists what libweir exports.
 */
#ifndef WEIR_EXPORT_H
#define WEIR_EXPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define WEIR_BEGIN_DECLS extern "C" {
#define WEIR_END_DECLS   }
#else
#define WEIR_BEGIN_DECLS
#define WEIR_END_DECLS
#endif

#define WEIR_API __attribute__((visibility("default")))

/*
 * What compilers know of a function, so that they warn of its misuse; what one does not
 * know is left out for it. No function has `nonnull`: NULL is answered, with EINVAL, or does
 * nothing. Destroying something has no WEIR_NODISCARD: at its end a program seldom has another
 * choice. What may have several owners (tensors) has no WEIR_FREED_BY: one release is not the end.
 *
 *     WEIR_NOEXCEPT            C++: it does not throw, and what it calls back must not
 *     WEIR_NODISCARD           an error, or what was made, that a program must not drop
 *     WEIR_MALLOC              what is returned is new, no other pointer leads there; NODISCARD
 *     WEIR_FREED_BY(f, n)      it is given back by f, as its n-th argument, and by nothing else
 *     WEIR_ALLOC_SIZE(n[, m])  its bytes are the n-th argument (times the m-th): what a block has
 *                              beyond that (weir_usable_size) is not the program's to compilers
 *     WEIR_ALLOC_ALIGN(n)      its alignment is the n-th argument
 *     WEIR_RETURNS_NONNULL     it is never NULL
 *     WEIR_WRITES(p, n)        at the p-th argument, at most the n-th argument's bytes are written
 *
 * A program that misuses weir on purpose defines WEIR_NO_ATTRIBUTES. In weir itself (WEIR_INSIDE)
 * nothing is declared that lets a compiler remove a check.
 */
#ifdef __cplusplus
#define WEIR_NOEXCEPT noexcept
#else
#define WEIR_NOEXCEPT
#endif

#ifdef WEIR_NO_ATTRIBUTES
#define WEIR_NODISCARD
#else
#define WEIR_NODISCARD __attribute__((warn_unused_result))
#endif

#if defined(WEIR_NO_ATTRIBUTES) || defined(WEIR_INSIDE)
#define WEIR_MALLOC WEIR_NODISCARD
#define WEIR_ALLOC_SIZE(...)
#define WEIR_ALLOC_ALIGN(argument)
#define WEIR_RETURNS_NONNULL
#else
#define WEIR_MALLOC                __attribute__((malloc)) WEIR_NODISCARD
#define WEIR_ALLOC_SIZE(...)       __attribute__((alloc_size(__VA_ARGS__)))
#define WEIR_ALLOC_ALIGN(argument) __attribute__((alloc_align(argument)))
#define WEIR_RETURNS_NONNULL       __attribute__((returns_nonnull))
#endif

/* GCC alone has these; clang says that it is GCC 4. */
#if __GNUC__ >= 11 && !defined(__clang__) && !defined(WEIR_NO_ATTRIBUTES) && !defined(WEIR_INSIDE)
#define WEIR_FREED_BY(function, argument) __attribute__((malloc(function, argument)))
#define WEIR_WRITES(pointer, size)        __attribute__((access(write_only, pointer, size)))
#else
#define WEIR_FREED_BY(function, argument)
#define WEIR_WRITES(pointer, size)
#endif

/*
 * Every struct of options or figures that a program makes begins with its size, the bytes the
 * program knows of it, so that later releases can add fields at the end: `weir_x x = WEIR_X_INIT;`.
 * 0 means the first release's struct; smaller and larger ones than the library's are taken: fields
 * that the program does not know are zero; options that the library does not know must be (else
 * EINVAL); of figures, as many are filled as both know, and `size` then says how many bytes that
 * is. EINVAL for a size below the first release's or above 4096.
 */
#ifdef __cplusplus
#define WEIR_STRUCT_INIT(type)                                                                     \
    ([]() -> type {                                                                                \
        type made_with_its_size = {};                                                              \
        made_with_its_size.size = sizeof(type);                                                    \
        return made_with_its_size;                                                                 \
    }())
#else
#define WEIR_STRUCT_INIT(type)                                                                     \
    {                                                                                              \
        .size = sizeof(type)                                                                       \
    }
#endif

/* A figure that this allocator, provider or machine does not have: never 0. */
#define WEIR_UNSUPPORTED SIZE_MAX

#endif
